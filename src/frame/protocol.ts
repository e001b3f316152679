/**
 * One end of an open WebSocket connection without its socket (RFC 6455 §5–§8): bytes go in, messages come out, and
 * frames are written into memory that the caller owns. Knows no socket, no timer and no clock.
 */
import type { Buffer } from 'node:buffer';
import { encodeClosePayload } from './close-payload.js';
import { FrameDecoder } from './decoder.js';
import { FrameEncoder } from './encoder.js';
import { usageError } from './errors.js';
import { finBit, maxShortLength, rsv1Bit } from './header.js';
import { completeLimits, type FrameLimits } from './limits.js';
import { opcodeName, opcodes } from './opcode.js';
import { type DeflateOptions, Deflater, Inflater } from './permessage-deflate.js';
import { type ProtocolHandler, Receiver } from './receiver.js';
import type { Role } from './role.js';
import { type ClosingEvent, type ClosingState, closingTransitions, isReceiving, isSending } from './state.js';

export interface ProtocolOptions {
  /** Which end this is. */
  readonly role: Role;
  /** Who is told what comes. */
  readonly handler: ProtocolHandler;
  /** Default for each: `defaultFrameLimits`. */
  readonly limits?: Partial<FrameLimits>;
  /** What was agreed on about compression (RFC 7692 §7.1). Default `undefined`: RSV1 is refused (RFC 6455 §5.8). */
  readonly deflate?: DeflateOptions | undefined;
}

export class Protocol {
  readonly role: Role;
  readonly #receiver: Receiver;
  readonly #decoder: FrameDecoder;
  readonly #encoder: FrameEncoder;
  readonly #deflater: Deflater | undefined;
  #state: ClosingState = 'open';
  #receivedBytes = 0;
  /** Whether a message is being sent in fragments, and more must follow. */
  #isSendingFragments = false;

  /** @throws UsageError `limit-invalid`, `deflate-option-invalid`. */
  constructor(options: ProtocolOptions) {
    const { role, deflate } = options;
    const limits = completeLimits(options.limits);
    const inflater = deflate === undefined ? undefined : new Inflater(deflate, limits.maxMessageBytes);
    this.role = role;
    this.#receiver = new Receiver(options.handler, (event) => this.#move(event), inflater, limits.maxMessageBytes);
    this.#decoder = new FrameDecoder(role, this.#receiver, limits, deflate !== undefined);
    this.#encoder = new FrameEncoder(role);
    this.#deflater = deflate === undefined ? undefined : new Deflater(deflate);
  }

  /** Where the closing handshake stands. */
  get state(): ClosingState {
    return this.#state;
  }

