/** Runs each target for a moment, from a fixed seed; and shows that the driver finds what there is to find. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { root } from '../support/readme.js';
import { suite } from '../support/suite.js';
import { fuzz } from './driver.js';
import { seedsOf } from './seeds.js';
import { BrokenInvariant, type Target } from './target.js';
import { targets } from './targets.js';

const targetsHold = suite('fuzzing: a moment of each target');

/** Inputs of each target that are quick to make and to run, and of the others. */
const executions = 1_500;
const slow: Readonly<Record<string, number>> = { certificate: 400, der: 400, deflate: 600, arguments: 600, rule: 600 };

for (const [name, load] of Object.entries(targets)) {
  targetsHold(`${name} keeps its invariants (seed 1)`, async () => {
    const target = await load();
    const missing = target.unavailable?.();
    if (missing !== undefined) {
      console.error(`SKIPPED: fuzzing of ${name}: ${missing}`);
      return;
    }
    assert.is(target.name, name);
    const { fault, executions: run } = await fuzz(target, {
      seed: 1,
      executions: slow[name] ?? executions,
      seeds: seedsOf(name),
    });
    assert.is(fault && `${fault.error}: ${fault.input.toString('hex')}`, undefined);
    assert.ok(run >= (slow[name] ?? executions));
  });
}

targetsHold('has seeds and a page for each target, and each file is one', () => {
  const names = Object.keys(targets).sort();
  const filesOf = (directory: string, extension: string): string[] =>
    readdirSync(join(root, 'test/fuzz', directory))
      .map((file) => basename(file, extension))
      .sort();
  assert.equal(filesOf('targets', '.ts'), names);
  assert.equal(filesOf('seeds', '.json'), names);
  const page = readFileSync(join(root, 'docs/fuzzing.md'), 'utf8');
  for (const name of names) assert.ok(page.includes(`| \`${name}\` |`), name);
});
targetsHold.run();

const driver = suite('fuzzing: the driver');

/** Fails for an `x` that comes somewhere before a `y`. */
function brokenTarget(maxBytes = 64): Target {
  return {
    name: 'broken',
    covers: [],
    maxBytes,
    generate(random, input) {
      const length = random.below(maxBytes);
      for (let index = 0; index < length; index++) input[index] = random.next();
      return length;
    },
    run(input, length) {
      const x = input.indexOf('x');
      const y = input.subarray(0, length).lastIndexOf('y');
      if (x >= 0 && x < y) throw new BrokenInvariant('no x comes before a y');
      return length;
    },
  };
}

driver('finds the input that breaks an invariant, and makes it as small as it gets', async () => {
  const { fault } = await fuzz(brokenTarget(), { seed: 1, executions: 1_000_000, seeds: [] });
  assert.ok(fault?.error instanceof BrokenInvariant);
  assert.is(fault.input.toString(), 'xy');
  assert.ok(fault.found.length > 2);
});

driver('does the same again from the same seed', async () => {
  const run = async (seed: number): Promise<string | undefined> =>
    (await fuzz(brokenTarget(), { seed, executions: 1_000_000, seeds: [] })).fault?.found.toString('hex');
  assert.is(await run(7), await run(7));
  assert.is.not(await run(7), await run(8));
});

driver('begins with its seeds, and tells when one of them is at fault', async () => {
  const seed = Buffer.from('__x__y__');
  const { fault, executions: run } = await fuzz(brokenTarget(), { seed: 1, executions: 10, seeds: [seed] });
  assert.is(run, 1);
  assert.equal(fault?.found, seed);
  assert.is(fault?.input.toString(), 'xy');
});

driver('stops after so many executions, and keeps what had an outcome of its own', async () => {
  const lengths: Target = { ...brokenTarget(20), run: (_, length) => length };
  const result = await fuzz(lengths, { seed: 1, executions: 5_000, seeds: [] });
  assert.is(result.executions, 5_000);
  assert.is(result.outcomes, 21);
  assert.equal(
    result.kept.map((input) => input.length).sort((a, b) => a - b),
    Array.from({ length: 21 }, (_, length) => length),
  );
});

driver('takes an input that takes too long for a fault', async () => {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const lazy: Target = {
    ...brokenTarget(8),
    run(input, length) {
      if (input.subarray(0, length).includes(7)) Atomics.wait(sleeper, 0, 0, 60);
      return 0;
    },
  };
  const { fault } = await fuzz(lazy, { seed: 1, executions: 10, seeds: [Buffer.of(1, 7)], mostTime: 50 });
  assert.match(String(fault?.error), /no input takes too long/);
  assert.equal(fault?.input, Buffer.of(7));
});

/** Runs a compiled program of this folder; not counted by c8, whose counters the driver would set back. */
function run(program: string, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  const file = fileURLToPath(new URL(`${program}.js`, import.meta.url));
  return spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', env });
}

driver('finds a planted fault that only coverage leads to, makes it small, and says how to have it again', () => {
  const guided = run('planted', '--seed', '5', '--executions', '3000000');
  assert.is(guided.status, 1, guided.stderr);
  assert.match(guided.stdout, /FAULT in planted, execution \d+ of seed 5\nRangeError: planted/);
  assert.match(guided.stdout, /\nminimized 4 bytes {2}7b01fe7d\n/);
  assert.match(guided.stdout, /\nnpm run fuzz -- --target planted --input 7b01fe7d\n$/);
  const again = run('planted', '--target', 'planted', '--input', '7b01fe7d');
  assert.is(again.status, 1);
  assert.match(again.stdout, /^RangeError: planted/);
  const blind = run('planted', '--seed', '5', '--executions', '200000', '--no-coverage');
  assert.is(blind.status, 0, blind.stdout);
});

driver('tells executions, speed and the blocks that were hit', () => {
  const { status, stdout } = run('main', '--target', 'utf8', '--seed', '3', '--executions', '2000');
  assert.is(status, 0);
  assert.match(stdout, /^seed 3, /);
  const [, hit, all] = /^utf8 +2,000 +[\d,]+ +(\d+) \/ (\d+) \d+ % +\d+ +\d+ +[\d.]+ ms$/m.exec(stdout) ?? [];
  assert.ok(Number(hit) > 50 && Number(hit) <= Number(all), stdout);
});

driver('lists the targets with their invariants, and refuses what it does not understand', () => {
  const list = run('main', '--list');
  assert.is(list.status, 0);
  for (const name of Object.keys(targets)) assert.match(list.stdout, new RegExp(`^${name}\\n {2}\\S.{60,}$`, 'm'));
  for (const args of [
    ['--target', 'nothing'],
    ['--seconds', 'soon'],
    ['--input', 'xyz'],
    ['--input', '00'],
    ['--what'],
  ]) {
    const { status, stdout, stderr } = run('main', ...args);
    assert.is(status, 2, args.join(' '));
    assert.is(stdout, '');
    assert.ok(stderr.length > 10);
  }
});

driver.run();
