import { Buffer } from 'node:buffer';
import { deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import type { Compression } from '../../src/conformance/case.js';
import { describeIncoming } from '../../src/conformance/describe.js';
import { Inflater } from '../../src/conformance/inflate.js';
import { type Incoming, WireReader } from '../../src/conformance/wire.js';
import { encodeAnyFrame, type Role } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';

interface Read {
  readonly incoming: readonly Incoming[];
  readonly frames: readonly string[];
  readonly fault: string | undefined;
}

function read(bytes: Buffer, size: number, role: Role = 'server', compression?: Compression): Read {
  const incoming: Incoming[] = [];
  const frames: string[] = [];
  const reader = new WireReader({
    role,
    inflater: compression && new Inflater(compression),
    onFrame: ({ describe }) => frames.push(describe()),
    onIncoming: (item) => incoming.push(item),
  });
  for (let start = 0; start < bytes.length; start += size) reader.push(bytes.subarray(start, start + size));
  return { incoming, frames, fault: reader.fault };
}

/** Reads it whole and octet by octet, which must be the same. */
function readBothWays(digits: string, role: Role = 'server', compression?: Compression): Read {
  const bytes = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  const whole = read(bytes, bytes.length, role, compression);
  assert.equal(read(bytes, 1, role, compression), whole, digits);
  return whole;
}

const wire = suite('reading a peer (RFC 6455 §5)');

const lawful: ReadonlyArray<readonly [digits: string, told: readonly string[], role?: Role]> = [
  ['81 05 48 65 6c 6c 6f', ['a text message of 5 bytes, "Hello"']],
  ['81 85 37 fa 21 3d 7f 9f 4d 51 58', ['a text message of 5 bytes, "Hello"'], 'client'],
  ['01 03 48 65 6c 80 02 6c 6f', ['a text message of 5 bytes, "Hello"']],
  ['01 03 48 65 6c 89 01 70 80 02 6c 6f', ['a ping of 1 byte, "p"', 'a text message of 5 bytes, "Hello"']],
  ['82 00 8a 00', ['a binary message of no bytes', 'a pong of no bytes']],
  ['01 01 c3 80 01 a4', ['a text message of 2 bytes, "ä"']],
  ['88 00', ['a close frame without a code']],
  ['88 04 03 e8 6f 6b', ['a close frame with 1000 normal closure, "ok"']],
  // RFC 6455 §5.5.1 forbids data after a close frame, not a ping.
  ['88 02 03 e8 89 00', ['a close frame with 1000 normal closure', 'a ping of no bytes']],
];

for (const [digits, told, role] of lawful) {
  wire(`reads ${digits}`, () => {
    const { incoming, fault } = readBothWays(digits, role);
    assert.is(fault, undefined);
    assert.equal(incoming.map(describeIncoming), told);
  });
}

const unlawful: ReadonlyArray<readonly [digits: string, fault: string, role?: Role]> = [
  ['81 80 01 02 03 04', 'a text frame that is masked (RFC 6455 §5.1)'],
  ['81 00', 'a text frame that is not masked (RFC 6455 §5.1)', 'client'],
  ['83 00', 'an opcode that is reserved (0x3) (RFC 6455 §5.2)'],
  ['8b 00', 'an opcode that is reserved (0xb) (RFC 6455 §5.2)'],
  ['c1 00', 'a text frame with RSV1, and no extension was agreed (RFC 6455 §5.2)'],
  ['a1 00', 'a text frame with RSV2 (RFC 6455 §5.2)'],
  ['91 00', 'a text frame with RSV3 (RFC 6455 §5.2)'],
  ['09 00', 'a ping frame that is a fragment (RFC 6455 §5.5)'],
  ['89 7e 00 7e', 'a ping frame of 126 bytes (RFC 6455 §5.5)'],
  ['82 7e 00 7d', 'a binary frame whose length, 125, is written in 16 bits (RFC 6455 §5.2)'],
  ['82 7f 00 00 00 00 00 00 ff ff', 'a binary frame whose length, 65535, is written in 64 bits (RFC 6455 §5.2)'],
  ['82 7f 80 00 00 00 00 00 00 00', 'a binary frame whose length has its first bit set (RFC 6455 §5.2)'],
  ['82 7f 00 00 00 00 04 00 00 01', 'a binary frame of 67108865 bytes (the bound of the runner)'],
  ['80 00', 'a continuation frame that continues nothing (RFC 6455 §5.4)'],
  ['01 00 81 00', 'a text frame within a fragmented message (RFC 6455 §5.4)'],
  ['81 01 ff', 'a text message that is not UTF-8 (RFC 6455 §8.1)'],
  ['81 02 c3 28', 'a text message that is not UTF-8 (RFC 6455 §8.1)'],
  ['88 01 03', 'a close frame with a body of 1 byte (RFC 6455 §5.5.1)'],
  ['88 02 03 ee', 'close code 1006, which no end may send (RFC 6455 §7.4)'],
  ['88 02 03 ed', 'close code 1005, which no end may send (RFC 6455 §7.4)'],
  ['88 03 03 e8 ff', 'a close reason that is not UTF-8 (RFC 6455 §5.5.1)'],
  ['88 00 81 00', 'a text frame after its close frame (RFC 6455 §5.5.1)'],
  ['88 00 88 00', 'a close frame after its close frame (RFC 6455 §5.5.1)'],
];

for (const [digits, fault, role] of unlawful) {
  wire(`finds fault with ${digits}`, () => {
    assert.is(readBothWays(digits, role).fault, `the peer sent ${fault}`);
  });
}

wire('reads nothing behind a fault', () => {
  const { incoming, fault } = readBothWays('81 00 83 00 81 00');
  assert.is(incoming.length, 1);
  assert.match(fault!, /reserved/);
});

wire('bounds what one peer may send', () => {
  const frame = encodeAnyFrame({ opcode: 2, payload: Buffer.alloc(32 * 1024 * 1024) });
  const { incoming, fault } = read(Buffer.concat([frame, frame, frame]), 1024 * 1024);
  assert.is(fault, 'the peer sent more than 67108864 bytes, each frame counted as 128 more (the bound of the runner)');
  assert.ok(incoming.length <= 2);
});

wire('bounds how many frames one peer may send, empty ones too', () => {
  const frames = Buffer.alloc(200_000, Buffer.from('8a00', 'hex'));
  let count = 0;
  const onIncoming = (): void => {
    count++;
  };
  const reader = new WireReader({ role: 'server', onFrame: () => {}, onIncoming });
  while (reader.fault === undefined) reader.push(frames);
  assert.ok(count < 700_000, String(count));
});

wire('describes each frame', () => {
  const { frames } = readBothWays('01 03 48 65 6c 80 02 6c 6f 88 02 03 e8');
  assert.equal(frames, ['text, 3 bytes, "Hel"', 'continuation, FIN, 2 bytes, "lo"', 'close, FIN, 1000 normal closure']);
});

wire.run();

const inflating = suite('reading compressed messages (RFC 7692 §7.2)');

const ordinary: Compression = { windowBits: 15, keepsContext: true };

/** RFC 7692 §7.2.3. */
const examples: ReadonlyArray<readonly [name: string, digits: string, count: number]> = [
  ['one block', 'c1 07 f2 48 cd c9 c9 07 00', 1],
  ['two fragments', '41 03 f2 48 cd 80 04 c9 c9 07 00', 1],
  ['the window of the message before', 'c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00', 2],
  ['a stored block', 'c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00', 1],
  ['a block marked as final', 'c1 08 f3 48 cd c9 c9 07 00 00', 1],
  ['two blocks', 'c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 1],
];

for (const [name, digits, count] of examples) {
  inflating(`reads ${name}`, () => {
    const { incoming, fault } = readBothWays(digits, 'server', ordinary);
    assert.is(fault, undefined);
    assert.equal(incoming.map(describeIncoming), new Array(count).fill('a text message of 5 bytes, "Hello"'));
  });
}

const faults: ReadonlyArray<readonly [name: string, digits: string, fault: RegExp, compression?: Compression]> = [
  ['data that is no DEFLATE', 'c1 02 ff ff', /cannot be inflated: .* \(RFC 7692 §7\.2\.2\)$/],
  [
    'the window of a message where it was given up',
    'c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00',
    /cannot be inflated/,
    { windowBits: 15, keepsContext: false },
  ],
  ['RSV1 on a continuation', '41 03 f2 48 cd c0 04 c9 c9 07 00', /a continuation frame with RSV1 \(RFC 7692 §6\.1\)$/],
  ['RSV1 on a ping', 'c9 00', /a ping frame with RSV1 \(RFC 7692 §6\)$/],
];

for (const [name, digits, fault, compression] of faults) {
  inflating(`finds fault with ${name}`, () => {
    assert.match(readBothWays(digits, 'server', compression ?? ordinary).fault!, fault);
  });
}

inflating('finds fault with a reference that goes back further than the window that was agreed', () => {
  const half = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) >> 3));
  const payload = deflateRawSync(Buffer.concat([half, half]), { windowBits: 15 });
  const frame = encodeAnyFrame({ opcode: 2, rsv: 4, payload });
  assert.is(read(frame, frame.length, 'server', ordinary).fault, undefined);
  assert.match(read(frame, frame.length, 'server', { windowBits: 9, keepsContext: true }).fault!, /cannot be inflated/);
});

inflating('bounds what a message is inflated to', () => {
  const payload = deflateRawSync(Buffer.alloc(65 * 1024 * 1024));
  const frame = encodeAnyFrame({ opcode: 2, rsv: 4, payload });
  assert.match(read(frame, frame.length, 'server', ordinary).fault!, /cannot be inflated/);
});

inflating.run();
