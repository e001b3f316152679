import * as assert from 'uvu/assert';
import { spaced } from '../../src/cli/terminal.js';
import { type Direction, Tracer } from '../../src/cli/trace.js';
import { suite } from '../support/suite.js';

type Step = readonly [Direction, Buffer];

/** Traces the steps, each cut into pieces of `size` bytes, and returns the lines. */
function trace(steps: readonly Step[], size: number = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  const tracer = new Tracer({ write: (line) => lines.push(line) });
  for (const [direction, bytes] of steps) {
    const piece = Math.min(size, bytes.length);
    for (let start = 0; start < bytes.length; start += piece) {
      tracer.trace(1, direction, bytes.subarray(start, start + piece));
    }
  }
  tracer.finish();
  return lines;
}

const maskingKey = Buffer.from('37fa213d', 'hex');

/** A masked frame: the first byte, then a payload. */
function masked(first: number, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes.length));
  const announced =
    bytes.length < 126
      ? Buffer.from([0x80 | bytes.length])
      : bytes.length < 65_536
        ? Buffer.concat([Buffer.from([0xfe]), length.subarray(6)])
        : Buffer.concat([Buffer.from([0xff]), length]);
  return Buffer.concat([
    Buffer.from([first]),
    announced,
    maskingKey,
    bytes.map((byte, index) => byte ^ maskingKey[index & 3]!),
  ]);
}

const request = Buffer.from(
  'GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
);
const response = Buffer.from(
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
);
const opened: readonly Step[] = [
  ['out', request],
  ['in', response],
];

/** The lines of what follows the opening handshake. */
function traceFrames(steps: readonly Step[], size?: number): string[] {
  return trace([...opened, ...steps], size).slice(trace(opened).length + 1);
}

const heads = suite('trace of the opening handshake (RFC 6455 §4)');

heads('shows the request and the response line by line, hex beside meaning', () => {
  const lines = trace(opened);
  assert.is(lines[0], '→ out #1, byte 0: HTTP request');
  assert.is(lines[1], '  47 45 54 20 2f 63 68 61 74 20 48 54 54 50 2f 31  GET /chat HTTP/1.1');
  assert.is(lines[2], '  2e 31 0d 0a');
  assert.ok(lines.includes('  79 3a 20 64 47 68 6c 49 48 4e 68 62 58 42 73 5a  dGhlIHNhbXBsZSBub25jZQ=='));
  assert.ok(lines.includes('  0d 0a                                            (the head ends)'));
  assert.ok(lines.includes('← in #1, byte 0: HTTP response'));
  assert.ok(lines.some((line) => line.endsWith('(accepted: frames follow)')));
});

heads('shows each byte of both heads', () => {
  const shown = trace(opened)
    .map((line) => /^ {2}((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2}|$)/.exec(line)?.[1] ?? '')
    .join('')
    .replaceAll(' ', '');
  assert.is(shown, Buffer.concat([request, response]).toString('hex'));
});

heads('shows a refusal with its body, and takes the next response for a head again', () => {
  const refusal = Buffer.from('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 100 Continue\r\n\r\n');
  const lines = trace([['in', refusal]]);
  assert.ok(lines.some((line) => line.endsWith('(no frames will follow)')));
  assert.ok(lines.includes('← in #1, byte 45: HTTP body'));
  assert.is(lines[lines.indexOf('← in #1, byte 45: HTTP body') + 1], `  6e 6f${' '.repeat(44)}no`);
  assert.ok(lines.includes('← in #1, byte 47: HTTP response'));
  assert.ok(lines.some((line) => line.endsWith('(interim)')));
});

