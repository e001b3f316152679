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
import {
  addressKey,
  describeIdentity,
  identityError,
  identityFaults,
  type Refusal,
  type Rule,
  type SecuredSocket,
  type VerifiedPeer,
} from '../tls/index.js';
import { type AuthorizationVerdict, authorizeFrom, refusalOf, wordsOf } from './authorize.js';
import { Connection, expel, whenOver } from './connection.js';
import { endWith } from './end-with.js';
import { explain } from './explanation.js';
import { limitLifetime } from './lifetime.js';
import {
  type ConnectionOptions,
  connectionOptionNames,
  type ResolvedConnectionOptions,
  resolveConnectionOptions,
  throwLater,
  wholeNumber,
} from './options.js';

/** Who a client is: somebody verified, or, where `clientCertificate` is `optional`, nobody that is known. */
export type AnyPeer = VerifiedPeer | undefined;

/** Who asks to come in, and for what. */
export interface UpgradeRequest<Peer extends AnyPeer = VerifiedPeer> {
  /** Who asks, proved by its certificate; `undefined` without one, which only `clientCertificate: 'optional'` lets happen. */
  readonly peer: Peer;
  /** Path and query of the request, for example `/chat?room=1`. */
  readonly path: string;
  /** The `Host` of the request. */
  readonly host: string;
  /** The name that the client asked for in the TLS handshake (SNI), in canonical form; `undefined` when it asked for none. */
  readonly serverName: string | undefined;
  readonly headers: Fields;
  /** The subprotocols the client offers, in its order of preference. */
  readonly protocols: readonly string[];
  /** The `Origin` of the request; `undefined` when there is none, as from a client that is no browser. */
  readonly origin: string | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Decides who comes in. A throw, or a rejection, refuses with 500. */
export type Authorize<Peer extends AnyPeer = VerifiedPeer> = (
  request: UpgradeRequest<Peer>,
) => AuthorizationVerdict | Promise<AuthorizationVerdict>;

/** A plain HTTP request of a verified peer. */
export interface PlainRequest<Peer extends AnyPeer = VerifiedPeer> {
  readonly method: string;
  readonly path: string;
  readonly headers: Fields;
  readonly peer: Peer;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface PlainResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface AcceptorOptions<Peer extends AnyPeer = VerifiedPeer> extends ConnectionOptions {
  /**
   * Who may come in: a function, or rules of which one must be met (`[]`: nobody). Default: every peer that its
   * certificate verifies against `ca`.
   */
  authorize?: Authorize<Peer> | readonly Rule[];
  /** The subprotocols this server speaks, in its order of preference. Default: none. */
  protocols?: readonly string[];
  /** Origins of browser pages that may connect. Default: none but the page's own server (`Origin` is `Host`). */
  origins?: readonly string[];
  /**
   * Answers plain HTTP requests, such as `GET /healthz`. `undefined` is answered with 426. Default: 426 to all. A client
   * without a certificate must be let in by `authorize` first.
   */
  onRequest?: (request: PlainRequest<Peer>) => PlainResponse | undefined | Promise<PlainResponse | undefined>;
  /** How many connections may be open at once; the next is answered with 503. Default: no limit. */
  maxConnections?: number;
  /**
   * How many connections one peer may have open at once, known by its SPIFFE ID, or else by its certificate; the next is
   * answered with 429. Default: no limit.
   */
  maxConnectionsPerPeer?: number;
  /** How many connections may be open from one address at once, of IPv6 from one /64; the next is answered with 429. Default: no limit. */
  maxConnectionsPerAddress?: number;
}

export const acceptorOptionNames: Readonly<Record<keyof AcceptorOptions, true>> = {
  ...connectionOptionNames,
  authorize: true,
  protocols: true,
  origins: true,
  onRequest: true,
  maxConnections: true,
  maxConnectionsPerPeer: true,
  maxConnectionsPerAddress: true,
};

/** What an acceptor tells. */
export interface AcceptorEvents {
  connection(connection: Connection<AnyPeer>, request: UpgradeRequest<AnyPeer>): void;
  refused(refusal: Refusal): void;
}

/** A socket whose peer came through the gate, before its opening handshake. */
export interface Incoming {
  readonly socket: Duplex;
  readonly peer: AnyPeer;
  /** The name that it asked for, in canonical form. */
  readonly serverName: string | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Hosts that are served by name alone; `undefined`: there is no such distinction. */
  readonly namedHosts?: { has(host: string): boolean } | undefined;
  /** Ends the handshake deadline. */
  established(): void;
  /** What happens at the handshake deadline. */
  onDeadline: (() => void) | undefined;
  /** Returns why the peer would not be let in now, if what it was verified against has changed since. */
  readonly recheck: () => PeerIdentityError | undefined;
}

/** Rules in force: each change makes others, also one to the same function, which may decide otherwise by then. */
interface Rules {
  /** `undefined`: every verified peer is let in. */
  readonly authorize: Authorize<AnyPeer> | undefined;
}

/** What a connection was let in with, to look at it again. */
interface Admission {
  /** By what it counts against the limits for each peer and address. */
  readonly counted: readonly string[];
  readonly request: UpgradeRequest<AnyPeer>;
  readonly recheck: () => PeerIdentityError | undefined;
}

let lastId = 0;
/** Returns a number that no other connection of this process has. */
export function nextConnectionId(): number {
  return ++lastId;
}

export class Acceptor {
  readonly #options: AcceptorOptions<AnyPeer>;
  readonly #connectionOptions: ResolvedConnectionOptions;
  readonly #maxConnections: number;
  readonly #events: AcceptorEvents;
  readonly connections: Set<Connection<AnyPeer>> = new Set();
  readonly #admissions = new Map<Connection<AnyPeer>, Admission>();
  /** One function for all connections. */
  readonly #onOver = (connection: Connection<AnyPeer>): void => {
    this.connections.delete(connection);
    for (const key of this.#admissions.get(connection)?.counted ?? []) this.#count(key, -1);
    this.#admissions.delete(connection);
  };
  /** Open connections of each peer and each address that there is a limit for. */
  readonly #counts = new Map<string, number>();
  readonly #maxPerPeer: number;
  readonly #maxPerAddress: number;
  #rules: Rules;
  #draining = false;

