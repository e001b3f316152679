import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import * as assert from 'uvu/assert';
import { examineFiles, examineServer, type Finding, type ServerToExamine } from '../../../src/tls/doctor/index.js';
import { startServer } from '../../support/ends.js';
import { type IssuedCertificate, kit } from '../../support/kit.js';
import { suite } from '../../support/suite.js';
import { withTcpServer, withTlsServer } from '../../support/tls-ends.js';
import { file, troubles } from './cases.js';

/** Examines what listens at a port of loopback, with the CA of the kit and without a certificate of our own. */
async function examine(port: number, over: Partial<ServerToExamine> = {}): Promise<Finding[]> {
  const { anchors } = await examineFiles({ ca: file('ca.pem', kit().ca.cert), isOneAuthority: false });
  return examineServer({
    host: '127.0.0.1',
    port,
    name: 'localhost',
    serverName: 'localhost',
    anchors,
    ca: 'ca.pem',
    revocation: undefined,
    own: [],
    isImpostor: false,
    minVersion: 'TLSv1.3',
    timeout: 5_000,
    requests: {
      upgrade: Buffer.from(
        'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      ),
      plain: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    },
    credentials: undefined,
    open: undefined,
    plainCommand: 'curl https://localhost/',
    again: (changes) => `mtls-ws doctor ${JSON.stringify(changes)}`,
    ...over,
  });
}

/** Examines a server of Node's that presents a certificate, or is set up otherwise. */
async function examineTls(
  options: TlsOptions & { present?: IssuedCertificate; answer?: string },
  over: Partial<ServerToExamine> = {},
): Promise<{ found: Finding[]; received: Buffer }> {
  const { present, answer, ...rest } = options;
  const shown = present === undefined ? {} : { cert: present.cert, key: present.key };
  let found: Finding[] = [];
  const received: Buffer[] = [];
  const onSocket = (socket: TLSSocket): void => {
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      if (answer !== undefined) socket.end(answer);
    });
  };
  const base = { requestCert: true, rejectUnauthorized: true, ca: kit().ca.cert };
  await withTlsServer({ ...base, ...shown, ...rest }, onSocket, async (port) => {
    found = await examine(port, over);
  });
  return { found, received: Buffer.concat(received) };
}

/** What is found beside what is said when nothing of our own is presented. */
function troublesOf(found: readonly Finding[]): string[] {
  return troubles(found).filter((one) => one !== 'note server not-checked');
}

function textOf(found: readonly Finding[], id: string): string {
  const { text = '', cause = '', fix = '' } = found.find((one) => one.id === id) ?? {};
  return `${text}; ${cause}; ${fix}`;
}

const versions = ['TLSv1.3', 'TLSv1.2'] as const;

const way = suite('doctor: the way to a server');

way('tells a port where nothing listens', async () => {
  let free = 0;
  await withTcpServer(
    () => {},
    async (port) => {
      free = port;
    },
  );
  assert.equal(troubles(await examine(free)), ['error server nothing-listens']);
});

way('tells a name without an address', async () => {
  assert.equal(troubles(await examine(9, { host: 'no-such-host.invalid' })), ['error server host-not-found']);
});

