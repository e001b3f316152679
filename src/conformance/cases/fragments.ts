/**
 * Messages in lawful fragments (RFC 6455 §5.4): their number, their sizes, and the frames that may come between them. A peer
 * may have a limit on fragments as on bytes, so more of them than anybody sends by hand may be refused.
 */
import { Buffer } from 'node:buffer';
import type { Case, Expected, Frame } from '../case.js';
import { patternBytes, patternText } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  close,
  closes,
  continuation,
  echoBinary,
  echoText,
  expect,
  goodbye,
  ping,
  pong,
  pongOf,
  send,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';

const define = caseOf('fragmentation');
const section = 'RFC 6455 §5.4';

const types = [
  { type: 'text', begin: text, messageOf: textMessage, pattern: patternText },
  { type: 'binary', begin: binary, messageOf: binaryMessage, pattern: patternBytes },
] as const;
type Begin = (typeof types)[number]['begin'];

/** Returns the frames of a message, one for each part. */
function fragments(begin: Begin, parts: ReadonlyArray<string | Uint8Array>): readonly Frame[] {
  return parts.map((part, index) => (index === 0 ? begin : continuation)(part, { fin: index === parts.length - 1 }));
}

/** Returns `bytes` in `count` parts of nearly the same size. */
function split(bytes: Buffer, count: number): readonly Buffer[] {
  const at = (index: number): number => Math.floor((index * bytes.length) / count);
  return Array.from({ length: count }, (_, index) => bytes.subarray(at(index), at(index + 1)));
}

const joined = (parts: ReadonlyArray<string | Uint8Array>): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** As many fragments as any endpoint can be expected to take. */
const maxModest = 16;
const within = (count: number, what: Expected): Expected => (count <= maxModest ? what : unlessLimited(what));
/** What the title of a case adds when `within` allows it. */
const orRefuses = (count: number): string => (count <= maxModest ? '' : ', or refuses so many');

/** Where fragments without a payload may be. */
const withEmpty: ReadonlyArray<{ readonly name: string; readonly title: string; readonly parts: readonly string[] }> = [
  { name: 'empty-first', title: 'whose first fragment is empty', parts: ['', 'hello'] },
  { name: 'empty-last', title: 'whose last fragment is empty', parts: ['hello', ''] },
  { name: 'empty-middle', title: 'whose middle fragment is empty', parts: ['one,', '', 'two'] },
  { name: 'empty-ends', title: 'whose first and last fragments are empty', parts: ['', 'hello', ''] },
  { name: 'empty-pairs', title: 'of which every second fragment is empty', parts: ['', 'a', '', 'b', '', 'c', ''] },
  {
    name: 'empty-run',
    title: 'with ten empty fragments in a row',
    parts: ['one,', ...Array<string>(10).fill(''), 'two'],
  },
  { name: 'empty-both', title: 'of two empty fragments', parts: ['', ''] },
  { name: 'empty-all', title: 'of ten empty fragments', parts: Array<string>(10).fill('') },
];

/** Sizes of fragments, so that each form of the length comes in each place. */
const sizes: ReadonlyArray<readonly number[]> = [
  [1, 1],
  [1, 125],
  [125, 1],
  [125, 126],
  [126, 125],
  [126, 126, 126],
  [127, 1, 127],
  [1, 2, 3, 4, 5, 6, 7],
  [7, 65, 126, 1, 200],
  [65_535, 1],
  [1, 65_535],
  [65_536, 1],
  [1, 65_536],
  [65_536, 65_536],
];

const characters = [
  { name: 'u03ba', title: 'the character U+03BA', character: 'κ' },
  { name: 'u20ac', title: 'the character U+20AC', character: '€' },
  { name: 'u1f388', title: 'the character U+1F388', character: '🎈' },
];

