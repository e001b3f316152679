/**
 * An echo server that reads with `for await`. A client that vanishes ends its loop with a `ConnectionClosedError`; what an
 * `async` listener does not catch is an unhandled rejection, and ends the whole process.
 *
 *   node dist/examples/loop.js 8443
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'mtls-ws';

const server = createServer({
  ca: readFileSync('certs/ca.pem'),
  cert: readFileSync('certs/server.pem'),
  key: readFileSync('certs/server.key'),
});
server.on('connection', async (connection) => {
  try {
    for await (const message of connection) connection.send(message);
  } catch (error) {
    console.error(`${connection.peer.subject.text}: ${error}`); // this client is gone, the others stay
  }
});
server.on('refused', ({ error }) => console.error(`refused: ${error.message}`));

const { port } = await server.listen({ port: Number(process.argv[2] ?? 8443) });
console.log(`listening on wss://localhost:${port}`);
