/** Frames as no lawful end would send them, for peers that test conformance. Knows the layout, and no rule. */
import { Buffer } from 'node:buffer';
import { finBit, length16, length64, maskBit, maxLength16, maxShortLength } from './header.js';
import { mask, readMaskingKey } from './masking.js';

/** What to write; every field may break a rule. */
export interface AnyFrame {
  /** 0–15. */
  readonly opcode: number;
  /** Default empty. Not touched. */
  readonly payload?: Uint8Array;
  /** Default `true`. */
  readonly fin?: boolean;
  /** RSV1, RSV2 and RSV3 as a number: 4, 2 and 1. Default 0. */
  readonly rsv?: number;
  /** Four bytes; `undefined`: the frame is not masked. */
  readonly maskingKey?: Uint8Array;
  /** How many bits the length is written in. Default: the fewest that hold it. */
  readonly lengthForm?: 7 | 16 | 64;
  /** The length to announce. Default: that of the payload. */
  readonly announcedLength?: number | bigint;
}

/** Returns the bytes of any frame, lawful or not. A length that its form cannot hold is cut to its low bits. */
export function encodeAnyFrame(frame: AnyFrame): Buffer {
  const { opcode, payload = new Uint8Array(0), fin = true, rsv = 0, maskingKey } = frame;
  const length = BigInt(frame.announcedLength ?? payload.length);
  const form = frame.lengthForm ?? (length <= maxShortLength ? 7 : length <= maxLength16 ? 16 : 64);
  const short = form === 7 ? Number(length & 0x7fn) : form === 16 ? length16 : length64;
  const extended = Buffer.alloc(8);
  extended.writeBigUInt64BE(BigInt.asUintN(64, length));
  const body = Buffer.from(payload);
  if (maskingKey !== undefined) mask(body, 0, body.length, readMaskingKey(maskingKey, 0));
  return Buffer.concat([
    Buffer.of((fin ? finBit : 0) | (rsv << 4) | opcode, (maskingKey === undefined ? 0 : maskBit) | short),
    extended.subarray(8 - (form === 7 ? 0 : form / 8)),
    maskingKey ?? new Uint8Array(0),
    body,
  ]);
}
