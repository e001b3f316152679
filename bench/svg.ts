/** Charts as SVG text: readable on light and dark pages, and without any program to draw them. */

export interface Series {
  readonly label: string;
  /** A class of `style`: `a` ours, `raw`, or another letter. */
  readonly look: string;
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number }>;
}

const style = `<style>
  text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 } .sub { fill: #666 }
  .grid { stroke: #8884; stroke-width: 1 } .one { stroke: #333; stroke-width: 1.5 } .mark { stroke: #fff; stroke-width: 1; fill: #111 }
  .line { fill: none; stroke-width: 2.2 } .bar { stroke: none }
  .a { --c: #0b6bcb } .a2 { --c: #67a9e8 } .a3 { --c: #7a5bd6 } .raw { --c: #777 } .w { --c: #d9480f } .w2 { --c: #f0a34a }
  .o1 { --c: #2b8a3e } .o2 { --c: #a61e8a } .o3 { --c: #0a8f8f } .o4 { --c: #8a6d00 } .o5 { --c: #b02a4c } .o6 { --c: #5c7cfa }
  .line { stroke: var(--c) } .dot, .bar { fill: var(--c) } .name { fill: var(--c); font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .sub { fill: #aaa } .one { stroke: #eee } .mark { stroke: #111; fill: #fff } .raw { --c: #aaa } .a { --c: #4da3ff } .w { --c: #ff8352 }
    .o1 { --c: #69db7c } .o2 { --c: #e599f7 } .o3 { --c: #3bc9db } .o4 { --c: #e0c341 } .o5 { --c: #ff8fab } .a3 { --c: #b197fc }
  }
</style>`;

const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const round = (value: number): number => Math.round(value * 10) / 10;

