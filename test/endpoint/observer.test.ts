import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { attach, connect, createServer, type Observations, observe, type ServerStatistics } from '../../src/index.js';
import { clientCredentials, serverCredentials, startServer, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

type Name = keyof Observations;
const names: readonly Name[] = ['handshake', 'refused', 'open', 'close', 'expelled', 'reload'];

/** Runs `use` with everything that is published meanwhile, as `name role`, and the messages. */
async function watching(
  use: (seen: { names: string[]; messages: Partial<Record<string, Record<string, unknown>[]>> }) => Promise<void>,
): Promise<void> {
  const seen = { names: [] as string[], messages: {} as Partial<Record<string, Record<string, unknown>[]>> };
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const key = `${name} ${(message as { role: string }).role}`;
      seen.names.push(key);
      seen.messages[key] = [...(seen.messages[key] ?? []), message as Record<string, unknown>];
    };
    subscribe(`mtls-ws:${name}`, listener);
    return { name, listener };
  });
  try {
    await use(seen);
  } finally {
    for (const { name, listener } of listeners) unsubscribe(`mtls-ws:${name}`, listener);
  }
}

const channels = suite('events on node:diagnostics_channel');

channels('tells of a connection at both ends, from handshake to close', async () => {
  await watching(async ({ names, messages }) => {
    const { server, url } = await startServer();
    const near = await connect(url, clientCredentials());
    await near.close();
    await until(() => names.includes('close server'));
    await server.close();
    for (const role of ['server', 'client']) {
      const own = names.filter((name) => name.endsWith(role));
      assert.equal(own, [`handshake ${role}`, `open ${role}`, `close ${role}`]);
    }
    const [handshake] = messages['handshake server']!;
    assert.is((handshake!['peer'] as { subjectCommonName: string }).subjectCommonName, 'device-7');
    assert.is((handshake!['tls'] as { protocol: string }).protocol, 'TLSv1.3');
    assert.is((messages['open server']![0]!['request'] as { path: string }).path, '/');
    assert.is((messages['close client']![0]!['event'] as { code: number }).code, 1000);
  });
});

channels('tells of a refusal at both ends, with its reason', async () => {
  await watching(async ({ messages }) => {
    const { server, url } = await startServer();
    const { cert, key } = kit().clients.expired;
    await connect(url, { ...clientCredentials(), cert, key }).catch(() => {});
    await server.close();
    const code = (name: string) => (messages[name]![0]!['error'] as { code: string }).code;
    assert.is(code('refused server'), 'certificate-expired');
    assert.is(code('refused client'), 'certificate-refused');
    assert.match(messages['refused server']![0]!['presented'] as string, /CN=expired device/);
  });
});

channels('tells of other credentials, and of who is expelled because of them', async () => {
  await watching(async ({ names, messages }) => {
    const { server, url } = await startServer();
    const near = await connect(url, clientCredentials());
    const { ca, cert, key } = serverCredentials();
    await server.update({ ca, cert, key });
    await server.update({ authorize: [] });
    await near.closed;
    await server.close();
    assert.is(names.filter((name) => name === 'reload server').length, 2);
    assert.is((messages['expelled server']![0]!['error'] as { code: string }).code, 'not-authorized');
  });
});

channels('is subscribed to with the types of its messages, until that is ended', async () => {
  const codes: unknown[] = [];
  const stop = observe('refused', ({ role, error, peer, target, host }) =>
    codes.push([role, error.code, peer?.subjectCommonName, target, host]),
  );
  const { server, url, port } = await startServer({ authorize: [] });
  await connect(`${url}room?x=1`, clientCredentials()).catch(() => {});
  stop();
  await connect(url, clientCredentials()).catch(() => {});
  await server.close();
  assert.equal(codes, [
    ['server', 'not-authorized', 'device-7', '/room?x=1', `localhost:${port}`],
    ['client', 'http-status', undefined, undefined, undefined],
  ]);
});

channels.run();

const counters = suite('the counters of a server');

