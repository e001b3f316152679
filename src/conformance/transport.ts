/**
 * The sockets of the runner: TLS, and TCP alone where that is asked for. It makes bad peers and tests good ones, so it goes
 * around the package's own ends. Pumps exchanges; judges nothing.
 */
import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Exchange } from './exchange.js';
import type { HowEnded } from './expectation.js';
import type { Outcome } from './tls-context.js';

/** What the runner proves itself with, and what it trusts. */
export interface RunnerCredentials {
  /** PEM: what the peer must be signed by. */
  readonly ca: string | Buffer;
  /** PEM; `undefined`: the runner presents nothing. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly passphrase?: string | undefined;
  /** Default `TLSv1.3`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** A connection, and the TCP socket below it (the same one without TLS). */
export interface Link {
  readonly socket: net.Socket;
  readonly tcp: net.Socket;
}

/** A server under test. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** The name its certificate must be for. */
  readonly serverName: string;
  /** `undefined`: TCP alone. */
  readonly credentials: RunnerCredentials | undefined;
}

function tlsOptions(credentials: RunnerCredentials): tls.SecureContextOptions & { ALPNProtocols: string[] } {
  const { ca, cert, key, passphrase, minVersion = 'TLSv1.3' } = credentials;
  return { ca, cert, key, passphrase, minVersion, maxVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] };
}

/** Reading a certificate and its key costs as much as a TLS handshake: once for each run, and not for each case. */
const contexts = new WeakMap<RunnerCredentials, tls.SecureContext>();

function contextOf(credentials: RunnerCredentials): tls.SecureContext {
  let context = contexts.get(credentials);
  if (context === undefined) {
    context = tls.createSecureContext(tlsOptions(credentials));
    contexts.set(credentials, context);
  }
  return context;
}

/** Connects. Rejects with what Node says when that fails, or with the reason of the signal. */
export function openLink(address: ServerAddress, signal: AbortSignal): Promise<Link> {
  const { host, port, credentials } = address;
  return new Promise((resolve, reject) => {
    const tcp = net.connect({ host, port, noDelay: true });
    let socket: net.Socket = tcp;
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      tcp.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const abort = (): void => fail(signal.reason);
    const done = (): void => {
      signal.removeEventListener('abort', abort);
      for (const each of [socket, tcp]) each.removeListener('error', fail).removeListener('close', closed);
      // Whatever happens from here on shows as an end.
      for (const each of [socket, tcp]) each.on('error', () => {});
      resolve({ socket, tcp });
    };
    const closed = (): void => fail(new Error('the connection was closed during the TLS handshake'));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    tcp.on('error', fail).on('close', closed);
    tcp.once('connect', () => {
      if (credentials === undefined) return done();
      socket = tls.connect({
        secureContext: contextOf(credentials),
        ALPNProtocols: tlsOptions(credentials).ALPNProtocols,
        socket: tcp,
        host: address.serverName,
        ...(net.isIP(address.serverName) === 0 ? { servername: address.serverName } : {}),
      });
      socket.on('error', fail).on('close', closed);
      socket.once('secureConnect', done);
    });
  });
}

/** Where clients under test come to. */
export interface Listening {
  readonly port: number;
  /** Stops listening, and ends every connection. */
  close(): Promise<void>;
}

/** What comes to a listener. */
export interface ListenHandlers {
  /** A connection whose TLS handshake is done. */
  readonly link: (link: Link) => void;
  readonly connection?: ((tcp: net.Socket) => void) | undefined;
  readonly failed?: ((error: Error, socket: tls.TLSSocket) => void) | undefined;
}

/**
 * Listens for clients, who must present a certificate of `ca`; without `credentials`, for TCP alone.
 *
 * @param changes of the options of `node:tls`, for listeners that are not as they should be
 */
export async function listenForClients(
  where: { readonly host: string; readonly port: number },
  credentials: RunnerCredentials | undefined,
  handlers: ListenHandlers,
  changes: tls.TlsOptions = {},
): Promise<Listening> {
  const sockets = new Map<string, net.Socket>();
  const nameOf = ({ remoteAddress, remotePort }: net.Socket): string => `${remoteAddress} ${remotePort}`;
  const accepted = (tcp: net.Socket): void => {
    const name = nameOf(tcp);
    sockets.set(name, tcp);
    tcp.on('error', () => {});
    tcp.on('close', () => sockets.delete(name));
    handlers.connection?.(tcp);
  };
  let server: net.Server;
  if (credentials === undefined) {
    server = net.createServer({ noDelay: true });
    server.on('connection', (tcp: net.Socket) => {
      accepted(tcp);
      handlers.link({ socket: tcp, tcp });
    });
  } else {
    const options = { ...tlsOptions(credentials), noDelay: true, requestCert: true, rejectUnauthorized: true };
    const secure = tls.createServer({ ...options, ...changes });
    secure.on('connection', accepted);
    secure.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      const tcp = sockets.get(nameOf(socket));
      if (tcp === undefined) socket.destroy();
      else handlers.link({ socket, tcp });
    });
    secure.on('tlsClientError', (error, socket) => handlers.failed?.(error, socket));
    server = secure;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.host, resolve);
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const tcp of sockets.values()) tcp.destroy();
      return closed;
    },
  };
}

/** Runs an exchange over a connection, to its end; the connection is gone afterwards. */
export function pump(
  link: Link,
  exchange: Exchange,
  signal: AbortSignal,
  first: readonly Buffer[] = [],
): Promise<Outcome> {
  const { socket, tcp } = link;
  return new Promise((resolve) => {
    let isWriting = false;
    let timer: NodeJS.Timeout | undefined;
    let error: NodeJS.ErrnoException | undefined;
    const now = (): number => performance.now();

    const goOn = (): void => {
      while (!isWriting && exchange.outcome === undefined) {
        const action = exchange.take();
        if (action === undefined) break;
        if (action.do === 'write') write(action.bytes);
        else end(action.how);
      }
      clearTimeout(timer);
      if (exchange.outcome !== undefined) return finish(exchange.outcome);
      timer = setTimeout(
        () => {
          exchange.elapsed(now());
          goOn();
        },
        // A timer may fire a little early.
        Math.max(1, Math.ceil(exchange.wakeAt - now())),
      );
    };
    const write = (bytes: Buffer): void => {
      if (!socket.writable) return;
      isWriting = true;
      // Between two writes the peer is heard: what it says may end them. A failure shows as an end.
      socket.write(bytes, () =>
        setImmediate(() => {
          isWriting = false;
          goOn();
        }),
      );
    };
    const end = (how: 'end' | 'cut' | 'reset'): void => {
      if (how === 'end') socket.end();
      else if (how === 'cut') tcp.end();
      else tcp.resetAndDestroy();
    };
    const ended = (how: HowEnded): void => {
      exchange.ended(how, now());
      goOn();
    };
    const onData = (bytes: Buffer): void => {
      exchange.received(bytes, now());
      goOn();
    };
    const abort = (): void => {
      exchange.abandon('broken', 'the run was ended');
      goOn();
    };
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('data', onData);
      socket.destroy();
      tcp.destroy();
      resolve(outcome);
    };
    socket.on('error', (fault) => {
      error = fault;
    });
    socket.on('end', () => ended('end'));
    socket.on('close', () => ended(error === undefined ? 'end' : 'reset'));
    exchange.start(now());
    for (const bytes of first) exchange.received(bytes, now());
    socket.on('data', onData);
    socket.resume();
    if (socket.destroyed || socket.readableEnded) ended('end');
    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    goOn();
  });
}
