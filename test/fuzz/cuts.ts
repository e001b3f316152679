/** How bytes are cut into pieces: whole, one by one, or as a number of the input says, so that a replay cuts the same. */

export class Cuts {
  readonly #step: number;
  #state: number;

  /** @param step bytes of each piece; 0: random ones, from `seed` on */
  constructor(step: number, seed: number = 0) {
    this.#step = step;
    this.#state = seed;
  }

  /** Returns the length of the next piece, 1 or more. */
  next(): number {
    if (this.#step > 0) return this.#step;
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) | 0;
    return 1 + (((this.#state >>> 16) & 0xff) % (((this.#state >>> 24) & 31) + 1));
  }
}

/** The ways to cut an input of this length. One by one, which takes long, only where it is short, or one time in eight. */
export function waysToCut(length: number, seed: number): Cuts[] {
  const ways = [new Cuts(Math.max(1, length)), new Cuts(0, seed)];
  if (length < 48 || (seed & 7) === 0) ways.push(new Cuts(1));
  return ways;
}
