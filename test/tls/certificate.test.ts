import { Buffer } from 'node:buffer';
import { createHash, X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type Certificate, parseCertificate } from '../../src/tls/certificate.js';
import { DerError } from '../../src/tls/der.js';
import { purposeOids, signatureOids } from '../../src/tls/oids.js';
import { boolean, contextConstructed, element, integer, octetString, sequence } from '../../src/tls/pki/der-writer.js';
import { basicConstraints, extension, keyUsage } from '../../src/tls/pki/extensions.js';
import { forge, type IssuedCertificate, kit } from '../support/kit.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const { ca, otherCa, clients, servers, hostile } = kit();
const all: ReadonlyArray<readonly [string, IssuedCertificate]> = [
  ['ca', ca],
  ['otherCa', otherCa],
  ...Object.entries(clients).map(([name, issued]) => [`client ${name}`, issued] as const),
  ...Object.entries(servers).map(([name, issued]) => [`server ${name}`, issued] as const),
  ...Object.entries(hostile).map(([name, issued]) => [`hostile ${name}`, issued] as const),
];

const agreement = suite('agreement with crypto.X509Certificate');

/** OpenSSL does not read these at all. */
const unreadable = ['hostile invalidUtf8CommonName', 'hostile oddBmpStringCommonName', 'hostile integerCommonName'];

/** The one-attribute names of the kit as Node writes them. */
const nodeName = (name: Certificate['subject']) =>
  name.rdns.map((rdn) => rdn.map((part) => `${part.name}=${part.value}`).join(' + ')).join('\n');

for (const [name, issued] of all) {
  agreement(`holds for ${name}`, () => {
    const ours = parseCertificate(issued.der);
    if (unreadable.includes(name)) {
      assert.throws(() => new X509Certificate(issued.der));
      return;
    }
    const theirs = new X509Certificate(issued.der);
    assert.is(ours.serialNumber, theirs.serialNumber);
    assert.is(ours.validFrom.getTime(), Date.parse(theirs.validFrom));
    assert.is(ours.validTo.getTime(), Date.parse(theirs.validTo));
    assert.is(ours.basicConstraints?.ca ?? false, theirs.ca);
    // Node's `keyUsage` is the extended one.
    assert.equal(ours.extendedKeyUsage, theirs.keyUsage);
    assert.equal(ours.publicKeyInfo, theirs.publicKey.export({ type: 'spki', format: 'der' }));
    assert.is(ours.publicKeySha256, createHash('sha256').update(ours.publicKeyInfo).digest('hex'));
    // Node joins and escapes; where nothing needs an escape the texts agree.
    if (!name.startsWith('hostile') && name !== 'client emptySubject') {
      assert.is(nodeName(ours.subject), theirs.subject);
      assert.is(nodeName(ours.issuer), theirs.issuer);
      const { dns, uri } = ours.san;
      const expected = (theirs.subjectAltName ?? '').split(', ');
      assert.equal(
        [...dns.map((value) => `DNS:${value}`), ...uri.map((value) => `URI:${value}`)],
        expected.filter((value) => /^(?:DNS|URI):/.test(value)),
      );
    }
  });
}
agreement.run();

const fields = suite('certificate fields (RFC 5280 §4.1, §4.2)');

fields('reads every extension in use', () => {
  const parsed = parseCertificate(clients.good.der);
  assert.is(parsed.version, 3);
  assert.is(parsed.signatureAlgorithm, signatureOids.ecdsaWithSha256);
  assert.equal(parsed.basicConstraints, { ca: false, pathLength: undefined });
  assert.equal(parsed.keyUsage, ['digitalSignature']);
  assert.equal(parsed.extendedKeyUsage, [purposeOids.clientAuth]);
  assert.is(parsed.authorityKeyId, parseCertificate(ca.der).subjectKeyId);
  assert.match(parsed.subjectKeyId!, /^[0-9a-f]{40}$/);
  assert.ok(Object.isFrozen(parsed) && Object.isFrozen(parsed.san) && Object.isFrozen(parsed.subject));
});

fields('reads an authority and its path length', () => {
  const narrow = ca.issueAuthority({ commonName: 'Narrow', pathLength: 3 });
  const parsed = parseCertificate(narrow.der);
  assert.equal(parsed.basicConstraints, { ca: true, pathLength: 3 });
  assert.equal(parsed.keyUsage, ['keyCertSign', 'cRLSign']);
});

fields('accepts version 1, which has no extensions (M11)', () => {
  const parsed = parseCertificate(clients.version1.der);
  assert.is(parsed.version, 1);
  assert.is(parsed.keyUsage, undefined);
  assert.is(parsed.extendedKeyUsage, undefined);
  assert.is(parsed.basicConstraints, undefined);
  assert.equal(parsed.san.dns, []);
});

fields('accepts an explicit FALSE where DER would leave it out', () => {
  const issued = forge({
    subject: 'explicit',
    extensions: [
      sequence(element(0x06, Buffer.from('551d13', 'hex')), boolean(false), octetString(sequence(boolean(false)))),
    ],
  });
  assert.equal(parseCertificate(issued.der).basicConstraints, { ca: false, pathLength: undefined });
});

