/**
 * The CA in the files of `--ca` and `--ca-key`; what is wrong with it is said with their names.
 */
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { type Authority, loadAuthority } from '../tls/pki/index.js';
import { read, readPassphrase } from './credentials-files.js';
import { usageFault } from './fault.js';
import type { FlagName, Settings } from './flags.js';

/** What the flags of a CA say where they are those of one that issues or revokes. */
export const authorityFlagHelp: Readonly<Partial<Record<FlagName, string>>> = {
  ca: 'PEM: the CA; the CAs above it may stand behind it',
  'ca-key': 'PEM: private key of the CA',
  'passphrase-file': 'the passphrase of that key, if it is locked by one',
};

/**
 * Returns the CA.
 *
 * @throws Fault (exit code 2) that names the flag, the file and the reason
 */
export function readAuthority(settings: Settings): Authority {
  const files = { cert: ['ca', settings.ca!], key: ['ca-key', settings['ca-key']!] } as const;
  const cert = read(...files.cert);
  const key = read(...files.key);
  const passphrase = readPassphrase(settings);
  try {
    return loadAuthority({ cert, key, ...passphrase });
  } catch (error) {
    if (!(error instanceof UsageError) || !(error.option === 'cert' || error.option === 'key')) throw error;
    const [flag, file] = files[error.option];
    // The message begins with the name of the option, which is said here with its file.
    const reason = error.message.replace(`${error.option}: `, '');
    throw usageFault(`--${flag} ${escapeText(file)}: ${reason}`, advice[error.code]);
  }
}

/** What to do about faults whose message does not say it itself. */
const advice: Readonly<Record<string, string>> = {
  'pem-encrypted-key': 'give the passphrase with --passphrase-file FILE',
  'wrong-passphrase': 'check --passphrase-file',
  'pem-key-instead-of-certificate': 'give its certificate, and the key with --ca-key',
  'pem-certificate-instead-of-key': 'give the key that belongs to it',
  'not-a-ca': 'give the certificate of a CA, made with mtls-ws pki init or pki issue-ca',
  'may-not-issue': 'give a CA that may',
  'key-of-another-certificate': 'give the key that was made for it',
  'authority-expired': 'make a new CA with mtls-ws pki issue-ca',
  'unsupported-key': 'make a new CA with mtls-ws pki issue-ca',
  'path-length-exceeded': 'make that CA with a greater --path-length: 1 for one CA below it',
};

/** The options of `pki` and the flags they come from. */
const flagOf: Readonly<Record<string, FlagName>> = {
  commonName: 'common-name',
  hosts: 'host',
  uris: 'uri',
  emails: 'email',
  notAfter: 'not-after',
  pathLength: 'path-length',
};

/** Returns the fault of what a CA would not issue, naming the flag; any other error as it is. */
export function issuingFault(error: unknown): unknown {
  if (!(error instanceof UsageError)) return error;
  const flag = flagOf[error.option ?? ''];
  return flag === undefined ? error : usageFault(`--${flag}: ${error.message}`, advice[error.code]);
}
