/**
 * How this program was started, and how a path is written, so that commands that are printed can be copied into a shell.
 */
import { basename, relative } from 'node:path';

/** Returns `mtls-ws` when it was started by that name, otherwise `node` and the path of the script. */
export function programName(): string {
  const script = process.argv[1]!;
  return basename(script) === 'mtls-ws' ? 'mtls-ws' : `node ${quoted(relative(process.cwd(), script))}`;
}

/** Returns a path as one word of a shell. */
export function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
