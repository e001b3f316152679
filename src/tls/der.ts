/**
 * A strict, bounded reader of DER (ITU-T X.690), driven by the structure that its caller expects. Definite and minimal
 * lengths only, no element outside its parent. It does not recurse: depth is the caller's, fixed by the type it reads.
 * Whatever the bytes are, the only thing thrown is `DerError`.
 */
import type { Buffer } from 'node:buffer';

/** Reports bytes that are not the DER that was expected. */
export class DerError extends Error {
  /** Where, in octets from the start of the outermost element. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at octet ${offset}`);
    this.offset = offset;
  }

  override get name(): string {
    return 'DerError';
  }
}

/** Identifier octets of the universal types in use (X.690 §8.1.2). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The longest object identifier that is read, in octets; those in use have at most some 20. */
const maxObjectIdentifierOctets = 128;

/** Reads the elements between two offsets, one after another. Octets are handed out as views, never copied. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  // Where the content of the element read last lies.
  #contentStart = 0;
  #contentEnd = 0;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Where the next element starts, in octets. */
  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  /** The identifier octet of the next element; `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  /** @throws DerError unless every element was read. */
  finish(): void {
    if (!this.done) throw new DerError('unexpected element', this.#at);
  }

  /** Passes over the next element, whatever it is, and returns all its octets. */
  skip(): Buffer {
    const start = this.#at;
    this.#open();
    return this.#bytes.subarray(start, this.#at);
  }

  /** Returns the content octets of the next element, which must have this tag. */
  content(tag: number): Buffer {
    this.#expect(tag);
    return this.#bytes.subarray(this.#contentStart, this.#contentEnd);
  }

  /** Returns a reader of the elements in the next element, which must have this tag. */
  enter(tag: number): DerReader {
    this.#expect(tag);
    return new DerReader(this.#bytes, this.#contentStart, this.#contentEnd);
  }

  /** X.690 §11.1: 0x00 or 0xff. */
  boolean(): boolean {
    const octets = this.content(tags.boolean);
    if (octets.length !== 1 || (octets[0] !== 0 && octets[0] !== 0xff)) throw this.#malformed('BOOLEAN');
    return octets[0] === 0xff;
  }

  /** Returns the octets of an INTEGER in two's complement, which must be minimal (X.690 §8.3.2). */
  integer(): Buffer {
    const octets = this.content(tags.integer);
    const first = octets[0];
    if (first === undefined) throw this.#malformed('INTEGER');
    const second = octets[1];
    if (second !== undefined && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80)) {
      throw this.#malformed('INTEGER');
    }
    return octets;
  }

  /** Returns an INTEGER from 0 to 2^31 − 1. */
  smallInteger(): number {
    const octets = this.integer();
    if (octets.length > 4 || octets[0]! >= 0x80) throw this.#malformed('INTEGER');
    return octets.readUIntBE(0, octets.length);
  }

  /** Returns the octets of a BIT STRING and how many bits of the last are unused, which must be zero (X.690 §11.2.1). */
  bitString(): { octets: Buffer; unused: number } {
    const content = this.content(tags.bitString);
    const unused = content[0];
    const last = content.length > 1 ? content[content.length - 1]! : 0;
    if (unused === undefined || unused > (content.length > 1 ? 7 : 0) || (last & ((1 << unused) - 1)) !== 0) {
      throw this.#malformed('BIT STRING');
    }
    return { octets: content.subarray(1), unused };
  }

  /** Returns an OBJECT IDENTIFIER in dotted decimal (X.690 §8.19). */
  objectIdentifier(tag: number = tags.objectIdentifier): string {
    const octets = this.content(tag);
    if (octets.length === 0 || octets.length > maxObjectIdentifierOctets || octets[octets.length - 1]! >= 0x80) {
      throw this.#malformed('OBJECT IDENTIFIER');
    }
    let text = '';
    let arc = 0n;
    let small = 0;
    let groups = 0;
    for (const octet of octets) {
      if (groups === 0 && octet === 0x80) throw this.#malformed('OBJECT IDENTIFIER');
      groups++;
      // Up to 49 bits a number is exact; longer arcs (UUIDs below 2.25) go on as a bigint.
      if (groups <= 7) small = small * 128 + (octet & 0x7f);
      else arc = (groups === 8 ? BigInt(small) : arc) * 128n + BigInt(octet & 0x7f);
      if (octet >= 0x80) continue;
      const value = groups <= 7 ? small : arc;
      if (text === '') text = value < 80 ? `${value < 40 ? 0 : 1}.${Number(value) % 40}` : `2.${BigInt(value) - 80n}`;
      else text += `.${value}`;
      small = 0;
      groups = 0;
    }
    return text;
  }

  /** Returns a UTCTime or GeneralizedTime, in the only forms that RFC 5280 §4.1.2.5 allows. */
  time(): Date {
    const tag = this.nextTag === tags.generalizedTime ? tags.generalizedTime : tags.utcTime;
    const text = this.content(tag).toString('latin1', 0, 16);
    const match = (tag === tags.utcTime ? utcTime : generalizedTime).exec(text);
    if (match === null) throw this.#malformed('time');
    const [, yearText, month, day, hour, minute, second] = match;
    const year = Number(yearText);
    // RFC 5280 §4.1.2.5.1: two digits from 50 on are of the 20th century.
    const fullYear = tag === tags.generalizedTime ? yearText : year >= 50 ? 1900 + year : 2000 + year;
    const date = new Date(`${fullYear}-${month}-${day}T${hour}:${minute}:${second}Z`);
    // `Date` brings February 30th to March and 24:00 to the next day, which would be another time than the one written.
    if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day)) throw this.#malformed('time');
    return date;
  }

  #expect(tag: number): void {
    const at = this.#at;
    if (at >= this.#end || this.#bytes[at] !== tag) {
      throw new DerError(`no element 0x${tag.toString(16).padStart(2, '0')}`, at);
    }
    this.#open();
  }

  /** Reads the header of the next element and passes over it. */
  #open(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    if (start + 2 > this.#end) throw new DerError('cut short', start);
    if ((bytes[start]! & 0x1f) === 0x1f) throw new DerError('tag of more than one octet', start);
    let at = start + 2;
    let length = bytes[start + 1]!;
    if (length >= 0x80) {
      const count = length & 0x7f;
      // X.690 §10.1: the definite form, in as few octets as possible.
      if (count === 0) throw new DerError('indefinite length', start);
      if (count > 4) throw new DerError('length of more than four octets', start);
      if (at + count > this.#end) throw new DerError('cut short', start);
      length = bytes.readUIntBE(at, count);
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new DerError('length not minimal', start);
      at += count;
    }
    if (length > this.#end - at) throw new DerError('cut short', start);
    this.#contentStart = at;
    this.#contentEnd = at + length;
    this.#at = at + length;
  }

  #malformed(type: string): DerError {
    return new DerError(`malformed ${type}`, this.#contentStart);
  }
}

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
