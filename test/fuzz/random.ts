/** Random numbers that can be had again, fast enough for a million inputs a second: the state is one 32-bit number. */

export class Random {
  /** All there is to it: set it to what it was, and the same numbers follow. */
  state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** Returns a whole number from 0 to 2^32 − 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Returns a whole number below `limit`, which is at most 65,536. */
  below(limit: number): number {
    return ((this.next() >>> 16) * limit) >>> 16;
  }

  /** Whether it is one time in so many. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}
