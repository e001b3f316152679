// Clients over mutual TLS that know no WebSocket library: bytes made beforehand, and each byte that comes back is compared.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as tls from 'node:tls';
import { answer } from './child.mjs';

const request = `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;

/** Handshakes that run at the same time. */
const atOnce = 32;

let isRaw = false;
const sockets = [];

async function openOne({ port, credentials, extensions = '' }) {
  const socket = tls.connect({ ...credentials, port, host: '127.0.0.1', servername: 'localhost' });
  socket.on('error', (error) => {
    throw error;
  });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  if (!isRaw) socket.write(`${request}${extensions}\r\n`);
  const end = isRaw ? '+' : '\r\n\r\n';
  let head = '';
  while (!head.endsWith(end)) head += await read(socket);
  if (!isRaw && !head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
  return socket;
}

function read(socket) {
  return new Promise((resolve) => {
    socket.once('data', (data) => {
      socket.pause();
      resolve(data);
    });
    socket.resume();
  });
}

async function expect(socket, expected) {
  for (let at = 0; at < expected.length; ) {
    const data = await read(socket);
    if (!data.equals(expected.subarray(at, at + data.length))) throw new Error('what came back is not what was sent');
    at += data.length;
  }
}

function header(length, masked) {
  const bit = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([0x82, bit | length]);
  if (length < 65_536) return Buffer.from([0x82, bit | 126, length >> 8, length & 255]);
  const long = Buffer.alloc(10);
  long[0] = 0x82;
  long[1] = bit | 127;
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}

/** A message of random bytes as it is sent, and as it comes back. */
function message(length) {
  const payload = randomBytes(length);
  const key = randomBytes(4);
  const masked = payload.map((octet, index) => octet ^ key[index & 3]);
  const sent = Buffer.concat([header(length, true), key, masked]);
  return { sent, echo: isRaw ? sent : Buffer.concat([header(length, false), payload]) };
}

answer({
  /** Opens connections until there are `count`. */
  async open({ count, raw = false, ...where }) {
    isRaw = raw;
    while (sockets.length < count) {
      const missing = Math.min(atOnce, count - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: missing }, () => openOne(where)))));
    }
  },
  /** Has one message of `length` bytes echoed on each connection. */
  async echo({ length }) {
    const { sent, echo } = message(length);
    for (let i = 0; i < sockets.length; i += atOnce) {
      await Promise.all(
        sockets.slice(i, i + atOnce).map((socket) => {
          socket.write(sent);
          return expect(socket, echo);
        }),
      );
    }
  },
  /** Has messages of `length` bytes echoed on the first connection, some 256 KiB of them at a time. */
  async load({ length, times }) {
    const count = Math.max(1, Math.round((256 * 1024) / length));
    const messages = Array.from({ length: count }, () => message(length));
    const sent = Buffer.concat(messages.map((one) => one.sent));
    const echo = Buffer.concat(messages.map((one) => one.echo));
    for (let i = 0; i < times; i++) {
      sockets[0].write(sent);
      await expect(sockets[0], echo);
    }
    return count * times;
  },
  /** Sends one message on the first connection; returns the payload of the short answer. */
  async tell({ length }) {
    sockets[0].write(message(length).sent);
    return (await read(sockets[0])).subarray(2).toString();
  },
  /** Sends 1 KiB messages on each connection until the other end has stopped reading. */
  async flood() {
    const { sent } = message(1024);
    const chunk = Buffer.concat(Array.from({ length: 64 }, () => sent));
    let taken = -1;
    for (const socket of sockets) {
      const more = () => {
        while (socket.writableLength < 256 * 1024 && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    }
    const total = () =>
      sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
    while (taken !== total()) {
      taken = total();
      await sleep(500);
    }
  },
});
