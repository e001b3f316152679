import { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { type DeflateOptions, encodeAnyFrame, longestAtOnce, Protocol, type Role } from '../../src/frame/index.js';
import { maxCompressedBytes } from '../../src/frame/limits.js';
import { suite } from '../support/suite.js';
import { exampleKey, hex, outcome, randomFrom, record, refuses, seed } from './kit.js';

const kib = 1024;
const mib = 1024 * kib;

const agreed: DeflateOptions = {
  ownContextTakeover: true,
  ownWindowBits: 15,
  peerContextTakeover: true,
  peerWindowBits: 15,
};

/** A frame of the server. */
function frame(payload: Uint8Array, opcode = 1, rsv = 4, fin = true): Buffer {
  return encodeAnyFrame({ opcode, rsv, payload, fin });
}

/** What the client is told by frames of the server, in every chunking. */
function told(text: string, deflate: DeflateOptions = agreed): string[] {
  return outcome('client', hex(text), undefined, deflate).lines;
}

/** Compresses as another implementation would: the whole stream of one message, its end left out. */
function deflated(data: Uint8Array, options: object = {}): Buffer {
  const whole = deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, ...options });
  assert.is(whole.subarray(-4).toString('hex'), '0000ffff');
  return whole.subarray(0, -4);
}

/** Text that compresses about as JSON does. */
function textOf(length: number, below: (limit: number) => number): Buffer {
  let text = '';
  while (text.length < length) text += `{"device":"gateway-${below(40)}","value":${below(9999)},"ok":true},`;
  return Buffer.from(text.slice(0, length));
}

function noise(length: number, below: (limit: number) => number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = below(256);
  return bytes;
}

/** Compresses at once or later, by the length, and returns the frame. */
async function compressedFrame(protocol: Protocol, data: Uint8Array, isText: boolean): Promise<Buffer> {
  const payload =
    data.length > longestAtOnce
      ? await new Promise<Buffer | undefined>((resolve) => protocol.compressLater(data, resolve))
      : protocol.compress(data);
  const target = Buffer.alloc(protocol.frameSize(payload?.length ?? data.length));
  if (payload === undefined) protocol.writeMessage(target, 0, data, isText);
  else protocol.writeCompressed(target, 0, payload, isText);
  return target;
}

/** Gives all bytes to an end, in chunks, and goes on when long messages have been inflated. */
async function give(
  recording: ReturnType<typeof record>,
  bytes: Buffer,
  chunk: () => number = () => bytes.length,
): Promise<void> {
  const { protocol } = recording;
  for (let start = 0; start < bytes.length; ) {
    const end = Math.min(bytes.length, start + chunk());
    let position = start;
    while (position < end || protocol.hasInflated) {
      position += protocol.receive(bytes, position, end);
      if (protocol.isInflating) {
        assert.is(protocol.receive(bytes, position, end), 0, 'nothing is consumed meanwhile');
        await new Promise<void>((resolve) => {
          recording.inflated = resolve;
        });
      }
    }
    start = end;
  }
}

/** One end that sends, and one that writes down what comes, with the same agreement. */
function ends(
  from: Role = 'server',
  own: Partial<DeflateOptions> = {},
): { sender: Protocol; receiver: ReturnType<typeof record> } {
  const options = { ...agreed, ...own };
  const mirrored = {
    ...agreed,
    peerContextTakeover: options.ownContextTakeover,
    peerWindowBits: options.ownWindowBits,
  };
  const sender = record(from, undefined, options).protocol;
  return { sender, receiver: record(from === 'server' ? 'client' : 'server', undefined, mirrored) };
}

const examples = suite('examples of compressed messages (RFC 7692 §7.2.3)');

examples('inflates each form of DEFLATE blocks', () => {
  for (const [what, text] of [
    ['one block', 'c107 f248cdc9c90700'],
    ['one block in two fragments', '4103 f248cd 8004 c9c90700'],
    ['a stored block', 'c10b 000500faff48656c6c6f00'],
    ['a final block', 'c108 f348cdc9c9070000'],
    ['two blocks', 'c10d f248050000 00ffffcac9c90700'],
    ['an empty block at the end', 'c10c f248cdc9c907000000ffff00'],
    ['a ping between fragments', '4103 f248cd 8901 70 8004 c9c90700'],
    ['fragments of a byte and of none', '4100 0001 f2 0001 48 0000 0005 cdc9c90700 8000'],
  ] as const) {
    assert.equal(
      told(text).filter((line) => line !== 'ping p'),
      ['text Hello'],
      what,
    );
  }
});