fields('passes over an extension that it does not know', () => {
  assert.is(parseCertificate(clients.unknownCritical.der).subject.text, 'CN=puzzling device');
});

const refused: ReadonlyArray<readonly [string, () => Buffer]> = [
  ['nothing', () => Buffer.alloc(0)],
  ['trailing octets', () => Buffer.concat([clients.good.der, Buffer.from([0])])],
  ['a certificate cut short', () => clients.good.der.subarray(0, -1)],
  ['an extension twice', () => forge({ subject: 'twice', extensions: [keyUsage('cRLSign'), keyUsage('cRLSign')] }).der],
  [
    'a malformed extension',
    () => forge({ subject: 'odd', extensions: [extension('2.5.29.15', true, integer(1))] }).der,
  ],
  [
    'trailing octets in an extension',
    () => forge({ subject: 'odd', extensions: [extension('2.5.29.19', true, Buffer.from('30000500', 'hex'))] }).der,
  ],
  [
    'a name of no kind in the alternative names',
    () =>
      forge({ subject: 'odd', extensions: [extension('2.5.29.17', false, sequence(octetString(Buffer.of(1))))] }).der,
  ],
  ['PEM', () => Buffer.from(clients.good.cert)],
];
for (const [what, der] of refused) {
  fields(`refuses ${what} with DerError`, () =>
    assert.throws(
      () => parseCertificate(der()),
      (e: unknown) => e instanceof DerError,
    ),
  );
}

/** A certificate with other fields than `pki` writes; only the structure matters, not the signature. */
function assembled(...parts: readonly Buffer[]): Buffer {
  const algorithm = sequence(element(0x06, Buffer.from('2b6570', 'hex')));
  return sequence(sequence(...parts), algorithm, element(0x03, Buffer.from([0, 1])));
}
const algorithm = sequence(element(0x06, Buffer.from('2b6570', 'hex')));
const validity = sequence(element(0x17, Buffer.from('260101000000Z')), element(0x17, Buffer.from('270101000000Z')));
const publicKey = sequence(algorithm, element(0x03, Buffer.from([0, 1])));
const rest = [sequence(), validity, sequence(), publicKey];

fields('writes serial numbers as Node does, negative and zero ones included', () => {
  const serial = (hex: string) =>
    parseCertificate(assembled(element(0x02, Buffer.from(hex, 'hex')), algorithm, ...rest)).serialNumber;
  assert.is(serial('00'), '0');
  assert.is(serial('01'), '01');
  assert.is(serial('0080'), '80');
  assert.is(serial('ff'), '-01');
  assert.is(serial('8000'), '-8000');
  assert.is(serial('0abcdef0'), '0ABCDEF0');
});

fields('accepts version 2 and unique identifiers, refuses version 4', () => {
  const version = (value: number) => contextConstructed(0, integer(value));
  assert.is(
    parseCertificate(assembled(version(1), integer(1), algorithm, ...rest, element(0x81, Buffer.from([0, 1])))).version,
    2,
  );
  assert.throws(() => parseCertificate(assembled(version(3), integer(1), algorithm, ...rest)), /version 4/);
});

fields('refuses extensions in version 1', () => {
  const extensions = contextConstructed(3, sequence(basicConstraints(true)));
  assert.throws(() => parseCertificate(assembled(integer(1), algorithm, ...rest, extensions)), /unexpected element/);
});

fields('refuses two different signature algorithms (RFC 5280 §4.1.1.2)', () => {
  const other = sequence(element(0x06, Buffer.from('2b6571', 'hex')));
  assert.throws(() => parseCertificate(assembled(integer(1), other, ...rest)), /two signature algorithms/);
});
fields.run();

const mutations = suite('mutated certificates');

mutations('throw nothing but DerError, 20,000 times', () => {
  const { seed, below } = random();
  const originals = [clients.good, clients.version1, servers.good, hostile.everyKind, hostile.multiValueRdn, ca];
  let parsed = 0;
  for (let round = 0; round < 20_000; round++) {
    let der = Buffer.from(originals[below(originals.length)]!.der);
    for (let changes = 1 + below(3); changes > 0; changes--) {
      const at = below(der.length);
      const kind = below(4);
      if (kind === 0) der[at] = below(256);
      else if (kind === 1) der[at]! ^= 1 << below(8);
      else if (kind === 2) der = Buffer.concat([der.subarray(0, at), der.subarray(at + 1 + below(4))]);
      else der = Buffer.concat([der.subarray(0, at), Buffer.from([below(256)]), der.subarray(at)]);
      if (der.length === 0) break;
    }
    try {
      parseCertificate(der);
      parsed++;
    } catch (error) {
      assert.instance(error, DerError, `SEED=${seed} round ${round}: ${error}`);
    }
  }
  assert.ok(parsed > 1_000 && parsed < 19_000, `SEED=${seed}: ${parsed} parsed`);
});

mutations('of every length are refused when cut short', () => {
  for (let length = 0; length < hostile.everyKind.der.length; length++) {
    assert.throws(
      () => parseCertificate(hostile.everyKind.der.subarray(0, length)),
      (e: unknown) => e instanceof DerError,
    );
  }
});
mutations.run();