heads('abridges a body without length and a line without end', () => {
  const body = trace([['in', Buffer.from(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1000)}`)]]);
  assert.is(body[body.length - 1], '  … 872 more bytes');
  const line = trace([['out', Buffer.alloc(100_000, 0x61)]]);
  assert.is(line[line.length - 1], '  … 99 488 more bytes');
  assert.ok(line.length < 50);
});

heads('shows control characters and escapes of a hostile head as text (M17)', () => {
  const lines = trace([['in', Buffer.from('HTTP/1.1 200 \x1b[2J\x9b\r\nX: \rY\x07\r\n\r\n', 'latin1')]]).join('\n');
  assert.not.match(lines, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  assert.match(lines, /␛\[2J\\x9b/);
  assert.match(lines, /X: ␍Y␇/);
});

heads.run();

const frames = suite('trace of frames (RFC 6455 §5.2)');

frames('explains a masked text frame field by field', () => {
  assert.equal(traceFrames([['out', masked(0x81, 'Hello')]]), [
    `→ out #1, byte ${request.length}: text, 5 bytes`,
    '  81                       1....... FIN: the message ends with this frame',
    '                           .000.... RSV1, RSV2, RSV3: no extension',
    '                           ....0001 opcode 1: text',
    '  85                       1....... MASK: masked, so from a client',
    '                           .0000101 length 5',
    '  37 fa 21 3d              masking key',
    '  masked payload           unmasked',
    '  7f 9f 4d 51 58           48 65 6c 6c 6f           Hello',
  ]);
});

frames('explains an unmasked close frame with its code by name and its reason', () => {
  assert.equal(traceFrames([['in', Buffer.from('880603f162796521', 'hex')]]), [
    `← in #1, byte ${response.length}: close, 6 bytes`,
    '  88                       1....... FIN',
    '                           .000.... RSV1, RSV2, RSV3: no extension',
    '                           ....1000 opcode 8: close',
    '  06                       0....... MASK: not masked, so from a server',
    '                           .0000110 length 6',
    '  payload',
    '  03 f1                    1009 message too big',
    '  62 79 65 21              bye!',
  ]);
});

frames('names the form of a 16-bit and of a 64-bit length', () => {
  const short = traceFrames([['out', masked(0x82, Buffer.alloc(300))]]);
  assert.ok(short.includes('                           .1111110 126: the length is in the next 16 bits'));
  assert.ok(short.includes('  01 2c                    length 300'));
  const long = traceFrames([['out', masked(0x82, Buffer.alloc(300_000))]]);
  assert.ok(long.includes('                           .1111111 127: the length is in the next 64 bits'));
  assert.ok(long.includes('  00 00 00 00 00 04 93 e0  length 300000'));
});

frames('shows a payload of 128 bytes whole and abridges one of 129 to 64 + 16', () => {
  const rows = (length: number): string[] => traceFrames([['out', masked(0x82, Buffer.alloc(length))]]);
  assert.not.ok(rows(128).some((line) => line.includes('…')));
  assert.is(rows(128).filter((line) => line.endsWith('········')).length, 16);
  assert.ok(rows(129).includes('  … 49 more bytes'));
  assert.is(rows(129).filter((line) => line.endsWith('········')).length, 10);
  assert.ok(rows(300_016).includes(`  … ${spaced(299_936)} more bytes`));
});

frames('shows text escaped, with a split code point where it is complete', () => {
  const text = Buffer.from('ab✓\n\u202e');
  const lines = traceFrames([
    ['out', masked(0x01, text.subarray(0, 3))],
    ['out', masked(0x80, text.subarray(3))],
  ]);
  assert.ok(lines.some((line) => line.endsWith('  61 62 e2                 ab')));
  assert.ok(lines.some((line) => line.includes('continuation of text, 6 bytes')));
  assert.ok(lines.some((line) => line.endsWith('  9c 93 0a e2 80 ae        ✓␊\\u202e')));
});

frames('names a compressed message, and shows its payload as it is on the wire (RFC 7692 §6)', () => {
  const lines = traceFrames([['in', Buffer.from('4103f248cd 8900 8004c9c90700 810161'.replaceAll(' ', ''), 'hex')]]);
  assert.is(lines[0], `← in #1, byte ${response.length}: text, unfinished, 3 bytes, compressed`);
  assert.ok(lines.some((line) => line.includes('.100.... RSV1, RSV2, RSV3: the message is compressed')));
  assert.ok(
    lines.some((line) => /^ {2}f2 48 cd {2,}·H·$/.test(line)),
    lines.join('\n'),
  );
  const blocks = lines.filter((line) => line.startsWith('←'));
  assert.match(blocks[1]!, /: ping, 0 bytes$/);
  assert.match(blocks[2]!, /: continuation of text, 4 bytes, compressed$/);
  assert.match(blocks[3]!, /: text, 1 byte$/);
});