examples('looks back to the message before, if that was agreed on', () => {
  const twice = 'c107 f248cdc9c90700 c105 f200110000';
  assert.equal(told(twice), ['text Hello', 'text Hello']);
  assert.equal(told(twice, { ...agreed, peerContextTakeover: false }), [
    'text Hello',
    'violation compressed-data-invalid 1007',
  ]);
  assert.equal(told('c108 f348cdc9c9070000 c105 f200110000'), ['text Hello', 'text Hello']);
});

examples('inflates an empty message, and empty blocks', () => {
  assert.equal(told('c101 00'), ['text ']);
  assert.equal(told('c201 00 c107 f248cdc9c90700'), ['binary ', 'text Hello']);
  // An empty stored block, whose end was not left out, and one that is final.
  assert.equal(told('c106 000000ffff00'), ['text ']);
  assert.equal(told('c103 030000'), ['text ']);
  // Without a byte there is no block that what is put behind could end.
  assert.equal(told('c100'), ['violation compressed-data-invalid 1007']);
});

examples('goes on behind a final block, with what came before it', () => {
  // "Hello" in a final block, then a copy of those five bytes.
  assert.equal(told('c10c f348cdc9c90700 f200110000'), ['text HelloHello']);
  assert.equal(told('c10c f348cdc9c90700 f200110000', { ...agreed, peerContextTakeover: false }), ['text HelloHello']);
});

examples('does not look back to a message with a final block, unless the context is taken over', () => {
  const both = 'c10c f348cdc9c90700 f200110000 c105 f200110000';
  assert.equal(told(both), ['text HelloHello', 'text Hello']);
  const violation = 'violation compressed-data-invalid 1007';
  assert.equal(told(both, { ...agreed, peerContextTakeover: false }), ['text HelloHello', violation]);
});

examples('does not look back to a message that came uncompressed', () => {
  const { lines } = outcome('client', hex('8105 48656c6c6f c105 f200110000'), undefined, agreed);
  assert.equal(lines, ['text Hello', 'violation compressed-data-invalid 1007']);
});

examples('refuses more than 64 final blocks in a message', () => {
  const final = (count: number): Buffer => Buffer.from(`${'0300'.repeat(count)}00`, 'hex');
  const receiver = record('client', undefined, agreed);
  receiver.protocol.receive(frame(final(64)));
  receiver.protocol.receive(frame(final(65)));
  assert.equal(receiver.lines, ['text ', 'violation too-many-final-blocks 1008']);
});
examples.run();

const bits = suite('RSV1 (RFC 7692 §6)');

bits('is refused where it means nothing, after 1 byte', () => {
  for (const [text, took, deflate] of [
    ['c100', 1, undefined],
    ['c980', 1, agreed],
    ['c880', 1, agreed],
    ['ca80', 1, agreed],
    ['4100 c0', 3, agreed],
    ['0100 c0', 3, agreed],
    ['c0', 1, agreed],
    ['c3', 1, agreed],
    ['e1', 1, agreed],
    ['d1', 1, agreed],
  ] as const) {
    refuses('client', hex(text), 'reserved-bits-set', 1002, took, undefined, deflate);
  }
});

bits('does not excuse what is wrong beside it', () => {
  refuses('client', hex('4100 c1'), 'continuation-expected', 1002, 3, undefined, agreed);
  refuses('server', hex('c101'), 'frame-not-masked', 1002, 2, undefined, agreed);
});

bits('is of a message, and not of those behind it', () => {
  assert.equal(told('c107 f248cdc9c90700 8105 48656c6c6f 0101 61 8001 62 c107 f248cdc9c90700'), [
    'text Hello',
    'text Hello',
    'text ab',
    'text Hello',
  ]);
});
bits.run();

const judged = suite('compressed messages that are refused (RFC 7692 §7.2.2)');

