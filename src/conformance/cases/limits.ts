/**
 * Large messages, and many fragments (RFC 6455 §10.4). No size is one that every endpoint must take: a peer gives the message
 * back, unchanged, or refuses it. What it must not do is lose some of it, or its mind.
 */
import { Buffer } from 'node:buffer';
import type { Case, Expected, Frame } from '../case.js';
import { patternBytes, patternText } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  continuation,
  expect,
  fails,
  failure,
  goodbye,
  oneOf,
  ping,
  pongOf,
  send,
  silence,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';

const define = caseOf('limits');
const section = 'RFC 6455 §10.4';
const KiB = 1024;
const MiB = 1024 * KiB;
/** Milliseconds for the largest: every byte goes there and back, perhaps on a slow machine. */
const deadline = 120_000;

/** `64 KiB`, `1000 bytes`. */
function sizeName(bytes: number): string {
  if (bytes >= MiB && bytes % MiB === 0) return `${bytes / MiB} MiB`;
  return bytes >= KiB && bytes % KiB === 0 ? `${bytes / KiB} KiB` : `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

const idOf = (bytes: number): string =>
  sizeName(bytes)
    .replace(/ bytes?$| /, '')
    .toLowerCase();

/** Returns the frames of a message in fragments of `size` bytes. */
function fragmentsOf(isText: boolean, payload: Buffer, size: number): readonly Frame[] {
  const frames: Frame[] = [];
  for (let start = 0; start < payload.length; start += size) {
    const part = payload.subarray(start, start + size);
    const parts = { fin: start + size >= payload.length };
    frames.push(start > 0 ? continuation(part, parts) : isText ? text(part, parts) : binary(part, parts));
  }
  return frames;
}

/** Whole characters of so many bytes each, until `length` bytes are full. */
const textOf = (character: string, length: number): Buffer =>
  Buffer.from(character.repeat(Math.floor(length / Buffer.byteLength(character))));

const multiByte = [
  { name: '2-byte', title: 'characters of 2 bytes', character: 'é' },
  { name: '3-byte', title: 'characters of 3 bytes', character: '€' },
  { name: '4-byte', title: 'characters of 4 bytes', character: '🎈' },
  { name: 'mixed', title: 'characters of 1 to 4 bytes', character: 'aé€🎈' },
];

const powers = Array.from({ length: 17 }, (_, index) => 2 ** (index + 8));

const fragmented: ReadonlyArray<readonly [size: number, fragment: number]> = [
  [16 * KiB, 1],
  [64 * KiB, 16],
  [64 * KiB, 125],
  [64 * KiB, 126],
  [MiB, 64],
  [MiB, 1000],
  [MiB, KiB],
  [MiB, 64 * KiB - 1],
  [MiB, 64 * KiB],
  [4 * MiB, 64],
  [4 * MiB, 4 * KiB],
  [4 * MiB, MiB],
  [16 * MiB, 64 * KiB],
  [16 * MiB, 8 * MiB],
];

function headingOf(size: number): { section: string; sentBytes: number; deadline: number } {
  return { section, sentBytes: size, deadline };
}

const given = (what: Expected) => expect(unlessLimited(what));

export const limitsCases: readonly Case[] = [
  ...powers.map((size) =>
    define(
      `binary-${idOf(size)}`,
      `gives back a binary message of ${sizeName(size)} in one frame, or refuses it`,
      headingOf(size),
      () => {
        const payload = patternBytes(size);
        return [send(binary(payload)), given(binaryMessage(payload)), ...goodbye()];
      },
    ),
  ),
  ...powers
    .filter((size) => size >= 64 * KiB)
    .map((size) =>
      define(
        `text-${idOf(size)}`,
        `gives back a text of ${sizeName(size)} in one frame, or refuses it`,
        headingOf(size),
        () => {
          const payload = patternText(size);
          return [send(text(payload)), given(textMessage(payload)), ...goodbye()];
        },
      ),
    ),
  ...[100_000, 1_000_000, 3_333_333, 10_000_000, 16 * MiB - 1, 16 * MiB + 1].map((size) =>
    define(
      `binary-of-${size}`,
      `gives back a binary message of ${size} bytes in one frame, or refuses it`,
      headingOf(size),
      () => {
        const payload = patternBytes(size);
        return [send(binary(payload)), given(binaryMessage(payload)), ...goodbye()];
      },
    ),
  ),
  ...multiByte.flatMap(({ name, title, character }) => [
    define(`text-1mib-${name}`, `gives back a text of 1 MiB in ${title}, or refuses it`, headingOf(MiB), () => {
      const payload = textOf(character, MiB);
      return [send(text(payload)), given(textMessage(payload)), ...goodbye()];
    }),
    define(
      `text-1mib-${name}-in-1000`,
      `gives back a text of 1 MiB in ${title} and fragments of 1000 bytes less one, or refuses it`,
      headingOf(MiB),
      () => {
        // 999 is no multiple of a character's 2, 4 or 10 bytes; of 3 it is, and one off shifts it.
        const payload = Buffer.concat([Buffer.from('x'), textOf(character, MiB)]);
        return [send(...fragmentsOf(true, payload, 999)), given(textMessage(payload)), ...goodbye()];
      },
    ),
  ]),

  ...fragmented.flatMap(([size, fragment]) => [
    define(
      `binary-${idOf(size)}-in-${fragment}`,
      `gives back a binary message of ${sizeName(size)} in fragments of ${sizeName(fragment)}, or refuses it`,
      headingOf(size),
      () => {
        const payload = patternBytes(size);
        return [send(...fragmentsOf(false, payload, fragment)), given(binaryMessage(payload)), ...goodbye()];
      },
    ),
    define(
      `text-${idOf(size)}-in-${fragment}`,
      `gives back a text of ${sizeName(size)} in fragments of ${sizeName(fragment)}, or refuses it`,
      headingOf(size),
      () => {
        const payload = patternText(size);
        return [send(...fragmentsOf(true, payload, fragment)), given(textMessage(payload)), ...goodbye()];
      },
    ),
  ]),
  ...[64, 65, 1000, 10_000].map((count) =>
    define(
      `empty-fragments-${count}`,
      `puts a message with ${count} empty fragments together, or refuses it`,
      { section },
      () => [
        send(
          text('one,', { fin: false }),
          ...Array.from({ length: count }, () => continuation('', { fin: false })),
          continuation('two'),
        ),
        given(textMessage('one,two')),
        ...goodbye(),
      ],
    ),
  ),

  define('ping-inside-large', 'answers a ping inside a message of 1 MiB', headingOf(MiB), () => {
    const payload = patternBytes(MiB);
    const [first, second] = fragmentsOf(false, payload, MiB / 2);
    return [
      send(first!, ping('between')),
      expect(unlessLimited(pongOf('between'))),
      send(second!),
      given(binaryMessage(payload)),
      ...goodbye(),
    ];
  }),
  define('small-after-large', 'takes a small message after one of 1 MiB', headingOf(MiB), () => {
    const payload = patternBytes(MiB);
    return [
      send(binary(payload)),
      given(binaryMessage(payload)),
      send(text('small')),
      expect(textMessage('small')),
      ...goodbye(),
    ];
  }),
  define('large-ten-times', 'gives back 1 MiB ten times, or refuses it', headingOf(10 * MiB), () => {
    const payload = patternBytes(MiB);
    return [
      ...Array.from({ length: 10 }, () => [send(binary(payload)), given(binaryMessage(payload))]).flat(),
      ...goodbye(),
    ];
  }),
  define(
    'large-in-a-row',
    'gives back eight messages of 1 MiB that come at once, or refuses them',
    headingOf(8 * MiB),
    () => {
      const payload = patternBytes(MiB);
      return [
        send(...Array.from({ length: 8 }, () => binary(payload))),
        ...Array.from({ length: 8 }, () => given(binaryMessage(payload))),
        ...goodbye(),
      ];
    },
  ),

  // RFC 6455 §10.4 names this very frame. An endpoint that holds messages has a limit, and SHOULD impose it.
  define('announced-2-60', 'refuses a frame that announces 2^60 bytes', { section, severity: 'SHOULD' }, () => [
    send(binary('', { announcedLength: 2n ** 60n })),
    fails(1009, 1008),
  ]),
  define(
    'announced-2-60-continuation',
    'refuses a continuation that announces 2^60 bytes',
    { section, severity: 'SHOULD' },
    () => [send(binary('one,', { fin: false }), continuation('', { announcedLength: 2n ** 60n })), fails(1009, 1008)],
  ),
  ...[16 * MiB + 1, 64 * MiB, 1024 * MiB, 2 ** 32].map((size) =>
    define(
      `announced-${idOf(size)}`,
      `refuses a frame that announces ${sizeName(size)} before its payload comes, or waits for it`,
      { section, severity: 'INFO' },
      () => [send(binary('', { announcedLength: size })), expect(oneOf(failure(1009, 1008), silence(500)))],
    ),
  ),
];
