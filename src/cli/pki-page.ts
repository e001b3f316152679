/**
 * The page of `mtls-ws pki show`: what was found, as a person wants to read it. Nothing in it can steer a terminal.
 */
import { escapeText } from '../text.js';
import type { SubjectAltNames } from '../tls/index.js';
import {
  type InspectedCertificate,
  type InspectedKey,
  type InspectedList,
  type InspectedRequest,
  type KeyDescription,
  purposeName,
} from '../tls/pki/inspection/index.js';
import { dateText, spanText } from './dates.js';
import { isCertificate, type Of, ownersOf, placeText, type Shown, signersOf } from './pki-shown.js';
import { columns, type Paint, paintFor, wrap } from './terminal.js';

type Row = readonly [label: string, text: string];

/** Where the texts begin, behind the widest label. */
const textColumn = 15;

/** Returns the page of what was found. */
export function page(all: readonly Shown[]): string {
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

function certificateRows(one: Of<InspectedCertificate>, all: readonly Shown[], paint: Paint): Row[] {
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

/** Says who signed a certificate, as far as these files tell. */
function signerText(one: Of<InspectedCertificate>, all: readonly Shown[]): string {
  const signers = signersOf(one, all);
  if (signers.some(({ what }) => what.fingerprint === one.what.fingerprint)) return 'itself';
  const next = all.filter(isCertificate).find(({ file, place }) => file === one.file && place > one.place);
  if (next !== undefined && signers.includes(next)) {
    return `the next certificate of this file (${next.place} of ${next.count})`;
  }
  const [signer] = signers;
  if (signer === undefined) {
    const another = next === undefined ? '' : `: the next certificate (${next.place}) is of another CA`;
    return `none of these files${another}`;
  }
  const order = next === undefined || signer.file !== one.file ? '' : ', which is not the next';
  return `that of ${placeText(signer)}${order}`;
}

function ownersText(owners: readonly Shown[]): string {
  return owners.length === 0 ? 'to none of these certificates' : `to ${owners.map(placeText).join(', ')}`;
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
    : `yes, with up to ${pathLength} CA${pathLength === 1 ? '' : 's'} between it and a leaf (path length ${pathLength})`;
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

function listRows(one: Of<InspectedList>, all: readonly Shown[], paint: Paint): Row[] {
  const { says, signature } = one.what;
  const { issuer, number, thisUpdate, nextUpdate, revoked } = says;
  const [signer] = signersOf(one, all);
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

function keyRows(one: Of<InspectedKey>, all: readonly Shown[], hasCertificate: boolean): Row[] {
  const { key, publicKeySha256 } = one.what;
  if (key === undefined || publicKeySha256 === undefined) {
    return [['key', 'cannot be told without the passphrase: --passphrase-file FILE']];
  }
  return [
    ['key', keyText(key)],
    ...(hasCertificate ? [['belongs', ownersText(ownersOf(one, all))] as const] : []),
    ['SPKI pin', publicKeySha256],
  ];
}
