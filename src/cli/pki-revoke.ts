/**
 * `mtls-ws pki revoke [FILE…]`: the revocation list of a CA in files, with more certificates on it, or just renewed.
 */
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { PemFault } from '../tls/index.js';
import { type Authority, type LoadedRevocationList, loadRevocationList } from '../tls/pki/index.js';
import { type InspectedCertificate, type InspectedList, inspect, isIssuedBy } from '../tls/pki/inspection/index.js';
import { authorityFlagHelp, readAuthority } from './authority-files.js';
import type { Command } from './command.js';
import { dateText, spanText } from './dates.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { programName, quoted } from './program-name.js';
import { reasonOf, systemCode } from './system-error.js';
import { paintFor } from './terminal.js';

export const pkiRevoke: Command = {
  name: 'pki revoke',
  summary: 'adds certificates to the revocation list of a CA that is in files, or renews it',
  operand: '[FILE…]',
  flags: ['ca', 'ca-key', 'passphrase-file', 'crl', 'serial', 'reason', 'days'],
  required: ['ca', 'ca-key', 'crl'],
  withoutEffect: ['min-tls', 'trace'],
  flagHelp: {
    ...authorityFlagHelp,
    crl: 'PEM: the list; a new one is made when it is not there',
    days: 'how many days until there must be another list (default 30)',
  },
  notes: `Revokes the first certificate of each FILE. Without FILE and --serial the list
is renewed: do that in time, since a list that has expired lets nobody in.
The list is replaced in one step, after its signature was verified.`,
  run,
};

async function run(settings: Settings, ...files: string[]): Promise<ExitCode> {
  const path = listPath(settings);
  const authority = readAuthority(settings);
  const asked = [
    ...files.map((file) => certificateIn(file, authority)),
    ...(settings.serial ?? []).map((serialNumber): Asked => ({ serialNumber, subject: '' })),
  ];
  const { before, added, known, list } = replaced(path, (content) => {
    const before = content === undefined ? undefined : loadList(path, content, authority);
    const onList = new Set(before?.revoked.map(({ serialNumber }) => serialNumber));
    const [added, known]: [Asked[], Asked[]] = [[], []];
    for (const one of asked) {
      (onList.has(one.serialNumber) ? known : added).push(one);
      onList.add(one.serialNumber);
    }
    const list = nextList(authority, before, added, settings);
    return { content: list, before, added, known, list };
  });
  const says = inspect(Buffer.from(list))[0] as InspectedList;
  process.stdout.write(report(path, settings, { isNew: before === undefined, added, known, list: says }));
  return exitCodes.done;
}

interface Asked {
  readonly serialNumber: string;
  /** Empty when only the serial number was given. */
  readonly subject: string;
}

function listPath({ crl = [] }: Settings): string {
  if (crl.length === 1) return crl[0]!;
  throw usageFault('--crl is given more than once', 'a CA has one list');
}

/** @throws Fault when the file cannot be read, or its certificate was not issued by this CA */
function certificateIn(file: string, authority: Authority): Asked {
  const shown = escapeText(file);
  let found: InspectedCertificate | undefined;
  try {
    found = inspect(readFileSync(file)).find((one) => one.type === 'certificate');
  } catch (error) {
    const reason = error instanceof PemFault ? error.message : reasonOf(error);
    throw usageFault(`${shown} cannot be read: ${reason}`, 'nothing was revoked');
  }
  if (found === undefined) {
    throw usageFault(`${shown} holds no certificate`, 'nothing was revoked; a serial number goes with --serial');
  }
  const ca = inspect(authority.der)[0] as InspectedCertificate;
  const { serialNumber, subject } = found.says;
  if (found.fingerprint === ca.fingerprint) {
    throw usageFault(`${shown} is the CA itself, which cannot revoke itself`, 'nothing was revoked');
  }
  if (!isIssuedBy(found, ca)) {
    throw usageFault(
      `${shown} (subject ${subject.text}, issuer ${found.says.issuer.text}) was not issued by this CA`,
      'nothing was revoked; give the CA that issued it',
    );
  }
  return { serialNumber, subject: subject.text };
}

