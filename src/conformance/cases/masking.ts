/**
 * Masking (RFC 6455 §5.1, §5.3): who masks, and that any key is a key. Keys are a client's, so those cases are for servers.
 * RFC 6455 §5.1 does not say how early a wrong mask bit is to be refused: before the payload is noted.
 */
import { Buffer } from 'node:buffer';
import type { Case, Frame, Target } from '../case.js';
import { bytesFor, cutAt, cutEvery, exampleKey, sendApart } from '../cuts.js';
import { patternBytes, patternText } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  close,
  continuation,
  echoBinary,
  echoText,
  expect,
  fails,
  failure,
  goodbye,
  hex,
  oneOf,
  ping,
  pong,
  pongOf,
  send,
  silence,
  text,
  textMessage,
} from '../script.js';

const define = caseOf('masking');
const direction = 'RFC 6455 §5.1';
const section = 'RFC 6455 §5.3';
const servers: readonly Target[] = ['server'];
const clients: readonly Target[] = ['client'];
const wrong = { mask: 'wrong' } as const;
const unfinished = text('one,', { fin: false });

interface WrongFrame {
  readonly name: string;
  readonly title: string;
  /** What must come before, that the frame may come at all. */
  readonly before?: readonly Frame[];
  readonly frame: () => Frame;
  readonly sentBytes?: number;
}

const wrongFrames: readonly WrongFrame[] = [
  { name: 'text', title: 'a text', frame: () => text('hello', wrong) },
  { name: 'text-empty', title: 'an empty text', frame: () => text('', wrong) },
  { name: 'text-125', title: 'a text of 125 bytes', frame: () => text(patternText(125), wrong) },
  { name: 'text-126', title: 'a text of 126 bytes', frame: () => text(patternText(126), wrong) },
  {
    name: 'text-65535',
    title: 'a text of 65535 bytes',
    frame: () => text(patternText(65_535), wrong),
    sentBytes: 65_535,
  },
  {
    name: 'text-65536',
    title: 'a text of 65536 bytes',
    frame: () => text(patternText(65_536), wrong),
    sentBytes: 65_536,
  },
  { name: 'text-fragment', title: 'a first fragment', frame: () => text('one,', { ...wrong, fin: false }) },
  { name: 'binary', title: 'a binary message', frame: () => binary('hello', wrong) },
  { name: 'binary-empty', title: 'an empty binary message', frame: () => binary('', wrong) },
  { name: 'binary-125', title: 'a binary message of 125 bytes', frame: () => binary(patternBytes(125), wrong) },
  { name: 'binary-126', title: 'a binary message of 126 bytes', frame: () => binary(patternBytes(126), wrong) },
  {
    name: 'binary-65536',
    title: 'a binary message of 65536 bytes',
    frame: () => binary(patternBytes(65_536), wrong),
    sentBytes: 65_536,
  },
  { name: 'ping', title: 'a ping', frame: () => ping('hello', wrong) },
  { name: 'ping-empty', title: 'an empty ping', frame: () => ping('', wrong) },
  { name: 'ping-125', title: 'a ping of 125 bytes', frame: () => ping(patternBytes(125), wrong) },
  { name: 'pong', title: 'a pong', frame: () => pong('hello', wrong) },
  { name: 'pong-empty', title: 'an empty pong', frame: () => pong('', wrong) },
  { name: 'close', title: 'a close frame', frame: () => close(1000, '', wrong) },
  { name: 'close-empty', title: 'a close frame without a body', frame: () => close(undefined, '', wrong) },
  { name: 'continuation', title: 'a continuation', before: [unfinished], frame: () => continuation('two', wrong) },
  {
    name: 'continuation-empty',
    title: 'an empty continuation',
    before: [unfinished],
    frame: () => continuation('', wrong),
  },
  {
    name: 'continuation-126',
    title: 'a continuation of 126 bytes',
    before: [unfinished],
    frame: () => continuation(patternText(126), wrong),
  },
  {
    name: 'ping-inside-message',
    title: 'a ping inside a message',
    before: [unfinished],
    frame: () => ping('now', wrong),
  },
];

