/** Payloads in which any two places tell each other apart, so that no lost, doubled or moved piece stays hidden. */
import { Buffer } from 'node:buffer';

/** The printable characters of ASCII. */
const firstPrintable = 0x20;
const printables = 95;

/** Returns bytes that repeat no earlier than after 64 KiB, and then shifted. */
export function patternBytes(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = i ^ (i >> 8) ^ (i >> 16);
  return bytes;
}

/** Returns printable ASCII; each run through the characters starts one further on. */
export function patternText(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = firstPrintable + ((i + Math.floor(i / printables)) % printables);
  return bytes;
}
