/**
 * Control frames that are too long or in fragments (RFC 6455 §5.5). How early one is refused is the peer's affair and noted;
 * so is what it makes of a length in more bits than it needs, which binds the sender only.
 */
import { Buffer } from 'node:buffer';
import type { Case, Frame } from '../case.js';
import { patternBytes, patternText } from '../payloads.js';
import {
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
  pongOf,
  send,
  silence,
  text,
  textMessage,
} from '../script.js';

const define = caseOf('control');

/** A close code with a reason, as long as wished. */
const closeOf = (length: number, parts: Parameters<typeof close>[2] = {}): Frame =>
  close(1000, patternText(length - 2), parts);

const kinds: ReadonlyArray<{ readonly name: string; readonly of: (length: number, parts?: Partial<Frame>) => Frame }> =
  [
    { name: 'ping', of: (length, parts) => ping(patternBytes(length), parts) },
    { name: 'pong', of: (length, parts) => pong(patternBytes(length), parts) },
    { name: 'close', of: closeOf },
  ];

const refused: readonly Case[] = [
  ...kinds.flatMap(({ name, of }) => [
    ...[126, 127, 128, 255, 256, 1000, 65_535, 65_536].map((length) =>
      define(`${name}-${length}`, `fails on a ${name} of ${length} bytes`, { section: 'RFC 6455 §5.5' }, () => [
        send(of(length)),
        fails(1002),
      ]),
    ),
    define(
      `${name}-126-inside-message`,
      `fails on a ${name} of 126 bytes inside a message`,
      { section: 'RFC 6455 §5.5' },
      () => [send(text('one,', { fin: false }), of(126), continuation('two')), fails(1002)],
    ),
    define(
      `${name}-126-after-message`,
      `fails on a ${name} of 126 bytes after a good message`,
      { section: 'RFC 6455 §5.5' },
      () => [...echoBinary('good'), send(of(126)), fails(1002)],
    ),
    ...[
      { form: 'in-16-bits', announcedLength: 126 },
      { form: 'in-64-bits', announcedLength: 65_536 },
    ].map(({ form, announcedLength }) =>
      define(
        `${name}-too-long-at-header-${form}`,
        `fails on a ${name} that announces ${announcedLength} bytes at its header, or waits for them`,
        { section: 'RFC 6455 §5.5', severity: 'INFO' },
        () => [
          send({ ...of(2), payload: Buffer.alloc(0), announcedLength }),
          expect(oneOf(failure(1002), silence(500))),
        ],
      ),
    ),
    define(`${name}-2-63`, `fails on a ${name} that announces 2^63 bytes`, { section: 'RFC 6455 §5.2' }, () => [
      send({ ...of(5), announcedLength: 2n ** 63n }),
      fails(1002, 1009),
    ]),

    define(`${name}-fragment`, `fails on a ${name} without FIN`, { section: 'RFC 6455 §5.5' }, () => [
      send(of(5, { fin: false })),
      fails(1002),
    ]),
    define(`${name}-fragment-of-2`, `fails on a ${name} of two bytes without FIN`, { section: 'RFC 6455 §5.5' }, () => [
      send(of(2, { fin: false })),
      fails(1002),
    ]),
    define(`${name}-fragmented`, `fails on a ${name} in two fragments`, { section: 'RFC 6455 §5.5' }, () => [
      send(of(5, { fin: false }), continuation('rest')),
      fails(1002),
    ]),
    define(
      `${name}-fragment-inside-message`,
      `fails on a ${name} without FIN inside a message`,
      { section: 'RFC 6455 §5.5' },
      () => [send(text('one,', { fin: false }), of(5, { fin: false }), continuation('two')), fails(1002)],
    ),
    define(
      `${name}-fragment-after-message`,
      `fails on a ${name} without FIN after a good message`,
      { section: 'RFC 6455 §5.5' },
      () => [...echoText('good'), send(of(5, { fin: false })), fails(1002)],
    ),
  ]),
  ...['ping', 'pong'].map((name) =>
    define(`${name}-empty-fragment`, `fails on an empty ${name} without FIN`, { section: 'RFC 6455 §5.5' }, () => [
      send((name === 'ping' ? ping : pong)('', { fin: false })),
      fails(1002),
    ]),
  ),
  define(
    'close-empty-fragment',
    'fails on a close frame without a body and without FIN',
    { section: 'RFC 6455 §5.5' },
    () => [send(close(undefined, '', { fin: false })), fails(1002)],
  ),
];

/** The form of the length that is longer than need be; of such a frame the RFC says what its sender must, no more. */
const longForms: readonly Case[] = ([16, 64] as const).flatMap((bits) => [
  ...[0, 5, 125].map((length) =>
    define(
      `ping-${length}-in-${bits}-bits`,
      `refuses or answers a ping whose ${length} bytes are announced in ${bits} bits`,
      { section: 'RFC 6455 §5.2', severity: 'INFO' },
      () => [
        send(ping(patternBytes(length), { lengthForm: bits })),
        expect(oneOf(pongOf(patternBytes(length)), failure(1002))),
      ],
    ),
  ),
  define(
    `pong-5-in-${bits}-bits`,
    `refuses or passes over a pong whose 5 bytes are announced in ${bits} bits`,
    { section: 'RFC 6455 §5.2', severity: 'INFO' },
    () => [send(pong('hello', { lengthForm: bits }), text('next')), expect(oneOf(textMessage('next'), failure(1002)))],
  ),
  define(
    `close-in-${bits}-bits`,
    `refuses or answers a close frame whose 2 bytes are announced in ${bits} bits`,
    { section: 'RFC 6455 §5.2', severity: 'INFO' },
    () => [send(close(1000, '', { lengthForm: bits })), expect(oneOf({ kind: 'close', codes: [1000] }, failure(1002)))],
  ),
]);

export const controlRefusedCases: readonly Case[] = [...refused, ...longForms];
