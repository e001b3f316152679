/**
 * Directories with credentials in files, of generations that can be told apart, and the ways in which programs replace
 * them.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialFiles, Credentials } from '../../src/tls/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';

/** The files of one end; their names are those of the files. */
export type FileSet = Readonly<Record<'ca' | 'cert' | 'key', string>>;

const generations: FileSet[] = [];

/** The credentials of a generation: the CA is called `CA 3`, and its certificate `end 3`. */
export function generation(number: number): FileSet {
  const known = generations[number];
  if (known !== undefined) return known;
  const ca = createAuthority({ commonName: `CA ${number}` });
  const { cert, key } = ca.issue({ commonName: `end ${number}`, kind: 'server', hosts: ['localhost'] });
  return (generations[number] = { ca: ca.cert, cert, key });
}

/** The generations of the CA and of the certificate, for example `3+3`. */
export function generationOf({ authorityNames, identity }: Credentials): string {
  const number = (text: string): string => text.replace(/^\D*/, '');
  return `${authorityNames.map(number).join(',')}+${number(identity.subjectCommonName ?? '')}`;
}

/** Waits until the credentials of a generation are in force; the test's own deadline is the bound. */
export async function inForce(files: CredentialFiles, expected: string): Promise<void> {
  while (generationOf(files.current) !== expected) await new Promise((resolve) => files.once('reloaded', resolve));
}

/** Runs `use` as a user who is not root, for whom there are files that he may not read. */
export async function asOrdinaryUser(use: () => Promise<void> | void): Promise<void> {
  const nobody = 65_534;
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    await use();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** Runs `use` with a new directory, which is removed afterwards, come what may. */
export async function withDirectory(use: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-files-'));
  try {
    await use(directory);
  } finally {
    makeAccessible(directory);
    rmSync(directory, { recursive: true });
  }
}

function makeAccessible(directory: string): void {
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory)) {
    if (lstatSync(join(directory, name)).isDirectory()) makeAccessible(join(directory, name));
  }
}

/** Writes files in place, as `>` does. */
export function writeInPlace(directory: string, files: Partial<FileSet>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

/** Writes each file beside its place, and renames it there. */
export function replace(directory: string, files: Partial<FileSet>): void {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, `.${name}.tmp`), text);
    renameSync(join(directory, `.${name}.tmp`), join(directory, name));
  }
}

/** Lays files out as Kubernetes does: links through the link `..data`, which is all that is exchanged; see `swap`. */
export function mount(directory: string, files: FileSet): string {
  for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(directory, name));
  return swap(directory, files, undefined);
}

let swaps = 0;

/** Exchanges `..data`, removes the directory that it led to before, and returns the name of the new one. */
export function swap(directory: string, files: FileSet, previous: string | undefined): string {
  const name = `..generation_${++swaps}`;
  mkdirSync(join(directory, name));
  writeInPlace(join(directory, name), files);
  symlinkSync(name, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  if (previous !== undefined) rmSync(join(directory, previous), { recursive: true });
  return name;
}
