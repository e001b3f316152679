/**
 * One file of PEM: what is wrong with its form, the command that mends it, and what it holds all the same, so that what
 * is wrong inside is found in the same run.
 */
import { isUtf8 } from 'node:buffer';
import { createPrivateKey } from 'node:crypto';
import {
  PemFault,
  type PemFaultCode,
  readPem,
  readPemCertificates,
  readPemCrls,
  readPemPrivateKey,
  writePem,
} from '../pem.js';
import { type Finding, type FindingId, finding, type Subject } from './finding.js';
import { type Again, beside, shellWord } from './remedies.js';

/** What a file was given as. */
export type FileSubject = Exclude<Subject, 'server'>;

/** A file as it was given. */
export interface GivenFile {
  /** Its path, for messages and commands. */
  readonly path: string;
  /** What it holds; why it cannot be read, in words, when that is so. */
  readonly content: Buffer | { readonly unreadable: string };
  /** Whether others than its owner may read it; `undefined` when that is not known. */
  readonly isOpenToOthers?: boolean;
}

/** The other files, and how the doctor is run again: some files are given in the place of another. */
export interface FormContext {
  readonly cert?: GivenFile | undefined;
  readonly key?: GivenFile | undefined;
  readonly crl?: readonly GivenFile[] | undefined;
  readonly again: Again;
}

/** Returns the text of a file that holds PEM in some form, and what is wrong with the form. */
export function readForm(
  file: GivenFile,
  subject: FileSubject,
  context: FormContext,
): { pem: string | undefined; findings: Finding[] } {
  const { content, path } = file;
  if (!Buffer.isBuffer(content)) {
    const text = `it cannot be read: ${content.unreadable}`;
    return {
      pem: undefined,
      findings: [finding('file-unreadable', subject, text, { cause: 'check the path and the permissions' })],
    };
  }
  try {
    readBlocks(content, subject);
    return { pem: content.toString('utf8'), findings: [] };
  } catch (error) {
    if (!(error instanceof PemFault)) throw error;
    const {
      id,
      text = error.message,
      cause,
      fix,
    } = remedies[error.code](shellWord(path), path, subject, content, context);
    const found = finding(id, subject, text, { cause, fix });
    return { pem: mended(content, error.code, subject), findings: [found] };
  }
}

/** @throws PemFault unless it holds what is expected */
function readBlocks(content: string | Uint8Array, subject: FileSubject): void {
  if (subject === 'key') readPemPrivateKey(content, { allowEncrypted: true });
  else if (subject === 'crl') readPemCrls(content);
  else readPemCertificates(content);
}

interface Remedy {
  readonly id: FindingId;
  /** Default: the words of the fault, which hold no text of the file. */
  readonly text?: string;
  readonly cause?: string;
  readonly fix?: string;
}

type Remedies = Record<
  PemFaultCode,
  (word: string, path: string, subject: FileSubject, content: Buffer, context: FormContext) => Remedy
>;

const copyAgain = 'it was cut when it was copied or pasted; copy it again, whole';

/** Before a command that writes an unlocked key. */
const privately = 'umask 077;';

