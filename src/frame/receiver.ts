/** Frames → messages and control frames: everything that payloads can show is judged here. */
import { Buffer } from 'node:buffer';
import type { LimitExceededError, PeerProtocolError } from '../errors.js';
import { ClosePayloadReader, closeFrameOf } from './close-payload.js';
import type { DataFrame, FrameSink } from './decoder.js';
import { type HeaderFault, limitFault, protocolFault, usageError } from './errors.js';
import { maxShortLength } from './header.js';
import { copyOf, MessageAssembly } from './message.js';
import { opcodes } from './opcode.js';
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
}

/** What the receiver needs of the closing handshake. */
export interface ReceiverEvents {
  closeReceived(): void;
  failed(): void;
}

export class Receiver implements FrameSink {
  /** What to add to an index of the bytes being read to have its place in the stream. */
  origin = 0;
  paused = false;

  readonly #handler: ProtocolHandler;
  readonly #events: ReceiverEvents;
  readonly #assembly: MessageAssembly = new MessageAssembly();
  readonly #text: Utf8Validator = new Utf8Validator();
  /** A control frame that comes in pieces. */
  #control: Buffer | undefined;
  #controlLength = 0;
  #closePayload: ClosePayloadReader | undefined;
  /** The message that is being handed over, as long as nobody took it. */
  #message: Buffer | undefined;
  #messageStart = 0;
  #messageEnd = 0;

  constructor(handler: ProtocolHandler, events: ReceiverEvents) {
    this.#handler = handler;
    this.#events = events;
  }

  get assembledBytes(): number {
    return this.#assembly.length;
  }

  data(bytes: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean {
    const { isText } = frame;
    if (isText && !this.#isText(bytes, start, end, isLast)) return false;
    if (frame.isStreamed) {
      if (start < end || isLast) this.#handler.chunk(bytes, start, end, isText, isLast);
    } else if (!isLast) {
      this.#assembly.append(bytes, start, end, frame.announcedBytes, frame.isFinal);
    } else if (this.#assembly.length === 0) {
      this.#deliver(bytes, start, end, isText);
    } else {
      this.#assembly.append(bytes, start, end, frame.announcedBytes, frame.isFinal);
      this.#deliver(this.#assembly.buffer, 0, this.#assembly.length, isText);
      this.#assembly.release();
    }
    return !this.paused;
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
    return message === this.#assembly.buffer
      ? this.#assembly.take()
      : copyOf(message, this.#messageStart, this.#messageEnd);
  }

  /** Delivers a whole message. The three fields are for `takeMessage`. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean): void {
    this.#message = bytes;
    this.#messageStart = start;
    this.#messageEnd = end;
    this.#handler.message(bytes, start, end, isText);
    this.#message = undefined;
  }

  /** RFC 6455 §8.1: invalid UTF-8 in a text message MUST fail the connection; here as soon as the bad byte is there. */
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
    this.#events.closeReceived();
    this.#handler.close(code, reason);
    return false;
  }

  #fail(error: PeerProtocolError | LimitExceededError): false {
    this.#assembly.release();
    this.#events.failed();
    this.#handler.violation(error);
    return false;
  }
}
