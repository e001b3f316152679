/**
 * The subject alternative names of a certificate (RFC 5280 §4.2.1.6), sorted by kind. What could be misread, because it
 * is not visible ASCII or has no lawful length, is kept apart and never takes part in a comparison.
 */
import type { Buffer } from 'node:buffer';
import { escapeText, formatIPv6 } from '../text.js';
import { type DerReader, tags } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { frozenList } from './frozen-list.js';

/** The subject alternative names of a certificate; every list is empty when there is none of the kind. */
export interface SubjectAltNames {
  /** Host names as they are written, a wildcard in the first label included. */
  readonly dns: readonly string[];
  /** IP addresses; IPv6 as RFC 5952 writes it. */
  readonly ip: readonly string[];
  readonly uri: readonly string[];
  readonly email: readonly string[];
  readonly directoryName: readonly DistinguishedName[];
  /** The types of names that are of none of the other kinds, in dotted decimal. */
  readonly otherName: readonly string[];
  /** Object identifiers, in dotted decimal. */
  readonly registeredId: readonly string[];
  /** Names that cannot be compared safely: empty, with a character that is not visible ASCII, or of a wrong length. */
  readonly unusable: readonly UnusableName[];
}

export interface UnusableName {
  readonly kind: 'dns' | 'ip' | 'uri' | 'email' | 'x400Address' | 'ediPartyName';
  /** What it says, escaped and bounded. */
  readonly text: string;
}

/** The names of a certificate that has none. */
export const noAltNames: SubjectAltNames = Object.freeze({
  dns: Object.freeze([]),
  ip: Object.freeze([]),
  uri: Object.freeze([]),
  email: Object.freeze([]),
  directoryName: Object.freeze([]),
  otherName: Object.freeze([]),
  registeredId: Object.freeze([]),
  unusable: Object.freeze([]),
});

/** Reads GeneralNames; the caller has not entered them yet. */
export function readAltNames(reader: DerReader): SubjectAltNames {
  const dns: string[] = [];
  const ip: string[] = [];
  const uri: string[] = [];
  const email: string[] = [];
  const directoryName: DistinguishedName[] = [];
  const otherName: string[] = [];
  const registeredId: string[] = [];
  const unusable: UnusableName[] = [];
  const text = (list: string[], kind: UnusableName['kind'], octets: Buffer): void => {
    const value = octets.toString('latin1');
    if (visibleAscii.test(value)) list.push(value);
    else unusable.push({ kind, text: escapeText(value) });
  };
  const names = reader.enter(tags.sequence);
  while (!names.done) {
    const tag = names.nextTag!;
    switch (tag) {
      case 0xa0: {
        const other = names.enter(tag);
        otherName.push(other.objectIdentifier());
        other.content(0xa0);
        other.finish();
        break;
      }
      case 0x81:
        text(email, 'email', names.content(tag));
        break;
      case 0x82:
        text(dns, 'dns', names.content(tag));
        break;
      case 0xa4: {
        const explicit = names.enter(tag);
        directoryName.push(readName(explicit));
        explicit.finish();
        break;
      }
      case 0x86:
        text(uri, 'uri', names.content(tag));
        break;
      case 0x87: {
        const octets = names.content(tag);
        const address = addressText(octets);
        if (address === undefined) unusable.push({ kind: 'ip', text: octets.toString('hex', 0, 32) });
        else ip.push(address);
        break;
      }
      case 0x88:
        registeredId.push(names.objectIdentifier(tag));
        break;
      default: {
        // x400Address [3] and ediPartyName [5] are not read; anything else is no GeneralName.
        const octets = names.content(tag === 0xa3 ? 0xa3 : 0xa5);
        unusable.push({ kind: tag === 0xa3 ? 'x400Address' : 'ediPartyName', text: octets.toString('hex', 0, 32) });
      }
    }
  }
  for (const name of unusable) Object.freeze(name);
  return Object.freeze({
    dns: frozenList(dns),
    ip: frozenList(ip),
    uri: frozenList(uri),
    email: frozenList(email),
    directoryName: frozenList(directoryName),
    otherName: frozenList(otherName),
    registeredId: frozenList(registeredId),
    unusable: frozenList(unusable),
  });
}

/** Returns at most `limit` names as `DNS:a.example, IP:192.0.2.1 and 3 more`, escaped; the empty string for none. */
export function describeAltNames(san: SubjectAltNames, limit = 4): string {
  const shown: string[] = [];
  let total = 0;
  const add = <Name>(label: string, names: readonly Name[], textOf: (name: Name) => string): void => {
    for (const name of names.slice(0, limit - shown.length)) shown.push(`${label}:${textOf(name)}`);
    total += names.length;
  };
  const escaped = (name: string): string => escapeText(name, maxShownName);
  add('DNS', san.dns, escaped);
  add('IP', san.ip, escaped);
  add('URI', san.uri, escaped);
  add('email', san.email, escaped);
  // These may hold spaces and commas, so they are quoted: one name must not read like two.
  add('directory', san.directoryName, (name) => quoted(cut(name.text)));
  add('other', san.otherName, cut);
  add('registered', san.registeredId, cut);
  add('unusable', san.unusable, (name) => `${name.kind} ${quoted(cut(name.text))}`);
  return `${shown.join(', ')}${total > shown.length ? ` and ${total - shown.length} more` : ''}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', "'")}"`;
}

function cut(text: string): string {
  return text.length <= maxShownName ? text : `${text.slice(0, maxShownName)}…`;
}

/** The longest name that `describeAltNames` shows whole, in UTF-16 units. */
const maxShownName = 128;

const visibleAscii = /^[\x21-\x7e]+$/;

function addressText(octets: Buffer): string | undefined {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return undefined;
  return formatIPv6([0, 2, 4, 6, 8, 10, 12, 14].map((at) => octets.readUInt16BE(at)));
}
