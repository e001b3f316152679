/**
 * Reads and writes PEM (RFC 7468). It reads as strictly as it must for credentials: whatever is not what its caller expects gets its own
 * fault, because `node:tls` accepts most of it in silence. Text around the blocks is passed over, as in the output of
 * `openssl x509 -text`.
 */
import { Buffer, isUtf8 } from 'node:buffer';

/** What can be wrong with PEM text, each with words that fit behind `ca.pem: `. */
export const pemFaults = {
  empty: 'it is empty',
  binary: 'it is binary (DER or PKCS#12), not PEM text; convert it, for example with `openssl x509 -inform der`',
  'not-utf8': 'it is not text in UTF-8 (a file written by PowerShell `>` is UTF-16)',
  'byte-order-mark': 'it begins with a byte order mark, which hides its first line from OpenSSL; save it without',
  path: 'it looks like a file name; the content of the file is wanted',
  'escaped-newlines': 'its lines are separated by the two characters \\n instead of line breaks',
  'no-pem': 'it has no line -----BEGIN …-----',
  'cut-short': 'a block has no -----END …----- line: the file was cut short',
  'end-without-begin': 'an -----END …----- line has no -----BEGIN …----- line before it',
  'label-mismatch': 'a block ends with another label than it begins with',
  'malformed-base64': 'a block is not valid base64',
  'empty-block': 'a block is empty',
  'key-instead-of-certificate': 'it holds a private key where a certificate is expected',
  'request-instead-of-certificate': 'it holds a signing request (CSR), not the certificate that was issued for it',
  'no-certificate': 'it holds no certificate',
  'certificate-instead-of-crl': 'it holds a certificate where a revocation list (X509 CRL) is expected',
  'no-crl': 'it holds no revocation list (X509 CRL)',
  'certificate-instead-of-key': 'it holds a certificate where a private key is expected',
  'no-key': 'it holds no private key',
  'several-keys': 'it holds more than one private key',
  'encrypted-key': 'its private key is locked by a passphrase',
  'unsupported-key': 'its private key is in the form of OpenSSH; convert it with `ssh-keygen -p -m PKCS8`',
} as const;

export type PemFaultCode = keyof typeof pemFaults;

/** Reports text that is not the PEM that was expected. */
export class PemFault extends Error {
  readonly code: PemFaultCode;
  /** The line of the fault, from 1; `undefined` when it is the whole. */
  readonly line: number | undefined;

  constructor(code: PemFaultCode, line?: number) {
    super(line === undefined ? pemFaults[code] : `${pemFaults[code]} (line ${line})`);
    this.code = code;
    this.line = line;
  }

  override get name(): string {
    return 'PemFault';
  }
}

/** One block between `-----BEGIN label-----` and `-----END label-----`. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
  /** The line of its beginning, from 1. */
  readonly line: number;
  /** Whether it is a private key that needs a passphrase. */
  readonly encrypted: boolean;
}

/**
 * Returns the blocks of PEM text, at least one.
 *
 * @throws PemFault unless the text is whole.
 */
export function readPem(input: string | Uint8Array): PemBlock[] {
  const text = toText(input);
  if (text.startsWith('\ufeff')) throw new PemFault('byte-order-mark', 1);
  const blocks: PemBlock[] = [];
  let open: { label: string; line: number; body: string[] } | undefined;
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = raw.trimEnd();
    const boundary = /^-----(BEGIN|END) ([\x20-\x7e]*)-----$/.exec(line);
    if (boundary === null) {
      open?.body.push(line);
    } else if (boundary[1] === 'BEGIN') {
      if (open !== undefined) throw new PemFault('cut-short', open.line);
      open = { label: boundary[2]!, line: index + 1, body: [] };
    } else {
      if (open === undefined) throw new PemFault('end-without-begin', index + 1);
      if (boundary[2] !== open.label) throw new PemFault('label-mismatch', index + 1);
      blocks.push(closeBlock(open));
      open = undefined;
    }
  }
  if (open !== undefined) throw new PemFault('cut-short', open.line);
  if (blocks.length === 0) throw new PemFault(whyNoBlock(text));
  return blocks;
}

/**
 * Returns the certificates of PEM text, at least one, in order. Blocks of other kinds beside them are passed over, so
 * that a file may hold the key too.
 *
 * @throws PemFault if there is none or the text is not whole.
 */
