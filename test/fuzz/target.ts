/** What is fuzzed: how its inputs are made, and what must hold for each of them. */
import type { Random } from './random.js';

/** Part of the code under test, and its law. The first line of each file in `targets` is that law. */
export interface Target {
  /** That of its file in `targets`, and of its seeds in `seeds`. */
  readonly name: string;
  /** The compiled files whose blocks are counted and guide the search, from `dist` on: `src/frame/decoder.js`. */
  readonly covers: readonly string[];
  /** The longest input, in bytes. */
  readonly maxBytes: number;
  /** Text, of one character per byte, that mutation writes into inputs. */
  readonly dictionary?: readonly string[];
  /** Writes a new input, from its first byte on, and returns its length, which is at most `maxBytes`. */
  generate(random: Random, input: Buffer): number;
  /** Changes an input in a way that keeps its structure, and returns its new length. Default: bytes change at random only. */
  mutate?(random: Random, input: Buffer, length: number): number;
  /**
   * Puts an input through the code under test. Must do the same for the same input, and leave the input as it is.
   *
   * @returns the kind of the outcome, from 0 to 65535: the first input with an outcome of its kind is kept.
   * @throws whatever: that is a fault.
   */
  run(input: Buffer, length: number): number;
  /** Why it cannot run here, and how to mend that; `undefined` when it can. */
  unavailable?(): string | undefined;
}

/** Reports that something does not hold which must. Its message names the rule, and is the same for every input. */
export class BrokenInvariant extends Error {
  constructor(rule: string, detail: string = '') {
    super(detail === '' ? rule : `${rule}: ${detail}`);
    this.rule = rule;
  }

  readonly rule: string;

  override get name(): string {
    return 'BrokenInvariant';
  }
}

/** @throws BrokenInvariant unless `holds`. */
export function must(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new BrokenInvariant(rule);
}

/** @throws BrokenInvariant unless both are the same. */
export function mustBeSame(actual: unknown, expected: unknown, rule: string): void {
  if (actual === expected) return;
  throw new BrokenInvariant(rule, `${shorten(actual)} and ${shorten(expected)}`);
}

function shorten(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 400 ? text : `${text.slice(0, 400)}…`;
}

/** What breaks a line, moves a cursor, or cannot be seen. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** @throws BrokenInvariant unless `text`, in which there may be text of a peer, is fit for a line of a log. */
export function mustBeLine(text: string): void {
  if (invisible.test(text)) throw new BrokenInvariant('what is told is one line of visible text', JSON.stringify(text));
}

/** Returns the kind of an outcome that is told in lines: what the last few are, and the codes of violations. */
export function kindOfStory(lines: readonly string[]): number {
  const words = lines.slice(-3).map((line) => /^violation \S*|^\w*/.exec(line.slice(0, 60))![0]);
  return kindOf(`${Math.min(lines.length, 4)} ${words.join(' ')}`);
}

/** Returns the kind of an outcome that a text describes, from 0 to 65535. */
export function kindOf(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return (hash ^ (hash >>> 16)) & 0xffff;
}
