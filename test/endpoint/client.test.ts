import { once } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import * as assert from 'uvu/assert';
import {
  type Connection,
  connect,
  HandshakeError,
  MtlsWsError,
  PeerIdentityError,
  UsageError,
} from '../../src/index.js';
import { loadCredentials } from '../../src/tls/index.js';
import { clientCredentials, rawServer, serverCredentials, startServer, switching, until } from '../support/ends.js';
import { suite } from '../support/suite.js';

/** Returns what `promise` rejects with. */
async function rejection(promise: Promise<unknown>): Promise<MtlsWsError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof MtlsWsError)) throw new Error(`not one of our errors: ${String(outcome)}`);
  return outcome;
}

/** Connects to a raw server that answers with `answer`, and returns what the attempt rejects with. */
async function refusedBy(
  answer: (accept: string) => string | Uint8Array | undefined,
  options: Record<string, unknown> = {},
): Promise<MtlsWsError> {
  const { url, close } = await rawServer(answer);
  try {
    return await rejection(connect(url, { ...clientCredentials(), ...options }));
  } finally {
    await close();
  }
}

const opening = suite('the opening handshake at the client (RFC 6455 §4.1)');

opening('sends what the RFC asks for, and no more', async () => {
  let request = '';
  const { url, port, peers, close } = await rawServer((accept) => switching(accept));
  try {
    const near = await connect(`${url}chat?a=b`, {
      ...clientCredentials(),
      trace: (_id, direction, bytes) => {
        if (direction === 'out' && request === '') request = bytes.toString('latin1');
      },
    });
    assert.match(
      request,
      new RegExp(
        `^GET /chat\\?a=b HTTP/1\\.1\\r\\nHost: localhost:${port}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n` +
          'Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n$',
      ),
    );
    assert.is(peers[0]?.socket.alpnProtocol, 'http/1.1');
    near.terminate();
  } finally {
    await close();
  }
});

const faults: ReadonlyArray<readonly [what: string, answer: (accept: string) => string, code: string]> = [
  [
    'no Accept',
    () => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'accept-missing',
  ],
  ['a wrong Accept', () => switching('s3pPLMBiTxaQ9kYGzzhZRbK+xOo='), 'accept-wrong'],
  ['two Accepts', (accept) => switching(accept, [`Sec-WebSocket-Accept: ${accept}`]), 'accept-repeated'],
  [
    'a subprotocol that was not offered',
    (accept) => switching(accept, ['Sec-WebSocket-Protocol: chat']),
    'protocol-not-offered',
  ],
  [
    'an extension that was not offered',
    (accept) => switching(accept, ['Sec-WebSocket-Extensions: permessage-deflate']),
    'extension-not-offered',
  ],
  ['no Upgrade', (accept) => switching(accept).replace('Upgrade: websocket\r\n', ''), 'upgrade-wrong'],
  ['no Connection', (accept) => switching(accept).replace('Connection: Upgrade\r\n', ''), 'connection-wrong'],
  ['something that is no HTTP', () => 'SSH-2.0-OpenSSH_9.2\r\n', 'status-line-malformed'],
  ['an upgrade in HTTP/1.0', (accept) => switching(accept).replace('HTTP/1.1', 'HTTP/1.0'), 'version-unsupported'],
  ['a head without end (T16)', () => `HTTP/1.1 101 Switching Protocols\r\nX: ${'x'.repeat(20_000)}`, 'head-too-large'],
  ['1xx without end', () => 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50), 'too-many-interim-responses'],
];
for (const [what, answer, code] of faults) {
  opening(`fails on ${what} (T19)`, async () => {
    const error = await refusedBy(answer);
    assert.instance(error, HandshakeError);
    assert.is(error.code, code);
  });
}

