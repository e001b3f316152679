/** The files of one end: each by itself, then together. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { UsageError } from '../../errors.js';
import { escapeText } from '../../text.js';
import { type Credentials, loadCredentials } from '../credentials.js';
import { codeOfVerification, identityFaults } from '../errors.js';
import { readPemCertificates, readPemPrivateKey } from '../pem.js';
import { rehearse } from '../rehearsal.js';
import type { Revocation } from '../revocation.js';
import {
  type Examined,
  examined,
  isAuthority,
  isKeyOf,
  judgeDates,
  judgeNames,
  judgePurpose,
  judgeStrength,
  leafOf,
  nameOf,
  type Role,
  roleOf,
} from './certificate.js';
import { isIssuedByFirst, joinCommand, judgeAuthority, judgeChain } from './chain.js';
import { type FormContext, type GivenFile, holdsKey, readForm } from './file.js';
import { type Finding, finding, hasError, type Subject } from './finding.js';
import { examineLists, judgeRevocation } from './lists.js';
import { type Again, beside, doctorCommand, type Reissue, reissueFor, shellWord, unknownCas } from './remedies.js';

export interface FilesToExamine {
  readonly ca?: GivenFile | undefined;
  readonly cert?: GivenFile | undefined;
  readonly key?: GivenFile | undefined;
  readonly crl?: readonly GivenFile[] | undefined;
  readonly passphrase?: string | undefined;
  /** The end that presents the certificate. Default: the one it says it is for. */
  readonly role?: Role;
  /** The names by which clients reach the server whose certificate it is. */
  readonly hosts?: readonly string[];
  /** Whether `cert` must lead to `ca`. `false` where `ca` is for the certificate of the other end only. */
  readonly isOneAuthority: boolean;
  /** The command that examines them again. Default: with the changed flags alone. */
  readonly again?: Again;
}

export interface FilesVerdict {
  readonly findings: Finding[];
  /** The certificates of `ca` that can be read, and are CAs. */
  readonly anchors: readonly Examined[];
  /** Those of `cert`, leaf first. */
  readonly chain: readonly Examined[];
  /** What judges by the lists of `crl`; `undefined` without any that can be used. */
  readonly revocation: Revocation | undefined;
}

/** Examines files; never rejects, whatever they hold. */
export async function examineFiles(files: FilesToExamine): Promise<FilesVerdict> {
  const findings: Finding[] = [];
  const add = (more: readonly Finding[]): void => void findings.push(...more);
  const { cert, crl, again = (changes) => doctorCommand('', changes) } = files;
  const form: FormContext = { cert, key: files.key, crl, again };
  const anchors = files.ca === undefined ? [] : readCertificates(files.ca, 'ca', form, add);
  if (files.ca !== undefined) add(judgeAnchors(anchors, files.ca));
  const authorities = anchors.filter(isAuthority);
  const key = files.key === undefined ? undefined : readKey(files.key, files.passphrase, form, add);
  const given = cert === undefined ? [] : readCertificates(cert, 'cert', form, add);
  const isPem = !findings.some(({ subject, severity }) => subject === 'cert' && severity === 'error');
  const chain = leafFirst(given, key, cert, add);
  const lists = examineLists(authorities, form, files.ca?.path);
  add(lists.findings);
  const verdict = { findings, anchors: authorities, chain, revocation: lists.revocation };
  const [leaf] = chain;
  const extent = judgeExtent(files, { leaf, authorities, key });
  if (leaf === undefined) {
    add(extent);
    return verdict;
  }
  const { hosts = [] } = files;
  const demanded = files.role ?? (hosts.length > 0 ? 'server' : undefined);
  const role = demanded ?? roleOf(leaf);
  const replacement = { san: leaf.fields.san, hosts };
  const ca = files.ca?.path ?? unknownCas.certificate;
  const reissue = reissueFor({ ...replacement, ca: isIssuedByFirst(leaf, anchors) ? ca : unknownCas.certificate });
  add(judgeLeaf(leaf, 'cert', { role, demanded, hosts, reissue }));
  if (authorities.length > 0) {
    const severity = files.isOneAuthority ? 'error' : 'note';
    const path = isPem ? cert!.path : undefined;
    const anew = reissueFor({ ...replacement, ca })(role ?? 'server');
    const context = { subject: 'cert', path, severity, reissue: anew } as const;
    const { findings: found, proven } = judgeChain(chain, authorities, context);
    const isRooted = !findings.some(({ id }) => id === 'ca-not-root');
    add(found.filter(({ id }) => isRooted || id !== 'chain-ok'));
    if (proven !== undefined && lists.revocation !== undefined) {
      add(judgeRevocation(proven, lists.revocation, 'cert', () => reissue(role ?? 'server')));
    }
  }
  if (key !== undefined) add(judgeKey(key, leaf, anchors, files));
  add(extent);
  if (!hasError(findings)) add(await judgeInUse(files, role));
  return verdict;
}

