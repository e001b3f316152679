/** How long a connection may last: until its peer's certificate expires, or up to an age. */
import type { VerifiedPeer } from '../tls/index.js';
import { type Connection, whenOver } from './connection.js';

export interface LifetimeOptions {
  readonly closeAtExpiry: boolean;
  /** In milliseconds; 0: no limit. */
  readonly maxConnectionAge: number;
}

/** The longest delay of a timer, in milliseconds. */
const longestDelay = 2 ** 31 - 1;

/** The share of the age by which connections close earlier, at random: those of a fleet must not all come back at once. */
const jitter = 0.1;

/**
 * Returns how long a connection may last, in milliseconds: `maximum`, or up to a tenth less.
 *
 * @param share how much less, from 0 to 1. Default: at random
 */
export function lifetimeOf(maximum: number, share: number = Math.random()): number {
  return maximum * (1 - jitter * share);
}

/** Closes the connection in time. */
export function limitLifetime(
  connection: Connection<VerifiedPeer | undefined>,
  { closeAtExpiry, maxConnectionAge }: LifetimeOptions,
): void {
  if (maxConnectionAge > 0) {
    const end = performance.now() + lifetimeOf(maxConnectionAge);
    const reason = 'the connection has reached its maximum age: connect again';
    closeWhen(connection, () => end - performance.now(), 1001, reason);
  }
  if (!closeAtExpiry) return;
  // A client without a certificate has none that expires.
  const chain = connection.peer?.chain ?? [];
  if (chain.length === 0) return;
  // RFC 5280 §4.1.2.5: the last second is still valid.
  const expiry = Math.min(...chain.map(({ validTo }) => validTo.getTime())) + 1000;
  closeWhen(connection, () => expiry - Date.now(), 1008, 'certificate-expired: the certificate has expired');
}

/** @param timeLeft milliseconds that are left, by the clock that counts */
function closeWhen(
  connection: Connection<VerifiedPeer | undefined>,
  timeLeft: () => number,
  code: number,
  reason: string,
): void {
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const left = timeLeft();
    if (left <= 0) void connection.close(code, reason);
    else timer = setTimeout(wait, Math.min(Math.ceil(left), longestDelay)).unref();
  };
  wait();
  whenOver(connection, () => clearTimeout(timer));
}
