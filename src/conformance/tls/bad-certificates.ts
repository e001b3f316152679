/**
 * Certificates that a peer must refuse. Each is like the good one of the runner (the same subject, the same names) but for
 * one thing, so that a peer that refuses it does so for that. It is made when it is shown.
 */
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateParts,
  certificateParts,
  certificatesOf,
  commonNameOnly,
  contextConstructed,
  extendedKeyUsage,
  extension,
  type Forgery,
  forge,
  generalName,
  type Keys,
  keyIdentifier,
  keyUsage,
  presented,
  purposeOids,
  type Signer,
  sequence,
  signerOf,
  subjectAltName,
  subjectKeyIdentifier,
  weakKeys,
} from '../../tls/pki/forgery/index.js';

/** PEM, as `node:tls` takes it. */
export interface Shown {
  readonly cert: string;
  readonly key: string;
}

/** Reports that a certificate cannot be had here; the message says what is missing. */
export class NotToBeHad extends Error {}

/** What a certificate is made from. */
export interface Workshop {
  /** Which end shows it. */
  readonly end: 'client' | 'server';
  /** PEM: what the runner shows where it is good. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the CA, and its key if it is at hand. */
  readonly ca: string;
  readonly caKey: string | undefined;
  /** The directory of `--bad-certs`. */
  readonly directory: string | undefined;
  /** The name or address that the certificate of a server is for. */
  readonly host: string;
}

/** The names of the certificates; `END-NAME.pem` in the directory of `--bad-certs`. */
export type BadCertificate =
  | 'good'
  | 'other-ca'
  | 'other-ca-presented'
  | 'self-signed'
  | 'impostor-ca'
  | 'impostor-ca-key-id'
  | 'signed-by-leaf'
  | 'altered-signature'
  | 'altered-content'
  | 'expired'
  | 'not-yet-valid'
  | 'wrong-purpose'
  | 'unrelated-purpose'
  | 'unknown-critical'
  | 'below-expired-authority'
  | 'below-no-cert-sign'
  | 'below-version-1'
  | 'path-too-long'
  | 'name-constraints'
  | 'signed-with-md5'
  | 'signed-with-sha1'
  | 'rsa-1024'
  | 'no-purpose'
  | 'any-purpose'
  | 'is-authority'
  | 'other-name'
  | 'common-name-only'
  | 'common-name-other-san'
  | 'uri-only'
  | 'name-in-wrong-type'
  | 'name-cut-by-nul'
  | 'name-as-suffix'
  | 'joined-names'
  | 'partial-wildcard'
  | 'wildcard-inside'
  | 'bare-wildcard';

const always = { notBefore: new Date('2000-01-01T00:00:00Z'), notAfter: new Date('2100-01-01T00:00:00Z') };
const past = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2020-02-01T00:00:00Z') };
const future = { notBefore: new Date('2090-01-01T00:00:00Z'), notAfter: new Date('2090-02-01T00:00:00Z') };

class Maker {
  readonly #shop: Workshop;
  readonly #chain: readonly Buffer[];
  readonly #own: CertificateParts;

