import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { DerError, DerReader, tags } from '../../src/tls/der.js';
import { suite } from '../support/suite.js';

const reader = (hex: string) => new DerReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function refuses(read: () => unknown, offset: number): void {
  try {
    read();
  } catch (error) {
    assert.instance(error, DerError);
    assert.is((error as DerError).offset, offset);
    assert.is((error as DerError).name, 'DerError');
    return;
  }
  assert.unreachable('it was read');
}

const headers = suite('DER elements (X.690 §8.1, §10.1)');

headers('reads elements one after another and knows the end', () => {
  const outer = reader('30 05 0101ff 0500');
  const inner = outer.enter(tags.sequence);
  assert.is(outer.done, true);
  assert.is(inner.nextTag, tags.boolean);
  assert.is(inner.boolean(), true);
  assert.equal(inner.skip(), Buffer.from([5, 0]));
  assert.is(inner.done, true);
  assert.is(inner.nextTag, undefined);
  inner.finish();
});

headers('reads lengths of one, two and three octets at their boundaries', () => {
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
    const count = length < 128 ? 0 : length < 256 ? 1 : length < 65_536 ? 2 : 3;
    const header = Buffer.alloc(2 + count, 4);
    header[1] = count === 0 ? length : 0x80 | count;
    if (count > 0) header.writeUIntBE(length, 2, count);
    const bytes = Buffer.concat([header, Buffer.alloc(length)]);
    assert.is(new DerReader(bytes).content(tags.octetString).length, length);
  }
});

const badHeaders: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['an identifier without a length', '04'],
  ['less content than announced', '04 02 00'],
  ['a long length cut short', '04 82 01'],
  ['the indefinite form', '04 80 0000'],
  ['a length in the long form that fits the short', '04 81 01 00'],
  ['a length with a leading zero', '04 82 0080'],
  ['a length of five octets', '04 85 0000000001 00'],
  ['a length of 2^32 − 1', '04 84 ffffffff'],
  ['a tag of more than one octet', '1f 01 00'],
];
for (const [what, hex] of badHeaders) headers(`refuses ${what}`, () => refuses(() => reader(hex).skip(), 0));

headers('refuses another tag than the one expected', () => refuses(() => reader('0400').content(tags.boolean), 0));
headers('refuses to leave an element unread', () => refuses(() => reader('0400').finish(), 0));
headers('refuses a child that is longer than its parent', () =>
  refuses(() => reader('30 02 04 05 0000000000').enter(tags.sequence).skip(), 2),
);
headers.run();

const values = suite('DER values (X.690 §8)');

const identifiers: ReadonlyArray<readonly [string, string]> = [
  ['06 03 550403', '2.5.4.3'],
  ['06 01 27', '0.39'],
  ['06 01 28', '1.0'],
  ['06 01 4f', '1.39'],
  ['06 01 50', '2.0'],
  ['06 02 8837', '2.999'],
  ['06 08 2b06010505070301', '1.3.6.1.5.5.7.3.1'],
  ['06 06 2a864886f70d', '1.2.840.113549'],
];
for (const [hex, dotted] of identifiers) {
  values(`reads ${dotted}`, () => assert.is(reader(hex).objectIdentifier(), dotted));
}

values('reads an arc of 128 bits (a UUID below 2.25)', () => {
  const arc = (1n << 128n) - 1n;
  const groups: number[] = [];
  for (let left = arc; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | (groups.length > 0 ? 0x80 : 0));
  const bytes = Buffer.from([6, groups.length + 1, 2 * 40 + 25, ...groups]);
  assert.is(new DerReader(bytes).objectIdentifier(), `2.25.${arc}`);
});

const malformed: ReadonlyArray<readonly [string, string, (from: DerReader) => unknown]> = [
  ['a BOOLEAN that is neither', '01 01 01', (from) => from.boolean()],
  ['an empty BOOLEAN', '01 00', (from) => from.boolean()],
  ['an empty INTEGER', '02 00', (from) => from.integer()],
  ['a padded INTEGER', '02 02 0001', (from) => from.integer()],
  ['a padded negative INTEGER', '02 02 ff80', (from) => from.integer()],
  ['a negative small INTEGER', '02 01 80', (from) => from.smallInteger()],
  ['an INTEGER of five octets as a small one', '02 05 0100000000', (from) => from.smallInteger()],
  ['an empty BIT STRING', '03 00', (from) => from.bitString()],
  ['a BIT STRING with 8 unused bits', '03 02 0800', (from) => from.bitString()],
  ['a BIT STRING with unused bits of nothing', '03 01 01', (from) => from.bitString()],
  ['a BIT STRING whose unused bits are set', '03 02 0101', (from) => from.bitString()],
  ['an empty OBJECT IDENTIFIER', '06 00', (from) => from.objectIdentifier()],
  ['an OBJECT IDENTIFIER cut short', '06 02 5581', (from) => from.objectIdentifier()],
  ['a padded arc', '06 03 558003', (from) => from.objectIdentifier()],
  ['an OBJECT IDENTIFIER of 129 octets', `06 8181 ${'01'.repeat(129)}`, (from) => from.objectIdentifier()],
];
for (const [what, hex, read] of malformed) {
  values(`refuses ${what}`, () => refuses(() => read(reader(hex)), hex.startsWith('06 8181') ? 3 : 2));
}

values('reads integers and bit strings at their edges', () => {
  assert.is(reader('02 01 00').smallInteger(), 0);
  assert.is(reader('02 02 0080').smallInteger(), 128);
  assert.is(reader('02 04 7fffffff').smallInteger(), 2 ** 31 - 1);
  assert.equal(reader('03 01 00').bitString(), { octets: Buffer.alloc(0), unused: 0 });
  assert.equal(reader('03 02 0780').bitString(), { octets: Buffer.from([0x80]), unused: 7 });
});
values.run();

const times = suite('times (RFC 5280 §4.1.2.5)');
const time = (tag: number, text: string) =>
  new DerReader(Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)])).time();

times('reads UTCTime from 1950 to 2049 and GeneralizedTime', () => {
  assert.is(time(0x17, '500101000000Z').toISOString(), '1950-01-01T00:00:00.000Z');
  assert.is(time(0x17, '491231235959Z').toISOString(), '2049-12-31T23:59:59.000Z');
  assert.is(time(0x18, '99991231235959Z').toISOString(), '9999-12-31T23:59:59.000Z');
  assert.is(time(0x17, '240229120000Z').toISOString(), '2024-02-29T12:00:00.000Z');
});
for (const text of [
  '2601010000Z',
  '260101000000',
  '260101000000+0100',
  '260230000000Z',
  '261301000000Z',
  '260101240000Z',
  '260101006000Z',
  '260101000060Z',
  '26010100000 Z',
  '260101000000Z0',
]) {
  times(`refuses UTCTime ${text}`, () => refuses(() => time(0x17, text), 2));
}
for (const text of ['20260101000000.5Z', '260101000000Z', '20260229000000Z', '20260101000000Zx']) {
  times(`refuses GeneralizedTime ${text}`, () => refuses(() => time(0x18, text), 2));
}
times.run();
