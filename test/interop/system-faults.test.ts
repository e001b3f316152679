/** What the operating system does to a process: stops its peer, takes the network away, has no descriptor and no disk left. */
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, createServer, type Refusal } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { files, type Program, run, start } from '../cli/program.js';
import { until } from '../support/ends.js';
import { clientOptions, pathsOf } from './echo.js';
import { interopSuite } from './tools.js';

const faults = interopSuite('faults of the system');

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

async function expectServes(port: string | number): Promise<void> {
  const args = ['connect', `wss://localhost:${port}`, ...files().client, '--wait', '0.3'];
  const { stdout, code, stderr } = await run(args, { input: 'still there?\n' });
  assert.is(stdout.toString(), 'still there?\n', stderr);
  assert.is(code, 0);
}

async function portOf(server: Program): Promise<string> {
  const [, port] = await server.match('stdout', /:(\d+)\n/);
  return port!;
}

faults('a peer that is stopped (SIGSTOP) is found by the ping deadline, and by nothing else', [], async () => {
  const {
    ca,
    server: { cert, key },
  } = files().pki;
  const server = createServer({ ca: ca.cert, cert, key, pingInterval: 200, pongDeadline: 300 });
  const { port } = await server.listen({ port: 0 });
  const client = start(['connect', `wss://localhost:${port}`, ...files().client]);
  try {
    const [connection] = await once(server, 'connection');
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.is(connection.readyState, 'open', 'it answers pings');
    client.child.kill('SIGSTOP');
    const { code, reason } = await connection.closed;
    assert.is(code, 1006);
    assert.is(reason, 'the peer has been silent for 300 ms after a ping');
  } finally {
    client.child.kill('SIGKILL');
    await server.close({ deadline: 0 });
  }
});

faults('a server whose every descriptor is taken goes on when some are free again', [], async () => {
  const server = start(
    ['-c', `ulimit -n 64; exec "$@"`, 'sh', process.execPath, main, 'serve', '--port', '0', ...files().server],
    {
      program: '/bin/sh',
    },
  );
  const sockets: net.Socket[] = [];
  try {
    const port = await portOf(server);
    for (let index = 0; index < 120; index++) {
      const socket = net.connect({ port: Number(port), host: '127.0.0.1' });
      socket.on('error', () => {});
      sockets.push(socket);
    }
    // Those for which there is no descriptor are turned away or wait; none of the others is harmed.
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.is(server.child.exitCode, null);
    const open = sockets.filter(({ destroyed }) => !destroyed).length;
    assert.ok(open > 20, `${open} are open`);
    for (const socket of sockets) socket.destroy();
    await expectServes(port);
    server.child.kill('SIGTERM');
    assert.is((await server.outcome).code, 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.child.kill('SIGKILL');
  }
});

for (const [what, flags] of [
  ['its log', ['--log', 'json']],
  ['its trace', ['--trace']],
] as const) {
  faults(`a server that cannot write ${what} for want of space serves on`, ['/dev/full'], async () => {
    const args = [process.execPath, main, 'serve', '--port', '0', ...files().server, ...flags];
    const server = start(['-c', `exec "$@" 2> /dev/full`, 'sh', ...args], { program: '/bin/sh' });
    try {
      const port = await portOf(server);
      for (let times = 0; times < 3; times++) await expectServes(port);
      assert.is(server.child.exitCode, null);
      server.child.kill('SIGTERM');
      assert.is((await server.outcome).code, 0);
    } finally {
      server.child.kill('SIGKILL');
    }
  });
}

// The superuser without the capabilities by which it may do anything: a user like any other.
const powerless = ['--bounding-set', '-net_bind_service,-dac_override,-dac_read_search'];

faults('a server that may not use its port, or read its key, says so in one line and ends', ['superuser'], async () => {
  const serve = (...args: string[]) =>
    run([...powerless, process.execPath, main, 'serve', ...args], { program: 'setpriv' });
  const port = await serve('--port', '443', ...files().server);
  assert.is(
    port.stderr,
    'mtls-ws serve: cannot listen on 127.0.0.1:443: permission denied; give another --port or --host\n',
  );
  assert.is(port.code, 1);
  const [ca, cert, key] = pathsOf(files().server);
  const unreadable = join(mkdtempSync(join(tmpdir(), 'mtls-ws-')), 'server.key');
  try {
    copyFileSync(key!, unreadable);
    chmodSync(unreadable, 0o000);
    const file = await serve('--port', '0', '--ca', ca!, '--cert', cert!, '--key', unreadable);
    assert.match(file.stderr, /^mtls-ws serve: --key \S+ cannot be read: permission denied; [^\n]+\n$/);
    assert.is(file.code, 2);
  } finally {
    rmSync(dirname(unreadable), { recursive: true });
  }
});

// The kernel drops what is sent between two namespaces whose link is down; it tells nobody.
faults(
  'ends that a partition separates find out by their pings, and meet again afterwards',
  ['network namespaces'],
  async () => {
    const script = fileURLToPath(new URL('partition.js', import.meta.url));
    const paths = [...pathsOf(files().server), ...pathsOf(files().client).slice(1)];
    const { stdout, stderr, code } = await run(['-n', process.execPath, script, ...paths], { program: 'unshare' });
    assert.is(code, 0, stderr);
    assert.equal(JSON.parse(stdout.toString()), {
      client: [1006, 'the peer has been silent for 300 ms after a ping'],
      server: [1006, 'the peer has been silent for 300 ms after a ping'],
      again: 'hello',
    });
  },
);

faults('a clock that jumps closes nothing, and hurries nothing', [], async () => {
  const {
    ca,
    server: { cert, key },
  } = files().pki;
  const refused: Refusal[] = [];
  const server = createServer({ ca: ca.cert, cert, key, pingInterval: 50, pongDeadline: 100 });
  server.on('refused', (refusal) => refused.push(refusal));
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const { now } = Date;
  const connection = await connect(`wss://localhost:${port}`, {
    ...clientOptions(),
    pingInterval: 50,
    pongDeadline: 100,
  });
  try {
    for (const jump of [3600e3, -3600e3, 0]) {
      Date.now = () => now() + jump;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const echo = once(connection, 'message');
      connection.send(String(jump));
      assert.is((await echo)[0], String(jump));
    }
    assert.is(connection.readyState, 'open');
    await connection.close();
    await until(() => server.connections.size === 0);
    assert.equal(refused, []);
  } finally {
    Date.now = now;
    await server.close({ deadline: 0 });
  }
});

faults.run();
