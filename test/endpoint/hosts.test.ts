import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import {
  type Connection,
  type ConnectOptions,
  connect,
  createServer,
  noCertificate,
  PeerIdentityError,
  type Refusal,
  type Server,
  type ServerOptions,
  UsageError,
} from '../../src/index.js';
import { type Authority, createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { upgradeRequest } from '../support/ends.js';
import { suite } from '../support/suite.js';
import { askByTwoNames } from '../support/two-hellos.js';

interface Tenant {
  readonly ca: Authority;
  readonly client: IssuedCertificate;
}

interface World {
  /** Issues the certificates of all servers. */
  readonly serverCa: Authority;
  readonly a: Tenant;
  readonly b: Tenant;
  readonly unnamed: Tenant;
}

let made: World | undefined;

/** Three client CAs, and one for the servers. */
function world(): World {
  const tenant = (name: string): Tenant => {
    const ca = createAuthority({ commonName: `Clients of ${name}` });
    return { ca, client: ca.issue({ commonName: `client of ${name}`, kind: 'client' }) };
  };
  made ??= {
    serverCa: createAuthority({ commonName: 'Server CA' }),
    a: tenant('a'),
    b: tenant('b'),
    unnamed: tenant('nobody'),
  };
  return made;
}

function serving(tenant: Tenant, ...hosts: readonly string[]): { ca: string; cert: string; key: string } {
  const { cert, key } = world().serverCa.issue({ commonName: hosts[0]!, kind: 'server', hosts });
  return { ca: tenant.ca.cert, cert, key };
}

function as(tenant: Tenant): { ca: string; cert: string; key: string } {
  return { ca: world().serverCa.cert, cert: tenant.client.cert, key: tenant.client.key };
}

interface Running {
  readonly server: Server;
  readonly port: number;
  readonly refused: Refusal[];
  /** Connects to the server as if `host` were its address. */
  to(host: string, options: ConnectOptions): Promise<Connection>;
}

/** Runs `use` with a server of the hosts a.example and b.example. */
async function withHosts(options: Partial<ServerOptions>, use: (running: Running) => Promise<void>): Promise<void> {
  const { a, b } = world();
  const hosts = { 'a.example': serving(a, 'a.example'), 'b.example': serving(b, 'b.example') };
  const server = createServer({ hosts, ...options });
  const refused: Refusal[] = [];
  server.on('refused', (refusal) => refused.push(refusal));
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const to = async (host: string, client: ConnectOptions): Promise<Connection> => {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return connect(`wss://${host}/`, { ...client, socket });
  };
  try {
    await use({ server, port, refused, to });
  } finally {
    await server.close({ deadline: 0 });
  }
}

async function refusal(promise: Promise<Connection>): Promise<PeerIdentityError> {
  try {
    (await promise).terminate();
  } catch (error) {
    assert.instance(error, PeerIdentityError, String(error));
    return error as PeerIdentityError;
  }
  throw new Error('it was let in');
}

const versions = ['TLSv1.3', 'TLSv1.2'] as const;
const test = suite('virtual hosts (RFC 6066 §3)');

test('shows each host its own certificate, and lets in the clients of its own CA', async () => {
  const { a, b } = world();
  await withHosts({}, async ({ to, server }) => {
    for (const [host, tenant] of [
      ['a.example', a],
      ['b.example', b],
    ] as const) {
      const accepted = once(server, 'connection');
      const near = await to(host, as(tenant));
      const [far, request] = await accepted;
      assert.is(near.peer.subjectCommonName, host);
      assert.is(far.peer.issuer.text, tenant.ca.cert === a.ca.cert ? 'CN=Clients of a' : 'CN=Clients of b');
      assert.is(request.serverName, host);
      near.terminate();
    }
  });
});

test('refuses at one host the clients of another, in TLS 1.3 and 1.2 (M1)', async () => {
  const { a, b } = world();
  for (const minVersion of versions) {
    await withHosts({ minVersion }, async ({ to, refused }) => {
      for (const [host, tenant] of [
        ['a.example', b],
        ['b.example', a],
      ] as const) {
        await refusal(to(host, { ...as(tenant), minVersion }));
        while (refused.length === 0) await new Promise(setImmediate);
        assert.is(refused.pop()!.error.code, 'certificate-untrusted');
      }
    });
  }
});

/** Names as they come in a ClientHello, and the host whose certificate is shown; `undefined`: refused. */
const names: ReadonlyArray<readonly [name: string, host: string | undefined]> = [
  ['b.example', 'b.example'],
  ['B.EXAMPLE', 'b.example'],
  ['b.example.', 'b.example'],
  ['x.b.example', undefined],
  ['b.example.org', undefined],
  ['example', undefined],
  ['b\u3002example', undefined],
  ['xn--b-example', undefined],
];
for (const withUnnamed of [false, true]) {
  for (const [name, host] of names) {
    const what = host === undefined ? 'refuses' : 'takes';
    test(`${what} the name ${JSON.stringify(name)} ${withUnnamed ? 'beside' : 'without'} a host for no name (M2)`, async () => {
      const options = withUnnamed ? serving(world().unnamed, 'localhost', '127.0.0.1') : {};
      await withHosts({ minVersion: 'TLSv1.2', ...options }, async ({ port, refused }) => {
        for (const maxVersion of versions) {
          const seen = await handshake(port, name, { ...as(world().b), maxVersion });
          assert.is(seen.host, host);
          assert.is(seen.secured, host !== undefined);
          if (host !== undefined) continue;
          while (refused.length === 0) await new Promise(setImmediate);
          assert.is(refused.pop()!.error.code, 'server-name-unknown');
          assert.match(seen.code ?? '', /UNRECOGNIZED_NAME/);
        }
      });
    });
  }
}

/** A TLS handshake of Node's client with any server name, verified by nobody. */
async function handshake(
  port: number,
  servername: string,
  options: tls.ConnectionOptions,
): Promise<{ secured: boolean; host: string | undefined; code: string | undefined }> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    minVersion: 'TLSv1.2',
    ...options,
    servername,
    checkServerIdentity: () => undefined,
  });
  let secured = false;
  let host: string | undefined;
  let code: string | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  socket.on('secureConnect', () => {
    secured = true;
    host = socket.getPeerCertificate().subject.CN as string;
    // Only an answer proves that the server was content.
    socket.write(upgradeRequest('/').replace('Host: localhost', `Host: ${servername}`));
  });
  await Promise.race([once(socket, 'data').catch(() => {}), once(socket, 'close').catch(() => {})]);
  socket.destroy();
  return { secured, host, code };
}

