/**
 * What both ends of the benchmarks agree on: TLS settings, the same for every subject, and the client's side of the wire,
 * written on `node:tls` alone so that no WebSocket library measures itself.
 */
import { constants, randomBytes } from 'node:crypto';
import * as tls from 'node:tls';
import { createDevelopmentPki } from '../src/tls/pki/index.js';

export interface ServerCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Credentials of both ends, fresh for each run. */
export interface Credentials {
  readonly server: ServerCredentials;
  /** Made once: reading keys again and again is not what is measured. */
  readonly client: tls.SecureContext;
}

/** The one suite that everything runs with. */
const ciphers = 'TLS_AES_256_GCM_SHA384';

export function createCredentials(): Credentials {
  const { ca, server, client } = createDevelopmentPki();
  return {
    server: { ca: ca.cert, cert: server.cert, key: server.key },
    client: tls.createSecureContext({
      ca: ca.cert,
      cert: client.cert,
      key: client.key,
      ciphers,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    }),
  };
}

/** What our own server does by default, for the servers that it is measured against: the same work for everyone. */
export function serverTls(credentials: ServerCredentials): tls.TlsOptions {
  return {
    ...credentials,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ciphers,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ['http/1.1'],
  };
}

/** Milliseconds without a byte after which a benchmark gives up. */
const patience = 20_000;

/** Starts a TLS connection; the server is verified when `secureConnect` comes. */
export function dial(port: number, context: tls.SecureContext): tls.TLSSocket {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    secureContext: context,
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  });
  socket.setNoDelay(true);
  // Who waits for the socket is told; what comes when nobody does is of no interest.
  socket.on('error', () => {});
  socket.setTimeout(patience, () => socket.destroy(new Error(`no byte came for ${patience} ms`)));
  return socket;
}

/** How a server shows that it let the client in: by one byte of its own, or by its 101. */
export type Greeting = 'byte' | 'upgrade';

/** Resolves when the server has let this client in, which with TLS 1.3 only its first byte shows. */
export function opened(socket: tls.TLSSocket, greeting: Greeting): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const onClose = (): void => reject(new Error(`the server closed the connection after ${JSON.stringify(answer)}`));
    socket.once('error', reject);
    socket.once('close', onClose);
    if (greeting === 'upgrade') socket.once('secureConnect', () => socket.write(upgradeRequest()));
    socket.on('data', function onData(chunk: Buffer) {
      answer += chunk.toString('latin1');
      if (greeting === 'upgrade' && !answer.endsWith('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.off('error', reject);
      socket.off('close', onClose);
      if (answer === '+' || answer.startsWith('HTTP/1.1 101 ')) resolve();
      else reject(new Error(`the server answered ${JSON.stringify(answer)}`));
    });
  });
}

function upgradeRequest(): string {
  return [
    'GET / HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    '\r\n',
  ].join('\r\n');
}

/** Some frames as a client sends them, and as a server echoes them. */
export interface Block {
  readonly frames: number;
  readonly sent: Buffer;
  readonly echo: Buffer;
}

/** Returns `frames` binary messages of `size` random bytes, each masked with a random key (RFC 6455 §5.3). */
export function createBlock(size: number, frames: number): Block {
  const sent: Buffer[] = [];
  const echo: Buffer[] = [];
  const random = randomBytes(frames * (4 + size));
  for (let at = 0; at < random.length; at += 4 + size) {
    const key = random.subarray(at, at + 4);
    const payload = random.subarray(at + 4, at + 4 + size);
    const header = frameHeader(size);
    echo.push(Buffer.from(header), payload);
    header[1]! |= 0x80;
    sent.push(header, key, payload.map((byte, index) => byte ^ key[index & 3]!) as Buffer);
  }
  return { frames, sent: Buffer.concat(sent), echo: Buffer.concat(echo) };
}

/** The header of a whole binary message, unmasked (RFC 6455 §5.2). */
function frameHeader(size: number): Buffer {
  if (size <= 125) return Buffer.of(0x82, size);
  const header = Buffer.alloc(size <= 0xffff ? 4 : 10);
  header[0] = 0x82;
  header[1] = size <= 0xffff ? 126 : 127;
  if (size <= 0xffff) header.writeUInt16BE(size, 2);
  else header.writeBigUInt64BE(BigInt(size), 2);
  return header;
}
