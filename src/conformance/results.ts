/** What a run amounts to. */
import type { CaseResult, Verdict } from './case.js';

export const verdicts: readonly Verdict[] = ['passed', 'weak', 'failed', 'noted', 'skipped', 'broken'];

export interface Summary {
  readonly total: number;
  readonly byVerdict: Readonly<Record<Verdict, number>>;
  /** Failed where the RFC says MUST, or by breaking a rule that holds in every case. */
  readonly failedMust: number;
  /** Failed where the RFC says SHOULD. */
  readonly failedShould: number;
  /** Whether the peer conforms, as far as was tested. */
  readonly isGood: boolean;
}

/** Whether a failure is one of a MUST. */
export function isFatal({
  verdict,
  severity,
  violation,
}: {
  verdict: Verdict;
  severity: string;
  violation?: string | undefined;
}): boolean {
  return verdict === 'failed' && (severity !== 'SHOULD' || violation !== undefined);
}

/** @param isStrict whether failures of a SHOULD and weak verdicts count too */
export function summarize(results: readonly CaseResult[], isStrict: boolean): Summary {
  const count = (verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;
  const byVerdict = Object.fromEntries(verdicts.map((verdict) => [verdict, count(verdict)])) as Record<Verdict, number>;
  const failedMust = results.filter((result) =>
    isFatal({ verdict: result.verdict, severity: result.case.severity, violation: result.violation }),
  ).length;
  const failedShould = byVerdict.failed - failedMust;
  const ran = results.length - byVerdict.skipped - byVerdict.broken;
  const isLenientlyGood = ran > 0 && failedMust === 0 && byVerdict.broken === 0;
  return {
    total: results.length,
    byVerdict,
    failedMust,
    failedShould,
    isGood: isLenientlyGood && (!isStrict || (failedShould === 0 && byVerdict.weak === 0)),
  };
}
