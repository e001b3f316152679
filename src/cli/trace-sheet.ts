/**
 * The layout of a trace: blocks with a heading, rows with hexadecimal bytes beside their meaning.
 */
import { columns, type Paint, spaced } from './terminal.js';

/** Where one direction of one connection writes its blocks. */
export interface Sheet {
  readonly paint: Paint;
  /** Starts a block; `offset` is that of its first byte in this direction, after the TLS handshake. */
  block(offset: number, title: string): void;
  /** Adds a row to the block. When another block was started meanwhile, says first whose row it is. */
  row(line: string): void;
}

/** What comes after a part: frames, a head, or a body (until the end of the connection when `length` is `undefined`). */
export type Part = { kind: 'frames' } | { kind: 'head' } | { kind: 'body'; length: number | undefined };

/** Reads one part of what passes in one direction. */
export interface Reader {
  /** What comes after this part; `undefined` until it is over. */
  readonly next: Part | undefined;
  /** Takes bytes from `start`; returns where it stopped, which is before the end only when its part is over. */
  push(bytes: Buffer, start: number): number;
  /** Writes what is known of a part that did not end. */
  finish(): void;
}

/** Payloads and bodies longer than this are abridged to their first and last bytes. */
export const maxWholeBytes = 128;
/** The bytes shown of the start of an abridged payload. */
export const shownHeadBytes = 64;
/** The bytes shown of the end of an abridged payload. */
export const shownTailBytes = 16;

/** The bytes of a row of HTTP, and of a row of a frame (which shows them masked and unmasked, side by side). */
export const bytesPerRow = { http: 16, frame: 8 } as const;

/** The columns left for the meaning beside a row of HTTP. */
export const httpMeaningWidth: number = columns - hexWidth(bytesPerRow.http) - 4;

/** Returns the columns that `count` bytes take. */
export function hexWidth(count: number): number {
  return count * 3 - 1;
}

/** Returns bytes as `48 65 6c`, padded to the width of `count` bytes. */
export function hex(bytes: Uint8Array, count: number): string {
  return (Buffer.from(bytes).toString('hex').match(/../g) ?? []).join(' ').padEnd(hexWidth(count));
}

/** Returns a row with its bytes beside their meaning. */
export function row(paint: Paint, bytes: Uint8Array, count: number, meaning: string): string {
  const left = `  ${paint.dim(hex(bytes, count))}`;
  return meaning === '' ? `  ${paint.dim(hex(bytes, 0))}` : `${left}  ${meaning}`;
}

/** Returns the row that stands for bytes that are not shown. */
export function omitted(paint: Paint, count: number): string {
  return `  ${paint.dim(`… ${spaced(count)} more ${count === 1 ? 'byte' : 'bytes'}`)}`;
}

/** Returns `1 byte`, `299 936 bytes`. */
export function bytesCount(count: number | bigint): string {
  return `${spaced(count)} ${count === 1 ? 'byte' : 'bytes'}`;
}

/** Returns bytes as ASCII, with a dot for everything that has no shape. */
export function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^ -~]/g, '·');
}
