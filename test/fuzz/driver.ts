/**
 * Puts made-up and mutated inputs through a target, keeps those that reach something new, and makes the first that breaks
 * an invariant as small as it gets. With the same seed and the same number of executions it does the same again.
 *
 * Inputs come in batches. V8 is asked what has run once per batch, and only when it tells of something new the batch is
 * run again, in halves, until the inputs that did it are found. No input is stored for that: each follows from the state
 * of the random numbers before it.
 */
import { setImmediate } from 'node:timers/promises';
import type { Coverage } from './coverage.js';
import { Random } from './random.js';
import { BrokenInvariant, type Target } from './target.js';

export interface FuzzOptions {
  /** From 0 to 2^32 − 1. */
  readonly seed: number;
  /** Stops after so many executions; default: not before something else stops it. */
  readonly executions?: number | undefined;
  /** Stops after so many seconds; default: not before something else stops it. */
  readonly seconds?: number | undefined;
  /** What to start from, beside what the target makes. */
  readonly seeds: readonly Buffer[];
  /** Default: none is asked for, and only outcomes tell which inputs are kept. */
  readonly coverage?: Coverage | undefined;
  /** Milliseconds an input may take: longer, three times in a row, is a fault. Default 1,000: all inputs are short. */
  readonly mostTime?: number;
  /** Called after each batch; `true` stops. */
  readonly afterBatch?: (progress: Progress) => boolean;
  /** Called with each input before it is run. */
  readonly before?: (input: Buffer, length: number) => void;
}

export interface Progress {
  /** Inputs run, those not counted that are run again to find out which of them reached something new. */
  readonly executions: number;
  readonly seconds: number;
  /** Inputs kept, seeds among them. */
  readonly corpus: number;
  /** Kinds of outcomes. */
  readonly outcomes: number;
  /** The longest time that an input took, in milliseconds. */
  readonly slowest: number;
}

export interface Fault {
  readonly error: unknown;
  /** As it was found. */
  readonly found: Buffer;
  /** The smallest that was found with the same fault. */
  readonly input: Buffer;
  /** Which execution it was, from 1. */
  readonly execution: number;
}

export interface FuzzResult extends Progress {
  /** The inputs that were kept, without the seeds. */
  readonly kept: readonly Buffer[];
  readonly fault: Fault | undefined;
}

/** The default of `mostTime`. */
const defaultMostTime = 1_000;
const takesTooLong = 'no input takes too long';

/** Inputs of a batch: few at first, when many reach something new; twice as many whenever none did. */
const smallestBatch = 256;
const largestBatch = 65_536;

/** An upper bound of a batch in milliseconds, so that Ctrl-C and progress do not wait. Looked at only without `executions`. */
const batchTime = 500;

const maxCorpus = 4_096;

/** Fills, shifts and cuts one buffer, in which every input is made. */
class Inputs {
  readonly bytes: Buffer;
  readonly corpus: Buffer[] = [];
  readonly random: Random;
  readonly #target: Target;
  readonly #dictionary: readonly Buffer[];

  constructor(target: Target, seed: number) {
    this.#target = target;
    this.bytes = Buffer.alloc(target.maxBytes);
    this.random = new Random(seed);
    this.#dictionary = (target.dictionary ?? []).map((text) => Buffer.from(text, 'latin1'));
  }

  /** Makes the next input and returns its length. */
  next(): number {
    const { random, corpus, bytes } = this;
    const target = this.#target;
    if (corpus.length === 0 || random.oneIn(4)) {
      const length = target.generate(random, bytes);
      return random.oneIn(4) ? this.#mutate(length) : length;
    }
    // What was found last is worth most; and of two the shorter, as it takes less time.
    const isRecent = corpus.length > 16 && random.oneIn(4);
    const one = isRecent ? corpus[corpus.length - 1 - random.below(16)]! : random.pick(corpus);
    const other = random.pick(corpus);
    let length = (one.length <= other.length ? one : other).copy(bytes);
    for (let times = 1 << random.below(3); times > 0; times--) {
      length =
        target.mutate !== undefined && random.oneIn(2) ? target.mutate(random, bytes, length) : this.#mutate(length);
    }
    return length;
  }

