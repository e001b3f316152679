/**
 * Certificates that no TLS library would load, in a TLS 1.2 handshake: the Certificate message of one end is replaced on its
 * way, where it is not encrypted.
 */
import { Buffer } from 'node:buffer';
import * as net from 'node:net';
import { withTcpServer } from './tls-ends.js';

const changeCipherSpecRecord = 20;
const handshakeRecord = 22;
const certificateMessage = 11;

/** Runs `use` with the port of a relay to `port`, in which the Certificate message (RFC 5246 §7.4.2) of `end` shows `chain`. */
export async function withSwappedCertificate(
  port: number,
  end: 'client' | 'server',
  chain: readonly Buffer[],
  use: (relay: number) => Promise<void>,
): Promise<void> {
  await withTcpServer((near) => {
    const far = net.connect({ port, host: '127.0.0.1' });
    far.on('error', () => near.destroy());
    far.on('close', () => near.destroy());
    near.on('close', () => far.destroy());
    const [from, to] = end === 'client' ? [near, far] : [far, near];
    to.pipe(from);
    let held: Buffer = Buffer.alloc(0);
    let isEncrypted = false;
    from.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 5 && held.length >= 5 + held.readUInt16BE(3)) {
        const length = 5 + held.readUInt16BE(3);
        isEncrypted ||= held[0] === changeCipherSpecRecord;
        const record = held.subarray(0, length);
        to.write(isEncrypted || record[0] !== handshakeRecord ? record : swapped(record, chain));
        held = held.subarray(length);
      }
    });
  }, use);
}

/** @param record of whole handshake messages */
function swapped(record: Buffer, chain: readonly Buffer[]): Buffer {
  const messages: Buffer[] = [];
  for (let at = 5; at < record.length; ) {
    const end = at + 4 + record.readUIntBE(at + 1, 3);
    messages.push(record[at] === certificateMessage ? certificateOf(chain) : record.subarray(at, end));
    at = end;
  }
  const content = Buffer.concat(messages);
  const header = Buffer.from(record.subarray(0, 5));
  header.writeUInt16BE(content.length, 3);
  return Buffer.concat([header, content]);
}

function certificateOf(chain: readonly Buffer[]): Buffer {
  const list = withLength(Buffer.concat(chain.map(withLength)));
  return Buffer.concat([Buffer.from([certificateMessage]), withLength(list)]);
}

function withLength(octets: Buffer): Buffer {
  const length = Buffer.alloc(3);
  length.writeUIntBE(octets.length, 0, 3);
  return Buffer.concat([length, octets]);
}
