/**
 * How this program was started, and how a path is written, so that commands that are printed can be copied into a shell.
 */
import { basename, relative } from 'node:path';

/**
 * Returns `mtls-ws` when it was started by that name, with `npx` before it when it was npm that found it; otherwise `node`
 * and the path of the script.
 */
export function programName(): string {
  const script = process.argv[1]!;
  if (basename(script) !== 'mtls-ws') return `node ${quoted(relative(process.cwd(), script))}`;
  // npm's own variable for `npx` and `npm exec`: what they run need not be on the PATH.
  return process.env.npm_command === 'exec' ? 'npx mtls-ws' : 'mtls-ws';
}

/** Returns a path as one word of a shell. */
export function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
