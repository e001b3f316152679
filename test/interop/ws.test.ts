/** Both ways with `ws`, the most used WebSocket package for Node, of `bench/node_modules`. */
import { type EventEmitter, once } from 'node:events';
import { symlinkSync } from 'node:fs';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type PerMessageDeflateOptions } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { files, start, temporaryDirectory } from '../cli/program.js';
import { clientCredentials, serverCredentials } from '../support/ends.js';
import { root } from '../support/readme.js';
import { expectEcho, expectLines, expectRefusal } from './echo.js';
import { interopSuite, longBytes, longText, requireFromBench } from './tools.js';

/** What is used of `ws` here. */
interface WebSocket extends EventEmitter {
  send(data: string | Buffer, options?: { binary?: boolean; fin?: boolean }): void;
  ping(data: string): void;
  close(code: number, reason: string): void;
  readonly extensions: string;
}

interface Ws {
  new (url: string, options: object): WebSocket;
  readonly WebSocketServer: new (options: object) => EventEmitter;
}

const ws = interopSuite('ws');

ws('echoes 300 kB of text and bytes through our server', ['ws'], async () => {
  const WebSocket = requireFromBench('ws') as Ws;
  const server = start(['serve', '--port', '0', ...files().server]);
  try {
    const [, port] = await server.match('stdout', /:(\d+)\n$/);
    const { ca, client } = files().pki;
    // Offers permessage-deflate, as it does by default; ours declines.
    const socket = new WebSocket(`wss://localhost:${port}`, { ca: ca.cert, cert: client.cert, key: client.key });
    await once(socket, 'open');
    for (const message of [longText, longBytes, '', Buffer.alloc(0)]) {
      const echoed = once(socket, 'message');
      socket.send(message);
      const [data, isBinary] = (await echoed) as [Buffer, boolean];
      assert.is(isBinary, typeof message !== 'string');
      assert.ok(data.equals(Buffer.from(message as string)));
    }
    const echoed = once(socket, 'message');
    for (let start = 0; start < longBytes.length; start += 7_001) {
      const end = start + 7_001;
      socket.send(longBytes.subarray(start, end), { binary: true, fin: end >= longBytes.length });
    }
    assert.ok(((await echoed)[0] as Buffer).equals(longBytes));
    const pong = once(socket, 'pong');
    socket.ping('are you there?');
    assert.is(String((await pong)[0]), 'are you there?');
    const closed = once(socket, 'close');
    socket.close(1000, 'done');
    assert.is((await closed)[0], 1000);
  } finally {
    server.child.kill('SIGTERM');
    assert.is((await server.outcome).stderr, '');
  }
});

ws('echoes 300 kB of text and bytes to our client', ['ws'], async () => {
  const { WebSocketServer } = requireFromBench('ws') as Ws;
  const { ca, server } = files().pki;
  const host = https.createServer({ ca: ca.cert, cert: server.cert, key: server.key, requestCert: true });
  const peer = new WebSocketServer({ server: host, perMessageDeflate: true });
  peer.on('connection', (socket: WebSocket) => {
    socket.on('message', (data: Buffer, binary: boolean) => socket.send(data, { binary }));
  });
  await once(host.listen(0, '127.0.0.1'), 'listening');
  try {
    const url = `wss://localhost:${(host.address() as AddressInfo).port}`;
    await expectEcho(url);
    await expectLines(url);
    await expectRefusal(url);
  } finally {
    host.closeAllConnections();
    await new Promise((resolve) => host.close(resolve));
  }
});

ws('goes through conformance cases as a client, and as a server', ['ws'], async () => {
  const driverName = 'conformance-client-ws';
  const runs = ['--group', 'masking', '--group', 'fragmentation'];
  const directory = temporaryDirectory();
  symlinkSync(files().directory, join(directory, 'certs'));
  symlinkSync(join(root, 'bench/node_modules'), join(directory, 'node_modules'));
  const runner = start(['conformance', 'client', '--host', 'localhost', ...files().server, ...runs]);
  const [, url] = await runner.match('stdout', /^ask at (wss:\/\/localhost:\d+\/next)\n/);
  const script = join(root, 'examples', `${driverName}.mjs`);
  const driver = await start([url!], { script, cwd: directory }).outcome;
  assert.is(driver.stderr, '');
  const client = await runner.outcome;
  assert.is(client.code, 0, client.stdout.toString());

  const { WebSocketServer } = requireFromBench('ws') as Ws;
  const { ca, server } = files().pki;
  const host = https.createServer({ ca: ca.cert, cert: server.cert, key: server.key, requestCert: true });
  new WebSocketServer({ server: host, perMessageDeflate: true }).on('connection', (socket: WebSocket) => {
    socket.on('error', () => {});
    socket.on('message', (data: Buffer, binary: boolean) => socket.send(data, { binary }));
  });
  await once(host.listen(0, '127.0.0.1'), 'listening');
  try {
    const address = `wss://localhost:${(host.address() as AddressInfo).port}`;
    const { code, stdout } = await start(['conformance', 'server', address, ...files().client, ...runs], { input: '' })
      .outcome;
    assert.is(code, 0, stdout.toString());
  } finally {
    host.closeAllConnections();
    await new Promise((resolve) => host.close(resolve));
  }
});

