// The limit: bytes back as they come, by plain node:tls, with no framing. Its first byte shows a client that it was let in.
import * as tls from 'node:tls';
import { listen, tlsOptions } from './arguments.mjs';

listen(
  tls.createServer(tlsOptions, (socket) => {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on('drain', () => socket.resume());
    socket.on('error', () => {});
    socket.write('+');
  }),
);
