/** What object identifiers and bits of certificates are called by people. */
import type { Buffer } from 'node:buffer';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerReader, tags } from '../../der.js';
import { purposeOids, signatureOids } from '../../oids.js';

const signatureNames: Readonly<Record<string, string>> = {
  [signatureOids.ecdsaWithSha256]: 'ECDSA with SHA-256',
  [signatureOids.ecdsaWithSha384]: 'ECDSA with SHA-384',
  [signatureOids.ecdsaWithSha512]: 'ECDSA with SHA-512',
  [signatureOids.ecdsaWithSha1]: 'ECDSA with SHA-1',
  [signatureOids.sha256WithRsaEncryption]: 'RSA with SHA-256',
  [signatureOids.sha384WithRsaEncryption]: 'RSA with SHA-384',
  [signatureOids.sha512WithRsaEncryption]: 'RSA with SHA-512',
  [signatureOids.sha1WithRsaEncryption]: 'RSA with SHA-1',
  [signatureOids.md5WithRsaEncryption]: 'RSA with MD5',
  [signatureOids.rsassaPss]: 'RSA-PSS',
  [signatureOids.ed25519]: 'Ed25519',
  [signatureOids.ed448]: 'Ed448',
};

const purposeNames: Readonly<Record<string, string>> = {
  [purposeOids.any]: 'any purpose',
  [purposeOids.serverAuth]: 'TLS server (serverAuth)',
  [purposeOids.clientAuth]: 'TLS client (clientAuth)',
  '1.3.6.1.5.5.7.3.3': 'code signing',
  '1.3.6.1.5.5.7.3.4': 'e-mail',
  '1.3.6.1.5.5.7.3.8': 'time stamping',
  '1.3.6.1.5.5.7.3.9': 'OCSP signing',
};

/** Node's names of the curves that TLS uses, and those of NIST. */
const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

const curveBits: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

/** Returns the name of a signature algorithm; its identifier where it has none here. */
export function signatureName(oid: string): string {
  return signatureNames[oid] ?? oid;
}

/** Returns the name of a purpose (RFC 5280 §4.2.1.12); its identifier where it has none here. */
export function purposeName(oid: string): string {
  return purposeNames[oid] ?? oid;
}

/** What kind of key it is, and how long. */
export interface KeyDescription {
  /** `EC P-256`, `RSA`, `Ed25519`; the identifier of the algorithm for what Node cannot read. */
  readonly algorithm: string;
  /** `undefined` where that says nothing, or is not known. */
  readonly bits: number | undefined;
}

/** Describes a key, private or public. */
export function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyDescription {
  switch (asymmetricKeyType) {
    case 'ec': {
      const curve = asymmetricKeyDetails?.namedCurve ?? 'of its own parameters';
      return { algorithm: `EC ${curveNames[curve] ?? curve}`, bits: curveBits[curve] };
    }
    case 'rsa':
      return { algorithm: 'RSA', bits: asymmetricKeyDetails?.modulusLength };
    case 'rsa-pss':
      return { algorithm: 'RSA-PSS', bits: asymmetricKeyDetails?.modulusLength };
    case 'ed25519':
      return { algorithm: 'Ed25519', bits: 256 };
    case 'ed448':
      return { algorithm: 'Ed448', bits: 456 };
    default:
      return { algorithm: asymmetricKeyType?.toUpperCase() ?? 'unknown', bits: asymmetricKeyDetails?.modulusLength };
  }
}

/** Describes the key of a SubjectPublicKeyInfo. */
export function describePublicKey(info: Buffer): KeyDescription {
  try {
    return describeKey(createPublicKey({ key: info, format: 'der', type: 'spki' }));
  } catch {
    const algorithm = new DerReader(info).enter(tags.sequence).enter(tags.sequence).objectIdentifier();
    return { algorithm, bits: undefined };
  }
}
