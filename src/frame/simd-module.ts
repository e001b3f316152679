/**
 * Masking, copying and the search for ASCII, 16 bytes at a time, and short frames one after the other: a WebAssembly module,
 * written here instruction by instruction, over memory of a fixed size. As fast as `memcpy`, where the loops of
 * `masking.ts` and `utf8.ts` reach a seventh of that; but only for bytes that lie in that memory (see `shared-memory.ts`;
 * bench: masking, memory shared).
 *
 * The binary format: WebAssembly Core Specification 2.0 §5.
 */

import { finBit, maskBit, shortMaskedHeader } from './header.js';
import { opcodes } from './opcode.js';

/** What the module does; all positions are those in its memory, `end` exclusive. */
export interface Simd {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Masks in place; `key` as `readMaskingKey` returns it, its first byte for the one at `at`. */
  mask(at: number, end: number, key: number): void;
  /**
   * Unmasks in place the whole messages of one frame and at most `longest` bytes, up to 125, that lie one after the other
   * from `at` on, and returns where something else begins, at `end` at the latest. Masks them again when called again.
   */
  unmaskShort(at: number, end: number, longest: number): number;
  /** Copies to `to` what lies from `from` to `end`; the two must not overlap. */
  copy(to: number, from: number, end: number): void;
  /** Returns where the first byte is that is not ASCII, or `end`. */
  endOfAscii(at: number, end: number): number;
}

/** Bytes of a page (§4.2.8). */
const page = 64 * 1024;

const type = { i32: 0x7f, v128: 0x7b, function: 0x60, none: 0x40 } as const;

// What the functions are made of, as bytes (§5.4).
const block: number[] = [0x02, type.none];
const loop: number[] = [0x03, type.none];
const end: number[] = [0x0b];
const leaveIf: number[] = [0x0d, 1];
const repeat: number[] = [0x0c, 0];
const add: number[] = [0x6a];
const subtract: number[] = [0x6b];
const xor: number[] = [0x73];
const shiftRight: number[] = [0x76];
const isLess: number[] = [0x49];
const isMore: number[] = [0x4b];
const isNotLess: number[] = [0x4f];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const loadByteAt = (offset: number): number[] => [0x2d, 0, offset];
const loadByte: number[] = loadByteAt(0);
const storeByte: number[] = [0x3a, 0, 0];
const loadWordAt = (offset: number): number[] => [0x28, 0, offset];
const loadWord: number[] = loadWordAt(0);
const storeWord: number[] = [0x36, 0, 0];
const memoryCopy: number[] = [0xfc, 10, 0, 0];
const vector = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest];
const loadVector = (offset: number): number[] => vector(0, 0, offset);
const storeVector = (offset: number): number[] => vector(11, 0, offset);
const splat: number[] = vector(17);
const xorVector: number[] = vector(81);
const topBits: number[] = vector(100);

/** An integer of the binary format (§5.2.2): seven bits a byte, the lowest first. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const list = (...items: readonly number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)];
const text = (value: string): number[] => sized([...value].map((character) => character.charCodeAt(0)));
const body = (locals: readonly number[][], ...code: readonly number[][]): number[] =>
  sized([...list(...locals), ...code.flat(), ...end]);

/** Repeats `code`, which moves local `at` by `step`, as long as so many bytes are left before local `last`. */
const whileLeft = (at: number, last: number, step: number, ...code: readonly number[][]): number[] => [
  ...block,
  ...loop,
  ...get(last),
  ...get(at),
  ...subtract,
  ...constant(step),
  ...isLess,
  ...leaveIf,
  ...code.flat(),
  ...repeat,
  ...end,
  ...end,
];
const move = (local: number, step: number): number[] => [...get(local), ...constant(step), ...add, ...set(local)];

/** Masks from local `at` to local `last` by local `key`, which is four times in local `keys`; moves `at` to `last`. */
const maskUntil = (at: number, last: number, key: number, keys: number): number[] => {
  const maskVector = (offset: number): number[] => [
    ...get(at),
    ...get(at),
    ...loadVector(offset),
    ...get(keys),
    ...xorVector,
    ...storeVector(offset),
  ];
  return [
    ...[...get(key), ...splat, ...set(keys)],
    ...whileLeft(at, last, 64, maskVector(0), maskVector(16), maskVector(32), maskVector(48), move(at, 64)),
    ...whileLeft(at, last, 16, maskVector(0), move(at, 16)),
    ...whileLeft(at, last, 4, get(at), get(at), loadWord, get(key), xor, storeWord, move(at, 4)),
    ...whileLeft(
      at,
      last,
      1,
      [...get(at), ...get(at), ...loadByte, ...get(key), ...xor, ...storeByte],
      [...get(key), ...constant(8), ...shiftRight, ...set(key)],
      move(at, 1),
    ),
  ];
};

