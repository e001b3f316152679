/**
 * How bytes arrive: octet by octet, and many frames at once. All of it MUST be parsed as frames (RFC 6455 §6.2), and where a
 * write or a TLS record ends means nothing to a frame. What is cut here stays cut, whatever the chunking of the run.
 */
import type { Case, Frame, Step, Target } from '../case.js';
import { bytesFor, cutEvery, sendApart } from '../cuts.js';
import { patternBytes, patternText } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  close,
  closes,
  continuation,
  expect,
  goodbye,
  hex,
  oneOf,
  ping,
  pong,
  pongOf,
  send,
  sendOctets,
  sendWhole,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';
import { deliveryCutCases } from './delivery-cuts.js';

const define = caseOf('delivery');
const section = 'RFC 6455 §6.2';

const echoes = (payloads: readonly string[]): readonly Step[] =>
  payloads.map((payload) => expect(textMessage(payload)));

/** Numbered texts; `of` makes more of the number. */
const numbered = (count: number, of: (index: number) => string = (index) => `message ${index}`): readonly string[] =>
  Array.from({ length: count }, (_, index) => of(index));

const whole: ReadonlyArray<{
  readonly name: string;
  readonly title: string;
  readonly steps: (target: Target) => readonly Step[];
}> = [
  { name: 'text', title: 'a text', steps: () => [sendOctets(text('hello')), expect(textMessage('hello'))] },
  { name: 'empty', title: 'an empty text', steps: () => [sendOctets(text('')), expect(textMessage(''))] },
  {
    name: 'multi-byte',
    title: 'a text of multi-byte characters',
    steps: () => [sendOctets(text('κόσμε 🎈')), expect(textMessage('κόσμε 🎈'))],
  },
  {
    name: 'binary-126',
    title: 'a binary message with a 16-bit length',
    steps: () => [sendOctets(binary(patternBytes(126))), expect(unlessLimited(binaryMessage(patternBytes(126))))],
  },
  {
    name: 'binary-1000',
    title: 'a binary message of 1000 bytes',
    steps: () => [sendOctets(binary(patternBytes(1000))), expect(unlessLimited(binaryMessage(patternBytes(1000))))],
  },
  {
    name: 'fragments',
    title: 'a fragmented message',
    steps: () => [
      sendOctets(text('one,', { fin: false }), continuation('', { fin: false }), continuation('two')),
      expect(textMessage('one,two')),
    ],
  },
  { name: 'ping', title: 'a ping', steps: () => [sendOctets(ping('hello')), expect(pongOf('hello'))] },
  {
    name: 'ping-125',
    title: 'a ping of 125 bytes',
    steps: () => [sendOctets(ping(patternBytes(125))), expect(pongOf(patternBytes(125)))],
  },
  {
    name: 'ping-inside',
    title: 'a ping inside a message',
    steps: () => [
      sendOctets(text('one,', { fin: false }), ping('now'), continuation('two')),
      expect(pongOf('now')),
      expect(textMessage('one,two')),
    ],
  },
  {
    name: 'many',
    title: 'ten messages',
    steps: () => [sendOctets(...numbered(10).map((payload) => text(payload))), ...echoes(numbered(10))],
  },
];

/** What comes in one write: the frames, and what comes back. */
const together: ReadonlyArray<{
  readonly name: string;
  readonly title: string;
  readonly frames: () => readonly Frame[];
  readonly steps: () => readonly Step[];
}> = [
  {
    name: 'two-texts',
    title: 'two texts',
    frames: () => [text('one'), text('two')],
    steps: () => echoes(['one', 'two']),
  },
  {
    name: 'text-and-binary',
    title: 'a text and a binary message',
    frames: () => [text('one'), binary('two')],
    steps: () => [expect(textMessage('one')), expect(binaryMessage('two'))],
  },
  {
    name: 'text-and-ping',
    title: 'a text and a ping',
    frames: () => [text('one'), ping('two')],
    steps: () => [expect(textMessage('one')), expect(pongOf('two'))],
  },
  {
    name: 'ping-and-text',
    title: 'a ping and a text',
    frames: () => [ping('one'), text('two')],
    steps: () => [expect(pongOf('one')), expect(textMessage('two'))],
  },
  {
    name: 'pong-and-text',
    title: 'a pong and a text',
    frames: () => [pong('one'), text('two')],
    steps: () => [expect(textMessage('two'))],
  },
  {
    name: 'empty-ones',
    title: 'empty messages of both types',
    frames: () => [text(''), binary(''), text(''), binary('')],
    steps: () => [textMessage(''), binaryMessage(''), textMessage(''), binaryMessage('')].map((what) => expect(what)),
  },
  {
    name: 'small-and-large',
    title: 'a small message, a large and a small one',
    frames: () => [text('before'), binary(patternBytes(40_000)), text('after')],
    steps: () => [
      expect(textMessage('before')),
      expect(unlessLimited(binaryMessage(patternBytes(40_000)))),
      expect(textMessage('after')),
    ],
  },
  {
    name: 'fragments-and-text',
    title: 'a fragmented message and a text',
    frames: () => [binary('one,', { fin: false }), continuation('two'), text('three')],
    steps: () => [expect(binaryMessage('one,two')), expect(textMessage('three'))],
  },
];

