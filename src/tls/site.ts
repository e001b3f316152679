/**
 * One host of a listener, with its own certificate, CAs, revocation lists and session keys: a `tls.Server` for itself, so
 * that nothing of one host can be had at another, by a name in other letters or a resumed session (M1, M2). It never
 * changes: other credentials make another site.
 *
 * A `tls.Server` never listens and is never shown: one that is handed sockets enforces client certificates, a `TLSSocket`
 * made by hand does not, and a `newSession` listener added from outside would bring back resumption (TLS 1.2).
 */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as tls from 'node:tls';
import type { Credentials } from './credentials.js';
import { secureOptions, ticketlessOptions, tlsOptions } from './defaults.js';
import type { TicketKeys } from './session-tickets.js';

/** What holds for every host of a listener. */
export interface SitePolicy {
  /** `optional` lets clients without a certificate through the TLS handshake. */
  readonly clientCertificate: 'required' | 'optional';
  /** Lets every client through the TLS handshake, so that the gate can tell it why it is refused. */
  readonly explainRefusals: boolean;
  readonly requireClientAuthEku: boolean;
  /** `undefined`: sessions are not resumed. */
  readonly tickets: TicketKeys | undefined;
  /** Counts changes of the rules about who may enter. */
  readonly rulesGeneration: number;
}

/** What a site does with the events of its sockets. */
export interface SiteEvents {
  secure(socket: tls.TLSSocket): void;
  failed(error: Error, socket: tls.TLSSocket): void;
  keylog(line: Buffer, socket: tls.TLSSocket): void;
}

export class Site {
  /** In canonical form; `undefined` for clients that ask for no name, or for every client where no host has a name. */
  readonly name: string | undefined;
  readonly credentials: Credentials;
  readonly policy: SitePolicy;
  readonly #server: tls.Server;
  /** What tickets depend on. */
  readonly #context: string;
  #ticketPeriod: number | undefined;

  constructor(name: string | undefined, credentials: Credentials, policy: SitePolicy, events: SiteEvents) {
    this.name = name;
    this.credentials = credentials;
    this.policy = policy;
    this.#context = contextOf(name, credentials, policy);
    this.#server = this.createServer(events);
  }

  /** Returns a server of this host's, for sockets that `server` cannot take. */
  createServer(events: SiteEvents): tls.Server {
    const { tickets, clientCertificate, explainRefusals } = this.policy;
    const server = tls.createServer({
      ...tlsOptions(this.credentials),
      // No tickets, so no resumption, unless it is asked for: then only below keys that every change of trust replaces.
      secureOptions: tickets === undefined ? ticketlessOptions : secureOptions,
      ...(tickets === undefined
        ? {}
        : { sessionIdContext: this.#context.slice(0, 32), ticketKeys: tickets.derive(this.#context) }),
      requestCert: true,
      // Where the gate alone decides, OpenSSL verifies all the same, and the gate demands its consent.
      rejectUnauthorized: clientCertificate === 'required' && !explainRefusals,
      // Our own deadline destroys the socket. Node's would only report it, and must not come first.
      handshakeTimeout: 2 ** 31 - 1,
    });
    server.on('secureConnection', (socket) => events.secure(socket));
    server.on('tlsClientError', (error, socket) => events.failed(error, socket));
    // Of a refused client nothing is left when Node reports it. This is the public event that shows its socket earlier,
    // while the certificate can still be read.
    server.on('keylog', (line: Buffer, socket) => events.keylog(line, socket));
    return server;
  }

  /** Returns the server that network sockets of this host are handed to. */
  get server(): tls.Server {
    const { tickets } = this.policy;
    const period = tickets?.period();
    if (tickets !== undefined && period !== this.#ticketPeriod) {
      this.#ticketPeriod = period;
      this.#server.setTicketKeys(tickets.derive(this.#context, period));
    }
    return this.#server;
  }
}

/** Everything that a resumed session takes for granted, as a digest in hex. */
function contextOf(name: string | undefined, credentials: Credentials, policy: SitePolicy): string {
  const { clientCertificate, explainRefusals, requireClientAuthEku, rulesGeneration } = policy;
  const { minVersion, trustDigest } = credentials;
  const parts = [
    name ?? null,
    trustDigest,
    minVersion,
    clientCertificate,
    explainRefusals,
    requireClientAuthEku,
    rulesGeneration,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
