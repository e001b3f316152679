import * as assert from 'uvu/assert';
import { encodeAnyFrame, FrameEncoder, Protocol } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { exampleKey, hex, record, refuses } from './kit.js';

const pausing = suite('pausing (RFC 6455 §5.4)');

pausing('stops after each of 2,000 frames that came at once, and goes on', () => {
  const encoder = new FrameEncoder('client');
  const bytes = Buffer.alloc(2000 * 20);
  const starts: number[] = [];
  const kinds = [0x81, 0x82, 0x89, 0x8a, 0x01, 0x80];
  let end = 0;
  for (let i = 0; i < 2000; i++) {
    end = encoder.writeFrame(bytes, end, kinds[i % 6]!, Buffer.from(String(i)));
    starts.push(end);
  }
  const recording = record('server');
  const { protocol } = recording;
  recording.after = () => protocol.pause();
  const ends: number[] = [];
  let position = 0;
  while (position < end) {
    assert.is(protocol.receive(bytes, position, position), 0);
    position += protocol.receive(bytes, position, end);
    ends.push(position);
    assert.is(protocol.paused, true);
    assert.is(protocol.receive(bytes, position, end), 0, 'nothing is consumed while paused');
    assert.is(protocol.receivedBytes, position);
    protocol.resume();
  }
  // A fragment that does not end its message tells nothing, so it does not stop.
  assert.equal(
    ends,
    starts.filter((_, i) => i % 6 !== 4 || i === 1999),
  );
  assert.is(recording.lines.length, ends.length);
  assert.equal(recording.lines.slice(0, 5), ['text 0', 'binary 31', 'ping 2', 'pong 3', 'text 45']);
});

pausing('within a call and taken back in it does not stop', () => {
  const recording = record('client');
  recording.after = () => {
    recording.protocol.pause();
    recording.protocol.resume();
  };
  assert.is(recording.protocol.receive(hex('8100 8100')), 4);
  assert.is(recording.lines.length, 2);
});

pausing('stops in the middle of a frame after a chunk, and goes on there', () => {
  const recording = record('server');
  const { protocol } = recording;
  protocol.streaming = true;
  recording.after = () => protocol.pause();
  const frame = encodeAnyFrame({ opcode: 1, payload: Buffer.from('Hello'), maskingKey: exampleKey });
  assert.is(protocol.receive(Buffer.from(frame), 0, 8), 8);
  protocol.resume();
  assert.is(protocol.receive(Buffer.from(frame), 8), 3);
  assert.equal(recording.lines, ['chunk text He', 'last chunk text llo']);
});

pausing('does not keep what follows a close or a violation', () => {
  for (const text of ['8800 8100', 'ff 8100']) {
    const recording = record('client');
    recording.after = () => recording.protocol.pause();
    const bytes = hex(text);
    assert.is(recording.protocol.receive(bytes), bytes.length);
    assert.is(recording.protocol.receive(bytes), bytes.length);
    assert.is(recording.lines.length, 1);
  }
});
pausing.run();

const streaming = suite('streaming of messages (RFC 6455 §5.4)');

streaming('hands over what has come, and says which piece is the last', () => {
  const recording = record('client');
  recording.protocol.streaming = true;
  assert.is(recording.protocol.streaming, true);
  for (const text of ['0105 48', '656c', '6c6f 0000', '8901 70', '8002 20', '21'])
    recording.protocol.receive(hex(text));
  recording.protocol.receive(hex('8200 0200 8000'));
  assert.equal(recording.lines, [
    'chunk text H',
    'chunk text el',
    'chunk text lo',
    'ping p',
    'chunk text  ',
    'last chunk text !',
    'last chunk binary ',
    'last chunk binary ',
  ]);
  assert.is(recording.protocol.assembledBytes, 0);
});

streaming('begins and ends at the next message', () => {
  const recording = record('client');
  const { protocol } = recording;
  protocol.receive(hex('0101 61'));
  protocol.streaming = true;
  protocol.receive(hex('8001 62'));
  protocol.receive(hex('0101 63'));
  protocol.streaming = false;
  protocol.receive(hex('8001 64 8101 65'));
  assert.equal(recording.lines, ['text ab', 'chunk text c', 'last chunk text d', 'text e']);
});

streaming('refuses bad UTF-8 before its piece is handed over, also at the end (T11)', () => {
  for (const [text, lines] of [
    ['8103 61ff62', ['violation text-not-utf8 1007']],
    ['0102 61c3 8000', ['chunk text a\ufffd', 'violation text-not-utf8 1007']],
  ] as const) {
    const recording = record('client');
    recording.protocol.streaming = true;
    recording.protocol.receive(hex(text));
    assert.equal(recording.lines, [...lines]);
  }
});

