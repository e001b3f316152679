/** The command line of the fuzzer: `npm run fuzz -- [--seconds N] [--executions N] [--target NAME] [--seed N] [--list]`; see `help`. */
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.js';
import { type Fault, fuzz, type Progress } from './driver.js';
import { CorpusFile } from './seeds.js';
import { BrokenInvariant, type Target } from './target.js';
import { watch } from './watchdog.js';

export interface Program {
  readonly targets: Readonly<Record<string, () => Promise<Target>>>;
  readonly seedsOf: (name: string) => readonly Buffer[];
  /** The invariants of a target, in a line. */
  readonly rulesOf: (name: string) => string;
}

const help = `npm run fuzz -- [--seconds N] [--executions N] [--target NAME]… [--seed N] [--list]

  --target NAME     fuzzes this target; may be repeated (default: all, one after the other)
  --seconds N       how long each is fuzzed (default 10, without --executions)
  --executions N    how many inputs each is given
  --seed N          what the random numbers follow from, 0 to 4294967295 (default: a new one)
  --no-coverage     asks V8 for no coverage: faster, and blind
  --corpus FILE     starts from the inputs in this file too, and adds those that it keeps
  --missed          tells the blocks that were not hit
  --input HEX       gives one target this input, and nothing else
  --list            says what the targets are, and which invariants they hold
`;

