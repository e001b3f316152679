/**
 * A private certificate authority for development and tests, held in memory. It issues what TLS needs and nothing more,
 * and its key is as safe as the process.
 */
import type { Buffer } from 'node:buffer';
import { type KeyObject, randomBytes } from 'node:crypto';
import { UsageError } from '../../errors.js';
import { canonicalHost, escapeText } from '../../text.js';
import { purposeOids } from '../oids.js';
import { writePem } from '../pem.js';
import { keyIdentifier, writeCertificate } from './certificate-writer.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonNameOnly,
  extendedKeyUsage,
  generalName,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.js';
import { generateKeyPair, type KeyType } from './key-pair.js';
import { type IssuedRevocationList, issueRevocationList, type RevocationListOptions } from './revocation-list.js';

/** A certificate with its private key. */
export interface IssuedCertificate {
  /** PEM of the certificate, followed by its intermediates up to the root, which is left out: for `cert` of `node:tls`. */
  readonly cert: string;
  /** PEM of the private key, PKCS#8, not encrypted. */
  readonly key: string;
  /** DER of the certificate alone. */
  readonly der: Buffer;
  /** DER of what `cert` holds, in the same order. */
  readonly chain: readonly Buffer[];
}

/** How long a certificate is valid. */
export interface ValidityOptions {
  /** The first second of validity; default: five minutes ago, against clocks that differ. */
  readonly notBefore?: Date;
  /** The last second of validity; default: `days` after `notBefore`, and not after the issuer's. */
  readonly notAfter?: Date;
  /**
   * Days of validity when `notAfter` is not given. Default: 3,650 for an authority; 825 for a leaf, the most that
   * Apple's platforms accept from a private authority (https://support.apple.com/103769).
   */
  readonly days?: number;
}

export interface AuthorityOptions extends ValidityOptions {
  /**
   * The common name; default `mtls-ws development CA` and four hex digits of the key's identifier, so that certificates
   * of two authorities do not look like those of one.
   */
  readonly commonName?: string;
  /** Default `ec-p256`. */
  readonly keyType?: KeyType;
  /**
   * How many authorities may stand between this one and a leaf (RFC 5280 §4.2.1.9). Default: as many as its issuer
   * allows, and no limit for a root.
   */
  readonly pathLength?: number;
}

/** The end of a connection that a certificate is for. */
export type CertificateKind = 'server' | 'client' | 'both' | 'any';

export interface IssueOptions extends ValidityOptions {
  /** The common name, at most 64 characters; the empty string for an empty subject. */
  readonly commonName: string;
  /**
   * Which end the certificate is for: decides the extended key usage. `both` names the two purposes; `any` has no such
   * extension, which leaves every purpose open (RFC 5280 §4.2.1.12).
   */
  readonly kind: CertificateKind;
  /** Subject alternative names: host names, `*.` before one of them for a wildcard, and IP addresses. */
  readonly hosts?: readonly string[];
  /** Subject alternative names: URIs, for example a SPIFFE ID. */
  readonly uris?: readonly string[];
  /** Subject alternative names: e-mail addresses. */
  readonly emails?: readonly string[];
  /** Default `ec-p256`. */
  readonly keyType?: KeyType;
}

/** An authority: a certificate that can issue others. */
export interface Authority extends IssuedCertificate {
  /**
   * Issues a certificate for one end of a connection.
   *
   * @throws UsageError if an option does not exist, or a name or the validity cannot be written.
   */
  issue(options: IssueOptions): IssuedCertificate;
  /**
   * Issues an intermediate authority below this one.
   *
   * @throws UsageError as `issue`, and if the path length of this one does not allow it.
   */
  issueAuthority(options?: AuthorityOptions): Authority;
  /**
   * Issues a list of what this authority has revoked. It keeps no account of that: the caller does.
   *
   * @throws UsageError if a serial number, a time or the number of the list cannot be written, or if the certificate of
   *   this authority does not allow it to sign lists.
   */
  revocationList(options: RevocationListOptions): IssuedRevocationList;
}

/** What an authority signs with. */
export interface Issuer {
  readonly name: Buffer;
  readonly privateKey: KeyObject;
  readonly keyId: Buffer;
  readonly notAfter: Date;
  /** How many authorities may stand below it; `undefined` when there is no limit. */
  readonly pathLength: number | undefined;
  readonly maySignLists: boolean;
  /** What goes behind a certificate that this one issues: its own chain, or nothing for a root. */
  readonly chain: readonly Buffer[];
}

const dayInMs = 86_400_000;
const skewInMs = 5 * 60_000;
const authorityDays = 3_650;
const leafDays = 825;
const maxCommonName = 64;
const maxPathLength = 255;

