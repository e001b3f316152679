/**
 * Reads frame headers in any chunking and refuses each at the first byte that shows a fault (RFC 6455 §5.2, §10.7). Everything
 * that headers alone can show is judged here: the bits, the order of fragments, and the announced lengths.
 *
 * When one byte shows several faults, the one that is judged first counts: reserved bits, opcode, fragmentation; then
 * the mask bit, then the length.
 */
import type { HeaderFault, LimitFaultCode, ProtocolFaultCode } from './errors.js';
import {
  finBit,
  length64,
  lengthBits,
  maskBit,
  maxLength16,
  maxShortLength,
  opcodeBits,
  reservedBits,
  rsv1Bit,
  shortMaskedHeader,
} from './header.js';
import { type FrameLimits, maxCompressedBytes } from './limits.js';
import { readMaskingKey } from './masking.js';
import { isControlOpcode, opcodeName, opcodes } from './opcode.js';
import type { Role } from './role.js';

/** Which byte of a header comes next. */
const step = { first: 0, second: 1, length: 2, key: 3, done: 4 } as const;

export class HeaderReader {
  // Of the frame.
  isFinal = true;
  opcode = 0;
  /** The announced payload bytes. */
  length = 0;
  /** The masking key as `mask` takes it; 0 when the frame is not masked. */
  key = 0;

  // Of the message to which the last data frame belongs.
  isText = false;
  /** Whether its payload is compressed: RSV1 of its first frame says so (RFC 7692 §6). */
  isCompressed = false;
  /** Whether the message is handed over in pieces, and not held. */
  isStreamed = false;
  /** The payload bytes that its frames have announced so far. */
  announcedBytes = 0;

  /** Whether messages are streamed, from the next one on. */
  streaming = false;
  /** What is wrong with the header; nothing is read after it. */
  fault: HeaderFault | undefined = undefined;

  /** The most payload bytes of a frame whose header `begin` may take. */
  readonly longestShort: number;

  readonly #role: Role;
  /** The mask bit that every frame of the peer has. */
  readonly #maskBit: number;
  readonly #limits: FrameLimits;
  /** The reserved bits that the first frame of a data message may have: none unless compression was agreed on. */
  readonly #permittedReservedBits: number;

  #step: number = step.first;
  /** The bytes of the length or of the masking key that are still to come. */
  #missing = 0;
  #isInsideMessage = false;
  #emptyFragments = 0;

  /** `role` is that of this end: its peer masks if this is the server. */
  constructor(role: Role, limits: FrameLimits, compression: boolean) {
    this.#role = role;
    this.#maskBit = role === 'server' ? maskBit : 0;
    this.#limits = limits;
    this.longestShort = Math.min(maxShortLength, limits.maxMessageBytes);
    this.#permittedReservedBits = compression ? rsv1Bit : 0;
  }

  /** Whether a whole header has been read, and its payload is next. */
  get isComplete(): boolean {
    return this.#step === step.done;
  }

  /** Whether the next byte is the first of a message, or of a control frame between two. */
  get isBetweenMessages(): boolean {
    return this.#step === step.first && !this.#isInsideMessage;
  }

  /** Takes the header of a message that is one frame and not compressed: its opcode, and its length of 7 bits. */
  begin(opcode: number, length: number): void {
    this.opcode = opcode;
    this.isFinal = true;
    this.isText = opcode === opcodes.text;
    this.isCompressed = false;
    this.isStreamed = this.streaming;
    this.announcedBytes = length;
    this.length = length;
  }

  /** Begins the next frame. */
  next(): void {
    this.#step = step.first;
  }

