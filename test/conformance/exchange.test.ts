import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import type { Expected, Step } from '../../src/conformance/case.js';
import {
  close,
  closes,
  echoText,
  expect,
  fails,
  goodbye,
  type Heading,
  hex,
  ping,
  pongOf,
  send,
  text,
  textMessage,
} from '../../src/conformance/script.js';
import { suite } from '../support/suite.js';
import { caseWith, Play, type PlayOptions } from './play.js';

/** What a peer sends and does, told apart: hexadecimal digits are bytes. */
type Move = string | number | { readonly end: 'end' | 'reset' };
const end = { end: 'end' } as const;
const reset = { end: 'reset' } as const;

/** The told outcome of a server that opens the connection and then makes these moves; numbers are milliseconds. */
function serverThat(moves: readonly Move[], steps: readonly Step[], heading: Partial<Heading> = {}): string {
  const outcomes = [true, false].map((byOctets) => {
    const play = new Play(caseWith(steps, heading), 'server', { byOctets }).switch();
    for (const move of moves) {
      if (typeof move === 'string') play.receiveHex(move);
      else if (typeof move === 'number') play.pass(move);
      else play.end(move.end);
    }
    return play.told;
  });
  assert.is(outcomes[1], outcomes[0], 'whole and octet by octet');
  return outcomes[0]!;
}

const hello = '81 05 48 65 6c 6c 6f';
const closing = '88 02 03 e8';
const refusing = '88 02 03 ea';

const exchange = suite('conformance exchange');

exchange('passes a peer that does as it should', () => {
  assert.is(serverThat([hello, closing, end], [...echoText('Hello'), ...goodbye()]), 'passed');
});