const authorityOptions: Readonly<Record<keyof AuthorityOptions, true>> = {
  ...{ commonName: true, keyType: true, pathLength: true },
  ...{ notBefore: true, notAfter: true, days: true },
};

const leafOptions: Readonly<Record<keyof IssueOptions, true>> = {
  ...{ commonName: true, kind: true, hosts: true, uris: true, emails: true, keyType: true },
  ...{ notBefore: true, notAfter: true, days: true },
};

const kinds: Readonly<Record<CertificateKind, readonly string[]>> = {
  server: [purposeOids.serverAuth],
  client: [purposeOids.clientAuth],
  both: [purposeOids.serverAuth, purposeOids.clientAuth],
  any: [],
};

/**
 * Creates a self-signed authority.
 *
 * @throws UsageError if an option does not exist, or the common name or the validity cannot be written.
 */
export function createAuthority(options: AuthorityOptions = {}): Authority {
  return makeAuthority(options, undefined);
}

function makeAuthority(options: AuthorityOptions, parent: Issuer | undefined): Authority {
  refuseUnknown(options, authorityOptions, parent === undefined ? 'createAuthority' : 'issueAuthority');
  const { publicKey, privateKey } = generateKeyPair(options.keyType);
  const keyId = keyIdentifier(publicKey);
  // RFC 5280 §4.1.2.4: an issuer MUST have a name that is not empty.
  if (options.commonName === '') throw nameless('an authority needs a common name');
  const name = subjectName(options.commonName ?? `mtls-ws development CA ${keyId.toString('hex', 0, 2)}`);
  const validity = validityOf(options, authorityDays, parent);
  const pathLength = pathLengthBelow(parent?.pathLength, options.pathLength);
  const der = writeCertificate(
    {
      serial: randomSerial(),
      issuer: parent?.name ?? name,
      subject: name,
      ...validity,
      publicKey,
      extensions: [
        basicConstraints(true, pathLength),
        keyUsage('keyCertSign', 'cRLSign'),
        subjectKeyIdentifier(keyId),
        authorityKeyIdentifier(parent?.keyId ?? keyId),
      ],
    },
    parent?.privateKey ?? privateKey,
  );
  const issued = withKey([der, ...(parent?.chain ?? [])], privateKey);
  const chain = parent === undefined ? [] : issued.chain;
  const { notAfter } = validity;
  return authorityOf(issued, { name, privateKey, keyId, notAfter, pathLength, maySignLists: true, chain });
}

/** Returns the authority of a certificate, which signs with what is given. */
export function authorityOf(issued: IssuedCertificate, self: Issuer): Authority {
  let lastListNumber = -1;
  return {
    ...issued,
    issue: (leaf) => issueLeaf(leaf, self),
    issueAuthority: (below = {}) => makeAuthority(below, self),
    revocationList: (list) => {
      if (!self.maySignLists) {
        throw new UsageError(
          'may-not-revoke',
          'the authority may not sign revocation lists: its keyUsage lacks cRLSign (RFC 5280 §4.2.1.3)',
        );
      }
      const { pem, der, number } = issueRevocationList(list, self, lastListNumber);
      lastListNumber = number;
      return { pem, der };
    },
  };
}

function issueLeaf(options: IssueOptions, issuer: Issuer): IssuedCertificate {
  refuseUnknown(options, leafOptions, 'issue');
  const { publicKey, privateKey } = generateKeyPair(options.keyType);
  const names = [
    ...listOf('hosts', options.hosts).map(hostName),
    ...listOf('uris', options.uris).map(uriName),
    ...listOf('emails', options.emails).map(emailName),
  ];
  const purposes = purposesOf(options.kind);
  const emptySubject = options.commonName === '';
  if (emptySubject && names.length === 0) {
    throw nameless('a certificate needs a common name or a subject alternative name (RFC 5280 §4.1.2.6)');
  }
  const der = writeCertificate(
    {
      serial: randomSerial(),
      issuer: issuer.name,
      subject: subjectName(options.commonName),
      ...validityOf(options, leafDays, issuer),
      publicKey,
      extensions: [
        basicConstraints(false),
        keyUsage('digitalSignature'),
        ...(purposes.length > 0 ? [extendedKeyUsage(...purposes)] : []),
        ...(names.length > 0 ? [subjectAltName(names, emptySubject)] : []),
        subjectKeyIdentifier(keyIdentifier(publicKey)),
        authorityKeyIdentifier(issuer.keyId),
      ],
    },
    issuer.privateKey,
  );
  return withKey([der, ...issuer.chain], privateKey);
}

/** Returns a certificate, leaf first, with its key, in the forms that `node:tls` takes. */
export function withKey(chain: readonly Buffer[], privateKey: KeyObject): IssuedCertificate {
  return {
    cert: chain.map((der) => writePem('CERTIFICATE', der)).join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    der: chain[0]!,
    chain,
  };
}

