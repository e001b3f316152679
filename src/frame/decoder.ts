/**
 * Bytes → pieces of frames, unmasked in place, in any chunking. Knows headers and masks; what a payload means is for
 * its sink.
 */
import type { Buffer } from 'node:buffer';
import type { HeaderFault } from './errors.js';
import { lengthBits, opcodeBits, shortMaskedHeader } from './header.js';
import { HeaderReader } from './header-reader.js';
import { completeLimits, type FrameLimits } from './limits.js';
import { canUnmaskShort, mask, unmaskShort } from './masking.js';
import { isControlOpcode } from './opcode.js';
import type { Role } from './role.js';

/** The data frame under way, and its message as far as its headers told (RFC 6455 §6.2). */
export interface DataFrame {
  /** Whether it is the last frame of its message. */
  readonly isFinal: boolean;
  readonly isText: boolean;
  /** Whether the payload is compressed (RFC 7692 §6). */
  readonly isCompressed: boolean;
  /** Whether the message is handed over in pieces, and not held. One that is compressed is held all the same. */
  readonly isStreamed: boolean;
  /** The payload bytes that the frames of the message have announced so far. */
  readonly announcedBytes: number;
}

/**
 * Takes what a `FrameDecoder` reads. The bytes from `start` to `end` are valid during the call. Each call says whether
 * the decoder goes on; if not, `decode` returns right after that piece.
 */
export interface FrameSink {
  /** A piece of a data frame: what has come of it, empty for an empty frame. `isLast`: with it the message ends. */
  data(bytes: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean;
  /** A piece of a control frame: what has come of it, empty for an empty frame. `isLast`: with it the frame ends. */
  control(bytes: Buffer, start: number, end: number, opcode: number, isLast: boolean): boolean;
  /** A header that is refused; `position` is right after the byte that shows the fault. Nothing follows. */
  fault(fault: HeaderFault, position: number): void;
}

/**
 * So many bytes of short frames are unmasked before the first of them is handed over: a call for each would cost more than
 * unmasking it, and what is unmasked in vain, when the sink does not go on, stays little (bench: parse 16 B).
 */
const unmaskedAtOnce = 1024;

export class FrameDecoder {
  readonly #header: HeaderReader;
  readonly #sink: FrameSink;
  readonly #isUnmasking: boolean;
  /** The payload bytes of the frame that came before. */
  #taken = 0;
  /** Whether the sink went on after the last short frame. */
  #goesOn = true;

  /**
   * @param role that of this end.
   * @param compression whether data messages may be compressed (RFC 7692 §6); default `false`.
   */
  constructor(role: Role, sink: FrameSink, limits?: Partial<FrameLimits>, compression: boolean = false) {
    this.#header = new HeaderReader(role, completeLimits(limits), compression);
    this.#sink = sink;
    this.#isUnmasking = role === 'server';
  }

  /** Whether data messages are streamed, from the next one on; default `false`. See `DataFrame.isStreamed`. */
  get streaming(): boolean {
    return this.#header.streaming;
  }

  set streaming(streaming: boolean) {
    this.#header.streaming = streaming;
  }

  /**
   * Decodes from `position` until `end`, a sink that does not go on, or a fault, and returns how far it came. Does not
   * go on after a fault.
   */
  decode(bytes: Buffer, position: number, end: number): number {
    const header = this.#header;
    const sink = this.#sink;
    const takesShort = this.#isUnmasking && canUnmaskShort(bytes);
    while (position < end && header.fault === undefined) {
      if (!header.isComplete) {
        if (takesShort && header.isBetweenMessages) {
          const shortEnd = unmaskShort(bytes, position, Math.min(end, position + unmaskedAtOnce), header.longestShort);
          if (shortEnd > position) {
            position = this.#takeShort(bytes, position, shortEnd);
            if (this.#goesOn) continue;
            break;
          }
        }
        position = header.read(bytes, position, end);
        if (header.fault !== undefined) sink.fault(header.fault, position);
        if (!header.isComplete) continue;
        this.#taken = 0;
        if (position === end && header.length > 0) break;
      }
      const { length, opcode } = header;
      const taken = this.#taken;
      const start = position;
      const isFrameEnd = length - taken <= end - position;
      position = isFrameEnd ? position + length - taken : end;
      // RFC 6455 §5.3, §6.2: a server MUST unmask what a client sends.
      if (this.#isUnmasking) mask(bytes, start, position, header.key, taken);
      if (isFrameEnd) header.next();
      else this.#taken = taken + position - start;
      const goesOn = isControlOpcode(opcode)
        ? sink.control(bytes, start, position, opcode, isFrameEnd)
        : sink.data(bytes, start, position, header, isFrameEnd && header.isFinal);
      if (!goesOn) break;
    }
    return position;
  }

  /**
   * Hands over frames that `unmaskShort` has unmasked, and returns how far it came. When the sink does not go on, what was
   * not handed over is masked again, as it came.
   */
  #takeShort(bytes: Buffer, position: number, shortEnd: number): number {
    const header = this.#header;
    this.#goesOn = true;
    while (position < shortEnd) {
      const start = position + shortMaskedHeader;
      const length = bytes[position + 1]! & lengthBits;
      // Only where the sink has written over what follows: the header is judged as it is now.
      if (start + length > shortEnd) break;
      header.begin(bytes[position]! & opcodeBits, length);
      position = start + length;
      if (this.#sink.data(bytes, start, position, header, true)) continue;
      this.#goesOn = false;
      unmaskShort(bytes, position, shortEnd, header.longestShort);
      break;
    }
    return position;
  }
}
