import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { HandshakeError, PeerIdentityError } from '../../src/errors.js';
import { connect } from '../../src/index.js';
import { type DialOptions, probe } from '../../src/tls/index.js';
import { clientCredentials } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import {
  dialTo,
  loadClient,
  rejection,
  showing,
  versions,
  withListener,
  withTcpServer,
  withTlsServer,
} from '../support/tls-ends.js';

/** A port at which nothing listens. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function refusedDial(port: number, options: Partial<DialOptions> = {}): Promise<HandshakeError> {
  const error = await rejection(dialTo(port, options));
  assert.instance(error, HandshakeError, error.message);
  return error as HandshakeError;
}

const test = suite('dialling over mutual TLS (RFC 9525 §6)');

for (const version of versions) {
  test(`resolves with a verified peer over ${version}`, async () => {
    await withTlsServer(
      { maxVersion: version, requestCert: true, ALPNProtocols: ['http/1.1'] },
      (socket) => socket.pipe(socket),
      async (port) => {
        const { socket, peer } = await dialTo(port, { credentials: loadClient({ minVersion: 'TLSv1.2' }) });
        assert.is(peer.subjectCommonName, 'server');
        assert.is(peer.tls.protocol, version);
        assert.is(peer.tls.serverName, 'localhost');
        assert.is(socket.alpnProtocol, 'http/1.1');
        // Whoever takes the socket brings its own listeners; one that breaks before must not break the process.
        assert.is(socket.listenerCount('error'), 1);
        const echoed = once(socket, 'data');
        socket.write('hello');
        assert.is(String((await echoed)[0]), 'hello');
        socket.destroy();
      },
    );
  });
}

test('asks for the server name in canonical form, and for none when it is an address', async () => {
  const names: Array<string | undefined> = [];
  await withListener({}, async ({ port, peers }) => {
    for (const [host, serverName] of [
      ['127.0.0.1', 'LOCALHOST'],
      ['127.0.0.1', 'localhost.'],
      ['127.0.0.1', undefined],
      ['127.0.0.1', '::1'],
      ['127.0.0.1', '[::1]'],
    ] as const) {
      const { socket } = await dialTo(
        port,
        serverName === undefined ? { host, serverName: host } : { host, serverName },
      );
      names.push((await peers.next()).peer.tls.serverName);
      socket.destroy();
    }
  });
  assert.equal(names, ['localhost', 'localhost', undefined, undefined, undefined]);
});

test('connects to an IPv6 host by its address', async () => {
  await withListener({ host: '::1' }, async ({ port, peers }) => {
    const { socket, peer } = await dialTo(port, { host: '::1', serverName: '::1' });
    assert.equal(peer.san.ip.includes('::1'), true);
    assert.is((await peers.next()).remoteAddress, '::1');
    socket.destroy();
    const error = (await rejection(dialTo(port, { host: '::1', serverName: '::2' }))) as PeerIdentityError;
    assert.is(error.code, 'server-name-mismatch');
  });
  const error = await refusedDial(await freePort(), { host: '::1' });
  assert.is(error.code, 'connection-refused');
  assert.match(error.message, /^cannot connect to \[::1\]:\d+: /);
});

test('says that nothing is listening', async () => {
  const port = await freePort();
  const error = await refusedDial(port);
  assert.is(error.code, 'connection-refused');
  assert.is(
    error.message,
    `cannot connect to 127.0.0.1:${port}: nothing is listening there: check host and port, and that the server is running (ECONNREFUSED)`,
  );
  assert.is((await refusedDial(port, { host: 'localhost' })).code, 'connection-refused');
});

test('says that a host name cannot be resolved', async () => {
  const error = await refusedDial(1, { host: 'no-such-host.invalid', serverName: 'no-such-host.invalid' });
  assert.is(error.code, 'host-not-found');
  assert.match(error.message, /^cannot connect to no-such-host\.invalid:1: /);
});

test('says that the other end speaks no TLS', async () => {
  for (const banner of [
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
    '220 mail ESMTP\r\n',
  ]) {
    await withTcpServer(
      (socket) => socket.once('data', () => socket.write(banner)),
      async (port) => {
        assert.is((await refusedDial(port)).code, 'not-tls', banner);
      },
    );
    // A banner that comes at once, before our first byte.
    await withTcpServer(
      (socket) => socket.write(banner),
      async (port) => {
        assert.is((await refusedDial(port)).code, 'not-tls', banner);
      },
    );
  }
});

test('T20: says that a server cut the TLS handshake, by FIN and by reset, at once and after our first bytes', async () => {
  const ways: ReadonlyArray<(socket: net.Socket) => void> = [
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.once('data', () => socket.end()),
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
  ];
  for (const cut of ways) {
    await withTcpServer(cut, async (port) => {
      assert.is((await refusedDial(port)).code, 'tls-cut');
    });
  }
});

test('T20: a server that is cut at many offsets of its answer fails the dial, and nothing escapes', async () => {
  await withListener({}, async ({ port: target }) => {
    for (const offset of [1, 5, 60, 122, 127, 128, 200, 500, 900]) {
      const onSocket = (client: net.Socket): void => {
        const server = net.connect({ port: target, host: '127.0.0.1' });
        server.on('error', () => {});
        let left = offset;
        client.on('data', (chunk) => server.write(chunk));
        client.on('close', () => server.destroy());
        server.on('data', (chunk: Buffer) => {
          const part = chunk.subarray(0, left);
          left -= part.length;
          client.write(part);
          if (left === 0) client.end();
        });
      };
      await withTcpServer(onSocket, async (port) => {
        const error = (await rejection(dialTo(port))) as HandshakeError | PeerIdentityError;
        // Once the server has answered, the end may be its verdict on our certificate.
        assert.ok(['tls-cut', 'certificate-refused'].includes(error.code), `${offset}: ${error.message}`);
        if (error instanceof PeerIdentityError) assert.is(error.certain, false);
      });
    }
  });
});

test('says that a server of TLS 1.2 only needs TLS 1.2 to be allowed', async () => {
  await withTlsServer(
    { maxVersion: 'TLSv1.2' },
    () => {},
    async (port) => {
      const error = await refusedDial(port);
      assert.is(error.code, 'tls-version');
      assert.match(error.message, /may have to allow TLS 1\.2/);
    },
  );
});

test('says that no cipher suite or protocol is common', async () => {
  await withTlsServer(
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
    () => {},
    async (port) => {
      assert.is((await refusedDial(port, { credentials: loadClient({ minVersion: 'TLSv1.2' }) })).code, 'tls-cipher');
    },
  );
  await withTlsServer(
    { ALPNProtocols: ['h2'] },
    () => {},
    async (port) => {
      assert.is((await refusedDial(port)).code, 'tls-alpn');
    },
  );
});

test('is aborted before, while connecting, and during the TLS handshake, with the reason given', async () => {
  const reason = new Error('enough');
  assert.is(await rejection(dialTo(1, { signal: AbortSignal.abort(reason) })), reason);
  const early = new AbortController();
  const connecting = rejection(dialTo(await freePort(), { signal: early.signal }));
  early.abort(reason);
  assert.is(await connecting, reason);
  let reached: () => void = () => {};
  const silent = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let closed: Promise<unknown> = Promise.resolve();
  const onSocket = (socket: net.Socket): void => {
    closed = once(socket, 'close');
    socket.once('data', reached);
  };
  await withTcpServer(onSocket, async (port) => {
    const late = new AbortController();
    const waiting = rejection(dialTo(port, { signal: late.signal }));
    await silent;
    late.abort(reason);
    assert.is(await waiting, reason);
    await closed;
  });
});

test('leaves an open connection alone when the signal is aborted later', async () => {
  await withListener({}, async ({ port, peers }) => {
    const abort = new AbortController();
    const { socket } = await dialTo(port, { signal: abort.signal });
    await peers.next();
    abort.abort();
    assert.not.ok(socket.destroyed);
    socket.destroy();
  });
});

test('M13: connect gives up on a silent server at its deadline', async () => {
  await withTcpServer(
    (socket) => socket.resume(),
    async (port) => {
      const error = (await rejection(
        connect(`wss://localhost:${port}/`, { ...clientCredentials(), handshakeTimeout: 150 }),
      )) as HandshakeError;
      assert.instance(error, HandshakeError);
      assert.is(error.code, 'deadline');
      assert.match(error.message, /within 150 ms.*handshakeTimeout/);
    },
  );
});

test('M9: offers no session, though the server gives them', async () => {
  const reused: boolean[] = [];
  await withTlsServer(
    { requestCert: true },
    (socket) => {
      reused.push(socket.isSessionReused());
      socket.end('x');
    },
    async (port) => {
      for (let index = 0; index < 3; index++) {
        const { socket } = await dialTo(port);
        socket.resume();
        await once(socket, 'close');
      }
    },
  );
  assert.equal(reused, [false, false, false]);
});

test('M14: a certificate of the server that cannot be read refuses it, and does not escape', async () => {
  const descriptor = Object.getOwnPropertyDescriptor(tls.TLSSocket.prototype, 'getPeerCertificate')!;
  const genuine = descriptor.value as (this: tls.TLSSocket, detailed?: boolean) => tls.PeerCertificate;
  Object.defineProperty(tls.TLSSocket.prototype, 'getPeerCertificate', {
    ...descriptor,
    value(this: tls.TLSSocket, detailed?: boolean) {
      return { ...genuine.call(this, detailed), raw: Buffer.from('3000', 'hex') };
    },
  });
  try {
    await withTlsServer(
      {},
      () => {},
      async (port) => {
        const error = (await rejection(dialTo(port))) as PeerIdentityError;
        assert.is(error.code, 'certificate-malformed');
        assert.match(error.message, /^the server's certificate was refused/);
      },
    );
  } finally {
    Object.defineProperty(tls.TLSSocket.prototype, 'getPeerCertificate', descriptor);
  }
});

test('uses the socket that is given, and verifies the server on it', async () => {
  await withListener({}, async ({ port, peers }) => {
    const raw = net.connect({ port, host: '127.0.0.1' });
    await once(raw, 'connect');
    const { socket } = await dialTo(1, { socket: raw });
    assert.is((await peers.next()).remotePort, raw.localPort);
    socket.destroy();
    const connecting = net.connect({ port, host: '127.0.0.1' });
    const second = await dialTo(1, { socket: connecting });
    await peers.next();
    second.socket.destroy();
    const wrong = net.connect({ port, host: '127.0.0.1' });
    const error = (await rejection(dialTo(1, { socket: wrong, serverName: 'other.example' }))) as PeerIdentityError;
    assert.is(error.code, 'server-name-mismatch');
    assert.ok(wrong.destroyed);
  });
});

test('T20: survives a given socket that is closed already, breaks, or ends', async () => {
  const dead = new net.Socket();
  dead.destroy();
  const error = await refusedDial(1, { socket: dead });
  assert.is(error.code, 'tls-cut');
  assert.match(error.message, /closed already/);
  await withTcpServer(
    (socket) => socket.resume(),
    async (port) => {
      const broken = net.connect({ port, host: '127.0.0.1' });
      await once(broken, 'connect');
      const failed = refusedDial(port, { socket: broken });
      broken.destroy(new Error('broken'));
      assert.ok(['tls-cut', 'connect-failed'].includes((await failed).code));
      const unheard = net.connect({ port, host: '127.0.0.1' });
      await once(unheard, 'connect');
      const cut = refusedDial(port, { socket: unheard });
      unheard.destroy();
      assert.is((await cut).code, 'tls-cut');
    },
  );
  const nowhere = net.connect({ port: await freePort(), host: '127.0.0.1' });
  assert.is((await refusedDial(1, { socket: nowhere })).code, 'connection-refused');
});

test('T19: connect reports a server that ends after TLS without a byte as a probable refusal', async () => {
  for (const end of ['end', 'destroy'] as const) {
    await withTlsServer(
      { requestCert: true },
      (socket) => socket.once('data', () => socket[end]()),
      async (port) => {
        const error = (await rejection(connect(`wss://localhost:${port}/`, clientCredentials()))) as PeerIdentityError;
        assert.instance(error, PeerIdentityError);
        assert.is(error.code, 'certificate-refused');
        assert.is(error.certain, false);
      },
    );
  }
});

test.run();

const probing = suite('the probe');

probing('tells of a server that lets it in, and what it sent', async () => {
  await withListener({}, async ({ port, peers }) => {
    const result = probe({
      host: '127.0.0.1',
      serverName: 'localhost',
      port,
      ca: kit().ca.cert,
      ...showing(kit().clients.good),
      send: 'ping',
    });
    const { socket } = await peers.next();
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    assert.is(bytes.toString(), 'ping');
    socket.end('pong');
    const seen = await result;
    assert.equal(
      { ...seen, received: seen.received.toString() },
      {
        secured: true,
        protocol: 'TLSv1.3',
        alert: undefined,
        errorCode: undefined,
        outcome: 'ended',
        received: 'pong',
      },
    );
  });
});

probing('tells of the alert that a client without certificate gets after its handshake', async () => {
  await withListener({}, async ({ port, refusals }) => {
    const seen = await probe({ host: '127.0.0.1', serverName: 'localhost', port, ca: kit().ca.cert });
    assert.equal([seen.secured, seen.outcome, seen.alert?.name], [true, 'error', 'certificate required']);
    await refusals.next();
  });
});

probing('gives up at its timeout', async () => {
  await withTcpServer(
    (socket) => socket.resume(),
    async (port) => {
      const seen = await probe({ host: '127.0.0.1', port, ca: kit().ca.cert, timeout: 50 });
      assert.equal([seen.secured, seen.outcome, seen.protocol], [false, 'timeout', undefined]);
    },
  );
});

probing('tells of a port at which nothing listens, and of a server it does not trust', async () => {
  const seen = await probe({ host: '127.0.0.1', port: await freePort(), ca: kit().ca.cert });
  assert.equal([seen.outcome, seen.errorCode], ['error', 'ECONNREFUSED']);
  await withListener({}, async ({ port }) => {
    const distrust = await probe({ host: '127.0.0.1', serverName: 'localhost', port, ca: kit().otherCa.cert });
    assert.equal([distrust.secured, distrust.outcome], [false, 'error']);
  });
});

probing('rejects credentials that cannot be used', async () => {
  assert.instance(
    await rejection(probe({ host: '127.0.0.1', port: 1, ca: kit().ca.cert, cert: 'x', key: 'y' })),
    Error,
  );
});

probing.run();
