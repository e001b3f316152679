/**
 * What a peer presented, as DER. The leaf is read out of the TLS session, and the rest with `getPeerCertificate`, for its `raw`
 * alone: on Node 20 and 22 each call of `getPeerX509Certificate` loses some 5 KiB of native memory for good (M18).
 */
import type { Buffer } from 'node:buffer';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { identityFromChain, type PeerIdentity } from './identity.js';

export interface Presented {
  /** DER, leaf first, each followed by its issuer as far as one is known; Node adds the root out of the trust anchors. */
  readonly chain: readonly Buffer[];
  /** How many there are, a root at the end not counted. */
  readonly length: number;
  /** Bits of the leaf's RSA key; `undefined` when it is no RSA key. */
  readonly rsaBits: number | undefined;
}

/**
 * Returns what the peer of a complete TLS handshake presented; `undefined` when that is nothing. Reads no more than
 * `limit` certificates and one more.
 *
 * @param leafInSession what `leafOfSession` returned
 * @param leafAlone what is known of a leaf, if nothing else has to be: reading all of them costs a sixth of the whole TLS
 *   handshake (measured), as OpenSSL copies each and decodes its key again
 */
export function readPresented(
  socket: TLSSocket,
  limit: number,
  leafInSession: Buffer | undefined,
  leafAlone: (leaf: Buffer) => Pick<Presented, 'rsaBits'> | undefined,
): Presented | undefined {
  // Typed as always there, but empty without a certificate, and null once the socket is destroyed.
  const first = leafInSession ?? (socket.getPeerCertificate(false) as DetailedPeerCertificate | null)?.raw;
  if (first === undefined) return undefined;
  const known = leafAlone(first);
  if (known !== undefined) return { chain: [first], length: 1, rsaBits: known.rsaBits };
  const leaf: Partial<DetailedPeerCertificate> = socket.getPeerCertificate(true);
  const chain: Buffer[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = leaf;
  // A certificate that issued itself is its own issuer here.
  let last: Partial<DetailedPeerCertificate> | undefined;
  while (next?.raw !== undefined && next !== last && chain.length <= limit) {
    chain.push(next.raw);
    last = next;
    next = next.issuerCertificate;
  }
  const endsInRoot = next !== undefined && next === last && chain.length > 1;
  return {
    chain,
    length: endsInRoot ? chain.length - 1 : chain.length,
    rsaBits: leaf.modulus === undefined ? undefined : leaf.bits,
  };
}

/**
 * Calls `found` with the identity in the leaf, when verification has failed and before Node acts on it. Nothing is proved
 * by it: it is for the message of the refusal.
 */
export function watchRefused(socket: TLSSocket, found: (presented: PeerIdentity) => void): void {
  // `secure` comes before Node judges the certificate. Neither it nor `verifyError` is documented: without them a refusal
  // says less, and is a refusal all the same.
  socket.prependOnceListener('secure', () => {
    if ((socket as { _handle?: { verifyError?(): unknown } | null })._handle?.verifyError?.() == null) return;
    try {
      const { raw } = socket.getPeerCertificate(false);
      if (raw !== undefined) found(identityFromChain([raw]));
    } catch {
      // A certificate that cannot be read is not shown.
    }
  });
}
