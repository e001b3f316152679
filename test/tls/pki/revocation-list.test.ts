import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/errors.js';
import { createAuthority, type RevocationListOptions } from '../../../src/tls/pki/index.js';
import { suite } from '../../support/suite.js';

const issuing = suite('issuing revocation lists (RFC 5280 §5)');
const ca = createAuthority({ commonName: 'Test CA' });

issuing('gives the same list as PEM and as DER', () => {
  const { pem, der } = ca.revocationList({ revoked: [{ serialNumber: '0ABC' }] });
  const [, base64] = /^-----BEGIN X509 CRL-----\n([^-]*)-----END X509 CRL-----\n$/.exec(pem)!;
  assert.equal(Buffer.from(base64!, 'base64'), der);
  assert.ok(base64!.split('\n').every((line) => line.length <= 64));
});

issuing('refuses what cannot be written', () => {
  const bad: ReadonlyArray<[string, string, RevocationListOptions]> = [
    ['invalid-serial-number', 'revoked', { revoked: [{ serialNumber: '' }] }],
    ['invalid-serial-number', 'revoked', { revoked: [{ serialNumber: '4A:00' }] }],
    ['invalid-serial-number', 'revoked', { revoked: [{ serialNumber: 'f'.repeat(41) }] }],
    ['invalid-validity', 'revoked', { revoked: [{ serialNumber: '1', date: new Date(Number.NaN) }] }],
    ['invalid-revocation-reason', 'revoked', { revoked: [{ serialNumber: '1', reason: 'boredom' as 'superseded' }] }],
    ['invalid-revocation-reason', 'revoked', { revoked: [{ serialNumber: '1', reason: 'removeFromCRL' }] }],
    ['invalid-validity', 'nextUpdate', { revoked: [], days: -1 }],
    ['invalid-validity', 'nextUpdate', { revoked: [], nextUpdate: new Date('2000-01-01') }],
    ['invalid-validity', 'nextUpdate', { revoked: [], thisUpdate: new Date(Number.NaN) }],
    ['invalid-crl-number', 'number', { revoked: [], number: -1 }],
    ['invalid-crl-number', 'number', { revoked: [], number: 1.5 }],
    ['invalid-crl-number', 'number', { revoked: [], number: 2 ** 48 }],
  ];
  for (const [code, option, options] of bad) {
    assert.throws(
      () => ca.revocationList(options),
      (error: UsageError) => error instanceof UsageError && error.code === code && error.option === option,
      `${code} ${option}`,
    );
  }
});

issuing.run();
