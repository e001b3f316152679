/** Runs to make reports of: one result of each verdict, and what a hostile peer may put into them. */
import { Buffer } from 'node:buffer';
import type { Case, CaseResult, Run, Severity } from '../../../src/conformance/index.js';

/** Text of a peer that means something to HTML, XML, JSON or a script. */
export const hostile: string =
  '</script><script>document.title="taken"</script><img src=x onerror=alert(1)> ]]> <!-- &amp; " \' \u0000\u0008\u001b\ufffe\ud800 \u2028';

function caseOf(id: string, title: string, severity: Severity): Case {
  const group = id.slice(0, id.indexOf('/')) as Case['group'];
  return { kind: 'exchange', id, group, section: 'RFC 6455 §5.5', title, severity, script: () => [] };
}

function result(of: Case, changes: Partial<CaseResult>): CaseResult {
  return {
    ...{ case: of, target: 'server', verdict: 'passed', reason: '', chunking: 'whole', durationMs: 12, events: [] },
    ...changes,
  };
}

/** A ping and its pong. */
const events: CaseResult['events'] = [
  {
    at: 0,
    direction: 'sent',
    text: 'ping, FIN, masked, 2 bytes, "hi"',
    bytes: Buffer.from('89820102030469 6b'.replace(' ', ''), 'hex'),
    size: 8,
  },
  { at: 1.25, direction: 'received', text: 'pong, FIN, 2 bytes, "hi"', bytes: Buffer.from('8a026869', 'hex'), size: 4 },
  { at: 3, direction: 'note', text: 'the rest was not sent' },
];

export const passed: CaseResult = result(caseOf('control/ping', 'answers a ping', 'MUST'), { events });
export const weak: CaseResult = result(caseOf('control/weak', 'fails with 1002', 'MUST'), {
  verdict: 'weak',
  reason: 'came the end of the TCP connection without a close frame',
});
export const failed: CaseResult = result(caseOf('framing/bad', 'refuses opcode 0x3', 'MUST'), {
  verdict: 'failed',
  reason: 'expected that the peer fails the connection with 1002; came a text message of 5 bytes, "hello"',
  events,
});
export const failedShould: CaseResult = result(caseOf('closing/late', 'ends the TCP connection first', 'SHOULD'), {
  verdict: 'failed',
  reason: 'expected the end of the TCP connection; in 2000 ms came nothing',
});
export const failedRule: CaseResult = result(caseOf('closing/masked', 'closes', 'SHOULD'), {
  verdict: 'failed',
  reason: 'the peer sent a masked frame',
  violation: 'the peer sent a masked frame, RFC 6455 §5.1',
});
export const noted: CaseResult = result(caseOf('limits/big', 'may refuse 64 MiB', 'INFO'), {
  verdict: 'noted',
  reason: 'it answered with 1009',
});
export const skipped: CaseResult = result(caseOf('deflate/echo', 'echoes', 'MUST'), {
  verdict: 'skipped',
  reason: 'the server does not agree to permessage-deflate',
});
export const broken: CaseResult = result(caseOf('tls/expired', 'refuses a certificate', 'MUST'), {
  verdict: 'broken',
  reason: 'cannot connect to localhost:1: ECONNREFUSED',
});
export const hostileResult: CaseResult = result(caseOf('utf8/hostile', 'refuses what is no UTF-8', 'MUST'), {
  verdict: 'failed',
  reason: `expected a close frame with 1007; came ${hostile}`,
  violation: hostile,
  events: [{ at: 0, direction: 'received', text: hostile, bytes: Buffer.from(hostile), size: 70_000 }],
});

export const ofEachKind: readonly CaseResult[] = [
  ...[passed, weak, failed, failedShould, failedRule, noted, skipped, broken, hostileResult],
  result(passed.case, { chunking: 'octets', events }),
  result(passed.case, { target: 'client', events }),
];

export function runOf(results: readonly CaseResult[], changes: Partial<Run> = {}): Run {
  return {
    target: 'server',
    url: 'wss://localhost:8443/?a=1&b=<2>',
    startedAt: '2030-01-02T03:04:05.678Z',
    durationMs: 1234,
    versions: { 'mtls-ws': '1.2.3', node: '24.0.0' },
    options: { chunking: ['whole', 'octets'], repeat: 1 },
    isStrict: false,
    results,
    ...changes,
  };
}
