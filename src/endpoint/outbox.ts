/**
 * The bytes on their way out of one connection: composed frame after frame in one buffer, and handed to the socket in one
 * write for all that was sent in the same turn. One write is in flight at a time; what is sent meanwhile waits and leaves
 * together when it is done.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { copyBytes } from '../frame/index.js';
import { giveBackLong, giveBackSlab, slabBytes, takeLong, takeSlab } from './shared-memory.js';

/** Bytes of the first allocation; a slice of Node's pool, so that a small answer costs no memory of its own. */
const smallest = 1024;

/** From this many bytes on, waiting for more to go into the same write gains nothing, and the peer waits too. */
const longBurst = 64 * 1024;

/** A connection whose bursts are of so many bytes is a busy one. */
const busy = 8 * 1024;

/**
 * The bytes of a long burst that the socket is given at once: as many as a peer takes quickly. What a slow peer takes must
 * show, or it counts as dead.
 */
const firstPiece = 64 * 1024;
const shortestPiece = 16 * 1024;
const longestPiece = 256 * 1024;

/** Milliseconds in which a piece is taken quickly, and slowly. */
const quickly = 100;
const slowly = 1_000;

export interface OutboxEvents {
  /** Sees the bytes of each write, in order; they are valid during the call. */
  written: ((bytes: Buffer) => void) | undefined;
  /** Everything given so far has been handed to the operating system. */
  drained(): void;
}

