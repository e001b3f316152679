/**
 * A server behind a TCP load balancer that speaks the PROXY protocol (version 1): a line with the client's address comes
 * before the first byte of TLS. Whoever reads that line has read the beginning of the TLS handshake too, in the same
 * packet; `server.handle` takes the socket together with those bytes.
 *
 *   node dist/examples/handed-socket.js 8443
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer } from 'mtls-ws';

/** The longest line of the PROXY protocol, version 1, in bytes. */
const maxLineBytes = 107;

const server = createServer({
  ca: readFileSync('certs/ca.pem'),
  cert: readFileSync('certs/server.pem'),
  key: readFileSync('certs/server.key'),
});
server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
server.on('refused', ({ error }) => console.error(`refused: ${error.message}`));

const balanced = createTcpServer((socket) => {
  socket.setTimeout(5_000, () => socket.destroy()); // until the server's own deadline holds
  socket.on('error', () => socket.destroy());
  readProxyLine(socket);
});

function readProxyLine(socket: Socket, before: Buffer = Buffer.alloc(0)): void {
  socket.once('data', (chunk: Buffer) => {
    const bytes = Buffer.concat([before, chunk]);
    const end = bytes.indexOf('\r\n');
    if (end === -1 && bytes.length < maxLineBytes) return readProxyLine(socket, bytes);
    const match = /^PROXY TCP[46] (\S+) \S+ (\d+) \d+$/.exec(bytes.toString('latin1', 0, end));
    if (match === null) return socket.destroy();
    console.log(`${match[1]}:${match[2]} by way of the load balancer`);
    socket.pause();
    socket.setTimeout(0);
    server.handle(socket, bytes.subarray(end + 2));
  });
}

balanced.listen(Number(process.argv[2] ?? 8443), '127.0.0.1', () =>
  console.log(`listening on port ${(balanced.address() as AddressInfo).port}`),
);
