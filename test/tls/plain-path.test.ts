import * as assert from 'uvu/assert';
import { isPlainPath } from '../../src/tls/plain-path.js';
import { suite } from '../support/suite.js';

const paths = suite('plain paths (RFC 3986 §3.3)');

paths('have one reading', () => {
  for (const path of ['/', '/a', '/a/', '/a/b', '/.well-known/x', '/...', '/a.b/~c', '/a:b@c', '/a+b,c=d', "/!$&'()"]) {
    assert.ok(isPlainPath(path), path);
  }
});

paths('have no escape, no empty or dot segment, and no unusual character', () => {
  const odd = [
    '',
    'a',
    '//',
    '//a',
    '/a//b',
    '/a//',
    '/.',
    '/..',
    '/./a',
    '/../a',
    '/a/.',
    '/a/..',
    '/a/../b',
    '/a/./',
    '*',
  ];
  for (const character of [
    '%',
    '%61',
    '\\',
    ';',
    '*',
    '?',
    '#',
    ' ',
    '"',
    '<',
    '|',
    '^',
    '{',
    '\0',
    '\n',
    '\t',
    'é',
    '\u2025',
  ]) {
    odd.push(`/a${character}`, `/${character}a/b`, `/a/${character}`);
  }
  for (const path of odd) assert.not(isPlainPath(path), JSON.stringify(path));
});

paths('are told from others in one pass', () => {
  assert.ok(isPlainPath('/a'.repeat(100_000)));
  assert.not(isPlainPath(`${'/a'.repeat(100_000)}%`));
});
paths.run();
