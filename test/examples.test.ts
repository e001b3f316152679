/** The examples as processes, with the certificates they read from `certs/`. */
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Connection, connect, createServer, HandshakeError, PeerIdentityError, UsageError } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { backoffDelay, isHopeless, stayConnected } from '../examples/reconnect.js';
import { files, type Program, start, temporaryDirectory } from './cli/program.js';
import { clientCredentials, serverCredentials, startServer } from './support/ends.js';
import { kit } from './support/kit.js';
import { suite } from './support/suite.js';

const examples = suite('examples');

let workplace: string | undefined;

/** A directory with `certs/`, as the examples want it. */
function directory(): string {
  if (workplace === undefined) {
    workplace = temporaryDirectory();
    symlinkSync(files().directory, join(workplace, 'certs'));
  }
  return workplace;
}

function scriptOf(name: string): string {
  return fileURLToPath(new URL(`../examples/${name}.js`, import.meta.url));
}

function example(name: string, ...args: string[]): Program {
  return start(args, { script: scriptOf(name), cwd: directory() });
}

/** The credentials that go with those in `certs/`. */
function credentials(): { ca: string; cert: string; key: string } {
  const { ca, client } = files().pki;
  return { ca: ca.cert, cert: client.cert, key: client.key };
}

/** Kills a process of this test, and waits until it is gone. */
async function end(program: Program): Promise<void> {
  program.child.kill('SIGKILL');
  await program.outcome;
}

async function echoOf(connection: Connection, text: string): Promise<unknown> {
  const message = once(connection, 'message');
  connection.send(text);
  const [data] = await message;
  await connection.close(1000);
  return data;
}

/** Passes bytes on from a free port to `target`, each first chunk with `prefix` before it, in one write. */
async function relay(target: number, prefix: string): Promise<{ port: number; close(): void }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1');
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.once('data', (chunk: Buffer) => {
      far.write(Buffer.concat([Buffer.from(prefix), chunk]));
      near.pipe(far);
    });
    far.pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, close };
}

examples('handed-socket takes a socket whose first packet holds a PROXY line and the TLS handshake', async () => {
  const program = example('handed-socket', '0');
  const port = Number((await program.match('stdout', /listening on port (\d+)\n/))[1]);
  const balancer = await relay(port, 'PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\r\n');
  try {
    const connection = await connect(`wss://localhost:${balancer.port}`, credentials());
    assert.is(await echoOf(connection, 'handed over'), 'handed over');
    await program.match('stdout', /192\.0\.2\.7:50000 by way of/);
  } finally {
    balancer.close();
    await end(program);
  }
});

examples('handed-socket drops a socket without a PROXY line', async () => {
  const program = example('handed-socket', '0');
  const port = Number((await program.match('stdout', /listening on port (\d+)\n/))[1]);
  try {
    await connect(`wss://localhost:${port}`, credentials()).then(
      () => assert.unreachable(),
      (error) => assert.instance(error, HandshakeError),
    );
  } finally {
    await end(program);
  }
});

examples('attach serves pages and connections on one port', async () => {
  const program = example('attach', '0');
  const [, url] = await program.match('stdout', /listening on (wss:\S+)\n/);
  try {
    assert.is(await echoOf(await connect(url!, credentials()), 'attached'), 'attached');
    await connect(url!.replace('/chat', '/other'), credentials()).then(
      () => assert.unreachable(),
      (error) => assert.is(error.httpStatus, 404),
    );
  } finally {
    await end(program);
  }
});

examples('hosts keeps two tenants apart', async () => {
  const { code, stdout } = await example('hosts').outcome;
  assert.is(code, 0);
  const lines = stdout.toString().trimEnd().split('\n');
  assert.equal(lines.filter((line) => !line.startsWith('refused')).sort(), [
    'a.example/: device of a.example',
    'b.example/: device of b.example',
  ]);
  const refused = lines.filter((line) => line.startsWith('refused'));
  assert.is(refused.length, 2);
  for (const line of refused) assert.match(line, /no chain leads from the certificate to a trusted CA/);
});

