/**
 * The files of `--ca`, `--cert`, `--key` and `--passphrase-file`, read; what is wrong in them is said with their names.
 */
import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { type CredentialFiles, watchCredentials } from '../index.js';
import { escapeText } from '../text.js';
import { leastTicketSecretBytes, loadCredentials } from '../tls/index.js';
import { type Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';

/** Credentials as `connect` and `createServer` take them. */
export interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly passphrase?: string;
  readonly crl?: readonly Buffer[];
  readonly insecureAcceptExpiredCrl?: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** The names of the credentials: those of the flags, which are those of the options. */
const names = ['ca', 'cert', 'key'] as const;

/**
 * Returns what the files hold, unexamined.
 *
 * @throws Fault (exit code 2) that names the flag, the file and the reason, when one cannot be read or is empty
 */
export function readCredentials(settings: Settings): Credentials {
  return {
    ca: read('ca', settings.ca!),
    cert: read('cert', settings.cert!),
    key: read('key', settings.key!),
    ...(settings.crl === undefined ? {} : { crl: settings.crl.map((file) => read('crl', file)) }),
    ...expiredCrl(settings),
    ...readPassphrase(settings),
    minVersion: settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
  };
}

/**
 * Returns what those files hold that were given, for a command that can do without.
 *
 * @throws Fault (exit code 2) as `readCredentials`, and when one of `--cert` and `--key` comes without the other
 */
export function readGivenCredentials(settings: Settings): Partial<Credentials> & { caKey?: Buffer } {
  if ((settings.cert === undefined) !== (settings.key === undefined)) {
    throw usageFault('--cert and --key belong together', 'give both, or none of them');
  }
  const given: { ca?: Buffer; cert?: Buffer; key?: Buffer; caKey?: Buffer } = {};
  for (const name of names) if (settings[name] !== undefined) given[name] = read(name, settings[name]);
  if (settings['ca-key'] !== undefined) given.caKey = read('ca-key', settings['ca-key']);
  return {
    ...given,
    ...readPassphrase(settings),
    minVersion: settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
  };
}

/**
 * Returns the credentials in the files of the flags, which are followed from now on.
 *
 * @throws Fault (exit code 2) that names the flag, the file and the reason, when one cannot be used
 */
export function watchCredentialFiles(settings: Settings): CredentialFiles {
  const { ca, cert, key } = settings;
  const passphraseFile = settings['passphrase-file'];
  const given = readCredentials(settings);
  try {
    loadCredentials(given);
    return watchCredentials({
      ...{ ca: ca!, cert: cert!, key: key!, minVersion: given.minVersion },
      ...(settings.crl === undefined ? {} : { crl: settings.crl }),
      ...expiredCrl(settings),
      ...(passphraseFile === undefined ? {} : { passphraseFile }),
    });
  } catch (error) {
    throw credentialsFault(error, settings) ?? error;
  }
}

/** The flag is about lists, and means nothing without one. */
function expiredCrl(settings: Settings): { insecureAcceptExpiredCrl?: boolean } {
  if (settings['insecure-accept-expired-crl'] !== true) return {};
  if (settings.crl !== undefined) return { insecureAcceptExpiredCrl: true };
  throw usageFault('--insecure-accept-expired-crl is about the lists of --crl', 'give --crl FILE, or leave it out');
}

/** Returns what the file of `--ticket-secret-file` holds. @throws Fault (exit code 2) when it cannot be used */
export function readSecret(file: string): Buffer {
  const secret = read('ticket-secret-file', file);
  if (secret.length >= leastTicketSecretBytes) return secret;
  throw usageFault(
    `--ticket-secret-file ${escapeText(file)} has ${secret.length} bytes, at least ${leastTicketSecretBytes} are needed`,
    `make it with: head -c ${leastTicketSecretBytes} /dev/urandom > ${escapeText(file)}`,
  );
}

/**
 * Returns the first line of `--passphrase-file`, if that was given.
 *
 * @throws Fault (exit code 2) when it cannot be read or is empty
 */
export function readPassphrase(settings: Settings): { passphrase?: string } {
  const file = settings['passphrase-file'];
  return file === undefined ? {} : { passphrase: firstLine(read('passphrase-file', file)) };
}

/** Returns the fault for credentials that were refused, naming the file; `undefined` for any other error. */
export function credentialsFault(error: unknown, settings: Settings): Fault | undefined {
  if (!(error instanceof UsageError)) return undefined;
  if (error.option === 'crl' && settings.crl !== undefined) {
    const reason = error.message.replace('crl: ', '');
    return usageFault(
      `--crl ${settings.crl.map((file) => escapeText(file)).join(' or ')}: ${reason}`,
      advice[error.code],
    );
  }
  const name = names.find((option) => option === error.option);
  if (name === undefined) return undefined;
  // The message begins with the name of the option, which is said here with its file.
  const reason = error.message.replace(`${name}: `, '');
  return usageFault(`--${name} ${escapeText(settings[name]!)}: ${reason}`, advice[error.code]);
}

/** What to do about faults whose message does not say it itself. */
const advice: Readonly<Record<string, string>> = {
  'pem-encrypted-key': 'give the passphrase with --passphrase-file FILE',
  'pem-cut-short': 'copy it again, whole',
  'pem-key-instead-of-certificate': 'give the certificate, and the key with --key',
  'pem-certificate-instead-of-key': 'give the key that belongs to it',
  'not-a-ca': 'give the certificate of the CA that issued the certificate of the other end',
  'key-of-another-certificate': 'give the key that was made for it',
  'crl-of-another-ca': 'give the list of a CA in --ca',
  'wrong-passphrase': 'check --passphrase-file',
};

/** Returns what the file of a flag holds. @throws Fault (exit code 2) when it cannot be read or is empty */
export function read(
  flag: 'ca' | 'cert' | 'key' | 'ca-key' | 'passphrase-file' | 'ticket-secret-file' | 'crl',
  file: string,
): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw usageFault(`--${flag} ${escapeText(file)} cannot be read: ${reasonOf(error)}`, adviceFor(flag));
  }
  if (bytes.length === 0) throw usageFault(`--${flag} ${escapeText(file)} is empty`, adviceFor(flag));
  return bytes;
}

function adviceFor(flag: string): string {
  if (flag === 'crl') return 'check the path, or make a list with mtls-ws pki revoke';
  if (flag === 'ticket-secret-file') return 'name a file of 32 random bytes or more';
  if (flag === 'passphrase-file') return 'name a file whose first line is the passphrase of the key';
  return 'check the path, or make certificates with mtls-ws pki init DIR';
}

function firstLine(bytes: Buffer): string {
  return bytes.toString('utf8').split(/\r?\n/, 1)[0]!;
}
