/**
 * How many of something a peer may send in a second. A window of a second begins with the first that comes after the last
 * one is over; the clock is read only when a window's share is used up, so that counting costs an addition.
 */
export class Rate {
  readonly maximum: number;
  #count = 0;
  #end: number = performance.now() + 1000;

  constructor(maximum: number) {
    this.maximum = maximum;
  }

  /** Counts one; returns whether it is one too many. */
  exceeds(): boolean {
    this.#count++;
    if (this.#count <= this.maximum) return false;
    const now = performance.now();
    if (now < this.#end) return true;
    this.#count = 1;
    this.#end = now + 1000;
    return false;
  }
}