/** Returns 16 random octets that are a positive INTEGER without leading zeros (RFC 5280 §4.1.2.2: at most 20). */
export function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

/** Refuses an option that does not exist: a misspelt `uris` would be missed in the certificate, and late. */
function refuseUnknown(options: object, known: Readonly<Record<string, true>>, where: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new UsageError('option-not-an-object', `${where} takes an object of options`);
  }
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(known, option)) continue;
    const names = Object.keys(known).sort().join(', ');
    throw new UsageError('option-unknown', `${escapeText(option, 64)} is no option of ${where}: those are ${names}`, {
      option,
    });
  }
}

function listOf(option: string, list: readonly string[] = []): readonly string[] {
  if (Array.isArray(list) && list.every((name) => typeof name === 'string')) return list;
  throw new UsageError('option-not-an-array', `${option} must be an array of strings`, { option });
}

function subjectName(commonName: string): Buffer {
  // RFC 5280 appendix A.1: ub-common-name is 64 characters.
  if (typeof commonName !== 'string' || [...commonName].length > maxCommonName || commonName.includes('\0')) {
    throw new UsageError(
      'invalid-common-name',
      `the common name "${escapeText(String(commonName))}" is not text of at most ${maxCommonName} characters (RFC 5280 §A.1)`,
      { option: 'commonName' },
    );
  }
  return commonNameOnly(commonName);
}

function purposesOf(kind: CertificateKind): readonly string[] {
  const purposes = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (purposes !== undefined) return purposes;
  throw new UsageError(
    'unknown-certificate-kind',
    `kind: "${escapeText(String(kind))}" is none of ${Object.keys(kinds).join(', ')}`,
    { option: 'kind' },
  );
}

/** @param limit that of the issuer; `undefined` when there is none */
function pathLengthBelow(limit: number | undefined, asked: number | undefined): number | undefined {
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 0 && asked <= maxPathLength)) {
    throw new UsageError('invalid-path-length', `pathLength must be an integer from 0 to ${maxPathLength}`, {
      option: 'pathLength',
    });
  }
  if (limit === undefined) return asked;
  if (limit === 0 || (asked !== undefined && asked >= limit)) {
    const what = limit === 0 ? 'may have no authority below it' : `allows at most ${limit - 1} below it`;
    throw new UsageError(
      'path-length-exceeded',
      `the issuer has path length ${limit}: it ${what} (RFC 5280 §4.2.1.9)`,
      {
        option: 'pathLength',
      },
    );
  }
  return asked ?? limit - 1;
}

function validityOf(
  options: ValidityOptions,
  defaultDays: number,
  issuer: Issuer | undefined,
): { notBefore: Date; notAfter: Date } {
  const notBefore = options.notBefore ?? new Date(Date.now() - skewInMs);
  // RFC 5280 §4.1.2.5: both ends are included.
  const end = notBefore.getTime() + (options.days ?? defaultDays) * dayInMs - 1000;
  const notAfter = options.notAfter ?? new Date(Math.min(end, issuer?.notAfter.getTime() ?? end));
  if (!(isWritable(notBefore) && isWritable(notAfter) && notBefore <= notAfter)) {
    throw new UsageError('invalid-validity', 'the validity of a certificate must run forward, in years 0 to 9999', {
      option: 'notAfter',
    });
  }
  return { notBefore, notAfter };
}

function isWritable(date: Date): boolean {
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999;
}

function hostName(host: string): Buffer {
  const wildcard = host.startsWith('*.');
  const canonical = canonicalHost(wildcard ? host.slice(2) : host);
  if (canonical === undefined || (wildcard && canonical.kind !== 'name')) {
    throw invalidName('hosts', host, 'it is no host name and no address');
  }
  if (canonical.kind !== 'name') return generalName.ip(canonical.host);
  return generalName.dns(wildcard ? `*.${canonical.host}` : canonical.host);
}

function uriName(uri: string): Buffer {
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(uri)) {
    throw invalidName('uris', uri, 'it is no URI, which has a scheme, and visible ASCII behind it');
  }
  return generalName.uri(uri);
}

function emailName(email: string): Buffer {
  if (!/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(email)) {
    throw invalidName('emails', email, 'it is no e-mail address');
  }
  return generalName.email(email);
}

function nameless(message: string): UsageError {
  return new UsageError('nameless-certificate', message, { option: 'commonName' });
}

function invalidName(option: string, value: string, why: string): UsageError {
  return new UsageError(
    'invalid-alternative-name',
    `"${escapeText(value)}" cannot be a subject alternative name: ${why} (RFC 5280 §4.2.1.6)`,
    { option },
  );
}
