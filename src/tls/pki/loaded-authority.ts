/**
 * An authority that is read from PEM, whoever made it. What could only issue certificates that nobody accepts is refused
 * here, before it does.
 */
import { Buffer } from 'node:buffer';
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Certificate } from '../certificate.js';
import { credentialFaults, fault, type PemInput, parse, present, reading, readKey } from '../credentials.js';
import { readPemCertificates } from '../pem.js';
import { type Authority, authorityOf, withKey } from './authority.js';
import { keyIdentifier } from './certificate-writer.js';

/** An authority in PEM, as text or bytes. */
export interface AuthorityInput {
  /** The certificate of the authority; those of the authorities above it may stand beside it, in any order. */
  readonly cert: PemInput;
  /** Its private key: EC P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519. */
  readonly key: PemInput;
  /** Unlocks `key`. Default: the key is not locked. */
  readonly passphrase?: string;
}

/** What is wrong with an authority: the code of the `UsageError`, beside those of credentials. */
const authorityFaults = {
  'not-a-ca': credentialFaults['not-a-ca'],
  'may-not-issue': 'may not issue certificates (keyUsage without keyCertSign)',
  'authority-expired': 'has expired',
  'unsupported-key': 'its key is none of EC P-256, P-384 or P-521, RSA of 2048 bits or more, Ed25519',
  'path-length-exceeded': 'breaks the path length of an authority above it (RFC 5280 §4.2.1.9)',
} as const;

interface Read {
  readonly der: Buffer;
  readonly x509: X509Certificate;
  readonly says: Certificate;
}

/**
 * Reads an authority: what it issues is presented with its intermediates, as far as `cert` holds them.
 *
 * @throws UsageError with `option` `cert`, `key` or `passphrase`: if one of the first two is not the PEM that is expected,
 *   if the passphrase does not unlock the key, if the key belongs to none of the certificates, or if its certificate
 *   is not that of a CA, has expired, or has a key of another kind.
 */
export function loadAuthority(input: AuthorityInput): Authority {
  if (input.passphrase !== undefined && typeof input.passphrase !== 'string') {
    throw fault('passphrase', 'option-not-a-string', 'must be a string');
  }
  const pem = present('cert', input.cert);
  const certificates = reading('cert', () => readPemCertificates(pem)).map(({ der }, index) => {
    return readCertificate(der, index === 0 ? 'the certificate' : `certificate ${index + 1}`);
  });
  const { key } = readKey(present('key', input.key), input.passphrase);
  const own = certificates.find(({ x509 }) => x509.checkPrivateKey(key));
  if (own === undefined) {
    throw fault(
      'key',
      'key-of-another-certificate',
      `${credentialFaults['key-of-another-certificate']} (subject ${certificates[0]!.says.subject.text})`,
    );
  }
  const path = pathOf(own, certificates);
  check(own, key);
  const { subjectDer, subjectKeyId } = own.says;
  const isRoot = isSelfSigned(own);
  const issued = withKey(
    path.filter((one) => one === own || !isSelfSigned(one)).map(({ der }) => der),
    key,
  );
  return authorityOf(issued, {
    name: subjectDer,
    privateKey: key,
    keyId: subjectKeyId === undefined ? keyIdentifier(own.x509.publicKey) : Buffer.from(subjectKeyId, 'hex'),
    notAfter: endOf(path),
    pathLength: pathLengthOf(path),
    maySignLists: own.says.keyUsage?.includes('cRLSign') !== false,
    chain: isRoot ? [] : issued.chain,
  });
}

function readCertificate(der: Buffer, which: string): Read {
  const says = parse('cert', der, which);
  try {
    return { der, x509: new X509Certificate(der), says };
  } catch (error) {
    throw fault('cert', 'certificate-malformed', `${which} ${credentialFaults['certificate-malformed']}`, error);
  }
}

function check({ says }: Read, key: KeyObject): void {
  const { basicConstraints, keyUsage, version, subject, issuer, validTo } = says;
  const refuse = (code: keyof typeof authorityFaults, detail = ''): never => {
    throw fault('cert', code, `the certificate (subject ${subject.text}) ${authorityFaults[code]}${detail}`);
  };
  // As with trust anchors: a version 1 certificate that issued itself is taken as a CA.
  if (basicConstraints?.ca !== true && !(version === 1 && subject.text === issuer.text)) refuse('not-a-ca');
  if (keyUsage?.includes('keyCertSign') === false) refuse('may-not-issue');
  if (validTo.getTime() < Date.now()) refuse('authority-expired', `: it was valid to ${validTo.toISOString()}`);
  if (!isSupported(key)) throw fault('key', 'unsupported-key', authorityFaults['unsupported-key']);
}

function isSupported({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  switch (asymmetricKeyType) {
    case 'ec':
      return ['prime256v1', 'secp384r1', 'secp521r1'].includes(asymmetricKeyDetails?.namedCurve ?? '');
    case 'rsa':
      return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
    default:
      return asymmetricKeyType === 'ed25519';
  }
}

/** Returns a certificate and those above it, as far as they are among `certificates`. */
function pathOf(own: Read, certificates: readonly Read[]): readonly Read[] {
  const path = [own];
  for (let last = own; !isSelfSigned(last); ) {
    const above = certificates.find((one) => !path.includes(one) && issued(one, last));
    if (above === undefined) break;
    path.push(above);
    last = above;
  }
  return path;
}

function isSelfSigned(one: Read): boolean {
  return issued(one, one);
}

function issued(issuer: Read, one: Read): boolean {
  try {
    return one.x509.checkIssued(issuer.x509) && one.x509.verify(issuer.x509.publicKey);
  } catch {
    // A key that OpenSSL cannot use signed nothing.
    return false;
  }
}

/** What is issued ends with whatever above it ends first. */
function endOf(path: readonly Read[]): Date {
  return new Date(Math.min(...path.map(({ says }) => says.validTo.getTime())));
}

/** The tightest limit of a path: an authority counts those between itself and the leaf. */
function pathLengthOf(path: readonly Read[]): number | undefined {
  const limits = path.flatMap(({ says }, above) => {
    const limit = says.basicConstraints?.pathLength;
    return limit === undefined ? [] : [limit - above];
  });
  if (limits.length === 0) return undefined;
  const tightest = Math.min(...limits);
  if (tightest >= 0) return tightest;
  throw fault(
    'cert',
    'path-length-exceeded',
    `the certificate (subject ${path[0]!.says.subject.text}) ${authorityFaults['path-length-exceeded']}`,
  );
}
