import { constants } from 'node:crypto';
import { once } from 'node:events';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { encodeAnyFrame } from '../../src/frame/index.js';
import {
  type AttachedServer,
  type AttachOptions,
  attach,
  connect,
  type HandshakeError,
  PeerIdentityError,
  UsageError,
} from '../../src/index.js';
import { clientCredentials, RawPeer, rawClient, serverCredentials, until, upgradeRequest } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const attaching = suite('attach to an https.Server');

async function withAttached(
  options: Partial<AttachOptions>,
  use: (ends: { attached: AttachedServer; port: number; url: string; host: https.Server }) => Promise<void>,
  hostOptions: https.ServerOptions = {},
): Promise<void> {
  const host = https.createServer({ ...serverCredentials(), requestCert: true, ...hostOptions }, (_request, response) =>
    response.end('the page'),
  );
  host.on('tlsClientError', () => {});
  const attached = attach(host, { path: '/chat', ...options });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  const { port } = host.address() as AddressInfo;
  try {
    await use({ attached, port, host, url: `wss://localhost:${port}/chat` });
  } finally {
    await attached.close({ deadline: 0 });
    host.closeAllConnections();
    host.close();
  }
}

attaching('takes upgrades to its path, with frames in the first packet', async () => {
  await withAttached({ protocols: ['v1'] }, async ({ attached, port }) => {
    attached.on('connection', (connection, request) => {
      assert.is(request.path, '/chat?room=1');
      assert.is(connection.peer.subjectCommonName, 'device-7');
      connection.on('message', (data) => connection.send(data));
    });
    const peer = await rawClient(port);
    const hello = encodeAnyFrame({
      opcode: 1,
      payload: Buffer.from('hello'),
      maskingKey: Buffer.from('37fa213d', 'hex'),
    });
    peer.write(Buffer.concat([Buffer.from(upgradeRequest('/chat?room=1', ['Sec-WebSocket-Protocol: v1'])), hello]));
    assert.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 .*Sec-WebSocket-Protocol: v1/s);
    assert.equal(await peer.read(7), Buffer.from('810568656c6c6f', 'hex'));
    peer.socket.destroy();
  });
});

attaching('counts connections and refusals', async () => {
  await withAttached({ authorize: ({ path }) => path === '/chat' }, async ({ attached, url }) => {
    const near = await connect(url, clientCredentials());
    await connect(`${url}?room=1`, clientCredentials()).catch(() => {});
    await near.close();
    await until(() => attached.statistics.open === 0);
    const { handshakes, connections, refusals, closes } = attached.statistics;
    assert.equal(
      { handshakes, connections, refusals, closes },
      { handshakes: 2, connections: 1, refusals: { 'not-authorized': 1 }, closes: { 1000: 1 } },
    );
  });
});

attaching('leaves the rest of the server alone, and answers 404 to upgrades that nobody takes', async () => {
  await withAttached({}, async ({ port, url, host }) => {
    const page = await rawClient(port);
    page.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match((await page.readAll()).toString(), /the page$/m);
    await connect(url.replace('/chat', '/other'), clientCredentials()).then(
      () => assert.unreachable(),
      (error: HandshakeError) => assert.is(error.httpStatus, 404),
    );
    const taken = once(host, 'upgrade');
    host.on('upgrade', (_request, socket) => socket.destroy());
    const other = await rawClient(port);
    other.write(upgradeRequest('/other'));
    await taken;
    assert.is((await other.readAll()).length, 0, 'another listener decides');
  });
});

attaching('refuses as our own server does', async () => {
  await withAttached(
    { authorize: ({ peer }) => peer.subjectCommonName === 'admin' },
    async ({ attached, url, port }) => {
      const refused = once(attached, 'refused');
      await connect(url, clientCredentials()).then(
        () => assert.unreachable(),
        (error: HandshakeError) => assert.is(error.httpStatus, 403),
      );
      assert.is((await refused)[0].error.code, 'not-authorized');
      const peer = await rawClient(port);
      peer.write(upgradeRequest('/chat').replace('Version: 13', 'Version: 8'));
      assert.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 426 /);
      peer.socket.destroy();
    },
  );
});

