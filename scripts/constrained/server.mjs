// A server over mutual TLS whose memory is looked at: `server.mjs mtls-ws|node:tls|ws [FILE]`. Each loads nothing
// of the others. FILE is the package in another form.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { answer } from './child.mjs';

const [kind, file = new URL('../../dist/src/index.js', import.meta.url).href] = process.argv.slice(2);

/** What a server on this package does with a connection. */
const behaviours = {
  echo(connection) {
    connection.handleMessages((buffer, start, end, isText) => {
      if (!connection.sendRange(buffer, start, end, isText)) connection.pause();
    });
    connection.on('drain', () => connection.resume());
  },
  /** Takes the first message, and no other. */
  stall(connection) {
    void connection[Symbol.asyncIterator]().next();
  },
  /** Sends as long as `send()` says that it may. */
  push(connection) {
    const data = Buffer.alloc(1024);
    const push = () => {
      while (connection.send(data));
    };
    connection.on('drain', push);
    push();
  },
  whole(connection) {
    connection.on('message', (data) => connection.send(String(data.length)));
  },
  async pieces(connection) {
    for await (const message of connection.messages()) {
      let length = 0;
      for await (const chunk of message) length += chunk.length;
      connection.send(String(length));
    }
  },
};

const kinds = {
  async 'mtls-ws'(credentials, { behaviour = 'echo', ...options }) {
    const { createServer } = await import(file);
    const server = createServer({ ...credentials, maxUnauthenticated: 4096, ...options });
    server.on('connection', (connection) => behaviours[behaviour](connection));
    return (await server.listen({ port: 0 })).port;
  },
  async 'node:tls'(credentials) {
    const { createServer } = await import('node:tls');
    const server = createServer({ ...credentials, requestCert: true, minVersion: 'TLSv1.3' }, (socket) => {
      socket.write('+');
      socket.on('data', (data) => {
        if (!socket.write(data)) socket.pause();
      });
      socket.on('drain', () => socket.resume());
      socket.on('error', () => {});
    });
    return listen(server);
  },
  async ws(credentials) {
    const { createServer } = await import('node:https');
    const { WebSocketServer } = createRequire(new URL('../../bench/package.json', import.meta.url))('ws');
    const server = createServer({ ...credentials, requestCert: true, minVersion: 'TLSv1.3' });
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('error', () => {});
    });
    return listen(server);
  },
};

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

function descriptors() {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

answer({
  start: ({ credentials, options = {} }) => kinds[kind](credentials, options),
  /** Bytes: as the process stands, and what of its heap is in use after a collection. */
  async usage() {
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const peak = process.resourceUsage().maxRSS * 1024;
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    const { heapUsed, external } = process.memoryUsage();
    return { rss, peak, heap: heapUsed, external, cpuUs: user + system, descriptors: descriptors() };
  },
});
