import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/errors.js';
import { parseCertificate } from '../../../src/tls/certificate.js';
import { element } from '../../../src/tls/pki/der-writer.js';
import {
  basicConstraints,
  commonNameOnly,
  distinguishedName,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../src/tls/pki/extensions.js';
import { type AuthorityInput, createAuthority, loadAuthority } from '../../../src/tls/pki/index.js';
import { forge } from '../../support/kit.js';
import { suite } from '../../support/suite.js';

const loading = suite('loading an authority from PEM');
const root = createAuthority({ commonName: 'Root', pathLength: 2 });
const upper = root.issueAuthority({ commonName: 'Upper' });
const lower = upper.issueAuthority({ commonName: 'Lower' });

function verifies(chain: readonly Buffer[], ...anchors: readonly Buffer[]): boolean {
  const all = [...chain, ...anchors].map((der) => new X509Certificate(der));
  return all.slice(0, chain.length).every((one, index) => {
    const issuer = all[index + 1]!;
    return one.checkIssued(issuer) && one.verify(issuer.publicKey);
  });
}

loading('issues as the authority that was written', () => {
  const leaf = loadAuthority(root).issue({ commonName: 'x', kind: 'client' });
  assert.ok(verifies(leaf.chain, root.der));
  assert.is(leaf.chain.length, 1);
  assert.is(parseCertificate(leaf.der).authorityKeyId, parseCertificate(root.der).subjectKeyId);
  assert.ok(loadAuthority({ cert: Buffer.from(root.cert), key: Buffer.from(root.key) }).der.equals(root.der));
});

loading('presents the chain of an intermediate in its order, without the root, however it was written', () => {
  for (const cert of [lower.cert, `${lower.cert}${root.cert}`, `${root.cert}${upper.cert}${lower.cert}`]) {
    const leaf = loadAuthority({ cert, key: lower.key }).issue({ commonName: 'x', kind: 'client' });
    assert.equal(leaf.chain.slice(1), [lower.der, upper.der]);
    assert.ok(verifies(leaf.chain, root.der));
  }
});

loading('takes the certificate that the key belongs to, out of several', () => {
  const other = createAuthority({ commonName: 'Root' });
  const authority = loadAuthority({ cert: `${other.cert}${root.cert}`, key: root.key });
  assert.ok(authority.der.equals(root.der));
  assert.equal(authority.issue({ commonName: 'x', kind: 'client' }).chain.length, 1);
});

loading('copies the name of the authority octet by octet', () => {
  // As PrintableString, which a name made anew would not be.
  const subject = distinguishedName([['2.5.4.10', element(0x13, Buffer.from('Plant'))]], [['2.5.4.3', 'CA']]);
  const { cert, key } = forge({ subject, extensions: [basicConstraints(true)] });
  const leaf = loadAuthority({ cert, key }).issue({ commonName: 'x', kind: 'client' });
  assert.ok(parseCertificate(leaf.der).issuerDer.equals(subject));
  assert.match(parseCertificate(leaf.der).authorityKeyId!, /^[0-9a-f]{40}$/);
});

loading('takes a key identifier of any length as it is', () => {
  const keyId = Buffer.from('0102', 'hex');
  const { cert, key } = forge({
    subject: commonNameOnly('CA'),
    extensions: [basicConstraints(true), subjectKeyIdentifier(keyId)],
  });
  assert.is(parseCertificate(loadAuthority({ cert, key }).issueAuthority().der).authorityKeyId, '0102');
});

loading('keeps to the path length of every authority above it', () => {
  const wide = loadAuthority({ cert: upper.cert, key: upper.key });
  assert.is(parseCertificate(wide.issueAuthority().der).basicConstraints?.pathLength, 0);
  // The intermediate itself has no limit; that of the root is what counts.
  const above = createAuthority({ commonName: 'Above', pathLength: 1 });
  const below = loadAuthority(
    forge({
      subject: 'Below',
      signer: { name: commonNameOnly('Above'), key: createPrivateKey(above.key), chain: [above.der] },
      extensions: [basicConstraints(true)],
    }),
  );
  assert.throws(
    () => below.issueAuthority(),
    (error: UsageError) => error.code === 'path-length-exceeded',
  );
});

loading('lets nothing outlive any authority of its chain', () => {
  const soon = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000);
  const short = createAuthority({ commonName: 'Short', notAfter: soon });
  const { cert, key } = forge({
    subject: 'Long',
    signer: { name: commonNameOnly('Short'), key: createPrivateKey(short.key), chain: [short.der] },
    extensions: [basicConstraints(true)],
  });
  const leaf = loadAuthority({ cert, key }).issue({ commonName: 'x', kind: 'client' });
  assert.equal(parseCertificate(leaf.der).validTo, soon);
});

