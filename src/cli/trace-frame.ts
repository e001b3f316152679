/**
 * The frames of a trace, field by field (RFC 6455 §5.2), lawful or not. Keeps the bytes of one row, never a payload.
 */
import { StringDecoder } from 'node:string_decoder';
import {
  closeCodeName,
  type FrameHeader,
  isControlOpcode,
  opcodeName,
  opcodes,
  parseFrameHeader,
} from '../frame/index.js';
import { visible } from './terminal.js';
import {
  ascii,
  bytesCount,
  bytesPerRow,
  hex,
  maxWholeBytes,
  omitted,
  type Reader,
  row,
  type Sheet,
  shownHeadBytes,
  shownTailBytes,
} from './trace-sheet.js';

/** The longest header: two bytes, a 64-bit length, a masking key. */
const maxHeaderBytes = 14;

export class FrameReader implements Reader {
  /** Deliberately: frames go on for ever; what follows a close frame is shown as frames too. */
  readonly next: undefined;
  readonly #sheet: Sheet;
  readonly #headerBytes: Buffer = Buffer.alloc(maxHeaderBytes);
  readonly #row: Buffer = Buffer.alloc(bytesPerRow.frame);
  /** Offset of the next byte to come. */
  #offset: number;
  #headerLength = 0;
  #header: FrameHeader | undefined;
  #total = 0;
  #position = 0;
  #rowLength = 0;
  /** Text, binary or `undefined`: the type of the message that the next continuation belongs to. */
  #messageType: number | undefined;
  /** Whether RSV1 said so of the message that the frame belongs to: its payload is no text then. */
  #isCompressed = false;
  /** Decodes the text of a message across its fragments, so that a split code point shows where it is complete. */
  #text: StringDecoder = new StringDecoder('utf8');
  #reason: StringDecoder = new StringDecoder('utf8');

  constructor(sheet: Sheet, offset: number) {
    this.#sheet = sheet;
    this.#offset = offset;
  }

  push(bytes: Buffer, start: number): number {
    for (let index = start; index < bytes.length; ) {
      const next = this.#header === undefined ? this.#pushHeader(bytes, index) : this.#pushPayload(bytes, index);
      this.#offset += next - index;
      index = next;
    }
    return bytes.length;
  }

  finish(): void {
    const { paint } = this.#sheet;
    if (this.#header !== undefined) {
      if (this.#rowLength > 0) this.#writeRow();
      const came = `${bytesCount(this.#position)} of ${bytesCount(this.#header.length)}`;
      this.#sheet.row(`  ${paint.yellow(`(cut here: ${came} came)`)}`);
    } else if (this.#headerLength > 0) {
      this.#sheet.block(this.#offset - this.#headerLength, 'start of a frame');
      const bytes = this.#headerBytes.subarray(0, this.#headerLength);
      for (let index = 0; index < bytes.length; index += bytesPerRow.frame) {
        const part = bytes.subarray(index, index + bytesPerRow.frame);
        this.#sheet.row(row(paint, part, bytesPerRow.frame, index === 0 ? paint.yellow('(cut in the header)') : ''));
      }
    }
  }

  #pushHeader(bytes: Buffer, index: number): number {
    this.#headerBytes[this.#headerLength++] = bytes[index]!;
    const header = parseFrameHeader(this.#headerBytes, 0, this.#headerLength);
    if (header !== undefined) {
      this.#headerLength = 0;
      this.#startFrame(header, this.#offset + 1 - header.headerSize);
    }
    return index + 1;
  }

  #startFrame(header: FrameHeader, offset: number): void {
    const { opcode, fin } = header;
    const isContinuation = opcode === opcodes.continuation;
    if (opcode === opcodes.text || opcode === opcodes.binary) {
      this.#messageType = opcode;
      this.#isCompressed = (header.rsv & 4) !== 0;
      this.#text = new StringDecoder('utf8');
    }
    const whose = isContinuation && this.#messageType !== undefined ? ` of ${opcodeName(this.#messageType)}` : '';
    const how = this.#isPacked(header) ? ', compressed' : '';
    this.#sheet.block(
      offset,
      `${opcodeName(opcode)}${whose}${fin ? '' : ', unfinished'}, ${bytesCount(header.length)}${how}`,
    );
    this.#writeHeader(header);
    this.#header = header;
    this.#total = Number(header.length);
    this.#position = 0;
    this.#reason = new StringDecoder('utf8');
    if (this.#total === 0) this.#endFrame();
    else this.#writeCaption(header);
  }

