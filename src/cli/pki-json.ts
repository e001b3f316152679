/**
 * What `mtls-ws pki show --json` prints: an array of what was found, with all its names and entries. `null` is what there
 * is not.
 */
import type { SubjectAltNames } from '../tls/index.js';
import { type Shown, signersOf } from './pki-shown.js';

/** Returns what `JSON.stringify` takes. */
export function toJson(all: readonly Shown[]): unknown {
  return all.map((one) => ({ file: one.file, place: one.place, ...jsonOf(one, all) }));
}

function jsonOf(one: Shown, all: readonly Shown[]): object {
  const { what } = one;
  switch (what.type) {
    case 'certificate': {
      const { says, key, signature, fingerprint } = what;
      return {
        type: what.type,
        subject: says.subject.text,
        issuer: says.issuer.text,
        serialNumber: says.serialNumber,
        validFrom: says.validFrom,
        validTo: says.validTo,
        san: sanJson(says.san),
        extendedKeyUsage: says.extendedKeyUsage ?? null,
        keyUsage: says.keyUsage ?? null,
        ca: says.basicConstraints?.ca ?? false,
        pathLength: says.basicConstraints?.pathLength ?? null,
        key,
        signature,
        fingerprint,
        publicKeySha256: says.publicKeySha256,
        issuedBy: signersOf({ ...one, what }, all).map(({ file, place }) => ({ file, place })),
      };
    }
    case 'revocation-list': {
      const { issuer, number, thisUpdate, nextUpdate, revoked } = what.says;
      return {
        type: what.type,
        issuer: issuer.text,
        number: number === undefined ? null : String(number),
        thisUpdate,
        nextUpdate: nextUpdate ?? null,
        signature: what.signature,
        issuedBy: signersOf({ ...one, what }, all).map(({ file, place }) => ({ file, place })),
        revoked: [...revoked].map(({ serialNumber, date, reason = null }) => ({ serialNumber, date, reason })),
      };
    }
    case 'request':
      return { ...what, subject: what.subject.text, san: sanJson(what.san) };
    case 'private-key':
    case 'public-key':
      return { ...what, key: what.key ?? null, publicKeySha256: what.publicKeySha256 ?? null };
    case 'other':
      return { ...what, fault: what.fault ?? null };
  }
}

function sanJson(san: SubjectAltNames): object {
  return { ...san, directoryName: san.directoryName.map(({ text }) => text) };
}
