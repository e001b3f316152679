import { constants } from 'node:buffer';
import { once } from 'node:events';
import * as net from 'node:net';
import * as assert from 'uvu/assert';
import { encodeAnyFrame } from '../../src/frame/index.js';
import {
  type Connection,
  connect,
  createServer,
  type HandshakeError,
  LimitExceededError,
  PeerIdentityError,
  type PlainRequest,
  type PlainResponse,
  type Refusal,
  rulesFrom,
  type ServerOptions,
  UsageError,
} from '../../src/index.js';
import { duplexPair } from '../support/duplex-pair.js';
import {
  clientCredentials,
  rawClient,
  rawWebSocketClient,
  serverCredentials,
  startServer,
  until,
  upgradeRequest,
} from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const hello = encodeAnyFrame({ opcode: 1, payload: Buffer.from('hello'), maskingKey: Buffer.from('37fa213d', 'hex') });
const goodbye = encodeAnyFrame({
  opcode: 8,
  payload: Buffer.from('03e8', 'hex'),
  maskingKey: Buffer.from('3d21fa37', 'hex'),
});

/** Sends `request` to a server with `options`, and returns what it answered and what it reported. */
async function ask(
  options: Parameters<typeof startServer>[0],
  request: string | Uint8Array,
): Promise<{ answer: string; refusals: Refusal[] }> {
  const { server, port } = await startServer(options);
  try {
    const refusals: Refusal[] = [];
    server.on('refused', (refusal) => refusals.push(refusal));
    const peer = await rawClient(port);
    peer.write(request);
    const answer = (await peer.readAll()).toString('latin1');
    peer.socket.destroy();
    return { answer, refusals };
  } finally {
    await server.close({ deadline: 0 });
  }
}

const opening = suite('the opening handshake at the server (RFC 6455 §4.2)');

