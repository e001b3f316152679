/**
 * Files that belong together, such as a certificate and its key: all of them are written, or none.
 */
import { closeSync, linkSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { escapeText } from '../text.js';
import { usageFault } from './fault.js';
import { reasonOf } from './system-error.js';

export interface NewFile {
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

/**
 * Writes files to a directory, which is made if need be.
 *
 * @param another what to do instead, when they are there already
 * @throws Fault (exit code 2) when one is there and `mayReplace` is false, or one cannot be written: then none is
 */
export function writeNewFiles(
  directory: string,
  newFiles: readonly NewFile[],
  mayReplace: boolean,
  another = 'name another directory',
): void {
  const files = newFiles.map((file) => ({ ...file, path: join(directory, file.name) }));
  const shown = directory === '.' ? 'this directory' : escapeText(directory);
  try {
    makeDirectory(directory);
  } catch (error) {
    throw usageFault(
      `${escapeText(directory)} cannot be made: ${reasonOf(error)}`,
      'name a directory that you may write to',
    );
  }
  if (!mayReplace) {
    const present = files.filter(({ path }) => exists(path)).map(({ name }) => name);
    if (present.length > 0) {
      throw usageFault(
        `${shown} has ${present.join(', ')} already; nothing was written`,
        `${another}, or replace them with --force`,
      );
    }
  }
  const unlike = files.find(({ path }) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (unlike !== undefined) {
    throw usageFault(`${escapeText(unlike.path)} is a directory; nothing was written`, another);
  }
  writeAll(files, mayReplace);
}

/** Deliberately not `recursive`: Node loops for ever where directories cannot be made, for example below /proc. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(resolve(path));
  if (!exists(parent)) makeDirectory(parent);
  mkdirSync(path);
}

/** Whether there is something of this name, be it a link to nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Writes each file under a temporary name, exclusively and with its final mode, so that a key is at no moment open to
 * others; then gives all their names. What was begun is removed when one fails.
 */
function writeAll(files: readonly { path: string; content: string; mode: number }[], mayReplace: boolean): void {
  const begun: string[] = [];
  const named: string[] = [];
  let current = '';
  try {
    for (const { path, content, mode } of files) {
      current = path;
      const temporary = temporaryOf(path);
      const descriptor = openSync(temporary, 'wx', mode);
      begun.push(temporary);
      writeSync(descriptor, content);
      closeSync(descriptor);
    }
    for (const { path } of files) {
      current = path;
      // A link refuses a name that is taken, also one taken since it was checked.
      if (mayReplace) renameSync(temporaryOf(path), path);
      else linkSync(temporaryOf(path), path);
      named.push(path);
    }
  } catch (error) {
    if (!mayReplace) for (const path of named) rmSync(path, { force: true });
    throw usageFault(
      `${escapeText(current)} cannot be written: ${reasonOf(error)}`,
      'name a directory that you may write to',
    );
  } finally {
    for (const path of begun) rmSync(path, { force: true });
  }
}

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.tmp`;
}
