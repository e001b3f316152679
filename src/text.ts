/**
 * Hostile text made fit for a log line, and host names brought to one form. Imports nothing of the project.
 */

/** The default bound of `escapeText`, in characters. */
export const defaultTextLimit = 256;

/**
 * Backslash, controls, line and paragraph separators, lone surrogates, and what cannot be seen: format characters, among
 * them those that change the direction of text, and all that a font may leave out (Unicode `Default_Ignorable_Code_Point`).
 */
const unsafe = /[\\\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cf}\p{DI}]/gu;

const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};

function escapeCharacter(character: string): string {
  const short = shortEscapes[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/**
 * Returns `text` with everything that could break a line, move a cursor or hide itself replaced by an escape, and cut to
 * at most `limit` characters of input (a cut is shown by `…`). Takes time and memory in proportion to `limit`, not to
 * the length of `text`.
 *
 * @param limit in UTF-16 units; default 256.
 */
export function escapeText(text: string, limit: number = defaultTextLimit): string {
  if (text.length <= limit) return text.replace(unsafe, escapeCharacter);
  return `${text.slice(0, limit).replace(unsafe, escapeCharacter)}…`;
}

/** A host in canonical form. */
export interface CanonicalHost {
  readonly kind: 'name' | 'ipv4' | 'ipv6';
  /** Lower case, without trailing dot or brackets; IPv6 as RFC 5952 writes it. */
  readonly host: string;
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * Returns the canonical form of a host name or address: ASCII lower case, one trailing dot and the brackets of an IPv6
 * address removed, IPv6 compressed (RFC 5952). Returns `undefined` for everything else: an empty label, a character
 * that is not a letter, digit, hyphen or underscore (Unicode dots and NUL among them), an address with a zone, a name that ends in a number but is no
 * IPv4 address in dotted decimal (`127.1`, `0x7f.0.0.1`, `010.0.0.1`).
 */
export function canonicalHost(text: string): CanonicalHost | undefined {
  if (text.length > 256) return undefined;
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const bare = bracketed ? text.slice(1, -1) : text;
  if (bare.includes(':')) {
    const words = parseIPv6(bare);
    return words === undefined ? undefined : { kind: 'ipv6', host: formatIPv6(words) };
  }
  if (bracketed) return undefined;
  const name = (bare.endsWith('.') ? bare.slice(0, -1) : bare).replace(/[A-Z]/g, (c) => c.toLowerCase());
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split('.');
  if (!labels.every((l) => label.test(l))) return undefined;
  // The last label decides whether it is meant as an address (as the WHATWG URL standard does).
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels[labels.length - 1]!)) {
    return parseIPv4(bare) === undefined ? undefined : { kind: 'ipv4', host: bare };
  }
  return { kind: 'name', host: name };
}

/** Returns the four bytes of an IPv4 address in strict dotted decimal, or `undefined`. */
export function parseIPv4(text: string): number[] | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

/** Returns the eight 16-bit words of an IPv6 address (RFC 4291 §2.2, no zone), or `undefined`. */
export function parseIPv6(text: string): number[] | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseWords(halves[0]!, halves.length === 1);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  const tail = parseWords(halves[1]!, true);
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function parseWords(text: string, mayEndInIPv4: boolean): number[] | undefined {
  if (text === '') return [];
  const words: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      words.push(Number.parseInt(part, 16));
      continue;
    }
    const bytes = mayEndInIPv4 && index === parts.length - 1 ? parseIPv4(part) : undefined;
    if (bytes === undefined) return undefined;
    words.push(bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!);
  }
  return words;
}

/** Returns the text of eight 16-bit words as RFC 5952 §4 writes it. */
export function formatIPv6(words: readonly number[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && words[end] === 0) end++;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
    if (end > start) start = end;
  }
  const hex = words.map((word) => word.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}
