/**
 * Where the chains of the verdicts are made: certificates like the good one of an end, each wrong in one way or right in an
 * unusual one. Everything below one root that is trusted, made once per process and end.
 */
import { Buffer } from 'node:buffer';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generatePrimeSync,
  type KeyObject,
  randomInt,
  sign,
} from 'node:crypto';
import { DerReader, tags } from '../../src/tls/der.js';
import { randomSerial, withKey } from '../../src/tls/pki/authority.js';
import { writeCertificate } from '../../src/tls/pki/certificate-writer.js';
import { type RevocationListFields, writeRevocationList } from '../../src/tls/pki/crl-writer.js';
import {
  bitString,
  contextPrimitive,
  integer,
  nullValue,
  objectIdentifier,
  sequence,
} from '../../src/tls/pki/der-writer.js';
import { cRLNumber } from '../../src/tls/pki/extensions.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonNameOnly,
  contextConstructed,
  extendedKeyUsage,
  extension,
  type Forgery,
  forge,
  generalName,
  type IssuedCertificate,
  type Keys,
  keyIdentifier,
  keyUsage,
  purposeOids,
  type Signer,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/tls/pki/forgery/index.js';

export type End = 'client' | 'server';

export const always: Validity = {
  notBefore: new Date('2000-01-01T00:00:00Z'),
  notAfter: new Date('2100-01-01T00:00:00Z'),
};
export const past: Validity = {
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2020-02-01T00:00:00Z'),
};
export const future: Validity = {
  notBefore: new Date('2090-01-01T00:00:00Z'),
  notAfter: new Date('2090-02-01T00:00:00Z'),
};

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export const caUsage: Buffer = keyUsage('keyCertSign', 'cRLSign');

/** What differs from the good leaf. */
export interface LeafParts extends Partial<Forgery> {
  /** Default: what suits the end. */
  readonly purposes?: readonly string[];
  /** DER of each GeneralName; default: those of the good leaf of the end. */
  readonly names?: readonly Buffer[];
  /** Default: digitalSignature. */
  readonly usage?: readonly Buffer[];
  /** More extensions. */
  readonly more?: readonly Buffer[];
  /** Default: the one of the signer. */
  readonly authorityKeyId?: Buffer;
}

/** What differs from a good authority. */
export interface AuthorityParts extends Partial<Forgery> {
  /** Default: that of its key. */
  readonly keyId?: Buffer | undefined;
  /** Default: CA:TRUE without path length. */
  readonly constraints?: readonly Buffer[];
  /** Default: keyCertSign and cRLSign. */
  readonly usage?: readonly Buffer[];
  /** More extensions. */
  readonly more?: readonly Buffer[];
  /** Whether it is presented behind what it signs. Default: unless it signs itself. */
  readonly isPresented?: boolean;
}

/** An authority as a certificate, and as what signs. */
export interface ChainAuthority extends Signer {
  readonly der: Buffer;
  readonly pem: string;
  readonly keys: Keys;
}

export class ChainShop {
  readonly end: End;
  /** The root that is trusted. */
  readonly root: ChainAuthority;

  constructor(end: End) {
    this.end = end;
    this.root = this.authority('Verdict Root', undefined);
  }

  get purpose(): string {
    return this.end === 'server' ? purposeOids.serverAuth : purposeOids.clientAuth;
  }

  get otherPurpose(): string {
    return this.end === 'server' ? purposeOids.clientAuth : purposeOids.serverAuth;
  }

  /** The names of the good leaf. */
  get names(): readonly Buffer[] {
    return this.end === 'server'
      ? [generalName.dns('localhost'), generalName.ip('127.0.0.1')]
      : [generalName.uri('spiffe://verdict.example/device/7')];
  }

  leaf(signer: Signer | undefined = this.root, parts: LeafParts = {}): IssuedCertificate & { readonly keys: Keys } {
    const { purposes = [this.purpose], names = this.names, usage = [keyUsage('digitalSignature')], ...rest } = parts;
    const { more = [], authorityKeyId = signer?.keyId, ...forgery } = rest;
    return forge({
      subject: commonNameOnly(this.end === 'server' ? 'verdict server' : 'verdict device'),
      signer,
      extensions: [
        basicConstraints(false),
        ...usage,
        ...(purposes.length === 0 ? [] : [extendedKeyUsage(...purposes)]),
        ...(names.length === 0 ? [] : [subjectAltName(names, false)]),
        ...(authorityKeyId === undefined ? [] : [authorityKeyIdentifier(authorityKeyId)]),
        ...more,
      ],
      ...always,
      ...forgery,
    });
  }

