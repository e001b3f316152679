import * as assert from 'uvu/assert';
import type { CaseResult, Severity, Verdict } from '../../src/conformance/case.js';
import { tasksOf } from '../../src/conformance/options.js';
import { summarize } from '../../src/conformance/results.js';
import { UsageError } from '../../src/errors.js';
import { suite } from '../support/suite.js';
import { caseWith } from './play.js';

const results = suite('what a conformance run comes to');

function result(verdict: Verdict, severity: Severity = 'MUST', violation?: string): CaseResult {
  const testCase = caseWith([], { severity });
  const base = {
    case: testCase,
    target: 'server',
    verdict,
    reason: '',
    chunking: 'whole',
    durationMs: 1,
    events: [],
  } as const;
  return violation === undefined ? base : { ...base, violation };
}

const table: ReadonlyArray<
  readonly [what: string, results: readonly CaseResult[], isGood: boolean, isStrictlyGood: boolean]
> = [
  ['cases that passed', [result('passed'), result('noted', 'INFO'), result('skipped')], true, true],
  ['a weak one', [result('passed'), result('weak')], true, false],
  ['a SHOULD that failed', [result('passed'), result('failed', 'SHOULD')], true, false],
  ['a SHOULD that failed by breaking a rule of all cases', [result('failed', 'SHOULD', 'x')], false, false],
  ['a MUST that failed', [result('passed'), result('failed')], false, false],
  ['an INFO that failed', [result('failed', 'INFO')], false, false],
  ['one that is broken', [result('passed'), result('broken')], false, false],
  ['only skipped ones', [result('skipped')], false, false],
  ['nothing', [], false, false],
];

for (const [what, all, isGood, isStrictlyGood] of table) {
  results(`judges ${what}`, () => {
    assert.is(summarize(all, false).isGood, isGood);
    assert.is(summarize(all, true).isGood, isStrictlyGood);
  });
}

results('counts by verdict and severity', () => {
  const { total, byVerdict, failedMust, failedShould } = summarize(
    [result('failed'), result('failed', 'SHOULD'), result('failed', 'SHOULD', 'x'), result('weak')],
    false,
  );
  assert.equal([total, byVerdict.failed, byVerdict.weak, failedMust, failedShould], [4, 3, 1, 2, 1]);
});

results.run();

const choosing = suite('choosing conformance cases');

const cases = [
  { ...caseWith([]), id: 'control/ping-1' },
  { ...caseWith([]), id: 'control/ping-2', targets: ['client'] as const },
  { ...caseWith([]), id: 'utf8/ping', group: 'utf8' as const },
  { ...caseWith([]), id: 'tls/one', group: 'tls' as const, kind: 'tls' as const, procedure: 'x' },
];

const chosen = (options: object, target: 'server' | 'client' = 'server'): string[] =>
  tasksOf({ cases, ...options }, target).map(({ testCase, chunking }) => `${testCase.id} ${chunking.kind}`);

choosing('takes all of the target, or those of a group or an id', () => {
  assert.equal(chosen({}), ['control/ping-1 whole', 'utf8/ping whole', 'tls/one whole']);
  assert.equal(chosen({ groups: ['control'] }, 'client'), ['control/ping-1 whole', 'control/ping-2 whole']);
  assert.equal(chosen({ ids: ['*/ping*'] }), ['control/ping-1 whole', 'utf8/ping whole']);
  assert.equal(chosen({ ids: ['utf8/ping', 'tls.one'] }), ['utf8/ping whole']);
});

choosing('runs each in each chunking, as often as asked, and a TLS handshake in one', () => {
  assert.equal(chosen({ ids: ['utf8/*', 'tls/*'], chunkings: [{ kind: 'whole' }, { kind: 'octets' }], repeat: 2 }), [
    ...['utf8/ping whole', 'utf8/ping whole', 'tls/one whole', 'tls/one whole'],
    ...['utf8/ping octets', 'utf8/ping octets'],
  ]);
});

choosing('refuses a choice that leaves nothing', () => {
  assert.throws(
    () => chosen({ ids: ['nothing'] }),
    (error: unknown) => error instanceof UsageError && error.code === 'no-case',
  );
});

choosing.run();