function text(
  x: number,
  y: number,
  value: string,
  look: string = '',
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${look}" text-anchor="${anchor}">${escapeText(value)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, look: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${look}"/>`;
}

/** What stands out on a bar, on a line and on the axis. */
function diamond(x: number, y: number): string {
  const [a, b] = [6, 8];
  return `<path class="mark" d="M${round(x)} ${round(y - b)}l${a} ${b}l-${a} ${b}l-${a} -${b}z"/>`;
}

function picture(width: number, height: number, title: string, sub: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    style,
    text(16, 24, title, 'title'),
    text(16, 42, sub, 'sub'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** The powers of ten from `low` to `high`, those right outside of them too. */
function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

/** Moves labels apart that would lie on each other; keeps their order. */
function apart(places: readonly number[], gap: number): number[] {
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]!);
  const moved = [...places];
  for (let pass = 0; pass < 50; pass++) {
    for (let i = 1; i < order.length; i++) {
      const [above, below] = [order[i - 1]!, order[i]!];
      const overlap = gap - (moved[below]! - moved[above]!);
      if (overlap <= 0) continue;
      moved[above] = moved[above]! - overlap / 2;
      moved[below] = moved[below]! + overlap / 2;
    }
  }
  return moved;
}

export interface LineChart {
  readonly title: string;
  readonly sub: string;
  readonly series: readonly Series[];
  readonly xName: (x: number) => string;
  readonly yName: (y: number) => string;
}

/** Lines on two logarithmic scales, each with its name at its end. */
export function lineChart({ title, sub, series, xName, yName }: LineChart): string {
  const [width, height, left, top, right, bottom] = [900, 440, 76, 60, 220, 36];
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const ys = series.flatMap(({ points }) => points.map(({ y }) => y));
  const ticks = decades(Math.min(...ys), Math.max(...ys));
  const logs = { low: Math.log(ticks[0]!), high: Math.log(ticks.at(-1)!) };
  const [x0, x1] = [Math.log(xs[0]!), Math.log(xs.at(-1)!)];
  const placeX = (x: number): number => left + ((Math.log(x) - x0) / (x1 - x0 || 1)) * (width - left - right);
  const placeY = (y: number): number =>
    height - bottom - ((Math.log(y) - logs.low) / (logs.high - logs.low)) * (height - top - bottom);
  const ends = apart(
    series.map(({ points }) => placeY(points.at(-1)!.y)),
    16,
  );
  return picture(width, height, title, sub, [
    ...ticks.flatMap((y) => [
      line(left, placeY(y), width - right, placeY(y), 'grid'),
      text(left - 8, placeY(y) + 4, yName(y), '', 'end'),
    ]),
    ...xs.map((x) => text(placeX(x), height - bottom + 20, xName(x), '', 'middle')),
    ...series.flatMap(({ label, look, points }, index) => [
      `<g class="${look}">`,
      `<polyline class="line" points="${points.map(({ x, y }) => `${round(placeX(x))},${round(placeY(y))}`).join(' ')}"/>`,
      ...points.map(({ x, y }) => `<circle class="dot" r="3.2" cx="${round(placeX(x))}" cy="${round(placeY(y))}"/>`),
      text(width - right + 12, ends[index]! + 4, label, 'name'),
      '</g>',
    ]),
  ]);
}

export interface BarRow {
  readonly label: string;
  /** Bars from 1 on, drawn one below the other. */
  readonly bars: ReadonlyArray<{
    readonly look: string;
    readonly value: number;
    readonly low: number;
    readonly high: number;
  }>;
  readonly target: number | undefined;
}

export interface BarChart {
  readonly title: string;
  readonly sub: string;
  readonly rows: readonly BarRow[];
  readonly legend: ReadonlyArray<{ readonly look: string; readonly label: string }>;
}

/** Ratios as bars that begin at 1, on a logarithmic scale; a mark where the target is. */
export function ratioChart({ title, sub, rows, legend }: BarChart): string {
  const [width, left, top, right, barHeight] = [860, 150, 84, 96, 11];
  const rowHeight = Math.max(...rows.map(({ bars }) => bars.length)) * (barHeight + 2) + 10;
  const height = top + rows.length * rowHeight + 30;
  const values = rows.flatMap(({ bars, target }) => [
    ...bars.flatMap(({ value, low, high }) => [value, low, high]),
    target ?? 1,
  ]);
  const powers = [
    Math.min(-1, Math.floor(Math.log2(Math.min(...values)))),
    Math.max(1, Math.ceil(Math.log2(Math.max(...values)))),
  ] as const;
  const place = (value: number): number =>
    left + ((Math.log2(value) - powers[0]) / (powers[1] - powers[0])) * (width - left - right);
  const ticks = Array.from({ length: powers[1] - powers[0] + 1 }, (_, i) => 2 ** (powers[0] + i));
  let legendAt = left;
  return picture(width, height, title, sub, [
    ...legend.map(({ look, label }) => {
      const at = legendAt;
      legendAt += 34 + label.length * 7;
      return `<g class="${look}"><rect class="bar" x="${at}" y="58" width="14" height="10"/>${text(at + 20, 67, label)}</g>`;
    }),
    ...ticks.flatMap((tick) => [
      line(place(tick), top - 6, place(tick), height - 26, tick === 1 ? 'one' : 'grid'),
      text(place(tick), height - 10, `${tick < 1 ? `1/${1 / tick}` : tick} ×`, '', 'middle'),
    ]),
    ...rows.flatMap(({ label, bars, target }, index) => {
      const y = top + index * rowHeight;
      const middle = y + (bars.length * (barHeight + 2)) / 2;
      return [
        text(left - 10, middle + 4, label, '', 'end'),
        ...bars.map(({ look, value, low, high }, i) => {
          const at = y + i * (barHeight + 2);
          const [from, to] = [Math.min(place(value), place(1)), Math.max(place(value), place(1))];
          // The number stands behind all that is drawn on its side.
          const marks = i === 0 && target !== undefined ? [low, high, target] : [low, high];
          const gap = i === 0 && target !== undefined ? 10 : 4;
          const beyond = value < 1 ? place(Math.min(...marks)) - gap : place(Math.max(...marks, 1)) + gap;
          return [
            `<g class="${look}"><rect class="bar" x="${round(from)}" y="${round(at)}" width="${round(Math.max(1, to - from))}" height="${barHeight}"/>`,
            line(place(low), at + barHeight / 2, place(high), at + barHeight / 2, 'one'),
            text(beyond, at + barHeight - 1, value.toFixed(2), '', value < 1 ? 'end' : 'start'),
            '</g>',
          ].join('');
        }),
        ...(target === undefined ? [] : [diamond(place(target), y + barHeight / 2)]),
      ];
    }),
  ]);
}

export interface RangeChart {
  readonly title: string;
  readonly sub: string;
  readonly groups: ReadonlyArray<{
    readonly label: string;
    readonly rows: ReadonlyArray<{ readonly label: string; readonly look: string; readonly values: readonly number[] }>;
  }>;
  readonly name: (value: number) => string;
}

/** For each row its values as points on one line, on a logarithmic scale. */
export function rangeChart({ title, sub, groups, name }: RangeChart): string {
  const [width, left, top, right, rowHeight] = [860, 210, 62, 70, 22];
  const values = groups.flatMap(({ rows }) => rows.flatMap((row) => row.values));
  const [low, high] = [Math.min(...values) * 0.8, Math.max(...values) * 1.3];
  const place = (value: number): number =>
    left + (Math.log(value / low) / Math.log(high / low)) * (width - left - right);
  const height = top + groups.reduce((sum, { rows }) => sum + 30 + rows.length * rowHeight, 0) + 30;
  const ticks = decades(low, high)
    .flatMap((decade) => [decade, 2 * decade, 5 * decade])
    .filter((tick) => tick >= low && tick <= high);
  const parts: string[] = ticks.flatMap((tick) => [
    line(place(tick), top, place(tick), height - 28, 'grid'),
    text(place(tick), height - 10, name(tick), '', 'middle'),
  ]);
  let y = top;
  for (const { label, rows } of groups) {
    parts.push(text(16, y + 18, label, 'title'));
    y += 30;
    for (const row of rows) {
      const middle = y + rowHeight / 2;
      const radii = [5, 4, 3];
      parts.push(
        text(left - 12, middle + 4, row.label, '', 'end'),
        `<g class="${row.look}">`,
        line(place(row.values[0]!), middle, place(row.values.at(-1)!), middle, 'line'),
        ...row.values.map(
          (value, i) => `<circle class="dot" r="${radii[i] ?? 3}" cx="${round(place(value))}" cy="${middle}"/>`,
        ),
        text(place(row.values.at(-1)!) + 8, middle + 4, name(row.values.at(-1)!), 'sub'),
        '</g>',
      );
      y += rowHeight;
    }
  }
  return picture(width, height, title, sub, parts);
}
