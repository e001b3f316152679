/**
 * `mtls-ws pki show FILE…`: what is in files of a PKI, as a person wants to read it, or as JSON.
 */
import { readFileSync } from 'node:fs';
import { escapeText } from '../text.js';
import { PemFault, type SubjectAltNames } from '../tls/index.js';
import {
  type Inspected,
  type InspectedCertificate,
  type InspectedKey,
  type InspectedList,
  type InspectedRequest,
  inspect,
  isIssuedBy,
  isListOf,
  type KeyDescription,
  purposeName,
} from '../tls/pki/inspection/index.js';
import type { Command } from './command.js';
import { readPassphrase } from './credentials-files.js';
import { dateText, spanText } from './dates.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';
import { columns, type Paint, paintFor, wrap } from './terminal.js';

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

/** One thing in a file. */
interface Shown {
  readonly file: string;
  /** Its place in the file, from 1. */
  readonly place: number;
  /** How many there are in the file. */
  readonly count: number;
  readonly what: Inspected;
}

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
  throw usageFault(`${unread.map((one) => placeText(one)).join(', ')} cannot be read`);
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

function placeText({ file, place, count }: Shown): string {
  return count === 1 ? escapeText(file) : `${escapeText(file)} (${place} of ${count})`;
}

// What one thing has to do with others.

function isCertificate(one: Shown): one is Shown & { what: InspectedCertificate } {
  return one.what.type === 'certificate';
}

/** Says who signed a certificate, as far as these files tell. */
function signerText(one: Shown & { what: InspectedCertificate }, all: readonly Shown[]): string {
  if (isIssuedBy(one.what, one.what)) return 'itself';
  const certificates = all.filter(isCertificate);
  const next = certificates.find(({ file, place }) => file === one.file && place > one.place);
  if (next !== undefined && isIssuedBy(one.what, next.what))
    return `the next certificate of this file (${next.place} of ${next.count})`;
  const signer = certificates.find(({ what }) => isIssuedBy(one.what, what));
  if (signer !== undefined)
    return next === undefined || signer.file !== one.file
      ? `that of ${placeText(signer)}`
      : `that of ${placeText(signer)}, which is not the next`;
  return next === undefined
    ? 'none of these files'
    : `none of these files: the next certificate (${next.place}) is of another CA`;
}

function ownersText({ what }: Shown & { what: InspectedKey }, all: readonly Shown[]): string {
  const owners = all.filter(isCertificate).filter((one) => one.what.says.publicKeySha256 === what.publicKeySha256);
  return owners.length === 0 ? 'to none of these certificates' : `to ${owners.map(placeText).join(', ')}`;
}

// The page.

type Row = readonly [label: string, text: string];

/** Where the texts begin, behind the widest label. */
const textColumn = 15;

function page(all: readonly Shown[]): string {
  const paint = paintFor(process.stdout, process.env);
  const hasCertificate = all.some(isCertificate);
  return all
    .map((one) => {
      const [title, rows] = describe(one, all, hasCertificate, paint);
      const lines = rows.flatMap(([label, text]) => layOut(label, text, paint));
      return `${paint.bold(placeText(one))}  ${title}\n${lines.map((line) => `${line}\n`).join('')}`;
    })
    .join('\n');
}

/** Hex stays on one line, however long: it is there to be copied. */
function layOut(label: string, text: string, paint: Paint): string[] {
  const texts = /^[\dA-Fa-f:]+$/.test(text) ? [text] : wrap(text, columns - textColumn);
  return texts.map((line, index) => `  ${paint.dim((index === 0 ? label : '').padEnd(textColumn - 2))}${line}`);
}

function describe(one: Shown, all: readonly Shown[], hasCertificate: boolean, paint: Paint): [string, readonly Row[]] {
  const { what } = one;
  switch (what.type) {
    case 'certificate':
      return [
        what.says.basicConstraints?.ca === true ? 'CA certificate' : 'certificate',
        certificateRows({ ...one, what }, all, paint),
      ];
    case 'revocation-list':
      return ['revocation list (CRL)', listRows({ ...one, what }, all, paint)];
    case 'request':
      return ['signing request (CSR): no certificate yet', requestRows(what)];
    case 'private-key':
      return [
        what.isLocked ? 'private key, locked by a passphrase' : 'private key, not locked',
        keyRows({ ...one, what }, all, hasCertificate),
      ];
    case 'public-key':
      return ['public key', keyRows({ ...one, what }, all, hasCertificate)];
    case 'other':
      return [what.fault === undefined ? `${what.label}: not looked into` : `${what.label}: ${what.fault}`, []];
  }
}

