import * as assert from 'uvu/assert';
import { type CaseResult, renderJunit, summarize } from '../../../src/conformance/index.js';
import { suite } from '../../support/suite.js';
import {
  broken,
  failed,
  failedRule,
  failedShould,
  hostile,
  hostileResult,
  noted,
  ofEachKind,
  passed,
  runOf,
  skipped,
  weak,
} from './runs.js';

const junit = suite('the JUnit report');

const isRed = (xml: string): boolean => /<(?:failure|error)[ >]/.test(xml);

junit('is red if, and only if, the run is not good', () => {
  const runs: ReadonlyArray<readonly CaseResult[]> = [
    ...ofEachKind.map((result) => [result]),
    ...ofEachKind.map((result) => [passed, result]),
    ...[[], [passed, weak, failedShould, noted, skipped], ofEachKind],
  ];
  for (const isStrict of [false, true]) {
    for (const results of runs) {
      const of = `${results.map((result) => result.case.id).join(', ')}${isStrict ? ', strict' : ''}`;
      const xml = renderJunit(runOf(results, { isStrict }));
      assert.is(isRed(xml), !summarize(results, isStrict).isGood, of);
      const [, failures, errors] = /^<testsuites.* failures="(\d+)" errors="(\d+)"/m.exec(xml)!;
      assert.is(Number(failures) + Number(errors), xml.match(/<(?:failure|error)[ >]/g)?.length ?? 0, of);
    }
  }
});

junit('tells a failed SHOULD and a weak verdict as output, and as failures if strict', () => {
  const lenient = renderJunit(runOf([passed, weak, failedShould]));
  assert.match(lenient, '<system-out>weak (MUST, RFC 6455 §5.5): came the end');
  assert.match(lenient, '<system-out>failed (SHOULD, RFC 6455 §5.5): expected the end');
  const strict = renderJunit(runOf([passed, weak, failedShould], { isStrict: true }));
  assert.match(strict, /<failure message="came the end[^>]* type="weak">/);
  assert.match(strict, /<failure message="expected the end[^>]* type="SHOULD">/);
});

junit('tells a failure with its type, its reason and what was on the wire', () => {
  const xml = renderJunit(runOf([failed, failedRule, broken, skipped]));
  assert.match(
    xml,
    /classname="framing\/bad" name="refuses opcode 0x3 \(server\)" time="0.012"><failure message="expect/,
  );
  assert.match(xml, '      1.3 ms  received  pong, FIN, 2 bytes, &quot;hi&quot;');
  assert.match(xml, '<failure message="the peer sent a masked frame" type="MUST">');
  assert.match(xml, '<error message="cannot connect to localhost:1: ECONNREFUSED" type="broken">');
  assert.match(xml, '<skipped message="the server does not agree to permessage-deflate"/>');
});

junit('has a test suite for each group and target, and a name of its own for each test case', () => {
  const xml = renderJunit(runOf([...ofEachKind, passed, passed]));
  const suites = [...xml.matchAll(/<testsuite name="([^"]*)" tests="(\d+)"/g)].map(
    ([, name, tests]) => `${name}: ${tests}`,
  );
  assert.equal(suites, [
    ...['framing (server): 1', 'control (server): 5', 'utf8 (server): 1', 'closing (server): 2', 'limits (server): 1'],
    ...['deflate (server): 1', 'tls (server): 1', 'control (client): 1'],
  ]);
  const names = [...xml.matchAll(/classname="[^"]*" name="[^"]*"/g)].map(([name]) => name);
  assert.is(names.length, ofEachKind.length + 2);
  assert.is(new Set(names).size, names.length);
});

junit('holds no markup and no character of a peer that XML has not', () => {
  const xml = renderJunit(runOf([hostileResult], { url: `wss://${hostile}` }));
  assert.not.match(xml, '<script');
  assert.not.match(xml, '<img');
  assert.not.match(xml, /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
  assert.match(xml, '&lt;/script&gt;');
  assert.match(xml, '\ufffd\ufffd\ufffd\ufffd\ufffd \u2028');
});

junit.run();
