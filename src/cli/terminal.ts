/**
 * What a terminal may be told: colour only where somebody looks at it, and never a control character of the peer's.
 */
import { escapeText } from '../text.js';

/** The widest line the commands print, in columns. */
export const columns = 80;

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;

/** Colours a text; the identity where colour is off. Pad before painting. */
export type Paint = Readonly<Record<keyof typeof codes, (text: string) => string>>;

function makePaint(isColoured: boolean): Paint {
  const names = Object.keys(codes) as (keyof typeof codes)[];
  return Object.fromEntries(
    names.map((name) => [name, isColoured ? (text: string) => `\x1b[${codes[name]}m${text}\x1b[0m` : String]),
  ) as Paint;
}

/** Returns every text as it is. */
export const plainPaint: Paint = makePaint(false);

/** Returns the paint for a stream: colour when it is a terminal and `NO_COLOR` is unset or empty (no-color.org). */
export function paintFor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  const isColoured = stream.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return isColoured ? makePaint(true) : plainPaint;
}

/** Returns `text` on one line with control characters as their pictures (`␊`), and what else is unsafe escaped. */
export function visible(text: string): string {
  return escapeText(
    text.replace(/[\0-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))),
    text.length,
  );
}

/** Returns `text` without what could steer a terminal; line feeds and tabs stay. */
export function harmless(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => escapeText(c));
}

/** Returns `text` cut into lines of at most `width` characters, at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(space > 0 ? end + 1 : end);
  }
  lines.push(rest);
  return lines;
}

/** Returns a line as a stream is to get it: wrapped at the width of a terminal, and whole where it is none. */
export function fitted(line: string, { isTTY, columns }: { isTTY?: boolean; columns?: number }): string {
  return isTTY === true && columns ? wrap(line, columns).join('\n') : line;
}

/** Returns a count with its thousands apart: `299 936`. */
export function spaced(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
