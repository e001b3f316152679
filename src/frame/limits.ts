/** What a peer may make this end hold or do. Lawful frames over a limit are refused (RFC 6455 §10.4). */
import { constants } from 'node:buffer';
import { usageError } from './errors.js';

export interface FrameLimits {
  /**
   * The largest message, all fragments together, in payload bytes; more is refused with 1009 before it is held. Default
   * 16 MiB. Does not apply to a message that is streamed: none of it is held here. Of a compressed message it counts what
   * comes out, streamed or not; what comes in may be longer by what compressing can add (`maxCompressedBytes`).
   */
  readonly maxMessageBytes: number;
  /**
   * How many fragments of one message may be empty; more are refused with 1008. Default 64. Fragments that carry data
   * are not counted: they cost their bytes, which `maxMessageBytes` bounds.
   */
  readonly maxEmptyFragments: number;
}

export const defaultFrameLimits: FrameLimits = { maxMessageBytes: 16 * 1024 * 1024, maxEmptyFragments: 64 };

/**
 * The most compressed bytes of a message that may have `maximum` once it is inflated. DEFLATE makes what it cannot compress
 * longer: by an eighth and some where a compressor writes nine bits for each byte, and by some bytes for each block.
 */
export function maxCompressedBytes(maximum: number): number {
  return maximum + Math.ceil(maximum / 7) + 1024;
}

/**
 * Returns `limits` with the defaults filled in.
 *
 * @throws UsageError `limit-invalid` for one that is not a whole number or larger than a Buffer can be.
 */
export function completeLimits(limits: Partial<FrameLimits> = {}): FrameLimits {
  return {
    maxMessageBytes: completeLimit('maxMessageBytes', limits, constants.MAX_LENGTH),
    maxEmptyFragments: completeLimit('maxEmptyFragments', limits, Number.MAX_SAFE_INTEGER),
  };
}

function completeLimit(name: keyof FrameLimits, limits: Partial<FrameLimits>, largest: number): number {
  const value = limits[name] ?? defaultFrameLimits[name];
  if (Number.isInteger(value) && value >= 0 && value <= largest) return value;
  throw usageError('limit-invalid', `${name} is ${value}, it must be a whole number from 0 to ${largest}`, name);
}
