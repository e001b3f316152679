/** Compressed messages (RFC 7692 §6, §7.2). */
import { Buffer } from 'node:buffer';
import { constants, type ZlibOptions } from 'node:zlib';
import type { Case, Compression, ExchangeCase, Frame, Step } from '../case.js';
import {
  binary,
  binaryMessage,
  caseOf,
  close,
  continuation,
  expect,
  fails,
  goodbye,
  type Heading,
  hex,
  ping,
  pong,
  pongOf,
  send,
  sendOctets,
  text,
  textMessage,
} from '../script.js';
import { bomb, deflated, flushed, noise, prose, Sender } from './deflate-data.js';

const define = caseOf('deflate');

/** RSV1, which says that a message is compressed (RFC 7692 §6). */
const rsv1 = { rsv: 4 } as const;

const offer = { offers: 'permessage-deflate; client_max_window_bits', accepts: 'permessage-deflate' };

/** What the cases stand on when nothing was agreed: they are skipped then, and their scripts never run. */
const ordinary: Compression = { windowBits: 15, keepsContext: true };

/** A case over a connection on which permessage-deflate was agreed, as both ends like it best. */
function compressed(
  name: string,
  title: string,
  heading: Omit<Heading, 'needs'>,
  script: (sender: Sender, own: Compression) => readonly Step[],
): ExchangeCase {
  return define(name, title, { opening: offer, ...heading, needs: ['deflate'] }, (_, own = ordinary) =>
    script(new Sender(own), own),
  );
}

function echoCompressed(data: Uint8Array, payload: Uint8Array, isText: boolean = true): readonly Step[] {
  return [
    send(isText ? text(payload, rsv1) : binary(payload, rsv1)),
    expect(isText ? textMessage(data) : binaryMessage(data)),
  ];
}

const hello = Buffer.from('Hello');

