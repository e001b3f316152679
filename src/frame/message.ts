/** A message being put together from pieces, in one buffer that grows with its bytes, not with its fragments. */
import { Buffer } from 'node:buffer';
import { copyBytes } from './copy.js';
import { Areas, giveSpare, takeSpare } from './shared-memory.js';

/** A message may hold this much memory whatever has come of it. */
const freeCapacity = 64 * 1024;

/**
 * Memory for messages that are only looked at: fresh memory for each costs more than filling it (bench: C16K, C1M). Who
 * finds none, as others hold theirs, has fresh memory.
 */
const lent: readonly Areas[] = [new Areas(68 * 1024, 8), new Areas(1088 * 1024, 1)];

const nothing = Buffer.alloc(0);

/**
 * At any time, unless the memory is lent: length ≤ capacity ≤ max(64 KiB, 4 × length), and capacity ≤ what is announced, or twice the length if
 * that is more and further fragments may follow.
 */
export class MessageAssembly {
  #buffer: Buffer = nothing;
  #length = 0;
  /** Whose area the memory is, if it is one. */
  #areas: Areas | undefined;
  /** Whether the memory is for the next one when the message is forgotten. */
  #isLent = false;

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
   * @param isLent whether nobody will take the message, so that its memory may be lent; default `false`.
   */
  append(
    bytes: Buffer,
    start: number,
    end: number,
    announcedBytes: number,
    isFinal: boolean,
    isLent: boolean = false,
  ): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) this.#grow(length, announcedBytes, isFinal, isLent);
    copyBytes(this.#buffer, this.#length, bytes, start, end);
    this.#length = length;
  }

  /** Hands the message over and forgets it. The memory is now the caller's alone; at least half of it is the message. */
  take(): Buffer {
    const { length } = this;
    const whole = this.#buffer;
    const isTooMuch = this.#areas !== undefined || whole.length > 2 * length;
    const taken = isTooMuch ? copyOf(whole, 0, length) : whole.length === length ? whole : whole.subarray(0, length);
    if (!isTooMuch) this.#isLent = false;
    this.release();
    return taken;
  }

  /** Forgets the message. */
  release(): void {
    if (this.#isLent) this.#giveBack();
    this.#areas = undefined;
    this.#isLent = false;
    this.#buffer = nothing;
    this.#length = 0;
  }

  #giveBack(): void {
    if (this.#areas === undefined) giveSpare(this.#buffer);
    else this.#areas.giveBack(this.#buffer);
  }

  #grow(length: number, announcedBytes: number, isFinal: boolean, isLent: boolean): void {
    const mayCome = isFinal ? announcedBytes : Math.max(announcedBytes, 2 * length);
    const areas = isLent ? lent.find(({ size }) => size >= mayCome) : undefined;
    const area = areas?.take();
    const size = Math.min(mayCome, Math.max(freeCapacity, 4 * length));
    // What is handed over at its end is no spare: the next message would need fresh memory in its place.
    const mayBeSpare = isLent || size < mayCome;
    const spare = area === undefined && mayBeSpare ? takeSpare(Math.max(length, size / 2), size) : undefined;
    const grown = area ?? spare ?? Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#giveBack();
    this.#areas = area && areas;
    this.#isLent = isLent;
    this.#buffer = grown;
  }
}

/** Returns a copy that shares its memory with nothing. */
export function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
