/**
 * Control frames (RFC 6455 §5.5). A peer may answer only the latest of several pings (RFC 6455 §5.5.3), so only the pong to
 * the last one is waited for; and no rule puts pongs and messages in an order. A peer may guard itself against a flood of
 * control frames, so more of them than anybody sends in earnest may be refused.
 */
import { Buffer } from 'node:buffer';
import type { Case, Expected, Frame } from '../case.js';
import { patternBytes } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  close,
  closes,
  continuation,
  echoText,
  expect,
  goodbye,
  hex,
  ping,
  pong,
  pongOf,
  send,
  silence,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';
import { controlRefusedCases } from './control-refused.js';

const define = caseOf('control');

/** Application data of a ping, which has no form. */
const data: ReadonlyArray<{ readonly name: string; readonly title: string; readonly payload: Uint8Array }> = [
  { name: 'zeros', title: 'zeros', payload: Buffer.alloc(10) },
  { name: 'line-ends', title: 'ends of line', payload: Buffer.from('\r\n\r\n') },
  { name: 'not-utf8', title: 'no UTF-8', payload: hex('80 c0 ff fe f5') },
  { name: 'low-bytes', title: 'the bytes 0 to 124', payload: patternBytes(125) },
  { name: 'high-bytes', title: 'the bytes 131 to 255', payload: patternBytes(256).subarray(131) },
  { name: 'like-frames', title: 'what looks like frames', payload: hex('8100 8900 8800 8802 03e8') },
  { name: 'like-code', title: 'what looks like a close code', payload: hex('03e8') },
];

const parts = ['one,', 'two,', 'three,', 'four,', 'five,', 'six'];

/** The fragments of a message, and frames after some of them, by index. */
function withBetween(between: Readonly<Record<number, readonly Frame[]>>): readonly Frame[] {
  return parts.flatMap((part, index) => [
    (index === 0 ? text : continuation)(part, { fin: index === parts.length - 1 }),
    ...(between[index] ?? []),
  ]);
}

/** Pings with a number each. */
const pings = (count: number): readonly Frame[] =>
  Array.from({ length: count }, (_, index) => ping(`ping ${index + 1}`));

/** As many control frames at once as any endpoint can be expected to take. */
const maxModest = 10;
const within = (count: number, what: Expected): Expected => (count <= maxModest ? what : unlessLimited(what));

/** What the title of a case adds when `within` allows it. */
const orRefuses = (count: number): string => (count <= maxModest ? '' : ', or refuses so many');

const answered: readonly Case[] = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 63, 64, 100, 123, 124, 125].map((length) =>
    define(
      `ping-${length}`,
      `answers a ping of ${length} bytes with a pong of the same`,
      { section: 'RFC 6455 §5.5.2' },
      () => {
        const payload = Buffer.alloc(length, 'p');
        return [send(ping(payload)), expect(pongOf(payload)), ...goodbye()];
      },
    ),
  ),
  ...data.map(({ name, title, payload }) =>
    define(`ping-of-${name}`, `gives back a ping of ${title} unchanged`, { section: 'RFC 6455 §5.5.3' }, () => [
      send(ping(payload)),
      expect(pongOf(payload)),
      ...goodbye(),
    ]),
  ),
  ...[2, 3, 10, 100, 1000].map((count) =>
    define(
      `pings-${count}`,
      `answers the last of ${count} pings in one write${orRefuses(count)}`,
      { section: 'RFC 6455 §5.5.3' },
      () => [send(...pings(count)), expect(within(count, pongOf(`ping ${count}`))), ...goodbye()],
    ),
  ),
  define('pings-in-turn', 'answers ten pings, each before the next is sent', { section: 'RFC 6455 §5.5.2' }, () => [
    ...Array.from({ length: 10 }, (_, index) => `ping ${index}`).flatMap((payload) => [
      send(ping(payload)),
      expect(pongOf(payload)),
    ]),
    ...goodbye(),
  ]),
  define('pings-alike', 'answers the same ping each time it comes', { section: 'RFC 6455 §5.5.2' }, () => [
    ...[1, 2, 3].flatMap(() => [send(ping('same')), expect(pongOf('same'))]),
    ...goodbye(),
  ]),
  define(
    'pings-shrinking',
    'answers a shorter ping after a longer one with its own bytes',
    { section: 'RFC 6455 §5.5.3' },
    () => [
      ...[125, 64, 5, 1, 0].flatMap((length) => [
        send(ping(patternBytes(length))),
        expect(pongOf(patternBytes(length))),
      ]),
      ...goodbye(),
    ],
  ),
  ...[10, 100].map((count) =>
    define(
      `pings-${count}-and-messages`,
      `answers the last of ${count} pings and gives back the ${count} messages between them${orRefuses(count)}`,
      { section: 'RFC 6455 §5.5.2' },
      () => [
        send(...pings(count).flatMap((frame, index) => [frame, text(`message ${index}`)])),
        ...Array.from({ length: count }, (_, index) => expect(within(count, textMessage(`message ${index}`)))),
        expect(within(count, pongOf(`ping ${count}`))),
        ...goodbye(),
      ],
    ),
  ),
  define('ping-before-close', 'takes a ping right before a close frame', { section: 'RFC 6455 §5.5.1' }, () => [
    send(ping('perhaps too late'), close(1000)),
    closes(1000),
  ]),
  define('ping-after-binary', 'answers a ping after a large message', { section: 'RFC 6455 §5.5.2' }, () => [
    send(binary(patternBytes(20_000)), ping('after')),
    expect(pongOf('after')),
    expect(binaryMessage(patternBytes(20_000))),
    ...goodbye(),
  ]),
];