test('refuses who asks for no name, unless there is a host for that, and never lets it to a named one (M2)', async () => {
  const { a, unnamed } = world();
  await withHosts({ minVersion: 'TLSv1.2' }, async ({ port, refused }) => {
    for (const maxVersion of versions) {
      const seen = await handshake(port, '', { ...as(a), maxVersion });
      assert.equal([seen.secured, seen.host], [false, undefined]);
      while (refused.length === 0) await new Promise(setImmediate);
      const { error } = refused.pop()!;
      assert.is(error.code, 'server-name-unknown');
      assert.match(error.message, /it asked for no name/);
    }
  });
  await withHosts(serving(unnamed, 'localhost', '127.0.0.1'), async ({ port, refused }) => {
    const near = await connect(`wss://127.0.0.1:${port}/`, as(unnamed));
    assert.is(near.peer.subjectCommonName, 'localhost');
    near.terminate();
    await refusal(connect(`wss://127.0.0.1:${port}/`, as(a)));
    assert.is(refused.pop()!.error.code, 'certificate-untrusted');
    // A name is a name, and that of no host is unknown: the host for no name is not the one for any name.
    assert.is((await refusal(connect(`wss://localhost:${port}/`, as(unnamed)))).code, 'server-name-unknown');
  });
});

test('lets a client name a host beside the address of the URL: asked for, looked for, and sent as Host', async () => {
  const { a } = world();
  await withHosts({}, async ({ port, server }) => {
    const accepted = once(server, 'connection');
    const near = await connect(`wss://127.0.0.1:${port}/`, { ...as(a), servername: 'A.example.' });
    const [, request] = await accepted;
    assert.equal([request.serverName, request.host], ['a.example', `a.example:${port}`]);
    assert.is(near.peer.subjectCommonName, 'a.example');
    near.terminate();
    const error = await refusal(connect(`wss://127.0.0.1:${port}/`, { ...as(a), servername: 'c.example' }));
    assert.is(error.code, 'server-name-unknown');
  });
});

test('tells both ends that a host is not served', async () => {
  await withHosts({}, async ({ to, refused }) => {
    const error = await refusal(to('c.example', as(world().a)));
    assert.is(error.code, 'server-name-unknown');
    assert.ok(error.certain);
    assert.match(error.message, /alert 112, unrecognized name/);
    assert.match(refused[0]!.error.message, /does not serve the name that was asked for \(it asked for "c\.example"\)/);
  });
});

