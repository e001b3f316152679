/**
 * Errors of the operating system in words.
 */
import { escapeText } from '../text.js';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EEXIST: 'it exists already',
  EISDIR: 'it is a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file',
  ENOSPC: 'no space left',
  ENOTDIR: 'a part of its path is not a directory',
  ENOTFOUND: 'the name has no address',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

/** Returns the code of an error of the system, for example `ENOENT`; `undefined` for any other value. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Returns what happened in words, for any value that was thrown. */
export function reasonOf(error: unknown): string {
  return reasons[systemCode(error) ?? ''] ?? escapeText(error instanceof Error ? error.message : String(error));
}
