/** Distinguished names (RFC 5280 §4.1.2.4): structured, and as one safe line (RFC 4514). */
import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { escapeText } from '../text.js';
import { DerReader, tags } from './der.js';
import { frozenList } from './frozen-list.js';
import { attributeOids, attributeShortNames } from './oids.js';

/** One attribute of a relative distinguished name. */
export interface NameAttribute {
  /** The type, in dotted decimal. */
  readonly type: string;
  /** The type's short name (`CN`), or again its dotted decimal. */
  readonly name: string;
  /** The value exactly as it is in the certificate, not escaped; `undefined` when it is not text. */
  readonly value: string | undefined;
}

/** A distinguished name. */
export interface DistinguishedName {
  /** The relative distinguished names in the order of the certificate; almost always of one attribute each. */
  readonly rdns: ReadonlyArray<readonly NameAttribute[]>;
  /**
   * The name as RFC 4514 writes it, most specific part first: `CN=device-7,O=Example\, Inc.`. Control and invisible
   * characters are escaped; cut at 512 characters, which `…` shows.
   */
  readonly text: string;
}

/** The longest text of a name, in UTF-16 units. */
const maxNameText = 512;

/** Reads a Name; the caller has not entered it yet. */
export function readName(reader: DerReader): DistinguishedName {
  const sequence = reader.enter(tags.sequence);
  const rdns: Array<readonly NameAttribute[]> = [];
  // RFC 4514 §2.1: the text starts with the last element.
  const texts: string[] = [];
  while (!sequence.done) {
    const set = sequence.enter(tags.set);
    const attributes: NameAttribute[] = [];
    const parts: string[] = [];
    do {
      const pair = set.enter(tags.sequence);
      const type = pair.objectIdentifier();
      const whole = pair.skip();
      pair.finish();
      const tag = whole[0]!;
      const value = directoryString(tag, new DerReader(whole).content(tag));
      const name = attributeShortNames[type] ?? type;
      attributes.push(Object.freeze({ type, name, value }));
      parts.push(
        `${name}=${value === undefined ? `#${whole.toString('hex', 0, maxNameText / 2)}` : escapeValue(value)}`,
      );
    } while (!set.done);
    rdns.push(frozenList(attributes));
    texts.push(parts.join('+'));
  }
  return Object.freeze({ rdns: frozenList(rdns), text: bounded(texts) });
}

/** Returns the common name when there is exactly one and it is text; `undefined` otherwise. */
export function commonNameOf(name: DistinguishedName): string | undefined {
  let found: NameAttribute | undefined;
  for (const rdn of name.rdns) {
    for (const attribute of rdn) {
      if (attribute.type !== attributeOids.commonName) continue;
      if (found !== undefined) return undefined;
      found = attribute;
    }
  }
  return found?.value;
}

/** An attribute in the text of a name, and what separates it from the one before. Spaces around the parts are not theirs. */
const attributeText =
  /(^|[,+]) *([A-Za-z]+|\d+(?:\.\d+)+) *= *((?:\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])|[^\\"+,;<>])*?) *(?=[,+]|$)/y;

/**
 * Returns a name that somebody wrote (RFC 4514 §3) in the very form of `DistinguishedName.text`; `undefined` if it is none,
 * is empty, has an attribute type that is not shown by that name, or is too long to be shown whole.
 */
export function canonicalNameText(text: string): string | undefined {
  let canonical = '';
  attributeText.lastIndex = 0;
  do {
    const match = attributeText.exec(text);
    // The first attribute has no separator before it, and only that.
    if (match === null || (match[1] === '') !== (canonical === '')) return undefined;
    const [, separator, type, value] = match as unknown as [string, string, string, string];
    const shown = Object.entries(attributeShortNames).find(([oid, name]) => oid === type || sameName(name, type))?.[1];
    if (shown === undefined && !type.includes('.')) return undefined;
    const written = value.startsWith('#') ? octetsText(value) : escapeValue(unescapeValue(value));
    if (written === undefined) return undefined;
    canonical += `${separator}${shown ?? type}=${written}`;
  } while (attributeText.lastIndex < text.length);
  return canonical.length <= maxNameText ? canonical : undefined;
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function octetsText(value: string): string | undefined {
  return /^#(?:[0-9A-Fa-f]{2})+$/.test(value) ? value.toLowerCase() : undefined;
}

function unescapeValue(value: string): string {
  return value.replace(/(?:\\[0-9A-Fa-f]{2})+|\\(.)/g, (pairs: string, character?: string) =>
    character === undefined ? Buffer.from(pairs.replaceAll('\\', ''), 'hex').toString('utf8') : character,
  );
}

function bounded(texts: string[]): string {
  const text = texts.reverse().join(',');
  return text.length <= maxNameText ? text : `${text.slice(0, maxNameText)}…`;
}

/** Returns the text of a value, or `undefined` when its type is not a string or its octets are not of that type. */
function directoryString(tag: number, octets: Buffer): string | undefined {
  switch (tag) {
    case tags.utf8String:
      return isUtf8(octets) ? octets.toString('utf8') : undefined;
    case tags.printableString:
    case tags.numericString:
    case tags.visibleString:
    case tags.ia5String:
      return isAscii(octets) ? octets.toString('latin1') : undefined;
    case tags.teletexString:
      // Deliberately: T.61 in name only; everybody writes and reads ISO 8859-1.
      return octets.toString('latin1');
    case tags.bmpString:
      return wideString(octets, 2);
    case tags.universalString:
      return wideString(octets, 4);
    default:
      return undefined;
  }
}

function wideString(octets: Buffer, width: 2 | 4): string | undefined {
  if (octets.length % width !== 0) return undefined;
  const characters: string[] = [];
  for (let at = 0; at < octets.length; at += width) {
    const code = octets.readUIntBE(at, width);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    characters.push(String.fromCodePoint(code));
  }
  return characters.join('');
}

const plain = /^(?![ #])[\w .:/@=*()?!'#&-]*(?<! )$/;

/** Escapes a value (RFC 4514 §2.4), and as hex pairs also whatever `escapeText` holds unfit for a line. */
function escapeValue(value: string): string {
  const text = value.length > maxNameText ? value.slice(0, maxNameText) : value;
  if (plain.test(text)) return text === value ? text : `${text}…`;
  let escaped = '';
  const characters = [...text];
  for (const [index, character] of characters.entries()) {
    const edge = index === 0 || index === characters.length - 1;
    if (/["+,;<>\\]/.test(character) || (edge && character === ' ') || (index === 0 && character === '#')) {
      escaped += `\\${character}`;
    } else if (escapeText(character) !== character) {
      escaped += hexPairs(character);
    } else {
      escaped += character;
    }
  }
  return text === value ? escaped : `${escaped}…`;
}

function hexPairs(character: string): string {
  return Buffer.from(character, 'utf8').toString('hex').toUpperCase().replace(/../g, '\\$&');
}
