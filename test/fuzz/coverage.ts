/**
 * Which parts of the code have run, as V8 counts them. It is asked once for a batch of inputs, never for each: an answer
 * takes about a millisecond. Not for a process that something else (c8) counts too: asking sets the counters back.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

/** One compiled file. */
interface File {
  /** For each character of it whether it has run: in the last batch, */
  readonly last: Uint8Array;
  /** ever since `watch` was called, */
  readonly ever: Uint8Array;
  /** and when it was loaded. */
  readonly loading: Uint8Array;
  /** Where V8 has said that a block begins or ends. */
  readonly borders: Set<number>;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: ReadonlyArray<{
    readonly ranges: ReadonlyArray<{
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }>;
  }>;
}

/** `dist`, which nothing else matters but. */
const root = new URL('../../', import.meta.url).href;

export class Coverage {
  readonly #session = new Session();
  readonly #files = new Map<string, File>();
  #watched: readonly File[] = [];

  /** To be made before the code under test is loaded: V8 tells only once of functions that never run. */
  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Begins anew, with these compiled files, from `dist` on; they have just been loaded, or were watched before. */
  watch(files: readonly string[]): void {
    this.#watched = [];
    this.look();
    this.#watched = files.map((name) => {
      const file = this.#files.get(root + name);
      if (file === undefined) throw new Error(`${name} has not been loaded`);
      file.ever.set(file.loading);
      return file;
    });
  }

  /** Looks at what has run since it looked last; `addsAnything` and `keep` are about that. */
  look(): void {
    for (const { last } of this.#watched) last.fill(0);
    for (const { url, functions } of this.#take()) {
      if (!url.startsWith(root)) continue;
      const known = this.#files.get(url);
      const file =
        known ?? newFile(Math.max(...functions.flatMap(({ ranges }) => ranges.map((range) => range.endOffset))));
      // An inner range or function stands behind the outer one.
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          file.borders.add(startOffset).add(endOffset);
          file.last.fill(count > 0 ? 1 : 0, startOffset, endOffset);
        }
      }
      if (known === undefined) {
        file.loading.set(file.last);
        this.#files.set(url, file);
      }
    }
  }

  /** Whether something ran that never did before. */
  get addsAnything(): boolean {
    for (const { ever, last } of this.#watched) {
      for (let at = 0; at < last.length; at++) if (last[at]! > ever[at]!) return true;
    }
    return false;
  }

  /** What was looked at last, to be given to `restore`. */
  snapshot(): readonly Uint8Array[] {
    return this.#watched.map(({ last }) => Uint8Array.from(last));
  }

  restore(snapshot: readonly Uint8Array[]): void {
    for (const [index, { last }] of this.#watched.entries()) last.set(snapshot[index]!);
  }

  /** Counts what was looked at last among what has run. */
  keep(): void {
    for (const { ever, last } of this.#watched) {
      for (let at = 0; at < last.length; at++) ever[at]! |= last[at]!;
    }
  }

  /** The blocks of the files, as far as V8 has told of them, and those of them that have run. */
  get blocks(): { readonly hit: number; readonly all: number } {
    let hit = 0;
    let all = 0;
    for (const { ever, borders } of this.#watched) {
      const starts = [...borders].sort((a, b) => a - b).slice(0, -1);
      all += starts.length;
      for (const start of starts) hit += ever[start]!;
    }
    return { hit, all };
  }

  /** The compiled lines in which blocks begin that have not run, as `src/frame/decoder.js:30 if (…)`. */
  missed(): string[] {
    const lines: string[] = [];
    for (const [url, { ever, borders }] of this.#files) {
      if (!this.#watched.some((file) => file.ever === ever)) continue;
      const source = readFileSync(fileURLToPath(url), 'utf8');
      const starts = [...borders].sort((a, b) => a - b).slice(0, -1);
      for (const start of starts) {
        if (ever[start] === 1) continue;
        const line = source.slice(0, start).split('\n').length;
        lines.push(`${url.slice(root.length)}:${line} ${source.slice(start, start + 80).replace(/\s+/g, ' ')}`);
      }
    }
    return lines;
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Within one process the answer comes before `post` returns. */
  #take(): readonly ScriptCoverage[] {
    let result: readonly ScriptCoverage[] | undefined;
    let failure: Error | null = null;
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      failure = error;
      result = answer?.result;
    });
    if (result === undefined) throw failure ?? new Error('the inspector did not answer at once');
    return result;
  }
}

function newFile(length: number): File {
  const bits = (): Uint8Array => new Uint8Array(length);
  return { last: bits(), ever: bits(), loading: bits(), borders: new Set() };
}
