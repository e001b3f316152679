/**
 * Rules per path. A path that could be read in two ways matches nothing, so that nobody gets past a rule by writing a
 * path in another way than the rule does.
 */
import { escapeText } from '../text.js';
import { anyOf } from './authorizer.js';
import { isPlainPath } from './plain-path.js';
import { checkRule, invalidRule, makeRule, memberText, type Rule, refusal, refusals, termText } from './rule.js';

interface Row {
  readonly pattern: string;
  /** The pattern without its `/*`; the empty string for every path. */
  readonly path: string;
  /** Whether it is also for what is below. */
  readonly below: boolean;
  readonly rule: Rule;
}

/**
 * Decides by the path of the request. The rows are keyed by what they are for: `/admin` for that path alone, `/admin/*`
 * for it and everything below it, `*` for every path. The most specific row decides alone: the longest path, and
 * `/admin` before `/admin/*`. No row for a path: refused, with `no rule for this path`;
 * no row at all: everybody is refused.
 *
 * The query does not count, nor does one `/` at the end; letter case does (RFC 3986 §6.2.2.1), so a server that ignores
 * it must not have a wider row beside a narrow one. Fails closed: a path is refused, whatever the rows, if it has a `%`,
 * an empty, `.` or `..` segment, a backslash, a `;`, or another character that is unusual in paths; and so is everything
 * where there is no request.
 *
 * @throws UsageError `invalid-rule` if a key is none of these forms, or a value is not a rule.
 */
export function byPath(table: Readonly<Record<string, Rule>>): Rule {
  if (typeof table !== 'object' || table === null) throw invalidRule('byPath() takes an object of paths and rules');
  const rows = Object.entries(table).map(([pattern, rule]) => rowOf(pattern, checkRule(rule)));
  if (rows.length === 0) return anyOf();
  rows.sort((a, b) => b.path.length - a.path.length || Number(a.below) - Number(b.below) || (a.path < b.path ? -1 : 1));
  const text = rows.map(({ pattern, rule }) => `${termText('path=', pattern)} ${memberText(rule)}`).join(' | ');
  return makeRule(text, (subject) => {
    const whole = subject.path?.replace(/\?.*$/s, '');
    if (whole === undefined) return refusal(refusals.noRuleForPath, text);
    if (!isPlainPath(whole)) return refusal(refusals.oddPath, text);
    const path = whole.endsWith('/') ? whole.slice(0, -1) : whole;
    const row = rows.find((candidate) => matches(candidate, path));
    return row === undefined ? refusal(refusals.noRuleForPath, text) : row.rule(subject);
  });
}

function matches(row: Row, path: string): boolean {
  return path === row.path || (row.below && path.startsWith(`${row.path}/`));
}

function rowOf(pattern: string, rule: Rule): Row {
  if (pattern === '*') return { pattern, path: '', below: true, rule };
  const below = pattern.endsWith('/*');
  const path = below ? pattern.slice(0, -2) : pattern;
  // `/` alone is the empty path: what is compared has no `/` at its end.
  if (pattern === '/') return { pattern, path: '', below, rule };
  if (!isPlainPath(path) || path.endsWith('/')) {
    throw invalidRule(
      `"${escapeText(pattern)}" is not a path for a rule: write /path, /path/* or *, without query, escapes, dot segments or a / at the end`,
    );
  }
  return { pattern, path, below, rule };
}