// mask(at, end, key).
const [at, last] = [0, 1];
const maskBody = body([[1, type.v128]], maskUntil(at, last, 2, 3));

// unmaskShort(at, end, longest): FIN and an opcode of 1 or 2, the mask bit and a length, the key, the payload (RFC 6455 §5.2).
const [longest, length, frameEnd, frameKey, frameKeys] = [2, 3, 4, 5, 6];
const unmaskShortBody = body(
  [
    [3, type.i32],
    [1, type.v128],
  ],
  [...block, ...loop],
  [...get(at), ...constant(shortMaskedHeader), ...add, ...get(last), ...isMore, ...leaveIf],
  [...get(at), ...loadByte, ...constant(finBit | opcodes.text), ...subtract, ...constant(2), ...isNotLess, ...leaveIf],
  [...get(at), ...loadByteAt(1), ...constant(maskBit), ...xor, ...tee(length), ...get(longest), ...isMore, ...leaveIf],
  [...get(at), ...constant(shortMaskedHeader), ...add, ...get(length), ...add, ...tee(frameEnd)],
  [...get(last), ...isMore, ...leaveIf],
  [...get(at), ...loadWordAt(2), ...set(frameKey), ...move(at, shortMaskedHeader)],
  maskUntil(at, frameEnd, frameKey, frameKeys),
  [...repeat, ...end, ...end],
  get(at),
);

// copy(to, from, end): what is long by the instruction for it, which calls out of the module.
const [to, from] = [0, 1];
const longCopy = 512;
const copyBody = body(
  [],
  [...block, ...get(2), ...get(from), ...subtract, ...constant(longCopy), ...isLess, ...leaveIfOuter()],
  [...get(to), ...get(from), ...get(2), ...get(from), ...subtract, ...memoryCopy, 0x0f, ...end],
  whileLeft(from, 2, 16, get(to), get(from), loadVector(0), storeVector(0), move(to, 16), move(from, 16)),
  whileLeft(from, 2, 4, get(to), get(from), loadWord, storeWord, move(to, 4), move(from, 4)),
  whileLeft(from, 2, 1, get(to), get(from), loadByte, storeByte, move(to, 1), move(from, 1)),
);

/** Leaves the block right around this place, if the value on the stack is not 0. */
function leaveIfOuter(): number[] {
  return [0x0d, 0];
}

// endOfAscii(at, end): the top bits of 16 bytes at once, then of one after the other.
const endOfAsciiBody = body(
  [],
  [...block, ...loop],
  [...get(last), ...get(at), ...subtract, ...constant(16), ...isLess, ...leaveIf],
  [...get(at), ...loadVector(0), ...topBits, ...leaveIf, ...move(at, 16), ...repeat, ...end, ...end],
  [...block, ...loop, ...get(at), ...get(last), ...isNotLess, ...leaveIf],
  [...get(at), ...loadByte, ...constant(128), ...isNotLess, ...leaveIf, ...move(at, 1), ...repeat, ...end, ...end],
  get(at),
);

/** Returns the module, which has `bytes` of memory, as bytes (§5.5). */
function moduleBytes(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / page);
  const threeParameters = [type.function, ...list([type.i32], [type.i32], [type.i32]), ...list()];
  const twoParameters = [type.function, ...list([type.i32], [type.i32]), ...list([type.i32])];
  const threeAndResult = [type.function, ...list([type.i32], [type.i32], [type.i32]), ...list([type.i32])];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(threeParameters, twoParameters, threeAndResult)),
    ...section(3, list([0], [0], [1], [2])),
    // Of a fixed size: memory that grows detaches the Buffers over it.
    ...section(5, list([1, ...unsigned(pages), ...unsigned(pages)])),
    ...section(
      7,
      list(
        [...text('memory'), 2, 0],
        [...text('mask'), 0, 0],
        [...text('copy'), 0, 1],
        [...text('endOfAscii'), 0, 2],
        [...text('unmaskShort'), 0, 3],
      ),
    ),
    ...section(10, list(maskBody, copyBody, endOfAsciiBody, unmaskShortBody)),
  ]);
}

/** The part of the global `WebAssembly` that is needed; it is no part of the language that TypeScript knows. */
interface Compiler {
  Module: new (bytes: Uint8Array) => unknown;
  Instance: new (module: unknown) => { readonly exports: unknown };
}

/** Makes the module with `bytes` of memory; `undefined` where WebAssembly, or its vectors, cannot be had. */
export function makeSimd(bytes: number): Simd | undefined {
  const compiler = (globalThis as { WebAssembly?: Compiler }).WebAssembly;
  if (compiler === undefined) return undefined;
  try {
    return new compiler.Instance(new compiler.Module(moduleBytes(bytes))).exports as Simd;
  } catch {
    // Forbidden, or no room for its memory: everything works without, at the speed of the loops.
    return undefined;
  }
}
