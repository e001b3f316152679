/**
 * The TLS sessions that a client may resume, each with what its server presented when it was verified: Node does not show
 * it again. A session belongs to one credentials object and one server, so that other credentials, another CA or another
 * name begin anew (M9).
 */
import type { Buffer } from 'node:buffer';
import type { Credentials } from './credentials.js';
import { ticketKeyLifetime } from './session-tickets.js';

export interface CachedSession {
  readonly session: Buffer;
  /** DER, leaf first. */
  readonly presented: readonly Buffer[];
  /** When the chain was verified, in milliseconds; resumption does not renew it. */
  readonly verifiedAt: number;
}

/** Servers that one credentials object remembers; the oldest is forgotten first. */
const maxServers = 256;

/** Sessions that are kept for one server: OpenSSL sends two tickets with a full handshake, and with a resumed one none. */
const maxSessions = 2;

const byCredentials = new WeakMap<Credentials, Map<string, CachedSession[]>>();

/** Remembers a session. @param server what it may be resumed with: host, port and name */
export function keepSession(credentials: Credentials, server: string, session: CachedSession): void {
  const servers = byCredentials.get(credentials) ?? new Map<string, CachedSession[]>();
  byCredentials.set(credentials, servers);
  const sessions = servers.get(server) ?? [];
  servers.delete(server);
  if (servers.size >= maxServers) servers.delete(servers.keys().next().value!);
  servers.set(server, [...sessions, session].slice(-maxSessions));
}

/**
 * Returns a session to resume and forgets it: a ticket is for one connection, or those who listen could tell that two
 * are of one client (RFC 8446 §C.4). `undefined` when there is none, or its chain was verified too long ago.
 */
export function takeSession(credentials: Credentials, server: string): CachedSession | undefined {
  const sessions = byCredentials.get(credentials)?.get(server);
  const session = sessions?.pop();
  if (session === undefined || Date.now() - session.verifiedAt > ticketKeyLifetime) return undefined;
  return session;
}
