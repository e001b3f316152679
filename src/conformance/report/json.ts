/** A run as JSON, for programs: all that was seen, one line for each result. The schema is told in docs/conformance-runner.md. */

import type { CaseResult, WireEvent } from '../case.js';
import { type Summary, summarize } from '../results.js';
import type { Run } from './run.js';

/** Raised when a member changes its meaning or goes away; a new member raises nothing. */
const schema = 1;

/** Returns a run as JSON. The results are in the order of the run, and members always in the same order. */
export function renderJson(run: Run): string {
  const { target, url, startedAt, durationMs, versions, options, isStrict, results } = run;
  const { total, byVerdict, failedMust, failedShould, isGood }: Summary = summarize(results, isStrict);
  const head = {
    schema,
    run: { target, url, startedAt, durationMs, versions, options, isStrict },
    summary: { isGood, total, failedMust, failedShould, byVerdict },
  };
  // A line each: a report can be read with grep, and two of them compared with diff.
  const lines = results.map((result) => JSON.stringify(resultMembers(result)));
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n]`;
  return `${JSON.stringify(head).slice(0, -1)},\n"results": ${list}}\n`;
}

function resultMembers({
  case: of,
  target,
  verdict,
  reason,
  violation,
  chunking,
  durationMs,
  events,
}: CaseResult): object {
  const { id, group, section, title, severity } = of;
  return {
    ...{ id, group, section, title, severity, target, chunking, verdict, reason },
    ...(violation === undefined ? {} : { violation }),
    durationMs,
    events: events.map(eventMembers),
  };
}

function eventMembers({ at, direction, text, bytes, size = bytes?.length }: WireEvent): object {
  return { at, direction, text, ...(bytes === undefined ? {} : { hex: bytes.toString('hex'), size }) };
}