  /** Reads on from `position` and returns how far it came: past the header, to the byte at fault, or to `end`. */
  read(bytes: Uint8Array, position: number, end: number): number {
    if (this.#readWhole(bytes, position, end)) return position + (this.#maskBit === 0 ? 2 : shortMaskedHeader);
    // Every other header, step by step: the only place that refuses.
    if (this.#step === step.first) {
      if (!this.#readFirst(bytes[position++]!)) return position;
      this.#step = step.second;
    }
    if (this.#step === step.second) {
      if (position === end) return position;
      if (!this.#readSecond(bytes[position++]!)) return position;
    }
    if (this.#step === step.length) {
      while (this.#missing > 0) {
        if (position === end) return position;
        if (!this.#readLength(bytes[position++]!)) return position;
      }
      if (!this.#judgeLength()) return position;
    }
    if (this.#step === step.key) {
      if (this.#missing === 4 && end - position >= 4) {
        this.key = readMaskingKey(bytes, position);
        position += 4;
      } else {
        while (this.#missing > 0) {
          if (position === end) return position;
          this.key |= bytes[position++]! << ((4 - this.#missing--) * 8);
        }
      }
      this.#step = step.done;
    }
    return position;
  }

  /** Reads the header of a short unfragmented message, if it is one and came whole: nearly all are, and need no steps. */
  #readWhole(bytes: Uint8Array, position: number, end: number): boolean {
    // Asked first, and apart: a read past the end of the bytes would make all later reads slow.
    if (end - position < shortMaskedHeader || !this.isBetweenMessages) return false;
    const first = bytes[position]!;
    // With the mask bit that the peer must send only the length is left; with the other one the value is too large.
    const length = bytes[position + 1]! ^ this.#maskBit;
    if ((first !== (finBit | opcodes.text) && first !== (finBit | opcodes.binary)) || length > this.longestShort) {
      return false;
    }
    this.begin(first & opcodeBits, length);
    if (this.#maskBit !== 0) this.key = readMaskingKey(bytes, position + 2);
    this.#step = step.done;
    return true;
  }

  #readFirst(byte: number): boolean {
    const opcode = byte & opcodeBits;
    const isFinal = (byte & finBit) !== 0;
    // RFC 6455 §5.2: reserved bits MUST be 0 unless an extension defines them.
    // RFC 7692 §6.1: RSV1 MUST NOT be set in control frames, nor in fragments other than the first.
    const beginsMessage = opcode === opcodes.text || opcode === opcodes.binary;
    const permitted = beginsMessage ? this.#permittedReservedBits : 0;
    if ((byte & reservedBits & ~permitted) !== 0) {
      return this.#refuse('reserved-bits-set', `${reservedBitNames(byte)} set, but no extension defines that`);
    }
    if (isControlOpcode(opcode)) {
      // RFC 6455 §5.2: an unknown opcode MUST fail the connection.
      if (opcode > opcodes.pong) return this.#refuse('reserved-opcode', `opcode 0x${opcode.toString(16)} is reserved`);
      // RFC 6455 §5.5: control frames MUST NOT be fragmented.
      if (!isFinal) return this.#refuse('control-frame-fragmented', `${opcodeName(opcode)} is fragmented`);
    } else if (opcode === opcodes.continuation) {
      // RFC 6455 §5.4: a continuation belongs to a message that has begun.
      if (!this.#isInsideMessage) {
        return this.#refuse('continuation-unexpected', 'a continuation came while no message was under way');
      }
    } else if (opcode > opcodes.binary) {
      return this.#refuse('reserved-opcode', `opcode 0x${opcode.toString(16)} is reserved`);
    } else {
      // RFC 6455 §5.4: the fragments of one message MUST NOT be interleaved with those of another.
      if (this.#isInsideMessage) {
        return this.#refuse('continuation-expected', `${opcodeName(opcode)} came before the last message had ended`);
      }
      this.isText = opcode === opcodes.text;
      this.isCompressed = (byte & rsv1Bit) !== 0;
      this.isStreamed = this.streaming;
      this.announcedBytes = 0;
      this.#emptyFragments = 0;
    }
    this.opcode = opcode;
    this.isFinal = isFinal;
    return true;
  }

  #readSecond(byte: number): boolean {
    const isControl = isControlOpcode(this.opcode);
    const length = byte & lengthBits;
    // RFC 6455 §5.1: a client MUST mask, a server MUST NOT.
    if ((byte & maskBit) !== this.#maskBit) {
      return this.#role === 'server'
        ? this.#refuse('frame-not-masked', `${opcodeName(this.opcode)} from the client is not masked`)
        : this.#refuse('frame-masked', `${opcodeName(this.opcode)} from the server is masked`);
    }
    if (isControl) {
      // RFC 6455 §5.5: control frames MUST have 125 bytes of payload or less.
      if (length > maxShortLength) {
        const text = `${opcodeName(this.opcode)} announces more than ${maxShortLength} bytes, at most ${maxShortLength} allowed`;
        return this.#refuse('control-frame-too-long', text);
      }
      // RFC 6455 §5.5.1: a body MUST begin with a code of two bytes.
      if (length === 1 && this.opcode === opcodes.close) {
        return this.#refuse('close-payload-too-short', 'a close body of 1 byte cannot hold a close code');
      }
    }
    if (length > maxShortLength) {
      this.length = 0;
      this.#missing = length === length64 ? 8 : 2;
      this.#step = step.length;
      return true;
    }
    this.length = length;
    if (isControl) {
      this.#beginKey();
      return true;
    }
    if (!this.#isWithinLimit(length) || (length === 0 && !this.#isEmptyAllowed())) return false;
    this.#takeLength();
    return true;
  }

  #readLength(byte: number): boolean {
    // RFC 6455 §5.2: the most significant bit of a 64-bit length MUST be 0.
    if (this.#missing === 8 && byte >= 0x80) {
      return this.#refuse('length-too-large', `${opcodeName(this.opcode)} announces 2^63 bytes or more`);
    }
    this.length = this.length * 256 + byte;
    this.#missing--;
    // RFC 6455 §5.2: the minimal number of bytes MUST be used. 64 bits are too many if all but the last 16 are 0.
    if (this.#missing === 2 && this.length === 0) {
      return this.#refuse(
        'length-not-minimal',
        `${opcodeName(this.opcode)} announces up to ${maxLength16} bytes in 64 bits`,
      );
    }
    return this.#isWithinLimit(this.length * 256 ** this.#missing);
  }

  #judgeLength(): boolean {
    // RFC 6455 §5.2: the same for 16 bits; a length that was too short for 64 has been refused.
    if (this.length <= maxShortLength) {
      return this.#refuse('length-not-minimal', `${opcodeName(this.opcode)} announces ${this.length} bytes in 16 bits`);
    }
    this.#takeLength();
    return true;
  }

  /** Counts a data frame towards its message. */
  #takeLength(): void {
    this.announcedBytes += this.length;
    this.#isInsideMessage = !this.isFinal;
    this.#beginKey();
  }

  /** Counts an empty data frame that is a fragment. */
  #isEmptyAllowed(): boolean {
    if (this.isFinal && !this.#isInsideMessage) return true;
    const { maxEmptyFragments } = this.#limits;
    if (++this.#emptyFragments <= maxEmptyFragments) return true;
    const text = `${this.#emptyFragments} fragments of a message are empty, at most ${maxEmptyFragments} allowed`;
    return this.#refuseLimit('too-many-empty-fragments', text, maxEmptyFragments, this.#emptyFragments);
  }

  #isWithinLimit(length: number): boolean {
    // A streamed message is not held; each of its frames must only have a length that a number can count down.
    const isHeld = !this.isStreamed || this.isCompressed;
    const { maxMessageBytes } = this.#limits;
    const most = this.isCompressed ? maxCompressedBytes(maxMessageBytes) : maxMessageBytes;
    const maximum = isHeld ? most : Number.MAX_SAFE_INTEGER;
    const actual = isHeld ? this.announcedBytes + length : length;
    if (actual <= maximum) return true;
    const what = this.isCompressed ? 'the compressed message' : 'the message';
    const text = `${what} is at least ${actual} bytes long, at most ${maximum} allowed`;
    return this.#refuseLimit('message-too-long', text, maximum, actual);
  }

  #beginKey(): void {
    this.key = 0;
    this.#missing = 4;
    this.#step = this.#maskBit === 0 ? step.done : step.key;
  }

  #refuse(code: ProtocolFaultCode, text: string): false {
    this.fault = { kind: 'protocol', code, text };
    return false;
  }

  #refuseLimit(code: LimitFaultCode, text: string, maximum: number, actual: number): false {
    this.fault = { kind: 'limit', code, text, maximum, actual };
    return false;
  }
}

function reservedBitNames(byte: number): string {
  const names = ['RSV1', 'RSV2', 'RSV3'].filter((_, index) => (byte & (0x40 >> index)) !== 0);
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'}`;
}
