/** `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §4.1, §4.2.2). */
import * as crypto from 'node:crypto';

/** RFC 6455 §1.3. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Returns a new key: 16 random bytes in base64. */
export function createKey(): string {
  return crypto.randomBytes(16).toString('base64');
}

/** Whether `text` is 16 bytes in canonical base64, padding and unused bits included. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(text);
}

/** Returns the answer to a key. */
export function acceptFor(key: string): string {
  return crypto
    .createHash('sha1')
    .update(key + guid, 'latin1')
    .digest('base64');
}