/** Each parameter of permessage-deflate, under the names that both packages use for it. */
const deflateParameters: readonly PerMessageDeflateOptions[] = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { serverMaxWindowBits: 9 },
  { clientMaxWindowBits: 9 },
  { serverMaxWindowBits: 10, clientMaxWindowBits: 12, serverNoContextTakeover: true },
];

/** Messages of every way of sending: short, at once, in another thread, and what does not shrink. */
const compressible: readonly string[] = [
  ...['short', 'the same again, '.repeat(100), 'the same again, '.repeat(100)],
  ...[longText, longText.slice(0, 40_000), '', 'x'.repeat(2_000_000)],
];

ws('compresses with our server, with every parameter', ['ws'], async () => {
  const WebSocket = requireFromBench('ws') as Ws;
  for (const parameters of deflateParameters) {
    const server = createServer({ ...serverCredentials(), perMessageDeflate: parameters });
    server.on('connection', async (connection) => {
      for await (const data of connection) connection.send(data);
    });
    const { port } = await server.listen({ port: 0 });
    try {
      const { ca, cert, key } = clientCredentials();
      const offer = { ca, cert, key, perMessageDeflate: { ...parameters, threshold: 100 } };
      const socket = new WebSocket(`wss://localhost:${port}`, offer);
      await once(socket, 'open');
      assert.match(socket.extensions, /^permessage-deflate/, JSON.stringify(parameters));
      for (const message of compressible) {
        const echoed = once(socket, 'message');
        socket.send(message);
        assert.ok(String((await echoed)[0]) === message);
      }
      // Fragments, which ws compresses as one stream.
      const echoed = once(socket, 'message');
      for (let start = 0; start < longBytes.length; start += 7_001) {
        const end = start + 7_001;
        socket.send(longBytes.subarray(start, end), { binary: true, fin: end >= longBytes.length });
      }
      assert.ok(((await echoed)[0] as Buffer).equals(longBytes));
      const closed = once(socket, 'close');
      socket.close(1000, 'done');
      assert.is((await closed)[0], 1000);
    } finally {
      await server.close({ deadline: 0 });
    }
  }
});

ws('compresses with our client, with every parameter', ['ws'], async () => {
  const { WebSocketServer } = requireFromBench('ws') as Ws;
  for (const parameters of deflateParameters) {
    const host = https.createServer({ ...serverCredentials(), requestCert: true });
    const peer = new WebSocketServer({ server: host, perMessageDeflate: { ...parameters, threshold: 100 } });
    peer.on('connection', (socket: WebSocket) => {
      socket.on('message', (data: Buffer, binary: boolean) => socket.send(data, { binary }));
    });
    await once(host.listen(0, '127.0.0.1'), 'listening');
    try {
      const url = `wss://localhost:${(host.address() as AddressInfo).port}`;
      const connection = await connect(url, {
        ...clientCredentials(),
        perMessageDeflate: { ...parameters, threshold: 100 },
      });
      assert.match(connection.extensions, /^permessage-deflate/, JSON.stringify(parameters));
      const messages = connection[Symbol.asyncIterator]();
      for (const message of compressible) {
        connection.send(message);
        assert.ok((await messages.next()).value === message);
      }
      await connection.sendMessage([longText, 'and ', '', longText]);
      assert.ok((await messages.next()).value === `${longText}and ${longText}`);
      assert.is((await connection.close()).wasClean, true);
    } finally {
      host.closeAllConnections();
      await new Promise((resolve) => host.close(resolve));
    }
  }
});

ws.run();