const table: ReadonlyArray<readonly [what: string, moves: readonly Move[], steps: readonly Step[], told: string]> = [
  [
    'another message',
    ['81 05 48 65 6c 6c 70'],
    echoText('Hello'),
    'failed: expected a text message of 5 bytes, "Hello"; came a text message of 5 bytes, "Hellp"; they differ from byte 4 on',
  ],
  [
    'a message of the other type',
    ['82 05 48 65 6c 6c 6f'],
    echoText('Hello'),
    'failed: expected a text message of 5 bytes, "Hello"; came a binary message of 5 bytes, 48 65 6c 6c 6f',
  ],
  [
    'a message twice',
    [hello, hello],
    [...echoText('Hello'), ...goodbye()],
    'failed: expected a close frame with 1000, then the end of the TCP connection; came a text message of 5 bytes, "Hello"',
  ],
  [
    'nothing',
    [10_000],
    echoText('Hello'),
    'failed: expected a text message of 5 bytes, "Hello"; in 10000 ms came nothing',
  ],
  [
    'half a frame',
    ['81 05 48', 10_000],
    echoText('Hello'),
    'failed: expected a text message of 5 bytes, "Hello"; in 10000 ms came nothing whole',
  ],
  [
    'nothing in the time of the step',
    [200],
    [expect(textMessage('Hello'), 200)],
    'failed: expected a text message of 5 bytes, "Hello"; in 200 ms came nothing',
  ],
  [
    'the end instead of an echo',
    [end],
    echoText('Hello'),
    'failed: expected a text message of 5 bytes, "Hello"; came the end of the TCP connection',
  ],
  ['a pong', ['8a 02 68 69', closing, end], [send(ping('hi')), expect(pongOf('hi')), ...goodbye()], 'passed'],
  [
    'a pong that comes once and is expected twice',
    ['8a 02 68 69', 10_000],
    [expect(pongOf('hi')), expect(pongOf('hi'))],
    'failed: expected a pong of 2 bytes, "hi"; in 10000 ms came nothing',
  ],
  [
    'the pong of another ping only',
    ['8a 02 68 6f', 10_000],
    [expect(pongOf('hi'))],
    'failed: expected a pong of 2 bytes, "hi"; in 10000 ms came nothing, and a pong of 2 bytes, "ho"',
  ],
  [
    'pongs nobody asked for',
    ['8a 00', hello, '8a 01 78', closing, end],
    [...echoText('Hello'), ...goodbye()],
    'passed',
  ],
  [
    'an echo before the pong',
    [hello, '8a 02 68 69', closing, end],
    [send(text('Hello'), ping('hi')), expect(pongOf('hi')), expect(textMessage('Hello')), ...goodbye()],
    'passed',
  ],
  [
    'a close frame instead of a pong',
    [closing],
    [expect(pongOf('hi'))],
    'failed: expected a pong of 2 bytes, "hi"; came a close frame with 1000 normal closure',
  ],
  [
    'a close frame with another code',
    [refusing, end],
    goodbye(),
    'failed: expected a close frame with 1000, then the end of the TCP connection; came a close frame with 1002 protocol error',
  ],
  [
    'a close frame and no end',
    [closing, 10_000],
    goodbye(),
    'failed: expected a close frame with 1000, then the end of the TCP connection; in 10000 ms came only a close frame with 1000 normal closure',
  ],
  ['a close frame, and RST as the end', [closing, reset], goodbye(), 'passed'],
  ['a close frame without a code', ['88 00', end], [send(close()), closes(1005)], 'passed'],
  ['the right failure', [refusing, end], [fails(1002)], 'passed'],
  [
    'a failure with another code',
    [closing, end],
    [fails(1002)],
    'weak: a close frame with 1000 normal closure, where 1002 says what is wrong',
  ],
  [
    'a failure without close frame',
    [end],
    [fails(1002)],
    'weak: the end of the TCP connection without a close frame before',
  ],
  ['a failure by RST', [reset], [fails(1002)], 'weak: a reset of the TCP connection without a close frame before'],
  [
    'a failure without an end',
    [refusing, 10_000],
    [fails(1002)],
    'failed: expected that the peer fails the connection with 1002; in 10000 ms came only a close frame with 1002 protocol error',
  ],
  [
    'an echo instead of a failure',
    [hello],
    [fails(1002)],
    'failed: expected that the peer fails the connection with 1002; came a text message of 5 bytes, "Hello"',
  ],
  ['the end that was expected', [end], [expect({ kind: 'end' })], 'passed'],
  [
    'a close frame before the end',
    [closing, end],
    [expect({ kind: 'end' })],
    'failed: expected the end of the TCP connection; came a close frame with 1000 normal closure',
  ],
  ['silence', [500, closing, end], [expect({ kind: 'silence', ms: 500 }), ...goodbye()], 'passed'],
  [
    'a message in the silence',
    [200, hello],
    [expect({ kind: 'silence', ms: 500 })],
    'failed: expected nothing for 500 ms; came a text message of 5 bytes, "Hello"',
  ],
  [
    'a message behind the silence',
    [500, hello, closing, end],
    [expect({ kind: 'silence', ms: 500 }), expect(textMessage('Hello')), ...goodbye()],
    'passed',
  ],
  [
    'a frame that no peer may send',
    ['83 00'],
    echoText('Hello'),
    'failed: the peer sent an opcode that is reserved (0x3) (RFC 6455 §5.2)',
  ],
];

for (const [what, moves, steps, told] of table) {
  exchange(`judges ${what}`, () => {
    assert.is(serverThat(moves, steps), told);
  });
}

const choice: Expected = { kind: 'oneOf', options: [textMessage('Hello'), { kind: 'fail', codes: [1009] }] };

exchange('takes the first of several that fits, and ends with a lawful end', () => {
  const steps = [expect(choice), ...goodbye()];
  assert.is(serverThat([hello, closing, end], steps), 'passed');
  assert.is(serverThat(['88 02 03 f1', end], steps), 'passed');
  assert.is(
    serverThat(['81 00'], steps),
    'failed: expected a text message of 5 bytes, "Hello"; or that the peer fails the connection with 1009; came a text message of no bytes',
  );
});

exchange('notes what the RFC leaves open, and fails it no less for what no peer may do', () => {
  const heading = { severity: 'INFO' } as const;
  assert.is(serverThat([hello, closing, end], [...echoText('Hello'), ...goodbye()], heading), 'passed');
  assert.is(
    serverThat([hello, closing, end], [expect(choice), ...goodbye()], heading),
    'noted: came a text message of 5 bytes, "Hello"',
  );
  assert.match(serverThat([10_000], echoText('Hello'), heading), /^noted: expected /);
  assert.match(serverThat(['83 00'], echoText('Hello'), heading), /^failed: the peer sent /);
});

