/**
 * The one gate: every connection, accepted or dialled, passes through `verifyPeer`, and only it can make a
 * `VerifiedPeer`. It fails closed: whatever it cannot tell is a refusal.
 */

import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { PeerIdentityError } from '../errors.js';
import { canonicalHost, escapeText } from '../text.js';
import type { DistinguishedName } from './distinguished-name.js';
import { codeOfVerification, type IdentityCode, identityFaults } from './errors.js';
import {
  type CertificateSummary,
  describeIdentity,
  identityFromChain,
  type LeafIdentity,
  type PeerIdentity,
} from './identity.js';
import { purposeOids } from './oids.js';
import { readPresented } from './presented.js';
import type { Revocation } from './revocation.js';
import type { SubjectAltNames } from './san.js';
import { matchServerName } from './server-name.js';
import type { SpiffeId } from './spiffe-id.js';
import { leafOfSession } from './undocumented.js';

/** What the TLS handshake agreed on. */
export interface TlsParameters {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string;
  /** The standard name of the cipher suite, for example `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The name the client asked for (SNI), in canonical form; `undefined` when it asked for none. */
  readonly serverName: string | undefined;
  /** Whether an earlier session was resumed: its chain was verified then, and the leaf has been looked at again since. */
  readonly resumed: boolean;
}

/** Certificates more than this in one chain are refused (M12). */
const maxChainLength = 10;

/** RSA keys longer than this cost more time than a peer may take (M12), in bits. */
const maxRsaBits = 8192;

const gate = Symbol('gate');

/** What a peer was verified with. */
interface Evidence {
  /** DER, leaf first. */
  readonly presented: readonly Buffer[];
  readonly anchors: readonly X509Certificate[];
}

/** What a peer was verified with: for this file alone. */
let evidenceOf: (peer: VerifiedPeer) => Evidence;

/**
 * Who is at the other end, proved: the certificate chain leads to a trusted CA, is valid now, is meant for that end, and
 * was verified in a full handshake of this very connection, or of the session that it resumes. Only the gate makes one.
 */
export class VerifiedPeer implements PeerIdentity {
  // A private field makes the type nominal: no object literal and no other class passes for it.
  readonly #verified = true;
  readonly subject: DistinguishedName;
  readonly subjectCommonName: string | undefined;
  readonly issuer: DistinguishedName;
  readonly serialNumber: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  readonly san: SubjectAltNames;
  readonly spiffeId: SpiffeId | undefined;
  readonly fingerprint256: string;
  readonly publicKeySha256: string;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly der: Buffer;
  readonly tls: TlsParameters;
  readonly #evidence: Evidence;
  // Few ask for the chain, and proving it takes a signature check for each link.
  #chain: readonly CertificateSummary[] | undefined;

  /** Not for users. @throws TypeError unless the gate calls it */
  constructor(key: symbol, identity: LeafIdentity, tls: TlsParameters, evidence: Evidence) {
    if (key !== gate) throw new TypeError('only the gate makes a VerifiedPeer');
    this.subject = identity.subject;
    this.subjectCommonName = identity.subjectCommonName;
    this.issuer = identity.issuer;
    this.serialNumber = identity.serialNumber;
    this.validFrom = identity.validFrom;
    this.validTo = identity.validTo;
    this.san = identity.san;
    this.spiffeId = identity.spiffeId;
    this.fingerprint256 = identity.fingerprint256;
    this.publicKeySha256 = identity.publicKeySha256;
    this.extendedKeyUsage = identity.extendedKeyUsage;
    this.#evidence = evidence;
    this.der = identity.der;
    this.tls = Object.freeze(tls);
    Object.freeze(this);
  }

  /**
   * The chain from the leaf to the trust anchor, each certificate signed by the next. The leaf alone where the anchors are
   * not known (`attach`), or where Node does not show the intermediates (a server on Node 24).
   */
  get chain(): readonly CertificateSummary[] {
    const { presented, anchors } = this.#evidence;
    if (this.#chain === undefined) {
      const proven = provenChain(presented, anchors)?.map(({ raw }) => raw) ?? presented.slice(0, 1);
      this.#chain = identityFromChain(proven).chain;
    }
    return this.#chain;
  }

