/**
 * What a procedure of the group `tls` is given by the runner, and what it returns. The procedures are in `tls-cases`; this
 * file is the seam between the two, and imports types only.
 */
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { TlsCase, Verdict, WireEvent } from './case.js';

/** How a procedure ended: the part of a `CaseResult` that it decides. */
export interface Outcome {
  readonly verdict: Verdict;
  /** As in `CaseResult`: empty when it passed. */
  readonly reason: string;
  /** As in `CaseResult`. */
  readonly violation?: string;
  readonly events: readonly WireEvent[];
}

interface TlsContextBase {
  /** PEM: the CA that the peer's certificate must be signed by. */
  readonly ca: string;
  /** PEM: the good certificate of the runner, with its intermediates, and its key. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the key of the CA that the peer trusts (its certificate is `ca`); `undefined` without `--ca-key`. */
  readonly caKey: string | undefined;
  /** The directory of `--bad-certs`; `undefined` without. */
  readonly badCertificates: string | undefined;
  /** Milliseconds for the whole case. The runner waits no longer, and then judges the case failed. */
  readonly deadline: number;
  /** Aborted when the deadline has passed or the run is ended: whatever is open must go then. */
  readonly signal: AbortSignal;
  /**
   * Runs over a socket whose TLS handshake is done: the opening handshake (as client of a server under test, and the other
   * way round), one echo, the closing handshake. Takes the socket over and destroys it in the end.
   */
  readonly exchange: (socket: TLSSocket) => Promise<Outcome>;
}

/** The runner is the client. */
export interface TlsServerContext extends TlsContextBase {
  readonly target: 'server';
  /** Of the server under test. `host` without brackets. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The name that the server's certificate is for: `--servername`, or else `host`. */
  readonly serverName: string;
  /** `--other-host`; `undefined` without. */
  readonly otherHost: string | undefined;
}

/** An extra listener of a case, on the host of the run and a free port. The runner closes it with the case. */
export interface ExtraListener {
  readonly port: number;
  /** `wss://HOST:PORT/case/GROUP/NAME`, to be handed to the driver. */
  readonly url: string;
}

/** What comes to an extra listener. */
export interface ExtraListenerHandlers {
  /** A TCP connection came. */
  readonly connection?: (socket: Socket) => void;
  /** A TLS handshake is done, as far as this end knows. */
  readonly secure?: (socket: TLSSocket) => void;
  /** A TLS handshake failed. */
  readonly failed?: (error: Error, socket: TLSSocket) => void;
}

/** The runner is the server. */
export interface TlsClientContext extends TlsContextBase {
  readonly target: 'client';
  /** Where the runner listens, as in its URLs: a name, or an address without brackets. */
  readonly host: string;
  /**
   * Opens a TLS listener; its options are the good ones (ca, cert, key, requestCert, rejectUnauthorized), changed by `options`.
   * `undefined`: TCP alone, for a case that speaks TLS itself, or does not.
   */
  readonly listen: (options: TlsOptions | undefined, handlers: ExtraListenerHandlers) => Promise<ExtraListener>;
  /**
   * Hands a URL to the client under test, which is waiting for one; once for each case. A case that ends without it costs the
   * client nothing. That the client has seen the outcome cannot be told: wait for what its connection does.
   */
  readonly invite: (url: string) => void;
}

export type TlsContext = TlsServerContext | TlsClientContext;

/** Runs a case; exported by `tls-cases` as `runTlsCase`. Never rejects: what it cannot try is `broken`. */
export type RunTlsCase = (testCase: TlsCase, context: TlsContext) => Promise<Outcome>;
