/** Reads an X.509 certificate (RFC 5280 §4.1) from DER. It verifies nothing: that is the work of OpenSSL and the gate. */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { DerError, DerReader, tags } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { frozenList } from './frozen-list.js';
import { extensionOids } from './oids.js';
import { noAltNames, readAltNames, type SubjectAltNames } from './san.js';

/** The bits of a key usage, by position (RFC 5280 §4.2.1.3). */
const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsageNames)[number];

/** What a certificate says, by its own account. */
export interface Certificate {
  /** Version 1 has no extensions. */
  readonly version: 1 | 2 | 3;
  /** Upper-case hex as `crypto.X509Certificate` writes it; a negative one starts with `-`. */
  readonly serialNumber: string;
  /** In dotted decimal. */
  readonly signatureAlgorithm: string;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** DER of the issuer's Name, a view of the certificate. */
  readonly issuerDer: Buffer;
  /** DER of the subject's Name, a view of the certificate. */
  readonly subjectDer: Buffer;
  /** The first second of validity. */
  readonly validFrom: Date;
  /** The last second of validity. */
  readonly validTo: Date;
  /** DER of the SubjectPublicKeyInfo, a view of the certificate. */
  readonly publicKeyInfo: Buffer;
  /** SHA-256 of `publicKeyInfo`, in lower-case hex. */
  readonly publicKeySha256: string;
  /** `undefined` when the extension is missing, which means: no authority, except in version 1. */
  readonly basicConstraints: BasicConstraints | undefined;
  /** `undefined` when the extension is missing, which means: every usage. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Purposes in dotted decimal; `undefined` when the extension is missing, which means: every purpose. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly san: SubjectAltNames;
  /** In lower-case hex; `undefined` when the extension is missing. */
  readonly subjectKeyId: string | undefined;
  /** In lower-case hex; `undefined` when the extension is missing or names the issuer in another way. */
  readonly authorityKeyId: string | undefined;
}

export interface BasicConstraints {
  readonly ca: boolean;
  /** How many authorities may stand between this one and a leaf; `undefined` when there is no limit. */
  readonly pathLength: number | undefined;
}

/**
 * Parses a certificate.
 *
 * @param der exactly one certificate; the result keeps views of it, so it must not change afterwards.
 * @throws DerError if it is not a certificate in DER.
 */
export function parseCertificate(der: Buffer): Certificate {
  const outer = new DerReader(der);
  const certificate = outer.enter(tags.sequence);
  outer.finish();
  const fields = certificate.enter(tags.sequence);
  const outerAlgorithm = certificate.skip();
  certificate.bitString();
  certificate.finish();

  const version = readVersion(fields);
  const serialNumber = serialText(fields.integer());
  const algorithmAt = fields.offset;
  const innerAlgorithm = fields.skip();
  // RFC 5280 §4.1.1.2: both MUST be the same algorithm identifier.
  if (!innerAlgorithm.equals(outerAlgorithm)) throw new DerError('two signature algorithms', algorithmAt);
  const signatureAlgorithm = new DerReader(innerAlgorithm).enter(tags.sequence).objectIdentifier();
  const issuerAt = fields.offset;
  const issuer = readName(fields);
  const issuerDer = der.subarray(issuerAt, fields.offset);
  const validity = fields.enter(tags.sequence);
  const validFrom = validity.time();
  const validTo = validity.time();
  validity.finish();
  const subjectAt = fields.offset;
  const subject = readName(fields);
  const subjectDer = der.subarray(subjectAt, fields.offset);
  const publicKeyInfo = readPublicKeyInfo(fields);
  // RFC 5280 §4.1.2.8: unique identifiers are not used; versions 2 and 3 may have them.
  for (const tag of [0x81, 0x82]) if (version > 1 && fields.nextTag === tag) fields.content(tag);
  const extensions = version === 3 && fields.nextTag === 0xa3 ? readExtensions(fields) : noExtensions;
  fields.finish();
  return Object.freeze({
    version,
    serialNumber,
    signatureAlgorithm,
    issuer,
    subject,
    issuerDer,
    subjectDer,
    validFrom,
    validTo,
    publicKeyInfo,
    publicKeySha256: createHash('sha256').update(publicKeyInfo).digest('hex'),
    ...extensions,
  });
}

