import * as assert from 'uvu/assert';
import { fragmentationCases } from '../../../src/conformance/cases/fragmentation.js';
import { bytesOf, suiteOfCases } from './kit.js';

const fragmentation = suiteOfCases('fragmentation', fragmentationCases, 120);

fragmentation('set FIN on the last fragment and an opcode on the first', () => {
  const of = (name: string) => bytesOf(fragmentationCases, `fragmentation/${name}`, 'client');
  assert.is(of('text-2-of-one-byte'), '0101208001' + '21');
  assert.is(of('binary-3-fragments'), '020300010200030304058004' + '06070809');
  assert.is(of('text-empty-ends'), '0100000568656c6c6f8000');
  assert.is(of('binary-empty-both'), '02008000');
  assert.is(of('text-u20ac-cut-2'), '010361e282' + '8002ac7a');
  assert.is(
    of('text-controls-between').slice(0, 46),
    '01046f6e652c' + '89056669727374' + '8a00' + '8900' + '8a07756e6173',
  );
});

fragmentation('break the order of fragments as they say', () => {
  const of = (name: string) => bytesOf(fragmentationCases, `fragmentation/${name}`, 'client');
  assert.is(of('stray-final-empty'), '8000');
  assert.is(of('stray-not-final'), '00057374726179');
  assert.is(of('text-inside-empty-binary'), '0200810a696e7465726c6f706572');
  assert.is(of('binary-begun-inside-text'), '01046f6e652c020a696e7465726c6f7065728003656e64');
  assert.is(of('interleaved'), '010161020131000162000132800163800133');
});

fragmentation.run();
