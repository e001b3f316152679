/**
 * The accepting end of mutual TLS. Sockets come from a listener of our own or from elsewhere (`inject`), all go the same
 * way: to the site of the host that the client asks for, whose `tls.Server` demands and verifies a client certificate,
 * then through the gate.
 */
import { Buffer } from 'node:buffer';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import type * as tls from 'node:tls';
import { HandshakeError, LimitExceededError, type MtlsWsError, PeerIdentityError, UsageError } from '../errors.js';
import { canonicalHost, escapeText } from '../text.js';
import { ClientHelloReader } from './client-hello.js';
import type { Credentials } from './credentials.js';
import { describeIdentity, type PeerIdentity } from './identity.js';
import { watchRefused } from './presented.js';
import { explainBadHello, explainFailedAccept } from './refusal.js';
import { Site, type SiteEvents, type SitePolicy } from './site.js';
import { HandshakeRate, Unauthenticated } from './unauthenticated.js';
import {
  type GatePolicy,
  identityError,
  recheckPeer,
  type TlsParameters,
  tlsParameters,
  type VerifiedPeer,
  verifyPeerOf,
} from './verified-peer.js';

/** A connection that was refused before or at the gate, or whose handshake failed. */
export interface Refusal {
  readonly error: MtlsWsError;
  /** Empty when the socket did not come from a network. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the client presented, in one safe line; `undefined` when nothing was, or it was not seen. */
  readonly presented: string | undefined;
  /** Who asked, if it came through the gate and was refused afterwards. */
  readonly peer?: VerifiedPeer | undefined;
  /** The target and the `Host` of its request as they were sent, if one was read. */
  readonly target?: string | undefined;
  readonly host?: string | undefined;
}

/** The credentials of the hosts that one listener serves. */
export interface HostCredentials {
  /**
   * For clients that ask for no name; where no host has a name, for all. `undefined`: clients that ask for no name are
   * refused.
   */
  readonly unnamed: Credentials | undefined;
  /** By canonical host name. Where there are any, a client that asks for another name is refused. */
  readonly named: ReadonlyMap<string, Credentials>;
}

export interface ListenerOptions extends SitePolicy {
  readonly hosts: HostCredentials;
  /** Milliseconds from accept until `established` must have been called. */
  readonly handshakeTimeout: number;
  /** Sockets that may be between accept and `established` at once. */
  readonly maxUnauthenticated: number;
  /** Of them, those of one address (`addressKey`). Default: no limit of its own. */
  readonly maxUnauthenticatedPerAddress?: number | undefined;
  /** TLS handshakes that one address may begin in a second. Default: no limit. */
  readonly maxHandshakesPerSecond?: number | undefined;
  /** Sees the TLS secrets of every connection. */
  readonly keylog?: ((line: Buffer) => void) | undefined;
  /** A client came through the gate. */
  onPeer(accepted: AcceptedPeer): void;
  /**
   * With `explainRefusals`: a client did **not** come through the gate, and may be told why. It has been reported to
   * `onRefusal`.
   */
  onRefusedPeer(refused: SecuredSocket, error: PeerIdentityError): void;
  onRefusal(refusal: Refusal): void;
}

/** A socket whose TLS handshake is complete, whoever is at its other end. */
export interface SecuredSocket {
  readonly socket: tls.TLSSocket;
  readonly tls: TlsParameters;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Ends the deadline, and the count among the unauthenticated. */
  established(): void;
  /** Replaces what happens at the deadline (by default the socket is destroyed), so that an answer can be sent. */
  onDeadline: (() => void) | undefined;
}

/** A client that came through the gate; its opening handshake is still to come. */
export interface AcceptedPeer extends SecuredSocket {
  /** `undefined`: a client without a certificate, where `clientCertificate` is `optional`. */
  readonly peer: VerifiedPeer | undefined;
  /** The name that the client asked for (SNI), in canonical form; `undefined` when it asked for none. */
  readonly serverName: string | undefined;
  /** The hosts that are served by name, in canonical form: those that a client must ask for. */
  readonly namedHosts: { has(host: string): boolean };
  /** Returns why the client would not be let in now, if what it was verified against has changed since. */
  readonly recheck: () => PeerIdentityError | undefined;
}

