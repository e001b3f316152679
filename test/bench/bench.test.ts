import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Bed } from '../../bench/bed.js';
import { charts } from '../../bench/charts.js';
import { measureCodec } from '../../bench/codec.js';
import { measureCompression } from '../../bench/compression.js';
import { buildLoad } from '../../bench/load/build.js';
import { type EchoFigures, type Files, Generator, type HandshakeFigures } from '../../bench/load/generator.js';
import { describeMachine, describeVersions } from '../../bench/machine.js';
import { markdown, renewed, shownRatio } from '../../bench/markdown.js';
import { measureEcho, measureFairness, measureHandshakes, measureIdle, measureSend } from '../../bench/measure.js';
import { benchFolder, loadWs } from '../../bench/peers.js';
import { type Report, reportFormat } from '../../bench/report.js';
import { type EchoRow, echoRows, handshakeRows, loadOptions } from '../../bench/rows.js';
import { quickSettings, type Settings } from '../../bench/settings.js';
import { quantile, ratio, summarize, verdict } from '../../bench/statistics.js';
import { subjects } from '../../bench/subjects/registry.js';
import { createBlock } from '../../bench/wire.js';
import { clientCredentials, serverCredentials, until } from '../support/ends.js';
import { suite } from '../support/suite.js';

const tiny: Settings = {
  ...quickSettings,
  seconds: 0.1,
  warmup: 0.05,
  handshakes: 24,
  idleConnections: 120,
  sendShare: 0.2,
  codecSample: 0.05,
  codecRounds: 1,
};

const quiet = (): void => {};

const mainScript = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [mainScript, ...args], { encoding: 'utf8' });
}

const statistics = suite('statistics of the benchmarks');

statistics('takes the median and the range of the rounds', () => {
  assert.equal(summarize([3, 1, 2, 10]), { median: 2.5, low: 1, high: 10 });
  assert.is(quantile([0, 10], 0.25), 2.5);
});

statistics('divides round by round', () => {
  assert.equal(ratio([2, 40, 6], [1, 10, 2]), { median: 3, low: 2, high: 4 });
});

statistics('calls nothing a difference on which the rounds do not agree, or of which there are too few', () => {
  assert.is(verdict({ median: 0.5, low: 0.4, high: 0.9 }, 5), 'less');
  assert.is(verdict({ median: 2, low: 1.1, high: 3 }, 5), 'more');
  assert.is(verdict({ median: 2, low: 0.9, high: 3 }, 5), 'no difference');
  assert.is(verdict({ median: 2, low: 1.1, high: 3 }, 4), 'no difference');
});

statistics.run();

const load = suite('load of the benchmarks (RFC 6455 §5.2, §5.3)');

load('masks what is sent, and expects its payload back, at each form of the length', () => {
  for (const [size, header] of [
    [16, 2],
    [125, 2],
    [126, 4],
    [65535, 4],
    [65536, 10],
  ] as const) {
    const { frames, sent, echo } = createBlock(size, 2);
    assert.is(frames, 2);
    assert.is(sent.length, 2 * (header + 4 + size));
    assert.is(echo.length, 2 * (header + size));
    assert.is(sent[1]! & 0x80, 0x80);
    for (const at of [0, 1, 2, 3, size - 1]) {
      assert.is(sent[header + 4 + at]! ^ sent[header + (at & 3)]!, echo[header + at]);
    }
  }
});

load.run();

const benchmarks = suite('benchmarks');

benchmarks('say how they are called', () => {
  const { status, stdout } = run('--help');
  assert.is(status, 0);
  assert.match(stdout, /^Usage: npm run bench/);
  assert.ok(stdout.split('\n').every((line) => line.length <= 80));
});

benchmarks('refuse an unknown name and an unknown option with exit code 2', () => {
  assert.is(run('--only', 'everything').status, 2);
  assert.is(run('--fast').status, 2);
});

const named = (...ids: readonly string[]) =>
  subjects
    .filter(({ id }) => ids.includes(id))
    .map((subject) => ({ subject, binary: process.execPath, node: process.versions.node.split('.')[0]! }));

