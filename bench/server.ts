/**
 * The measured end, in a process of its own: one echo server over mutual TLS, started with the name of its subject. It
 * takes its credentials over the channel of its parent, answers with its port, and then tells its CPU time when asked.
 */
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { createServer } from '../src/index.js';
import type { Answer, Order, Subject } from './channel.js';
import { loadWs } from './peers.js';
import { type ServerCredentials, serverTls } from './wire.js';

const starters: Readonly<Record<Subject, (credentials: ServerCredentials) => Promise<number>>> = {
  raw: startRaw,
  ours: (credentials) => startOurs(credentials, 'handler'),
  'ours-event': (credentials) => startOurs(credentials, 'event'),
  ws: startWs,
  'ws+bufferutil': startWs,
};

/** The limit: bytes back as they come, with no framing. Its first byte proves to a client that it was let in. */
function startRaw(credentials: ServerCredentials): Promise<number> {
  const server = tls.createServer(serverTls(credentials), (socket) => {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('error', () => {});
    socket.write('+');
  });
  return listening(server);
}

async function startOurs(credentials: ServerCredentials, form: 'handler' | 'event'): Promise<number> {
  const server = createServer(credentials);
  server.on('connection', (connection) => {
    if (form === 'event') connection.on('message', (data) => connection.send(data));
    else connection.handleMessages((buffer, start, end) => connection.send(buffer.subarray(start, end)));
  });
  return (await server.listen({ port: 0 })).port;
}

function startWs(credentials: ServerCredentials): Promise<number> {
  const { WebSocketServer } = loadWs()!;
  const server = https.createServer(serverTls(credentials));
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => {});
  });
  return listening(server);
}

function listening(server: tls.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function answer(message: Answer): void {
  process.send!(message);
}

const subject = process.argv[2] as Subject;
process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  if ('start' in order) {
    void starters[subject](order.start).then((port) => answer({ port }));
  } else {
    const { user, system } = process.cpuUsage();
    answer({ cpuMicroseconds: user + system });
  }
});
