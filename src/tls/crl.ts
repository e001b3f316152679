/**
 * Reads a certificate revocation list (RFC 5280 §5) from DER, and verifies its signature. It fails closed: only a list
 * that is complete for its issuer is taken, because one that tells of a part would clear all that it does not tell of.
 */
import type { Buffer } from 'node:buffer';
import type { X509Certificate } from 'node:crypto';
import { parseCertificate, readAuthorityKeyId, serialText } from './certificate.js';
import { DerError, DerReader, tags } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { crlExtensionOids, extensionOids } from './oids.js';
import { type RevocationReason, revocationReasons } from './revocation-reason.js';
import { isSignedBy, readSignatureScheme, type SignatureScheme } from './signature.js';

/** What makes a well-formed list one that cannot be judged by, each with words that fit behind `crl: `. */
export const crlFaults = {
  'weak-signature': 'is signed with an algorithm that is not accepted: SHA-256 or better, with ECDSA, RSA or EdDSA',
  partial: 'is for a part of the certificates only (issuing distribution point); the complete list is wanted',
  delta: 'tells only what has changed (delta list); the complete list is wanted',
  indirect: 'tells of certificates of other issuers (indirect list); the list of each issuer is wanted',
  'unknown-critical-extension': 'has a critical extension that is not known here',
} as const;

export type CrlFaultCode = keyof typeof crlFaults;

/** Reports a list that is well-formed, but not one to judge by. */
export class CrlFault extends Error {
  readonly code: CrlFaultCode;

  constructor(code: CrlFaultCode) {
    super(crlFaults[code]);
    this.code = code;
  }

  override get name(): string {
    return 'CrlFault';
  }
}

/** One entry of a list. */
export interface RevocationEntry {
  /** As `Certificate.serialNumber`. */
  readonly serialNumber: string;
  /** Since when. */
  readonly date: Date;
  /** `undefined` when none is told. */
  readonly reason: RevocationReason | undefined;
}

/** What a revocation list says, by its own account. */
export interface RevocationList {
  readonly issuer: DistinguishedName;
  /** DER of the issuer's Name. */
  readonly issuerDer: Buffer;
  readonly thisUpdate: Date;
  /** Until when there will be another; `undefined` when it is not told. */
  readonly nextUpdate: Date | undefined;
  /** Rises from list to list; `undefined` when the list has none. */
  readonly number: bigint | undefined;
  /** In lower-case hex; `undefined` when the extension is missing or names the issuer in another way. */
  readonly authorityKeyId: string | undefined;
  readonly revoked: RevokedSerials;
  /** All of it. */
  readonly der: Buffer;
  /** What is signed, how, and the signature. */
  readonly signed: Buffer;
  readonly scheme: SignatureScheme;
  readonly signature: Buffer;
}

/**
 * The serial numbers of a list. Of each its place in the list is kept, and its entry is read again when it is asked for:
 * a list may have hundreds of thousands, of which few are ever met.
 */
export class RevokedSerials {
  readonly #der: Buffer;
  readonly #places = new Map<string, number>();

  /**
   * Reads all entries.
   *
   * @throws DerError, CrlFault
   */
  constructor(der: Buffer, entries: DerReader | undefined) {
    this.#der = der;
    while (entries !== undefined && !entries.done) {
      const place = entries.offset;
      this.#places.set(readEntry(entries).serialNumber, place);
    }
  }

  get size(): number {
    return this.#places.size;
  }

