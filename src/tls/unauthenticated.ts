/** The sockets of one listener whose handshake is not over: how many there are, and of which address. */
import { parseIPv6 } from '../text.js';

/**
 * Returns what counts as one address: an IPv4 address; of an IPv6 address its first 64 bits, as a network is given no
 * fewer, and whoever has one has all of them (RFC 6177 §2, RFC 4291 §2.5.4).
 *
 * @param address as `net.Socket.remoteAddress`; empty for a stream that came from no network.
 */
export function addressKey(address: string): string {
  // Each connection is asked about several times on its way in.
  if (address !== lastAddress) {
    lastKey = keyOf(address);
    lastAddress = address;
  }
  return lastKey;
}

let lastAddress = '';
let lastKey = '';

function keyOf(address: string): string {
  if (!address.includes(':')) return address;
  const words = parseIPv6(address.replace(/%.*/, ''));
  if (words === undefined) return address;
  // An IPv4 address as a socket for both families shows it (RFC 4291 §2.5.5.2).
  const isMapped = words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);
  if (isMapped)
    return words
      .slice(6)
      .flatMap((word) => [word >> 8, word & 255])
      .join('.');
  return words
    .slice(0, 4)
    .map((word) => word.toString(16))
    .join(':');
}

/** Sockets by address, the oldest first. */
export class Unauthenticated<Socket extends { readonly remoteAddress: string }> implements Iterable<Socket> {
  readonly #byAddress = new Map<string, Set<Socket>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many are of the address of this one. */
  countOf({ remoteAddress }: Socket): number {
    return this.#byAddress.get(addressKey(remoteAddress))?.size ?? 0;
  }

  add(socket: Socket): void {
    const key = addressKey(socket.remoteAddress);
    let sockets = this.#byAddress.get(key);
    if (sockets === undefined) {
      sockets = new Set();
      this.#byAddress.set(key, sockets);
    }
    sockets.add(socket);
    this.#size++;
  }

  delete(socket: Socket): void {
    const key = addressKey(socket.remoteAddress);
    const sockets = this.#byAddress.get(key);
    if (sockets?.delete(socket) !== true) return;
    this.#size--;
    if (sockets.size === 0) this.#byAddress.delete(key);
  }

  /**
   * Returns the oldest socket of the address that has the most, if that are at least two more than there are of the
   * address of `newcomer`; `undefined` if its address has its share.
   */
  crowdedOut(newcomer: Socket): Socket | undefined {
    let most: Set<Socket> | undefined;
    for (const sockets of this.#byAddress.values()) if (sockets.size > (most?.size ?? 0)) most = sockets;
    if (most === undefined || most.size < this.countOf(newcomer) + 2) return undefined;
    for (const oldest of most) return oldest;
    return undefined;
  }

  *[Symbol.iterator](): IterableIterator<Socket> {
    for (const sockets of this.#byAddress.values()) yield* sockets;
  }
}

/** How many handshakes each address may begin in a second; each has so many to begin with, and none saves up more. */
export class HandshakeRate {
  readonly #perSecond: number;
  readonly #left = new Map<string, { tokens: number; at: number }>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts a handshake; returns whether it is one too many. @param now in milliseconds, of a clock that only goes on */
  exceeds(remoteAddress: string, now: number): boolean {
    const key = addressKey(remoteAddress);
    const before = this.#left.get(key);
    const full = this.#perSecond;
    const tokens = before === undefined ? full : Math.min(full, before.tokens + ((now - before.at) / 1000) * full);
    // Put behind the others: those in front are the ones that have been quiet for longest.
    this.#left.delete(key);
    this.#left.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    this.#forget(now);
    return tokens < 1;
  }

  /** Forgets addresses that have all their handshakes again, and more than that when there are too many to know. */
  #forget(now: number): void {
    for (const [key, { at }] of this.#left) {
      if (now - at < 1000 && this.#left.size <= mostAddresses) return;
      this.#left.delete(key);
    }
  }
}

/** So many addresses are remembered, some 100 bytes each. An address that is forgotten begins anew. */
const mostAddresses = 65_536;
