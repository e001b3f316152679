import { once } from 'node:events';
import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { type Connection, type ConnectionOptions, connect } from '../../src/index.js';
import { probe } from '../../src/tls/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { until } from '../support/ends.js';
import { suite } from '../support/suite.js';
import { files, type Program, run, start } from './program.js';

/** Starts `serve` on a free port and returns what it said it listens on. */
async function serving(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ program: Program; url: string; port: number }> {
  const program = start(['serve', '--port', '0', ...files().server, ...args], { env });
  const [line, url, port] = await program.match('stdout', /^listening on (wss:\/\/\S+:(\d+))\n/);
  assert.ok(line);
  return { program, url: url!, port: Number(port) };
}

async function stop(program: Program): Promise<void> {
  program.child.kill('SIGTERM');
  assert.is((await program.outcome).code, 0);
}

function dial(url: string, options: ConnectionOptions = {}): Promise<Connection> {
  const { pki } = files();
  return connect(url, { ca: pki.ca.cert, cert: pki.client.cert, key: pki.client.key, ...options });
}

const serve = suite('mtls-ws serve');

serve('says where it listens, with the real port, and nothing else on stdout', async () => {
  const { program, url } = await serving();
  assert.match(url, /^wss:\/\/127\.0\.0\.1:[1-9]\d*$/);
  program.child.kill('SIGTERM');
  const { code, stdout, stderr } = await program.outcome;
  assert.is(code, 0);
  assert.is(stdout.toString(), `listening on ${url}\n`);
  assert.is(stderr, '');
});

serve('writes an IPv6 address in brackets', async () => {
  const both = await Promise.all([serving(['--host', '::1']), serving(['--host', '[::1]'])]);
  for (const { program, url } of both) {
    assert.match(url, /^wss:\/\/\[::1\]:\d+$/);
    await stop(program);
  }
});

serve('echoes text as text and binary as binary, 300 kB of each', async () => {
  const { program, url } = await serving();
  const connection = await dial(url);
  const messages = connection[Symbol.asyncIterator]();
  for (const data of ['', 'Wörld', 'x'.repeat(300_000), Buffer.alloc(0), Buffer.alloc(300_000, 0xc3)]) {
    connection.send(data);
    assert.equal((await messages.next()).value, data);
  }
  await connection.close();
  await stop(program);
});

