/**
 * Memory as words of 32 bits, or as that of the SIMD module. Finding out costs more than most frames, and frame after frame
 * lies in the same Buffers: so the last two are kept, as bytes are read out of one and written into another.
 */
import { simdOf } from './shared-memory.js';
import type { Simd } from './simd-module.js';

/** Views of larger memory are not kept, so that what is kept of memory no longer in use is bounded. */
const keptViewBytes = 256 * 1024;

/** The memory in which bytes lie. */
export interface Words {
  /** The whole memory as words; if it ends within a word, its last bytes are in none. */
  readonly words: Int32Array;
  /** Where the bytes begin in it: the byte at index `i` is in the word at `(offset + i) >>> 2`. */
  readonly offset: number;
  /** The module that can work in this memory, by positions `offset + i`. */
  readonly simd: Simd | undefined;
}

const nothing: Words = { words: new Int32Array(0), offset: 0, simd: undefined };

let firstBytes = new Uint8Array(0);
let first: Words = nothing;
let secondBytes: Uint8Array = firstBytes;
let second: Words = nothing;

/** Returns the words of `bytes`. Keeps the offset beside them, as asking a Buffer for it costs more than masking a frame. */
export function wordsOf(bytes: Uint8Array): Words {
  return bytes === firstBytes ? first : bytes === secondBytes ? second : newWords(bytes);
}

/** As `wordsOf`, of bytes for which it was called lately; `undefined` for others: for what can do without. */
export function keptWordsOf(bytes: Uint8Array): Words | undefined {
  return bytes === firstBytes ? first : bytes === secondBytes ? second : undefined;
}

function newWords(bytes: Uint8Array): Words {
  const memory = bytes.buffer;
  const simd = simdOf(memory);
  const fresh = {
    words: new Int32Array(memory, 0, Math.floor(memory.byteLength / 4)),
    offset: bytes.byteOffset,
    simd,
  };
  if (memory.byteLength <= keptViewBytes || simd !== undefined) {
    secondBytes = firstBytes;
    second = first;
    firstBytes = bytes as Uint8Array<ArrayBuffer>;
    first = fresh;
  }
  return fresh;
}
