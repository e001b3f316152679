/** The code under test of `planted.ts`: it throws for one input in 2^32 that chance makes, each byte a branch of its own. */

export function parsePlanted(bytes: Buffer, length: number): void {
  let at = 0;
  while (at < length && bytes[at] !== 0x7b) at++;
  if (length - at < 4) return;
  let matched = 1;
  if (bytes[at + 1] === 0x01) {
    matched++;
    if (bytes[at + 2] === 0xfe) {
      matched++;
      if (bytes[at + 3] === 0x7d) throw new RangeError(`planted: ${matched} bytes, then the last`);
    }
  }
}
