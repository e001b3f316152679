import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/certificate.js';
import { DerReader } from '../../src/tls/der.js';
import { canonicalNameText, commonNameOf, type DistinguishedName, readName } from '../../src/tls/distinguished-name.js';
import { attributeOids } from '../../src/tls/oids.js';
import { element } from '../../src/tls/pki/der-writer.js';
import { distinguishedName } from '../../src/tls/pki/extensions.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const { commonName, organizationName, domainComponent, countryName } = attributeOids;
const name = (value: string | Buffer): DistinguishedName =>
  readName(new DerReader(distinguishedName([[commonName, value]])));
const raw = (tag: number, hex: string) => name(element(tag, Buffer.from(hex, 'hex')));

const text = suite('distinguished name as text (RFC 4514 §2)');

text('starts with the most specific part', () => {
  const der = distinguishedName(
    [[domainComponent, 'example']],
    [[countryName, 'CH']],
    [[organizationName, 'Org']],
    [[commonName, 'x']],
  );
  assert.is(readName(new DerReader(der)).text, 'CN=x,O=Org,C=CH,DC=example');
  assert.is(readName(new DerReader(distinguishedName())).text, '');
});

const escapes: ReadonlyArray<readonly [string, string]> = [
  ['a b', 'a b'],
  [' a ', '\\ a\\ '],
  [' ', '\\ '],
  ['#a#', '\\#a#'],
  ['a"b+c,d;e<f>g\\h', 'a\\"b\\+c\\,d\\;e\\<f\\>g\\\\h'],
  ['a\u0000b\u001b', 'a\\00b\\1B'],
  ['\u202ea\u200b', '\\E2\\80\\AEa\\E2\\80\\8B'],
  ['Zürich 😀', 'Zürich 😀'],
];
for (const [value, escaped] of escapes) {
  text(`writes ${JSON.stringify(value)} as ${escaped}`, () => assert.is(name(value).text, `CN=${escaped}`));
}

text('is cut at 512 characters, plain or escaped, and shows that it is (M17)', () => {
  assert.is(name('x'.repeat(509)).text, `CN=${'x'.repeat(509)}`);
  assert.is(name('x'.repeat(510)).text, `CN=${'x'.repeat(509)}…`);
  assert.is(name('\n'.repeat(600)).text.length, 513);
  assert.is(name(`${'é'.repeat(511)}😀`).text.length, 513);
  assert.ok(name(`${'é'.repeat(600)}`).text.endsWith('…'));
  const crowd = distinguishedName(...Array.from({ length: 100 }, () => [[organizationName, 'y'.repeat(50)]] as const));
  assert.is(readName(new DerReader(crowd)).text.length, 513);
});
text.run();

const values = suite('values of a distinguished name (RFC 5280 §4.1.2.4)');

const strings: ReadonlyArray<readonly [string, number, string, string | undefined]> = [
  ['IA5String', 0x16, '6140', 'a@'],
  ['NumericString', 0x12, '3132', '12'],
  ['VisibleString', 0x1a, '6162', 'ab'],
  ['IA5String that is not ASCII', 0x16, '61ff', undefined],
  ['PrintableString that is not ASCII', 0x13, 'e9', undefined],
  ['BMPString with a surrogate', 0x1e, 'd83dde00', undefined],
  ['UniversalString above U+10FFFF', 0x1c, '00110000', undefined],
  ['UniversalString of 3 octets', 0x1c, '000061', undefined],
  ['UTF8String that is overlong', 0x0c, 'c0af', undefined],
  ['OCTET STRING', 0x04, '61', undefined],
];
for (const [what, tag, hex, value] of strings) {
  values(`${value === undefined ? 'does not take' : 'takes'} ${what} for text`, () => {
    assert.is(raw(tag, hex).rdns[0]![0]!.value, value);
    assert.is(commonNameOf(raw(tag, hex)), value);
  });
}

values('refuses a relative distinguished name without attributes', () => {
  assert.throws(() => readName(new DerReader(Buffer.from('30023100', 'hex'))), /DerError|no element/);
});
values.run();

const written = suite('distinguished name as somebody writes it (RFC 4514 §3)');

written('is what is shown of a name, whatever is in it (M10)', () => {
  for (const { der } of Object.values(kit().hostile)) {
    const { text } = parseCertificate(der).subject;
    assert.is(canonicalNameText(text), text === '' || text.length > 512 ? undefined : text);
  }
  for (const [value] of escapes) assert.is(canonicalNameText(name(value).text), name(value).text);
});

const spellings: ReadonlyArray<readonly [string, string]> = [
  [' cn = a\\2C b , o = Z\\C3\\BCrich ', 'CN=a\\, b,O=Zürich'],
  ['uid=x+CN=y', 'UID=x+CN=y'],
  ['2.5.4.3=x', 'CN=x'],
  ['1.2.3.4=#0C0161', '1.2.3.4=#0c0161'],
  ['CN=\\ a\\ ', 'CN=\\ a\\ '],
  ['CN=a\\=b=c', 'CN=a=b=c'],
  ['CN=\\\\41', 'CN=\\\\41'],
  ['CN=', 'CN='],
  ['EMAILADDRESS=a@b.example', 'emailAddress=a@b.example'],
];
for (const [spelling, shown] of spellings) {
  written(`brings "${spelling}" to the form that is shown`, () => assert.is(canonicalNameText(spelling), shown));
}

written('is none when it is anything else, or too long to be shown whole', () => {
  for (const bad of [
    ...[
      '',
      ' ',
      'CN',
      'Ops CA',
      '=a',
      ',CN=a',
      'CN=a,',
      'CN=a,,O=b',
      'CN=a;O=b',
      'CN="a"',
      'CN=a<b',
      'CN=a\\',
      'CN=a\\x',
    ],
    ...[
      'CN=#',
      'CN=#zz',
      'CN=#0',
      'XX=a',
      'constructor=a',
      'toString=a',
      '/CN=a/O=b',
      'CN=a/,O',
      `O=${'o'.repeat(511)}`,
    ],
  ]) {
    assert.is(canonicalNameText(bad), undefined, bad);
  }
  assert.is(canonicalNameText(`O=${'o'.repeat(510)}`)?.length, 512);
});
written.run();
