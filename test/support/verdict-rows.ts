/**
 * The table of the verdicts: chains, each good or wrong in one way, with what we make of it. `openssl verify` must say the
 * same of each, unless `differs` tells why not.
 */
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import type { IdentityCode } from '../../src/tls/errors.js';
import { element, utf8String } from '../../src/tls/pki/der-writer.js';
import { distinguishedName } from '../../src/tls/pki/extensions.js';
import {
  basicConstraints,
  commonNameOnly,
  extendedKeyUsage,
  extension,
  generalName,
  type IssuedCertificate,
  type Keys,
  keyUsage,
  octetString,
  purposeOids,
  sequence,
  subjectAltName,
} from '../../src/tls/pki/forgery/index.js';
import {
  type AuthorityParts,
  addressRange,
  altered,
  type ChainAuthority,
  type ChainShop,
  type End,
  freshKeys,
  future,
  type LeafParts,
  type ListParts,
  nameConstraints,
  past,
  presenting,
  quickRsaKeys,
  replacing,
  resigned,
  revocationList,
  signedWithPss,
  version1,
} from './chain-shop.js';

export type Verdict = 'accepted' | IdentityCode;

/** What an end shows, and what the other end trusts if that is not the root of the shop. */
export interface Made {
  readonly shown: IssuedCertificate;
  /** PEM. */
  readonly trusted?: string;
  /** DER of the revocation lists; default: none, and nothing is checked. */
  readonly lists?: readonly Buffer[];
}

export interface VerdictRow {
  readonly id: string;
  /** Which end shows the chain. */
  readonly end: End;
  /** The chain in words. */
  readonly chain: string;
  /** The host that is asked for, if a server shows it. */
  readonly host: string;
  readonly ours: Verdict;
  /** Why `openssl verify` says the opposite; `undefined`: it says the same. */
  readonly differs: string | undefined;
  /** A server of OpenSSL does not show such a certificate in TLS 1.2: it finds no cipher suite for it. */
  readonly notShownInTls12: boolean;
  /** What we make of it where a version of Node does not let us say `ours`; by its major number. */
  readonly onNode: Readonly<Record<number, Verdict>>;
  readonly make: () => Made;
}

type Told = Partial<Pick<VerdictRow, 'differs' | 'host' | 'notShownInTls12' | 'onNode'>>;

type Make = (shop: ChainShop) => Made | IssuedCertificate;

/** Makes the table, for shops in which the certificates are made when they are asked for. */
export function verdictRows(shops: Readonly<Record<End, ChainShop>>): readonly VerdictRow[] {
  const rows: VerdictRow[] = [];
  const one = (end: End, name: string, chain: string, ours: Verdict, make: Make, told: Told = {}): void => {
    const { host = 'localhost', differs, notShownInTls12 = false, onNode = {} } = told;
    const id = `${end}/${name}`;
    if (rows.some((row) => row.id === id)) throw new Error(`two rows are named ${id}`);
    const makeRow = (): Made => {
      const made = make(shops[end]);
      return 'shown' in made ? made : { shown: made };
    };
    rows.push({
      id,
      end,
      chain,
      host,
      ours,
      differs,
      notShownInTls12: notShownInTls12 && end === 'server',
      onNode,
      make: makeRow,
    });
  };
  const both = (name: string, chain: string, ours: Verdict, make: Make, told: Told = {}): void => {
    for (const end of ['client', 'server'] as const) one(end, name, chain, ours, make, told);
  };
  addGood(both, one);
  addTime(both);
  addIssuer(both);
  addAuthority(both);
  addConstraints(both, one);
  addPurpose(both);
  addAlgorithms(both);
  addForm(both, one);
  addRevocation(both);
  addHosts(one);
  return rows;
}

type Both = (name: string, chain: string, ours: Verdict, make: Make, told?: Told) => void;
type One = (end: End, name: string, chain: string, ours: Verdict, make: Make, told?: Told) => void;

/** RSA keys, shared: each size is made once. */
const rsaKeys = new Map<number, Keys>();
function rsa(bits: number): Keys {
  const keys = rsaKeys.get(bits) ?? quickRsaKeys(bits);
  rsaKeys.set(bits, keys);
  return keys;
}

const ec = (namedCurve: string): Keys => generateKeyPairSync('ec', { namedCurve });

/** A root of its own that is trusted, with the leaf that `make` puts below it. */
function belowRoot(
  shop: ChainShop,
  parts: Parameters<ChainShop['authority']>[2],
  make: (root: ReturnType<ChainShop['authority']>) => IssuedCertificate = (root) => shop.leaf(root),
): Made {
  const root = shop.authority('Verdict Root of its own', undefined, parts);
  return { shown: make(root), trusted: root.pem };
}

/** A leaf below one intermediate that is made of `parts`. */
const below = (shop: ChainShop, parts: Parameters<ChainShop['authority']>[2], leaf: LeafParts = {}) =>
  shop.leaf(shop.authority('Verdict Intermediate', shop.root, parts), leaf);

const commonNameFallback = 'openssl falls back to the common name when there is no DNS name; we never look at it';

