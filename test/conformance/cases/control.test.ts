import * as assert from 'uvu/assert';
import { controlCases } from '../../../src/conformance/cases/control.js';
import { bytesOf, suiteOfCases } from './kit.js';

const control = suiteOfCases('control', controlCases, 100);

control('write control frames that are too long or in fragments', () => {
  const of = (name: string) => bytesOf(controlCases, `control/${name}`, 'client');
  assert.is(of('ping-126').slice(0, 12), '897e007e0001');
  assert.is(of('ping-126').length, 2 * (4 + 126));
  assert.is(of('pong-65536').slice(0, 24), '8a7f00000000000100000001');
  assert.is(of('close-126').slice(0, 12), '887e007e03e8');
  assert.is(of('close-126').length, 2 * (4 + 126));
  assert.is(of('ping-too-long-at-header-in-16-bits'), '897e007e');
  assert.is(of('close-too-long-at-header-in-64-bits'), '887f0000000000010000');
  assert.is(of('ping-2-63'), '897f80000000000000000001020304');
  assert.is(of('close-empty-fragment'), '0800');
  assert.is(of('close-fragment-of-2'), '080203e8');
  assert.is(of('ping-fragmented'), '09050001020304800472657374');
  assert.is(of('close-in-16-bits'), '887e000203e8');
  assert.is(of('ping-0-in-64-bits'), '897f0000000000000000');
});

control('put pings between fragments', () => {
  assert.is(
    bytesOf(controlCases, 'control/ping-after-fragment-1', 'client').slice(0, 42),
    '01046f6e652c' + '89076265747765656e' + '000474776f2c',
  );
  assert.is(bytesOf(controlCases, 'control/ping-inside-character', 'client'), '010361f09f89076265747765656e');
});

control.run();
