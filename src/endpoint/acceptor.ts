/**
 * The server's half of the opening handshake (RFC 6455 §4.2.2) on a socket whose TLS handshake is done and whose peer is
 * verified: reads the request, asks who decides, answers, and makes the connection. `Server` and `attach` both stand on it.
 */
import type { Duplex } from 'node:stream';
import { HandshakeError, type MtlsWsError, PeerIdentityError, UsageError } from '../errors.js';
import {
  acceptResponse,
  checkOrigins,
  checkProtocols,
  type ExtensionOffer,
  examineRequest,
  type Fields,
  HeadParser,
  negotiateDeflate,
  negotiateProtocol,
  plainResponse,
  type RequestHead,
  refusalResponse,
  requestFault,
} from '../handshake/index.js';
import { escapeText } from '../text.js';
import { describeIdentity, type Refusal, type VerifiedPeer } from '../tls/index.js';
import { Connection } from './connection.js';
import {
  type ConnectionOptions,
  connectionOptionNames,
  type ResolvedConnectionOptions,
  resolveConnectionOptions,
  wholeNumber,
} from './options.js';

/** Who asks to come in, and for what. */
export interface UpgradeRequest {
  /** Who asks, proved by its certificate. */
  readonly peer: VerifiedPeer;
  /** Path and query of the request, for example `/chat?room=1`. */
  readonly path: string;
  /** The `Host` of the request. */
  readonly host: string;
  readonly headers: Fields;
  /** The subprotocols the client offers, in its order of preference. */
  readonly protocols: readonly string[];
  /** The `Origin` of the request; `undefined` when there is none, as from a client that is no browser. */
  readonly origin: string | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** `true` lets in. Anything else refuses with 403; `reason` is told to the peer and to `refused`. */
export type AuthorizationVerdict = boolean | { readonly reason: string };

/** Decides who comes in. A throw, or a rejection, refuses with 500. */
export type Authorize = (request: UpgradeRequest) => AuthorizationVerdict | Promise<AuthorizationVerdict>;

/** A plain HTTP request of a verified peer. */
export interface PlainRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Fields;
  readonly peer: VerifiedPeer;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface PlainResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface AcceptorOptions extends ConnectionOptions {
  /** Who may come in. Default: every peer that its certificate verifies against `ca`. */
  authorize?: Authorize;
  /** The subprotocols this server speaks, in its order of preference. Default: none. */
  protocols?: readonly string[];
  /** Origins of browser pages that may connect. Default: none but the page's own server (`Origin` is `Host`). */
  origins?: readonly string[];
  /** Answers plain HTTP requests, such as `GET /healthz`. `undefined` is answered with 426. Default: 426 to all. */
  onRequest?: (request: PlainRequest) => PlainResponse | undefined | Promise<PlainResponse | undefined>;
  /** How many connections may be open at once; the next is answered with 503. Default: no limit. */
  maxConnections?: number;
}

export const acceptorOptionNames: Readonly<Record<keyof AcceptorOptions, true>> = {
  ...connectionOptionNames,
  authorize: true,
  protocols: true,
  origins: true,
  onRequest: true,
  maxConnections: true,
};

/** What an acceptor tells. */
export interface AcceptorEvents {
  connection(connection: Connection, request: UpgradeRequest): void;
  refused(refusal: Refusal): void;
}

/** A socket whose peer is verified, before its opening handshake. */
export interface Incoming {
  readonly socket: Duplex;
  readonly peer: VerifiedPeer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Ends the handshake deadline. */
  established(): void;
  /** What happens at the handshake deadline. */
  onDeadline: (() => void) | undefined;
}

let lastId = 0;
/** Returns a number that no other connection of this process has. */
export function nextConnectionId(): number {
  return ++lastId;
}

export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #connectionOptions: ResolvedConnectionOptions;
  readonly #maxConnections: number;
  readonly #events: AcceptorEvents;
  readonly connections: Set<Connection> = new Set();
  #draining = false;

