/**
 * Reads what a peer sends once the connection is open, and judges every frame of it: whatever a case is about, no peer may
 * send a frame that the RFC forbids. Shares the layout of headers with the rest of the package, and none of its judgement.
 * This file does not know what a case expects.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import {
  type FrameHeader,
  isControlOpcode,
  isReceivableCloseCode,
  mask,
  opcodeName,
  opcodes,
  parseFrameHeader,
  type Role,
  readMaskingKey,
} from '../frame/index.js';
import { describeFrame } from './describe.js';
import type { Inflater } from './inflate.js';

/** What a peer said, frames put together. */
export type Incoming =
  | { readonly kind: 'message'; readonly isText: boolean; readonly payload: Buffer }
  | { readonly kind: 'ping'; readonly payload: Buffer }
  | { readonly kind: 'pong'; readonly payload: Buffer }
  /** 1005 stands for a body that is empty. */
  | { readonly kind: 'close'; readonly code: number; readonly reason: string };

/** A frame as it came, for the report. */
export interface SeenFrame {
  /** Returns it in words; not asked for in a flood. */
  readonly describe: () => string;
  /** Its first bytes, masked if it was. */
  readonly bytes: Buffer;
  readonly size: number;
}

export interface WireReaderOptions {
  /** Which end the peer is. */
  readonly role: Role;
  /** Set when permessage-deflate was agreed. */
  readonly inflater?: Inflater | undefined;
  readonly onFrame: (frame: SeenFrame) => void;
  readonly onIncoming: (incoming: Incoming) => void;
}

/** More than this of one peer in one case is no conversation: bytes as they come, and as they are inflated. */
export const maxPeerBytes: number = 64 * 1024 * 1024;
/** What a frame counts beside its bytes: it takes memory even when it is empty. */
const frameCharge = 128;
/** Longer payloads are described at once, so that they need not be kept for it. */
const maxKeptPayload = 1024;

/** The longest header: two bytes, a 64-bit length, a masking key. */
const maxHeaderBytes = 14;
/** How many bytes of a frame are kept for the report. */
export const shownBytes: number = 256;

export class WireReader {
  readonly #options: WireReaderOptions;
  #fault: string | undefined;
  #received = 0;
  readonly #headerBytes: Buffer = Buffer.alloc(maxHeaderBytes);
  #headerLength = 0;
  #header: FrameHeader | undefined;
  #payload: Buffer = Buffer.alloc(0);
  #position = 0;
  /** The data message under way. */
  #message: { readonly isText: boolean; readonly isCompressed: boolean; readonly parts: Buffer[] } | undefined;
  #hasClosed = false;

  constructor(options: WireReaderOptions) {
    this.#options = options;
  }

  /** What the peer did that no peer may do: `the peer sent …  (RFC 6455 §x)`. Nothing is read after it. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Whether the peer stopped within a frame. */
  get isWithinFrame(): boolean {
    return this.#headerLength > 0;
  }

  push(bytes: Buffer): void {
    this.#received += bytes.length;
    let position = 0;
    while (position < bytes.length && this.#fault === undefined) {
      position = this.#header === undefined ? this.#pushHeader(bytes, position) : this.#pushPayload(bytes, position);
    }
    if (this.#received > maxPeerBytes)
      this.#fail(
        `more than ${maxPeerBytes} bytes, each frame counted as ${frameCharge} more`,
        'the bound of the runner',
      );
  }

  #pushHeader(bytes: Buffer, position: number): number {
    this.#headerBytes[this.#headerLength++] = bytes[position]!;
    const header = parseFrameHeader(this.#headerBytes, 0, this.#headerLength);
    if (header === undefined) return position + 1;
    this.#judgeHeader(header);
    if (this.#fault !== undefined) {
      this.#see(header, Buffer.alloc(0));
      return position + 1;
    }
    this.#header = header;
    this.#payload = Buffer.allocUnsafe(Number(header.length));
    this.#position = 0;
    if (header.length === 0) this.#finishFrame(header);
    return position + 1;
  }

