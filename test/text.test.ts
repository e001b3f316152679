import * as assert from 'uvu/assert';
import { canonicalHost, escapeText } from '../src/text.js';
import { suite } from './support/suite.js';

const escaping = suite('escaping hostile text (M17)');

escaping('leaves harmless text alone', () => {
  assert.is(escapeText('device-7 (Zürich) 日本 😀'), 'device-7 (Zürich) 日本 😀');
});

const escapes: ReadonlyArray<readonly [string, string]> = [
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\u001b[31mred', '\\x1b[31mred'],
  ['\u009b31m', '\\x9b31m'],
  ['a\u0000b\u007f', 'a\\x00b\\x7f'],
  ['back\\slash', 'back\\\\slash'],
  ['\u202eevil\u2066', '\\u202eevil\\u2066'],
  ['line\u2028two', 'line\\u2028two'],
  ['\ud800x\udc00', '\\ud800x\\udc00'],
  ['zero\u200bwidth', 'zero\\u200bwidth'],
  ['soft\u00adhyphen', 'soft\\xadhyphen'],
  ['arabic\u061cletter mark', 'arabic\\u061cletter mark'],
  ['hangul\u3164filler', 'hangul\\u3164filler'],
  ['variation\ufe0fselector', 'variation\\ufe0fselector'],
  ['tag\u{e0041}character', 'tag\\u{e0041}character'],
];
for (const [input, expected] of escapes) {
  escaping(`writes ${JSON.stringify(input)} as ${expected}`, () => {
    assert.is(escapeText(input), expected);
  });
}

escaping('cuts at the limit and shows that it did', () => {
  assert.is(escapeText('x'.repeat(256)), 'x'.repeat(256));
  assert.is(escapeText('x'.repeat(257)), `${'x'.repeat(256)}…`);
  assert.is(escapeText('abcdef', 3), 'abc…');
  assert.is(escapeText('\n'.repeat(1_000_000)).length, 513);
});

escaping.run();

const hosts = suite('canonical host (RFC 3986 §3.2.2, RFC 5952)');

const accepted: ReadonlyArray<readonly [string, 'name' | 'ipv4' | 'ipv6', string]> = [
  ['B.EXAMPLE', 'name', 'b.example'],
  ['b.example.', 'name', 'b.example'],
  ['localhost', 'name', 'localhost'],
  ['_dmarc.b-1.example', 'name', '_dmarc.b-1.example'],
  ['127.0.0.1', 'ipv4', '127.0.0.1'],
  ['[::1]', 'ipv6', '::1'],
  ['0:0:0:0:0:0:0:1', 'ipv6', '::1'],
  ['2001:DB8:0:0:1:0:0:1', 'ipv6', '2001:db8::1:0:0:1'],
  ['::', 'ipv6', '::'],
  ['1::', 'ipv6', '1::'],
  ['::ffff:192.0.2.1', 'ipv6', '::ffff:c000:201'],
  ['1:2:3:4:5:6:7:8', 'ipv6', '1:2:3:4:5:6:7:8'],
  ['1:0:2:0:3:0:4:0', 'ipv6', '1:0:2:0:3:0:4:0'],
];
for (const [input, kind, host] of accepted) {
  hosts(`brings ${input} to ${host}`, () => {
    assert.equal(canonicalHost(input), { kind, host });
  });
}

const refused = [
  '',
  '.',
  'a..b',
  '.a',
  'a.b..',
  'b。example',
  'b\u0000.example',
  'b example',
  '-a.example',
  'a-.example',
  '127.1',
  '0x7f.0.0.1',
  '127.0.0.256',
  '010.0.0.1',
  '1.2.3.4.',
  '[127.0.0.1]',
  '[name]',
  '::1%eth0',
  ':::',
  '1::2::3',
  '1:2:3',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4::5:6:7:8',
  '12345::',
  '::1.2.3',
  '1.2.3.4::',
  ':',
  '*.example',
  'x'.repeat(64),
  `${'x.'.repeat(127)}xx`,
  'x'.repeat(257),
];
for (const input of refused) {
  hosts(`refuses ${JSON.stringify(input.length > 40 ? `${input.slice(0, 40)}…` : input)}`, () => {
    assert.is(canonicalHost(input), undefined);
  });
}

hosts.run();
