import * as https from 'node:https';
import WebSocket from 'faye-websocket';
import { listen, tlsOptions } from './arguments.mjs';

const server = https.createServer(tlsOptions);
server.on('upgrade', (request, socket, body) => {
  if (!WebSocket.isWebSocket(request)) return;
  const connection = new WebSocket(request, socket, body, [], { maxLength: 16 * 1024 * 1024 });
  connection.on('message', ({ data }) => connection.send(data));
});
listen(server);
