/**
 * Certificates for tests, good ones and every kind of bad one, made once per process: `kit()`. Those in `clients` and
 * `servers` are meant to be presented in a TLS handshake with `kit().ca` as the trust anchor of the other end; those in
 * `hostile` are meant for parsers (some of them also pass a handshake).
 */
import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { attributeOids, purposeOids } from '../../src/tls/oids.js';
import { randomSerial, withKey } from '../../src/tls/pki/authority.js';
import { keyIdentifier, writeCertificate } from '../../src/tls/pki/certificate-writer.js';
import {
  contextConstructed,
  contextPrimitive,
  element,
  objectIdentifier,
  utf8String,
} from '../../src/tls/pki/der-writer.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonNameOnly,
  distinguishedName,
  extendedKeyUsage,
  extension,
  generalName,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/tls/pki/extensions.js';
import { type Authority, createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { generateKeyPair } from '../../src/tls/pki/key-pair.js';

export type { Authority, IssuedCertificate };

/** An end that can sign: the name and key that go into what it signs, and the chain that goes behind it. */
interface Signer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly chain: readonly Buffer[];
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Forgery {
  /** Text for a single common name, or DER of a Name. */
  readonly subject: string | Buffer;
  /** Undefined: signs itself. */
  readonly signer?: Signer | undefined;
  readonly extensions: readonly Buffer[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly keys?: Keys;
}

const always = { notBefore: new Date('2000-01-01T00:00:00Z'), notAfter: new Date('2100-01-01T00:00:00Z') };
const past = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2020-02-01T00:00:00Z') };
const future = { notBefore: new Date('2090-01-01T00:00:00Z'), notAfter: new Date('2090-02-01T00:00:00Z') };

/** Writes whatever is asked for, sense or nonsense. */
export function forge(forgery: Forgery): IssuedCertificate {
  const { publicKey, privateKey } = forgery.keys ?? generateKeyPair();
  const subject = typeof forgery.subject === 'string' ? commonNameOnly(forgery.subject) : forgery.subject;
  const der = writeCertificate(
    {
      serial: randomSerial(),
      subject,
      issuer: forgery.signer?.name ?? subject,
      notBefore: forgery.notBefore ?? always.notBefore,
      notAfter: forgery.notAfter ?? always.notAfter,
      publicKey,
      extensions: forgery.extensions,
    },
    forgery.signer?.key ?? privateKey,
  );
  return withKey([der, ...(forgery.signer?.chain ?? [])], privateKey);
}

/** The same certificate and key, presented with another chain behind the leaf. */
export function presenting(issued: IssuedCertificate, ...behind: readonly Buffer[]): IssuedCertificate {
  return withKey([issued.der, ...behind], createPrivateKey(issued.key));
}

const clientPurpose = extendedKeyUsage(purposeOids.clientAuth);
const serverPurpose = extendedKeyUsage(purposeOids.serverAuth);
const leafExtensions = [basicConstraints(false), keyUsage('digitalSignature')];
const hosts = ['localhost', '127.0.0.1', '::1'];
const hostNames = [generalName.dns('localhost'), generalName.ip('127.0.0.1'), generalName.ip('::1')];

function keyIdOf(issued: IssuedCertificate): Buffer {
  return keyIdentifier(createPublicKey(createPrivateKey(issued.key)));
}

function rootSigner(name: string, root: IssuedCertificate): Signer {
  return { name: commonNameOnly(name), key: createPrivateKey(root.key), chain: [] };
}

function authoritySigner(name: string, authority: IssuedCertificate): Signer {
  return { name: commonNameOnly(name), key: createPrivateKey(authority.key), chain: authority.chain };
}

const caName = 'Test CA';

/** A client certificate below `depth` intermediates below `kit().ca`. */
export function clientBelow(depth: number, ca: Authority = kit().ca): IssuedCertificate {
  let authority = ca;
  for (let level = 1; level <= depth; level++) authority = authority.issueAuthority({ commonName: `Level ${level}` });
  return authority.issue({ commonName: `device below ${depth}`, kind: 'client' });
}

/** A root of the name of another, with its own key; its identifier may be claimed to be `keyId`. */
function impostor(keyId?: Buffer): { root: IssuedCertificate; signer: Signer } {
  const keys = generateKeyPair();
  const claimed = keyId ?? keyIdentifier(keys.publicKey);
  const root = forge({
    subject: caName,
    keys,
    extensions: [
      basicConstraints(true),
      keyUsage('keyCertSign', 'cRLSign'),
      subjectKeyIdentifier(claimed),
      authorityKeyIdentifier(claimed),
    ],
  });
  return { root, signer: rootSigner(caName, root) };
}

function makeClients(ca: Authority, otherCa: Authority, rsaKeys: Keys): Record<ClientName, IssuedCertificate> {
  const signer = rootSigner(caName, ca);
  const client = (commonName: string, ...extensions: readonly Buffer[]) =>
    forge({ subject: commonName, signer, extensions: [...leafExtensions, ...extensions] });
  const good = ca.issue({ commonName: 'device-7', kind: 'client', uris: ['spiffe://test.example/device/7'] });
  const intermediate = ca.issueAuthority({ commonName: 'Test Intermediate' });
  const throughIntermediate = intermediate.issue({ commonName: 'device-8', kind: 'client' });
  const narrow = ca.issueAuthority({ commonName: 'Narrow CA', pathLength: 0 });
  const oneTooMany = forge({
    subject: 'One Too Many',
    signer: authoritySigner('Narrow CA', narrow),
    extensions: [basicConstraints(true), keyUsage('keyCertSign')],
  });
  const belowLeaf = { name: commonNameOnly('device-7'), key: createPrivateKey(good.key), chain: good.chain };
  const sameName = impostor();
  const sameNameAndKeyId = impostor(keyIdOf(ca));
  return {
    good,
    /** Good, with the intermediate presented. */
    throughIntermediate,
    /** The intermediate is not presented. */
    missingIntermediate: presenting(throughIntermediate),
    expired: ca.issue({ commonName: 'expired device', kind: 'client', ...past }),
    notYetValid: ca.issue({ commonName: 'early device', kind: 'client', ...future }),
    /** Lawful leaf below an intermediate that has expired. */
    belowExpiredIntermediate: ca
      .issueAuthority({ commonName: 'Expired Intermediate', ...past })
      .issue({ commonName: 'device below expired', kind: 'client', ...always }),
    otherCa: otherCa.issue({ commonName: 'foreign device', kind: 'client' }),
    /** The foreign root is presented too. */
    otherCaWithRoot: presenting(otherCa.issue({ commonName: 'foreign device', kind: 'client' }), otherCa.der),
    /** Signed by an authority that bears the name of the trusted one. */
    impostorCa: forge({
      subject: 'device-7',
      signer: sameName.signer,
      extensions: [...leafExtensions, clientPurpose, authorityKeyIdentifier(keyIdOf(sameName.root))],
    }),
    /** As `impostorCa`, and its key identifiers are those of the trusted one. */
    impostorCaSameKeyId: forge({
      subject: 'device-7',
      signer: sameNameAndKeyId.signer,
      extensions: [...leafExtensions, clientPurpose, authorityKeyIdentifier(keyIdOf(ca))],
    }),
    /** Extended key usage serverAuth only: a server's certificate. */
    serverAuthOnly: ca.issue({ commonName: 'localhost', kind: 'server', hosts }),
    /** Version 3 without extended key usage: accepted by default. */
    noEku: client('device without purpose'),
    /** Purpose `any`, which OpenSSL does not take for clientAuth. */
    anyEku: client('device of any purpose', extendedKeyUsage(purposeOids.any)),
    bothEku: client('device of both purposes', extendedKeyUsage(purposeOids.serverAuth, purposeOids.clientAuth)),
    /** A purpose that is neither: code signing. */
    unrelatedEku: client('code signer', extendedKeyUsage('1.3.6.1.5.5.7.3.3')),
    /** Key usage without digitalSignature; OpenSSL's purpose check is content with keyAgreement. */
    keyAgreementOnly: forge({
      subject: 'silent device',
      signer,
      extensions: [extension('2.5.29.15', true, element(0x03, Buffer.from([3, 0x08]))), clientPurpose],
    }),
    /** Version 1, as many openssl how-tos make them: accepted by default. */
    version1: forge({ subject: 'device of version 1', signer, extensions: [] }),
    /** An extension that nobody knows, marked critical. */
    unknownCritical: client('puzzling device', clientPurpose, extension('1.3.6.1.4.1.99999.1', true, utf8String('?'))),
    selfSigned: forge({ subject: 'lonely device', extensions: [...leafExtensions, clientPurpose] }),
    /** Signed with the key of a leaf, which is presented as its issuer. */
    signedByLeaf: forge({ subject: 'device below a leaf', signer: belowLeaf, extensions: [clientPurpose] }),
    /** Below an intermediate that its own issuer's path length forbids. */
    pathLengthExceeded: forge({
      subject: 'device too deep',
      signer: authoritySigner('One Too Many', oneTooMany),
      extensions: [...leafExtensions, clientPurpose],
    }),
    rsa: forge({ subject: 'device of RSA', signer, keys: rsaKeys, extensions: [...leafExtensions, clientPurpose] }),
    ed25519: ca.issue({ commonName: 'device of Ed25519', kind: 'client', keyType: 'ed25519' }),
    /** Two URIs: neither counts as a SPIFFE ID. */
    twoUris: ca.issue({
      commonName: 'device of two URIs',
      kind: 'client',
      uris: ['spiffe://test.example/a', 'spiffe://test.example/b'],
    }),
    emptySubject: ca.issue({ commonName: '', kind: 'client', uris: ['spiffe://test.example/nameless'] }),
  };
}

function makeServers(ca: Authority, otherCa: Authority, rsaKeys: Keys): Record<ServerName, IssuedCertificate> {
  const signer = rootSigner(caName, ca);
  const server = (commonName: string, ...extensions: readonly Buffer[]) =>
    forge({ subject: commonName, signer, extensions: [...leafExtensions, ...extensions] });
  const throughIntermediate = ca
    .issueAuthority({ commonName: 'Test Server Intermediate' })
    .issue({ commonName: 'server', kind: 'server', hosts });
  return {
    /** For `localhost`, `127.0.0.1` and `::1`. */
    good: ca.issue({ commonName: 'server', kind: 'server', hosts }),
    throughIntermediate,
    missingIntermediate: presenting(throughIntermediate),
    expired: ca.issue({ commonName: 'server', kind: 'server', hosts, ...past }),
    notYetValid: ca.issue({ commonName: 'server', kind: 'server', hosts, ...future }),
    otherCa: otherCa.issue({ commonName: 'server', kind: 'server', hosts }),
    impostorCa: forge({
      subject: 'server',
      signer: impostor().signer,
      extensions: [...leafExtensions, serverPurpose, subjectAltName(hostNames, false)],
    }),
    /** Extended key usage clientAuth only: a client's certificate. */
    clientAuthOnly: ca.issue({ commonName: 'server', kind: 'client', hosts }),
    noEku: server('server', subjectAltName(hostNames, false)),
    selfSigned: forge({
      subject: 'localhost',
      extensions: [...leafExtensions, serverPurpose, subjectAltName(hostNames, false)],
    }),
    version1: forge({ subject: 'localhost', signer, extensions: [] }),
    /** `localhost` is the common name, and there is no SAN. */
    commonNameOnly: server('localhost', serverPurpose),
    /** `localhost` is the common name, and the only SAN is a URI. */
    uriSanOnly: ca.issue({ commonName: 'localhost', kind: 'server', uris: ['spiffe://test.example/server'] }),
    /** For other hosts than the one that is asked for. */
    wrongHost: ca.issue({ commonName: 'localhost', kind: 'server', hosts: ['other.example', '192.0.2.1'] }),
    wildcard: ca.issue({ commonName: 'wildcard', kind: 'server', hosts: ['*.wild.example'] }),
    /** Wildcards that must never match: `*.com`, `*`, `f*.x.example`. */
    wildcardTooWide: server(
      'too wide',
      serverPurpose,
      subjectAltName(['*.com', '*', 'f*.x.example'].map(generalName.dns), false),
    ),
    /** `127.0.0.1` written as a DNS name. */
    addressAsDns: server('127.0.0.1', serverPurpose, subjectAltName([generalName.dns('127.0.0.1')], false)),
    rsa: forge({
      subject: 'server',
      signer,
      keys: rsaKeys,
      extensions: [...leafExtensions, serverPurpose, subjectAltName(hostNames, false)],
    }),
  };
}

/** Directory names, other names and registered identifiers, which `pki` itself never writes. */
const rareNames = {
  directoryName: (name: Buffer) => contextConstructed(4, name),
  otherName: (type: string, value: Buffer) =>
    contextConstructed(0, objectIdentifier(type), contextConstructed(0, value)),
  registeredId: (dotted: string) => contextPrimitive(8, objectIdentifier(dotted).subarray(2)),
};

const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16();

function makeHostile(ca: Authority): Record<HostileName, IssuedCertificate> {
  const signer = rootSigner(caName, ca);
  const named = (subject: string | Buffer, ...names: readonly Buffer[]) =>
    forge({
      subject,
      signer,
      extensions: [
        ...leafExtensions,
        clientPurpose,
        ...(names.length > 0 ? [subjectAltName(names, subject === '')] : []),
      ],
    });
  const commonName = (value: Buffer) => named(distinguishedName([[attributeOids.commonName, value]]));
  return {
    /** One dNSName that reads like two in a joined string. */
    joinedDns: named('evil', generalName.dns('evil, DNS:admin.internal')),
    quotedDns: named('evil', generalName.dns('"evil\\, DNS:admin.internal"')),
    uriLikeDns: named('evil', generalName.uri('spiffe://test.example/x, URI:spiffe://test.example/admin')),
    nulInDns: named('evil', generalName.dns('admin.internal\0.evil.example')),
    newlineInDns: named('evil', generalName.dns('a\nadmin.internal')),
    nonAsciiDns: named('evil', generalName.dns('b\u00fccher.example')),
    emptyDns: named('evil', generalName.dns('')),
    oddAddress: named('evil', contextPrimitive(7, Buffer.from([127, 0, 0, 1, 0]))),
    addressWithMask: named('evil', contextPrimitive(7, Buffer.from([127, 0, 0, 1, 255, 0, 0, 0]))),
    nulInUri: named('evil', generalName.uri('spiffe://test.example/a\0b')),
    slashInCommonName: named('evil/CN=admin'),
    commaInCommonName: named('evil, CN=admin'),
    nulInCommonName: named('admin\0.evil'),
    newlineInCommonName: named('evil\nsubject: CN=admin'),
    escapesInCommonName: named('\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eevil'),
    emptyCommonName: named(distinguishedName([[attributeOids.commonName, '']]), generalName.dns('a.example')),
    bmpStringCommonName: commonName(element(0x1e, ucs2('Zürich 日本'))),
    universalStringCommonName: commonName(element(0x1c, Buffer.from('0000005a000000fc0001f600', 'hex'))),
    teletexCommonName: commonName(element(0x14, Buffer.from('Z\u00fcrich', 'latin1'))),
    printableCommonName: commonName(element(0x13, Buffer.from('device 9', 'latin1'))),
    invalidUtf8CommonName: commonName(element(0x0c, Buffer.from([0x61, 0xff, 0x62]))),
    oddBmpStringCommonName: commonName(element(0x1e, Buffer.from([0x00, 0x61, 0x00]))),
    integerCommonName: commonName(element(0x02, Buffer.from([7]))),
    twoCommonNames: named(
      distinguishedName([[attributeOids.commonName, 'device']], [[attributeOids.commonName, 'admin']]),
    ),
    /** Two attributes in one relative distinguished name. */
    multiValueRdn: named(
      distinguishedName(
        [[attributeOids.organizationName, 'Example, Inc.']],
        [
          [attributeOids.commonName, 'device'],
          [attributeOids.userId, 'CN=admin'],
        ],
      ),
    ),
    unknownAttribute: named(distinguishedName([['1.3.6.1.4.1.99999.7', 'value']])),
    /** One name of every kind. */
    everyKind: named(
      'everything',
      generalName.dns('a.example'),
      generalName.ip('192.0.2.1'),
      generalName.ip('2001:db8::1'),
      generalName.uri('spiffe://test.example/everything'),
      generalName.email('a@b.example'),
      rareNames.directoryName(commonNameOnly('in a directory')),
      rareNames.otherName('1.3.6.1.4.1.311.20.2.3', utf8String('user@domain.example')),
      rareNames.registeredId('1.2.3.4'),
    ),
    tenThousandNames: named(
      'crowd',
      ...Array.from({ length: 10_000 }, (_, index) => generalName.dns(`host-${index}.example`)),
    ),
    megabyteCommonName: named('x'.repeat(1_000_000)),
  };
}

export type ClientName =
  | 'good'
  | 'throughIntermediate'
  | 'missingIntermediate'
  | 'expired'
  | 'notYetValid'
  | 'belowExpiredIntermediate'
  | 'otherCa'
  | 'otherCaWithRoot'
  | 'impostorCa'
  | 'impostorCaSameKeyId'
  | 'serverAuthOnly'
  | 'noEku'
  | 'anyEku'
  | 'bothEku'
  | 'unrelatedEku'
  | 'keyAgreementOnly'
  | 'version1'
  | 'unknownCritical'
  | 'selfSigned'
  | 'signedByLeaf'
  | 'pathLengthExceeded'
  | 'rsa'
  | 'ed25519'
  | 'twoUris'
  | 'emptySubject';

export type ServerName =
  | 'good'
  | 'throughIntermediate'
  | 'missingIntermediate'
  | 'expired'
  | 'notYetValid'
  | 'otherCa'
  | 'impostorCa'
  | 'clientAuthOnly'
  | 'noEku'
  | 'selfSigned'
  | 'version1'
  | 'commonNameOnly'
  | 'uriSanOnly'
  | 'wrongHost'
  | 'wildcard'
  | 'wildcardTooWide'
  | 'addressAsDns'
  | 'rsa';

export type HostileName =
  | 'joinedDns'
  | 'quotedDns'
  | 'uriLikeDns'
  | 'nulInDns'
  | 'newlineInDns'
  | 'nonAsciiDns'
  | 'emptyDns'
  | 'oddAddress'
  | 'addressWithMask'
  | 'nulInUri'
  | 'slashInCommonName'
  | 'commaInCommonName'
  | 'nulInCommonName'
  | 'newlineInCommonName'
  | 'escapesInCommonName'
  | 'emptyCommonName'
  | 'bmpStringCommonName'
  | 'universalStringCommonName'
  | 'teletexCommonName'
  | 'printableCommonName'
  | 'invalidUtf8CommonName'
  | 'oddBmpStringCommonName'
  | 'integerCommonName'
  | 'twoCommonNames'
  | 'multiValueRdn'
  | 'unknownAttribute'
  | 'everyKind'
  | 'tenThousandNames'
  | 'megabyteCommonName';

export interface Kit {
  /** Trusted by both ends: `Test CA`. */
  readonly ca: Authority;
  /** Trusted by nobody: `Other CA`. */
  readonly otherCa: Authority;
  /** Self-signed roots that bear the name of `ca`; the second also claims its key identifier. */
  readonly impostorCa: IssuedCertificate;
  readonly impostorCaSameKeyId: IssuedCertificate;
  readonly clients: Readonly<Record<ClientName, IssuedCertificate>>;
  readonly servers: Readonly<Record<ServerName, IssuedCertificate>>;
  readonly hostile: Readonly<Record<HostileName, IssuedCertificate>>;
}

function makeKit(): Kit {
  const ca = createAuthority({ commonName: caName, ...always });
  const otherCa = createAuthority({ commonName: 'Other CA', ...always });
  // Slow to make (some 100 ms), so both ends share them.
  const rsaKeys = generateKeyPair('rsa-2048');
  return {
    ca,
    otherCa,
    impostorCa: impostor().root,
    impostorCaSameKeyId: impostor(keyIdOf(ca)).root,
    clients: makeClients(ca, otherCa, rsaKeys),
    servers: makeServers(ca, otherCa, rsaKeys),
    hostile: makeHostile(ca),
  };
}

let made: Kit | undefined;

/** Returns the kit of this process, made at the first call. */
export function kit(): Kit {
  made ??= makeKit();
  return made;
}