  /** All entries, in the order of the list. */
  *[Symbol.iterator](): Generator<RevocationEntry> {
    for (const place of this.#places.values()) yield readEntry(new DerReader(this.#der, place));
  }

  /** @param serialNumber as `Certificate.serialNumber` */
  find(serialNumber: string): RevocationEntry | undefined {
    const place = this.#places.get(serialNumber);
    return place === undefined ? undefined : readEntry(new DerReader(this.#der, place));
  }
}

/**
 * Parses a list. It verifies nothing.
 *
 * @param der exactly one list; the result keeps views of it, so it must not change afterwards.
 * @throws DerError if it is not a revocation list in DER.
 * @throws CrlFault if it is one that cannot be judged by.
 */
export function parseCrl(der: Buffer): RevocationList {
  const outer = new DerReader(der);
  const list = outer.enter(tags.sequence);
  outer.finish();
  const signed = list.skip();
  const outerAlgorithm = list.skip();
  const { octets: signature } = list.bitString();
  list.finish();

  // Places are those in the whole, so that entries can be read again.
  const fields = new DerReader(der, signed.byteOffset - der.byteOffset).enter(tags.sequence);
  const version = readVersion(fields);
  const algorithmAt = fields.offset;
  const innerAlgorithm = fields.skip();
  // RFC 5280 §5.1.1.2: both MUST be the same algorithm identifier.
  if (!innerAlgorithm.equals(outerAlgorithm)) throw new DerError('two signature algorithms', algorithmAt);
  const scheme = readSignatureScheme(innerAlgorithm);
  if (scheme === undefined) throw new CrlFault('weak-signature');
  const issuerAt = fields.offset;
  const issuer = readName(fields);
  const issuerDer = der.subarray(issuerAt, fields.offset);
  const thisUpdate = fields.time();
  const nextUpdate =
    fields.nextTag === tags.utcTime || fields.nextTag === tags.generalizedTime ? fields.time() : undefined;
  const revoked = new RevokedSerials(der, fields.nextTag === tags.sequence ? fields.enter(tags.sequence) : undefined);
  const extensions = version === 2 && fields.nextTag === 0xa0 ? readExtensions(fields) : noExtensions;
  fields.finish();
  return Object.freeze({
    issuer,
    issuerDer,
    thisUpdate,
    nextUpdate,
    ...extensions,
    revoked,
    der,
    signed,
    scheme,
    signature,
  });
}

/**
 * Whether the list is one of this issuer: of its name, signed by its key, which may be used for that. Whether the issuer
 * is to be trusted is not asked.
 */
export function verifyCrl(list: RevocationList, issuer: X509Certificate): boolean {
  const { subjectDer, keyUsage } = parseCertificate(issuer.raw);
  if (!subjectDer.equals(list.issuerDer)) return false;
  // RFC 5280 §6.3.3 (f): the key usage, if there is one, must be for lists.
  if (keyUsage !== undefined && !keyUsage.includes('cRLSign')) return false;
  return isSignedBy(list.scheme, list.signed, list.signature, issuer.publicKey);
}

function readVersion(fields: DerReader): 1 | 2 {
  if (fields.nextTag !== tags.integer) return 1;
  const at = fields.offset;
  const version = fields.smallInteger();
  // RFC 5280 §5.1.2.1: written only when it is version 2.
  if (version !== 1) throw new DerError(`version ${version + 1}`, at);
  return 2;
}

type ListExtensions = Pick<RevocationList, 'number' | 'authorityKeyId'>;

const noExtensions: ListExtensions = { number: undefined, authorityKeyId: undefined };

function readExtensions(fields: DerReader): ListExtensions {
  const explicit = fields.enter(0xa0);
  const found: { -readonly [Key in keyof ListExtensions]: ListExtensions[Key] } = { ...noExtensions };
  eachExtension(explicit.enter(tags.sequence), (type, critical, value) => {
    switch (type) {
      case crlExtensionOids.cRLNumber:
        found.number = readNumber(value);
        break;
      case extensionOids.authorityKeyIdentifier:
        found.authorityKeyId = readAuthorityKeyId(value);
        break;
      case crlExtensionOids.deltaCRLIndicator:
        throw new CrlFault('delta');
      case crlExtensionOids.issuingDistributionPoint:
        // Deliberately: also one that leaves nothing out but names a distribution point, since that would have to be
        // compared with each certificate (RFC 5280 §6.3.3 (b)).
        throw new CrlFault('partial');
      default:
        // RFC 5280 §5.2: a list with a critical extension that is not known MUST NOT be used.
        if (critical) throw new CrlFault('unknown-critical-extension');
        return;
    }
    value.finish();
  });
  explicit.finish();
  return found;
}

function readNumber(value: DerReader): bigint {
  const at = value.offset;
  const octets = value.integer();
  // RFC 5280 §5.2.3: not negative, at most 20 octets; one of zeros may stand before them, for the sign.
  if (octets[0]! >= 0x80 || octets.length > (octets[0] === 0 ? 21 : 20)) throw new DerError('CRL number', at);
  return BigInt(`0x${octets.toString('hex')}`);
}

function readEntry(entries: DerReader): RevocationEntry {
  const entry = entries.enter(tags.sequence);
  const serialNumber = serialText(entry.integer());
  const date = entry.time();
  const reason = entry.done ? undefined : readReason(entry);
  entry.finish();
  return { serialNumber, date, reason };
}

/** Reads the extensions of an entry, of which the reason is the only one in use. */
function readReason(entry: DerReader): RevocationReason | undefined {
  let reason: RevocationReason | undefined;
  eachExtension(entry.enter(tags.sequence), (type, critical, value) => {
    switch (type) {
      case crlExtensionOids.reasonCode: {
        const at = value.offset;
        const code = value.content(tags.enumerated);
        reason = code.length === 1 ? reasonNames.get(code[0]!) : undefined;
        if (reason === undefined) throw new DerError('unknown reason', at);
        // RFC 5280 §5.3.1: it may only appear in delta lists.
        if (reason === 'removeFromCRL') throw new CrlFault('delta');
        value.finish();
        return;
      }
      case crlExtensionOids.certificateIssuer:
        throw new CrlFault('indirect');
      default:
        // RFC 5280 §5.3: nor one with such an entry.
        if (critical) throw new CrlFault('unknown-critical-extension');
    }
  });
  return reason;
}

const reasonNames: ReadonlyMap<number, RevocationReason> = new Map(
  Object.entries(revocationReasons).map(([name, code]) => [code, name as RevocationReason]),
);

/** Reads a list of extensions, of which there is at least one, and none twice (RFC 5280 §4.2, §5.1.2.7). */
function eachExtension(list: DerReader, read: (type: string, critical: boolean, value: DerReader) => void): void {
  const seen: string[] = [];
  do {
    const at = list.offset;
    const extension = list.enter(tags.sequence);
    const type = extension.objectIdentifier();
    if (seen.includes(type)) throw new DerError(`extension ${type} twice`, at);
    seen.push(type);
    // Deliberately: an explicit FALSE is accepted, as in certificates.
    const critical = extension.nextTag === tags.boolean && extension.boolean();
    const value = extension.enter(tags.octetString);
    extension.finish();
    read(type, critical, value);
  } while (!list.done);
}
