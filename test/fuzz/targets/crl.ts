// Revocation lists: nothing but DerError and CrlFault is thrown; every entry that is told is found by its serial number, and no other is; a list that cannot be judged by is none; no text is unfit for a log line.
import { CrlFault, parseCrl, type RevocationList } from '../../../src/tls/crl.js';
import { DerError } from '../../../src/tls/der.js';
import { integer } from '../../../src/tls/pki/der-writer.js';
import { mutateDer } from '../der-tree.js';
import { seedsOf } from '../seeds.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';

const maxBytes = 1_500;
let seeds: readonly Buffer[] | undefined;

export const crl: Target = {
  name: 'crl',
  covers: ['src/tls/crl.js', 'src/tls/der.js', 'src/tls/distinguished-name.js', 'src/tls/signature.js'],
  maxBytes,
  dictionary: [
    '\x55\x1d\x14',
    '\x55\x1d\x15',
    '\x55\x1d\x1b',
    '\x55\x1d\x1c',
    '\x55\x1d\x1d',
    '\x0a\x01\x08',
    '\x0a\x01\x01',
    '\x01\x01\xff',
    '\x17\x0d250101000000Z',
    '\xa0\x02\x30\0',
  ],
  generate(random, input) {
    seeds ??= seedsOf('crl');
    return mutateDer(random, input, random.pick(seeds).copy(input));
  },
  mutate: mutateDer,
  run(input, length) {
    const bytes = Buffer.from(input.subarray(0, length));
    let list: RevocationList;
    try {
      list = parseCrl(bytes);
    } catch (error) {
      must(error instanceof DerError || error instanceof CrlFault, 'nothing but DerError and CrlFault is thrown');
      mustBeLine(error.message);
      return kindOf(error instanceof CrlFault ? error.code : error.message.replace(/\d+/g, '').slice(0, 40));
    }
    must(bytes.compare(input, 0, length) === 0, 'nothing is written');
    mustBeLine(list.issuer.text);
    must(!Number.isNaN(list.thisUpdate.getTime()), 'a list has a time');
    if (list.number !== undefined) {
      const hex = list.number.toString(16);
      const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
      must(
        octets.length <= 20 && bytes.includes(integer(octets)),
        'the number of a list is not negative, and has 20 octets at most',
      );
    }
    let count = 0;
    for (const entry of list.revoked) {
      count++;
      must(/^-?(?:[0-9A-F]{2})+$|^0$/.test(entry.serialNumber), 'a serial number is hexadecimal');
      must(entry.reason !== 'removeFromCRL', 'no entry takes another back');
      const found = list.revoked.find(entry.serialNumber);
      mustBeSame(JSON.stringify(found), JSON.stringify(entry), 'an entry is found by its serial number');
    }
    mustBeSame(count, list.revoked.size, 'all entries are told');
    must(list.revoked.find('NONE') === undefined, 'nothing else is found');
    const inside = (part: Buffer): boolean =>
      part.buffer === bytes.buffer &&
      part.byteOffset >= bytes.byteOffset &&
      part.byteOffset + part.length <= bytes.byteOffset + length;
    must(inside(list.signed) && inside(list.signature) && inside(list.issuerDer), 'what is signed is part of the list');
    return kindOf(
      [
        Math.min(4, count),
        list.number === undefined,
        list.nextUpdate === undefined,
        list.authorityKeyId === undefined,
        list.scheme.digest,
      ].join(),
    );
  },
};