judged('are those that end within a block', () => {
  const whole = deflated(textOf(300, randomFrom(1)), { level: 9 });
  for (let end = 0; end < whole.length; end++) {
    const receiver = record('client', undefined, agreed);
    receiver.protocol.receive(frame(whole.subarray(0, end)));
    assert.equal(receiver.lines, ['violation compressed-data-invalid 1007'], `${end} of ${whole.length} bytes`);
    assert.is(receiver.protocol.state, 'failed');
  }
});

judged('tell the byte with which the message ended', () => {
  refuses('client', hex('c103 f248cd'), 'compressed-data-invalid', 1007, 5, undefined, agreed);
  refuses('client', hex('4103 f248cd 8900 8001 ff'), 'compressed-data-invalid', 1007, 10, undefined, agreed);
});

judged('are texts that are not UTF-8 once they are inflated', () => {
  for (const [bytes, words] of [
    ['61ff62', /is not UTF-8 at byte 0xff/],
    ['61c3', /ends within a code point/],
  ] as const) {
    const payload = deflated(hex(bytes));
    const { error } = refuses('client', frame(payload), 'text-not-utf8', 1007, payload.length + 2, undefined, agreed);
    assert.match(error!.message, words);
    assert.equal(outcome('client', frame(payload, 2), undefined, agreed).lines, [`binary ${bytes}`]);
  }
  // Compressed bytes are no text: 0xf2 0x48 would not be UTF-8.
  assert.equal(told('4101 f2 8006 48cdc9c90700'), ['text Hello']);
  // A code point may be split between fragments, and between DEFLATE blocks.
  const parts = ['61c3', 'bc62'].map((part) => deflateRawSync(hex(part), { finishFlush: constants.Z_SYNC_FLUSH }));
  assert.equal(outcome('client', frame(Buffer.concat([...parts, hex('00')])), undefined, agreed).lines, ['text aüb']);
});

judged(`never throw, whatever bits are wrong (seed ${seed})`, async () => {
  const below = randomFrom();
  let violations = 0;
  for (let run = 0; run < 400; run++) {
    const receiver = record('client', { maxMessageBytes: 64 * kib }, agreed);
    const bytes = Buffer.concat([1, 2, 3].map(() => frame(deflated(textOf(below(3000), below)))));
    for (let flips = below(4); flips >= 0; flips--) bytes[below(bytes.length)]! ^= 1 << below(8);
    await give(receiver, bytes, () => 1 + below(600));
    assert.ok(receiver.lines.length <= 4);
    if (receiver.error === undefined) continue;
    violations++;
    assert.is(receiver.lines.filter((line) => line.startsWith('violation')).length, 1);
  }
  assert.ok(violations > 20, `${violations}`);
});
judged.run();

/** A message of `megabytes` MiB of zeros, in some thousandth of that. */
function bomb(megabytes: number, options: object = {}): Buffer {
  const block = deflateRawSync(Buffer.alloc(mib), { finishFlush: constants.Z_SYNC_FLUSH, ...options });
  return Buffer.concat([...Array<Buffer>(megabytes).fill(block), Buffer.of(0)]);
}

const limits = suite('limits of compressed messages (RFC 6455 §10.4)');

limits('refuse 1 GiB in 1 MiB while it is inflated, and hold no more than the limit (T4)', async () => {
  for (const before of [[], [frame(deflated(Buffer.alloc(40 * kib)), 2)]]) {
    const receiver = record('client', undefined, agreed);
    const bytes = Buffer.concat([...before, frame(bomb(1024), 2)]);
    let most = 0;
    const held = (): number => process.memoryUsage().arrayBuffers;
    const start = held();
    const watch = setInterval(() => {
      most = Math.max(most, held() - start);
    });
    await give(receiver, bytes);
    clearInterval(watch);
    assert.is(receiver.lines.length, before.length + 1);
    assert.is(receiver.lines.at(-1), 'violation message-too-long 1009');
    // The limit, the message as it came, and some steps of zlib that are garbage.
    assert.ok(most < 16 * mib + 4 * mib, `${most} bytes`);
  }
});

