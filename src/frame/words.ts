/**
 * Memory as words of 32 bits. A view costs more than most frames, and frame after frame lies in the same Buffer: so the
 * last one is kept.
 */

/** Views of larger memory are not kept, so that what is kept of memory no longer in use is bounded. */
const keptViewBytes = 256 * 1024;

/** The memory in which bytes lie, as words. */
export interface Words {
  /** The whole memory; if it ends within a word, its last bytes are in none. */
  readonly words: Int32Array;
  /** Where the bytes begin in it: the byte at index `i` is in the word at `(offset + i) >>> 2`. */
  readonly offset: number;
}

let viewedBytes = new Uint8Array(0);
let viewed: Words = { words: new Int32Array(0), offset: 0 };

/** Returns the words of `bytes`. Keeps the offset beside them, as asking a Buffer for it costs more than masking a frame. */
export function wordsOf(bytes: Uint8Array): Words {
  return bytes === viewedBytes ? viewed : newWords(bytes);
}

function newWords(bytes: Uint8Array): Words {
  const memory = bytes.buffer;
  const fresh = { words: new Int32Array(memory, 0, Math.floor(memory.byteLength / 4)), offset: bytes.byteOffset };
  if (memory.byteLength <= keptViewBytes) {
    viewedBytes = bytes as Uint8Array<ArrayBuffer>;
    viewed = fresh;
  }
  return fresh;
}