frames('shows unlawful frames as they are: reserved bits, opcode, a length over 2^53', () => {
  const lines = traceFrames([['in', Buffer.from('f37fffffffffffffffff', 'hex')]]);
  assert.is(lines[0], `← in #1, byte ${response.length}: reserved (0x3), 18 446 744 073 709 551 615 bytes`);
  assert.ok(lines.some((line) => line.includes('.111.... RSV1, RSV2, RSV3: an extension?')));
  assert.is(lines[lines.length - 1], '  (cut here: 0 bytes of 18 446 744 073 709 551 615 bytes came)');
});

frames('shows a frame that was cut in its header, and one cut in its payload', () => {
  assert.equal(traceFrames([['out', masked(0x81, Buffer.alloc(70_000)).subarray(0, 9)]]), [
    `→ out #1, byte ${request.length}: start of a frame`,
    '  81 ff 00 00 00 00 00 01  (cut in the header)',
    '  11',
  ]);
  const cut = traceFrames([['out', masked(0x81, 'Hello').subarray(0, 8)]]);
  assert.equal(cut.slice(-2), [
    '  7f 9f                    48 65                    He',
    '  (cut here: 2 bytes of 5 bytes came)',
  ]);
});

frames('says whose row it is when another direction came between', () => {
  const lines = traceFrames([
    ['in', Buffer.from('8105', 'hex')],
    ['out', masked(0x81, '')],
    ['in', Buffer.from('Hello')],
  ]);
  assert.equal(lines.slice(-3), ['', '← in #1 goes on', '  48 65 6c 6c 6f           Hello']);
});

frames('takes any chunking: the same lines byte by byte, in twos, threes, sevens and whole', () => {
  const steps: Step[] = [
    ...opened,
    ['out', masked(0x01, 'frag')],
    ['out', masked(0x89, 'ping')],
    ['out', masked(0x80, 'mented ✓ and a long tail that takes several rows')],
    ['in', Buffer.from('8a0470696e67', 'hex')],
    ['in', Buffer.concat([Buffer.from('817e0200', 'hex'), Buffer.alloc(512, 'é')])],
    ['out', masked(0x82, Buffer.alloc(1000, 7))],
    ['out', masked(0x88, Buffer.from('03e8646f6e65', 'hex'))],
    ['in', Buffer.from('880203e8', 'hex')],
  ];
  const whole = trace(steps);
  for (const size of [1, 2, 3, 7, 64, 65]) assert.equal(trace(steps, size), whole, `pieces of ${size}`);
});

frames('fits into 80 columns', () => {
  const text = 'the quick brown fox jumps over the lazy dog \\\\\\\\\\\\\\\\ \u202e\u202e\u202e\u202e\n\n\n\n\n\n\n\n';
  const lines = trace([
    ...opened,
    ['out', masked(0x81, text)],
    ['in', Buffer.concat([Buffer.from('817e0080', 'hex'), Buffer.alloc(128, '\\')])],
    ['out', masked(0x82, Buffer.alloc(70_000))],
  ]);
  for (const line of lines) assert.ok([...line].length <= 80, line);
});

frames('keeps connections apart, and forgets those that ended', () => {
  const lines: string[] = [];
  const tracer = new Tracer({ write: (line) => lines.push(line) });
  for (let id = 1; id <= 3000; id++) tracer.trace(id, 'out', Buffer.from('GET'));
  assert.is(lines.filter((line) => line.includes('HTTP request')).length, 3000 - 1024);
  tracer.finish(3000);
  assert.equal(lines.slice(-2), [
    '  47 45 54                                         GET',
    '                                                   (cut here)',
  ]);
  tracer.finish(3000);
});

frames.run();
