/** Frames as bytes, for cases about where the bytes of a frame are cut. Knows no rule. */
import type { Buffer } from 'node:buffer';
import { encodeAnyFrame } from '../frame/index.js';
import type { Frame, Step, Target } from './case.js';
import { hex, sendWhole } from './script.js';

/** The masking key of the examples in RFC 6455 §5.7. */
export const exampleKey: Uint8Array = hex('37fa213d');

/** Returns the bytes of a frame for this target; masked with `exampleKey` where masking is due. `mask` is not looked at. */
export function bytesFor(target: Target, frame: Frame): Buffer {
  return encodeAnyFrame(target === 'server' ? { ...frame, maskingKey: exampleKey } : frame);
}

/** Returns the pieces between these offsets; the empty ones are left out. */
export function cutAt(bytes: Buffer, ...offsets: readonly number[]): readonly Buffer[] {
  const edges = [0, ...offsets, bytes.length];
  return edges
    .slice(1)
    .map((end, index) => bytes.subarray(edges[index], end))
    .filter((piece) => piece.length > 0);
}

/** Returns pieces of `size` bytes; the last may be shorter. */
export function cutEvery(bytes: Buffer, size: number): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) pieces.push(bytes.subarray(start, start + size));
  return pieces;
}

/** Each piece in a write of its own, with this much time between two writes. */
export function sendApart(pieces: readonly Uint8Array[], ms: number = 0): readonly Step[] {
  return pieces.flatMap((piece, index): readonly Step[] =>
    index === 0 || ms === 0 ? [sendWhole(piece)] : [{ do: 'wait', ms }, sendWhole(piece)],
  );
}
