/** One message to many connections: its frame is made once, and compressed once for each window that was agreed on. */
import { Buffer } from 'node:buffer';
import { compressAlone, encodeServerFrame } from '../frame/index.js';
import type { VerifiedPeer } from '../tls/index.js';
import { bytesOf, type Connection, notAMessage, sendPrepared } from './connection.js';

/** A message with the frames in which it has been needed so far. */
export class PreparedMessage {
  readonly bytes: Uint8Array;
  readonly isText: boolean;
  #plain: Buffer | undefined;
  /** By window and level; `undefined` for one that is better sent as it is. */
  readonly #compressed = new Map<string, Buffer | undefined>();

  constructor(bytes: Uint8Array, isText: boolean) {
    this.bytes = bytes;
    this.isText = isText;
  }

  /** The frame of a server with the message as it is. */
  get plain(): Buffer {
    this.#plain ??= encodeServerFrame(this.bytes, this.isText, false);
    return this.#plain;
  }

  /** The frame with the message compressed, which refers to no other message; `undefined` if it is better sent as it is. */
  compressed(windowBits: number, level: number | undefined): Buffer | undefined {
    const key = `${windowBits} ${level}`;
    if (!this.#compressed.has(key)) {
      const payload = compressAlone(this.bytes, windowBits, level);
      this.#compressed.set(key, payload && encodeServerFrame(payload, this.isText, true));
    }
    return this.#compressed.get(key);
  }
}

/**
 * Sends one message to many connections, as `send()` on each of them would: a string as text, bytes as binary. What can be
 * done once is done once: a server's frame, and its compression, which happens within the call. Clients mask each frame by
 * itself (RFC 6455 §5.3).
 *
 * Returns to how many it was given; those that are no longer open are passed over, and one whose buffer is full is cut, as
 * by `send()`.
 *
 * @throws UsageError `not-a-message` if `data` is neither a string nor bytes
 */
export function broadcast(
  connections: Iterable<Connection<VerifiedPeer> | Connection<VerifiedPeer | undefined>>,
  data: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer,
): number {
  const isText = typeof data === 'string';
  const bytes = isText ? Buffer.from(data) : bytesOf(data);
  if (bytes === undefined) throw notAMessage('broadcast', data);
  const message = new PreparedMessage(bytes, isText);
  let given = 0;
  for (const connection of connections) if (sendPrepared(connection, message)) given++;
  return given;
}