const keys = [
  { name: 'zero', title: 'of zeros', key: '00000000' },
  { name: 'ones', title: 'of ones', key: 'ffffffff' },
  { name: 'first-byte', title: 'of which only the first byte is not zero', key: 'a5000000' },
  { name: 'second-byte', title: 'of which only the second byte is not zero', key: '00a50000' },
  { name: 'third-byte', title: 'of which only the third byte is not zero', key: '0000a500' },
  { name: 'fourth-byte', title: 'of which only the fourth byte is not zero', key: '000000a5' },
  { name: 'high-bits', title: 'of high bits', key: '80808080' },
  { name: 'largest-signed', title: 'that is the largest signed integer', key: '7fffffff' },
  { name: 'smallest-signed', title: 'that is the smallest signed integer', key: '80000000' },
  { name: 'line-ends', title: 'that reads as two ends of line', key: '0d0a0d0a' },
  { name: 'get', title: 'that reads as a method of HTTP', key: '47455420' },
  { name: 'frame', title: 'that reads as two empty frames', key: '81808980' },
];

/** What the masked payload looks like on the wire. */
const disguises = [
  { name: 'request', title: 'an HTTP request', wire: Buffer.from('GET /evil HTTP/1.1\r\nHost: example.com\r\n\r\n') },
  { name: 'response', title: 'an HTTP response', wire: Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') },
  {
    name: 'handshake',
    title: 'the end of a request and an upgrade',
    wire: Buffer.from('\r\n\r\nGET / HTTP/1.1\r\nUpgrade: websocket\r\n'),
  },
  { name: 'close-frames', title: 'close frames', wire: hex('8880 00000000 8882 00000000 03e8 8800') },
  { name: 'zeros', title: 'zeros', wire: Buffer.alloc(40) },
  { name: 'ones', title: 'ones', wire: Buffer.alloc(40, 0xff) },
];

/** The plain definition of RFC 6455 §5.3. */
function masked(bytes: Uint8Array, key: Uint8Array): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ key[i % 4]!));
}

