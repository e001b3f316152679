/** The limit: a server that demands and verifies certificates as ours does, and echoes bytes without any WebSocket. */
import * as net from 'node:net';
import { type Credentials, Listener } from '../tls/index.js';

/** Listens on a free port of 127.0.0.1, and resolves with it. The first byte to a client shows that it was let in. */
export async function startRawServer(credentials: Credentials): Promise<number> {
  const listener = new Listener({
    hosts: { unnamed: credentials, named: new Map() },
    handshakeTimeout: 10_000,
    maxUnauthenticated: 1024,
    clientCertificate: 'required',
    explainRefusals: false,
    requireClientAuthEku: false,
    tickets: undefined,
    rulesGeneration: 0,
    onPeer: ({ socket, established }) => {
      established();
      socket.setNoDelay(true);
      socket.on('data', (chunk: Buffer) => {
        if (!socket.write(chunk)) socket.pause();
      });
      socket.on('drain', () => socket.resume());
      socket.on('error', () => {});
      socket.write('+');
    },
    onRefusedPeer: () => {},
    onRefusal: () => {},
  });
  const server = net.createServer((socket) => listener.inject(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as net.AddressInfo).port;
}
