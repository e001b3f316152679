/**
 * The bytes on their way out of one connection: composed frame after frame in one buffer, and handed to the socket in one
 * write for all that was sent in the same turn. One write is in flight at a time; what is sent meanwhile waits and leaves
 * together when it is done.
 */
import type { Duplex } from 'node:stream';

/** Bytes of the first allocation; a slice of Node's pool, so that a small answer costs no memory of its own. */
const smallest = 1024;

/** From this many bytes on, waiting for more to go into the same write gains nothing, and the peer waits too. */
const longBurst = 64 * 1024;

/** The most bytes given to the socket at once: what a slow peer takes of a long burst shows piece by piece. */
const longestWrite = 256 * 1024;

export interface OutboxEvents {
  /** Sees the bytes of each write, in order. */
  written: ((bytes: Buffer) => void) | undefined;
  /** Everything given so far has been handed to the operating system. */
  drained(): void;
}

export class Outbox {
  readonly #socket: Duplex;
  readonly #events: OutboxEvents;
  #buffer: Buffer | undefined;
  #length = 0;
  #inFlight = 0;
  #writtenBytes = 0;
  #hint = smallest;
  #scheduled = false;
  #held = false;
  #dead = false;

  constructor(socket: Duplex, events: OutboxEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  /** Bytes that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#length + this.#inFlight;
  }

  /** Whether the socket takes more, as far as is known. */
  get isAlive(): boolean {
    return !this.#dead;
  }

  /** Bytes that the operating system has taken so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Where the next frame starts in the buffer that `reserve` returned. */
  get length(): number {
    return this.#length;
  }

  /** Returns a buffer with room for `size` bytes from `length` on; `commit` says how far it was filled. */
  reserve(size: number): Buffer {
    const needed = this.#length + size;
    let buffer = this.#buffer;
    if (buffer === undefined) {
      buffer = Buffer.allocUnsafe(Math.max(needed, this.#hint));
      this.#buffer = buffer;
    } else if (buffer.length < needed) {
      const larger = Buffer.allocUnsafe(Math.max(needed, buffer.length * 2));
      buffer.copy(larger, 0, 0, this.#length);
      buffer = larger;
      this.#buffer = buffer;
    }
    return buffer;
  }

  /** Makes the bytes up to `length` part of what leaves next, at the end of this turn at the latest. */
  commit(length: number): void {
    this.#length = length;
    if (!this.#scheduled && !this.#held && this.#inFlight === 0) {
      this.#scheduled = true;
      // Runs after the current callback and all its microtasks: one write for the whole turn.
      process.nextTick(() => {
        this.#scheduled = false;
        if (!this.#held) this.flush();
      });
    }
  }

  /** Holds writes back until `release`, so that everything sent from one read event leaves in one write. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.flush();
  }

  /** As `release`, but a short burst is written in the next phase of this turn only, if nothing else flushes it before. */
  releaseLater(): void {
    if (this.#length >= longBurst) return this.release();
    this.#held = false;
    if (this.#scheduled || this.#length === 0 || this.#inFlight > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#held) this.flush();
    });
  }

  /** Writes what is there, unless a write is in flight: its end flushes the rest. */
  flush(): void {
    if (this.#length === 0 || this.#inFlight > 0 || this.#dead) return;
    const bytes = this.#buffer!.subarray(0, this.#length);
    // The next burst is expected to be as long as this one; a rare long one is forgotten at once.
    this.#hint = this.#length > this.#hint ? Math.min(this.#length, 64 * 1024) : Math.max(smallest, this.#hint >> 1);
    this.#inFlight = bytes.length;
    this.#buffer = undefined;
    this.#length = 0;
    this.#events.written?.(bytes);
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    const piece = bytes.length > longestWrite ? bytes.subarray(0, longestWrite) : bytes;
    this.#socket.write(piece, (error) => {
      // A socket that broke takes nothing more; its close tells the rest.
      if (error != null) return this.discard();
      if (this.#dead) return;
      this.#writtenBytes += piece.length;
      this.#inFlight -= piece.length;
      if (this.#inFlight > 0) this.#write(bytes.subarray(piece.length));
      else if (this.#length > 0) this.flush();
      else this.#events.drained();
    });
  }

  /** Forgets everything: the socket takes no more. */
  discard(): void {
    this.#dead = true;
    this.#buffer = undefined;
    this.#length = 0;
    this.#inFlight = 0;
  }
}
