// A client for `mtls-ws conformance client` with the package `ws`: asks for a case, goes through it, and asks again.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// The `ws` of the project in whose directory this is started.
const WebSocket = createRequire(join(process.cwd(), 'package.json'))('ws');

const next = process.argv[2] ?? 'wss://localhost:8443/next';
const options = {
  ca: readFileSync('certs/ca.pem'),
  cert: readFileSync('certs/client.pem'),
  key: readFileSync('certs/client.key'),
  minVersion: 'TLSv1.3',
};

let cases = 0;
for (let url = await goThrough(next); url !== ''; url = await goThrough(next)) {
  await goThrough(url, (socket, data, isBinary) => socket.send(data, { binary: isBinary }));
  cases++;
}
console.log(`${cases} cases`);

/** Returns the last message; how the connection ends is what the runner judges. */
function goThrough(url, onMessage = () => {}) {
  return new Promise((resolve) => {
    let last = '';
    const socket = new WebSocket(url, ['conformance'], options);
    socket.on('message', (data, isBinary) => {
      last = String(data);
      onMessage(socket, data, isBinary);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(last));
  });
}
