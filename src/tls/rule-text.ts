/**
 * Rules as text, for command lines and configuration files: what `Rule.text` is written in.
 *
 * ```
 * alternatives = row *( "|" row )                 ; at least one must accept; all with "path=", or none
 * row          = [ "path=" value ] 1*member       ; all must accept
 * member       = "(" alternatives ")" / term
 * term         = "any" / "none" / "nobody" / kind ":" value
 * value        = 1*( not a space, quote, parenthesis or "|" ) / quoted
 * ```
 *
 * In a quoted value `""` stands for a quote; a backslash stands for itself. Fails closed: what is not understood is refused.
 */
import { escapeText } from '../text.js';
import {
  allOf,
  anyOf,
  anyVerifiedPeer,
  dnsSan,
  emailSan,
  fingerprint,
  insecureSubjectCommonName,
  issuer,
  noCertificate,
  publicKeyPin,
  spiffeId,
  spiffeTrustDomain,
  uriSan,
} from './authorizer.js';
import { byPath } from './path-rule.js';
import { invalidRule, type Rule } from './rule.js';

/** The terms with a value, by their kind. */
const kinds: ReadonlyMap<string, (value: string) => Rule> = new Map([
  ['dns', dnsSan],
  ['uri', uriSan],
  ['spiffe', spiffeId],
  ['trust-domain', spiffeTrustDomain],
  ['email', emailSan],
  ['insecure-cn', insecureSubjectCommonName],
  ['sha256', fingerprint],
  ['spki', publicKeyPin],
  ['issuer', issuer],
]);

/** The terms without one. */
const words: ReadonlyMap<string, () => Rule> = new Map([
  ['any', anyVerifiedPeer],
  ['none', noCertificate],
  ['nobody', anyOf],
]);

const termNames = [...[...kinds.keys()].map((kind) => `${kind}:`), ...words.keys()].join(', ');
const allTerms = `${termNames}; path= stands before them, and | between alternatives`;

