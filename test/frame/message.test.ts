import * as assert from 'uvu/assert';
import { FrameEncoder, Protocol, takeSpare } from '../../src/frame/index.js';
import { copyOf, MessageAssembly } from '../../src/frame/message.js';
import { suite } from '../support/suite.js';
import { hex, LimitExceededError, outcome, record, refuses } from './kit.js';

const assembling = suite('memory of a message (RFC 6455 §10.4)');

const kib = 1024;

/** Appends `total` bytes in pieces, as frames of `frameBytes`, and asserts the rule of capacity after each. */
function grow(total: number, frameBytes: number, pieceBytes: number): { assembly: MessageAssembly; buffers: number } {
  const assembly = new MessageAssembly();
  const piece = Buffer.alloc(pieceBytes, 'p');
  const buffers = new Set<Buffer>();
  for (let length = 0; length < total; ) {
    const announced = Math.min(total, (Math.floor(length / frameBytes) + 1) * frameBytes);
    const isFinal = announced === total;
    const size = Math.min(pieceBytes, announced - length);
    assembly.append(piece, 0, size, announced, isFinal);
    length += size;
    buffers.add(assembly.buffer);
    assert.is(assembly.length, length);
    assert.ok(assembly.capacity >= length);
    assert.ok(assembly.capacity <= Math.max(64 * kib, 4 * length), `${assembly.capacity} for ${length}`);
    if (frameBytes === total) assert.ok(assembly.capacity <= total, `${assembly.capacity} of ${total}`);
    assert.ok(
      assembly.capacity <= Math.max(announced, 2 * length),
      `${assembly.capacity} of ${announced} for ${length}`,
    );
  }
  return { assembly, buffers: buffers.size };
}

assembling('takes no more than is announced, nor than 64 KiB or four times what has come', () => {
  for (const [total, frame, piece] of [
    [5, 5, 2],
    [1000, 1000, 1],
    [64 * kib, 64 * kib, 100],
    [70 * kib, 70 * kib, 1000],
    [1024 * kib, 1024 * kib, 16 * kib],
    [1000 * kib + 7, 1000 * kib + 7, 1400],
    [300 * kib, 64, 64],
    [300 * kib, 100 * kib, 1000],
    [50 * kib, 1, 1],
  ] as const) {
    grow(total, frame, piece);
  }
});

assembling('copies a number of times that grows with the logarithm of its length (T1)', () => {
  assert.ok(grow(4096 * kib, 64, 64).buffers <= 18);
  assert.ok(grow(4096 * kib, 4096 * kib, 16 * kib).buffers <= 5);
});

assembling('announces of a large frame cost 64 KiB until it comes (T1)', () => {
  const assembly = new MessageAssembly();
  assembly.append(Buffer.of(1), 0, 1, 16 * 1024 * kib, true);
  assert.is(assembly.capacity, 64 * kib);
});

assembling('hands over its own memory, and a copy when half of it or more is empty', () => {
  const { assembly } = grow(1000 * kib, 1000 * kib, 16 * kib);
  const memory = assembly.buffer.buffer;
  const message = assembly.take();
  assert.is(message.buffer, memory);
  assert.is(message.length, 1000 * kib);
  assert.is(assembly.length, 0);
  assert.is(assembly.capacity, 0);

  const part = grow(800 * kib, 64 * kib, 64 * kib).assembly;
  assert.ok(part.capacity > part.length && part.capacity <= 2 * part.length);
  assert.is(part.buffer.buffer, part.take().buffer);

  assembly.append(Buffer.from('0123456789'), 0, 10, 10_000, false);
  const large = assembly.buffer.buffer;
  const small = assembly.take();
  assert.is(small.toString(), '0123456789');
  assert.is(small.buffer.byteLength, 10);
  assert.is.not(small.buffer, large);
});

assembling('copies pieces of any length from any place', () => {
  const source = Buffer.from(Array.from({ length: 400 }, (_, i) => i));
  const assembly = new MessageAssembly();
  const expected: Buffer[] = [];
  for (let size = 0; size < 200; size += 3) {
    assembly.append(source, size, 2 * size, 100 * size, false);
    expected.push(source.subarray(size, 2 * size));
  }
  assert.equal(assembly.take(), Buffer.concat(expected));
  assert.equal(copyOf(source, 3, 5), hex('0304'));
});

