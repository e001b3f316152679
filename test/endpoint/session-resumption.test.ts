import { once } from 'node:events';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import {
  anyVerifiedPeer,
  type Connection,
  type ConnectOptions,
  connect,
  createServer,
  noCertificate,
  type Refusal,
  type Server,
  type ServerOptions,
  UsageError,
} from '../../src/index.js';
import { parseCertificate } from '../../src/tls/index.js';
import { createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { clientCredentials, serverCredentials, switching, upgradeRequest } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

type Version = 'TLSv1.3' | 'TLSv1.2';
const versions = ['TLSv1.3', 'TLSv1.2'] as const;

interface Visit {
  /** `101`, `403` …; `refused` when the server ended without an answer. */
  readonly answer: string;
  readonly reused: boolean;
  /** The newest session. */
  readonly session: Buffer | undefined;
}

/** Connects with Node's own client, which offers any session to anybody. */
async function visit(
  port: number,
  maxVersion: Version,
  options: { session?: Buffer | undefined; shown?: IssuedCertificate | undefined; servername?: string } = {},
): Promise<Visit> {
  const { session, servername = 'localhost' } = options;
  const shown = 'shown' in options ? options.shown : kit().clients.good;
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port, servername, ca: kit().ca.cert, minVersion: 'TLSv1.2', maxVersion, session },
    ...(shown && { cert: shown.cert, key: shown.key }),
    checkServerIdentity: () => undefined,
  });
  let newest: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    newest = given;
  });
  socket.on('error', () => {});
  socket.once('secureConnect', () => socket.write(upgradeRequest('/').replace('localhost', servername)));
  const answer = await Promise.race([
    once(socket, 'data').then(([data]) => String(data).slice(9, 12)),
    once(socket, 'close').then(() => 'refused'),
  ]).catch(() => 'refused');
  const reused = answer === 'refused' ? false : socket.isSessionReused();
  const kept = newest ?? (answer === 'refused' ? undefined : socket.getSession());
  socket.destroy();
  return { answer, reused, session: kept };
}

interface Running {
  readonly server: Server;
  readonly port: number;
  readonly refused: Refusal[];
}

async function withServer(options: Partial<ServerOptions>, use: (running: Running) => Promise<void>): Promise<void> {
  const server = createServer({ ...serverCredentials(), minVersion: 'TLSv1.2', ...options });
  const refused: Refusal[] = [];
  server.on('refused', (refusal) => refused.push(refusal));
  const { port } = await server.listen({ port: 0 });
  try {
    await use({ server, port, refused });
  } finally {
    await server.close({ deadline: 0 });
  }
}

const server = suite('session resumption at the server (RFC 8446 §2.2, RFC 5077)');

server('resumes nothing unless it is told to', async () => {
  for (const version of versions) {
    await withServer({}, async ({ port }) => {
      const { session } = await visit(port, version);
      assert.equal(await visit(port, version, { session }).then(({ answer, reused }) => [answer, reused]), [
        '101',
        false,
      ]);
    });
  }
});

server('resumes a session, knows who it is, and asks the rules again', async () => {
  for (const version of versions) {
    const seen: unknown[] = [];
    const authorize: ServerOptions['authorize'] = ({ peer, serverName }) => {
      seen.push([peer.subjectCommonName, peer.tls.resumed, serverName]);
      return seen.length < 3;
    };
    await withServer({ sessionResumption: true, authorize }, async ({ port }) => {
      const first = await visit(port, version);
      const second = await visit(port, version, { session: first.session });
      assert.equal([second.answer, second.reused], ['101', true], version);
      const third = await visit(port, version, { session: second.session });
      assert.equal([third.answer, third.reused], ['403', true], version);
    });
    assert.equal(seen, [
      ['device-7', false, 'localhost'],
      ['device-7', true, 'localhost'],
      ['device-7', true, 'localhost'],
    ]);
  }
});

server('compares Host with the name of the handshake on a resumed session, too (M2)', async () => {
  for (const version of versions) {
    await withServer({ sessionResumption: true }, async ({ port }) => {
      const { session } = await visit(port, version);
      const socket = tls.connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ...clientCredentials(),
        maxVersion: version,
        minVersion: 'TLSv1.2',
        session,
      });
      await once(socket, 'secureConnect');
      socket.write(upgradeRequest('/').replace('Host: localhost', 'Host: other.example'));
      const [data] = await once(socket, 'data');
      assert.is(socket.isSessionReused(), true);
      assert.match(String(data), /^HTTP\/1\.1 421 /);
      socket.destroy();
    });
  }
});

