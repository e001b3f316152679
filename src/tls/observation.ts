/**
 * A TLS client for diagnosis: it keeps what the server sent, and tells what it saw. Unless it is to send something, it goes
 * on with a server whose certificate is bad, and verifies nothing.
 */
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { alpnProtocols, tlsOptions } from './defaults.js';
import { type Alert, alertOf, codeOfVerification } from './errors.js';
import { identityFromChain } from './identity.js';
import { serverNameFault } from './verified-peer.js';

export interface ObserveOptions {
  readonly host: string;
  readonly port: number;
  /** The name to ask for; empty for none. */
  readonly serverName: string;
  /** What the verification is made against, PEM; default: nothing, and `verification` says nothing. */
  readonly ca?: readonly string[] | undefined;
  /** The certificate to present, PEM; default: none. */
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  /**
   * Written after the TLS handshake, if the certificate of the server leads to `ca` and is for `name`. Default: nothing,
   * and the observation ends with the handshake.
   */
  readonly send?: { readonly bytes: Uint8Array; readonly name: string };
  /** Milliseconds for all of it. */
  readonly timeout: number;
}

export interface Observation {
  /** Whether there was a TCP connection. */
  readonly connected: boolean;
  /** Whether this end saw a complete TLS handshake; with TLS 1.3 that does not mean that the server accepted it. */
  readonly secured: boolean;
  /** For example `TLSv1.3`; `undefined` without a handshake. */
  readonly protocol: string | undefined;
  /** `undefined` when the server chose none. */
  readonly alpn: string | undefined;
  /** Why OpenSSL does not trust the chain, for example `CERT_HAS_EXPIRED`; `undefined` when it does, or was not asked. */
  readonly verification: string | undefined;
  /** The alert that the server sent; `undefined` when it sent none. */
  readonly alert: Alert | undefined;
  /** What Node reported; `undefined` when the connection just ended. */
  readonly error: NodeJS.ErrnoException | undefined;
  /** `done`: this end had seen enough. `unverified`: it was not sure of the server, and sent nothing. `ended`: the server ended it. `timeout`: it was still open at the timeout. */
  readonly outcome: 'done' | 'unverified' | 'error' | 'ended' | 'timeout';
  /** The bytes of the server below TLS, up to a bound. */
  readonly recorded: Buffer;
  /** The server's secret of a TLS 1.3 handshake; `undefined` with TLS 1.2, or before the server had answered. */
  readonly handshakeSecret: Buffer | undefined;
  /** What the server sent after the TLS handshake, up to a bound. */
  readonly received: Buffer;
}

/** The most that is recorded, in bytes: more than any handshake, and enough of an answer. */
const maxRecorded = 256 * 1024;
const maxReceived = 16 * 1024;

/** Connects, and resolves with what was seen. Rejects only if `cert` or `key` cannot be used. */
export function observe(options: ObserveOptions): Promise<Observation> {
  const { host, port, serverName, ca = [], cert = '', key = '', passphrase, send, timeout } = options;
  return new Promise((resolve) => {
    const recorded: Buffer[] = [];
    const received: Buffer[] = [];
    let recordedBytes = 0;
    let connected = false;
    let secured = false;
    let ended = false;
    let isDone = false;
    let error: NodeJS.ErrnoException | undefined;
    let handshakeSecret: Buffer | undefined;
    let protocol: string | undefined;
    let alpn: string | undefined;
    let verification: string | undefined;
    let fault: Error | undefined;

    const raw = net.connect({ host, port });
    raw.setNoDelay(true);
    raw.once('connect', () => {
      connected = true;
    });
    const tap = tapped(raw, (chunk) => {
      recordedBytes += chunk.length;
      if (recordedBytes <= maxRecorded) recorded.push(chunk);
    });
    const common = tlsOptions({ ca, cert, key, passphrase, minVersion: 'TLSv1.2', revocation: undefined });
    const presented = cert === '' ? { cert: undefined, key: undefined } : {};
    const socket = tls.connect({
      ...common,
      ...presented,
      socket: tap,
      servername: serverName,
      ALPNProtocols: [...alpnProtocols],
      // For diagnosis only: what a bad server says is what is wanted. Nothing is sent then.
      rejectUnauthorized: send !== undefined,
      checkServerIdentity: (_host, certificate) => {
        fault = send === undefined ? undefined : nameFault(certificate.raw, send.name);
        return fault;
      },
    });
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      raw.destroy();
      resolve({
        connected,
        secured,
        protocol,
        alpn,
        verification,
        alert: alertOf(error),
        error,
        outcome: isDone
          ? 'done'
          : isRefusalOfOurs(error) || fault !== undefined
            ? 'unverified'
            : error !== undefined
              ? 'error'
              : ended
                ? 'ended'
                : 'timeout',
        recorded: Buffer.concat(recorded),
        handshakeSecret,
        received: Buffer.concat(received),
      });
    };
    // Deferred: an alert may stand behind a reset, and on Node 20 a socket that goes away below a callback of TLS takes the
    // process with it.
    const finishSoon = (): void => void setImmediate(finish);
    const timer = setTimeout(finish, timeout);
    const fail = (cause: NodeJS.ErrnoException): void => {
      error ??= cause;
      finishSoon();
    };
    raw.on('error', (cause) => {
      // Without a connection, this is the reason of whatever TLS has reported.
      if (!connected) error = cause;
      fail(cause);
    });
    socket.on('error', fail);
    socket.on('keylog', (line: Buffer) => {
      const secret = /^SERVER_HANDSHAKE_TRAFFIC_SECRET \S+ (\S+)/.exec(line.toString('latin1'))?.[1];
      if (secret !== undefined) handshakeSecret = Buffer.from(secret, 'hex');
    });
    socket.once('secureConnect', () => {
      secured = true;
      protocol = socket.getProtocol() ?? undefined;
      alpn = socket.alpnProtocol || undefined;
      const { authorizationError } = socket;
      if (ca.length > 0 && authorizationError) verification = String(authorizationError);
      if (send !== undefined) return void socket.write(send.bytes);
      isDone = true;
      finishSoon();
    });
    let receivedBytes = 0;
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      receivedBytes += chunk.length;
      // A head is enough; who answered is not waited for.
      if (receivedBytes < maxReceived && !Buffer.concat(received).includes('\r\n\r\n')) return;
      isDone = true;
      finishSoon();
    });
    socket.on('end', () => {
      ended = true;
      finishSoon();
    });
    socket.on('close', () => {
      ended = true;
      finishSoon();
    });
  });
}

/** Never throws: Node would take that for an uncaught exception. */
function nameFault(der: Buffer, name: string): Error | undefined {
  try {
    return serverNameFault(identityFromChain([der]), name);
  } catch (error) {
    return error as Error;
  }
}

/** Whether an error is a result of verification at this end. */
function isRefusalOfOurs(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code !== undefined && codeOfVerification(error.code) !== 'certificate-unknown';
}

/** Returns a stream over a socket that shows each chunk of the other end. */
function tapped(raw: net.Socket, show: (chunk: Buffer) => void): Duplex {
  const tap = new Duplex({
    read: () => void raw.resume(),
    write: (chunk, _encoding, done) => void raw.write(chunk, done),
    final: (done) => void raw.end(done),
    destroy: (error, done) => {
      raw.destroy();
      done(error);
    },
  });
  tap.on('error', () => {});
  raw.on('data', (chunk: Buffer) => {
    show(chunk);
    if (!tap.push(chunk)) raw.pause();
  });
  raw.on('end', () => tap.push(null));
  raw.on('close', () => tap.destroy());
  return tap;
}