limits('count what comes out, to the byte', async () => {
  const below = randomFrom(3);
  for (const maximum of [0, 1, 100, 5000, 128 * kib, 300 * kib]) {
    for (const length of [maximum, maximum + 1]) {
      for (const payload of [
        length === 0 ? Buffer.of(0) : deflated(Buffer.alloc(length, 'a')),
        // As long as it gets: stored, in blocks of 1 KiB.
        Buffer.concat([
          ...Array.from({ length: Math.ceil(length / kib) }, (_, i) =>
            deflateRawSync(noise(Math.min(kib, length - i * kib), below), {
              level: 0,
              finishFlush: constants.Z_SYNC_FLUSH,
            }),
          ),
          Buffer.of(0),
        ]),
        Buffer.concat([deflateRawSync(Buffer.alloc(length, 'a')), Buffer.of(0)]),
      ]) {
        const receiver = record('client', { maxMessageBytes: maximum }, agreed);
        await give(receiver, frame(payload, 2));
        const expected = length > maximum ? 'violation message-too-long 1009' : 'binary ';
        assert.ok(
          receiver.lines[0]?.startsWith(expected),
          `${length} of ${maximum}: ${receiver.lines[0]?.slice(0, 50)}`,
        );
        if (length <= maximum) assert.is(receiver.lines[0]!.length, 'binary '.length + 2 * length);
      }
    }
  }
});

limits('let through what a poor compressor makes of a message of exactly the limit', async () => {
  const below = randomFrom(4);
  for (const memLevel of [1, 9]) {
    for (const strategy of [constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_DEFAULT_STRATEGY]) {
      for (const maximum of [1, 1000, 200 * kib]) {
        // With fixed codes, bytes above 143 take nine bits.
        const bytes = noise(maximum, below).map((byte) => byte | 0x90);
        const payload = deflated(bytes, { memLevel, strategy });
        assert.ok(payload.length <= maxCompressedBytes(maximum));
        const receiver = record('client', { maxMessageBytes: maximum }, agreed);
        await give(receiver, frame(payload, 2));
        assert.is(receiver.lines[0], `binary ${Buffer.from(bytes).toString('hex')}`);
      }
    }
  }
});

limits('refuse what is announced, streamed or not, when no message of the limit takes it', () => {
  const most = maxCompressedBytes(1000);
  for (const streaming of [false, true]) {
    const announce = (length: number): string[] => {
      const receiver = record('client', { maxMessageBytes: 1000 }, agreed);
      receiver.protocol.streaming = streaming;
      receiver.protocol.receive(encodeAnyFrame({ opcode: 2, rsv: 4, announcedLength: length }));
      return receiver.lines;
    };
    assert.equal(announce(most), []);
    assert.equal(announce(most + 1), ['violation message-too-long 1009']);
  }
});

limits('hold what has come of a compressed message, and what was announced of it at most', () => {
  const receiver = record('client', undefined, agreed);
  const bytes = frame(Buffer.alloc(1000), 2);
  receiver.protocol.receive(bytes, 0, 504);
  assert.is(receiver.protocol.assembledBytes, 500);
});
limits.run();

const handing = suite('handing over of inflated messages (RFC 7692 §6.2)');

handing('gives memory of which at least half is the message', async () => {
  for (const length of [1, 100, 1000, 3000, 5000, 20_000, 70_000, 200_000, 300_000]) {
    let taken: Buffer | undefined;
    let ready = (): void => {};
    const protocol: Protocol = new Protocol({
      role: 'client',
      deflate: agreed,
      handler: {
        message: () => {
          taken = protocol.takeMessage();
          assert.throws(() => protocol.takeMessage(), /can be taken once/);
        },
        chunk() {},
        ping() {},
        pong() {},
        close() {},
        violation: (error) => assert.unreachable(error.message),
        inflated: () => ready(),
      },
    });
    const data = textOf(length, randomFrom(length));
    const bytes = frame(deflated(data), 2);
    assert.is(protocol.receive(bytes), bytes.length);
    if (protocol.isInflating) {
      await new Promise<void>((resolve) => {
        ready = resolve;
      });
      protocol.receive(Buffer.alloc(0));
    }
    assert.equal(taken, data);
    assert.ok(taken!.buffer.byteLength <= 2 * length, `${taken!.buffer.byteLength} for ${length}`);
  }
});

