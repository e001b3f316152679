/** Frames → messages and control frames (RFC 6455 §6.2): everything that payloads can show is judged here. */
import { Buffer } from 'node:buffer';
import type { LimitExceededError, PeerProtocolError } from '../errors.js';
import { ClosePayloadReader, closeFrameOf } from './close-payload.js';
import type { DataFrame, FrameSink } from './decoder.js';
import { type HeaderFault, limitFault, protocolFault, usageError } from './errors.js';
import { maxShortLength } from './header.js';
import { copyOf, MessageAssembly } from './message.js';
import { opcodes } from './opcode.js';
import { type Inflated, type Inflater, inflateTail, maxFinalBlocks } from './permessage-deflate.js';
import { Utf8Validator } from './utf8.js';

/**
 * What a `Protocol` tells. Called synchronously out of `receive()`; it must not throw, and must not call `receive()`.
 * The bytes from `start` to `end` are valid during the call only.
 */
export interface ProtocolHandler {
  /** A whole message; text is valid UTF-8. */
  message(buffer: Buffer, start: number, end: number, isText: boolean): void;
  /**
   * A piece of a message, when streaming; what came before it and itself is valid UTF-8, but a piece may end within a
   * code point. The piece with `isLast` may be empty, others are not.
   */
  chunk(buffer: Buffer, start: number, end: number, isText: boolean, isLast: boolean): void;
  /** A ping: to be answered by a pong with the same payload, unless a close frame was sent (RFC 6455 §5.5.2). */
  ping(buffer: Buffer, start: number, end: number): void;
  pong(buffer: Buffer, start: number, end: number): void;
  /** The peer's close frame; 1005 and `''` when it had no body. What comes after it is ignored (RFC 6455 §1.4). */
  close(code: number, reason: string): void;
  /** The peer broke a rule or went over a limit: called once, and nothing after it. */
  violation(error: PeerProtocolError | LimitExceededError): void;
  /**
   * A long message has been inflated: the next `receive()`, even of no bytes, hands it over and goes on. The only call
   * that comes out of none. Needed with `deflate`.
   */
  inflated?(): void;
}

export class Receiver implements FrameSink {
  /** What to add to an index of the bytes being read to have its place in the stream. */
  origin = 0;
  paused = false;
  /** Whether messages are looked at during `message()` only, and never taken. */
  lending = false;

  readonly #handler: ProtocolHandler;
  readonly #move: (event: 'receive-close' | 'fail') => void;
  readonly #assembly: MessageAssembly = new MessageAssembly();
  #isAssembledInUse = false;
  readonly #text: Utf8Validator = new Utf8Validator();
  /** A control frame that comes in pieces. */
  #control: Buffer | undefined;
  #controlLength = 0;
  #closePayload: ClosePayloadReader | undefined;
  readonly #inflater: Inflater | undefined;
  readonly #maximum: number;
  /** The compressed message that has come whole, and was not handed over yet: where it ended, and how it came out. */
  #pending: { readonly isText: boolean; readonly isStreamed: boolean; readonly offset: number } | undefined;
  #inflated: Inflated | undefined;
  /** All bytes that have come out of compressed messages. */
  inflatedBytes = 0;
  /** The message that is being handed over, as long as nobody took it. */
  #message: Buffer | undefined;
  #messageStart = 0;
  #messageEnd = 0;
  /** Whether its memory is no view of anything, and can be given away as it is. */
  #isOwned = false;

  /**
   * @param move tells the closing handshake what has been received.
   * @param inflater `undefined`: no message is compressed.
   * @param maximum bytes of a message.
   */
  constructor(
    handler: ProtocolHandler,
    move: (event: 'receive-close' | 'fail') => void,
    inflater: Inflater | undefined,
    maximum: number,
  ) {
    this.#handler = handler;
    this.#move = move;
    this.#inflater = inflater;
    this.#maximum = maximum;
  }

  get assembledBytes(): number {
    return this.#assembly.length;
  }

  /** Whether a message is being inflated in another thread: nothing is to be decoded meanwhile. */
  get isInflating(): boolean {
    return this.#pending !== undefined && this.#inflated === undefined;
  }

  /** Whether a message has been inflated in another thread, and `deliverInflated` is next. */
  get hasInflated(): boolean {
    return this.#inflated !== undefined;
  }