exchange('tells a broken rule apart, as it counts whatever the case is about', () => {
  const play = new Play(caseWith(echoText('x'), { severity: 'SHOULD' }), 'server').switch().receiveHex('83 00');
  assert.match(play.exchange.outcome!.violation!, /reserved/);
  const other = new Play(caseWith(echoText('x'), { severity: 'SHOULD' }), 'server').switch().receiveHex('82 00');
  assert.is(other.exchange.outcome!.violation, undefined);
});

exchange('answers pings between its sends, and goes on', () => {
  const play = new Play(caseWith([...echoText('Hello'), ...goodbye()]), 'server').switch();
  const before = play.written.length;
  play.receiveHex('89 02 68 69');
  const pong = play.written.subarray(before);
  assert.is(pong.length, 8);
  assert.is(pong[0], 0x8a);
  assert.is(pong[1], 0x82);
  assert.is(play.receiveHex(hello).receiveHex(closing).end().told, 'passed');
});

exchange('waits where the script says so', () => {
  const play = new Play(caseWith([{ do: 'wait', ms: 300 }, ...goodbye()]), 'server').switch();
  const before = play.written.length;
  assert.is(play.exchange.wakeAt, play.now + 300);
  assert.is(play.pass(299).written.length, before);
  assert.is(play.pass(1).written.length, before + 8);
});

exchange('ends its side as the script says', () => {
  for (const how of ['end', 'cut', 'reset'] as const) {
    const play = new Play(caseWith([{ do: 'end', how }, expect({ kind: 'end' })]), 'server').switch();
    assert.equal(play.ends, [how]);
    assert.is(play.end().told, 'passed');
  }
});

exchange('sends frames as they are asked for', () => {
  const frames = [
    text('a', { mask: new Uint8Array([1, 2, 3, 4]) }),
    text('a', { mask: 'wrong' }),
    text('', { mask: 'wrong', rsv: 7, fin: false, lengthForm: 64, announcedLength: 2n ** 63n }),
    hex('ff'),
  ];
  const play = new Play(caseWith([send(...frames)]), 'server');
  const head = play.written.length;
  const sent = play.switch().written.subarray(head).toString('hex');
  assert.is(sent, ['81810102030460', '810161', '717f8000000000000000', 'ff'].join(''));
  const client = new Play(caseWith([send(text('a'), text('a', { mask: 'wrong' }))]), 'client').request();
  const answered = client.written.subarray(client.written.indexOf('\r\n\r\n') + 4);
  assert.is(answered.subarray(0, 3).toString('hex'), '810161');
  assert.is(answered.length, 3 + 7);
  assert.is(answered[4], 0x81);
});

exchange('gives up a long send when the peer closes meanwhile', () => {
  const steps = [send({ opcode: 2, payload: Buffer.alloc(1024 * 1024) }), fails(1009)];
  const play = new Play(caseWith(steps), 'server', { chunking: { kind: 'octets' } });
  // The first write of the send does not leave.
  play.drain = () => {};
  assert.is(play.switch().receiveHex('88 02 03 f1').told, 'goes on');
  assert.match(play.pass(10_000).told, /came only a close frame with 1009 message too big$/);
});

exchange('gives up a short send when the peer ends meanwhile', () => {
  const play = new Play(caseWith([send(text('a'), text('b')), fails(1002)]), 'server');
  play.drain = () => {};
  assert.is(play.switch().receiveHex('88 02 03 ea').told, 'goes on');
  assert.is(play.end().told, 'passed');
});

exchange('is late when the peer does not read', () => {
  const steps = [send({ opcode: 2, payload: Buffer.alloc(1024) })];
  const play = new Play(caseWith(steps), 'server');
  play.drain = () => {};
  assert.is(play.switch().pass(10_000).told, 'failed: the peer did not read what was sent for 10000 ms');
});

exchange('bounds what it keeps of the wire', () => {
  const steps = [
    send({ opcode: 2, payload: Buffer.alloc(100_000) }),
    send(...Array.from({ length: 900 }, () => ping('x'))),
  ];
  const { events } = new Play(caseWith(steps), 'server').switch().exchange.outcome!;
  assert.is(events.length, 500);
  assert.ok(
    events.some(({ text }) => text === `${1 + 1 + 1 + 900 - 499} events are left out here`),
    events[400]!.text,
  );
  for (const { bytes } of events) assert.ok(bytes === undefined || bytes.length <= 256);
  assert.equal(
    events.slice(0, 3).map(({ direction, size }) => [direction, size]),
    [
      ['sent', events[0]!.size],
      ['received', events[1]!.size],
      ['sent', 100_014],
    ],
  );
});

