// Run by Deno, not by Node.
import { port, ready, tlsOptions } from './arguments.mjs';

const { ca, cert, key } = tlsOptions;
Deno.serve(
  { port, hostname: '127.0.0.1', cert, key, caCerts: [ca], onListen: (address) => ready(address.port) },
  (request) => {
    if (request.headers.get('upgrade') !== 'websocket') return new Response(null, { status: 426 });
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  },
);
