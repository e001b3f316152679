/**
 * Credentials: whom to trust, and what to show. All of it is read and checked before anything listens or connects,
 * because `node:tls` accepts in silence what cannot work, or works without protection (M5, M6).
 */
import { Buffer } from 'node:buffer';
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import * as tls from 'node:tls';
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { parseCertificate } from './certificate.js';
import { CrlFault, parseCrl, type RevocationList, verifyCrl } from './crl.js';
import { secureOptions, type TlsVersion, tlsOptions, tlsVersions } from './defaults.js';
import { identityFromChain, type PeerIdentity } from './identity.js';
import { type PemBlock, PemFault, readPemCertificates, readPemCrls, readPemPrivateKey, writePem } from './pem.js';
import { Revocation } from './revocation.js';

/** PEM as text or bytes. A path is not PEM: read the file first. */
export type PemInput = string | Uint8Array;

/** Certificate revocation lists: PEM as text or bytes, of one list or several; or the bytes of one list in DER. */
export type CrlInput = string | Uint8Array;

/** What both ends need for mutual TLS; the names are those of `node:tls`. */
export interface CredentialInput {
  /** The certificates of the CAs that the peer's certificate may come from. Required: public CAs are never trusted. */
  ca: PemInput | readonly PemInput[];
  /** The certificate of this end, followed by its intermediates. Required. */
  cert: PemInput;
  /** The private key of `cert`. Required. */
  key: PemInput;
  /** Unlocks `key`. Default: the key is not locked. */
  passphrase?: string;
  /** The lowest TLS version. Default `TLSv1.3`. */
  minVersion?: TlsVersion;
  /**
   * The revocation lists (RFC 5280 §5) by which the other end's certificates are refused: for each CA of its chain, the
   * current one. A certificate whose CA has none is refused, too. Default: none, and nothing is known to be revoked.
   */
  crl?: CrlInput | readonly CrlInput[];
  /**
   * Goes on by a list that has expired: what was revoked since then is let in. Then this library's own check is the only
   * one, without that of OpenSSL. Default `false`: once a list has expired, every certificate of its CA is refused.
   */
  insecureAcceptExpiredCrl?: boolean;
}

export const credentialInputNames: Readonly<Record<keyof CredentialInput, true>> = {
  ca: true,
  cert: true,
  key: true,
  passphrase: true,
  minVersion: true,
  crl: true,
  insecureAcceptExpiredCrl: true,
};

/** What is wrong with credentials: the code of the `UsageError`, beside those of `pemFaults`. */
export const credentialFaults = {
  'credential-missing': 'it is missing: mutual TLS needs ca, cert and key',
  'credential-not-pem': 'it must be PEM, as text or bytes',
  'not-a-ca': 'is not a CA certificate (basicConstraints without CA:TRUE): it cannot have issued others',
  'certificate-malformed': 'cannot be read as a certificate',
  'key-malformed': 'it cannot be read as a private key',
  'key-of-another-certificate': 'the key is not that of the certificate',
  'wrong-passphrase': 'the passphrase does not unlock the private key',
  'min-version-unknown': 'must be TLSv1.3 or TLSv1.2',
  'crl-missing': 'it is an empty list: leave it out if nothing is to be checked',
  'crl-not-pem': 'it must be PEM, as text or bytes, or bytes in DER',
  'crl-malformed': 'cannot be read as a revocation list',
  'crl-bad-signature': 'is not signed by the key of the CA of that name in ca, or that CA may not sign lists',
  'crl-of-another-ca': 'no list is of a CA in ca, and so no certificate could be accepted',
  'not-usable': 'OpenSSL does not accept it',
} as const;

/** Credentials that were checked as a whole. */
export interface Credentials {
  readonly ca: readonly string[];
  /** The certificates of `ca`. */
  readonly anchors: readonly X509Certificate[];
  /** Their subjects, in the same order. */
  readonly authorityNames: readonly string[];
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
  readonly minVersion: TlsVersion;
  /** What refuses certificates that were revoked; `undefined` without `crl`. */
  readonly revocation: Revocation | undefined;
  /** What `cert` says of this end. */
  readonly identity: PeerIdentity;
  /** SHA-256 in hex of the trust anchors: the same text gives the same digest. */
  readonly trustedAs: string;
  /** SHA-256 in hex of what the peer is verified against: of the trust anchors and the revocation lists. */
  readonly trustDigest: string;
  /** What a client connects with: made once, and not for each connection. */
  readonly clientContext: tls.SecureContext;
}

type Option = keyof CredentialInput;

/** Returns the error about a credential. */
export function fault(option: Option, code: string, words: string, cause?: unknown): UsageError {
  return new UsageError(code, `${option}: ${words}`, { option }, cause === undefined ? undefined : { cause });
}

function isPem(value: unknown): value is PemInput {
  return typeof value === 'string' || value instanceof Uint8Array;
}

/** Runs a reader of PEM, and says which option its fault is in. */
export function reading<T>(option: Option, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PemFault) throw fault(option, `pem-${error.code}`, error.message, error);
    throw error;
  }
}

