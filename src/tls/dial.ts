/** The connecting end of mutual TLS: a verified TLS connection to a host, or an error that says why there is none. */
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { HandshakeError, PeerIdentityError } from '../errors.js';
import { canonicalHost, escapeText } from '../text.js';
import type { Credentials } from './credentials.js';
import { alpnProtocols } from './defaults.js';
import { identityFromChain, type PeerIdentity } from './identity.js';
import { watchRefused } from './presented.js';
import { explainFailedDial } from './refusal.js';
import { identityError, serverNameFault, type VerifiedPeer, verifyPeer } from './verified-peer.js';

export interface DialOptions {
  /** Where to connect; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The name to ask for and to find in the server's certificate. Default: `host`. */
  readonly serverName?: string;
  readonly credentials: Credentials;
  /** A connected stream to use instead of a new TCP connection. */
  readonly socket?: Duplex;
  /** Ends the attempt; its reason is what the promise rejects with. */
  readonly signal: AbortSignal;
}

/**
 * Connects and returns the socket with its verified peer. Nothing of the application has been written by then. With TLS
 * 1.3 the server may still refuse our certificate after this.
 *
 * @throws PeerIdentityError if the server's certificate is refused here, or ours there
 * @throws HandshakeError if there is no connection or no TLS
 */
export function dial(options: DialOptions): Promise<{ socket: tls.TLSSocket; peer: VerifiedPeer }> {
  const { host, port, credentials, signal } = options;
  const name = options.serverName ?? host;
  const wanted = canonicalHost(name);
  const where = `${escapeText(host.includes(':') ? `[${host}]` : host)}:${port}`;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (options.socket?.destroyed === true) {
      return reject(new HandshakeError('tls-cut', `cannot connect to ${where}: the socket given is closed already`));
    }
    // Whatever breaks below TLS shows above it; unhandled it would end the process.
    options.socket?.on('error', () => {});
    let serverAnswered = false;
    let fault: PeerIdentityError | undefined;
    let presented: PeerIdentity | undefined;
    const socket = tls.connect({
      secureContext: credentials.clientContext,
      ALPNProtocols: [...alpnProtocols],
      ...(options.socket === undefined ? { host, port } : { socket: options.socket }),
      // RFC 6455 §4.1: a client MUST send the server name. It is never an address, and has no trailing dot (RFC 6066 §3).
      servername: wanted?.kind === 'name' ? wanted.host : '',
      rejectUnauthorized: true,
      // No session is ever offered: a resumed one would skip the check of names (M9).
      session: undefined,
      // Runs before anything is written (M7). It must not throw: Node would take that for an uncaught exception (M14).
      checkServerIdentity: (_host, certificate) => {
        try {
          presented = identityFromChain([certificate.raw]);
          fault = serverNameFault(presented, name);
        } catch (cause) {
          fault = identityError('certificate-malformed', "the server's certificate", undefined, { cause });
        }
        return fault;
      },
    });
    watchRefused(socket, (identity) => {
      presented = identity;
    });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecure);
      socket.off('error', onError);
      socket.off('close', onClose);
      // Until somebody else listens, a socket that breaks must not break the process.
      socket.on('error', () => {});
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: Error): void => {
      const { identity: own, authorityNames, revocation } = credentials;
      const seen = { serverAnswered, own, presented, authorityNames, revocation };
      fail(explainFailedDial({ error: fault ?? error, where, ...seen }));
    };
    const onClose = (): void =>
      fail(
        new HandshakeError('tls-cut', `cannot connect to ${where}: the connection was closed during the TLS handshake`),
      );
    const onSecure = (): void => {
      const { anchors, revocation } = credentials;
      const peer = verifyPeer(socket, { peerRole: 'server', host: name, anchors, revocation });
      if (peer instanceof PeerIdentityError) return fail(peer);
      settle();
      resolve({ socket, peer });
    };
    signal.addEventListener('abort', onAbort);
    socket.once('secureConnect', onSecure);
    socket.once('error', onError);
    socket.once('close', onClose);
    // The first line comes with the server's answer; the line, a secret, is not looked at.
    socket.once('keylog', () => {
      serverAnswered = true;
    });
    socket.setNoDelay(true);
  });
}