/** What is known of a socket from its first byte on. */
class Pending {
  readonly raw: Duplex;
  readonly remoteAddress: string;
  readonly remotePort: number;
  timer: NodeJS.Timeout | undefined;
  /** The host it goes to; `undefined` until that is known. */
  site: Site | undefined;
  /** The host that its ClientHello asked for, in canonical form, where that was read before TLS. */
  hello: { readonly host: string | undefined } | undefined;
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

/** What a client was let in with. */
interface Admission {
  readonly peer: VerifiedPeer | undefined;
  readonly serverName: string | undefined;
  site: Site;
}

function gatePolicyOf({ credentials, policy }: Site): GatePolicy {
  return {
    peerRole: 'client',
    anchors: credentials.anchors,
    revocation: credentials.revocation,
    requireClientAuthEku: policy.requireClientAuthEku,
    acceptResumption: policy.tickets !== undefined,
  };
}

/** Returns a name that a client asked for in canonical form; `undefined` when it is none. */
function hostOf(name: string | undefined): string | undefined {
  return name === undefined ? undefined : canonicalHost(name)?.host;
}

type Verdict = VerifiedPeer | PeerIdentityError;

/** Says more of what OpenSSL did not accept, where Node has left it to the gate. */
function explained(verdict: Verdict, socket: tls.TLSSocket, { presented }: Pending, site: Site): Verdict {
  if (!(verdict instanceof PeerIdentityError) || presented === undefined || socket.authorized) return verdict;
  const { authorizationError } = socket;
  const { authorityNames, revocation } = site.credentials;
  const error = explainFailedAccept({ error: undefined, authorizationError, presented, authorityNames, revocation });
  return error instanceof PeerIdentityError ? error : verdict;
}

/** @param limit the option and its value */
function excess(
  code: string,
  text: string,
  actual: number,
  limit: Readonly<Record<string, number>>,
  unit = 'connections',
): LimitExceededError {
  const [[name, maximum]] = Object.entries(limit) as [[string, number]];
  return new LimitExceededError(code, `${text}, at most ${maximum} allowed (${name})`, {
    ...{ limit: name, maximum, actual, unit, closeCode: 1006 },
  });
}

/** Milliseconds that a client may take to read the alert that it is turned away with. */
const lingerTime = 1_000;

/** Fatal alerts before there is a TLS version: content type, version, length, level, description (RFC 8446 §6). */
const alertRecords = {
  decodeError: Buffer.from([21, 3, 3, 0, 2, 2, 50]),
  missingExtension: Buffer.from([21, 3, 3, 0, 2, 2, 109]),
  unrecognizedName: Buffer.from([21, 3, 3, 0, 2, 2, 112]),
} as const;

export class Listener {
  readonly #options: Omit<ListenerOptions, 'hosts'>;
  #policy: SitePolicy;
  #unnamed: Site | undefined;
  #named: ReadonlyMap<string, Site> = new Map();
  readonly #net: net.Server;
  /** Every raw socket that is open, whatever became of it: `tls.Server` does not count injected ones. */
  readonly #sockets = new Set<Duplex>();
  /** Those between accept and `established`. */
  readonly #pending = new Unauthenticated<Pending>();
  readonly #handshakeRate: HandshakeRate | undefined;
  readonly #byRaw = new WeakMap<Duplex, Pending>();
  #closed = false;

  constructor({ hosts, ...options }: ListenerOptions) {
    this.#options = options;
    this.#policy = options;
    const { maxHandshakesPerSecond } = options;
    this.#handshakeRate = maxHandshakesPerSecond === undefined ? undefined : new HandshakeRate(maxHandshakesPerSecond);
    this.#setHosts(hosts);
    this.#net = net.createServer({ noDelay: true }, (raw) => this.inject(raw));
    this.#net.on('error', (error) => this.#onAcceptError(error));
  }