opening('answers a frame that comes in the same packet as the request (T7)', async () => {
  const { server, port } = await startServer();
  try {
    server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
    const peer = await rawWebSocketClient(port, Buffer.concat([hello, goodbye]));
    assert.equal(await peer.readAll(), Buffer.from('810568656c6c6f880203e8', 'hex'));
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('refuses a bad frame in the same packet as the request, without an error nobody handles (T7)', async () => {
  const { server, port } = await startServer();
  try {
    const peer = await rawWebSocketClient(port, Buffer.from('f1', 'hex'));
    assert.equal(await peer.readAll(), Buffer.from('880203ea', 'hex'));
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('answers 101 whatever is done with the connection at once', async () => {
  const deeds: ReadonlyArray<(connection: Connection) => void> = [
    (connection) => connection.send(Buffer.alloc(20_000_000)),
    (connection) => connection.terminate(),
    (connection) => {
      for (let index = 0; index < 20; index++) connection.send(Buffer.alloc(1_000_000));
    },
  ];
  for (const deed of deeds) {
    const { server, url } = await startServer();
    try {
      server.on('connection', deed);
      const near = await connect(url, clientCredentials());
      near.terminate();
    } finally {
      await server.close({ deadline: 0 });
    }
  }
});

opening('holds frames while authorization takes its time, and drops them when it refuses (T7)', async () => {
  for (const allowed of [true, false]) {
    let messages = 0;
    const { server, port } = await startServer({
      authorize: () => new Promise((resolve) => setTimeout(() => resolve(allowed), 30)),
    });
    try {
      server.on('connection', (connection) => connection.on('message', () => messages++));
      const peer = await rawClient(port);
      peer.write(Buffer.concat([Buffer.from(upgradeRequest()), hello, goodbye]));
      const head = await peer.readUntil('\r\n\r\n');
      assert.match(head, allowed ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 403 /);
      await peer.readAll();
      assert.is(messages, allowed ? 1 : 0);
      peer.socket.destroy();
    } finally {
      await server.close({ deadline: 0 });
    }
  }
});

opening('understands a request in 1-byte packets (T16)', async () => {
  const { server, port } = await startServer();
  try {
    const peer = await rawClient(port);
    for (const byte of Buffer.from(upgradeRequest())) {
      peer.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(
      await peer.readUntil('\r\n\r\n'),
      /^HTTP\/1\.1 101 .*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s,
    );
    peer.socket.destroy();
  } finally {
    await server.close({ deadline: 0 });
  }
});

const refusals: ReadonlyArray<
  readonly [what: string, request: string, status: number, code: string, fields?: readonly string[]]
> = [
  ['a POST', upgradeRequest().replace('GET', 'POST'), 405, 'method-not-get', ['Allow: GET']],
  ['HTTP/1.0', upgradeRequest().replace('HTTP/1.1', 'HTTP/1.0'), 505, 'version-unsupported'],
  [
    'version 7',
    upgradeRequest().replace('Version: 13', 'Version: 7'),
    426,
    'websocket-version-unsupported',
    ['Sec-WebSocket-Version: 13', 'Upgrade: websocket', 'Connection: Upgrade, close'],
  ],
  ['a short key', upgradeRequest().replace('dGhl', ''), 400, 'key-malformed'],
  [
    'another host than that of the TLS handshake (M2)',
    upgradeRequest().replace('Host: localhost', 'Host: other.example'),
    421,
    'host-misdirected',
  ],
  ['a page of another origin (T22)', upgradeRequest('/', ['Origin: https://evil.example']), 403, 'origin-refused'],
  ['a body (T18)', upgradeRequest('/', ['Content-Length: 5']), 400, 'body-not-allowed'],
  ['a head over 16 KiB', upgradeRequest('/', [`X: ${'x'.repeat(20_000)}`]), 431, 'head-too-large'],
  ['a target over 8 KiB', upgradeRequest(`/${'x'.repeat(9000)}`), 414, 'target-too-long'],
  [
    '101 fields',
    upgradeRequest(
      '/',
      Array.from({ length: 101 }, () => 'X: y'),
    ),
    431,
    'too-many-fields',
  ],
  ['no HTTP', '\u0016\u0003\u0001', 400, 'request-line-malformed'],
];
for (const [what, request, status, code, fields = []] of refusals) {
  opening(`answers ${what} with ${status}, and closes`, async () => {
    const { answer, refusals } = await ask({}, request);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    for (const field of fields) assert.ok(answer.includes(`\r\n${field}\r\n`), answer);
    assert.match(answer, /Connection: (Upgrade, )?close\r\n/);
    assert.equal(
      refusals.map(({ error }) => error.code),
      [code],
    );
    assert.is((refusals[0]!.error as HandshakeError).httpStatus, status);
    assert.match(refusals[0]!.presented ?? '', /CN=device-7/);
    assert.is(refusals[0]!.remoteAddress, '127.0.0.1');
    assert.ok(refusals[0]!.remotePort > 0);
  });
}

opening('answers 408 when the request takes too long, however lively it is (T16, M13)', async () => {
  const { server, port } = await startServer({ handshakeTimeout: 300 });
  try {
    const refused = once(server, 'refused');
    const peer = await rawClient(port);
    const dribble = setInterval(() => peer.write('x'), 20);
    peer.write('GET /');
    const answer = (await peer.readAll()).toString();
    clearInterval(dribble);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.is((await refused)[0].error.code, 'deadline');
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('reports a client that leaves within its request', async () => {
  const { server, port } = await startServer();
  try {
    const refused = once(server, 'refused');
    const peer = await rawClient(port);
    peer.socket.end('GET / HTTP/1.1\r\nHo');
    assert.is((await refused)[0].error.code, 'cut');
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('answers 503 when the server is full', async () => {
  const { server, url } = await startServer({ maxConnections: 1 });
  try {
    const first = await connect(url, clientCredentials());
    await connect(url, clientCredentials()).then(
      () => assert.unreachable(),
      (error: HandshakeError) => assert.is(error.httpStatus, 503),
    );
    await first.close();
    await until(() => server.connections.size === 0);
    (await connect(url, clientCredentials())).terminate();
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening(
  'refuses one connection more of a peer than maxConnectionsPerPeer with 429, and of that peer alone',
  async () => {
    const { server, url } = await startServer({ maxConnectionsPerPeer: 2 });
    const { clients } = kit();
    const other = { ...clientCredentials(), cert: clients.noEku.cert, key: clients.noEku.key };
    try {
      const open = [await connect(url, clientCredentials()), await connect(url, clientCredentials())];
      await connect(url, clientCredentials()).then(
        () => assert.unreachable(),
        (error: HandshakeError) => assert.is(error.httpStatus, 429),
      );
      open.push(await connect(url, other));
      await open[0]!.close();
      await until(() => server.connections.size === 2);
      open.push(await connect(url, clientCredentials()));
      for (const connection of open) connection.terminate();
    } finally {
      await server.close({ deadline: 0 });
    }
  },
);

opening('refuses one connection more from an address than maxConnectionsPerAddress with 429', async () => {
  const { server, url } = await startServer({ maxConnectionsPerAddress: 1 });
  try {
    const first = await connect(url, clientCredentials());
    const refused = once(server, 'refused');
    await connect(url, clientCredentials()).then(
      () => assert.unreachable(),
      (error: HandshakeError) => assert.is(error.httpStatus, 429),
    );
    assert.is((await refused)[0].error.code, 'too-many-of-address');
    first.terminate();
    await until(() => server.connections.size === 0);
    (await connect(url, clientCredentials())).terminate();
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('agrees on the server’s favourite subprotocol', async () => {
  const { server, url } = await startServer({ protocols: ['v2', 'v1'] });
  try {
    const near = await connect(url, { ...clientCredentials(), protocols: ['v1', 'v2'] });
    assert.is(near.protocol, 'v2');
    near.terminate();
    const other = await connect(url, { ...clientCredentials(), protocols: ['v3'] });
    assert.is(other.protocol, '');
    other.terminate();
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('lets pages of a listed origin in, and of its own (T22)', async () => {
  const { server, url, port } = await startServer({ origins: ['https://app.example'] });
  try {
    for (const origin of ['https://app.example', `https://localhost:${port}`]) {
      (await connect(url, { ...clientCredentials(), origin })).terminate();
    }
    for (const origin of ['null', 'https://evil.example', 'http://app.example', 'https://app.example.evil']) {
      await connect(url, { ...clientCredentials(), origin }).then(
        () => assert.unreachable(origin),
        (error: HandshakeError) => assert.is(error.httpStatus, 403),
      );
    }
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening('does not read certificates out of header fields (M16)', async () => {
  let seen: string | undefined;
  const { server, url } = await startServer({
    authorize: ({ peer }) => {
      seen = peer.subjectCommonName;
      return true;
    },
  });
  try {
    const headers = {
      'X-Forwarded-Client-Cert': 'Subject="CN=admin"',
      'X-SSL-Client-S-DN': 'CN=admin',
      X_SSL_Client_S_DN: 'CN=admin',
    };
    (await connect(url, { ...clientCredentials(), headers })).terminate();
    assert.is(seen, 'device-7');
  } finally {
    await server.close({ deadline: 0 });
  }
});

opening.run();

function throwSecret(): never {
  throw new Error('secret of the server');
}

const authorization = suite('authorization');

authorization('shows who asks, and for what', async () => {
  let request: unknown;
  const { server, url } = await startServer({
    authorize: (asked) => {
      request = { ...asked, peer: asked.peer.spiffeId?.id, headers: asked.headers.get('x-tag'), remotePort: 0 };
      return true;
    },
  });
  try {
    const near = await connect(`${url}room?id=1`, {
      ...clientCredentials(),
      protocols: ['chat'],
      headers: { 'X-Tag': 'a' },
    });
    near.terminate();
    assert.equal(request, {
      peer: 'spiffe://test.example/device/7',
      path: '/room?id=1',
      host: new URL(url).host,
      serverName: 'localhost',
      headers: 'a',
      protocols: ['chat'],
      origin: undefined,
      remoteAddress: '127.0.0.1',
      remotePort: 0,
    });
  } finally {
    await server.close({ deadline: 0 });
  }
});

const verdicts: ReadonlyArray<readonly [what: string, verdict: () => unknown, status: number, body: RegExp]> = [
  ['false', () => false, 403, /not authorized/],
  ['a reason', () => ({ reason: 'only on Mondays\n' }), 403, /only on Mondays/],
  ['undefined', () => undefined, 403, /not authorized/],
  ['a truthy value that is not true (M6)', () => 1, 403, /not authorized/],
  ['a promise of false', () => Promise.resolve(false), 403, /not authorized/],
  [
    'a promise of another make',
    // biome-ignore lint/suspicious/noThenProperty: a promise that is no Promise is what is tested
    () => ({ then: (tell: (verdict: boolean) => void) => tell(false) }),
    403,
    /not authorized/,
  ],
  ['a throw', () => throwSecret(), 500, /failed to decide/],
  ['a rejection', () => Promise.reject(new Error('secret of the server')), 500, /failed to decide/],
];
for (const [what, verdict, status, body] of verdicts) {
  authorization(`refuses with ${status} when authorize gives ${what} (M14)`, async () => {
    const { server, url } = await startServer({ authorize: verdict as never });
    try {
      const refused = once(server, 'refused');
      await connect(url, clientCredentials()).then(
        () => assert.unreachable(),
        (error: HandshakeError) => {
          assert.is(error.code, 'http-status');
          assert.is(error.httpStatus, status);
          assert.match(error.message, body);
          assert.not.match(error.message, /secret/);
        },
      );
      const [{ error, presented }] = (await refused) as [Refusal];
      if (status === 403) {
        assert.instance(error, PeerIdentityError);
        assert.is(error.code, 'not-authorized');
      } else assert.match(error.message, /secret of the server/);
      assert.match(presented ?? '', /CN=device-7/);
    } finally {
      await server.close({ deadline: 0 });
    }
  });
}

authorization('says what authorize returned when it is no verdict, in the log and not to the client', async () => {
  for (const [verdict, said] of [
    [1, 'authorize returned 1 (number), only true lets in'],
    ['yes\n', 'authorize returned yes\\n (string), only true lets in'],
    [undefined, 'authorize returned undefined, only true lets in'],
  ] as const) {
    const { server, url } = await startServer({ authorize: (() => verdict) as never });
    try {
      const refused = once(server, 'refused');
      await connect(url, clientCredentials()).then(
        () => assert.unreachable(),
        (error: HandshakeError) => assert.not.match(error.message, /returned/),
      );
      const [{ error }] = (await refused) as [Refusal];
      assert.ok(error.message.includes(`not authorized (${said})`), error.message);
    } finally {
      await server.close({ deadline: 0 });
    }
  }
});

authorization('takes a rule as it is, and nobody gets past it by another way to write the path', async () => {
  const authorize = rulesFrom(['uri:spiffe://test.example/device/7', 'path=/admin dns:ops.example']);
  const notAllowed = 'the certificate is not allowed here';
  const oddPath = 'the path is not in plain form';
  for (const [path, reason] of [
    ['/', undefined],
    ['/chat?room=/../1', undefined],
    ['/admin', notAllowed],
    ['/admin/?x', notAllowed],
    ['/%61dmin', oddPath],
    ['/x/../admin', oddPath],
    ['//admin', oddPath],
    ['/x/..%2fadmin', oddPath],
  ] as const) {
    const request = Buffer.concat([Buffer.from(upgradeRequest(path)), goodbye]);
    const { answer, refusals } = await ask({ authorize }, request);
    assert.match(answer, reason === undefined ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 403 /, path);
    assert.not.match(answer, /ops\.example/);
    assert.is(refusals.length, reason === undefined ? 0 : 1, path);
    if (reason === undefined) continue;
    assert.ok(answer.includes(reason), answer);
    assert.is(refusals[0]!.error.code, 'not-authorized');
  }
});

authorization('counts against the handshake deadline', async () => {
  const { server, url } = await startServer({ handshakeTimeout: 200, authorize: () => new Promise(() => {}) });
  try {
    await connect(url, clientCredentials()).then(
      () => assert.unreachable(),
      (error: HandshakeError) => assert.is(error.httpStatus, 408),
    );
  } finally {
    await server.close({ deadline: 0 });
  }
});

authorization.run();

const plain = suite('plain HTTP requests (RFC 9110)');

plain('are answered by onRequest, or with 426', async () => {
  const onRequest = ({ path }: PlainRequest): PlainResponse | undefined => {
    if (path === '/throws') throw new Error('no answer');
    if (path === '/wrong') return { status: 99 };
    return path === '/healthz' ? { status: 200, body: 'ok', headers: { 'Cache-Control': 'no-store' } } : undefined;
  };
  const get = (path: string, method = 'GET') =>
    ask({ onRequest }, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const healthy = (await get('/healthz')).answer;
  assert.match(healthy, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(healthy, /\r\nCache-Control: no-store\r\n/);
  assert.match(healthy, /\r\nContent-Length: 2\r\n.*\r\n\r\nok$/s);
  assert.match((await get('/healthz', 'HEAD')).answer, /\r\nContent-Length: 2\r\n.*\r\n\r\n$/s);
  const other = (await get('/')).answer;
  assert.match(other, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
  for (const line of ['Upgrade: websocket', 'Connection: Upgrade, close', 'Sec-WebSocket-Version: 13'])
    assert.ok(other.includes(`\r\n${line}\r\n`), other);
  for (const path of ['/throws', '/wrong']) {
    const { answer, refusals } = await get(path);
    assert.match(answer, /^HTTP\/1\.1 500 /);
    assert.is(refusals[0]?.error.code, 'handler-failed');
  }
});

plain('are not upgraded to other protocols (T20)', async () => {
  const { answer } = await ask(
    {},
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 426 /);
});

plain.run();

const lifetime = suite('the server');

lifetime('closes with 1001, and cuts who does not answer at the deadline', async () => {
  const { server, port, url } = await startServer();
  const near = await connect(url, clientCredentials());
  near.on('message', () => {});
  const ignoring = await rawWebSocketClient(port);
  const closing = server.close({ deadline: 100 });
  assert.is((await near.closed).code, 1001);
  await closing;
  assert.is(server.connections.size, 0);
  assert.is(server.address(), undefined);
  await connect(url, clientCredentials()).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'connection-refused'),
  );
  ignoring.socket.destroy();
  await server.close();
});

lifetime('tells how many bytes were still its own of a client that does not read', async () => {
  const { server, url } = await startServer();
  const near = await connect(url, clientCredentials());
  near.pause();
  const [far] = [...server.connections];
  for (let times = 0; times < 10; times++) far!.send(Buffer.alloc(1_000_000));
  await server.close({ deadline: 300 });
  const { code, wasClean, unsentBytes } = await far!.closed;
  assert.equal({ code, wasClean }, { code: 1006, wasClean: false });
  assert.ok(unsentBytes > 1_000_000, `${unsentBytes}`);
  const closeFrame = 4 + 'the server is shutting down'.length;
  assert.is(far!.traffic.bytesSent + unsentBytes, 10 * 1_000_010 + closeFrame);
  near.terminate();
});

lifetime('closes although a handshake is half done', async () => {
  const { server, port } = await startServer();
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const peer = await rawClient(port);
  peer.write('GET / HT');
  await server.close();
  await until(() => peer.ended);
  silent.destroy();
});

lifetime('closes before it has ever listened', async () => {
  await createServer(serverCredentials()).close();
});

lifetime('settles listen() when close() comes at any moment before it listens', async () => {
  for (let ticks = 0; ticks < 8; ticks++) {
    const server = createServer(serverCredentials());
    const listening = server.listen({ port: 0 }).then(
      () => 'listening',
      (error) => error.code,
    );
    let left = ticks;
    const closed = new Promise<void>((resolve) => {
      const next = (): void => {
        if (left-- > 0) process.nextTick(next);
        else resolve(server.close());
      };
      next();
    });
    assert.ok(['listening', 'server-closed'].includes(await listening), `closed after ${ticks} ticks`);
    await closed;
    assert.is(server.address(), undefined);
  }
});

lifetime('listens on another port after one that is taken, and on one only', async () => {
  const { server: taken, port } = await startServer();
  const server = createServer(serverCredentials());
  const code = (error: NodeJS.ErrnoException): unknown => error.code;
  try {
    assert.is(await server.listen({ port }).catch(code), 'EADDRINUSE');
    const address = await server.listen({ port: 0 });
    assert.is(await server.listen({ port: 0 }).catch(code), 'ERR_SERVER_ALREADY_LISTEN');
    assert.equal(server.address(), address);
  } finally {
    await server.close();
    await taken.close();
  }
});

lifetime('refuses to listen on what is no port, and to handle what is no stream', async () => {
  const server = createServer(serverCredentials());
  for (const options of [undefined, {}, { port: -1 }, { port: 65_536 }, { port: '8443' }, { port: 0, hots: '::' }]) {
    await server.listen(options as never).then(
      () => assert.unreachable(JSON.stringify(options)),
      (error) => assert.instance(error, UsageError),
    );
  }
  for (const socket of [undefined, {}, 5]) {
    assert.throws(
      () => server.handle(socket as never),
      (error: unknown) => error instanceof UsageError,
    );
  }
  await server.close();
});

lifetime('rejects when the port is taken', async () => {
  const { server, port } = await startServer();
  try {
    await createServer(serverCredentials())
      .listen({ port })
      .then(
        () => assert.unreachable(),
        (error) => assert.is(error.code, 'EADDRINUSE'),
      );
  } finally {
    await server.close();
  }
});

lifetime('refuses options that would be protections switched off in silence (M6)', () => {
  const wrong: ReadonlyArray<readonly [string, unknown]> = [
    ['authorize', ['dns:a.example']],
    ['authorize', true],
    ['onRequest', 'ok'],
    ['requireClientAuthEku', 'true'],
    ['maxConnections', 0],
    ['maxConnectionsPerPeer', 0],
    ['maxConnectionsPerAddress', 1.5],
    ['maxUnauthenticatedPerAddress', 0],
    ['maxHandshakesPerSecond', '10'],
    ['maxMessagesPerSecond', 0],
    ['maxControlFramesPerSecond', -1],
    ['messageDeadline', 0],
    ['idleTimeout', -1],
    ['maxMessageBytes', -1],
    ['maxMessageBytes', '1000'],
    ['maxMessageBytes', constants.MAX_STRING_LENGTH + 1],
    ['minVersion', null],
    ['handshakeTimeout', 0],
    ['handshakeTimeout', Number.POSITIVE_INFINITY],
    ['pingInterval', 1.5],
    ['trace', {}],
    ['protocols', ['a b']],
    ['protocols', 'chat'],
    ['origins', ['app.example']],
    ['origins', '*'],
    ['autorize', () => false],
    ['requestCert', false],
    ['rejectUnauthorized', false],
    ['__proto__x', 1],
  ];
  for (const [option, value] of wrong) {
    assert.throws(
      () => createServer({ ...serverCredentials(), [option]: value }),
      (error: unknown) => error instanceof UsageError && error.option === option,
      `${option}: ${JSON.stringify(value)}`,
    );
  }
  assert.throws(
    () => createServer(undefined as never),
    (error: unknown) => error instanceof UsageError,
  );
  assert.throws(
    () => createServer({} as never),
    (error: unknown) => error instanceof UsageError && error.option === 'ca',
  );
});

lifetime('leaves nothing behind after 300 connections, one after another', async () => {
  const { server, url } = await startServer();
  try {
    server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
    for (let index = 0; index < 300; index++) {
      const near = await connect(url, clientCredentials());
      near.send('x');
      for await (const _ of near) break;
      await near.close();
    }
    await until(() => server.connections.size === 0);
  } finally {
    await server.close();
  }
});

lifetime.run();

const handed = suite('sockets from elsewhere');

/** Who reads the ClientHello first is another in each. */
const modes: ReadonlyArray<readonly [name: string, options: () => ServerOptions]> = [
  ['one host', serverCredentials],
  ['several hosts', () => ({ hosts: { localhost: serverCredentials() } })],
  ['session resumption', () => ({ ...serverCredentials(), sessionResumption: true })],
];
for (const [name, options] of modes) {
  handed(`are taken before their TLS handshake, with bytes that were read already (${name})`, async () => {
    const server = createServer(options());
    server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
    // Stands for a proxy protocol or a port shared by protocols: it looks at the first bytes itself.
    const acceptor = net.createServer((raw) => {
      raw.once('data', (head) => {
        raw.pause();
        server.handle(raw, head);
      });
    });
    await new Promise<void>((resolve) => acceptor.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = acceptor.address() as net.AddressInfo;
      const peer = await rawWebSocketClient(port, Buffer.concat([hello, goodbye]));
      assert.equal(await peer.readAll(), Buffer.from('810568656c6c6f880203e8', 'hex'));
      const near = await connect(`wss://localhost:${port}/`, clientCredentials());
      near.send('through it all');
      for await (const message of near) {
        assert.is(message, 'through it all');
        break;
      }
      near.terminate();
    } finally {
      acceptor.close();
      await server.close({ deadline: 0 });
    }
  });
}

handed('demand a client certificate all the same', async () => {
  const server = createServer(serverCredentials());
  const acceptor = net.createServer((raw) => server.handle(raw));
  await new Promise<void>((resolve) => acceptor.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = acceptor.address() as net.AddressInfo;
    const refused = once(server, 'refused');
    const { otherCa } = kit().clients;
    await connect(`wss://localhost:${port}/`, { ...clientCredentials(), cert: otherCa.cert, key: otherCa.key }).then(
      () => assert.unreachable(),
      (error) => assert.instance(error, PeerIdentityError),
    );
    assert.is((await refused)[0].error.code, 'certificate-untrusted');
  } finally {
    acceptor.close();
    await server.close({ deadline: 0 });
  }
});

for (const [name, options] of modes) {
  handed(`may be any duplex stream, at both ends (${name})`, async () => {
    const server = createServer(options());
    try {
      const [left, right] = duplexPair();
      const accepted = once(server, 'connection');
      server.handle(right);
      const near = await connect('wss://localhost/', { ...clientCredentials(), socket: left });
      const [far] = (await accepted) as [Connection];
      far.on('message', (data) => far.send(data));
      near.send('over a pair of streams');
      for await (const message of near) {
        assert.is(message, 'over a pair of streams');
        break;
      }
      assert.ok((await near.close()).wasClean);
    } finally {
      await server.close({ deadline: 0 });
    }
  });
}

handed('are destroyed when the server has closed', async () => {
  const server = createServer(serverCredentials());
  await server.close();
  const [, right] = duplexPair();
  server.handle(right);
  assert.ok(right.destroyed);
});

handed('count against maxUnauthenticated', async () => {
  const { server, port } = await startServer({ maxUnauthenticated: 2 });
  try {
    const refused = once(server, 'refused');
    const silent = Array.from({ length: 3 }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
    const [{ error }] = (await refused) as [Refusal];
    assert.instance(error, LimitExceededError);
    assert.is((error as LimitExceededError).maximum, 2);
    assert.is((error as LimitExceededError).actual, 3);
    for (const socket of silent) socket.destroy();
  } finally {
    await server.close({ deadline: 0 });
  }
});

handed.run();

const advice = suite('options that do not exist');

const meant: ReadonlyArray<readonly [given: string, advice: RegExp]> = [
  ['authorise', /authorise is no option of createServer\(\): did you mean authorize\?$/],
  ['Authorize', /did you mean authorize\?$/],
  ['maxConnection', /did you mean maxConnections\?$/],
  ['passPhrase', /did you mean passphrase\?$/],
  ['requestCert', /a client is always asked for its certificate; see clientCertificate$/],
  ['rejectUnauthorized', /who is not verified is always refused$/],
  ['port', /give it to listen\(\{ port \}\), or in the URL$/],
  ['timeout', /it is called handshakeTimeout$/],
  ['der', /cert and key are options, and der and chain are none$/],
  ['colour', /those are authorize, ca, .*, trace$/],
  ['__proto_', /those are authorize, /],
];
for (const [given, words] of meant) {
  advice(`are refused with what may be meant by ${given}`, () => {
    assert.throws(
      () => createServer({ ...serverCredentials(), [given]: true } as never),
      (error: unknown) => error instanceof UsageError && error.code === 'option-unknown' && words.test(error.message),
    );
  });
}

advice.run();
