/** A small writer of DER (ITU-T X.690): each function returns one whole element. It knows nothing of certificates. */
import { Buffer } from 'node:buffer';

/** One element of the given identifier octet, around its parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const octets = unsigned(length);
  return Buffer.concat([Buffer.from([tag, 0x80 | octets.length]), octets, content]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts);
}

/** A SET OF: DER wants its elements in ascending order of their encodings (X.690 §11.6). */
export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return element(0x31, ...[...parts].sort((a, b) => Buffer.compare(a, b)));
}

/** A context-specific, constructed element: `[number] EXPLICIT`, or `[number] IMPLICIT` of a sequence. */
export function contextConstructed(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...parts);
}

/** A context-specific, primitive element: `[number] IMPLICIT` of a string or octets. */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

export function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.from([value ? 0xff : 0x00]));
}

/** A non-negative INTEGER, from a number or from big-endian octets. */
export function integer(value: number | Uint8Array): Buffer {
  const octets = typeof value === 'number' ? unsigned(value) : trimmed(value);
  return octets[0]! < 0x80 ? element(0x02, octets) : element(0x02, Buffer.from([0]), octets);
}

export function bitString(octets: Uint8Array): Buffer {
  return element(0x03, Buffer.from([0]), octets);
}

/** A BIT STRING of named bits: bit 0 is the most significant, trailing zero bits are not written (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits);
  const octets = Buffer.alloc((highest + 8) >> 3);
  for (const bit of bits) octets[bit >> 3]! |= 0x80 >> (bit & 7);
  return element(0x03, Buffer.from([octets.length * 8 - highest - 1]), octets);
}

export function octetString(octets: Uint8Array): Buffer {
  return element(0x04, octets);
}

export function nullValue(): Buffer {
  return element(0x05);
}

/** An OBJECT IDENTIFIER, from dotted decimal. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift(0x80 | (left % 128));
    octets.push(...groups);
  }
  return element(0x06, Buffer.from(octets));
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on, both in whole seconds (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? element(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : element(0x18, Buffer.from(digits, 'latin1'));
}

function unsigned(value: number): Buffer {
  const octets = Buffer.alloc(6);
  octets.writeUIntBE(value, 0, 6);
  return trimmed(octets) as Buffer;
}

/** Without leading zero octets, at least one octet long. */
function trimmed(octets: Uint8Array): Uint8Array {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  return octets.subarray(start);
}