counters('count what happened, and nothing else', async () => {
  const server = createServer({
    ...serverCredentials(),
    sessionResumption: true,
    authorize: ({ path }) => path !== '/no',
  });
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const url = `wss://localhost:${port}`;
  const options = { ...clientCredentials(), sessionResumption: true };
  const count = (over: Partial<ServerStatistics>): void => {
    const statistics = server.statistics;
    for (const [name, value] of Object.entries(over))
      assert.equal(statistics[name as keyof ServerStatistics], value, name);
  };
  count({ handshakes: 0, open: 0, connections: 0, refusals: {}, closes: {}, messagesReceived: 0, bytesSent: 0 });

  const first = await connect(url, options);
  for (const data of ['text', Buffer.alloc(1000)]) {
    first.send(data);
    await once(first, 'message');
  }
  // Frames: 4 + 1000 bytes of payload, 6 and 8 of header with a masking key, 2 and 4 without.
  count({
    handshakes: 1,
    open: 1,
    connections: 1,
    messagesReceived: 2,
    messagesSent: 2,
    bytesReceived: 1018,
    bytesSent: 1010,
  });
  assert.equal(first.traffic, { messagesReceived: 2, messagesSent: 2, bytesReceived: 1010, bytesSent: 1018 });
  await first.close(3001);
  await until(() => server.statistics.open === 0);
  count({ closes: { 3001: 1 }, messagesReceived: 2, bytesReceived: 1018 + 8, bytesSent: 1010 + 4 });

  const second = await connect(url, options);
  second.terminate();
  await until(() => server.statistics.open === 0);
  await connect(`${url}/no`, options).catch(() => {});
  const { cert, key } = kit().clients.otherCa;
  for (let times = 0; times < 2; times++) await connect(url, { ...options, cert, key }).catch(() => {});
  await until(() => server.statistics.refusals['certificate-untrusted'] === 2);
  count({
    handshakes: 3,
    connections: 2,
    resumptions: 2,
    refusals: { 'not-authorized': 1, 'certificate-untrusted': 2 },
  });
  count({ closes: { 3001: 1, 1006: 1 } });

  await connect(url, options);
  await server.update({ authorize: [] });
  await until(() => server.statistics.open === 0);
  count({ expulsions: { 'not-authorized': 1 }, reloads: 1, failedReloads: 0, closes: { 3001: 1, 1006: 1, 1008: 1 } });
  await server.close();
});

counters('count at a server that is attached to, and channels tell of it', async () => {
  const host = https.createServer({ ...serverCredentials(), requestCert: true });
  const attached = attach(host, { path: '/chat', authorize: ({ headers }) => !headers.has('X-Refuse') });
  attached.on('connection', (connection) => connection.on('message', () => {}));
  await once(host.listen(0, '127.0.0.1'), 'listening');
  const url = `wss://localhost:${(host.address() as AddressInfo).port}/chat`;
  await watching(async ({ names }) => {
    const near = await connect(url, clientCredentials());
    near.send('text');
    await until(() => attached.statistics.messagesReceived === 1);
    await near.close(3001);
    await connect(url, { ...clientCredentials(), headers: { 'X-Refuse': '1' } }).catch(() => {});
    await until(() => attached.statistics.open === 0 && names.includes('refused server'));
    const own = names.filter((name) => name.endsWith('server'));
    assert.equal(
      own,
      ['handshake', 'open', 'close', 'handshake', 'refused'].map((name) => `${name} server`),
    );
  });
  const { handshakes, connections, closes, refusals } = attached.statistics;
  assert.equal(
    { handshakes, connections, closes, refusals },
    { handshakes: 2, connections: 1, closes: { 3001: 1 }, refusals: { 'not-authorized': 1 } },
  );
  await attached.close({ deadline: 0 });
  host.closeAllConnections();
  await new Promise((resolve) => host.close(resolve));
});

counters('count the messages of streams and of compression once', async () => {
  const { server, url } = await startServer({ perMessageDeflate: { threshold: 1 } });
  const received: unknown[] = [];
  server.on('connection', async (connection) => {
    for await (const message of connection.messages()) for await (const chunk of message) received.push(chunk);
  });
  const near = await connect(url, { ...clientCredentials(), perMessageDeflate: { threshold: 1 } });
  near.send('a'.repeat(100));
  near.send(Buffer.alloc(100_000));
  await near.sendMessage(['a', 'b', 'c']);
  await near.sendMessage([]);
  await until(() => server.statistics.messagesReceived === 4);
  assert.is(near.traffic.messagesSent, 4);
  assert.is(near.traffic.bytesSent, server.statistics.bytesReceived);
  await near.close();
  await server.close({ deadline: 0 });
});

counters.run();
