/** Text is UTF-8, and what is not must fail the connection (RFC 6455 §5.6, §8.1; RFC 3629). */
import { Buffer } from 'node:buffer';
import type { Case, Step } from '../case.js';
import {
  binaryMessage,
  caseOf,
  close,
  closes,
  continuation,
  echoBinary,
  echoText,
  expect,
  fails,
  goodbye,
  hex,
  ping,
  pongOf,
  refuses,
  send,
  sendOctets,
  text,
  textMessage,
} from '../script.js';
import { illFormed, wellFormed } from './utf8-table.js';

const define = caseOf('utf8');

const must = { section: 'RFC 6455 §8.1' };

/** RFC 6455 §8.1 demands the failure; that it comes before the message is complete is allowed, and no more. */
const early = { section: 'RFC 6455 §8.1', severity: 'INFO' } as const;

/** A text of every length of a code point, and where its bytes may be cut. */
const mixed = Buffer.from('κόσμε-€-\u{1f980}-z');

const wholes: readonly Case[] = wellFormed.map(({ name, title, bytes }) =>
  define(`good-${name}`, `echoes ${title}`, must, () => {
    const payload = hex(bytes);
    return [...echoText(payload), ...goodbye()];
  }),
);

const bads: readonly Case[] = illFormed.map(({ name, title, bytes }) =>
  define(`bad-${name}`, `fails on ${title}`, must, () => [send(text(hex(bytes))), fails(1007)]),
);

/** The same where something good stands around it, and with the good part in a frame of its own. */
const amid: readonly Case[] = illFormed
  .filter(({ isClass }) => isClass)
  .flatMap(({ name, title, bytes }) => [
    define(`bad-${name}-amid`, `fails on ${title} between good text`, must, () => [
      send(text(Buffer.concat([Buffer.from('κόσμε '), hex(bytes), Buffer.from(' edited')]))),
      fails(1007),
    ]),
    define(`bad-${name}-continued`, `fails on ${title} in a second fragment`, must, () => [
      send(text('κόσμε ', { fin: false }), continuation(hex(bytes))),
      fails(1007),
    ]),
    define(`bad-${name}-early`, `may fail on ${title} before the message is complete`, early, () => [
      send(text(hex(bytes), { fin: false })),
      expect({
        kind: 'oneOf',
        options: [
          { kind: 'fail', codes: [1007] },
          { kind: 'silence', ms: 300 },
        ],
      }),
    ]),
    define(`binary-${name}`, `echoes ${title} in a binary message`, { section: 'RFC 6455 §5.6' }, () => [
      ...echoBinary(hex(bytes)),
      ...goodbye(),
    ]),
  ]);

const splits: readonly Case[] = Array.from({ length: mixed.length - 1 }, (_, index) => index + 1).map((at) =>
  define(`split-${at}`, `echoes a text cut into two fragments at byte ${at}`, { section: 'RFC 6455 §5.6' }, () => [
    ...echoText(mixed, text(mixed.subarray(0, at), { fin: false }), continuation(mixed.subarray(at))),
    ...goodbye(),
  ]),
);

/** A code point cut by a ping, and by an empty fragment. */
const interrupted: readonly Case[] = [1, 2, 3].flatMap((at) => {
  const crab = Buffer.from('\u{1f980}');
  return [
    define(
      `split-crab-ping-${at}`,
      `echoes a code point that a ping cuts after ${at} of 4 bytes`,
      {
        section: 'RFC 6455 §5.4',
      },
      () => [
        send(text(crab.subarray(0, at), { fin: false }), ping('between')),
        expect(pongOf('between')),
        send(continuation(crab.subarray(at))),
        expect(textMessage(crab)),
        ...goodbye(),
      ],
    ),
    define(
      `split-crab-empty-${at}`,
      `echoes a code point with an empty fragment after ${at} of 4 bytes`,
      {
        section: 'RFC 6455 §5.4',
      },
      () => [
        ...echoText(
          crab,
          text(crab.subarray(0, at), { fin: false }),
          continuation('', { fin: false }),
          continuation(crab.subarray(at)),
        ),
        ...goodbye(),
      ],
    ),
    define(`cut-crab-${at}`, `fails on a message that ends after ${at} of the 4 bytes of a code point`, must, () => [
      send(text(Buffer.concat([Buffer.from('ok '), crab.subarray(0, at)]))),
      fails(1007),
    ]),
    define(`cut-crab-last-empty-${at}`, `fails when an empty last fragment leaves ${at} of 4 bytes`, must, () => [
      send(text(crab.subarray(0, at), { fin: false }), continuation('')),
      fails(1007),
    ]),
    define(`next-message-crab-${at}`, `does not finish in the next message what ${at} of 4 bytes began`, must, () => [
      send(text(crab.subarray(0, at)), text(crab.subarray(at))),
      fails(1007),
    ]),
  ];
});

