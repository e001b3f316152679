/** The fenced blocks of a document, by the name behind their language: ```sh curl. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Program, start, temporaryDirectory } from '../cli/program.js';

/** The root of the package. */
export const root: string = fileURLToPath(new URL('../../..', import.meta.url));

export const readme: string = readFileSync(join(root, 'README.md'), 'utf8');

export interface Block {
  readonly language: string;
  readonly name: string;
  readonly text: string;
}

/** Returns the fenced blocks of a text in Markdown. */
export function blocksOf(text: string): readonly Block[] {
  return [...text.matchAll(/^```(\w*) ?(\S*)\n(.*?)^```$/gms)].map(([, language, name, body]) => ({
    language: language!,
    name: name!,
    text: body!,
  }));
}

/** The blocks of README.md. */
export const blocks: readonly Block[] = blocksOf(readme);

/** Returns the only block of a language and name. */
export function block(language: string, name: string): string {
  const found = blocks.filter((candidate) => candidate.language === language && candidate.name === name);
  if (found.length !== 1) throw new Error(`README.md has ${found.length} blocks "${language} ${name}"`);
  return found[0]!.text;
}

/** Whether `text` is in `actual`; `…` in it stands for anything within a line. */
export function includesText(actual: string, text: string): boolean {
  const pattern = text
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(pattern).test(actual);
}

/** Makes a project in an empty directory in which `mtls-ws` is installed, and `npx mtls-ws` runs it. */
export function project(): string {
  const directory = temporaryDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(root, join(directory, 'node_modules/mtls-ws'));
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
  return directory;
}

/** Runs text of the README with `sh` in a project. */
export function shell(directory: string, text: string): Program {
  return start(['-c', text], {
    program: '/bin/sh',
    cwd: directory,
    env: { PATH: `${join(directory, 'bin')}:${process.env.PATH}` },
    input: '',
  });
}