/** Returns a credential that cannot be done without, as it is. */
export function present(option: 'cert' | 'key', value: unknown): PemInput {
  if (value === undefined || value === null)
    throw fault(option, 'credential-missing', credentialFaults['credential-missing']);
  if (!isPem(value)) throw fault(option, 'credential-not-pem', credentialFaults['credential-not-pem']);
  return value;
}

function toPem(blocks: readonly PemBlock[]): string {
  return blocks.map(({ der }) => writePem('CERTIFICATE', der)).join('');
}

/** Reads the trust anchors: at least one, and CA certificates all of them. */
function readAuthorities(input: unknown): Pick<Credentials, 'ca' | 'anchors' | 'authorityNames'> {
  const entries: unknown[] = Array.isArray(input) ? input : input === undefined || input === null ? [] : [input];
  if (entries.length === 0) throw fault('ca', 'credential-missing', credentialFaults['credential-missing']);
  const blocks: PemBlock[] = [];
  for (const entry of entries) {
    if (!isPem(entry)) throw fault('ca', 'credential-not-pem', credentialFaults['credential-not-pem']);
    blocks.push(...reading('ca', () => readPemCertificates(entry)));
  }
  const authorityNames: string[] = [];
  for (const [index, { der }] of blocks.entries()) {
    const which = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length}`;
    const certificate = parse('ca', der, which);
    // A version 1 certificate cannot say that it is a CA; one that issued itself is taken as one, as OpenSSL does.
    const isAuthority =
      certificate.basicConstraints?.ca === true ||
      (certificate.version === 1 && certificate.subject.text === certificate.issuer.text);
    if (!isAuthority) {
      throw fault('ca', 'not-a-ca', `${which} (subject ${certificate.subject.text}) ${credentialFaults['not-a-ca']}`);
    }
    authorityNames.push(certificate.subject.text);
  }
  return { ca: [toPem(blocks)], anchors: blocks.map(({ der }) => new X509Certificate(der)), authorityNames };
}

/** Parses a certificate; `which` of them it is goes into the error. */
export function parse(option: 'ca' | 'cert', der: Buffer, which: string): ReturnType<typeof parseCertificate> {
  try {
    return parseCertificate(der);
  } catch (error) {
    const detail = escapeText(error instanceof Error ? error.message : String(error));
    throw fault(
      option,
      'certificate-malformed',
      `${which} ${credentialFaults['certificate-malformed']} (${detail})`,
      error,
    );
  }
}

/** Reads the revocation lists, of which those of trust anchors must bear their signature. */
function readRevocation(
  { crl: input, insecureAcceptExpiredCrl }: CredentialInput,
  anchors: readonly X509Certificate[],
): Revocation | undefined {
  if (insecureAcceptExpiredCrl !== undefined && typeof insecureAcceptExpiredCrl !== 'boolean') {
    throw fault('insecureAcceptExpiredCrl', 'option-not-a-boolean', 'must be true or false');
  }
  if (input === undefined) return undefined;
  const ders = (Array.isArray(input) ? (input as readonly unknown[]) : [input]).flatMap(readCrls);
  if (ders.length === 0) throw fault('crl', 'crl-missing', credentialFaults['crl-missing']);
  const lists = ders.map((der, index) =>
    parseList(der, ders.length === 1 ? 'the list' : `list ${index + 1} of ${ders.length}`),
  );
  let ofAnchors = 0;
  for (const list of lists) {
    const issuers = anchors.filter(({ raw }) => parseCertificate(raw).subjectDer.equals(list.issuerDer));
    // The list of an intermediate is verified as soon as that is known: when it is presented.
    if (issuers.length === 0) continue;
    ofAnchors++;
    if (!issuers.some((issuer) => verifyCrl(list, issuer))) {
      throw fault(
        'crl',
        'crl-bad-signature',
        `the list of ${list.issuer.text} ${credentialFaults['crl-bad-signature']}`,
      );
    }
  }
  if (ofAnchors === 0) {
    const given = lists.map(({ issuer }) => issuer.text).join(' and ');
    throw fault('crl', 'crl-of-another-ca', `${credentialFaults['crl-of-another-ca']} (given: ${given})`);
  }
  return new Revocation({ lists, anchors, acceptExpired: insecureAcceptExpiredCrl ?? false });
}

/** Returns the DER of each list in one entry of the option, at least one. */
export function readCrls(entry: unknown): Buffer[] {
  if (!isPem(entry)) throw fault('crl', 'crl-not-pem', credentialFaults['crl-not-pem']);
  // A SEQUENCE of more than 127 octets: DER. What was given may be changed by its owner, and so it is copied.
  if (typeof entry !== 'string' && entry[0] === 0x30 && entry[1]! >= 0x80) return [Buffer.from(entry)];
  return reading('crl', () => readPemCrls(entry)).map(({ der }) => der);
}

/** Parses a revocation list; `which` of them it is goes into the error. */
export function parseList(der: Buffer, which: string): RevocationList {
  try {
    return parseCrl(der);
  } catch (error) {
    if (error instanceof CrlFault) throw fault('crl', `crl-${error.code}`, `${which} ${error.message}`, error);
    const detail = escapeText(error instanceof Error ? error.message : String(error));
    throw fault('crl', 'crl-malformed', `${which} ${credentialFaults['crl-malformed']} (${detail})`, error);
  }
}

/** Returns the one private key of PEM text, and that text. */
export function readKey(input: PemInput, passphrase: string | undefined): { pem: string; key: KeyObject } {
  const block = reading('key', () => readPemPrivateKey(input, { allowEncrypted: passphrase !== undefined }));
  const pem = typeof input === 'string' ? input : Buffer.from(input).toString('utf8');
  try {
    return { pem, key: createPrivateKey({ key: pem, format: 'pem', passphrase }) };
  } catch (error) {
    const code = block.encrypted ? 'wrong-passphrase' : 'key-malformed';
    throw fault('key', code, credentialFaults[code], error);
  }
}

/** How many credentials are remembered: a client that connects again has the same, and few have more than these. */
const maxRecent = 4;

/** The credentials that were asked for last, by a digest of their text; the oldest is forgotten first. */
const recent = new Map<string, Credentials>();

/** Returns a digest of everything that credentials depend on; `undefined` where it is not all text or bytes. */
function digestOf(input: CredentialInput): string | undefined {
  const { ca, cert, key, passphrase, minVersion, crl = [], insecureAcceptExpiredCrl } = input;
  const authorities: unknown[] = Array.isArray(ca) ? ca : [ca];
  const lists: unknown[] = Array.isArray(crl) ? crl : [crl];
  const parts: unknown[] = [cert, key, ...authorities, ...lists];
  if (!parts.every(isPem)) return undefined;
  if (![passphrase, minVersion].every((value) => value === undefined || typeof value === 'string')) return undefined;
  if (insecureAcceptExpiredCrl !== undefined && typeof insecureAcceptExpiredCrl !== 'boolean') return undefined;
  const shape = [minVersion, passphrase, authorities.length, input.crl === undefined, insecureAcceptExpiredCrl];
  const hash = createHash('sha256').update(JSON.stringify([...shape, ...parts.map(({ length }) => length)]));
  for (const part of parts) hash.update(part);
  return hash.digest('base64');
}

/**
 * Checks credentials as a whole and returns them. The same text gives the same object, if no more than
 * three others were asked for in between.
 *
 * @throws UsageError with `option`, the name of the one that is wrong; its code is one of `credentialFaults`, `pem-` and
 *   one of `pemFaults`, or `crl-` and one of `crlFaults`
 */
export function loadCredentials(input: CredentialInput): Credentials {
  const digest = digestOf(input);
  if (digest === undefined) return checkCredentials(input);
  const credentials = recent.get(digest) ?? checkCredentials(input);
  recent.delete(digest);
  recent.set(digest, credentials);
  if (recent.size > maxRecent) recent.delete(recent.keys().next().value!);
  return credentials;
}

function checkCredentials(input: CredentialInput): Credentials {
  const { passphrase, minVersion = 'TLSv1.3' } = input;
  if (!tlsVersions.includes(minVersion)) {
    throw fault('minVersion', 'min-version-unknown', credentialFaults['min-version-unknown']);
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw fault('passphrase', 'option-not-a-string', 'must be a string');
  }
  const { ca, anchors, authorityNames } = readAuthorities(input.ca);
  const certInput = present('cert', input.cert);
  const keyInput = present('key', input.key);
  const blocks = reading('cert', () => readPemCertificates(certInput));
  const chain = blocks.map(({ der }) => der);
  for (const [index, der] of chain.entries())
    parse('cert', der, index === 0 ? 'the certificate' : `intermediate ${index}`);
  const { pem: key, key: privateKey } = readKey(keyInput, passphrase);
  const identity = identityFromChain(chain);
  let belongs: boolean;
  try {
    belongs = new X509Certificate(chain[0]!).checkPrivateKey(privateKey);
  } catch (error) {
    throw fault('cert', 'certificate-malformed', `the certificate ${credentialFaults['certificate-malformed']}`, error);
  }
  if (!belongs) {
    throw fault(
      'key',
      'key-of-another-certificate',
      `${credentialFaults['key-of-another-certificate']} (subject ${identity.subject.text})`,
    );
  }
  const revocation = readRevocation(input, anchors);
  const own = { cert: toPem(blocks), key, passphrase, minVersion, identity };
  const parts = { ca, anchors, authorityNames, revocation, ...own };
  try {
    const clientContext = tls.createSecureContext({ ...tlsOptions(parts), secureOptions });
    const digest = (...of: unknown[]): string => createHash('sha256').update(JSON.stringify(of)).digest('hex');
    const digests = { trustedAs: digest(ca), trustDigest: digest(ca, revocation?.digest) };
    return Object.freeze({ ...parts, ...digests, clientContext });
  } catch (error) {
    const detail = escapeText(error instanceof Error ? error.message : String(error));
    throw fault('cert', 'not-usable', `${credentialFaults['not-usable']} (${detail})`, error);
  }
}