const passedOver: readonly Case[] = [
  define('pong-unasked', 'passes over a pong that answers nothing', { section: 'RFC 6455 §5.5.3' }, () => [
    send(pong('nobody asked')),
    ...echoText('still here'),
    ...goodbye(),
  ]),
  ...[0, 1, 2, 124, 125].map((length) =>
    define(`pong-${length}`, `passes over an unasked pong of ${length} bytes`, { section: 'RFC 6455 §5.5.3' }, () => [
      send(pong(patternBytes(length))),
      ...echoText('still here'),
      ...goodbye(),
    ]),
  ),
  define('pong-not-utf8', 'passes over an unasked pong that is no UTF-8', { section: 'RFC 6455 §5.5.3' }, () => [
    send(pong(hex('80 c0 ff fe f5'))),
    ...echoText('still here'),
    ...goodbye(),
  ]),
  ...[10, 1000].map((count) =>
    define(
      `pongs-${count}`,
      `passes over ${count} unasked pongs${orRefuses(count)}`,
      { section: 'RFC 6455 §5.5.3' },
      () => [
        send(...Array.from({ length: count }, (_, index) => pong(`unasked ${index}`))),
        send(text('still here')),
        expect(within(count, textMessage('still here'))),
        ...goodbye(),
      ],
    ),
  ),
  define(
    'pong-then-ping',
    'answers a ping after an unasked pong with the same payload',
    { section: 'RFC 6455 §5.5.2' },
    () => [send(pong('same'), ping('same')), expect(pongOf('same')), ...goodbye()],
  ),
  define(
    'pong-unanswered',
    'answers an unasked pong with nothing but perhaps a pong',
    { section: 'RFC 6455 §5.5.3', severity: 'INFO' },
    () => [send(pong('unasked')), expect(silence(300)), ...goodbye()],
  ),
];

const insideMessages: readonly Case[] = [
  define(
    'ping-inside-message',
    'answers a ping between the fragments of a message',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(text('first,', { fin: false }), ping('now')),
      expect(pongOf('now')),
      send(continuation('second')),
      expect(textMessage('first,second')),
      ...goodbye(),
    ],
  ),
  ...parts
    .slice(0, -1)
    .map((_, index) =>
      define(
        `ping-after-fragment-${index + 1}`,
        `answers a ping after fragment ${index + 1} of ${parts.length}, in one write`,
        { section: 'RFC 6455 §5.4' },
        () => [
          send(...withBetween({ [index]: [ping('between')] })),
          expect(pongOf('between')),
          expect(textMessage(parts.join(''))),
          ...goodbye(),
        ],
      ),
    ),
  define(
    'ping-after-each-fragment',
    'answers a ping after each fragment before the next comes',
    { section: 'RFC 6455 §5.4' },
    () => [
      ...parts.flatMap((part, index) => [
        send((index === 0 ? text : continuation)(part, { fin: index === parts.length - 1 }), ping(`after ${part}`)),
        expect(pongOf(`after ${part}`)),
      ]),
      expect(textMessage(parts.join(''))),
      ...goodbye(),
    ],
  ),
  ...[2, 10, 100].map((count) =>
    define(
      `pings-${count}-inside-message`,
      `answers the last of ${count} pings between two fragments${orRefuses(count)}`,
      { section: 'RFC 6455 §5.4' },
      () => [
        send(...withBetween({ 2: pings(count) })),
        expect(within(count, pongOf(`ping ${count}`))),
        expect(within(count, textMessage(parts.join('')))),
        ...goodbye(),
      ],
    ),
  ),
  define(
    'ping-125-inside-message',
    'keeps a ping of 125 bytes and the message around it apart',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(binary('one,', { fin: false }), ping(patternBytes(125)), continuation('two')),
      expect(pongOf(patternBytes(125))),
      expect(binaryMessage('one,two')),
      ...goodbye(),
    ],
  ),
  define(
    'ping-empty-inside-message',
    'answers an empty ping between two fragments',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(text('one,', { fin: false }), ping(), continuation('two')),
      expect(pongOf('')),
      expect(textMessage('one,two')),
      ...goodbye(),
    ],
  ),
  define(
    'ping-not-utf8-inside-text',
    'does not hold the bytes of a ping against the text around it',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(text('one,', { fin: false }), ping(hex('80ff')), continuation('two')),
      expect(pongOf(hex('80ff'))),
      expect(textMessage('one,two')),
      ...goodbye(),
    ],
  ),
  define(
    'ping-inside-character',
    'answers a ping between two fragments that cut a character',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(text(hex('61 f09f'), { fin: false }), ping('between')),
      expect(pongOf('between')),
      send(continuation(hex('8e88 7a'))),
      expect(textMessage('a🎈z')),
      ...goodbye(),
    ],
  ),
  define('pongs-inside-message', 'passes over pongs between all fragments', { section: 'RFC 6455 §5.4' }, () => [
    send(
      ...withBetween({
        0: [pong()],
        1: [pong('1')],
        2: [pong('2'), pong('2')],
        3: [pong(patternBytes(125))],
        4: [pong()],
      }),
    ),
    expect(textMessage(parts.join(''))),
    ...goodbye(),
  ]),
];

export const controlCases: readonly Case[] = [...answered, ...passedOver, ...insideMessages, ...controlRefusedCases];
