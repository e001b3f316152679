/** Makes the bytes of a peer with little discipline: frames that are mostly lawful, and often not. */
import type { Random } from './random.js';

const opcodes = [0, 1, 1, 2, 2, 8, 9, 10] as const;
const sizes = [0, 0, 1, 1, 2, 3, 4, 5, 8, 17, 33] as const;
const texts = ['a', 'é', '日', '😀', 'hello ', '\u{10ffff}', '\u07ff', '\ud7ff'].map((text) => Buffer.from(text));
const closeCodes = [
  999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535,
];

/**
 * Writes frames from `at` on and returns where they end.
 *
 * @param isMasked whether they come from a client.
 * @param most bytes, at most
 */
export function writeFrames(random: Random, target: Buffer, at: number, isMasked: boolean, most: number): number {
  const end = at + most;
  let isInside = false;
  for (let frames = 1 + random.below(6); frames > 0; frames--) {
    const isOdd = random.oneIn(24);
    let opcode: number = isOdd ? random.below(16) : random.pick(opcodes);
    // Close frames end it all.
    if (opcode === 8 && frames > 1 && !random.oneIn(4)) opcode = 9;
    if (opcode < 3 && !isOdd) opcode = isInside ? 0 : opcode === 0 ? 1 + random.below(2) : opcode;
    const isFinal = opcode >= 8 ? !random.oneIn(32) : random.oneIn(2);
    const size = random.oneIn(16) ? [125, 126, 127, 200][random.below(4)]! : random.pick(sizes);
    const headerSize = 2 + (size > 125 ? 2 : 0) + (isMasked ? 4 : 0);
    if (at + headerSize + size > end) break;
    const reserved = random.oneIn(32) ? random.below(8) << 4 : 0;
    target[at++] = (isFinal ? 0x80 : 0) | reserved | opcode;
    const maskBit = isMasked !== random.oneIn(48) ? 0x80 : 0;
    if (size > 125) {
      const isWide = random.oneIn(8);
      target[at++] = maskBit | (isWide ? 127 : 126);
      if (isWide && at + 12 + size <= end) {
        for (let octet = 0; octet < 6; octet++) target[at++] = random.oneIn(12) ? random.next() : 0;
      }
      target[at++] = size >> 8;
      target[at++] = size;
    } else if (random.oneIn(24)) {
      // Not minimal.
      target[at++] = maskBit | 126;
      target[at++] = 0;
      target[at++] = size;
    } else {
      target[at++] = maskBit | size;
    }
    // A key of zeros leaves the payload readable for mutations.
    const key = isMasked && random.oneIn(2) ? random.next() : 0;
    if (isMasked) for (let octet = 0; octet < 4; octet++) target[at++] = key >>> (8 * octet);
    if (at + size > end) return at;
    writePayload(random, target, at, size, opcode);
    for (let index = 0; index < size; index++) target[at + index]! ^= key >>> (8 * (index & 3));
    at += size;
    if (opcode < 3) isInside = !isFinal;
  }
  // Cut off somewhere.
  return random.oneIn(6) ? Math.max(0, at - 1 - random.below(8)) : at;
}

function writePayload(random: Random, target: Buffer, at: number, size: number, opcode: number): void {
  const end = at + size;
  if (opcode === 8 && size >= 2) {
    const code = random.oneIn(4) ? random.below(65_536) : random.pick(closeCodes);
    target[at++] = code >> 8;
    target[at++] = code;
  }
  if (opcode === 2 || random.oneIn(16)) {
    while (at < end) target[at++] = random.next();
    return;
  }
  while (at < end) {
    const text = random.pick(texts);
    // Cut where the payload ends: the next fragment goes on, or does not.
    at += text.copy(target, at, 0, Math.min(text.length, end - at));
  }
}
