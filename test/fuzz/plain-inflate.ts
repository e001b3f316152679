/**
 * DEFLATE (RFC 1951) in the plainest way, bit by bit: what zlib, and what is made of it, are compared with. Takes any number
 * of streams one behind the other with one window, as RFC 7692 §7.2.3.4 has it.
 */

export type PlainInflated =
  | {
      readonly output: Buffer;
      readonly finalBlocks: number;
      /** Whether a reference went back further than the window. */
      readonly isBeyondWindow: boolean;
    }
  | 'invalid'
  | 'too-long';

const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const distanceBits = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

class Invalid extends Error {}

/** A Huffman code: how many codes there are of each length, and their symbols in order (RFC 1951 §3.2.2). */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

/** @param mayBeIncomplete whether a single code of one bit is enough, or none at all */
function codeOf(lengths: readonly number[], mayBeIncomplete: boolean): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]!++;
  let left = 1;
  for (let length = 1; length < 16; length++) {
    left = left * 2 - counts[length]!;
    if (left < 0) throw new Invalid();
  }
  const used = lengths.length - counts[0]!;
  // zlib takes an incomplete code in one case alone: one symbol, of one bit; or, for distances, none.
  if (left > 0 && !(mayBeIncomplete && (used === 0 || (used === 1 && counts[1] === 1)))) throw new Invalid();
  const offsets = new Uint16Array(16);
  for (let length = 1; length < 15; length++) offsets[length + 1] = offsets[length]! + counts[length]!;
  const symbols = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) if (length > 0) symbols[offsets[length]!++] = symbol;
  return { counts, symbols };
}

const fixedLengths = codeOf(
  Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
  false,
);
const fixedDistances = codeOf(new Array<number>(32).fill(5), false);

/**
 * Inflates `input`, which must end where a block ends: with a final one.
 *
 * @param history what came before, as far as the window reaches
 * @param windowSize how far back references should go
 */
export function inflatePlainly(input: Buffer, history: Buffer, windowSize: number, maximum: number): PlainInflated {
  let at = 0;
  let bit = 0;
  const output: number[] = [];
  let finalBlocks = 0;
  let isBeyondWindow = false;
  const bits = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index++) {
      if (at === input.length) throw new Invalid();
      value |= ((input[at]! >> bit) & 1) << index;
      if (++bit === 8) {
        bit = 0;
        at++;
      }
    }
    return value;
  };
  const symbolOf = ({ counts, symbols }: Code): number => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Invalid();
  };
  const codes = (lengths: Code, distances: Code): boolean => {
    for (;;) {
      const symbol = symbolOf(lengths);
      if (symbol === 256) return true;
      if (symbol < 256) {
        output.push(symbol);
      } else {
        if (symbol > 285) throw new Invalid();
        const length = lengthBase[symbol - 257]! + bits(lengthBits[symbol - 257]!);
        const code = symbolOf(distances);
        if (code > 29) throw new Invalid();
        const distance = distanceBase[code]! + bits(distanceBits[code]!);
        if (distance > output.length + history.length) throw new Invalid();
        if (distance > windowSize) isBeyondWindow = true;
        for (let count = 0; count < length; count++) {
          const from = output.length - distance;
          output.push(from >= 0 ? output[from]! : history[history.length + from]!);
        }
      }
      if (output.length > maximum) return false;
    }
  };
  try {
    while (at < input.length) {
      for (let isFinal = 0; isFinal === 0; ) {
        isFinal = bits(1);
        const type = bits(2);
        if (type === 0) {
          if (bit > 0) {
            bit = 0;
            at++;
          }
          const length = bits(16);
          if (bits(16) !== (length ^ 0xffff)) throw new Invalid();
          for (let index = 0; index < length; index++) {
            output.push(bits(8));
            if (output.length > maximum) return 'too-long';
          }
        } else if (type === 1) {
          if (!codes(fixedLengths, fixedDistances)) return 'too-long';
        } else if (type === 2) {
          const lengthCount = bits(5) + 257;
          const distanceCount = bits(5) + 1;
          const codeCount = bits(4) + 4;
          if (lengthCount > 286 || distanceCount > 30) throw new Invalid();
          const lengths = new Array<number>(19).fill(0);
          for (let index = 0; index < codeCount; index++) lengths[codeLengthOrder[index]!] = bits(3);
          const code = codeOf(lengths, false);
          const all: number[] = [];
          while (all.length < lengthCount + distanceCount) {
            const symbol = symbolOf(code);
            if (symbol < 16) {
              all.push(symbol);
              continue;
            }
            const last = all[all.length - 1];
            if (symbol === 16 && last === undefined) throw new Invalid();
            const count = symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7);
            for (let index = 0; index < count; index++) all.push(symbol === 16 ? last! : 0);
          }
          if (all.length > lengthCount + distanceCount || all[256] === 0) throw new Invalid();
          const literals = codeOf(all.slice(0, lengthCount), true);
          if (!codes(literals, codeOf(all.slice(lengthCount), true))) return 'too-long';
        } else {
          throw new Invalid();
        }
      }
      finalBlocks++;
      // The next stream begins with a whole octet.
      if (bit > 0) {
        bit = 0;
        at++;
      }
    }
  } catch (error) {
    if (error instanceof Invalid) return 'invalid';
    throw error;
  }
  return { output: Buffer.from(output), finalBlocks, isBeyondWindow };
}
