/** UTF-8 that comes in pieces, refused at its first bad byte (RFC 6455 §8.1, RFC 3629 §4). */
import { isUtf8 } from 'node:buffer';
import { wordsOf } from './words.js';

/** From this many bytes on, a view and the native check cost less than looking for ASCII by words (measured). */
const nativeFrom = 256;

/** From this many bytes on, they cost less than the loop over what is not ASCII alone (measured). */
const nativeRestFrom = 64;

/** From so many bytes on the SIMD module is faster than words, in its own memory (measured). */
const vectorsFrom = 32;

/** The bit of each byte of a word that no ASCII character has; as a signed number, which words are. */
const highBits = 0x80808080 | 0;

/** Validates a text that arrives in pieces which may split code points. */
export class Utf8Validator {
  /** How many continuation bytes the code point under way still needs. */
  #needed = 0;
  /** Between which bounds the next continuation byte must be. */
  #lower = 0x80;
  #upper = 0xbf;

  /** Whether the text may end here: not within a code point. */
  get isComplete(): boolean {
    return this.#needed === 0;
  }

  /** Makes ready for a new text. */
  reset(): void {
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  /**
   * Takes the next piece of the text. Returns the index of the first byte with which it cannot be valid any more, or -1.
   * After a bad byte, `reset` comes before anything else.
   *
   * @param end exclusive.
   */
  check(bytes: Uint8Array, start: number, end: number): number {
    let i = start;
    if (this.#needed === 0) {
      if (end - start < nativeFrom || wordsOf(bytes).simd !== undefined) {
        i = endOfAscii(bytes, start, end);
        if (i === end) return -1;
      }
      if (end - i >= nativeRestFrom) {
        const cut = startOfUnfinished(bytes, end);
        if (isUtf8(bytes.subarray(i, cut))) i = cut;
      }
    }
    return this.#walk(bytes, i, end);
  }

  #walk(bytes: Uint8Array, i: number, end: number): number {
    let needed = this.#needed;
    let lower = this.#lower;
    let upper = this.#upper;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (needed > 0) {
        if (byte < lower || byte > upper) return i;
        needed--;
        lower = 0x80;
        upper = 0xbf;
      } else if (byte >= 0x80) {
        // Never 0xC0 and 0xC1, which only overlong forms need, nor 0xF5 and above, which are over U+10FFFF.
        if (byte < 0xc2 || byte > 0xf4) return i;
        needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        // No overlong forms, no surrogates, nothing over U+10FFFF: the second byte shows them.
        if (byte === 0xe0) lower = 0xa0;
        else if (byte === 0xed) upper = 0x9f;
        else if (byte === 0xf0) lower = 0x90;
        else if (byte === 0xf4) upper = 0x8f;
      }
    }
    this.#needed = needed;
    this.#lower = lower;
    this.#upper = upper;
    return -1;
  }
}

/** Returns where the code point starts that goes on after `end`, or `end` when none does; for 3 bytes or more. */
function startOfUnfinished(bytes: Uint8Array, end: number): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[end - back]!;
    if (byte >= 0xc0) return (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4) > back ? end - back : end;
  }
  return end;
}

/** Returns where the first byte may be that is not ASCII, or `end`. */
function endOfAscii(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  const { words, offset, simd } = wordsOf(bytes);
  if (simd !== undefined && end - start >= vectorsFrom) return simd.endOfAscii(offset + start, offset + end) - offset;
  for (; i < end && ((offset + i) & 3) !== 0; i++) if (bytes[i]! >= 0x80) return i;
  let w = (offset + i) / 4;
  for (; i < end - 15; i += 16, w += 4) {
    if (((words[w]! | words[w + 1]! | words[w + 2]! | words[w + 3]!) & highBits) !== 0) return i;
  }
  for (; i < end - 3; i += 4, w++) if ((words[w]! & highBits) !== 0) return i;
  for (; i < end; i++) if (bytes[i]! >= 0x80) return i;
  return end;
}
