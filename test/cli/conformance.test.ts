import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { allCases } from '../../src/conformance/index.js';
import { createServer } from '../../src/index.js';
import { suite } from '../support/suite.js';
import { files, run, temporaryDirectory } from './program.js';

const conformance = suite('mtls-ws conformance');

conformance('tests a server, and shows a table and what it comes to', async () => {
  const { pki } = files();
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const args = ['conformance', 'server', `wss://localhost:${port}/`, ...files().client];
  try {
    const { code, stdout, stderr } = await run([
      ...args,
      '--case',
      'control/ping-1*',
      '--chunking',
      'all',
      '--repeat',
      '2',
    ]);
    assert.is(stderr, '');
    assert.match(stdout.toString(), /^group +passed +weak +failed +noted +skipped +broken\ncontrol +\d+ +· +· /);
    assert.match(stdout.toString(), /\nconforms: \d+ runs of cases, \d+ passed.*, in \d+\.\d s\n$/);
    assert.is(code, 0);
  } finally {
    await server.close({ deadline: 0 });
  }
});

conformance('tells each failure, and ends with 1', async () => {
  const { pki } = files();
  // Does not echo.
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
  server.on('connection', (connection) => connection.on('message', () => connection.send('another')));
  const { port } = await server.listen({ port: 0 });
  const args = ['conformance', 'server', `wss://localhost:${port}/`, ...files().client, '--timeout', '2'];
  try {
    const { code, stdout } = await run([...args, '--case', 'control/pong-unasked']);
    assert.match(
      stdout.toString(),
      /\nFAILED control\/pong-unasked \(server\)\n {2}.* \(MUST, RFC 6455 §5\.5\.3\)\n {4}expected a text message/,
    );
    assert.match(stdout.toString(), /\nDOES NOT CONFORM: 1 run of a case, 1 failed/);
    assert.is(code, 1);
  } finally {
    await server.close({ deadline: 0 });
  }
});

conformance('says in one line that a server cannot be reached', async () => {
  const { code, stdout, stderr } = await run(['conformance', 'server', 'wss://localhost:1/', ...files().client]);
  assert.match(stderr, /^mtls-ws conformance server: cannot connect to localhost:1: .*ECONNREFUSED.*\n$/);
  assert.is(stdout.length, 0);
  assert.is(code, 1);
});

conformance('gives up on clients that do not come', async () => {
  const { code, stdout } = await run(['conformance', 'client', '--wait', '0.1', '--case', 'control/pong-unasked']);
  assert.match(stdout.toString(), /broken 1 of control: no client asked for it in 100 ms/);
  assert.is(code, 1);
});

conformance('tests this package, both ends', async () => {
  const { code, stdout } = await run(['conformance', 'self', '--group', 'masking', '--strict', '--verbose']);
  assert.match(stdout.toString(), /\nmasking \(server\) +\d/);
  assert.match(stdout.toString(), /\nmasking \(client\) +\d/);
  assert.match(stdout.toString(), /\nconforms \(strict\): /);
  assert.is(code, 0);
});

conformance('writes the reports that are asked for', async () => {
  const directory = temporaryDirectory();
  const [json, junit, html] = ['r.json', 'r.xml', 'r.html'].map((name) => join(directory, name));
  const reports = ['--report-json', json!, '--report-junit', junit!, '--report-html', html!];
  const { code, stderr } = await run(['conformance', 'self', '--case', 'control/ping-125', ...reports]);
  assert.is(code, 0, stderr);
  const report = JSON.parse(readFileSync(json!, 'utf8'));
  assert.equal([report.schema, report.run.target, report.summary.byVerdict.passed], [1, 'both', 2]);
  assert.equal(report.run.options, { case: ['control/ping-125'] });
  // The last frame of the peer: a close frame with 1000, from a server not masked.
  assert.ok(report.results[0].events.some((event: { hex?: string }) => event.hex === '880203e8'));
  assert.match(
    readFileSync(junit!, 'utf8'),
    /^<testsuites name="mtls-ws conformance" tests="2" failures="0" errors="0" /m,
  );
  assert.match(readFileSync(html!, 'utf8'), '<h1>Conforms</h1>');
});

conformance('refuses a report that cannot be written, before anything is run', async () => {
  const file = join(temporaryDirectory(), 'missing', 'r.json');
  const { code, stdout, stderr } = await run(['conformance', 'self', '--report-json', file]);
  assert.match(
    stderr,
    /^mtls-ws conformance self: --report-json \S+ cannot be written: no such file; name a file in a dir/,
  );
  assert.is(stdout.length, 0);
  assert.is(code, 2);
});

conformance('lists the cases', async () => {
  const all = (await run(['conformance', 'list'])).stdout.toString().trimEnd().split('\n');
  assert.is(all.length, allCases().length);
  for (const line of all) assert.match(line, /^\S+\/\S+ +(?:MUST|SHOULD|INFO) +RFC \d+ §\S+ +\S/);
  const some = (await run(['conformance', 'list', '--group', 'control', '--case', '*ping-1'])).stdout.toString();
  assert.match(some, /^control\/ping-1 +MUST/);
  assert.ok(some.trimEnd().split('\n').length < 5, some);
});

conformance('refuses what makes no run with exit code 2', async () => {
  const file = join(temporaryDirectory(), 'c.json');
  writeFileSync(file, '{}');
  const attempts: ReadonlyArray<readonly [args: readonly string[], line: RegExp]> = [
    [['server', 'wss://localhost/'], /ca: a wss: server is verified against it/],
    [['server', 'ftp://localhost/', ...files().client], /is neither wss: nor ws:/],
    [['server', 'wss://localhost/', '--cert', 'x'], /--cert and --key belong together/],
    [['server', 'ws://localhost/', '--group', 'none'], /"none" is no group; give one of opening, /],
    [['server', 'ws://localhost/', '--case', 'none'], /no case for a server has such a group and id/],
    [['server', 'ws://localhost/', '--chunking', 'none'], /give whole, octets, random, random:SEED or all/],
    [['server', 'ws://localhost/', '--parallel', '0'], /give a count from 1 on/],
    [['client', '--ca', join(files().directory, 'ca.pem')], /cert: TLS needs one/],
  ];
  const outcomes = await Promise.all(attempts.map(([args]) => run(['conformance', ...args])));
  for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
    assert.match(stderr, attempts[index]![1]);
    assert.is(stderr.split('\n').length, 2, stderr);
    assert.is(stdout.length, 0);
    assert.is(code, 2);
  }
});

conformance.run();
