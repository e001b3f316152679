/**
 * `mtls-ws doctor`: what is right and what is wrong with certificates in files, and with a live server.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequest } from '../handshake/index.js';
import { connect, HandshakeError } from '../index.js';
import { canonicalHost } from '../text.js';
import {
  doctorCommand,
  examineFiles,
  examineServer,
  type FilesVerdict,
  type Finding,
  type GivenFile,
  hasError,
  type Opening,
  type ServerToExamine,
  shellWord,
} from '../tls/doctor/index.js';
import type { Command } from './command.js';
import { type Credentials, readGivenCredentials } from './credentials-files.js';
import { type DoctorReport, doctorPage, exitCodeOf, jsonReport } from './doctor-page.js';
import { type ExitCode, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';
import { columns, paintFor } from './terminal.js';

export const doctor: Command = {
  name: 'doctor',
  summary: 'says what is wrong with certificates or a server, and what mends it',
  operand: '[URL]',
  flags: ['ca', 'cert', 'key', 'passphrase-file', 'crl', 'host', 'servername', 'protocol', 'timeout', 'strict', 'json'],
  required: [],
  withoutEffect: ['trace'],
  flagHelp: {
    ca: 'the CA: of the certificate, or with a URL of the server',
    cert: 'the certificate to look at; with a URL it is the one of a client',
    crl: 'a revocation list of a CA, PEM or DER; may be repeated',
    host: 'without a URL: a name the certificate must be for; may be repeated',
    timeout: 'for each step with a server (default 5)',
    strict: 'warnings count as errors',
    json: 'prints what was found as JSON',
  },
  notes: `Without a URL it looks at the files: those of a server with --host, otherwise
those of the end that the certificate says it is for. With a URL it looks at the
files as those of a client, and at the server: nothing but a TLS handshake is
sent to it before it is verified. A certificate is about to expire when less
than 30 days, and less than a third of its life, are left.
Exit codes: 0 all is well (warnings do not count without --strict); 1 the server
or the network is at fault; 2 the files are, or the usage.`,
  run,
};

const defaultTimeout = 5;

async function run(settings: Settings, url: string = ''): Promise<ExitCode> {
  const files = readFiles(settings);
  if (url === '' && Object.values(files).every((file) => file === undefined)) {
    throw usageFault('there is nothing to look at', 'give a URL, or files with --ca, --cert and --key');
  }
  const isLive = url !== '';
  const verdict = await examineFiles({
    ...files,
    passphrase: passphraseOf(settings),
    role: isLive ? 'client' : undefined,
    hosts: isLive ? [] : (settings.host ?? []),
    isOneAuthority: !isLive,
    again: againFor(url, settings),
  });
  const findings = [...verdict.findings];
  if (isLive) findings.push(...(await examineLive(url, settings, verdict)));
  const report = { url, files, findings, isStrict: settings.strict === true };
  const { stdout } = process;
  if (settings.json === true) stdout.write(jsonReport(report));
  else
    stdout.write(
      doctorPage(report, paintFor(stdout, process.env), Math.max(40, Math.min(stdout.columns || columns, columns))),
    );
  return exitCodeOf(report);
}

/** Returns what returns the command of this run, but for some flags. */
function againFor(url: string, settings: Settings): ServerToExamine['again'] {
  const { config: _, ...flags } = settings;
  return (changes) => doctorCommand(url, { ...flags, ...changes });
}

/** A file that cannot be read is a finding like others: the rest is looked at all the same. */
function readFiles(settings: Settings): DoctorReport['files'] {
  const files: { -readonly [Name in keyof DoctorReport['files']]: DoctorReport['files'][Name] } = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const path = settings[name];
    if (path !== undefined) files[name] = readFile(path);
  }
  if (settings.crl !== undefined) files.crl = settings.crl.map(readFile);
  return files;
}

function readFile(path: string): GivenFile {
  try {
    const content = readFileSync(path);
    const isOpenToOthers = process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0;
    return { path, content, isOpenToOthers };
  } catch (error) {
    return { path, content: { unreadable: reasonOf(error) } };
  }
}

