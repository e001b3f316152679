/** Frames that are cut at a chosen place: in the header, in the payload, between two of them (RFC 6455 §6.2). */
import { Buffer } from 'node:buffer';
import type { Case } from '../case.js';
import { bytesFor, cutAt, cutEvery, sendApart } from '../cuts.js';
import { patternBytes } from '../payloads.js';
import {
  binary,
  binaryMessage,
  caseOf,
  continuation,
  expect,
  goodbye,
  ping,
  pongOf,
  sendOctets,
  sendWhole,
  text,
  textMessage,
  unlessLimited,
} from '../script.js';

const define = caseOf('delivery');
const section = 'RFC 6455 §6.2';

/** Milliseconds between two writes, for the first to arrive alone. */
const apart = 10;

const headers: ReadonlyArray<{ readonly bits: number; readonly length: number; readonly size: number }> = [
  { bits: 7, length: 100, size: 2 },
  { bits: 16, length: 300, size: 4 },
  { bits: 64, length: 70_000, size: 10 },
];

/** Every place within the header, and right behind it, by what a server or a client gets. */
const headerCuts = headers.flatMap(({ bits, length, size }) =>
  (['client', 'server'] as const).flatMap((target) =>
    Array.from({ length: size + (target === 'server' ? 4 : 0) }, (_, index) => ({
      bits,
      length,
      target,
      offset: index + 1,
    })),
  ),
);

export const deliveryCutCases: readonly Case[] = [
  ...headerCuts.map(({ bits, length, target, offset }) =>
    define(
      `cut-${bits}-bits-${target}-${offset}`,
      `reads a frame with a ${bits}-bit length, ${target === 'server' ? 'masked' : 'not masked'}, that is cut after ${offset} ${offset === 1 ? 'byte' : 'bytes'}`,
      { section, targets: [target], ...(length > 4096 ? { sentBytes: length } : {}) },
      () => {
        const payload = patternBytes(length);
        return [
          ...sendApart(cutAt(bytesFor(target, binary(payload)), offset), apart),
          expect(length <= 125 ? binaryMessage(payload) : unlessLimited(binaryMessage(payload))),
          ...goodbye(),
        ];
      },
    ),
  ),
  ...headers.map(({ bits, length, size }) =>
    define(
      `header-octets-${bits}-bits`,
      `reads a header with a ${bits}-bit length octet by octet, and the payload at once`,
      { section, ...(length > 4096 ? { sentBytes: length } : {}) },
      (target) => {
        const payload = patternBytes(length);
        const bytes = bytesFor(target, binary(payload));
        const end = size + (target === 'server' ? 4 : 0);
        return [
          sendOctets(bytes.subarray(0, end)),
          sendWhole(bytes.subarray(end)),
          expect(length <= 125 ? binaryMessage(payload) : unlessLimited(binaryMessage(payload))),
          ...goodbye(),
        ];
      },
    ),
  ),
  define('cut-before-last', 'waits for the last octet of a frame', { section }, (target) => {
    const bytes = bytesFor(target, text('hello'));
    return [...sendApart(cutAt(bytes, bytes.length - 1), 100), expect(textMessage('hello')), ...goodbye()];
  }),
  define('cut-inside-character', 'reads a frame that is cut inside a character', { section }, (target) => {
    const bytes = bytesFor(target, text('a🎈z'));
    return [...sendApart(cutAt(bytes, bytes.length - 3), apart), expect(textMessage('a🎈z')), ...goodbye()];
  }),
  ...[2, 3, 5, 7, 16, 64].map((size) =>
    define(`pieces-of-${size}`, `reads frames that come in pieces of ${size} bytes`, { section }, (target) => {
      const frames = [
        text('one,', { fin: false }),
        ping('between'),
        continuation('two'),
        binary(patternBytes(200)),
        text(''),
      ];
      return [
        ...sendApart(cutEvery(Buffer.concat(frames.map((frame) => bytesFor(target, frame))), size)),
        expect(textMessage('one,two')),
        expect(pongOf('between')),
        expect(unlessLimited(binaryMessage(patternBytes(200)))),
        expect(textMessage('')),
        ...goodbye(),
      ];
    }),
  ),
  ...[1, 2, 3, 5].map((taken) =>
    define(
      `frame-and-${taken}`,
      `reads a frame together with the first ${taken === 1 ? 'byte' : `${taken} bytes`} of the next`,
      { section },
      (target) => {
        const [first, second] = [bytesFor(target, text('one')), bytesFor(target, text('second'))];
        return [
          sendWhole(first, second.subarray(0, taken)),
          expect(textMessage('one')),
          sendWhole(second.subarray(taken)),
          expect(textMessage('second')),
          ...goodbye(),
        ];
      },
    ),
  ),
  define('ends-and-begins', 'reads writes that each end a frame and begin another', { section }, (target) => {
    const payloads = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    const bytes = Buffer.concat(payloads.map((payload) => bytesFor(target, text(payload))));
    return [
      ...sendApart(cutEvery(bytes, 13)),
      ...payloads.map((payload) => expect(textMessage(payload))),
      ...goodbye(),
    ];
  }),
];
