/** A WebSocket server that lets in only peers that prove who they are. */
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { type PeerIdentityError, UsageError } from '../errors.js';
import { Listener, leastTicketSecretBytes, type Refusal, TicketKeys, type VerifiedPeer } from '../tls/index.js';
import { Acceptor, type AcceptorOptions, type AnyPeer, acceptorOptionNames, type UpgradeRequest } from './acceptor.js';
import { authorizeFrom } from './authorize.js';
import type { Connection } from './connection.js';
import { Observer, type ServerStatistics } from './observer.js';
import { defaultHandshakeTimeout, keylogFrom, refuseUnknown, strictBoolean, wholeNumber } from './options.js';
import { Trust, type TrustOptions, trustOptionNames } from './trust.js';

/** How sessions are resumed. */
export interface SessionResumptionOptions {
  /**
   * At least 32 random bytes, the same in every process behind one name: then a session that one of them began can be
   * resumed at another, as long as both trust the same. Default: one of its own.
   */
  secret?: Uint8Array;
}

export interface ServerOptions<Peer extends AnyPeer = VerifiedPeer> extends TrustOptions, AcceptorOptions<Peer> {
  /**
   * Whether a client must present a certificate. Default `required`. With `optional` a client without one comes as far as
   * `authorize`, as `peer: undefined`, and only a rule that says so lets it in; one that is presented and bad is refused.
   */
  clientCertificate?: undefined extends Peer ? 'required' | 'optional' : 'required';
  /**
   * Lets every TLS handshake end well, and tells a client that is refused why, in an HTTP response with status 403. Who
   * comes in stays the same. Default `false`: refused in the TLS handshake, mostly without a word.
   */
  explainRefusals?: boolean;
  /**
   * Whether clients may resume a TLS session, which saves the signatures of a full handshake. Default `false`. A session
   * is void once its host, CAs, revocation lists or rules change, and after an hour; the certificate's dates, its
   * revocation and `authorize` are looked at each time.
   */
  sessionResumption?: boolean | SessionResumptionOptions;
  /** Sees the TLS secrets of every connection, a line each, as Wireshark reads them: who has them can decrypt all of it. */
  insecureKeylog?: (line: Buffer) => void;
  /** Milliseconds from accept to the 101, TLS handshake and authorization included. Default 10,000. */
  handshakeTimeout?: number;
  /** How many sockets may be between accept and 101 at once; the next is dropped. Default 1,024. */
  maxUnauthenticated?: number;
  /** How many of those one address may have, of IPv6 a /64; its next is dropped. Default: no limit of its own. */
  maxUnauthenticatedPerAddress?: number;
  /** How many TLS handshakes one address may begin in a second, of IPv6 a /64; its next is dropped. Default: no limit. */
  maxHandshakesPerSecond?: number;
  /** Refuses client certificates whose extended key usage does not name `clientAuth`. Default `false`. */
  requireClientAuthEku?: boolean;
}

const serverOptionNames: Readonly<Record<keyof ServerOptions, true>> = {
  ...trustOptionNames,
  ...acceptorOptionNames,
  clientCertificate: true,
  explainRefusals: true,
  sessionResumption: true,
  insecureKeylog: true,
  handshakeTimeout: true,
  maxUnauthenticated: true,
  maxUnauthenticatedPerAddress: true,
  maxHandshakesPerSecond: true,
  requireClientAuthEku: true,
};

/** What `Server.update` can replace: whom to trust, what to show, and who may come in. */
export type ServerUpdate<Peer extends AnyPeer = VerifiedPeer> = Omit<TrustOptions, 'minVersion'> &
  Pick<AcceptorOptions<Peer>, 'authorize'>;

const updateNames: Readonly<Record<keyof ServerUpdate, true>> = (() => {
  const { minVersion: _, ...names } = trustOptionNames;
  return { ...names, authorize: true };
})();

export interface ListenOptions {
  /** 0 takes a free one. */
  port: number;
  /** Default `127.0.0.1`; `0.0.0.0` or `::` for all interfaces. */
  host?: string;
  /** How many connections the operating system holds until they are accepted. Default 511. */
  backlog?: number;
}

const listenOptionNames: Readonly<Record<keyof ListenOptions, true>> = { port: true, host: true, backlog: true };

export interface ServerEvents<Peer extends AnyPeer = VerifiedPeer> {
  connection: [connection: Connection<Peer>, request: UpgradeRequest<Peer>];
  /** A client was refused, or its handshake failed: why, and what it presented. */
  refused: [refusal: Refusal];
  /** An open connection is closed with 1008, because its client would not be let in any more. */
  expelled: [connection: Connection<Peer>, error: PeerIdentityError];
  /** The server has closed, and its last connection is gone. */
  close: [];
}

/** Milliseconds that `close()` waits for the closing handshakes by default. */
const defaultDrainDeadline = 5_000;