  constructor(options: AcceptorOptions, events: AcceptorEvents) {
    for (const name of ['authorize', 'onRequest'] as const) {
      if (options[name] !== undefined && typeof options[name] !== 'function') {
        throw new UsageError('option-not-a-function', `${name} must be a function`, { option: name });
      }
    }
    if (options.protocols !== undefined) checkProtocols(options.protocols);
    if (options.origins !== undefined) checkOrigins(options.origins);
    this.#options = options;
    this.#connectionOptions = resolveConnectionOptions(options);
    if (this.#connectionOptions.deflate !== undefined && this.#connectionOptions.deflate.policies.length > 1) {
      throw new UsageError(
        'option-not-for-servers',
        'perMessageDeflate.fallbacks is for connect(): a server offers nothing',
        {
          option: 'perMessageDeflate.fallbacks',
        },
      );
    }
    this.#maxConnections = wholeNumber(
      'maxConnections',
      options.maxConnections,
      Number.MAX_SAFE_INTEGER,
      1,
      Number.MAX_SAFE_INTEGER,
    );
    this.#events = events;
  }

  /** Reads the head of a request from `incoming.socket`. */
  accept(incoming: Incoming): void {
    new Opening(this, incoming).read();
  }

  /** Goes on with a request whose head somebody else has read. @param rest bytes that came behind the head */
  acceptRequest(incoming: Incoming, head: RequestHead, rest: Buffer): void {
    const opening = new Opening(this, incoming);
    if (rest.length > 0) this.#connectionOptions.trace?.(opening.id, 'in', rest);
    opening.examine(head, rest);
  }

  /** Not for users: what `Opening` needs. */
  get inside(): {
    options: AcceptorOptions;
    connectionOptions: ResolvedConnectionOptions;
    events: AcceptorEvents;
    unavailable: HandshakeError | undefined;
  } {
    const unavailable = this.#draining
      ? requestFault('server-draining', 'the server is shutting down')
      : this.connections.size >= this.#maxConnections
        ? requestFault(
            'server-full',
            `${this.connections.size} connections are open, no more are allowed (maxConnections)`,
          )
        : undefined;
    return {
      options: this.#options,
      connectionOptions: this.#connectionOptions,
      events: this.#events,
      unavailable,
    };
  }

  /**
   * Closes every connection with 1001 and waits until they are gone; those that are left after `deadline` milliseconds
   * are cut.
   */
  async drain(deadline: number): Promise<void> {
    this.#draining = true;
    const open = [...this.connections];
    const timer = setTimeout(() => {
      for (const connection of open) connection.terminate();
    }, deadline);
    await Promise.all(open.map((connection) => connection.close(1001, 'the server is shutting down')));
    clearTimeout(timer);
  }
}

/** One opening handshake. */
class Opening {
  readonly #acceptor: Acceptor;
  readonly #incoming: Incoming;
  readonly id: number = nextConnectionId();
  #answered = false;

  constructor(acceptor: Acceptor, incoming: Incoming) {
    this.#acceptor = acceptor;
    this.#incoming = incoming;
    const { socket } = incoming;
    // A socket that breaks during the handshake is nobody's error: it has no connection yet.
    socket.on('error', ignore);
    incoming.onDeadline = () => {
      if (this.#answered) socket.destroy();
      else this.#refuse(requestFault('deadline', 'the opening handshake took longer than handshakeTimeout'));
    };
  }

  read(): void {
    const { socket } = this.#incoming;
    const { trace } = this.#acceptor.inside.connectionOptions;
    const parser = new HeadParser('request');
    const onData = (chunk: Buffer): void => {
      trace?.(this.id, 'in', chunk);
      const consumed = parser.push(chunk);
      if (parser.error === undefined && parser.head === undefined) return;
      stop();
      // Frames may follow in the same packet: they are held until the 101 is on its way (T7).
      socket.pause();
      if (parser.error !== undefined) this.#refuse(parser.error);
      else this.examine(parser.head!, chunk.subarray(consumed));
    };
    const onEnd = (): void => {
      stop();
      this.#answered = true;
      this.#incoming.established();
      socket.destroy();
      if (parser.receivedBytes > 0)
        this.#report(requestFault('cut', 'the client closed the connection within its request'));
    };
    const stop = (): void => {
      socket.off('data', onData);
      socket.off('end', onEnd);
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
  }

  examine(head: RequestHead, rest: Buffer): void {
    const { options, unavailable } = this.#acceptor.inside;
    const { peer, remoteAddress, remotePort } = this.#incoming;
    const verdict = examineRequest(head, { serverName: peer.tls.serverName, origins: options.origins });
    if (verdict.kind === 'refused') return this.#refuse(verdict.error);
    if (verdict.kind === 'plain') {
      const { path } = verdict;
      const request = { method: head.method, path, headers: head.fields, peer, remoteAddress, remotePort };
      return this.#decide(
        () => options.onRequest?.(request),
        (response) => this.#answerPlain(request, response),
      );
    }
    if (unavailable !== undefined) {
      return this.#refuse(unavailable);
    }
    const request: UpgradeRequest = {
      peer,
      path: verdict.path,
      host: verdict.host,
      headers: head.fields,
      protocols: verdict.offeredProtocols,
      origin: verdict.origin,
      remoteAddress,
      remotePort,
    };
    this.#decide(
      () => (options.authorize === undefined ? true : options.authorize(request)),
      (allowed) => {
        if (allowed === true) this.#open(request, verdict.key, verdict.offeredExtensions, rest);
        else this.#refuseUnauthorized(request, allowed);
      },
    );
  }