const remedies: Remedies = {
  empty: () => ({ id: 'file-empty', cause: 'what wrote it failed, or has not written it yet' }),
  binary: (word, path, subject, content) => {
    const named = { id: 'file-binary', text: 'it is binary, not PEM text' } as const;
    if (isPkcs12(content)) {
      const fix = `${privately} openssl pkcs12 -in ${word} -nodes -out ${beside(path, '.from-p12.pem')}`;
      return { ...named, cause: 'it is PKCS#12 (a .p12 or .pfx file)', fix };
    }
    const convert = `-inform der -in ${word} -out`;
    const fix =
      subject === 'key'
        ? `${privately} openssl pkey ${convert} ${beside(path, '.from-der.key')}`
        : `openssl x509 ${convert} ${beside(path, '.from-der.pem')}`;
    return { ...named, cause: 'it is DER', fix };
  },
  'not-utf8': (word, path) => ({
    id: 'file-not-utf8',
    cause: 'it was probably written by PowerShell or an editor of Windows, as UTF-16',
    fix: `iconv -f UTF-16 -t UTF-8 ${word} > ${beside(path, '.utf8.pem')}`,
  }),
  'byte-order-mark': (word, path) => ({
    id: 'file-byte-order-mark',
    cause: 'an editor of Windows saved it',
    fix: `tail -c +4 ${word} > ${beside(path, '.utf8.pem')}`,
  }),
  path: (_word, path, subject, content, { crl = [], again }) => {
    const named = content.toString('utf8').trim();
    const files = crl.map((one) => (one.path === path ? named : one.path));
    return {
      id: 'file-is-a-path',
      cause: 'the file holds the name of another one',
      fix: again({ [subject]: subject === 'crl' ? files : named }),
    };
  },
  'escaped-newlines': (word, path) => ({
    id: 'file-escaped-newlines',
    cause: 'it comes out of JSON or of an environment variable',
    fix: `printf '%b' "$(cat ${word})" > ${beside(path, '.lines.pem')}`,
  }),
  'no-pem': () => ({ id: 'file-not-pem', cause: 'it is something else, or its first and last lines are missing' }),
  'cut-short': () => ({ id: 'file-cut-short', cause: copyAgain }),
  'end-without-begin': () => ({ id: 'file-cut-short', cause: copyAgain }),
  'label-mismatch': () => ({ id: 'file-damaged', cause: 'parts of two files were joined' }),
  'malformed-base64': () => ({ id: 'file-damaged', cause: copyAgain }),
  'empty-block': () => ({ id: 'file-damaged', cause: copyAgain }),
  'key-instead-of-certificate': (_word, path, subject, _content, { key, again }) => ({
    id: 'key-instead-of-certificate',
    cause: 'certificate and key were mistaken for each other',
    fix: again(
      subject !== 'cert'
        ? { [subject]: 'CA.pem' }
        : holds(key, 'CERTIFICATE')
          ? { cert: key!.path, key: path }
          : { cert: 'CERT.pem', key: key?.path ?? path },
    ),
  }),
  'request-instead-of-certificate': (word, path) => ({
    id: 'request-instead-of-certificate',
    cause: 'a CA has to sign it first, and gives the certificate',
    fix: `openssl x509 -req -in ${word} -CA ca.pem -CAkey ca.key -days 365 -copy_extensions copy -out ${beside(path, '.signed.pem')}`,
  }),
  'no-certificate': (word) => ({ id: 'certificate-missing', fix: `grep BEGIN ${word}` }),
  'certificate-instead-of-key': (_word, path, _subject, _content, { cert, again }) => ({
    id: 'certificate-instead-of-key',
    cause: 'certificate and key were mistaken for each other',
    fix: again(
      holds(cert, 'PRIVATE KEY') ? { cert: path, key: cert!.path } : { cert: cert?.path ?? path, key: 'KEY.pem' },
    ),
  }),
  'certificate-instead-of-crl': () => ({
    id: 'certificate-instead-of-crl',
    cause: 'the file of the CA was given; its list of revoked certificates is another',
  }),
  'no-crl': (word) => ({ id: 'crl-missing', fix: `grep BEGIN ${word}` }),
  'no-key': (word) => ({ id: 'key-malformed', fix: `grep BEGIN ${word}` }),
  'several-keys': (word) => ({ id: 'several-keys', cause: 'files were joined', fix: `grep -n BEGIN ${word}` }),
  'encrypted-key': (word, path) => ({
    id: 'key-locked',
    fix: `${privately} openssl pkey -in ${word} -out ${beside(path, '.open.key')}`,
  }),
  'unsupported-key': (word) => ({
    id: 'key-unsupported',
    cause: 'ssh-keygen made it',
    fix: `ssh-keygen -p -m PKCS8 -f ${word}`,
  }),
};

/** Whether a file has a block of PEM whose label ends so. */
function holds(file: GivenFile | undefined, label: string): boolean {
  return Buffer.isBuffer(file?.content) && file.content.includes(`${label}-----`);
}

/** Whether bytes are one SEQUENCE, as certificates, keys and lists in DER are. */
export function isDer(content: Buffer): boolean {
  return content[0] === 0x30 && content[1]! >= 0x80;
}

/** PKCS#12 begins with version 3 (RFC 7292 §4), in a SEQUENCE whose length takes two or three octets. */
function isPkcs12(content: Buffer): boolean {
  const start = content[1]! > 0x80 ? 2 + (content[1]! & 0x7f) : 2;
  return content.subarray(start, start + 3).equals(Buffer.from([2, 1, 3]));
}

/** What the file would hold if its form were mended; `undefined` when that cannot be told. */
function mended(content: Buffer, code: PemFaultCode, subject: FileSubject): string | undefined {
  const text = formMended(content, code, subject);
  if (text === undefined) return undefined;
  try {
    readBlocks(text, subject);
    return text;
  } catch {
    return undefined;
  }
}

function formMended(content: Buffer, code: PemFaultCode, subject: FileSubject): string | undefined {
  switch (code) {
    case 'binary':
      if (isPkcs12(content)) return undefined;
      return subject === 'key' ? keyFromDer(content) : writePem('CERTIFICATE', content);
    case 'byte-order-mark':
      return content.toString('utf8').replace(/^\ufeff/, '');
    case 'not-utf8':
      return fromUtf16(content);
    case 'escaped-newlines':
      return content.toString('utf8').replaceAll('\\r', '').replaceAll('\\n', '\n');
    default:
      return undefined;
  }
}

function keyFromDer(der: Buffer): string | undefined {
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    try {
      const key = createPrivateKey({ key: der, format: 'der', type });
      return key.export({ type: 'pkcs8', format: 'pem' }) as string;
    } catch {
      // It is of another type, or locked.
    }
  }
  return undefined;
}

function fromUtf16(content: Buffer): string | undefined {
  if (isUtf8(content) || content.length % 2 !== 0) return undefined;
  const isBigEndian = content[0] === 0xfe && content[1] === 0xff;
  const text = (isBigEndian ? Buffer.from(content).swap16() : content).toString('utf16le');
  return text.replace(/^\ufeff/, '');
}

/** Whether a file that should hold certificates holds a private key too. */
export function holdsKey(pem: string): boolean {
  return readPem(pem).some(({ label }) => label.endsWith('PRIVATE KEY'));
}