/** RFC 7692 §7.2.3: the examples. */
const examples: readonly Case[] = [
  compressed('example-one-block', 'takes one block with fixed codes', { section: 'RFC 7692 §7.2.3.1' }, () => [
    ...echoCompressed(hello, hex('f2 48 cd c9 c9 07 00')),
    ...goodbye(),
  ]),
  compressed('example-fragments', 'takes one block in two fragments', { section: 'RFC 7692 §7.2.3.1' }, () => [
    send(text(hex('f2 48 cd'), { ...rsv1, fin: false }), continuation(hex('c9 c9 07 00'))),
    expect(textMessage(hello)),
    ...goodbye(),
  ]),
  compressed(
    'example-window',
    'takes a message that refers to the one before',
    { section: 'RFC 7692 §7.2.3.2' },
    (_, own) => [
      ...echoCompressed(hello, hex('f2 48 cd c9 c9 07 00')),
      ...echoCompressed(hello, hex(own.keepsContext ? 'f2 00 11 00 00' : 'f2 48 cd c9 c9 07 00')),
      ...goodbye(),
    ],
  ),
  compressed('example-stored', 'takes a block without compression', { section: 'RFC 7692 §7.2.3.3' }, () => [
    ...echoCompressed(hello, hex('00 05 00 fa ff 48 65 6c 6c 6f 00')),
    ...goodbye(),
  ]),
  compressed('example-final', 'takes a block that is marked as final', { section: 'RFC 7692 §7.2.3.4' }, () => [
    ...echoCompressed(hello, hex('f3 48 cd c9 c9 07 00 00')),
    ...goodbye(),
  ]),
  compressed('example-two-blocks', 'takes two blocks in one message', { section: 'RFC 7692 §7.2.3.5' }, () => [
    ...echoCompressed(hello, hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')),
    ...goodbye(),
  ]),
  compressed('example-empty', 'takes an empty message as the one byte 00', { section: 'RFC 7692 §7.2.3.6' }, () => [
    ...echoCompressed(Buffer.alloc(0), hex('00')),
    ...goodbye(),
  ]),
];

/** More forms of blocks (RFC 1951 §3.2.3; RFC 7692 §7.2.1 leaves their number and kinds to the sender). */
const blocks: readonly Case[] = [
  compressed('empty-fixed', 'takes an empty block with fixed codes', { section: 'RFC 7692 §7.2.1' }, () => [
    ...echoCompressed(Buffer.alloc(0), hex('02 00')),
    ...goodbye(),
  ]),
  compressed('empty-final', 'takes an empty block that is marked as final', { section: 'RFC 7692 §7.2.3.4' }, () => [
    ...echoCompressed(Buffer.alloc(0), hex('03 00 00')),
    ...goodbye(),
  ]),
  compressed(
    'final-then-more',
    'takes a block behind one that is marked as final',
    { section: 'RFC 7692 §7.2.3.4' },
    () => [
      ...echoCompressed(
        Buffer.from('HelloHello'),
        Buffer.concat([hex('f3 48 cd c9 c9 07 00'), hex('f2 48 cd c9 c9 07 00')]),
      ),
      ...goodbye(),
    ],
  ),
  compressed(
    'message-after-final',
    'takes messages after one that ends with a block marked as final',
    { section: 'RFC 7692 §7.2.3.4' },
    () => [
      ...[1, 2, 3].flatMap(() => echoCompressed(hello, hex('f3 48 cd c9 c9 07 00 00'))),
      ...echoCompressed(hello, hex('f2 48 cd c9 c9 07 00')),
      ...goodbye(),
    ],
  ),
  // RFC 7692 §7.2.3.4 does not say whether the window outlives such a block; a sender does well not to count on it.
  compressed(
    'final-keeps-window',
    'keeps its window over a block that is marked as final',
    { section: 'RFC 7692 §7.2.3.4', severity: 'INFO' },
    (_, own) => [
      ...echoCompressed(hello, hex('f3 48 cd c9 c9 07 00 00')),
      ...echoCompressed(hello, hex(own.keepsContext ? 'f2 00 11 00 00' : 'f2 48 cd c9 c9 07 00')),
      ...goodbye(),
    ],
  ),
  compressed('empty-blocks', 'takes 50 empty blocks around the data', { section: 'RFC 7692 §7.2.1' }, () => {
    const empty = Buffer.concat(Array.from({ length: 25 }, () => hex('00 00 00 ff ff')));
    return [...echoCompressed(hello, Buffer.concat([empty, flushed(hello), empty, hex('00')])), ...goodbye()];
  }),
  compressed('sync-flushes', 'takes a message with a flush behind every byte', { section: 'RFC 7692 §7.2.1' }, () => {
    const parts = [...hello].map((byte) => flushed(Buffer.of(byte)));
    return [...echoCompressed(hello, Buffer.concat([...parts, hex('00')])), ...goodbye()];
  }),
  compressed(
    'stored-empty-message',
    'takes an empty message after a full one',
    { section: 'RFC 7692 §7.2.3.6' },
    (sender) => [
      ...echoCompressed(hello, sender.payload(hello)),
      ...echoCompressed(Buffer.alloc(0), hex('00')),
      ...echoCompressed(hello, sender.payload(hello)),
      ...goodbye(),
    ],
  ),
];

const kinds: ReadonlyArray<readonly [name: string, title: string, options: ZlibOptions]> = [
  ['level-0', 'blocks without compression', { level: 0 }],
  ['level-1', 'level 1 of zlib', { level: 1 }],
  ['level-9', 'level 9 of zlib', { level: 9 }],
  ['fixed', 'fixed codes', { strategy: constants.Z_FIXED }],
  ['huffman-only', 'no reference back', { strategy: constants.Z_HUFFMAN_ONLY }],
  ['rle', 'references by one byte only', { strategy: constants.Z_RLE }],
  ['small-memory', 'many small blocks', { memLevel: 1 }],
];

const sizes: readonly number[] = [
  1, 2, 125, 126, 127, 1024, 4096, 32_767, 32_768, 32_769, 65_535, 65_536, 131_072, 1_048_576,
];

const contents: readonly Case[] = [
  ...kinds.map(([name, title, options]) =>
    compressed(`kind-${name}`, `takes text compressed with ${title}`, { section: 'RFC 7692 §7.2.1' }, (sender) => {
      const data = prose(20_000);
      return [...echoCompressed(data, sender.payload(data, options)), ...goodbye()];
    }),
  ),
  ...sizes.flatMap((size) => [
    compressed(`text-${size}`, `echoes ${size} bytes of compressed text`, { section: 'RFC 7692 §6.2' }, (sender) => {
      const data = prose(size);
      return [...echoCompressed(data, sender.payload(data)), ...goodbye()];
    }),
    compressed(
      `binary-${size}`,
      `echoes ${size} bytes that do not compress`,
      { section: 'RFC 7692 §6.2' },
      (sender) => {
        const data = noise(size);
        return [...echoCompressed(data, sender.payload(data), false), ...goodbye()];
      },
    ),
  ]),
  compressed(
    'zeros-8-mib',
    'echoes 8 MiB of zeros, or says that they are too many',
    {
      section: 'RFC 7692 §6.2',
      severity: 'INFO',
    },
    () => [
      send(binary(bomb(8), rsv1)),
      expect({
        kind: 'oneOf',
        options: [binaryMessage(Buffer.alloc(8 * 2 ** 20)), { kind: 'fail', codes: [1009] }],
      }),
    ],
  ),
  compressed('multibyte-text', 'echoes compressed text beyond ASCII', { section: 'RFC 7692 §6.2' }, (sender) => {
    const data = Buffer.from('κόσμε \u{1f980} '.repeat(500));
    return [...echoCompressed(data, sender.payload(data)), ...goodbye()];
  }),
];

/** RFC 7692 §6.1: RSV1 is set on the first fragment, and nowhere else. */
const fragments: readonly Case[] = [
  ...Array.from({ length: 6 }, (_, index) => index + 1).map((at) =>
    compressed(
      `split-${at}`,
      `takes compressed data cut into two fragments at byte ${at}`,
      { section: 'RFC 7692 §6.1' },
      () => {
        const payload = hex('f2 48 cd c9 c9 07 00');
        return [
          send(text(payload.subarray(0, at), { ...rsv1, fin: false }), continuation(payload.subarray(at))),
          expect(textMessage(hello)),
          ...goodbye(),
        ];
      },
    ),
  ),
  compressed(
    'split-octets',
    'takes compressed data of which every byte is a fragment',
    { section: 'RFC 7692 §6.1' },
    (sender) => {
      const data = prose(2000);
      const payload = sender.payload(data);
      const frames: Frame[] = [...payload].map((byte, index) => ({
        opcode: index === 0 ? 1 : 0,
        payload: Buffer.of(byte),
        fin: index === payload.length - 1,
        ...(index === 0 ? rsv1 : {}),
      }));
      return [send(...frames), expect(textMessage(data)), ...goodbye()];
    },
  ),
  compressed('split-empty', 'takes empty fragments around compressed data', { section: 'RFC 7692 §6.1' }, () => [
    send(
      text('', { ...rsv1, fin: false }),
      continuation(hex('f2 48 cd c9 c9 07 00'), { fin: false }),
      continuation(''),
    ),
    expect(textMessage(hello)),
    ...goodbye(),
  ]),
  compressed('split-ping', 'answers a ping between compressed fragments', { section: 'RFC 7692 §6.1' }, () => [
    send(text(hex('f2 48 cd'), { ...rsv1, fin: false }), ping('between')),
    expect(pongOf('between')),
    send(continuation(hex('c9 c9 07 00'))),
    expect(textMessage(hello)),
    ...goodbye(),
  ]),
  compressed('octet-wise', 'takes a compressed message that arrives byte by byte', { section: 'RFC 7692 §6.2' }, () => [
    sendOctets(text(hex('f2 48 cd c9 c9 07 00'), rsv1)),
    expect(textMessage(hello)),
    ...goodbye(),
  ]),
  compressed(
    'split-code-point',
    'takes a code point that two compressed fragments share',
    { section: 'RFC 7692 §6.1' },
    (sender) => {
      const data = Buffer.from('\u{1f980}');
      const payload = sender.payload(data, { level: 0 });
      return [
        send(text(payload.subarray(0, 7), { ...rsv1, fin: false }), continuation(payload.subarray(7))),
        expect(textMessage(data)),
        ...goodbye(),
      ];
    },
  ),
  compressed('rsv1-continuation', 'fails on RSV1 of a continuation', { section: 'RFC 7692 §6.1' }, () => [
    send(text(hex('f2 48 cd'), { ...rsv1, fin: false }), continuation(hex('c9 c9 07 00'), rsv1)),
    fails(1002),
  ]),
  compressed(
    'rsv1-continuation-alone',
    'fails on RSV1 of a continuation of an uncompressed message',
    { section: 'RFC 7692 §6.1' },
    () => [send(text('Hel', { fin: false }), continuation('lo', rsv1)), fails(1002)],
  ),
  compressed('rsv1-ping', 'fails on RSV1 of a ping', { section: 'RFC 7692 §6.1' }, () => [
    send(ping(hex('f2 48 cd c9 c9 07 00'), rsv1)),
    fails(1002),
  ]),
  compressed('rsv1-pong', 'fails on RSV1 of a pong', { section: 'RFC 7692 §6.1' }, () => [
    send(pong('', rsv1)),
    fails(1002),
  ]),
  compressed('rsv1-close', 'fails on RSV1 of a close frame', { section: 'RFC 7692 §6.1' }, () => [
    send(close(1000, '', rsv1)),
    fails(1002),
  ]),
  ...[
    [2, 'RSV2'],
    [1, 'RSV3'],
    [6, 'RSV1 and RSV2'],
    [5, 'RSV1 and RSV3'],
    [7, 'all reserved bits'],
  ].map(([rsv, names]) =>
    compressed(`rsv-${rsv}`, `fails on ${names} of a message`, { section: 'RFC 6455 §5.2' }, () => [
      send(text(hex('f2 48 cd c9 c9 07 00'), { rsv: rsv as number })),
      fails(1002),
    ]),
  ),
];

/** RFC 7692 §7.2.2: each message goes on with the window of the one before, unless that was given up. */
const windows: readonly Case[] = [
  compressed(
    'many-same',
    'echoes 200 compressed messages that are the same',
    { section: 'RFC 7692 §7.2.2' },
    (sender) => [
      ...Array.from({ length: 200 }, () => echoCompressed(prose(300), sender.payload(prose(300)))).flat(),
      ...goodbye(),
    ],
  ),
  compressed(
    'many-pipelined',
    'echoes 200 compressed messages sent at once',
    { section: 'RFC 7692 §7.2.2' },
    (sender) => {
      const messages = Array.from({ length: 200 }, (_, index) => prose(50 + index * 7));
      return [
        send(...messages.map((data) => text(sender.payload(data), rsv1))),
        ...messages.map((data) => expect(textMessage(data))),
        ...goodbye(),
      ];
    },
  ),
  compressed(
    'mixed-sizes',
    'echoes compressed messages of very different sizes in their order',
    { section: 'RFC 7692 §7.2.2' },
    (sender) => {
      const messages = [10, 200_000, 20, 70_000, 1, 300_000, 5].map((size) => prose(size));
      return [
        send(...messages.map((data) => text(sender.payload(data), rsv1))),
        ...messages.map((data) => expect(textMessage(data))),
        ...goodbye(),
      ];
    },
  ),
  compressed(
    'mixed-plain',
    'keeps messages without compression out of its window',
    { section: 'RFC 7692 §6.1' },
    (sender) => {
      const data = prose(1500);
      const plain = Buffer.from('not compressed '.repeat(100));
      return [
        ...echoCompressed(data, sender.payload(data)),
        send(text(plain)),
        expect(textMessage(plain)),
        ...echoCompressed(data, sender.payload(data)),
        send(binary(noise(3000))),
        expect(binaryMessage(noise(3000))),
        ...echoCompressed(data, sender.payload(data)),
        ...goodbye(),
      ];
    },
  ),
  compressed('text-and-binary', 'has one window for text and binary', { section: 'RFC 7692 §7.2.2' }, (sender) => {
    const data = prose(1500);
    return [
      ...echoCompressed(data, sender.payload(data)),
      ...echoCompressed(data, sender.payload(data), false),
      ...echoCompressed(data, sender.payload(data)),
      ...goodbye(),
    ];
  }),
  compressed(
    'whole-window',
    'takes references to the far end of the window',
    { section: 'RFC 7692 §7.2.2' },
    (sender, own) => {
      const first = noise(2 ** own.windowBits);
      // The start of the first message stands as far back as zlib ever looks.
      const again = first.subarray(300, 800);
      return [
        ...echoCompressed(first, sender.payload(first), false),
        ...echoCompressed(again, sender.payload(again), false),
        ...goodbye(),
      ];
    },
  ),
  compressed(
    'fresh-each',
    'takes messages that never look back, though they might',
    { section: 'RFC 7692 §7.2.1' },
    () => [
      ...Array.from({ length: 10 }, () =>
        echoCompressed(prose(500), deflated(prose(500), { windowBits: 9, memLevel: 1 })),
      ).flat(),
      ...goodbye(),
    ],
  ),
];

/** RFC 7692 §7.2.2 with RFC 6455 §8.1 and §7.1.7. */
const bad: ReadonlyArray<readonly [name: string, title: string, payload: string]> = [
  ['block-type-3', 'a block of the reserved type', '06'],
  ['block-type-3-final', 'a final block of the reserved type', '07 00'],
  ['stored-lengths', 'a stored block whose lengths do not fit', '00 05 00 05 00 48 65 6c 6c 6f 00'],
  ['distance-too-far', 'a reference to before the first byte', 'f2 00 11 00 00'],
  ['garbage', 'what is no DEFLATE data', 'ff ff ff ff ff ff ff ff'],
  ['code-lengths', 'code lengths that make no code', '04 ff ff ff ff ff ff'],
  ['plain-text', 'plain text that is marked as compressed', Buffer.from('not compressed at all').toString('hex')],
];

const faults: readonly Case[] = [
  ...bad.map(([name, title, payload]) =>
    compressed(`bad-${name}`, `fails on ${title}`, { section: 'RFC 7692 §7.2.2' }, () => [
      send(text(hex(payload), rsv1)),
      fails(1007, 1002),
    ]),
  ),
  compressed('bad-after-good', 'fails on bad data after good messages', { section: 'RFC 7692 §7.2.2' }, (sender) => [
    ...echoCompressed(prose(500), sender.payload(prose(500))),
    send(text(hex('06'), rsv1)),
    fails(1007, 1002),
  ]),
  compressed(
    'truncated-block',
    'fails on data that ends within a block',
    { section: 'RFC 7692 §7.2.2', severity: 'INFO' },
    () => {
      const payload = deflated(prose(2000));
      return [send(text(payload.subarray(0, payload.length >> 1), rsv1)), fails(1007, 1002)];
    },
  ),
  compressed(
    'no-payload',
    'takes or refuses a compressed message without any payload',
    { section: 'RFC 7692 §7.2.3.6', severity: 'INFO' },
    () => [
      send(text('', rsv1)),
      expect({ kind: 'oneOf', options: [textMessage(''), { kind: 'fail', codes: [1007, 1002] }] }),
    ],
  ),
  compressed('not-utf8', 'fails on compressed text that is not UTF-8', { section: 'RFC 6455 §8.1' }, (sender) => [
    send(text(sender.payload(Buffer.from('ab\xff\xc0', 'latin1')), rsv1)),
    fails(1007),
  ]),
  compressed(
    'utf8-cut',
    'fails on compressed text that ends within a code point',
    { section: 'RFC 6455 §8.1' },
    (sender) => [send(text(sender.payload(Buffer.of(0x61, 0xf0, 0x9f, 0xa6)), rsv1)), fails(1007)],
  ),
  compressed('not-utf8-binary', 'echoes the same bytes as a binary message', { section: 'RFC 6455 §5.6' }, (sender) => {
    const data = Buffer.from('ab\xff\xc0', 'latin1');
    return [...echoCompressed(data, sender.payload(data), false), ...goodbye()];
  }),
  compressed(
    'bomb-1-gib',
    'refuses a message of 1 MiB that inflates to 1 GiB',
    {
      section: 'RFC 6455 §10.4',
      severity: 'INFO',
      deadline: 30_000,
      sentBytes: 2 ** 20,
    },
    () => [send(binary(bomb(1024), rsv1)), expect({ kind: 'fail', codes: [1009, 1008] }, 25_000)],
  ),
  compressed(
    'bomb-fragmented',
    'refuses the same in fragments of 1 KiB',
    {
      section: 'RFC 6455 §10.4',
      severity: 'INFO',
      deadline: 30_000,
      sentBytes: 2 ** 20,
    },
    () => {
      const payload = bomb(1024);
      const frames: Frame[] = [];
      for (let at = 0; at < payload.length; at += 1024) {
        frames.push({
          opcode: at === 0 ? 2 : 0,
          payload: payload.subarray(at, at + 1024),
          fin: at + 1024 >= payload.length,
          ...(at === 0 ? rsv1 : {}),
        });
      }
      return [send(...frames), expect({ kind: 'fail', codes: [1009, 1008] }, 25_000)];
    },
  ),
];

const unagreed: readonly Case[] = [
  define('rsv1-not-agreed', 'fails on RSV1 where no extension was agreed', { section: 'RFC 6455 §5.2' }, () => [
    send(text(hex('f2 48 cd c9 c9 07 00'), rsv1)),
    fails(1002),
  ]),
];

export const deflateCases: readonly Case[] = [
  ...examples,
  ...blocks,
  ...contents,
  ...fragments,
  ...windows,
  ...faults,
  ...unagreed,
];
