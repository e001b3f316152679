/** Makes text out of parts that mean something to a grammar. */
import type { Random } from './random.js';

/** Writes `text`, one byte for each character, as far as there is room; returns where it ends. */
export function writeText(input: Buffer, at: number, text: string): number {
  return at + input.write(text, at, 'latin1');
}

/** Returns some of the parts, one behind the other. */
export function someOf(random: Random, parts: readonly string[], most: number): string {
  let text = '';
  for (let count = random.below(most + 1); count > 0; count--) text += random.pick(parts);
  return text;
}
