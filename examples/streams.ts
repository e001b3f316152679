/**
 * An echo server for messages of any length: each goes back while it is still arriving, and no faster than the client
 * reads. None is held in memory.
 *
 *   node dist/examples/streams.js 8443
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
    for await (const message of connection.messages()) {
      await connection.sendMessage(message, { binary: !message.isText });
    }
  } catch (error) {
    console.error(`${connection.peer.subject.text}: ${error}`);
  }
});

const { port } = await server.listen({ port: Number(process.argv[2] ?? 8443) });
console.log(`listening on wss://localhost:${port}`);
