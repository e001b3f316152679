/**
 * Reserved bits and reserved opcodes (RFC 6455 §5.2): without an extension that gives them a meaning, the peer MUST fail the
 * connection. When it does so is its own affair, if only before the frame is taken for something; being early is noted.
 */
import { Buffer } from 'node:buffer';
import type { Case, Frame } from '../case.js';
import {
  binary,
  caseOf,
  close,
  continuation,
  echoBinary,
  echoText,
  expect,
  fails,
  failure,
  oneOf,
  ping,
  pong,
  send,
  silence,
  text,
} from '../script.js';

const define = caseOf('framing');
const section = 'RFC 6455 §5.2';

interface Kind {
  readonly name: string;
  /** What must come before, that the frame may come at all. */
  readonly before: readonly Frame[];
  readonly frame: (parts: { readonly rsv: number }) => Frame;
}

const kinds: readonly Kind[] = [
  { name: 'text', before: [], frame: (parts) => text('hello', parts) },
  { name: 'binary', before: [], frame: (parts) => binary('hello', parts) },
  { name: 'continuation', before: [text('one,', { fin: false })], frame: (parts) => continuation('two', parts) },
  { name: 'ping', before: [], frame: (parts) => ping('hello', parts) },
  { name: 'pong', before: [], frame: (parts) => pong('hello', parts) },
  { name: 'close', before: [], frame: (parts) => close(1000, '', parts) },
];

/** RSV1 is 4, RSV2 is 2 and RSV3 is 1. */
const bits = [4, 2, 1, 6, 5, 3, 7].map((rsv) => {
  const numbers = [1, 2, 3].filter((number) => (rsv & (8 >> number)) !== 0);
  return { rsv, name: `rsv${numbers.join('-')}`, title: numbers.map((number) => `RSV${number}`).join(' and ') };
});
const singleBits = bits.slice(0, 3);

const opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
  opcode,
  title: `the reserved ${opcode < 8 ? 'data' : 'control'} opcode 0x${opcode.toString(16)}`,
}));

export const framingReservedCases: readonly Case[] = [
  ...bits.flatMap(({ rsv, name, title }) =>
    kinds.map((kind) =>
      define(`${name}-${kind.name}`, `refuses a ${kind.name} frame with ${title} set`, { section }, () => [
        send(...kind.before, kind.frame({ rsv })),
        fails(1002),
      ]),
    ),
  ),
  ...singleBits.flatMap(({ rsv, name, title }) => [
    define(`${name}-empty-text`, `refuses an empty text frame with ${title} set`, { section }, () => [
      send(text('', { rsv })),
      fails(1002),
    ]),
    define(`${name}-first-fragment`, `refuses the first fragment of a message with ${title} set`, { section }, () => [
      send(text('one,', { rsv, fin: false }), continuation('two')),
      fails(1002),
    ]),
    define(`${name}-empty-ping`, `refuses an empty ping with ${title} set`, { section }, () => [
      send(ping('', { rsv })),
      fails(1002),
    ]),
    define(`${name}-after-message`, `refuses a text frame with ${title} set after a good message`, { section }, () => [
      ...echoText('good'),
      send(text('bad', { rsv })),
      fails(1002),
    ]),
    define(`${name}-inside-message`, `refuses a ping with ${title} set inside a message`, { section }, () => [
      send(text('one,', { fin: false }), ping('bad', { rsv }), continuation('two')),
      fails(1002),
    ]),
    define(
      `${name}-at-header`,
      `refuses a text frame with ${title} set at its header, or waits for its payload`,
      { section, severity: 'INFO' },
      () => [send(text('', { rsv, announcedLength: 100 })), expect(oneOf(failure(1002), silence(500)))],
    ),
  ]),

  ...opcodes.flatMap(({ opcode, title }) => [
    define(`opcode-${opcode}-reserved`, `refuses ${title}`, { section }, () => [send({ opcode }), fails(1002)]),
    define(`opcode-${opcode}-with-payload`, `refuses ${title} with a payload`, { section }, () => [
      send({ opcode, payload: Buffer.from('payload') }),
      fails(1002),
    ]),
    define(`opcode-${opcode}-fragment`, `refuses ${title} without FIN`, { section }, () => [
      send({ opcode, payload: Buffer.from('one,'), fin: false }, continuation('two')),
      fails(1002),
    ]),
    define(`opcode-${opcode}-inside-message`, `refuses ${title} inside a message`, { section }, () => [
      send(text('one,', { fin: false }), { opcode, payload: Buffer.from('two,') }, continuation('three')),
      fails(1002),
    ]),
    define(`opcode-${opcode}-after-message`, `refuses ${title} after a good message`, { section }, () => [
      ...echoBinary('good'),
      send({ opcode, payload: Buffer.from('bad') }),
      fails(1002),
    ]),
    define(
      `opcode-${opcode}-at-header`,
      `refuses ${title} at its header, or waits for its payload`,
      { section, severity: 'INFO' },
      () => [send({ opcode, announcedLength: 100 }), expect(oneOf(failure(1002), silence(500)))],
    ),
  ]),
];
