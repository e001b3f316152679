/**
 * `mtls-ws pki init DIR`: certificates for development, in files.
 */
import { join } from 'node:path';
import { canonicalHost, escapeText } from '../text.js';
import { createDevelopmentPki } from '../tls/pki/index.js';
import type { Command } from './command.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { writeNewFiles } from './new-files.js';
import { programName, quoted } from './program-name.js';
import { paintFor } from './terminal.js';

export const pkiInit: Command = {
  name: 'pki init',
  summary: 'makes a private CA, a server and a client certificate for development',
  operand: 'DIR',
  flags: ['host', 'force'],
  required: [],
  withoutEffect: ['min-tls', 'trace'],
  flagHelp: {
    host: 'a name or address of the server, beside localhost, 127.0.0.1 and ::1; may be repeated',
  },
  notes: `Writes ca.pem ca.key server.pem server.key client.pem client.key. The keys can
be read by you alone (mode 0600). Whoever has ca.key can make certificates
that both ends accept: it is needed for nothing else.`,
  run,
};

async function run(settings: Settings, directory: string): Promise<ExitCode> {
  const hosts = settings.host ?? [];
  for (const host of hosts) {
    if (canonicalHost(host.replace(/^\*\./, '')) === undefined) {
      throw usageFault(
        `--host "${escapeText(host)}" is no host name and no address`,
        'give one like dev.example or 10.0.0.7',
      );
    }
  }
  const { ca, server, client } = createDevelopmentPki(hosts);
  const files = [
    { name: 'ca.pem', content: ca.cert, mode: 0o644 },
    { name: 'ca.key', content: ca.key, mode: 0o600 },
    { name: 'server.pem', content: server.cert, mode: 0o644 },
    { name: 'server.key', content: server.key, mode: 0o600 },
    { name: 'client.pem', content: client.cert, mode: 0o644 },
    { name: 'client.key', content: client.key, mode: 0o600 },
  ];
  writeNewFiles(directory, files, settings.force === true);
  process.stdout.write(whatNext(directory, ['localhost', '127.0.0.1', '::1', ...hosts]));
  return exitCodes.done;
}

function whatNext(directory: string, hosts: readonly string[]): string {
  const paint = paintFor(process.stdout, process.env);
  const program = programName();
  const file = (name: string): string => quoted(join(directory, name));
  return `wrote to ${escapeText(directory)}
  ca.pem      ca.key        the authority that both ends trust
  server.pem  server.key    for ${hosts.map((host) => escapeText(host)).join(', ')}
  client.pem  client.key    for one client

${paint.bold('what next')}, in two terminals:

  ${program} serve --port 8443 --ca ${file('ca.pem')} \\
    --cert ${file('server.pem')} --key ${file('server.key')}

  ${program} connect wss://localhost:8443 --ca ${file('ca.pem')} \\
    --cert ${file('client.pem')} --key ${file('client.key')}
`;
}
