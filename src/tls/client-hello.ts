/**
 * Reads the server name out of a ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), before any of it is given to OpenSSL: so that
 * the host, with its own certificate, CAs and session keys, is chosen by one look-up of ours. Incremental and bounded; what
 * is not a well-formed ClientHello is a fault. Pure.
 */
import { Buffer } from 'node:buffer';

/** The longest ClientHello that is read, record headers included, in bytes. Those of browsers have some 2 KiB. */
export const maxClientHelloBytes: number = 32 * 1024;

/** What became of the octets read so far. */
export type ClientHelloState =
  | { readonly kind: 'incomplete' }
  | {
      readonly kind: 'complete';
      /** As it was sent, one character per octet; `undefined` when no name was asked for. */
      readonly serverName: string | undefined;
    }
  /** `not-tls`: the first octet is of no TLS handshake. `malformed`: no well-formed ClientHello. `too-long`: over the bound. */
  | { readonly kind: 'fault'; readonly reason: 'not-tls' | 'malformed' | 'too-long' };

/** The most records that a ClientHello may be spread over: each is looked at again when the next comes. */
const maxRecords = 16;

const incomplete: ClientHelloState = Object.freeze({ kind: 'incomplete' });
const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const hostNameType = 0;

function fault(reason: 'not-tls' | 'malformed' | 'too-long'): ClientHelloState {
  return { kind: 'fault', reason };
}

/** Collects octets until the ClientHello is whole. Its work is in proportion to the octets, in whatever pieces they come. */
export class ClientHelloReader {
  #bytes: Buffer = Buffer.alloc(1024);
  #length = 0;
  /** Below so many octets nothing new can be told. */
  #needed = 1;

  /** Everything that was pushed. */
  get received(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes the next octets; `complete` and `fault` are final. */
  push(chunk: Uint8Array): ClientHelloState {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.received], Math.max(length, 2 * this.#bytes.length));
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    return length < this.#needed ? incomplete : this.#examine();
  }

  /** Takes the handshake message out of its records, one or several (RFC 8446 §5.1). */
  #examine(): ClientHelloState {
    const bytes = this.received;
    const fragments: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const isFirst = at === 0;
      // RFC 8446 §5.1: legacy_record_version is 0x0301 or 0x0303, and is otherwise ignored.
      if (bytes[at] !== handshakeRecord || (bytes[at + 1] ?? 3) !== 3) return fault(isFirst ? 'not-tls' : 'malformed');
      if (at + 5 > bytes.length) break;
      const length = bytes.readUInt16BE(at + 3);
      // RFC 8446 §5.1: no fragment of a handshake message is empty, none has more than 2^14 octets.
      if (length === 0 || length > 0x4000) return fault('malformed');
      if (isFirst && (bytes[5] ?? clientHelloMessage) !== clientHelloMessage) return fault('malformed');
      if (at + 5 + length > bytes.length) return this.#wait(bytes.length > 5 ? at + 5 + length : 6);
      if (fragments.length === maxRecords) return fault('malformed');
      fragments.push(bytes.subarray(at + 5, at + 5 + length));
      at += 5 + length;
      const message = Buffer.concat(fragments);
      if (message.length >= 4 && message.length >= 4 + message.readUIntBE(1, 3)) {
        return readServerName(message.subarray(4, 4 + message.readUIntBE(1, 3)));
      }
    }
    // Within a header each octet is looked at as it comes.
    return this.#wait(bytes.length + 1);
  }

  #wait(needed: number): ClientHelloState {
    this.#needed = needed;
    return needed > maxClientHelloBytes ? fault('too-long') : incomplete;
  }
}

/** Vectors of a message, one after another; reading past the end is noted, and gives nothing. */
class Vectors {
  readonly #bytes: Buffer;
  #at = 0;
  isMalformed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.isMalformed || this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) this.isMalformed = true;
    if (this.isMalformed) return Buffer.alloc(length > 4 ? 0 : length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(octets: 1 | 2): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  vector(lengthOctets: 1 | 2): Buffer {
    return this.take(this.number(lengthOctets));
  }
}

/** RFC 8446 §4.1.2: the fields of a ClientHello in their order. */
function readServerName(body: Buffer): ClientHelloState {
  const fields = new Vectors(body);
  fields.take(2 + 32);
  fields.vector(1);
  fields.vector(2);
  fields.vector(1);
  let serverName: string | undefined;
  // RFC 5246 §7.4.1.2: in TLS 1.2 the extensions may be missing as a whole.
  if (!fields.done) {
    const extensions = new Vectors(fields.vector(2));
    let found = false;
    while (!extensions.done) {
      const type = extensions.number(2);
      const data = extensions.vector(2);
      if (type !== serverNameExtension || extensions.isMalformed) continue;
      // RFC 8446 §4.2: no more than one extension of a type.
      if (found) return fault('malformed');
      found = true;
      serverName = readHostName(data);
      if (serverName === undefined) return fault('malformed');
    }
    if (extensions.isMalformed) return fault('malformed');
  }
  return fields.isMalformed || !fields.done ? fault('malformed') : { kind: 'complete', serverName };
}

/** RFC 6066 §3: a list of one name, of the only type there is. */
function readHostName(data: Buffer): string | undefined {
  const outer = new Vectors(data);
  const list = new Vectors(outer.vector(2));
  const type = list.number(1);
  const name = list.vector(2);
  const isWhole = !outer.isMalformed && outer.done && !list.isMalformed && list.done;
  return isWhole && type === hostNameType && name.length > 0 ? name.toString('latin1') : undefined;
}
