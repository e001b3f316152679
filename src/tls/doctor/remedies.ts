/**
 * The commands that mend what was found, each in one place. A path in them is one word of a shell, what they write is a
 * file of a new name, and what has to be filled in is in capitals.
 */
import { canonicalHost } from '../../text.js';
import type { SubjectAltNames } from '../san.js';
import { matchServerName } from '../server-name.js';

/** Returns a path as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Files of CAs that are not known here. */
export const unknownCas = {
  certificate: 'CA-OF-THE-CERTIFICATE.pem',
  list: 'CA-OF-THE-LIST.pem',
  server: 'CA-OF-THE-SERVER.pem',
} as const;

/** Returns the command that issues a certificate for one end. */
export type Reissue = (role: 'server' | 'client') => string;

/** The certificate that replaces another. */
export interface Replacement {
  /** The names of the other: it keeps them. */
  readonly san: SubjectAltNames;
  /** The names by which clients reach the server; those that are missing are added. */
  readonly hosts?: readonly string[];
  /** The file of the CA that issues it; its key is taken to be beside it. */
  readonly ca: string;
}

/** The longest part of a command that repeats names, in UTF-16 units: they may be those of a hostile server. */
const maxNames = 2_000;

/** Returns what returns that command. */
export function reissueFor({ san, hosts = [], ca }: Replacement): Reissue {
  const missing = hosts.filter((host) => !matchServerName(san, host).matches);
  const kept = [...san.dns, ...san.ip].filter((host) => canonicalHost(host.replace(/^\*\./, '')) !== undefined);
  const authority = `--ca ${shellWord(ca)} --ca-key ${beside(ca, '.key')}`;
  return (role) => {
    const named = [...new Set([...kept, ...missing])];
    const flags = [
      ...(role === 'server' && named.length === 0 ? ['localhost'] : named).map((host) => ` --host ${shellWord(host)}`),
      ...san.uri.filter((uri) => uri.includes(':')).map((uri) => ` --uri ${shellWord(uri)}`),
      ...san.email.filter((email) => email.includes('@')).map((email) => ` --email ${shellWord(email)}`),
    ].join('');
    const names = flags.length <= maxNames ? flags : ' --host NAME';
    return `mtls-ws pki issue new-${role} --kind ${role} ${authority}${names}`;
  };
}

/** The flags of a command; what is `undefined` or `false` is left out. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** Returns the command that runs the doctor as it was run, but for these flags. */
export type Again = (changes: FlagValues) => string;

/** Returns the command that runs the doctor. @param url empty for none */
export function doctorCommand(url: string, flags: FlagValues): string {
  const words = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined || value === false
      ? []
      : value === true
        ? [`--${name}`]
        : [value].flat().map((one) => `--${name} ${shellWord(String(one))}`),
  );
  return ['mtls-ws doctor', ...(url === '' ? [] : [shellWord(url)]), ...words].join(' ');
}

/** Returns the name of a file for what a file is turned into. */
export function beside(path: string, ending: string): string {
  return shellWord(`${path.replace(/\.(?:der|cer|crt|p12|pfx|pem|key)$/i, '')}${ending}`);
}