handing(
  'inflates a long message elsewhere, consumes nothing meanwhile, and hands it over when it is asked to go on',
  async () => {
    const receiver = record('client', undefined, agreed);
    const { protocol } = receiver;
    const first = frame(deflated(Buffer.alloc(300 * kib, 'a')));
    const bytes = Buffer.concat([first, hex('8101 62')]);
    assert.is(protocol.receive(bytes), first.length);
    assert.is(protocol.isInflating, true);
    protocol.resume();
    assert.is(protocol.receive(bytes, first.length), 0);
    assert.is(protocol.hasInflated, false);
    await new Promise<void>((resolve) => {
      receiver.inflated = resolve;
    });
    assert.is(protocol.isInflating, false);
    assert.is(protocol.hasInflated, true);
    assert.equal(receiver.lines, [], 'nothing is handed over out of a receive()');
    protocol.pause();
    assert.is(protocol.receive(bytes, first.length), 0);
    assert.equal(receiver.lines, [], 'nothing is handed over while it is paused');
    protocol.resume();
    receiver.after = () => protocol.pause();
    assert.is(protocol.receive(bytes, first.length), 0, 'paused by the message');
    assert.equal(receiver.lines, [`text ${'a'.repeat(300 * kib)}`]);
    protocol.resume();
    assert.is(protocol.receive(bytes, first.length), 3);
    assert.is(receiver.lines[1], 'text b');
  },
);

handing('refuses a long message when it is asked to go on, with the place where it ended', async () => {
  for (const [payload, code] of [
    [bomb(1).subarray(0, -8), 'compressed-data-invalid'],
    [deflated(Buffer.alloc(300 * kib, 0xff)), 'text-not-utf8'],
    [bomb(20), 'message-too-long'],
  ] as const) {
    const receiver = record('client', undefined, agreed);
    const bytes = frame(payload);
    const { protocol } = receiver;
    await give(receiver, Buffer.concat([bytes, hex('8101 62')]));
    assert.is(receiver.lines.length, 1);
    assert.match(receiver.lines[0]!, code);
    assert.is(protocol.state, 'failed');
    if ('offset' in receiver.error!) assert.is(receiver.error.offset, bytes.length);
  }
});

handing('hands over after our close frame too', async () => {
  const receiver = record('client', undefined, agreed);
  receiver.protocol.receive(frame(deflated(Buffer.alloc(300 * kib, 'a'))));
  receiver.protocol.writeClose(Buffer.alloc(10), 0, 1000);
  await new Promise<void>((resolve) => {
    receiver.inflated = resolve;
  });
  receiver.protocol.receive(hex('8800'));
  assert.is(receiver.lines.length, 2);
  assert.is(receiver.lines[1], 'close 1005 ');
  assert.is(receiver.protocol.state, 'closed');
});

handing('gives a streamed message as one chunk', async () => {
  const receiver = record('client', undefined, agreed);
  receiver.protocol.streaming = true;
  const long = Buffer.alloc(300 * kib, 'a');
  await give(
    receiver,
    Buffer.concat([hex('4103 f248cd 8900 8004 c9c90700 8101 62 c101 00'), frame(deflated(long))]),
    () => 5000,
  );
  assert.equal(receiver.lines, [
    'ping ',
    'last chunk text Hello',
    'last chunk text b',
    'last chunk text ',
    `last chunk text ${long}`,
  ]);
});

handing('goes on behind long final blocks', async () => {
  for (const length of [200 * kib, 2 * mib]) {
    const part = textOf(length, randomFrom(7));
    const payload = Buffer.concat([deflateRawSync(part), deflateRawSync(part), Buffer.of(0)]);
    const receiver = record('client', undefined, { ...agreed, peerContextTakeover: false });
    await give(receiver, frame(payload));
    assert.is(receiver.lines.length, 1);
    assert.ok(receiver.lines[0] === `text ${part}${part}`);
  }
});
handing.run();

const compressing = suite('compressing (RFC 7692 §7.2.1)');

compressing('makes the examples of the RFC', () => {
  const { protocol } = record('server', undefined, { ...agreed, level: 6 });
  const target = Buffer.alloc(20);
  // Five bytes are not worth it; as a fragment they are compressed all the same.
  assert.is(protocol.compress(Buffer.from('Hello')), undefined);
  assert.is(protocol.compressFragment(Buffer.from('Hello'), true, true).toString('hex'), 'f248cdc9c90700');
  assert.is(protocol.compressFragment(Buffer.from('Hello'), true, true).toString('hex'), 'f200110000');
  const payload = hex('f248cdc9c90700');
  assert.is(protocol.writeCompressed(target, 0, payload, true), 9);
  assert.is(target.toString('hex', 0, 9), 'c107f248cdc9c90700');
  assert.is(protocol.writeCompressed(target, 0, payload, false), 9);
  assert.is(target[0], 0xc2);
});