function addGood(both: Both, one: One): void {
  both('direct', 'leaf below the root', 'accepted', (shop) => shop.leaf());
  for (const depth of [1, 2, 3]) {
    both(`intermediates-${depth}`, `leaf below ${depth} intermediate${depth > 1 ? 's' : ''}`, 'accepted', (shop) =>
      shop.leaf(shop.below(depth)),
    );
  }
  both('intermediates-9', 'leaf below 9 intermediates: 10 certificates', 'accepted', (shop) =>
    shop.leaf(shop.below(9)),
  );
  const tooLong = 'we take 10 certificates at most, openssl 100';
  const deep: Make = (shop) => shop.leaf(shop.below(10));
  const elevenCertificates = 'leaf below 10 intermediates: 11 certificates';
  // A server on Node 24 is not shown the intermediates of its client.
  const onNode = { 24: 'accepted' } as const;
  one('client', 'intermediates-10', elevenCertificates, 'certificate-chain-too-long', deep, {
    differs: tooLong,
    onNode,
  });
  one('server', 'intermediates-10', elevenCertificates, 'certificate-chain-too-long', deep, { differs: tooLong });
  both('p384', 'leaf with a key on P-384', 'accepted', (shop) => shop.leaf(undefined, { keys: ec('P-384') }));
  both('p384-authority', 'leaf below a root on P-384', 'accepted', (shop) => belowRoot(shop, { keys: ec('P-384') }));
  both('p521', 'leaf with a key on P-521', 'accepted', (shop) => shop.leaf(undefined, { keys: ec('P-521') }));
  both('rsa-2048', 'leaf with an RSA key of 2,048 bits', 'accepted', (shop) =>
    shop.leaf(undefined, { keys: rsa(2048) }),
  );
  both('rsa-3072', 'leaf with an RSA key of 3,072 bits', 'accepted', (shop) =>
    shop.leaf(undefined, { keys: rsa(3072) }),
  );
  both('ed25519', 'leaf with a key of Ed25519', 'accepted', (shop) =>
    shop.leaf(undefined, { keys: generateKeyPairSync('ed25519') }),
  );
  both('ed25519-authority', 'leaf below a root of Ed25519', 'accepted', (shop) =>
    belowRoot(shop, { keys: generateKeyPairSync('ed25519') }),
  );
  both('rsa-authority', 'leaf below a root of RSA', 'accepted', (shop) => belowRoot(shop, { keys: rsa(2048) }));
  both('rsa-pss', 'leaf signed with RSASSA-PSS', 'accepted', (shop) =>
    belowRoot(shop, { keys: rsa(2048) }, (root) => {
      const leaf = shop.leaf(root);
      return replacing(leaf, signedWithPss(leaf.der, root.key));
    }),
  );
  both('no-eku', 'leaf without extended key usage', 'accepted', (shop) => shop.leaf(undefined, { purposes: [] }));
  both('both-eku', 'leaf for clientAuth and serverAuth', 'accepted', (shop) =>
    shop.leaf(undefined, { purposes: [purposeOids.serverAuth, purposeOids.clientAuth] }),
  );
  both('no-key-usage', 'leaf without key usage', 'accepted', (shop) => shop.leaf(undefined, { usage: [] }));
  both(
    'key-agreement',
    'leaf whose key usage is keyAgreement alone',
    'accepted',
    (shop) => shop.leaf(undefined, { usage: [extension('2.5.29.15', true, element(0x03, Buffer.from([3, 0x08])))] }),
    { notShownInTls12: true },
  );
  both('no-key-ids', 'leaf that names no key of its issuer', 'accepted', (shop) =>
    shop.leaf({ ...shop.root, keyId: undefined }),
  );
  both('is-authority', 'leaf that is an authority itself', 'accepted', (shop) => {
    const own = shop.authority('localhost', shop.root, {
      usage: [keyUsage('digitalSignature', 'keyCertSign')],
      more: [extendedKeyUsage(shop.purpose), subjectAltName(shop.names, false)],
    });
    return presenting({ ...shop.leaf(undefined, { keys: own.keys }), der: own.der });
  });
  both('empty-subject', 'leaf with an empty subject, its names critical', 'accepted', (shop) =>
    shop.leaf(undefined, {
      subject: commonNameOnly(''),
      extensions: [basicConstraints(false), extendedKeyUsage(shop.purpose), subjectAltName(shop.names, true)],
    }),
  );
  both('unknown-extension', 'leaf with an extension nobody knows, not critical', 'accepted', (shop) =>
    shop.leaf(undefined, { more: [extension('1.3.6.1.4.1.99999.1', false, utf8String('?'))] }),
  );
  both('root-presented', 'leaf, intermediate and root presented', 'accepted', (shop) => {
    const leaf = shop.leaf(shop.below(1));
    return presenting(leaf, ...leaf.chain.slice(1), shop.root.der);
  });
  both('wrong-order', 'leaf below 3 intermediates, presented in reverse', 'accepted', (shop) => {
    const leaf = shop.leaf(shop.below(3));
    return presenting(leaf, ...leaf.chain.slice(1).reverse());
  });
  both('twice', 'leaf and intermediate, both presented twice', 'accepted', (shop) => {
    const leaf = shop.leaf(shop.below(1));
    return presenting(leaf, ...leaf.chain.slice(1), ...leaf.chain);
  });
  both('unrelated-behind', 'leaf with certificates behind it that are not of its chain', 'accepted', (shop) => {
    const leaf = shop.leaf();
    const other = shop.authority('Unrelated CA');
    return presenting(leaf, other.der, shop.leaf(other).der);
  });
  const crossed = (shop: ChainShop, isTrustedFirst: boolean): Made => {
    const stranger = shop.authority('Older Root');
    const own = shop.authority('Crossed CA', shop.root);
    const other = shop.authority('Crossed CA', stranger, { keys: own.keys });
    const certificates = [own.der, other.der];
    return { shown: presenting(shop.leaf(own), ...(isTrustedFirst ? certificates : certificates.reverse())) };
  };
  both('cross-signed', 'intermediate by the root and by a root not trusted, in this order', 'accepted', (shop) =>
    crossed(shop, true),
  );
  both(
    'cross-signed-reverse',
    'intermediate by a root not trusted and by the root, in this order',
    'certificate-untrusted',
    (shop) => crossed(shop, false),
  );
  both('two-roots', 'two roots trusted, the second issued it', 'accepted', (shop) => {
    const second = shop.authority('Second Root');
    return { shown: shop.leaf(second), trusted: `${shop.root.pem}${second.pem}` };
  });
  both('renewed-root', 'two roots of one name trusted, the second issued it', 'accepted', (shop) => {
    const second = shop.authority('Verdict Root');
    return { shown: shop.leaf(second), trusted: `${shop.root.pem}${second.pem}` };
  });
  both('until-2050', 'leaf that ends in 2050, written in another type of time', 'accepted', (shop) =>
    shop.leaf(undefined, { notAfter: new Date('2050-01-01T00:00:00Z') }),
  );
  one('client', 'version-1', 'leaf of version 1, without any extension', 'accepted', (shop) => oldLeaf(shop));
  one('client', 'no-names', 'leaf without subject alternative names', 'accepted', (shop) =>
    shop.leaf(undefined, { names: [] }),
  );
  one('client', 'email', 'leaf with an e-mail address', 'accepted', (shop) =>
    shop.leaf(undefined, { names: [generalName.email('device@verdict.example')] }),
  );
}

