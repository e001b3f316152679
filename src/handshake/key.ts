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

/** Returns a function for SHA-1 in base64. `crypto.hash` takes half the time, but Node 20 has it from 20.12 on only. */
export function sha1By(hash: typeof crypto.hash | undefined): (text: string) => string {
  return hash === undefined
    ? (text) => crypto.createHash('sha1').update(text).digest('base64')
    : (text) => hash('sha1', text, 'base64');
}

const sha1 = sha1By(crypto.hash);

/** Returns the answer to a key. */
export function acceptFor(key: string): string {
  return sha1(key + guid);
}
