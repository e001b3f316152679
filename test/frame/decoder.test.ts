import * as assert from 'uvu/assert';
import { type AnyFrame, encodeAnyFrame, FrameDecoder, mask, type Role } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { exampleKey, hex, LimitExceededError, outcome, randomFrom, record, refuses, seed } from './kit.js';

const decoding = suite('decoding of frames (RFC 6455 §5.2, §5.7)');

/** A frame as a client sends it. */
function masked(frame: AnyFrame): Buffer {
  return encodeAnyFrame({ maskingKey: exampleKey, ...frame });
}

const vectors: ReadonlyArray<readonly [string, Role, string, readonly string[]]> = [
  ['an unmasked text', 'client', '8105 48656c6c6f', ['text Hello']],
  ['a masked text', 'server', '8185 37fa213d 7f9f4d5158', ['text Hello']],
  ['a fragmented text', 'client', '0103 48656c 8002 6c6f', ['text Hello']],
  ['a ping and its pong', 'client', '8905 48656c6c6f 8a05 48656c6c6f', ['ping Hello', 'pong Hello']],
  ['a masked pong', 'server', '8a85 37fa213d 7f9f4d5158', ['pong Hello']],
  ['empty messages', 'client', '8100 8200', ['text ', 'binary ']],
  ['empty masked messages', 'server', '8180 01020304 8280 01020304', ['text ', 'binary ']],
  ['a ping within a message', 'client', '0101 61 8901 70 0001 62 8a00 8001 63', ['ping p', 'pong ', 'text abc']],
  ['empty fragments', 'client', '0200 0000 0001 ff 8000', ['binary ff']],
  ['fragments of which only the last has data', 'client', '0100 8002 6162', ['text ab']],
  ['a close without body', 'client', '8800', ['close 1005 ']],
  ['a close with a code', 'client', '8802 03e8', ['close 1000 ']],
  ['a masked close with a reason', 'server', '8885 37fa213d 3412434452', ['close 1000 bye']],
  [
    'a message, and a close in the middle of the next',
    'client',
    '8101 61 0101 62 8802 03e9 8001 63',
    ['text a', 'close 1001 '],
  ],
];
for (const [name, role, text, lines] of vectors) {
  decoding(`reads ${name} whole, byte by byte and in any two parts`, () => {
    assert.equal(outcome(role, hex(text)).lines, [...lines]);
  });
}

decoding('reads every length around the boundaries of its three forms', () => {
  for (const length of [0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537]) {
    const payload = Buffer.alloc(length, 'x');
    for (const role of ['client', 'server'] as const) {
      const frame = encodeAnyFrame({ opcode: 1, payload, ...(role === 'server' ? { maskingKey: exampleKey } : {}) });
      for (const chunk of [frame.length, 1000, 7]) {
        const recording = record(role);
        const bytes = Buffer.from(frame);
        for (let i = 0; i < bytes.length; i += chunk)
          recording.protocol.receive(bytes, i, Math.min(i + chunk, bytes.length));
        assert.is(recording.lines.length, 1, `${length} in chunks of ${chunk}`);
        assert.is(recording.lines[0], `text ${payload}`);
      }
    }
  }
});

decoding('asks for more at every strict prefix of a valid header', () => {
  for (const length of [0, 125, 126, 65535, 65536]) {
    const frame = masked({ opcode: 2, payload: Buffer.alloc(length) });
    const headerSize = frame.length - length;
    for (let prefix = 0; prefix < headerSize; prefix++) {
      const recording = record('server');
      assert.is(recording.protocol.receive(Buffer.from(frame.subarray(0, prefix))), prefix);
      assert.equal(recording.lines, []);
      recording.protocol.receive(Buffer.from(frame.subarray(prefix)));
      assert.is(recording.lines.length, 1);
    }
  }
});

