/** Control frames (RFC 6455 §5.5). */
import { Buffer } from 'node:buffer';
import type { Case } from '../case.js';
import { caseOf, echoText, expect, fails, goodbye, ping, pong, pongOf, send, text, textMessage } from '../script.js';

const define = caseOf('control');

export const controlCases: readonly Case[] = [
  ...[0, 1, 2, 124, 125].map((length) =>
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
  define('ping-126', 'fails on a ping of 126 bytes', { section: 'RFC 6455 §5.5' }, () => [
    send(ping(Buffer.alloc(126))),
    fails(1002),
  ]),
  define('pong-unasked', 'passes over a pong that answers nothing', { section: 'RFC 6455 §5.5.3' }, () => [
    send(pong('nobody asked')),
    ...echoText('still here'),
    ...goodbye(),
  ]),
  define(
    'ping-inside-message',
    'answers a ping between the fragments of a message',
    { section: 'RFC 6455 §5.4' },
    () => [
      send(text('first,', { fin: false }), ping('now')),
      expect(pongOf('now')),
      send({ opcode: 0, payload: Buffer.from('second') }),
      expect(textMessage('first,second')),
      ...goodbye(),
    ],
  ),
];
