/**
 * `mtls-ws pki issue NAME` and `mtls-ws pki issue-ca NAME`: certificates of a CA in files, each with a new key.
 */
import { basename, dirname, resolve } from 'node:path';
import { escapeText } from '../text.js';
import { type Certificate, parseCertificate, parseSpiffeId } from '../tls/index.js';
import { createAuthority, type IssuedCertificate, type IssueOptions, type ValidityOptions } from '../tls/pki/index.js';
import { authorityFlagHelp, issuingFault, readAuthority } from './authority-files.js';
import type { Command } from './command.js';
import { dateText, spanText } from './dates.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { writeNewFiles } from './new-files.js';
import { programName, quoted } from './program-name.js';
import { columns, paintFor, wrap } from './terminal.js';

export const pkiIssue: Command = {
  name: 'pki issue',
  summary: 'issues a certificate for a server or a client, with a CA that is in files',
  operand: 'NAME',
  flags: [
    ...(['kind', 'ca', 'ca-key', 'passphrase-file', 'host', 'uri', 'email', 'common-name'] as const),
    ...(['days', 'not-after', 'key-type', 'force'] as const),
  ],
  required: ['kind', 'ca', 'ca-key'],
  withoutEffect: ['min-tls', 'trace'],
  flagHelp: {
    ...authorityFlagHelp,
    host: 'a host name or address in it; a server needs one; *.example covers one level; may be repeated',
    days: 'how many days it is valid (default 825), but not longer than the CA',
  },
  notes: `Writes NAME.pem, the certificate and its intermediates, and NAME.key, its key,
which can be read by you alone (mode 0600). NAME may be a path: certs/device-7.
The CA may be of pki init, pki issue-ca, openssl, or any other make.`,
  run: issue,
};

export const pkiIssueCa: Command = {
  name: 'pki issue-ca',
  summary: 'issues a CA: an intermediate below a CA that is in files, or a root of its own',
  operand: 'NAME',
  flags: [
    ...(['ca', 'ca-key', 'passphrase-file', 'self-signed', 'path-length', 'common-name'] as const),
    ...(['days', 'not-after', 'key-type', 'force'] as const),
  ],
  required: [],
  withoutEffect: ['min-tls', 'trace'],
  flagHelp: {
    ...authorityFlagHelp,
    ca: 'PEM: the CA that issues it; the CAs above it may stand behind it',
    'ca-key': 'PEM: private key of that CA',
    'self-signed': 'makes a root instead, which no other CA has issued',
    days: 'how many days it is valid (default 3650), but not longer than the CA that issues it',
  },
  notes: `Writes NAME.pem, the certificate and the CAs above it without the root, and
NAME.key, its key, which can be read by you alone (mode 0600). The CA of
pki init may have no CA below it: make a root with --self-signed.`,
  run: issueCa,
};

async function issue(settings: Settings, name: string): Promise<ExitCode> {
  const kind = settings.kind!;
  if ((kind === 'server' || kind === 'both') && settings.host === undefined) {
    throw usageFault(
      'a server needs a name that clients can check, and they look at no other',
      'give each with --host NAME',
    );
  }
  for (const uri of settings.uri ?? []) {
    // What only looks like a SPIFFE ID is let in by no rule for them, and nobody says why.
    if (!/^spiffe:/i.test(uri) || parseSpiffeId(uri) !== undefined) continue;
    throw usageFault(
      `--uri: "${escapeText(uri)}" is no SPIFFE ID (SPIFFE-ID §2)`,
      'write spiffe://trust-domain/path, the trust domain in lower case, and nothing but letters, digits, . _ - in its parts',
    );
  }
  const target = targetOf(settings, name);
  const authority = readAuthority(settings);
  const issued = issuing(() =>
    authority.issue({
      ...subjectAndKey(settings, name),
      kind,
      hosts: settings.host ?? [],
      uris: settings.uri ?? [],
      emails: settings.email ?? [],
      ...validityOf(settings, authority),
    }),
  );
  writePair(target, issued, settings);
  const certificate = parseCertificate(issued.der);
  const what = { server: 'for a server', client: 'for a client', both: 'for a server or a client', any: 'for any use' };
  const root = authority.chain.length === 1 && isSelfIssued(authority) ? settings.ca! : 'ROOT.pem';
  const credentials = `--ca ${quoted(root)} \\\n    --cert ${quoted(`${name}.pem`)} --key ${quoted(`${name}.key`)}`;
  const uses = [
    ...(kind === 'server' || kind === 'both' ? [`serve --port 8443 ${credentials}`] : []),
    ...(kind === 'client' || kind === 'both' ? [`connect wss://localhost:8443 ${credentials}`] : []),
    ...(kind === 'any' ? [`pki show ${quoted(`${name}.pem`)}`] : []),
  ];
  report(name, issued, certificate, what[kind], uses);
  if (kind !== 'any' && root === 'ROOT.pem')
    process.stdout.write('\nROOT.pem is the root CA, which the other end has too.\n');
  return exitCodes.done;
}