/** @throws Fault when it is not a list of this CA */
function loadList(path: string, content: Buffer, authority: Authority): LoadedRevocationList {
  try {
    return loadRevocationList(content, authority);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw usageFault(`--crl ${escapeText(path)}: ${error.message.replace('crl: ', '')}`, 'nothing was revoked');
  }
}

/** Returns the PEM of the list that replaces another. */
function nextList(
  authority: Authority,
  before: LoadedRevocationList | undefined,
  added: readonly Asked[],
  { days, reason }: Settings,
): string {
  const thisUpdate = new Date(Math.max(Date.now() - skewInMs, before?.thisUpdate.getTime() ?? 0));
  return authority.revocationList({
    revoked: [
      ...(before?.revoked ?? []),
      ...added.map(({ serialNumber }) => ({ serialNumber, ...(reason === undefined ? {} : { reason }) })),
    ],
    thisUpdate,
    number: Math.max(Date.now(), Number(before?.number ?? 0) + 1),
    ...(days === undefined ? {} : { days }),
  }).pem;
}

/** Against clocks that differ. */
const skewInMs = 5 * 60_000;

/**
 * Replaces a file in one step by what `make` makes of its content. Meanwhile nobody else can: of two at once, one would
 * undo what the other has revoked.
 *
 * @throws Fault when it cannot be written
 */
function replaced<Made extends { readonly content: string }>(
  path: string,
  make: (content: Buffer | undefined) => Made,
): Made {
  const shown = escapeText(path);
  let temporary: string | undefined;
  try {
    const target = realPath(path);
    const descriptor = openSync(`${target}.new`, 'wx', 0o644);
    temporary = `${target}.new`;
    const made = make(contentOf(target));
    writeFileSync(descriptor, made.content);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, target);
    temporary = undefined;
    return made;
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    if (systemCode(error) === 'EEXIST') {
      throw usageFault(`${shown}.new is there: the list is being written, or that was cut off`, 'if so, remove it');
    }
    throw usageFault(`--crl ${shown} cannot be written: ${reasonOf(error)}`, 'nothing was revoked');
  } finally {
    if (temporary !== undefined) rmSync(temporary, { force: true });
  }
}

/** Where a link leads to: it is not the link that is replaced. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return path;
    throw error;
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function report(
  path: string,
  settings: Settings,
  {
    isNew,
    added,
    known,
    list,
  }: { isNew: boolean; added: readonly Asked[]; known: readonly Asked[]; list: InspectedList },
): string {
  const paint = paintFor(process.stdout, process.env);
  const { number, revoked, nextUpdate } = list.says;
  const lines = (asked: readonly Asked[]): string =>
    asked.map(({ serialNumber, subject }) => `  ${serialNumber}  ${subject}`.trimEnd().concat('\n')).join('');
  const count = `${revoked.size} certificate${revoked.size === 1 ? '' : 's'}`;
  const { ca, 'ca-key': key, 'passphrase-file': passphrase } = settings;
  const flags = [
    `--ca ${quoted(ca!)} --ca-key ${quoted(key!)}`,
    ...(passphrase === undefined ? [] : [`--passphrase-file ${quoted(passphrase)}`]),
    `--crl ${quoted(path)}`,
  ];
  return `${added.length === 0 ? '' : `revoked\n${lines(added)}\n`}${
    known.length === 0 ? '' : `revoked before, and left as it was\n${lines(known)}\n`
  }wrote ${escapeText(path)}${isNew ? ', a new list' : ''}
  revoked      ${count}
  number       ${number}
  next update  ${dateText(nextUpdate!)}, in ${spanText(nextUpdate!.getTime() - Date.now())}

${paint.bold('what next')}: hand it to all who must refuse them, and renew it before it ends

  ${programName()} pki revoke \\
    ${flags.join(' \\\n    ')}
`;
}