  data(bytes: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean {
    if (frame.isCompressed) return this.#compressed(bytes, start, end, frame, isLast);
    const { isText } = frame;
    if (isText && !this.#isText(bytes, start, end, isLast)) return false;
    if (frame.isStreamed) {
      if (start < end || isLast) this.#handler.chunk(bytes, start, end, isText, isLast);
    } else if (!isLast) {
      this.#assembly.append(bytes, start, end, frame.announcedBytes, frame.isFinal, this.lending);
    } else if (this.#assembly.length === 0) {
      this.#deliver(bytes, start, end, isText);
    } else {
      this.#assembly.append(bytes, start, end, frame.announcedBytes, frame.isFinal, this.lending);
      this.#isAssembledInUse = true;
      try {
        this.#deliver(this.#assembly.buffer, 0, this.#assembly.length, isText);
      } finally {
        this.#isAssembledInUse = false;
        this.#assembly.release();
      }
    }
    return !this.paused;
  }

  /** Forgets an unfinished message. One that its handler looks at is forgotten when that returns. */
  release(): void {
    if (!this.#isAssembledInUse) this.#assembly.release();
  }

  control(bytes: Buffer, start: number, end: number, opcode: number, isLast: boolean): boolean {
    if (opcode === opcodes.close) {
      this.#closePayload ??= new ClosePayloadReader();
      const fault = this.#closePayload.read(bytes, start, end, isLast, this.origin);
      if (fault !== undefined) return this.#fail(fault);
    }
    if (!isLast || this.#controlLength > 0) {
      this.#control ??= Buffer.allocUnsafeSlow(maxShortLength);
      bytes.copy(this.#control, this.#controlLength, start, end);
      this.#controlLength += end - start;
      if (!isLast) return true;
      bytes = this.#control;
      start = 0;
      end = this.#controlLength;
      this.#control = undefined;
      this.#controlLength = 0;
    }
    if (opcode === opcodes.ping) this.#handler.ping(bytes, start, end);
    else if (opcode === opcodes.pong) this.#handler.pong(bytes, start, end);
    else return this.#close(bytes, start, end);
    return !this.paused;
  }

  fault(fault: HeaderFault, position: number): void {
    this.#fail(
      fault.kind === 'protocol'
        ? protocolFault(fault.code, fault.text, this.origin + position)
        : limitFault(fault.code, fault.text, fault.maximum, fault.actual),
    );
  }

  takeMessage(): Buffer {
    const message = this.#message;
    if (message === undefined) {
      throw usageError('no-message-to-take', 'a message can be taken once, during the call that hands it over');
    }
    this.#message = undefined;
    if (this.#isOwned) return message;
    return message === this.#assembly.buffer
      ? this.#assembly.take()
      : copyOf(message, this.#messageStart, this.#messageEnd);
  }

  /** A compressed message is held until it is whole; then it is inflated, and what comes out is judged (RFC 7692 §6.2). */
  #compressed(bytes: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean {
    const assembly = this.#assembly;
    const announcedBytes = frame.announcedBytes + inflateTail.length;
    assembly.append(bytes, start, end, announcedBytes, frame.isFinal);
    if (!isLast) return true;
    assembly.append(inflateTail, 0, inflateTail.length, announcedBytes, true);
    const input = assembly.buffer.subarray(0, assembly.length);
    assembly.release();
    const { isText, isStreamed } = frame;
    this.#pending = { isText, isStreamed, offset: this.origin + end };
    this.#inflated = this.#inflater!.inflate(input, (inflated) => {
      this.#inflated = inflated;
      this.#handler.inflated?.();
    });
    return this.#inflated !== undefined && this.deliverInflated();
  }

  /** Hands over the message that has been inflated, or refuses it; returns whether the decoder goes on. */
  deliverInflated(): boolean {
    const { isText, isStreamed, offset } = this.#pending!;
    const inflated = this.#inflated!;
    this.#pending = undefined;
    this.#inflated = undefined;
    if (typeof inflated === 'string') return this.#failInflating(inflated, offset);
    this.inflatedBytes += inflated.length;
    if (isText && !this.#isInflatedText(inflated, offset)) return false;
    if (isStreamed) this.#handler.chunk(inflated, 0, inflated.length, isText, true);
    else this.#deliver(inflated, 0, inflated.length, isText, true);
    return !this.paused;
  }

  #failInflating(inflated: Exclude<Inflated, Buffer>, offset: number): false {
    if (inflated === 'invalid') {
      const text = 'a compressed message is no DEFLATE data, or ends within a block';
      return this.#fail(protocolFault('compressed-data-invalid', text, offset));
    }
    const maximum = inflated === 'too-long' ? this.#maximum : maxFinalBlocks;
    const text =
      inflated === 'too-long'
        ? `a compressed message inflates to more than ${maximum} bytes, at most ${maximum} allowed`
        : `a compressed message has more than ${maximum} final blocks, at most ${maximum} allowed`;
    const code = inflated === 'too-long' ? 'message-too-long' : 'too-many-final-blocks';
    return this.#fail(limitFault(code, text, maximum, maximum + 1));
  }

  /**
   * RFC 6455 §8.1, RFC 7692 §6.1: once inflated, a text is UTF-8 again. Its bytes have no place of their own in the stream:
   * `offset` is where its message ended.
   */
  #isInflatedText(inflated: Buffer, offset: number): boolean {
    const bad = this.#text.check(inflated, 0, inflated.length);
    if (bad < 0 && this.#text.isComplete) return true;
    const where = bad < 0 ? 'ends within a code point' : `is not UTF-8 at byte 0x${inflated[bad]!.toString(16)}`;
    return this.#fail(protocolFault('text-not-utf8', `a compressed text message ${where}`, offset));
  }

  /** Delivers a whole message. The four fields are for `takeMessage`. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean, isOwned: boolean = false): void {
    this.#message = bytes;
    this.#isOwned = isOwned;
    this.#messageStart = start;
    this.#messageEnd = end;
    this.#handler.message(bytes, start, end, isText);
    this.#message = undefined;
  }

  /** RFC 6455 §5.6, §8.1: invalid UTF-8 in a text message MUST fail the connection; here as soon as the bad byte is there. */
  #isText(bytes: Buffer, start: number, end: number, isLast: boolean): boolean {
    const bad = this.#text.check(bytes, start, end);
    if (bad >= 0) {
      const text = `a text message is not UTF-8 at byte 0x${bytes[bad]!.toString(16)}`;
      return this.#fail(protocolFault('text-not-utf8', text, this.origin + bad + 1));
    }
    if (isLast && !this.#text.isComplete) {
      const text = 'a text message ends within a code point';
      return this.#fail(protocolFault('text-not-utf8', text, this.origin + end));
    }
    return true;
  }

  #close(bytes: Buffer, start: number, end: number): false {
    const { code, reason } = closeFrameOf(bytes, start, end);
    this.#assembly.release();
    this.#move('receive-close');
    this.#handler.close(code, reason);
    return false;
  }

  #fail(error: PeerProtocolError | LimitExceededError): false {
    this.#assembly.release();
    this.#move('fail');
    this.#handler.violation(error);
    return false;
  }
}
