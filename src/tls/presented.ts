/** What a peer presented whose certificate Node is about to refuse: afterwards nothing is left of it. */
import type { TLSSocket } from 'node:tls';
import { identityFromChain, type PeerIdentity } from './identity.js';

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
      const leaf = socket.getPeerX509Certificate();
      if (leaf !== undefined) found(identityFromChain([leaf.raw]));
    } catch {
      // A certificate that cannot be read is not shown.
    }
  });
}
