import { once } from 'node:events';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import type { HandshakeError, MtlsWsError } from '../../src/errors.js';
import { attach, type Connection, connect, type PlainRequest, type UpgradeRequest } from '../../src/index.js';
import {
  clientCredentials,
  type RawPeer,
  rawClient,
  rawServer,
  serverCredentials,
  startServer,
  upgradeRequest,
} from '../support/ends.js';
import { suite } from '../support/suite.js';
import { rejection, Told } from '../support/tls-ends.js';

/** Text that a log or a terminal can take: one line, without controls, and short. */
function assertSafe(text: string, what: string): void {
  assert.ok(text.length < 2_000, `${what}: ${text.length} characters`);
  assert.not.match(text, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, what);
}

const forwarded = suite('certificates in header fields (M16)');

/** By which proxies tell servers behind them who the client is, with what a client would like to be. */
const forgeries: readonly string[] = [
  'X-Forwarded-Client-Cert: Hash=00;Subject="CN=admin";URI=spiffe://test.example/admin',
  'X_Forwarded_Client_Cert: Subject="CN=admin"',
  'Client-Cert: :MIIB:',
  'Client-Cert-Chain: :MIIB:, :MIIC:',
  'X-Client-Cert: CN=admin',
  'X-SSL-Cert: CN=admin',
  'X-SSL-Client-Cert: CN=admin',
  'X-SSL-Client-S-DN: CN=admin',
  'X-SSL-Client-Verify: SUCCESS',
  'X_SSL_CLIENT_S_DN: CN=admin',
  'SSL_CLIENT_CERT: CN=admin',
  'SSL-Client-Cert: CN=admin',
  'X-ARR-ClientCert: CN=admin',
  'X-Amzn-Mtls-Clientcert: CN=admin',
  'X-Amzn-Mtls-Clientcert-Subject: CN=admin',
  'X-Tls-Client-Cert: CN=admin',
  'X-Goog-Client-Cert-Present: true',
  'X-Forwarded-For: 192.0.2.1',
  'X-Real-IP: 192.0.2.1',
  'X-Forwarded-Host: admin.example',
  'X-Forwarded-Proto: http',
  'Forwarded: for=192.0.2.1;host=admin.example;proto=http',
];

function assertNotForged(request: UpgradeRequest | PlainRequest): void {
  assert.is(request.peer.subjectCommonName, 'device-7');
  assert.is(request.peer.spiffeId?.id, 'spiffe://test.example/device/7');
  assert.is(request.remoteAddress, '127.0.0.1');
  if ('host' in request) assert.is(request.host, 'localhost');
}

forwarded('are never read by a server, for upgrades and plain requests (M16)', async () => {
  const asked = new Told<UpgradeRequest | PlainRequest>();
  const { server, port } = await startServer({
    authorize: (request) => {
      asked.push(request);
      return true;
    },
    onRequest: (request) => {
      asked.push(request);
      return undefined;
    },
  });
  try {
    const upgrade = await rawClient(port);
    upgrade.write(upgradeRequest('/', forgeries));
    assert.match(await upgrade.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 /);
    assertNotForged(await asked.next());
    upgrade.socket.destroy();
    const plain = await rawClient(port);
    plain.write(['GET / HTTP/1.1', 'Host: localhost', ...forgeries, '', ''].join('\r\n'));
    assertNotForged(await asked.next());
    assert.match((await plain.readAll()).toString(), /^HTTP\/1\.1 426 /);
  } finally {
    await server.close({ deadline: 0 });
  }
});

