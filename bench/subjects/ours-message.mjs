// mtls-ws as most people use it: with `message` events. `mtls-ws serve` uses the fast handler.
import { createServer } from '../../dist/src/index.js';
import { compress, port, ready, tlsOptions } from './arguments.mjs';

const { ca, cert, key } = tlsOptions;
const server = createServer({ ca, cert, key, perMessageDeflate: compress });
server.on('connection', (connection) => {
  connection.on('message', (data) => {
    if (!connection.send(data)) connection.pause();
  });
  connection.on('drain', () => connection.resume());
});
ready((await server.listen({ port })).port);