export const maskingCases: readonly Case[] = [
  ...wrongFrames.flatMap(({ name, title, before = [], frame, sentBytes }) => {
    const heading = { section: direction, ...(sentBytes === undefined ? {} : { sentBytes }) };
    const script = () => [send(...before, frame()), fails(1002)];
    return [
      define(`unmasked-${name}`, `refuses ${title} that is not masked`, { ...heading, targets: servers }, script),
      define(`masked-${name}`, `refuses ${title} that is masked`, { ...heading, targets: clients }, script),
    ];
  }),
  define(
    'wrong-after-message',
    'refuses a frame with the wrong mask bit after a good message',
    { section: direction },
    () => [...echoText('good'), send(text('bad', wrong)), fails(1002)],
  ),
  define(
    'wrong-after-fragments',
    'refuses the last of three fragments for its mask bit',
    { section: direction },
    () => [send(unfinished, continuation('two,', { fin: false }), continuation('three', wrong)), fails(1002)],
  ),
  define(
    'wrong-at-header',
    'refuses a wrong mask bit at the header, or waits for the payload',
    { section: direction, severity: 'INFO' },
    // A fresh frame of 100 bytes, of which the first two bytes come.
    (target) => [send(hex(target === 'server' ? '8164' : '81e4')), expect(oneOf(failure(1002), silence(500)))],
  ),
  ...keys
    .slice(0, 2)
    .map(({ name, title, key }) =>
      define(
        `masked-with-key-${name}`,
        `refuses a text that is masked with a key ${title}`,
        { section: direction, targets: clients },
        () => [send(text('hello', { mask: hex(key) })), fails(1002)],
      ),
    ),

  ...keys.map(({ name, title, key }) =>
    define(`key-${name}`, `takes a key ${title}`, { section, targets: servers }, () => {
      const mask = hex(key);
      const payload = patternText(103);
      return [
        ...echoText(payload, text(payload, { mask })),
        send(ping('pinged', { mask })),
        expect(pongOf('pinged')),
        ...goodbye(),
      ];
    }),
  ),
  ...disguises.map(({ name, title, wire }) =>
    define(
      `wire-of-${name}`,
      `takes a payload that looks like ${title} while it is masked`,
      { section, targets: servers },
      () => {
        const payload = masked(wire, exampleKey);
        return [...echoBinary(payload, binary(payload, { mask: exampleKey })), ...goodbye()];
      },
    ),
  ),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 31, 33, 63, 65].map((length) =>
    define(
      `payload-${length}`,
      `unmasks ${length} bytes, each with its own byte of the key`,
      { section, targets: servers },
      () => {
        const payload = patternBytes(length);
        return [...echoBinary(payload, binary(payload, { mask: exampleKey })), ...goodbye()];
      },
    ),
  ),

  ...[1, 2, 3, 4, 5, 6, 7].map((size) =>
    define(
      `cut-every-${size}`,
      `unmasks a payload that comes ${size === 1 ? 'byte by byte' : `in pieces of ${size} bytes`}`,
      { section, targets: servers },
      (target) => {
        const payload = patternBytes(61);
        return [
          ...sendApart(cutEvery(bytesFor(target, binary(payload)), size)),
          expect(binaryMessage(payload)),
          ...goodbye(),
        ];
      },
    ),
  ),
  ...[1, 2, 3, 4, 5].map((first) =>
    define(
      `cut-after-${first}`,
      `unmasks a long payload whose first ${first === 1 ? 'byte comes' : `${first} bytes come`} alone`,
      { section, targets: servers },
      (target) => {
        const payload = patternText(122);
        return [
          // Six bytes of header.
          ...sendApart(cutAt(bytesFor(target, text(payload)), 6 + first), 10),
          expect(textMessage(payload)),
          ...goodbye(),
        ];
      },
    ),
  ),

  define('key-per-fragment', 'unmasks each fragment with its own key', { section, targets: servers }, () => [
    ...echoText(
      'first,second,third',
      text('first,', { fin: false, mask: hex('01020304') }),
      continuation('second,', { fin: false, mask: hex('f0e0d0c0') }),
      continuation('third', { mask: hex('00000000') }),
    ),
    ...goodbye(),
  ]),
  define(
    'key-restarts',
    'begins anew with the first byte of the key in each frame',
    { section, targets: servers },
    () => [
      ...echoText(
        'abcdefghijk',
        ...['a', 'bc', 'def', 'ghij', 'k'].map((part, index) => {
          const parts = { fin: part === 'k', mask: exampleKey };
          return index === 0 ? text(part, parts) : continuation(part, parts);
        }),
      ),
      ...goodbye(),
    ],
  ),
  define(
    'key-of-ping-inside',
    'keeps the key of a ping apart from those of the message',
    { section, targets: servers },
    () => [
      send(
        text('first,', { fin: false, mask: hex('01020304') }),
        ping('now', { mask: hex('a0b0c0d0') }),
        continuation('second', { mask: hex('01020304') }),
      ),
      expect(pongOf('now')),
      expect(textMessage('first,second')),
      ...goodbye(),
    ],
  ),
  define('same-key', 'takes the same key in every frame', { section, targets: servers }, () => [
    ...['one', 'two', 'three'].flatMap((payload) => echoText(payload, text(payload, { mask: exampleKey }))),
    ...goodbye(),
  ]),
  define('multi-byte-text', 'checks the UTF-8 of a text after it is unmasked', { section, targets: servers }, () => {
    const payload = 'κόσμε – 🎈 – ∀x';
    return [...echoText(payload, text(payload, { mask: hex('ff80c0e2') })), ...goodbye()];
  }),
];
