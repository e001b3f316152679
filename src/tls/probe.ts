/**
 * A plain TLS client that may present no certificate at all, or a bad one: for demonstrations, tests and diagnosis. It
 * sends nothing but its TLS handshake, and tells what it saw, as any client would see it.
 */
import * as net from 'node:net';
import * as tls from 'node:tls';
import { alpnProtocols } from './defaults.js';
import { type Alert, alertOf } from './errors.js';

export interface ProbeOptions {
  readonly host: string;
  readonly port: number;
  /** Trust anchors for the server's certificate, PEM. */
  readonly ca: string;
  /** The certificate to present, PEM; default: none. */
  readonly cert?: string;
  readonly key?: string;
  /** The name to ask for. Default: `host`. */
  readonly serverName?: string;
  /** Default `TLSv1.3`. */
  readonly maxVersion?: 'TLSv1.3' | 'TLSv1.2';
  /** Milliseconds until the probe gives up. Default 5,000. */
  readonly timeout?: number;
  /** Written after the TLS handshake. Default: nothing. */
  readonly send?: string | Uint8Array;
}

export interface ProbeResult {
  /** Whether this end saw a complete TLS handshake; with TLS 1.3 that does not mean that the server accepted it. */
  readonly secured: boolean;
  /** For example `TLSv1.3`; `undefined` without a handshake. */
  readonly protocol: string | undefined;
  /** The alert that the server sent; `undefined` when it sent none. */
  readonly alert: Alert | undefined;
  /** Node's code of the error; `undefined` when the connection just ended. */
  readonly errorCode: string | undefined;
  /** `ended`: the server ended the connection; `timeout`: it was still open at the timeout. */
  readonly outcome: 'error' | 'ended' | 'timeout';
  /** What the server sent after the TLS handshake. */
  readonly received: Buffer;
}

/** Connects, and resolves with what became of it; rejects only if `ca`, `cert` or `key` cannot be used. */
export function probe(options: ProbeOptions): Promise<ProbeResult> {
  const { host, port, ca, cert, key, serverName = host, maxVersion = 'TLSv1.3', timeout = 5_000 } = options;
  return new Promise((resolve) => {
    let secured = false;
    let protocol: string | undefined;
    let error: NodeJS.ErrnoException | undefined;
    let ended = false;
    const received: Buffer[] = [];
    const socket = tls.connect({
      host,
      port,
      ca,
      cert,
      key,
      servername: net.isIP(serverName) === 0 ? serverName : '',
      minVersion: 'TLSv1.2',
      maxVersion,
      ALPNProtocols: [...alpnProtocols],
      rejectUnauthorized: true,
    });
    const timer = setTimeout(() => socket.destroy(), timeout);
    socket.once('secureConnect', () => {
      secured = true;
      protocol = socket.getProtocol() ?? undefined;
      if (options.send !== undefined) socket.write(options.send);
    });
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('end', () => {
      ended = true;
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error ??= cause;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve({
        secured,
        protocol,
        alert: alertOf(error),
        errorCode: error?.code,
        outcome: error !== undefined ? 'error' : ended ? 'ended' : 'timeout',
        received: Buffer.concat(received),
      });
    });
  });
}