const octets: readonly Case[] = [
  define('octet-fragments', 'echoes a text of which every byte is a fragment', { section: 'RFC 6455 §5.6' }, () => {
    const [first, ...others] = [...mixed].map((byte) => Buffer.of(byte));
    const last = others.pop()!;
    return [
      ...echoText(
        mixed,
        text(first, { fin: false }),
        ...others.map((byte) => continuation(byte, { fin: false })),
        continuation(last),
      ),
      ...goodbye(),
    ];
  }),
  define('octet-wise', 'echoes a text that arrives byte by byte', must, () => [
    sendOctets(text(mixed)),
    expect(textMessage(mixed)),
    ...goodbye(),
  ]),
  define('partial-frame-early', 'may fail on a bad byte while the rest of its frame is still to come', early, () => {
    // The frame announces 100 bytes, and the bad one is the fourth of those that are sent.
    const start = text(Buffer.concat([Buffer.from('abc'), Buffer.of(0xff)]), { announcedLength: 100 });
    return [
      send(start),
      expect({
        kind: 'oneOf',
        options: [
          { kind: 'fail', codes: [1007] },
          { kind: 'silence', ms: 300 },
        ],
      }),
    ];
  }),
  define('after-good-messages', 'fails on bad text after good messages were echoed', must, () => [
    ...echoText('one'),
    ...echoText('two'),
    send(text(Buffer.of(0x66, 0xc0, 0xaf))),
    fails(1007),
  ]),
  define('type-of-continuation', 'judges a continuation of a text as text, a ping between them', must, () => [
    send(text('a', { fin: false }), ping('b'), continuation(Buffer.of(0xed, 0xa0, 0x80))),
    fails(1007),
  ]),
  define('binary-then-text', 'does not take what a binary message ends with into the next text', must, () => [
    ...echoBinary(Buffer.of(0xf0, 0x9f)),
    ...echoText('fine'),
    ...goodbye(),
  ]),
  define('ping-any-bytes', 'answers a ping of bytes that are no UTF-8', { section: 'RFC 6455 §5.5.2' }, () => [
    send(ping(Buffer.of(0xff, 0xfe, 0xc0))),
    expect(pongOf(Buffer.of(0xff, 0xfe, 0xc0))),
    ...goodbye(),
  ]),
  define('binary-all-bytes', 'echoes every byte in a binary message', { section: 'RFC 6455 §5.6' }, () => {
    const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    return [send({ opcode: 2, payload }), expect(binaryMessage(payload)), ...goodbye()];
  }),
];

/** RFC 6455 §5.5.1: the reason of a close frame is UTF-8 too; §8.1 holds for it. */
const reasons: readonly Case[] = [
  ...['κόσμε', '\u{1f980}', '\ufeff', '\u0000', '\uffff'].map((reason, index) =>
    define(
      `reason-good-${index}`,
      `takes ${JSON.stringify(reason)} as the reason of a close frame`,
      {
        section: 'RFC 6455 §5.5.1',
      },
      (): readonly Step[] => [send(close(1000, reason)), closes(1000)],
    ),
  ),
  ...illFormed
    .filter(({ isClass }) => isClass)
    .map(({ name, title, bytes }) =>
      define(`reason-bad-${name}`, `fails on ${title} in the reason of a close frame`, must, () => [
        send(close(1000, hex(bytes))),
        refuses(1007, 1002),
      ]),
    ),
];

export const utf8Cases: readonly Case[] = [
  ...wholes,
  ...bads,
  ...amid,
  ...splits,
  ...interrupted,
  ...octets,
  ...reasons,
];
