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

/** What a signature is made of; the last two are for certificates that must be refused. */
export type Digest = 'sha256' | 'sha384' | 'sha512' | 'sha1' | 'md5';

/**
 * Returns the DER of a certificate with these fields, signed by `signer`: an EC, RSA or Ed25519 private key.
 *
 * @param weakDigest for EC and RSA; default: what suits the key. There is no MD5 with EC.
 */
export function writeCertificate(fields: CertificateFields, signer: KeyObject, weakDigest?: Digest): Buffer {
  const { algorithm, digest } = signatureAlgorithm(signer, weakDigest);
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

/** Returns the AlgorithmIdentifier of what `signer` signs, and the digest for `crypto.sign`. */
export function signatureAlgorithm(
  signer: KeyObject,
  digest: Digest = digestFor(signer),
): { algorithm: Buffer; digest: string | null } {
  switch (signer.asymmetricKeyType) {
    case 'ec':
      if (digest === 'md5') throw new Error('there is no ECDSA with MD5');
      return { algorithm: sequence(objectIdentifier(ecdsaOids[digest])), digest };
    case 'rsa':
      // RFC 4055 §5: the parameters MUST be NULL.
      return { algorithm: sequence(objectIdentifier(rsaOids[digest]), nullValue()), digest };
    default:
      return { algorithm: sequence(objectIdentifier(signatureOids.ed25519)), digest: null };
  }
}

/** RFC 5480 §4: a digest as strong as the curve. */
function digestFor(signer: KeyObject): Digest {
  switch (signer.asymmetricKeyDetails?.namedCurve) {
    case 'secp384r1':
      return 'sha384';
    case 'secp521r1':
      return 'sha512';
    default:
      return 'sha256';
  }
}

const ecdsaOids = {
  sha256: signatureOids.ecdsaWithSha256,
  sha384: signatureOids.ecdsaWithSha384,
  sha512: signatureOids.ecdsaWithSha512,
  sha1: signatureOids.ecdsaWithSha1,
};
const rsaOids = {
  sha256: signatureOids.sha256WithRsaEncryption,
  sha384: signatureOids.sha384WithRsaEncryption,
  sha512: signatureOids.sha512WithRsaEncryption,
  sha1: signatureOids.sha1WithRsaEncryption,
  md5: signatureOids.md5WithRsaEncryption,
};