  /** @param signer `undefined`: it signs itself */
  authority(name: string, signer: Signer | undefined = undefined, parts: AuthorityParts = {}): ChainAuthority {
    const { constraints = [basicConstraints(true)], usage = [caUsage], more = [], ...rest } = parts;
    const { isPresented = signer !== undefined, keyId, ...forgery } = rest;
    const keys = forgery.keys ?? freshKeys();
    const identifier = keyId ?? keyIdentifier(keys.publicKey);
    const behind = signer === undefined ? identifier : signer.keyId;
    const { der, chain, cert } = forge({
      subject: commonNameOnly(name),
      signer,
      extensions: [
        ...constraints,
        ...usage,
        subjectKeyIdentifier(identifier),
        ...(behind === undefined ? [] : [authorityKeyIdentifier(behind)]),
        ...more,
      ],
      ...always,
      ...forgery,
      keys,
    });
    const [pem] = cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    return {
      ...{ name: commonNameOnly(name), key: keys.privateKey, keyId: identifier, keys, der, pem: pem! },
      chain: isPresented ? chain : [],
    };
  }

  /** Intermediates below each other, the last of which is returned. */
  below(depth: number, signer: Signer = this.root): ChainAuthority {
    let authority = this.authority('Verdict Intermediate 1', signer);
    for (let level = 2; level <= depth; level++) {
      authority = this.authority(`Verdict Intermediate ${level}`, authority);
    }
    return authority;
  }
}

export function freshKeys(): Keys {
  return forge({ subject: commonNameOnly('keys'), extensions: [], ...always }).keys;
}

/** The same leaf and key, with another chain behind. */
export function presenting(issued: IssuedCertificate, ...behind: readonly Buffer[]): IssuedCertificate {
  return withKey([issued.der, ...behind], createPrivateKey(issued.key));
}

/** Another leaf for the same key, with the same chain behind. */
export function replacing(issued: IssuedCertificate, der: Buffer): IssuedCertificate {
  return withKey([der, ...issued.chain.slice(1)], createPrivateKey(issued.key));
}

/** What differs from a list that is current and names nothing. */
export interface ListParts extends Partial<RevocationListFields> {
  /** DER of each certificate that is revoked. */
  readonly certificates?: readonly Buffer[];
  /** Default: that of the authority. */
  readonly key?: KeyObject;
}

const hourInMs = 3_600_000;

/** DER of a revocation list of an authority. */
export function revocationList(authority: Signer, { certificates = [], key, ...parts }: ListParts = {}): Buffer {
  const date = new Date(Date.now() - hourInMs);
  return writeRevocationList(
    {
      ...{ issuer: authority.name, thisUpdate: date, nextUpdate: new Date(Date.now() + hourInMs) },
      revoked: certificates.map((der) => ({ serial: fieldsOf(der)[1]!.subarray(2), date, extensions: [] })),
      extensions: [...(authority.keyId === undefined ? [] : [authorityKeyIdentifier(authority.keyId)]), cRLNumber(7)],
      ...parts,
    },
    key ?? authority.key,
  );
}

/** A copy with one bit changed; `at` counts from the end if it is negative. */
export function altered(der: Buffer, at: number): Buffer {
  const copy = Buffer.from(der);
  copy[at < 0 ? copy.length + at : at]! ^= 0x01;
  return copy;
}

/** The elements of what is signed in a certificate. */
export function fieldsOf(der: Buffer): Buffer[] {
  const fields = new DerReader(der).enter(tags.sequence).enter(tags.sequence);
  const elements: Buffer[] = [];
  while (!fields.done) elements.push(Buffer.from(fields.skip()));
  return elements;
}

