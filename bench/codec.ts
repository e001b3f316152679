/** The codec alone, in this process and without a socket. */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { mask, Protocol, type ProtocolHandler, sharedMemory, Utf8Validator } from '../src/frame/index.js';
import { loadBufferutil, loadWs } from './peers.js';
import type { Progress, Settings } from './settings.js';
import { type Summary, summarize } from './statistics.js';
import { createBlock } from './wire.js';

export type Operation = 'parse' | 'encode' | 'encode-masked' | 'mask' | 'utf8-ascii' | 'utf8-mixed';

export interface CodecResult {
  readonly operation: Operation;
  /** What does it: `ours`, or what it is measured against. */
  readonly by: string;
  /** Payload bytes of a frame, or bytes of a text. */
  readonly size: number;
  /** Nanoseconds per frame or text. */
  readonly nanoseconds: Summary;
}

/** One thing to measure. `run` does it `count` times. */
interface Case {
  readonly operation: Operation;
  readonly by: string;
  readonly size: number;
  readonly count: number;
  run(): void;
}

const frameSizes = [16, 125, 1024, 16 * 1024];
const maskSizes = [1024, 16 * 1024, 1024 * 1024];
const textSizes = [125, 1024, 16 * 1024];

/** Frames come in this many bytes at once: what a connection takes in one turn. */
const bufferBytes = 16 * 1024;

/** Memory in which masking and copying are as fast as memcpy: that of a connection's receive buffer. */
const area: Buffer = sharedMemory(1024 * 1024 + 64);