  #pushPayload(bytes: Buffer, position: number): number {
    const count = Math.min(bytes.length - position, this.#payload.length - this.#position);
    bytes.copy(this.#payload, this.#position, position, position + count);
    this.#position += count;
    if (this.#position === this.#payload.length) this.#finishFrame(this.#header!);
    return position + count;
  }

  #judgeHeader(header: FrameHeader): void {
    const { fin, rsv, opcode, masked, length, lengthForm } = header;
    const name = `a ${opcodeName(opcode)} frame`;
    const isControl = isControlOpcode(opcode);
    if (this.#options.role === 'client' && !masked) return this.#fail(`${name} that is not masked`, 'RFC 6455 §5.1');
    if (this.#options.role === 'server' && masked) return this.#fail(`${name} that is masked`, 'RFC 6455 §5.1');
    if (opcodeName(opcode).startsWith('reserved'))
      return this.#fail(`an opcode that is ${opcodeName(opcode)}`, 'RFC 6455 §5.2');
    if ((rsv & 3) !== 0) return this.#fail(`${name} with RSV${(rsv & 2) !== 0 ? 2 : 3}`, 'RFC 6455 §5.2');
    if (rsv !== 0) {
      if (this.#options.inflater === undefined) {
        return this.#fail(`${name} with RSV1, and no extension was agreed`, 'RFC 6455 §5.2');
      }
      if (isControl) return this.#fail(`${name} with RSV1`, 'RFC 7692 §6');
      if (opcode === opcodes.continuation) return this.#fail(`${name} with RSV1`, 'RFC 7692 §6.1');
    }
    if (isControl) {
      if (!fin) return this.#fail(`${name} that is a fragment`, 'RFC 6455 §5.5');
      if (length > 125) return this.#fail(`${name} of ${length} bytes`, 'RFC 6455 §5.5');
    }
    if (length >= 2n ** 63n) return this.#fail(`${name} whose length has its first bit set`, 'RFC 6455 §5.2');
    if ((lengthForm === 16 && length < 126) || (lengthForm === 64 && length < 65_536)) {
      return this.#fail(`${name} whose length, ${length}, is written in ${lengthForm} bits`, 'RFC 6455 §5.2');
    }
    if (this.#hasClosed && (!isControl || opcode === opcodes.close)) {
      return this.#fail(`${name} after its close frame`, 'RFC 6455 §5.5.1');
    }
    if (opcode === opcodes.continuation && this.#message === undefined) {
      return this.#fail('a continuation frame that continues nothing', 'RFC 6455 §5.4');
    }
    if ((opcode === opcodes.text || opcode === opcodes.binary) && this.#message !== undefined) {
      return this.#fail(`${name} within a fragmented message`, 'RFC 6455 §5.4');
    }
    if (length > maxPeerBytes) this.#fail(`${name} of ${length} bytes`, 'the bound of the runner');
  }

  #finishFrame(header: FrameHeader): void {
    const payload = this.#payload;
    this.#header = undefined;
    this.#payload = Buffer.alloc(0);
    const seen = Buffer.concat([this.#headerBytes.subarray(0, header.headerSize), payload.subarray(0, shownBytes)]);
    if (header.maskingKeyOffset !== undefined) {
      mask(payload, 0, payload.length, readMaskingKey(this.#headerBytes, header.maskingKeyOffset));
    }
    this.#headerLength = 0;
    this.#see(header, payload, seen);
    if (isControlOpcode(header.opcode)) this.#control(header.opcode, payload);
    else this.#data(header, payload);
  }

  #see(
    header: FrameHeader,
    payload: Buffer,
    bytes: Buffer = Buffer.from(this.#headerBytes.subarray(0, header.headerSize)),
  ): void {
    this.#received += frameCharge;
    const describe = (): string => describeFrame({ ...header, payload });
    const text = payload.length > maxKeptPayload ? describe() : undefined;
    this.#options.onFrame({
      describe: text === undefined ? describe : () => text,
      bytes: bytes.subarray(0, shownBytes),
      size: header.headerSize + payload.length,
    });
  }

  #control(opcode: number, payload: Buffer): void {
    const { onIncoming } = this.#options;
    if (opcode !== opcodes.close) return onIncoming({ kind: opcode === opcodes.ping ? 'ping' : 'pong', payload });
    this.#hasClosed = true;
    if (payload.length === 0) return onIncoming({ kind: 'close', code: 1005, reason: '' });
    if (payload.length === 1) return this.#fail('a close frame with a body of 1 byte', 'RFC 6455 §5.5.1');
    const code = payload.readUInt16BE(0);
    if (!isReceivableCloseCode(code)) return this.#fail(`close code ${code}, which no end may send`, 'RFC 6455 §7.4');
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) return this.#fail('a close reason that is not UTF-8', 'RFC 6455 §5.5.1');
    onIncoming({ kind: 'close', code, reason: reason.toString() });
  }

  #data({ fin, rsv, opcode }: FrameHeader, payload: Buffer): void {
    this.#message ??= { isText: opcode === opcodes.text, isCompressed: rsv !== 0, parts: [] };
    this.#message.parts.push(payload);
    if (!fin) return;
    const { isText, isCompressed, parts } = this.#message;
    this.#message = undefined;
    let whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (isCompressed) {
      try {
        whole = this.#options.inflater!.inflate(whole, maxPeerBytes);
      } catch (error) {
        return this.#fail(
          `a compressed message that cannot be inflated: ${(error as Error).message}`,
          'RFC 7692 §7.2.2',
        );
      }
    }
    if (isText && !isUtf8(whole)) return this.#fail('a text message that is not UTF-8', 'RFC 6455 §8.1');
    this.#options.onIncoming({ kind: 'message', isText, payload: whole });
  }

  #fail(what: string, section: string): void {
    this.#fault = `the peer sent ${what} (${section})`;
  }
}
