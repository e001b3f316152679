/** The closing handshake: codes, reasons, what comes after, and who ends the connection (RFC 6455 §5.5.1, §7). */
import { Buffer } from 'node:buffer';
import type { Case, Expected, Severity, Step } from '../case.js';
import {
  binary,
  caseOf,
  close,
  closes,
  continuation,
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
  sendWhole,
  text,
  textMessage,
} from '../script.js';

const define = caseOf('closing');

/** The codes of an answer that do not say that the close frame was refused. */
const takenCodes: readonly number[] = [1000, 1001, 1005];

const anyCode: readonly number[] = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011];

/** The runner's close frame is answered, and the TCP connection ends; the code may be another: RFC 6455 §5.5.1 says "typically". */
function closesWith(code: number): Step {
  return expect({
    kind: 'oneOf',
    options: [
      { kind: 'close', codes: [code] },
      { kind: 'close', codes: takenCodes },
    ],
  });
}

const orTaken = (code: number): Expected => ({
  kind: 'oneOf',
  options: [
    { kind: 'close', codes: [code] },
    { kind: 'fail', codes: [1002] },
  ],
});

/** RFC 6455 §7.4.1: codes that an endpoint may send. 1010 is for clients, and yet a server must take it. */
const defined: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [1000, 'normal closure'],
  [1001, 'going away'],
  [1002, 'protocol error'],
  [1003, 'unsupported data'],
  [1007, 'invalid payload'],
  [1008, 'policy violation'],
  [1009, 'message too big'],
  [1010, 'mandatory extension'],
  [1011, 'internal error'],
];

/** Registered with IANA after the RFC was written. */
const registered: readonly number[] = [1012, 1013, 1014];

/** RFC 6455 §7.4.2: for libraries and frameworks (3000–3999) and for private use (4000–4999). */
const open: readonly number[] = [3000, 3001, 3500, 3999, 4000, 4001, 4500, 4998, 4999];

/** RFC 6455 §7.4.1: MUST NOT be set in a close frame; §7.4.2: 0–999 are not used. */
const forbidden: readonly number[] = [1005, 1006, 1015];
const unused: readonly number[] = [0, 1, 2, 100, 500, 998, 999];

/** Reserved for the RFC, its revisions and extensions: nothing says what they mean, nor that they must be refused. */
const reserved: readonly number[] = [1004, 1016, 1017, 1020, 1100, 1500, 1999, 2000, 2500, 2999];

/** Of no range at all. */
const beyond: readonly number[] = [5000, 5001, 6000, 10_000, 32_768, 49_152, 65_534, 65_535];

function codeCases(
  codes: readonly number[],
  title: (code: number) => string,
  section: string,
  severity: Severity,
  step: (code: number) => Step,
): readonly Case[] {
  return codes.flatMap((code) => [
    define(`code-${code}`, title(code), { section, severity }, () => [send(close(code)), step(code)]),
    define(`code-${code}-reason`, `${title(code)}, with a reason`, { section, severity }, () => [
      send(close(code, 'because')),
      step(code),
    ]),
  ]);
}

const codes: readonly Case[] = [
  ...defined.flatMap(([code, meaning]) =>
    codeCases([code], () => `answers a close frame with ${code}, ${meaning}`, 'RFC 6455 §7.4.1', 'MUST', closesWith),
  ),
  ...codeCases(
    registered,
    (code) => `answers ${code}, which is registered`,
    'RFC 6455 §7.4.2',
    'INFO',
    (code) => expect(orTaken(code)),
  ),
  ...codeCases(open, (code) => `answers ${code}, which applications may use`, 'RFC 6455 §7.4.2', 'MUST', closesWith),
  ...codeCases(
    forbidden,
    (code) => `fails on ${code}, which is never sent`,
    'RFC 6455 §7.4.1',
    'MUST',
    () => refuses(1002),
  ),
  ...codeCases(
    unused,
    (code) => `fails on ${code}, which is not used`,
    'RFC 6455 §7.4.2',
    'SHOULD',
    () => refuses(1002),
  ),
  ...codeCases(
    reserved,
    (code) => `answers or refuses ${code}, which is reserved`,
    'RFC 6455 §7.4.2',
    'INFO',
    (code) => expect(orTaken(code)),
  ),
  ...codeCases(
    beyond,
    (code) => `answers or refuses ${code}, of no range`,
    'RFC 6455 §7.4.2',
    'INFO',
    (code) => expect(orTaken(code)),
  ),
];