forwarded('are never read at a server that is attached to (M16)', async () => {
  const asked = new Told<UpgradeRequest>();
  const host = https.createServer({
    ...serverCredentials(),
    ...{ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
  });
  const attached = attach(host, {
    path: '/',
    authorize: (request: UpgradeRequest) => {
      asked.push(request);
      return true;
    },
  } as Parameters<typeof attach>[1]);
  host.listen(0, '127.0.0.1');
  await once(host, 'listening');
  try {
    const upgrade = await rawClient((host.address() as AddressInfo).port);
    upgrade.write(upgradeRequest('/', forgeries));
    assert.match(await upgrade.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 /);
    assertNotForged(await asked.next());
    upgrade.socket.destroy();
  } finally {
    await attached.close({ deadline: 0 });
    host.close();
  }
});

forwarded.run();

const callbacks = suite('callbacks that fail (M14)');

const escapes = 'evil\n\u001b[2J\u202e';
const hostileText = `${escapes}${'x'.repeat(1_000_000)}`;

const failures: Readonly<Record<string, () => unknown>> = {
  'an error with a hostile message': () => {
    throw new Error(hostileText);
  },
  'an error with escapes': () => {
    throw new Error(escapes);
  },
  'nothing at all': () => {
    throw undefined;
  },
  'a string': () => {
    throw hostileText;
  },
  'an object without prototype': () => {
    throw Object.create(null);
  },
  'an object that cannot be written': () => {
    throw {
      toString() {
        throw new Error('not even this');
      },
    };
  },
  'a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: a promise that is no Promise is what is tested
    then() {
      throw new Error(hostileText);
    },
  }),
  'a promise that rejects with nothing': () => Promise.reject(),
};

