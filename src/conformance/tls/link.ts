/** The connections of the TLS cases to a server under test: what is tried, and what comes of it. */
import { Buffer } from 'node:buffer';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { createKey, HeadParser } from '../../handshake/index.js';
import { escapeText } from '../../text.js';
import type { Severity } from '../case.js';
import { EventLog } from '../events.js';
import { requestContext } from '../opening.js';
import type { Outcome, TlsContext, TlsServerContext } from '../tls-context.js';
import { readServerAnswer, type ServerAnswer } from './client-hello.js';

/** What a case does, written down as it goes; and its end. */
export class Diary {
  readonly #log = new EventLog();

  constructor() {
    this.#log.now = performance.now();
  }

  note(text: string): void {
    this.#log.now = performance.now();
    this.#log.add('note', text);
  }

  passed(): Outcome {
    return { verdict: 'passed', reason: '', events: this.#log.all };
  }

  failed(reason: string): Outcome {
    return { verdict: 'failed', reason, events: this.#log.all };
  }

  weak(reason: string): Outcome {
    return { verdict: 'weak', reason, events: this.#log.all };
  }

  noted(reason: string): Outcome {
    return { verdict: 'noted', reason, events: this.#log.all };
  }

  skipped(reason: string): Outcome {
    return { verdict: 'skipped', reason, events: this.#log.all };
  }
}

/** Reports that the peer cannot even be connected to. */
export class Unreachable extends Error {}

/** Resolves after `ms`; rejects when the case is over. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/** What an error of TLS says, without the file names of OpenSSL. */
export function errorText(error: Error | undefined): string {
  if (error === undefined) return 'the end of the TCP connection';
  const { reason, code } = error as { reason?: string; code?: string };
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the end of the TCP connection';
  return escapeText(reason ?? code ?? error.message, 120);
}

/** A TCP connection to the server under test, destroyed with the case. */
export function openTcp({ host, port, signal }: TlsServerContext): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const tcp = net.connect({ host, port, noDelay: true });
    const fail = (error: Error): void =>
      reject(new Unreachable(`cannot connect to ${host}:${port}: ${errorText(error)}`));
    tcp.once('error', fail);
    tcp.once('connect', () => {
      tcp.off('error', fail);
      tcp.on('error', () => {});
      resolve(tcp);
    });
    destroyWith(tcp, signal);
  });
}

/** A listener of the run's signal for each socket would be too many on it: each goes with its socket. */
export function destroyWith(socket: net.Socket, signal: AbortSignal): void {
  const destroy = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', destroy);
  socket.once('close', () => signal.removeEventListener('abort', destroy));
  if (signal.aborted) destroy();
}

export interface SecureOptions extends tls.ConnectionOptions {
  /** Something between TLS and TCP. */
  readonly between?: (tcp: net.Socket) => tls.ConnectionOptions['socket'];
  /** `null`: none. Default: the name of the run, unless it is an address. */
  readonly sni?: string | null;
}

export interface Secured {
  readonly kind: 'secured';
  readonly socket: tls.TLSSocket;
  readonly tcp: net.Socket;
  /** What went wrong since; a refusal of a client's certificate comes after the handshake in TLS 1.3. */
  error(): Error | undefined;
}

export type Refused = { readonly kind: 'refused'; readonly how: string };
export type Silent = { readonly kind: 'silent'; readonly how: string };

/** What the runner shows and speaks where a case wants nothing else. What the server shows is for other cases. */
function goodOptions(
  { ca, cert, key, serverName }: TlsServerContext,
  sni: string | null | undefined,
): tls.ConnectionOptions {
  const name = sni === undefined ? (net.isIP(serverName) === 0 ? serverName : null) : sni;
  return {
    ca,
    ...(cert === '' ? {} : { cert, key }),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
    ...(name === null ? {} : { servername: name }),
  };
}

/** Milliseconds that a server may take for an answer; after the second such wait there is still time to conclude. */
const patience = ({ deadline }: TlsContext): number => deadline * 0.35;

/** @throws Unreachable, and what `node:tls` says of options that it does not take */
export async function secure(
  context: TlsServerContext,
  options: SecureOptions = {},
): Promise<Secured | Refused | Silent> {
  const { between, sni, ...changes } = options;
  const tcp = await openTcp(context);
  return new Promise((resolve, reject) => {
    let socket: tls.TLSSocket;
    try {
      socket = tls.connect({ ...goodOptions(context, sni), ...changes, socket: between?.(tcp) ?? tcp });
    } catch (error) {
      tcp.destroy();
      return reject(error);
    }
    destroyWith(socket, context.signal);
    let fault: Error | undefined;
    const timer = setTimeout(() => {
      socket.destroy();
      tcp.destroy();
      resolve({ kind: 'silent', how: 'no end of the TLS handshake' });
    }, patience(context));
    socket.on('error', (error) => {
      fault ??= error;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      tcp.destroy();
      resolve({ kind: 'refused', how: `in the TLS handshake: ${errorText(fault)}` });
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve({ kind: 'secured', socket, tcp, error: () => fault });
    });
  });
}

export type Opened = { readonly kind: 'answered'; readonly status: number; readonly rest: Buffer } | Refused | Silent;

/** The ordinary request of the run. */
export function requestOf(context: TlsServerContext, host?: string): string {
  const url = new URL(context.url);
  const place = { path: `${url.pathname}${url.search}`, host: host ?? url.host };
  return requestContext(place, createKey(), undefined).good();
}

/** Sends a request and reads the head of the answer. The socket stays open. */
export function ask(context: TlsServerContext, { socket, error }: Secured, request: string): Promise<Opened> {
  return new Promise((resolve) => {
    const parser = new HeadParser('response');
    const finish = (opened: Opened): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      resolve(opened);
    };
    const onData = (bytes: Buffer): void => {
      const used = parser.push(bytes);
      if (parser.error !== undefined)
        finish({ kind: 'refused', how: `with what is no HTTP: ${errorText(parser.error)}` });
      else if (parser.head !== undefined) {
        finish({ kind: 'answered', status: parser.head.status, rest: bytes.subarray(Number(used)) });
      }
    };
    const onEnd = (): void => {
      // An alert that comes with the end is told after it.
      setImmediate(() => finish({ kind: 'refused', how: `after the TLS handshake: ${errorText(error())}` }));
    };
    const timer = setTimeout(() => finish({ kind: 'silent', how: 'no answer to the request' }), patience(context));
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    socket.write(request);
    if (socket.destroyed || socket.readableEnded) onEnd();
  });
}

/** A whole attempt: TLS handshake, request, answer; nothing of it is left open. */
export async function attempt(
  context: TlsServerContext,
  options: SecureOptions = {},
  request: string = requestOf(context),
): Promise<Opened> {
  const secured = await secure(context, options);
  if (secured.kind !== 'secured') return secured;
  const opened = await ask(context, secured, request);
  secured.socket.destroy();
  secured.tcp.destroy();
  return opened;
}

export function tell(opened: Opened): string {
  switch (opened.kind) {
    case 'answered':
      return `status ${opened.status}`;
    case 'refused':
      return `refused ${opened.how}`;
    default:
      return opened.how;
  }
}

/** A whole good connection with an echo; returns what is wrong with it. */
export async function goodConnection(
  context: TlsServerContext,
  diary: Diary,
  options: SecureOptions = {},
): Promise<string | undefined> {
  let secured: Secured | Refused | Silent;
  try {
    secured = await secure(context, options);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    secured = { kind: 'refused', how: error.message };
  }
  if (secured.kind !== 'secured') return secured.how;
  const { socket } = secured;
  const tlsVersion = socket.getProtocol();
  const { verdict, reason } = await context.exchange(socket);
  const isGood = verdict === 'passed' || verdict === 'weak' || verdict === 'noted';
  diary.note(`a good connection, ${tlsVersion}: ${isGood ? 'works' : reason}`);
  return isGood ? undefined : reason;
}

type Version = 'TLSv1.2' | 'TLSv1.3';

/** Options to speak this version alone; `undefined`: any. */
export const spoken = (version: string | undefined): { minVersion?: Version; maxVersion?: Version } =>
  version === undefined ? {} : { minVersion: version as Version, maxVersion: version as Version };

/** Concludes a case whose own part went well: a good connection must still be possible, in the same version if one is given. */
export async function conclude(
  context: TlsServerContext,
  diary: Diary,
  outcome: Outcome,
  version?: string,
): Promise<Outcome> {
  const fault = await goodConnection(context, diary, spoken(version));
  if (fault === undefined) return outcome;
  if (version !== undefined && (await goodConnection(context, diary)) === undefined) {
    return diary.noted(`the server does not speak ${version}`);
  }
  return diary.failed(`a good connection afterwards does not work: ${fault}`);
}

/** Runs one case of a kind against a server; `args` are what stands behind its name. */
export type ServerProcedure = (
  context: TlsServerContext,
  diary: Diary,
  args: readonly string[],
  severity: Severity,
) => Promise<Outcome>;

/** How a TCP connection ended after these bytes, and what came first. */
export interface RawAnswer {
  readonly answer: ServerAnswer | undefined;
  readonly received: Buffer;
  /** Whether the server ended the connection. */
  readonly ended: boolean;
}

/** Sends bytes where a ClientHello is awaited, and reads what comes of it: until the first message of TLS, or until the end. */
export async function sendRaw(
  context: TlsServerContext,
  chunks: readonly Uint8Array[],
  { untilEnd = false }: { untilEnd?: boolean } = {},
): Promise<RawAnswer> {
  const tcp = await openTcp(context);
  const received: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const finish = (ended: boolean): void => {
      clearTimeout(timer);
      tcp.destroy();
      const bytes = Buffer.concat(received);
      resolve({ answer: readServerAnswer(bytes), received: bytes, ended });
    };
    const timer = setTimeout(() => finish(false), patience(context));
    tcp.on('data', (bytes: Buffer) => {
      // Nobody has that much to say before the handshake is done.
      if ((length += bytes.length) > 256 * 1024) return finish(false);
      received.push(bytes);
      if (!untilEnd && readServerAnswer(Buffer.concat(received)) !== undefined) finish(false);
    });
    tcp.on('end', () => finish(true)).on('close', () => finish(true));
    void (async () => {
      for (const chunk of chunks) {
        await new Promise<void>((sent) => tcp.write(chunk, () => setImmediate(sent)));
        if (tcp.destroyed) return;
      }
    })();
  });
}
