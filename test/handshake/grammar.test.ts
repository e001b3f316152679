import * as assert from 'uvu/assert';
import {
  isFieldValue,
  isToken,
  isTokenCharacter,
  listHas,
  parseTokenList,
  Scanner,
  trimOws,
} from '../../src/handshake/grammar.js';
import { suite } from '../support/suite.js';

/** Long enough that a quadratic walk would not end before the test's deadline. */
const long = 4 * 1024 * 1024;

const tokens = suite('tokens and values (RFC 9110 §5.5, §5.6.2)');

tokens('knows the 77 characters of a token', () => {
  const all = Array.from({ length: 256 }, (_, code) => code).filter(isTokenCharacter);
  assert.is(all.length, 77);
  for (const code of all) assert.match(String.fromCharCode(code), /^[A-Za-z0-9!#$%&'*+\-.^_`|~]$/);
});

tokens('takes one or more of them for a token', () => {
  for (const text of ['a', 'chat.v2', '!#$', '__proto__', '0']) assert.ok(isToken(text), text);
  for (const text of ['', 'a b', 'a,', 'a/b', '"a"', 'é', 'a\u0100', 'a\r']) assert.not.ok(isToken(text), text);
});

tokens('takes visible text with spaces and tabs within for a value', () => {
  for (const text of ['', 'a', 'a b\tc', '\u0080\u00ff', '~']) assert.ok(isFieldValue(text), JSON.stringify(text));
  for (const text of [' a', 'a\t', ' ', 'a\rb', 'a\nb', 'a\0b', 'a\x7fb', 'a\x1fb', 'a\u0100b']) {
    assert.not.ok(isFieldValue(text), JSON.stringify(text));
  }
});

tokens('trims spaces and tabs and nothing else', () => {
  assert.is(trimOws(' \t a b\t '), 'a b');
  assert.is(trimOws('\u00a0a\n'), '\u00a0a\n');
  assert.is(trimOws(' \t'), '');
  assert.is(trimOws(`a${' '.repeat(long)}b`).length, long + 2);
});

tokens.run();

const lists = suite('lists (RFC 9110 §5.6.1)');

lists('reads tokens and passes over empty elements', () => {
  assert.equal(parseTokenList('a, b ,\tc'), ['a', 'b', 'c']);
  assert.equal(parseTokenList(',, a,'), ['a']);
  assert.equal(parseTokenList(''), []);
});

lists('refuses an element that is no token', () => {
  for (const text of ['a b', 'a, "b"', 'a;b', 'a, é']) assert.is(parseTokenList(text), undefined, text);
});

lists('finds an element in any letter case, whatever the others are', () => {
  assert.ok(listHas('h2c, WebSocket', 'websocket'));
  assert.ok(listHas('HTTP/2.0,\twebsocket ', 'websocket'));
  assert.not.ok(listHas('websocket/13', 'websocket'));
  assert.not.ok(listHas('', 'websocket'));
  assert.not.ok(listHas('web socket', 'websocket'));
});

lists('reads a list of 4 MiB in linear time (T14)', () => {
  assert.is(parseTokenList(`b${' '.repeat(long)}x`), undefined);
  assert.equal(parseTokenList(','.repeat(long)), []);
});

lists.run();

const quoted = suite('quoted strings (RFC 9110 §5.6.4)');

quoted('unescapes and stops behind the closing quote', () => {
  const scanner = new Scanner('"a\\"b\\\\"c');
  assert.is(scanner.quotedString(), 'a"b\\');
  assert.is(scanner.position, 8);
  assert.is(scanner.done, false);
  assert.is(scanner.token(), 'c');
  assert.is(scanner.done, true);
  assert.is(scanner.token(), undefined);
});

quoted('reads an empty one', () => assert.is(new Scanner('""').quotedString(), ''));

quoted('refuses what is not opened or not closed', () => {
  for (const text of ['', 'a"', '"', '"a', '"a\\', '"a\\"']) {
    assert.is(new Scanner(text).quotedString(), undefined, text);
  }
});

quoted('walks 4 MiB of escapes in linear time (T14)', () => {
  assert.is(new Scanner(`"${'\\c'.repeat(long / 2)}`).quotedString(), undefined);
  assert.is(new Scanner(`"${'\\c'.repeat(long / 2)}"`).quotedString()?.length, long / 2);
});

quoted.run();
