/** A WebSocket server that lets in only peers that prove who they are. */
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { UsageError } from '../errors.js';
import { type CredentialInput, credentialInputNames, Listener, loadCredentials, type Refusal } from '../tls/index.js';
import { Acceptor, type AcceptorOptions, acceptorOptionNames, type UpgradeRequest } from './acceptor.js';
import type { Connection } from './connection.js';
import { defaultHandshakeTimeout, refuseUnknown, wholeNumber } from './options.js';

export interface ServerOptions extends CredentialInput, AcceptorOptions {
  /** Milliseconds from accept to the 101, TLS handshake and authorization included. Default 10,000. */
  handshakeTimeout?: number;
  /** How many sockets may be between accept and 101 at once; the next is dropped. Default 1,024. */
  maxUnauthenticated?: number;
  /** Refuses client certificates whose extended key usage does not name `clientAuth`. Default `false`. */
  requireClientAuthEku?: boolean;
}

const serverOptionNames: Readonly<Record<keyof ServerOptions, true>> = {
  ...credentialInputNames,
  ...acceptorOptionNames,
  handshakeTimeout: true,
  maxUnauthenticated: true,
  requireClientAuthEku: true,
};

export interface ListenOptions {
  /** 0 takes a free one. */
  port: number;
  /** Default `127.0.0.1`; `0.0.0.0` or `::` for all interfaces. */
  host?: string;
  /** How many connections the operating system holds until they are accepted. Default 511. */
  backlog?: number;
}

const listenOptionNames: Readonly<Record<keyof ListenOptions, true>> = { port: true, host: true, backlog: true };

export interface ServerEvents {
  connection: [connection: Connection, request: UpgradeRequest];
  /** A client was refused, or its handshake failed: why, and what it presented. */
  refused: [refusal: Refusal];
  /** The server has closed, and its last connection is gone. */
  close: [];
}

/** Milliseconds that `close()` waits for the closing handshakes by default. */
const defaultDrainDeadline = 5_000;

/** Accepts verified peers. Its events are those of `ServerEvents`. */
export class Server extends EventEmitter<ServerEvents> {
  readonly #listener: Listener;
  readonly #acceptor: Acceptor;
  #closing: Promise<void> | undefined;

  /** @throws UsageError if an option or the credentials cannot be used */
  constructor(options: ServerOptions) {
    super();
    if (typeof options !== 'object' || options === null) {
      throw new UsageError('option-missing', 'createServer() takes an object with ca, cert and key');
    }
    refuseUnknown(options, serverOptionNames, 'createServer()');
    this.#acceptor = new Acceptor(options, {
      connection: (connection, request) => this.emit('connection', connection, request),
      refused: (refusal) => this.emit('refused', refusal),
    });
    const credentials = loadCredentials(options);
    this.#listener = new Listener({
      credentials,
      handshakeTimeout: wholeNumber('handshakeTimeout', options.handshakeTimeout, defaultHandshakeTimeout),
      maxUnauthenticated: wholeNumber('maxUnauthenticated', options.maxUnauthenticated, 1024),
      requireClientAuthEku: strictBoolean('requireClientAuthEku', options.requireClientAuthEku),
      onPeer: (accepted) => this.#acceptor.accept(accepted),
      onRefusal: (refusal) => this.emit('refused', refusal),
    });
  }

  /** The connections that are open. */
  get connections(): ReadonlySet<Connection> {
    return this.#acceptor.connections;
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
    const portFree = this.#listener.close();
    await this.#acceptor.drain(deadline);
    this.#listener.destroyAll();
    await portFree;
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A truthy value that is not `true` must not pass for "off", nor for "on" (M6). */
function strictBoolean(option: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new UsageError('option-not-a-boolean', `${option} must be true or false`, { option });
}

/**
 * Creates a server. Naming the CA whose clients may come in is all the configuration mutual TLS takes.
 *
 * @throws UsageError if an option is wrong, or if `ca`, `cert` or `key` cannot be used; the message says which and why
 */
export function createServer(options: ServerOptions): Server {
  return new Server(options);
}
