/** Writes and signs an X.509 certificate (RFC 5280 §4.1). It decides nothing: what is asked for is written. */
import type { Buffer } from 'node:buffer';
import { createHash, type KeyObject, sign } from 'node:crypto';
import { signatureOids } from '../oids.js';
import { bitString, contextConstructed, integer, nullValue, objectIdentifier, sequence, time } from './der-writer.js';

export interface CertificateFields {
  /** Big-endian octets. */
  readonly serial: Uint8Array;
  /** DER of a Name. */
  readonly issuer: Buffer;
  /** DER of a Name. */
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  /** DER of each extension. None at all makes a version 1 certificate, otherwise it is version 3. */
  readonly extensions: readonly Buffer[];
}

/** Returns the DER of a certificate with these fields, signed by `signer`: a P-256, RSA or Ed25519 private key. */
export function writeCertificate(fields: CertificateFields, signer: KeyObject): Buffer {
  const { algorithm, digest } = signatureAlgorithm(signer);
  const versioned = fields.extensions.length > 0;
  const toBeSigned = sequence(
    ...(versioned ? [contextConstructed(0, integer(2))] : []),
    integer(fields.serial),
    algorithm,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    publicKeyInfo(fields.publicKey),
    ...(versioned ? [contextConstructed(3, sequence(...fields.extensions))] : []),
  );
  return sequence(toBeSigned, algorithm, bitString(sign(digest, toBeSigned, signer)));
}

/** Returns the key identifier of a public key: 160 bits of the SHA-256 of its SubjectPublicKeyInfo (RFC 7093 §2). */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyInfo(publicKey)).digest().subarray(0, 20);
}

function publicKeyInfo(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

function signatureAlgorithm(signer: KeyObject): { algorithm: Buffer; digest: string | null } {
  switch (signer.asymmetricKeyType) {
    case 'ec':
      return { algorithm: sequence(objectIdentifier(signatureOids.ecdsaWithSha256)), digest: 'sha256' };
    case 'rsa':
      // RFC 4055 §5: the parameters MUST be NULL.
      return {
        algorithm: sequence(objectIdentifier(signatureOids.sha256WithRsaEncryption), nullValue()),
        digest: 'sha256',
      };
    default:
      return { algorithm: sequence(objectIdentifier(signatureOids.ed25519)), digest: null };
  }
}