function oldLeaf(shop: ChainShop, name: string = 'localhost'): IssuedCertificate {
  const leaf = shop.leaf();
  return replacing(leaf, version1(name, shop.root, leaf.keys));
}

function addTime(both: Both): void {
  both('expired', 'leaf that has expired', 'certificate-expired', (shop) => shop.leaf(undefined, past));
  both('expired-intermediate', 'intermediate that has expired', 'certificate-expired', (shop) => below(shop, past));
  both('expired-root', 'root that has expired', 'certificate-expired', (shop) => belowRoot(shop, past));
  both('not-yet-valid', 'leaf that is not yet valid', 'certificate-not-yet-valid', (shop) =>
    shop.leaf(undefined, future),
  );
  both('not-yet-valid-intermediate', 'intermediate that is not yet valid', 'certificate-not-yet-valid', (shop) =>
    below(shop, future),
  );
  both('not-yet-valid-root', 'root that is not yet valid', 'certificate-not-yet-valid', (shop) =>
    belowRoot(shop, future),
  );
  both('ends-before-it-begins', 'leaf whose validity ends before it begins', 'certificate-expired', (shop) =>
    shop.leaf(undefined, { notBefore: future.notBefore, notAfter: past.notAfter }),
  );
}

function addIssuer(both: Both): void {
  both('other-ca', 'leaf of a CA that is not trusted', 'certificate-untrusted', (shop) =>
    shop.leaf(shop.authority('Stranger')),
  );
  both('other-ca-presented', 'the same, the CA presented', 'certificate-untrusted', (shop) =>
    shop.leaf(shop.authority('Stranger', undefined, { isPresented: true })),
  );
  both('impostor', 'leaf of a CA with the name of the root', 'certificate-untrusted', (shop) =>
    shop.leaf(shop.authority('Verdict Root')),
  );
  both('impostor-presented', 'the same, the CA presented', 'certificate-untrusted', (shop) =>
    shop.leaf(shop.authority('Verdict Root', undefined, { isPresented: true })),
  );
  both(
    'impostor-key-id',
    'leaf of a CA with the name and key identifier of the root',
    'certificate-bad-signature',
    (shop) => shop.leaf(shop.authority('Verdict Root', undefined, { keyId: shop.root.keyId })),
  );
  both('impostor-key-id-presented', 'the same, the CA presented', 'certificate-bad-signature', (shop) =>
    shop.leaf(shop.authority('Verdict Root', undefined, { keyId: shop.root.keyId, isPresented: true })),
  );
  both(
    'impostor-intermediate',
    'intermediate with the name of the right one, by a stranger',
    'certificate-untrusted',
    (shop) => {
      const right = shop.below(1);
      const wrong = shop.authority('Verdict Intermediate 1', shop.authority('Stranger'));
      return presenting(shop.leaf(wrong), right.der);
    },
  );
  both('other-key-id', 'leaf that names another key of its issuer', 'certificate-untrusted', (shop) =>
    shop.leaf(undefined, { authorityKeyId: Buffer.alloc(20, 7) }),
  );
  both('self-signed', 'leaf signed by itself', 'certificate-self-signed', (shop) => {
    const keys = freshKeys();
    return shop.leaf(
      { name: commonNameOnly('self'), key: keys.privateKey, keyId: undefined, chain: [] },
      {
        ...{ keys, subject: commonNameOnly('self') },
      },
    );
  });
  both('self-issued', 'leaf with the subject of the root, signed by its own key', 'certificate-self-signed', (shop) => {
    const keys = freshKeys();
    return shop.leaf({ ...shop.root, key: keys.privateKey, keyId: undefined }, { keys, subject: shop.root.name });
  });
  both('missing-intermediate', 'leaf without its intermediate', 'certificate-untrusted', (shop) =>
    presenting(shop.leaf(shop.below(1))),
  );
  both('missing-lower', 'leaf without the lower of 2 intermediates', 'certificate-untrusted', (shop) => {
    const leaf = shop.leaf(shop.below(2));
    return presenting(leaf, leaf.chain[2]!);
  });
  both('missing-upper', 'leaf without the upper of 2 intermediates', 'certificate-untrusted', (shop) => {
    const leaf = shop.leaf(shop.below(2));
    return presenting(leaf, leaf.chain[1]!);
  });
  both('partial-chain', 'an intermediate is trusted, its root is not', 'certificate-untrusted', (shop) => {
    const intermediate = shop.authority('Verdict Intermediate', shop.authority('Unknown Root'));
    return { shown: shop.leaf({ ...intermediate, chain: [] }), trusted: intermediate.pem };
  });
  both('altered-signature', 'leaf with a bit of its signature changed', 'certificate-bad-signature', (shop) => {
    const leaf = shop.leaf();
    return replacing(leaf, altered(leaf.der, -1));
  });
  both('altered-content', 'leaf with a bit of its serial number changed', 'certificate-bad-signature', (shop) => {
    const leaf = shop.leaf();
    return replacing(leaf, altered(leaf.der, 20));
  });
  both(
    'altered-intermediate',
    'intermediate with a bit of its signature changed',
    'certificate-bad-signature',
    (shop) => {
      const leaf = shop.leaf(shop.below(1));
      return presenting(leaf, altered(leaf.chain[1]!, -1));
    },
  );
}