type Extensions = Pick<
  Certificate,
  'basicConstraints' | 'keyUsage' | 'extendedKeyUsage' | 'san' | 'subjectKeyId' | 'authorityKeyId'
>;

const noExtensions: Extensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  san: noAltNames,
  subjectKeyId: undefined,
  authorityKeyId: undefined,
};

function readVersion(fields: DerReader): 1 | 2 | 3 {
  if (fields.nextTag !== 0xa0) return 1;
  const at = fields.offset;
  const explicit = fields.enter(0xa0);
  const version = explicit.smallInteger();
  explicit.finish();
  if (version > 2) throw new DerError(`version ${version + 1}`, at);
  return (version + 1) as 1 | 2 | 3;
}

/** Returns the text of a serial number from the octets of its INTEGER. */
export function serialText(octets: Buffer): string {
  if (octets[0]! >= 0x80) {
    const width = BigInt(octets.length * 8);
    const magnitude = ((1n << width) - BigInt(`0x${octets.toString('hex')}`)).toString(16).toUpperCase();
    return `-${magnitude.length % 2 === 0 ? '' : '0'}${magnitude}`;
  }
  const start = octets.length > 1 && octets[0] === 0 ? 1 : 0;
  const hex = octets.toString('hex', start).toUpperCase();
  return hex === '00' ? '0' : hex;
}

function readPublicKeyInfo(fields: DerReader): Buffer {
  const whole = fields.skip();
  const info = new DerReader(whole).enter(tags.sequence);
  info.enter(tags.sequence).objectIdentifier();
  info.bitString();
  info.finish();
  return whole;
}

function readExtensions(fields: DerReader): Extensions {
  const explicit = fields.enter(0xa3);
  const list = explicit.enter(tags.sequence);
  explicit.finish();
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = { ...noExtensions };
  const seen = new Set<string>();
  while (!list.done) {
    const at = list.offset;
    const extension = list.enter(tags.sequence);
    const type = extension.objectIdentifier();
    // RFC 5280 §4.2: a certificate MUST NOT include more than one instance of an extension.
    if (seen.has(type)) throw new DerError(`extension ${type} twice`, at);
    seen.add(type);
    // Deliberately: an explicit FALSE, which DER forbids, is accepted; such certificates are in use.
    if (extension.nextTag === tags.boolean) extension.boolean();
    const value = extension.enter(tags.octetString);
    extension.finish();
    switch (type) {
      case extensionOids.basicConstraints:
        found.basicConstraints = readBasicConstraints(value);
        break;
      case extensionOids.keyUsage:
        found.keyUsage = readKeyUsage(value);
        break;
      case extensionOids.extendedKeyUsage:
        found.extendedKeyUsage = readPurposes(value);
        break;
      case extensionOids.subjectAltName:
        found.san = readAltNames(value);
        break;
      case extensionOids.subjectKeyIdentifier:
        found.subjectKeyId = value.content(tags.octetString).toString('hex');
        break;
      case extensionOids.authorityKeyIdentifier:
        found.authorityKeyId = readAuthorityKeyId(value);
        break;
      default:
        // Deliberately: an extension that is not known here may hold anything; OpenSSL refuses those that are critical.
        continue;
    }
    value.finish();
  }
  return found;
}

function readBasicConstraints(value: DerReader): BasicConstraints {
  const sequence = value.enter(tags.sequence);
  // Deliberately: an explicit FALSE is accepted here, too.
  const ca = sequence.nextTag === tags.boolean ? sequence.boolean() : false;
  const pathLength = sequence.done ? undefined : sequence.smallInteger();
  sequence.finish();
  return Object.freeze({ ca, pathLength });
}

function readKeyUsage(value: DerReader): readonly KeyUsage[] {
  const { octets } = value.bitString();
  return Object.freeze(keyUsageNames.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

function readPurposes(value: DerReader): readonly string[] {
  const sequence = value.enter(tags.sequence);
  const purposes: string[] = [];
  while (!sequence.done) purposes.push(sequence.objectIdentifier());
  return frozenList(purposes);
}

/** Returns the key identifier in an authority key identifier extension, in lower-case hex. */
export function readAuthorityKeyId(value: DerReader): string | undefined {
  const sequence = value.enter(tags.sequence);
  return sequence.nextTag === 0x80 ? sequence.content(0x80).toString('hex') : undefined;
}
