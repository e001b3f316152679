import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../src/errors.js';
import { defaultHeadLimits, type HeadLimits, HeadParser, type Heads } from '../../src/handshake/http-head.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

/** Frames, or anything else that may follow a head in the same packet. */
const trailing = Buffer.from('818537fa213d7f9f4d5158', 'hex');

/** Pushes `bytes` in chunks whose lengths `next` gives, and returns the parser and how many bytes it took. */
function push<Kind extends keyof Heads>(
  kind: Kind,
  bytes: Buffer,
  next: () => number,
  limits?: Partial<HeadLimits>,
): [HeadParser<Kind>, number] {
  const parser = new HeadParser(kind, limits);
  let position = 0;
  while (position < bytes.length) {
    const end = Math.min(bytes.length, position + next());
    const taken = parser.push(bytes, position, end);
    position += taken;
    if (parser.head !== undefined || parser.error !== undefined) break;
    assert.is(position, end);
  }
  assert.is(parser.receivedBytes, position);
  if (parser.head !== undefined || parser.error !== undefined) {
    assert.is(parser.push(trailing), 0, 'nothing is taken behind the head or the fault');
  }
  return [parser, position];
}

/** Every chunking a vector is fed in: whole, byte by byte, and by chance. */
function chunkings(): Array<[name: string, next: () => number]> {
  const { seed, below } = random();
  return [
    ['whole', () => Number.POSITIVE_INFINITY],
    ['byte by byte', () => 1],
    [`SEED=${seed}`, () => 1 + below(40)],
  ];
}

function reads<Kind extends keyof Heads>(kind: Kind, text: string, limits?: Partial<HeadLimits>): Heads[Kind] {
  const bytes = Buffer.from(text, 'latin1');
  const heads: unknown[] = [];
  for (const [name, next] of chunkings()) {
    for (const rest of [Buffer.alloc(0), trailing]) {
      const [parser, taken] = push(kind, Buffer.concat([bytes, rest]), next, limits);
      assert.is(parser.error?.message, undefined, name);
      assert.is(taken, bytes.length, name);
      heads.push({ ...parser.head, fields: [...parser.head!.fields] });
      assert.equal(heads.at(-1), heads[0], name);
    }
  }
  return push(kind, bytes, () => 7, limits)[0].head!;
}

function refuses(
  kind: keyof Heads,
  text: string,
  code: string,
  status: number | undefined,
  at: number,
  limits?: Partial<HeadLimits>,
): HandshakeError {
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), trailing]);
  let first: HandshakeError | undefined;
  for (const [name, next] of chunkings()) {
    const [parser, taken] = push(kind, bytes, next, limits);
    const where = `${JSON.stringify(text.slice(0, 60))}, ${name}`;
    assert.is(parser.head, undefined, where);
    assert.instance(parser.error, HandshakeError, where);
    assert.is(parser.error!.code, code, where);
    assert.is(parser.error!.httpStatus, status, where);
    assert.is(taken, at, where);
    first ??= parser.error!;
    assert.is(parser.error!.message, first.message, where);
    assert.is(parser.error!.value, first.value, where);
  }
  return first!;
}

const line = 'GET / HTTP/1.1\r\n';
const field = (text: string): string => `${line}A: b\r\n${text}`;

const requests = suite('request heads (RFC 9112 §2–§5)');