function addAuthority(both: Both): void {
  both('signed-by-leaf', 'leaf signed by a leaf', 'certificate-chain-invalid', (shop) => {
    const leaf = shop.leaf(undefined, { subject: commonNameOnly('a leaf') });
    const { privateKey: key } = leaf.keys;
    return shop.leaf({ name: commonNameOnly('a leaf'), key, keyId: undefined, chain: leaf.chain });
  });
  both('no-cert-sign', 'intermediate that may not sign certificates', 'certificate-chain-invalid', (shop) =>
    below(shop, { usage: [keyUsage('digitalSignature', 'cRLSign')] }),
  );
  both('no-key-usage-intermediate', 'intermediate without key usage', 'accepted', (shop) => below(shop, { usage: [] }));
  both('ca-false', 'intermediate with CA:FALSE', 'certificate-wrong-purpose', (shop) =>
    below(shop, { constraints: [basicConstraints(false)] }),
  );
  both('no-basic-constraints', 'intermediate without basicConstraints', 'certificate-chain-invalid', (shop) =>
    below(shop, { constraints: [] }),
  );
  both('version-1-intermediate', 'intermediate of version 1', 'certificate-wrong-purpose', (shop) => {
    const keys = freshKeys();
    const der = version1('Old CA', shop.root, keys);
    return shop.leaf({ name: commonNameOnly('Old CA'), key: keys.privateKey, keyId: undefined, chain: [der] });
  });
  both('no-cert-sign-root', 'root that may not sign certificates', 'certificate-chain-invalid', (shop) =>
    belowRoot(shop, { usage: [keyUsage('digitalSignature')] }),
  );
  both('path-length-kept', 'intermediate with path length 0', 'accepted', (shop) =>
    below(shop, { constraints: [basicConstraints(true, 0)] }),
  );
  both('path-length', 'intermediate below one with path length 0', 'certificate-chain-too-long', (shop) => {
    const narrow = shop.authority('Narrow CA', shop.root, { constraints: [basicConstraints(true, 0)] });
    return shop.leaf(shop.authority('One Too Many', narrow));
  });
  both('path-length-root', 'intermediate below a root with path length 0', 'certificate-chain-too-long', (shop) =>
    belowRoot(shop, { constraints: [basicConstraints(true, 0)] }, (root) => shop.leaf(shop.below(1, root))),
  );
  both('self-issued-intermediate', 'self-issued intermediate, not counted for path length 0', 'accepted', (shop) =>
    belowRoot(shop, { constraints: [basicConstraints(true, 0)] }, (root) =>
      shop.leaf(shop.authority('Verdict Root of its own', root)),
    ),
  );
}

