import * as assert from 'uvu/assert';
import { Fields } from '../../src/handshake/fields.js';
import { suite } from '../support/suite.js';

const fields = suite('header fields (RFC 9110 §5)');

fields('finds a field in any letter case', () => {
  const own = Fields.fromRaw(['Host', 'a']);
  assert.is(own.get('hOST'), 'a');
  assert.ok(own.has('HOST'));
  assert.is(own.get('Origin'), undefined);
  assert.equal(own.getAll('Origin'), []);
  assert.not.ok(own.has('Origin'));
});

fields('joins the values of a name in their order, and keeps them apart too', () => {
  const own = Fields.fromRaw(['A', '1', 'B', '2', 'a', '3']);
  assert.is(own.get('a'), '1, 3');
  assert.equal(own.getAll('A'), ['1', '3']);
  assert.is(own.size, 3);
});

fields('yields names as they were written', () => {
  assert.equal(
    [...Fields.fromRaw(['X-One', '1', 'x-two', '2'])],
    [
      ['X-One', '1'],
      ['x-two', '2'],
    ],
  );
});

fields('takes __proto__, constructor and toString for names like any other (T15)', () => {
  const own = new Fields();
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.not.ok(own.has(name));
    own.append(name, 'x');
    assert.is(own.get(name), 'x');
  }
  assert.is(({} as Record<string, unknown>)['x'], undefined);
  assert.is(Object.getPrototypeOf(own), Fields.prototype);
});

fields('ignores a name without value at the end of a flat list', () => {
  assert.is(Fields.fromRaw(['A', '1', 'B']).size, 1);
});

fields.run();
