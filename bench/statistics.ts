/** Rounds summed up, and the rule for when two figures differ. */

/** What the rounds of one measurement say together. */
export interface Summary {
  readonly median: number;
  /** The lowest and the highest round: the spread. */
  readonly low: number;
  readonly high: number;
}

/** Returns the value below which `fraction` of `sorted` lies, between two neighbours in proportion. */
export function quantile(sorted: readonly number[], fraction: number): number {
  const place = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}

export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function summarize(values: readonly number[]): Summary {
  const ordered = sorted(values);
  return { median: quantile(ordered, 0.5), low: ordered[0]!, high: ordered[ordered.length - 1]! };
}

/** Returns, round by round, how many times `base` the `values` are. What disturbs a round disturbs both, and cancels. */
export function ratio(values: readonly number[], base: readonly number[]): Summary {
  return summarize(values.map((value, round) => value / base[round]!));
}

export type Verdict = 'less' | 'more' | 'no difference';

/** The fewest rounds on which a verdict is given: with fewer, chance alone makes them agree too often. */
const fewestRounds = 5;

/** A ratio is a difference only if every round says so, whatever its median is. */
export function verdict(ratio: Summary, rounds: number): Verdict {
  if (rounds < fewestRounds) return 'no difference';
  return ratio.high < 1 ? 'less' : ratio.low > 1 ? 'more' : 'no difference';
}
