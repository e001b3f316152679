/**
 * A run as JUnit XML, for CI systems: a test suite for each group and target. It has a failure or an error if, and only if,
 * the run is not good: a failed SHOULD and a weak verdict are `<failure>` with `isStrict` alone, and else told in
 * `<system-out>`. What is broken is an `<error>`.
 */
import type { CaseResult, WireEvent } from '../case.js';
import { groups } from '../catalogue.js';
import { isFatal, summarize } from '../results.js';
import type { Run } from './run.js';
import { attributes, escapeXml } from './xml.js';

type Outcome = 'passed' | 'failure' | 'error' | 'skipped';

/** How many of the last events a failure tells. */
const toldEvents = 20;

/** Returns a run as JUnit XML. */
export function renderJunit(run: Run): string {
  const { results, isStrict } = run;
  const suites = (['server', 'client'] as const).flatMap((target) =>
    Object.keys(groups).flatMap((group) => {
      const ofSuite = results.filter((result) => result.target === target && result.case.group === group);
      return ofSuite.length === 0 ? [] : [suite(run, `${group} (${target})`, ofSuite)];
    }),
  );
  const outcomes = results.map((result) => outcomeOf(result, isStrict));
  const isRed = outcomes.some((outcome) => outcome === 'failure' || outcome === 'error');
  if (!isRed && !summarize(results, isStrict).isGood) {
    // A run in which nothing ran proves nothing: it must not be green for want of a case.
    suites.push(emptyRun(run));
    outcomes.push('error');
  }
  const totals = { ...countsOf(outcomes), time: seconds(run.durationMs), timestamp: run.startedAt };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: 'mtls-ws conformance', ...totals })}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function outcomeOf({ verdict, violation, case: { severity } }: CaseResult, isStrict: boolean): Outcome {
  if (verdict === 'broken') return 'error';
  if (verdict === 'skipped') return 'skipped';
  if (isFatal({ verdict, severity, violation })) return 'failure';
  return isStrict && (verdict === 'failed' || verdict === 'weak') ? 'failure' : 'passed';
}

function countsOf(outcomes: readonly Outcome[]): Record<string, number> {
  const count = (wanted: Outcome): number => outcomes.filter((outcome) => outcome === wanted).length;
  return { tests: outcomes.length, failures: count('failure'), errors: count('error'), skipped: count('skipped') };
}

function suite({ url, startedAt, isStrict }: Run, name: string, results: readonly CaseResult[]): string {
  const ms = results.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const counts = countsOf(results.map((result) => outcomeOf(result, isStrict)));
  const named = new Map<string, number>();
  return [
    `  <testsuite${attributes({ name, ...counts, time: seconds(ms), timestamp: startedAt })}>`,
    ...(url === '' ? [] : [`    <properties><property${attributes({ name: 'url', value: url })}/></properties>`]),
    ...results.map((result) => testCase(result, isStrict, named)),
    '  </testsuite>',
  ].join('\n');
}

/** @param named how often each name came: CI systems know a test by class and name, and take equals for one */
function testCase(result: CaseResult, isStrict: boolean, named: Map<string, number>): string {
  const { case: of, target, chunking, verdict, reason, durationMs, violation } = result;
  const how = chunking === 'whole' ? target : `${target}, ${chunking}`;
  const key = `${of.id} ${how}`;
  const nth = (named.get(key) ?? 0) + 1;
  named.set(key, nth);
  const name = `${of.title} (${how}${nth === 1 ? '' : `, run ${nth}`})`;
  const open = `    <testcase${attributes({ classname: of.id, name, time: seconds(durationMs) })}`;
  const outcome = outcomeOf(result, isStrict);
  const type = violation !== undefined ? 'MUST' : verdict === 'failed' ? of.severity : verdict;
  switch (outcome) {
    case 'skipped':
      return `${open}><skipped${attributes({ message: reason })}/></testcase>`;
    case 'failure':
    case 'error':
      return `${open}><${outcome}${attributes({ message: reason, type })}>${escapeXml(account(result))}</${outcome}></testcase>`;
    default:
      if (reason === '') return `${open}/>`;
      return `${open}><system-out>${escapeXml(`${verdict} (${of.severity}, ${of.section}): ${reason}`)}</system-out></testcase>`;
  }
}

/** What a failure is about, and how it came to it. */
function account({ case: { id, title, severity, section }, reason, violation, events }: CaseResult): string {
  const left = Math.max(0, events.length - toldEvents);
  return [
    `${id}: ${title} (${severity}, ${section})`,
    reason,
    ...(violation === undefined || reason.includes(violation) ? [] : [violation]),
    ...(left === 0 ? [] : [`… ${left} earlier events`]),
    ...events.slice(left).map(line),
  ].join('\n');
}

function line({ at, direction, text }: WireEvent): string {
  return `${at.toFixed(1).padStart(9)} ms  ${direction.padEnd(8)}  ${text}`;
}

function emptyRun({ startedAt }: Run): string {
  const totals = { tests: 1, failures: 0, errors: 1, skipped: 0, time: '0.000', timestamp: startedAt };
  const error = `<error${attributes({ message: 'no case was run', type: 'broken' })}/>`;
  return [
    `  <testsuite${attributes({ name: 'run', ...totals })}>`,
    `    <testcase${attributes({ classname: 'run', name: 'runs at least one case', time: '0.000' })}>${error}</testcase>`,
    '  </testsuite>',
  ].join('\n');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
