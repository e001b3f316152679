/**
 * Masking, which is also unmasking (RFC 6455 §5.3). The only file that knows how it is made fast: 32 bits at a time
 * through an `Int32Array` over the same memory, eight of them per turn of the loop.
 */

/** Below this many bytes a loop over bytes is faster than finding the words (measured). */
const wordwiseFrom = 16;

/** Views of larger memory are not kept, so that what is kept of memory no longer in use is bounded. */
const keptViewBytes = 256 * 1024;

/** Which byte of the masking key goes into which bits of a word: the byte order of this machine, without a branch. */
const significance = new Uint8Array(Int32Array.of(0x03020100).buffer);
const shift0 = significance[0]! * 8;
const shift1 = significance[1]! * 8;
const shift2 = significance[2]! * 8;
const shift3 = significance[3]! * 8;

/** The last bytes that were masked, and their memory as words: frame after frame lies in the same Buffer. */
let viewedBytes = new Uint8Array(0);
let viewedWords = new Int32Array(0);

function wordsOf(bytes: Uint8Array): Int32Array {
  const memory = bytes.buffer;
  const words = new Int32Array(memory, 0, memory.byteLength >>> 2);
  if (memory.byteLength <= keptViewBytes) {
    viewedBytes = bytes as Uint8Array<ArrayBuffer>;
    viewedWords = words as Int32Array<ArrayBuffer>;
  }
  return words;
}

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
  const rotation = (phase & 3) << 3;
  // A rotation by 0 works too: shift counts are taken modulo 32.
  key = (key >>> rotation) | (key << (32 - rotation));
  if (end - start < wordwiseFrom) {
    maskBytes(bytes, start, end, key);
    return;
  }
  const words = bytes === viewedBytes ? viewedWords : wordsOf(bytes);
  const base = bytes.byteOffset;
  const aligned = start + (-(base + start) & 3);
  for (let i = start; i < aligned; i++) {
    bytes[i]! ^= key;
    key = (key >>> 8) | (key << 24);
  }
  const word =
    ((key & 0xff) << shift0) |
    (((key >>> 8) & 0xff) << shift1) |
    (((key >>> 16) & 0xff) << shift2) |
    ((key >>> 24) << shift3);
  // Divisions, not shifts: memory may be larger than 2 GiB.
  let w = (base + aligned) / 4;
  const wordsEnd = (base + end - ((base + end) & 3)) / 4;
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
  maskBytes(bytes, wordsEnd * 4 - base, end, key);
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): void {
  for (let i = start; i < end; i++) {
    bytes[i]! ^= key;
    key = (key >>> 8) | (key << 24);
  }
}