serve('reads no faster than a slow client takes its echo, and loses nothing', async () => {
  const { program, url } = await serving();
  // More than the server may hold: it would be cut for it.
  const connection = await dial(url, { maxSendBufferBytes: 100_000_000 });
  const total = 40_000_000;
  let received = 0;
  connection.pause();
  const all = new Promise<void>((resolve) => {
    connection.on('message', (data) => {
      received += data.length;
      if (received === total) resolve();
    });
  });
  for (let sent = 0; sent < total; sent += 100_000) {
    connection.send(Buffer.alloc(100_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  connection.resume();
  await Promise.race([all, connection.closed]);
  assert.is(received, total);
  await connection.close();
  await stop(program);
});

serve('answers GET /healthz with 200 and ok, and any other plain request with 426', async () => {
  const { program, port } = await serving();
  const { pki } = files();
  const ask = async (path: string): Promise<string> => {
    const send = `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`;
    const result = await probe({
      host: '127.0.0.1',
      port,
      ca: pki.ca.cert,
      cert: pki.client.cert,
      key: pki.client.key,
      send,
    });
    return result.received.toString();
  };
  assert.match(await ask('/healthz'), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  const other = await ask('/');
  assert.match(other, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
  assert.match(other, /^Upgrade: websocket\r$/m);
  assert.match(other, /^Connection: Upgrade, close\r$/m);
  assert.match(other, /^Sec-WebSocket-Version: 13\r$/m);
  await stop(program);
});

serve('writes a line for each refusal: address, reason in words, what was presented', async () => {
  const { program, port } = await serving();
  const { pki } = files();
  await probe({ host: '127.0.0.1', port, ca: pki.ca.cert });
  await program.match(
    'stderr',
    /^refused 127\.0\.0\.1:\d+: the client was refused: no certificate was presented [^\n]*; presented: no certificate\n/,
  );
  const stranger = createAuthority().issue({ commonName: 'stranger\n\x1b[2J', kind: 'client' });
  await probe({ host: '127.0.0.1', port, ca: pki.ca.cert, cert: stranger.cert, key: stranger.key });
  const [line] = await program.match('stderr', /^refused [^\n]*: the client's certificate was refused: [^\n]*\n/m);
  assert.not.match(line, /\x1b/);
  await stop(program);
});

serve('reports a violation of a client that was let in, and whose it was, and goes on', async () => {
  const { program, port, url } = await serving();
  const { pki } = files();
  const send = Buffer.concat([
    Buffer.from(
      `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    ),
    Buffer.from('8105', 'hex'),
  ]);
  const { received } = await probe({
    host: '127.0.0.1',
    port,
    ca: pki.ca.cert,
    cert: pki.client.cert,
    key: pki.client.key,
    send,
  });
  assert.match(received.toString('latin1'), /^HTTP\/1\.1 101 /);
  assert.is(received.readUInt16BE(received.length - 4), 0x8802);
  assert.is(received.readUInt16BE(received.length - 2), 1002);
  await program.match(
    'stderr',
    /^violation 127\.0\.0\.1:\d+: [^\n]*\(RFC 6455 §5\.1\); presented: subject CN=mtls-ws development client, [^\n]*\n/m,
  );
  await (await dial(url)).close();
  await stop(program);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  serve(`closes its connections with 1001 on ${signal} and exits 0`, async () => {
    const { program, url } = await serving();
    const connections = await Promise.all([dial(url), dial(url)]);
    for (const connection of connections) connection.on('message', () => {});
    program.child.kill(signal);
    for (const connection of connections) {
      const { code, wasClean } = await connection.closed;
      assert.is(code, 1001);
      assert.is(wasClean, true);
    }
    assert.is((await program.outcome).code, 0);
  });
}

serve('on SIGTERM under full load, gives every client 1001 and all that was sent before it', async () => {
  const { program, url } = await serving(['--log', 'json']);
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const connection = await dial(url);
      const client = { connection, received: 0, wrong: 0 };
      connection.on('message', (data) => {
        if ((data as Buffer).readUInt32BE() !== client.received++) client.wrong++;
      });
      let sent = 0;
      const flood = (): void => {
        for (let more = true; more; ) {
          const message = Buffer.alloc(4 + ((sent * 37) % 3000));
          message.writeUInt32BE(sent++);
          more = connection.send(message);
        }
      };
      connection.on('drain', flood);
      flood();
      return client;
    }),
  );
  await until(() => clients.every(({ received }) => received > 300));
  program.child.kill('SIGTERM');
  for (const { connection } of clients) {
    const { code, wasClean, unsentBytes } = await connection.closed;
    assert.equal({ code, wasClean, unsentBytes }, { code: 1001, wasClean: true, unsentBytes: 0 });
  }
  const { code, stderr } = await program.outcome;
  assert.is(code, 0);
  const told = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(
    [...new Set(told.map(({ event, clean, unsentBytes }) => `${event} ${clean} ${unsentBytes}`))],
    ['connection true 0'],
  );
  const ascending = (numbers: number[]): number[] => numbers.sort((a, b) => a - b);
  assert.equal(
    ascending(clients.map(({ received }) => received)),
    ascending(told.map(({ messagesSent }) => messagesSent)),
  );
  assert.is(
    clients.reduce((sum, { wrong }) => sum + wrong, 0),
    0,
    'in order, none twice',
  );
});

serve('exits at once on a second signal', async () => {
  const { program, url } = await serving();
  // A client that does not read holds the closing handshake up.
  const connection = await dial(url);
  connection.pause();
  connection.send(Buffer.alloc(8_000_000));
  program.child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 100));
  program.child.kill('SIGTERM');
  assert.is((await program.outcome).code, 1);
  connection.terminate();
});

serve('says in one line that the port is taken, or the host not its own', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  const taken = await run(['serve', '--port', String(port), ...files().server]);
  assert.is(taken.code, 1);
  assert.is(
    taken.stderr,
    `mtls-ws serve: cannot listen on 127.0.0.1:${port}: the address is in use; give another --port or --host\n`,
  );
  holder.close();
  const foreign = await run(['serve', '--port', '0', '--host', '192.0.2.1', ...files().server]);
  assert.is(foreign.code, 1);
  assert.match(
    foreign.stderr,
    /^mtls-ws serve: cannot listen on 192\.0\.2\.1:0: the address is not one of this machine; /,
  );
});

serve('takes its settings from the environment and from a file', async () => {
  const { file } = files();
  const config = file('serve.json', JSON.stringify({ port: 0, ca: 'ca.pem', cert: 'server.pem', host: '0.0.0.0' }));
  const program = start(['serve', '--config', config], {
    env: { MTLS_WS_KEY: file('server.key'), MTLS_WS_HOST: '127.0.0.1' },
  });
  await program.match('stdout', /^listening on wss:\/\/127\.0\.0\.1:\d+\n/);
  await stop(program);
});

serve('explains every byte on stderr with --trace, after a warning', async () => {
  const { program, url } = await serving(['--trace']);
  const connection = await dial(url);
  const messages = connection[Symbol.asyncIterator]();
  connection.send('Hello');
  await messages.next();
  await connection.close();
  await stop(program);
  const { stderr } = await program.outcome;
  assert.match(
    stderr,
    /^mtls-ws: --trace prints everything that passes, secrets included\n\n?← in #1, byte 0: HTTP request\n/,
  );
  assert.match(stderr, /\n→ out #1, byte \d+: text, 5 bytes\n[\s\S]*48 65 6c 6c 6f {11}Hello\n/);
  assert.match(stderr, /1000 normal closure/);
  assert.not.match(stderr, /\x1b/);
});

serve('lets TLS 1.2 in with --min-tls 1.2 only', async () => {
  const { pki } = files();
  for (const [args, expected] of [
    [[], undefined],
    [['--min-tls', '1.2'], 'TLSv1.2'],
  ] as const) {
    const { program, port } = await serving(args);
    const send = `GET /healthz HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`;
    const client = { cert: pki.client.cert, key: pki.client.key };
    const result = await probe({ host: '127.0.0.1', port, ca: pki.ca.cert, ...client, maxVersion: 'TLSv1.2', send });
    assert.is(result.protocol, expected);
    await stop(program);
  }
});

serve.run();