/** Runs the command line and returns its exit code: 0 nothing found, 1 a fault, 2 wrong usage. */
export async function main(args: readonly string[], program: Program): Promise<number> {
  let values: ReturnType<typeof readArguments>;
  try {
    values = readArguments(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`);
    return 2;
  }
  const known = Object.keys(program.targets);
  const names = values.target ?? known;
  const wrong = names.find((name) => !known.includes(name));
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  if (wrong !== undefined) {
    console.error(`there is no target "${wrong}", the targets are ${known.join(', ')}`);
    return 2;
  }
  if (values.list === true) {
    for (const name of known) console.log(`${name}\n  ${program.rulesOf(name)}`);
    return 0;
  }
  if (values.input !== undefined) return replay(names, values.input, program);
  const seed = values.seed ?? Math.floor(Math.random() * 2 ** 32);
  const { executions } = values;
  const seconds = values.seconds ?? (executions === undefined ? 10 : undefined);
  const interrupted = { is: false };
  const interrupt = (): void => {
    interrupted.is = true;
  };
  process.once('SIGINT', interrupt);
  console.log(`seed ${seed}, Node.js ${process.version}${values['no-coverage'] === true ? ', without coverage' : ''}`);
  console.log(heading);
  const corpus = values.corpus === undefined ? undefined : new CorpusFile(values.corpus);
  const coverage = values['no-coverage'] === true ? undefined : new Coverage();
  try {
    for (const name of names) {
      const code = await fuzzOne(name, program, {
        seed,
        seconds,
        executions,
        coverage,
        corpus,
        tellsMissed: values.missed === true,
        interrupted,
      });
      if (code !== 0) return code;
      if (interrupted.is) break;
    }
  } finally {
    coverage?.stop();
    process.removeListener('SIGINT', interrupt);
  }
  return 0;
}

function readArguments(args: readonly string[]): {
  target?: string[];
  seconds?: number;
  executions?: number;
  seed?: number;
  input?: string;
  corpus?: string;
  missed?: boolean;
  list?: boolean;
  help?: boolean;
  'no-coverage'?: boolean;
} {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: 'string', multiple: true },
      seconds: { type: 'string' },
      executions: { type: 'string' },
      seed: { type: 'string' },
      input: { type: 'string' },
      corpus: { type: 'string' },
      missed: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      'no-coverage': { type: 'boolean' },
    },
  });
  const { seconds, executions, seed, ...rest } = values;
  const number = (name: string, text: string | undefined, most: number): Record<string, number> => {
    if (text === undefined) return {};
    const value = Number(text);
    if (text.trim() === '' || !(value >= 0 && value <= most))
      throw new Error(`--${name} is "${text}", not a number up to ${most}`);
    return { [name]: value };
  };
  if (rest.input !== undefined && !/^(?:[0-9a-f]{2})*$/i.test(rest.input)) throw new Error('--input takes hexadecimal');
  return {
    ...rest,
    ...number('seconds', seconds, 10 ** 6),
    ...number('executions', executions, 10 ** 12),
    ...number('seed', seed, 2 ** 32 - 1),
  };
}

const columns = ['target', 'executions', 'per second', 'blocks hit', 'corpus', 'outcomes', 'slowest'] as const;
const widths = [16, 14, 12, 18, 8, 10, 10];
const heading = line([...columns]);

function line(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!))).join('');
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function row(name: string, progress: Progress, coverage: Coverage | undefined): string {
  const { executions, seconds, corpus, outcomes, slowest } = progress;
  const { hit, all } = coverage?.blocks ?? { hit: 0, all: 0 };
  const blocks = coverage === undefined ? '–' : `${hit} / ${all} ${((100 * hit) / Math.max(1, all)).toFixed(0)} %`;
  const rate = executions / Math.max(seconds, 0.001);
  return line([
    name,
    count(executions),
    count(rate),
    blocks,
    String(corpus),
    String(outcomes),
    `${slowest.toFixed(1)} ms`,
  ]);
}

interface Run {
  readonly seed: number;
  readonly seconds: number | undefined;
  readonly executions: number | undefined;
  readonly coverage: Coverage | undefined;
  readonly corpus: CorpusFile | undefined;
  readonly tellsMissed: boolean;
  readonly interrupted: { readonly is: boolean };
}

async function fuzzOne(name: string, program: Program, run: Run): Promise<number> {
  const { coverage } = run;
  const target = await program.targets[name]!();
  const missing = target.unavailable?.();
  if (missing !== undefined) {
    console.log(`${name.padEnd(widths[0]!)}SKIPPED: ${missing}`);
    return 0;
  }
  coverage?.watch(target.covers);
  const watchdog = watch(name, target.maxBytes);
  const seeds = [...program.seedsOf(name), ...(run.corpus?.read(name) ?? [])];
  let shown = 0;
  try {
    const result = await fuzz(target, {
      seed: run.seed,
      seconds: run.seconds,
      executions: run.executions,
      seeds,
      coverage,
      before: (input, length) => watchdog.before(input, length),
      afterBatch: (progress) => {
        if (process.stdout.isTTY && performance.now() - shown > 500) {
          shown = performance.now();
          process.stdout.write(`\r${row(name, progress, coverage)}`);
        }
        return run.interrupted.is;
      },
    });
    console.log(`${process.stdout.isTTY ? '\r' : ''}${row(name, result, coverage)}`);
    if (run.tellsMissed) for (const block of coverage?.missed() ?? []) console.log(`  ${block}`);
    run.corpus?.write(name, [...run.corpus.read(name), ...result.kept]);
    if (result.fault === undefined) return 0;
    report(name, run.seed, result.fault);
    return 1;
  } finally {
    await watchdog.stop();
  }
}

function report(name: string, seed: number, { error, found, input, execution }: Fault): void {
  console.log(`
FAULT in ${name}, execution ${execution} of seed ${seed}
${textOf(error)}

found     ${found.length} bytes  ${found.toString('hex')}
minimized ${input.length} bytes  ${input.toString('hex')}
          ${JSON.stringify(input.toString('latin1'))}

npm run fuzz -- --target ${name} --input ${input.toString('hex')}`);
}

function textOf(error: unknown): string {
  if (error instanceof BrokenInvariant) return `broken invariant: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
}

async function replay(names: readonly string[], hex: string, program: Program): Promise<number> {
  if (names.length !== 1) {
    console.error('--input needs one --target');
    return 2;
  }
  const target = await program.targets[names[0]!]!();
  const bytes = Buffer.alloc(target.maxBytes);
  const length = Buffer.from(hex, 'hex').copy(bytes);
  try {
    const start = performance.now();
    const kind = target.run(bytes, length);
    console.log(`no fault: outcome ${kind} of ${length} bytes after ${(performance.now() - start).toFixed(1)} ms`);
    return 0;
  } catch (error) {
    console.log(textOf(error));
    return 1;
  }
}
