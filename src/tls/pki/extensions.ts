/** Writes the extensions that a certificate for TLS and a revocation list carry (RFC 5280 §4.2.1, §5.2), and the names in them. */
import { Buffer } from 'node:buffer';
import { parseIPv4, parseIPv6 } from '../../text.js';
import { attributeOids, crlExtensionOids, extensionOids } from '../oids.js';
import {
  boolean,
  contextPrimitive,
  element,
  integer,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  utf8String,
} from './der-writer.js';

/** One attribute of a relative distinguished name: its type in dotted decimal, and its value as text or as DER. */
export type Attribute = readonly [type: string, value: string | Buffer];

/** A Name from its relative distinguished names, each of one or more attributes (RFC 5280 §4.1.2.4). */
export function distinguishedName(...rdns: ReadonlyArray<readonly Attribute[]>): Buffer {
  return sequence(
    ...rdns.map((attributes) =>
      setOf(
        ...attributes.map(([type, value]) =>
          sequence(objectIdentifier(type), typeof value === 'string' ? utf8String(value) : value),
        ),
      ),
    ),
  );
}

/** A Name of one common name; the empty Name for the empty string. */
export function commonNameOnly(commonName: string): Buffer {
  return commonName === '' ? sequence() : distinguishedName([[attributeOids.commonName, commonName]]);
}

export function extension(type: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(type), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** Critical, as RFC 5280 §4.2.1.9 asks of an authority; `pathLength` is written only for an authority. */
export function basicConstraints(ca: boolean, pathLength?: number): Buffer {
  const parts = ca ? [boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)])] : [];
  return extension(extensionOids.basicConstraints, true, sequence(...parts));
}

/** The bits of a key usage that are in use here (RFC 5280 §4.2.1.3). */
export const keyUsageBits = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

export function keyUsage(...bits: ReadonlyArray<keyof typeof keyUsageBits>): Buffer {
  return extension(extensionOids.keyUsage, true, namedBits(bits.map((bit) => keyUsageBits[bit])));
}

export function extendedKeyUsage(...purposes: readonly string[]): Buffer {
  return extension(extensionOids.extendedKeyUsage, false, sequence(...purposes.map(objectIdentifier)));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(extensionOids.subjectKeyIdentifier, false, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(extensionOids.authorityKeyIdentifier, false, sequence(contextPrimitive(0, keyId)));
}

/** The number of a revocation list (RFC 5280 §5.2.3). */
export function cRLNumber(number: number): Buffer {
  return extension(crlExtensionOids.cRLNumber, false, integer(number));
}

/** Why an entry of a revocation list is there (RFC 5280 §5.3.1): an ENUMERATED. */
export function reasonCode(code: number): Buffer {
  return extension(crlExtensionOids.reasonCode, false, element(0x0a, Buffer.from([code])));
}

/** Critical if and only if the subject is empty (RFC 5280 §4.2.1.6). */
export function subjectAltName(generalNames: readonly Buffer[], critical: boolean): Buffer {
  return extension(extensionOids.subjectAltName, critical, sequence(...generalNames));
}

/** Writers of the kinds of GeneralName (RFC 5280 §4.2.1.6). Text is written as it is, one octet per character. */
export const generalName: {
  readonly email: (address: string) => Buffer;
  readonly dns: (name: string) => Buffer;
  readonly uri: (uri: string) => Buffer;
  readonly ip: (address: string) => Buffer;
} = {
  email: (address) => contextPrimitive(1, Buffer.from(address, 'latin1')),
  dns: (name) => contextPrimitive(2, Buffer.from(name, 'latin1')),
  uri: (uri) => contextPrimitive(6, Buffer.from(uri, 'latin1')),
  ip: (address) => contextPrimitive(7, Buffer.from(parseIPv4(address) ?? wordsToOctets(parseIPv6(address) ?? []))),
};

function wordsToOctets(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >> 8, word & 0xff]);
}
