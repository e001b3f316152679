/**
 * Files read together, as they were at one instant. This file knows nothing of what they hold.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { escapeText } from '../text.js';

/** What can be wrong with a file before what it holds is looked at, each with words that fit behind `ca.pem: `. */
export const fileFaults = {
  'file-missing': 'there is no such file',
  'file-forbidden': 'this process may not read it (permission denied)',
  'file-not-regular': 'it is not a regular file, but a directory, a pipe, a socket or a device',
  'file-too-large': 'it is larger than a file of its kind may be',
  'file-changing': 'it changes while it is read',
  'file-unreadable': 'it cannot be read',
} as const;

export type FileFaultCode = keyof typeof fileFaults;

/** Reports a file that cannot be read. */
export class FileFault extends Error {
  readonly code: FileFaultCode;

  constructor(code: FileFaultCode, detail?: string) {
    super(detail === undefined ? fileFaults[code] : `${fileFaults[code]} (${detail})`);
    this.code = code;
  }

  override get name(): string {
    return 'FileFault';
  }
}

/** A file to read, and how long it may be. */
export interface BoundedFile {
  readonly file: string;
  readonly maxBytes: number;
}

export interface Snapshot {
  /** What each file held, or why it could not be read; in the order that was asked for. */
  readonly contents: ReadonlyArray<Buffer | FileFault>;
  /** The same for the same contents, and for nothing else. */
  readonly id: string;
}

/** How often files are read to find them twice the same. One swap makes it 3; more is somebody who writes all the time. */
const mostReadings = 8;

/**
 * Reads files as they were at one instant: all of them, and again, until two readings in a row agree. A file that held
 * the same both times held it at the instant between the two, and so did all the others. Never throws: a file that
 * cannot be read, or does not stay the same, has a fault in its place.
 *
 * Synchronous, deliberately: the two readings are as close together as can be, and nothing else of this process comes
 * between them. Ask `stampOf` first, which never holds up the process.
 */
export function readSnapshot(files: readonly BoundedFile[]): Snapshot {
  let contents = files.map(readBounded);
  for (let reading = 2; reading <= mostReadings; reading++) {
    const before = contents;
    contents = files.map(readBounded);
    if (contents.every((content, index) => isSame(content, before[index]!))) break;
    if (reading < mostReadings) continue;
    contents = contents.map((content, index) =>
      isSame(content, before[index]!) ? content : new FileFault('file-changing'),
    );
  }
  const hash = createHash('sha256');
  for (const content of contents) {
    const isFault = content instanceof FileFault;
    const bytes = isFault ? Buffer.from(content.message) : content;
    hash.update(`${isFault ? 'fault' : 'bytes'} ${bytes.length}\n`).update(bytes);
  }
  return { contents, id: hash.digest('base64') };
}

function isSame(one: Buffer | FileFault, other: Buffer | FileFault): boolean {
  if (one instanceof FileFault || other instanceof FileFault) {
    return one instanceof FileFault && other instanceof FileFault && one.message === other.message;
  }
  return one.equals(other);
}

function readBounded({ file, maxBytes }: BoundedFile): Buffer | FileFault {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK, which Windows does not have, the opening of a pipe waits for somebody to write to it.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return new FileFault('file-not-regular');
    const tooLarge = new FileFault('file-too-large', `at most ${maxBytes} bytes`);
    if (stats.size > maxBytes) return tooLarge;
    const chunks: Buffer[] = [];
    // What was just told as the size may have changed: only the end of the file tells how long it is.
    for (let length = 0; ; ) {
      const chunk = Buffer.allocUnsafe(Math.max(stats.size - length + 1, 4096));
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      if ((length += count) > maxBytes) return tooLarge;
    }
  } catch (error) {
    return faultOf(error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function faultOf(error: unknown): FileFault {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FileFault('file-missing');
    case 'EACCES':
    case 'EPERM':
      return new FileFault('file-forbidden');
    case 'EISDIR':
      return new FileFault('file-not-regular');
    default:
      return new FileFault('file-unreadable', escapeText(code ?? String(error)));
  }
}

/**
 * Returns a text that changes when one of the files is replaced, written to, removed, or made readable or unreadable.
 * One change can go unseen: a second one so soon after the first that the clock of the file system shows the same time.
 */
export async function stampOf(files: readonly BoundedFile[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(({ file }) =>
      stat(file, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(':'),
        (error: NodeJS.ErrnoException) => String(error.code),
      ),
    ),
  );
  return stamps.join(' ');
}
