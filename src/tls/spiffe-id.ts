/**
 * SPIFFE IDs: `spiffe://trust-domain/path`, as the SPIFFE-ID and X509-SVID standards define them. Fails closed: what is
 * not exactly one well-formed ID is none.
 */
import type { Certificate } from './certificate.js';

/** A SPIFFE ID in its parts. */
export interface SpiffeId {
  /** The whole ID: `spiffe://example.org/device/7`. */
  readonly id: string;
  /** `example.org` */
  readonly trustDomain: string;
  /** `/device/7`; the empty string when the ID names the trust domain itself. */
  readonly path: string;
}

/** SPIFFE-ID §2.3: an ID may be up to 2,048 bytes, its trust domain up to 255. */
const maxIdLength = 2048;
const form = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*)$/;

/**
 * Parses a SPIFFE ID. Returns `undefined` for anything else: another scheme or its letters in upper case, a trust domain
 * with a character outside `a-z 0-9 . - _` (so no port, no user), a path with an empty, `.` or `..` segment or a
 * character outside `A-Z a-z 0-9 . - _` (so no query, fragment or percent-encoding), more than 2,048 characters.
 */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > maxIdLength) return undefined;
  const match = form.exec(text);
  return match === null ? undefined : Object.freeze({ id: text, trustDomain: match[1]!, path: match[2]! });
}

/**
 * Returns the SPIFFE ID of a leaf. `undefined` when there is not exactly one URI among its names, when that is no SPIFFE
 * ID or names only a trust domain, or when the certificate could sign others (X509-SVID §2, §5.2).
 */
export function spiffeIdOf(certificate: Certificate): SpiffeId | undefined {
  const { san, basicConstraints, keyUsage } = certificate;
  const uri = san.uri[0];
  if (uri === undefined || san.uri.length > 1 || san.unusable.some((name) => name.kind === 'uri')) return undefined;
  if (basicConstraints?.ca || keyUsage?.includes('keyCertSign') || keyUsage?.includes('cRLSign')) return undefined;
  const id = parseSpiffeId(uri);
  return id?.path === '' ? undefined : id;
}
