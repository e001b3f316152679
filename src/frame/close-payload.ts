/** The body of a close frame: a code and a reason (RFC 6455 §5.5.1). */
import { Buffer } from 'node:buffer';
import type { CloseFrame, PeerProtocolError } from '../errors.js';
import { closeCodes, isReceivableCloseCode, isSendableCloseCode } from './close-code.js';
import { protocolFault, usageError } from './errors.js';
import { maxShortLength } from './header.js';
import type { Role } from './role.js';
import { Utf8Validator } from './utf8.js';

/** The longest reason, in bytes of UTF-8: a control frame less the two bytes of the code. */
export const maxCloseReasonBytes: number = maxShortLength - 2;

/**
 * Returns the body of a close frame; empty without a code. Lone surrogates in `reason` become U+FFFD.
 *
 * @param role the end that sends it.
 * @throws UsageError `close-code-not-sendable`, `close-reason-too-long` (over 123 bytes of UTF-8) or
 *   `close-reason-without-code`.
 */
export function encodeClosePayload(role: Role, code: number | undefined, reason: string = ''): Buffer {
  if (code === undefined) {
    if (reason !== '') throw usageError('close-reason-without-code', 'a close reason needs a close code', 'reason');
    return Buffer.alloc(0);
  }
  if (!isSendableCloseCode(code, role)) {
    throw usageError(
      'close-code-not-sendable',
      `a ${role} cannot send close code ${code}: 1000–1003, 1007–1014 (1010 from a client only) and 3000–4999 are allowed (RFC 6455 §7.4)`,
      'code',
    );
  }
  const bytes = Buffer.byteLength(reason);
  if (bytes > maxCloseReasonBytes) {
    throw usageError(
      'close-reason-too-long',
      `the close reason is ${bytes} bytes long, at most ${maxCloseReasonBytes} allowed (RFC 6455 §5.5)`,
      'reason',
    );
  }
  const payload = Buffer.alloc(2 + bytes);
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

/**
 * Returns code and reason of a whole body; 1005 and `''` for an empty one. Returns the fault, its `offset` counted from
 * `start`, when there is one: `close-payload-too-short`, `close-code-invalid` or `close-reason-not-utf8`.
 *
 * @param end exclusive; default the end of `bytes`.
 */
export function parseClosePayload(
  bytes: Buffer,
  start: number = 0,
  end: number = bytes.length,
): CloseFrame | PeerProtocolError {
  return end - start === 1
    ? protocolFault('close-payload-too-short', 'a close body of 1 byte cannot hold a close code', 1)
    : (new ClosePayloadReader().read(bytes, start, end, true, -start) ?? closeFrameOf(bytes, start, end));
}

/** Returns what a valid body says. */
export function closeFrameOf(bytes: Buffer, start: number, end: number): CloseFrame {
  if (start === end) return { code: closeCodes.noStatusReceived, reason: '' };
  return { code: bytes.readUInt16BE(start), reason: bytes.toString('utf8', start + 2, end) };
}

/** Judges a body that comes in pieces, at the first byte that shows a fault. */
export class ClosePayloadReader {
  readonly #reason: Utf8Validator = new Utf8Validator();
  #taken = 0;
  #code = 0;

  /**
   * Takes the next piece. Returns the fault, if it shows one.
   *
   * @param origin what to add to an index of `bytes` to have its place in the stream.
   */
  read(bytes: Buffer, start: number, end: number, isEnd: boolean, origin: number): PeerProtocolError | undefined {
    let position = start;
    while (this.#taken < 2 && position < end) {
      this.#code = (this.#code << 8) | bytes[position++]!;
      if (++this.#taken === 2 && !isReceivableCloseCode(this.#code)) {
        return protocolFault('close-code-invalid', `a close frame carries code ${this.#code}`, origin + position);
      }
    }
    const bad = this.#reason.check(bytes, position, end);
    if (bad >= 0) {
      const text = `the close reason is not UTF-8 at byte 0x${bytes[bad]!.toString(16)}`;
      return protocolFault('close-reason-not-utf8', text, origin + bad + 1);
    }
    if (isEnd && !this.#reason.isComplete) {
      return protocolFault('close-reason-not-utf8', 'the close reason ends within a code point', origin + end);
    }
    return undefined;
  }
}
