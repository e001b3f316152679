import * as assert from 'uvu/assert';
import { encodeAnyFrame, FrameEncoder, type Protocol, parseFrameHeader, type Role } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, randomFrom, record, seed } from './kit.js';

const encoding = suite('encoding of frames (RFC 6455 §5.2, §5.3)');

const boundaries = [0, 1, 23, 24, 25, 26, 124, 125, 126, 127, 65534, 65535, 65536, 65537];

function other(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

encoding('writes minimal lengths, and the key of a client, at each boundary', () => {
  const target = Buffer.alloc(65537 + 20, 0xee);
  for (const length of boundaries) {
    const data = Buffer.alloc(length, 'payload');
    assert.is(
      new FrameEncoder('server').writeFrame(target, 3, 0x82, data),
      3 + new FrameEncoder('server').frameSize(length),
    );
    const unmasked = encodeAnyFrame({ opcode: 2, payload: data });
    assert.ok(target.subarray(3, 3 + unmasked.length).equals(unmasked), `server ${length}`);
    const end = new FrameEncoder('client').writeFrame(target, 3, 0x82, data);
    const header = parseFrameHeader(target, 3)!;
    const keyAt = header.maskingKeyOffset!;
    const masked = encodeAnyFrame({
      opcode: 2,
      payload: data,
      maskingKey: Buffer.from(target.subarray(keyAt, keyAt + 4)),
    });
    assert.ok(target.subarray(3, end).equals(masked), `client ${length}`);
    assert.is(end, 3 + new FrameEncoder('client').frameSize(length));
    assert.is(target[2], 0xee);
    assert.ok(data.equals(Buffer.alloc(length, 'payload')), 'the data of the caller is not touched');
  }
});

encoding('writes a 64-bit length in both of its halves', () => {
  assert.is(new FrameEncoder('server').frameSize(2 ** 32 + 1), 2 ** 32 + 11);
  const length = 2 ** 32 + 0x01020304;
  // A buffer that only says that it is so long: room and data of 4 GiB are not needed to see the header.
  const target = Object.defineProperty(Buffer.alloc(20), 'length', { value: 2 ** 33 });
  target.set = () => {};
  const data = Object.defineProperty(Buffer.alloc(20), 'length', { value: length });
  new FrameEncoder('server').writeFrame(target, 0, 0x82, data);
  assert.equal(target.subarray(0, 10), hex('827f 00000001 01020304'));
});

const texts = [
  '',
  'a',
  'hello',
  'x'.repeat(24),
  'x'.repeat(25),
  'y'.repeat(1000),
  'é',
  'naïve 日本 😀',
  'é'.repeat(500),
  '\ud800',
  'a\udc00b',
  `${'z'.repeat(30)}\ud83d`,
];
for (const role of ['client', 'server'] as const) {
  encoding(`as a ${role} writes text as UTF-8, lone surrogates as U+FFFD`, () => {
    const sender = record(role).protocol;
    for (const text of texts) {
      const bytes = Buffer.byteLength(text);
      const target = Buffer.alloc(sender.frameSize(bytes) + 2);
      const end = sender.writeText(target, 1, text, bytes);
      assert.is(end, target.length - 1);
      const receiver = record(other(role));
      receiver.protocol.receive(target, 1, end);
      assert.equal(receiver.lines, [`text ${Buffer.from(text)}`]);
    }
  });

  encoding(`as a ${role} is undone by the other end (seed ${seed})`, () => {
    const random = randomFrom();
    const sender = record(role).protocol;
    const receiver = record(other(role));
    const target = Buffer.alloc(80_000);
    for (let round = 0; round < 300; round++) {
      const data = Buffer.from(Array.from({ length: random(300) }, () => random(128)));
      const view = new Uint8Array(data.buffer, data.byteOffset, data.length);
      const small = data.subarray(0, 125);
      const at = random(9);
      const before = receiver.lines.length;
      let end = sender.writeMessage(target, at, view, round % 2 === 0);
      end = sender.writeFragment(target, end, data, true, true, false);
      end = sender.writePing(target, end, small);
      end = sender.writePong(target, end, small);
      end = sender.writeFragment(target, end, data, false, false, false);
      end = sender.writeFragment(target, end, data, false, false, true);
      end = sender.writeFragment(target, end, data, false, true, true);
      receiver.protocol.receive(target, at, end);
      assert.equal(receiver.lines.slice(before), [
        round % 2 === 0 ? `text ${data}` : `binary ${data.toString('hex')}`,
        `ping ${small}`,
        `pong ${small}`,
        `text ${data}${data}${data}`,
        `binary ${data.toString('hex')}`,
      ]);
    }
  });
}

encoding('uses a fresh key for each frame', () => {
  const encoder = new FrameEncoder('client');
  const target = Buffer.alloc(6);
  const keys = new Set<string>();
  for (let i = 0; i < 100; i++) {
    encoder.writeFrame(target, 0, 0x82, new Uint8Array(0));
    keys.add(target.toString('hex', 2));
  }
  assert.ok(keys.size > 95);
});

encoding('sends exactly the bytes of a view (T13)', () => {
  const memory = Uint8Array.from({ length: 300 }, (_, i) => i % 251);
  for (const [start, length] of [
    [1, 5],
    [3, 24],
    [7, 25],
    [5, 200],
  ] as const) {
    const target = Buffer.alloc(300);
    const end = new FrameEncoder('server').writeFrame(target, 0, 0x82, memory.subarray(start, start + length));
    assert.equal(target.subarray(end - length, end), Buffer.from(memory.slice(start, start + length)));
  }
});
encoding.run();

const misuse = suite('mistakes of a sender (RFC 6455 §5.4, §5.5)');

function code(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

misuse('is told of a target without room, which is not touched', () => {
  for (const role of ['client', 'server'] as const) {
    const { protocol } = record(role);
    const size = protocol.frameSize(30);
    const target = Buffer.alloc(size);
    const data = Buffer.alloc(30, 'd');
    assert.is(
      code(() => protocol.writeMessage(target, 1, data, false)),
      'target-too-small',
    );
    assert.is(
      code(() => protocol.writeText(target, 1, 'd'.repeat(30), 30)),
      'target-too-small',
    );
    assert.is(
      code(() => protocol.writeFragment(target, 1, data, false, true, false)),
      'target-too-small',
    );
    assert.is(
      code(() => protocol.writeClose(target, size - 1)),
      'target-too-small',
    );
    assert.ok(target.every((byte) => byte === 0));
    assert.is(protocol.state, 'open');
    assert.is(protocol.writeMessage(target, 0, data, false), size);
  }
});

misuse('is told of a wrong length of text, so that no unwritten memory is sent (T13)', () => {
  const { protocol } = record('server');
  const target = Buffer.alloc(100);
  assert.is(
    code(() => protocol.writeText(target, 0, 'é', 3)),
    'byte-length-wrong',
  );
  assert.is(
    code(() => protocol.writeText(target, 0, 'hello', 6)),
    'byte-length-wrong',
  );
  assert.is(
    code(() => protocol.writeText(target, 0, 'x'.repeat(40), 41)),
    'byte-length-wrong',
  );
});

misuse('is told of control payloads over 125 bytes (T9)', () => {
  const { protocol } = record('client');
  const target = Buffer.alloc(200);
  assert.is(protocol.writePing(target, 0, Buffer.alloc(125)), 2 + 4 + 125);
  assert.is(
    code(() => protocol.writePing(target, 0, Buffer.alloc(126))),
    'control-payload-too-long',
  );
  assert.throws(
    () => protocol.writePong(target, 0, Buffer.alloc(126)),
    'pong with 126 bytes, at most 125 allowed (RFC 6455 §5.5)',
  );
});

misuse('is told of fragments out of order', () => {
  const { protocol } = record('client');
  const target = Buffer.alloc(200);
  const data = hex('61');
  const wrong = 'fragment-out-of-order';
  assert.is(
    code(() => protocol.writeFragment(target, 0, data, true, false, true)),
    wrong,
  );
  protocol.writeFragment(target, 0, data, true, true, false);
  assert.is(
    code(() => protocol.writeFragment(target, 0, data, true, true, true)),
    wrong,
  );
  assert.is(
    code(() => protocol.writeMessage(target, 0, data, true)),
    wrong,
  );
  assert.is(
    code(() => protocol.writeText(target, 0, 'a', 1)),
    wrong,
  );
  protocol.writePing(target, 0, data);
  protocol.writeFragment(target, 0, data, true, false, true);
  protocol.writeMessage(target, 0, data, true);
});

misuse('is told of a close that may not be sent, and may send another', () => {
  const protocol: Protocol = record('server').protocol;
  const target = Buffer.alloc(200);
  for (const closeCode of [1004, 1005, 1006, 1010, 1015, 999, 5000]) {
    assert.is(
      code(() => protocol.writeClose(target, 0, closeCode)),
      'close-code-not-sendable',
    );
  }
  assert.is(
    code(() => protocol.writeClose(target, 0, 1000, 'x'.repeat(124))),
    'close-reason-too-long',
  );
  assert.is(protocol.state, 'open');
  assert.is(protocol.writeClose(target, 5, 1001, 'bye'), 12);
  assert.equal(target.subarray(5, 12), hex('8805 03e9 627965'));
  assert.is(
    code(() => protocol.writeClose(target, 0, 1000)),
    'close-already-sent',
  );
});
misuse.run();
