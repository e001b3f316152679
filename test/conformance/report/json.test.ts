import * as assert from 'uvu/assert';
import { renderJson } from '../../../src/conformance/index.js';
import { suite } from '../../support/suite.js';
import { hostile, ofEachKind, passed, runOf, skipped } from './runs.js';

const json = suite('the JSON report');

json('tells a run, what it comes to, and each result with its bytes', () => {
  const report = JSON.parse(renderJson(runOf([passed])));
  assert.equal(report, {
    schema: 1,
    run: {
      target: 'server',
      url: 'wss://localhost:8443/?a=1&b=<2>',
      startedAt: '2030-01-02T03:04:05.678Z',
      durationMs: 1234,
      versions: { 'mtls-ws': '1.2.3', node: '24.0.0' },
      options: { chunking: ['whole', 'octets'], repeat: 1 },
      isStrict: false,
    },
    summary: {
      isGood: true,
      total: 1,
      failedMust: 0,
      failedShould: 0,
      byVerdict: { passed: 1, weak: 0, failed: 0, noted: 0, skipped: 0, broken: 0 },
    },
    results: [
      {
        ...{
          id: 'control/ping',
          group: 'control',
          section: 'RFC 6455 §5.5',
          title: 'answers a ping',
          severity: 'MUST',
        },
        ...{ target: 'server', chunking: 'whole', verdict: 'passed', reason: '', durationMs: 12 },
        events: [
          { at: 0, direction: 'sent', text: 'ping, FIN, masked, 2 bytes, "hi"', hex: '898201020304696b', size: 8 },
          { at: 1.25, direction: 'received', text: 'pong, FIN, 2 bytes, "hi"', hex: '8a026869', size: 4 },
          { at: 3, direction: 'note', text: 'the rest was not sent' },
        ],
      },
    ],
  });
});

json('counts a failed SHOULD that broke a rule of every case as a MUST', () => {
  const { summary } = JSON.parse(renderJson(runOf(ofEachKind)));
  assert.equal([summary.isGood, summary.failedMust, summary.failedShould], [false, 3, 1]);
});

json('has a line for each result, in the order of the run', () => {
  const lines = renderJson(runOf(ofEachKind)).split('\n');
  assert.equal(
    lines.slice(2, -2).map((line) => JSON.parse(line.replace(/,$/, '')).id),
    ofEachKind.map((result) => result.case.id),
  );
  assert.equal(JSON.parse(renderJson(runOf([]))).results, []);
});

json('keeps what a peer sent, character for character', () => {
  const { results } = JSON.parse(renderJson(runOf(ofEachKind)));
  const told = results.find((result: { id: string }) => result.id === 'utf8/hostile');
  assert.is(told.violation, hostile);
  assert.is(told.events[0].text, hostile);
  assert.is(told.events[0].size, 70_000);
});

json('is not good where nothing was run', () => {
  assert.is(JSON.parse(renderJson(runOf([skipped]))).summary.isGood, false);
});

json.run();