test('refuses a client whose second ClientHello asks for another host than its first (M2)', async () => {
  const open = { clientCertificate: 'optional', authorize: noCertificate() } as object;
  await withHosts({ ...serving(world().unnamed, 'localhost'), ...open }, async ({ port, refused }) => {
    const ask = (first: string | undefined, second: string | undefined): Promise<string> =>
      askByTwoNames(
        port,
        [first, second],
        upgradeRequest('/').replace('Host: localhost', `Host: ${second ?? 'localhost'}`),
      );
    for (const name of [undefined, 'a.example', 'b.example']) {
      assert.match(await ask(name, name), /^HTTP\/1\.1 101 /, `${name}: the two hellos work`);
    }
    for (const [first, second] of [
      ['a.example', 'b.example'],
      [undefined, 'b.example'],
    ] as const) {
      assert.is(await ask(first, second), '', `${first} ${second}`);
      assert.is(refused.pop()?.error.code, 'server-name-unknown', `${first} ${second}`);
    }
  });
});

test('answers 421 when Host is another host than that of the TLS handshake (M2)', async () => {
  const { a } = world();
  await withHosts({}, async ({ port, refused }) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'a.example', ...as(a) });
    await once(socket, 'secureConnect');
    socket.write(upgradeRequest('/').replace('Host: localhost', 'Host: b.example'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 421 /);
    assert.is(refused[0]!.error.code, 'host-misdirected');
    socket.destroy();
  });
});

test('answers 421 when Host is a host that is served by name, and the TLS handshake asked for none (M2)', async () => {
  const { unnamed } = world();
  await withHosts(serving(unnamed, 'localhost', '127.0.0.1'), async ({ port, refused }) => {
    for (const [host, status] of [
      ['b.example', 421],
      ['B.EXAMPLE.:443', 421],
      ['127.0.0.1', 101],
      ['c.example', 101],
    ] as const) {
      const socket = tls.connect({ host: '127.0.0.1', port, ...as(unnamed) });
      await once(socket, 'secureConnect');
      socket.write(upgradeRequest('/').replace('Host: localhost', `Host: ${host}`));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.is(answer.toString().slice(9, 12), String(status), host);
      if (status === 421) assert.is(refused.pop()!.error.code, 'host-misdirected');
      socket.destroy();
    }
  });
});

test('does not let a session of one host be resumed at another (M1)', async () => {
  const { a, b } = world();
  // Both trust the same clients, so that nothing but the session could tell them apart.
  const hosts = {
    'a.example': serving(a, 'a.example'),
    'b.example': { ...serving(b, 'b.example'), ca: [a.ca.cert, b.ca.cert] },
  };
  for (const minVersion of versions) {
    for (const sessionResumption of [false, true]) {
      await withHosts({ hosts, minVersion, sessionResumption }, async ({ port }) => {
        const options = {
          host: '127.0.0.1',
          port,
          ...as(a),
          minVersion,
          maxVersion: minVersion,
          checkServerIdentity: () => undefined,
        };
        const visit = async (
          servername: string,
          session?: Buffer,
        ): Promise<{ reused: boolean; ticket: Buffer | undefined }> => {
          const socket = tls.connect({ ...options, servername, session });
          let ticket: Buffer | undefined;
          socket.on('session', (given: Buffer) => {
            ticket = given;
          });
          await once(socket, 'secureConnect');
          socket.write(upgradeRequest('/').replace('Host: localhost', `Host: ${servername}`));
          const [answer] = (await once(socket, 'data')) as [Buffer];
          assert.match(answer.toString(), /^HTTP\/1\.1 101 /);
          const reused = socket.isSessionReused();
          socket.destroy();
          return { reused, ticket };
        };
        const { ticket } = await visit('a.example');
        assert.is((await visit('b.example', ticket)).reused, false, minVersion);
        assert.is((await visit('a.example', ticket)).reused, sessionResumption, minVersion);
      });
    }
  }
});

