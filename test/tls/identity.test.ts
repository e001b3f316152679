import { X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { DerError } from '../../src/tls/der.js';
import { describeIdentity, identityFromChain, type PeerIdentity } from '../../src/tls/identity.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const { ca, clients, servers, hostile } = kit();
const of = (issued: { chain: readonly Buffer[] }): PeerIdentity => identityFromChain(issued.chain);

const identities = suite('peer identity');

identities('agrees with Node on the fingerprint, and keeps the chain leaf first', () => {
  const identity = of(clients.throughIntermediate);
  assert.is(identity.fingerprint256, new X509Certificate(clients.throughIntermediate.der).fingerprint256);
  assert.equal(
    identity.chain.map((certificate) => certificate.subject.text),
    ['CN=device-8', 'CN=Test Intermediate'],
  );
  assert.is(
    identity.chain[1]!.fingerprint256,
    new X509Certificate(clients.throughIntermediate.chain[1]!).fingerprint256,
  );
  assert.is(identity.subjectCommonName, 'device-8');
  assert.is(identity.der, clients.throughIntermediate.der);
});

identities('is frozen', () => {
  const identity = of(clients.good);
  for (const part of [
    identity,
    identity.san,
    identity.san.uri,
    identity.subject,
    identity.subject.rdns,
    identity.spiffeId,
    identity.chain,
    identity.chain[0],
  ]) {
    assert.ok(Object.isFrozen(part));
  }
});

identities('keeps the hash of the public key when a certificate is renewed for its key', () => {
  assert.is.not(of(clients.good).publicKeySha256, of(servers.good).publicKeySha256);
  assert.is(of(clients.rsa).publicKeySha256, of(servers.rsa).publicKeySha256);
});

identities('refuses an empty chain and what is no certificate', () => {
  assert.throws(
    () => identityFromChain([]),
    (error: unknown) => error instanceof DerError,
  );
  assert.throws(
    () => identityFromChain([clients.good.der, Buffer.from('x')]),
    (error: unknown) => error instanceof DerError,
  );
});
identities.run();

const names = suite('hostile names in an identity (M10)');

names('a comma, a slash or a second name does not make another common name', () => {
  assert.is(of(hostile.slashInCommonName).subjectCommonName, 'evil/CN=admin');
  assert.is(of(hostile.commaInCommonName).subjectCommonName, 'evil, CN=admin');
  assert.is(of(hostile.nulInCommonName).subjectCommonName, 'admin\0.evil');
  assert.is(of(hostile.twoCommonNames).subjectCommonName, undefined);
});

names('a relative distinguished name of two attributes stays one', () => {
  const { subject, subjectCommonName } = of(hostile.multiValueRdn);
  assert.is(subjectCommonName, 'device');
  assert.equal(
    subject.rdns.map((rdn) => rdn.map(({ name, value }) => [name, value])),
    [
      [['O', 'Example, Inc.']],
      [
        ['CN', 'device'],
        ['UID', 'CN=admin'],
      ],
    ],
  );
  assert.is(subject.text, 'CN=device+UID=CN=admin,O=Example\\, Inc.');
});

const texts: ReadonlyArray<readonly [keyof typeof hostile, string | undefined, string]> = [
  ['bmpStringCommonName', 'Zürich 日本', 'CN=Zürich 日本'],
  ['universalStringCommonName', 'Zü😀', 'CN=Zü😀'],
  ['teletexCommonName', 'Zürich', 'CN=Zürich'],
  ['printableCommonName', 'device 9', 'CN=device 9'],
  ['invalidUtf8CommonName', undefined, 'CN=#0c0361ff62'],
  ['oddBmpStringCommonName', undefined, 'CN=#1e03006100'],
  ['integerCommonName', undefined, 'CN=#020107'],
  ['emptyCommonName', '', 'CN='],
  ['unknownAttribute', undefined, '1.3.6.1.4.1.99999.7=value'],
  ['slashInCommonName', 'evil/CN=admin', 'CN=evil/CN=admin'],
  ['commaInCommonName', 'evil, CN=admin', 'CN=evil\\, CN=admin'],
  ['nulInCommonName', 'admin\0.evil', 'CN=admin\\00.evil'],
  ['newlineInCommonName', 'evil\nsubject: CN=admin', 'CN=evil\\0Asubject: CN=admin'],
];
for (const [name, commonName, text] of texts) {
  names(`reads ${name} and writes it as RFC 4514 does`, () => {
    const identity = of(hostile[name]);
    assert.is(identity.subjectCommonName, commonName);
    assert.is(identity.subject.text, text);
  });
}

names('every kind of alternative name has its own list', () => {
  const { san } = of(hostile.everyKind);
  assert.equal(san.dns, ['a.example']);
  assert.equal(san.ip, ['192.0.2.1', '2001:db8::1']);
  assert.equal(san.uri, ['spiffe://test.example/everything']);
  assert.equal(san.email, ['a@b.example']);
  assert.equal(
    san.directoryName.map((name) => name.text),
    ['CN=in a directory'],
  );
  assert.equal(san.otherName, ['1.3.6.1.4.1.311.20.2.3']);
  assert.equal(san.registeredId, ['1.2.3.4']);
  assert.equal(san.unusable, []);
});

const unusable: ReadonlyArray<readonly [keyof typeof hostile, string, string]> = [
  ['joinedDns', 'dns', 'evil, DNS:admin.internal'],
  ['nulInDns', 'dns', 'admin.internal\\x00.evil.example'],
  ['newlineInDns', 'dns', 'a\\nadmin.internal'],
  ['nonAsciiDns', 'dns', 'bücher.example'],
  ['emptyDns', 'dns', ''],
  ['nulInUri', 'uri', 'spiffe://test.example/a\\x00b'],
  ['oddAddress', 'ip', '7f00000100'],
  ['addressWithMask', 'ip', '7f000001ff000000'],
];
for (const [name, kind, text] of unusable) {
  names(`keeps ${name} out of every comparison`, () => {
    const { san } = of(hostile[name]);
    assert.equal([san.dns, san.ip, san.uri], [[], [], []]);
    assert.equal(san.unusable, [{ kind, text }]);
  });
}

names('10,000 alternative names are all read', () => assert.is(of(hostile.tenThousandNames).san.dns.length, 10_000));
names.run();

const lines = suite('identity in one line (M17)');

lines('names subject, issuer, validity and alternative names', () => {
  assert.is(
    describeIdentity(of(clients.expired)),
    'subject CN=expired device, issuer CN=Test CA, valid 2020-01-01..2020-02-01, no SAN',
  );
  assert.match(
    describeIdentity(of(servers.wrongHost)),
    /^subject CN=localhost, .*, SAN DNS:other\.example, IP:192\.0\.2\.1$/,
  );
  assert.match(describeIdentity(of(clients.emptySubject)), /^subject \(empty\), /);
  assert.match(
    describeIdentity(identityFromChain([ca.der])),
    /^subject CN=Test CA, issuer CN=Test CA, valid 2000-01-01\.\.2100-01-01, no SAN$/,
  );
});

lines('shows four names and counts the others', () => {
  assert.match(describeIdentity(of(hostile.tenThousandNames)), /, DNS:host-3\.example and 9996 more$/);
});

lines('quotes a name that reads like two', () => {
  assert.match(describeIdentity(of(hostile.joinedDns)), /, SAN unusable:dns "evil, DNS:admin\.internal"$/);
  assert.match(describeIdentity(of(hostile.quotedDns)), /"'evil\\\\, DNS:admin\.internal'"$/);
});

lines('stays one bounded line for every certificate of the kit', () => {
  for (const group of [clients, servers, hostile]) {
    for (const [name, issued] of Object.entries(group)) {
      const line = describeIdentity(of(issued));
      assert.not.match(line, /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/, name);
      assert.ok(line.length <= 1_000, `${name}: ${line.length}`);
    }
  }
});

lines('bounds a common name of a megabyte', () => {
  const identity = of(hostile.megabyteCommonName);
  assert.is(identity.subjectCommonName?.length, 1_000_000);
  assert.ok(identity.subject.text.length <= 513);
});
lines.run();
