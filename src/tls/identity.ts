/** Who is at the other end, as its certificate says. Parsed once per connection, from DER, never from joined strings. */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Certificate, parseCertificate } from './certificate.js';
import { DerError } from './der.js';
import { commonNameOf, type DistinguishedName } from './distinguished-name.js';
import { describeAltNames, type SubjectAltNames } from './san.js';
import { type SpiffeId, spiffeIdOf } from './spiffe-id.js';

/** What is kept of each certificate of a chain. */
export interface CertificateSummary {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Upper-case hex. */
  readonly serialNumber: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** SHA-256 of the DER, as `crypto.X509Certificate` writes it: upper-case hex with colons. */
  readonly fingerprint256: string;
}

/**
 * The identity in a certificate chain. It is worth as much as the verification of that chain: one that did not pass the
 * gate proves nothing.
 */
export interface PeerIdentity extends CertificateSummary {
  /** The common name of the subject, exactly as it is written; `undefined` unless there is exactly one. */
  readonly subjectCommonName: string | undefined;
  readonly san: SubjectAltNames;
  /** `undefined` when there is none, or not exactly one. */
  readonly spiffeId: SpiffeId | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo, in lower-case hex: stays the same when a certificate is renewed for its key. */
  readonly publicKeySha256: string;
  /** Purposes in dotted decimal; `undefined` when the certificate has no such extension. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** The chain, leaf first. */
  readonly chain: readonly CertificateSummary[];
  /** DER of the leaf. */
  readonly der: Buffer;
}

/** What is in the leaf of a chain. */
export type LeafIdentity = Omit<PeerIdentity, 'chain'>;

/**
 * Returns the identity in a chain.
 *
 * @param chain DER of each certificate, leaf first; the identity keeps the leaf's.
 * @throws DerError if the chain is empty or one of them is not a certificate in DER.
 */
export function identityFromChain(chain: readonly Buffer[]): PeerIdentity {
  const certificates = chain.map(parseCertificate);
  const summaries = Object.freeze(certificates.map((certificate, index) => summaryOf(certificate, chain[index]!)));
  const [leaf] = certificates;
  const [summary] = summaries;
  const [der] = chain;
  if (leaf === undefined || summary === undefined || der === undefined) throw new DerError('empty chain', 0);
  return Object.freeze({
    ...summary,
    subjectCommonName: commonNameOf(leaf.subject),
    san: leaf.san,
    spiffeId: spiffeIdOf(leaf),
    publicKeySha256: leaf.publicKeySha256,
    extendedKeyUsage: leaf.extendedKeyUsage,
    chain: summaries,
    der,
  });
}

/**
 * Returns one line for a log, escaped and of at most about 1,000 characters:
 * `subject CN=device-7, issuer CN=Test CA, valid 2026-01-01..2026-02-01, SAN URI:spiffe://example.org/device/7`.
 */
export function describeIdentity(identity: LeafIdentity): string {
  const names = describeAltNames(identity.san);
  return [
    `subject ${shortName(identity.subject)}`,
    `issuer ${shortName(identity.issuer)}`,
    `valid ${day(identity.validFrom)}..${day(identity.validTo)}`,
    names === '' ? 'no SAN' : `SAN ${names}`,
  ].join(', ');
}

function shortName(name: DistinguishedName): string {
  if (name.text === '') return '(empty)';
  return name.text.length <= 128 ? name.text : `${name.text.slice(0, 128)}…`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function summaryOf(certificate: Certificate, der: Buffer): CertificateSummary {
  const { subject, issuer, serialNumber, validFrom, validTo } = certificate;
  const digest = createHash('sha256').update(der).digest('hex').toUpperCase();
  return Object.freeze({
    subject,
    issuer,
    serialNumber,
    validFrom,
    validTo,
    fingerprint256: digest.replace(/..(?=.)/g, '$&:'),
  });
}