requests('reads the request of RFC 6455 §1.2', () => {
  const head = reads(
    'request',
    'GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n' +
      'Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  assert.is(head.kind, 'request');
  assert.is(head.method, 'GET');
  assert.is(head.target, '/chat?room=1');
  assert.is(head.version, '1.1');
  assert.is(head.fields.size, 7);
  assert.is(head.fields.get('host'), 'server.example.com');
  assert.is(head.fields.get('Sec-WebSocket-Version'), '13');
});

requests('reads a head without fields, an empty value, and the shortest names', () => {
  assert.is(reads('request', `${line}\r\n`).fields.size, 0);
  const { fields, method, target } = reads('request', 'X * HTTP/1.1\r\nA:\r\nB: \t \r\n\r\n');
  assert.is(method, 'X');
  assert.is(target, '*');
  assert.is(fields.get('A'), '');
  assert.is(fields.get('B'), '');
});

requests('trims white space around a value and keeps what is within', () => {
  assert.is(reads('request', `${line}A:\t b\tc  d \t\r\n\r\n`).fields.get('A'), 'b\tc  d');
});

requests('keeps bytes of other encodings as they are', () => {
  assert.is(reads('request', `${line}A: caf\xc3\xa9 \x80\xff\r\n\r\n`).fields.get('A'), 'caf\xc3\xa9 \x80\xff');
});

requests('takes a field __proto__ for a field (T15)', () => {
  const { fields } = reads('request', `${line}__proto__: x\r\n\r\n`);
  assert.is(fields.get('__proto__'), 'x');
  assert.is(({} as Record<string, unknown>)['x'], undefined);
});

requests('reads every minor version of HTTP/1', () => {
  for (const version of ['1.0', '1.1', '1.9'])
    assert.is(reads('request', `GET / HTTP/${version}\r\n\r\n`).version, version);
});

requests('asks for more after every strict prefix', () => {
  const text = field('Longer-Name:  some value \r\n\r\n');
  for (let length = 0; length < text.length; length++) {
    const parser = new HeadParser('request');
    assert.is(parser.push(Buffer.from(text.slice(0, length))), length);
    assert.is(parser.head, undefined);
    assert.is(parser.error, undefined);
  }
});

requests('takes a part of a larger buffer', () => {
  const parser = new HeadParser('request');
  const bytes = Buffer.from(`xx${line}\r\nyy`);
  assert.is(parser.push(bytes, 2, 5), 3);
  assert.is(parser.push(bytes, 5, 5), 0);
  assert.is(parser.push(bytes, 5), line.length + 2 - 3);
  assert.is(parser.head?.kind, 'request');
});

requests('refuses a TLS ClientHello, frames and an empty line at the first byte', () => {
  for (const text of ['\x16\x03\x01\x02\x00\x01', '\x81\x85abcd', '\r\n', ' GET', '\0', '\xff']) {
    const error = refuses('request', text, 'request-line-malformed', 400, 1);
    assert.match(error.message, /^byte 1 of the request, 0x[0-9a-f]{2}, .* \(RFC 9112 §3\)$/);
  }
});

requests('refuses the preface of HTTP/2 with 505 at the end of its first line', () => {
  const error = refuses('request', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'version-unsupported', 505, 15);
  assert.is(error.value, '2.0');
  refuses('request', 'GET / HTTP/0.9\r\n', 'version-unsupported', 505, 15);
});

requests('refuses a malformed request line at the byte that shows it', () => {
  const vectors: Array<readonly [text: string, at: number]> = [
    ['GET\t/ HTTP/1.1\r\n', 4],
    ['GET\r\n', 4],
    ['G(T / HTTP/1.1\r\n', 2],
    ['GET  / HTTP/1.1\r\n', 5],
    ['GET \r\n', 5],
    ['GET /\r\n', 6],
    ['GET /a\tb HTTP/1.1\r\n', 7],
    ['GET /\xe9 HTTP/1.1\r\n', 6],
    ['GET /\x7f HTTP/1.1\r\n', 6],
    ['GET /a b HTTP/1.1\r\n', 8],
    ['GET / http/1.1\r\n', 7],
    ['GET / HTTP 1.1\r\n', 11],
    ['GET / HTTP/x.1\r\n', 12],
    ['GET / HTTP/:.1\r\n', 12],
    ['GET / HTTP/1,1\r\n', 13],
    ['GET / HTTP/1.x\r\n', 14],
    ['GET / HTTP/1.11\r\n', 15],
    ['GET / HTTP/1.1 \r\n', 15],
    ['GET / HTTP/1.1\n', 15],
  ];
  for (const [text, at] of vectors) refuses('request', text, 'request-line-malformed', 400, at);
});

requests('refuses bare line feeds, bare carriage returns and other controls (T18)', () => {
  refuses('request', 'GET / HTTP/1.1\rA: b\r\n\r\n', 'head-malformed', 400, line.length);
  refuses('request', field('C: d\n\r\n'), 'field-malformed', 400, field('C: d\n').length);
  refuses('request', field('C: d\re\r\n\r\n'), 'head-malformed', 400, field('C: d\re').length);
  refuses('request', field('\n'), 'field-malformed', 400, field('\n').length);
  refuses('request', field('\r\r\n'), 'head-malformed', 400, field('\r\r').length);
  for (const control of ['\0', '\x01', '\x1f', '\x7f', '\x0b']) {
    refuses('request', field(`C: d${control}e\r\n`), 'field-malformed', 400, field('C: dx').length);
  }
});

requests('refuses folded lines, the first one too (T18)', () => {
  for (const fold of [' ', '\t']) {
    const error = refuses('request', field(`${fold}c\r\n\r\n`), 'field-folded', 400, field(' ').length);
    assert.match(error.message, 'folded');
    refuses('request', `${line}${fold}A: b\r\n\r\n`, 'field-folded', 400, line.length + 1);
  }
});

requests('refuses space before a colon, empty names and names that are no tokens (T18)', () => {
  refuses('request', field('C : d\r\n'), 'field-name-spaced', 400, field('C ').length);
  refuses('request', field('C\t: d\r\n'), 'field-name-spaced', 400, field('C ').length);
  refuses('request', field(': d\r\n'), 'field-malformed', 400, field(':').length);
  refuses('request', field('C\r\n'), 'field-malformed', 400, field('C\r').length);
  refuses('request', field('C/D: e\r\n'), 'field-malformed', 400, field('C/').length);
  refuses('request', field('\xe9: e\r\n'), 'field-malformed', 400, field('x').length);
});

requests.run();

const limits = suite('limits of a head (RFC 9112 §3, RFC 6585 §5)');

limits('are 16 KiB, 100 fields and a target of 8 KiB by default', () => {
  assert.equal(defaultHeadLimits, { maxHeadBytes: 16_384, maxFields: 100, maxTargetBytes: 8_192 });
});

limits('lets a head of just 16 KiB pass and answers one more byte with 431 (T16)', () => {
  const filled = (bytes: number): string => {
    const start = `${line}A: `;
    return `${start}${'x'.repeat(bytes - start.length - 4)}\r\n\r\n`;
  };
  reads('request', filled(16_384));
  refuses('request', filled(16_385), 'head-too-large', 431, 16_384);
  refuses('request', filled(100_000), 'head-too-large', 431, 16_384);
});

limits('answers 431 wherever the head is when it grows too long (T16)', () => {
  const text = field('Cd: e\r\n\r\n');
  for (let maxHeadBytes = 1; maxHeadBytes < text.length; maxHeadBytes++) {
    refuses('request', text, 'head-too-large', 431, maxHeadBytes, { maxHeadBytes });
  }
  reads('request', text, { maxHeadBytes: text.length });
});

limits('takes no more of 20 MB in one packet than the limit (T16)', () => {
  const parser = new HeadParser('request');
  const bytes = Buffer.alloc(20_000_000, 'x');
  bytes.write('GET / HTTP/1.1\r\nA: ');
  assert.is(parser.push(bytes), 16_384);
  assert.is(parser.error?.httpStatus, 431);
});

limits('answers a target over 8 KiB with 414 at the byte that is too many', () => {
  const target = (bytes: number): string => `GET /${'x'.repeat(bytes - 1)} HTTP/1.1\r\n\r\n`;
  assert.is(reads('request', target(8_192)).target.length, 8_192);
  refuses('request', target(8_193), 'target-too-long', 414, 4 + 8_193);
  refuses('request', target(100_000), 'target-too-long', 414, 4 + 8_193);
  reads('request', target(3), { maxTargetBytes: 3 });
  refuses('request', target(4), 'target-too-long', 414, 8, { maxTargetBytes: 3 });
});

limits('answers more than 100 fields with 431 at the first byte of the next (T15)', () => {
  const fields = (count: number): string => `${line}${'A: b\r\n'.repeat(count)}`;
  assert.is(reads('request', `${fields(100)}\r\n`).fields.size, 100);
  refuses('request', fields(101), 'too-many-fields', 431, fields(100).length + 1);
  refuses('request', `${line}${'A:\r\n'.repeat(2_000)}\r\n`, 'too-many-fields', 431, line.length + 401);
  refuses('request', fields(1), 'too-many-fields', 431, line.length + 1, { maxFields: 0 });
});

limits('refuses a method over 32 bytes at once', () => {
  reads('request', `${'M'.repeat(32)} / HTTP/1.1\r\n\r\n`);
  const error = refuses('request', 'M'.repeat(5_000), 'request-line-malformed', 400, 33);
  assert.is(error.value, 'M'.repeat(33));
});

limits.run();

const responses = suite('response heads (RFC 9112 §4)');

responses('reads the response of RFC 6455 §1.2', () => {
  const head = reads(
    'response',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n',
  );
  assert.is(head.kind, 'response');
  assert.is(head.version, '1.1');
  assert.is(head.status, 101);
  assert.is(head.reason, 'Switching Protocols');
  assert.is(head.fields.get('sec-websocket-protocol'), 'chat');
});

responses('reads a status without reason, with and without its space, and of HTTP/1.0', () => {
  assert.is(reads('response', 'HTTP/1.1 200 \r\n\r\n').reason, '');
  assert.is(reads('response', 'HTTP/1.1 200\r\n\r\n').status, 200);
  assert.is(reads('response', 'HTTP/1.0 404 Non trouv\xe9\r\n\r\n').reason, 'Non trouv\xe9');
  assert.is(reads('response', 'HTTP/1.1 999 x\r\n\r\n').status, 999);
});

responses('refuses what is no HTTP at the first byte, without a status', () => {
  for (const text of ['SSH-2.0-x\r\n', '\x15\x03\x03\x00\x02\x02\x28', '\x82\x00', ' HTTP/1.1']) {
    const error = refuses('response', text, 'status-line-malformed', undefined, 1);
    assert.match(error.message, /^byte 1 of the response, 0x[0-9a-f]{2}, .* \(RFC 9112 §4\)$/);
  }
});

responses('refuses a malformed status line at the byte that shows it', () => {
  const vectors: Array<readonly [text: string, at: number]> = [
    ['HTTP/1.1\r\n', 9],
    ['HTTP/1.1  200', 10],
    ['HTTP/1.1 099', 10],
    ['HTTP/1.1 1x1', 11],
    ['HTTP/1.1 10 OK', 12],
    ['HTTP/1.1 1011', 13],
    ['HTTP/1.1 101\n', 13],
    ['HTTP/1.1 101 a\nb', 15],
    ['HTTP/1.1 101 a\0', 15],
  ];
  for (const [text, at] of vectors) refuses('response', text, 'status-line-malformed', undefined, at);
});

responses('gives no fault a status that nobody sent', () => {
  const start = 'HTTP/1.1 101 x\r\n';
  refuses('response', 'HTTP/2.0 101 x\r\n', 'version-unsupported', undefined, 9);
  refuses('response', `${start}A : b`, 'field-name-spaced', undefined, start.length + 2);
  refuses('response', `${start} folded`, 'field-folded', undefined, start.length + 1);
  refuses('response', 'HTTP/1.1 101\rx', 'head-malformed', undefined, 14);
  refuses('response', `${start}A: b\r\n`, 'too-many-fields', undefined, start.length + 1, { maxFields: 0 });
  refuses('response', start, 'head-too-large', undefined, 10, { maxHeadBytes: 10 });
});

responses.run();

const hostile = suite('heads by chance');

hostile('takes any bytes in any chunking alike and never throws', () => {
  const { seed, below } = random();
  const pieces = ['GET / HTTP/1.1\r\n', 'HTTP/1.1 101 ok\r\n', 'A: b\r\n', '\r\n', ' ', ':', '\r', '\n', '\xff', 'x'];
  for (let round = 0; round < 2_000; round++) {
    let text = '';
    for (let count = 1 + below(8); count > 0; count--) text += pieces[below(pieces.length)];
    const bytes = Buffer.from(text, 'latin1');
    const kind = below(2) === 0 ? 'request' : 'response';
    const limits = { maxHeadBytes: 10 + below(60), maxFields: below(4), maxTargetBytes: 1 + below(3) };
    const outcomes = [() => bytes.length, () => 1, () => 1 + below(9)].map((next) => {
      const [parser, taken] = push(kind, bytes, next, limits);
      return { taken, error: parser.error?.message, fields: parser.head && [...parser.head.fields] };
    });
    assert.equal(outcomes[1], outcomes[0], `SEED=${seed} ${JSON.stringify(text)}`);
    assert.equal(outcomes[2], outcomes[0], `SEED=${seed} ${JSON.stringify(text)}`);
  }
});

hostile.run();