/** How people write what is written in another way here. Nothing that these match is a term. */
const mistakes: ReadonlyArray<readonly [RegExp, (text: string) => string]> = [
  [/^spiffe:\/\//, (text) => `write spiffe:${text}`],
  [/^trust-domain:spiffe:\/\//, (text) => `write trust-domain:${text.split('/')[2]}`],
  [/^(?:https?|urn):/, (text) => `write uri:${text}`],
  [/^cn:./i, (text) => `write insecure-cn:${text.slice(3)}`],
  [/^\//, (text) => `write path=${text}`],
  [/^ip:/i, () => 'there is no rule for addresses'],
  [/^(?:and|&&?)$/i, () => '"and" is a space'],
  [/^(?:or$|,|(?:any|none|nobody|dns|spiffe|trust-domain|sha256|spki)\b.*,|email:.*,$)/i, () => '"or" is written |'],
];

/** A row: what it is for, and who is accepted there. */
interface Row {
  readonly path: string | undefined;
  readonly rule: Rule;
}

/**
 * Returns the rule that a text says: terms that must all accept (`dns:ops.example trust-domain:example.org`), for one
 * path (`path=/admin dns:ops.example`) or for all; alternatives are separated by `|`. Where they have `path=`, it is
 * `byPath` that decides: each for its own path, `path=*` for every other.
 *
 * @throws UsageError `invalid-rule` if it is not understood, whole; also if some alternatives have `path=` and others
 *   have none, which could be read in two ways.
 */
export function parseRule(text: string): Rule {
  return combine(readText(text));
}

/**
 * Returns the rule that several texts make together: one of them must accept. As soon as one has `path=`, each is for its
 * own path, and those without for every path that no other is for. Fails closed: no text at all refuses everybody.
 *
 * @throws UsageError as `parseRule`.
 */
export function rulesFrom(texts: readonly string[]): Rule {
  if (!Array.isArray(texts)) throw invalidRule('rulesFrom() takes an array of texts');
  return combine(texts.flatMap(readText));
}

function combine(rows: readonly Row[]): Rule {
  if (rows.every(({ path }) => path === undefined)) return anyOf(...rows.map(({ rule }) => rule));
  const table = new Map<string, Rule[]>();
  for (const { path = '*', rule } of rows) table.set(path, [...(table.get(path) ?? []), rule]);
  return byPath(Object.fromEntries([...table].map(([path, rules]) => [path, anyOf(...rules)])));
}

type Token = '(' | ')' | '|' | { readonly name: string; readonly value: string | undefined; readonly text: string };

/** Parentheses in parentheses, at most. */
const maxDepth = 100;

/** The parts of a text, how far it was read, and in how many parentheses. */
interface Reader {
  readonly text: string;
  readonly tokens: readonly Token[];
  at: number;
  depth: number;
}

function readText(text: string): Row[] {
  if (typeof text !== 'string') throw invalidRule('a rule must be a text');
  const reader: Reader = { text, tokens: tokensOf(text), at: 0, depth: 0 };
  const rows = readAlternatives(reader);
  if (reader.at < reader.tokens.length) throw misread(text, 'a ) closes nothing');
  return rows;
}

function readAlternatives(reader: Reader): Row[] {
  const rows = [readRow(reader)];
  while (reader.tokens[reader.at] === '|') {
    reader.at++;
    rows.push(readRow(reader));
  }
  // Is `path=/admin A | B` for /admin alone, or is B let in everywhere else?
  if (new Set(rows.map(({ path }) => path === undefined)).size > 1) {
    throw misread(
      reader.text,
      'path=/admin A | B can be read in two ways: write path=/admin (A | B), or path= in front of each alternative (path=* for all other paths)',
    );
  }
  return rows;
}

function readRow(reader: Reader): Row {
  let path: string | undefined;
  const members: Rule[] = [];
  for (; ; reader.at++) {
    const token = reader.tokens[reader.at];
    if (token === undefined || token === '|' || token === ')') break;
    if (token === '(') {
      reader.at++;
      if (++reader.depth > maxDepth) throw misread(reader.text, `parentheses are nested more than ${maxDepth} deep`);
      members.push(combine(readAlternatives(reader)));
      reader.depth--;
      if (reader.tokens[reader.at] !== ')') throw misread(reader.text, 'a ( is not closed');
    } else if (token.name === 'path=') {
      if (path !== undefined || members.length > 0) {
        throw misread(reader.text, 'path= stands once, before the terms that are for it');
      }
      path = givenValue(token, reader.text);
    } else {
      members.push(readTerm(token, reader.text, members.length > 0));
    }
  }
  if (members.length === 0) throw misread(reader.text, `no term where one is needed; the terms are ${allTerms}`);
  return { path, rule: allOf(...members) };
}

/** @param isBehind whether it stands behind another, of which it may be meant as a part */
function readTerm(token: Exclude<Token, string>, text: string, isBehind: boolean): Rule {
  const mistake = mistakes.find(([form]) => form.test(token.text));
  if (mistake !== undefined) {
    const [, adviceFor] = mistake;
    throw misread(text, `"${escapeText(token.text)}" is not a term: ${escapeText(adviceFor(token.text))}`);
  }
  const word = words.get(token.name);
  if (word !== undefined) return word();
  const kind = token.name.endsWith(':') ? kinds.get(token.name.slice(0, -1)) : undefined;
  if (kind === undefined) {
    const spaces = isBehind ? '; a value with spaces stands in double quotes' : '';
    throw misread(text, `"${escapeText(token.text)}" is not a term; the terms are ${allTerms}${spaces}`);
  }
  return kind(givenValue(token, text));
}

function givenValue(token: Exclude<Token, string>, text: string): string {
  if (token.value === undefined) throw misread(text, `${token.name} has no value`);
  return token.value;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const spaces = /\s*/y;
  // A name with its `=` or `:`, then a value; or a name alone.
  const part = /[()|]|(?:(path=|[^\s()|":=]+:)(?:"((?:[^"]|"")*)"|([^\s()|"]+))?|[^\s()|"]+)(?=[\s)|]|$)/y;
  for (;;) {
    spaces.lastIndex = part.lastIndex;
    spaces.test(text);
    part.lastIndex = spaces.lastIndex;
    if (part.lastIndex === text.length) return tokens;
    const match = part.exec(text);
    if (match === null) {
      throw misread(
        text,
        'a value with spaces, parentheses, | or quotes stands in quotes, a quote in it twice: issuer:"CN=Ops CA"',
      );
    }
    const [whole, name, quoted, bare] = match;
    if (whole === '(' || whole === ')' || whole === '|') tokens.push(whole);
    else tokens.push({ name: name ?? whole, value: quoted?.replaceAll('""', '"') ?? bare, text: whole });
  }
}

function misread(text: string, why: string): Error {
  return invalidRule(`the rule "${escapeText(text)}" is not understood: ${why}`);
}
