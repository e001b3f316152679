/**
 * `mtls-ws serve`: an echo server over mutual TLS.
 */
import type { AddressInfo } from 'node:net';
import {
  type AnyPeer,
  type CloseEvent,
  type Connection,
  type CredentialFiles,
  createServer,
  type PlainRequest,
  type PlainResponse,
  type Rule,
  type Server,
  type ServerOptions,
  type UpgradeRequest,
} from '../index.js';
import { escapeText } from '../text.js';
import { credentialWarnings, describeIdentity } from '../tls/index.js';
import type { Command } from './command.js';
import { credentialsFault, readSecret, watchCredentialFiles } from './credentials-files.js';
import { echo } from './echo.js';
import { type ExitCode, exitCodes, Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { startKeylog } from './keylog.js';
import { createLog, type Log } from './log.js';
import { metricsText, metricsType } from './metrics.js';
import { readRules, ruleNotes, takesNoCertificate } from './rules.js';
import { onInterrupt } from './signals.js';
import { reasonOf } from './system-error.js';
import type { Tracer } from './trace.js';
import { startTracing } from './tracing.js';

export const serve: Command = {
  name: 'serve',
  summary: 'echoes messages to clients that prove who they are',
  flags: [
    ...(['port', 'host', 'ca', 'cert', 'key', 'passphrase-file', 'crl', 'insecure-accept-expired-crl'] as const),
    ...(['allow', 'client-certificate', 'explain', 'max-age', 'close-at-expiry', 'session-resumption'] as const),
    ...(['ticket-secret-file', 'compress', 'log', 'metrics', 'keylog'] as const),
  ],
  required: ['port', 'ca', 'cert', 'key'],
  flagHelp: {
    crl: 'the revocation list of a CA of the clients, PEM or DER; may be repeated (default: none is looked at)',
    allow: 'who may come in, for example dns:a.example; may be repeated (default: all that --ca verifies)',
  },
  notes: `Prints "listening on wss://HOST:PORT" when it is ready, and a line on stderr for
each client that was refused or broke the protocol: its address, why, and what
it presented.
The files of --ca, --cert, --key and --crl are followed: new ones come into
force when they are good as a whole, and at once on SIGHUP. Open connections
go on, unless their client would not be let in any more.
GET /healthz is answered with 200 and "ok" to every client whose certificate is
good, whatever --allow says. SIGTERM and SIGINT close every connection with
1001, and cut those that have not closed within 5 seconds; a second signal ends
at once.

${ruleNotes}
  none (a client without certificate; with --client-certificate optional)
A | B is one of them, ( ) groups; path=/a A | path=/b/* B | path=* C is by path.
Of several --allow one must accept; one without path= is for all paths that no
other names. Probes without a certificate, and clients with one:
  --client-certificate optional --allow 'path=/healthz none' --allow any`,
  run,
};

async function run(settings: Settings): Promise<ExitCode> {
  const rule = readRules(settings);
  checkOptional(settings, rule);
  const files = watchCredentialFiles(settings);
  const sessionResumption = resumptionOf(settings);
  const tracer = startTracing(settings);
  const keylog = startKeylog(settings);
  const options: ServerOptions<AnyPeer> = {
    credentials: files,
    clientCertificate: settings['client-certificate'] ?? 'required',
    explainRefusals: settings.explain === true,
    closeAtExpiry: settings['close-at-expiry'] === true,
    maxConnectionAge: Math.ceil((settings['max-age'] ?? 0) * 1000),
    sessionResumption,
    perMessageDeflate: settings.compress === true,
    onRequest: (request) => answerPlain(request, () => (settings.metrics === true ? metrics() : undefined), rule),
    ...(rule && { authorize: rule }),
    ...(keylog && { insecureKeylog: keylog }),
    ...(tracer && { trace: tracer.trace }),
  };
  let server: Server<AnyPeer>;
  try {
    server = createServer(options);
  } catch (error) {
    throw credentialsFault(error, settings) ?? error;
  }
  const metrics = (): string => metricsText(server.statistics, files.current);
  const log = createLog(settings.log ?? 'text', (line) => process.stderr.write(`${line}\n`));
  server.on('connection', (connection, request) => handle(connection, request, log, tracer));
  server.on('refused', (refusal) => log.refused(refusal));
  server.on('expelled', (connection, error) => log.expelled(connection, error));
  files.on('reloaded', ({ identity }) =>
    log.reloaded(`${describeIdentity(identity)}, serial ${identity.serialNumber}`),
  );
  files.on('failed', (error) => log.reloadFailed(error));
  files.on('recovered', () => log.unchanged('the files are good again, and those that are in force'));
  process.on('SIGHUP', () => {
    if (files.reload() === 'unchanged') log.unchanged('SIGHUP came, and the files are those that are in force');
  });
  warn(files, log);

  const host = lastOf(settings.host)?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1';
  const where = (port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const interrupted = new Promise<void>((resolve) => onInterrupt(resolve));
  let address: AddressInfo;
  try {
    address = await server.listen({ port: settings.port!, host });
  } catch (error) {
    const shown = escapeText(where(settings.port!));
    throw new Fault(exitCodes.peer, `cannot listen on ${shown}: ${reasonOf(error)}`, 'give another --port or --host');
  }
  process.stdout.write(`listening on wss://${where(address.port)}\n`);
  await interrupted;
  await server.close();
  files.close();
  tracer?.finish();
  return exitCodes.done;
}

/** Milliseconds between two looks at what expires. */
const warnInterval = 3_600_000;

/** Says what keeps clients out, or soon will: at the start, after each reload, and as time goes by; each thing once. */
function warn(files: CredentialFiles, log: Log): void {
  const told = new Set<string>();
  const look = (): void => {
    const warnings = credentialWarnings(files.current, 'server');
    for (const warning of warnings) if (!told.has(warning)) log.warning(warning);
    told.clear();
    for (const warning of warnings) told.add(warning);
  };
  look();
  files.on('reloaded', look);
  setInterval(look, warnInterval).unref();
}

function handle(
  connection: Connection<AnyPeer>,
  request: UpgradeRequest<AnyPeer>,
  log: Log,
  tracer: Tracer | undefined,
): void {
  echo(connection);
  connection.on('violation', (error) => log.violation(connection, error));
  connection.on('close', (event: CloseEvent) => {
    log.connection(connection, request, event);
    tracer?.finish(connection.id);
  });
}

/** @throws Fault when clients without a certificate are to come in by one flag, and not by the other */
function checkOptional(settings: Settings, rule: Rule | undefined): void {
  const isOptional = settings['client-certificate'] === 'optional';
  if (isOptional === (rule !== undefined && takesNoCertificate(rule))) return;
  throw isOptional
    ? usageFault(
        '--client-certificate is optional, but no --allow lets a client without one in',
        "say where it comes in, for example --allow 'path=/healthz none' --allow any",
      )
    : usageFault(
        '--allow says none, but a client without a certificate does not come that far',
        'give --client-certificate optional too',
      );
}

/** A secret that processes share makes sessions that each of them resumes. */
function resumptionOf(settings: Settings): ServerOptions['sessionResumption'] {
  const file = settings['ticket-secret-file'];
  if (file === undefined) return settings['session-resumption'] === true;
  return { secret: readSecret(file) };
}

function answerPlain(
  { method, path, peer }: PlainRequest<AnyPeer>,
  metrics: () => string | undefined,
  rule: Rule | undefined,
): PlainResponse | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const page = path.split('?', 1)[0];
  if (page === '/healthz') return { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'ok' };
  if (page !== '/metrics') return undefined;
  // The counters tell who is busy: the rules hold for them as for a connection.
  const verdict = rule?.({ peer, path }) ?? true;
  if (verdict !== true) return { status: 403, body: `${verdict.reason}\n` };
  const body = metrics();
  return body === undefined ? undefined : { status: 200, headers: { 'Content-Type': metricsType }, body };
}

function lastOf<T>(list: readonly T[] | undefined): T | undefined {
  return list?.[list.length - 1];
}