attaching('lets only verified clients in', async () => {
  await withAttached({}, async ({ url }) => {
    const { otherCa } = kit().clients;
    await connect(url, { ...clientCredentials(), cert: otherCa.cert, key: otherCa.key }).then(
      () => assert.unreachable(),
      (error) => assert.instance(error, PeerIdentityError),
    );
  });
});

attaching('runs the gate: a resumed session is refused (M3, M9)', async () => {
  await withAttached({}, async ({ attached, port }) => {
    let refusals = 0;
    attached.on('refused', ({ error }) => {
      assert.is(error.code, 'session-resumed');
      refusals++;
    });
    const first = await rawClient(port);
    const session = once(first.socket, 'session');
    first.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [ticket] = (await session) as [Buffer];
    const second = await rawClient(port, { session: ticket });
    assert.ok(second.socket.isSessionReused(), 'the https.Server of Node resumes by default');
    second.write(upgradeRequest('/chat'));
    const answer = (await new RawPeer(second.socket).readAll()).toString();
    assert.match(answer, /^HTTP\/1\.1 403 .*the TLS session was resumed.*connect with a full handshake/s);
    assert.is(refusals, 1);
    first.socket.destroy();
  });
});

attaching('cuts a client that was answered and stays', async () => {
  await withAttached({ closeDeadline: 50 }, async ({ host, port }) => {
    const arrived = once(host, 'secureConnection');
    const peer = await rawClient(port, { allowHalfOpen: true } as never);
    const [accepted] = (await arrived) as [Socket];
    const closed = once(accepted, 'close');
    peer.write(upgradeRequest('/other'));
    assert.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 404 /);
    await closed;
    peer.socket.destroy();
  });
});

attaching('takes a client that comes again, where the server hands out no tickets', async () => {
  const noTickets = { secureOptions: constants.SSL_OP_NO_TICKET };
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const use = async ({ port }: { port: number }): Promise<void> => {
      let session: Buffer | undefined;
      for (let count = 0; count < 2; count++) {
        const peer = await rawClient(port, { session, maxVersion, minVersion: 'TLSv1.2' });
        peer.socket.on('session', (ticket) => {
          session = ticket;
        });
        peer.write(upgradeRequest('/chat'));
        assert.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 /);
        session ??= peer.socket.getSession();
        peer.socket.destroy();
      }
      assert.ok(session !== undefined);
    };
    await withAttached({}, use, { ...noTickets, minVersion: 'TLSv1.2' });
  }
});

attaching('closes its connections, and takes no more', async () => {
  await withAttached({}, async ({ attached, url, host }) => {
    const near = await connect(url, clientCredentials());
    near.on('message', () => {});
    await attached.close();
    assert.is((await near.closed).code, 1001);
    assert.is(attached.connections.size, 0);
    assert.is(host.listenerCount('upgrade'), 0);
  });
});

attaching('throws unless the server verifies its clients (M6)', () => {
  const credentials = serverCredentials();
  const wrong: https.ServerOptions[] = [
    {},
    credentials,
    { ...credentials, requestCert: true, rejectUnauthorized: false },
    { ...credentials, requestCert: 1 as never },
    { ...credentials, requestCert: 'true' as never },
    { ...credentials, requestCert: true, ca: undefined },
    { ...credentials, requestCert: true, ca: [] },
  ];
  for (const options of wrong) {
    assert.throws(
      () => attach(https.createServer(options), { path: '/' }),
      (error: unknown) => error instanceof UsageError && error.code === 'attach-unverified',
      JSON.stringify(Object.keys(options)),
    );
  }
  assert.throws(
    () => attach(undefined as never, { path: '/' }),
    (error: unknown) => error instanceof UsageError,
  );
  const good = https.createServer({ ...credentials, requestCert: true });
  assert.throws(
    () => attach(good, { path: '/', autorize: () => false } as never),
    (error: unknown) => error instanceof UsageError && error.code === 'option-unknown',
  );
  for (const path of [undefined, 'chat', '/chat?x']) {
    assert.throws(
      () => attach(good, { path } as never),
      (error: unknown) => error instanceof UsageError && error.option === 'path',
    );
  }
});

attaching.run();