exchange.run();

const openingServer = suite('conformance exchange, opening a connection to a server (RFC 6455 §4.2)');

function answered(response: string | undefined, heading: Partial<Heading> = {}, options: PlayOptions = {}): Play {
  const play = new Play(caseWith([], heading), 'server', options);
  return response === undefined ? play : play.receive(response);
}

openingServer('judges a 101 in full', () => {
  const faults: ReadonlyArray<readonly [change: (response: string) => string, fault: RegExp]> = [
    [(head) => head.replace('Upgrade: websocket\r\n', ''), /Upgrade of the 101 is missing \(RFC 6455 §4\.2\.2\)$/],
    [(head) => head.replace('websocket', 'h2c'), /Upgrade of the 101 is "h2c"/],
    [(head) => head.replace('Connection: Upgrade', 'Connection: close'), /Connection of the 101 is "close"/],
    [
      (head) => head.replace(/Accept: ./, 'Accept: !'),
      /Sec-WebSocket-Accept of the 101 is "!.*", not the answer to the key/,
    ],
    [(head) => head.replace(/(Sec-WebSocket-Accept: .*\r\n)/, '$1$1'), /not the answer/],
    [
      (head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: chat\r\n\r\n'),
      /selects the subprotocol "chat", which was not offered/,
    ],
    [
      (head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n'),
      /and none was offered \(RFC 6455 §9\.1\)$/,
    ],
    [(head) => head.replace('HTTP/1.1', 'HTTP/1.0'), /the 101 is HTTP\/1\.0/],
    [(head) => head.replace('\r\n', '\n'), /is no HTTP response/],
  ];
  for (const [change, fault] of faults) {
    const play = new Play(caseWith([]), 'server');
    const original = play.receive.bind(play);
    play.receive = (bytes) => original(change(bytes.toString('latin1')));
    assert.match(play.switch().told, fault);
    assert.ok(play.exchange.outcome!.violation);
  }
  assert.is(new Play(caseWith([]), 'server').switch().told, 'passed');
});

openingServer('passes over interim responses', () => {
  const play = new Play(caseWith([]), 'server');
  assert.is(play.receive('HTTP/1.1 100 Continue\r\n\r\n').switch().told, 'passed');
});

const refusal = { opening: { expect: { statuses: [400, 426] } } };
const answer = (status: string, ...lines: readonly string[]): string =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

openingServer('takes a refusal that ends the connection, or whose body ends while it stays', () => {
  assert.is(answered(answer('400 Bad Request', 'Connection: close'), refusal).end().told, 'passed');
  assert.is(answered(answer('400 Bad Request', 'Content-Length: 2'), refusal).told, 'goes on');
  assert.is(answered(`${answer('400 Bad Request', 'Content-Length: 2')}no`, refusal).told, 'passed');
  assert.is(
    answered(`${answer('400 Bad Request', 'Transfer-Encoding: chunked')}2\r\nno\r\n0\r\n\r\n`, refusal).told,
    'passed',
  );
  assert.is(answered(answer('400 Bad Request'), refusal).end().told, 'passed');
});

openingServer('tells as weak a status that is lawful and not recommended', () => {
  const heading = { opening: { expect: { statuses: [101], weakStatuses: [400] } } };
  assert.is(answered(answer('400 Bad Request'), heading).end().told, 'weak: it answered 400');
  assert.is(new Play(caseWith([], heading), 'server').switch().told, 'passed');
  assert.is(answered(answer('403 Forbidden'), heading).told, 'failed: expected an answer with 101; came 403');
});

openingServer('fails a refusal that says that it ends the connection, and does not', () => {
  assert.is(
    answered(answer('400 Bad Request', 'Connection: close', 'Content-Length: 0'), refusal).pass(10_000).told,
    'failed: expected the end of the connection after the answer; in 10000 ms it did not come',
  );
  const mustEnd = { opening: { expect: { statuses: [400], ends: true } } };
  assert.match(answered(answer('400 Bad Request', 'Content-Length: 0'), mustEnd).pass(10_000).told, /^failed: /);
  assert.match(answered(answer('400 Bad Request', 'Content-Length: 9'), refusal).end().told, /cut short$/);
});

openingServer('fails another status, and an end without an answer unless that is lawful', () => {
  assert.is(answered(answer('200 OK'), refusal).told, 'failed: expected an answer with 400 or 426; came 200');
  assert.is(
    new Play(caseWith([], refusal), 'server').switch().told,
    'failed: expected an answer with 400 or 426; came 101',
  );
  assert.is(answered(undefined).end().told, 'failed: expected an answer with 101; came the end of the TCP connection');
  assert.match(answered('HTTP/1.1 40').end().told, /within the head of the answer$/);
  assert.is(
    answered(undefined).pass(10_000).told,
    'failed: expected an answer to the request; in 10000 ms came nothing',
  );
  const lenient = { opening: { expect: { statuses: [400], orNoAnswer: true } } };
  assert.is(answered(undefined, lenient).end('reset').told, 'weak: a reset of the TCP connection without an answer');
});

openingServer('looks at the fields that an answer must have', () => {
  const fields = { opening: { expect: { statuses: [426], fields: [['Sec-WebSocket-Version', /\b13\b/] as const] } } };
  assert.is(answered(answer('426 Upgrade Required', 'Sec-WebSocket-Version: 13'), fields).end().told, 'passed');
  assert.match(
    answered(answer('426 Upgrade Required'), fields).told,
    /^failed: Sec-WebSocket-Version of the answer is missing/,
  );
});

openingServer('sends the request of the case, and frames behind it in the same write', () => {
  const opening = {
    request: (context: { good(changes?: object): string }) =>
      context.good({ method: 'POST', version: '1.0', fields: { host: undefined, upgrade: ['a', 'b'], 'x-more': 'c' } }),
    behind: [text('a', { mask: new Uint8Array(4) })],
  };
  const play = new Play(caseWith([], { opening }), 'server', { chunking: { kind: 'octets' } });
  assert.is(play.actions.length, 1);
  assert.match(
    play.written.toString('latin1'),
    /^POST \/ HTTP\/1\.0\r\nUpgrade: a\r\nUpgrade: b\r\nConnection: Upgrade\r\nSec-WebSocket-Key: .{24}\r\nSec-WebSocket-Version: 13\r\nx-more: c\r\n\r\n\x81\x81\0\0\0\0a$/,
  );
});

openingServer('reads compressed echoes once that is agreed, and skips what was declined', () => {
  const heading = {
    opening: { offers: 'permessage-deflate; client_max_window_bits' },
    needs: ['deflate'] as const,
  };
  const accepted = new Play(caseWith([expect(textMessage('Hello'))], heading), 'server').switch([
    'Sec-WebSocket-Extensions: permessage-deflate',
  ]);
  assert.is(accepted.receiveHex('c1 07 f2 48 cd c9 c9 07 00').told, 'passed');
  assert.match(new Play(caseWith([], heading), 'server').switch().told, /^skipped: the server declined/);
});

openingServer.run();

const openingClient = suite('conformance exchange, opening a connection from a client (RFC 6455 §4.1)');

openingClient('answers a good request and runs the script', () => {
  const play = new Play(caseWith(goodbye()), 'client').request(['Sec-WebSocket-Protocol: chat, conformance']);
  assert.match(
    play.written.toString('latin1'),
    /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\nSec-WebSocket-Protocol: conformance\r\n\r\n/s,
  );
  assert.equal(play.ends, []);
  play.receiveHex('88 82 00 00 00 00 03 e8');
  // RFC 6455 §7.1.1: the server ends the TCP connection.
  assert.equal(play.ends, ['end']);
  assert.is(play.end().told, 'passed');
});

openingClient('judges the request', () => {
  const faults: ReadonlyArray<readonly [change: (head: string) => string, fault: RegExp]> = [
    [(head) => head.replace('GET', 'POST'), /the method of the request is "POST", not GET/],
    [(head) => head.replace('HTTP/1.1', 'HTTP/1.0'), /HTTP\/1\.0/],
    [
      (head) => head.replace('Host: localhost', 'Host: elsewhere'),
      /Host of the request is "elsewhere", not "localhost"/,
    ],
    [(head) => head.replace('Host: localhost\r\n', ''), /Host of the request is missing/],
    [(head) => head.replace('Host: localhost', 'Host: localhost\r\nHost: localhost'), /Host comes more than once/],
    [(head) => head.replace('Upgrade: websocket', 'Upgrade: h2c'), /Upgrade of the request is "h2c"/],
    [(head) => head.replace('Connection: Upgrade', 'Connection: keep-alive'), /Connection of the request/],
    [(head) => head.replace('Version: 13', 'Version: 8'), /Sec-WebSocket-Version of the request is "8", not 13/],
    [(head) => head.replace('Key: ', 'Key: A'), /not 16 bytes in base64/],
    [(head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: a, a\r\n\r\n'), /not a list of different tokens/],
    [(head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: a b\r\n\r\n'), /breaks its grammar/],
    [(head) => head.replace('GET /', 'GET http://localhost/'), /not a path/],
    [(head) => `${head}\x81`, /bytes before it had the answer/],
    [() => 'hello\r\n\r\n', /is no HTTP request/],
  ];
  for (const [change, fault] of faults) {
    const play = new Play(caseWith(goodbye()), 'client');
    const original = play.receive.bind(play);
    play.receive = (bytes) => original(change(bytes.toString('latin1')));
    assert.match(play.request().told, fault);
    assert.ok(play.exchange.outcome!.violation);
  }
});

openingClient('tells as weak a client that closed and leaves the TCP connection open after the runner ended it', () => {
  const late = 'the client did not end the TCP connection in 10000 ms after the runner had';
  const play = new Play(caseWith([fails(1002), ...goodbye()]), 'client').request();
  assert.equal(play.receiveHex('88 82 00 00 00 00 03 ea').ends, ['end']);
  assert.is(play.pass(10_000).told, `weak: ${late}`);
  // A server has to end it.
  assert.match(serverThat([refusing, 10_000], [fails(1002)]), /^failed: /);
});

openingClient('fails a key that was used before', () => {
  const usedKeys = new Set<string>();
  assert.is(new Play(caseWith([]), 'client', { usedKeys }).request().told, 'passed');
  assert.match(
    new Play(caseWith([]), 'client', { usedKeys }).request().told,
    /^failed: the client used the key .* before \(RFC 6455 §4\.1\)$/,
  );
});

const mustFail = {
  opening: {
    clientMust: 'fail',
    response: (context: { good(changes?: object): string }) => context.good({ fields: { upgrade: undefined } }),
  },
} as const;

openingClient('passes a client that fails on a bad response, and fails one that takes it', () => {
  const good = new Play(caseWith([], mustFail), 'client').request();
  assert.match(good.written.toString('latin1'), /is anybody there\?$/);
  assert.equal(good.ends, []);
  assert.is(good.end().told, 'passed');
  const bad = new Play(caseWith([], mustFail), 'client').request().receiveHex('81 81 00 00 00 00 61');
  assert.is(
    bad.told,
    'failed: expected that the client fails the connection without a frame; came a text message of 1 byte, "a"',
  );
  const idle = new Play(caseWith([], mustFail), 'client').request().pass(10_000);
  assert.is(idle.told, 'failed: expected that the client fails the connection; in 10000 ms came nothing');
});

openingClient('ends its side behind a response that is no 101: its body goes on until then', () => {
  const heading = { opening: { clientMust: 'fail', response: () => 'HTTP/1.1 200 OK\r\n\r\n' } } as const;
  assert.equal(new Play(caseWith([], heading), 'client').request().ends, ['end']);
});

openingClient('accepts compression in terms that the client offered, and skips the case where it did not', () => {
  const heading = {
    opening: { accepts: 'permessage-deflate; client_max_window_bits=10' },
    needs: ['deflate'] as const,
  };
  const steps = [expect(textMessage('Hello'))];
  const play = new Play(caseWith(steps, heading), 'client').request([
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  ]);
  assert.match(play.written.toString('latin1'), /\r\nSec-WebSocket-Extensions: .*; client_max_window_bits=10\r\n/);
  assert.is(play.receiveHex('c1 87 00 00 00 00 f2 48 cd c9 c9 07 00').told, 'passed');
  assert.match(new Play(caseWith(steps, heading), 'client').request().told, /^skipped: the client does not offer/);
  const other = new Play(caseWith(steps, heading), 'client').request(['Sec-WebSocket-Extensions: permessage-deflate']);
  assert.match(other.told, /^skipped: what the client offers does not allow/);
});

openingClient.run();