opening('sends nothing behind its request until it is answered', async () => {
  const { url, peers, close } = await rawServer(() => undefined);
  try {
    const attempt = connect(url, { ...clientCredentials(), pingInterval: 10 });
    await until(() => peers.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The peer has taken the request; what is there now came behind it.
    assert.is(peers[0]!.received.length, 0);
    peers[0]!.socket.end(switching('wrong'));
    await attempt.then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'accept-wrong'),
    );
  } finally {
    await close();
  }
});

opening('passes over 1xx before the 101, and takes frames from its packet (T19)', async () => {
  const { url, close } = await rawServer((accept) =>
    Buffer.concat([
      Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n${switching(accept)}`),
      Buffer.from('810568656c6c6f8202', 'hex'),
      Buffer.from('abcd', 'hex'),
    ]),
  );
  try {
    const near = await connect(url, clientCredentials());
    const seen: Array<string | Buffer> = [];
    for await (const message of near) if (seen.push(message) === 2) break;
    assert.equal(seen, ['hello', Buffer.from('abcd', 'hex')]);
    near.terminate();
  } finally {
    await close();
  }
});

for (const status of [401, 403, 426, 503]) {
  opening(`tells status ${status} with the body, bounded and escaped (T19)`, async () => {
    const body = `no entry\u001b[31m for you${'.'.repeat(100_000)}`;
    const error = await refusedBy(() => `HTTP/1.1 ${status} No\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.instance(error, HandshakeError);
    assert.is(error.code, 'http-status');
    assert.is((error as HandshakeError).httpStatus, status);
    assert.match(error.message, /no entry\\x1b\[31m for you\.\.\./);
    assert.ok(error.message.length < 600, `${error.message.length} characters`);
  });
}

opening('tells a redirect, and does not follow it (T19)', async () => {
  const other = await rawServer(() => undefined);
  try {
    const error = await refusedBy(() => `HTTP/1.1 302 Found\r\nLocation: ${other.url}\r\nContent-Length: 0\r\n\r\n`);
    assert.is((error as HandshakeError).httpStatus, 302);
    assert.match(error.message, /redirect to "wss:.*" that is not followed/);
    assert.is(other.peers.length, 0);
  } finally {
    await other.close();
  }
});

opening('gives up on a server that never answers', async () => {
  const error = await refusedBy(() => undefined, { handshakeTimeout: 150 });
  assert.instance(error, HandshakeError);
  assert.is(error.code, 'deadline');
  assert.match(error.message, /within 150 ms/);
});

opening('gives up on a server whose body never ends, with its status', async () => {
  const error = await refusedBy(() => 'HTTP/1.1 403 Forbidden\r\n\r\nbecause');
  assert.is((error as HandshakeError).httpStatus, 403);
  assert.match(error.message, /because/);
});

opening('ends with the reason of its signal, before and during the attempt', async () => {
  const reason = new Error('changed my mind');
  const { url, close } = await rawServer(() => undefined);
  try {
    await connect(url, { ...clientCredentials(), signal: AbortSignal.abort(reason) }).then(
      () => assert.unreachable(),
      (error) => assert.is(error, reason),
    );
    const odd: unknown = Object.create(null);
    const given = await connect(url, { ...clientCredentials(), signal: AbortSignal.abort(odd) }).catch(
      (error) => error,
    );
    assert.is(given, odd, 'what cannot be written is a reason, too');
    for (const delay of [0, 30]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), delay);
      await connect(url, { ...clientCredentials(), signal: controller.signal }).then(
        () => assert.unreachable(),
        (error) => assert.is(error, reason),
      );
    }
  } finally {
    await close();
  }
});

opening('refuses options that cannot be meant (T17, M6)', async () => {
  const wrong: ReadonlyArray<readonly [url: string, options: Record<string, unknown>]> = [
    ['ws://localhost/', {}],
    ['https://localhost/', {}],
    ['localhost', {}],
    ['wss://localhost/#part', {}],
    ['wss://user:password@localhost/', {}],
    ['wss://localhost/', { protocols: ['a', 'a'] }],
    ['wss://localhost/', { protocols: ['a\r\nX: y'] }],
    ['wss://localhost/', { origin: 'https://a\r\nX: y' }],
    ['wss://localhost/', { headers: { X: 'a\nb' } }],
    ['wss://localhost/', { headers: { 'X\r\nY': 'a' } }],
    ['wss://localhost/', { headers: { Host: 'other' } }],
    ['wss://localhost/', { headers: { 'Sec-WebSocket-Key': 'mine' } }],
    ['wss://localhost/', { handshakeTimeout: -1 }],
    ['wss://localhost/', { ca: undefined }],
    ['wss://localhost/', { ca: [] }],
    ['wss://localhost/', { ca: '' }],
    ['wss://localhost/', { cert: undefined }],
    ['wss://localhost/', { key: undefined }],
    ['wss://localhost/', { ca: '/etc/ssl/ca.pem' }],
    ['wss://localhost/', { minVersion: 'TLSv1.1' }],
    ['wss://localhost/', { rejectUnauthorized: false }],
    ['wss://localhost/', { maxMessageByte: 1 }],
    ['wss://localhost/', { minVersion: null }],
    ['wss://localhost/', { servername: '' }],
    ['wss://localhost/', { servername: 'a b' }],
    ['wss://localhost/', { servername: 5 }],
    ['wss://localhost/', { headers: 5 }],
    ['wss://localhost/', { headers: ['X: a'] }],
    ['wss://localhost/', { maxMessageBytes: 2 ** 32 }],
  ];
  // What was checked last must not vouch for what is wrong.
  loadCredentials(clientCredentials());
  for (const [url, options] of wrong) {
    const error = await rejection(connect(url, { ...clientCredentials(), ...options } as never));
    assert.instance(error, UsageError, `${url} ${JSON.stringify(options)}: ${error}`);
  }
  assert.instance(await rejection(connect('wss://localhost/', undefined as never)), UsageError);
});

opening('says that nothing is listening', async () => {
  const { server, url } = await startServer();
  await server.close();
  const error = await rejection(connect(url, clientCredentials()));
  assert.is(error.code, 'connection-refused');
  assert.match(error.message, /nothing is listening there/);
});

opening('says that the other end does not speak TLS', async () => {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as net.AddressInfo;
    assert.is((await rejection(connect(`wss://localhost:${port}/`, clientCredentials()))).code, 'not-tls');
  } finally {
    server.close();
  }
});

opening('says that the other end speaks TLS 1.2 only', async () => {
  const { url, close } = await rawServer((accept) => switching(accept), { maxVersion: 'TLSv1.2' });
  try {
    const error = await rejection(connect(url, clientCredentials()));
    assert.is(error.code, 'tls-version');
    assert.match(error.message, /TLS 1\.2/);
    (await connect(url, { ...clientCredentials(), minVersion: 'TLSv1.2' })).terminate();
  } finally {
    await close();
  }
});

opening('uses a socket that is already there, with frames in the first packet', async () => {
  const { port, close } = await rawServer((accept) =>
    Buffer.concat([Buffer.from(switching(accept)), Buffer.from('810568656c6c6f', 'hex')]),
  );
  try {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const near = await connect('wss://localhost/', { ...clientCredentials(), socket });
    for await (const message of near) {
      assert.is(message, 'hello');
      break;
    }
    near.terminate();
  } finally {
    await close();
  }
});

opening('goes through a CONNECT proxy, and shows nothing to a server it does not trust (M7)', async () => {
  const { server, port } = await startServer();
  const proxy = http.createServer();
  proxy.on('connect', (_request, client: net.Socket) => {
    const upstream = net.connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const tunnel = (): Promise<net.Socket> =>
    new Promise((resolve, reject) => {
      const request = http.request({
        port: (proxy.address() as net.AddressInfo).port,
        method: 'CONNECT',
        path: 'localhost:443',
      });
      request.on('connect', (_response, socket) => resolve(socket as net.Socket));
      request.on('error', reject);
      request.end();
    });
  try {
    const near = await connect('wss://localhost/', { ...clientCredentials(), socket: await tunnel() });
    assert.ok((await near.close()).wasClean);
    let refusals = 0;
    server.on('refused', () => refusals++);
    const error = await rejection(connect('wss://wrong.example/', { ...clientCredentials(), socket: await tunnel() }));
    assert.instance(error, PeerIdentityError);
    assert.is(error.code, 'server-name-mismatch');
    await until(() => refusals === 1);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
    await server.close({ deadline: 0 });
  }
});

opening('connects to IPv6 addresses', async () => {
  const { server } = await startServer();
  await server.close();
  const { createServer } = await import('../../src/index.js');
  const six = createServer(serverCredentials());
  try {
    const { port } = await six.listen({ port: 0, host: '::1' });
    const near = await connect(`wss://[::1]:${port}/`, clientCredentials());
    near.terminate();
  } finally {
    await six.close({ deadline: 0 });
  }
});

opening.run();

const cuts = suite('cuts at every byte offset (T20)');

cuts(
  'of the response and of frames: a typed error or 1006 at the client, and no hang',
  async () => {
    const whole = (accept: string): Buffer =>
      Buffer.concat([Buffer.from(switching(accept)), Buffer.from('810568656c6c6f827e00c8', 'hex'), Buffer.alloc(200)]);
    const headLength = switching('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=').length;
    const total = whole('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=').length;
    for (let offset = 0; offset <= total; offset += offset > headLength + 20 && offset < total - 20 ? 10 : 1) {
      for (const how of ['end', 'destroy'] as const) {
        const { url, peers, close } = await rawServer((accept) => {
          const bytes = whole(accept).subarray(0, offset);
          const { socket } = peers[0]!;
          if (how === 'end') socket.end(bytes);
          else socket.write(bytes, () => socket.destroy());
          return undefined;
        });
        try {
          const outcome = await connect(url, clientCredentials()).then(
            async (near: Connection) => {
              near.on('message', () => {});
              return (await near.closed).code;
            },
            (error: unknown) => {
              assert.instance(error, MtlsWsError, String(error));
              return offset === 0 ? (error as PeerIdentityError).certain === false : true;
            },
          );
          assert.is(outcome, offset < headLength ? true : 1006, `${how} after ${offset} bytes: ${outcome}`);
        } finally {
          await close();
        }
      }
    }
  },
  { deadline: 120_000 },
);

cuts(
  'of the request and of frames: at the server too',
  async () => {
    const { rawClient, upgradeRequest } = await import('../support/ends.js');
    const { encodeAnyFrame } = await import('../../src/frame/index.js');
    const { server, port } = await startServer();
    const codes: number[] = [];
    let refusals = 0;
    server.on('refused', () => refusals++);
    server.on('connection', (connection) => {
      connection.on('message', () => {});
      connection.on('close', ({ code }) => codes.push(code));
    });
    try {
      const request = Buffer.from(upgradeRequest());
      const frame = encodeAnyFrame({
        opcode: 1,
        payload: Buffer.alloc(200, 97),
        maskingKey: Buffer.from('37fa213d', 'hex'),
      });
      const whole = Buffer.concat([request, frame]);
      const offsets = Array.from({ length: whole.length + 1 }, (_, offset) => offset).filter(
        (offset) => offset % 5 === 0 || offset > request.length - 5,
      );
      const afterHead = offsets.filter((offset) => offset >= request.length).length;
      for (const offset of offsets) {
        const peer = await rawClient(port);
        peer.socket.write(whole.subarray(0, offset));
        peer.socket.end();
        await peer.readAll();
        peer.socket.destroy();
      }
      await until(() => codes.length === afterHead && server.connections.size === 0);
      assert.equal([...new Set(codes)], [1006]);
      assert.is(refusals, offsets.length - afterHead - 1, 'a client that leaves without a byte is not worth a line');
    } finally {
      await server.close({ deadline: 0 });
    }
  },
  { deadline: 120_000 },
);

cuts.run();
