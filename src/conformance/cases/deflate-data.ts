/** Compressed data for the cases of RFC 7692, made by `node:zlib` or by hand. */
import { Buffer } from 'node:buffer';
import { constants, deflateRawSync, type InputType, type ZlibOptions } from 'node:zlib';
import type { Compression } from '../case.js';

/** RFC 7692 §7.2.1: what a sender leaves out at the end of a message. */
export const flushEnd: Buffer = Buffer.of(0x00, 0x00, 0xff, 0xff);

/** Compresses on its own, and returns the payload of a message. */
export function deflated(data: Uint8Array, options: ZlibOptions = {}): Buffer {
  return flushed(data, options).subarray(0, -flushEnd.length);
}

/** As `deflated`, with the end of the flush: a part that others may follow. */
export function flushed(data: Uint8Array, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(data as InputType, { finishFlush: constants.Z_SYNC_FLUSH, ...options });
}

/** Compresses one message after the other as was agreed, each looking back at those before if that is allowed. */
export class Sender {
  readonly #own: Compression;
  #history: Buffer = Buffer.alloc(0);

  constructor(own: Compression) {
    this.#own = own;
  }

  payload(data: Uint8Array, options: ZlibOptions = {}): Buffer {
    const history = this.#history;
    const payload = deflated(data, {
      // zlib has no window of 256 bytes; with one of 512 it looks back by no more than 250.
      windowBits: Math.max(9, this.#own.windowBits),
      ...(history.length > 0 ? { dictionary: history } : {}),
      ...options,
    });
    if (this.#own.keepsContext) {
      this.#history = Buffer.concat([history, data]).subarray(-(2 ** this.#own.windowBits));
    }
    return payload;
  }
}

/** Text that compresses well, and repeats itself at many distances. */
export function prose(length: number): Buffer {
  const words = ['alpha', 'bravo', 'charlie', 'delta', 'echo', 'foxtrot', 'golf', 'hotel', 'india', 'juliett'];
  let text = '';
  for (let i = 0; text.length < length; i++) text += `${words[(i * i + (i >> 3)) % words.length]}${i % 251} `;
  return Buffer.from(text.slice(0, length));
}

/** Bytes that do not compress, the same in every run. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x2545_f491;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** A payload that inflates to as many MiB of zeros. */
export function bomb(mebibytes: number): Buffer {
  const part = flushed(Buffer.alloc(2 ** 20));
  const whole = Buffer.concat(Array.from({ length: mebibytes }, () => part));
  return whole.subarray(0, -flushEnd.length);
}