way('tells a port that speaks plain HTTP', async () => {
  const server = createHttpServer((_request, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const found = await examine(port);
    assert.equal(troubles(found), ['error server not-tls']);
    assert.match(
      textOf(found, 'not-tls'),
      /plain HTTP.*"HTTP\/1\.1 400 Bad Request".*curl -i http:\/\/127\.0\.0\.1:\d+\//,
    );
  } finally {
    server.close();
  }
});

way('tells a port of another service, and escapes what it said', async () => {
  const greet = (socket: Socket): void => void socket.end('\x1b[2JSSH-2.0-OpenSSH_9.2\r\n');
  await withTcpServer(greet, async (port) => {
    const found = await examine(port);
    assert.equal(troubles(found), ['error server not-tls']);
    assert.match(textOf(found, 'not-tls'), /"\\x1b\[2JSSH-2\.0/);
  });
});

way('tells a server that takes the connection and never answers, or closes it', async () => {
  const silent = (port: number) => examine(port, { timeout: 1_000 });
  await withTcpServer(
    () => {},
    async (port) => assert.equal(troubles(await silent(port)), ['error server tls-silent']),
  );
  const cut = (socket: Socket): void => void socket.destroy();
  await withTcpServer(cut, async (port) => assert.equal(troubles(await examine(port)), ['error server tls-cut']));
});

way('tells TLS versions and ALPN that do not fit', async () => {
  const old = await examineTls({ maxVersion: 'TLSv1.2' });
  assert.equal(troublesOf(old.found), ['error server tls-version']);
  assert.match(textOf(old.found, 'tls-version'), /mtls-ws doctor \{"min-tls":"1\.2"\}$/);
  assert.equal(troublesOf((await examineTls({ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.2' })).found), []);
  const ancient = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  assert.equal(troublesOf((await examineTls(ancient)).found), ['error server tls-version']);
  assert.equal(troublesOf((await examineTls({ ALPNProtocols: ['h2'] })).found), ['error server tls-alpn']);
  const suite = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' } as const;
  assert.equal(troublesOf((await examineTls(suite)).found), ['error server tls-cipher']);
});

way.run();

const certificate = suite('doctor: the certificate of a server');

for (const version of versions) {
  certificate(`tells what is wrong with it, and sends nothing then (${version})`, async () => {
    const { servers } = kit();
    const table: readonly [present: IssuedCertificate, id: string][] = [
      [servers.commonNameOnly, 'no-san'],
      [servers.uriSanOnly, 'no-san'],
      [servers.wrongHost, 'name-mismatch'],
      [servers.expired, 'expired'],
      [servers.notYetValid, 'not-yet-valid'],
      [servers.clientAuthOnly, 'purpose-wrong'],
      [servers.otherCa, 'chain-incomplete'],
      [servers.missingIntermediate, 'chain-incomplete'],
      [servers.impostorCa, 'ca-same-name'],
      [servers.selfSigned, 'self-signed'],
    ];
    for (const [present, id] of table) {
      const options = { present, maxVersion: version, requestCert: false };
      const { found, received } = await examineTls(options, { minVersion: 'TLSv1.2' });
      const errors = found.filter(({ severity }) => severity === 'error').map((one) => one.id);
      assert.equal(errors, [id, 'asks-for-no-certificate']);
      assert.is(received.length, 0, id);
      assert.match(textOf(found, 'not-checked'), /with these errors, nothing is sent/);
    }
  });
}

certificate('is read also when the server refuses the handshake without one of ours', async () => {
  const options = { present: kit().servers.expired, maxVersion: 'TLSv1.2' } as const;
  const { found } = await examineTls(options, { minVersion: 'TLSv1.2' });
  assert.equal(troublesOf(found), ['error server expired']);
  assert.match(textOf(found, 'asks-for-certificate'), /of CN=Test CA/);
});

certificate('is replaced with all of its names, by the CA that issued it or by one that is trusted', async () => {
  const { servers } = kit();
  const fixOf = async (present: IssuedCertificate, id: string, over: Partial<ServerToExamine> = {}) =>
    (await examineTls({ present }, over)).found.find((one) => one.id === id)?.fix;
  const names = '--host localhost --host 127.0.0.1 --host ::1 --host x.example';
  const issue = (ca: string) => `mtls-ws pki issue new-server --kind server --ca ${ca}.pem --ca-key ${ca}.key`;
  const over = { name: 'x.example' };
  assert.is(await fixOf(servers.good, 'name-mismatch', over), `${issue('ca')} ${names}`);
  const unknown = `${issue('CA-OF-THE-SERVER')} ${names}`;
  assert.is(await fixOf(servers.throughIntermediate, 'name-mismatch', over), unknown);
  assert.is(await fixOf(servers.good, 'name-mismatch', { ...over, ca: undefined, anchors: undefined }), unknown);
  assert.is(
    await fixOf(servers.missingIntermediate, 'chain-incomplete'),
    'cat SERVER.pem INTERMEDIATE.pem > SERVER.with-intermediate.pem',
  );
});

certificate('is not judged without a CA, but shown', async () => {
  const { found, received } = await examineTls({ present: kit().servers.otherCa }, { anchors: undefined });
  assert.equal(troubles(found), ['note server not-checked']);
  assert.match(textOf(found, 'certificate'), /CN=server, issued by CN=Other CA/);
  assert.is(received.length, 0);
});

for (const name of ['otherCa', 'wrongHost'] as const) {
  certificate(`tells when the next connection meets another, and sends nothing on it (${name})`, async () => {
    const received: Buffer[] = [];
    const onSocket = (socket: TLSSocket): void => void socket.on('data', (chunk: Buffer) => received.push(chunk));
    await withTlsServer({ requestCert: false }, onSocket, async (port, server) => {
      const other = kit().servers[name];
      server.once('secureConnection', () => server.setSecureContext({ cert: other.cert, key: other.key }));
      const found = await examine(port);
      assert.ok(troubles(found).includes('error server certificate-differs'), troubles(found).join(', '));
    });
    assert.equal(received, []);
  });
}

certificate.run();

const strangers = suite('doctor: clients without a certificate');

for (const version of versions) {
  const over = { minVersion: 'TLSv1.2' } as const;

  strangers(`tells a server that asks for no certificate (${version})`, async () => {
    const { found } = await examineTls(
      { requestCert: false, maxVersion: version, answer: 'HTTP/1.1 200 OK\r\n\r\n' },
      over,
    );
    assert.equal(troublesOf(found), ['error server asks-for-no-certificate']);
  });

  strangers(`tells a server that asks for one, and opens a WebSocket without (${version})`, async () => {
    const answer = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
    const { found } = await examineTls({ rejectUnauthorized: false, maxVersion: version, answer }, over);
    assert.equal(troublesOf(found), ['error server enters-without-certificate']);
  });

  strangers(`tells one that goes on to HTTP without, and what it says there (${version})`, async () => {
    const of = async (status: number) => {
      const answer = `HTTP/1.1 ${status} X\r\n\r\n`;
      return troublesOf((await examineTls({ rejectUnauthorized: false, maxVersion: version, answer }, over)).found);
    };
    assert.equal(await of(404), ['warning server enters-without-certificate']);
    // As nginx refuses who shows none.
    assert.equal(await of(400), []);
    assert.equal(await of(403), []);
  });

  strangers(`says that they are refused (${version})`, async () => {
    const { found } = await examineTls({ maxVersion: version }, over);
    assert.equal(troublesOf(found), []);
    assert.match(textOf(found, 'refuses-without-certificate'), /alert/);
  });
}

strangers('are refused by a server of ours', async () => {
  const { server, port } = await startServer();
  try {
    const found = await examine(port);
    assert.equal(troublesOf(found), []);
    assert.match(textOf(found, 'refuses-without-certificate'), /alert 116, certificate required/);
  } finally {
    await server.close({ deadline: 0 });
  }
});

strangers('says that silence tells nothing', async () => {
  const { found } = await examineTls({ rejectUnauthorized: false }, { timeout: 1_500 });
  assert.match(textOf(found, 'not-checked'), /not known: it said nothing for 1\.5 s/);
});

strangers.run();

const asked = suite('doctor: which certificates a server asks for (RFC 8446 §4.3.2)');

for (const version of versions) {
  asked(`warns when the issuer of ours is not among the CAs that it names (${version})`, async () => {
    const { clients } = kit();
    const ownOf = async (issued: IssuedCertificate) =>
      (await examineFiles({ cert: file('c.pem', issued.cert), isOneAuthority: false })).chain;
    const over = { minVersion: 'TLSv1.2' } as const;
    const foreign = await examineTls({ maxVersion: version }, { ...over, own: await ownOf(clients.otherCa) });
    assert.equal(troublesOf(foreign.found), ['warning server issuer-not-accepted']);
    assert.match(textOf(foreign.found, 'issuer-not-accepted'), /CN=foreign device, is from CN=Other CA/);
    for (const issued of [clients.good, clients.throughIntermediate]) {
      const { found } = await examineTls({ maxVersion: version }, { ...over, own: await ownOf(issued) });
      assert.equal(troublesOf(found), []);
    }
  });
}

asked.run();
