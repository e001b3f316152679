import type { TlsOptions } from 'node:tls';
import * as assert from 'uvu/assert';
import { readServerFlight } from '../../../src/tls/doctor/server-flight.js';
import { type Observation, observe } from '../../../src/tls/observation.js';
import { kit } from '../../support/kit.js';
import { suite } from '../../support/suite.js';
import { withTlsServer } from '../../support/tls-ends.js';

async function record(options: TlsOptions): Promise<Observation> {
  let seen: Observation | undefined;
  const { ca, servers } = kit();
  const { cert, key } = servers.throughIntermediate;
  await withTlsServer(
    { ca: ca.cert, cert, key, ...options },
    () => {},
    async (port) => {
      seen = await observe({ host: '127.0.0.1', port, serverName: 'localhost', timeout: 10_000 });
    },
  );
  return seen!;
}

const flight = suite("the server's flight (RFC 8446 §4, RFC 5246 §7.4)");

/** Every cipher suite of TLS 1.3 that the client offers, a second flight after HelloRetryRequest, and TLS 1.2. */
const variants: Readonly<Record<string, TlsOptions>> = {
  TLS_AES_128_GCM_SHA256: { ciphers: 'TLS_AES_128_GCM_SHA256' },
  TLS_AES_256_GCM_SHA384: { ciphers: 'TLS_AES_256_GCM_SHA384' },
  TLS_CHACHA20_POLY1305_SHA256: { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
  'TLS 1.3 after HelloRetryRequest': { ecdhCurve: 'P-521' },
  'TLS 1.2': { maxVersion: 'TLSv1.2' },
};

for (const [name, options] of Object.entries(variants)) {
  flight(`shows the chain and the certificate request (${name})`, async () => {
    const { recorded, handshakeSecret } = await record({ ...options, requestCert: true });
    const { chain, certificateRequest, isComplete } = readServerFlight(recorded, handshakeSecret);
    const { throughIntermediate } = kit().servers;
    assert.ok(isComplete);
    // Node sends the root that it has in `ca` too.
    assert.equal(chain.slice(0, 2), throughIntermediate.chain);
    assert.equal(
      certificateRequest?.authorities.map(({ text }) => text),
      ['CN=Test CA'],
    );
  });

  flight(`shows that no certificate is requested (${name})`, async () => {
    const { recorded, handshakeSecret } = await record({ ...options, requestCert: false });
    const { chain, certificateRequest, isComplete } = readServerFlight(recorded, handshakeSecret);
    assert.is(chain.length >= 2, true);
    assert.is(certificateRequest, undefined);
    assert.ok(isComplete);
  });
}

flight('shows that a request names no CA', async () => {
  const { recorded, handshakeSecret } = await record({ ca: undefined, requestCert: true, rejectUnauthorized: false });
  const { certificateRequest } = readServerFlight(recorded, handshakeSecret);
  assert.ok(certificateRequest !== undefined);
});

for (const [name, options] of Object.entries({ 'TLS 1.3': {}, 'TLS 1.2': { maxVersion: 'TLSv1.2' } as const })) {
  flight(`is read as far as it goes, wherever it is cut or spoilt (${name})`, async () => {
    const { recorded, handshakeSecret } = await record({ ...options, requestCert: true });
    for (let at = 0; at < recorded.length; at++) {
      const cut = readServerFlight(recorded.subarray(0, at), handshakeSecret);
      assert.ok(cut.chain.length <= 3);
      const spoilt = Buffer.from(recorded);
      spoilt[at]! ^= 0xff;
      readServerFlight(spoilt, handshakeSecret);
    }
    assert.equal(readServerFlight(Buffer.alloc(0), undefined), {
      chain: [],
      certificateRequest: undefined,
      isComplete: false,
    });
  });
}

/** The same messages in records of at most `size` octets of content; those of the handshake are in the clear. */
function inSmallRecords(recorded: Buffer, size: number): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < recorded.length; at += 5 + recorded.readUInt16BE(at + 3)) {
    const content = recorded.subarray(at + 5, at + 5 + recorded.readUInt16BE(at + 3));
    for (let from = 0; from < content.length; from += size) {
      const part = content.subarray(from, from + size);
      const header = Buffer.from(recorded.subarray(at, at + 5));
      header.writeUInt16BE(part.length, 3);
      records.push(header, part);
    }
  }
  return Buffer.concat(records);
}

flight('is the same however it is cut into records (RFC 5246 §6.2.1)', async () => {
  const { recorded } = await record({ maxVersion: 'TLSv1.2', requestCert: true });
  const whole = readServerFlight(recorded, undefined);
  assert.ok(whole.isComplete);
  for (const size of [1, 2, 3, 100, 1_000]) {
    assert.equal(readServerFlight(inSmallRecords(recorded, size), undefined), whole);
  }
});

flight('is not read with the secret of another handshake', async () => {
  const { recorded } = await record({ requestCert: true });
  const { handshakeSecret } = await record({ requestCert: true });
  const { chain, isComplete } = readServerFlight(recorded, handshakeSecret);
  assert.equal([chain.length, isComplete], [0, false]);
});

flight.run();