export class Outbox {
  readonly #socket: Duplex;
  readonly #events: OutboxEvents;
  readonly #readsAtOnce: boolean;
  #buffer: Buffer | undefined;
  #isSlab = false;
  #length = 0;
  /** What is in flight, in bytes. */
  #inFlight = 0;
  /** Of what is in flight, the bytes that the socket was given last. */
  #piece = 0;
  /** How many it is given at once of a long burst, and since when it has had them. */
  #pieceBytes = firstPiece;
  #givenAt = 0;
  /** The memory of what is in flight, up to `#writingEnd`; `undefined` when it was a slab. */
  #writing: Buffer | undefined;
  #writingEnd = 0;
  /** Whether others write the same memory. */
  #writingIsShared = false;
  #writtenBytes = 0;
  #unsentBytes = 0;
  #hint = smallest;
  #scheduled = false;
  #held = false;
  /** How many reads were answered since the last write. */
  #reads = 0;
  #comesInBursts = false;
  #dead = false;
  /** One function for all writes of the connection. */
  readonly #onWritten: (error?: Error | null) => void = (error) => {
    // A socket that broke takes nothing more; its close tells the rest.
    if (error != null) return this.discard();
    if (this.#dead) return;
    this.#writtenBytes += this.#piece;
    this.#inFlight -= this.#piece;
    const writing = this.#writing;
    if (writing !== undefined) {
      this.#judgePiece();
      if (this.#inFlight > 0) return this.#writePiece(writing);
      if (!this.#writingIsShared) giveBackLong(writing);
      this.#writingIsShared = false;
      this.#writing = undefined;
    }
    if (this.#length > 0) this.flush();
    else this.#events.drained();
  };

  /**
   * @param readsAtOnce whether `socket.write` has read the bytes when it returns, if none were waiting
   *   (`readsWritesAtOnce`). Otherwise what was composed in shared memory is copied.
   */
  constructor(socket: Duplex, events: OutboxEvents, readsAtOnce: boolean) {
    this.#socket = socket;
    this.#events = events;
    this.#readsAtOnce = readsAtOnce;
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

  /** Bytes that were there when everything was forgotten. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Where the next frame starts in the buffer that `reserve` returned. */
  get length(): number {
    return this.#length;
  }

  /** Returns a buffer with room for `size` bytes from `length` on; `commit` says how far it was filled. */
  reserve(size: number): Buffer {
    const buffer = this.#buffer;
    return buffer !== undefined && this.#length + size <= buffer.length ? buffer : this.#makeRoom(size);
  }

  #makeRoom(size: number): Buffer {
    // A slab that is full is written, unless the opening handshake is still being; what follows waits until that is done.
    if (this.#isSlab && this.#socket.writableLength === 0) this.flush();
    const before = this.#buffer;
    const needed = this.#length + size;
    if (before === undefined) {
      // What waits for a write in flight holds its memory for as long as that takes: a slab only for a busy connection.
      const waits = this.#inFlight > 0;
      const fits = needed <= slabBytes && !(waits && this.#hint < busy);
      const slab = fits ? takeSlab(waits) : undefined;
      this.#isSlab = slab !== undefined;
      this.#buffer = slab ?? this.#allocate(Math.max(needed, this.#hint));
    } else {
      this.#buffer = this.#allocate(Math.max(needed, before.length * 2));
      before.copy(this.#buffer, 0, 0, this.#length);
      this.#giveBack(before);
    }
    return this.#buffer;
  }

  #giveBack(buffer: Buffer): void {
    if (this.#isSlab) giveBackSlab(buffer);
    else giveBackLong(buffer);
    this.#isSlab = false;
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

  /**
   * Adds a frame that many connections are sent. A long one is not copied when nothing is to leave before it, so that it
   * is in memory once, however slow they read.
   */
  add(frame: Buffer): void {
    if (frame.length > longBurst && this.#length === 0 && this.#inFlight === 0 && !this.#dead) {
      this.#events.written?.(frame);
      this.#inFlight = frame.length;
      this.#writing = frame;
      this.#writingEnd = frame.length;
      this.#writingIsShared = true;
      return this.#writePiece(frame);
    }
    copyBytes(this.reserve(frame.length), this.#length, frame, 0, frame.length);
    this.commit(this.#length + frame.length);
  }

  /** Holds writes back until `release`, so that everything sent from one read event leaves in one write. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.#length > 0) this.#reads++;
    this.flush();
  }

  /**
   * Whether the last write answered more than one read: then the next read is likely to be one of several in its turn, and
   * their answers had better leave in one write (bench: W64). One message at a time (L, M) is never held up by this.
   */
  get comesInBursts(): boolean {
    return this.#comesInBursts;
  }

  /** As `release`, but a short burst is written in the next phase of this turn only, if nothing else flushes it before. */
  releaseLater(): void {
    if (this.#length >= longBurst) return this.release();
    this.#held = false;
    if (this.#length > 0) this.#reads++;
    if (this.#scheduled || this.#length === 0 || this.#inFlight > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#held) this.flush();
    });
  }

  /** Writes what is there, unless a write is in flight: its end flushes the rest. */
  flush(): void {
    const length = this.#length;
    if (length === 0 || this.#inFlight > 0 || this.#dead) return;
    const buffer = this.#buffer!;
    this.#comesInBursts = this.#reads > 1;
    this.#reads = 0;
    this.#inFlight = length;
    this.#buffer = undefined;
    this.#length = 0;
    this.#events.written?.(buffer.subarray(0, length));
    // The next burst is expected to be as long as this one; a rare long one is forgotten at once.
    this.#hint = length > this.#hint ? Math.min(length, longBurst) : Math.max(smallest, this.#hint >> 1);
    if (this.#isSlab) {
      const bytes = buffer.subarray(0, length);
      this.#piece = length;
      // The answer to the opening handshake may still be on its way: then the socket keeps what it is given until later.
      const isRead = this.#readsAtOnce && this.#socket.writableLength === 0;
      this.#socket.write(isRead ? bytes : Buffer.from(bytes), this.#onWritten);
      this.#giveBack(buffer);
      return;
    }
    this.#writing = buffer;
    this.#writingEnd = length;
    this.#writePiece(buffer);
  }

  /** Gives the socket the next piece of what is in flight. */
  #writePiece(buffer: Buffer): void {
    const start = this.#writingEnd - this.#inFlight;
    const bytes = this.#pieceBytes;
    // A short rest goes along: a write of its own would wake the peer for a few bytes (bench: send 1 MiB).
    const end = this.#inFlight <= bytes + bytes / 4 ? this.#writingEnd : start + bytes;
    this.#piece = end - start;
    this.#givenAt = performance.now();
    this.#socket.write(buffer.subarray(start, end), this.#onWritten);
  }

  #judgePiece(): void {
    const took = performance.now() - this.#givenAt;
    if (took > slowly) this.#pieceBytes = Math.max(shortestPiece, this.#pieceBytes / 4);
    else if (took < quickly) this.#pieceBytes = Math.min(longestPiece, this.#pieceBytes * 2);
  }

  /** Forgets everything: the socket takes no more. */
  discard(): void {
    this.#dead = true;
    this.#unsentBytes += this.bufferedBytes;
    if (this.#buffer !== undefined) this.#giveBack(this.#buffer);
    this.#buffer = undefined;
    // Of a socket that reads at once, nobody looks at it any more; otherwise it is left to the garbage collector.
    if (this.#readsAtOnce && this.#writing !== undefined && !this.#writingIsShared) giveBackLong(this.#writing);
    this.#writing = undefined;
    this.#length = 0;
    this.#inFlight = 0;
  }

  /** Memory from Node's pool for what is short, and memory that is kept from burst to burst for what is long. */
  #allocate(size: number): Buffer {
    return size > longBurst ? takeLong(size, this.#readsAtOnce) : Buffer.allocUnsafe(size);
  }
}