  static {
    evidenceOf = (peer) => peer.#evidence;
  }

  /** Whether `value` came through the gate. */
  static isVerified(value: unknown): value is VerifiedPeer {
    return typeof value === 'object' && value !== null && #verified in value && value.#verified;
  }
}

export interface GatePolicy {
  /** Which end the peer is. */
  readonly peerRole: 'client' | 'server';
  /**
   * The CAs that the chain was verified against. Default: none, and the `chain` of the verified peer is its leaf alone,
   * because the rest cannot be proved.
   */
  readonly anchors?: readonly X509Certificate[];
  /** Refuses what was revoked. Default: nothing is known to be. */
  readonly revocation?: Revocation;
  /** The host that a server must have in its certificate; `undefined` for a client. */
  readonly host?: string;
  /** Refuses client certificates without `clientAuth`. Default `false`: many recipes make certificates without it (M11). */
  readonly requireClientAuthEku?: boolean;
  /** Accepts a resumed session. Default `false`: it is refused. */
  readonly acceptResumption?: boolean;
  /**
   * At the client, what the server had presented when the session was made that is resumed now: Node does not show it
   * again. DER, leaf first.
   */
  readonly presentedBefore?: readonly Buffer[] | undefined;
}

/** Returns an error of the table, with the values in its message. */
export function identityError(
  code: IdentityCode,
  whose: string,
  identity: LeafIdentity | undefined,
  details: { detail?: string; expected?: string; cause?: unknown } = {},
): PeerIdentityError {
  const { words, hint, section } = identityFaults[code];
  const presented = identity === undefined ? undefined : describeIdentity(identity);
  const detail = details.detail === undefined ? '' : ` (${details.detail})`;
  const shown = presented === undefined ? '' : `; presented: ${presented}`;
  return new PeerIdentityError(
    code,
    `${whose} was refused: ${words}${detail}${shown} (${section})`,
    { presented, expected: details.expected, hint },
    details.cause === undefined ? undefined : { cause: details.cause },
  );
}

/**
 * Returns the chain from the leaf to a trust anchor, each certificate signed by the next; `undefined` when no anchor is
 * known or reached. Behind its leaf a peer may present whatever it likes, names of other issuers included: what does not
 * lead to an anchor is left out.
 */
function provenChain(
  presented: readonly Buffer[],
  anchors: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  if (anchors.length === 0) return undefined;
  const [leaf, ...behind] = presented.map((raw) => new X509Certificate(raw)) as [X509Certificate, ...X509Certificate[]];
  const chain = [leaf];
  let tip = leaf;
  while (!anchors.some(({ raw }) => raw.equals(tip.raw))) {
    const subject = tip;
    const issued = (issuer: X509Certificate): boolean =>
      subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
    const anchor = anchors.find(issued);
    if (anchor !== undefined) return [...chain, anchor];
    const index = behind.findIndex(issued);
    if (index < 0) return undefined;
    tip = behind.splice(index, 1)[0]!;
    chain.push(tip);
  }
  return chain;
}

/** A leaf that an anchor has signed. */
interface IssuedLeaf {
  readonly identity: Omit<LeafIdentity, 'der'>;
  /** Of an RSA key. */
  readonly rsaBits: number | undefined;
}

/** What is in leaves that an anchor has signed, by their DER: the oldest is forgotten first. Nobody can change it. */
const issuedLeaves = new WeakMap<readonly X509Certificate[], Map<string, IssuedLeaf>>();
const maxIssuedLeaves = 512;
const maxIssuedLeafBytes = 8 * 1024;

/**
 * Returns what is in a leaf that a trust anchor has signed, and `undefined` for any other. Then `provenChain` looks at nothing
 * else that was presented, and nor has anybody to read it. The answer for the same bytes is the same for ever, and is kept:
 * clients come back with their certificates. It says nothing about whether the peer is let in.
 *
 * @throws DerError as `identityFromChain`
 */
