/**
 * A client that stays connected: after each failure or loss it waits a random time below a bound that doubles (full
 * jitter), so that a thousand clients do not all come back in the same moment (RFC 6455 §7.2.3). It gives up where waiting
 * cannot help.
 *
 *   node dist/examples/reconnect.js wss://localhost:8443
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import {
  type CloseEvent,
  type Connection,
  type ConnectOptions,
  connect,
  HandshakeError,
  PeerIdentityError,
  UsageError,
} from 'mtls-ws';

export interface Backoff {
  /** The bound of the first wait, in milliseconds; it doubles with each attempt. Default 250. */
  base?: number;
  /** The bound of all waits, in milliseconds. Default 30,000. */
  cap?: number;
  /** A number from 0 to 1. Default `Math.random`. */
  random?: () => number;
  /** Told before each wait: what `connect` rejected with, or the `CloseEvent` of the connection. */
  onRetry?: (reason: unknown, delay: number) => void;
}

/** Milliseconds to wait after `attempt` failures in a row: random between 0 and min(cap, base · 2^attempt). */
export function backoffDelay(
  attempt: number,
  { base = 250, cap = 30_000, random = Math.random }: Backoff = {},
): number {
  return random() * Math.min(cap, base * 2 ** attempt);
}

/** Whether the same attempt would fail in the same way again. */
export function isHopeless(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  // A refusal that is only likely (`certain: false`) may be a server that restarts.
  if (error instanceof PeerIdentityError) return error.certain;
  const status = error instanceof HandshakeError ? error.httpStatus : undefined;
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/**
 * Yields an open connection, and another one when that is closed, until `options.signal` is aborted.
 *
 * @throws what `connect` rejects with, when trying again is hopeless
 */
export async function* stayConnected(
  url: string,
  options: ConnectOptions,
  backoff: Backoff = {},
): AsyncGenerator<Connection, void> {
  const { signal } = options;
  let attempt = 0;
  while (!signal?.aborted) {
    let reason: unknown;
    try {
      const connection = await connect(url, options);
      const close = (): void => void connection.close(1001, 'going away');
      signal?.addEventListener('abort', close, { once: true });
      const openedAt = performance.now();
      yield connection;
      reason = await connection.closed;
      signal?.removeEventListener('abort', close);
      // A server that accepts and closes at once must not be asked again at once.
      if (performance.now() - openedAt > (backoff.cap ?? 30_000)) attempt = 0;
    } catch (error) {
      if (signal?.aborted) return;
      if (isHopeless(error)) throw error;
      reason = error;
    }
    const delay = backoffDelay(attempt++, backoff);
    backoff.onRetry?.(reason, delay);
    await sleep(delay, undefined, { signal }).catch(() => {}); // aborted: the loop ends
  }
}

function describeClose({ code, reason }: CloseEvent): string {
  // The reason is the server's text: `inspect` escapes what a terminal would obey.
  return reason === '' ? `closed with ${code}` : `closed with ${code} ${inspect(reason)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const options = {
    ca: readFileSync('certs/ca.pem'),
    cert: readFileSync('certs/client.pem'),
    key: readFileSync('certs/client.key'),
    signal: stop.signal,
  };
  const onRetry = (reason: unknown, delay: number): void => {
    const why = reason instanceof Error ? reason.message : describeClose(reason as CloseEvent);
    console.error(`${why}; trying again in ${Math.round(delay)} ms`);
  };
  for await (const connection of stayConnected(process.argv[2] ?? 'wss://localhost:8443', options, { onRetry })) {
    console.log('open');
    connection.on('message', (message) => console.log(`${message}`));
    connection.send('here again');
  }
}