assembling('lends memory for what nobody takes, and has it back', () => {
  const source = Buffer.from(Array.from({ length: 5000 }, (_, i) => i));
  const lend = (announced: number): MessageAssembly => {
    const assembly = new MessageAssembly();
    assembly.append(source, 0, 3000, announced, true, true);
    assembly.append(source, 3000, 5000, announced, true, true);
    return assembly;
  };
  const first = lend(5000);
  const memory = first.buffer;
  const second = lend(60_000);
  assert.is.not(second.buffer, memory, 'two at once have each their own');
  assert.equal(first.buffer.subarray(0, 5000), source);
  // What is taken is a copy: the memory itself is never given away.
  const taken = first.take();
  assert.is(taken.length, taken.buffer.byteLength);
  assert.equal(taken, source);
  second.release();
  const third = lend(70_000);
  assert.is(third.capacity, 1088 * kib);
  third.release();
  assert.is(third.capacity, 0);
  assert.is(lend(2 * 1024 * kib).capacity, 64 * kib, 'what is too long has memory of its own');
  const many = Array.from({ length: 12 }, () => lend(5000));
  assert.is(new Set(many.map(({ buffer }) => buffer)).size, 12);
  assert.is(many.filter(({ capacity }) => capacity === 5000).length, 4, 'the others have memory of their own');
  for (const one of many) assert.equal(one.take(), source);
});

const silent = { chunk() {}, ping() {}, pong() {}, close() {}, violation() {} };

/** Lends memory to one message of `value`, which comes in pieces of 16 KiB, and forgets it; returns that memory. */
function pass(total: number, value: number): Buffer {
  const assembly = new MessageAssembly();
  const piece = Buffer.alloc(16 * kib, value);
  for (let length = 0; length < total; length += piece.length)
    assembly.append(piece, 0, Math.min(piece.length, total - length), total, true, true);
  const { buffer } = assembly;
  assert.ok(buffer.subarray(0, total).every((byte) => byte === value));
  assembly.release();
  return buffer;
}

assembling('puts long messages that nobody takes together in the same memory, one after the other', () => {
  const total = 3 * 1024 * kib;
  const first = pass(total, 1);
  assert.is(pass(total, 2), first);
  const shorter = pass(total - 5, 3);
  assert.is.not(shorter, first, 'more than is announced is not held');
  assert.is(pass(total, 4), first);
});

assembling(
  'leaves memory that is not lent alone when the message is forgotten, as it may be inflated then (RFC 7692 §7.2.2)',
  () => {
    const total = 2 * 1024 * kib + 7;
    const assembly = new MessageAssembly();
    for (let length = 0; length < total; length += kib * 512)
      assembly.append(Buffer.alloc(total), length, Math.min(total, length + kib * 512), total, true);
    const { buffer } = assembly;
    assembly.release();
    assert.is.not(pass(total, 1), buffer);
  },
);

assembling('never uses memory again that was handed over', () => {
  const total = 3 * 1024 * kib + 1;
  const take = (value: number, isLent: boolean): Buffer => {
    const assembly = new MessageAssembly();
    const piece = Buffer.alloc(total, value);
    for (let length = 0; length < total; length += 16 * kib)
      assembly.append(piece, length, Math.min(total, length + 16 * kib), total, true, isLent);
    return assembly.take();
  };
  const taken = [take(1, true), take(2, false), take(3, true), take(4, false)];
  pass(total, 5);
  assert.is(new Set(taken.map(({ buffer }) => buffer)).size, 4);
  for (const [index, message] of taken.entries()) assert.ok(message.every((byte) => byte === index + 1));
});

