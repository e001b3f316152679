/**
 * Memory in which masking, copying and the check of ASCII text are as fast as `memcpy` (see `simd-module.ts`). It is given
 * out in areas that are never taken back: for the few buffers through which all the bytes of a process pass.
 */
import { Buffer } from 'node:buffer';
import { makeSimd, type Simd } from './simd-module.js';

/** The bytes of it, of which the system gives those that are used. */
const sharedBytes = 4 * 1024 * 1024;

/** Areas begin at multiples of a cache line. */
const alignment = 64;

let used = 0;
let simd: Simd | undefined;
let wasMade = false;

/** The module whose memory is `memory`; `undefined` for any other memory. */
export function simdOf(memory: unknown): Simd | undefined {
  return simd !== undefined && simd.memory.buffer === memory ? simd : undefined;
}

/**
 * Returns an area of `size` bytes, not zero-filled, that is the caller's as long as the process lives; ordinary memory
 * where there is no WebAssembly, or when all of it (4 MiB) has been given out. It is never detached, and never moves.
 */
export function sharedMemory(size: number): Buffer {
  if (!wasMade) {
    wasMade = true;
    simd = makeSimd(sharedBytes);
  }
  if (simd === undefined || used + size > sharedBytes) return Buffer.allocUnsafeSlow(size);
  const area = Buffer.from(simd.memory.buffer, used, size);
  used += Math.ceil(size / alignment) * alignment;
  return area;
}

/** Areas of one size that are lent: a few for the whole process, made when they are first needed. */
export class Areas {
  readonly size: number;
  readonly #count: number;
  readonly #free: Buffer[] = [];
  #made = 0;

  constructor(size: number, count: number) {
    this.size = size;
    this.#count = count;
  }

  /**
   * Returns an area to use until `giveBack`, the one that was used last, or `undefined` when none can be had.
   *
   * @param reserved so many are left for others; default 0.
   */
  take(reserved: number = 0): Buffer | undefined {
    if (this.#free.length + this.#count - this.#made <= reserved) return undefined;
    const area = this.#free.pop();
    if (area !== undefined) return area;
    this.#made++;
    return sharedMemory(this.size);
  }

  giveBack(area: Buffer): void {
    this.#free.push(area);
  }
}

/** So many are kept; a message that grows to its length has had four lengths. */
const maxSpares = 8;
const spares: WeakRef<Buffer>[] = [];

/** Shorter memory is quickly had. */
const shortestSpare = 64 * 1024;

/**
 * Returns memory that somebody has done with, of `least` to `most` bytes, the last that was given, or `undefined`. The pages
 * of fresh memory cost more than filling them (`npm run under-load`, sizes from 4 MiB).
 */
export function takeSpare(least: number, most: number): Buffer | undefined {
  for (let index = spares.length - 1; index >= 0; index--) {
    const memory = spares[index]!.deref();
    if (memory === undefined || memory.length < least || memory.length > most) continue;
    spares.splice(index, 1);
    return memory;
  }
  return undefined;
}

/** Takes memory of which nobody holds a view any more. It is kept no longer than garbage is: until the next collection. */
export function giveSpare(memory: Buffer): void {
  if (memory.length <= shortestSpare) return;
  spares.push(new WeakRef(memory));
  if (spares.length > maxSpares) spares.shift();
}