loading('unlocks its key', () => {
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  const object = createPrivateKey(root.key);
  const pkcs8 = object.export({ type: 'pkcs8', format: 'pem', ...cipher }) as string;
  const sec1 = object.export({ type: 'sec1', format: 'pem', ...cipher }) as string;
  for (const key of [pkcs8, sec1]) {
    const authority = loadAuthority({ cert: root.cert, key, passphrase: 'secret' });
    assert.ok(verifies(authority.issue({ commonName: 'x', kind: 'client' }).chain, root.der));
  }
});

loading('takes a certificate of version 1 that issued itself, as trust anchors do', () => {
  const { cert, key } = forge({ subject: 'Old', extensions: [] });
  assert.ok(loadAuthority({ cert, key }).issue({ commonName: 'x', kind: 'client' }));
});

loading('signs with the curves of TLS', () => {
  for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
    const keys = generateKeyPairSync('ec', { namedCurve });
    const { cert, key, der } = forge({ subject: 'CA', keys, extensions: [basicConstraints(true)] });
    assert.ok(verifies(loadAuthority({ cert, key }).issue({ commonName: 'x', kind: 'client' }).chain, der), namedCurve);
  }
});

const narrow = createAuthority({ commonName: 'Narrow', pathLength: 1 }).issueAuthority({
  commonName: 'Narrow',
  pathLength: 0,
});
const locked = createPrivateKey(root.key).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'secret',
}) as string;
const authority = (keys: { publicKey: KeyObject; privateKey: KeyObject }) =>
  forge({ subject: 'CA', keys, extensions: [basicConstraints(true)] });
const leaf = root.issue({ commonName: 'leaf', kind: 'client' });
const tooDeep = forge({
  subject: 'Too Deep',
  signer: { name: commonNameOnly('Narrow'), key: createPrivateKey(narrow.key), chain: narrow.chain },
  extensions: [basicConstraints(true)],
});
const refused: ReadonlyArray<readonly [string, AuthorityInput, string, string]> = [
  ['no certificate', { key: root.key } as AuthorityInput, 'credential-missing', 'cert'],
  ['no key', { cert: root.cert } as AuthorityInput, 'credential-missing', 'key'],
  ['a path', { cert: 'certs/ca.pem', key: root.key }, 'pem-path', 'cert'],
  ['a key for a certificate', { cert: root.key, key: root.key }, 'pem-key-instead-of-certificate', 'cert'],
  ['a certificate for a key', { cert: root.cert, key: root.cert }, 'pem-certificate-instead-of-key', 'key'],
  ['the key of another', { cert: root.cert, key: upper.key }, 'key-of-another-certificate', 'key'],
  ['a locked key without its passphrase', { cert: root.cert, key: locked }, 'pem-encrypted-key', 'key'],
  ['a wrong passphrase', { cert: root.cert, key: locked, passphrase: 'x' }, 'wrong-passphrase', 'key'],
  [
    'a passphrase that is no text',
    { cert: root.cert, key: locked, passphrase: 1 as unknown as string },
    'option-not-a-string',
    'passphrase',
  ],
  ['a certificate that is no CA', leaf, 'not-a-ca', 'cert'],
  [
    'a CA whose key usage is not to issue',
    forge({ subject: 'CA', extensions: [basicConstraints(true), keyUsage('cRLSign')] }),
    'may-not-issue',
    'cert',
  ],
  ['a CA that has expired', createAuthority({ notBefore: new Date(0), days: 9 }), 'authority-expired', 'cert'],
  ['a CA beyond the path length above it', tooDeep, 'path-length-exceeded', 'cert'],
  ['a weak key', authority(generateKeyPairSync('rsa', { modulusLength: 1024 })), 'unsupported-key', 'key'],
  [
    'a curve that TLS has not',
    authority(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
    'unsupported-key',
    'key',
  ],
];
for (const [what, { cert, key, passphrase }, code, option] of refused as ReadonlyArray<
  readonly [string, AuthorityInput, string, string]
>) {
  loading(`refuses ${what}`, () => {
    assert.throws(
      () => loadAuthority({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) }),
      (error: unknown) => error instanceof UsageError && error.code === code && error.option === option,
    );
  });
}

loading('signs no list where its certificate does not allow it (RFC 5280 §4.2.1.3)', () => {
  const { cert, key } = forge({ subject: 'CA', extensions: [basicConstraints(true), keyUsage('keyCertSign')] });
  assert.throws(
    () => loadAuthority({ cert, key }).revocationList({ revoked: [] }),
    (error: UsageError) => error.code === 'may-not-revoke',
  );
});
loading.run();