decoding('has the same verdict on every first byte, within a message and not', () => {
  for (const inside of [false, true]) {
    for (let first = 0; first < 256; first++) {
      const opcode = first & 15;
      const isFinal = first >= 128;
      const code =
        (first & 0x70) !== 0
          ? 'reserved-bits-set'
          : (opcode > 2 && opcode < 8) || opcode > 10
            ? 'reserved-opcode'
            : opcode >= 8
              ? isFinal || 'control-frame-fragmented'
              : opcode === 0
                ? inside || 'continuation-unexpected'
                : !inside || 'continuation-expected';
      const before = inside ? hex('0100') : hex('');
      const bytes = Buffer.concat([before, Buffer.of(first, 0)]);
      if (code === true) assert.is(outcome('client', bytes).error, undefined, `first byte ${first}`);
      else refuses('client', bytes, code, 1002, before.length + 1);
    }
  }
});
decoding.run();

const refusing = suite('refusals of frames (RFC 6455 §5.1, §5.2, §5.4, §5.5)');

const big = 'ff'.repeat(8);
/** Role, bytes, code, close code, bytes it takes. */
const refusals: ReadonlyArray<readonly [string, Role, string, string, number, number]> = [
  ['RSV1 after 1 byte', 'client', 'c100', 'reserved-bits-set', 1002, 1],
  ['RSV2 and RSV3 after 1 byte', 'server', 'b180', 'reserved-bits-set', 1002, 1],
  ['RSV1 on a ping after 1 byte', 'server', 'c980', 'reserved-bits-set', 1002, 1],
  ['opcode 3 after 1 byte', 'client', '8300', 'reserved-opcode', 1002, 1],
  ['opcode 11 after 1 byte', 'client', '8b00', 'reserved-opcode', 1002, 1],
  ['RSV1 rather than the reserved opcode with it', 'client', 'c300', 'reserved-bits-set', 1002, 1],
  ['a fragmented ping after 1 byte (T9)', 'client', '0900', 'control-frame-fragmented', 1002, 1],
  ['a fragmented close after 1 byte (T9)', 'server', '0880', 'control-frame-fragmented', 1002, 1],
  ['a continuation of nothing after 1 byte', 'client', '8000', 'continuation-unexpected', 1002, 1],
  ['a continuation after a whole message', 'client', '8100 0000', 'continuation-unexpected', 1002, 3],
  ['a new message within another', 'client', '0101 61 8101 62', 'continuation-expected', 1002, 4],
  ['an empty unmasked client frame after 2 bytes (T8)', 'server', '8100', 'frame-not-masked', 1002, 2],
  ['an unmasked client frame after 2 bytes (T8)', 'server', '8105 48656c6c6f', 'frame-not-masked', 1002, 2],
  ['a masked server frame after 2 bytes (T8)', 'client', '8185 37fa213d 7f9f4d5158', 'frame-masked', 1002, 2],
  ['an unmasked ping of 126 bytes for its mask bit', 'server', '897e', 'frame-not-masked', 1002, 2],
  [
    'a ping announcing more than 125 bytes after 2 bytes (T9)',
    'client',
    '897e 03e8',
    'control-frame-too-long',
    1002,
    2,
  ],
  ['a close announcing more than 125 bytes after 2 bytes (T9)', 'server', '88ff', 'control-frame-too-long', 1002, 2],
  ['a close body of 1 byte after 2 bytes (T12)', 'client', '8801 03', 'close-payload-too-short', 1002, 2],
  ['5 bytes announced in 16 bits (T10)', 'client', '827e 0005', 'length-not-minimal', 1002, 4],
  ['125 bytes announced in 16 bits (T10)', 'client', '827e 007d', 'length-not-minimal', 1002, 4],
  ['5 bytes announced in 64 bits (T10)', 'client', '827f 0000000000000005', 'length-not-minimal', 1002, 8],
  ['65,535 bytes announced in 64 bits (T10)', 'client', '827f 000000000000ffff', 'length-not-minimal', 1002, 8],
  ['2^63 bytes at the byte of the top bit (T3)', 'client', '827f 8000000000000000', 'length-too-large', 1002, 3],
  ['2^64-1 bytes at the byte of the top bit (T3)', 'server', `82ff ${big}`, 'length-too-large', 1002, 3],
  ['2^56 bytes at the first byte of the length (T3)', 'client', '827f 0100000000000000', 'message-too-long', 1009, 3],
  ['2^53 bytes at the byte that implies them (T3)', 'client', '827f 0020000000000000', 'message-too-long', 1009, 4],
  ['2^32+1 bytes at the byte that implies them (T3)', 'server', '82ff 0000000100000001', 'message-too-long', 1009, 6],
];
for (const [name, role, text, code, closeCode, took] of refusals) {
  refusing(`refuses ${name}`, () => {
    refuses(role, hex(text), code, closeCode, took);
  });
}

