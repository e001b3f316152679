/**
 * Fragments out of order (RFC 6455 §5.4): a continuation of nothing, a message inside a message. Neither can be given a type
 * or a place, as RFC 6455 §6.2 demands for all data, so the connection fails.
 */
import type { Case, Frame } from '../case.js';
import {
  binary,
  caseOf,
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

const define = caseOf('fragmentation');
const section = 'RFC 6455 §5.4';

/** A continuation of nothing. */
const strays: ReadonlyArray<{ readonly name: string; readonly title: string; readonly frame: () => Frame }> = [
  { name: 'final', title: 'a last fragment', frame: () => continuation('stray') },
  { name: 'final-empty', title: 'an empty last fragment', frame: () => continuation('') },
  { name: 'not-final', title: 'a middle fragment', frame: () => continuation('stray', { fin: false }) },
  { name: 'not-final-empty', title: 'an empty middle fragment', frame: () => continuation('', { fin: false }) },
];

const types = [
  { type: 'text', begin: text },
  { type: 'binary', begin: binary },
] as const;

/** The frames of a message that has not ended. */
const unfinished: ReadonlyArray<{ readonly name: string; readonly title: string; readonly after: readonly Frame[] }> = [
  { name: 'text', title: 'a text message', after: [text('one,', { fin: false })] },
  { name: 'binary', title: 'a binary message', after: [binary('one,', { fin: false })] },
  {
    name: 'longer-text',
    title: 'a text message of several fragments',
    after: [text('one,', { fin: false }), continuation('two,', { fin: false })],
  },
  {
    name: 'longer-binary',
    title: 'a binary message of several fragments',
    after: [binary('one,', { fin: false }), continuation('two,', { fin: false })],
  },
  { name: 'empty-text', title: 'an empty beginning of a text message', after: [text('', { fin: false })] },
  { name: 'empty-binary', title: 'an empty beginning of a binary message', after: [binary('', { fin: false })] },
];

export const fragmentOrderCases: readonly Case[] = [
  ...strays.flatMap(({ name, title, frame }) => [
    define(`stray-${name}`, `refuses ${title} where no message has begun`, { section }, () => [
      send(frame()),
      fails(1002),
    ]),
    define(`stray-${name}-before-message`, `refuses ${title} before a whole message`, { section }, () => [
      send(frame(), text('whole')),
      fails(1002),
    ]),
    define(`stray-${name}-after-message`, `refuses ${title} after a whole message`, { section }, () => [
      ...echoText('whole'),
      send(frame()),
      fails(1002),
    ]),
    define(`stray-${name}-after-binary`, `refuses ${title} after a whole binary message`, { section }, () => [
      ...echoBinary('whole'),
      send(frame()),
      fails(1002),
    ]),
    define(
      `stray-${name}-after-fragments`,
      `refuses ${title} after the end of a fragmented message`,
      { section },
      () => [...echoText('one,two', text('one,', { fin: false }), continuation('two')), send(frame()), fails(1002)],
    ),
    define(`stray-${name}-after-ping`, `refuses ${title} after a ping`, { section }, () => [
      send(ping('begins no message')),
      expect(pongOf('begins no message')),
      send(frame()),
      fails(1002),
    ]),
    define(`stray-${name}-after-pong`, `refuses ${title} after a pong`, { section }, () => [
      send(pong('begins no message'), frame()),
      fails(1002),
    ]),
  ]),
  define('stray-repeated', 'refuses a message that is made of continuations alone', { section }, () => [
    send(continuation('one,', { fin: false }), continuation('two,', { fin: false }), continuation('three')),
    fails(1002),
  ]),
  define(
    'stray-at-header',
    'refuses a continuation of nothing at its header, or waits for its payload',
    { section, severity: 'INFO' },
    () => [send(continuation('', { announcedLength: 100 })), expect(oneOf(failure(1002), silence(500)))],
  ),

  ...unfinished.flatMap(({ name, title, after }) =>
    types.flatMap(({ type, begin }) => [
      define(`${type}-inside-${name}`, `refuses a whole ${type} message inside ${title}`, { section }, () => [
        send(...after, begin('interloper')),
        fails(1002),
      ]),
      define(
        `${type}-begun-inside-${name}`,
        `refuses the beginning of a ${type} message inside ${title}`,
        { section },
        () => [send(...after, begin('interloper', { fin: false }), continuation('end')), fails(1002)],
      ),
    ]),
  ),
  ...types.flatMap(({ type, begin }) => [
    define(`${type}-empty-inside`, `refuses an empty ${type} message inside a message`, { section }, () => [
      send(text('one,', { fin: false }), begin(''), continuation('two')),
      fails(1002),
    ]),
    define(
      `${type}-inside-after-ping`,
      `refuses a ${type} message inside a message also after a ping`,
      { section },
      () => [
        send(text('one,', { fin: false }), ping('between')),
        expect(pongOf('between')),
        send(begin('interloper')),
        fails(1002),
      ],
    ),
    define(
      `${type}-inside-at-header`,
      `refuses a ${type} message inside a message at its header, or waits for its payload`,
      { section, severity: 'INFO' },
      () => [
        send(text('one,', { fin: false }), begin('', { announcedLength: 100 })),
        expect(oneOf(failure(1002), silence(500))),
      ],
    ),
  ]),
  define('interleaved', 'refuses the fragments of two messages in turn', { section }, () => [
    send(
      ...[text('a', { fin: false }), binary('1', { fin: false }), continuation('b', { fin: false })],
      ...[continuation('2', { fin: false }), continuation('c'), continuation('3')],
    ),
    fails(1002),
  ]),
  define('final-twice', 'refuses a second last fragment', { section }, () => [
    send(text('one,', { fin: false }), continuation('two')),
    expect(textMessage('one,two')),
    send(continuation('three')),
    fails(1002),
  ]),
];