  constructor(shop: Workshop) {
    this.#shop = shop;
    this.#chain = certificatesOf(shop.cert);
    if (this.#chain[0] === undefined)
      throw new NotToBeHad('the runner has no certificate of its own: --cert and --key');
    this.#own = certificateParts(this.#chain[0]);
  }

  get isServer(): boolean {
    return this.#shop.end === 'server';
  }

  get host(): string {
    return this.#shop.host;
  }

  /** The names of the good certificate; those of a server name at least the host of the run. */
  get names(): readonly Buffer[] {
    return this.#own.subjectAltName === undefined ? [] : [this.#own.subjectAltName];
  }

  get purpose(): Buffer {
    return extendedKeyUsage(this.isServer ? purposeOids.serverAuth : purposeOids.clientAuth);
  }

  get wrongPurpose(): Buffer {
    return extendedKeyUsage(this.isServer ? purposeOids.clientAuth : purposeOids.serverAuth);
  }

  /** What the leaf of the runner was signed by, as far as its own certificate tells. */
  get issuer(): { readonly name: Buffer; readonly keyId: Buffer | undefined } {
    return { name: this.#own.issuer, keyId: this.#own.authorityKeyId };
  }

  /** The CA. */
  get authority(): Signer {
    const { ca, caKey } = this.#shop;
    if (caKey === undefined) throw new NotToBeHad('needs the key of the CA: --ca-key');
    try {
      return signerOf(certificatesOf(ca), caKey, true);
    } catch (error) {
      throw new NotToBeHad(`the key of --ca-key cannot sign for the CA: ${(error as Error).message}`);
    }
  }

  /** The CA, if an authority below it is lawful: else what is below is refused for that. */
  get roomyAuthority(): Signer {
    const { authority } = this;
    if (this.pathLength === 0) throw new NotToBeHad('the CA allows no authority below it (path length 0)');
    return authority;
  }

  get pathLength(): number | undefined {
    const { name } = this.authority;
    const own = certificatesOf(this.#shop.ca).map(certificateParts);
    return own.find(({ subject }) => subject.equals(name))?.pathLength;
  }

  /** A certificate below one of the runner's own, which is no authority. */
  get belowLeaf(): Signer {
    return signerOf(this.#chain, this.#shop.key, false);
  }

  /** A leaf like the good one. */
  leaf(signer: Signer | undefined, parts: Partial<Forgery> & { readonly purposes?: readonly Buffer[] } = {}): Shown {
    const { purposes = [this.purpose], ...rest } = parts;
    return forge({
      subject: this.#own.subject,
      signer,
      extensions: [basicConstraints(false), keyUsage('digitalSignature'), ...purposes, ...this.names, ...aki(signer)],
      ...always,
      ...rest,
    });
  }

  /** The extensions of a leaf with these names. */
  named(signer: Signer, ...names: readonly Buffer[]): Partial<Forgery> {
    const alternatives = names.length === 0 ? [] : [subjectAltName(names, false)];
    return {
      extensions: [
        ...[basicConstraints(false), keyUsage('digitalSignature'), this.purpose],
        ...alternatives,
        ...aki(signer),
      ],
    };
  }

  /** An authority that signs; `keyId` is what it claims to be its key identifier. */
  makeAuthority(
    name: Buffer,
    signer: Signer | undefined,
    { keyId, isPresented = signer !== undefined, extensions, ...parts }: AuthorityParts = {},
  ): Signer {
    const keys = parts.keys ?? freshKeys();
    const identifier = keyId ?? keyIdentifier(keys.publicKey);
    const { der, chain } = forge({
      subject: name,
      signer,
      extensions: [
        ...(extensions ?? [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')]),
        subjectKeyIdentifier(identifier),
        ...aki(signer),
      ],
      ...always,
      ...parts,
      keys,
    });
    const behind = signer === undefined ? [der] : chain;
    return { name, key: keys.privateKey, keyId: identifier, chain: isPresented ? behind : [] };
  }

  /** The good certificate with an octet of it changed; `at` counts from its beginning, or from its end if negative. */
  changed(at: number): Shown {
    const der = Buffer.from(this.#chain[0]!);
    const index = at < 0 ? der.length + at : at;
    der[index]! ^= 0x01;
    return presented([der, ...this.#chain.slice(1)], this.#shop.key);
  }

  get serialEnd(): number {
    return this.#own.serialEnd;
  }
}

interface AuthorityParts extends Partial<Forgery> {
  readonly keyId?: Buffer | undefined;
  /** Whether it goes behind what it signs. Default: unless it signs itself. */
  readonly isPresented?: boolean;
}

function freshKeys(): Keys {
  const { keys } = forge({ subject: commonNameOnly('keys'), extensions: [], ...always });
  return keys;
}

const aki = (signer: Signer | undefined): Buffer[] =>
  signer?.keyId === undefined ? [] : [authorityKeyIdentifier(signer.keyId)];

/** NameConstraints that exclude one DNS name (RFC 5280 §4.2.1.10). */
const nameConstraints = (excluded: string): Buffer =>
  extension('2.5.29.30', true, sequence(contextConstructed(1, sequence(generalName.dns(excluded)))));

const constrained = 'excluded.example';
const strange = commonNameOnly('A CA that nobody trusts');

/** The name of the host as a certificate has it. */
const nameOf = (host: string): Buffer => (isIP(host) === 0 ? generalName.dns(host) : generalName.ip(host));

const makers: Readonly<Record<BadCertificate, (make: Maker) => Shown>> = {
  /** The good one, made anew: where even this is refused, other refusals tell nothing. */
  good: (make) => make.leaf(make.authority),
  'other-ca': (make) => make.leaf(make.makeAuthority(strange, undefined)),
  'other-ca-presented': (make) => make.leaf(make.makeAuthority(strange, undefined, { isPresented: true })),
  'self-signed': (make) => make.leaf(undefined),
  'impostor-ca': (make) => make.leaf(make.makeAuthority(make.issuer.name, undefined)),
  'impostor-ca-key-id': (make) =>
    make.leaf(make.makeAuthority(make.issuer.name, undefined, { keyId: make.issuer.keyId, isPresented: true })),
  'signed-by-leaf': (make) => make.leaf(make.belowLeaf),
  'altered-signature': (make) => make.changed(-1),
  'altered-content': (make) => make.changed(make.serialEnd - 1),

  expired: (make) => make.leaf(make.authority, past),
  'not-yet-valid': (make) => make.leaf(make.authority, future),
  'wrong-purpose': (make) => make.leaf(make.authority, { purposes: [make.wrongPurpose] }),
  'unrelated-purpose': (make) => make.leaf(make.authority, { purposes: [extendedKeyUsage('1.3.6.1.5.5.7.3.3')] }),
  'unknown-critical': (make) =>
    make.leaf(make.authority, {
      purposes: [make.purpose, extension('1.3.6.1.4.1.99999.1', true, sequence())],
    }),
  'below-expired-authority': (make) =>
    make.leaf(make.makeAuthority(commonNameOnly('Expired CA'), make.roomyAuthority, past)),
  'below-no-cert-sign': (make) =>
    make.leaf(
      make.makeAuthority(commonNameOnly('CA that may not sign'), make.roomyAuthority, {
        extensions: [basicConstraints(true), keyUsage('digitalSignature')],
      }),
    ),
  'below-version-1': (make) => {
    const { chain, keys } = forge({
      subject: commonNameOnly('Old CA'),
      signer: make.roomyAuthority,
      ...always,
      extensions: [],
    });
    return make.leaf({ name: commonNameOnly('Old CA'), key: keys.privateKey, keyId: undefined, chain });
  },
  'path-too-long': (make) => {
    const narrow = (signer: Signer): Signer =>
      make.makeAuthority(commonNameOnly('Narrow CA'), signer, {
        extensions: [basicConstraints(true, 0), keyUsage('keyCertSign', 'cRLSign')],
      });
    const below = make.pathLength === 0 ? make.authority : narrow(make.authority);
    return make.leaf(make.makeAuthority(commonNameOnly('One CA too many'), below));
  },
  'name-constraints': (make) => {
    const signer = make.makeAuthority(commonNameOnly('Constrained CA'), make.roomyAuthority, {
      extensions: [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign'), nameConstraints(constrained)],
    });
    const names = make.isServer ? [nameOf(make.host)] : [];
    return make.leaf(signer, make.named(signer, ...names, generalName.dns(`a.${constrained}`)));
  },
  'signed-with-md5': (make) => {
    if (make.authority.key.asymmetricKeyType !== 'rsa')
      throw new NotToBeHad('MD5 is for RSA, and the CA has another key');
    return make.leaf(make.authority, { digest: 'md5' });
  },
  'signed-with-sha1': (make) => {
    if (!['rsa', 'ec'].includes(make.authority.key.asymmetricKeyType!)) {
      throw new NotToBeHad('SHA-1 is for RSA and ECDSA, and the CA has another key');
    }
    return make.leaf(make.authority, { digest: 'sha1' });
  },
  'rsa-1024': (make) => make.leaf(make.authority, { keys: weakKeys(1024) }),
  'no-purpose': (make) => make.leaf(make.authority, { purposes: [] }),
  'any-purpose': (make) => make.leaf(make.authority, { purposes: [extendedKeyUsage(purposeOids.any)] }),
  'is-authority': (make) =>
    make.leaf(make.authority, {
      extensions: [
        ...[basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')],
        ...make.names,
        ...aki(make.authority),
      ],
    }),

  // Of servers.
  'other-name': (make) =>
    make.leaf(
      make.authority,
      make.named(make.authority, generalName.dns('other.example'), generalName.ip('192.0.2.1')),
    ),
  'common-name-only': (make) =>
    make.leaf(make.authority, { ...make.named(make.authority), subject: commonNameOnly(make.host) }),
  'common-name-other-san': (make) =>
    make.leaf(make.authority, {
      ...make.named(make.authority, generalName.dns('other.example')),
      subject: commonNameOnly(make.host),
    }),
  'uri-only': (make) =>
    make.leaf(make.authority, {
      ...make.named(make.authority, generalName.uri(`wss://${isIP(make.host) === 6 ? `[${make.host}]` : make.host}/`)),
      subject: commonNameOnly(make.host),
    }),
  'name-in-wrong-type': (make) => make.leaf(make.authority, make.named(make.authority, wrongTypeOf(make.host))),
  'name-cut-by-nul': (make) =>
    make.leaf(make.authority, make.named(make.authority, generalName.dns(`${make.host}\0.other.example`))),
  'name-as-suffix': (make) =>
    make.leaf(
      make.authority,
      make.named(make.authority, generalName.dns(`x.${make.host}`), generalName.dns(`${make.host}.example`)),
    ),
  'joined-names': (make) =>
    make.leaf(
      make.authority,
      make.named(
        make.authority,
        generalName.dns(`other.example, DNS:${make.host}`),
        generalName.uri(`urn:x, DNS:${make.host}, IP Address:${make.host}`),
      ),
    ),
  'partial-wildcard': (make) =>
    make.leaf(
      make.authority,
      make.named(
        make.authority,
        ...[`${make.host[0]}*${make.host.slice(3)}`, `*${make.host.slice(1)}`].map(generalName.dns),
      ),
    ),
  'wildcard-inside': (make) =>
    make.leaf(
      make.authority,
      make.named(make.authority, generalName.dns(make.host.replace(/[^.]+$/, '*').replace(/^\*$/, '*.*'))),
    ),
  'bare-wildcard': (make) => make.leaf(make.authority, make.named(make.authority, generalName.dns('*'))),
};

/** An address as a DNS name; a name as an e-mail address and a URI without a host. */
const wrongTypeOf = (host: string): Buffer => (isIP(host) === 0 ? generalName.email(host) : generalName.dns(host));

/** Those that are made without the key of the CA. */
export const withoutCa: readonly BadCertificate[] = [
  'other-ca',
  'other-ca-presented',
  'self-signed',
  'impostor-ca',
  'impostor-ca-key-id',
  'signed-by-leaf',
  'altered-signature',
  'altered-content',
];

export function isBadCertificate(name: string): name is BadCertificate {
  return Object.hasOwn(makers, name);
}

/**
 * Makes a certificate, or reads it: `END-NAME.pem` and `END-NAME.key` of the directory come first, where END is `client` or
 * `server`.
 *
 * @throws NotToBeHad
 */
export function badCertificate(name: BadCertificate, shop: Workshop): Shown {
  const { directory, end, caKey } = shop;
  if (directory !== undefined) {
    const [cert, key] = ['pem', 'key'].map((type) => join(directory, `${end}-${name}.${type}`)) as [string, string];
    if (existsSync(cert) && existsSync(key)) {
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    }
    if (caKey === undefined && !withoutCa.includes(name)) {
      throw new NotToBeHad(`there is no ${end}-${name}.pem with ${end}-${name}.key in the directory of --bad-certs`);
    }
  }
  return makers[name](new Maker(shop));
}