export function readPemCertificates(input: string | Uint8Array): PemBlock[] {
  const blocks = readPem(input);
  // RFC 7468 §5.1: parsers may take the older labels, too.
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE');
  if (certificates.length > 0) return certificates;
  if (blocks.some(isKey)) throw new PemFault('key-instead-of-certificate');
  const isRequest = blocks.some(({ label }) => label.endsWith('CERTIFICATE REQUEST'));
  throw new PemFault(isRequest ? 'request-instead-of-certificate' : 'no-certificate');
}

/**
 * Returns the certificate revocation lists of PEM text, at least one, in order. Blocks of other kinds beside them are
 * passed over.
 *
 * @throws PemFault if there is none or the text is not whole.
 */
export function readPemCrls(input: string | Uint8Array): PemBlock[] {
  const blocks = readPem(input);
  // RFC 7468 §6: parsers may take the label CRL, too.
  const lists = blocks.filter(({ label }) => label === 'X509 CRL' || label === 'CRL');
  if (lists.length > 0) return lists;
  const isCertificate = blocks.some(({ label }) => label.endsWith('CERTIFICATE'));
  throw new PemFault(isCertificate ? 'certificate-instead-of-crl' : 'no-crl');
}

/** Returns one block of PEM, in lines of 64 characters (RFC 7468 §2). */
export function writePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/**
 * Returns the one private key of PEM text. Certificates and parameters beside it are passed over.
 *
 * @param options `allowEncrypted`: whether a key that needs a passphrase is returned; default `false`.
 * @throws PemFault if there is none or more than one, if it is locked, or if the text is not whole.
 */
export function readPemPrivateKey(input: string | Uint8Array, options: { allowEncrypted?: boolean } = {}): PemBlock {
  const blocks = readPem(input);
  const keys = blocks.filter(isKey);
  const [key] = keys;
  if (key === undefined) {
    throw new PemFault(
      blocks.some(({ label }) => label.endsWith('CERTIFICATE')) ? 'certificate-instead-of-key' : 'no-key',
    );
  }
  if (keys.length > 1) throw new PemFault('several-keys', keys[1]!.line);
  if (key.label === 'OPENSSH PRIVATE KEY') throw new PemFault('unsupported-key', key.line);
  if (key.encrypted && !options.allowEncrypted) throw new PemFault('encrypted-key', key.line);
  return key;
}

function isKey(block: PemBlock): boolean {
  return block.label.endsWith('PRIVATE KEY');
}

function toText(input: string | Uint8Array): string {
  if (typeof input === 'string') return input;
  // A SEQUENCE of more than 127 octets, or one that is all there is: DER, or PKCS#12.
  if (input[0] === 0x30 && (input[1]! >= 0x80 || input[1] === input.length - 2)) throw new PemFault('binary');
  if (!isUtf8(input)) throw new PemFault('not-utf8');
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('utf8');
}

function whyNoBlock(text: string): PemFaultCode {
  const trimmed = text.trim();
  if (trimmed === '') return 'empty';
  if (/^-----BEGIN [^\n]*\\n/.test(trimmed)) return 'escaped-newlines';
  if (trimmed.startsWith('0\u0082') || trimmed.startsWith('0\ufffd')) return 'binary';
  if (trimmed.includes('\0')) return 'not-utf8';
  if (/^[^\n]{1,4096}$/.test(trimmed) && /[/\\]|\.(?:pem|crt|cer|cert|key|der|p12|pfx|txt)$/i.test(trimmed))
    return 'path';
  return 'no-pem';
}

function closeBlock(open: { label: string; line: number; body: string[] }): PemBlock {
  const headers = open.body.indexOf('');
  // RFC 1421 §4.4: header fields, then an empty line; keys in the traditional form have them when they are encrypted.
  const hasHeaders = headers > 0 && open.body[0]!.includes(':');
  const base64 = open.body
    .slice(hasHeaders ? headers + 1 : 0)
    .join('')
    .replace(/[ \t]/g, '');
  if (base64 === '') throw new PemFault('empty-block', open.line);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) {
    throw new PemFault('malformed-base64', open.line);
  }
  return {
    label: open.label,
    der: Buffer.from(base64, 'base64'),
    line: open.line,
    encrypted:
      open.label === 'ENCRYPTED PRIVATE KEY' ||
      (hasHeaders && open.body.slice(0, headers).some((line) => /^Proc-Type:.*\bENCRYPTED\b/.test(line))),
  };
}
