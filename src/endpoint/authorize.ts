/** The option `authorize` of both ends: what it may be, and what its verdicts say. */
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { anyOf, type Rule } from '../tls/index.js';

/**
 * `true` lets in. Anything else refuses; at a server with 403, `reason` being told to the peer and to `refused`, `detail`
 * to `refused` alone.
 */
export type AuthorizationVerdict = boolean | { readonly reason: string; readonly detail?: string | undefined };

/**
 * Returns what decides; of an array of rules one must accept.
 *
 * @throws UsageError `option-not-a-function` unless it is a function or an array of rules, `invalid-rule`
 */
export function authorizeFrom<Decide extends (...args: never[]) => unknown>(
  option: Decide | readonly Rule[] | undefined,
): Decide | Rule | undefined {
  if (option === undefined || typeof option === 'function') return option;
  if (Array.isArray(option) && option.every((rule) => typeof rule === 'function')) return anyOf(...option);
  const isText = [option].flat().some((rule) => typeof rule === 'string');
  throw new UsageError(
    'option-not-a-function',
    `authorize must be a function, or an array of rules${isText ? '; for text use parseRule or rulesFrom' : ''}`,
    { option: 'authorize' },
  );
}

/**
 * Returns why a verdict that is not `true` refuses: `reason` for the peer, and `text` with the detail, both escaped and
 * bounded.
 *
 * @param unsaid the reason where the verdict gives none
 */
export function refusalOf(verdict: AuthorizationVerdict, unsaid: string): { reason: string; text: string } {
  const given: Exclude<AuthorizationVerdict, boolean> =
    typeof verdict === 'object' && verdict !== null ? verdict : { reason: '' };
  const reason = escapeText(wordsOf(given.reason ?? '')) || unsaid;
  const detail = given.detail === undefined ? mistakenFor(verdict) : escapeText(wordsOf(given.detail), 512);
  return { reason, text: detail === undefined ? reason : `${reason} (${detail})` };
}

/** Says what `authorize` of somebody who does not use TypeScript returned, for the log, if it is no verdict. */
function mistakenFor(verdict: unknown): string | undefined {
  if (typeof verdict === 'boolean' || typeof verdict === 'object') return undefined;
  const shown = verdict === undefined ? 'undefined' : `${escapeText(wordsOf(verdict), 64)} (${typeof verdict})`;
  return `authorize returned ${shown}, only true lets in`;
}

/** What somebody's code gave or threw, in words; some values cannot be written. */
export function wordsOf(value: unknown): string {
  try {
    return String(value instanceof Error ? value.message : value);
  } catch {
    return 'a value that cannot be written';
  }
}