server('refuses a session that was made without a certificate, where one is required (M3)', async () => {
  const secret = Buffer.alloc(32, 5);
  for (const version of versions) {
    let session: Buffer | undefined;
    // Both share their keys.
    const lax = createServer({
      ...{ ...serverCredentials(), minVersion: 'TLSv1.2', sessionResumption: { secret } },
      ...{ clientCertificate: 'optional', authorize: noCertificate() },
    });
    const { port: laxPort } = await lax.listen({ port: 0 });
    ({ session } = await visit(laxPort, version, { shown: undefined }));
    assert.ok(session, version);
    const again = await visit(laxPort, version, { shown: undefined, session });
    assert.equal([again.answer, again.reused], ['101', true], 'it does work where none is required');
    await lax.close({ deadline: 0 });
    for (const explainRefusals of [false, true]) {
      await withServer({ sessionResumption: { secret }, explainRefusals }, async ({ port, refused }) => {
        const { answer } = await visit(port, version, { shown: undefined, session });
        assert.is(answer, explainRefusals ? '403' : 'refused');
        assert.is(refused[0]!.error.code, 'certificate-missing');
      });
    }
  }
});

server(
  'does a full handshake once the CAs have changed, and refuses whom they do not verify any more (M4)',
  async () => {
    const other = createAuthority({ commonName: 'Other CA' });
    for (const version of versions) {
      for (const secret of [undefined, Buffer.alloc(32, 6)]) {
        const sessionResumption = secret === undefined ? true : { secret };
        await withServer({ sessionResumption }, async ({ port, server, refused }) => {
          const { session } = await visit(port, version);
          assert.is((await visit(port, version, { session })).reused, true);
          const { ca, cert, key } = serverCredentials();
          await server.update({ ca: [ca, other.cert], cert, key });
          const wider = await visit(port, version, { session });
          assert.equal([wider.answer, wider.reused], ['101', false]);
          assert.is((await visit(port, version, { session: wider.session })).reused, true);
          await server.update({ ca: other.cert, cert, key });
          for (const old of [session, wider.session]) {
            assert.is((await visit(port, version, { session: old })).answer, 'refused');
            assert.is(refused.pop()!.error.code, 'certificate-untrusted');
          }
        });
      }
    }
  },
);

server('does a full handshake once there is a revocation list, and refuses whom it names (M4)', async () => {
  const ca = createAuthority({ commonName: 'Revoking CA' });
  const { cert, key } = serverCredentials();
  const [lost, kept] = ['lost device', 'kept device'].map((commonName) => ca.issue({ commonName, kind: 'client' }));
  const { serialNumber } = parseCertificate(lost!.der);
  const crl = ca.revocationList({ revoked: [{ serialNumber }] }).pem;
  for (const version of versions) {
    await withServer({ sessionResumption: true, ca: ca.cert }, async ({ port, server, refused }) => {
      const sessions = [await visit(port, version, { shown: lost }), await visit(port, version, { shown: kept })];
      await server.update({ ca: ca.cert, cert, key, crl });
      assert.is((await visit(port, version, { shown: lost, session: sessions[0]!.session })).answer, 'refused');
      assert.is(refused[0]!.error.code, 'certificate-revoked');
      const again = await visit(port, version, { shown: kept, session: sessions[1]!.session });
      assert.equal([again.answer, again.reused], ['101', false]);
      const resumed = await visit(port, version, { shown: kept, session: again.session });
      assert.equal([resumed.answer, resumed.reused], ['101', true]);
    });
  }
});

server('does a full handshake once the rules have changed', async () => {
  for (const version of versions) {
    await withServer({ sessionResumption: true }, async ({ port, server }) => {
      const { session } = await visit(port, version);
      await server.update({ authorize: [anyVerifiedPeer()] });
      const again = await visit(port, version, { session });
      assert.equal([again.answer, again.reused], ['101', false]);
    });
  }
});

server('refuses a session whose certificate has expired since (M4)', async () => {
  const once = async (version: Version): Promise<void> => {
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const shown = kit().ca.issue({ commonName: 'brief device', kind: 'client', notAfter });
    await withServer({ sessionResumption: true }, async ({ port, refused }) => {
      const first = await visit(port, version, { shown });
      assert.is(first.answer, '101');
      while (Date.now() <= notAfter.getTime() + 5) await new Promise((resolve) => setTimeout(resolve, 20));
      const again = await visit(port, version, { shown, session: first.session });
      assert.is(again.answer, 'refused', version);
      assert.is(refused[0]!.error.code, 'certificate-expired');
    });
  };
  await Promise.all(versions.map(once));
});

server('resumes at another process with the same secret, as long as both trust the same', async () => {
  const secret = Buffer.alloc(48, 7);
  const other = createAuthority({ commonName: 'Other CA' });
  const { ca } = serverCredentials();
  const differences: ReadonlyArray<readonly [what: string, options: Partial<ServerOptions>, reused: boolean]> = [
    ['nothing', {}, true],
    ['its own certificate', { cert: kit().servers.rsa.cert, key: kit().servers.rsa.key }, true],
    ['its secret', { sessionResumption: { secret: Buffer.alloc(48, 8) } }, false],
    ['its CAs', { ca: [ca, other.cert] }, false],
    ['what a certificate needs', { requireClientAuthEku: true }, false],
    ['the lowest version', { minVersion: 'TLSv1.3' }, false],
  ];
  for (const version of versions) {
    await withServer({ sessionResumption: { secret } }, async ({ port }) => {
      const { session } = await visit(port, version);
      for (const [what, options, reused] of differences) {
        if (options.minVersion === 'TLSv1.3' && version === 'TLSv1.2') continue;
        await withServer({ sessionResumption: { secret }, ...options }, async ({ port: second }) => {
          assert.is((await visit(second, version, { session })).reused, reused, `${version}: ${what}`);
        });
      }
    });
  }
});

