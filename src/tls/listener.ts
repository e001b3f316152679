/**
 * The accepting end of mutual TLS. Sockets come from a listener of our own or from elsewhere (`inject`), all go the same
 * way: into a `tls.Server` that demands and verifies a client certificate, then through the gate.
 *
 * A `tls.Server` never listens and is never shown: one that is handed sockets enforces client certificates, a
 * `TLSSocket` made by hand does not, and a `newSession` listener added from outside would bring back the resumption
 * that skips them.
 */
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { HandshakeError, LimitExceededError, type MtlsWsError, PeerIdentityError, UsageError } from '../errors.js';
import type { Credentials } from './credentials.js';
import { serverSecureOptions, tlsOptions } from './defaults.js';
import { describeIdentity, type PeerIdentity } from './identity.js';
import { watchRefused } from './presented.js';
import { explainFailedAccept } from './refusal.js';
import { type VerifiedPeer, verifyPeer } from './verified-peer.js';

/** A connection that was refused before or at the gate, or whose handshake failed. */
export interface Refusal {
  readonly error: MtlsWsError;
  /** Empty when the socket did not come from a network. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the client presented, in one safe line; `undefined` when nothing was, or it was not seen. */
  readonly presented: string | undefined;
}

export interface ListenerOptions {
  readonly credentials: Credentials;
  /** Milliseconds from accept until `established` must have been called. */
  readonly handshakeTimeout: number;
  /** Sockets that may be between accept and `established` at once. */
  readonly maxUnauthenticated: number;
  readonly requireClientAuthEku: boolean;
  /** A client came through the gate. */
  onPeer(accepted: AcceptedPeer): void;
  onRefusal(refusal: Refusal): void;
}

/** A client that came through the gate; its opening handshake is still to come. */
export interface AcceptedPeer {
  readonly socket: tls.TLSSocket;
  readonly peer: VerifiedPeer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Ends the deadline, and the count among the unauthenticated. */
  established(): void;
  /** Replaces what happens at the deadline (by default the socket is destroyed), so that an answer can be sent. */
  onDeadline: (() => void) | undefined;
}

/** What is known of a socket from its first byte on. */
class Pending {
  readonly raw: Duplex;
  readonly remoteAddress: string;
  readonly remotePort: number;
  timer: NodeJS.Timeout | undefined;
  /** Whether its `TLSSocket` is known. */
  watched = false;
  /** Whether it is over: let in, refused, or gone. Only the first of these is told. */
  settled = false;
  onDeadline: (() => void) | undefined;
  /** What the client presented, seen before verification destroys the socket. */
  presented: PeerIdentity | undefined;