export const fragmentCases: readonly Case[] = types
  .flatMap(({ type, begin, messageOf, pattern }): readonly Case[] => [
    ...[2, 3, 4, 5, 8, 16, 17, 32, 64, 100, 256, 1000].map((count) =>
      define(
        `${type}-${count}-fragments`,
        `puts ${count} fragments of a ${type} message together${orRefuses(count)}`,
        { section },
        () => {
          const payload = pattern(3 * count + 1);
          return [
            send(...fragments(begin, split(payload, count))),
            expect(within(count, messageOf(payload))),
            ...goodbye(),
          ];
        },
      ),
    ),
    ...[2, 5, 16, 26, 125].map((count) =>
      define(
        `${type}-${count}-of-one-byte`,
        `puts ${count} ${type} fragments of one byte together${orRefuses(count)}`,
        { section },
        () => {
          const payload = pattern(count);
          return [
            send(...fragments(begin, split(payload, count))),
            expect(within(count, messageOf(payload))),
            ...goodbye(),
          ];
        },
      ),
    ),
    ...withEmpty.map(({ name, title, parts }) =>
      define(`${type}-${name}`, `gives back a ${type} message ${title}`, { section }, () => [
        send(...fragments(begin, parts)),
        expect(messageOf(parts.join(''))),
        ...goodbye(),
      ]),
    ),
    ...sizes.map((bytes) =>
      define(
        `${type}-sizes-${bytes.join('-')}`,
        `puts ${type} fragments of ${bytes.join(', ')} bytes together`,
        { section },
        () => {
          const payload = pattern(bytes.reduce((sum, size) => sum + size));
          let start = 0;
          const parts = bytes.map((size) => payload.subarray(start, (start += size)));
          return [
            send(...fragments(begin, parts)),
            expect(payload.length <= 125 ? messageOf(payload) : unlessLimited(messageOf(payload))),
            ...goodbye(),
          ];
        },
      ),
    ),
    define(`${type}-apart`, `waits for the next fragment of a ${type} message`, { section }, () => [
      ...fragments(begin, ['one,', 'two,', 'three']).flatMap((frame) => [send(frame), { do: 'wait', ms: 50 } as const]),
      expect(messageOf('one,two,three')),
      ...goodbye(),
    ]),

    // What the end of one message leaves behind must not touch the next.
    define(`${type}-twice`, `takes a fragmented ${type} message after another`, { section }, () => [
      send(...fragments(begin, ['one,', 'two'])),
      expect(messageOf('one,two')),
      send(...fragments(begin, ['', 'three'])),
      expect(messageOf('three')),
      ...goodbye(),
    ]),
    define(`${type}-between`, `takes a fragmented ${type} message between whole ones in one go`, { section }, () => [
      send(binary('before'), ...fragments(begin, ['one,', 'two']), text('after')),
      expect(binaryMessage('before')),
      expect(messageOf('one,two')),
      expect(textMessage('after')),
      ...goodbye(),
    ]),
    ...types.map((next) =>
      define(
        `${type}-then-${next.type}`,
        `gives a fragmented ${next.type} message its own type after a ${type} one`,
        { section },
        () => [
          send(...fragments(begin, ['one,', 'two']), ...fragments(next.begin, ['three,', 'four'])),
          expect(messageOf('one,two')),
          expect(next.messageOf('three,four')),
          ...goodbye(),
        ],
      ),
    ),

    // RFC 6455 §5.4: control frames MAY be injected in the middle of a fragmented message.
    define(`${type}-ping-between`, `answers a ping between the fragments of a ${type} message`, { section }, () => [
      send(begin('one,', { fin: false }), ping('now')),
      expect(pongOf('now')),
      send(continuation('two')),
      expect(messageOf('one,two')),
      ...goodbye(),
    ]),
    define(`${type}-pong-between`, `passes over a pong between the fragments of a ${type} message`, { section }, () => [
      send(begin('one,', { fin: false }), pong('unasked'), continuation('two')),
      expect(messageOf('one,two')),
      ...goodbye(),
    ]),
    define(
      `${type}-controls-between`,
      `keeps the payload of control frames out of a ${type} message in one write`,
      { section },
      () => [
        send(
          ...[begin('one,', { fin: false }), ping('first'), pong(''), ping(''), pong('unasked')],
          ...[continuation('two,', { fin: false }), pong('unasked'), ping('last'), continuation('three')],
        ),
        expect(messageOf('one,two,three')),
        expect(pongOf('last')),
        ...goodbye(),
      ],
    ),
    define(
      `${type}-ping-before-empty-last`,
      `answers a ping before an empty last ${type} fragment`,
      { section },
      () => [
        send(begin('whole', { fin: false }), ping('now')),
        expect(pongOf('now')),
        send(continuation('')),
        expect(messageOf('whole')),
        ...goodbye(),
      ],
    ),
    define(`${type}-close-between`, `answers a close frame inside a ${type} message`, { section }, () => [
      send(begin('never ended', { fin: false }), close(1000)),
      closes(1000),
    ]),
  ])
  .concat([
    ...characters.flatMap(({ name, title, character }) => {
      const bytes = Buffer.from(character);
      return Array.from({ length: bytes.length - 1 }, (_, index) => index + 1).map((offset) =>
        define(
          `text-${name}-cut-${offset}`,
          `takes ${title} that is cut after ${offset} of its ${bytes.length} bytes between two fragments`,
          { section },
          () => {
            const parts = [joined(['a', bytes.subarray(0, offset)]), joined([bytes.subarray(offset), 'z'])];
            return [...echoText(joined(parts), ...fragments(text, parts)), ...goodbye()];
          },
        ),
      );
    }),
    define('binary-not-utf8', 'takes binary fragments that are no UTF-8', { section }, () => {
      const payload = Buffer.from('80ff00c0feed', 'hex');
      return [...echoBinary(payload, ...fragments(binary, split(payload, 3))), ...goodbye()];
    }),
  ]);
