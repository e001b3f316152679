/** Copying a part of one Buffer into another, by the way that costs least. */
import { Buffer } from 'node:buffer';
import { keptWordsOf, wordsOf } from './words.js';

/** Up to this many bytes a loop costs less than the call of the SIMD module, and than that of Node's copy (measured). */
const loopUpTo = 8;
const loopBeforeNative = 24;

/** For any `Uint8Array`. Before Node 22 it makes a view, which costs more than copying 1 KiB: hence the other two ways. */
const nativeCopy = Buffer.prototype.copy;

/** Copies `source` from `start` to `end` into `target` at `at`. The two must not overlap. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start > loopUpTo) {
    // Only what was just read or written lies in the memory of the module, mostly: asking about others costs more than it gains.
    const from = keptWordsOf(source);
    if (from?.simd !== undefined) {
      const to = wordsOf(target);
      if (to.simd === from.simd) return from.simd.copy(to.offset + at, from.offset + start, from.offset + end);
    }
    if (start === 0 && end === source.length) return target.set(source, at);
    if (end - start > loopBeforeNative) return void nativeCopy.call(source, target, at, start, end);
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from]!;
}
