/**
 * Memory that all connections of this process share, for bytes that are gone when a call returns. Nothing that outlives
 * the call may be a view of it: such a view shows what other connections receive and send.
 */
import { Buffer } from 'node:buffer';
import { Areas, giveSpare, sharedMemory, takeSpare } from '../frame/index.js';

/** Room for all that TLS hands over at once: one record (RFC 8446 §5.1). */
const receiveBytes = 16 * 1024;

/** Room for the answers to what one connection receives in one turn, or for one long message. */
export const slabBytes: number = 80 * 1024;

/** So many connections can be composing at once; more of them use memory of their own. */
const slabs = new Areas(slabBytes, 12);

/** The slabs that connections leave alone which hold theirs for longer than a turn. */
const reservedSlabs = 4;

/** For one message of up to 1 MiB, which is masked here in a fifth of the time (bench: send 1 MiB). */
const longs = new Areas(1088 * 1024, 1);
const longAreas = new WeakSet<Buffer>();

let receiving: Buffer | undefined;

/** Returns the buffer that sockets receive into (see `receiveInto`). */
export function receiveBuffer(): Buffer {
  receiving ??= sharedMemory(receiveBytes);
  return receiving;
}

/** Not the receive buffer: a stream in JavaScript may deliver within any call, also while that one is being read. */
let copied: Buffer | undefined;
let isCopied = false;

/**
 * Calls `receive` with a copy of a chunk in shared memory: where a socket has received into memory of its own, what
 * follows costs less in this one. With the chunk itself when it is too long, or while another call is under way.
 */
export function receiveCopied(chunk: Buffer, receive: (bytes: Buffer, length: number) => void): void {
  if (isCopied || chunk.length > receiveBytes) return receive(chunk, chunk.length);
  copied ??= sharedMemory(receiveBytes);
  copied.set(chunk);
  isCopied = true;
  try {
    receive(copied, chunk.length);
  } finally {
    isCopied = false;
  }
}

/**
 * Returns memory of `slabBytes` to compose in until `giveBackSlab`, or `undefined` when all of it is in use.
 *
 * @param isForLong whether it may be held for longer than this turn: what a slow peer holds others have to do without
 */
export function takeSlab(isForLong: boolean): Buffer | undefined {
  return slabs.take(isForLong ? reservedSlabs : 0);
}

export function giveBackSlab(slab: Buffer): void {
  slabs.giveBack(slab);
}

/**
 * Returns memory for a long burst, of at least `size` bytes.
 *
 * @param mayBeShared whether it is given back in any case; what is not shared may be forgotten instead
 */
export function takeLong(size: number, mayBeShared: boolean): Buffer {
  const area = mayBeShared && size <= longs.size ? longs.take() : undefined;
  if (area !== undefined) {
    longAreas.add(area);
    return area;
  }
  return takeSpare(size, 2 * size) ?? Buffer.allocUnsafeSlow(size);
}

/** Takes memory back of which nobody holds a view any more. */
export function giveBackLong(memory: Buffer): void {
  if (longAreas.has(memory)) longs.giveBack(memory);
  else giveSpare(memory);
}
