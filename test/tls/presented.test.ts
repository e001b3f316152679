import { once } from 'node:events';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { readPresented } from '../../src/tls/presented.js';
import { leafOfSession } from '../../src/tls/undocumented.js';
import { clientCredentials, serverCredentials, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import { versions } from '../support/tls-ends.js';

const test = suite('what a peer presented (RFC 8446 §4.4.2)');

interface Ends {
  readonly server: tls.TLSSocket;
  readonly client: tls.TLSSocket;
  /** Those that the client may resume, so far. */
  readonly sessions: readonly Buffer[];
}

/** Calls `use` with both ends of a TLS connection, once their handshake is complete. */
async function withEnds(
  version: tls.SecureVersion,
  options: tls.ConnectionOptions,
  use: (ends: Ends) => void | Promise<void>,
  listening?: tls.Server,
): Promise<void> {
  const server =
    listening ??
    tls.createServer({
      ...serverCredentials(),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      sessionIdContext: 'presented',
    });
  if (listening === undefined) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
  const client = tls.connect({ ...clientCredentials(), host: '127.0.0.1', port, servername: 'localhost', ...options });
  const sessions: Buffer[] = [];
  client.on('session', (session) => sessions.push(session));
  try {
    const [[near]] = await Promise.all([accepted, once(client, 'secureConnect')]);
    near.on('error', () => {});
    await use({ server: near, client, sessions });
  } finally {
    client.destroy();
    if (listening === undefined) {
      server.close();
      await once(server, 'close');
    }
  }
}

for (const version of versions) {
  test(`is in the session of ${version} as getPeerCertificate gives it`, async () => {
    for (const { cert, key } of [kit().clients.good, kit().clients.rsa, kit().clients.twoUris]) {
      await withEnds(version, { cert, key }, ({ server }) => {
        const leaf = leafOfSession(server)!;
        assert.is(leaf.toString('hex'), server.getPeerCertificate(false).raw.toString('hex'));
        assert.is(leaf.buffer.byteLength, leaf.length, 'memory of its own, without the secret beside it');
      });
    }
  });

  test(`is in a session of ${version} that was resumed`, async () => {
    await withEnds(version, {}, async (first) => {
      first.server.write('for the tickets before it');
      await once(first.client, 'data');
      await until(() => first.sessions.length > 0);
      const { server } = first.server as unknown as { server: tls.Server };
      await withEnds(
        version,
        { session: first.sessions.at(-1)! },
        (second) => {
          assert.ok(second.server.isSessionReused());
          assert.is(leafOfSession(second.server)?.toString('hex'), kit().clients.good.der.toString('hex'));
        },
        server,
      );
    });
  });

  test(`is nothing when a client of ${version} has no certificate`, async () => {
    await withEnds(version, { cert: undefined, key: undefined }, ({ server }) => {
      assert.is(leafOfSession(server), undefined);
      assert.is(
        readPresented(server, 10, undefined, () => ({ rsaBits: undefined })),
        undefined,
      );
    });
  });
}

test('is asked for in another way where the session is not as OpenSSL writes it', () => {
  const { der } = kit().clients.good;
  const sessions = [
    undefined,
    '',
    '30',
    '3000',
    '3003020101',
    `30820fff${der.toString('hex')}`,
    '3003a30230',
    '3002a301',
  ];
  for (const hex of sessions) {
    const session = hex === undefined ? undefined : Buffer.from(hex, 'hex');
    const socket = { getSession: () => session, getPeerCertificate: () => ({ raw: der }) } as unknown as tls.TLSSocket;
    assert.is(leafOfSession(socket), undefined, hex);
    const seen = readPresented(socket, 10, undefined, () => ({ rsaBits: 2048 }));
    assert.equal(seen, { chain: [der], length: 1, rsaBits: 2048 });
  }
});

test('does not leave the secret of the session in memory', () => {
  const session = Buffer.from('30090402feeda303300102', 'hex');
  const socket = { getSession: () => session } as unknown as tls.TLSSocket;
  assert.equal(leafOfSession(socket)?.toString('hex'), '300102');
  assert.ok(session.every((byte) => byte === 0));
});

test.run();
