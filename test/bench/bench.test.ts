import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { measureCodec } from '../../bench/codec.js';
import { measureCompression } from '../../bench/compression.js';
import { measureEcho } from '../../bench/echo.js';
import { measureHandshakes } from '../../bench/handshake.js';
import { describeMachine, describeVersions } from '../../bench/machine.js';
import { loadBufferutil, loadWs } from '../../bench/peers.js';
import { type Report, reportFormat } from '../../bench/report.js';
import type { Settings } from '../../bench/settings.js';
import { quantile, ratio, summarize, verdict } from '../../bench/statistics.js';
import { availableSubjects } from '../../bench/subject.js';
import { formatReport } from '../../bench/table.js';
import { createBlock } from '../../bench/wire.js';
import { suite } from '../support/suite.js';

const tiny: Settings = {
  rounds: 1,
  echoSample: 5,
  echoWarmup: 1,
  echoSizes: [125],
  codecSample: 0.05,
  codecRounds: 1,
  handshakes: 2,
};

const quiet = (): void => {};

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url));
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
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

benchmarks('measure every subject that is installed, and report it in 80 columns and in JSON', async () => {
  const report: Report = {
    format: reportFormat,
    date: new Date(0).toISOString(),
    machine: describeMachine(),
    versions: describeVersions(),
    settings: tiny,
    codec: await measureCodec(tiny, quiet),
    compression: await measureCompression(tiny, quiet),
    echo: await measureEcho(tiny, quiet),
    handshake: await measureHandshakes(tiny, quiet),
  };
  const subjects = availableSubjects();
  assert.is(subjects.includes('ws'), loadWs() !== undefined);
  assert.is(subjects.includes('ws+bufferutil'), loadBufferutil() !== undefined);
  assert.is(report.echo!.length, 2 * tiny.echoSizes.length * subjects.length);
  assert.is(report.handshake!.length, 2 * availableSubjects(['raw', 'ours', 'ws']).length);

  const numbers: number[] = [];
  const json = JSON.stringify(report, (_key, value: unknown) => {
    if (typeof value === 'number') numbers.push(value);
    return value;
  });
  assert.equal(JSON.parse(json), report);
  assert.ok(numbers.every((number) => Number.isFinite(number) && number >= 0));
  assert.ok(report.codec!.every(({ nanoseconds }) => nanoseconds.median > 0));
  assert.is(report.compression!.length, 6 * (loadWs() === undefined ? 3 : 5));
  assert.ok(report.echo!.every(({ rate }) => rate.median > 0));

  const lines = formatReport(report).split('\n');
  for (const line of lines) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
  if (loadWs() === undefined) console.log('ws is not installed in bench/: measured without it');
});

benchmarks.run();
