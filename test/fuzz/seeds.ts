/** The inputs that a target starts from: `seeds/NAME.json`, a list of `{ "what": …, "hex": … }` or `{ "what": …, "text": … }`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Seed {
  readonly what: string;
  readonly hex?: string;
  /** One character per byte. */
  readonly text?: string;
}

/** Returns the seeds of a target. Spaces in `hex` are for the eye. */
export function seedsOf(name: string): Buffer[] {
  const file = fileURLToPath(new URL(`../../../test/fuzz/seeds/${name}.json`, import.meta.url));
  const seeds = JSON.parse(readFileSync(file, 'utf8')) as readonly Seed[];
  return seeds.map(({ hex, text }) =>
    hex === undefined ? Buffer.from(text ?? '', 'latin1') : Buffer.from(hex.replaceAll(' ', ''), 'hex'),
  );
}
