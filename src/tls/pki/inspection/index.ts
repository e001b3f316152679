/**
 * What is in a file of a PKI: certificates, keys, requests and lists, by their own account. It trusts nothing, and hands
 * out no private key. A door within the package only.
 */
import { Buffer } from 'node:buffer';
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { escapeText } from '../../../text.js';
import { type Certificate, parseCertificate } from '../../certificate.js';
import { CrlFault, parseCrl, type RevocationList, verifyCrl } from '../../crl.js';
import { DerError, DerReader, tags } from '../../der.js';
import { type DistinguishedName, readName } from '../../distinguished-name.js';
import { extensionOids } from '../../oids.js';
import { type PemBlock, readPem } from '../../pem.js';
import { noAltNames, readAltNames, type SubjectAltNames } from '../../san.js';
import { describeKey, describePublicKey, type KeyDescription, signatureName } from './names.js';

export { type KeyDescription, purposeName, signatureName } from './names.js';

export interface InspectedCertificate {
  readonly type: 'certificate';
  readonly says: Certificate;
  readonly key: KeyDescription;
  readonly signature: string;
  /** SHA-256 of the certificate, upper-case hex in pairs with colons. */
  readonly fingerprint: string;
  /** `undefined` when OpenSSL cannot read it: then it is of no use, but what it says can be shown. */
  readonly x509: X509Certificate | undefined;
}

export interface InspectedKey {
  readonly type: 'private-key' | 'public-key';
  /** `undefined` when the key is locked. */
  readonly key: KeyDescription | undefined;
  /** Whether it needs a passphrase. */
  readonly isLocked: boolean;
  /** SHA-256 of its SubjectPublicKeyInfo, in lower-case hex; `undefined` when the key is locked. */
  readonly publicKeySha256: string | undefined;
}

export interface InspectedRequest {
  readonly type: 'request';
  readonly subject: DistinguishedName;
  /** The names that are asked for. */
  readonly san: SubjectAltNames;
  readonly key: KeyDescription;
  readonly signature: string;
  readonly publicKeySha256: string;
}

/** What is known by its name only, or cannot be read. */
export interface InspectedOther {
  readonly type: 'other';
  /** What it is, escaped. */
  readonly label: string;
  /** Why it cannot be read, escaped; `undefined` when nobody tried. */
  readonly fault: string | undefined;
}

export interface InspectedList {
  readonly type: 'revocation-list';
  readonly says: RevocationList;
  readonly signature: string;
}

export type Inspected = InspectedCertificate | InspectedList | InspectedKey | InspectedRequest | InspectedOther;

/**
 * Returns what is in a file, PEM or DER, in its order; at least one.
 *
 * @param passphrase for the private keys that are locked; one that does not fit leaves them locked
 * @throws PemFault if it is neither
 */
export function inspect(content: Buffer, passphrase?: string): Inspected[] {
  if (isDer(content)) return [inspectDer(content, passphrase)];
  const lines = content.toString('utf8').split(lineBreak);
  // What reads a key begins at its block: one in the traditional form tells in its headers how it is locked.
  return readPem(content).map((block) => inspectBlock(block, lines.slice(block.line - 1).join('\n'), passphrase));
}

const lineBreak = /\r\n|\n|\r/;

/** One whole SEQUENCE, and nothing behind it. */
function isDer(content: Buffer): boolean {
  try {
    const reader = new DerReader(content);
    reader.enter(tags.sequence);
    return reader.done;
  } catch {
    return false;
  }
}

function inspectBlock({ label, der, encrypted }: PemBlock, pem: string, passphrase: string | undefined): Inspected {
  switch (label) {
    case 'CERTIFICATE':
    case 'X509 CERTIFICATE':
      return attempt('certificate', () => inspectCertificate(der));
    case 'X509 CRL':
    case 'CRL':
      return attempt('revocation list (CRL)', () => inspectList(der));
    case 'CERTIFICATE REQUEST':
    case 'NEW CERTIFICATE REQUEST':
      return attempt('signing request (CSR)', () => inspectRequest(der));
    case 'PUBLIC KEY':
      return attempt('public key', () => inspectPublicKey(createPublicKey({ key: der, format: 'der', type: 'spki' })));
    case 'PRIVATE KEY':
    case 'ENCRYPTED PRIVATE KEY':
    case 'EC PRIVATE KEY':
    case 'RSA PRIVATE KEY':
      return attempt('private key', () => inspectPrivateKey(pem, encrypted, passphrase));
    default:
      return { type: 'other', label: escapeText(label), fault: undefined };
  }
}

/** What DER is, only its structure tells. */
function inspectDer(der: Buffer, passphrase: string | undefined): Inspected {
  const readers = [
    () => inspectCertificate(der),
    () => inspectList(der),
    () => inspectRequest(der),
    () => inspectPublicKey(createPublicKey({ key: der, format: 'der', type: 'spki' })),
    ...(['pkcs8', 'sec1', 'pkcs1'] as const).map(
      (type) => () =>
        privateKey(
          createPrivateKey({ key: der, format: 'der', type, passphrase: passphrase ?? '' }),
          isEncryptedKey(der),
        ),
    ),
  ];
  for (const read of readers) {
    try {
      return read();
    } catch {
      // The next may fit.
    }
  }
  const content = new DerReader(der).enter(tags.sequence);
  // RFC 7292 §4: a PFX begins with version 3; RFC 5958 §3: an encrypted key with the algorithm.
  const isPkcs12 = content.nextTag === tags.integer && content.integer().equals(Buffer.from([3]));
  if (isPkcs12) return { type: 'other', label: 'PKCS#12', fault: undefined };
  if (isEncryptedKey(der)) return { type: 'private-key', key: undefined, isLocked: true, publicKeySha256: undefined };
  return { type: 'other', label: 'DER', fault: 'is none of certificate, revocation list, request and key' };
}

