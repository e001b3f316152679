/** A message being put together from pieces, in one buffer that grows with its bytes, not with its fragments. */
import { Buffer } from 'node:buffer';

/** A message may hold this much memory whatever has come of it. */
const freeCapacity = 64 * 1024;

/** Pieces shorter than this are copied by a loop, which costs less than the call of a native copy (measured). */
const nativeCopyFrom = 64;

const nothing = Buffer.alloc(0);

/**
 * At any time: length ≤ capacity ≤ max(64 KiB, 4 × length), and capacity ≤ what is announced, or twice the length if
 * that is more and further fragments may follow.
 */
export class MessageAssembly {
  #buffer: Buffer = nothing;
  #length = 0;

  /** Payload bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory held. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** The memory held; the message is its first `length` bytes. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /**
   * Appends a piece.
   *
   * @param announcedBytes the bytes that the frames of the message have announced so far, this piece among them.
   * @param isFinal whether no frame follows, so that no more than `announcedBytes` will come.
   */
  append(bytes: Buffer, start: number, end: number, announcedBytes: number, isFinal: boolean): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) this.#grow(length, announcedBytes, isFinal);
    const target = this.#buffer;
    if (end - start < nativeCopyFrom) {
      for (let i = start, to = this.#length; i < end; i++, to++) target[to] = bytes[i]!;
    } else {
      bytes.copy(target, this.#length, start, end);
    }
    this.#length = length;
  }

  /** Hands the message over and forgets it. The memory is now the caller's alone; at least half of it is the message. */
  take(): Buffer {
    const { length } = this;
    const whole = this.#buffer;
    this.release();
    if (whole.length === length) return whole;
    return whole.length <= 2 * length ? whole.subarray(0, length) : copyOf(whole, 0, length);
  }

  /** Forgets the message. */
  release(): void {
    this.#buffer = nothing;
    this.#length = 0;
  }

  #grow(length: number, announcedBytes: number, isFinal: boolean): void {
    const mayCome = isFinal ? announcedBytes : Math.max(announcedBytes, 2 * length);
    const grown = Buffer.allocUnsafeSlow(Math.min(mayCome, Math.max(freeCapacity, 4 * length)));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Returns a copy that shares its memory with nothing. */
export function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