function addConstraints(both: Both, one: One): void {
  const { dns, uri, email } = generalName;
  const constrained = (
    shop: ChainShop,
    permitted: readonly Buffer[],
    excluded: readonly Buffer[],
    ...names: Buffer[]
  ) => below(shop, { more: [nameConstraints(permitted, excluded)] }, { names: [...shop.names, ...names] });
  const local = [dns('localhost')];
  const kept: Verdict = 'accepted';
  const broken: Verdict = 'certificate-chain-invalid';
  both('permitted-dns', 'DNS name within the permitted subtree', kept, (shop) =>
    constrained(shop, [...local, dns('ok.example')], [], dns('a.ok.example')),
  );
  both('not-permitted-dns', 'DNS name outside of the permitted subtree', broken, (shop) =>
    constrained(shop, [...local, dns('ok.example')], [], dns('a.bad.example')),
  );
  both('not-excluded-dns', 'DNS name outside of the excluded subtree', kept, (shop) =>
    constrained(shop, [], [dns('bad.example')], dns('a.ok.example')),
  );
  both('excluded-dns', 'DNS name within the excluded subtree', broken, (shop) =>
    constrained(shop, [], [dns('bad.example')], dns('a.bad.example')),
  );
  both('excluded-wildcard', 'wildcard within the excluded subtree', broken, (shop) =>
    constrained(shop, [], [dns('bad.example')], dns('*.bad.example')),
  );
  const net = addressRange([192, 0, 2, 0], [255, 255, 255, 0]);
  both('excluded-ip', 'address within the excluded range', broken, (shop) =>
    constrained(shop, [], [net], generalName.ip('192.0.2.7')),
  );
  both('not-excluded-ip', 'address outside of the excluded range', kept, (shop) =>
    constrained(shop, [], [net], generalName.ip('198.51.100.7')),
  );
  both('not-permitted-ip', 'address outside of the permitted ranges', broken, (shop) =>
    constrained(shop, [net, addressRange([127, 0, 0, 0], [255, 0, 0, 0])], [], generalName.ip('198.51.100.7')),
  );
  both('excluded-uri', 'URI within the excluded subtree', broken, (shop) =>
    constrained(shop, [], [uri('.bad.example')], uri('https://a.bad.example/x')),
  );
  both('not-permitted-uri', 'URI outside of the permitted subtree', broken, (shop) =>
    constrained(shop, [uri('.ok.example')], [], uri('https://a.bad.example/x')),
  );
  both('permitted-uri', 'URI within the permitted subtrees', kept, (shop) =>
    constrained(shop, [uri('.ok.example'), uri('verdict.example')], [], uri('https://a.ok.example/x')),
  );
  both('excluded-email', 'e-mail address at the excluded host', broken, (shop) =>
    constrained(shop, [], [email('bad.example')], email('a@bad.example')),
  );
  both('permitted-email', 'e-mail address at the permitted host', kept, (shop) =>
    constrained(shop, [email('ok.example')], [], email('a@ok.example')),
  );
  both('excluded-by-root', 'the root itself excludes the name', broken, (shop) =>
    belowRoot(shop, { more: [nameConstraints([], [dns('bad.example')])] }, (root) =>
      shop.leaf(root, { names: [...shop.names, dns('bad.example')] }),
    ),
  );
  one(
    'client',
    'excluded-common-name',
    'common name like a host in the excluded subtree, no DNS name',
    broken,
    (shop) =>
      below(
        shop,
        { more: [nameConstraints([], [dns('bad.example')])] },
        { names: [], subject: commonNameOnly('a.bad.example') },
      ),
  );
  both('require-explicit-policy', 'intermediate that asks for a policy that the leaf has not', kept, (shop) =>
    below(shop, { more: [extension('2.5.29.36', true, sequence(element(0x80, Buffer.from([0]))))] }),
  );
}

function addPurpose(both: Both): void {
  const wrong: Verdict = 'certificate-wrong-purpose';
  both('wrong-eku', 'leaf for the other end only', wrong, (shop) =>
    shop.leaf(undefined, { purposes: [shop.otherPurpose] }),
  );
  both('unrelated-eku', 'leaf for code signing only', wrong, (shop) =>
    shop.leaf(undefined, { purposes: ['1.3.6.1.5.5.7.3.3'] }),
  );
  both('any-eku', 'leaf for anyExtendedKeyUsage only', wrong, (shop) =>
    shop.leaf(undefined, { purposes: [purposeOids.any] }),
  );
  both('wrong-eku-intermediate', 'intermediate for the other end only', wrong, (shop) =>
    below(shop, { more: [extendedKeyUsage(shop.otherPurpose)] }),
  );
  both('right-eku-intermediate', 'intermediate for this end only', 'accepted', (shop) =>
    below(shop, { more: [extendedKeyUsage(shop.purpose)] }),
  );
  both(
    'wrong-key-usage',
    'leaf whose key usage is keyCertSign alone',
    wrong,
    (shop) => shop.leaf(undefined, { usage: [keyUsage('keyCertSign')] }),
    { notShownInTls12: true },
  );
}

function addAlgorithms(both: Both): void {
  const weak: Verdict = 'certificate-chain-invalid';
  both('sha1', 'leaf signed with SHA-1', weak, (shop) => shop.leaf(undefined, { digest: 'sha1' }));
  both('md5', 'leaf signed with MD5', weak, (shop) =>
    belowRoot(shop, { keys: rsa(2048) }, (root) => shop.leaf(root, { digest: 'md5' })),
  );
  both('sha1-intermediate', 'intermediate signed with SHA-1', weak, (shop) => below(shop, { digest: 'sha1' }));
  both('sha1-root', 'root that signed itself with SHA-1', 'accepted', (shop) => belowRoot(shop, { digest: 'sha1' }));
  both('rsa-1024', 'leaf with an RSA key of 1,024 bits', weak, (shop) => shop.leaf(undefined, { keys: rsa(1024) }));
  both('rsa-1024-intermediate', 'intermediate with an RSA key of 1,024 bits', weak, (shop) =>
    below(shop, { keys: rsa(1024) }),
  );
  both('rsa-1024-root', 'root with an RSA key of 1,024 bits', weak, (shop) => belowRoot(shop, { keys: rsa(1024) }));
  both(
    'rsa-8448',
    'leaf with an RSA key of 8,448 bits',
    'certificate-unsupported',
    (shop) => shop.leaf(undefined, { keys: rsa(8448) }),
    { differs: 'we take RSA keys of 8,192 bits at most, because of what they cost' },
  );
  both('explicit-curve-intermediate', 'intermediate whose curve is spelled out', weak, (shop) =>
    below(shop, {
      keys: generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }),
    }),
  );
}

