// Certificates, real ones and what becomes of them: nothing but DerError is thrown; what is told of one is what OpenSSL tells too; no text is unfit for a log line; the same bytes at another place say the same.
import { X509Certificate } from 'node:crypto';
import { type Certificate, parseCertificate } from '../../../src/tls/certificate.js';
import { DerError } from '../../../src/tls/der.js';
import { describeIdentity, identityFromChain } from '../../../src/tls/identity.js';
import { describeAltNames } from '../../../src/tls/san.js';
import { spiffeIdOf } from '../../../src/tls/spiffe-id.js';
import { mutateDer } from '../der-tree.js';
import { plainAddress } from '../plain-address.js';
import { seedsOf } from '../seeds.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';

const maxBytes = 3_000;
let seeds: readonly Buffer[] | undefined;

/** All that is told, in one text. */
function storyOf(certificate: Certificate): string {
  return JSON.stringify(certificate, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function compare(ours: Certificate, theirs: X509Certificate): void {
  mustBeSame(ours.serialNumber, theirs.serialNumber, 'the serial number is that of OpenSSL');
  // `Date.parse` takes a year of fewer than four digits for one of this century or the last.
  const timeOf = (text: string): number => (/ \d{4} GMT$/.test(text) ? Date.parse(text) : Number.NaN);
  const [from, to] = [timeOf(theirs.validFrom), timeOf(theirs.validTo)];
  if (!Number.isNaN(from)) mustBeSame(ours.validFrom.getTime(), from, 'the beginning of validity is that of OpenSSL');
  if (!Number.isNaN(to)) mustBeSame(ours.validTo.getTime(), to, 'the end of validity is that of OpenSSL');
  const { dns, uri, email, ip, unusable, otherName, directoryName, registeredId } = ours.san;
  const isPlain =
    [...dns, ...uri, ...email].every((name) => /^[\w.:/*@-]+$/.test(name)) &&
    unusable.length + otherName.length + directoryName.length + registeredId.length === 0;
  if (isPlain && theirs.subjectAltName !== undefined) {
    const told = theirs.subjectAltName === '' ? [] : theirs.subjectAltName.split(', ');
    const wanted = [
      ...dns.map((name) => `DNS:${name}`),
      ...uri.map((name) => `URI:${name}`),
      ...email.map((name) => `email:${name}`),
      ...ip.map((address) => `IP Address:${plainAddress(address)}`),
    ];
    const theirNames = told.map((name) =>
      name.replace(/^(IP Address:)(.*)$/, (_, kind, address) => `${kind}${plainAddress(address)}`),
    );
    mustBeSame(wanted.sort().join(), theirNames.sort().join(), 'the names are those of OpenSSL');
  }
}

export const certificate: Target = {
  name: 'certificate',
  covers: [
    'src/tls/certificate.js',
    'src/tls/distinguished-name.js',
    'src/tls/san.js',
    'src/tls/der.js',
    'src/tls/identity.js',
    'src/tls/spiffe-id.js',
  ],
  maxBytes,
  dictionary: [
    '\x55\x1d\x11',
    '\x55\x1d\x13',
    '\x55\x1d\x0f',
    '\x55\x1d\x25',
    '\x01\x01\xff',
    '\x01\x01\x00',
    '\x82\x01a',
    '\x86\x0bspiffe://a/',
    '\x87\x04\x7f\0\0\x01',
    '\xa0\x03\x02\x01\x02',
    '\x0c\x03\xe2\x80\xae',
    '\x1e\x02\0a',
    '\xa4\x02\x30\0',
  ],
  generate(random, input) {
    seeds ??= seedsOf('certificate');
    return mutateDer(random, input, random.pick(seeds).copy(input));
  },
  mutate: mutateDer,
  run(input, length) {
    const bytes = Buffer.from(input.subarray(0, length));
    let ours: Certificate;
    try {
      ours = parseCertificate(bytes);
    } catch (error) {
      must(error instanceof DerError, 'nothing but DerError is thrown');
      must(error.offset >= 0 && error.offset <= length, 'a fault has a place in it');
      mustBeLine(error.message);
      return kindOf(error.message.replace(/\d+/g, '').slice(0, 40));
    }
    must(bytes.compare(input, 0, length) === 0, 'nothing is written');
    const moved = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(3)]).subarray(3, 3 + length);
    mustBeSame(storyOf(parseCertificate(moved)), storyOf(ours), 'the same bytes at another place say the same');

    for (const { text } of [ours.subject, ours.issuer]) {
      mustBeLine(text);
      must(text.length <= 513, 'the text of a name is bounded');
    }
    must(/^-?(?:[0-9A-F]{2})+$|^0$/.test(ours.serialNumber), 'a serial number is hexadecimal');
    const { dns, uri, email, ip, unusable } = ours.san;
    for (const name of [...dns, ...uri, ...email, ...ip])
      must(/^[\x21-\x7e]+$/.test(name), 'a name that is compared is visible ASCII');
    for (const { text } of unusable) mustBeLine(text);
    mustBeLine(describeAltNames(ours.san));
    const identity = identityFromChain([bytes]);
    const line = describeIdentity(identity);
    mustBeLine(line);
    must(line.length < 2_000, 'the line of an identity is bounded');
    const spiffeId = spiffeIdOf(ours);
    if (spiffeId !== undefined) {
      mustBeSame(uri.join(), spiffeId.id, 'a SPIFFE ID is the only URI');
      must(
        ours.basicConstraints?.ca !== true && ours.keyUsage?.includes('keyCertSign') !== true,
        'who has a SPIFFE ID cannot sign others',
      );
    }
    let isReadable = false;
    // OpenSSL takes some 50 µs.
    if ((bytes[length - 1]! & 3) === 0) {
      let theirs: X509Certificate | undefined;
      try {
        theirs = new X509Certificate(bytes);
      } catch {
        // It refuses more: numbers, keys, text.
      }
      isReadable = theirs !== undefined;
      if (theirs !== undefined) compare(ours, theirs);
    }
    const { basicConstraints, keyUsage, extendedKeyUsage } = ours;
    return kindOf(
      [
        isReadable,
        ours.version,
        basicConstraints?.ca,
        keyUsage?.length,
        extendedKeyUsage?.length,
        dns.length,
        uri.length,
        unusable.length,
        ours.subject.rdns.length,
      ]
        .map((value) => (typeof value === 'number' ? Math.min(3, value) : value))
        .join(),
    );
  },
};