  #mutate(length: number): number {
    const { random, bytes } = this;
    if (length === 0) return this.#insert(0, 0, 1 + random.below(8));
    const at = random.below(length);
    switch (random.below(10)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8);
        return length;
      case 1:
        bytes[at] = random.next();
        return length;
      case 2:
        bytes[at] = interesting[random.below(interesting.length)]!;
        return length;
      case 3:
        bytes[at]! += 1 + random.below(16) - random.below(2) * 17;
        return length;
      case 4:
        return this.#insert(length, at, 1 + random.below(random.oneIn(8) ? 64 : 4));
      case 5: {
        // Cut out.
        const count = Math.min(length - at, 1 + random.below(random.oneIn(4) ? length : 4));
        bytes.copyWithin(at, at + count, length);
        return length - count;
      }
      case 6: {
        // Copied to another place.
        const from = random.below(length);
        const count = Math.min(length - from, bytes.length - at, 1 + random.below(random.oneIn(4) ? length : 8));
        bytes.copyWithin(at, from, from + count);
        return Math.max(length, at + count);
      }
      case 7: {
        // Said twice.
        const count = Math.min(length - at, bytes.length - length, 1 + random.below(random.oneIn(4) ? length : 16));
        bytes.copyWithin(at + count, at, length);
        return length + count;
      }
      case 8:
        return this.#writeToken(length, at);
      default:
        return this.#splice(length, at);
    }
  }

  #insert(length: number, at: number, wanted: number): number {
    const { random, bytes } = this;
    const count = Math.min(wanted, bytes.length - length);
    bytes.copyWithin(at + count, at, length);
    const isRepeated = random.oneIn(2);
    const byte = random.next();
    for (let index = at; index < at + count; index++) bytes[index] = isRepeated ? byte : random.next();
    return length + count;
  }

  /** Writes a text of the dictionary: over what is there, or between. */
  #writeToken(length: number, at: number): number {
    const { random, bytes } = this;
    if (this.#dictionary.length === 0) return this.#splice(length, at);
    const token = random.pick(this.#dictionary);
    if (random.oneIn(2)) {
      const count = Math.min(token.length, bytes.length - length);
      bytes.copyWithin(at + count, at, length);
      token.copy(bytes, at, 0, count);
      return length + count;
    }
    return Math.max(length, at + token.copy(bytes, at));
  }

  /** Goes on as another input does. */
  #splice(length: number, at: number): number {
    const { random, bytes, corpus } = this;
    if (corpus.length === 0) return length;
    const other = random.pick(corpus);
    if (other.length === 0) return at;
    const from = random.below(other.length);
    const to = random.oneIn(2) ? other.length : from + random.below(other.length - from) + 1;
    const end = at + other.copy(bytes, at, from, to);
    return random.oneIn(2) ? end : Math.max(length, end);
  }
}

/** Borders of numbers, and bytes that mean something in many formats. */
const interesting = [
  0, 1, 2, 3, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x30, 0x3a, 0x3b, 0x5c, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff,
];

/** Fuzzes one target until a fault, or until the options say so. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzResult> {
  const { stackTraceLimit } = Error;
  // Most inputs end in an error of the code under test, and finding out where it was made takes longer than all the rest.
  Error.stackTraceLimit = 0;
  try {
    return await search(target, options, stackTraceLimit);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function search(target: Target, options: FuzzOptions, stackTraceLimit: number): Promise<FuzzResult> {
  const { coverage, before, mostTime = defaultMostTime } = options;
  const inputs = new Inputs(target, options.seed);
  const { bytes, corpus, random } = inputs;
  const outcomes = new Uint8Array(65_536);
  const states = new Int32Array(largestBatch);
  const begin = performance.now();
  let outcomeCount = 0;
  let executions = 0;
  let slowest = 0;

  const progress = (): Progress => ({
    executions,
    seconds: (performance.now() - begin) / 1_000,
    corpus: corpus.length,
    outcomes: outcomeCount,
    slowest,
  });
  const result = (): FuzzResult => ({ ...progress(), kept: corpus.slice(options.seeds.length), fault: undefined });
  const isOver = (): boolean =>
    executions >= (options.executions ?? Number.POSITIVE_INFINITY) ||
    performance.now() - begin >= 1_000 * (options.seconds ?? Number.POSITIVE_INFINITY);
  const keep = (input: Buffer, reachesNew: boolean): void => {
    if (corpus.length < maxCorpus) corpus.push(input);
    // Where there is no room, an outcome of its own is not enough. The seeds stay.
    else if (reachesNew) corpus[options.seeds.length + random.below(maxCorpus - options.seeds.length)] = input;
  };
  /** Runs the input of this length, and returns whether its outcome is a new one. */
  const execute = (length: number): boolean => {
    executions++;
    before?.(bytes, length);
    const start = performance.now();
    const kind = target.run(bytes, length);
    const took = performance.now() - start;
    if (took > slowest) {
      slowest = took;
      if (took > mostTime && isSlow(target, bytes, length, mostTime)) throw new BrokenInvariant(takesTooLong);
    }
    if (outcomes[kind] === 1) return false;
    outcomes[kind] = 1;
    outcomeCount++;
    return true;
  };
  const faultOf = (error: unknown, length: number): FuzzResult => {
    Error.stackTraceLimit = stackTraceLimit;
    const found = Buffer.from(bytes.subarray(0, length));
    // What does not fail again depends on what was run before it, and cannot be made smaller.
    const input = errorOf(target, found, mostTime) === undefined ? found : minimize(target, found, mostTime);
    return {
      ...result(),
      fault: { error: errorOf(target, input, mostTime) ?? error, found, input, execution: executions },
    };
  };

  let length = 0;
  try {
    for (const seed of options.seeds) {
      length = seed.copy(bytes);
      execute(length);
      corpus.push(seed);
    }
  } catch (error) {
    return faultOf(error, length);
  }
  coverage?.look();
  coverage?.keep();

  /** Makes an input of the last batch again. The corpus must be the one that it was made from. */
  const makeAgain = (index: number): void => {
    random.state = states[index]!;
    length = inputs.next();
  };
  /** Finds the inputs of a part of a batch that reach something new. */
  const find = (from: number, to: number, found: Set<number>): void => {
    for (let index = from; index < to; index++) {
      makeAgain(index);
      target.run(bytes, length);
    }
    coverage!.look();
    if (!coverage!.addsAnything) return;
    if (to - from === 1) {
      coverage!.keep();
      found.add(from);
      return;
    }
    const middle = (from + to) >>> 1;
    find(from, middle, found);
    find(middle, to, found);
  };

  let batch = smallestBatch;
  while (!isOver()) {
    const most = Math.min(batch, (options.executions ?? Number.POSITIVE_INFINITY) - executions);
    const batchEnd = options.executions === undefined ? performance.now() + batchTime : Number.POSITIVE_INFINITY;
    const fresh: number[] = [];
    const found = new Set<number>();
    let count = 0;
    while (count < most) {
      states[count++] = random.state;
      length = inputs.next();
      try {
        if (execute(length)) fresh.push(count - 1);
      } catch (error) {
        return faultOf(error, length);
      }
      if ((count & 255) === 0 && performance.now() > batchEnd) break;
    }
    const after = random.state;
    coverage?.look();
    const isNew = coverage?.addsAnything === true;
    if (coverage !== undefined && isNew) {
      // Kept as a whole in the end: what comes of the order of inputs would be looked for again and again.
      const whole = coverage.snapshot();
      find(0, count, found);
      coverage.restore(whole);
      coverage.keep();
    }
    const kept = [...new Set([...found, ...fresh])].map((index) => {
      makeAgain(index);
      return { input: Buffer.from(bytes.subarray(0, length)), reachesNew: found.has(index) };
    });
    for (const { input, reachesNew } of kept) keep(input, reachesNew);
    random.state = after;
    batch = isNew ? Math.max(smallestBatch, batch >>> 1) : Math.min(largestBatch, batch << 1);
    // A turn of the event loop: what the target has left to do, and Ctrl-C.
    await setImmediate();
    if (options.afterBatch?.(progress()) === true) break;
  }
  return result();
}

