/** The two ends of the tls room on loopback, without the WebSocket above them, with the kit's certificates. */
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import {
  type AcceptedPeer,
  type CredentialInput,
  type Credentials,
  type DialOptions,
  dial,
  Listener,
  type ListenerOptions,
  loadCredentials,
  type Refusal,
  type VerifiedPeer,
} from '../../src/tls/index.js';
import { clientCredentials, serverCredentials } from './ends.js';
import type { IssuedCertificate } from './kit.js';

export type Version = 'TLSv1.3' | 'TLSv1.2';
export const versions: readonly Version[] = ['TLSv1.3', 'TLSv1.2'];

export function loadServer(over: Partial<CredentialInput> = {}): Credentials {
  return loadCredentials({ ...serverCredentials(), ...over });
}

export function loadClient(over: Partial<CredentialInput> = {}): Credentials {
  return loadCredentials({ ...clientCredentials(), ...over });
}

/** The options for presenting a certificate of the kit. */
export function showing(issued: IssuedCertificate): { cert: string; key: string } {
  return { cert: issued.cert, key: issued.key };
}

/** A queue of what was told, for a test to wait at. */
export class Told<T> {
  readonly all: T[] = [];
  #wake: (() => void) | undefined;
  #read = 0;

  push(item: T): void {
    this.all.push(item);
    this.#wake?.();
  }

  async next(): Promise<T> {
    while (this.all.length <= this.#read) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.all[this.#read++]!;
  }

  /** Drops what was read. */
  forget(): void {
    this.all.splice(0, this.#read);
    this.#read = 0;
  }
}

/** A client that has a certificate, as all have unless a listener says that they need not. */
export type KnownPeer = AcceptedPeer & { readonly peer: VerifiedPeer };

export interface RunningListener {
  readonly listener: Listener;
  readonly port: number;
  readonly peers: Told<KnownPeer>;
  readonly refusals: Told<Refusal>;
}

/** What every listener of a test has, unless it says otherwise: `credentials` for every name. */
export function listenerOptions(
  options: Partial<ListenerOptions> & { credentials?: Credentials },
): Omit<ListenerOptions, 'onPeer' | 'onRefusal'> & Partial<Pick<ListenerOptions, 'onPeer' | 'onRefusal'>> {
  const { credentials = loadServer({ minVersion: 'TLSv1.2' }), ...others } = options;
  return {
    hosts: { unnamed: credentials, named: new Map() },
    clientCertificate: 'required',
    explainRefusals: false,
    requireClientAuthEku: false,
    tickets: undefined,
    rulesGeneration: 0,
    handshakeTimeout: 20_000,
    maxUnauthenticated: 1024,
    onRefusedPeer: ({ socket }) => socket.destroy(),
    ...others,
  };
}

/** Runs `use` with a listener, which is closed afterwards. Every client that is let in is established at once. */
export async function withListener(
  options: Partial<ListenerOptions> & { credentials?: Credentials; host?: string },
  use: (running: RunningListener) => Promise<void>,
): Promise<void> {
  const peers = new Told<KnownPeer>();
  const refusals = new Told<Refusal>();
  const listener = new Listener({
    onPeer: (accepted) => {
      accepted.socket.on('error', () => {});
      accepted.established();
      peers.push(accepted as KnownPeer);
    },
    onRefusal: (refusal) => refusals.push(refusal),
    ...listenerOptions(options),
  });
  try {
    const { port } = await listener.listen({ port: 0, host: options.host ?? '127.0.0.1' });
    await use({ listener, port, peers, refusals });
  } finally {
    const closed = listener.close();
    listener.destroyAll();
    await closed;
  }
}

/** Dials with a good certificate and no abort, unless told otherwise. */
export function dialTo(
  port: number,
  options: Partial<DialOptions> = {},
): Promise<{ socket: tls.TLSSocket; peer: VerifiedPeer }> {
  return dial({
    host: '127.0.0.1',
    port,
    serverName: 'localhost',
    credentials: loadClient(),
    signal: new AbortController().signal,
    ...options,
  });
}

/** Returns what the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error(`expected a rejection, got ${String(value)}`);
}

/** Connects a plain client of Node's, which need not be good. Its errors are kept out of the way. */
export function nodeClient(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...clientCredentials(), ...options });
  socket.on('error', () => {});
  return socket;
}

/** Runs `use` with a TCP server that is not ours; every socket is destroyed afterwards. */
export async function withTcpServer(
  onSocket: (socket: net.Socket) => void,
  use: (port: number) => Promise<void>,
  host: string = '127.0.0.1',
): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  try {
    await use((server.address() as net.AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Runs `use` with a `tls.Server` of Node's own. */
export async function withTlsServer(
  options: tls.TlsOptions,
  onSocket: (socket: tls.TLSSocket) => void,
  use: (port: number, server: tls.Server) => Promise<void>,
): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer({ ...serverCredentials(), ...options }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use((server.address() as net.AddressInfo).port, server);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
