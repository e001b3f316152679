/** Fuzzes the targets of this folder; see docs/fuzzing.md. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from './cli.js';
import { seedsOf } from './seeds.js';
import { targets } from './targets.js';

/** The first line of the file of a target. */
function rulesOf(name: string): string {
  const file = fileURLToPath(new URL(`../../../test/fuzz/targets/${name}.ts`, import.meta.url));
  return readFileSync(file, 'utf8')
    .split('\n', 1)[0]!
    .replace(/^\/[/*]+\s*|\s*\*\/$/g, '');
}

process.exitCode = await main(process.argv.slice(2), { targets, seedsOf, rulesOf });
