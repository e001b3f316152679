import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { copyBytes, encodeAnyFrame, mask, readMaskingKey, sharedMemory } from '../../src/frame/index.js';
import { makeSimd } from '../../src/frame/simd-module.js';
import { suite } from '../support/suite.js';
import { hex, inSharedMemory, randomFrom, record, seed } from './kit.js';

const shared = suite('memory of the SIMD module');
const area = sharedMemory(8192);
const isShared = makeSimd(1) !== undefined;

function fill(bytes: Buffer): Buffer {
  return bytes.fill('0123456789abcdef');
}

shared('is had on this Node, unless WebAssembly is forbidden', () => {
  assert.is(isShared, (globalThis as { WebAssembly?: unknown }).WebAssembly !== undefined);
  assert.is(area.buffer === sharedMemory(1).buffer, isShared);
});

shared('gives out areas that do not overlap', () => {
  const one = sharedMemory(100);
  const other = sharedMemory(100);
  one.fill(1);
  other.fill(2);
  assert.ok(one.equals(Buffer.alloc(100, 1)));
  assert.is(one.length, 100);
});

shared('is masked as the definition says at all lengths 0–150, offsets 0–63 and phases 0–3', () => {
  const key = hex('91e2b7c5');
  const number = readMaskingKey(key, 0);
  for (let length = 0; length <= 150; length++) {
    for (let start = 0; start < 64; start++) {
      const phase = (length + start) % 4;
      fill(area);
      const expected = Buffer.from(area);
      for (let i = 0; i < length; i++) expected[start + i]! ^= key[(i + phase) % 4]!;
      mask(area, start, start + length, number, phase);
      // Nothing outside of the range has changed either.
      assert.ok(area.equals(expected), `at ${start}, length ${length}, phase ${phase}`);
    }
  }
});

shared(`copies what lies in it and what does not (seed ${seed})`, () => {
  const random = randomFrom();
  const other = sharedMemory(8192);
  const ordinary = Buffer.alloc(8192);
  for (const [target, source] of [
    [other, area],
    [ordinary, area],
    [other, ordinary],
    [ordinary, Buffer.from(fill(area))],
  ] as const) {
    for (let round = 0; round < 2000; round++) {
      const start = random(3000);
      const end = start + (round < 1200 ? round % 600 : random(5000));
      const at = random(100);
      fill(source).writeUInt32LE(round, start);
      target.fill(0xee);
      const expected = Buffer.from(target);
      source.copy(expected, at, start, end);
      copyBytes(target, at, source, start, end);
      assert.ok(target.equals(expected), `${start}–${end} to ${at}`);
    }
  }
});

shared(`unmasks short frames as ordinary memory does, and stops after any of them (seed ${seed})`, () => {
  const random = randomFrom();
  /** What is told, with the text that faults have; stopped after each frame where `stops` says so. */
  const told = (bytes: Buffer, stops: () => boolean): string[] => {
    const recording = record('server', { maxMessageBytes: 1000 });
    recording.after = () => {
      if (stops()) recording.protocol.pause();
    };
    for (let at = 0; at < bytes.length; ) {
      recording.protocol.resume();
      // Memory that other connections use meanwhile: nothing but the bytes themselves may carry over.
      const count = Math.min(bytes.length - at, 1 + random(3000));
      const place = isShared
        ? inSharedMemory(bytes.subarray(at, at + count))
        : Buffer.from(bytes.subarray(at, at + count));
      const took = recording.protocol.receive(place);
      const left = place.subarray(took);
      if (took < count)
        assert.ok(left.equals(bytes.subarray(at + took, at + count)), 'what was not taken is as it came');
      assert.ok(took > 0);
      at += took;
    }
    return [...recording.lines, `${recording.error?.message}`];
  };
  for (let round = 0; round < 300; round++) {
    const frames: Buffer[] = [];
    for (let count = 1 + random(80); count > 0; count--) {
      const kind = random(20);
      const size = kind === 0 ? 126 + random(200) : random(kind < 10 ? 20 : 126);
      const isBroken = round % 4 === 0 && random(50) === 0;
      frames.push(
        encodeAnyFrame({
          opcode: kind === 1 ? 9 : kind === 2 && isBroken ? 3 : 1 + random(2),
          payload: Buffer.alloc(size, isBroken && kind > 10 ? '\xff' : 'payload', 'latin1'),
          maskingKey: Buffer.of(random(256), random(256), random(256), random(256)),
        }),
      );
      if (kind === 3) {
        const maskingKey = hex('01020304');
        frames.push(encodeAnyFrame({ opcode: 2, fin: false, payload: Buffer.alloc(10, 'a'), maskingKey }));
        frames.push(encodeAnyFrame({ opcode: 0, payload: Buffer.alloc(10, 'b'), maskingKey }));
      }
    }
    const bytes = Buffer.concat(frames);
    const whole = record('server', { maxMessageBytes: 1000 });
    whole.protocol.receive(Buffer.from(bytes));
    const expected = [...whole.lines, `${whole.error?.message}`];
    for (const stops of [() => false, () => true, () => random(3) === 0]) assert.equal(told(bytes, stops), expected);
  }
});

shared('is ordinary memory once it has all been given out, or when there is too much asked for', () => {
  assert.is.not(sharedMemory(8 * 1024 * 1024).buffer, area.buffer);
});

shared('is not needed: the tests of masking, UTF-8, frames and messages pass without WebAssembly', () => {
  if (!isShared) return;
  const run = fileURLToPath(new URL('../run.js', import.meta.url));
  for (const subject of ['masking', 'utf8', 'decoder', 'message', 'encoder', 'frame/shared-memory']) {
    // Without a compiler there is none for WebAssembly either.
    const { status, stdout } = spawnSync(process.execPath, ['--jitless', run, `${subject}`], { encoding: 'utf8' });
    assert.is(status, 0, stdout);
    assert.match(stdout, /\n[1-9]\d* passed, 0 failed\n/);
  }
});

shared.run();