  /**
   * Puts other credentials in force for every handshake that begins from now on; those under way are looked at again at
   * the gate. Live connections are for the caller to `recheck`. Sites whose credentials stay the same stay.
   *
   * @param rulesGeneration another number than before makes every session ticket void. Default: the one before
   */
  update(hosts: HostCredentials, rulesGeneration: number = this.#policy.rulesGeneration): void {
    this.#policy = { ...this.#policy, rulesGeneration };
    this.#setHosts(hosts);
  }

  #setHosts({ unnamed, named }: HostCredentials): void {
    const events = this.#eventsOf();
    const { tickets, rulesGeneration } = this.#policy;
    const siteOf = (name: string | undefined, credentials: Credentials, before: Site | undefined): Site =>
      before?.credentials === credentials &&
      (tickets === undefined || before.policy.rulesGeneration === rulesGeneration)
        ? before
        : new Site(name, credentials, this.#policy, events);
    // Made before any of them is in force: credentials that OpenSSL does not take change nothing.
    const first = unnamed === undefined ? undefined : siteOf(undefined, unnamed, this.#unnamed);
    const others = [...named].map(([name, credentials]) => siteOf(name, credentials, this.#named.get(name)));
    this.#unnamed = first;
    this.#named = new Map(others.map((site) => [site.name!, site]));
  }

  /** @param known what the sockets of the site are known to be; default: looked up for each */
  #eventsOf(known?: Pending): SiteEvents {
    return {
      secure: (socket) => this.#onSecure(socket, known ?? this.#pendingOf(socket)),
      failed: (error, socket) => this.#onFailure(error, socket, known ?? this.#pendingOf(socket)),
      keylog: (line, socket) => this.#onKeylog(line, socket, known ?? this.#pendingOf(socket)),
    };
  }

  /** Whether the host must be known before TLS begins: where there are several, and where sessions may be resumed (TLS 1.2 does not show it then). */
  get #readsNames(): boolean {
    return this.#named.size > 0 || this.#policy.tickets !== undefined;
  }

  /** The one look-up of hosts. @param name as the client sent it */
  #siteFor(name: string | undefined): Site | undefined {
    if (name === undefined || this.#named.size === 0) return this.#unnamed;
    const host = hostOf(name);
    return host === undefined ? undefined : this.#named.get(host);
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
      server.listen(options);
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
    const excess = this.#excess(pending);
    if (excess !== undefined) {
      raw.destroy();
      this.#refuse(pending, excess);
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
    if (this.#readsNames) this.#readName(raw, pending);
    else this.#handOver(raw, pending, this.#unnamed!);
  }

  /**
   * Returns why one more socket cannot be taken. When all places are taken, the address with the most gives up the one
   * that it has held for longest, so that nobody keeps others out alone.
   */
  #excess(newcomer: Pending): LimitExceededError | undefined {
    const { maxUnauthenticated, maxUnauthenticatedPerAddress, maxHandshakesPerSecond } = this.#options;
    const { remoteAddress } = newcomer;
    const ofAddress = this.#pending.countOf(newcomer) + 1;
    // A stream that comes from no network has no address.
    const isKnown = remoteAddress !== '';
    if (isKnown && maxUnauthenticatedPerAddress !== undefined && ofAddress > maxUnauthenticatedPerAddress) {
      const text = `${ofAddress} connections of ${remoteAddress} have not finished their handshake`;
      return excess('too-many-unauthenticated', text, ofAddress, { maxUnauthenticatedPerAddress });
    }
    if (this.#pending.size >= maxUnauthenticated) {
      const count = this.#pending.size + 1;
      const error = excess(
        'too-many-unauthenticated',
        `${count} connections have not finished their handshake`,
        count,
        {
          maxUnauthenticated,
        },
      );
      const crowded = this.#pending.crowdedOut(newcomer);
      if (crowded === undefined) return error;
      const isTold = crowded.settled;
      this.#settle(crowded);
      crowded.raw.destroy();
      if (!isTold) this.#refuse(crowded, error);
    }
    if (isKnown && this.#handshakeRate?.exceeds(remoteAddress, performance.now()) === true) {
      const perSecond = maxHandshakesPerSecond!;
      const text = `${remoteAddress} has begun more than ${perSecond} handshakes within a second`;
      return excess(
        'too-many-handshakes',
        text,
        perSecond + 1,
        { maxHandshakesPerSecond: perSecond },
        'handshakes per second',
      );
    }
    return undefined;
  }

  /** Reads the ClientHello, and gives all of it back for OpenSSL to read. */
  #readName(raw: Duplex, pending: Pending): void {
    const reader = new ClientHelloReader();
    const onData = (chunk: Buffer): void => {
      const state = reader.push(chunk);
      if (state.kind === 'incomplete') return;
      stop();
      raw.pause();
      if (state.kind === 'fault')
        return this.#turnAway(pending, alertRecords.decodeError, explainBadHello(state.reason));
      const site = this.#siteFor(state.serverName);
      if (site === undefined) return this.#refuseName(pending, state.serverName);
      raw.unshift(reader.received);
      pending.hello = { host: hostOf(state.serverName) };
      this.#handOver(raw, pending, site);
    };
    const onEnd = (): void => {
      stop();
      this.#turnAway(pending, undefined, explainBadHello('cut'));
    };
    const stop = (): void => {
      raw.off('data', onData);
      raw.off('end', onEnd);
      raw.off('close', onEnd);
    };
    raw.on('data', onData);
    raw.on('end', onEnd);
    raw.on('close', onEnd);
    // Whoever hands over a socket may have paused it.
    raw.resume();
  }

  /** RFC 6066 §3 and RFC 8446 §9.2 name the alerts. */
  #refuseName(pending: Pending, name: string | undefined): void {
    const detail = name === undefined ? 'it asked for no name' : `it asked for "${escapeText(name)}"`;
    const alert = name === undefined ? alertRecords.missingExtension : alertRecords.unrecognizedName;
    this.#turnAway(pending, alert, identityError('server-name-unknown', 'the client', undefined, { detail }));
  }