test('reads a ClientHello in pieces, and turns away what is none', async () => {
  const { a } = world();
  await withHosts({}, async ({ server, port, refused }) => {
    // Over a stream that hands out single octets.
    const near = net.connect(port, '127.0.0.1');
    near.write('GET / HTTP/1.1\r\n\r\n');
    await once(near, 'close');
    assert.is(refused.pop()!.error.code, 'not-tls');
    const cut = net.connect(port, '127.0.0.1');
    cut.end(Buffer.of(22, 3, 1, 0, 200, 1));
    await once(cut.resume(), 'close');
    assert.is(refused.pop()!.error.code, 'tls-cut');
    const bad = net.connect(port, '127.0.0.1');
    bad.write(Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0));
    const [alert] = (await once(bad, 'data')) as [Buffer];
    assert.equal([...alert], [21, 3, 3, 0, 2, 2, 50]);
    await once(bad, 'close');
    assert.is(refused.pop()!.error.code, 'tls-failed');

    const dribbling = net.createServer((socket) => {
      const far = net.connect(port, '127.0.0.1').setNoDelay(true);
      let first = true;
      socket.on('data', async (chunk: Buffer) => {
        if (!first) return far.write(chunk);
        first = false;
        for (const octet of chunk) {
          far.write(Buffer.of(octet));
          await new Promise(setImmediate);
        }
        return undefined;
      });
      far.pipe(socket);
      for (const end of [socket, far])
        end.on('error', () => {}).on('close', () => [socket, far].map((each) => each.destroy()));
    });
    dribbling.listen(0, '127.0.0.1');
    await once(dribbling, 'listening');
    const socket = net.connect((dribbling.address() as net.AddressInfo).port, '127.0.0.1');
    const connection = await connect('wss://a.example/', { ...as(a), socket });
    assert.is(server.connections.size, 1);
    connection.terminate();
    dribbling.close();
  });
});

test('counts a client that it turned away among the unauthenticated, until it is gone', async () => {
  await withHosts({ maxUnauthenticated: 1 }, async ({ port, refused }) => {
    const bad = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    bad.write(Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0));
    await once(bad, 'data');
    await connect(`wss://localhost:${port}/`, as(world().a)).catch(() => {});
    assert.equal(
      refused.map(({ error }) => error.code),
      ['tls-failed', 'too-many-unauthenticated'],
    );
    bad.destroy();
  });
});

test('ends a client that sends no ClientHello at the deadline (M13)', async () => {
  await withHosts({ handshakeTimeout: 100 }, async ({ port, refused }) => {
    const silent = net.connect(port, '127.0.0.1');
    const half = net.connect(port, '127.0.0.1');
    half.write(Buffer.of(22, 3, 1, 0, 200, 1));
    await Promise.all([once(silent.resume(), 'close'), once(half.resume(), 'close')]);
    assert.equal(
      refused.map(({ error }) => error.code),
      ['deadline', 'deadline'],
    );
  });
});

const wrong: ReadonlyArray<readonly [what: string, options: () => object, code: string, option: string | undefined]> = [
  ['no host', () => ({ hosts: {} }), 'option-not-an-object', 'hosts'],
  ['an array', () => ({ hosts: [] }), 'option-not-an-object', 'hosts'],
  [
    'an address as host',
    () => ({ hosts: { '127.0.0.1': serving(world().a, 'a.example') } }),
    'host-name-malformed',
    'hosts',
  ],
  ['a wildcard', () => ({ hosts: { '*.example': serving(world().a, 'a.example') } }), 'host-name-malformed', 'hosts'],
  [
    'a host twice',
    () => ({ hosts: { 'a.example': serving(world().a, 'a.example'), 'A.example.': serving(world().a, 'a.example') } }),
    'host-name-malformed',
    'hosts',
  ],
  [
    'a host without ca',
    () => ({ hosts: { 'a.example': { ...serving(world().a, 'a.example'), ca: undefined } } }),
    'credential-missing',
    'ca',
  ],
  [
    'the key of another host',
    () => ({ hosts: { 'a.example': { ...serving(world().a, 'a.example'), key: world().b.client.key } } }),
    'key-of-another-certificate',
    'key',
  ],
  ...['minVersion', 'ciphers', 'requireClientAuthEku', 'ALPNProtocols', 'secureOptions'].map(
    (name) =>
      [
        `${name} for one host alone (M2b)`,
        () => ({ hosts: { 'a.example': { ...serving(world().a, 'a.example'), [name]: 'TLSv1.3' } } }),
        'option-unknown',
        name,
      ] as const,
  ),
];
for (const [what, options, code, option] of wrong) {
  test(`refuses to be made with ${what}`, () => {
    assert.throws(
      () => createServer(options() as ServerOptions),
      (error: unknown) => error instanceof UsageError && error.code === code && error.option === option,
    );
  });
}

test('says in its message which host is at fault', () => {
  assert.throws(
    () => createServer({ hosts: { 'a.example': { ...serving(world().a, 'a.example'), key: 'x' } } }),
    /hosts\["a\.example"\]: key: /,
  );
});

test.run();
