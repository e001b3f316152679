// Run by Bun, not by Node.
import { compress, port, ready, tlsOptions } from './arguments.mjs';

const { ca, cert, key } = tlsOptions;
const server = Bun.serve({
  port,
  hostname: '127.0.0.1',
  tls: { ca, cert, key, requestCert: true, rejectUnauthorized: true },
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 426 })),
  websocket: {
    maxPayloadLength: 16 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
    perMessageDeflate: compress,
    message: (socket, message) => void socket.send(message),
  },
});
ready(server.port);
