/**
 * A client of TLS 1.3 that asks for another host in its second ClientHello (RFC 8446 §4.1.4) than in its first: no other
 * client does. It presents no certificate, verifies nothing, and speaks X25519 and AES-128-GCM alone.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import * as net from 'node:net';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest();

/** Octets behind their length. */
function vector(lengthOctets: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthOctets);
  length.writeUIntBE(body.length, 0, lengthOctets);
  return Buffer.concat([length, body]);
}

const message = (type: number, body: Uint8Array): Buffer => Buffer.concat([Buffer.of(type), vector(3, body)]);
const extension = (type: number, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(type >> 8, type & 0xff), vector(2, ...parts)]);

/** RFC 8446 §7.1: HKDF-Expand-Label; no more than one block is ever needed. */
function expand(secret: Uint8Array, label: string, context: Uint8Array, length: number): Buffer {
  const info = [vector(1, Buffer.from(`tls13 ${label}`)), vector(1, context), Buffer.of(1)];
  return hmac(secret, Buffer.concat([Buffer.of(0, length), ...info])).subarray(0, length);
}

/** Encrypts or decrypts the records of one direction. */
class Protection {
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(secret: Buffer) {
    this.#key = expand(secret, 'key', Buffer.alloc(0), 16);
    this.#iv = expand(secret, 'iv', Buffer.alloc(0), 12);
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence++) >>> 0, 8);
    return nonce;
  }

  seal(type: number, content: Uint8Array): Buffer {
    const header = Buffer.from([23, 3, 3, 0, 0]);
    header.writeUInt16BE(content.length + 17, 3);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(header);
    const sealed = Buffer.concat([cipher.update(Buffer.concat([content, Buffer.of(type)])), cipher.final()]);
    return Buffer.concat([header, sealed, cipher.getAuthTag()]);
  }

  open(record: Buffer): { type: number; content: Buffer } {
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(record.subarray(0, 5));
    decipher.setAuthTag(record.subarray(-16));
    const content = Buffer.concat([decipher.update(record.subarray(5, -16)), decipher.final()]);
    return { type: content.at(-1)!, content: content.subarray(0, -1) };
  }
}

/** Reads the records of a socket, one after another, but for ChangeCipherSpec, which means nothing (RFC 8446 §5). */
async function* records(socket: net.Socket): AsyncGenerator<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) {
      const end = 5 + bytes.readUInt16BE(3);
      if (bytes[0] !== 20) yield bytes.subarray(0, end);
      bytes = bytes.subarray(end);
    }
  }
}

/** Does a TLS handshake that asks for two names, sends `request`, and returns what is answered; empty if it is refused. */
export async function askByTwoNames(
  port: number,
  names: readonly [first: string | undefined, second: string | undefined],
  request: string,
): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const share = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const random = randomBytes(32);
  const hello = (name: string | undefined, shares: Uint8Array): Buffer =>
    message(
      1,
      Buffer.concat([
        ...[Buffer.of(3, 3), random, vector(1), vector(2, Buffer.of(0x13, 0x01)), vector(1, Buffer.of(0))],
        vector(
          2,
          ...(name === undefined ? [] : [extension(0, vector(2, Buffer.of(0), vector(2, Buffer.from(name))))]),
          extension(10, vector(2, Buffer.of(0, 0x1d))),
          extension(13, vector(2, Buffer.of(4, 3, 8, 4, 8, 7))),
          extension(43, vector(1, Buffer.of(3, 4))),
          extension(51, vector(2, shares)),
        ),
      ]),
    );
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const incoming = records(socket);
  const read = async (): Promise<Buffer> => (await incoming.next()).value ?? Buffer.alloc(5);
  const plain = (content: Uint8Array): Buffer => Buffer.concat([Buffer.of(22, 3, 1), vector(2, content)]);
  try {
    // Without a key share the server has to ask again.
    const first = hello(names[0], Buffer.alloc(0));
    socket.write(plain(first));
    const retry = (await read()).subarray(5);
    const second = hello(names[1], Buffer.concat([Buffer.of(0, 0x1d), vector(2, share)]));
    socket.write(plain(second));
    const serverHello = (await read()).subarray(5);
    if (serverHello[0] !== 2) return '';
    const transcript = [message(254, sha256(first)), retry, second, serverHello];
    const far: KeyObject = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), keyShareOf(serverHello)]),
      format: 'der',
      type: 'spki',
    });
    const zeros = Buffer.alloc(32);
    const early = hmac(zeros, zeros);
    const shared = diffieHellman({ privateKey, publicKey: far });
    const handshake = hmac(expand(early, 'derived', sha256(), 32), shared);
    const clientSecret = expand(handshake, 'c hs traffic', sha256(...transcript), 32);
    const near = new Protection(clientSecret);
    let reading = new Protection(expand(handshake, 's hs traffic', sha256(...transcript), 32));
    // EncryptedExtensions to Finished, whatever the records.
    let flight = Buffer.alloc(0);
    while (!endsInFinished(flight)) flight = Buffer.concat([flight, reading.open(await read()).content]);
    transcript.push(flight);
    const main = hmac(expand(handshake, 'derived', sha256(), 32), zeros);
    const writing = new Protection(expand(main, 'c ap traffic', sha256(...transcript), 32));
    reading = new Protection(expand(main, 's ap traffic', sha256(...transcript), 32));
    const noCertificate = message(11, Buffer.concat([vector(1), vector(3)]));
    const finished = message(
      20,
      hmac(expand(clientSecret, 'finished', Buffer.alloc(0), 32), sha256(...transcript, noCertificate)),
    );
    socket.write(
      Buffer.concat([near.seal(22, noCertificate), near.seal(22, finished), writing.seal(23, Buffer.from(request))]),
    );
    for await (const record of incoming) {
      const { type, content } = reading.open(record);
      if (type === 23) return content.toString('latin1');
    }
    return '';
  } finally {
    socket.destroy();
  }
}

/** The key of the key_share extension of a ServerHello. */
function keyShareOf(serverHello: Buffer): Buffer {
  let at = 4 + 2 + 32 + 1 + serverHello[38]! + 2 + 1 + 2;
  while (serverHello.readUInt16BE(at) !== 51) at += 4 + serverHello.readUInt16BE(at + 2);
  return serverHello.subarray(at + 8, at + 40);
}

function endsInFinished(flight: Buffer): boolean {
  for (let at = 0; at + 4 <= flight.length; at += 4 + flight.readUIntBE(at + 1, 3)) {
    if (flight[at] === 20) return at + 36 <= flight.length;
  }
  return false;
}
