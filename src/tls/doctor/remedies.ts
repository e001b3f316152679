/** The commands that mend what was found, each in one place. A path in them is one word of a shell. */

/** Returns a path as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns the command that issues a certificate for one end. */
export function issueCommand(role: 'server' | 'client', hosts: readonly string[]): string {
  const names = hosts.length > 0 ? hosts : ['localhost'];
  const words = role === 'client' ? [] : names.map((host) => `--host ${shellWord(host)}`);
  return ['mtls-ws pki issue', `--${role}`, ...words].join(' ');
}

/** Returns the name of a file for what a file is turned into. */
export function beside(path: string, ending: string): string {
  return shellWord(`${path.replace(/\.(?:der|cer|crt|p12|pfx|pem|key)$/i, '')}${ending}`);
}