function addForm(both: Both, one: One): void {
  const serial = (shop: ChainShop, octets: readonly number[]): IssuedCertificate => {
    const leaf = shop.leaf();
    const number = element(0x02, Buffer.from(octets));
    return replacing(
      leaf,
      resigned(leaf.der, shop.root.key, (fields) => {
        fields[1] = number;
      }),
    );
  };
  both('serial-zero', 'leaf with the serial number 0', 'accepted', (shop) => serial(shop, [0]));
  both('serial-negative', 'leaf with a negative serial number', 'accepted', (shop) => serial(shop, [0x81, 1]));
  both('serial-long', 'leaf with a serial number of 40 octets', 'accepted', (shop) =>
    serial(shop, new Array<number>(40).fill(0x55)),
  );
  both('unknown-critical', 'leaf with a critical extension nobody knows', 'certificate-chain-invalid', (shop) =>
    shop.leaf(undefined, { more: [extension('1.3.6.1.4.1.99999.1', true, utf8String('?'))] }),
  );
  both('unknown-critical-intermediate', 'the same in the intermediate', 'certificate-chain-invalid', (shop) =>
    below(shop, { more: [extension('1.3.6.1.4.1.99999.1', true, utf8String('?'))] }),
  );
  both(
    'duplicate-extension',
    'leaf with two extended key usages',
    'certificate-untrusted',
    (shop) => shop.leaf(undefined, { more: [extendedKeyUsage(shop.purpose)] }),
    { notShownInTls12: true },
  );
  both(
    'duplicate-unknown',
    'leaf with an unknown extension twice',
    'certificate-malformed',
    (shop) => {
      const twice = extension('1.3.6.1.4.1.99999.1', false, utf8String('?'));
      return shop.leaf(undefined, { more: [twice, twice] });
    },
    { differs: 'an extension twice is against RFC 5280 §4.2; openssl minds it only where it knows the extension' },
  );
  both(
    'malformed-names',
    'leaf whose subjectAltName is no list',
    'certificate-untrusted',
    (shop) => shop.leaf(undefined, { names: [], more: [extension('2.5.29.17', false, utf8String('localhost'))] }),
    { notShownInTls12: true },
  );
  both(
    'malformed-constraints',
    'leaf whose basicConstraints is text',
    'certificate-untrusted',
    (shop) =>
      shop.leaf(undefined, {
        extensions: [extension('2.5.29.19', true, utf8String('CA')), subjectAltName(shop.names, false)],
      }),
    { notShownInTls12: true },
  );
  both(
    'malformed-usage',
    'leaf whose key usage is an octet string',
    'certificate-untrusted',
    (shop) => shop.leaf(undefined, { usage: [extension('2.5.29.15', true, octetString(Buffer.from([0x80])))] }),
    { notShownInTls12: true },
  );
  both(
    'malformed-key-id',
    'leaf whose subjectKeyIdentifier is text',
    'certificate-untrusted',
    (shop) => shop.leaf(undefined, { more: [extension('2.5.29.14', false, utf8String('key'))] }),
    { notShownInTls12: true },
  );
  both(
    'trailing-octets',
    'leaf with octets behind its subjectAltName',
    'certificate-malformed',
    (shop) =>
      shop.leaf(undefined, {
        names: [],
        more: [extension('2.5.29.17', false, Buffer.concat([sequence(...shop.names), Buffer.from([5, 0])]))],
      }),
    { differs: 'we read names to the last octet; openssl passes over what is behind them' },
  );
  both('two-algorithms', 'leaf that names two signature algorithms', 'certificate-bad-signature', (shop) => {
    const leaf = shop.leaf();
    const other = sequence(element(0x06, Buffer.from('2a8648ce3d040303', 'hex')));
    return replacing(
      leaf,
      resigned(leaf.der, shop.root.key, () => {}, other),
    );
  });
  both(
    'version-1-extensions',
    'leaf of version 1 with extensions',
    'certificate-malformed',
    (shop) => {
      const leaf = shop.leaf();
      return replacing(
        leaf,
        resigned(
          leaf.der,
          shop.root.key,
          (fields) => {
            fields.shift();
          },
          fieldAlgorithm,
        ),
      );
    },
    { differs: 'extensions are for version 3 (RFC 5280 §4.1.2.9); openssl reads them in any' },
  );
  one('client', 'nul-in-common-name', 'leaf with NUL in its common name', 'accepted', (shop) =>
    shop.leaf(undefined, { subject: commonNameOnly('admin\0.evil') }),
  );
  one('client', 'bmp-string', 'leaf with a common name in UCS-2', 'accepted', (shop) =>
    shop.leaf(undefined, {
      subject: distinguishedName([['2.5.4.3', element(0x1e, Buffer.from('0064006500760069', 'hex'))]]),
    }),
  );
  both(
    'proxy-certificate',
    'leaf with proxyCertInfo (RFC 3820)',
    'certificate-chain-invalid',
    (shop) =>
      shop.leaf(undefined, {
        more: [
          extension(
            '1.3.6.1.5.5.7.1.14',
            true,
            sequence(sequence(element(0x06, Buffer.from('2b06010505071501', 'hex')))),
          ),
        ],
      }),
    { notShownInTls12: true },
  );
}