compressing('leaves what does not get smaller as it is, and out of the window', async () => {
  const below = randomFrom(9);
  const { sender, receiver } = ends();
  const random = noise(2000, below);
  const text = textOf(2000, below);
  for (const data of [random, random, text, random, text, noise(40_000, below), text, Buffer.alloc(0)]) {
    await give(receiver, await compressedFrame(sender, data, false));
    assert.is(receiver.lines.at(-1), `binary ${data.toString('hex')}`);
  }
  assert.is(sender.compress(random), undefined, 'it was not seen before');
  assert.ok(sender.compress(text)!.length < 100, 'it was');
});

compressing('finds the message before, if it was about as long', async () => {
  for (const length of [500, 3000, 16_000, 25_000]) {
    const { sender } = ends();
    const data = noise(length, randomFrom(length));
    for (let i = 0; i < length; i += 4) data[i] = 0;
    const first = await compressedFrame(sender, data, false);
    const second = await compressedFrame(sender, data, false);
    assert.ok(second.length < first.length / 10 + 20, `${second.length} after ${first.length}`);
  }
});

compressing('looks at nothing before, without context takeover', async () => {
  const { sender, receiver } = ends('server', { ownContextTakeover: false });
  const data = textOf(2000, randomFrom(11));
  const first = await compressedFrame(sender, data, true);
  assert.equal(await compressedFrame(sender, data, true), first);
  await give(receiver, Buffer.concat([first, first]));
  assert.equal(receiver.lines, [`text ${data}`, `text ${data}`]);
});

compressing('compresses fragments as one stream that ends in an empty fragment', async () => {
  for (const ownContextTakeover of [true, false]) {
    const { sender, receiver } = ends('client', { ownContextTakeover });
    const below = randomFrom(12);
    const parts = [textOf(700, below), noise(500, below), Buffer.from('ü').subarray(0, 1), Buffer.alloc(0)];
    for (let round = 0; round < 2; round++) {
      const frames: Buffer[] = [];
      const write = (data: Uint8Array, isFirst: boolean, isLast: boolean): void => {
        const payload = sender.compressFragment(data, isFirst, isLast);
        const target = Buffer.alloc(sender.frameSize(payload.length));
        sender.writeFragment(target, 0, payload, false, isFirst, isLast, true);
        frames.push(target);
      };
      for (const [i, part] of parts.entries()) write(part, i === 0, false);
      assert.ok(frames[0]![0] === 0x42 && frames[1]![0] === 0x00, 'RSV1 is in the first alone');
      // Every other message ends with a fragment that holds something.
      write(round === 0 ? Buffer.alloc(0) : Buffer.from('end'), false, true);
      if (round === 0) assert.is(frames.at(-1)!.length, sender.frameSize(1));
      await give(receiver, Buffer.concat(frames), () => 100);
      const whole = Buffer.concat([...parts, Buffer.from(round === 0 ? '' : 'end')]);
      assert.is(receiver.lines.at(-1), `binary ${whole.toString('hex')}`);
    }
    assert.is(receiver.lines.length, 2);
  }
});

compressing('is refused where it would break the stream, or was not agreed on', async () => {
  const { protocol } = record('server', undefined, agreed);
  const data = Buffer.alloc(1000);
  assert.is(protocol.canCompress, true);
  const done = new Promise<Buffer | undefined>((resolve) => protocol.compressLater(data, resolve));
  for (const call of [
    () => protocol.compress(data),
    () => protocol.compressLater(data, () => {}),
    () => protocol.compressFragment(data, true, false),
  ]) {
    assert.throws(call, (error: { code: string }) => error.code === 'compression-under-way');
  }
  assert.ok((await done)!.length < 20);
  protocol.compress(data);

  const plain = record('server').protocol;
  assert.is(plain.canCompress, false);
  assert.throws(
    () => plain.compress(data),
    (error: { code: string }) => error.code === 'compression-not-agreed',
  );
});

