import { once } from 'node:events';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import {
  anyOf,
  anyVerifiedPeer,
  byPath,
  connect,
  createServer,
  dnsSan,
  HandshakeError,
  noCertificate,
  PeerIdentityError,
  type Refusal,
  UsageError,
} from '../../src/index.js';
import { clientCredentials, RawPeer, serverCredentials, upgradeRequest } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

type Anonymous = Parameters<typeof createServer>[0];

interface Outcome {
  /** `101`, another status, or what the client saw instead of an answer. */
  readonly answer: number | 'nothing';
  readonly head: string;
  readonly body: string;
}

/** Asks for an upgrade with any certificate, or none, and returns what came. */
async function ask(
  port: number,
  shown: { cert: string; key: string } | undefined,
  path = '/',
  options: tls.ConnectionOptions & { request?: string } = {},
): Promise<Outcome> {
  const { request = upgradeRequest(path), ...connection } = options;
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: kit().ca.cert,
    ...(shown && { cert: shown.cert, key: shown.key }),
    ...connection,
  });
  socket.on('error', () => {});
  const peer = new RawPeer(socket);
  socket.once('secureConnect', () => socket.write(request));
  const head = await peer.readUntil('\r\n\r\n');
  const answer = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
  const body = answer === '101' || answer === undefined ? '' : (await peer.readAll()).toString();
  socket.destroy();
  return { answer: answer === undefined ? 'nothing' : Number(answer), head, body };
}

interface Running {
  readonly port: number;
  readonly refused: Refusal[];
  /** Who came in: the common name, or `nobody`. */
  readonly admitted: string[];
}

async function withServer(
  options: Partial<Anonymous> & object,
  use: (running: Running) => Promise<void>,
): Promise<void> {
  const server = createServer({ ...serverCredentials(), ...options } as Anonymous & { clientCertificate: 'optional' });
  const refused: Refusal[] = [];
  const admitted: string[] = [];
  server.on('refused', (refusal) => refused.push(refusal));
  server.on('connection', ({ peer }) => admitted.push(peer?.subjectCommonName ?? 'nobody'));
  const { port } = await server.listen({ port: 0 });
  try {
    await use({ port, refused, admitted });
  } finally {
    await server.close({ deadline: 0 });
  }
}

const versions = ['TLSv1.3', 'TLSv1.2'] as const;
const optional = suite('client certificates that are optional');

optional('lets nobody in without a certificate unless a rule says so', async () => {
  for (const authorize of [undefined, [], [anyVerifiedPeer()], [dnsSan('a.example')], anyVerifiedPeer()]) {
    await withServer(
      { clientCertificate: 'optional', ...(authorize && { authorize }) },
      async ({ port, refused, admitted }) => {
        const { answer, body } = await ask(port, undefined);
        assert.is(answer, 403);
        assert.match(body, /no certificate was presented|the certificate is not allowed here|not authorized/);
        assert.is(refused.length, 1);
        assert.is(refused[0]!.presented, undefined);
        assert.equal(admitted, []);
      },
    );
  }
});

optional('lets in without a certificate where a rule says so, by path', async () => {
  const authorize = byPath({ '/public': anyOf(noCertificate(), anyVerifiedPeer()), '*': anyVerifiedPeer() });
  await withServer({ clientCertificate: 'optional', authorize, minVersion: 'TLSv1.2' }, async ({ port, admitted }) => {
    for (const maxVersion of versions) {
      assert.is((await ask(port, undefined, '/public', { maxVersion })).answer, 101);
      assert.is((await ask(port, undefined, '/private', { maxVersion })).answer, 403);
      assert.is((await ask(port, undefined, '/public/../private', { maxVersion })).answer, 403);
      assert.is((await ask(port, kit().clients.good, '/public', { maxVersion })).answer, 101);
      assert.is((await ask(port, kit().clients.good, '/private', { maxVersion })).answer, 101);
    }
    assert.equal(admitted, ['nobody', 'device-7', 'device-7', 'nobody', 'device-7', 'device-7']);
  });
});

optional('shows a function peer: undefined, and the connection too', async () => {
  const seen: unknown[] = [];
  const server = createServer({
    ...serverCredentials(),
    clientCertificate: 'optional',
    authorize: ({ peer, path }) => {
      seen.push(peer);
      return path === '/open';
    },
  });
  try {
    const { port } = await server.listen({ port: 0 });
    const accepted = once(server, 'connection');
    assert.is((await ask(port, undefined, '/open')).answer, 101);
    const [connection] = await accepted;
    assert.equal(seen, [undefined]);
    assert.is(connection.peer, undefined);
  } finally {
    await server.close({ deadline: 0 });
  }
});

