/**
 * A client behind an HTTP proxy: asks the proxy for a tunnel (CONNECT, RFC 9110 §9.3.6) and opens the connection through
 * it with `{ socket }`. TLS runs from end to end: the proxy sees neither certificate key nor message.
 *
 *   node dist/examples/tunnel.js wss://localhost:8443 http://proxy.example:3128
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect } from 'mtls-ws';

/** Resolves with a stream to `host`, made by `proxy`; rejects with what the proxy did instead. */
function openTunnel(proxy: URL, host: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`no tunnel through the proxy ${proxy.host}: ${why}`));
    const asking = request({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: 'CONNECT',
      path: host,
      headers: { Host: host },
      timeout: 10_000,
    });
    asking.on('connect', (response, socket, head) => {
      if (response.statusCode === 200) {
        socket.setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.destroy();
      fail(`it answered with status ${response.statusCode}`);
    });
    asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
    asking.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    asking.end();
  });
}

const url = new URL(process.argv[2] ?? 'wss://localhost:8443');
const proxy = new URL(process.argv[3] ?? 'http://localhost:3128');
const socket = await openTunnel(proxy, `${url.hostname}:${url.port || 443}`).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
const connection = await connect(url, {
  ca: readFileSync('certs/ca.pem'),
  cert: readFileSync('certs/client.pem'),
  key: readFileSync('certs/client.key'),
  socket,
});
connection.on('message', (message) => {
  console.log(`${message}`);
  connection.close(1000);
});
connection.send('through the tunnel');
