import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/errors.js';
import { parseCertificate } from '../../../src/tls/certificate.js';
import { parseCrl, verifyCrl } from '../../../src/tls/crl.js';
import { purposeOids, signatureOids } from '../../../src/tls/oids.js';
import { readPem } from '../../../src/tls/pem.js';
import {
  type Authority,
  type AuthorityOptions,
  createAuthority,
  createDevelopmentPki,
  type IssueOptions,
  type KeyType,
} from '../../../src/tls/pki/index.js';
import { matchServerName } from '../../../src/tls/server-name.js';
import { spiffeIdOf } from '../../../src/tls/spiffe-id.js';
import { kit } from '../../support/kit.js';
import { suite } from '../../support/suite.js';

const day = 86_400_000;
const development = suite('development certificates');
const pki = createDevelopmentPki(['dev.example', '*.dev.example', '192.0.2.7', '[2001:db8::1]', 'localhost']);
const issuedAt = Date.now();

development('are signed by one authority, whose name no other has', () => {
  const ca = new X509Certificate(pki.ca.cert);
  assert.ok(ca.verify(ca.publicKey));
  for (const issued of [pki.server, pki.client]) {
    const certificate = new X509Certificate(issued.cert);
    assert.ok(certificate.verify(ca.publicKey));
    assert.ok(certificate.checkIssued(ca));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(issued.key)));
  }
  assert.match(ca.subject, /^CN=mtls-ws development CA [0-9a-f]{4}$/);
});

