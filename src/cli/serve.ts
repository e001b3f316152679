/**
 * `mtls-ws serve`: an echo server over mutual TLS.
 */
import type { AddressInfo } from 'node:net';
import {
  type Connection,
  createServer,
  type PlainRequest,
  type PlainResponse,
  type Refusal,
  type Server,
} from '../index.js';
import { escapeText } from '../text.js';
import { describeIdentity } from '../tls/index.js';
import type { Command } from './command.js';
import { credentialsFault, readCredentials } from './credentials-files.js';
import { echo } from './echo.js';
import { type ExitCode, exitCodes, Fault } from './fault.js';
import type { Settings } from './flags.js';
import { onInterrupt } from './signals.js';
import { reasonOf } from './system-error.js';
import type { Tracer } from './trace.js';
import { startTracing } from './tracing.js';

export const serve: Command = {
  name: 'serve',
  summary: 'echoes messages to clients that prove who they are',
  flags: ['port', 'host', 'ca', 'cert', 'key', 'passphrase-file', 'compress'],
  required: ['port', 'ca', 'cert', 'key'],
  notes: `Prints "listening on wss://HOST:PORT" when it is ready, and a line on stderr for
each client that was refused or broke the protocol: its address, why, and what
it presented.
GET /healthz is answered with 200 and "ok". SIGTERM and SIGINT close every
connection with 1001; a second signal ends at once.`,
  run,
};

async function run(settings: Settings): Promise<ExitCode> {
  const credentials = readCredentials(settings);
  const tracer = startTracing(settings);
  let server: Server;
  try {
    server = createServer({
      ...credentials,
      onRequest: answerPlain,
      perMessageDeflate: settings.compress === true,
      ...(tracer && { trace: tracer.trace }),
    });
  } catch (error) {
    throw credentialsFault(error, settings) ?? error;
  }
  server.on('connection', (connection) => handle(connection, tracer));
  server.on('refused', (refusal) => process.stderr.write(`${refusalLine(refusal)}\n`));

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
  tracer?.finish();
  return exitCodes.done;
}

function handle(connection: Connection, tracer: Tracer | undefined): void {
  echo(connection);
  const where = addressOf(connection);
  connection.on('violation', ({ message }) => {
    process.stderr.write(`violation ${where}: ${message}; presented: ${describeIdentity(connection.peer)}\n`);
  });
  if (tracer !== undefined) connection.on('close', () => tracer.finish(connection.id));
}

function answerPlain({ method, path }: PlainRequest): PlainResponse | undefined {
  const isHealthCheck = path.split('?', 1)[0] === '/healthz' && (method === 'GET' || method === 'HEAD');
  return isHealthCheck ? { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'ok' } : undefined;
}

/** `refused 127.0.0.1:50000: <reason in words>; presented: <what>`: the texts of a peer come escaped and bounded. */
function refusalLine(refusal: Refusal): string {
  const { error, presented } = refusal;
  const line = `refused ${addressOf(refusal)}: ${error.message}`;
  if (presented !== undefined) return line.includes(presented) ? line : `${line}; presented: ${presented}`;
  return error.code === 'certificate-missing' ? `${line}; presented: no certificate` : line;
}

function addressOf({ remoteAddress, remotePort }: { remoteAddress: string; remotePort: number }): string {
  return `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

function lastOf<T>(list: readonly T[] | undefined): T | undefined {
  return list?.[list.length - 1];
}
