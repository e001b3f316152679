/** The commands that mend what was found, each in one place. A path in them is one word of a shell. */

/** Returns a path as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns the command that issues a certificate for one end. */
export type Reissue = (role: 'server' | 'client') => string;

/**
 * Returns what returns that command.
 *
 * @param hosts the names of the server; default `localhost`
 * @param ca the file of the CA; its key is taken to be beside it
 */
export function reissueFor(hosts: readonly string[], ca: string = 'ca.pem'): Reissue {
  const names = hosts.length > 0 ? hosts : ['localhost'];
  const authority = `--ca ${shellWord(ca)} --ca-key ${beside(ca, '.key')}`;
  return (role) => {
    const flags = role === 'client' ? [] : names.map((host) => ` --host ${shellWord(host)}`);
    return `mtls-ws pki issue new-${role} --kind ${role} ${authority}${flags.join('')}`;
  };
}

/** Returns the name of a file for what a file is turned into. */
export function beside(path: string, ending: string): string {
  return shellWord(`${path.replace(/\.(?:der|cer|crt|p12|pfx|pem|key)$/i, '')}${ending}`);
}