development('are for localhost and the hosts given, each once', () => {
  const { san } = parseCertificate(pki.server.der);
  assert.equal(san.dns, ['localhost', 'dev.example', '*.dev.example']);
  assert.equal(san.ip, ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::1']);
  for (const host of ['localhost', '127.0.0.1', '[::1]', 'dev.example', 'a.dev.example', '192.0.2.7']) {
    assert.ok(matchServerName(san, host).matches, host);
  }
});

development('have a purpose and a SPIFFE ID for each end', () => {
  const server = parseCertificate(pki.server.der);
  const client = parseCertificate(pki.client.der);
  assert.equal(server.extendedKeyUsage, [purposeOids.serverAuth]);
  assert.equal(client.extendedKeyUsage, [purposeOids.clientAuth]);
  assert.is(spiffeIdOf(server)?.id, 'spiffe://mtls-ws.internal/server');
  assert.is(spiffeIdOf(client)?.id, 'spiffe://mtls-ws.internal/client');
});

development('are valid from five minutes ago, leaves for 825 days at most', () => {
  for (const [issued, days] of [
    [pki.ca, 3_650],
    [pki.server, 825],
    [pki.client, 825],
  ] as const) {
    const { validFrom, validTo } = parseCertificate(issued.der);
    const age = issuedAt - validFrom.getTime();
    assert.ok(age >= 300_000 && age < 302_000, `${age}`);
    assert.is(validTo.getTime() - validFrom.getTime(), days * day - 1000);
  }
});
development.run();

const issuing = suite('issuing certificates (RFC 5280 §4.1, §4.2.1)');
const { ca } = kit();
const read = (options: Partial<IssueOptions>) =>
  parseCertificate(ca.issue({ commonName: 'x', kind: 'client', ...options }).der);

issuing('gives each certificate its own positive serial number of 16 octets', () => {
  const serials = Array.from({ length: 100 }, () => read({}).serialNumber);
  assert.is(new Set(serials).size, 100);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

issuing('writes UTCTime to 2049 and GeneralizedTime from 2050 on', () => {
  const times = (notAfter: string) => ca.issue({ commonName: 'x', kind: 'client', notAfter: new Date(notAfter) }).der;
  assert.ok(times('2049-12-31T23:59:59Z').includes('\x17\x0d491231235959Z'));
  assert.ok(times('2050-01-01T00:00:00Z').includes('\x18\x0f20500101000000Z'));
});

issuing('marks the alternative names critical if and only if the subject is empty', () => {
  const critical = Buffer.from('0603551d110101ff', 'hex');
  assert.ok(ca.issue({ commonName: '', kind: 'client', uris: ['spiffe://a/b'] }).der.includes(critical));
  assert.not(ca.issue({ commonName: 'x', kind: 'client', uris: ['spiffe://a/b'] }).der.includes(critical));
});

issuing('signs with every kind of key, with a digest as strong as its curve', () => {
  for (const [keyType, algorithm] of [
    ['ec-p256', signatureOids.ecdsaWithSha256],
    ['ec-p384', signatureOids.ecdsaWithSha384],
    ['rsa-2048', signatureOids.sha256WithRsaEncryption],
    ['rsa-3072', signatureOids.sha256WithRsaEncryption],
    ['rsa-4096', signatureOids.sha256WithRsaEncryption],
    ['ed25519', signatureOids.ed25519],
  ] as const) {
    const authority = createAuthority({ keyType });
    const leaf = authority.issue({ commonName: 'x', kind: 'client' });
    const { publicKey } = new X509Certificate(authority.der);
    assert.ok(new X509Certificate(leaf.der).verify(publicKey), keyType);
    assert.is(parseCertificate(leaf.der).signatureAlgorithm, algorithm);
    const { modulusLength, namedCurve = '' } = publicKey.asymmetricKeyDetails ?? {};
    assert.ok(keyType.endsWith(String(modulusLength)) || /256|384/.exec(namedCurve) || keyType === 'ed25519', keyType);
    assert.ok(verifyCrl(parseCrl(authority.revocationList({ revoked: [] }).der), new X509Certificate(authority.der)));
  }
});

issuing('writes the purposes of a server, a client, both, or none at all', () => {
  const { serverAuth, clientAuth } = purposeOids;
  for (const [kind, purposes] of [
    ['server', [serverAuth]],
    ['client', [clientAuth]],
    ['both', [serverAuth, clientAuth]],
    ['any', undefined],
  ] as const) {
    assert.equal(read({ kind }).extendedKeyUsage, purposes, kind);
  }
});

issuing('gives an intermediate one path length less than its issuer has, and none below none', () => {
  const limit = (authority: Authority) => parseCertificate(authority.der).basicConstraints?.pathLength;
  const root = createAuthority({ pathLength: 2 });
  const upper = root.issueAuthority();
  const lower = upper.issueAuthority();
  assert.equal([root, upper, lower, createAuthority().issueAuthority()].map(limit), [2, 1, 0, undefined]);
  assert.is(limit(root.issueAuthority({ pathLength: 0 })), 0);
  for (const [authority, pathLength, code] of [
    [lower, undefined, 'path-length-exceeded'],
    [lower, 0, 'path-length-exceeded'],
    [root, 2, 'path-length-exceeded'],
    [root, -1, 'invalid-path-length'],
    [root, 0.5, 'invalid-path-length'],
    [root, 256, 'invalid-path-length'],
  ] as const) {
    assert.throws(
      () => authority.issueAuthority(pathLength === undefined ? {} : { pathLength }),
      (error: unknown) => error instanceof UsageError && error.code === code && error.option === 'pathLength',
    );
  }
});

issuing('presents the intermediates behind a leaf, without the root', () => {
  const upper = ca.issueAuthority({ commonName: 'Upper', pathLength: 1 });
  const lower = upper.issueAuthority({ commonName: 'Lower', pathLength: 0 });
  const leaf = lower.issue({ commonName: 'x', kind: 'client' });
  assert.equal(leaf.chain, [leaf.der, lower.der, upper.der]);
  assert.equal(
    readPem(leaf.cert).map(({ der }) => der),
    leaf.chain,
  );
  assert.equal(ca.issue({ commonName: 'x', kind: 'client' }).chain.length, 1);
});

issuing('lets no certificate outlive its issuer unless asked to', () => {
  const short = createAuthority({ days: 2 });
  const end = parseCertificate(short.der).validTo.getTime();
  assert.is(parseCertificate(short.issue({ commonName: 'x', kind: 'client' }).der).validTo.getTime(), end);
  const later = new Date(Math.floor(Date.now() / 1000) * 1000 + 9 * day);
  assert.equal(parseCertificate(short.issue({ commonName: 'x', kind: 'client', notAfter: later }).der).validTo, later);
});

issuing('brings host names to canonical form', () => {
  const { san } = read({ hosts: ['A.Example.', '*.B.example', '[0:0::1]'], emails: ['a@b.example'] });
  assert.equal(san.dns, ['a.example', '*.b.example']);
  assert.equal(san.ip, ['::1']);
  assert.equal(san.email, ['a@b.example']);
});

const refused: ReadonlyArray<readonly [string, Partial<IssueOptions>, string, string]> = [
  ['no name at all', { commonName: '' }, 'nameless-certificate', 'commonName'],
  ['a common name of 65 characters', { commonName: 'x'.repeat(65) }, 'invalid-common-name', 'commonName'],
  ['NUL in a common name', { commonName: 'a\0b' }, 'invalid-common-name', 'commonName'],
  ['a host that is none', { hosts: ['a b'] }, 'invalid-alternative-name', 'hosts'],
  ['a wildcard of addresses', { hosts: ['*.0.0.1'] }, 'invalid-alternative-name', 'hosts'],
  ['a wildcard inside', { hosts: ['a.*.example'] }, 'invalid-alternative-name', 'hosts'],
  ['a newline in a host', { hosts: ['a\nb'] }, 'invalid-alternative-name', 'hosts'],
  ['a URI without a scheme', { uris: ['//a/b'] }, 'invalid-alternative-name', 'uris'],
  ['an option that does not exist', { uri: 'https://a.example' } as object, 'option-unknown', 'uri'],
  ['hosts that are no array', { hosts: 'a.test' as never }, 'option-not-an-array', 'hosts'],
  ['a host that is no string', { hosts: [1 as never] }, 'option-not-an-array', 'hosts'],
  ['no common name', { commonName: undefined as never }, 'invalid-common-name', 'commonName'],
  ['an address without a host', { emails: ['a@'] }, 'invalid-alternative-name', 'emails'],
  [
    'validity that ends before it starts',
    { notBefore: new Date(2_000), notAfter: new Date(1_000) },
    'invalid-validity',
    'notAfter',
  ],
  ['a kind of key that is none', { keyType: 'rsa-1024' as KeyType }, 'unknown-key-type', 'keyType'],
  ['a kind of key that is a name of an object', { keyType: 'toString' as KeyType }, 'unknown-key-type', 'keyType'],
  ['a kind of end that is none', { kind: 'constructor' as 'any' }, 'unknown-certificate-kind', 'kind'],
  ['a date that is none', { notAfter: new Date(Number.NaN) }, 'invalid-validity', 'notAfter'],
];
for (const [what, options, code, option] of refused) {
  issuing(`refuses ${what}`, () => {
    assert.throws(
      () => read(options),
      (error: unknown) => error instanceof UsageError && error.code === code && error.option === option,
    );
  });
}

issuing('refuses an authority without a name', () => {
  const options: AuthorityOptions = { commonName: '' };
  // RFC 5280 §4.1.2.4: the issuer MUST have a name that is not empty.
  assert.throws(
    () => createAuthority(options),
    (error: unknown) => error instanceof UsageError && error.code === 'nameless-certificate',
  );
});
issuing.run();
