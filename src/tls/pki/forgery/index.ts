/**
 * Certificates as anyone asks for them, sense or nonsense, and what is needed to make one that is wrong in exactly one way:
 * for the conformance cases, which show them to peers that must refuse them. A door within the package only.
 */
import { Buffer } from 'node:buffer';
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { parseCertificate } from '../../certificate.js';
import { DerReader, tags } from '../../der.js';
import { extensionOids } from '../../oids.js';
import { type IssuedCertificate, randomSerial, withKey } from '../authority.js';
import { type Digest, keyIdentifier, writeCertificate } from '../certificate-writer.js';
import { generateKeyPair } from '../key-pair.js';

export { purposeOids } from '../../oids.js';
export type { IssuedCertificate } from '../authority.js';
export { contextConstructed, octetString, sequence } from '../der-writer.js';
export {
  authorityKeyIdentifier,
  basicConstraints,
  commonNameOnly,
  extendedKeyUsage,
  extension,
  generalName,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../extensions.js';
export { keyIdentifier };

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** What signs: the name and the key identifier that go into what it signs, and the chain that goes behind it. */
export interface Signer {
  /** DER of a Name. */
  readonly name: Buffer;
  readonly key: KeyObject;
  /** `undefined`: no authority key identifier is written. */
  readonly keyId: Buffer | undefined;
  readonly chain: readonly Buffer[];
}

export interface Forgery {
  /** DER of a Name. */
  readonly subject: Buffer;
  /** `undefined`: signs itself. */
  readonly signer?: Signer | undefined;
  /** DER of each extension, as it is. */
  readonly extensions: readonly Buffer[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Default: a fresh P-256 pair. */
  readonly keys?: Keys | undefined;
  /** Default: what suits the key of the signer. */
  readonly digest?: Digest | undefined;
}

/** Writes what is asked for. The certificate of the signer and its chain go behind it. */
export function forge({
  subject,
  signer,
  extensions,
  notBefore,
  notAfter,
  keys,
  digest,
}: Forgery): IssuedCertificate & {
  readonly keys: Keys;
} {
  const pair = keys ?? generateKeyPair();
  const fields = { serial: randomSerial(), subject, notBefore, notAfter, publicKey: pair.publicKey, extensions };
  const der = writeCertificate({ ...fields, issuer: signer?.name ?? subject }, signer?.key ?? pair.privateKey, digest);
  return { ...withKey([der, ...(signer?.chain ?? [])], pair.privateKey), keys: pair };
}

/** An RSA pair of any size, however weak. */
export function weakKeys(modulusLength: number): Keys {
  return generateKeyPairSync('rsa', { modulusLength });
}

/** The parts of a certificate that a forgery of it copies, as they stand in it. */
export interface CertificateParts {
  /** DER of a Name. */
  readonly subject: Buffer;
  /** DER of a Name. */
  readonly issuer: Buffer;
  /** DER of the extension; `undefined` when there is none. */
  readonly subjectAltName: Buffer | undefined;
  readonly subjectKeyId: Buffer | undefined;
  readonly authorityKeyId: Buffer | undefined;
  /** How many authorities may stand below; `undefined`: no limit, or no authority. */
  readonly pathLength: number | undefined;
  /** Where the serial number ends. */
  readonly serialEnd: number;
}

/** @throws DerError if it is no certificate */
export function certificateParts(der: Buffer): CertificateParts {
  const { basicConstraints, subjectKeyId, authorityKeyId } = parseCertificate(der);
  const fields = new DerReader(der).enter(tags.sequence).enter(tags.sequence);
  if (fields.nextTag === 0xa0) fields.skip();
  fields.integer();
  const serialEnd = fields.offset;
  fields.skip();
  const issuer = fields.skip();
  fields.skip();
  const subject = fields.skip();
  let subjectAltName: Buffer | undefined;
  while (!fields.done && subjectAltName === undefined) {
    if (fields.nextTag === 0xa3) subjectAltName = findExtension(fields.enter(0xa3), extensionOids.subjectAltName);
    else fields.skip();
  }
  const octets = (hex: string | undefined): Buffer | undefined =>
    hex === undefined ? undefined : Buffer.from(hex, 'hex');
  return {
    subject,
    issuer,
    subjectAltName,
    subjectKeyId: octets(subjectKeyId),
    authorityKeyId: octets(authorityKeyId),
    pathLength: basicConstraints?.pathLength,
    serialEnd,
  };
}

function findExtension(explicit: DerReader, type: string): Buffer | undefined {
  const list = explicit.enter(tags.sequence);
  while (!list.done) {
    const whole = list.skip();
    if (new DerReader(whole).enter(tags.sequence).objectIdentifier() === type) return whole;
  }
  return undefined;
}

/** DER of each certificate in a PEM file. */
export function certificatesOf(pem: string): Buffer[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)].map(
    ([one]) => new X509Certificate(one).raw,
  );
}

/**
 * What signs with this key: its certificate is the one in `certificates` that the key belongs to.
 *
 * @param isRoot whether it is trusted as it is: then neither it nor what is behind it is presented
 * @throws Error when none of them is
 */
export function signerOf(certificates: readonly Buffer[], keyPem: string, isRoot: boolean): Signer {
  const key = createPrivateKey(keyPem);
  const der = certificates.find((one) => new X509Certificate(one).checkPrivateKey(key));
  if (der === undefined) throw new Error('the key belongs to none of the certificates');
  const { subject, subjectKeyId } = certificateParts(der);
  return { name: subject, key, keyId: subjectKeyId, chain: isRoot ? [] : certificates };
}

/** Another chain behind the same key. */
export function presented(chain: readonly Buffer[], keyPem: string): IssuedCertificate {
  return withKey(chain, createPrivateKey(keyPem));
}

/**
 * Returns the PEM of a private key without its lock; as it is, where it has none or the passphrase does not fit.
 *
 * @param passphrase `undefined` when there is none
 */
export function unlocked(keyPem: string, passphrase: string | undefined): string {
  if (passphrase === undefined) return keyPem;
  try {
    return createPrivateKey({ key: keyPem, passphrase }).export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    return keyPem;
  }
}
