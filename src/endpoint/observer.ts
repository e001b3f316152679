/**
 * What can be watched from outside: events on `node:diagnostics_channel`, and counters. Nobody who watches can change
 * anything, and where nobody does it costs a comparison.
 */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { MtlsWsError, PeerIdentityError } from '../errors.js';
import type { Refusal, TlsParameters } from '../tls/index.js';
import type { AnyPeer, UpgradeRequest } from './acceptor.js';
import { type CloseEvent, type Connection, type Traffic, whenOver } from './connection.js';

/** Which end of a connection tells it. */
export type ObservedRole = 'server' | 'client';

/** What is published on each channel; the names are `mtls-ws:` and these. */
export interface Observations {
  /** A peer came through the gate; at a server, its opening handshake is still to come. */
  handshake: {
    readonly role: ObservedRole;
    readonly peer: AnyPeer;
    readonly tls: TlsParameters;
    readonly remoteAddress: string;
    readonly remotePort: number;
  };
  /** A peer was refused, or a handshake failed: `connect` rejects with this error. */
  refused: { readonly role: ObservedRole; readonly error: Error & { readonly code?: unknown } } & Partial<
    Omit<Refusal, 'error'>
  >;
  /** A connection is open; `request` at a server only. */
  open: {
    readonly role: ObservedRole;
    readonly connection: Connection<AnyPeer>;
    readonly request: UpgradeRequest<AnyPeer> | undefined;
  };
  /** A connection is over. */
  close: { readonly role: ObservedRole; readonly connection: Connection<AnyPeer>; readonly event: CloseEvent };
  /** A server closes a connection whose client would not be let in any more. */
  expelled: {
    readonly role: 'server';
    readonly connection: Connection<AnyPeer>;
    readonly error: PeerIdentityError;
  };
  /** A server has other credentials or rules, or has kept the old because the new are bad (`error`). */
  reload: { readonly role: 'server'; readonly error: Error | undefined };
}

const channels = {
  handshake: channel('mtls-ws:handshake'),
  refused: channel('mtls-ws:refused'),
  open: channel('mtls-ws:open'),
  close: channel('mtls-ws:close'),
  expelled: channel('mtls-ws:expelled'),
  reload: channel('mtls-ws:reload'),
} as const satisfies Record<keyof Observations, unknown>;

/**
 * Subscribes to one of the channels, with the type of its messages; the same as `subscribe` of `node:diagnostics_channel`
 * otherwise. Returns what ends it.
 */
export function observe<Name extends keyof Observations>(
  name: Name,
  listener: (message: Observations[Name]) => void,
): () => void {
  const onMessage = (message: unknown): void => listener(message as Observations[Name]);
  subscribe(`mtls-ws:${name}`, onMessage);
  return () => {
    unsubscribe(`mtls-ws:${name}`, onMessage);
  };
}

/** What a server has counted since it was made. Each number only grows, but for `open`. */
export interface ServerStatistics extends Traffic {
  /** Clients that came through the gate. */
  readonly handshakes: number;
  /** Those of them that resumed a session. */
  readonly resumptions: number;
  /** Refusals and failed handshakes, by the code of the error. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Connections that are open now. */
  readonly open: number;
  /** Connections that were opened. */
  readonly connections: number;
  /** Connections that are over, by close code: the peer's, 1005 without one in its frame, 1006 without a frame. */
  readonly closes: Readonly<Record<string, number>>;
  /** Connections that were closed because their client would not be let in any more, by the code of the error. */
  readonly expulsions: Readonly<Record<string, number>>;
  /** How often other credentials or rules came in force. */
  readonly reloads: number;
  /** How often the old ones were kept, because the new ones are bad. */
  readonly failedReloads: number;
}

/** Counts and publishes what happens at one end. */
export class Observer {
  readonly #role: ObservedRole;
  readonly #open = new Set<Connection<AnyPeer>>();
  #handshakes = 0;
  #resumptions = 0;
  #connections = 0;
  #reloads = 0;
  #failedReloads = 0;
  /** Codes are those of our own tables, so that there are never many. */
  readonly #refusals = new Map<string, number>();
  readonly #closes = new Map<string, number>();
  readonly #expulsions = new Map<string, number>();
  /** Of connections that are over. */
  #past: Traffic = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 };

  /** One function for all connections. */
  readonly #onOver = (connection: Connection<AnyPeer>, event: CloseEvent): void => {
    this.#open.delete(connection);
    this.#past = sum(this.#past, connection.traffic);
    count(this.#closes, String(event.code));
    this.#publish('close', { role: this.#role, connection, event });
  };

  constructor(role: ObservedRole) {
    this.#role = role;
  }

  handshake(secured: Omit<Observations['handshake'], 'role'>): void {
    this.#handshakes++;
    if (secured.tls.resumed) this.#resumptions++;
    if (!channels.handshake.hasSubscribers) return;
    const { peer, tls, remoteAddress, remotePort } = secured;
    this.#publish('handshake', { role: this.#role, peer, tls, remoteAddress, remotePort });
  }

  refused(refusal: Omit<Observations['refused'], 'role'>): void {
    count(this.#refusals, (refusal.error as Partial<MtlsWsError>).code ?? 'other');
    this.#publish('refused', { role: this.#role, ...refusal });
  }

  /** Watches a connection from its beginning to its end. */
  opened(connection: Connection<AnyPeer>, request?: UpgradeRequest<AnyPeer>): void {
    this.#connections++;
    this.#open.add(connection);
    this.#publish('open', { role: this.#role, connection, request });
    whenOver(connection, this.#onOver);
  }

  expelled(connection: Connection<AnyPeer>, error: PeerIdentityError): void {
    count(this.#expulsions, error.code);
    this.#publish('expelled', { role: 'server', connection, error });
  }

  /** @param error why the old credentials were kept; `undefined`: they were not */
  reloaded(error?: Error): void {
    if (error === undefined) this.#reloads++;
    else this.#failedReloads++;
    this.#publish('reload', { role: 'server', error });
  }

  #publish<Name extends keyof Observations>(name: Name, message: Observations[Name]): void {
    if (channels[name].hasSubscribers) channels[name].publish(message);
  }

  get statistics(): ServerStatistics {
    let traffic = this.#past;
    for (const connection of this.#open) traffic = sum(traffic, connection.traffic);
    return {
      ...traffic,
      handshakes: this.#handshakes,
      resumptions: this.#resumptions,
      refusals: Object.fromEntries(this.#refusals),
      open: this.#open.size,
      connections: this.#connections,
      closes: Object.fromEntries(this.#closes),
      expulsions: Object.fromEntries(this.#expulsions),
      reloads: this.#reloads,
      failedReloads: this.#failedReloads,
    };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(a: Traffic, b: Traffic): Traffic {
  return {
    messagesReceived: a.messagesReceived + b.messagesReceived,
    messagesSent: a.messagesSent + b.messagesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
    bytesSent: a.bytesSent + b.bytesSent,
  };
}
