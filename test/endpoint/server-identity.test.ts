import * as assert from 'uvu/assert';
import {
  type ConnectOptions,
  connect,
  dnsSan,
  fingerprint,
  HandshakeError,
  PeerIdentityError,
  publicKeyPin,
  spiffeId,
  UsageError,
} from '../../src/index.js';
import { identityFromChain } from '../../src/tls/index.js';
import { clientCredentials, rawServer, startServer, switching, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const test = suite('which server is meant');

/** Connects, and returns the error, if any. */
async function attempt(url: string, options: Partial<ConnectOptions>): Promise<unknown> {
  try {
    (await connect(url, { ...clientCredentials(), ...options })).terminate();
    return undefined;
  } catch (error) {
    return error;
  }
}

test('talks to a server that a rule takes, and to no other', async () => {
  const { server, url } = await startServer();
  const good = identityFromChain([kit().servers.good.der]);
  const rules = [dnsSan('localhost'), fingerprint(good.fingerprint256), publicKeyPin(good.publicKeySha256)];
  for (const rule of rules) assert.is(await attempt(url, { authorize: rule }), undefined);
  assert.is(await attempt(url, { authorize: [spiffeId('spiffe://test.example/server'), ...rules] }), undefined);
  assert.is(await attempt(url, { authorize: async ({ peer }) => peer.san.dns.includes('localhost') }), undefined);
  for (const authorize of [
    [],
    [dnsSan('other.example')],
    () => false,
    () => ({ reason: 'no' }),
    async () => 1 as never,
  ]) {
    const error = await attempt(url, { authorize });
    assert.instance(error, PeerIdentityError);
    assert.is((error as PeerIdentityError).code, 'not-authorized');
    assert.match((error as Error).message, /^the server was refused: .*; presented: subject CN=server,/);
  }
  await server.close({ deadline: 0 });
});

test('sends nothing to a server that is not meant', async () => {
  const fake = await rawServer(switching);
  // The server is given time to see the end of the TLS handshake.
  const authorize = async () => {
    await until(() => fake.peers.length === 1);
    return dnsSan('other.example')({ peer: undefined });
  };
  assert.instance(await attempt(fake.url, { authorize }), PeerIdentityError);
  await until(() => fake.peers[0]!.ended);
  assert.is(fake.peers[0]!.received.length, 0);
  await fake.close();
});

test('asks rules only about a server that its certificate verifies for the host (M7)', async () => {
  const { cert, key } = kit().servers.wrongHost;
  const { server, url } = await startServer({ cert, key });
  let asked = 0;
  const error = await attempt(url, { authorize: () => ++asked > 0 });
  assert.is((error as PeerIdentityError).code, 'server-name-mismatch');
  assert.is(asked, 0);
  await server.close({ deadline: 0 });
});

test('takes a throw and silence for a refusal, within the time of the attempt', async () => {
  const { server, url } = await startServer();
  const thrown = new Error('the directory is away');
  assert.is(await attempt(url, { authorize: () => Promise.reject(thrown) }), thrown);
  assert.is(
    await attempt(url, {
      authorize: () => {
        throw thrown;
      },
    }),
    thrown,
  );
  const late = await attempt(url, { authorize: () => new Promise(() => {}), handshakeTimeout: 100 });
  assert.instance(late, HandshakeError);
  assert.is((late as HandshakeError).code, 'deadline');
  const abort = new AbortController();
  const authorize = () => new Promise<boolean>(() => abort.abort(thrown));
  assert.is(await attempt(url, { authorize, signal: abort.signal }), thrown);
  await server.close({ deadline: 0 });
});

test('takes no rule that is none (M6)', async () => {
  for (const authorize of [true, 'localhost', {}, [true], ['dns:localhost']]) {
    const error = await attempt('wss://localhost:1/', { authorize: authorize as never });
    assert.instance(error, UsageError);
    assert.is((error as UsageError).option, 'authorize');
    const isText = typeof [authorize].flat()[0] === 'string';
    assert.is(/for text use parseRule or rulesFrom$/.test((error as UsageError).message), isText);
  }
});

test.run();
