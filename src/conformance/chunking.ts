/**
 * How what is sent is cut into writes; over TLS each write is a record of its own. A peer must not care (RFC 6455 §5.4 knows
 * frames, TCP and TLS know only octets), so any case may be run in each of them.
 */
import type { Buffer } from 'node:buffer';

/** `whole`: one write; `octets`: a write for each octet; `random`: writes of random sizes, the same ones for the same seed. */
export type Chunking =
  | { readonly kind: 'whole' }
  | { readonly kind: 'octets' }
  | { readonly kind: 'random'; readonly seed: number };

/** Returns `whole`, `octets` or `random:SEED`. */
export function chunkingName(chunking: Chunking): string {
  return chunking.kind === 'random' ? `random:${chunking.seed}` : chunking.kind;
}

/** Of more bytes than this, only the first and the last are sent as single octets: each of them is a TLS record. */
const maxOctets = 4096;
const firstOctets = 1024;
const lastOctets = 64;
/** What is between them goes in writes of the size of a TLS record (RFC 8446 §5.1). */
const recordBytes = 16 * 1024;

/** Yields `bytes` in pieces, which are views. */
export function* chunksOf(bytes: Buffer, chunking: Chunking, random: () => number): Generator<Buffer, void, undefined> {
  if (chunking.kind === 'whole') {
    if (bytes.length > 0) yield bytes;
    return;
  }
  for (let start = 0; start < bytes.length; ) {
    const size = chunking.kind === 'octets' ? sizeByOctets(bytes.length, start) : sizeByChance(random);
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

function sizeByOctets(total: number, start: number): number {
  if (total <= maxOctets || start < firstOctets || start >= total - lastOctets) return 1;
  return Math.min(recordBytes, total - lastOctets - start);
}

/** Mostly a few bytes, as faults hide in headers; seldom up to four records, so that large messages get through. */
function sizeByChance(random: () => number): number {
  const kind = random();
  const most = kind < 0.5 ? 16 : kind < 0.8 ? 1024 : 4 * recordBytes;
  return 1 + Math.floor(random() * most);
}

/** Returns a generator of numbers from 0 to below 1 that depend on the seed and the name alone (Mulberry32 over FNV-1a). */
export function randomFor(seed: number, name: string): () => number {
  let state = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