/** Signs other fields in place of those of a certificate. `edit` may change the list: version, serial number, … */
export function resigned(der: Buffer, key: KeyObject, edit: (fields: Buffer[]) => void, outer?: Buffer): Buffer {
  const fields = fieldsOf(der);
  edit(fields);
  const toBeSigned = sequence(...fields);
  return sequence(toBeSigned, outer ?? fields[2]!, bitString(sign('sha256', toBeSigned, key)));
}

/** Signs a certificate anew with RSASSA-PSS, SHA-256 and 32 octets of salt (RFC 4055 §3.1). */
export function signedWithPss(der: Buffer, key: KeyObject): Buffer {
  const sha256 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.1'), nullValue());
  const parameters = sequence(
    contextConstructed(0, sha256),
    contextConstructed(1, sequence(objectIdentifier('1.2.840.113549.1.1.8'), sha256)),
    contextConstructed(2, integer(32)),
  );
  const fields = fieldsOf(der);
  fields[2] = sequence(objectIdentifier('1.2.840.113549.1.1.10'), parameters);
  const toBeSigned = sequence(...fields);
  const signature = sign('sha256', toBeSigned, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32,
  });
  return sequence(toBeSigned, fields[2], bitString(signature));
}

/** A version 1 certificate below `signer`. */
export function version1(name: string, signer: Signer, keys: Keys): Buffer {
  return writeCertificate(
    {
      ...{ serial: randomSerial(), issuer: signer.name, subject: commonNameOnly(name), ...always },
      ...{ publicKey: keys.publicKey, extensions: [] },
    },
    signer.key,
  );
}

/** NameConstraints (RFC 5280 §4.2.1.10), critical. */
export function nameConstraints(permitted: readonly Buffer[], excluded: readonly Buffer[]): Buffer {
  const subtrees = (bases: readonly Buffer[]): Buffer[] => bases.map((base) => sequence(base));
  return extension(
    '2.5.29.30',
    true,
    sequence(
      ...(permitted.length === 0 ? [] : [contextConstructed(0, ...subtrees(permitted))]),
      ...(excluded.length === 0 ? [] : [contextConstructed(1, ...subtrees(excluded))]),
    ),
  );
}

/** An address with its mask, as name constraints have it. */
export function addressRange(address: readonly number[], mask: readonly number[]): Buffer {
  return contextPrimitive(7, Buffer.from([...address, ...mask]));
}

/**
 * An RSA pair of any size in no time: its two factors are products of short primes, which nobody looks at who only signs
 * and verifies. Worthless as a key.
 */
export function quickRsaKeys(bits: number): Keys {
  const e = 65_537n;
  let [p, q] = [quickFactor(bits / 2, e), quickFactor(bits / 2, e)];
  while (bitLength(p.product * q.product) < bits) [p, q] = [q, quickFactor(bits / 2, e)];
  const d = inverse(e, lcm(p.order, q.order));
  const numbers = [
    ...[0n, p.product * q.product, e, d, p.product, q.product],
    ...[d % p.order, d % q.order, inverse(q.product, p.product)],
  ];
  const der = sequence(...numbers.map((number) => integer(octetsOf(number))));
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs1' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** Bits of a prime that takes no time to find. */
const shortPrime = 512;

/** A product of short primes with so many bits; `order` is the exponent of its group. */
function quickFactor(bits: number, e: bigint): Factor {
  let product = 1n;
  let order = 1n;
  for (;;) {
    const left = bits - bitLength(product) + 1;
    const isLast = left < 2 * shortPrime;
    // The product of the two is as long as both, or one bit shorter.
    const size = isLast ? left - randomInt(2) : shortPrime;
    const prime = generatePrimeSync(size, { bigint: true });
    if ((prime - 1n) % e === 0n) continue;
    const next = product * prime;
    if (isLast && bitLength(next) !== bits) continue;
    product = next;
    order = lcm(order, prime - 1n);
    if (isLast) return { product, order };
  }
}

interface Factor {
  readonly product: bigint;
  readonly order: bigint;
}

function bitLength(number: bigint): number {
  return number.toString(2).length;
}

function octetsOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function lcm(a: bigint, b: bigint): bigint {
  return (a / gcd(a, b)) * b;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r, next] = [modulus, value % modulus];
  let [t, after] = [0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [t, after] = [after, t - quotient * after];
  }
  return t < 0n ? t + modulus : t;
}