for (const [what, fail] of Object.entries(failures)) {
  callbacks(`authorize and onRequest that throw ${what} are a 500, and the next client is let in (M14)`, async () => {
    const refused = new Told<MtlsWsError>();
    const { server, port, url } = await startServer({
      authorize: (({ path }: UpgradeRequest) => (path === '/' ? true : fail())) as never,
      onRequest: fail as never,
    });
    server.on('refused', ({ error }) => refused.push(error));
    try {
      for (const request of [upgradeRequest('/fails'), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
        const peer = await rawClient(port);
        peer.write(request);
        const answer = (await peer.readAll()).toString();
        assert.match(answer, /^HTTP\/1\.1 500 /);
        assert.not.match(answer, /evil/);
        const error = await refused.next();
        assert.is(error.code, 'handler-failed');
        assertSafe(error.message, what);
      }
      (await connect(url, clientCredentials())).terminate();
    } finally {
      await server.close({ deadline: 0 });
    }
  });
}

callbacks.run();

const refusals = suite('refusals in HTTP (RFC 9110 §15.5)');

refusals(
  'of a certificate after the TLS handshake, as some servers do, are told with their status and text (M11)',
  async () => {
    const body = 'The SSL certificate error';
    const server = await rawServer(
      () => `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    try {
      const error = (await rejection(connect(server.url, clientCredentials()))) as HandshakeError;
      assert.is(error.code, 'http-status');
      assert.is(error.httpStatus, 400);
      assert.match(error.message, body);
    } finally {
      await server.close();
    }
  },
);

refusals.run();

const texts = suite('hostile text on the way (M17)');

for (const [what, reason] of Object.entries({ 'with escapes': escapes, 'of a megabyte with escapes': hostileText })) {
  texts(`a reason ${what} is one short line for the client and for the server (M17)`, async () => {
    const refused = new Told<MtlsWsError>();
    const { server, port, url } = await startServer({ authorize: () => ({ reason }) });
    server.on('refused', ({ error }) => refused.push(error));
    try {
      const error = (await rejection(connect(url, clientCredentials()))) as MtlsWsError;
      assert.is(error.code, 'http-status');
      assertSafe(error.message, 'at the client');
      assertSafe((await refused.next()).message, 'at the server');
      const peer = await rawClient(port);
      peer.write(upgradeRequest());
      const answer = (await peer.readAll()).toString();
      assert.ok(answer.length < 4_000, `${answer.length} octets`);
      assert.not.match(answer, /\u001b/);
    } finally {
      await server.close({ deadline: 0 });
    }
  });
}

const answers: Readonly<Record<string, string>> = {
  'a status with escapes': 'HTTP/1.1 403 \u001b[2JForbidden\r\nContent-Length: 0\r\n\r\n',
  'a body with escapes, of a megabyte': `HTTP/1.1 403 No\r\nContent-Length: ${Buffer.byteLength(hostileText)}\r\n\r\n${hostileText}`,
  'a short body with escapes': `HTTP/1.1 403 No\r\nContent-Length: ${Buffer.byteLength(escapes)}\r\n\r\n${escapes}`,
  'a location with escapes': 'HTTP/1.1 302 Found\r\nLocation: https://\u001b[2J.example/\r\nContent-Length: 0\r\n\r\n',
  'a subprotocol with escapes':
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: \u001b[2J\r\n\r\n',
  'a status line of a megabyte': `HTTP/1.1 403 ${'x'.repeat(1_000_000)}\r\n\r\n`,
  'no HTTP at all': `${hostileText}\r\n\r\n`,
};

for (const [what, answer] of Object.entries(answers)) {
  texts(`a server that answers with ${what} makes one short line of an error (M17)`, async () => {
    const hostile = await rawServer(() => answer);
    try {
      const error = (await rejection(connect(hostile.url, clientCredentials()))) as MtlsWsError;
      assert.type(error.code, 'string');
      assertSafe(error.message, what);
    } finally {
      await hostile.close();
    }
  });
}

const requests: Readonly<Record<string, string>> = {
  'a method with escapes': 'G\u001b[2JT / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'a path with escapes': upgradeRequest('/\u001b[2J'),
  'a path of a megabyte': upgradeRequest(`/${'x'.repeat(1_000_000)}`),
  'a host with escapes': 'GET / HTTP/1.1\r\nHost: \u001b[2J\r\n\r\n',
  'another host of 10,000 characters': `GET / HTTP/1.1\r\nHost: ${'x'.repeat(10_000)}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  'a key with escapes': upgradeRequest('/').replace(/Key: .*\r/, 'Key: \u001b[2J\r'),
  'a version with escapes': upgradeRequest('/').replace('Version: 13', 'Version: \u001b[2J'),
  'an origin with escapes': upgradeRequest('/', ['Origin: https://\u001b[2J.example']),
  'a subprotocol with escapes': upgradeRequest('/', ['Sec-WebSocket-Protocol: \u001b[2J']),
  'no HTTP at all': `${hostileText.slice(0, 1_000)}\r\n\r\n`,
};

for (const [what, request] of Object.entries(requests)) {
  texts(`a client that asks with ${what} makes one short line of a refusal, or none (M17)`, async () => {
    const refused = new Told<MtlsWsError>();
    const { server, port } = await startServer();
    server.on('refused', ({ error }) => refused.push(error));
    const opened = once(server, 'connection') as Promise<[Connection]>;
    try {
      const peer = await rawClient(port);
      peer.write(request);
      const told = await Promise.race([refused.next(), opened.then(() => undefined)]);
      assert.ok(told !== undefined, 'it was let in');
      assertSafe(told.message, what);
      peer.socket.destroy();
    } finally {
      await server.close({ deadline: 0 });
    }
  });
}

texts('a reason to close is given as it came, and the error of a violation is one short line (M17)', async () => {
  const { server, port } = await startServer();
  const opened = once(server, 'connection') as Promise<[Connection]>;
  try {
    const peer: RawPeer = await rawClient(port);
    peer.write(upgradeRequest());
    await peer.readUntil('\r\n\r\n');
    const [far] = await opened;
    const reason = Buffer.from('evil\n\u001b[2J');
    const body = Buffer.concat([Buffer.from([0x03, 0xe8]), reason]);
    peer.socket.write(Buffer.concat([Buffer.from([0x88, 0x80 | body.length, 0, 0, 0, 0]), body]));
    const { code, reason: told } = await far.closed;
    assert.is(code, 1000);
    assert.is(told, 'evil\n\u001b[2J');
    peer.socket.destroy();
  } finally {
    await server.close({ deadline: 0 });
  }
});

texts.run();