  /** Ends a socket before its TLS handshake; it counts among the unauthenticated until it is gone. */
  #turnAway(pending: Pending, alert: Buffer | undefined, error: MtlsWsError): void {
    if (pending.settled) return;
    pending.settled = true;
    clearTimeout(pending.timer);
    const { raw } = pending;
    if (alert === undefined || error.code === 'not-tls') raw.destroy();
    else {
      // Destroyed at once, a socket with unread input would be reset, and the alert be lost.
      raw.end(alert);
      raw.once('end', () => raw.destroy());
      raw.resume();
      setTimeout(() => raw.destroy(), lingerTime).unref();
    }
    this.#refuse(pending, error);
  }

  #handOver(raw: Duplex, pending: Pending, site: Site): void {
    pending.site = site;
    // A stream that is no network socket has no address to be known by: it gets a server of its own.
    const server = raw instanceof net.Socket ? site.server : site.createServer(this.#eventsOf(pending));
    server.emit('connection', raw);
  }

  #settle(pending: Pending): void {
    pending.settled = true;
    clearTimeout(pending.timer);
    // It lives as long as its socket does, and the timer with it.
    pending.timer = undefined;
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

  /** The line is a secret, and is looked at by nobody who did not ask for it. */
  #onKeylog(line: Buffer, socket: tls.TLSSocket, pending: Pending | undefined): void {
    this.#options.keylog?.(line);
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
    const { authorityNames = [], revocation } = pending?.site?.credentials ?? {};
    const presented = pending?.presented;
    this.#refuse(pending, explainFailedAccept({ error, authorizationError, presented, authorityNames, revocation }));
  }

  #onSecure(socket: tls.TLSSocket, pending: Pending | undefined): void {
    // A socket that nothing is known of has no deadline and counts nowhere: it is not let in.
    if (pending?.site === undefined || pending.settled) {
      socket.on('error', () => {});
      socket.destroy();
      if (pending?.settled === true) return;
      this.#refuse(pending, new HandshakeError('tls-failed', 'the socket under a TLS connection is not known'));
      return;
    }
    const { site } = pending;
    const parameters = tlsParameters(socket);
    const verdict = this.#judge(socket, parameters, pending, site);
    const { remoteAddress, remotePort } = pending;
    const secured: SecuredSocket = {
      socket,
      tls: parameters,
      remoteAddress,
      remotePort,
      established: () => this.#settle(pending),
      get onDeadline() {
        return pending.onDeadline;
      },
      set onDeadline(callback) {
        pending.onDeadline = callback;
      },
    };
    if (verdict instanceof PeerIdentityError) {
      if (site.policy.explainRefusals && !socket.destroyed) {
        pending.onDeadline = () => {
          this.#settle(pending);
          pending.raw.destroy();
        };
        this.#refuse(pending, verdict);
        this.#options.onRefusedPeer(secured, verdict);
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      this.#settle(pending);
      this.#refuse(pending, verdict);
      return;
    }
    const admission = this.#admission(verdict, secured.tls, pending, site);
    const { peer, serverName } = admission;
    const recheck = this.#recheckOf(admission);
    this.#options.onPeer(Object.assign(secured, { peer, serverName, namedHosts: this.#named, recheck }));
  }

  /** Returns who came through the gate, `undefined` for a client that needs no certificate and has none, or why not. */
  #judge(
    socket: tls.TLSSocket,
    parameters: TlsParameters,
    pending: Pending,
    site: Site,
  ): VerifiedPeer | undefined | PeerIdentityError {
    const verdict = explained(verifyPeerOf(socket, gatePolicyOf(site), parameters), socket, pending, site);
    // Deliberately the gate's own word that nothing was presented: `authorized` is also false for what was, and is bad.
    let peer: VerifiedPeer | undefined;
    if (!(verdict instanceof PeerIdentityError)) peer = verdict;
    else if (verdict.code !== 'certificate-missing' || site.policy.clientCertificate !== 'optional') return verdict;
    // OpenSSL must have seen the same name: a second ClientHello (RFC 8446 §4.1.4) may bring another. It shows none when a
    // session of TLS 1.2 is resumed.
    const { serverName, resumed, protocol } = parameters;
    const isShown = serverName !== undefined || !(resumed && protocol === 'TLSv1.2');
    if (pending.hello !== undefined && isShown && serverName !== pending.hello.host) {
      const detail = 'the name in its TLS handshake is not the one that was read before';
      return identityError('server-name-unknown', 'the client', undefined, { detail });
    }
    return this.#recheck(this.#admission(peer, parameters, pending, site)) ?? peer;
  }

  #admission(peer: VerifiedPeer | undefined, { serverName }: TlsParameters, pending: Pending, site: Site): Admission {
    return { peer, serverName: pending.hello === undefined ? serverName : pending.hello.host, site };
  }

  /** The function lives as long as the connection: made here, it holds the admission and nothing else of the handshake. */
  #recheckOf(admission: Admission): () => PeerIdentityError | undefined {
    return () => this.#recheck(admission);
  }

  /** Looks at a client again if the credentials of its host are others by now. */
  #recheck(admission: Admission): PeerIdentityError | undefined {
    const { peer, serverName, site } = admission;
    const current = this.#siteFor(serverName);
    if (current === site) return undefined;
    if (current === undefined) {
      return identityError('server-name-unknown', 'the client', peer, { detail: 'its host is not served any more' });
    }
    const error = peer === undefined ? undefined : recheckPeer(peer, gatePolicyOf(current));
    // The site before is not held on to.
    if (error === undefined) admission.site = current;
    return error;
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
