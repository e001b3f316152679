/** What the tests of this room share: a handler that writes down what it is told, chunkings, and a seeded generator. */
import * as assert from 'uvu/assert';
import { LimitExceededError, PeerProtocolError } from '../../src/errors.js';
import { type DeflateOptions, type FrameLimits, Protocol, type Role, sharedMemory } from '../../src/frame/index.js';

/** Bytes from hexadecimal text; spaces are for the eye. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** The masking key of the examples in RFC 6455 §5.7. */
export const exampleKey: Buffer = hex('37fa213d');

const sharedArea: Buffer = sharedMemory(64 * 1024);

/** Returns a copy in memory of the SIMD module, at a place that is no multiple of a word; valid until the next call. */
export function inSharedMemory(bytes: Uint8Array): Buffer {
  const place = sharedArea.subarray(3, 3 + bytes.length);
  place.set(bytes);
  return place;
}

/** One end of a connection that writes down what it is told, a line each. */
export interface Recording {
  readonly protocol: Protocol;
  readonly lines: string[];
  error: PeerProtocolError | LimitExceededError | undefined;
  /** Called after each line. */
  after: (line: string) => void;
  /** Called when a long message has been inflated. */
  inflated: () => void;
}

export function record(role: Role, limits?: Partial<FrameLimits>, deflate?: DeflateOptions): Recording {
  const add = (line: string): void => {
    recording.lines.push(line);
    recording.after(line);
  };
  const text = (buffer: Buffer, start: number, end: number, isText: boolean): string =>
    isText ? `text ${buffer.toString('utf8', start, end)}` : `binary ${buffer.toString('hex', start, end)}`;
  const protocol = new Protocol({
    role,
    ...(limits === undefined ? {} : { limits }),
    deflate,
    handler: {
      message: (buffer, start, end, isText) => add(text(buffer, start, end, isText)),
      chunk: (buffer, start, end, isText, isLast) =>
        add(`${isLast ? 'last ' : ''}chunk ${text(buffer, start, end, isText)}`),
      ping: (buffer, start, end) => add(`ping ${buffer.toString('latin1', start, end)}`),
      pong: (buffer, start, end) => add(`pong ${buffer.toString('latin1', start, end)}`),
      close: (code, reason) => add(`close ${code} ${reason}`),
      violation: (error) => {
        recording.error = error;
        add(`violation ${error.code} ${error.closeCode}`);
      },
      inflated: () => recording.inflated(),
    },
  });
  const recording: Recording = { protocol, lines: [], error: undefined, after: () => {}, inflated: () => {} };
  return recording;
}

/** What an end told about some bytes, and how many of them it took to tell the last of it. */
export interface Outcome {
  readonly lines: string[];
  readonly took: number;
  readonly error: PeerProtocolError | LimitExceededError | undefined;
}

/**
 * Feeds the bytes whole, byte by byte, in two parts at each place, and with trailing bytes; asserts that what is told
 * is always the same, and at which byte.
 */
export function outcome(role: Role, bytes: Buffer, limits?: Partial<FrameLimits>, deflate?: DeflateOptions): Outcome {
  const single = record(role, limits, deflate);
  let took = 0;
  for (let i = 0; i < bytes.length; i++) {
    const before = single.lines.length;
    assert.is(single.protocol.receive(Buffer.of(bytes[i]!)), 1);
    if (single.lines.length > before) took = i + 1;
  }
  const expected = single.lines.join('\n');
  const compare = (other: Recording, what: string): void => {
    assert.is(other.lines.join('\n'), expected, what);
    assert.is(other.error?.message, single.error?.message, what);
    if (single.error instanceof PeerProtocolError) {
      assert.is((other.error as PeerProtocolError).offset, single.error.offset, what);
    }
  };
  const splits = bytes.length <= 300 ? bytes.length : 40;
  for (let split = 0; split <= splits; split++) {
    const two = record(role, limits, deflate);
    two.protocol.receive(Buffer.from(bytes.subarray(0, split)));
    two.protocol.receive(Buffer.from(bytes.subarray(split)));
    compare(two, `in two parts at ${split}`);
    if (bytes.length < sharedArea.length) {
      const shared = record(role, limits, deflate);
      shared.protocol.lending = true;
      const place = inSharedMemory(bytes);
      shared.protocol.receive(place, 0, split);
      shared.protocol.receive(place, split, bytes.length);
      compare(shared, `in two parts at ${split}, in shared memory`);
      shared.protocol.release();
    }
  }
  if (single.error !== undefined) {
    const trailed = record(role, limits, deflate);
    const all = Buffer.concat([bytes, Buffer.alloc(40, 0x81)]);
    assert.is(trailed.protocol.receive(all), all.length, 'the rest is swallowed');
    compare(trailed, 'with trailing bytes');
    if (single.error instanceof PeerProtocolError) assert.is(single.error.offset, took);
  }
  return { lines: single.lines, took, error: single.error };
}

/** Asserts that the bytes are refused, with which code and close code, and after how many bytes. */
export function refuses(
  role: Role,
  bytes: Buffer,
  code: string,
  closeCode: number,
  took: number,
  limits?: Partial<FrameLimits>,
  deflate?: DeflateOptions,
): Outcome {
  const result = outcome(role, bytes, limits, deflate);
  assert.is(result.lines.at(-1), `violation ${code} ${closeCode}`);
  assert.is(result.took, took);
  return result;
}

/** The seed of all random tests: `SEED`, or a new one. It is in the name of each test that uses it. */
export const seed: number = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Returns a generator of whole numbers below its argument (mulberry32). */
export function randomFrom(start: number = seed): (below: number) => number {
  let state = start | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export { LimitExceededError, PeerProtocolError };
