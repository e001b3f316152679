/**
 * Memory that all connections of this process share, for bytes that are gone when a call returns. Nothing that outlives
 * the call may be a view of it: such a view shows what other connections receive and send.
 */
import { Buffer } from 'node:buffer';

/** Room for all that TLS hands over at once: one record (RFC 8446 §5.1). */
const receiveBytes = 16 * 1024;

/** Room for the answers to what one connection receives in one turn. */
export const slabBytes: number = 64 * 1024;

/** So many connections can be composing at once; more of them use memory of their own. */
const maxSlabs = 4;

/** A long burst is composed in memory that is kept for the next one, up to this size: fresh memory costs more than filling it. */
const maxKeptBytes = 2 * 1024 * 1024;

let receiving: Buffer | undefined;
const slabs: Buffer[] = [];
let slabsMade = 0;
let kept: Buffer | undefined;

/** Returns the buffer that sockets receive into (see `receiveInto`). */
export function receiveBuffer(): Buffer {
  receiving ??= Buffer.allocUnsafeSlow(receiveBytes);
  return receiving;
}

/** Returns memory of `slabBytes` to compose in until `giveBackSlab`, or `undefined` when all of it is in use. */
export function takeSlab(): Buffer | undefined {
  const slab = slabs.pop();
  if (slab !== undefined || slabsMade === maxSlabs) return slab;
  slabsMade++;
  return Buffer.allocUnsafeSlow(slabBytes);
}

export function giveBackSlab(slab: Buffer): void {
  slabs.push(slab);
}

/** Returns memory for a long burst, of at least `size` bytes. */
export function takeLong(size: number): Buffer {
  const memory = kept;
  if (memory === undefined || memory.length < size) return Buffer.allocUnsafeSlow(size);
  kept = undefined;
  return memory;
}

/** Takes memory back of which nobody holds a view any more; does not keep what is short. */
export function giveBackLong(memory: Buffer): void {
  if (memory.length > slabBytes && memory.length <= maxKeptBytes && memory.length > (kept?.length ?? 0)) kept = memory;
}