/** A server that answers an upgrade, and then says other bytes than it is sent. */
async function lyingServer(): Promise<tls.Server> {
  const server = tls.createServer({ ...serverCredentials(), requestCert: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n');
      socket.on('data', () => socket.write(Buffer.alloc(100, 0x82)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

benchmarks(
  'measure raw node:tls and this package in every scenario, and report it',
  async () => {
    const bed = new Bed();
    try {
      if (bed.withoutC !== undefined) console.log(`THE LOAD IN C WAS NOT TESTED: ${bed.withoutC}`);
      const entries = named('raw', 'ours', 'ours-message', 'ours-public');
      const rows = [];
      // Every scenario and every kind, most of them at one size.
      const isWanted = ({ size, kind }: EchoRow): boolean => size === (kind === 'compressed' ? 1024 : 125);
      for (const row of echoRows.filter((one) => isWanted(one) || one.size === 1024 * 1024)) {
        // The other two forms of ours in one scenario.
        const able = entries.filter(({ subject }) =>
          row.kind === 'compressed'
            ? subject.compresses && subject.kind === 'ws'
            : ['raw', 'ours'].includes(subject.id) || row.scenario === 'L',
        );
        rows.push(...(await measureEcho(bed, row, able, 1, tiny, quiet)));
      }
      const handshakes = [];
      const connecting = bed.withoutC === undefined ? ['raw', 'raw-answer', 'ours'] : ['raw', 'ours'];
      for (const row of handshakeRows.filter(({ concurrency }) => concurrency === 8)) {
        handshakes.push(...(await measureHandshakes(bed, row, named(...connecting), tiny, quiet)));
      }
      assert.is(handshakes.length, 4 * connecting.length, 'all, in TLS 1.3 and 1.2, full and resumed');
      for (const { subject, ratioToAnswer } of bed.withoutC === undefined ? handshakes : []) {
        if (subject === 'raw-answer') assert.equal(ratioToAnswer, { median: 1, low: 1, high: 1 });
        else assert.ok(ratioToAnswer!.median > 0);
      }
      const script = fileURLToPath(new URL('subjects/send.mjs', benchFolder));
      const send = await measureSend(
        bed,
        { size: 1024, count: 100_000, target: 1 },
        [
          { id: 'raw', args: [script, 'raw'] },
          { id: 'ours', args: [script, 'ours'] },
        ],
        tiny,
        quiet,
      );
      const idle = await measureIdle(bed, named('raw', 'ours'), tiny, quiet);
      const fairness = await measureFairness(bed, named('ours'), { ...tiny, seconds: 0.05 }, quiet);
      const report: Report = {
        format: reportFormat,
        date: new Date(0).toISOString(),
        command: 'npm test',
        generator: bed.generator.name,
        machine: describeMachine(),
        versions: describeVersions(),
        settings: tiny,
        subjects: subjects.map(({ id, label, note }) => ({ id, label, version: '', note })),
        rows,
        handshakes,
        send,
        idle,
        fairness,
        startup: [],
        codec: await measureCodec(tiny, quiet),
        compression: await measureCompression(tiny, quiet),
      };
      assert.is(rows.filter(({ scenario, size }) => scenario === 'L' && size === 125).length, 4);
      for (const row of rows) assert.ok(row.cpuUs.median > 0 && row.perSecond.median > 0, JSON.stringify(row));
      for (const { subject, ratioToRaw } of rows.filter(({ kind }) => kind === 'binary')) {
        if (subject === 'raw') assert.equal(ratioToRaw, { median: 1, low: 1, high: 1 });
        else assert.ok(ratioToRaw!.median > 0);
      }

      assert.is(report.compression.length, 6 * (loadWs() === undefined ? 3 : 5));
      const text = markdown(report);
      assert.match(text, /\| C 125 B \| /);
      assert.match(text, /\| TLS 1\.3, resumed, 8 at a time \| /);
      assert.is(/.{0,80}(NaN|undefined|Infinity).*/.exec(text)?.[0], undefined);
      const drawn = charts(report);
      assert.equal([...drawn.keys()], ['cpu.svg', 'throughput.svg', 'ratio.svg', 'latency.svg']);
      for (const chart of drawn.values()) assert.not.match(chart, /.{30}(NaN|undefined|Infinity)/);
    } finally {
      bed.close();
    }
  },
  { deadline: 120_000 },
);

benchmarks('measure the same where there is no C compiler', async () => {
  const bed = new Bed();
  try {
    const script = fileURLToPath(new URL('../../bench/load/javascript.js', import.meta.url));
    const generator = new Generator('javascript', [process.execPath, script], bed.clientFiles);
    for (const { subject } of named('raw', 'ours')) {
      const server = await bed.server(subject);
      const kind = subject.kind === 'raw' ? 'raw' : 'binary';
      const echo = { ...loadOptions(echoRows[1]!), kind, warmup: 0.05, seconds: 0.1 };
      const figures = await generator.run<EchoFigures>('echo', server, echo);
      assert.is(figures.generator, 'javascript');
      assert.ok(figures.messages > 0 && figures.cpuNs > 0, JSON.stringify(figures));
      const handshakes = { kind: subject.kind, tls: '1.3', mode: 'full', concurrency: 1 };
      assert.ok((await generator.run<HandshakeFigures>('handshake', server, handshakes)).count > 0);
    }
  } finally {
    bed.close();
  }
});

benchmarks('leave no process and no file behind when they are stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-'));
  try {
    const child = spawn(process.execPath, [mainScript, '--only', 'echo', '--subject', 'ours'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let told = '';
    for await (const chunk of child.stderr!) {
      told += chunk;
      // Progress is told every five seconds: it may have passed the first row by then.
      if (/\[\d+\/\d+\]/.test(told)) break;
    }
    const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('mtls-ws-bench-'));
    assert.is(left().length, 1);
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.is(code, 143);
    assert.equal(left(), []);
    if (process.platform === 'linux') {
      await until(() => processesWith(`TMPDIR=${folder}`).length === 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/**
 * Returns the processes of this user that have a variable in their environment, but those that are killed and wait for their
 * turn to end: what keeps a core awake may be set aside for long on a busy machine.
 */
function processesWith(variable: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return (
        /^\d+$/.test(name) &&
        readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(variable) &&
        /^ShdPnd:\s*[0-9a-f]*[02468ace][0-9a-f]{2}$/m.test(readFileSync(`/proc/${name}/status`, 'latin1'))
      );
    } catch {
      return false;
    }
  });
}

benchmarks('compare every byte that comes back', async () => {
  const built = buildLoad();
  if ('missing' in built) return console.log(`THE LOAD IN C WAS NOT TESTED: ${built.missing}`);
  const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-'));
  const files = Object.fromEntries(
    Object.entries(clientCredentials()).map(([name, pem]) => {
      writeFileSync(join(folder, name), pem, { mode: 0o600 });
      return [name, join(folder, name)];
    }),
  ) as unknown as Files;
  const server = await lyingServer();
  try {
    const { port } = server.address() as { port: number };
    const target = { port, pid: process.pid, kind: 'ws' } as const;
    await new Generator('c', [built.path], files).run('echo', target, loadOptions(echoRows[1]!)).then(
      () => assert.unreachable(),
      ({ message }: Error) =>
        assert.is(message, 'load: the echo differs at byte 1 of the connection: 0x82 came, 0x7d expected'),
    );
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

benchmarks('draw what the committed results say, in the page about performance too', () => {
  const read = (path: string): string => readFileSync(new URL(path, benchFolder), 'utf8');
  const report = JSON.parse(read('results/latest.json')) as Report;
  assert.is(report.format, reportFormat);
  assert.is(read('results/latest.md'), markdown(report));
  for (const [name, chart] of charts(report)) assert.is(read(`results/${name}`), chart, name);
  const page = read('../docs/performance.md');
  assert.is(page, renewed(page, report));
});

benchmarks('show a ratio as one only when the rounds agree', () => {
  assert.is(shownRatio({ median: 0.5, low: 0.4, high: 0.9 }, 5), '0.50');
  assert.is(shownRatio({ median: 0.98, low: 0.9, high: 1.1 }, 5), '≈ 0.98');
  assert.is(shownRatio(undefined, 5), '–');
});

benchmarks.run();
