/**
 * The HTTP of a trace: request and response heads line by line, and the bodies of responses.
 */
import { visible, wrap } from './terminal.js';
import {
  ascii,
  bytesPerRow,
  httpMeaningWidth,
  maxWholeBytes,
  omitted,
  type Part,
  type Reader,
  row,
  type Sheet,
} from './trace-sheet.js';

/** What well-known fields say (RFC 6455 §4). */
const fieldNotes: Readonly<Record<string, string>> = {
  host: 'whom the client means',
  upgrade: 'the protocol to change to',
  connection: '',
  origin: 'the page that asks',
  'sec-websocket-key': '16 random bytes in base64',
  'sec-websocket-version': 'RFC 6455',
  'sec-websocket-accept': 'made from the key',
  'sec-websocket-protocol': 'subprotocol',
  'sec-websocket-extensions': 'extensions',
};

/** Only so much of a line is kept and shown. */
const maxLineBytes = 512;

export class HeadReader implements Reader {
  readonly #sheet: Sheet;
  readonly #line: Buffer = Buffer.alloc(maxLineBytes);
  readonly #offset: number;
  next: Part | undefined;
  #lineLength = 0;
  #status: number | undefined;
  #kind: 'request' | 'response' | undefined;
  #asksForUpgrade = false;
  #contentLength: number | undefined;

  /** @param offset of the first byte of the head */
  constructor(sheet: Sheet, offset: number) {
    this.#sheet = sheet;
    this.#offset = offset;
  }

  push(bytes: Buffer, start: number): number {
    const lineFeed = bytes.indexOf(0x0a, start);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    if (this.#lineLength < maxLineBytes) bytes.copy(this.#line, this.#lineLength, start, end);
    this.#lineLength += end - start;
    if (lineFeed >= 0) this.#endLine('');
    return end;
  }

  finish(): void {
    if (this.#lineLength > 0) this.#endLine('(cut here)');
  }

  #endLine(remark: string): void {
    const bytes = this.#line.subarray(0, Math.min(this.#lineLength, maxLineBytes));
    const total = this.#lineLength;
    this.#lineLength = 0;
    const text = bytes.toString('latin1').replace(/\r?\n$/, '');
    const isFirst = this.#kind === undefined;
    if (isFirst) this.#start(text);
    const note = isFirst ? this.#startNote() : this.#fieldNote(text);
    this.#write(bytes, total, visible(text), remark === '' ? note : remark);
    if (text === '' && total <= 2 && !isFirst) this.next = this.#afterHead();
  }

  #start(text: string): void {
    const match = /^HTTP\/\d\.\d (\d{3})/.exec(text);
    this.#kind = match === null ? 'request' : 'response';
    this.#status = match === null ? undefined : Number(match[1]);
    this.#sheet.block(this.#offset, `HTTP ${this.#kind}`);
  }

  #startNote(): string {
    if (this.#status === undefined) return '';
    if (this.#status === 101) return '(accepted: frames follow)';
    return this.#status < 200 ? '(interim)' : '(no frames will follow)';
  }

  #fieldNote(text: string): string {
    if (text === '') return '(the head ends)';
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = text.slice(colon + 1).trim();
    if (name === 'upgrade' && /websocket/i.test(value)) this.#asksForUpgrade = true;
    if (name === 'content-length' && /^\d{1,15}$/.test(value)) this.#contentLength = Number(value);
    const note = Object.hasOwn(fieldNotes, name) ? fieldNotes[name]! : '';
    return note === '' ? '' : `(${note})`;
  }

  #write(bytes: Buffer, total: number, text: string, note: string): void {
    const { paint } = this.#sheet;
    const notes = note === '' ? [] : wrap(note, httpMeaningWidth).map((line) => paint.yellow(line));
    const meanings = [...(text === '' ? [] : wrap(text, httpMeaningWidth)), ...notes];
    const rows = Math.max(meanings.length, Math.ceil(bytes.length / bytesPerRow.http));
    for (let index = 0; index < rows; index++) {
      const part = bytes.subarray(index * bytesPerRow.http, (index + 1) * bytesPerRow.http);
      this.#sheet.row(row(paint, part, bytesPerRow.http, meanings[index] ?? ''));
    }
    if (total > bytes.length) this.#sheet.row(omitted(paint, total - bytes.length));
  }

  #afterHead(): Part {
    if (this.#kind === 'request') {
      return this.#asksForUpgrade ? { kind: 'frames' } : this.#body(this.#contentLength ?? 0);
    }
    if (this.#status === 101) return { kind: 'frames' };
    return this.#status! < 200 ? { kind: 'head' } : this.#body(this.#contentLength);
  }

  #body(length: number | undefined): Part {
    return length === 0 ? { kind: 'head' } : { kind: 'body', length };
  }
}

/** The body of an HTTP message: its first bytes, and how many more there were. */
export class BodyReader implements Reader {
  readonly #sheet: Sheet;
  readonly #total: number;
  readonly #row: Buffer = Buffer.alloc(bytesPerRow.http);
  readonly #offset: number;
  next: Part | undefined;
  #position = 0;
  #rowLength = 0;

  /** @param total in bytes; `undefined` for a body that ends with the connection */
  constructor(sheet: Sheet, offset: number, total: number | undefined) {
    this.#sheet = sheet;
    this.#offset = offset;
    this.#total = total ?? Number.POSITIVE_INFINITY;
  }

  push(bytes: Buffer, start: number): number {
    if (this.#position === 0) this.#sheet.block(this.#offset, 'HTTP body');
    const end = Math.min(bytes.length, start + this.#total - this.#position);
    for (let index = start; index < end; index++) {
      if (this.#position++ >= maxWholeBytes) continue;
      this.#row[this.#rowLength++] = bytes[index]!;
      if (this.#rowLength === bytesPerRow.http) this.#writeRow();
    }
    if (this.#position === this.#total) {
      this.finish();
      this.next = { kind: 'head' };
    }
    return end;
  }

  finish(): void {
    if (this.#rowLength > 0) this.#writeRow();
    if (this.#position > maxWholeBytes) this.#sheet.row(omitted(this.#sheet.paint, this.#position - maxWholeBytes));
  }

  #writeRow(): void {
    const bytes = this.#row.subarray(0, this.#rowLength);
    this.#rowLength = 0;
    this.#sheet.row(row(this.#sheet.paint, bytes, bytesPerRow.http, ascii(bytes)));
  }
}
