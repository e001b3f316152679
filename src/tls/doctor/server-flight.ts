/**
 * What a server said in its half of the TLS handshake, read out of the recorded bytes: the chain it presented, and whether
 * and how it asked for a certificate of the client. Node shows a client neither of them when the handshake fails, and
 * the second never. Pure: no socket, no clock.
 *
 * With TLS 1.2 it is all in the clear; with TLS 1.3 (RFC 8446) it is encrypted with a key that follows from the secret in
 * Node's `keylog` event.
 */
import { createDecipheriv, createHmac } from 'node:crypto';
import { DerReader } from '../der.js';
import { type DistinguishedName, readName } from '../distinguished-name.js';

/** What a server asks of a client's certificate (RFC 8446 §4.3.2, RFC 5246 §7.4.4). */
export interface CertificateRequest {
  /** The CAs it names; empty when it leaves that open. It need not name all that it accepts, but servers in use do. */
  readonly authorities: readonly DistinguishedName[];
}

export interface ServerFlight {
  /** DER, leaf first; empty when none was seen. */
  readonly chain: readonly Buffer[];
  /** `undefined` when the server asked for no certificate, as far as the flight was read. */
  readonly certificateRequest: CertificateRequest | undefined;
  /** Whether all was read up to where the request would be: without it, its absence means nothing. */
  readonly isComplete: boolean;
}

const contentTypes = { handshake: 22, applicationData: 23 } as const;
const messages = {
  serverHello: 2,
  certificate: 11,
  certificateRequest: 13,
  serverHelloDone: 14,
  finished: 20,
} as const;

/** The cipher suites of TLS 1.3 (RFC 8446 §B.4). */
const suites: ReadonlyMap<
  number,
  { cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'; hash: string; keyBytes: number }
> = new Map([
  [0x1301, { cipher: 'aes-128-gcm', hash: 'sha256', keyBytes: 16 }],
  [0x1302, { cipher: 'aes-256-gcm', hash: 'sha384', keyBytes: 32 }],
  [0x1303, { cipher: 'chacha20-poly1305', hash: 'sha256', keyBytes: 32 }],
]);

/**
 * Reads the flight. Never throws: what cannot be read is left out.
 *
 * @param recorded what the server sent, from its first byte on
 * @param handshakeSecret that of the server for the handshake; `undefined` with TLS 1.2
 */
export function readServerFlight(recorded: Buffer, handshakeSecret: Buffer | undefined): ServerFlight {
  const chain: Buffer[] = [];
  let certificateRequest: CertificateRequest | undefined;
  let isComplete = false;
  try {
    for (const { type, body } of handshakeMessages(recorded, handshakeSecret)) {
      const isVersion13 = handshakeSecret !== undefined;
      if (type === messages.certificate) chain.push(...readCertificate(body, isVersion13));
      else if (type === messages.certificateRequest) certificateRequest = readRequest(body, isVersion13);
      else if (type === messages.serverHelloDone || type === messages.finished) isComplete = true;
    }
  } catch {
    // The bytes of a hostile server: what was read before counts.
  }
  return { chain, certificateRequest, isComplete };
}

interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** Joins records to messages: one may lie in several, and several in one (RFC 8446 §5.1). */
function* handshakeMessages(recorded: Buffer, secret: Buffer | undefined): Generator<Message> {
  let pending = Buffer.alloc(0);
  let decrypt: ((header: Buffer, sealed: Buffer) => Buffer | undefined) | undefined;
  for (let at = 0; at + 5 <= recorded.length; ) {
    const header = recorded.subarray(at, at + 5);
    const end = at + 5 + header.readUInt16BE(3);
    if (end > recorded.length) return;
    const content = recorded.subarray(at + 5, end);
    at = end;
    let fragment: Buffer | undefined;
    if (header[0] === contentTypes.handshake) fragment = content;
    else if (header[0] === contentTypes.applicationData) fragment = decrypt?.(header, content);
    if (fragment === undefined) continue;
    pending = Buffer.concat([pending, fragment]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUIntBE(1, 3)) {
      const length = pending.readUIntBE(1, 3);
      const message = { type: pending[0]!, body: pending.subarray(4, 4 + length) };
      pending = pending.subarray(4 + length);
      if (message.type === messages.serverHello && secret !== undefined)
        decrypt = opener(suiteOf(message.body), secret);
      yield message;
      if (message.type === messages.finished) return;
    }
  }
}

/** RFC 8446 §4.1.3: version, random, session id, cipher suite. */
function suiteOf(serverHello: Buffer): number {
  return serverHello.readUInt16BE(35 + serverHello[34]!);
}

/** Returns what opens the records under a traffic secret, one after another (RFC 8446 §5.2, §5.3, §7.3). */
function opener(suite: number, secret: Buffer): ((header: Buffer, sealed: Buffer) => Buffer | undefined) | undefined {
  const parameters = suites.get(suite);
  if (parameters === undefined) return undefined;
  const { cipher, hash, keyBytes } = parameters;
  const key = expandLabel(hash, secret, 'key', keyBytes);
  const iv = expandLabel(hash, secret, 'iv', 12);
  let sequence = 0;
  return (header, sealed) => {
    if (sealed.length < 17) return undefined;
    const nonce = Buffer.from(iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence++) >>> 0, 8);
    const options = { authTagLength: 16 };
    const decipher = createDecipheriv(cipher as 'aes-128-gcm', key, nonce, options);
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(-16));
    let inner: Buffer;
    try {
      inner = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    } catch {
      // It is under another key: the handshake is over.
      return undefined;
    }
    let last = inner.length - 1;
    while (last >= 0 && inner[last] === 0) last--;
    return inner[last] === contentTypes.handshake ? inner.subarray(0, last) : undefined;
  };
}

/** HKDF-Expand-Label with an empty context, of at most one block of the hash (RFC 8446 §7.1, RFC 5869 §2.3). */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, 'latin1');
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** Reads vectors whose length stands before them, in as many octets as the type says (RFC 8446 §3.4). */
class VectorReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(octets: number): number {
    const value = this.#bytes.readUIntBE(this.#at, octets);
    this.#at += octets;
    return value;
  }

  vector(octets: number): Buffer {
    const length = this.number(octets);
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new RangeError('cut short');
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}

function readCertificate(body: Buffer, isVersion13: boolean): Buffer[] {
  const reader = new VectorReader(body);
  if (isVersion13) reader.vector(1);
  const list = new VectorReader(reader.vector(3));
  const chain: Buffer[] = [];
  while (!list.done) {
    chain.push(list.vector(3));
    if (isVersion13) list.vector(2);
  }
  return chain;
}

/** The extension that names authorities (RFC 8446 §4.2.4). */
const certificateAuthorities = 47;

function readRequest(body: Buffer, isVersion13: boolean): CertificateRequest {
  const reader = new VectorReader(body);
  reader.vector(1);
  if (!isVersion13) {
    reader.vector(2);
    return { authorities: readNames(reader.vector(2)) };
  }
  const extensions = new VectorReader(reader.vector(2));
  while (!extensions.done) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type === certificateAuthorities) return { authorities: readNames(new VectorReader(data).vector(2)) };
  }
  return { authorities: [] };
}

function readNames(bytes: Buffer): DistinguishedName[] {
  const list = new VectorReader(bytes);
  const names: DistinguishedName[] = [];
  while (!list.done) names.push(readName(new DerReader(list.vector(2))));
  return names;
}