examples('rotation takes a new certificate while it runs, and drops nobody', async () => {
  const place = temporaryDirectory();
  mkdirSync(join(place, 'certs'));
  const { ca, server, client } = files().pki;
  const replace = (name: string, content: string): void => {
    writeFileSync(join(place, `${name}.new`), content);
    renameSync(join(place, `${name}.new`), join(place, 'certs', name));
  };
  replace('ca.pem', ca.cert);
  replace('server.pem', server.cert);
  replace('server.key', server.key);
  const program = start(['0'], { script: scriptOf('rotation'), cwd: place });
  const [, url] = await program.match('stdout', /listening on (wss:\S+)\n/);
  try {
    const live = await connect(url!, credentials());
    const next = ca.issue({ commonName: 'next server', kind: 'server', hosts: ['localhost'] });
    replace('server.key', next.key);
    replace('server.pem', next.cert);
    await program.match('stdout', /reloaded: CN=next server\n/);
    const fresh = await connect(url!, credentials());
    assert.is(fresh.peer.subjectCommonName, 'next server');
    fresh.terminate();
    replace('server.key', client.key);
    program.child.kill('SIGHUP');
    await program.match('stdout', /the old credentials stay in force: key: certs\/server\.key: /);
    assert.is(await echoOf(live, 'still here'), 'still here');
  } finally {
    await end(program);
  }
});