function certificateRows(one: Shown & { what: InspectedCertificate }, all: readonly Shown[], paint: Paint): Row[] {
  const { says, key, signature, fingerprint } = one.what;
  const names = nameRows(says.san);
  return [
    ['subject', says.subject.text === '' ? 'none' : says.subject.text],
    ['issuer', says.issuer.text],
    ...(names.length > 0 || says.basicConstraints?.ca === true
      ? names
      : [['names', 'none (no subject alternative name)'] as const]),
    ['valid', `${dateText(says.validFrom)} to ${dateText(says.validTo)}`],
    ['', validityText(says.validFrom, says.validTo, paint)],
    ['purpose', says.extendedKeyUsage?.map(purposeName).join(', ') ?? 'any (no extended key usage)'],
    ['key usage', says.keyUsage?.map(usageName).join(', ') ?? 'any (not limited)'],
    ['CA', authorityText(says)],
    ['key', keyText(key)],
    ['signature', signature],
    ['signed by', signerText(one, all)],
    ['serial', says.serialNumber],
    ['fingerprint', fingerprint],
    ['SPKI pin', says.publicKeySha256],
  ];
}

/** The names of one kind that a page shows; JSON has them all. */
const shownNames = 20;

function nameRows(san: SubjectAltNames): Row[] {
  const row = (label: string, names: readonly string[]): Row[] => {
    if (names.length === 0) return [];
    const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : '';
    return [[label, `${names.slice(0, shownNames).map(nameText).join(', ')}${more}`]];
  };
  return [
    ...row('DNS names', san.dns),
    ...row('addresses', san.ip),
    ...row('URIs', san.uri),
    ...row('e-mail', san.email),
    ...row(
      'directory',
      san.directoryName.map(({ text }) => text),
    ),
    ...row('other names', [...san.otherName, ...san.registeredId]),
    // Escaped already, where they were found unfit.
    ...san.unusable.slice(0, shownNames).map(({ kind, text }): Row => ['unusable', `${kind} "${text}"`]),
  ];
}

