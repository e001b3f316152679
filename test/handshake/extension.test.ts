import * as assert from 'uvu/assert';
import { parseExtensions } from '../../src/handshake/extension.js';
import { suite } from '../support/suite.js';

const extensions = suite('extensions (RFC 6455 §9.1)');

extensions('are read with their parameters, in order', () => {
  assert.equal(parseExtensions([]), []);
  assert.equal(parseExtensions(['foo']), [{ name: 'foo', parameters: [] }]);
  assert.equal(parseExtensions(['foo; a; b=1, bar;c="2"']), [
    {
      name: 'foo',
      parameters: [
        ['a', undefined],
        ['b', '1'],
      ],
    },
    { name: 'bar', parameters: [['c', '2']] },
  ]);
});

extensions('are read from several fields as from one', () => {
  assert.equal(parseExtensions(['a', 'b; x', 'a']), parseExtensions(['a, b; x, a']));
});

extensions('may have white space around every mark, and empty elements', () => {
  assert.equal(parseExtensions([' ,, foo \t; a = 1 ;b\t=\t"2" , ']), [
    {
      name: 'foo',
      parameters: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
  ]);
});

extensions('may quote a value that is a token when unquoted', () => {
  assert.equal(parseExtensions(['foo; a="1\\0"']), [{ name: 'foo', parameters: [['a', '10']] }]);
});

extensions('may be named __proto__ and constructor (T14)', () => {
  const [first, second] = parseExtensions(['__proto__; __proto__=x, constructor'])!;
  assert.equal(first, { name: '__proto__', parameters: [['__proto__', 'x']] });
  assert.is(second?.name, 'constructor');
  assert.is(({} as Record<string, unknown>)['x'], undefined);
});

extensions('are refused where they break the grammar', () => {
  const wrong = [
    '',
    ' , ',
    'foo;',
    'foo; ;a',
    'foo; =1',
    'foo; a=',
    'foo; a=;b',
    'foo; a=""',
    'foo; a="b c"',
    'foo; a="b',
    'foo; a="b\\',
    'foo; a="b"c',
    'foo; a=b c',
    'foo bar',
    'foo=1',
    '"foo"',
    '; a',
    'foo; a=é',
    'foo / bar',
  ];
  for (const value of wrong) assert.is(parseExtensions([value]), undefined, value);
  assert.is(parseExtensions(['foo', '']), undefined);
});

extensions('are refused in linear time with an unclosed quoted string of 4 MiB of escapes (T14)', () => {
  assert.is(parseExtensions([`foo; a="${'\\c'.repeat(1 << 21)}`]), undefined);
  assert.is(parseExtensions([`foo${'; a'.repeat(1 << 20)};`]), undefined);
});

extensions.run();
