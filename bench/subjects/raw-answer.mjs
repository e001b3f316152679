// What the request and the answer of an opening handshake cost by themselves: plain node:tls that answers whatever comes first
// with one fixed answer, unread. It is the right one for the load in C, which always sends the same key.
import * as tls from 'node:tls';
import { listen, tlsOptions } from './arguments.mjs';

const answer = Buffer.from(
  'HTTP/1.1 101 Switching Protocols\r\n' +
    'Upgrade: websocket\r\n' +
    'Connection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
    '\r\n',
);

listen(
  tls.createServer(tlsOptions, (socket) => {
    socket.setNoDelay(true);
    socket.once('data', () => socket.write(answer));
    socket.resume();
    socket.on('error', () => {});
  }),
);
