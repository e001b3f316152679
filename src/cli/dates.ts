/**
 * Dates as a person reads them: UTC to the second, and how far away they are.
 */

const units: readonly (readonly [milliseconds: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
];

/** Returns `2027-01-31 23:59:59 UTC`. */
export function dateText(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

/** Returns a span of time in its largest unit, from two days, hours or minutes on: `823 days`, `36 hours`. */
export function spanText(milliseconds: number): string {
  const span = Math.abs(milliseconds);
  const [size, name] = units.find(([size]) => span >= 2 * size) ?? units[units.length - 1]!;
  const count = Math.floor(span / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
