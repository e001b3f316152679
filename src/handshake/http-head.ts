/**
 * The head of an HTTP/1.1 message (RFC 9112 §2–§5): incremental, bounded and strict, one pass over the bytes in any
 * chunking, a fault found at the same byte in each. It refuses what two readers could understand differently: bare line
 * feeds, folded lines, space before a colon. This file does not know what the fields mean.
 *
 * Deliberately: empty lines before a request are refused too. RFC 9112 §2.2 passes over them for the sake of clients that
 * send one after a body, and no body comes before an opening handshake.
 */
import { Buffer } from 'node:buffer';
import type { HandshakeError } from '../errors.js';
import { type HandshakeFaultCode, requestFault, responseFault, shown } from './errors.js';
import { Fields } from './fields.js';
import { isTokenCharacter, trimOws } from './grammar.js';

export interface HeadLimits {
  /** The longest head, its empty line included, in bytes. Default 16 KiB. */
  readonly maxHeadBytes: number;
  /** The most fields. Default 100. */
  readonly maxFields: number;
  /** The longest request target, in bytes. Default 8 KiB. */
  readonly maxTargetBytes: number;
}

export const defaultHeadLimits: HeadLimits = { maxHeadBytes: 16 * 1024, maxFields: 100, maxTargetBytes: 8 * 1024 };

export interface RequestHead {
  readonly kind: 'request';
  readonly method: string;
  readonly target: string;
  /** `1.1`, or another minor version of 1. */
  readonly version: string;
  readonly fields: Fields;
}

export interface ResponseHead {
  readonly kind: 'response';
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
}

/** The two kinds of heads. */
export interface Heads {
  request: RequestHead;
  response: ResponseHead;
}

const space = 0x20;
const tab = 0x09;
const cr = 0x0d;
const lf = 0x0a;
const colon = 0x3a;
const zero = 0x30;

/** Where in the head the next byte stands. Those before `field-start` are parts of the first line. */
type Place =
  | 'method'
  | 'target'
  | 'request-version'
  | 'response-version'
  | 'status'
  | 'reason'
  | 'line-feed'
  | 'field-start'
  | 'field-name'
  | 'field-value'
  | 'last-line-feed'
  | 'done';

/** What an HTTP version looks like (RFC 9112 §2.3); `0` stands for any digit. */
const versionForm = 'HTTP/0.0';

/** No method that anybody uses is longer. */
const maxMethodBytes = 32;

const noBytes: Buffer = Buffer.alloc(0);

export class HeadParser<Kind extends keyof Heads> {
  readonly #limits: HeadLimits;
  readonly #kind: Kind;
  #place: Place;
  /** The text of the present place, as far as it came: its first `#length` bytes. */
  // Bytes and not a string: a string that grows by one character at a time costs 30 bytes of memory for each (T16).
  #text: Buffer = noBytes;
  #length = 0;
  #name = '';
  #method = '';
  #target = '';
  #version = '';
  #status = 0;
  #reason = '';
  #fields = new Fields();
  #receivedBytes = 0;
  #head: Heads[Kind] | undefined;
  #error: HandshakeError | undefined;

  constructor(kind: Kind, limits: Partial<HeadLimits> = {}) {
    this.#kind = kind;
    this.#limits = { ...defaultHeadLimits, ...limits };
    this.#place = kind === 'request' ? 'method' : 'response-version';
  }

  /** The head, once it is whole. */
  get head(): Heads[Kind] | undefined {
    return this.#head;
  }

  /** Why there is no head, once that is clear. */
  get error(): HandshakeError | undefined {
    return this.#error;
  }