/** What was not looked at, because of what is missing. */
function judgeExtent(
  { cert, key: keyFile, isOneAuthority }: FilesToExamine,
  {
    leaf,
    authorities,
    key,
  }: { leaf: Examined | undefined; authorities: readonly Examined[]; key: KeyObject | undefined },
): Finding[] {
  const notChecked = (subject: Subject, text: string): Finding => finding('not-checked', subject, text);
  const findings: Finding[] = [];
  if (!isOneAuthority) return findings;
  if (leaf !== undefined && authorities.length === 0)
    findings.push(notChecked('cert', 'the chain was not checked: give --ca, with a CA that can be used'));
  if (leaf !== undefined && keyFile === undefined)
    findings.push(notChecked('cert', 'whether the key belongs to it was not checked: give --key'));
  if (key !== undefined && cert === undefined)
    findings.push(notChecked('key', 'whether it is the key of a certificate was not checked: give --cert'));
  return findings;
}

/**
 * What `connect` and `createServer` will say of files that look good, and what OpenSSL says of them in a TLS handshake in
 * memory: it knows rules that the doctor does not look for. Finds only what is wrong.
 */
async function judgeInUse(files: FilesToExamine, role: Role): Promise<Finding[]> {
  const { ca, cert, key, crl = [], passphrase, isOneAuthority } = files;
  if (ca === undefined || cert === undefined || key === undefined) return [];
  let credentials: Credentials;
  try {
    credentials = loadCredentials({
      ca: ca.content as Buffer,
      cert: cert.content as Buffer,
      key: key.content as Buffer,
      ...(passphrase !== undefined && { passphrase }),
      ...(crl.length > 0 && { crl: crl.map(({ content }) => content as Buffer) }),
    });
  } catch (error) {
    const option = error instanceof UsageError ? error.option : undefined;
    const subject = option === 'ca' || option === 'key' || option === 'crl' ? option : 'cert';
    return [finding('not-usable', subject, escapeText(error instanceof Error ? error.message : String(error)))];
  }
  if (!isOneAuthority) return [];
  const { asServer, asClient } = await rehearse(credentials);
  const verdict = role === 'server' ? asServer : role === 'client' ? asClient : (asServer ?? asClient);
  return verdict === undefined ? [] : [judgeVerdict(verdict, 'cert')];
}

/** A refusal of OpenSSL's that the doctor has no finding of its own for. */
export function judgeVerdict(result: string, subject: Subject): Finding {
  const { words, hint } = identityFaults[codeOfVerification(result)];
  return finding('openssl-refuses', subject, `OpenSSL refuses ${leafOf(subject)} (${escapeText(result)}): ${words}`, {
    cause: hint,
  });
}

export interface LeafContext {
  /** The end that presents it; `undefined` when it may be either. */
  readonly role: Role;
  /** The same, where somebody has said it: then its purpose must be that. */
  readonly demanded: Role;
  readonly hosts: readonly string[];
  readonly reissue: Reissue;
}

/** Everything about a leaf that can be told from it alone. */
export function judgeLeaf(leaf: Examined, subject: 'cert' | 'server', context: LeafContext): Finding[] {
  const { role, demanded, hosts, reissue } = context;
  const fix = reissue(role ?? 'server');
  const issuer = leaf.fields.issuer.text || 'an empty name';
  const findings = [finding('certificate', subject, `${nameOf(leaf)}, issued by ${issuer}`)];
  if (leaf.fields.basicConstraints?.ca === true) {
    const text = `${leafOf(subject)} is that of a CA, where that of one end is wanted`;
    findings.push(finding('ca-as-leaf', subject, text, { fix }));
  }
  findings.push(...judgeDates(leaf, subject, leafOf(subject), fix));
  findings.push(...judgeStrength(leaf, subject, leafOf(subject), false, fix));
  findings.push(...judgePurpose(leaf, subject, demanded, reissue));
  if (role === 'client') return findings;
  const names = judgeNames(leaf, subject, hosts, reissue);
  return [...findings, ...(role === undefined ? names.map(asNote) : names)];
}

/** Whoever may be a client as well need not have what a server needs. */
function asNote(found: Finding): Finding {
  if (found.severity !== 'error') return found;
  return finding(found.id, found.subject, `if it is for a server: ${found.text}`, { severity: 'note' });
}

function readCertificates(
  file: GivenFile,
  subject: 'ca' | 'cert',
  context: FormContext,
  add: (findings: readonly Finding[]) => void,
): Examined[] {
  const { pem, findings } = readForm(file, subject, context);
  add(findings);
  if (pem === undefined) return [];
  const certificates: Examined[] = [];
  const blocks = readPemCertificates(pem);
  for (const [index, { der }] of blocks.entries()) {
    try {
      certificates.push(examined(der));
    } catch (error) {
      const which = blocks.length === 1 ? 'it' : `certificate ${index + 1} of ${blocks.length}`;
      const reason = escapeText(error instanceof Error ? error.message : String(error));
      add([finding('certificate-malformed', subject, `${which} cannot be read as a certificate (${reason})`)]);
    }
  }
  if (subject === 'ca' && holdsKey(pem)) {
    const word = shellWord(file.path);
    add([
      finding(
        'key-beside-ca',
        'ca',
        'it holds a private key beside the certificate: whoever gets this file may get the CA',
        {
          cause: 'files were joined; the CA is given to every end, its key to none',
          fix: `openssl x509 -in ${word} -out ${beside(file.path, '.without-key.pem')}`,
        },
      ),
    ]);
  }
  return certificates;
}