  constructor(options: AcceptorOptions<AnyPeer>, events: AcceptorEvents) {
    if (options.onRequest !== undefined && typeof options.onRequest !== 'function') {
      throw new UsageError('option-not-a-function', 'onRequest must be a function', { option: 'onRequest' });
    }
    this.#rules = { authorize: authorizeFrom(options.authorize) };
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
    const limit = (name: 'maxConnections' | 'maxConnectionsPerPeer' | 'maxConnectionsPerAddress'): number =>
      wholeNumber(name, options[name], noLimit, 1, noLimit);
    this.#maxConnections = limit('maxConnections');
    this.#maxPerPeer = limit('maxConnectionsPerPeer');
    this.#maxPerAddress = limit('maxConnectionsPerAddress');
    this.#events = events;
  }

  /** Reads the head of a request from `incoming.socket`. */
  accept(incoming: Incoming): void {
    new Opening(this, incoming).read();
  }

  /** Tells a client that the gate refused why. */
  explain(refused: SecuredSocket, error: PeerIdentityError): void {
    const { trace, closeDeadline: deadline } = this.#connectionOptions;
    explain(refused, error, { id: nextConnectionId(), deadline, trace });
  }

  /** Goes on with a request whose head somebody else has read. @param rest bytes that came behind the head */
  acceptRequest(incoming: Incoming, head: RequestHead, rest: Buffer): void {
    const opening = new Opening(this, incoming);
    if (rest.length > 0) this.#connectionOptions.trace?.(opening.id, 'in', rest);
    opening.examine(head, rest);
  }

  /** Not for users: what `Opening` needs. */
  get inside(): {
    options: AcceptorOptions<AnyPeer>;
    rules: Rules;
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
      rules: this.#rules,
      connectionOptions: this.#connectionOptions,
      events: this.#events,
      unavailable,
    };
  }

  /** Not for users: why one more connection of this peer, or from this address, is one too many. */
  excess({ peer, remoteAddress }: Incoming): HandshakeError | undefined {
    const name = peerKey(peer);
    const ofPeer = name === undefined ? 0 : (this.#counts.get(name) ?? 0);
    if (ofPeer >= this.#maxPerPeer) {
      const text = `this peer has ${ofPeer} connections open, no more are allowed (maxConnectionsPerPeer)`;
      return requestFault('too-many-of-peer', text);
    }
    const ofAddress = this.#counts.get(addressKey(remoteAddress)) ?? 0;
    if (remoteAddress !== '' && ofAddress >= this.#maxPerAddress) {
      const text = `this address has ${ofAddress} connections open, no more are allowed (maxConnectionsPerAddress)`;
      return requestFault('too-many-of-address', text);
    }
    return undefined;
  }

  #count(key: string, change: number): void {
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }

  /** Not for users: counts a connection that is open now. */
  admit(connection: Connection<AnyPeer>, request: UpgradeRequest<AnyPeer>, incoming: Incoming): void {
    this.connections.add(connection);
    const counted: string[] = [];
    const name = peerKey(incoming.peer);
    if (this.#maxPerPeer !== noLimit && name !== undefined) counted.push(name);
    if (this.#maxPerAddress !== noLimit) counted.push(addressKey(incoming.remoteAddress));
    for (const key of counted) this.#count(key, 1);
    this.#admissions.set(connection, {
      counted: counted.length === 0 ? nothingCounted : counted,
      request,
      // Alone: what else is known of the way here is let go.
      recheck: incoming.recheck,
    });
    whenOver(connection, this.#onOver);
  }

  /** Decides by other rules from now on; `recheck` has them decide about the connections that are open. */
  set authorize(authorize: AcceptorOptions<AnyPeer>['authorize']) {
    this.#rules = { authorize: authorizeFrom(authorize) };
  }

  /**
   * Looks at every open connection again, and closes with 1008 those that would not be let in now; `expelled` is told of
   * each. Resolves when all have been decided about.
   *
   * @param asksAgain whether `authorize` decides again, too
   * @param deadline milliseconds that it may take for that
   */
  async recheck(
    asksAgain: boolean,
    deadline: number,
    expelled: (connection: Connection<AnyPeer>, error: PeerIdentityError) => void,
  ): Promise<void> {
    const close = (connection: Connection<AnyPeer>, error: PeerIdentityError, reason: string): void => {
      const wasOpen = connection.readyState === 'open';
      expel(connection, fitReason(`${error.code}: ${reason}`));
      // One that was closing ends for another reason, and is told of with that.
      if (!wasOpen) return;
      try {
        expelled(connection, error);
      } catch (thrown) {
        // The others are looked at all the same.
        throwLater(thrown);
      }
    };
    const asked: Promise<void>[] = [];
    let count = 0;
    for (const [connection, { request, recheck }] of [...this.#admissions]) {
      // Each look may take a check of signatures: others get their turn between.
      if (++count % recheckBatch === 0) await new Promise((resolve) => setImmediate(resolve));
      const error = recheck();
      if (error !== undefined) {
        close(connection, error, identityFaults[error.code as keyof typeof identityFaults]?.words ?? '');
      } else if (asksAgain) {
        const answer = this.#askAgain(request, deadline);
        asked.push(
          answer.then((refusal) => {
            if (refusal !== undefined) close(connection, refusal.error, refusal.reason);
          }),
        );
      }
    }
    await Promise.all(asked);
  }

  /** Fails closed: rules that fail or take too long refuse. */
  async #askAgain(
    request: UpgradeRequest<AnyPeer>,
    deadline: number,
  ): Promise<{ error: PeerIdentityError; reason: string } | undefined> {
    const rules = this.#rules;
    const { authorize } = rules;
    if (authorize === undefined) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<AuthorizationVerdict>((resolve) => {
      timer = setTimeout(() => resolve({ reason: 'the rules did not decide in time' }), deadline);
    });
    let verdict: AuthorizationVerdict;
    try {
      verdict = await Promise.race([authorize(request), late]);
    } catch {
      verdict = { reason: 'the rules could not decide' };
    } finally {
      clearTimeout(timer);
    }
    // Where others are in force by now, those have been asked, too.
    if (verdict === true || rules !== this.#rules) return undefined;
    return unauthorized(request, verdict);
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
  #head: RequestHead | undefined;
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
    this.#head = head;
    const { options, unavailable } = this.#acceptor.inside;
    const { peer, serverName, namedHosts, remoteAddress, remotePort } = this.#incoming;
    const verdict = examineRequest(head, { serverName, namedHosts, origins: options.origins });
    if (verdict.kind === 'refused') return this.#refuse(verdict.error);
    if (this.#isOutdated()) return;
    if (verdict.kind === 'plain') {
      const { path } = verdict;
      const request = { method: head.method, path, headers: head.fields, peer, remoteAddress, remotePort };
      const answer = (): void =>
        this.#decide(
          () => options.onRequest?.(request),
          (response) => this.#answerPlain(request, response),
        );
      if (peer !== undefined) return answer();
      // Who is not known gets no answer but by a rule that says so.
      const asked = {
        ...{ peer, path, serverName, headers: head.fields, remoteAddress, remotePort },
        ...{ host: head.fields.get('Host') ?? '', protocols: [], origin: head.fields.get('Origin') },
      };
      return this.#ask(asked, answer);
    }
    if (unavailable !== undefined) {
      return this.#refuse(unavailable);
    }
    const request: UpgradeRequest<AnyPeer> = {
      peer,
      path: verdict.path,
      host: verdict.host,
      serverName,
      headers: head.fields,
      protocols: verdict.offeredProtocols,
      origin: verdict.origin,
      remoteAddress,
      remotePort,
    };
    this.#ask(request, () => this.#open(request, verdict.key, verdict.offeredExtensions, rest));
  }

  /** Whether the credentials have changed on the way here, and the peer is refused by those of now. */
  #isOutdated(): boolean {
    const error = this.#incoming.recheck();
    if (error !== undefined) this.#refuse(error, `${error.message}; ${error.hint}`, 403);
    return error !== undefined;
  }

  /** Goes on if the request is let in, and refuses it otherwise. */
  #ask(request: UpgradeRequest<AnyPeer>, proceed: () => void): void {
    const { rules } = this.#acceptor.inside;
    const { authorize } = rules;
    if (authorize === undefined && request.peer === undefined) {
      const error = identityError('certificate-missing', 'the client', undefined);
      return this.#refuse(error, 'no certificate was presented', 403);
    }
    this.#decide(
      () => (authorize === undefined ? true : authorize(request)),
      (verdict) => {
        // Others may have come into force while the verdict was awaited.
        if (rules !== this.#acceptor.inside.rules) return this.#ask(request, proceed);
        if (verdict === true) return proceed();
        const { error, reason } = unauthorized(request, verdict);
        this.#refuse(error, reason, 403);
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

  #open(request: UpgradeRequest<AnyPeer>, key: string, offers: readonly ExtensionOffer[], rest: Buffer): void {
    const {
      options,
      connectionOptions,
      events,
      unavailable = this.#acceptor.excess(this.#incoming),
    } = this.#acceptor.inside;
    if (unavailable !== undefined) {
      return this.#refuse(unavailable);
    }
    const { socket, peer, remoteAddress, remotePort } = this.#incoming;
    if (this.#isOutdated()) return;
    const protocol = negotiateProtocol(request.protocols, options.protocols ?? []);
    const { deflate } = connectionOptions;
    const agreed = deflate === undefined ? undefined : negotiateDeflate(offers, deflate.policies[0]);
    this.#answered = true;
    this.#incoming.established();
    this.#incoming.onDeadline = undefined;
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
    this.#acceptor.admit(connection, request, this.#incoming);
    limitLifetime(connection, connectionOptions);
    events.connection(connection, request);
  }

  #answerPlain(request: PlainRequest<AnyPeer>, response: PlainResponse | undefined): void {
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
    const presented = peer === undefined ? undefined : describeIdentity(peer);
    const { target, fields } = this.#head ?? {};
    const host = fields?.get('Host');
    this.#acceptor.inside.events.refused({ error, remoteAddress, remotePort, presented, peer, target, host });
  }
}

/** Returns the refusal by a verdict, and what the peer is told of it. */
function unauthorized(
  { peer, path }: UpgradeRequest<AnyPeer>,
  verdict: AuthorizationVerdict,
): { error: PeerIdentityError; reason: string } {
  const { reason, text } = refusalOf(verdict, 'not authorized');
  const presented = peer === undefined ? 'no certificate' : describeIdentity(peer);
  const error = new PeerIdentityError(
    'not-authorized',
    `${escapeText(path)} was refused: ${text}; presented: ${presented}`,
    { presented, hint: 'the certificate is valid, but the server lets its owner not in here: ask its operator' },
  );
  return { error, reason };
}

const noLimit = Number.MAX_SAFE_INTEGER;
const nothingCounted: readonly string[] = [];

/** By what a peer is known when its connections are counted; a client without a certificate is known by its address alone. */
function peerKey(peer: AnyPeer): string | undefined {
  return peer === undefined ? undefined : (peer.spiffeId?.id ?? `sha256 ${peer.fingerprint256}`);
}

/** How many connections are looked at again before others get their turn. */
const recheckBatch = 64;

/** RFC 6455 §5.5: a reason has at most 123 bytes. */
function fitReason(reason: string): string {
  if (Buffer.byteLength(reason) <= 123) return reason;
  // A character that was cut in two decodes to U+FFFD.
  return `${Buffer.from(reason)
    .toString('utf8', 0, 120)
    .replace(/\ufffd+$/, '')}…`;
}

function ignore(): void {}

/** Promises of other makes count as promises. */
function isThenable<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}