/** ecdsa-with-SHA256. */
const fieldAlgorithm = sequence(element(0x06, Buffer.from('2a8648ce3d040302', 'hex')));

function addRevocation(both: Both): void {
  const unknown: Verdict = 'revocation-unknown';
  const direct = (shop: ChainShop, parts: ListParts = {}): Made => ({
    shown: shop.leaf(),
    lists: [revocationList(shop.root, parts)],
  });
  /** Below an intermediate: the list of the root, and what `make` returns. */
  const deep = (
    shop: ChainShop,
    make: (intermediate: ChainAuthority, leaf: Buffer) => readonly Buffer[],
    parts: AuthorityParts = {},
  ): Made => {
    const intermediate = shop.authority('Verdict Intermediate', shop.root, parts);
    const shown = shop.leaf(intermediate);
    return { shown, lists: [revocationList(shop.root), ...make(intermediate, shown.der)] };
  };
  both('list', 'leaf, and a list of its root that names nothing', 'accepted', (shop) => direct(shop));
  both('list-of-others', 'leaf, and a list that names another', 'accepted', (shop) =>
    direct(shop, { certificates: [shop.leaf().der] }),
  );
  both('lists', 'leaf below an intermediate, and a list of each CA', 'accepted', (shop) =>
    deep(shop, (intermediate) => [revocationList(intermediate)]),
  );
  both('revoked', 'leaf that its list names', 'certificate-revoked', (shop) => {
    const shown = shop.leaf();
    return { shown, lists: [revocationList(shop.root, { certificates: [shown.der] })] };
  });
  both('revoked-below', 'leaf that the list of its intermediate names', 'certificate-revoked', (shop) =>
    deep(shop, (intermediate, leaf) => [revocationList(intermediate, { certificates: [leaf] })]),
  );
  both('revoked-intermediate', 'intermediate that its list names', 'certificate-revoked', (shop) => {
    const intermediate = shop.below(1);
    const lists = [revocationList(shop.root, { certificates: [intermediate.der] }), revocationList(intermediate)];
    return { shown: shop.leaf(intermediate), lists };
  });
  both('list-missing', 'leaf below an intermediate that has no list', unknown, (shop) => deep(shop, () => []));
  both('list-expired', 'leaf, and a list that has expired', unknown, (shop) =>
    direct(shop, { thisUpdate: past.notBefore, nextUpdate: past.notAfter }),
  );
  both('list-expired-below', 'leaf, and a list of its intermediate that has expired', unknown, (shop) =>
    deep(shop, (intermediate) => [
      revocationList(intermediate, { thisUpdate: past.notBefore, nextUpdate: past.notAfter }),
    ]),
  );
  both('list-not-yet-valid', 'leaf, and a list that is not yet valid', unknown, (shop) =>
    direct(shop, { thisUpdate: future.notBefore, nextUpdate: future.notAfter }),
  );
  both(
    'list-without-end',
    'leaf, and a list that does not say when the next one comes',
    unknown,
    (shop) => direct(shop, { nextUpdate: undefined }),
    { differs: 'nextUpdate is a must (RFC 5280 §5.1.2.5); openssl takes such a list for ever' },
  );
  both('list-forged', 'leaf, and a list of its intermediate signed with another key', unknown, (shop) =>
    deep(shop, (intermediate) => [revocationList(intermediate, { key: freshKeys().privateKey })]),
  );
  both('list-of-no-signer', 'intermediate that may not sign lists, and its list', 'certificate-chain-invalid', (shop) =>
    deep(shop, (intermediate) => [revocationList(intermediate)], { usage: [keyUsage('keyCertSign')] }),
  );
  both(
    'list-old-and-new',
    'leaf that the older of two lists names',
    'certificate-revoked',
    (shop) => {
      const shown = shop.leaf();
      const older = { thisUpdate: new Date(Date.now() - 86_400_000), certificates: [shown.der] };
      return { shown, lists: [revocationList(shop.root, older), revocationList(shop.root)] };
    },
    { differs: 'what any list of the CA names is revoked; openssl looks at the newest alone' },
  );
}

