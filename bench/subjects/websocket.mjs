import * as https from 'node:https';
import websocket from 'websocket';
import { listen, tlsOptions } from './arguments.mjs';

const httpServer = https.createServer(tlsOptions);
const limit = 16 * 1024 * 1024;
const server = new websocket.server({
  httpServer,
  autoAcceptConnections: true,
  maxReceivedFrameSize: limit,
  maxReceivedMessageSize: limit,
});
server.on('connect', (connection) => {
  connection.on('message', (message) => {
    if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
    else connection.sendBytes(message.binaryData);
  });
});
listen(httpServer);
