import { readFileSync } from 'node:fs';
import { createServer } from 'mtls-ws';

const server = createServer({
  ca: readFileSync('certs/ca.pem'), // clients of this CA may come in, and nobody else
  cert: readFileSync('certs/server.pem'),
  key: readFileSync('certs/server.key'),
});
server.on('connection', (connection) => {
  console.log(`open: ${connection.peer.subject.text}`);
  connection.on('message', (data) => connection.send(data)); // a string for text, a Buffer for binary
});
server.on('refused', ({ error, remoteAddress }) => console.error(`refused ${remoteAddress}: ${error.message}`));

const { port } = await server.listen({ port: Number(process.argv[2] ?? 8443) });
console.log(`listening on wss://localhost:${port}`);
