/**
 * WebSocket beside the pages of an `https.Server`: its upgrades to `/chat` are taken, everything else stays with it.
 * `attach` throws unless that server demands client certificates, verifies them, and names a `ca`.
 *
 *   node dist/examples/attach.js 8443
 */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { attach } from 'mtls-ws';

const pages = createServer(
  {
    ca: readFileSync('certs/ca.pem'),
    cert: readFileSync('certs/server.pem'),
    key: readFileSync('certs/server.key'),
    requestCert: true, // without this line Node asks no client for a certificate
    secureOptions: constants.SSL_OP_NO_TICKET, // without this line clients may resume a session, which is refused
    minVersion: 'TLSv1.3',
  },
  (_request, response) => response.end('a page\n'),
);

const chat = attach(pages, { path: '/chat' });
chat.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
chat.on('refused', ({ error }) => console.error(`refused: ${error.message}`));

pages.listen(Number(process.argv[2] ?? 8443), '127.0.0.1', () =>
  console.log(`listening on wss://localhost:${(pages.address() as AddressInfo).port}/chat`),
);
