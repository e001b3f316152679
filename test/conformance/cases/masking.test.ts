import * as assert from 'uvu/assert';
import { maskingCases } from '../../../src/conformance/cases/masking.js';
import { bytesOf, suiteOfCases, writesOf } from './kit.js';

const masking = suiteOfCases('masking', maskingCases, 100);

masking('send the mask bit that the other end must not see', () => {
  assert.is(bytesOf(maskingCases, 'masking/unmasked-text', 'server'), '810568656c6c6f');
  assert.is(bytesOf(maskingCases, 'masking/masked-text', 'client'), '818537fa213d5f9f4d5158');
  assert.is(bytesOf(maskingCases, 'masking/unmasked-close', 'server'), '880203e8');
  assert.is(bytesOf(maskingCases, 'masking/unmasked-continuation-empty', 'server'), '018437fa213d589444118000');
  assert.is(bytesOf(maskingCases, 'masking/masked-ping-empty', 'client'), '898037fa213d');
  assert.is(bytesOf(maskingCases, 'masking/masked-with-key-zero', 'client'), '81850000000068656c6c6f');
  assert.is(bytesOf(maskingCases, 'masking/wrong-at-header', 'server'), '8164');
  assert.is(bytesOf(maskingCases, 'masking/wrong-at-header', 'client'), '81e4');
});

masking('have a case for each end and each type of frame', () => {
  for (const [direction, target] of [
    ['unmasked', 'server'],
    ['masked', 'client'],
  ] as const) {
    for (const type of ['text', 'binary', 'continuation', 'ping', 'pong', 'close']) {
      assert.ok(bytesOf(maskingCases, `masking/${direction}-${type}`, target).length > 0);
    }
  }
});

masking('look on the wire like what they say', () => {
  const wire = Buffer.from(bytesOf(maskingCases, 'masking/wire-of-request', 'server'), 'hex');
  assert.is(wire.subarray(0, 6).toString('hex'), '82a937fa213d');
  assert.is(wire.subarray(6).toString(), 'GET /evil HTTP/1.1\r\nHost: example.com\r\n\r\n');
  assert.is(bytesOf(maskingCases, 'masking/wire-of-zeros', 'server'), `82a837fa213d${'00'.repeat(40)}`);
});

masking('cut the payload where the key is not at its beginning', () => {
  const writes = writesOf(maskingCases, 'masking/cut-after-3', 'server');
  assert.equal(
    writes.map((write) => write.length / 2),
    [9, 119],
  );
  assert.is(writesOf(maskingCases, 'masking/cut-every-1', 'server').length, 67);
  assert.is(
    bytesOf(maskingCases, 'masking/key-restarts', 'server'),
    '018137fa213d56 008237fa213d5599 008337fa213d539f47 008437fa213d50924857 808137fa213d5c'.replaceAll(' ', ''),
  );
});

masking.run();
