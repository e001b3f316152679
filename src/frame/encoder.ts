/** Frames → bytes, written into memory that the caller has made room for (RFC 6455 §5.2). */
import { Buffer } from 'node:buffer';
import { copyBytes } from './copy.js';
import { usageError } from './errors.js';
import { finBit, length16, length64, maskBit, maxLength16, maxShortLength, rsv1Bit } from './header.js';
import { copyMasked, mask, writeMaskingKey } from './masking.js';
import { nextMaskingKey } from './masking-key.js';
import { opcodes } from './opcode.js';
import type { Role } from './role.js';

/** Up to this many bytes a loop costs less than the call of a native encoder (measured). */
const loopUpTo = 24;

/**
 * Writes frames of one end: masked as a client, unmasked as a server (RFC 6455 §5.1, §6.1), with the shortest form of the
 * length.
 */
export class FrameEncoder {
  readonly #maskBit: number;

  constructor(role: Role) {
    this.#maskBit = role === 'client' ? maskBit : 0;
  }

  /** Returns the bytes of a frame with `payloadLength` bytes of payload. */
  frameSize(payloadLength: number): number {
    const header = payloadLength <= maxShortLength ? 2 : payloadLength <= maxLength16 ? 4 : 10;
    return header + (this.#maskBit === 0 ? 0 : 4) + payloadLength;
  }

  /**
   * Writes a frame and returns the offset after it. Does not touch `data`, and does not judge.
   *
   * @param first the first byte: FIN, reserved bits and opcode.
   * @param start where the payload begins in `data`; default 0.
   * @param end where it ends, exclusive; default the end of `data`.
   * @throws UsageError `target-too-small`.
   */
  writeFrame(
    target: Buffer,
    offset: number,
    first: number,
    data: Uint8Array,
    start: number = 0,
    end: number = data.length,
  ): number {
    const payload = this.#writeHeader(target, offset, first, end - start);
    if (this.#maskBit === 0) copyBytes(target, payload, data, start, end);
    else copyMasked(target, payload, data, start, end, this.#writeKey(target, payload));
    return payload + end - start;
  }

  /**
   * Writes a frame with `text` as UTF-8, lone surrogates as U+FFFD, and returns the offset after it.
   *
   * @param byteLength `Buffer.byteLength(text)`.
   * @throws UsageError `target-too-small`, or `byte-length-wrong`.
   */
  writeTextFrame(target: Buffer, offset: number, first: number, text: string, byteLength: number): number {
    const start = this.#writeHeader(target, offset, first, byteLength);
    const isAscii = byteLength === text.length;
    let written = byteLength;
    if (!isAscii) {
      written = target.write(text, start, byteLength);
    } else if (byteLength <= loopUpTo) {
      for (let i = 0; i < byteLength; i++) target[start + i] = text.charCodeAt(i);
    } else {
      written = target.write(text, start, byteLength, 'latin1');
    }
    // Otherwise memory that nobody has written would be sent.
    if (written !== byteLength) {
      throw usageError('byte-length-wrong', `the text has ${written} bytes in UTF-8, not ${byteLength}`, 'byteLength');
    }
    if (this.#maskBit !== 0) mask(target, start, start + byteLength, this.#writeKey(target, start));
    return start + byteLength;
  }

  /** Writes the header, leaves room for the masking key, and returns where the payload starts. */
  #writeHeader(target: Buffer, offset: number, first: number, length: number): number {
    const size = this.frameSize(length);
    if (size > target.length - offset) {
      const room = target.length - offset;
      throw usageError('target-too-small', `a frame of ${size} bytes does not fit into ${room}`, 'target');
    }
    target[offset] = first;
    if (length <= maxShortLength) {
      target[offset + 1] = this.#maskBit | length;
    } else if (length <= maxLength16) {
      target[offset + 1] = this.#maskBit | length16;
      target[offset + 2] = length >>> 8;
      target[offset + 3] = length;
    } else {
      target[offset + 1] = this.#maskBit | length64;
      target.writeUInt32BE(Math.floor(length / 2 ** 32), offset + 2);
      target.writeUInt32BE(length % 2 ** 32, offset + 6);
    }
    return offset + size - length;
  }

  /** Writes a fresh key into the four bytes before the payload (RFC 6455 §5.3, §10.3), and returns it. */
  #writeKey(target: Buffer, payload: number): number {
    const key = nextMaskingKey();
    writeMaskingKey(target, payload - 4, key);
    return key;
  }
}

/** Returns a whole message as one frame of a server, which is not masked and so the same for every client. */
export function encodeServerFrame(payload: Uint8Array, isText: boolean, isCompressed: boolean): Buffer {
  const encoder = new FrameEncoder('server');
  const frame = Buffer.allocUnsafeSlow(encoder.frameSize(payload.length));
  const first = finBit | (isCompressed ? rsv1Bit : 0) | (isText ? opcodes.text : opcodes.binary);
  encoder.writeFrame(frame, 0, first, payload);
  return frame;
}