  constructor(raw: Duplex) {
    const { remoteAddress, remotePort } = raw as Partial<net.Socket>;
    this.raw = raw;
    this.remoteAddress = remoteAddress ?? '';
    this.remotePort = remotePort ?? 0;
  }
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #tls: tls.Server;
  readonly #net: net.Server;
  /** Every raw socket that is open, whatever became of it: `tls.Server` does not count injected ones. */
  readonly #sockets = new Set<Duplex>();
  /** Those between accept and `established`. */
  readonly #pending = new Set<Pending>();
  readonly #byRaw = new WeakMap<Duplex, Pending>();
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#tls = this.#createTls((socket) => this.#pendingOf(socket));
    this.#net = net.createServer({ noDelay: true }, (raw) => this.inject(raw));
    this.#net.on('error', (error) => this.#onAcceptError(error));
  }

  #createTls(pendingOf: (socket: tls.TLSSocket) => Pending | undefined): tls.Server {
    const server = tls.createServer({
      ...tlsOptions(this.#options.credentials),
      secureOptions: serverSecureOptions,
      requestCert: true,
      rejectUnauthorized: true,
      // Our own deadline destroys the socket. Node's would only report it, and must not come first.
      handshakeTimeout: 2 ** 31 - 1,
    });
    server.on('secureConnection', (socket) => this.#onSecure(socket, pendingOf(socket)));
    server.on('tlsClientError', (error, socket) => this.#onFailure(error, socket, pendingOf(socket)));
    // Of a refused client nothing is left when Node reports it. This is the public event that shows its socket earlier,
    // while the certificate can still be read; the line, a secret, is not looked at.
    server.on('keylog', (_line, socket) => this.#watchCertificate(socket, pendingOf(socket)));
    return server;
  }

  /**
   * Starts to listen, and resolves with where. Rejects with Node's own error, for example `EADDRINUSE`, and with
   * `UsageError` `server-closed` if `close()` comes first.
   */
  listen(options: { port: number; host: string; backlog?: number }): Promise<net.AddressInfo> {
    const server = this.#net;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        server.off('listening', onListening);
        server.off('error', onError);
        server.off('close', onClose);
      };
      const onListening = (): void => {
        if (this.#closed) {
          server.close();
          return;
        }
        settle();
        resolve(server.address() as net.AddressInfo);
      };
      const onError = (error: Error): void => {
        settle();
        reject(error);
      };
      const onClose = (): void => {
        onError(new UsageError('server-closed', 'the server was closed before it listened'));
      };
      // Throws if it listens already; all that it emits comes later.
      server.listen({ ...options, exclusive: true });
      server.on('listening', onListening);
      server.on('error', onError);
      server.on('close', onClose);
    });
  }

  /** No file descriptor is left, for example: the next accept may succeed. */
  #onAcceptError(cause: Error): void {
    // Before it listens, the error is that of listening, which its caller is told.
    if (!this.#net.listening) return;
    this.#refuse(
      undefined,
      new HandshakeError('accept-failed', `no connection could be accepted: ${cause.message}`, {}, { cause }),
    );
  }

  /** Where it listens; `undefined` before and after. */
  get address(): net.AddressInfo | undefined {
    return (this.#net.address() as net.AddressInfo | null) ?? undefined;
  }

  /**
   * Takes a socket that was accepted elsewhere, before its TLS handshake.
   *
   * @param head bytes of it that were read already
   */
  inject(raw: Duplex, head?: Uint8Array): void {
    const pending = new Pending(raw);
    raw.on('error', () => {
      // Whatever breaks below TLS shows above it as a close; unhandled it would end the process.
    });
    if (this.#closed || raw.destroyed) {
      raw.destroy();
      return;
    }
    if (this.#pending.size >= this.#options.maxUnauthenticated) {
      raw.destroy();
      this.#refuse(
        pending,
        new LimitExceededError(
          'too-many-unauthenticated',
          `${this.#pending.size + 1} connections have not finished their handshake, at most ${this.#options.maxUnauthenticated} allowed (maxUnauthenticated)`,
          {
            limit: 'maxUnauthenticated',
            maximum: this.#options.maxUnauthenticated,
            actual: this.#pending.size + 1,
            unit: 'connections',
            closeCode: 1006,
          },
        ),
      );
      return;
    }
    this.#sockets.add(raw);
    this.#pending.add(pending);
    this.#byRaw.set(raw, pending);
    raw.once('close', () => {
      this.#sockets.delete(raw);
      // The failure of its TLS handshake is reported after this.
      clearTimeout(pending.timer);
      this.#pending.delete(pending);
    });
    pending.timer = setTimeout(() => this.#onDeadline(pending), this.#options.handshakeTimeout);
    if (head !== undefined && head.length > 0) raw.unshift(head);
    // A stream that is no network socket has no address to be known by: it gets a server of its own.
    const server = raw instanceof net.Socket ? this.#tls : this.#createTls(() => pending);
    server.emit('connection', raw);
  }

  #settle(pending: Pending): void {
    pending.settled = true;
    clearTimeout(pending.timer);
    this.#pending.delete(pending);
  }

  #refuse(pending: Pending | undefined, error: MtlsWsError): void {
    const presented =
      (error instanceof PeerIdentityError ? error.presented : undefined) ??
      (pending?.presented === undefined ? undefined : describeIdentity(pending.presented));
    this.#options.onRefusal({
      error,
      remoteAddress: pending?.remoteAddress ?? '',
      remotePort: pending?.remotePort ?? 0,
      presented,
    });
  }

  #onDeadline(pending: Pending): void {
    if (pending.onDeadline !== undefined) {
      pending.onDeadline();
      return;
    }
    this.#settle(pending);
    pending.raw.destroy();
    this.#refuse(
      pending,
      new HandshakeError('deadline', `no TLS handshake within ${this.#options.handshakeTimeout} ms (handshakeTimeout)`),
    );
  }

  /** What is known of the network socket under a `TLSSocket`. */
  #pendingOf(socket: tls.TLSSocket): Pending | undefined {
    // Node keeps the raw socket in `_parent`, which it does not document; without it, the address tells which it is.
    const parent = (socket as { _parent?: Duplex | null })._parent;
    const known = parent == null ? undefined : this.#byRaw.get(parent);
    if (known !== undefined) return known;
    for (const pending of this.#pending) {
      const { remoteAddress, remotePort } = pending;
      if (remotePort !== 0 && remotePort === socket.remotePort && remoteAddress === socket.remoteAddress)
        return pending;
    }
    return undefined;
  }

  #watchCertificate(socket: tls.TLSSocket, pending: Pending | undefined): void {
    if (pending === undefined || pending.watched) return;
    pending.watched = true;
    watchRefused(socket, (presented) => {
      pending.presented = presented;
    });
  }

  #onFailure(error: Error, socket: tls.TLSSocket, pending: Pending | undefined): void {
    const { authorizationError } = socket;
    socket.destroy();
    if (pending?.settled === true) return;
    if (pending !== undefined) {
      this.#settle(pending);
      pending.raw.destroy();
    }
    const { authorityNames, revocation } = this.#options.credentials;
    const presented = pending?.presented;
    this.#refuse(pending, explainFailedAccept({ error, authorizationError, presented, authorityNames, revocation }));
  }

  #onSecure(socket: tls.TLSSocket, pending: Pending | undefined): void {
    const peer = verifyPeer(socket, {
      peerRole: 'client',
      anchors: this.#options.credentials.anchors,
      revocation: this.#options.credentials.revocation,
      requireClientAuthEku: this.#options.requireClientAuthEku,
    });
    // A socket that nothing is known of has no deadline and counts nowhere: it is not let in.
    if (pending === undefined || pending.settled || peer instanceof PeerIdentityError) {
      socket.on('error', () => {});
      socket.destroy();
      if (pending?.settled === true) return;
      if (pending !== undefined) this.#settle(pending);
      const unknown = new HandshakeError('tls-failed', 'the socket under a TLS connection is not known');
      this.#refuse(pending, peer instanceof PeerIdentityError ? peer : unknown);
      return;
    }
    this.#options.onPeer({
      socket,
      peer,
      remoteAddress: pending.remoteAddress,
      remotePort: pending.remotePort,
      established: () => this.#settle(pending),
      get onDeadline() {
        return pending.onDeadline;
      },
      set onDeadline(callback) {
        pending.onDeadline = callback;
      },
    });
  }

  /** Stops accepting. Sockets that are still in their handshake are destroyed. Resolves when the port is free. */
  close(): Promise<void> {
    this.#closed = true;
    for (const pending of this.#pending) {
      this.#settle(pending);
      pending.raw.destroy();
    }
    return new Promise((resolve) => {
      if (!this.#net.listening) resolve();
      else this.#net.close(() => resolve());
    });
  }

  /** Destroys every socket that is still open. */
  destroyAll(): void {
    for (const raw of this.#sockets) raw.destroy();
  }

  get openSockets(): number {
    return this.#sockets.size;
  }
}
