/** Frames, messages and expectations in words, for reasons and reports. What a peer sent is escaped and bounded. */
import { Buffer, isUtf8 } from 'node:buffer';
import { closeCodeName, opcodeName, opcodes } from '../frame/index.js';
import { escapeText } from '../text.js';
import type { Expected } from './case.js';
import type { Incoming } from './wire.js';

/** How much of a payload is shown. */
const maxTextCharacters = 40;
const maxHexBytes = 16;

/** `5 bytes, "hello"`; `2 bytes, ff fe`; `no bytes`. */
export function describePayload(payload: Uint8Array, asText: boolean = true): string {
  if (payload.length === 0) return 'no bytes';
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const count = `${payload.length} byte${payload.length === 1 ? '' : 's'}`;
  if (asText && isUtf8(bytes)) {
    const text = bytes.toString('utf8', 0, 4 * maxTextCharacters);
    return `${count}, "${escapeText(text, maxTextCharacters)}"`;
  }
  const shown = bytes
    .subarray(0, maxHexBytes)
    .toString('hex')
    .replace(/(?<=..)(?=(?:..)+$)/g, ' ');
  return `${count}, ${shown}${payload.length > maxHexBytes ? ' …' : ''}`;
}

/** `ping, FIN, masked, 2 bytes, "hi"`. `announced` is shown where it is not what comes. */
export function describeFrame(frame: {
  readonly opcode: number;
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked: boolean;
  readonly payload?: Uint8Array;
  readonly length?: number | bigint;
  readonly lengthForm?: 7 | 16 | 64 | undefined;
}): string {
  const { opcode, fin = true, rsv = 0, masked, payload = new Uint8Array(0), length = payload.length } = frame;
  const parts = [opcodeName(opcode)];
  if (fin) parts.push('FIN');
  for (const [bit, name] of [
    [4, 'RSV1'],
    [2, 'RSV2'],
    [1, 'RSV3'],
  ] as const)
    if ((rsv & bit) !== 0) parts.push(name);
  if (masked) parts.push('masked');
  if (BigInt(length) !== BigInt(payload.length)) parts.push(`announces ${length} bytes`);
  const body =
    opcode === opcodes.close && payload.length >= 2
      ? closeBody(payload)
      : describePayload(payload, rsv === 0 && opcode !== opcodes.binary);
  return [...parts, body].join(', ');
}

function closeBody(payload: Uint8Array): string {
  const code = payload[0]! * 256 + payload[1]!;
  const reason = payload.length === 2 ? '' : `, ${describePayload(payload.subarray(2))}`;
  return `${code} ${closeCodeName(code)}${reason}`;
}

/** What came, as a noun: `a text message of 5 bytes, "hello"`. */
export function describeIncoming(incoming: Incoming | { readonly kind: 'end'; readonly how: string }): string {
  switch (incoming.kind) {
    case 'message':
      return `a ${incoming.isText ? 'text' : 'binary'} message of ${describePayload(incoming.payload, incoming.isText)}`;
    case 'close': {
      const reason = incoming.reason === '' ? '' : `, "${escapeText(incoming.reason, maxTextCharacters)}"`;
      return incoming.code === 1005
        ? 'a close frame without a code'
        : `a close frame with ${incoming.code} ${closeCodeName(incoming.code)}${reason}`;
    }
    case 'end':
      return incoming.how === 'reset' ? 'a reset of the TCP connection' : 'the end of the TCP connection';
    default:
      return `a ${incoming.kind} of ${describePayload(incoming.payload)}`;
  }
}

const codeList = (codes: readonly number[]): string =>
  codes.length === 0 ? 'any code' : codes.map((code) => (code === 1005 ? 'no code' : String(code))).join(' or ');

/** What is expected, as a noun. */
export function describeExpected(expected: Expected): string {
  switch (expected.kind) {
    case 'message':
      return `a ${expected.isText ? 'text' : 'binary'} message of ${describePayload(expected.payload, expected.isText)}`;
    case 'pong':
      return `a pong of ${expected.payloads.map((payload) => describePayload(payload)).join(', or of ')}`;
    case 'close':
      return `a close frame with ${codeList(expected.codes)}, then the end of the TCP connection`;
    case 'fail':
      return `that the peer fails the connection with ${codeList(expected.codes)}`;
    case 'end':
      return 'the end of the TCP connection';
    case 'silence':
      return `nothing for ${expected.ms} ms`;
    default:
      return expected.options.map(describeExpected).join('; or ');
  }
}