function judgeAnchors(anchors: readonly Examined[], file: GivenFile): Finding[] {
  const findings: Finding[] = [];
  for (const anchor of anchors) {
    const what = anchors.length === 1 ? 'it' : nameOf(anchor);
    const { subject, issuer } = anchor.fields;
    findings.push(finding('certificate', 'ca', nameOf(anchor)));
    const faults = judgeAuthority(anchor, 'ca', what);
    findings.push(...faults);
    if (
      faults.length === 0 &&
      subject.text !== issuer.text &&
      !anchors.some((one) => one.fields.subject.text === issuer.text)
    ) {
      const text = `${what} is an intermediate, issued by ${issuer.text}: OpenSSL, and so Node, trusts no chain that does not end in a root`;
      findings.push(
        finding('ca-not-root', 'ca', text, {
          cause: 'the root was left out',
          fix: `cat ${shellWord(file.path)} ROOT.pem > ${beside(file.path, '.with-root.pem')}`,
        }),
      );
    }
    findings.push(...judgeDates(anchor, 'ca', what, 'mtls-ws pki init DIR'));
    findings.push(...judgeStrength(anchor, 'ca', what, true, 'mtls-ws pki init DIR'));
  }
  return findings;
}

function readKey(
  file: GivenFile,
  passphrase: string | undefined,
  context: FormContext,
  add: (findings: readonly Finding[]) => void,
): KeyObject | undefined {
  const word = shellWord(file.path);
  const { pem, findings } = readForm(file, 'key', context);
  add(findings);
  if (pem === undefined) return undefined;
  if (file.isOpenToOthers === true) {
    const text = 'others on this machine can read it';
    add([finding('key-readable-by-others', 'key', text, { fix: `chmod 600 ${word}` })]);
  }
  const { encrypted } = readPemPrivateKey(pem, { allowEncrypted: true });
  if (encrypted && passphrase === undefined) {
    const text = 'it is locked by a passphrase, and none was given';
    add([finding('key-locked', 'key', text, { fix: context.again({ key: file.path, 'passphrase-file': 'FILE' }) })]);
    return undefined;
  }
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch {
    if (encrypted)
      add([
        finding('passphrase-wrong', 'key', 'the passphrase does not unlock it', {
          fix: `openssl pkey -in ${word} -noout`,
        }),
      ]);
    else
      add([
        finding('key-malformed', 'key', 'it cannot be read as a private key', {
          fix: `openssl pkey -in ${word} -check -noout`,
        }),
      ]);
    return undefined;
  }
}

/** The leaf belongs to the key; without one it is the certificate that is no CA. It must be the first. */
function leafFirst(
  given: readonly Examined[],
  key: KeyObject | undefined,
  file: GivenFile | undefined,
  add: (findings: readonly Finding[]) => void,
): readonly Examined[] {
  const belongs = (one: Examined): boolean => key !== undefined && isKeyOf(key, one);
  const byKey = given.findIndex(belongs);
  const index = byKey >= 0 ? byKey : given.findIndex((one) => !isAuthority(one));
  if (index <= 0) return given;
  const leaf = given[index]!;
  const text = `the certificate of this end, ${nameOf(leaf)}, is number ${index + 1} in the file: it must be the first, its issuer behind it`;
  add([
    finding('leaf-not-first', 'cert', text, {
      cause: 'files were joined in the wrong order',
      fix: joinCommand(file!.path, 'in-order', 'LEAF.pem'),
    }),
  ]);
  return [leaf, ...given.filter((one) => one !== leaf)];
}

function judgeKey(key: KeyObject, leaf: Examined, anchors: readonly Examined[], files: FilesToExamine): Finding[] {
  if (isKeyOf(key, leaf)) return [finding('key-matches', 'key', 'it is the key of the certificate')];
  const owner = anchors.find((anchor) => isKeyOf(key, anchor));
  const text = `it is not the key of the certificate ${nameOf(leaf)}`;
  const cause =
    owner === undefined
      ? 'one of the two was replaced and the other was not, or they belong to different ends'
      : `it is the key of the CA ${nameOf(owner)}`;
  const unlock = files.passphrase === undefined ? '' : ' --passphrase-file FILE';
  const fix = `mtls-ws pki show *.pem ${shellWord(files.key!.path)}${unlock}`;
  return [finding('key-mismatch', 'key', text, { cause, fix })];
}