compressing('refuses options that zlib would refuse later', () => {
  for (const wrong of [
    { ownWindowBits: 7 },
    { ownWindowBits: 16 },
    { peerWindowBits: 7 },
    { peerWindowBits: Number.NaN },
    { level: -1 },
    { level: 10 },
  ]) {
    assert.throws(
      () => record('server', undefined, { ...agreed, ...wrong }),
      (error: { code: string; option: string }) =>
        error.code === 'deflate-option-invalid' && error.option === Object.keys(wrong)[0],
    );
  }
});

compressing(`survives any mixture of messages, at every window size, each way (seed ${seed})`, async () => {
  const below = randomFrom();
  for (const from of ['server', 'client'] as const) {
    for (const ownContextTakeover of [true, false]) {
      for (let ownWindowBits = 8; ownWindowBits <= 15; ownWindowBits++) {
        const level = 1 + below(9);
        const { sender, receiver } = ends(from, { ownContextTakeover, ownWindowBits, level });
        for (let i = 0; i < 12; i++) {
          const length = below(10) === 0 ? below(300_000) : below(6000);
          const data = below(6) === 0 ? noise(length, below) : textOf(length, below);
          const isText = below(2) === 0 && data.every((byte) => byte < 0x80);
          const bytes = await compressedFrame(sender, data, isText);
          const step = 1 + below(bytes.length);
          await give(receiver, bytes, () => step);
          const expected = isText ? `text ${data}` : `binary ${data.toString('hex')}`;
          assert.ok(receiver.lines[i] === expected, `message ${i}, ${ownWindowBits} bits`);
        }
      }
    }
  }
});
compressing.run();

const windows = suite('window sizes (RFC 7692 §7.1.2)');

windows(`of 8 bits are kept by zlib with 9, also with a dictionary (T6; seed ${seed})`, () => {
  const below = randomFrom();
  for (let run = 0; run < 3000; run++) {
    // Repetitions at every distance around the window's end.
    const period = 1 + below(300);
    const data = Buffer.alloc(below(2000));
    for (let i = 0; i < data.length; i++) {
      data[i] = i >= period && below(40) > 0 ? data[i - period]! : 97 + below(8);
    }
    const cut = below(data.length + 1);
    const { sender, receiver } = ends('server', { ownWindowBits: 8, level: 1 + below(9) });
    for (const part of [data.subarray(0, cut), data.subarray(cut)]) {
      const payload = sender.compressFragment(part, true, true);
      // The receiver has a window of 256 bytes and nothing more: a distance over it is invalid data.
      receiver.protocol.receive(frame(payload, 2));
      assert.ok(receiver.lines.at(-1) === `binary ${part.toString('hex')}`, `run ${run}, period ${period}, cut ${cut}`);
    }
  }
});

windows('are not exceeded: what a larger one looks back to is invalid', () => {
  const data = noise(2000, randomFrom(13));
  for (let bits = 9; bits < 15; bits++) {
    const far = Buffer.concat([data.subarray(0, 100), noise(2 ** bits, randomFrom(100 + bits)), data.subarray(0, 100)]);
    const payload = deflated(far, { level: 9 });
    const lines = (peerWindowBits: number): string => {
      const receiver = record('client', undefined, { ...agreed, peerWindowBits });
      const before = deflated(far.subarray(0, -100), { level: 9 });
      receiver.protocol.receive(frame(before, 2));
      receiver.protocol.receive(
        frame(deflated(data.subarray(0, 100), { level: 9, dictionary: far.subarray(0, -100).subarray(-32768) }), 2),
      );
      return receiver.lines.at(-1)!;
    };
    assert.ok(payload.length < far.length);
    assert.is(lines(15), `binary ${data.toString('hex', 0, 100)}`);
    assert.is(lines(bits), 'violation compressed-data-invalid 1007');
  }
});
windows.run();

const masked = suite('compressed messages of a client (RFC 7692 §6.1)');

masked('are masked after they are compressed', () => {
  const bytes = encodeAnyFrame({ opcode: 1, rsv: 4, payload: hex('f248cdc9c90700'), maskingKey: exampleKey });
  assert.equal(outcome('server', bytes, undefined, agreed).lines, ['text Hello']);
});
masked.run();
