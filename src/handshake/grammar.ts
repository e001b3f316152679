/** The rules of RFC 9110 §5.6 that header fields are made of. Every function is one pass over its input. */

/** `tchar` (RFC 9110 §5.6.2), by character code. */
const tokenCharacters: Uint8Array = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  tokenCharacters[character.charCodeAt(0)] = 1;
}

export function isTokenCharacter(code: number): boolean {
  return tokenCharacters[code] === 1;
}

/** Whether `text` is a `token`: one or more token characters. */
export function isToken(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (tokenCharacters[text.charCodeAt(index)] !== 1) return false;
  }
  return text.length > 0;
}

/**
 * Whether `text` may be the value of a field: visible characters, between them spaces and tabs, no other control
 * (RFC 9110 §5.5).
 */
export function isFieldValue(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return trimOws(text).length === text.length;
}

/** Returns `text` without the spaces and tabs around it (`OWS`). */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Returns the tokens of a comma-separated list, empty elements passed over (RFC 9110 §5.6.1); `undefined` when an element
 * is not a token.
 */
export function parseTokenList(text: string): string[] | undefined {
  const tokens: string[] = [];
  for (const part of text.split(',')) {
    const token = trimOws(part);
    if (token === '') continue;
    if (!isToken(token)) return undefined;
    tokens.push(token);
  }
  return tokens;
}

/** Returns whether a comma-separated list has an element, in any letter case. Elements need not be tokens. */
export function listHas(text: string, wanted: string): boolean {
  return text.split(',').some((part) => trimOws(part).toLowerCase() === wanted);
}

/** Walks over a text, rule by rule. */
export class Scanner {
  readonly text: string;
  position = 0;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.position === this.text.length;
  }

  skipOws(): void {
    while (this.position < this.text.length && isOws(this.text.charCodeAt(this.position))) this.position++;
  }

  /** Passes over `character` if it is next. */
  take(character: string): boolean {
    if (this.text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  /** Returns the token that is next; `undefined` when none is. */
  token(): string | undefined {
    const start = this.position;
    while (tokenCharacters[this.text.charCodeAt(this.position)] === 1) this.position++;
    return this.position === start ? undefined : this.text.slice(start, this.position);
  }

  /** Returns the value of the quoted string that is next, unescaped; `undefined` when none is, or it is not closed. */
  quotedString(): string | undefined {
    if (!this.take('"')) return undefined;
    const parts: string[] = [];
    let start = this.position;
    while (this.position < this.text.length) {
      const character = this.text[this.position]!;
      if (character === '"') {
        parts.push(this.text.slice(start, this.position++));
        return parts.join('');
      }
      if (character === '\\') {
        parts.push(this.text.slice(start, this.position));
        start = ++this.position;
      }
      this.position++;
    }
    return undefined;
  }
}