const heaps: ReadonlyArray<{
  readonly name: string;
  readonly title: string;
  readonly payloads: () => readonly string[];
}> = [
  { name: '10', title: '10 small texts', payloads: () => numbered(10) },
  { name: '100', title: '100 small texts', payloads: () => numbered(100) },
  { name: '1000', title: '1000 small texts', payloads: () => numbered(1000) },
  { name: '5000', title: '5000 small texts', payloads: () => numbered(5000) },
  { name: 'empty-2000', title: '2000 empty texts', payloads: () => numbered(2000, () => '') },
  {
    name: 'one-byte-3000',
    title: '3000 texts of one byte',
    payloads: () => numbered(3000, (index) => String(index % 10)),
  },
  // So that headers and payloads lie across the ends of TLS records (16 KiB) in many ways.
  {
    name: 'length-125',
    title: '400 texts of 125 bytes',
    payloads: () =>
      numbered(400, (index) =>
        patternText(125 + index)
          .toString()
          .slice(index),
      ),
  },
  {
    name: 'lengths-0-to-125',
    title: 'texts of 0 to 125 bytes',
    payloads: () => numbered(126, (index) => patternText(index).toString()),
  },
];

export const deliveryCases: readonly Case[] = [
  ...whole.map(({ name, title, steps }) =>
    define(`octets-${name}`, `reads ${title} that comes octet by octet`, { section }, (target) => [
      ...steps(target),
      ...goodbye(),
    ]),
  ),
  define('octets-slow', 'reads a text whose octets come one by one, with time between', { section }, (target) => [
    ...sendApart(cutEvery(bytesFor(target, text('slow')), 1), 30),
    expect(textMessage('slow')),
    ...goodbye(),
  ]),
  define('octets-close', 'reads a close frame that comes octet by octet', { section }, () => [
    sendOctets(close(1000, 'bye')),
    closes(1000),
  ]),

  ...deliveryCutCases,
  ...together.map(({ name, title, frames, steps }) =>
    define(`together-${name}`, `reads ${title} in one write`, { section }, () => [
      sendWhole(...frames()),
      ...steps(),
      ...goodbye(),
    ]),
  ),
  define(
    'together-with-close',
    'gives back a text that comes in one write with a close frame, or only closes',
    { section: 'RFC 6455 §5.5.1', severity: 'INFO' },
    () => [
      sendWhole(text('last words'), close(1000)),
      expect(oneOf(textMessage('last words'), { kind: 'close', codes: [1000] })),
      closes(1000),
    ],
  ),
  ...heaps.map(({ name, title, payloads }) =>
    define(
      `heap-${name}`,
      `gives back ${title} that come in one write, in their order`,
      { section, deadline: 30_000 },
      () => {
        const texts = payloads();
        return [sendWhole(...texts.map((payload) => text(payload))), ...echoes(texts), ...goodbye()];
      },
    ),
  ),
  define(
    'heap-of-both-types',
    'keeps 1000 messages of both types apart in one write',
    { section, deadline: 30_000 },
    () => {
      const payloads = numbered(1000);
      return [
        sendWhole(...payloads.map((payload, index) => (index % 2 === 0 ? text : binary)(payload))),
        ...payloads.map((payload, index) => expect((index % 2 === 0 ? textMessage : binaryMessage)(payload))),
        ...goodbye(),
      ];
    },
  ),
  define(
    'heap-of-fragmented',
    'puts 300 messages of three fragments together in one write',
    { section, deadline: 30_000 },
    () => [
      sendWhole(
        ...numbered(300, String).flatMap((payload) => [
          text('', { fin: false }),
          continuation(payload, { fin: false }),
          continuation('.'),
        ]),
      ),
      ...echoes(numbered(300, (index) => `${index}.`)),
      ...goodbye(),
    ],
  ),
  define(
    'pipelined-writes',
    'gives back 500 messages that come in a write each, without waiting',
    { section, deadline: 30_000 },
    () => [...numbered(500).map((payload) => send(text(payload))), ...echoes(numbered(500)), ...goodbye()],
  ),
  define('in-turn', 'gives back 200 messages, each before the next is sent', { section, deadline: 30_000 }, () => [
    ...numbered(200).flatMap((payload) => [send(text(payload)), expect(textMessage(payload))]),
    ...goodbye(),
  ]),

  // RFC 6455 §4.2.2: a server may send as soon as it has sent its answer, so in the same write too.
  ...[
    { name: 'text', title: 'a text', behind: [text('early')], steps: echoes(['early']) },
    { name: 'ping', title: 'a ping', behind: [ping('early')], steps: [expect(pongOf('early'))] },
    {
      name: 'heap',
      title: '100 texts',
      behind: numbered(100).map((payload) => text(payload)),
      steps: echoes(numbered(100)),
    },
    {
      name: 'half',
      title: 'half a text',
      behind: [hex('8105 6865')],
      steps: [send(hex('6c6c6f')), ...echoes(['hello'])],
    },
    {
      name: 'octet',
      title: 'the first octet of a text',
      behind: [hex('81')],
      steps: [send(hex('05 68656c6c6f')), ...echoes(['hello'])],
    },
  ].map(({ name, title, behind, steps }) =>
    define(
      `behind-response-${name}`,
      `reads ${title} in the same write as the response`,
      { section: 'RFC 6455 §4.2.2', targets: ['client'], opening: { behind } },
      () => [...steps, ...goodbye()],
    ),
  ),
];
