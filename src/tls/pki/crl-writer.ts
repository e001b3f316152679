/** Writes and signs a certificate revocation list (RFC 5280 §5.1). It decides nothing: what is asked for is written. */
import { Buffer } from 'node:buffer';
import { type KeyObject, sign } from 'node:crypto';
import { type Digest, signatureAlgorithm } from './certificate-writer.js';
import { bitString, contextConstructed, integer, sequence, time } from './der-writer.js';

export interface RevocationListFields {
  /** DER of a Name. */
  readonly issuer: Buffer;
  readonly thisUpdate: Date;
  /** `undefined`: the field is not written, which RFC 5280 §5.1.2.5 forbids. */
  readonly nextUpdate: Date | undefined;
  readonly revoked: readonly RevokedEntry[];
  /** DER of each extension. */
  readonly extensions: readonly Buffer[];
}

export interface RevokedEntry {
  /** Big-endian octets. */
  readonly serial: Uint8Array;
  readonly date: Date;
  /** DER of each extension of the entry. */
  readonly extensions: readonly Buffer[];
}

/**
 * Returns the DER of a list with these fields, signed by `signer`: an EC, RSA or Ed25519 private key. It is of version 2
 * if it has an extension anywhere, and otherwise of version 1 (RFC 5280 §5.1.2.1).
 *
 * @param weakDigest for EC and RSA; default: what suits the key. There is no MD5 with EC.
 */
export function writeRevocationList(fields: RevocationListFields, signer: KeyObject, weakDigest?: Digest): Buffer {
  const { algorithm, digest } = signatureAlgorithm(signer, weakDigest);
  const { thisUpdate, nextUpdate, revoked, extensions } = fields;
  const versioned = extensions.length > 0 || revoked.some((entry) => entry.extensions.length > 0);
  const toBeSigned = sequence(
    ...(versioned ? [integer(1)] : []),
    algorithm,
    fields.issuer,
    time(thisUpdate),
    ...(nextUpdate === undefined ? [] : [time(nextUpdate)]),
    // RFC 5280 §5.1.2.6: without an entry, the list of them MUST be absent.
    ...(revoked.length === 0 ? [] : [sequence(Buffer.concat(revoked.map(writeEntry)))]),
    ...(extensions.length === 0 ? [] : [contextConstructed(0, sequence(...extensions))]),
  );
  return sequence(toBeSigned, algorithm, bitString(sign(digest, toBeSigned, signer)));
}

function writeEntry({ serial, date, extensions }: RevokedEntry): Buffer {
  return sequence(integer(serial), time(date), ...(extensions.length === 0 ? [] : [sequence(...extensions)]));
}