server('takes no secret that is too short (M6)', () => {
  for (const sessionResumption of [
    { secret: Buffer.alloc(31) },
    { secret: 'x'.repeat(32) },
    { ticketKeys: 1 },
    'yes',
    1,
    null,
  ]) {
    assert.throws(
      () => createServer({ ...serverCredentials(), sessionResumption: sessionResumption as never }),
      (error: unknown) => error instanceof UsageError && /sessionResumption|ticketKeys/.test(error.option ?? ''),
    );
  }
});

server.run();

const client = suite('session resumption at the client');

/** Connects with our own client, waits for the ticket, and says whether a session was resumed. */
async function come(url: string, options: Partial<ConnectOptions> = {}): Promise<boolean> {
  const connection: Connection = await connect(url, {
    ...{ ...clientCredentials(), minVersion: 'TLSv1.2', sessionResumption: true },
    ...options,
  });
  connection.on('message', () => {});
  // Tickets of TLS 1.3 come with the first data.
  await connection.close();
  assert.is(connection.peer.subjectCommonName, 'server');
  return connection.peer.tls.resumed;
}

client('resumes if both ends say so, each ticket once, and knows who the server is', async () => {
  await withServer({ sessionResumption: true }, async ({ port }) => {
    const url = `wss://localhost:${port}/`;
    assert.is(await come(url), false);
    // OpenSSL sends two tickets with a full handshake, and none with a resumed one.
    assert.is(await come(url), true);
    assert.is(await come(url), true);
    assert.is(await come(url), false);
    assert.is(await come(url, { sessionResumption: false }), false);
    assert.is(await come(url), true);
  });
  await withServer({}, async ({ port }) => {
    const url = `wss://localhost:${port}/`;
    assert.is(await come(url), false);
    assert.is(await come(url), false);
  });
});

for (const version of versions) {
  client(`begins anew for another name, another CA and another certificate, in ${version} (M9)`, async () => {
    const use = async (url: string): Promise<void> => {
      const { cert, key } = kit().clients.rsa;
      const bundle = `${kit().ca.cert}${createAuthority().cert}`;
      const others: ReadonlyArray<readonly [string, Partial<ConnectOptions>]> = [
        [url.replace('localhost', '127.0.0.1'), {}],
        [url, { servername: '127.0.0.1' }],
        [url, { ca: bundle }],
        [url, { cert, key }],
      ];
      assert.equal([await come(url), await come(url)], [false, true]);
      for (const [otherUrl, options] of others) {
        await come(url);
        assert.is(await come(otherUrl, options), false, `${otherUrl} ${Object.keys(options)}`);
      }
    };
    if (version === 'TLSv1.2') await withTls12(use);
    else await withServer({ sessionResumption: true }, ({ port }) => use(`wss://localhost:${port}/`));
  });
}

client('resumes with TLS 1.2 as often as the ticket is good', async () => {
  await withTls12(async (url) => {
    assert.equal([await come(url), await come(url), await come(url)], [false, true, true]);
  });
});

client('refuses a server whose certificate has expired since its session was made (M4)', async () => {
  const once = async (protocol: Version): Promise<void> => {
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const { cert, key } = kit().ca.issue({ commonName: 'server', kind: 'server', hosts: ['localhost'], notAfter });
    const use = async (url: string): Promise<void> => {
      assert.is(await come(url), false);
      while (Date.now() <= notAfter.getTime() + 5) await new Promise((resolve) => setTimeout(resolve, 20));
      const error = await come(url).catch((reason: unknown) => reason);
      assert.is((error as { code?: string }).code, 'certificate-expired', protocol);
      assert.match(String(error), /the server's certificate was refused: the certificate has expired/);
    };
    if (protocol === 'TLSv1.2') await withTls12(use, { cert, key });
    else await withServer({ sessionResumption: true, cert, key }, ({ port }) => use(`wss://localhost:${port}/`));
  };
  await Promise.all(versions.map(once));
});

client.run();

/** Runs `use` with a WebSocket server on Node's own `tls.Server` of TLS 1.2, which answers a close frame with one. */
async function withTls12(
  use: (url: string) => Promise<void>,
  shown: { cert?: string; key?: string } = {},
): Promise<void> {
  const { acceptFor } = await import('../../src/handshake/index.js');
  const server = tls.createServer(
    { ...serverCredentials(), ...shown, requestCert: true, maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] },
    (socket) => {
      socket.on('error', () => {});
      socket.once('data', (head: Buffer) => {
        socket.write(switching(acceptFor(/sec-websocket-key: (.*)\r\n/i.exec(head.toString())![1]!)));
        socket.once('data', () => socket.end(Buffer.of(0x88, 2, 3, 0xe8)));
      });
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`wss://localhost:${(server.address() as { port: number }).port}/`);
  } finally {
    server.close();
  }
}