function addHosts(one: One): void {
  const { dns, ip, uri, email } = generalName;
  const mismatch: Verdict = 'server-name-mismatch';
  const named = (
    name: string,
    chain: string,
    host: string,
    ours: Verdict,
    names: readonly Buffer[],
    differs?: string,
    commonName: string = 'verdict server',
  ): void =>
    one(
      'server',
      name,
      chain,
      ours,
      (shop) => shop.leaf(undefined, { names, subject: commonNameOnly(commonName) }),
      differs === undefined ? { host } : { host, differs },
    );
  const domain = 'host.example';
  named('host', 'the DNS name', domain, 'accepted', [dns(domain)]);
  named('host-second', 'the second of two DNS names', domain, 'accepted', [dns('other.example'), dns(domain)]);
  named('host-case', 'the DNS name in upper case', domain, 'accepted', [dns('HOST.example')]);
  named('host-asked-in-case', 'asked for in upper case', 'HOST.Example', 'accepted', [dns(domain)]);
  named(
    'host-asked-with-dot',
    'asked for with a trailing dot',
    `${domain}.`,
    'accepted',
    [dns(domain)],
    'one trailing dot makes a name absolute and is not part of it (RFC 6066 §3); openssl compares it',
  );
  named('host-with-dot', 'the DNS name written with a trailing dot', domain, mismatch, [dns(`${domain}.`)]);
  named('host-other', 'another DNS name', domain, mismatch, [dns('other.example')]);
  named('host-parent', 'the parent of the name', domain, mismatch, [dns('example')]);
  named('host-child', 'a child of the name', domain, mismatch, [dns(`a.${domain}`)]);
  named('host-suffix', 'a name that ends in it', domain, mismatch, [dns(`evil${domain}`)]);
  named('host-nul', 'the name, NUL and another', domain, mismatch, [dns(`${domain}\0.evil.example`)]);
  named('host-joined', 'one name that reads like two', domain, mismatch, [dns(`a.example, DNS:${domain}`)]);
  named('host-newline', 'the name and a line feed', domain, mismatch, [dns(`${domain}\n`)]);
  named('host-empty', 'an empty DNS name', domain, mismatch, [dns('')]);
  named('host-space', 'the name after a space', domain, mismatch, [dns(` ${domain}`)]);
  named('wildcard', 'wildcard, one label', 'a.wild.example', 'accepted', [dns('*.wild.example')]);
  named('wildcard-case', 'wildcard, upper case', 'A.WILD.example', 'accepted', [dns('*.wild.EXAMPLE')]);
  named('wildcard-two', 'wildcard, two labels', 'a.b.wild.example', mismatch, [dns('*.wild.example')]);
  named('wildcard-none', 'wildcard, no label', 'wild.example', mismatch, [dns('*.wild.example')]);
  named('wildcard-top', 'wildcard below a top-level domain', 'a.example', mismatch, [dns('*.example')]);
  named('wildcard-bare', 'wildcard alone', 'localhost', mismatch, [dns('*')]);
  named(
    'wildcard-partial',
    'wildcard within a label',
    'foo.wild.example',
    mismatch,
    [dns('f*.wild.example')],
    'a wildcard is a whole label (RFC 9525 §6.3); openssl takes part of one',
  );
  named('wildcard-middle', 'wildcard that is not the first label', 'a.b.example', mismatch, [dns('a.*.example')]);
  named('wildcard-double', 'two wildcards', 'a.b.c.example', mismatch, [dns('*.*.c.example')]);
  named('wildcard-idn', 'wildcard for an A-label', 'xn--bcher-kva.wild.example', 'accepted', [dns('*.wild.example')]);
  named('idn', 'an A-label', 'xn--bcher-kva.example', 'accepted', [dns('xn--bcher-kva.example')]);
  named('idn-u-label', 'a U-label in the certificate', 'xn--bcher-kva.example', mismatch, [dns('b\u00fccher.example')]);
  named('unicode-dot', 'asked for with a Unicode full stop', 'a\u3002wild.example', mismatch, [dns('a.wild.example')]);
  named('underscore', 'a name with an underscore', 'a_b.example', 'accepted', [dns('a_b.example')]);
  named('ipv4', 'the IPv4 address', '127.0.0.1', 'accepted', [ip('127.0.0.1')]);
  named('ipv6', 'the IPv6 address', '::1', 'accepted', [ip('::1')]);
  named('ipv6-long', 'the IPv6 address, asked for in its long form', '0:0:0:0:0:0:0:1', 'accepted', [ip('::1')]);
  named('ipv4-other', 'another address', '127.0.0.1', mismatch, [ip('127.0.0.2')]);
  named('ipv4-mapped', 'the IPv4 address as an IPv6 one', '127.0.0.1', mismatch, [ip('::ffff:127.0.0.1')]);
  named('ipv4-as-dns', 'the address as a DNS name', '127.0.0.1', mismatch, [dns('127.0.0.1')]);
  named('ipv4-common-name', 'the address as common name', '127.0.0.1', mismatch, [], undefined, '127.0.0.1');
  named('ipv4-wildcard', 'a wildcard for addresses', '127.0.0.1', mismatch, [dns('*.0.0.1')]);
  named('address-with-mask', 'an address of 8 octets', '127.0.0.1', mismatch, [
    addressRange([127, 0, 0, 1], [255, 255, 255, 255]),
  ]);
  named('name-as-address', 'address only, asked for by name', domain, mismatch, [ip('127.0.0.1')]);
  named('common-name', 'the common name, no names', domain, mismatch, [], commonNameFallback, domain);
  named('common-name-uri', 'the common name, a URI only', domain, mismatch, [uri('urn:x')], commonNameFallback, domain);
  named(
    'common-name-ip',
    'the common name, an address only',
    domain,
    mismatch,
    [ip('192.0.2.1')],
    commonNameFallback,
    domain,
  );
  named(
    'common-name-dns',
    'the common name, another DNS name',
    domain,
    mismatch,
    [dns('a.example')],
    undefined,
    domain,
  );
  named('uri', 'the name in a URI only', domain, mismatch, [uri(`wss://${domain}/`)]);
  named('email', 'the name in an e-mail address only', domain, mismatch, [email(`a@${domain}`)]);
  one('server', 'version-1', 'leaf of version 1, the host as common name', mismatch, (shop) => oldLeaf(shop, domain), {
    host: domain,
    differs: commonNameFallback,
  });
  one(
    'server',
    'many-names',
    '2,000 names, the last is the host',
    'accepted',
    (shop) =>
      shop.leaf(undefined, {
        names: [...Array.from({ length: 1999 }, (_, index) => dns(`h${index}.example`)), dns(domain)],
      }),
    { host: domain },
  );
}
