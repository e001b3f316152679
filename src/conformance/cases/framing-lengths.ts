/**
 * The payload length and its three forms (RFC 6455 §5.2). A length that its form cannot lawfully hold must be refused; one
 * that another form could hold in fewer bits binds the sender only, and is noted. A peer may refuse what it finds too large.
 */
import type { Case, Expected } from '../case.js';
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
  send,
  silence,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';

const define = caseOf('framing');
const section = 'RFC 6455 §5.2';

/** Every boundary of the forms, of signed and unsigned integers, and of the bytes of the length. */
const lengths = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 31, 32, 63, 64, 124, 125, 126, 127, 128, 129, 255, 256, 257, 258, 511, 512],
  ...[1000, 1023, 1024, 4095, 4096, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_534, 65_535, 65_536, 65_537],
  ...[65_538, 65_792, 131_071, 131_072, 131_073],
];

/** Any endpoint can be expected to take what fits the shortest form. */
const maxModest = 125;

function within(length: number, what: Expected): Expected {
  return length <= maxModest ? what : unlessLimited(what);
}

/** What the title of a case adds when `within` allows it. */
const orRefuses = (length: number): string => (length <= maxModest ? '' : ', or finds it too big');

const forms = [
  { bits: 16, lengths: [0, 1, 5, 124, 125] },
  { bits: 64, lengths: [0, 1, 5, 125, 126, 127, 255, 256, 65_534, 65_535] },
] as const;

/** Lengths whose most significant bit is 1. */
const unlawful = [
  { name: '2-63', title: '2^63', length: 2n ** 63n },
  { name: '2-63-plus-5', title: '2^63 + 5', length: 2n ** 63n + 5n },
  { name: '2-63-plus-2-32', title: '2^63 + 2^32', length: 2n ** 63n + 2n ** 32n },
  { name: '2-64-minus-1', title: '2^64 - 1', length: 2n ** 64n - 1n },
];

/** Lawful lengths that narrower integers, or floating-point numbers, make something else of. */
const wide = [
  { name: '2-31', title: '2^31', length: 2n ** 31n, payload: 'hello' },
  { name: '2-32', title: '2^32', length: 2n ** 32n, payload: '' },
  { name: '2-32-plus-1', title: '2^32 + 1', length: 2n ** 32n + 1n, payload: 'h' },
  { name: '2-32-plus-5', title: '2^32 + 5', length: 2n ** 32n + 5n, payload: 'hello' },
  { name: '2-48-plus-5', title: '2^48 + 5', length: 2n ** 48n + 5n, payload: 'hello' },
  { name: '2-53-minus-1', title: '2^53 - 1', length: 2n ** 53n - 1n, payload: 'hello' },
  { name: '2-53', title: '2^53', length: 2n ** 53n, payload: '' },
  { name: '2-53-plus-1', title: '2^53 + 1', length: 2n ** 53n + 1n, payload: 'h' },
  { name: '2-62-plus-5', title: '2^62 + 5', length: 2n ** 62n + 5n, payload: 'hello' },
  { name: '2-63-minus-1', title: '2^63 - 1', length: 2n ** 63n - 1n, payload: 'hello' },
];

export const framingLengthCases: readonly Case[] = [
  ...lengths.flatMap((length) => [
    define(
      `text-${length}`,
      `gives back a text of ${length} ${length === 1 ? 'byte' : 'bytes'} in one frame${orRefuses(length)}`,
      { section, ...(length > 4096 ? { sentBytes: length } : {}) },
      () => {
        const payload = patternText(length);
        return [send(text(payload)), expect(within(length, textMessage(payload))), ...goodbye()];
      },
    ),
    define(
      `binary-${length}`,
      `gives back a binary message of ${length} ${length === 1 ? 'byte' : 'bytes'} in one frame${orRefuses(length)}`,
      { section, ...(length > 4096 ? { sentBytes: length } : {}) },
      () => {
        const payload = patternBytes(length);
        return [send(binary(payload)), expect(within(length, binaryMessage(payload))), ...goodbye()];
      },
    ),
  ]),

  ...forms.flatMap(({ bits, lengths }) =>
    lengths.flatMap((length) => [
      define(
        `text-${length}-in-${bits}-bits`,
        `refuses or takes a text whose ${length} bytes are announced in ${bits} bits`,
        { section, severity: 'INFO' },
        () => {
          const payload = patternText(length);
          return [send(text(payload, { lengthForm: bits })), expect(oneOf(textMessage(payload), failure(1002)))];
        },
      ),
      define(
        `binary-${length}-in-${bits}-bits`,
        `refuses or takes a binary message whose ${length} bytes are announced in ${bits} bits`,
        { section, severity: 'INFO' },
        () => {
          const payload = patternBytes(length);
          return [send(binary(payload, { lengthForm: bits })), expect(oneOf(binaryMessage(payload), failure(1002)))];
        },
      ),
    ]),
  ),
  define(
    'continuation-5-in-16-bits',
    'refuses or takes a continuation whose 5 bytes are announced in 16 bits',
    { section, severity: 'INFO' },
    () => [
      send(text('one,', { fin: false }), continuation('two, ', { lengthForm: 16 })),
      expect(oneOf(textMessage('one,two, '), failure(1002))),
    ],
  ),

  ...unlawful.flatMap(({ name, title, length }) => [
    define(
      `text-${name}`,
      `refuses a text that announces ${title} bytes: the first bit of a 64-bit length is 0`,
      { section },
      () => [send(text('hello', { announcedLength: length })), fails(1002, 1009)],
    ),
    define(
      `binary-${name}`,
      `refuses a binary message that announces ${title} bytes: the first bit of a 64-bit length is 0`,
      { section },
      () => [send(binary('hello', { announcedLength: length })), fails(1002, 1009)],
    ),
  ]),
  define(
    'binary-2-63-plus-65536',
    'refuses a binary message that announces 2^63 + 65536 bytes, though 65536 came',
    { section, sentBytes: 65_536 },
    () => [send(binary(Buffer.alloc(65_536), { announcedLength: 2n ** 63n + 65_536n })), fails(1002, 1009)],
  ),
  define(
    'continuation-2-63-plus-5',
    'refuses a continuation that announces 2^63 + 5 bytes: the first bit of a 64-bit length is 0',
    { section },
    () => [
      send(text('one,', { fin: false }), continuation('hello', { announcedLength: 2n ** 63n + 5n })),
      fails(1002, 1009),
    ],
  ),

  // How large is too large is the peer's to say; what it must not do is take the message for one that has come whole.
  ...wide.flatMap(({ name, title, length, payload }) => [
    define(
      `text-${name}`,
      `does not take a text of ${title} bytes for whole after ${payload.length}: refuses it, or waits`,
      { section },
      () => [send(text(payload, { announcedLength: length })), expect(oneOf(failure(1009, 1008), silence(500)))],
    ),
    define(
      `binary-${name}`,
      `does not take a binary message of ${title} bytes for whole after ${payload.length}: refuses it, or waits`,
      { section },
      () => [send(binary(payload, { announcedLength: length })), expect(oneOf(failure(1009, 1008), silence(500)))],
    ),
  ]),
  define(
    'continuation-2-32-plus-5',
    'does not take a continuation of 2^32 + 5 bytes for whole after 5: refuses it, or waits',
    { section },
    () => [
      send(text('one,', { fin: false }), continuation('hello', { announcedLength: 2n ** 32n + 5n })),
      expect(oneOf(failure(1009, 1008), silence(500))),
    ],
  ),
];