/** @throws Fault when the file of the passphrase cannot be read */
function passphraseOf(settings: Settings): string | undefined {
  const file = settings['passphrase-file'];
  return file === undefined ? undefined : readGivenCredentials({ 'passphrase-file': file }).passphrase;
}

/** Examines the server at a URL as a client with these files. */
export async function examineLive(url: string, settings: Settings, files: FilesVerdict): Promise<Finding[]> {
  const request = createRequest({ url, protocols: settings.protocol });
  const { hostname, host: authority, port, pathname, search } = new URL(url);
  const canonical = canonicalHost(hostname);
  const host = canonical?.host ?? hostname;
  const name = settings.servername ?? host;
  const timeout = Math.max(1, Math.round((settings.timeout ?? defaultTimeout) * 1000));
  const isFit = (subject: Finding['subject']): boolean =>
    !hasError(files.findings.filter((found) => found.subject === subject));
  const anchors = settings.ca !== undefined && isFit('ca') && isFit('crl') ? files.anchors : undefined;
  const isWhole = settings.ca !== undefined && settings.cert !== undefined && settings.key !== undefined;
  const credentials =
    isWhole && (['ca', 'cert', 'key', 'crl'] as const).every(isFit)
      ? (readGivenCredentials(settings) as Credentials)
      : undefined;
  const plain = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`;
  const server: ServerToExamine = {
    host,
    port: port === '' ? 443 : Number(port),
    name,
    serverName: canonicalHost(name)?.kind === 'name' ? canonicalHost(name)!.host : '',
    anchors,
    ca: settings.ca,
    revocation: files.revocation,
    own: files.chain,
    isImpostor: files.findings.some(({ id, subject }) => id === 'ca-same-name' && subject === 'cert'),
    minVersion: settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
    timeout,
    requests: { upgrade: request.bytes, plain: Buffer.from(plain) },
    credentials: credentials && {
      cert: credentials.cert.toString('utf8'),
      key: credentials.key.toString('utf8'),
      ...(credentials.passphrase !== undefined && { passphrase: credentials.passphrase }),
    },
    open: credentials && (() => open(url, settings, credentials, timeout)),
    again: againFor(url, settings),
    plainCommand: `curl -i ${curlFlags(settings)}${shellWord(url.replace(/^wss:/i, 'https:'))}`,
  };
  return examineServer(server);
}

function curlFlags({ ca, cert, key }: Settings): string {
  const flags = { '--cacert': ca, '--cert': cert, '--key': key };
  return Object.entries(flags)
    .map(([flag, file]) => (file === undefined ? '' : `${flag} ${shellWord(file)} `))
    .join('');
}

/** Opens a WebSocket as `mtls-ws connect` does, and closes it again. */
async function open(url: string, settings: Settings, credentials: Credentials, timeout: number): Promise<Opening> {
  const offered = settings.protocol ?? [];
  const received: Buffer[] = [];
  let isSent = false;
  const seen = (error: unknown, opened: Partial<Opening> = {}): Opening => ({
    error,
    subprotocol: '',
    closing: undefined,
    ...opened,
    offered,
    received: Buffer.concat(received),
    isSilent: error instanceof HandshakeError && error.code === 'deadline' && isSent && received.length === 0,
  });
  try {
    const connection = await connect(url, {
      ...credentials,
      ...(settings.crl !== undefined && { crl: settings.crl.map((path) => readFileSync(path)) }),
      protocols: offered,
      handshakeTimeout: timeout,
      closeDeadline: Math.min(timeout, 1_000),
      ...(settings.servername !== undefined && { servername: settings.servername }),
      trace: (_id, direction, bytes) => {
        if (direction === 'out') isSent = true;
        else received.push(Buffer.from(bytes));
      },
    });
    await connection.close(1000).catch(() => {});
    const { code, reason } = await connection.closed;
    return seen(undefined, { subprotocol: connection.protocol, closing: { code, reason } });
  } catch (error) {
    return seen(error);
  }
}