refusing('refuses a length over the limit as soon as its bytes imply it', () => {
  const at = (text: string, took: number, maxMessageBytes: number): void => {
    const { error } = refuses('client', hex(text), 'message-too-long', 1009, took, { maxMessageBytes });
    assert.ok(error instanceof LimitExceededError);
    assert.is(error.limit, 'maxMessageBytes');
    assert.is(error.maximum, maxMessageBytes);
    assert.ok(error.actual > maxMessageBytes);
  };
  at('8205 0000000000', 2, 4);
  at('827e 0100', 3, 255);
  at('827e 0101', 4, 256);
  at('827f 0000000000010000', 8, 65535);
  at('827f 0000000000010001', 10, 65536);
  at('0203 616263 0003', 7, 5);
  at('0203 616263 807e 0100', 8, 258);
});

refusing('takes a message of exactly the limit', () => {
  assert.is(outcome('client', hex('8204 61626364'), { maxMessageBytes: 4 }).lines[0], 'binary 61626364');
  assert.is(outcome('client', hex('0202 6162 8002 6364'), { maxMessageBytes: 4 }).lines[0], 'binary 61626364');
  assert.is(outcome('client', hex('8200'), { maxMessageBytes: 0 }).lines[0], 'binary ');
});

refusing('takes a control frame of 125 bytes (T9)', () => {
  const payload = Buffer.alloc(125, 'p');
  assert.equal(outcome('server', masked({ opcode: 9, payload })).lines, [`ping ${payload}`]);
});

refusing('writes the values and the section into its messages', () => {
  const message = (role: Role, text: string): string | undefined => outcome(role, hex(text)).error?.message;
  assert.is(message('client', '897e'), 'ping announces more than 125 bytes, at most 125 allowed (RFC 6455 §5.5)');
  assert.is(message('client', 'c100'), 'RSV1 is set, but no extension defines that (RFC 6455 §5.2)');
  assert.is(message('client', 'f100'), 'RSV1 and RSV2 and RSV3 are set, but no extension defines that (RFC 6455 §5.2)');
  assert.is(message('server', '8100'), 'text from the client is not masked (RFC 6455 §5.1)');
  assert.is(message('client', '827e0005'), 'binary announces 5 bytes in 16 bits (RFC 6455 §5.2)');
});
refusing.run();

const chunking = suite('chunkings (RFC 6455 §5.4)');

/** What a peer with little discipline might send: mostly valid, often not. */
function randomFrames(random: (below: number) => number): Buffer {
  const frames: Buffer[] = [];
  let inside = false;
  for (let n = random(8); n >= 0; n--) {
    const fin = random(2) === 0;
    const isControl = random(3) === 0;
    const opcode =
      random(40) === 0 ? random(16) : isControl ? [8, 9, 10, 9, 10, 9][random(6)]! : inside ? 0 : 1 + random(2);
    const size = [0, 1, 2, 5, 40, 125, 126, 300, 1000][random(opcode >= 8 && random(20) > 0 ? 6 : 9)]!;
    const payload = Buffer.alloc(size, ['a', 'é', '日本', '😀'][random(4)]!);
    if (opcode === 8 && size > 1) payload.writeUInt16BE(1000);
    if (random(10) === 0 && size > 0) payload[random(size)] = random(256);
    const maskingKey = Buffer.of(random(256), random(256), random(256), random(256));
    const rsv = random(60) === 0 ? 1 + random(7) : 0;
    const form = random(50) === 0 ? { lengthForm: 64 as const } : {};
    frames.push(
      encodeAnyFrame({
        opcode,
        fin: isControl || fin,
        rsv,
        payload,
        ...form,
        ...(random(60) === 0 ? {} : { maskingKey }),
      }),
    );
    if (opcode < 8) inside = !fin;
  }
  return Buffer.concat(frames);
}

