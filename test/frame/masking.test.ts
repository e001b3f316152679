import * as assert from 'uvu/assert';
import { mask, readMaskingKey, writeMaskingKey } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, randomFrom, seed } from './kit.js';

const masking = suite('masking (RFC 6455 §5.3)');

/** The definition: octet i of the payload is combined with octet i modulo 4 of the key. */
function reference(bytes: Uint8Array, start: number, end: number, key: Uint8Array, phase: number): void {
  for (let i = start; i < end; i++) bytes[i]! ^= key[(i - start + phase) % 4]!;
}

function compare(memory: Buffer, byteOffset: number, start: number, end: number, key: Buffer, phase: number): void {
  const expected = Buffer.from(memory);
  reference(expected, byteOffset + start, byteOffset + end, key, phase);
  const view = new Uint8Array(memory.buffer, memory.byteOffset + byteOffset, memory.length - byteOffset);
  mask(view, start, end, readMaskingKey(key, 0), phase);
  // Nothing outside of the range has changed either.
  assert.ok(memory.equals(expected), `offset ${byteOffset}+${start}, length ${end - start}, phase ${phase}`);
}

masking('unmasks the example', () => {
  const bytes = hex('7f9f4d5158');
  mask(bytes, 0, 5, readMaskingKey(hex('37fa213d'), 0));
  assert.is(bytes.toString(), 'Hello');
});

masking('agrees with the definition at all lengths 0–64, offsets 0–7 and phases 0–3 (T13)', () => {
  const key = hex('91e2b7c5');
  const memory = Buffer.allocUnsafeSlow(80).fill('0123456789abcdef');
  for (let length = 0; length <= 64; length++) {
    for (let offset = 0; offset < 8; offset++) {
      for (let phase = 0; phase < 4; phase++) compare(memory, 0, offset, offset + length, key, phase);
    }
  }
});

masking('masks up to the end of memory that ends within a word', () => {
  const key = hex('91e2b7c5');
  for (let size = 8; size < 24; size++) {
    const memory = Buffer.allocUnsafeSlow(size).fill('0123456789abcdef');
    for (let start = 0; start < 8; start++) compare(memory, 0, start, size, key, start);
  }
});

masking(`agrees with the definition on random views, in memory kept and not (T13, seed ${seed})`, () => {
  const random = randomFrom();
  const memories = [1024, 70_001, 300_000].map((size) => Buffer.allocUnsafeSlow(size).fill('0123456789abcdef'));
  for (let round = 0; round < 600; round++) {
    const memory = memories[random(10) === 0 ? 2 : random(2)]!;
    const byteOffset = random(100);
    const start = random(memory.length - byteOffset);
    const end = start + random(Math.min(5000, memory.length - byteOffset - start + 1));
    const key = Buffer.of(random(256), random(256), random(256), random(256));
    compare(memory, byteOffset, start, end, key, random(4));
  }
});

masking('takes any phase, also beyond 2^32', () => {
  const expected = hex('00112233445566778899aabb');
  const bytes = Buffer.from(expected);
  mask(bytes, 0, 12, 0x12345678, 2 ** 40 + 3);
  mask(bytes, 0, 12, 0x12345678, 3);
  assert.equal(bytes, expected);
});

masking('reads back the key that it wrote', () => {
  const bytes = Buffer.alloc(6);
  writeMaskingKey(bytes, 1, -559038737);
  assert.is(readMaskingKey(bytes, 1), -559038737);
  assert.equal(bytes, hex('00efbeadde00'));
});

masking.run();