function isEncryptedKey(der: Buffer): boolean {
  try {
    const content = new DerReader(der).enter(tags.sequence);
    content.enter(tags.sequence).objectIdentifier();
    content.content(tags.octetString);
    return content.done;
  } catch {
    return false;
  }
}

function attempt(label: string, read: () => Inspected): Inspected {
  try {
    return read();
  } catch (error) {
    return { type: 'other', label, fault: escapeText(faultText(error)) };
  }
}

function faultText(error: unknown): string {
  if (error instanceof CrlFault) return error.message;
  return `cannot be read (${error instanceof DerError ? error.message : 'malformed, or of a kind that Node.js does not know'})`;
}

function inspectCertificate(der: Buffer): InspectedCertificate {
  const says = parseCertificate(der);
  return {
    type: 'certificate',
    says,
    key: describePublicKey(says.publicKeyInfo),
    signature: signatureName(says.signatureAlgorithm),
    fingerprint: sha256(der)
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
    x509: opensslCertificate(der),
  };
}

function opensslCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function inspectPublicKey(key: KeyObject): InspectedKey {
  return { type: 'public-key', key: describeKey(key), isLocked: false, publicKeySha256: pinOf(key) };
}

function inspectPrivateKey(pem: string, isLocked: boolean, passphrase: string | undefined): InspectedKey {
  if (!isLocked) return privateKey(createPrivateKey(pem), false);
  try {
    if (passphrase !== undefined) return privateKey(createPrivateKey({ key: pem, passphrase }), true);
  } catch {
    // It stays locked.
  }
  return { type: 'private-key', key: undefined, isLocked, publicKeySha256: undefined };
}

function privateKey(key: KeyObject, isLocked: boolean): InspectedKey {
  return { type: 'private-key', key: describeKey(key), isLocked, publicKeySha256: pinOf(createPublicKey(key)) };
}

function pinOf(publicKey: KeyObject): string {
  return sha256(publicKey.export({ type: 'spki', format: 'der' }));
}

function sha256(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}

function inspectList(der: Buffer): InspectedList {
  const list = new DerReader(der).enter(tags.sequence);
  list.skip();
  const algorithm = list.enter(tags.sequence).objectIdentifier();
  return { type: 'revocation-list', says: parseCrl(der), signature: signatureName(algorithm) };
}

/** RFC 2986 §4. */
function inspectRequest(der: Buffer): InspectedRequest {
  const outer = new DerReader(der);
  const request = outer.enter(tags.sequence);
  outer.finish();
  const info = request.enter(tags.sequence);
  const signatureAlgorithm = request.enter(tags.sequence).objectIdentifier();
  request.bitString();
  request.finish();
  info.smallInteger();
  const subject = readName(info);
  const publicKeyInfo = info.skip();
  const key = describePublicKey(publicKeyInfo);
  const san = info.nextTag === 0xa0 ? requestedNames(info.enter(0xa0)) : noAltNames;
  info.finish();
  return {
    type: 'request',
    subject,
    san,
    key,
    signature: signatureName(signatureAlgorithm),
    publicKeySha256: sha256(publicKeyInfo),
  };
}

/** The attribute of a request that holds the extensions which are asked for (RFC 2985 §5.4.2). */
const extensionRequest = '1.2.840.113549.1.9.14';

function requestedNames(attributes: DerReader): SubjectAltNames {
  while (!attributes.done) {
    const attribute = attributes.enter(tags.sequence);
    if (attribute.objectIdentifier() !== extensionRequest) continue;
    const extensions = attribute.enter(tags.set).enter(tags.sequence);
    while (!extensions.done) {
      const extension = extensions.enter(tags.sequence);
      const type = extension.objectIdentifier();
      if (extension.nextTag === tags.boolean) extension.boolean();
      if (type === extensionOids.subjectAltName) return readAltNames(extension.enter(tags.octetString));
    }
  }
  return noAltNames;
}

/** Whether a certificate was signed by the key of another, whose name it tells. */
export function isIssuedBy(one: InspectedCertificate, issuer: InspectedCertificate): boolean {
  if (one.x509 === undefined || issuer.x509 === undefined) return false;
  try {
    return one.x509.checkIssued(issuer.x509) && one.x509.verify(issuer.x509.publicKey);
  } catch {
    // A key that OpenSSL cannot use signed nothing.
    return false;
  }
}

/** Whether a list was signed by the key of a certificate, whose name it tells. */
export function isListOf(list: InspectedList, issuer: InspectedCertificate): boolean {
  return issuer.x509 !== undefined && verifyCrl(list.says, issuer.x509);
}
