import * as assert from 'uvu/assert';
import { acceptFor, createKey, isKey, sha1By } from '../../src/handshake/key.js';
import { suite } from '../support/suite.js';

const keys = suite('key and accept (RFC 6455 §1.3, §4.2.2)');

keys('answers the sample key of RFC 6455 §1.3', () => {
  assert.is(acceptFor('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

keys('hashes the same with and without crypto.hash', () => {
  // FIPS 180-4: SHA-1 of "abc".
  const expected = Buffer.from('a9993e364706816aba3e25717850c26c9cd0d89d', 'hex').toString('base64');
  assert.is(sha1By(undefined)('abc'), expected);
  const calls: unknown[] = [];
  const hash = (...args: unknown[]): string => {
    calls.push(args);
    return 'hashed';
  };
  assert.is(sha1By(hash as never)('abc'), 'hashed');
  assert.equal(calls, [['sha1', 'abc', 'base64']]);
});

keys('makes keys of 16 bytes that differ', () => {
  const made = new Set(Array.from({ length: 100 }, createKey));
  assert.is(made.size, 100);
  for (const key of made) {
    assert.ok(isKey(key));
    assert.is(Buffer.from(key, 'base64').length, 16);
  }
});

keys('takes exactly the canonical base64 of 16 bytes for a key', () => {
  assert.ok(isKey('AAAAAAAAAAAAAAAAAAAAAA=='));
  assert.ok(isKey(`${'/'.repeat(21)}w==`));
  const wrong = {
    empty: '',
    '15 bytes': Buffer.alloc(15).toString('base64'),
    '17 bytes': Buffer.alloc(17).toString('base64'),
    'no padding': 'AAAAAAAAAAAAAAAAAAAAAA',
    'unused bits set': 'AAAAAAAAAAAAAAAAAAAAAB==',
    base64url: '-_AAAAAAAAAAAAAAAAAAAA==',
    'space inside': 'AAAAAAAAAA AAAAAAAAAAA==',
    'line feed behind': 'AAAAAAAAAAAAAAAAAAAAAA==\n',
  };
  for (const [what, text] of Object.entries(wrong)) assert.not.ok(isKey(text), what);
});

keys.run();
