/** Payloads in which near places tell each other apart, so that no lost, doubled or moved piece stays hidden. */
import { Buffer } from 'node:buffer';

/** The printable characters of ASCII. */
const firstPrintable = 0x20;
const printables = 95;

/** What the patterns repeat: of odd length, so that no power of two is a multiple of it. */
const bytesPeriod = Buffer.from(Uint8Array.from({ length: 65_537 }, (_, i) => i ^ (i >> 8)));
const textPeriod = Buffer.from(
  Uint8Array.from(
    { length: printables * printables },
    (_, i) => firstPrintable + ((i + Math.floor(i / printables)) % printables),
  ),
);

/** Returns bytes of every value, which repeat after 65,537. */
export function patternBytes(length: number): Buffer {
  return Buffer.alloc(length, bytesPeriod);
}

/** Returns printable ASCII, which repeats after 9,025; each run through the characters starts one further on. */
export function patternText(length: number): Buffer {
  return Buffer.alloc(length, textPeriod);
}