  /** Runs the user's code, at once if it answers at once; a throw is a 500. */
  #decide<T>(ask: () => T | Promise<T>, then: (answer: T) => void): void {
    const proceed = (answer: T): void => {
      // The deadline may have passed, or the client gone, while the answer was awaited.
      if (!this.#answered && !this.#incoming.socket.destroyed) then(answer);
    };
    let answer: T | Promise<T>;
    try {
      answer = ask();
    } catch (error) {
      this.#fail(error);
      return;
    }
    // What the user's listeners throw out of `then` is theirs, and stays unhandled.
    // A promise of another make may throw where it is asked: within another one that is a rejection.
    if (isThenable(answer)) Promise.resolve(answer).then(proceed, (error: unknown) => this.#fail(error));
    else proceed(answer);
  }

  #fail(cause: unknown): void {
    if (this.#answered) return;
    const text = escapeText(wordsOf(cause));
    this.#refuse(
      requestFault('handler-failed', `the code that decides about requests failed: ${text}`, undefined, { cause }),
      'the server failed to decide about this request',
    );
  }

  #refuseUnauthorized(request: UpgradeRequest, verdict: AuthorizationVerdict): void {
    const given = typeof verdict === 'object' && verdict !== null ? String(verdict.reason) : '';
    const reason = given === '' ? 'not authorized' : escapeText(given);
    const presented = describeIdentity(request.peer);
    this.#refuse(
      new PeerIdentityError(
        'not-authorized',
        `${escapeText(request.path)} was refused: ${reason}; presented: ${presented}`,
        { presented, hint: 'the certificate is valid, but the server lets its owner not in here: ask its operator' },
      ),
      reason,
      403,
    );
  }

  #open(request: UpgradeRequest, key: string, offers: readonly ExtensionOffer[], rest: Buffer): void {
    const { options, connectionOptions, events, unavailable } = this.#acceptor.inside;
    if (unavailable !== undefined) {
      return this.#refuse(unavailable);
    }
    const { socket, peer, remoteAddress, remotePort } = this.#incoming;
    const protocol = negotiateProtocol(request.protocols, options.protocols ?? []);
    const { deflate } = connectionOptions;
    const agreed = deflate === undefined ? undefined : negotiateDeflate(offers, deflate.policies[0]);
    this.#answered = true;
    this.#incoming.established();
    socket.off('error', ignore);
    // Written at once: whatever the user's code does with the connection, the client learns that it is open.
    const response = acceptResponse({ key, protocol, extensions: agreed?.response });
    connectionOptions.trace?.(this.id, 'out', response);
    socket.write(response);
    const connection = new Connection({
      id: this.id,
      role: 'server',
      socket,
      peer,
      options: connectionOptions,
      protocol: protocol ?? '',
      extensions: agreed?.response ?? '',
      deflate: agreed?.parameters,
      remoteAddress,
      remotePort,
      head: rest,
    });
    this.#acceptor.connections.add(connection);
    void connection.closed.then(() => this.#acceptor.connections.delete(connection));
    events.connection(connection, request);
  }

  #answerPlain(request: PlainRequest, response: PlainResponse | undefined): void {
    if (response === undefined) {
      this.#answer(
        refusalResponse(
          requestFault('upgrade-missing', 'this is a WebSocket server, and the request asks for no upgrade'),
          { method: request.method },
        ),
      );
      return;
    }
    let bytes: Buffer;
    try {
      bytes = plainResponse(response.status, response.body ?? '', {
        headers: response.headers,
        method: request.method,
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#answer(bytes);
  }

  /** @param told what the client is told, where that is less than what is reported here */
  #refuse(
    error: MtlsWsError & { httpStatus?: number | undefined },
    told?: string,
    httpStatus = error.httpStatus ?? 400,
  ): void {
    this.#answer(refusalResponse(new HandshakeError(error.code, told ?? error.message, { httpStatus })));
    this.#report(error);
  }

  #answer(bytes: Buffer): void {
    const { socket } = this.#incoming;
    this.#answered = true;
    const { trace, closeDeadline } = this.#acceptor.inside.connectionOptions;
    trace?.(this.id, 'out', bytes);
    endWith(socket, bytes, closeDeadline);
  }

  #report(error: MtlsWsError): void {
    const { peer, remoteAddress, remotePort } = this.#incoming;
    this.#acceptor.inside.events.refused({ error, remoteAddress, remotePort, presented: describeIdentity(peer) });
  }
}

/**
 * Writes the last answer and closes (RFC 6455 §7.2.2). What the client still sends is dropped, so that it can read the answer before it
 * sees a reset; after `deadline` milliseconds it is cut.
 */
export function endWith(socket: Duplex, bytes: Buffer, deadline: number): void {
  const timer = setTimeout(() => socket.destroy(), deadline);
  socket.once('close', () => clearTimeout(timer));
  socket.on('data', ignore);
  socket.on('end', () => socket.destroy());
  socket.end(bytes);
  socket.resume();
}

function ignore(): void {}

/** Promises of other makes count as promises. */
function isThenable<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}

/** What was thrown, in words; some values cannot be written. */
function wordsOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'a value that cannot be written';
  }
}