async function issueCa(settings: Settings, name: string): Promise<ExitCode> {
  const isRoot = settings['self-signed'] === true;
  const hasIssuer = settings.ca !== undefined && settings['ca-key'] !== undefined;
  if (isRoot ? settings['ca-key'] !== undefined : !hasIssuer) {
    throw usageFault(
      isRoot ? '--self-signed and --ca-key exclude each other' : 'it is not said which CA issues it',
      'give --ca FILE --ca-key FILE for an intermediate, or --self-signed for a root',
    );
  }
  const target = targetOf(settings, name);
  const issuer = isRoot ? undefined : readAuthority(settings);
  const pathLength = settings['path-length'] ?? (isRoot ? undefined : 0);
  const issued = issuing(() => {
    const options = {
      ...subjectAndKey(settings, name),
      ...validityOf(settings, issuer),
      ...(pathLength === undefined ? {} : { pathLength }),
    };
    return issuer === undefined ? createAuthority(options) : issuer.issueAuthority(options);
  });
  writePair(target, issued, settings);
  const below =
    pathLength === undefined
      ? 'any number of CAs'
      : pathLength === 0
        ? 'no CA'
        : `up to ${pathLength} CA${pathLength === 1 ? '' : 's'} in a row`;
  const caFlags = `\\\n    --ca ${quoted(`${name}.pem`)} --ca-key ${quoted(`${name}.key`)}`;
  const uses = [
    `pki issue client --kind client ${caFlags}`,
    ...(pathLength === 0 ? [] : [`pki issue-ca intermediate ${caFlags}`]),
  ];
  report(name, issued, parseCertificate(issued.der), `a CA that may have ${below} below it`, uses);
  return exitCodes.done;
}

function subjectAndKey(settings: Settings, name: string): Pick<IssueOptions, 'commonName' | 'keyType'> {
  const keyType = settings['key-type'];
  return { commonName: settings['common-name'] ?? basename(name), ...(keyType === undefined ? {} : { keyType }) };
}

/** @throws Fault when it would be valid for longer than its issuer */
function validityOf(settings: Settings, issuer: IssuedCertificate | undefined): ValidityOptions {
  const { days } = settings;
  const notAfter = settings['not-after'];
  if (days !== undefined && notAfter !== undefined) {
    throw usageFault('--days and --not-after exclude each other', 'give one of them');
  }
  if (notAfter === undefined) return days === undefined ? {} : { days };
  const end = issuer === undefined ? undefined : parseCertificate(issuer.der).validTo;
  if (end !== undefined && notAfter > end.getTime()) {
    throw usageFault(`--not-after is later than the end of the CA, ${dateText(end)}`, 'give that or an earlier one');
  }
  if (notAfter < Date.now()) throw usageFault('--not-after has passed', 'give a date to come');
  return { notAfter: new Date(notAfter) };
}

interface Target {
  readonly directory: string;
  readonly base: string;
}

/** @throws Fault when NAME is no name of a file, or one that would replace the CA */
function targetOf(settings: Settings, name: string): Target {
  const base = basename(name);
  if (name.endsWith('/') || base === '' || base === '.' || base === '..') {
    throw usageFault(`NAME is "${escapeText(name)}"`, 'give a name like device-7 or certs/device-7');
  }
  if (/\.(?:pem|key)$/i.test(base)) {
    throw usageFault(`NAME is "${escapeText(name)}"`, 'give it without .pem and .key, which are put behind it');
  }
  for (const flag of ['ca', 'ca-key'] as const) {
    const file = settings[flag];
    if (file === undefined || ![`${name}.pem`, `${name}.key`].some((path) => resolve(path) === resolve(file))) continue;
    throw usageFault(`${escapeText(file)} is the CA itself; nothing was written`, 'give another name');
  }
  return { directory: dirname(name), base };
}

function issuing<T>(issueIt: () => T): T {
  try {
    return issueIt();
  } catch (error) {
    throw issuingFault(error);
  }
}

function writePair({ directory, base }: Target, { cert, key }: IssuedCertificate, settings: Settings): void {
  const files = [
    { name: `${base}.pem`, content: cert, mode: 0o644 },
    { name: `${base}.key`, content: key, mode: 0o600 },
  ];
  writeNewFiles(directory, files, settings.force === true, 'give another name');
}

function isSelfIssued({ der }: IssuedCertificate): boolean {
  const { subject, issuer } = parseCertificate(der);
  return subject.text === issuer.text;
}

function report(
  name: string,
  { chain }: IssuedCertificate,
  certificate: Certificate,
  what: string,
  uses: readonly string[],
): void {
  const paint = paintFor(process.stdout, process.env);
  const { subject, issuer, san, validTo } = certificate;
  const names = [...san.dns, ...san.ip, ...san.uri, ...san.email].map((text) => escapeText(text)).join(', ');
  const files = [`${escapeText(name)}.pem`, `${escapeText(name)}.key`];
  const width = files[0]!.length;
  const behind = chain.length === 1 ? '' : `, then ${chain.length - 1} intermediate${chain.length === 2 ? '' : 's'}`;
  const rows: readonly (readonly [string, string])[] = [
    ['what', what],
    ['subject', subject.text],
    ['issuer', subject.text === issuer.text ? 'itself' : issuer.text],
    ...(names === '' ? [] : [['names', names] as const]),
    ['valid to', `${dateText(validTo)}, in ${spanText(validTo.getTime() - Date.now())}`],
  ];
  const table = rows.flatMap(([label, text]) =>
    wrap(text, columns - 12).map((line, index) => `  ${(index === 0 ? label : '').padEnd(8)}  ${line}`),
  );
  process.stdout.write(`wrote
  ${files[0]!.padEnd(width)}  the certificate${behind}
  ${files[1]!.padEnd(width)}  its private key, for you alone

${table.join('\n')}

${paint.bold('what next')}

${uses.map((use) => `  ${programName()} ${use}\n`).join('\n')}`);
}
