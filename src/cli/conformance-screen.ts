/**
 * What a run of conformance cases shows: a line that moves while it goes, and in the end a table and each failure.
 */
import { type CaseResult, groups, type Run, summarize, type Verdict, verdicts } from '../conformance/index.js';
import { columns, type Paint, wrap } from './terminal.js';

/** One line on a terminal, rewritten; nothing elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #isShown: boolean;
  readonly #counts = new Map<Verdict, number>();
  #done = 0;
  #shownAt = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#isShown = stream.isTTY === true;
  }

  add({ verdict, case: { group } }: CaseResult): void {
    this.#done++;
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
    // Ten times a second is enough to be seen.
    if (!this.#isShown || performance.now() - this.#shownAt < 100) return;
    this.#shownAt = performance.now();
    const parts = verdicts.filter((name) => this.#counts.has(name)).map((name) => `${this.#counts.get(name)} ${name}`);
    this.#stream.write(`\r\x1b[K${`${this.#done} done: ${parts.join(', ')} (${group})`.slice(0, columns - 1)}`);
  }

  finish(): void {
    if (this.#isShown) this.#stream.write('\r\x1b[K');
  }
}

/** Returns the table, the failures and what it comes to; with `isVerbose` what was noted and weak too. */
export function summaryText(run: Run, isVerbose: boolean, paint: Paint): string {
  const { results, isStrict } = run;
  const summary = summarize(results, isStrict);
  const { byVerdict } = summary;
  const seconds = (run.durationMs / 1000).toFixed(1);
  const counts = verdicts.filter((name) => byVerdict[name] > 0).map((name) => `${byVerdict[name]} ${name}`);
  const verdict = summary.isGood ? paint.green('conforms') : paint.red('DOES NOT CONFORM');
  return [
    table(results, paint),
    ...together(results, 'skipped'),
    ...together(results, 'broken'),
    ...details(
      results,
      isVerbose ? ['weak', 'noted', 'failed'] : ['failed'],
      isVerbose ? results.length : mostShown,
      paint,
    ),
    '',
    `${verdict}${isStrict ? ' (strict)' : ''}: ${summary.total === 1 ? '1 run of a case' : `${summary.total} runs of cases`}, ${counts.join(', ')}, in ${seconds} s`,
    '',
  ].join('\n');
}

function table(results: readonly CaseResult[], paint: Paint): string {
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(22)}${cells.map((cell) => cell.padStart(9)).join('')}`;
  const targets = [...new Set(results.map(({ target }) => target))];
  const lines = [paint.bold(row('group', verdicts))];
  for (const target of targets) {
    for (const group of Object.keys(groups)) {
      const ofGroup = results.filter((result) => result.case.group === group && result.target === target);
      if (ofGroup.length === 0) continue;
      const counts = verdicts.map((verdict) => ofGroup.filter((result) => result.verdict === verdict).length);
      const name = targets.length > 1 ? `${group} (${target})` : group;
      lines.push(
        row(
          name,
          counts.map((count) => (count === 0 ? '·' : String(count))),
        ),
      );
    }
  }
  return lines.join('\n');
}

/** What was not tried and why, a line for each group and reason. */
function together(results: readonly CaseResult[], wanted: 'skipped' | 'broken'): string[] {
  const counts = new Map<string, number>();
  for (const {
    verdict,
    reason,
    case: { group },
  } of results) {
    const key = `${group}: ${reason}`;
    if (verdict === wanted) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  return ['', ...[...counts].flatMap(([key, count]) => wrap(`${wanted} ${count} of ${key}`, columns))];
}

/** How many failures are told one by one: who has more of them reads a report. */
const mostShown = 50;

function details(results: readonly CaseResult[], wanted: readonly Verdict[], most: number, paint: Paint): string[] {
  const chosen = results.filter(({ verdict }) => wanted.includes(verdict));
  const more = chosen.length - most;
  const rest = more > 0 ? ['', `and ${more} more: --verbose shows them, and so do the reports`] : [];
  const lines = chosen
    .slice(0, most)
    .flatMap(({ case: { id, title, section, severity }, target, verdict, reason, chunking }) => {
      const how = chunking === 'whole' ? ` (${target})` : ` (${target}, ${chunking})`;
      const colour = verdict === 'failed' ? paint.red : paint.yellow;
      return [
        '',
        `${colour(verdict.toUpperCase())} ${paint.bold(id)}${how}`,
        ...wrap(`${title} (${severity}, ${section})`, columns - 2).map((line) => `  ${line}`),
        ...wrap(reason, columns - 4).map((line) => `    ${line}`),
      ];
    });
  return [...lines, ...rest];
}
