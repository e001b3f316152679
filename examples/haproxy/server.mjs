// One of the servers behind HAProxy: `node server.mjs NAME CA CERT KEY`. SIGTERM drains it.
import { readFileSync } from 'node:fs';
import { createServer } from 'mtls-ws';

const [name, ca, cert, key] = process.argv.slice(2);
const server = createServer({
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
  onRequest: ({ path }) => (path === '/healthz' ? { status: 200, body: 'ok' } : undefined),
});
server.on('connection', (connection) => {
  // The certificate is the client's own, though the TCP connection comes from HAProxy.
  connection.on('message', (data) => connection.send(`${name} heard ${data} from ${connection.peer.subject.text}`));
});
process.on('SIGTERM', async () => {
  await server.close();
  process.exit(0);
});
const { port } = await server.listen({ port: 0 });
console.log(port);