chunking(`has the same verdict in every chunking (seed ${seed})`, () => {
  const random = randomFrom();
  for (let round = 0; round < 400; round++) {
    const bytes = randomFrames(random);
    const limits = { maxMessageBytes: 1500, maxEmptyFragments: 2 };
    const run = (next: () => number): string => {
      const recording = record('server', limits);
      for (let i = 0; i < bytes.length; ) {
        const size = Math.min(next(), bytes.length - i);
        assert.is(recording.protocol.receive(Buffer.from(bytes.subarray(i, i + size))), size);
        i += size;
      }
      assert.is(recording.protocol.receivedBytes, bytes.length);
      const offset = (recording.error as { offset?: number } | undefined)?.offset;
      return [...recording.lines, recording.error?.message, offset].join('\n');
    };
    const whole = run(() => bytes.length);
    assert.is(
      run(() => 1),
      whole,
      `round ${round}`,
    );
    for (let k = 0; k < 3; k++)
      assert.is(
        run(() => 1 + random(200)),
        whole,
        `round ${round}`,
      );
  }
});

chunking('unmasks each piece of a frame with the right part of the key', () => {
  const payload = Buffer.from(Array.from({ length: 200 }, (_, i) => i));
  const frame = masked({ opcode: 2, payload });
  for (let split = 0; split < frame.length; split++) {
    const recording = record('server');
    const bytes = Buffer.from(frame);
    recording.protocol.receive(bytes, 0, split);
    recording.protocol.receive(bytes, split);
    assert.is(recording.lines[0], `binary ${payload.toString('hex')}`);
  }
});
chunking.run();

const alone = suite('the decoder alone (RFC 6455 §5.2)');

alone('tells the pieces of frames, unmasked, and stops where its sink stops', () => {
  const pieces: string[] = [];
  let goesOn = true;
  const decoder = new FrameDecoder('server', {
    data(bytes, start, end, frame, isLast) {
      pieces.push(
        `${frame.isText ? 'text' : 'binary'} ${frame.announcedBytes} ${bytes.toString('latin1', start, end)} ${isLast}`,
      );
      return goesOn;
    },
    control(bytes, start, end, opcode, isLast) {
      pieces.push(`${opcode} ${bytes.toString('latin1', start, end)} ${isLast}`);
      return goesOn;
    },
    fault(fault, position) {
      pieces.push(`${fault.code} ${position}`);
    },
  });
  const frames = [
    masked({ opcode: 1, payload: Buffer.from('Hel'), fin: false }),
    masked({ opcode: 9, payload: Buffer.from('p') }),
    masked({ opcode: 0, payload: Buffer.from('lo') }),
    hex('83'),
  ];
  const bytes = Buffer.concat(frames);
  assert.is(decoder.decode(bytes, 0, 6), 6);
  assert.equal(pieces, [], 'a header alone is no piece');
  goesOn = false;
  assert.is(decoder.decode(bytes, 6, 8), 8);
  assert.is(decoder.decode(bytes, 8, bytes.length), 9);
  goesOn = true;
  assert.is(decoder.decode(bytes, 9, bytes.length), bytes.length);
  assert.equal(pieces, [
    'text 3 He false',
    'text 3 l false',
    '9 p true',
    'text 5 lo true',
    `reserved-opcode ${bytes.length}`,
  ]);
  assert.is(decoder.decode(Buffer.of(0x81), 0, 1), 0, 'it does not go on after a fault');
  assert.is(decoder.streaming, false);
});

alone('unmasks in place, and only payloads', () => {
  const bytes = masked({ opcode: 2, payload: Buffer.from('payload') });
  const before = Buffer.from(bytes);
  const decoder = new FrameDecoder('server', { data: () => true, control: () => true, fault: () => {} });
  decoder.decode(bytes, 0, bytes.length);
  mask(before, 6, before.length, 0x3d21fa37);
  assert.equal(bytes, before);
});
alone.run();
