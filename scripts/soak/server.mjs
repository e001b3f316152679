// The server of the soak: `server.mjs CA CERT KEY [ALLOCATOR]`, an echo that follows its files. Answers a line of input with what it
// holds, the line `gc` with what it holds once its garbage is collected. ALLOCATOR is the built `allocator.c`.
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { createServer, watchCredentials } from '../../dist/src/index.js';

const [ca, cert, key, library] = process.argv.slice(2);
const allocator = { exports: {} };
if (library !== undefined) process.dlopen(allocator, library);
const credentials = watchCredentials({ ca, cert, key });
let failedReloads = 0;
credentials.on('failed', () => failedReloads++);
const server = createServer({
  credentials,
  perMessageDeflate: true,
  pingInterval: 2_000,
  // A line that hands over a byte at a time may be far behind, as at the other end.
  pongDeadline: 15_000,
  closeDeadline: 15_000,
  handshakeTimeout: 5_000,
});
server.on('connection', (connection, { path }) => {
  const answer = (mayGoOn) => {
    if (!mayGoOn) connection.pause();
  };
  connection.on('drain', () => connection.resume());
  if (path === '/handler') {
    connection.handleMessages((buffer, start, end, isText) => answer(connection.sendRange(buffer, start, end, isText)));
  } else connection.on('message', (data) => answer(connection.send(data)));
});
const { port } = await server.listen({ port: 0, backlog: 512 });
console.log(port);
for await (const line of createInterface({ input: process.stdin })) {
  // What the first collection sets free is a handle of OpenSSL at times, whose memory goes with the next turn.
  for (let round = 0; line === 'gc' && round < 3; round++) {
    globalThis.gc();
    await setTimeout(50);
  }
  const { rss, heapUsed } = process.memoryUsage();
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  console.log(
    JSON.stringify({
      rss,
      heapUsed,
      allocated: allocator.exports.allocated?.(),
      descriptors,
      open: server.connections.size,
      failedReloads,
      ...server.statistics,
    }),
  );
}
process.exit(0);