streaming('knows no limit of a message, only of the numbers that count a frame (T3)', () => {
  const recording = record('client', { maxMessageBytes: 2 });
  recording.protocol.streaming = true;
  recording.protocol.receive(hex('0203 616263 027f'));
  assert.equal(recording.lines, ['chunk binary 616263', 'violation continuation-expected 1002']);
  const lengths = record('client', { maxMessageBytes: 2 });
  lengths.protocol.streaming = true;
  lengths.protocol.receive(hex('0203 616263 007f 001fffffffffffff 61'));
  assert.equal(lengths.lines, ['chunk binary 616263', 'chunk binary 61']);
  const over = record('client');
  over.protocol.streaming = true;
  over.protocol.receive(hex('827f 0020'));
  assert.equal(over.lines, ['violation message-too-long 1009']);
});
streaming.run();

const taking = suite('taking of messages (RFC 6455 §5.4)');

/** Receives the parts and returns what `takeMessage` gave in each call of `message`. */
function take(parts: readonly Buffer[]): Buffer[] {
  const taken: Buffer[] = [];
  const protocol: Protocol = new Protocol({
    role: 'client',
    handler: {
      message() {
        taken.push(protocol.takeMessage());
        assert.throws(() => protocol.takeMessage(), /once/);
      },
      chunk() {},
      ping() {
        assert.throws(() => protocol.takeMessage(), /once/);
      },
      pong() {},
      close() {},
      violation() {},
    },
  });
  for (const part of parts) protocol.receive(part);
  assert.throws(() => protocol.takeMessage(), /once/);
  return taken;
}

taking('gives memory that no later byte changes', () => {
  const whole = hex('8203 616263 8900');
  const [message] = take([whole]);
  assert.is.not(message!.buffer, whole.buffer);
  assert.is(message!.buffer.byteLength, 3);
  const parts = [hex('0203 616263'), hex('8003 6465'), hex('66 8203 67'), hex('6869')];
  const messages = take(parts);
  for (const part of parts) part.fill(0);
  assert.equal(messages.map(String), ['abcdef', 'ghi']);
  assert.is.not(messages[0]!.buffer, messages[1]!.buffer);
});

taking('of a message in one piece after empty fragments copies that piece', () => {
  assert.equal(take([hex('0200 8002 6162')]).map(String), ['ab']);
});

taking('leaves messages alone that nobody takes', () => {
  const recording = record('client');
  for (const part of ['0201 61', '8001 62', '0201 63', '8001 64']) recording.protocol.receive(hex(part));
  assert.equal(recording.lines, ['binary 6162', 'binary 6364']);
  assert.is(recording.protocol.assembledBytes, 0);
});
taking.run();

const receiving = suite('receiving (RFC 6455 §5–§7)');

receiving('counts what it has consumed, and says how much is held', () => {
  const { protocol } = record('client');
  assert.is(protocol.role, 'client');
  const bytes = hex('ffff 0204 6162 ffff');
  assert.is(protocol.receive(bytes, 2, 6), 4);
  assert.is(protocol.receivedBytes, 4);
  assert.is(protocol.assembledBytes, 2);
});

receiving('reads views at any place of their memory (T13)', () => {
  const memory = hex('00000000 8203 616263 000000');
  for (let shift = 0; shift < 4; shift++) {
    const view = Buffer.concat([Buffer.alloc(shift), memory]).subarray(shift + 4, shift + 9);
    const recording = record('client');
    recording.protocol.receive(view);
    assert.equal(recording.lines, ['binary 616263']);
  }
});

receiving('ignores data after the peer’s close (T12)', () => {
  const recording = record('client');
  recording.protocol.receive(hex('8802 03e8 8101 61 ff'));
  recording.protocol.receive(hex('8101 62'));
  assert.equal(recording.lines, ['close 1000 ']);
  assert.is(recording.protocol.receivedBytes, 11);
});

receiving('delivers messages after our close until the peer’s comes', () => {
  const recording = record('client');
  recording.protocol.writeClose(Buffer.alloc(10), 0);
  recording.protocol.receive(hex('8101 61 8901 70 8800 8101 62'));
  assert.equal(recording.lines, ['text a', 'ping p', 'close 1005 ']);
  assert.is(recording.protocol.state, 'closed');
});

receiving('tells a violation once and keeps nothing', () => {
  const recording = record('client');
  recording.protocol.receive(hex('0203 616263 83'));
  recording.protocol.receive(hex('83 83'));
  assert.equal(recording.lines, ['violation reserved-opcode 1002']);
  assert.is(recording.protocol.assembledBytes, 0);
  const target = Buffer.alloc(20);
  const end = recording.protocol.writeClose(target, 0, recording.error!.closeCode, 'why');
  assert.is(end, 2 + 4 + 5);
  assert.throws(() => recording.protocol.writeClose(target, 0, 1002), /the connection is closed/);
});

receiving('counts the offset of a fault over the whole stream', () => {
  refuses('client', hex('8103 616263 8900 8101 ff'), 'text-not-utf8', 1007, 10);
});

receiving('refuses limits that are no limits', () => {
  for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
    for (const limits of [{ maxMessageBytes: value }, { maxEmptyFragments: value }]) {
      try {
        record('client', limits);
        assert.unreachable();
      } catch (error) {
        assert.is((error as { code: string }).code, 'limit-invalid');
        assert.is((error as { option: string }).option, Object.keys(limits)[0]);
      }
    }
  }
});
receiving.run();