  /** The bytes taken so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * Takes bytes in any chunking. Never throws on input. After the call `head` or `error` may be set.
   *
   * @param end exclusive
   * @returns how many bytes, from `start`, belong to the head; what is behind them follows it
   */
  push(bytes: Buffer, start: number = 0, end: number = bytes.length): number {
    let position = start;
    while (position < end && this.#place !== 'done' && this.#error === undefined) {
      if (this.#receivedBytes >= this.#limits.maxHeadBytes) {
        this.#fail('head-too-large', `the head is longer than ${this.#limits.maxHeadBytes} bytes`);
        break;
      }
      // Text is taken in runs; every other byte is a step of its own.
      const run = this.#run(bytes, position, Math.min(end, position + this.#room()));
      if (run > position) {
        this.#append(bytes, position, run);
        this.#receivedBytes += run - position;
        position = run;
        this.#checkLength();
        continue;
      }
      this.#receivedBytes++;
      this.#step(bytes[position++]!);
    }
    return position - start;
  }

  /** How many bytes may be taken before a limit is broken; where the text has a limit, the byte that breaks it is one of them. */
  #room(): number {
    const room = this.#limits.maxHeadBytes - this.#receivedBytes;
    if (this.#place === 'method') return Math.min(room, maxMethodBytes + 1 - this.#length);
    if (this.#place === 'target') return Math.min(room, this.#limits.maxTargetBytes + 1 - this.#length);
    return room;
  }

  /** Returns where the run of bytes ends that are nothing but text of the present place. */
  #run(bytes: Buffer, start: number, end: number): number {
    let position = start;
    switch (this.#place) {
      case 'method':
      case 'field-name':
        while (position < end && isTokenCharacter(bytes[position]!)) position++;
        return position;
      case 'target':
        // RFC 9112 §3.2: a target has no white space; RFC 3986: it is visible ASCII.
        while (position < end && bytes[position]! > space && bytes[position]! < 0x7f) position++;
        return position;
      case 'field-value':
      case 'reason':
        while (position < end && isValueByte(bytes[position]!)) position++;
        return position;
      default:
        return position;
    }
  }

