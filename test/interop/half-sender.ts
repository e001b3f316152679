/** A server that begins a message and never ends it: `half-sender.js CA CERT KEY`. Killed by its test. */
import { readFileSync } from 'node:fs';
import { createServer } from 'mtls-ws';

const [ca, cert, key] = process.argv.slice(2).map((path) => readFileSync(path));
const server = createServer({ ca: ca!, cert: cert!, key: key! });
server.on('connection', (connection) => {
  void connection.sendMessage(
    (async function* () {
      yield Buffer.alloc(100_000, 1);
      await new Promise(() => {});
    })(),
  );
});
const { port } = await server.listen({ port: 0 });
console.log(`port ${port}`);