/** Whether an input takes too long not by chance. */
function isSlow(target: Target, bytes: Buffer, length: number, mostTime: number): boolean {
  for (let times = 0; times < 2; times++) {
    const start = performance.now();
    target.run(bytes, length);
    if (performance.now() - start <= mostTime) return false;
  }
  return true;
}

/** What two faults have in common when they are the same. */
function signatureOf(error: unknown): string {
  if (error === undefined) return '';
  if (error instanceof BrokenInvariant) return error.rule;
  if (!(error instanceof Error)) return String(error);
  // The place where it was thrown: messages have values in them.
  const place = error.stack?.split('\n').find((line) => line.startsWith('    at '));
  return `${error.name} ${place ?? error.message}`;
}

/** Returns what an input throws; `undefined` when it throws nothing, and does not take too long either. */
function errorOf(target: Target, input: Buffer, mostTime: number): unknown {
  const scratch = Buffer.alloc(target.maxBytes);
  const length = input.copy(scratch);
  try {
    const start = performance.now();
    target.run(scratch, length);
    return performance.now() - start > mostTime ? new BrokenInvariant(takesTooLong) : undefined;
  } catch (error) {
    return error ?? new Error('nothing was thrown, as an error');
  }
}

/** Steps of minimizing, at most. */
const maxSteps = 50_000;

/** Returns the smallest input that was found with the same fault: parts cut out, then bytes made plain. */
export function minimize(target: Target, found: Buffer, mostTime: number): Buffer {
  const wanted = signatureOf(errorOf(target, found, mostTime));
  let steps = 0;
  const fails = (candidate: Buffer): boolean =>
    ++steps <= maxSteps && signatureOf(errorOf(target, candidate, mostTime)) === wanted;
  let best = found;
  for (let before = -1; before !== best.length; ) {
    before = best.length;
    for (let size = best.length; size >= 1; size = size === 1 ? 0 : (size + 1) >> 1) {
      for (let at = 0; at < best.length; ) {
        const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        if (fails(candidate)) best = candidate;
        else at += size;
      }
    }
  }
  for (let at = 0; at < best.length; at++) {
    for (const plain of [0, 0x61]) {
      if (best[at] === 0 || best[at] === plain) break;
      const candidate = Buffer.from(best);
      candidate[at] = plain;
      if (!fails(candidate)) continue;
      best = candidate;
      break;
    }
  }
  return best;
}
