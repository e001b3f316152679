/** The inputs that a target starts from: `seeds/NAME.json`, a list of `{ "what": …, "hex": … }` or `{ "what": …, "text": … }`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/** A file in which the inputs that a search has kept are handed to the next one: lists of hexadecimal, by target. */
export class CorpusFile {
  readonly #file: string;
  readonly #inputs: Record<string, readonly string[]>;

  /** @param file need not exist yet */
  constructor(file: string) {
    this.#file = file;
    this.#inputs = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  }

  read(target: string): Buffer[] {
    return (this.#inputs[target] ?? []).map((hex) => Buffer.from(hex, 'hex'));
  }

  write(target: string, inputs: readonly Buffer[]): void {
    this.#inputs[target] = inputs.map((input) => input.toString('hex'));
    writeFileSync(this.#file, JSON.stringify(this.#inputs));
  }
}
