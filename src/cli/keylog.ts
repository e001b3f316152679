/**
 * `--keylog FILE`: the TLS secrets of the connections of a command, in the form that Wireshark reads (NSS key log). Who
 * has them can decrypt everything: the file is for its owner alone.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { escapeText } from '../text.js';
import { usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';

/**
 * Returns what writes each line to the file, after a warning on stderr; `undefined` without the flag.
 *
 * @throws Fault (exit code 2) when the file cannot be written, or others could read it
 */
export function startKeylog(settings: Settings): ((line: Buffer) => void) | undefined {
  const file = settings.keylog;
  if (file === undefined) return undefined;
  const shown = escapeText(file);
  let descriptor: number;
  try {
    descriptor = openSync(file, 'a', 0o600);
  } catch (error) {
    throw usageFault(`--keylog ${shown} cannot be written: ${reasonOf(error)}`, 'name a file that you may write to');
  }
  // A file that was there before keeps its owner and its mode.
  const { uid, mode } = fstatSync(descriptor);
  const isForeign = uid !== (process.geteuid?.() ?? uid);
  if (isForeign || (mode & 0o077) !== 0) {
    closeSync(descriptor);
    const advice = 'name a file that is not there';
    throw isForeign
      ? usageFault(`--keylog ${shown} belongs to somebody else`, advice)
      : usageFault(`--keylog ${shown} can be read by others`, `chmod 600 ${shown}, or ${advice}`);
  }
  process.stderr.write(`mtls-ws: --keylog writes secrets to ${shown}: who has them can decrypt every connection\n`);
  let hasFailed = false;
  return (line) => {
    try {
      if (!hasFailed) writeSync(descriptor, line);
    } catch (error) {
      // The connections are worth more than their log.
      hasFailed = true;
      process.stderr.write(`mtls-ws: --keylog ${shown} cannot be written any more: ${reasonOf(error)}\n`);
    }
  };
}