/** One name must not read like two. */
function nameText(name: string): string {
  const text = escapeText(name);
  return /[",]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}

function validityText(from: Date, to: Date, paint: Paint): string {
  const now = Date.now();
  if (now < from.getTime()) return paint.red(`not valid before ${spanText(from.getTime() - now)} from now`);
  const left = to.getTime() - now;
  if (left < 0) return paint.red(`expired ${spanText(left)} ago`);
  const text = `expires in ${spanText(left)}`;
  return left < soonInMs ? paint.yellow(text) : text;
}

const soonInMs = 30 * 86_400_000;

function authorityText({ basicConstraints, version }: InspectedCertificate['says']): string {
  if (basicConstraints === undefined && version === 1) return 'it does not say (version 1)';
  if (basicConstraints?.ca !== true) return 'no';
  const { pathLength } = basicConstraints;
  if (pathLength === undefined) return 'yes, with any number of CAs below it';
  return pathLength === 0
    ? 'yes, with no CA below it (path length 0)'
    : `yes, with CAs ${pathLength} deep below it (path length ${pathLength})`;
}

/** The words in which RFC 5280 §4.2.1.3 names the bits, apart: `digital signature`. */
function usageName(usage: string): string {
  if (usage === 'cRLSign') return 'CRL signing';
  if (usage === 'keyCertSign') return 'certificate signing';
  return usage.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function keyText({ algorithm, bits }: KeyDescription): string {
  return bits === undefined ? algorithm : `${algorithm}, ${bits} bits`;
}

function listRows(one: Shown & { what: InspectedList }, all: readonly Shown[], paint: Paint): Row[] {
  const { says, signature } = one.what;
  const { issuer, number, thisUpdate, nextUpdate, revoked } = says;
  const signer = all.filter(isCertificate).find(({ what }) => isListOf(one.what, what));
  const entries = [...revoked].slice(-shownNames).map(({ serialNumber, date, reason }): Row => {
    return ['', `${serialNumber}  ${dateText(date).slice(0, 10)}${reason === undefined ? '' : `  ${reason}`}`];
  });
  const left = revoked.size - entries.length;
  return [
    ['issuer', issuer.text],
    ['number', number === undefined ? 'none' : String(number)],
    ['issued', dateText(thisUpdate)],
    ['next update', nextUpdate === undefined ? 'it does not say' : dateText(nextUpdate)],
    ...(nextUpdate === undefined ? [] : [['', validityText(thisUpdate, nextUpdate, paint)] as const]),
    ['signature', signature],
    ['signed by', signer === undefined ? 'none of these files' : `that of ${placeText(signer)}`],
    [
      'revoked',
      `${revoked.size} certificate${revoked.size === 1 ? '' : 's'}${left > 0 ? `, of which the last ${entries.length}` : ''}`,
    ],
    ...entries,
  ];
}

function requestRows({ subject, san, key, signature, publicKeySha256 }: InspectedRequest): Row[] {
  return [
    ['subject', subject.text === '' ? 'none' : subject.text],
    ...nameRows(san),
    ['key', keyText(key)],
    ['signature', signature],
    ['SPKI pin', publicKeySha256],
  ];
}

function keyRows(one: Shown & { what: InspectedKey }, all: readonly Shown[], hasCertificate: boolean): Row[] {
  const { key, publicKeySha256 } = one.what;
  if (key === undefined || publicKeySha256 === undefined) {
    return [['key', 'cannot be told without the passphrase: --passphrase-file FILE']];
  }
  return [
    ['key', keyText(key)],
    ...(hasCertificate ? [['belongs', ownersText(one, all)] as const] : []),
    ['SPKI pin', publicKeySha256],
  ];
}

// The same as JSON.

function toJson(all: readonly Shown[]): unknown {
  return all.map((one) => ({ file: one.file, place: one.place, ...jsonOf(one, all) }));
}

function jsonOf(one: Shown, all: readonly Shown[]): object {
  const { what } = one;
  switch (what.type) {
    case 'certificate': {
      const { says, key, signature, fingerprint } = what;
      return {
        type: what.type,
        subject: says.subject.text,
        issuer: says.issuer.text,
        serialNumber: says.serialNumber,
        validFrom: says.validFrom,
        validTo: says.validTo,
        san: sanJson(says.san),
        extendedKeyUsage: says.extendedKeyUsage ?? null,
        keyUsage: says.keyUsage ?? null,
        ca: says.basicConstraints?.ca ?? false,
        pathLength: says.basicConstraints?.pathLength ?? null,
        key,
        signature,
        fingerprint,
        publicKeySha256: says.publicKeySha256,
        issuedBy: all
          .filter(isCertificate)
          .filter((other) => isIssuedBy(what, other.what))
          .map(({ file, place }) => ({ file, place })),
      };
    }
    case 'revocation-list': {
      const { issuer, number, thisUpdate, nextUpdate, revoked } = what.says;
      return {
        type: what.type,
        issuer: issuer.text,
        number: number === undefined ? null : String(number),
        thisUpdate,
        nextUpdate: nextUpdate ?? null,
        signature: what.signature,
        issuedBy: all
          .filter(isCertificate)
          .filter((other) => isListOf(what, other.what))
          .map(({ file, place }) => ({ file, place })),
        revoked: [...revoked].map(({ serialNumber, date, reason = null }) => ({ serialNumber, date, reason })),
      };
    }
    case 'request':
      return { ...what, subject: what.subject.text, san: sanJson(what.san) };
    case 'private-key':
    case 'public-key':
      return { ...what, key: what.key ?? null, publicKeySha256: what.publicKeySha256 ?? null };
    case 'other':
      return { ...what, fault: what.fault ?? null };
  }
}

function sanJson(san: SubjectAltNames): object {
  return { ...san, directoryName: san.directoryName.map(({ text }) => text) };
}