const bodies: readonly Case[] = [
  define('no-body', 'answers a close frame without a body', { section: 'RFC 6455 §5.5.1' }, () => [
    send(close()),
    expect({ kind: 'close', codes: anyCode }),
  ]),
  // RFC 6455 §5.5.1 forbids it to the sender; a receiver that reads it as no code (RFC 6455 §7.1.5) breaks no rule.
  define('body-1', 'fails on a close body of 1 byte', { section: 'RFC 6455 §5.5.1', severity: 'SHOULD' }, () => [
    send({ opcode: 8, payload: hex('03') }),
    refuses(1002),
  ]),
  ...[1, 2, 50, 122, 123].map((length) =>
    define(`reason-${length}`, `takes a reason of ${length} bytes`, { section: 'RFC 6455 §5.5' }, () => [
      send(close(1000, 'r'.repeat(length))),
      closesWith(1000),
    ]),
  ),
  ...[124, 125, 200].map((length) =>
    define(`reason-${length}`, `fails on a reason of ${length} bytes`, { section: 'RFC 6455 §5.5' }, () => [
      send(close(1000, 'r'.repeat(length))),
      fails(1002),
    ]),
  ),
  define(
    'reason-multibyte-123',
    'takes a reason of 123 bytes in 41 code points',
    { section: 'RFC 6455 §5.5.1' },
    () => [send(close(1000, '€'.repeat(41))), closesWith(1000)],
  ),
  define('fragmented', 'fails on a close frame without FIN', { section: 'RFC 6455 §5.5' }, () => [
    send(close(1000, '', { fin: false })),
    fails(1002),
  ]),
  define('octet-wise', 'answers a close frame that arrives byte by byte', { section: 'RFC 6455 §5.5.1' }, () => [
    sendOctets(close(1000, 'slowly')),
    closesWith(1000),
  ]),
  define('code-cut', 'waits for the second byte of the code', { section: 'RFC 6455 §5.5.1' }, (target) => {
    // An unmasked frame, cut within its code; masked, the four bytes of a zero key stand before it.
    const frame = target === 'server' ? hex('88 82 00000000 03 e8') : hex('88 02 03 e8');
    return [
      send(frame.subarray(0, frame.length - 1)),
      expect({ kind: 'silence', ms: 200 }),
      send(frame.subarray(frame.length - 1)),
      closesWith(1000),
    ];
  }),
];

const afterwards: readonly Case[] = [
  define('text-after', 'ignores a text message after the close frame', { section: 'RFC 6455 §5.5.1' }, () => [
    sendWhole(close(1000), text('too late')),
    closesWith(1000),
  ]),
  define('ping-after', 'ignores a ping after the close frame', { section: 'RFC 6455 §5.5.1' }, () => [
    sendWhole(close(1000), ping('too late')),
    closesWith(1000),
  ]),
  define('close-after', 'ignores a second close frame', { section: 'RFC 6455 §5.5.1' }, () => [
    sendWhole(close(1000), close(1001)),
    closesWith(1000),
  ]),
  define(
    'bad-frame-after',
    'answers a close frame with a bad frame behind it',
    {
      section: 'RFC 6455 §5.5.1',
      severity: 'INFO',
    },
    () => [sendWhole(close(1000), { opcode: 3, payload: Buffer.from('bad') }), expect(orTaken(1000))],
  ),
  define('rest-after', 'ignores the rest of a message after the close frame', { section: 'RFC 6455 §5.5.1' }, () => [
    sendWhole(text('begun', { fin: false }), close(1000), continuation('ended')),
    closesWith(1000),
  ]),
  define(
    'kilobytes-after',
    'ends although 64 KiB come after the close frame',
    { section: 'RFC 6455 §5.5.1', severity: 'SHOULD' },
    () => [sendWhole(close(1000), binary(Buffer.alloc(65_536))), closesWith(1000)],
  ),
];

