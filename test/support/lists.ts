/** Revocation lists for tests, good ones and any other. */
import type { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { parseCertificate } from '../../src/tls/certificate.js';
import { keyIdentifier } from '../../src/tls/pki/certificate-writer.js';
import { type RevocationListFields, writeRevocationList } from '../../src/tls/pki/crl-writer.js';
import { authorityKeyIdentifier, cRLNumber } from '../../src/tls/pki/extensions.js';
import type { Authority, IssuedCertificate, RevocationListOptions } from '../../src/tls/pki/index.js';

export const dayInMs = 86_400_000;

/** So many days from now; negative ones are past. */
export function inDays(days: number): Date {
  return new Date(Date.now() + days * dayInMs);
}

export function serialOf(issued: IssuedCertificate): string {
  return parseCertificate(issued.der).serialNumber;
}

/** PEM of a current list of `authority` that names these certificates. */
export function listOf(
  authority: Authority,
  revoked: readonly IssuedCertificate[] = [],
  options: Partial<RevocationListOptions> = {},
): string {
  const entries = revoked.map((issued) => ({ serialNumber: serialOf(issued), reason: 'keyCompromise' as const }));
  return authority.revocationList({ revoked: entries, ...options }).pem;
}

/** DER of a list of `issuer`, whatever is asked for; by default empty, and current. */
export function forgeList(
  issuer: IssuedCertificate,
  fields: Partial<RevocationListFields> = {},
  signer: KeyObject = createPrivateKey(issuer.key),
  digest?: 'sha1' | 'md5',
): Buffer {
  return writeRevocationList(
    {
      issuer: parseCertificate(issuer.der).subjectDer,
      thisUpdate: inDays(-1),
      nextUpdate: inDays(1),
      revoked: [],
      extensions: [authorityKeyIdentifier(keyIdentifier(createPublicKey(createPrivateKey(issuer.key)))), cRLNumber(7)],
      ...fields,
    },
    signer,
    digest,
  );
}
