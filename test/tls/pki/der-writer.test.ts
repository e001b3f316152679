import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { DerReader } from '../../../src/tls/der.js';
import {
  bitString,
  boolean,
  element,
  integer,
  namedBits,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from '../../../src/tls/pki/der-writer.js';
import { suite } from '../../support/suite.js';

const writing = suite('writing DER (X.690)');

const vectors: ReadonlyArray<readonly [string, Buffer, string]> = [
  ['TRUE', boolean(true), '0101ff'],
  ['FALSE', boolean(false), '010100'],
  ['INTEGER 0', integer(0), '020100'],
  ['INTEGER 127', integer(127), '02017f'],
  ['INTEGER 128', integer(128), '02020080'],
  ['INTEGER 65536', integer(65_536), '0203010000'],
  ['INTEGER from padded octets', integer(Buffer.from('0000ff', 'hex')), '020200ff'],
  ['INTEGER from no more than zeros', integer(Buffer.from('0000', 'hex')), '020100'],
  ['NULL', nullValue(), '0500'],
  ['OCTET STRING', octetString(Buffer.from([1])), '040101'],
  ['BIT STRING', bitString(Buffer.from([1])), '03020001'],
  ['no named bits', namedBits([]), '030100'],
  ['named bit 0', namedBits([0]), '03020780'],
  ['named bits 5 and 6', namedBits([5, 6]), '03020106'],
  ['named bit 8', namedBits([8]), '0303070080'],
  ['2.5.4.3', objectIdentifier('2.5.4.3'), '0603550403'],
  ['2.999', objectIdentifier('2.999'), '06028837'],
  ['1.2.840.113549', objectIdentifier('1.2.840.113549'), '06062a864886f70d'],
  ['UTF8String', utf8String('é'), '0c02c3a9'],
  ['SET OF in ascending order', setOf(integer(2), boolean(true), integer(1)), '31090101ff020101020102'],
  ['SEQUENCE in the order given', sequence(integer(2), integer(1)), '3006020102020101'],
  ['1949', time(new Date('1949-12-31T23:59:59Z')), `180f${Buffer.from('19491231235959Z').toString('hex')}`],
  ['1950', time(new Date('1950-01-01T00:00:00.999Z')), `170d${Buffer.from('500101000000Z').toString('hex')}`],
];
for (const [what, der, hex] of vectors) writing(`writes ${what}`, () => assert.is(der.toString('hex'), hex));

writing('writes lengths that the reader takes, at every boundary', () => {
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536, 1_000_000]) {
    const der = element(0x04, Buffer.alloc(length));
    assert.is(new DerReader(der).content(0x04).length, length);
    assert.is(der.length - length, length < 128 ? 2 : length < 256 ? 3 : length < 65_536 ? 4 : 5);
  }
});
writing.run();
