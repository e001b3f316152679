/**
 * Run as a process: exchanges the link `..data` in a directory as Kubernetes does it, from one generation to the next,
 * without rest, until it is killed. Each generation is a directory with the files of one of the sets, and a comment that
 * makes it differ from all others.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.argv[2]!;
const sets = JSON.parse(readFileSync(process.argv[3]!, 'utf8')) as ReadonlyArray<Record<string, string>>;

let previous: string | undefined;
for (let generation = 1; ; generation++) {
  const name = `..swap_${generation}`;
  mkdirSync(join(directory, name));
  for (const [file, text] of Object.entries(sets[generation % sets.length]!)) {
    writeFileSync(join(directory, name, file), `# ${generation}\n${text}`);
  }
  symlinkSync(name, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  if (previous !== undefined) rmSync(join(directory, previous), { recursive: true });
  previous = name;
}