/** What OpenSSL, or the gate, holds against each. */
const bad = {
  otherCa: 'certificate-untrusted',
  expired: 'certificate-expired',
  notYetValid: 'certificate-not-yet-valid',
  serverAuthOnly: 'certificate-wrong-purpose',
  selfSigned: 'certificate-self-signed',
  signedByLeaf: 'certificate-chain-invalid',
  missingIntermediate: 'certificate-untrusted',
  impostorCaSameKeyId: 'certificate-bad-signature',
} as const;

optional('refuses a certificate that is presented and bad, whatever the rules say', async () => {
  const authorize = () => true;
  for (const explainRefusals of [false, true]) {
    await withServer(
      { clientCertificate: 'optional', explainRefusals, authorize, minVersion: 'TLSv1.2' },
      async (running) => {
        for (const maxVersion of versions) {
          for (const [name, code] of Object.entries(bad)) {
            const { answer } = await ask(running.port, kit().clients[name as keyof typeof bad], '/', { maxVersion });
            assert.is(answer, explainRefusals ? 403 : 'nothing', name);
            assert.is(running.refused.at(-1)!.error.code, code, name);
          }
        }
        assert.equal(running.admitted, []);
      },
    );
  }
});

optional('answers a plain request without a certificate only by a rule that says so', async () => {
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const options = {
    clientCertificate: 'optional',
    authorize: byPath({ '/healthz': noCertificate() }),
    onRequest: ({ peer }: { peer: unknown }) => ({ status: 200, body: peer === undefined ? 'nobody' : 'somebody' }),
  } as const;
  await withServer(options, async ({ port }) => {
    assert.is((await ask(port, undefined, '', { request: request('/healthz') })).body, 'nobody');
    assert.is((await ask(port, undefined, '', { request: request('/other') })).answer, 403);
    assert.is((await ask(port, kit().clients.good, '', { request: request('/other') })).body, 'somebody');
  });
  const { authorize: _, ...open } = options;
  await withServer(open, async ({ port }) => {
    assert.is((await ask(port, undefined, '', { request: request('/healthz') })).answer, 403);
  });
});

optional('takes no value for certificates but required and optional (M6)', () => {
  for (const clientCertificate of ['Required', 'none', true, false, 0, null]) {
    assert.throws(
      () => createServer({ ...serverCredentials(), clientCertificate: clientCertificate as never }),
      (error: unknown) => error instanceof UsageError && error.option === 'clientCertificate',
    );
  }
});

optional.run();

const explaining = suite('refusals that are explained');

explaining('answers 403 with the reason, as JSON and in a field, to every kind of bad certificate', async () => {
  await withServer({ explainRefusals: true, minVersion: 'TLSv1.2' }, async ({ port, refused, admitted }) => {
    for (const maxVersion of versions) {
      for (const [name, code] of [...Object.entries(bad), ['none', 'certificate-missing'] as const]) {
        const shown = name === 'none' ? undefined : kit().clients[name as keyof typeof bad];
        const { answer, head, body } = await ask(port, shown, '/', { maxVersion });
        assert.is(answer, 403, name);
        assert.match(head, new RegExp(`^Mtls-Ws-Refused: ${code}\r$`, 'm'));
        assert.match(head, /^Content-Type: application\/json\r$/m);
        const told = JSON.parse(body);
        assert.equal([told.refused, typeof told.message, typeof told.hint], [code, 'string', 'string']);
        assert.is(refused.pop()!.error.code, code);
      }
    }
    assert.equal(admitted, []);
    assert.equal(refused, []);
    assert.is((await ask(port, kit().clients.good)).answer, 101);
  });
});

explaining('says as much of an untrusted CA as a refusal in the handshake', async () => {
  await withServer({ explainRefusals: true }, async ({ port, refused }) => {
    await ask(port, kit().clients.otherCa);
    assert.match(refused[0]!.error.message, /trusted: CN=Test CA/);
  });
});