  /** Whether data, pings and pongs may still be sent: no close frame was, and the connection has not failed. */
  get canSend(): boolean {
    return isSending(this.#state);
  }

  /** Payload bytes held of an unfinished message; 0 when there is none, or when it is streamed. */
  get assembledBytes(): number {
    return this.#receiver.assembledBytes;
  }

  /** All bytes that `receive()` has consumed, those of a call under way not counted. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Whether `receive()` consumes nothing. */
  get paused(): boolean {
    return this.#receiver.paused;
  }

  /** Whether a message is being inflated in another thread: `receive()` consumes nothing until `inflated()` is called. */
  get isInflating(): boolean {
    return this.#receiver.isInflating;
  }

  /** Whether an inflated message is there that the next `receive()` hands over, even if it is given no bytes. */
  get hasInflated(): boolean {
    return this.#receiver.hasInflated;
  }

  /** All bytes that have come out of compressed messages: the work they made, which `receivedBytes` does not show. */
  get inflatedBytes(): number {
    return this.#receiver.inflatedBytes;
  }

  /**
   * Whether messages are handed over as chunks while they arrive, instead of whole. Default `false`. A change takes
   * effect at the next message. Nothing of a streamed message is held here, and `maxMessageBytes` does not apply to it;
   * but one that is compressed is held and inflated whole, within that limit, and is then a single chunk.
   */
  get streaming(): boolean {
    return this.#decoder.streaming;
  }

  set streaming(streaming: boolean) {
    this.#decoder.streaming = streaming;
  }

  /**
   * Whether the handler only looks at messages during `message()`, and never calls `takeMessage()`: they are then put
   * together in memory that is lent. Default `false`. `release()` must be called in the end.
   */
  get lending(): boolean {
    return this.#receiver.lending;
  }

  set lending(lending: boolean) {
    this.#receiver.lending = lending;
  }

  /** Forgets an unfinished message. For a connection that is over: what is received afterwards makes no sense. */
  release(): void {
    this.#receiver.release();
  }

  /** Stops receiving: `receive()` consumes nothing, and one that is under way returns after the present frame or chunk. */
  pause(): void {
    this.#receiver.paused = true;
  }

  /** Undoes `pause()`. The caller then gives again what was not consumed. */
  resume(): void {
    this.#receiver.paused = false;
  }

  /**
   * Takes bytes of the peer, in any chunking, and tells the handler what they hold. Unmasks in place: the bytes are
   * garbage afterwards. Never throws on input. After the peer's close frame and after a violation it consumes all it is
   * given and looks at none of it.
   *
   * @param end exclusive.
   * @returns how many bytes, from `start`, were consumed: all, unless the handler paused, or a long compressed message
   *   has to be inflated first.
   */
  receive(bytes: Buffer, start: number = 0, end: number = bytes.length): number {
    let position = start;
    if (isReceiving(this.#state)) {
      const receiver = this.#receiver;
      if (receiver.paused || receiver.isInflating) return 0;
      receiver.origin = this.#receivedBytes - start;
      if (!receiver.hasInflated || receiver.deliverInflated()) position = this.#decoder.decode(bytes, start, end);
    }
    if (!isReceiving(this.#state)) position = end;
    this.#receivedBytes += position - start;
    return position - start;
  }

  /**
   * Returns the message that is being handed over as memory that is the caller's for ever. A message that came in pieces
   * is handed over without a copy, unless its memory is more than twice its length.
   *
   * @throws UsageError `no-message-to-take` outside of `message()`, or the second time within it.
   */
  takeMessage(): Buffer {
    return this.#receiver.takeMessage();
  }

  /** Returns how many bytes a frame of this end takes that has `payloadLength` bytes of payload. */
  frameSize(payloadLength: number): number {
    return this.#encoder.frameSize(payloadLength);
  }

  /**
   * Writes a message as one frame and returns the offset after it. `data` is not touched.
   *
   * @param isText whether `data` is text; it must then be valid UTF-8, which is not checked.
   * @param start where the message begins in `data`; default 0.
   * @param end where it ends, exclusive; default the end of `data`.
   * @throws UsageError `close-already-sent`, `fragment-out-of-order` while fragments must follow, `target-too-small`.
   */
  writeMessage(
    target: Buffer,
    offset: number,
    data: Uint8Array,
    isText: boolean,
    start: number = 0,
    end: number = data.length,
  ): number {
    this.#beginMessage();
    return this.#encoder.writeFrame(
      target,
      offset,
      finBit | (isText ? opcodes.text : opcodes.binary),
      data,
      start,
      end,
    );
  }

  /**
   * Writes a text message as one frame, lone surrogates as U+FFFD, and returns the offset after it.
   *
   * @param byteLength `Buffer.byteLength(text)`.
   * @throws UsageError as `writeMessage`, and `byte-length-wrong`.
   */
  writeText(target: Buffer, offset: number, text: string, byteLength: number): number {
    this.#beginMessage();
    return this.#encoder.writeTextFrame(target, offset, finBit | opcodes.text, text, byteLength);
  }

  /** Whether messages may be compressed: `deflate` was given. */
  get canCompress(): boolean {
    return this.#deflater !== undefined;
  }

  /**
   * Returns the payload of a message for `writeCompressed`, or `undefined` if it is better written as it is. Either must be
   * written before anything else is compressed: the peer inflates messages in their order. For short messages: one of
   * 64 KiB takes some milliseconds.
   *
   * @throws UsageError `compression-not-agreed`, `compression-under-way`.
   */
  compress(data: Uint8Array): Buffer | undefined {
    return this.#mustCompress().compress(data);
  }

  /**
   * As `compress`, in another thread. `data` must not change, and nothing else be compressed, until `done` is called, which
   * is never within this call.
   */
  compressLater(data: Uint8Array, done: (payload: Buffer | undefined) => void): void {
    this.#mustCompress().compressLater(data, done);
  }

  /**
   * Returns the payload of a fragment for `writeFragment`; those of a message are all compressed, or none is.
   *
   * @throws UsageError as `compress`.
   */
  compressFragment(data: Uint8Array, isFirst: boolean, isLast: boolean): Buffer {
    return this.#mustCompress().compressFragment(data, isFirst, isLast);
  }

  /**
   * Writes a compressed message as one frame and returns the offset after it.
   *
   * @param payload what `compress` returned; not touched.
   * @throws UsageError as `writeMessage`.
   */
  writeCompressed(target: Buffer, offset: number, payload: Uint8Array, isText: boolean): number {
    this.#beginMessage();
    // RFC 7692 §6.1: RSV1 says that the message is compressed.
    const first = finBit | rsv1Bit | (isText ? opcodes.text : opcodes.binary);
    return this.#encoder.writeFrame(target, offset, first, payload);
  }

  /**
   * Says that a message is sent next whose frame was made by `encodeServerFrame`.
   *
   * @param isCompressed whether it was compressed: by `compressAlone`, and not as part of this connection's stream. What
   *   is compressed next then refers to nothing before it.
   * @throws UsageError as `writeMessage`; `compression-under-way`.
   */
  beginPrepared(isCompressed: boolean): void {
    this.#beginMessage();
    if (isCompressed) this.#mustCompress().forget();
  }

  /**
   * Writes a fragment of a message (RFC 6455 §5.4) and returns the offset after it. `data` is not touched.
   *
   * @param isText whether the message is text; looked at in its first fragment.
   * @param isCompressed whether `data` is what `compressFragment` returned; looked at in the first fragment. Default `false`.
   * @throws UsageError `close-already-sent`, `fragment-out-of-order`, `target-too-small`.
   */
  writeFragment(
    target: Buffer,
    offset: number,
    data: Uint8Array,
    isText: boolean,
    isFirst: boolean,
    isLast: boolean,
    isCompressed: boolean = false,
  ): number {
    this.#mustSend();
    if (isFirst === this.#isSendingFragments) {
      const text = isFirst ? 'the last message has not been ended' : 'no message has been begun';
      throw usageError('fragment-out-of-order', `${text} (RFC 6455 §5.4)`, 'isFirst');
    }
    const opcode = isFirst ? (isText ? opcodes.text : opcodes.binary) : opcodes.continuation;
    // RFC 7692 §6.1: RSV1 of the first fragment alone says that the message is compressed.
    const first = (isLast ? finBit : 0) | (isFirst && isCompressed ? rsv1Bit : 0) | opcode;
    const end = this.#encoder.writeFrame(target, offset, first, data);
    this.#isSendingFragments = !isLast;
    return end;
  }

  /**
   * Writes a ping and returns the offset after it.
   *
   * @param data at most 125 bytes; not touched.
   * @throws UsageError `close-already-sent`, `control-payload-too-long`, `target-too-small`.
   */
  writePing(target: Buffer, offset: number, data: Uint8Array): number {
    return this.#writeControl(target, offset, opcodes.ping, data);
  }

  /** Writes a pong; otherwise as `writePing`. */
  writePong(target: Buffer, offset: number, data: Uint8Array): number {
    return this.#writeControl(target, offset, opcodes.pong, data);
  }

  /**
   * Writes the close frame of this end: the first one, the answer to the peer's, or the one after a violation. Returns
   * the offset after it. A message that was being sent in fragments is cut off.
   *
   * @param code `undefined`: a close frame without body.
   * @param reason at most 123 bytes in UTF-8; default `''`.
   * @throws UsageError `close-already-sent`, `close-code-not-sendable`, `close-reason-too-long`,
   *   `close-reason-without-code`, `target-too-small`.
   */
  writeClose(target: Buffer, offset: number, code?: number, reason: string = ''): number {
    if (closingTransitions[this.#state]['send-close'] === undefined) this.#refuseSending();
    const payload = encodeClosePayload(this.role, code, reason);
    const end = this.#encoder.writeFrame(target, offset, finBit | opcodes.close, payload);
    this.#move('send-close');
    return end;
  }

  #mustCompress(): Deflater {
    if (this.#deflater !== undefined) return this.#deflater;
    throw usageError('compression-not-agreed', 'compression was not agreed on (RFC 7692 §5)', 'deflate');
  }

  #beginMessage(): void {
    this.#mustSend();
    if (this.#isSendingFragments) {
      throw usageError('fragment-out-of-order', 'the last message has not been ended (RFC 6455 §5.4)');
    }
  }

  #writeControl(target: Buffer, offset: number, opcode: number, data: Uint8Array): number {
    this.#mustSend();
    // RFC 6455 §5.5: control frames MUST have 125 bytes of payload or less.
    if (data.length > maxShortLength) {
      const text = `${opcodeName(opcode)} with ${data.length} bytes, at most ${maxShortLength} allowed (RFC 6455 §5.5)`;
      throw usageError('control-payload-too-long', text, 'data');
    }
    return this.#encoder.writeFrame(target, offset, finBit | opcode, data);
  }

  /**
   * RFC 6455 §6.1: data is sent in the OPEN state only. RFC 6455 §5.5.1: none after a close frame. Deliberately: no pong either, though
   * RFC 6455 §5.5.2 asks for one until the peer's close frame has come. It would arrive behind our close frame, and what
   * arrives there is not looked at (RFC 6455 §1.4).
   */
  #mustSend(): void {
    if (!isSending(this.#state)) this.#refuseSending();
  }

  #refuseSending(): never {
    throw usageError(
      'close-already-sent',
      `nothing more can be sent: the connection is ${this.#state} (RFC 6455 §5.5.1)`,
    );
  }

  #move(event: ClosingEvent): void {
    // `writeClose` has asked the table; the other two events arise only while receiving, where both have a next state.
    this.#state = closingTransitions[this.#state][event]!;
  }
}
