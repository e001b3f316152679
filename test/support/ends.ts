/** Real servers, clients and raw peers on loopback, over mutual TLS with the kit's certificates. */
import { once } from 'node:events';
import * as tls from 'node:tls';
import {
  type Connection,
  type ConnectOptions,
  connect,
  createServer,
  type Server,
  type ServerOptions,
} from '../../src/index.js';
import { kit } from './kit.js';

export function serverCredentials(): { ca: string; cert: string; key: string } {
  const { ca, servers } = kit();
  return { ca: ca.cert, cert: servers.good.cert, key: servers.good.key };
}

export function clientCredentials(): { ca: string; cert: string; key: string } {
  const { ca, clients } = kit();
  return { ca: ca.cert, cert: clients.good.cert, key: clients.good.key };
}

/** Starts a server on a free port; the URL has its host name. */
export async function startServer(
  options: Partial<ServerOptions> = {},
): Promise<{ server: Server; port: number; url: string }> {
  const server = createServer({ ...serverCredentials(), ...options });
  const { port } = await server.listen({ port: 0 });
  return { server, port, url: `wss://localhost:${port}/` };
}

/** Runs `use` with a server and a client that are connected, and closes both afterwards, come what may. */
export async function withPair(
  options: { server?: Partial<ServerOptions>; client?: Partial<ConnectOptions> },
  use: (ends: { server: Server; near: Connection; far: Connection; url: string }) => Promise<void>,
): Promise<void> {
  const { server, url } = await startServer(options.server);
  let near: Connection | undefined;
  try {
    const accepted = once(server, 'connection');
    near = await connect(url, { ...clientCredentials(), ...options.client });
    const [far] = (await accepted) as [Connection];
    await use({ server, near, far, url });
  } finally {
    near?.terminate();
    await server.close({ deadline: 0 });
  }
}

/** A socket that speaks TLS and nothing of ours: bytes as they come and go. */
export class RawPeer {
  readonly socket: tls.TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  ended = false;
  error: Error | undefined;

  constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  get received(): Buffer {
    return this.#received;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Returns `length` bytes and removes them; fewer when the peer ended before. */
  async read(length: number): Promise<Buffer> {
    while (this.#received.length < length && !this.ended) await this.#more();
    const bytes = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return bytes;
  }

  /** Returns everything up to and with `text`, and removes it. */
  async readUntil(text: string): Promise<string> {
    while (!this.#received.includes(text) && !this.ended) await this.#more();
    const end = this.#received.indexOf(text) + text.length;
    return (await this.read(end)).toString('latin1');
  }

  /** Returns all that comes until the peer ends. */
  async readAll(): Promise<Buffer> {
    while (!this.ended) await this.#more();
    return this.read(this.#received.length);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The request of RFC 6455 §1.2, with other lines if given. */
export function upgradeRequest(path: string = '/', lines: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${sampleKey}`,
    'Sec-WebSocket-Version: 13',
    ...lines,
    '',
    '',
  ].join('\r\n');
}

/** Connects a raw client to a server of ours, with a good certificate; the TLS handshake is done. */
export async function rawClient(port: number, options: Partial<tls.ConnectionOptions> = {}): Promise<RawPeer> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
    ...clientCredentials(),
    ...options,
  });
  await once(socket, 'secureConnect');
  return new RawPeer(socket);
}

/** Connects a raw client and upgrades it; `behind` goes in the same packet as the request. */
export async function rawWebSocketClient(port: number, behind: Uint8Array = Buffer.alloc(0)): Promise<RawPeer> {
  const peer = await rawClient(port);
  peer.write(Buffer.concat([Buffer.from(upgradeRequest()), behind]));
  await peer.readUntil('\r\n\r\n');
  return peer;
}

/** Runs `use` with a server's connection whose client is a raw peer, and closes the server afterwards, come what may. */
export async function withRawPeer(
  options: Partial<ServerOptions>,
  use: (ends: { far: Connection; peer: RawPeer }) => Promise<void>,
): Promise<void> {
  const { server, port } = await startServer(options);
  try {
    const accepted = once(server, 'connection');
    const peer = await rawWebSocketClient(port);
    const [far] = (await accepted) as [Connection];
    await use({ far, peer });
  } finally {
    await server.close({ deadline: 0 });
  }
}

/**
 * Starts a raw TLS server that answers each request head with `answer(key)`, whatever it is; `undefined` answers
 * nothing. The accepted peers are collected.
 */
export async function rawServer(
  answer: (accept: string) => string | Uint8Array | undefined,
  options: Partial<tls.TlsOptions> = {},
): Promise<{ url: string; port: number; peers: RawPeer[]; close(): Promise<void> }> {
  const { acceptFor } = await import('../../src/handshake/index.js');
  const peers: RawPeer[] = [];
  const server = tls.createServer(
    { ...serverCredentials(), requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'], ...options },
    async (socket) => {
      const peer = new RawPeer(socket);
      peers.push(peer);
      const head = await peer.readUntil('\r\n\r\n');
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1] ?? '';
      const bytes = answer(acceptFor(key));
      if (bytes !== undefined && !socket.destroyed) socket.write(bytes);
    },
  );
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `wss://localhost:${port}/`,
    port,
    peers,
    close: () => {
      for (const { socket } of peers) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The 101 that answers a key. */
export function switching(accept: string, lines: readonly string[] = []): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...lines,
    '',
    '',
  ].join('\r\n');
}

/** Waits until `condition` holds; the test's own deadline is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
