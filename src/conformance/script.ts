/** The words that cases are written in. */
import { Buffer } from 'node:buffer';
import { closeCodes, opcodes } from '../frame/index.js';
import type { Case, ExchangeCase, Expected, Frame, GroupName, Opening, Piece, Severity, Step } from './case.js';

type FrameParts = Partial<Omit<Frame, 'opcode' | 'payload'>>;

const bytesOf = (payload: string | Uint8Array): Uint8Array =>
  typeof payload === 'string' ? Buffer.from(payload) : payload;

/** A text frame. */
export function text(payload: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  return { opcode: opcodes.text, payload: bytesOf(payload), ...parts };
}

export function binary(payload: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  return { opcode: opcodes.binary, payload: bytesOf(payload), ...parts };
}

/** A continuation frame, by default the last of its message. */
export function continuation(payload: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  return { opcode: opcodes.continuation, payload: bytesOf(payload), ...parts };
}

export function ping(payload: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  return { opcode: opcodes.ping, payload: bytesOf(payload), ...parts };
}

export function pong(payload: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  return { opcode: opcodes.pong, payload: bytesOf(payload), ...parts };
}

/** A close frame; `undefined`: without a body. */
export function close(code?: number, reason: string | Uint8Array = '', parts: FrameParts = {}): Frame {
  const payload =
    code === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.of(code >> 8, code & 0xff), bytesOf(reason)]);
  return { opcode: opcodes.close, payload, ...parts };
}

/** Bytes as they are. */
export function hex(digits: string): Uint8Array {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

export function send(...pieces: readonly Piece[]): Step {
  return { do: 'send', pieces };
}

/** In one write, whatever the chunking of the run. */
export function sendWhole(...pieces: readonly Piece[]): Step {
  return { do: 'send', pieces, chunking: 'whole' };
}

/** Octet by octet, whatever the chunking of the run. */
export function sendOctets(...pieces: readonly Piece[]): Step {
  return { do: 'send', pieces, chunking: 'octets' };
}

export function expect(what: Expected, within?: number): Step {
  return within === undefined ? { do: 'expect', what } : { do: 'expect', what, within };
}

export function textMessage(payload: string | Uint8Array): Expected {
  return { kind: 'message', isText: true, payload: bytesOf(payload) };
}

export function binaryMessage(payload: string | Uint8Array): Expected {
  return { kind: 'message', isText: false, payload: bytesOf(payload) };
}

export function pongOf(...payloads: ReadonlyArray<string | Uint8Array>): Expected {
  return { kind: 'pong', payloads: payloads.map(bytesOf) };
}

/** The first of these that fits. One that ends the connection ends the case. */
export function oneOf(...options: readonly Expected[]): Expected {
  return { kind: 'oneOf', options };
}

/** Nothing comes for so many milliseconds. */
export function silence(ms: number): Expected {
  return { kind: 'silence', ms };
}

/** The peer fails the connection, best with one of these codes. */
export function failure(...codes: readonly number[]): Expected {
  return { kind: 'fail', codes };
}

/** This, or the peer refuses what is larger or more than it accepts (RFC 6455 §10.4): 1009, or 1008 for its policy. */
export function unlessLimited(what: Expected): Expected {
  return oneOf(what, failure(closeCodes.messageTooBig, closeCodes.policyViolation));
}

/** The peer fails the connection, best with one of these codes. */
export function fails(...codes: readonly number[]): Step {
  return expect(failure(...codes));
}

/** The peer fails the connection with one of these codes, and no other: it was a close frame that is to be refused. */
export function refuses(...codes: readonly number[]): Step {
  return expect({ kind: 'fail', codes, strictly: true });
}

/** The peer answers a close frame, with one of these codes, and the connection ends. */
export function closes(...codes: readonly number[]): Step {
  return expect({ kind: 'close', codes });
}

/** Sends these frames of a text message and expects it back. */
export function echoText(payload: string | Uint8Array, ...pieces: readonly Piece[]): readonly Step[] {
  return [send(...(pieces.length === 0 ? [text(payload)] : pieces)), expect(textMessage(payload))];
}

export function echoBinary(payload: string | Uint8Array, ...pieces: readonly Piece[]): readonly Step[] {
  return [send(...(pieces.length === 0 ? [binary(payload)] : pieces)), expect(binaryMessage(payload))];
}

/** The closing handshake, begun by the runner: the peer answers with the same code, as is usual. */
export function goodbye(): readonly Step[] {
  return [send(close(1000)), closes(1000)];
}

/** What makes up a case beside its script. */
export interface Heading {
  readonly section: string;
  readonly severity?: Severity;
  readonly targets?: Case['targets'];
  readonly needs?: Case['needs'];
  readonly deadline?: number;
  readonly opening?: Opening;
  readonly sentBytes?: number;
}

/** Returns what declares the cases of a group. */
export function caseOf(
  group: GroupName,
): (name: string, title: string, heading: Heading, script: ExchangeCase['script']) => ExchangeCase {
  return (name, title, { severity = 'MUST', ...heading }, script) => ({
    kind: 'exchange',
    id: `${group}/${name}`,
    group,
    title,
    severity,
    ...heading,
    script,
  });
}