  #writeHeader(header: FrameHeader): void {
    const { fin, rsv, opcode, masked, length, lengthForm, headerSize, maskingKeyOffset } = header;
    const bytes = this.#headerBytes;
    const isControl = opcode >= opcodes.close;
    const end = isControl ? 'FIN' : 'FIN: the message ends with this frame';
    this.#write(bytes.subarray(0, 1), `${fin ? 1 : 0}....... ${fin ? end : 'FIN is 0: more fragments follow'}`);
    const rsvBits = rsv.toString(2).padStart(3, '0');
    this.#write(bytes.subarray(0, 0), `.${rsvBits}.... RSV1, RSV2, RSV3: ${reservedMeaning(header)}`);
    this.#write(
      bytes.subarray(0, 0),
      `....${opcode.toString(2).padStart(4, '0')} opcode ${opcode}: ${opcodeName(opcode)}`,
    );
    this.#write(
      bytes.subarray(1, 2),
      `${masked ? 1 : 0}....... MASK: ${masked ? 'masked, so from a client' : 'not masked, so from a server'}`,
    );
    const short = bytes[1]! & 0x7f;
    const announces = lengthForm === 7 ? `length ${short}` : `${short}: the length is in the next ${lengthForm} bits`;
    this.#write(bytes.subarray(0, 0), `.${short.toString(2).padStart(7, '0')} ${announces}`);
    const keyStart = maskingKeyOffset ?? headerSize;
    if (lengthForm !== 7) this.#write(bytes.subarray(2, keyStart), `length ${length}`);
    if (masked) this.#write(bytes.subarray(keyStart, headerSize), 'masking key');
  }

  /** Whether the payload is compressed; it is shown as it is on the wire. */
  #isPacked({ opcode }: FrameHeader): boolean {
    return this.#isCompressed && !isControlOpcode(opcode);
  }

  #writeCaption(header: FrameHeader): void {
    const { paint } = this.#sheet;
    const width = hex(Buffer.alloc(0), bytesPerRow.frame).length;
    const columns = header.masked ? ['masked payload', 'unmasked'] : ['payload'];
    this.#sheet.row(paint.yellow(`  ${columns.map((title) => title.padEnd(width)).join('  ')}`.trimEnd()));
  }

  #write(bytes: Buffer, meaning: string): void {
    this.#sheet.row(row(this.#sheet.paint, bytes, bytesPerRow.frame, meaning));
  }

  get #isAbridged(): boolean {
    return this.#total > maxWholeBytes;
  }

  #pushPayload(bytes: Buffer, index: number): number {
    const tailStart = this.#isAbridged ? this.#total - shownTailBytes : 0;
    if (this.#isAbridged && this.#position >= shownHeadBytes && this.#position < tailStart) {
      if (this.#position === shownHeadBytes) {
        this.#sheet.row(omitted(this.#sheet.paint, tailStart - shownHeadBytes));
        this.#text = new StringDecoder('utf8');
      }
      const skipped = Math.min(bytes.length - index, tailStart - this.#position);
      this.#position += skipped;
      return index + skipped;
    }
    this.#row[this.#rowLength++] = bytes[index]!;
    this.#position++;
    const isCode = this.#header!.opcode === opcodes.close && this.#position === 2;
    const isLast = this.#position === this.#total;
    const isFull = this.#rowLength === bytesPerRow.frame || (this.#isAbridged && this.#position === shownHeadBytes);
    if (isFull || isLast || isCode) this.#writeRow();
    if (isLast) this.#endFrame();
    return index + 1;
  }

  #writeRow(): void {
    const { paint } = this.#sheet;
    const bytes = this.#row.subarray(0, this.#rowLength);
    const start = this.#position - this.#rowLength;
    this.#rowLength = 0;
    const { masked, maskingKeyOffset } = this.#header!;
    // RFC 6455 §5.3: byte i of the payload is combined with byte i mod 4 of the masking key.
    const data = masked
      ? bytes.map((byte, i) => byte ^ this.#headerBytes[maskingKeyOffset! + ((start + i) & 3)]!)
      : bytes;
    const meaning = this.#meaning(data, start);
    const clear = masked ? `${paint.dim(hex(data, bytesPerRow.frame))}  ` : '';
    this.#write(bytes, `${clear}${meaning}`);
  }

  #meaning(data: Uint8Array, start: number): string {
    const { opcode, fin } = this.#header!;
    const isLast = this.#position === this.#total;
    if (opcode === opcodes.close) {
      if (start > 0) return visible(this.#reason.write(Buffer.from(data)) + (isLast ? this.#reason.end() : ''));
      if (data.length < 2) return 'no close code';
      const code = data[0]! * 256 + data[1]!;
      return `${code} ${closeCodeName(code)}`;
    }
    const type = opcode === opcodes.continuation ? this.#messageType : opcode;
    if (type !== opcodes.text || this.#isPacked(this.#header!)) return ascii(data);
    return visible(this.#text.write(Buffer.from(data)) + (isLast && fin ? this.#text.end() : ''));
  }

  #endFrame(): void {
    const { opcode, fin } = this.#header!;
    if (fin && opcode < opcodes.close) {
      this.#messageType = undefined;
      this.#isCompressed = false;
    }
    this.#header = undefined;
  }
}

/** RFC 7692 §6: RSV1 of the first frame marks a compressed message; nothing else has a meaning. */
function reservedMeaning({ rsv, opcode }: FrameHeader): string {
  if (rsv === 0) return 'no extension';
  const beginsMessage = opcode === opcodes.text || opcode === opcodes.binary;
  return rsv === 4 && beginsMessage ? 'the message is compressed' : 'an extension?';
}
