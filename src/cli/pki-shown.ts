/**
 * The things that `mtls-ws pki show` found in its files, and what one has to do with another.
 */
import { escapeText } from '../text.js';
import {
  type Inspected,
  type InspectedCertificate,
  type InspectedKey,
  type InspectedList,
  isIssuedBy,
  isListOf,
} from '../tls/pki/inspection/index.js';

/** One thing in a file. */
export interface Shown {
  readonly file: string;
  /** Its place in the file, from 1. */
  readonly place: number;
  /** How many there are in the file. */
  readonly count: number;
  readonly what: Inspected;
}

/** A thing of one type. */
export type Of<What extends Inspected> = Shown & { readonly what: What };

/** Returns where it was found. */
export function placeText({ file, place, count }: Shown): string {
  return count === 1 ? escapeText(file) : `${escapeText(file)} (${place} of ${count})`;
}

/** Whether it is a certificate. */
export function isCertificate(one: Shown): one is Of<InspectedCertificate> {
  return one.what.type === 'certificate';
}

/** Returns the certificates whose key signed a certificate or a list. */
export function signersOf(
  { what }: Of<InspectedCertificate | InspectedList>,
  all: readonly Shown[],
): Of<InspectedCertificate>[] {
  return all
    .filter(isCertificate)
    .filter((other) => (what.type === 'certificate' ? isIssuedBy(what, other.what) : isListOf(what, other.what)));
}

/** Returns the certificates that a key belongs to. */
export function ownersOf({ what }: Of<InspectedKey>, all: readonly Shown[]): Of<InspectedCertificate>[] {
  return all.filter(isCertificate).filter((one) => one.what.says.publicKeySha256 === what.publicKeySha256);
}