examples('loop echoes, and outlives a client that vanishes', async () => {
  const program = example('loop', '0');
  const [, url] = await program.match('stdout', /listening on (wss:\S+)\n/);
  try {
    const gone = await connect(url!, credentials());
    const other = await connect(url!, credentials());
    gone.terminate();
    await program.match(
      'stderr',
      /^CN=mtls-ws development client: ConnectionClosedError: the connection is closed \(1006/m,
    );
    assert.is(await echoOf(other, 'still here'), 'still here');
  } finally {
    await end(program);
  }
});

examples('streams echoes messages of both kinds, empty ones too', async () => {
  const program = example('streams', '0');
  const [, url] = await program.match('stdout', /listening on (wss:\S+)\n/);
  try {
    for (const data of ['text', '', Buffer.alloc(0), Buffer.alloc(300_000, 7)]) {
      const connection = await connect(url!, credentials());
      const message = once(connection, 'message');
      connection.send(data);
      assert.equal(await message, [data]);
      await connection.close();
    }
  } finally {
    await end(program);
  }
});

examples('authorize lets operators and sensors in where they belong', async () => {
  const { code, stdout } = await example('authorize').outcome;
  assert.is(code, 0);
  const told = stdout.toString().trim().split('\n');
  assert.equal(told, [
    ...['/operate: open', '/measure: open', '/operate: 403', '/measure: open', '/operate: 403', '/measure: open'],
    ...['/operate: open', '/measure: 403', '/operate: 403', '/measure: 403'],
  ]);
});

examples('tunnel goes through a proxy that knows CONNECT', async () => {
  const { pki } = files();
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const asked: string[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request, near: net.Socket, head: Buffer) => {
    asked.push(request.url!);
    const far = net.connect(port, '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      far.write(head);
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const proxyPort = (proxy.address() as net.AddressInfo).port;
  try {
    const { code, stdout, stderr } = await example('tunnel', `wss://localhost:${port}`, `http://127.0.0.1:${proxyPort}`)
      .outcome;
    assert.is(stderr, '');
    assert.is(stdout.toString(), 'through the tunnel\n');
    assert.is(code, 0);
    assert.equal(asked, [`localhost:${port}`]);
  } finally {
    proxy.close();
    proxy.closeAllConnections();
    await server.close();
  }
});

examples('tunnel says in one line that the proxy is down or refuses', async () => {
  const proxy = http.createServer();
  proxy.on('connect', (_, near: net.Socket) => near.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;
  for (const why of ['it answered with status 403', 'ECONNREFUSED']) {
    const { code, stderr } = await example('tunnel', 'wss://localhost:8443', `http://${host}`).outcome;
    assert.is(stderr, `no tunnel through the proxy ${host}: ${why}\n`);
    assert.is(code, 1);
    // The second time it is not there.
    proxy.close();
    proxy.closeAllConnections();
  }
});

examples('reconnect waits for a server that is not there yet, and comes back when it is gone', async () => {
  const { server: first, port } = await startServer();
  await first.close();
  const stop = new AbortController();
  const reasons: string[] = [];
  const loop = stayConnected(
    `wss://localhost:${port}`,
    { ...clientCredentials(), signal: stop.signal },
    { base: 5, cap: 20, onRetry: (reason) => reasons.push((reason as { code: string | number }).code.toString()) },
  );
  const opening = loop.next();
  while (reasons.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  const server = createServer(serverCredentials());
  await server.listen({ port });
  const opened = (await opening).value as Connection;
  assert.is(opened.readyState, 'open');
  assert.equal([...new Set(reasons)], ['connection-refused']);
  const openingAgain = loop.next();
  await server.close();
  assert.is((await opened.closed).code, 1001);
  const again = createServer(serverCredentials());
  await again.listen({ port });
  const reopened = (await openingAgain).value as Connection;
  assert.is.not(reopened, opened);
  assert.ok(reasons.includes('1001'));
  // The signal closes the connection that is open, and ends the loop.
  const last = loop.next();
  stop.abort();
  assert.is((await last).done, true);
  assert.is((await reopened.closed).wasClean, true);
  await again.close();
});

examples('reconnect is ended by its signal while it waits', async () => {
  const { server, port } = await startServer();
  await server.close();
  const stop = new AbortController();
  const options = { ...clientCredentials(), signal: stop.signal };
  const loop = stayConnected(`wss://localhost:${port}`, options, {
    base: 3_600_000,
    cap: 3_600_000,
    random: () => 1,
    onRetry: () => setImmediate(() => stop.abort()),
  });
  assert.is((await loop.next()).done, true);
});

examples('reconnect gives up where waiting cannot help', async () => {
  const { server, url } = await startServer({ authorize: () => false });
  const { servers, ca } = kit();
  const misnamed = createServer({ ca: ca.cert, cert: servers.wrongHost.cert, key: servers.wrongHost.key });
  const { port } = await misnamed.listen({ port: 0 });
  try {
    const attempts = [
      { to: url, options: clientCredentials(), code: 'http-status' },
      { to: `wss://localhost:${port}`, options: clientCredentials(), code: 'server-name-mismatch' },
      { to: url, options: { ...clientCredentials(), ca: '' }, code: 'pem-empty' },
    ];
    for (const { to, options, code } of attempts) {
      await stayConnected(to, options, { onRetry: () => assert.unreachable(code) })
        .next()
        .then(
          () => assert.unreachable(code),
          (error) => assert.is(error.code, code),
        );
    }
  } finally {
    await server.close();
    await misnamed.close();
  }
  assert.is(isHopeless(new UsageError('x', 'x')), true);
  assert.is(isHopeless(new PeerIdentityError('x', 'x', { certain: false })), false);
  assert.is(isHopeless(new HandshakeError('http-status', 'x', { httpStatus: 503 })), false);
  assert.is(isHopeless(new HandshakeError('http-status', 'x', { httpStatus: 429 })), false);
});

examples('reconnect waits a random time below min(cap, base · 2^attempt)', () => {
  const most = (attempt: number): number => backoffDelay(attempt, { base: 100, cap: 1000, random: () => 1 });
  assert.equal([0, 1, 2, 3, 4, 5, 2000].map(most), [100, 200, 400, 800, 1000, 1000, 1000]);
  assert.is(backoffDelay(3, { random: () => 0 }), 0);
  for (let i = 0; i < 100; i++) assert.ok(backoffDelay(2) <= 1000);
});

examples('reconnect runs as a program, says why it tries again, and ends in peace on SIGTERM', async () => {
  const { pki } = files();
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const program = example('reconnect', `wss://localhost:${port}`);
  try {
    await program.match('stdout', /open\nhere again\n/);
    for (const connection of server.connections) void connection.close(4000, 'come\nback');
    await program.match('stderr', /^closed with 4000 'come\\nback'; trying again in \d+ ms\n/);
    await program.match('stdout', /open\nhere again\nopen\nhere again\n/);
    program.child.kill('SIGTERM');
    assert.is((await program.outcome).code, 0);
  } finally {
    await end(program);
    await server.close();
  }
});

examples('conformance-client goes through the cases that mtls-ws conformance client hands out', async () => {
  const args = ['conformance', 'client', '--host', 'localhost', ...files().server, '--case', 'control/ping-*5'];
  const runner = start(args);
  const [, url] = await runner.match('stdout', /^ask at (wss:\/\/localhost:\d+\/next)\n/);
  const driver = await example('conformance-client', url!).outcome;
  assert.is(driver.stderr, '');
  assert.match(driver.stdout.toString(), /^[1-9]\d* cases\n$/);
  const { code, stdout } = await runner.outcome;
  assert.match(stdout.toString(), /\nconforms: /);
  assert.is(code, 0);
});

examples('cluster.ts listens in several processes, replaces them while clients go on, and ends with 1001', async () => {
  // Below those that the system gives to others; one for each process that runs this test.
  const port = 20_000 + (process.pid % 12_000);
  const program = example('cluster', String(port), '2');
  try {
    await program.match('stdout', /2 workers listen on/);
    const url = `wss://localhost:${port}/`;
    const workerOf = async (connection: Connection): Promise<string> => {
      const answer = once(connection, 'message');
      connection.send('who?');
      return /^worker (\d+): who\?$/.exec(String((await answer)[0]))![1]!;
    };
    const open = await Promise.all(Array.from({ length: 8 }, () => connect(url, credentials())));
    const before = new Set(await Promise.all(open.map(workerOf)));
    assert.is(before.size, 2, 'both have clients');

    // A worker resumes the session that another one made: they share the key of the tickets.
    let maker = '';
    let isShared = false;
    for (let tries = 0; tries < 20 && !isShared; tries++) {
      const connection = await connect(url, { ...credentials(), sessionResumption: true });
      const worker = await workerOf(connection);
      isShared = connection.peer.tls.resumed && worker !== maker;
      maker = worker;
      await connection.close();
    }
    assert.ok(isShared);

    program.child.kill('SIGHUP');
    const ends = await Promise.all(open.map(({ closed }) => closed));
    assert.ok(ends.every(({ code }) => code === 1001));
    await program.match('stdout', /all workers are new/);
    const fresh = await connect(url, credentials());
    assert.not(before.has(await workerOf(fresh)));

    // One that is killed is replaced.
    process.kill(Number(await workerOf(fresh)), 'SIGKILL');
    assert.is((await fresh.closed).code, 1006);
    await program.match('stderr', /worker \d+ died, another one takes its place/);
    const again = await connect(url, credentials());
    program.child.kill('SIGTERM');
    assert.is((await again.closed).code, 1001);
    assert.is((await program.outcome).code, 0);
  } finally {
    await end(program);
  }
});

examples('cluster.ts ends when its port is taken, and says so', async () => {
  const taken = net.createServer().listen(0);
  await once(taken, 'listening');
  const program = example('cluster', String((taken.address() as net.AddressInfo).port), '2');
  try {
    const { code, stderr } = await program.outcome;
    assert.is(code, 1);
    assert.match(stderr, /EADDRINUSE/);
  } finally {
    taken.close();
    await end(program);
  }
});

examples.run();
