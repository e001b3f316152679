import { Buffer } from 'node:buffer';
import { inflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import type { ExchangeCase, Frame } from '../../../src/conformance/case.js';
import { deflateCases } from '../../../src/conformance/cases/deflate.js';
import { bomb, deflated, noise, prose, Sender } from '../../../src/conformance/cases/deflate-data.js';
import { suite } from '../../support/suite.js';

const flushEnd = Buffer.of(0, 0, 0xff, 0xff);
/** An empty final block: with it zlib says whether a message ended where a block does. */
const final = Buffer.of(1, 0, 0, 0xff, 0xff);

function inflate(payload: Uint8Array): Buffer {
  return inflateRawSync(Buffer.concat([payload, flushEnd, final]));
}

const data = suite('the compressed data of the cases (RFC 7692 §7.2)');

data('comes out as what it was', () => {
  for (const made of [prose(1), prose(5000), noise(5000)]) assert.equal(inflate(deflated(made)), made);
  assert.is(inflate(bomb(3)).length, 3 * 2 ** 20);
});

data('refers to earlier messages only where that was agreed', () => {
  const keeping = new Sender({ windowBits: 15, keepsContext: true });
  const [first, second] = [keeping.payload(prose(2000)), keeping.payload(prose(2000))];
  assert.ok(second.length < first.length / 4);
  assert.throws(() => inflate(second));
  const fresh = new Sender({ windowBits: 8, keepsContext: false });
  assert.equal(fresh.payload(prose(2000)), fresh.payload(prose(2000)));
});

data('is bad in every case that says so', () => {
  const bad = deflateCases.filter(({ id }) => /^deflate\/(?:bad-(?!after)|truncated)/.test(id)) as ExchangeCase[];
  assert.ok(bad.length >= 8);
  for (const { id, script } of bad) {
    const [step] = script('server', { windowBits: 15, keepsContext: true });
    assert.ok(step?.do === 'send');
    const { payload } = (step.do === 'send' ? step.pieces[0] : undefined) as Frame;
    assert.throws(() => inflate(payload!), undefined, id);
  }
});

data.run();
