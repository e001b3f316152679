/**
 * What this package uses of Node that Node does not document, beside reading `_parent` (see `Listener`). All of it is for
 * speed alone: where Node is not one of those that are tested, or looks different, what is documented is used instead.
 *
 * `MTLS_WS_PUBLIC_PATHS=1` in the environment rules it out.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { DerReader, tags } from './der.js';

/** The oldest and the newest major version of Node on which this is tested. */
const testedFrom = 20;
const testedTo = 26;

/** A `TLSSocket` as it is inside. */
interface Inside {
  readonly _handle?: {
    readonly _parent?: { readonly constructor?: { readonly name?: string } };
    useUserBuffer?: (buffer: Buffer) => void;
    writeBuffer?: unknown;
  } | null;
  [symbol: symbol]: unknown;
}

/** The native sockets on which nothing is read while other code runs. A stream in JavaScript may read within any call. */
const nativeSockets: readonly unknown[] = ['TCP', 'Pipe'];

function isAllowed(): boolean {
  const major = Number.parseInt(process.versions.node, 10);
  return major >= testedFrom && major <= testedTo && process.env.MTLS_WS_PUBLIC_PATHS !== '1';
}

const allowed = isAllowed();

/** Returns the inside of a socket that is TLS directly over a native socket; `undefined` for any other. */
function insideOf(socket: Duplex): Inside | undefined {
  if (!allowed || !(socket instanceof tls.TLSSocket)) return undefined;
  const inside = socket as unknown as Inside;
  return nativeSockets.includes(inside._handle?._parent?.constructor?.name) ? inside : undefined;
}

/** The symbols under which `net.Socket` keeps what its documented option `onread` was given; in that order. */
let onreadSymbols: readonly [symbol, symbol, symbol] | undefined;

function findOnreadSymbols(inside: Inside): typeof onreadSymbols {
  const own = Object.getOwnPropertySymbols(inside);
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    own.find((symbol) => symbol.description === name),
  );
  return buffer === undefined || callback === undefined || generator === undefined
    ? undefined
    : [buffer, callback, generator];
}

/**
 * Makes a socket receive into `buffer`, which many sockets may share, instead of emitting `data`: what the option `onread`
 * of `tls.connect` does, for a socket that is there already, at either end. `pause()`, `resume()` and `end` work as ever.
 * Returns `false`, and changes nothing, where that is not possible.
 *
 * @param buffer of 16 KiB at least
 * @param received is given how many bytes lie at the start of `buffer`; they are its own only during the call
 */
export function receiveInto(socket: Duplex, buffer: Buffer, received: (length: number) => void): boolean {
  const inside = insideOf(socket);
  // What the stream holds already would come by no event any more.
  if (typeof inside?._handle?.useUserBuffer !== 'function' || socket.readableLength > 0) return false;
  onreadSymbols ??= findOnreadSymbols(inside);
  if (onreadSymbols === undefined) return false;
  const [kBuffer, kCallback, kGenerator] = onreadSymbols;
  if (inside[kBuffer] !== null || inside[kCallback] !== null || inside[kGenerator] !== null) return false;
  inside._handle.useUserBuffer(buffer);
  inside[kBuffer] = buffer;
  inside[kCallback] = received;
  return true;
}

/**
 * Whether `socket.write` has read the bytes that it is given when it returns, as long as nothing was waiting to be written
 * before: they are encrypted at once, and nobody looks at them again. Otherwise they belong to the socket until its callback.
 */
export function readsWritesAtOnce(socket: Duplex): boolean {
  return typeof insideOf(socket)?._handle?.writeBuffer === 'function';
}

/** The context tag of the certificate of the other end in a session of OpenSSL. */
const peerTag = 0xa3;

/**
 * Returns the certificate of a client as the TLS session of the server holds it, in DER; `undefined` where the session has
 * none, or is not written as OpenSSL writes it (`d2i_SSL_SESSION`): at a client it is so on Node 20 alone. For each
 * connection `getPeerCertificate(false)` costs three times as much, and 1.9 KiB of native memory until its end: OpenSSL
 * keeps the key in another form (bench: handshakes, idle).
 */
export function leafOfSession(socket: tls.TLSSocket): Buffer | undefined {
  if (!allowed) return undefined;
  let session: Buffer | undefined;
  try {
    session = socket.getSession();
    if (session === undefined) return undefined;
    const fields = new DerReader(session).enter(tags.sequence);
    while (fields.nextTag !== undefined && fields.nextTag !== peerTag) fields.skip();
    if (fields.done) return undefined;
    const certificate = fields.content(peerTag);
    const leaf = Buffer.allocUnsafeSlow(certificate.length);
    certificate.copy(leaf);
    return leaf;
  } catch {
    return undefined;
  } finally {
    // It holds the secret of the session.
    session?.fill(0);
  }
}
