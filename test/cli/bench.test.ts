import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/bench/histogram.js';
import { createServer } from '../../src/index.js';
import { suite } from '../support/suite.js';
import { files, run, start } from './program.js';

const bench = suite('mtls-ws bench');

interface Report {
  readonly results: ReadonlyArray<{
    row: string;
    subject: string;
    perSecond: number;
    cpuUs: number | null;
    p50Us: number;
  }>;
}

bench('measures this package and TLS alone with nothing to configure, in 80 columns', async () => {
  const { code, stdout, stderr } = await run(['bench', '--seconds', '0.05']);
  const text = stdout.toString();
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  for (const line of text.split('\n')) assert.ok([...line].length <= 80, line);
  assert.not.match(text, /NaN|undefined|Infinity/);
  for (const row of ['C 16 B', 'C 1 KiB', 'C 64 KiB', 'W64 125 B', 'M 125 B', 'L 125 B', 'connecting']) {
    assert.match(text, new RegExp(`^${row} +TLS alone +\\d+ .*\\n +mtls-ws +\\d+ .* × \\d`, 'm'));
  }
});

bench('measures a server that is named, with its CPU time, as JSON', async () => {
  const { server, client } = files();
  const served = start(['serve', '--port', '0', ...server]);
  try {
    const [, url] = await served.match('stdout', /listening on (wss:.*)\n/);
    const load = ['--size', '70000', '--connections', '3', '--in-flight', '2', '--text', '--seconds', '0.1'];
    const pid = ['--pid', String(served.child.pid)];
    const { code, stdout, stderr } = await run(['bench', url!, ...client, ...load, ...pid, '--json']);
    assert.is(code, 0, stderr);
    const { results } = JSON.parse(stdout.toString()) as Report;
    assert.is(results.length, 1);
    const [result] = results;
    assert.is(result!.row, '70000 B');
    assert.ok(result!.perSecond > 0 && result!.p50Us > 0);
    if (process.platform === 'linux') assert.ok(result!.cpuUs! > 0);
  } finally {
    served.child.kill();
    await served.outcome;
  }
});

bench('ends with exit code 1 when one byte comes back wrong, and says which', async () => {
  const { pki, client } = files();
  const { ca, server } = pki;
  const options = { ca: ca.cert, cert: server.cert, key: server.key, requestCert: true, ALPNProtocols: ['http/1.1'] };
  const liar = tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (request: Buffer) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(request.toString())![1]!;
      void import('../../src/handshake/index.js').then(({ acceptFor }) => {
        const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(key)}`;
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`);
        socket.on('data', () => socket.write(Buffer.from([0x82, 2, 0])));
      });
    });
  });
  liar.listen(0, '127.0.0.1');
  await once(liar, 'listening');
  const { port } = liar.address() as { port: number };
  try {
    const { code, stderr } = await run([
      'bench',
      `wss://localhost:${port}/`,
      ...client,
      '--size',
      '1',
      '--seconds',
      '1',
    ]);
    assert.is(code, 1);
    assert.match(stderr, /^mtls-ws bench: the echo differs at byte 1 of the connection: 0x2 came, 0x1 expected\n$/);
  } finally {
    liar.close();
  }
});

bench('says in one line what is wrong with the server or the command line', async () => {
  const { client } = files();
  const unreachable = await run(['bench', 'wss://127.0.0.1:1/', ...client, '--seconds', '0.1']);
  assert.is(unreachable.code, 1);
  assert.match(unreachable.stderr, /^mtls-ws bench: .*127\.0\.0\.1:1.*\n$/);
  for (const [args, expected] of [
    [['wss://localhost/'], /--ca, --cert and --key are needed with a URL/],
    [['http://localhost/', ...client], /is no wss: URL/],
    [['--size', 'big'], /--size/],
    [['--in-flight', '0'], /--in-flight/],
  ] as const) {
    const { code, stderr } = await run(['bench', ...args]);
    assert.is(code, 2, stderr);
    assert.match(stderr, expected);
  }
});

bench('can be stopped, and prints what it has', async () => {
  const { pki, client } = files();
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const running = start(['bench', `wss://localhost:${port}`, ...client, '--seconds', '30', '--size', '10']);
  server.on('connection', (connection) => {
    connection.handleMessages((bytes, begin, end, isText) => void connection.sendRange(bytes, begin, end, isText));
    // By then the 0.3 s are over in which nothing is counted.
    setTimeout(() => running.child.kill('SIGINT'), 1_500);
  });
  try {
    const { code, stdout } = await running.outcome;
    assert.is(code, 0);
    assert.match(stdout.toString(), /10 B +localhost:\d+ +\d+/);
    assert.match(stdout.toString(), /It was stopped/);
  } finally {
    await server.close();
  }
});

bench('can be stopped with the servers that it has started', async () => {
  const running = start(['bench', '--seconds', '30']);
  setTimeout(() => running.child.kill('SIGINT'), 2_500);
  const { code, stdout } = await running.outcome;
  assert.is(code, 0);
  assert.match(stdout.toString(), /It was stopped/);
});

bench('can stand in for the load in C', () => {
  const load = fileURLToPath(new URL('../../bench/load/javascript.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [load, 'idle', '--port', '1', ...files().client], {
    encoding: 'utf8',
  });
  assert.is(status, 1);
  assert.is(stderr, 'load: only the load in C does this\n');
});

bench.run();

const counting = suite('latencies, counted');

counting('gives percentiles that are right to 1 %', () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 10_000; us++) histogram.record(us);
  for (const [fraction, expected] of [
    [0.5, 5000],
    [0.99, 9900],
    [0.999, 9990],
  ] as const) {
    assert.ok(Math.abs(histogram.percentile(fraction) / expected - 1) < 0.01, String(histogram.percentile(fraction)));
  }
  assert.is(histogram.total, 10_000);
  assert.is(histogram.most, 10_000);
  histogram.clear();
  assert.is(histogram.percentile(0.5), 0);
  histogram.record(1e12);
  histogram.record(0);
  assert.is(histogram.total, 2);
});

counting.run();
