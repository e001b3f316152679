/**
 * WebSocket on an `https.Server` that somebody else runs: its upgrades to one path go the way of our own server, through
 * the same gate. That server must demand client certificates; one that does not is refused, never repaired.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage as HttpRequest } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { HandshakeError, PeerIdentityError, UsageError } from '../errors.js';
import { Fields, type RequestHead, refusalResponse, requestFault } from '../handshake/index.js';
import { type Refusal, verifyPeer } from '../tls/index.js';
import { Acceptor, type AcceptorOptions, type AnyPeer, acceptorOptionNames, type UpgradeRequest } from './acceptor.js';
import type { Connection } from './connection.js';
import { endWith } from './end-with.js';
import { Observer, type ServerStatistics } from './observer.js';
import { defaultHandshakeTimeout, refuseUnknown, wholeNumber } from './options.js';
import type { ServerEvents } from './server.js';

export interface AttachOptions extends AcceptorOptions {
  /** The path whose upgrades are taken, without query. Upgrades to other paths are left to others. */
  path: string;
  /** Milliseconds from the upgrade request to the 101. Default 10,000. */
  handshakeTimeout?: number;
}

const attachOptionNames: Readonly<Record<keyof AttachOptions, true>> = {
  ...acceptorOptionNames,
  path: true,
  handshakeTimeout: true,
};

/** The WebSocket side of an `https.Server`. Its events are those of `ServerEvents`. */
export class AttachedServer extends EventEmitter<ServerEvents> {
  readonly #server: HttpsServer;
  readonly #acceptor: Acceptor;
  readonly #path: string;
  readonly #timeout: number;
  readonly #observer = new Observer('server');
  readonly #onUpgrade: (request: HttpRequest, socket: Duplex, head: Buffer) => void;
  #closing: Promise<void> | undefined;

  /** @throws UsageError `attach-unverified` unless the server demands and verifies client certificates */
  constructor(server: HttpsServer, options: AttachOptions) {
    super();
    mustVerifyClients(server);
    if (typeof options?.path !== 'string' || !options.path.startsWith('/') || options.path.includes('?')) {
      throw new UsageError('path-malformed', 'path must be a path without query, for example /chat', {
        option: 'path',
      });
    }
    refuseUnknown(options, attachOptionNames, 'attach()');
    this.#server = server;
    this.#path = options.path;
    this.#timeout = wholeNumber('handshakeTimeout', options.handshakeTimeout, defaultHandshakeTimeout);
    // Every peer here is verified.
    this.#acceptor = new Acceptor(options as AcceptorOptions<AnyPeer>, {
      connection: (connection, request) => {
        this.#observer.opened(connection, request);
        this.emit('connection', connection as Connection, request as UpgradeRequest);
      },
      refused: (refusal) => this.#refused(refusal),
    });
    this.#onUpgrade = (request, socket, head) => this.#upgrade(request, socket, head);
    server.on('upgrade', this.#onUpgrade);
  }

  /** The connections that are open. */
  get connections(): ReadonlySet<Connection> {
    return this.#acceptor.connections as Set<Connection>;
  }

  #refused(refusal: Refusal): void {
    this.#observer.refused(refusal);
    this.emit('refused', refusal);
  }

  /** What has been counted since it was attached. */
  get statistics(): ServerStatistics {
    return this.#observer.statistics;
  }

  #upgrade(request: HttpRequest, socket: Duplex, head: Buffer): void {
    const target = request.url ?? '/';
    if (target.split('?', 1)[0] !== this.#path) {
      // RFC 6455 §4.2.2: a service that is not there MUST be answered with an error, such as 404.
      // Nobody else listens: an upgrade that nobody answers would stay open for ever.
      if (this.#server.listenerCount('upgrade') === 1) {
        this.#refuse(socket, requestFault('path-not-found', 'there is no WebSocket at this path'));
      }
      return;
    }
    const secure = socket as TLSSocket;
    const { remoteAddress = '', remotePort = 0 } = secure;
    const peer = verifyPeer(secure, { peerRole: 'client' });
    if (peer instanceof PeerIdentityError) {
      // The client is one that OpenSSL let in, and it can read why the gate does not (a resumed session, mostly).
      this.#refuse(socket, new HandshakeError(peer.code, `${peer.message}; ${peer.hint}`, { httpStatus: 403 }));
      this.#refused({ error: peer, remoteAddress, remotePort, presented: peer.presented });
      return;
    }
    this.#observer.handshake({ peer, tls: peer.tls, remoteAddress, remotePort });
    const incoming = {
      socket,
      peer,
      serverName: peer.tls.serverName,
      remoteAddress,
      remotePort,
      // What an `https.Server` trusts is its owner's business.
      recheck: () => undefined,
      established: () => clearTimeout(timer),
      onDeadline: undefined as (() => void) | undefined,
    };
    const timer = setTimeout(() => incoming.onDeadline?.(), this.#timeout);
    socket.once('close', () => clearTimeout(timer));
    const requestHead: RequestHead = {
      kind: 'request',
      method: request.method ?? '',
      target,
      version: request.httpVersion,
      fields: Fields.fromRaw(request.rawHeaders),
    };
    this.#acceptor.acceptRequest(incoming, requestHead, head);
  }

  #refuse(socket: Duplex, error: HandshakeError): void {
    socket.on('error', () => {});
    // The `https.Server` has let go of the socket: nobody else would ever close it.
    endWith(socket, refusalResponse(error), this.#acceptor.inside.connectionOptions.closeDeadline);
  }

  /** Takes no more upgrades, closes its connections with 1001, and cuts what is left after `deadline` ms (default 5,000). */
  close({ deadline = 5_000 }: { deadline?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(wholeNumber('deadline', deadline, 5_000, 0));
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    this.#server.off('upgrade', this.#onUpgrade);
    await this.#acceptor.drain(deadline);
    this.emit('close');
  }
}

/** Node keeps these options on the server object; what cannot be seen there is not assumed. */
function mustVerifyClients(server: HttpsServer): void {
  const { requestCert, rejectUnauthorized, ca } = (server ?? {}) as unknown as Record<string, unknown>;
  const missing = [
    requestCert === true ? '' : 'requestCert: true',
    rejectUnauthorized === true ? '' : 'rejectUnauthorized left at true',
    ca === undefined || ca === null || (ca as { length?: number }).length === 0 ? 'ca, the CA of the clients' : '',
  ].filter((part) => part !== '');
  if (missing.length === 0) return;
  throw new UsageError(
    'attach-unverified',
    `attach() needs an https.Server that verifies its clients; it lacks ${missing.join(' and ')}`,
    { option: 'server' },
  );
}

/**
 * Takes the WebSocket upgrades to `options.path` of an `https.Server`.
 *
 * @throws UsageError `attach-unverified` unless the server has `requestCert: true`, verification on, and a `ca`
 */
export function attach(server: HttpsServer, options: AttachOptions): AttachedServer {
  return new AttachedServer(server, options);
}