function issuedByAnchor(der: Buffer, anchors: readonly X509Certificate[]): IssuedLeaf | undefined {
  const known = issuedLeaves.get(anchors) ?? new Map<string, IssuedLeaf>();
  const bytes = der.toString('latin1');
  let leaf = known.get(bytes);
  if (leaf === undefined) {
    const chain = provenChain([der], anchors);
    if (chain?.length !== 2) return undefined;
    const { der: _, chain: __, ...identity } = identityFromChain([der]);
    leaf = { identity, rsaBits: chain[0]!.publicKey.asymmetricKeyDetails?.modulusLength };
    if (der.length <= maxIssuedLeafBytes) {
      if (known.size === maxIssuedLeaves) known.delete(known.keys().next().value!);
      issuedLeaves.set(anchors, known.set(bytes, leaf));
    }
  }
  return leaf;
}

/** Whether a trust anchor is still one; what counts is its name and its key, and so a renewed certificate does. */
function isAmong(anchors: readonly X509Certificate[], anchor: X509Certificate): boolean {
  return anchors.some(({ subject, publicKey }) => subject === anchor.subject && publicKey.equals(anchor.publicKey));
}

/** Whose certificate a refusal is about. */
function whoseOf(peerRole: GatePolicy['peerRole']): string {
  return peerRole === 'client' ? "the client's certificate" : "the server's certificate";
}

/**
 * Looks at a connection whose TLS handshake is complete, and returns its verified peer, or why it has none.
 * Never throws.
 */
export function verifyPeer(socket: TLSSocket, policy: GatePolicy): VerifiedPeer | PeerIdentityError {
  return verifyPeerOf(socket, policy);
}

/**
 * As `verifyPeer`: for the listener alone.
 *
 * @param parameters what `tlsParameters` returns for the socket, if it has been asked; default: it is asked
 */
export function verifyPeerOf(
  socket: TLSSocket,
  policy: GatePolicy,
  parameters?: TlsParameters,
): VerifiedPeer | PeerIdentityError {
  const whose = whoseOf(policy.peerRole);
  let identity: LeafIdentity | undefined;
  try {
    const resumed = socket.isSessionReused() === true;
    const { anchors = [], revocation } = policy;
    let known: LeafIdentity | undefined;
    const inSession = policy.peerRole === 'client' ? leafOfSession(socket) : undefined;
    const seen = readPresented(socket, maxChainLength, inSession, (der) => {
      const leaf = issuedByAnchor(der, anchors);
      if (leaf === undefined) return undefined;
      const { validFrom, validTo } = leaf.identity;
      // Dates are the only thing in it that can be changed.
      known = { ...leaf.identity, validFrom: new Date(validFrom), validTo: new Date(validTo), der };
      return leaf;
    });
    const chain = seen?.chain ?? (resumed ? policy.presentedBefore : undefined);
    // An authorized session need not have a certificate (M3): none is a refusal of its own.
    if (chain === undefined) return identityError('certificate-missing', whose, undefined);
    const parsed = known ?? identityFromChain(chain.slice(0, 1));
    identity = parsed;
    const fault = (code: IdentityCode, detail?: string) => identityError(code, whose, parsed, { detail });

    if (socket.authorized !== true) {
      const reason = String(socket.authorizationError ?? 'not authorized');
      return fault(codeOfVerification(reason), escapeText(reason));
    }
    if (resumed && policy.acceptResumption !== true) return fault('session-resumed');
    if (seen !== undefined && seen.length > maxChainLength) {
      return fault('certificate-chain-too-long', `at most ${maxChainLength} certificates`);
    }
    const { rsaBits = 0 } = seen ?? {};
    if (rsaBits > maxRsaBits) return fault('certificate-unsupported', `an RSA key of ${rsaBits} bits`);
    const unfit = leafFault(parsed, policy);
    if (unfit !== undefined) return unfit;
    if (policy.peerRole === 'server') {
      const mismatch = serverNameFault(parsed, policy.host);
      if (mismatch !== undefined) return mismatch;
    }
    const proven = revocation && (provenChain(chain, anchors) ?? [new X509Certificate(chain[0]!)]);
    const revoked = proven && revocation.check(proven);
    if (revoked !== undefined) return fault(revoked.code, revoked.detail);
    return new VerifiedPeer(gate, parsed, parameters ?? tlsParameters(socket), { presented: chain, anchors });
  } catch (error) {
    return identityError('certificate-malformed', whose, identity, { cause: error });
  }
}

