import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/errors.js';
import { createAuthority, loadRevocationList, type RevokedCertificate } from '../../../src/tls/pki/index.js';
import { suite } from '../../support/suite.js';

const loading = suite('loading a revocation list (RFC 5280 §5)');
const ca = createAuthority({ commonName: 'CA' });
const revoked: readonly RevokedCertificate[] = [
  { serialNumber: '7A', date: new Date('2026-01-01T00:00:00Z'), reason: 'keyCompromise' },
  { serialNumber: 'A1B2', date: new Date('2026-02-01T00:00:00Z') },
  { serialNumber: '0', date: new Date('2026-03-01T00:00:00Z'), reason: 'certificateHold' },
];
const list = ca.revocationList({ revoked, number: 41, thisUpdate: new Date('2026-04-01T00:00:00Z') });

loading('gives back what was written, from PEM and from DER, also when it has expired', () => {
  for (const crl of [list.pem, Buffer.from(list.pem), list.der]) {
    const loaded = loadRevocationList(crl, ca);
    assert.equal(loaded.revoked, revoked);
    assert.is(loaded.number, 41n);
    assert.equal(loaded.thisUpdate, new Date('2026-04-01T00:00:00Z'));
  }
});

loading('goes into the next list as it is', () => {
  const { revoked: before } = loadRevocationList(list.pem, ca);
  const next = ca.revocationList({ revoked: [...before, { serialNumber: 'FF' }] });
  assert.equal(
    loadRevocationList(next.pem, ca).revoked.map(({ serialNumber }) => serialNumber),
    ['7A', 'A1B2', '0', 'FF'],
  );
});

const other = createAuthority({ commonName: 'Other' });
const impostor = createAuthority({ commonName: 'CA' });
const changed = Buffer.from(list.der);
// The serial number of the second entry.
changed[changed.indexOf(Buffer.from('00a1b2', 'hex')) + 2]! ^= 1;
for (const [what, crl, code] of [
  ['a list of another authority', other.revocationList({ revoked: [] }).pem, 'crl-of-another-ca'],
  ['one of another authority of the same name', impostor.revocationList({ revoked: [] }).pem, 'crl-of-another-ca'],
  ['one that was changed', changed, 'crl-of-another-ca'],
  ['two of them', list.pem + list.pem, 'crl-several'],
  ['a certificate', ca.cert, 'pem-certificate-instead-of-crl'],
  ['nothing', '', 'pem-empty'],
  ['what is no list', ca.der, 'crl-malformed'],
] as const) {
  loading(`refuses ${what}`, () => {
    assert.throws(
      () => loadRevocationList(crl, ca),
      (error: unknown) => error instanceof UsageError && error.code === code && error.option === 'crl',
    );
  });
}
loading.run();