assembling('gives lent memory back when a connection is over in the middle of a message', () => {
  const half = hex('02fe 1000 00000000 6162');
  const hold = (): void => {
    const { protocol } = record('server');
    protocol.lending = true;
    protocol.receive(Buffer.from(half));
    assert.is(protocol.assembledBytes, 2);
    protocol.release();
    assert.is(protocol.assembledBytes, 0);
  };
  const before = new MessageAssembly();
  before.append(Buffer.of(1), 0, 1, 1, true, true);
  const memory = before.buffer;
  before.release();
  for (let round = 0; round < 20; round++) hold();
  const after = new MessageAssembly();
  after.append(Buffer.of(1), 0, 1, 1, true, true);
  assert.is(after.buffer, memory);
  after.release();
});
assembling('keeps what a handler looks at for it, though the connection ends within its call', () => {
  const length = 2 * 1024 * kib;
  const header = Buffer.from([0x02, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(length, 6);
  let looksAt: Buffer | undefined;
  const protocol = new Protocol({
    role: 'server',
    handler: {
      ...silent,
      message: (buffer, start, end) => {
        looksAt = buffer;
        assert.is(end - start, length + 1);
        protocol.release();
        for (let spare = takeSpare(1, 2 ** 30); spare !== undefined; spare = takeSpare(1, 2 ** 30))
          assert.is.not(spare, buffer);
      },
    },
  });
  protocol.lending = true;
  protocol.receive(Buffer.concat([header, Buffer.alloc(length)]));
  protocol.receive(hex('8081 00000000 00'));
  assert.ok(looksAt !== undefined);
  assert.is(protocol.assembledBytes, 0);
  assert.is(takeSpare(length, 2 ** 30), looksAt, 'and is for the next one afterwards');
});

assembling.run();

const limiting = suite('limits of a message (RFC 6455 §10.4)');

limiting('refuses the fragment whose header takes the sum over the limit, before it is held (T2)', () => {
  const bytes = hex('0203 616263 0003 646566 0003');
  const { error } = refuses('client', bytes, 'message-too-long', 1009, 12, { maxMessageBytes: 8 });
  assert.ok(error instanceof LimitExceededError);
  assert.equal([error.maximum, error.actual, error.unit], [8, 9, 'bytes']);
  assert.is(error.message, 'the message is at least 9 bytes long, at most 8 allowed (RFC 6455 §10.4)');
  const recording = record('client', { maxMessageBytes: 8 });
  recording.protocol.receive(bytes.subarray(0, 10));
  assert.is(recording.protocol.assembledBytes, 6);
  recording.protocol.receive(bytes.subarray(10));
  assert.is(recording.protocol.assembledBytes, 0, 'what was held is released');
});

limiting('refuses the 65th empty fragment of a message, and not the 64th (T1)', () => {
  const empty = Buffer.alloc(2 * 63);
  const at64 = Buffer.concat([hex('0200'), empty]);
  assert.equal(outcome('client', Buffer.concat([at64, hex('8001 61')])).lines, ['binary 61']);
  const { error } = refuses('client', Buffer.concat([at64, hex('8000')]), 'too-many-empty-fragments', 1008, 130);
  assert.ok(error instanceof LimitExceededError);
  assert.equal([error.limit, error.maximum, error.actual, error.unit], ['maxEmptyFragments', 64, 65, 'fragments']);
});

limiting('counts empty fragments anew in each message, and empty messages not at all', () => {
  const one = hex('0200 8000');
  assert.is(outcome('client', Buffer.concat(Array(5).fill(one)), { maxEmptyFragments: 2 }).lines.length, 5);
  assert.is(outcome('client', Buffer.alloc(100, hex('8200')), { maxEmptyFragments: 0 }).lines.length, 50);
  refuses('client', hex('0200 8000'), 'too-many-empty-fragments', 1008, 2, { maxEmptyFragments: 0 });
});

limiting('takes 4 MiB in 64-byte fragments by default, in memory as of one frame (T1)', () => {
  const encoder = new FrameEncoder('client');
  const total = 4096 * kib;
  const count = total / 64;
  const bytes = Buffer.alloc(count * encoder.frameSize(64) + encoder.frameSize(0));
  const data = Buffer.alloc(64, 'd');
  let offset = 0;
  for (let i = 0; i < count; i++) offset = encoder.writeFrame(bytes, offset, i === 0 ? 2 : 0, data);
  encoder.writeFrame(bytes, offset, 0x80, new Uint8Array(0));
  const recording = record('server');
  let taken: Buffer = Buffer.alloc(0);
  recording.after = () => {
    taken = recording.protocol.takeMessage();
  };
  for (let i = 0; i < bytes.length; i += 16384) recording.protocol.receive(bytes, i, Math.min(i + 16384, bytes.length));
  assert.is(taken.length, total);
  assert.ok(taken.equals(Buffer.alloc(total, 'd')));
  assert.ok(taken.buffer.byteLength <= 2 * total);
});

limiting('holds 1-byte fragments in memory in proportion to their bytes (T1)', () => {
  const recording = record('client');
  recording.protocol.receive(hex('0201 00'));
  const flood = Buffer.alloc(3 * 100_000);
  for (let i = 0; i < flood.length; i += 3) flood[i + 1] = 1;
  recording.protocol.receive(flood);
  assert.is(recording.protocol.assembledBytes, 100_001);
});
limiting.run();
