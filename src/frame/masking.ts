/**
 * Masking, which is also unmasking (RFC 6455 §5.3). The only file that knows how it is made fast: 32 bits at a time
 * through an `Int32Array` over the same memory, eight of them per turn of the loop; or 128 bits at a time in shared memory.
 */
import { copyBytes } from './copy.js';
import { wordsOf } from './words.js';

/** Below this many bytes a loop over bytes is faster than finding the words (measured). */
const wordwiseFrom = 8;

/** From so many bytes on the SIMD module is faster than words, in its own memory (measured). */
const vectorsFrom = 32;

/** `fromByte[n]` covers the bytes of a word from its nth on, in the byte order of this machine. */
const fromByte = new Int32Array(
  Uint8Array.of(255, 255, 255, 255, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0, 0, 255).buffer,
);

/** Turns a masking key into a word in the byte order of this machine. */
const keyBytes = new DataView(new ArrayBuffer(4));
const keyWord = new Int32Array(keyBytes.buffer);

/** Returns the four bytes at `offset` as a masking key for `mask`: the first byte lowest. */
export function readMaskingKey(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

/** Writes a masking key so that `readMaskingKey` returns it. */
export function writeMaskingKey(bytes: Uint8Array, offset: number, key: number): void {
  bytes[offset] = key;
  bytes[offset + 1] = key >>> 8;
  bytes[offset + 2] = key >>> 16;
  bytes[offset + 3] = key >>> 24;
}

/**
 * Masks or unmasks bytes in place (RFC 6455 §5.3).
 *
 * @param end exclusive.
 * @param key the masking key as a 32-bit number, its first byte lowest (see `readMaskingKey`).
 * @param phase how many payload bytes of the frame came before `start`; only its value modulo 4 matters. Default 0.
 */
export function mask(bytes: Uint8Array, start: number, end: number, key: number, phase: number = 0): void {
  if (end - start < wordwiseFrom) {
    maskBytes(bytes, start, end, rotate(key, phase));
    return;
  }
  const { words, offset, simd } = wordsOf(bytes);
  const first = offset + start;
  const last = offset + end;
  if (simd !== undefined && end - start >= vectorsFrom) {
    simd.mask(first, last, rotate(key, phase));
    return;
  }
  const headBytes = first & 3;
  const tailBytes = last & 3;
  keyBytes.setInt32(0, rotate(key, phase - headBytes), true);
  const word = keyWord[0]!;
  // Divisions, not shifts: memory may be larger than 2 GiB.
  let w = (first - headBytes) / 4;
  const wordsEnd = (last - tailBytes) / 4;
  // The words at both ends are masked in part: the bytes of others in them do not change.
  if (headBytes !== 0) words[w++]! ^= word & fromByte[headBytes]!;
  for (const unrolledEnd = wordsEnd - 7; w < unrolledEnd; w += 8) {
    words[w]! ^= word;
    words[w + 1]! ^= word;
    words[w + 2]! ^= word;
    words[w + 3]! ^= word;
    words[w + 4]! ^= word;
    words[w + 5]! ^= word;
    words[w + 6]! ^= word;
    words[w + 7]! ^= word;
  }
  for (; w < wordsEnd; w++) words[w]! ^= word;
  if (tailBytes !== 0) {
    if (w < words.length) words[w]! ^= word & ~fromByte[tailBytes]!;
    else maskBytes(bytes, end - tailBytes, end, rotate(key, phase + end - tailBytes - start));
  }
}

/** Whether bytes lie in the memory in which `unmaskShort` works. */
export function canUnmaskShort(bytes: Uint8Array): boolean {
  return wordsOf(bytes).simd !== undefined;
}

/**
 * Unmasks in place the whole messages of one frame and at most `longest` bytes, up to 125, that lie one after the other
 * from `start` on, and returns where something else begins. Called again with the same, it masks them again. Only where
 * `canUnmaskShort`.
 */
export function unmaskShort(bytes: Uint8Array, start: number, end: number, longest: number): number {
  const { simd, offset } = wordsOf(bytes);
  return simd!.unmaskShort(offset + start, offset + end, longest) - offset;
}

/** Up to this many bytes one loop over both costs less than copying and masking (measured). */
const loopUpTo = 24;

/** Copies `source` from `start` to `end` into `target` at `at`, and masks it there. The two must not overlap. */
export function copyMasked(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  key: number,
): void {
  if (end - start > loopUpTo) {
    copyBytes(target, at, source, start, end);
    mask(target, at, at + end - start, key);
    return;
  }
  const [second, third, fourth] = [key >>> 8, key >>> 16, key >>> 24];
  const fours = end - ((end - start) & 3);
  for (; start < fours; start += 4, at += 4) {
    target[at] = source[start]! ^ key;
    target[at + 1] = source[start + 1]! ^ second;
    target[at + 2] = source[start + 2]! ^ third;
    target[at + 3] = source[start + 3]! ^ fourth;
  }
  for (; start < end; start++, at++, key >>>= 8) target[at] = source[start]! ^ key;
}

/** Returns the key as it is for a payload that begins `phase` bytes later. */
function rotate(key: number, phase: number): number {
  const bits = (phase & 3) << 3;
  // Right for 0 bits too: shift counts are taken modulo 32.
  return (key >>> bits) | (key << (32 - bits));
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): void {
  for (let i = start; i < end; i++) {
    bytes[i]! ^= key;
    key = rotate(key, 1);
  }
}
