/** Latencies, counted: memory that does not grow with their number, and percentiles that are right to 1 %. */

/** Parts of each power of two. */
const parts = 128;

/** Up to 2^40 ns, some 18 minutes. */
const powers = 34;

export class Histogram {
  readonly #counts = new Uint32Array(powers * parts);
  #total = 0;
  #most = 0;

  /** @param us microseconds */
  record(us: number): void {
    const ns = Math.max(0, Math.round(us * 1000));
    const power = ns < parts ? 0 : Math.floor(Math.log2(ns)) - 6;
    const index = Math.min(power * parts + Math.floor(ns / 2 ** power), this.#counts.length - 1);
    this.#counts[index]!++;
    this.#total++;
    if (us > this.#most) this.#most = us;
  }

  get total(): number {
    return this.#total;
  }

  /** The longest, in microseconds. */
  get most(): number {
    return this.#most;
  }

  /** Returns the microseconds that `fraction` of them did not take longer than; 0 when there are none. */
  percentile(fraction: number): number {
    const rank = this.#total * fraction;
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index]!;
      if (seen > 0 && seen >= rank) return ((index % parts) * 2 ** Math.floor(index / parts)) / 1000;
    }
    return 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#most = 0;
  }
}
