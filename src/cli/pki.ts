/**
 * `mtls-ws pki init DIR`: certificates for development, in files.
 */
import { closeSync, linkSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { canonicalHost, escapeText } from '../text.js';
import { createDevelopmentPki } from '../tls/pki/index.js';
import type { Command } from './command.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { programName, quoted } from './program-name.js';
import { reasonOf } from './system-error.js';
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
  ].map((file) => ({ ...file, path: join(directory, file.name) }));

  try {
    makeDirectory(directory);
  } catch (error) {
    throw usageFault(
      `${escapeText(directory)} cannot be made: ${reasonOf(error)}`,
      'name a directory that you may write to',
    );
  }
  if (settings.force !== true) {
    const present = files.filter(({ path }) => exists(path)).map(({ name }) => name);
    if (present.length > 0) {
      throw usageFault(
        `${escapeText(directory)} has ${present.join(', ')} already; nothing was written`,
        'name another directory, or replace them with --force',
      );
    }
  }
  const unlike = files.find(({ path }) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (unlike !== undefined) {
    throw usageFault(`${escapeText(unlike.path)} is a directory; nothing was written`, 'name another directory');
  }
  writeAll(files, settings.force === true);
  process.stdout.write(whatNext(directory, ['localhost', '127.0.0.1', '::1', ...hosts]));
  return exitCodes.done;
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
