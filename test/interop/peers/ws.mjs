// The package `ws` as a peer of the conformance runner; README.md says what it does.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';

const { WebSocket, WebSocketServer } = createRequire(new URL('../../../bench/package.json', import.meta.url))('ws');

const limits = { maxPayload: 64 * 1024 * 1024, perMessageDeflate: true };
const [role, ...rest] = process.argv.slice(2);
if (role === 'server') await serve(rest);
else await ask(rest);

function credentials([ca, cert, key]) {
  return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' };
}

async function serve(files) {
  // As a `WebSocketServer` with a listener of its own answers what is no upgrade.
  const refuse = (_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end();
  const listener =
    files.length === 0
      ? http.createServer(refuse)
      : https.createServer({ ...credentials(files), requestCert: true, rejectUnauthorized: true }, refuse);
  const server = new WebSocketServer({ server: listener, ...limits });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  console.log(`port ${listener.address().port}`);
}

async function ask([url, jobs, ...files]) {
  const options = { ...credentials(files), ...limits };
  const goThrough = (to, onMessage) =>
    new Promise((resolve) => {
      let last = '';
      const socket = new WebSocket(to, ['conformance'], options);
      socket.on('message', (data, isBinary) => {
        last = data;
        onMessage?.(socket, data, isBinary);
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(String(last)));
    });
  const work = async () => {
    for (let to = await goThrough(url); to !== ''; to = await goThrough(url)) {
      await goThrough(to, (socket, data, isBinary) => socket.send(data, { binary: isBinary }));
    }
  };
  await Promise.all(Array.from({ length: Number(jobs) }, work));
}
