/** Peers on Node's own TLS that are lax where they should be strict, with a good echo above it. */
import { randomBytes } from 'node:crypto';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { acceptFor } from '../../src/handshake/index.js';
import { connect } from '../../src/index.js';
import { clientCredentials, RawPeer, serverCredentials, switching } from '../support/ends.js';
import { FaultyPeer } from './faulty-peer.js';

export interface LaxServer {
  readonly url: string;
  readonly port: number;
  readonly server: tls.Server;
  close(): Promise<void>;
}

export interface LaxServerOptions extends tls.TlsOptions {
  /** Whom it lets in, after the TLS handshake. Default: everybody. */
  readonly admits?: (socket: tls.TLSSocket) => boolean;
  /** Whether it ends connections without close_notify. */
  readonly cutsOff?: boolean;
  /** Holds connections that do not begin with a TLS handshake, and never answers. */
  readonly holdsGarbage?: boolean;
}

/** Starts an echo server. The changes are of a server that asks for a certificate and refuses without a good one. */
export async function laxServer(options: LaxServerOptions = {}): Promise<LaxServer> {
  const { admits = () => true, cutsOff = false, holdsGarbage = false, ...changes } = options;
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(
    { ...serverCredentials(), requestCert: true, rejectUnauthorized: true, ...changes },
    async (socket) => {
      socket.on('error', () => {});
      const peer = new RawPeer(socket);
      const head = await peer.readUntil('\r\n\r\n');
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1];
      if (key === undefined || !admits(socket))
        return socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      socket.write(switching(acceptFor(key)));
      socket.removeAllListeners('data');
      new FaultyPeer(socket, true, {}, undefined);
      if (cutsOff) {
        const tcp = [...sockets].find(({ remotePort }) => remotePort === socket.remotePort)!;
        socket.end = () => {
          setImmediate(() => tcp.end());
          return socket;
        };
      }
    },
  );
  server.on('tlsClientError', () => {});
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  let listening: net.Server = server;
  if (holdsGarbage) {
    listening = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        socket.pause();
        if (bytes[0] !== 0x16) return;
        socket.unshift(bytes);
        server.emit('connection', socket);
      });
    });
  }
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as net.AddressInfo;
  return {
    url: `wss://localhost:${port}/`,
    port,
    server,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => listening.close(() => resolve()));
    },
  };
}

/** A driver whose connections to the cases are made with `options`; resolves when there is no case left. */
export async function laxDriver(next: string, options: tls.ConnectionOptions): Promise<void> {
  for (;;) {
    let url = '';
    try {
      for await (const message of await connect(next, clientCredentials())) url = String(message);
    } catch {
      // The run is over.
    }
    if (url === '') return;
    await laxVisit(new URL(url), options);
  }
}

async function laxVisit({ hostname, port, pathname, search }: URL, options: tls.ConnectionOptions): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port: Number(port), servername: hostname },
      ...clientCredentials(),
      ...options,
    });
    const timer = setTimeout(() => socket.destroy(), 6_000);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('secureConnect', async () => {
      const key = randomBytes(16).toString('base64');
      socket.write(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
      const peer = new RawPeer(socket);
      const head = await peer.readUntil('\r\n\r\n');
      socket.removeAllListeners('data');
      const rest = await peer.read(peer.received.length);
      if (!head.startsWith('HTTP/1.1 101')) return socket.destroy();
      const echo = new FaultyPeer(socket, false, {}, undefined);
      if (rest.length > 0) echo.receive(rest);
    });
  });
}
