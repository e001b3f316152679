/**
 * The keys of session tickets (RFC 8446 §4.6.1, RFC 5077). A resumed session verifies no chain again, so its ticket must
 * not outlive what the chain was verified against: the keys are derived from the host, its CAs, its revocation lists and
 * the generation of the rules, and from the hour. Change one of them, and every ticket is void: a full handshake follows.
 */
import { Buffer } from 'node:buffer';
import { hkdfSync, randomBytes } from 'node:crypto';

/** How long the keys are used, and so a session may be resumed at most, through any number of tickets. In milliseconds. */
export const ticketKeyLifetime = 3_600_000;

/** The least length of a secret that processes share, in bytes. */
export const leastTicketSecretBytes = 32;

/** What `ticketKeys` of `node:tls` wants, in bytes. */
const ticketKeyBytes = 48;

export class TicketKeys {
  readonly #shared: Buffer | undefined;
  #own: Buffer = Buffer.alloc(0);
  #ownPeriod = -1;

  /** @param shared a secret that other processes have, too; `undefined`: one of its own, new in each period */
  constructor(shared?: Uint8Array) {
    this.#shared = shared === undefined ? undefined : Buffer.from(shared);
  }

  /** Which keys are in use at this time: a number that grows. Processes whose clocks agree have the same. */
  period(now: number = Date.now()): number {
    return Math.floor(now / ticketKeyLifetime);
  }

  /**
   * Returns the 48 bytes that `node:tls` encrypts tickets with.
   *
   * @param context what tickets of this kind depend on
   */
  derive(context: string, period: number = this.period()): Buffer {
    if (this.#shared === undefined && period !== this.#ownPeriod) {
      // What was encrypted with the secret before cannot be read any more, not even here.
      this.#own = randomBytes(leastTicketSecretBytes);
      this.#ownPeriod = period;
    }
    const info = `mtls-ws session tickets\n${period}\n${context}`;
    return Buffer.from(hkdfSync('sha256', this.#shared ?? this.#own, '', info, ticketKeyBytes));
  }
}
