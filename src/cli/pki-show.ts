/**
 * `mtls-ws pki show FILE…`: what is in files of a PKI, as a person wants to read it, or as JSON.
 */
import { readFileSync } from 'node:fs';
import { escapeText } from '../text.js';
import { PemFault } from '../tls/index.js';
import { type Inspected, inspect } from '../tls/pki/inspection/index.js';
import type { Command } from './command.js';
import { readPassphrase } from './credentials-files.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { toJson } from './pki-json.js';
import { page } from './pki-page.js';
import { placeText, type Shown } from './pki-shown.js';
import { reasonOf } from './system-error.js';

export const pkiShow: Command = {
  name: 'pki show',
  summary: 'says what is in files: certificates, private keys, revocation lists, requests',
  operand: 'FILE…',
  flags: ['json', 'passphrase-file'],
  required: [],
  withoutEffect: ['min-tls', 'trace'],
  flagHelp: { 'passphrase-file': 'the passphrase of the private keys that are locked by one' },
  notes: `Takes PEM, with any number of blocks, and DER. Fingerprint (of the certificate)
and SPKI pin (of its key) are SHA-256. Of a private key only its kind is shown,
and which certificate in the same files it belongs to. Nothing is judged: who
signed a certificate is looked for in these files only.`,
  run,
};

async function run(settings: Settings, ...files: string[]): Promise<ExitCode> {
  const { passphrase } = readPassphrase(settings);
  const all = files.flatMap((file) =>
    inspectFile(file, passphrase).map((what, index, { length }): Shown => {
      return { file, place: index + 1, count: length, what };
    }),
  );
  process.stdout.write(settings.json === true ? `${JSON.stringify(toJson(all), undefined, 2)}\n` : page(all));
  const unread = all.filter(({ what }) => what.type === 'other' && what.fault !== undefined);
  if (unread.length === 0) return exitCodes.done;
  throw usageFault(`${unread.map(placeText).join(', ')} cannot be read`);
}

/** @throws Fault when the file cannot be read, or holds nothing of the kind */
function inspectFile(file: string, passphrase: string | undefined): Inspected[] {
  try {
    return inspect(readFileSync(file), passphrase);
  } catch (error) {
    const shown = escapeText(file);
    if (error instanceof PemFault) throw usageFault(`${shown}: ${error.message}`);
    throw usageFault(`${shown} cannot be read: ${reasonOf(error)}`, 'check its path and permissions');
  }
}
