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
import { type CertificateSummary, describeIdentity, identityFromChain, type PeerIdentity } from './identity.js';
import { purposeOids } from './oids.js';
import { readPresented } from './presented.js';
import type { Revocation } from './revocation.js';
import type { SubjectAltNames } from './san.js';
import { matchServerName } from './server-name.js';
import type { SpiffeId } from './spiffe-id.js';

/** What the TLS handshake agreed on. */
export interface TlsParameters {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string;
  /** The standard name of the cipher suite, for example `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The name the client asked for (SNI), in canonical form; `undefined` when it asked for none. */
  readonly serverName: string | undefined;
}

/** Certificates more than this in one chain are refused (M12). */
const maxChainLength = 10;

/** RSA keys longer than this cost more time than a peer may take (M12), in bits. */
const maxRsaBits = 8192;

const gate = Symbol('gate');

/**
 * Who is at the other end, proved: the certificate chain leads to a trusted CA, is valid now, is meant for that end, and
 * was verified in a full handshake of this very connection. Only the gate makes one.
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
  // Few ask for the chain, and proving it takes a signature check for each link.
  #chain: readonly CertificateSummary[] | (() => readonly CertificateSummary[]);

  /** Not for users. @throws TypeError unless the gate calls it */
  constructor(key: symbol, identity: PeerIdentity, tls: TlsParameters, chain: () => readonly CertificateSummary[]) {
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
    this.#chain = chain;
    this.der = identity.der;
    this.tls = Object.freeze(tls);
    Object.freeze(this);
  }

  /**
   * The chain from the leaf to the trust anchor, each certificate signed by the next. The leaf alone where the anchors are
   * not known (`attach`), or where Node does not show the intermediates (a server on Node 24).
   */
  get chain(): readonly CertificateSummary[] {
    if (typeof this.#chain === 'function') this.#chain = this.#chain();
    return this.#chain;
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
}

/** Returns an error of the table, with the values in its message. */
export function identityError(
  code: IdentityCode,
  whose: string,
  identity: PeerIdentity | undefined,
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
 * Returns the chain from the leaf to a trust anchor, each certificate signed by the next. Behind its leaf a peer may
 * present whatever it likes, names of other issuers included: what does not lead to an anchor is left out. When no
 * anchor is known or reached, the leaf alone is returned.
 */
function provenChain(presented: readonly Buffer[], anchors: readonly X509Certificate[]): X509Certificate[] {
  const [leaf, ...behind] = presented.map((raw) => new X509Certificate(raw)) as [X509Certificate, ...X509Certificate[]];
  if (anchors.length === 0) return [leaf];
  const chain = [leaf];
  let tip = leaf;
  while (!anchors.some(({ raw }) => raw.equals(tip.raw))) {
    const subject = tip;
    const issued = (issuer: X509Certificate): boolean =>
      subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
    const anchor = anchors.find(issued);
    if (anchor !== undefined) return [...chain, anchor];
    const index = behind.findIndex(issued);
    if (index < 0) return [leaf];
    tip = behind.splice(index, 1)[0]!;
    chain.push(tip);
  }
  return chain;
}

/**
 * Looks at a connection whose TLS handshake is complete, and returns its verified peer, or why it has none.
 * Never throws.
 */
export function verifyPeer(socket: TLSSocket, policy: GatePolicy): VerifiedPeer | PeerIdentityError {
  const whose = policy.peerRole === 'client' ? "the client's certificate" : "the server's certificate";
  let identity: PeerIdentity | undefined;
  try {
    const presented = readPresented(socket, maxChainLength);
    // An authorized session need not have a certificate (M3): none is a refusal of its own.
    if (presented === undefined) return identityError('certificate-missing', whose, undefined);
    const { chain, rsaBits = 0 } = presented;
    const parsed = identityFromChain(chain.slice(0, 1));
    identity = parsed;
    const fault = (code: IdentityCode, detail?: string, expected?: string) =>
      identityError(code, whose, parsed, { detail, expected });

    if (socket.authorized !== true) {
      const reason = String(socket.authorizationError ?? 'not authorized');
      return fault(codeOfVerification(reason), escapeText(reason));
    }
    if (socket.isSessionReused()) return fault('session-resumed');
    if (presented.length > maxChainLength) {
      return fault('certificate-chain-too-long', `at most ${maxChainLength} certificates`);
    }
    if (rsaBits > maxRsaBits) return fault('certificate-unsupported', `an RSA key of ${rsaBits} bits`);
    const now = Date.now();
    if (now < identity.validFrom.getTime()) return fault('certificate-not-yet-valid');
    if (now > identity.validTo.getTime()) return fault('certificate-expired');
    const usage = identity.extendedKeyUsage;
    const needed = policy.peerRole === 'server' ? purposeOids.serverAuth : purposeOids.clientAuth;
    const usageRequired = policy.peerRole === 'client' && policy.requireClientAuthEku === true;
    if (usage === undefined ? usageRequired : !usage.includes(needed) && !usage.includes(purposeOids.any)) {
      return fault('certificate-wrong-purpose');
    }
    if (policy.peerRole === 'server') {
      const mismatch = serverNameFault(identity, policy.host);
      if (mismatch !== undefined) return mismatch;
    }
    const serverName = typeof socket.servername === 'string' ? canonicalHost(socket.servername)?.host : undefined;
    const parameters = {
      protocol: socket.getProtocol() ?? 'unknown',
      cipher: socket.getCipher().standardName,
      serverName,
    };
    const { anchors = [], revocation } = policy;
    let proven: readonly X509Certificate[] | undefined;
    if (revocation !== undefined) {
      proven = provenChain(chain, anchors);
      const revoked = revocation.check(proven, now);
      if (revoked !== undefined) return fault(revoked.code, revoked.detail);
    }
    return new VerifiedPeer(gate, identity, parameters, () => {
      proven ??= provenChain(chain, anchors);
      return identityFromChain(proven.map(({ raw }) => raw)).chain;
    });
  } catch (error) {
    return identityError('certificate-malformed', whose, identity, { cause: error });
  }
}

/** Returns why the certificate of a server is not one for `host`; `undefined` when it is. SANs alone are looked at. */
export function serverNameFault(identity: PeerIdentity, host: string | undefined): PeerIdentityError | undefined {
  const match = matchServerName(identity.san, host ?? '');
  if (match.matches) return undefined;
  return identityError('server-name-mismatch', "the server's certificate", identity, {
    detail: match.text,
    expected: escapeText(host ?? ''),
  });
}
