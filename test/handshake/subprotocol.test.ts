import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { checkProtocols, negotiateProtocol, parseProtocols } from '../../src/handshake/subprotocol.js';
import { suite } from '../support/suite.js';

const offers = suite('subprotocols offered (RFC 6455 §4.1)');

offers('are read from one field or several, in order', () => {
  assert.equal(parseProtocols([]), []);
  assert.equal(parseProtocols(['chat, superchat']), ['chat', 'superchat']);
  assert.equal(parseProtocols(['b', 'a,c']), ['b', 'a', 'c']);
  assert.equal(parseProtocols(['__proto__, constructor']), ['__proto__', 'constructor']);
});

offers('differ by letter case', () => assert.equal(parseProtocols(['chat, Chat']), ['chat', 'Chat']));

offers('are refused when empty, twice, or no tokens', () => {
  for (const values of [[''], [' , '], ['a', ''], ['a, a'], ['a', 'b,a'], ['a b'], ['"a"'], ['a;b']]) {
    assert.is(parseProtocols(values), undefined, JSON.stringify(values));
  }
});

offers('are refused in linear time with a megabyte of spaces within (T14)', () => {
  assert.is(parseProtocols([`b${' '.repeat(1 << 20)}x`]), undefined);
});

offers.run();

const choice = suite('subprotocol choice (RFC 6455 §4.2.2)');

choice('is the first of the server that was offered', () => {
  assert.is(negotiateProtocol(['a', 'b', 'c'], ['c', 'b']), 'c');
  assert.is(negotiateProtocol(['a'], ['b']), undefined);
  assert.is(negotiateProtocol([], ['b']), undefined);
  assert.is(negotiateProtocol(['a'], []), undefined);
});

choice('refuses what a caller cannot offer', () => {
  checkProtocols([]);
  checkProtocols(['a', 'b']);
  for (const protocols of [[''], ['a b'], ['a\r\nX: y'], ['a', 'a'], 'chat', [1], null]) {
    try {
      checkProtocols(protocols as string[]);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.is((error as UsageError).code, 'protocols-malformed');
      assert.is((error as UsageError).option, 'protocols');
      continue;
    }
    assert.unreachable(JSON.stringify(protocols));
  }
});

choice.run();
