/** Copying a part of one Buffer into another, by the way that costs least. */
import { Buffer } from 'node:buffer';
import { wordsOf } from './words.js';

/** Up to this many bytes a loop costs less than any call (measured). */
const loopUpTo = 24;

/** For any `Uint8Array`. Before Node 22 it makes a view, which costs more than copying 1 KiB: hence the other two ways. */
const nativeCopy = Buffer.prototype.copy;

/** Copies `source` from `start` to `end` into `target` at `at`. The two must not overlap. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start <= loopUpTo) {
    for (let from = start, to = at; from < end; from++, to++) target[to] = source[from]!;
    return;
  }
  const from = wordsOf(source);
  const { simd } = from;
  if (simd !== undefined) {
    const to = wordsOf(target);
    if (to.simd === simd) {
      simd.copy(to.offset + at, from.offset + start, from.offset + end);
      return;
    }
  }
  if (start === 0 && end === source.length) target.set(source, at);
  else nativeCopy.call(source, target, at, start, end);
}
