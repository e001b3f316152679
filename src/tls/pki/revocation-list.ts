/** What an authority publishes of the certificates it has revoked (RFC 5280 §5). */
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { UsageError } from '../../errors.js';
import { escapeText } from '../../text.js';
import { writePem } from '../pem.js';
import { type RevocationReason, revocationReasons } from '../revocation-reason.js';
import { writeRevocationList } from './crl-writer.js';
import { authorityKeyIdentifier, cRLNumber, reasonCode } from './extensions.js';

/** A certificate that its authority has revoked. */
export interface RevokedCertificate {
  /** In hex, as `parseCertificate` and `crypto.X509Certificate` give it. */
  readonly serialNumber: string;
  /** Since when; default: `thisUpdate` of the list. */
  readonly date?: Date;
  /** Default: none is told. */
  readonly reason?: RevocationReason;
}

export interface RevocationListOptions {
  /** All that are revoked and have not expired yet: a list replaces the one before. */
  readonly revoked: readonly RevokedCertificate[];
  /** When the list is issued; default: five minutes ago, against clocks that differ. */
  readonly thisUpdate?: Date;
  /** Until when there will be another; after it, this list says nothing. Default: `days` after `thisUpdate`. */
  readonly nextUpdate?: Date;
  /** Days until `nextUpdate`, when that is not given. Default 30, as `openssl ca -gencrl` is set up to use. */
  readonly days?: number;
  /**
   * The number of the list, which must rise from each to the next (RFC 5280 §5.2.3), up to 2^48 − 1. Default: the
   * milliseconds since 1970, and more than that of the list before if this authority has issued one.
   */
  readonly number?: number;
}

/** A revocation list. */
export interface IssuedRevocationList {
  /** PEM, for `crl` of both ends and of `node:tls`. */
  readonly pem: string;
  readonly der: Buffer;
}

const dayInMs = 86_400_000;
const skewInMs = 5 * 60_000;
const listDays = 30;
const maxNumber = 2 ** 48 - 1;

/**
 * Issues a list in the name of an authority.
 *
 * @param lastNumber the number of the list before; -1 when there is none
 * @throws UsageError if a serial number, a time or the number cannot be written.
 */
export function issueRevocationList(
  options: RevocationListOptions,
  issuer: { readonly name: Buffer; readonly privateKey: KeyObject; readonly keyId: Buffer },
  lastNumber: number,
): IssuedRevocationList & { readonly number: number } {
  const thisUpdate = options.thisUpdate ?? new Date(Date.now() - skewInMs);
  const nextUpdate = options.nextUpdate ?? new Date(thisUpdate.getTime() + (options.days ?? listDays) * dayInMs);
  if (!(isWritable(thisUpdate) && isWritable(nextUpdate) && thisUpdate <= nextUpdate)) {
    throw invalid(
      'invalid-validity',
      'the validity of a revocation list must run forward, in years 0 to 9999',
      'nextUpdate',
    );
  }
  const number = options.number ?? Math.max(Date.now(), lastNumber + 1);
  if (!Number.isInteger(number) || number < 0 || number > maxNumber) {
    throw invalid(
      'invalid-crl-number',
      `the number of a revocation list must be an integer from 0 to ${maxNumber}`,
      'number',
    );
  }
  const der = writeRevocationList(
    {
      issuer: issuer.name,
      thisUpdate,
      nextUpdate,
      revoked: options.revoked.map(({ serialNumber, date = thisUpdate, reason = 'unspecified' }) => {
        if (!isWritable(date)) {
          throw invalid('invalid-validity', 'the date of a revocation must be in years 0 to 9999', 'revoked');
        }
        return {
          serial: serialOctets(serialNumber),
          date,
          extensions: reasonExtensions(reason),
        };
      }),
      extensions: [authorityKeyIdentifier(issuer.keyId), cRLNumber(number)],
    },
    issuer.privateKey,
  );
  return { pem: writePem('X509 CRL', der), der, number };
}

function isWritable(date: Date): boolean {
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999;
}

function serialOctets(serialNumber: string): Buffer {
  // RFC 5280 §4.1.2.2: at most 20 octets.
  if (!/^[0-9a-f]{1,40}$/i.test(serialNumber)) {
    throw invalid('invalid-serial-number', `"${escapeText(serialNumber)}" is not a serial number in hex`, 'revoked');
  }
  return Buffer.from(serialNumber.padStart(serialNumber.length + (serialNumber.length % 2), '0'), 'hex');
}

function reasonExtensions(reason: RevocationReason): Buffer[] {
  const code = Object.hasOwn(revocationReasons, reason) ? revocationReasons[reason] : undefined;
  // RFC 5280 §5.3.1: removeFromCRL is for delta lists only.
  if (code === undefined || reason === 'removeFromCRL') {
    throw invalid('invalid-revocation-reason', `"${escapeText(reason)}" is not a reason for a revocation`, 'revoked');
  }
  // RFC 5280 §5.3.1: the extension SHOULD be absent instead of saying `unspecified`.
  return code === revocationReasons.unspecified ? [] : [reasonCode(code)];
}

function invalid(code: string, message: string, option: string): UsageError {
  return new UsageError(code, `${message} (RFC 5280 §5.1)`, { option });
}