explaining('tells our own client for certain', async () => {
  await withServer({ explainRefusals: true }, async ({ port }) => {
    const { cert, key } = kit().clients.expired;
    const error = await connect(`wss://localhost:${port}/`, { ...clientCredentials(), cert, key }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, PeerIdentityError);
    const { code, certain, message, hint } = error as PeerIdentityError;
    assert.equal([code, certain], ['certificate-expired', true]);
    assert.match(
      message,
      /^the server refused the connection: the certificate has expired \(it said so in its answer; ours: subject CN=expired device/,
    );
    assert.type(hint, 'string');
  });
});

explaining('leaves a refusal by authorize what it is', async () => {
  await withServer({ explainRefusals: true, authorize: [] }, async ({ port }) => {
    const error = await connect(`wss://localhost:${port}/`, clientCredentials()).catch((reason: unknown) => reason);
    assert.instance(error, HandshakeError);
    assert.is((error as HandshakeError).httpStatus, 403);
  });
});

explaining('believes no code that is none', async () => {
  const { rawServer } = await import('../support/ends.js');
  for (const code of ['__proto__', 'constructor', 'certificate-fine', '']) {
    const fake = await rawServer(
      () => `HTTP/1.1 403 Forbidden\r\nMtls-Ws-Refused: ${code}\r\nContent-Length: 0\r\n\r\n`,
    );
    const error = await connect(fake.url, clientCredentials()).catch((reason: unknown) => reason);
    assert.is((error as HandshakeError).code, 'http-status', code);
    await fake.close();
  }
});

explaining('asks no code of the user about who is refused, whatever is asked for', async () => {
  let asked = 0;
  const ours = { authorize: () => ++asked > 0, onRequest: () => ({ status: ++asked > 0 ? 200 : 500 }) };
  await withServer({ explainRefusals: true, ...ours }, async ({ port, admitted }) => {
    const requests = [
      upgradeRequest('/'),
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc',
      `${upgradeRequest('/')}\x81\x05hello`,
      'nonsense\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    ];
    for (const request of requests) {
      assert.is((await ask(port, kit().clients.expired, '', { request })).answer, 403, request.slice(0, 40));
      assert.is((await ask(port, undefined, '', { request })).answer, 403, request.slice(0, 40));
    }
    assert.equal([asked, admitted], [0, []]);
  });
});

explaining('ends a refused client that asks nothing at the deadline, and counts it until then', async () => {
  await withServer(
    { explainRefusals: true, handshakeTimeout: 200, maxUnauthenticated: 1 },
    async ({ port, refused }) => {
      const silent = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: kit().ca.cert });
      silent.on('error', () => {});
      await once(silent, 'secureConnect');
      while (refused.length === 0) await new Promise(setImmediate);
      assert.is((await ask(port, kit().clients.good)).answer, 'nothing');
      assert.is(refused.at(-1)!.error.code, 'too-many-unauthenticated');
      await once(silent.resume(), 'close');
      assert.is((await ask(port, kit().clients.good)).answer, 101);
    },
  );
});

explaining('counts a refused client that does not go away among the unauthenticated', async () => {
  await withServer({ explainRefusals: true, maxUnauthenticated: 1 }, async ({ port, refused }) => {
    const lingering = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: kit().ca.cert });
    lingering.on('error', () => {});
    // It reads the answer, and stays.
    lingering.allowHalfOpen = true;
    lingering.once('secureConnect', () => lingering.write(upgradeRequest('/')));
    await once(lingering, 'data');
    assert.is((await ask(port, kit().clients.good)).answer, 'nothing');
    assert.is(refused.at(-1)!.error.code, 'too-many-unauthenticated');
    lingering.destroy();
  });
});

explaining.run();

const gate = suite('the gate, by itself');

gate(
  'lets in whom a strict TLS handshake lets in, and nobody else, in every mode (at random)',
  async () => {
    const { seed, below } = random();
    const names = Object.keys(kit().clients) as (keyof ReturnType<typeof kit>['clients'])[];
    const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
    /** What OpenSSL's own enforcement says, without our gate and its modes. */
    const strict = new Map<string, boolean>();
    const plain = tls.createServer(
      { ...serverCredentials(), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      (socket) => {
        socket.on('error', () => {});
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      },
    );
    plain.on('tlsClientError', () => {});
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const reference = (plain.address() as { port: number }).port;
    try {
      for (let round = 0; round < 25; round++) {
        const clientCertificate = pick(['required', 'optional'] as const);
        const explainRefusals = pick([true, false]);
        const admitsNobody = pick([true, false]);
        const sessionResumption = pick([true, false]);
        const authorize = ({ peer }: { peer: unknown }) => peer !== undefined || admitsNobody;
        const options = {
          clientCertificate,
          explainRefusals,
          sessionResumption,
          authorize,
          minVersion: 'TLSv1.2',
        } as const;
        await withServer(options, async ({ port, admitted }) => {
          for (let client = 0; client < 12; client++) {
            const name = below(6) === 0 ? 'none' : pick(names);
            const maxVersion = pick(versions);
            const shown = name === 'none' ? undefined : kit().clients[name];
            const key = `${name} ${maxVersion}`;
            if (!strict.has(key)) strict.set(key, (await ask(reference, shown, '/', { maxVersion })).answer === 101);
            const before = admitted.length;
            const { answer } = await ask(port, shown, '/', { maxVersion });
            const expected = name === 'none' ? clientCertificate === 'optional' && admitsNobody : strict.get(key)!;
            const where = `seed ${seed}, round ${round}: ${key} with ${JSON.stringify(options)}`;
            assert.is(answer === 101, expected, where);
            assert.is(admitted.length - before, expected ? 1 : 0, where);
          }
        });
      }
    } finally {
      plain.close();
    }
  },
  { deadline: 60_000 },
);

gate.run();
