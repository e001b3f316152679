import * as assert from 'uvu/assert';
import { nextMaskingKey } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';

const drawing = suite('masking keys (RFC 6455 §5.3)');

drawing('hands out keys of which none follows from another', () => {
  const keys = new Set<number>();
  let bits = 0;
  for (let i = 0; i < 5000; i++) {
    const key = nextMaskingKey();
    assert.is(key, key | 0);
    keys.add(key);
    for (let bit = 0; bit < 32; bit++) bits += (key >>> bit) & 1;
  }
  // Of 5,000 in 2^32, two are equal in one run of 340, and 20 never; half of the bits are set, within 8 deviations.
  assert.ok(keys.size > 4980);
  assert.ok(Math.abs(bits - 80_000) < 1600);
});
drawing.run();