  #checkLength(): void {
    if (this.#place === 'method' && this.#length > maxMethodBytes) {
      const method = this.#take();
      this.#fail('request-line-malformed', `the method ${shown(method)} is no method`, method);
    } else if (this.#place === 'target' && this.#length > this.#limits.maxTargetBytes) {
      this.#fail('target-too-long', `the request target is longer than ${this.#limits.maxTargetBytes} bytes`);
    }
  }

  #step(byte: number): void {
    switch (this.#place) {
      case 'method':
        if (byte !== space || this.#length === 0) return this.#unexpected('request-line-malformed', byte, 'a method');
        this.#method = this.#take();
        this.#place = 'target';
        return;
      case 'target':
        if (byte !== space || this.#length === 0)
          return this.#unexpected('request-line-malformed', byte, 'a request target');
        this.#target = this.#take();
        this.#place = 'request-version';
        return;
      case 'request-version':
      case 'response-version':
        return this.#stepVersion(byte);
      case 'status':
        return this.#stepStatus(byte);
      case 'reason':
        if (byte !== cr) return this.#unexpected('status-line-malformed', byte, 'a reason phrase');
        this.#reason = this.#take();
        this.#place = 'line-feed';
        return;
      case 'line-feed':
        if (byte !== lf) return this.#unexpected('head-malformed', byte, 'the end of a line');
        this.#place = 'field-start';
        return;
      case 'field-start':
        return this.#stepFieldStart(byte);
      case 'field-name':
        // RFC 9112 §5.1: no space before the colon; a server MUST answer such a request with 400.
        if (byte === space || byte === tab) return this.#unexpected('field-name-spaced', byte, 'a field name');
        if (byte !== colon) return this.#unexpected('field-malformed', byte, 'a field name');
        this.#name = this.#take();
        this.#place = 'field-value';
        return;
      case 'field-value':
        if (byte !== cr) return this.#unexpected('field-malformed', byte, `the value of ${shown(this.#name)}`);
        this.#fields.append(this.#name, trimOws(this.#take()));
        this.#place = 'line-feed';
        return;
      default:
        // last-line-feed
        if (byte !== lf) return this.#unexpected('head-malformed', byte, 'the end of the head');
        this.#finish();
    }
  }

  #stepVersion(byte: number): void {
    const isRequest = this.#place === 'request-version';
    const length = this.#length;
    const behind = isRequest ? cr : space;
    const wanted = length < versionForm.length ? versionForm.charCodeAt(length) : behind;
    if (byte !== wanted && !(wanted === zero && isDigit(byte))) {
      return this.#unexpected(isRequest ? 'request-line-malformed' : 'status-line-malformed', byte, 'an HTTP version');
    }
    if (length < versionForm.length) {
      this.#appendByte(byte);
      return;
    }
    this.#version = this.#take().slice('HTTP/'.length);
    // RFC 9110 §2.5: heads of another major version have another form; the preface of HTTP/2 ends here (RFC 9113 §3.4).
    if (!this.#version.startsWith('1.')) {
      return this.#fail('version-unsupported', `HTTP/${this.#version} is not HTTP/1.1`, this.#version);
    }
    this.#place = isRequest ? 'line-feed' : 'status';
  }

  #stepStatus(byte: number): void {
    const length = this.#length;
    // RFC 9110 §15: three digits, the first of them a class; there is no class 0.
    if (length < 3 && isDigit(byte) && (length > 0 || byte !== zero)) {
      this.#appendByte(byte);
      return;
    }
    // RFC 9112 §4: the space stays when the reason is empty, but some servers leave it out.
    if (length !== 3 || (byte !== space && byte !== cr))
      return this.#unexpected('status-line-malformed', byte, 'a status code');
    this.#status = Number(this.#take());
    this.#place = byte === space ? 'reason' : 'line-feed';
  }

  #stepFieldStart(byte: number): void {
    if (byte === cr) {
      this.#place = 'last-line-feed';
      return;
    }
    if (byte === space || byte === tab) {
      // RFC 9112 §5.2: a server MUST refuse or unfold. Deliberately: a client refuses too, though it is told to unfold:
      // no field of an opening handshake is long enough to be folded.
      return this.#fail('field-folded', 'a field is folded over two lines');
    }
    if (!isTokenCharacter(byte)) return this.#unexpected('field-malformed', byte, 'a field name');
    if (this.#fields.size >= this.#limits.maxFields) {
      return this.#fail('too-many-fields', `there are more than ${this.#limits.maxFields} header fields`);
    }
    this.#appendByte(byte);
    this.#place = 'field-name';
  }

  #take(): string {
    const text = this.#text.toString('latin1', 0, this.#length);
    this.#length = 0;
    return text;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#length += bytes.copy(this.#text, this.#length, start, end);
  }

  #appendByte(byte: number): void {
    this.#reserve(1);
    this.#text[this.#length++] = byte;
  }

  /** Makes room for `count` more bytes of text. */
  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#text.length) return;
    const grown = Buffer.allocUnsafe(Math.max(128, 2 * this.#text.length, wanted));
    this.#text.copy(grown, 0, 0, this.#length);
    this.#text = grown;
  }

  #finish(): void {
    this.#place = 'done';
    this.#text = noBytes;
    const [version, fields] = [this.#version, this.#fields];
    const heads: Heads = {
      request: { kind: 'request', method: this.#method, target: this.#target, version, fields },
      response: { kind: 'response', version, status: this.#status, reason: this.#reason, fields },
    };
    this.#head = heads[this.#kind];
  }

  #unexpected(code: HandshakeFaultCode, byte: number, where: string): void {
    const hex = byte.toString(16).padStart(2, '0');
    this.#fail(code, `byte ${this.#receivedBytes} of the ${this.#kind}, 0x${hex}, cannot stand in ${where}`);
  }

  #fail(code: HandshakeFaultCode, text: string, value?: string): void {
    this.#error = (this.#kind === 'request' ? requestFault : responseFault)(code, text, value);
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39;
}

/** Visible characters, space, tab, and bytes of other encodings (RFC 9110 §5.5 `obs-text`). */
function isValueByte(byte: number): boolean {
  return (byte >= space && byte !== 0x7f) || byte === tab;
}
