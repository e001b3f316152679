/** Decompression of what a peer sends (RFC 7692 §7.2.2), with a history of its own. The only file here that knows `node:zlib`. */
import { Buffer } from 'node:buffer';
import { constants, type InflateRaw, inflateRawSync } from 'node:zlib';
import type { Compression } from './case.js';

/** RFC 7692 §7.2.2: what the sender has removed from the end. */
const tail = Buffer.of(0x00, 0x00, 0xff, 0xff);

export class Inflater {
  readonly #options: Compression;
  #history: Buffer = Buffer.alloc(0);

  constructor(options: Compression) {
    this.#options = options;
  }

  /**
   * Returns the payload of a message that was sent compressed.
   *
   * @throws Error when it is not valid, or has more than `maxBytes`
   */
  inflate(payload: Buffer, maxBytes: number): Buffer {
    const { windowBits, keepsContext } = this.#options;
    const parts: Buffer[] = [];
    let size = 0;
    let history = this.#history;
    let input = Buffer.concat([payload, tail]);
    // A block marked as the last ends a DEFLATE stream; lawfully another one may follow in the message (RFC 7692 §7.2.3.4).
    while (input.length > 0) {
      const { buffer, engine } = inflateRawSync(input, {
        windowBits,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: maxBytes - size + 1,
        // zlib looks at how far back a reference goes only where it leaves its output chunk: small windows need small ones.
        ...(windowBits < 15 ? { chunkSize: 64 } : {}),
        ...(history.length > 0 ? { dictionary: history } : {}),
        info: true,
      } as const) as unknown as { buffer: Buffer; engine: InflateRaw };
      parts.push(buffer);
      size += buffer.length;
      if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
      history = Buffer.concat([history, buffer]).subarray(-(2 ** windowBits));
      if (engine.bytesWritten === 0) break;
      input = input.subarray(engine.bytesWritten);
      // What is left behind the last block: the tail alone begins no further stream.
      if (input.length <= tail.length) break;
    }
    if (keepsContext) this.#history = Buffer.from(history);
    return Buffer.concat(parts);
  }
}
