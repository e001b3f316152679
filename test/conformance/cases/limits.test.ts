import * as assert from 'uvu/assert';
import { limitsCases } from '../../../src/conformance/cases/limits.js';
import { patternBytes, patternText } from '../../../src/conformance/payloads.js';
import { bytesOf, suiteOfCases } from './kit.js';

const limits = suiteOfCases('limits', limitsCases, 70);

limits('send as much as they say', () => {
  const of = (name: string) => bytesOf(limitsCases, `limits/${name}`, 'client');
  assert.is(of('binary-1mib').length, 2 * (10 + 2 ** 20));
  assert.is(of('binary-256').slice(0, 12), '827e01000001');
  // 65,536 fragments with headers of two bytes.
  assert.is(of('binary-4mib-in-64').length, 2 * (2 ** 22 + 2 * 2 ** 16));
  assert.match(of('binary-4mib-in-64'), /^02400001/);
  assert.is(of('text-16kib-in-1').slice(-6), `8001${Buffer.of(patternText(16_384)[16_383]!).toString('hex')}`);
  assert.is(of('announced-2-60'), '827f1000000000000000');
  assert.is(of('announced-64mib'), '827f0000000004000000');
  assert.is(of('empty-fragments-64'), `01046f6e652c${'0000'.repeat(64)}800374776f`);
});

limits('make payloads of which no piece can be mistaken for another', () => {
  const bytes = patternBytes(200_000);
  for (const offset of [4, 64, 125, 256, 4096, 65_536, 100_000]) {
    assert.not.equal(bytes.subarray(0, 64), bytes.subarray(offset, offset + 64), `${offset}`);
  }
  const text = patternText(20_000);
  assert.match(text.toString(), /^[ -~]+$/);
  for (const offset of [1, 64, 95, 96, 125, 4096, 8192]) {
    assert.not.equal(text.subarray(0, 200), text.subarray(offset, offset + 200), `${offset}`);
  }
});

limits.run();
