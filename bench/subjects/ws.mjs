import * as https from 'node:https';
import { WebSocketServer } from 'ws';
import { compress, listen, tlsOptions } from './arguments.mjs';

const server = https.createServer(tlsOptions);
const options = { server, perMessageDeflate: compress && { threshold: 0, zlibDeflateOptions: { level: 1 } } };
new WebSocketServer({ ...options, maxPayload: 16 * 1024 * 1024 }).on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {});
});
listen(server);