/**
 * Looks at a verified peer again, after what it was verified against has changed: whether the trust anchor of its chain is
 * still one, and what is told in the leaf itself. Returns why it would not be let in now. Never throws.
 */
export function recheckPeer(peer: VerifiedPeer, policy: GatePolicy): PeerIdentityError | undefined {
  const whose = whoseOf(policy.peerRole);
  try {
    const { presented, anchors: before } = evidenceOf(peer);
    const { anchors = [] } = policy;
    const chain = provenChain(presented, before);
    // Where the intermediates are not shown (a server on Node 24), any of the anchors may be that of the chain.
    const needed = chain === undefined ? before : chain.slice(-1);
    if (before.length === 0 || !needed.every((anchor) => isAmong(anchors, anchor))) {
      return identityError('certificate-untrusted', whose, peer, { detail: 'its CA is not trusted any more' });
    }
    const revoked = policy.revocation?.check(chain ?? [new X509Certificate(presented[0]!)]);
    if (revoked !== undefined) return identityError(revoked.code, whose, peer, { detail: revoked.detail });
    return leafFault(peer, policy);
  } catch (error) {
    return identityError('certificate-malformed', whose, peer, { cause: error });
  }
}

/** Returns what a verified peer presented: DER, leaf first. */
export function presentedBy(peer: VerifiedPeer): readonly Buffer[] {
  return evidenceOf(peer).presented;
}

/** Returns what is wrong with a leaf by itself: its dates and its purpose. */
function leafFault(identity: LeafIdentity, policy: GatePolicy): PeerIdentityError | undefined {
  const fault = (code: IdentityCode) => identityError(code, whoseOf(policy.peerRole), identity);
  const now = Date.now();
  if (now < identity.validFrom.getTime()) return fault('certificate-not-yet-valid');
  if (now > identity.validTo.getTime()) return fault('certificate-expired');
  const usage = identity.extendedKeyUsage;
  const needed = policy.peerRole === 'server' ? purposeOids.serverAuth : purposeOids.clientAuth;
  const usageRequired = policy.peerRole === 'client' && policy.requireClientAuthEku === true;
  if (usage === undefined ? usageRequired : !usage.includes(needed) && !usage.includes(purposeOids.any)) {
    return fault('certificate-wrong-purpose');
  }
  return undefined;
}

/** Returns what a TLS handshake agreed on. Never throws: a socket that is destroyed already has nothing to tell. */
export function tlsParameters(socket: TLSSocket): TlsParameters {
  // Typed as always there, but null without a handle.
  const cipher = socket.getCipher() as ReturnType<TLSSocket['getCipher']> | null;
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: cipher?.standardName ?? 'unknown',
    serverName: typeof socket.servername === 'string' ? canonicalHost(socket.servername)?.host : undefined,
    resumed: socket.isSessionReused() === true,
  };
}

/** Returns why the certificate of a server is not one for `host`; `undefined` when it is. SANs alone are looked at. */
export function serverNameFault(identity: LeafIdentity, host: string | undefined): PeerIdentityError | undefined {
  const match = matchServerName(identity.san, host ?? '');
  if (match.matches) return undefined;
  return identityError('server-name-mismatch', "the server's certificate", identity, {
    detail: match.text,
    expected: escapeText(host ?? ''),
  });
}