const between: readonly Case[] = [
  define(
    'after-message',
    'echoes a message before it answers the close frame behind it',
    {
      section: 'RFC 6455 §5.5.1',
      severity: 'INFO',
    },
    () => [
      sendWhole(text('last words'), close(1000)),
      expect({ kind: 'oneOf', options: [textMessage('last words'), { kind: 'close', codes: anyCode }] }),
      expect({
        kind: 'oneOf',
        options: [{ kind: 'close', codes: anyCode }, { kind: 'end' }],
      }),
    ],
  ),
  define('inside-message', 'answers a close frame between two fragments', { section: 'RFC 6455 §5.4' }, () => [
    send(text('begun', { fin: false }), close(1000)),
    closesWith(1000),
  ]),
  define('after-ping', 'answers a ping, then the close frame', { section: 'RFC 6455 §5.5.2' }, () => [
    send(ping('first')),
    expect(pongOf('first')),
    send(close(1000)),
    closesWith(1000),
  ]),
  define('at-once', 'answers a close frame that is the first frame of all', { section: 'RFC 6455 §7.1.2' }, () =>
    goodbye(),
  ),
  define(
    'with-upgrade',
    'answers a close frame in the packet of the response',
    { section: 'RFC 6455 §7.1.2', targets: ['client'], opening: { behind: [close(1000)] } },
    () => [closesWith(1000)],
  ),
  // RFC 6455 §4.1: a client must wait for the response, so a server may refuse what does not.
  define(
    'with-request',
    'answers a close frame in the packet of the request, or refuses it',
    { section: 'RFC 6455 §4.1', severity: 'INFO', targets: ['server'], opening: { behind: [close(1000)] } },
    () => [closesWith(1000)],
  ),
  define(
    'masked-as-role',
    'masks its own close frame if it is the client, and only then',
    { section: 'RFC 6455 §5.1' },
    () => [...echoText('still open'), ...goodbye()],
  ),
];

const ends: readonly Case[] = [
  define(
    'server-ends-first',
    'ends the TCP connection first, being the server',
    {
      section: 'RFC 6455 §7.1.1',
      severity: 'SHOULD',
      targets: ['server'],
    },
    () => [send(close(1000)), closes(1000)],
  ),
  define(
    'client-waits',
    'ends the TCP connection within time, being the client',
    {
      section: 'RFC 6455 §7.1.1',
      severity: 'SHOULD',
      targets: ['client'],
    },
    () => [send(close(1000)), closesWith(1000)],
  ),
  define(
    'fin-without-close',
    'ends when the peer ends without a close frame',
    {
      section: 'RFC 6455 §7.1.4',
      severity: 'SHOULD',
    },
    () => [...echoText('then nothing'), { do: 'end', how: 'end' }, endsSoon()],
  ),
  define(
    'fin-inside-frame',
    'ends when the peer ends inside a frame',
    { section: 'RFC 6455 §7.1.4', severity: 'SHOULD' },
    () => [send(text('cut', { announcedLength: 100 })), { do: 'end', how: 'end' }, endsSoon()],
  ),
  define(
    'fin-inside-header',
    'ends when the peer ends inside a header',
    { section: 'RFC 6455 §7.1.4', severity: 'SHOULD' },
    () => [send(hex('81')), { do: 'end', how: 'end' }, endsSoon()],
  ),
  define(
    'fin-inside-message',
    'ends when the peer ends inside a message',
    { section: 'RFC 6455 §7.1.4', severity: 'SHOULD' },
    () => [send(text('begun', { fin: false })), { do: 'end', how: 'end' }, endsSoon()],
  ),
  define(
    'no-answer-to-failure',
    'ends by itself when nobody answers its close frame',
    {
      section: 'RFC 6455 §7.1.7',
      severity: 'SHOULD',
      deadline: 40_000,
    },
    () => [send({ opcode: 3 }), expect({ kind: 'fail', codes: [1002] }, 35_000)],
  ),
  define('both-at-once', 'takes a close frame that crosses its own', { section: 'RFC 6455 §5.5.1' }, () => [
    sendWhole({ opcode: 3 }, close(1000)),
    expect({
      kind: 'oneOf',
      options: [
        { kind: 'fail', codes: [1002] },
        { kind: 'close', codes: anyCode },
      ],
    }),
  ]),
];

/** The peer may say goodbye before it ends. */
function endsSoon(): Step {
  return expect({
    kind: 'oneOf',
    options: [{ kind: 'end' }, { kind: 'fail', codes: anyCode }, { kind: 'close', codes: anyCode }],
  });
}

export const closingCases: readonly Case[] = [...codes, ...bodies, ...afterwards, ...between, ...ends];