/** @throws Error if the codec does not do what is measured. */
export async function measureCodec(settings: Settings, progress: Progress): Promise<CodecResult[]> {
  const cases = createCases();
  const runs = new Map<Case, number>();
  const samples = new Map<Case, number[]>(cases.map((one) => [one, []]));
  progress('codec, warming up');
  for (const one of cases) runs.set(one, runsIn(one, settings.codecSample));
  for (let round = 0; round < settings.codecRounds; round++) {
    progress(`codec, round ${round + 1} of ${settings.codecRounds}`);
    for (const one of cases) samples.get(one)!.push((time(one, runs.get(one)!) * 1e6) / (runs.get(one)! * one.count));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return cases.map((one) => ({
    operation: one.operation,
    by: one.by,
    size: one.size,
    nanoseconds: summarize(samples.get(one)!),
  }));
}

/** Returns how many milliseconds `runs` take. */
function time(one: Case, runs: number): number {
  const begin = performance.now();
  for (let i = 0; i < runs; i++) one.run();
  return performance.now() - begin;
}

/** Returns how many runs take about `duration` milliseconds, once the code is warm. */
function runsIn(one: Case, duration: number): number {
  let runs = 1;
  while (time(one, runs) < duration) runs *= 2;
  return Math.max(1, Math.round((runs * duration) / time(one, runs)));
}

function createCases(): Case[] {
  return [...frameSizes.flatMap(frameCases), ...maskSizes.flatMap(maskCases), ...textSizes.flatMap(textCases)];
}

function frameCases(size: number): Case[] {
  const count = Math.max(1, Math.floor(bufferBytes / (size + 14)));
  const frames = createBlock(size, count).sent;
  const payload = randomBytes(size);
  const slab = Buffer.alloc(frames.length);
  const encode = (operation: Operation, protocol: Protocol): Case => ({
    operation,
    by: 'ours',
    size,
    count,
    run: () => {
      let offset = 0;
      for (let i = 0; i < count; i++) offset = protocol.writeMessage(slab, offset, payload, false);
    },
  });
  const shared = area.subarray(0, frames.length);
  shared.set(frames);
  return [
    parseCase('ours', size, count, Buffer.from(frames)),
    // All of these cases lie in the same area: what it holds is other frames of the same length, or was them.
    parseCase('ours, shared memory', size, count, frames, shared),
    ...wsParseCase(size, count, Buffer.from(frames)),
    encode('encode', new Protocol({ role: 'server', handler: countingHandler() })),
    encode('encode-masked', new Protocol({ role: 'client', handler: countingHandler() })),
  ];
}

/** Counts the payload bytes that it is given, so that they cannot be left out. */
function countingHandler(): ProtocolHandler & { bytes: number } {
  return {
    bytes: 0,
    message(_buffer, start, end) {
      this.bytes += end - start;
    },
    chunk() {},
    ping() {},
    pong() {},
    close() {},
    violation(error) {
      throw error;
    },
  };
}

/** Parsing unmasks in place: each run finds the payloads that the one before left, which costs the same. */
function parseCase(by: string, size: number, count: number, frames: Buffer, memory: Buffer = frames): Case {
  const handler = countingHandler();
  const protocol = new Protocol({ role: 'server', handler });
  return {
    operation: 'parse',
    by,
    size,
    count,
    run: () => {
      const before = handler.bytes;
      if (memory !== frames) memory.set(frames);
      protocol.receive(memory);
      if (handler.bytes - before !== size * count) throw new Error('the codec lost a frame');
    },
  };
}

function wsParseCase(size: number, count: number, frames: Buffer): Case[] {
  const ws = loadWs();
  if (ws === undefined) return [];
  const receiver = new ws.Receiver({ isServer: true });
  let bytes = 0;
  receiver.on('message', (data) => {
    bytes += data.length;
  });
  const run = (): void => {
    const before = bytes;
    receiver.write(frames);
    if (bytes - before !== size * count) throw new Error('ws does not parse synchronously');
  };
  return [{ operation: 'parse', by: 'ws', size, count, run }];
}

/** In place, the payload at an offset of 0 and of 1 byte, against a copy of as many bytes. */
function maskCases(size: number): Case[] {
  const memory = Buffer.alloc(size + 8);
  const key = randomBytes(4);
  const keyWord = key.readInt32LE(0);
  const source = randomBytes(size);
  const target = Buffer.alloc(size);
  const bufferutil = loadBufferutil();
  const cases: Array<Pick<Case, 'by' | 'run'>> = [
    { by: 'ours', run: () => mask(memory, 0, size, keyWord) },
    { by: 'ours, at byte 1', run: () => mask(memory, 1, size + 1, keyWord) },
    { by: 'ours, shared memory', run: () => mask(area, 0, size, keyWord) },
    { by: 'ours, shared memory, at byte 1', run: () => mask(area, 1, size + 1, keyWord) },
    { by: 'memcpy', run: () => target.set(source) },
  ];
  if (bufferutil !== undefined) {
    cases.push({ by: 'bufferutil', run: () => bufferutil.mask(memory, key, memory, 0, size) });
  }
  return cases.map(({ by, run }) => ({ operation: 'mask', by, size, count: 1, run }));
}

function textCases(size: number): Case[] {
  return [
    ...validationCases('utf8-ascii', Buffer.alloc(size, 'The quick brown fox jumps over the lazy dog. ')),
    // Whole code points of two to four bytes among ASCII, filled up with ASCII.
    ...validationCases('utf8-mixed', fill(size, 'Grüße aus 東京 und 🙂 mehr. ')),
  ];
}

function fill(size: number, pattern: string): Buffer {
  const text = Buffer.alloc(size, 0x61);
  const bytes = Buffer.from(pattern);
  for (let at = 0; at + bytes.length <= size; at += bytes.length) text.set(bytes, at);
  return text;
}

function validationCases(operation: Operation, text: Buffer): Case[] {
  const validator = new Utf8Validator();
  const ours = (): void => {
    validator.reset();
    if (validator.check(text, 0, text.length) !== -1 || !validator.isComplete) throw new Error('valid text is refused');
  };
  const native = (): void => {
    if (!isUtf8(text)) throw new Error('valid text is refused');
  };
  const common = { operation, size: text.length, count: 1 };
  return [
    { ...common, by: 'ours', run: ours },
    { ...common, by: 'node:buffer', run: native },
  ];
}
