/** What an authority has revoked so far, from the list that it issued last. */
import { X509Certificate } from 'node:crypto';
import { fault, type PemInput, parseList, readCrls } from '../credentials.js';
import { verifyCrl } from '../crl.js';
import type { Authority } from './authority.js';
import type { RevokedCertificate } from './revocation-list.js';

/** A revocation list of an authority: what goes into the next one. */
export interface LoadedRevocationList {
  readonly revoked: readonly RevokedCertificate[];
  readonly thisUpdate: Date;
  /** `undefined` when the list has none. */
  readonly number: bigint | undefined;
}

/**
 * Reads a list that an authority has issued, so that it can issue the next one.
 *
 * @param crl PEM, or bytes in DER, of one list. It may have expired. Of an entry its date and reason are kept.
 * @throws UsageError with `option` `crl`, if it is not one complete list, or if its signature is not of the authority.
 */
export function loadRevocationList(crl: PemInput, authority: Authority): LoadedRevocationList {
  const ders = readCrls(crl);
  if (ders.length > 1)
    throw fault('crl', 'crl-several', `it holds ${ders.length} lists; that of the CA alone is wanted`);
  const list = parseList(ders[0]!, 'the list');
  if (!verifyCrl(list, new X509Certificate(authority.der))) {
    throw fault('crl', 'crl-of-another-ca', `the list of ${list.issuer.text} is not signed by the key of this CA`);
  }
  const revoked = [...list.revoked].map(({ serialNumber, date, reason }) => ({
    serialNumber,
    date,
    ...(reason === undefined ? {} : { reason }),
  }));
  return { revoked, thisUpdate: list.thisUpdate, number: list.number };
}