/** Accepts verified peers. Its events are those of `ServerEvents`. */
export class Server<Peer extends AnyPeer = VerifiedPeer> extends EventEmitter<ServerEvents<Peer>> {
  readonly #listener: Listener;
  readonly #acceptor: Acceptor;
  #trust: Trust;
  #trustOptions: TrustOptions;
  #rulesGeneration = 0;
  readonly #handshakeTimeout: number;
  readonly #observer = new Observer('server');
  readonly #onReloaded = (): void => {
    this.#listener.update(this.#trust.current, this.#rulesGeneration);
    void this.#lookAgain(false);
  };
  readonly #onFailedReload = (error: Error): void => this.#observer.reloaded(error);
  #closing: Promise<void> | undefined;

  /** @throws UsageError if an option or the credentials cannot be used */
  constructor(options: ServerOptions<Peer>) {
    super();
    if (typeof options !== 'object' || options === null) {
      throw new UsageError('option-missing', 'createServer() takes an object with ca, cert and key');
    }
    refuseUnknown(options, serverOptionNames, 'createServer()');
    // A peer is undefined only if `clientCertificate` says that it may be, and then the type says so, too.
    const events = this as unknown as EventEmitter<ServerEvents<AnyPeer>>;
    this.#acceptor = new Acceptor(options as AcceptorOptions<AnyPeer>, {
      connection: (connection, request) => {
        this.#observer.opened(connection, request);
        events.emit('connection', connection, request);
      },
      refused: (refusal) => this.#refused(refusal),
    });
    this.#trustOptions = trustOf(options);
    this.#trust = new Trust(this.#trustOptions);
    const { clientCertificate = 'required' } = options;
    if (clientCertificate !== 'required' && clientCertificate !== 'optional') {
      throw new UsageError('client-certificate-unknown', 'clientCertificate must be required or optional', {
        option: 'clientCertificate',
      });
    }
    const limit = (name: 'maxUnauthenticatedPerAddress' | 'maxHandshakesPerSecond'): number | undefined =>
      options[name] === undefined ? undefined : wholeNumber(name, options[name], undefined);
    this.#handshakeTimeout = wholeNumber('handshakeTimeout', options.handshakeTimeout, defaultHandshakeTimeout);
    this.#listener = new Listener({
      hosts: this.#trust.current,
      clientCertificate,
      explainRefusals: strictBoolean('explainRefusals', options.explainRefusals),
      requireClientAuthEku: strictBoolean('requireClientAuthEku', options.requireClientAuthEku),
      tickets: ticketKeysOf(options.sessionResumption),
      rulesGeneration: 0,
      handshakeTimeout: this.#handshakeTimeout,
      maxUnauthenticated: wholeNumber('maxUnauthenticated', options.maxUnauthenticated, 1024),
      maxUnauthenticatedPerAddress: limit('maxUnauthenticatedPerAddress'),
      maxHandshakesPerSecond: limit('maxHandshakesPerSecond'),
      keylog: keylogFrom(options.insecureKeylog),
      onPeer: (accepted) => {
        this.#observer.handshake(accepted);
        this.#acceptor.accept(accepted);
      },
      onRefusedPeer: (refused, error) => this.#acceptor.explain(refused, error),
      onRefusal: (refusal) => this.#refused(refusal),
    });
    this.#follow('prependListener');
  }

  /** Follows the files of its credentials, or does not any more. */
  #follow(how: 'prependListener' | 'off'): void {
    // First of all: a listener of the user's that throws keeps those behind it from being called.
    for (const files of this.#trust.files) {
      files[how]('reloaded', this.#onReloaded);
      files[how]('failed', this.#onFailedReload);
    }
  }

  #refused(refusal: Refusal): void {
    this.#observer.refused(refusal);
    this.#emitter.emit('refused', refusal);
  }

  /** What this server has counted since it was made. */
  get statistics(): ServerStatistics {
    return this.#observer.statistics;
  }

  /** The events that are the same whoever the peers are. */
  get #emitter(): EventEmitter<ServerEvents> {
    return this as unknown as EventEmitter<ServerEvents>;
  }

  /**
   * Puts other credentials or rules in force, as a whole: `ca`, `cert`, `key` and what belongs to them (or
   * `credentials`) replace what there was of these; `hosts` replaces all hosts; `authorize` the rules. What is not given,
   * or `undefined`, stays. Handshakes that begin from now on see the new ones. Open connections go on, unless their client
   * would not be let in any more: those are closed with 1008 (`expelled`), and the promise resolves when all have been
   * decided about. Rules that take longer than `handshakeTimeout` refuse.
   *
   * @throws UsageError (rejects) if something of it cannot be used, and after `close()` (`server-closed`); then
   *   everything stays as it was
   */
  async update(update: ServerUpdate<Peer>): Promise<void> {
    if (typeof update !== 'object' || update === null) {
      throw new UsageError('option-missing', 'update() takes an object with what is to change');
    }
    refuseUnknown(update, updateNames, 'update()');
    if (this.#closing !== undefined) throw new UsageError('server-closed', 'a server that was closed stays as it was');
    const { hosts: hostsBefore, minVersion: _, ...ownBefore } = this.#trustOptions;
    const { hosts = hostsBefore, ...given } = trustOf(update);
    const own = Object.keys(given).length > 0 ? given : ownBefore;
    const changesTrust = own === given || hosts !== hostsBefore;
    const options = trustOf({ ...own, hosts, minVersion: this.#trust.minVersion });
    // What stays is not read again, so that no connection is verified again because of it.
    const trust = changesTrust ? new Trust(options) : this.#trust;
    const changesRules = update.authorize !== undefined;
    const authorize = authorizeFrom(update.authorize as AcceptorOptions<AnyPeer>['authorize']);
    // The last that may fail; what follows does not.
    this.#listener.update(trust.current, this.#rulesGeneration + Number(changesRules));
    if (changesRules) {
      this.#rulesGeneration++;
      this.#acceptor.authorize = authorize;
    }
    this.#follow('off');
    this.#trust = trust;
    this.#trustOptions = options;
    this.#follow('prependListener');
    await this.#lookAgain(changesRules);
  }

  /** Looks at the open connections, after a change. */
  #lookAgain(changesRules: boolean): Promise<void> {
    const events = this as unknown as EventEmitter<ServerEvents<AnyPeer>>;
    this.#observer.reloaded();
    return this.#acceptor.recheck(changesRules, this.#handshakeTimeout, (connection, error) => {
      this.#observer.expelled(connection, error);
      events.emit('expelled', connection, error);
    });
  }

  /** The connections that are open. */
  get connections(): ReadonlySet<Connection<Peer>> {
    return this.#acceptor.connections as Set<Connection<AnyPeer>> as Set<Connection<Peer>>;
  }

  /**
   * Starts to listen, and resolves with where. Rejects with Node's own error, for example `EADDRINUSE`, and with
   * `UsageError` after `close()` (`server-closed`), or if an option is wrong.
   */
  async listen(options: ListenOptions): Promise<AddressInfo> {
    if (typeof options !== 'object' || options === null) {
      throw new UsageError('option-missing', 'listen() takes an object with a port', { option: 'port' });
    }
    refuseUnknown(options, listenOptionNames, 'listen()');
    const { host = '127.0.0.1', backlog } = options;
    const port = wholeNumber('port', options.port, undefined, 0, 65_535);
    if (this.#closing !== undefined)
      throw new UsageError('server-closed', 'a server that was closed cannot listen again');
    return this.#listener.listen({ port, host, backlog });
  }

  /** Where the server listens; `undefined` when it does not. */
  address(): AddressInfo | undefined {
    return this.#listener.address;
  }

  /**
   * Takes a socket that was accepted elsewhere (an inherited handle, a proxy protocol, a tunnel), before its TLS
   * handshake. It goes the same way as one that was accepted here.
   *
   * @param head bytes of the socket that were read already
   * @throws UsageError `option-not-a-stream`
   */
  handle(socket: Duplex, head?: Uint8Array): void {
    if (!(socket instanceof Duplex)) {
      throw new UsageError('option-not-a-stream', 'handle() takes a duplex stream', { option: 'socket' });
    }
    this.#listener.inject(socket, head);
  }

  /**
   * Stops accepting, closes every connection with 1001, and cuts what is left after `deadline` milliseconds (default
   * 5,000). Resolves when the last socket is gone.
   */
  close({ deadline = defaultDrainDeadline }: { deadline?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(wholeNumber('deadline', deadline, defaultDrainDeadline, 0));
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    this.#follow('off');
    const portFree = this.#listener.close();
    await this.#acceptor.drain(deadline);
    this.#listener.destroyAll();
    await portFree;
    this.#emitter.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Returns those of the options that are about trust. */
function trustOf(options: TrustOptions): TrustOptions {
  const names = Object.keys(trustOptionNames) as (keyof TrustOptions)[];
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}

/** @throws UsageError */
function ticketKeysOf(option: ServerOptions['sessionResumption']): TicketKeys | undefined {
  const name = 'sessionResumption';
  if (option === undefined || option === false) return undefined;
  if (option === true) return new TicketKeys();
  if (typeof option !== 'object' || option === null) {
    throw new UsageError('option-not-an-object', `${name} must be true, false or an object`, { option: name });
  }
  refuseUnknown(option, { secret: true }, name);
  const { secret } = option;
  if (secret === undefined) return new TicketKeys();
  if (!(secret instanceof Uint8Array) || secret.length < leastTicketSecretBytes) {
    throw new UsageError('secret-too-short', `${name}.secret must have at least ${leastTicketSecretBytes} bytes`, {
      option: `${name}.secret`,
    });
  }
  return new TicketKeys(secret);
}

/** Who the clients of a server are, by its `clientCertificate`. */
export type PeerOf<Mode extends 'required' | 'optional'> = Mode extends 'optional' ? AnyPeer : VerifiedPeer;

/**
 * Creates a server. Naming the CA whose clients may come in is all the configuration mutual TLS takes. With
 * `clientCertificate: 'optional'` the type of the server says that its peers may be `undefined`.
 *
 * @throws UsageError if an option is wrong, or if `ca`, `cert` or `key` cannot be used; the message says which and why
 */
export function createServer<Mode extends 'required' | 'optional' = 'required'>(
  options: ServerOptions<PeerOf<Mode>> & { clientCertificate?: Mode },
): Server<PeerOf<Mode>> {
  return new Server(options);
}
