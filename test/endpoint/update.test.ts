import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { lifetimeOf } from '../../src/endpoint/lifetime.js';
import { encodeAnyFrame } from '../../src/frame/index.js';
import {
  anyVerifiedPeer,
  type CloseEvent,
  type Connection,
  connect,
  createServer,
  dnsSan,
  PeerIdentityError,
  type Refusal,
  type Server,
  type ServerOptions,
  spiffeId,
  UsageError,
  watchCredentials,
} from '../../src/index.js';
import { parseCertificate } from '../../src/tls/index.js';
import { basicConstraints, commonNameOnly, keyUsage } from '../../src/tls/pki/extensions.js';
import { type Authority, createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { generateKeyPair } from '../../src/tls/pki/key-pair.js';
import { clientCredentials, rawClient, serverCredentials, until, upgradeRequest } from '../support/ends.js';
import { forge, kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

interface Running {
  readonly server: Server;
  readonly url: string;
  readonly port: number;
  readonly refused: Refusal[];
  readonly expelled: PeerIdentityError[];
  /** Connects, and returns both ends. */
  come(shown?: IssuedCertificate): Promise<{ near: Connection; far: Connection }>;
}

async function withServer(options: Partial<ServerOptions>, use: (running: Running) => Promise<void>): Promise<void> {
  const server = createServer({ ...serverCredentials(), ...options });
  const refused: Refusal[] = [];
  const expelled: PeerIdentityError[] = [];
  server.on('refused', (refusal) => refused.push(refusal));
  server.on('expelled', (_connection, error) => expelled.push(error));
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0 });
  const url = `wss://localhost:${port}/`;
  const come: Running['come'] = async ({ cert, key } = kit().clients.good) => {
    const accepted = once(server, 'connection');
    const near = await connect(url, { ...clientCredentials(), cert, key });
    near.on('message', () => {});
    return { near, far: (await accepted)[0] };
  };
  try {
    await use({ server, url, port, refused, expelled, come });
  } finally {
    await server.close({ deadline: 0 });
  }
}

/** Whether a message comes back. */
async function echoes(near: Connection): Promise<boolean> {
  const answer = once(near, 'message');
  near.send('still there?');
  const [first] = await Promise.race([answer, near.closed.then(() => ['closed'])]);
  return first === 'still there?';
}

function renewable(): { publicKey: KeyObject; privateKey: KeyObject; extensions: Buffer[] } {
  return { ...generateKeyPair(), extensions: [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')] };
}

const update = suite('a server whose credentials change');

update('shows the new certificate to new connections, and lets live ones go on', async () => {
  const { ca } = serverCredentials();
  await withServer({}, async ({ server, come, expelled }) => {
    const before = await come();
    const { cert, key } = kit().servers.rsa;
    await server.update({ ca, cert, key });
    const after = await come();
    assert.not.equal(before.near.peer.fingerprint256, after.near.peer.fingerprint256);
    assert.ok(await echoes(before.near));
    assert.equal(expelled, []);
    for (const { near } of [before, after]) near.terminate();
  });
});

update('closes with 1008 those whose CA is not trusted any more, and nobody else', async () => {
  const second = createAuthority({ commonName: 'Second CA' });
  const { ca, cert, key } = serverCredentials();
  await withServer({ ca: [ca, second.cert] }, async ({ server, come, expelled }) => {
    const first = await come();
    const through = await come(kit().clients.throughIntermediate);
    const other = await come(second.issue({ commonName: 'device of the second', kind: 'client' }));
    const ends = Promise.all([first.near.closed, through.near.closed]);
    await server.update({ ca: second.cert, cert, key });
    for (const { code, reason } of await ends) {
      assert.is(code, 1008);
      assert.match(reason, /^certificate-untrusted: no chain leads/);
    }
    assert.equal(
      expelled.map(({ code }) => code),
      ['certificate-untrusted', 'certificate-untrusted'],
    );
    assert.match(expelled[0]!.message, /its CA is not trusted any more/);
    assert.ok(await echoes(other.near));
    other.near.terminate();
  });
});

update('keeps those whose CA was renewed for its key and name', async () => {
  const { cert, key } = serverCredentials();
  const { publicKey, privateKey, extensions } = renewable();
  const keys = { publicKey, privateKey };
  const old = forge({ subject: 'Renewed CA', keys, extensions });
  const renewed = forge({ subject: 'Renewed CA', keys, extensions, notAfter: new Date('2099-01-01T00:00:00Z') });
  const client = forge({
    subject: 'device',
    signer: { name: commonNameOnly('Renewed CA'), key: privateKey, chain: [] },
    extensions: [],
  });
  await withServer({ ca: old.cert }, async ({ server, come }) => {
    const { near } = await come(client);
    await server.update({ ca: renewed.cert, cert, key });
    assert.ok(await echoes(near));
    near.terminate();
  });
});

update('changes nothing when something of it is wrong', async () => {
  const { ca, cert, key } = serverCredentials();
  await withServer({}, async ({ server, come, expelled }) => {
    const before = await come();
    const bad: ReadonlyArray<readonly [object, string]> = [
      [{ ca, cert, key: kit().clients.good.key }, 'key-of-another-certificate'],
      [{ cert, key }, 'credential-missing'],
      [{ ca: 'nonsense', cert, key }, 'pem-no-pem'],
      [{ ca, cert, key, authorise: () => true }, 'option-unknown'],
      [{ ca, cert, key, minVersion: 'TLSv1.2' }, 'option-unknown'],
      [{ ca: createAuthority().cert, cert, key, authorize: 'everybody' }, 'option-not-a-function'],
      [{ hosts: {} }, 'option-not-an-object'],
      [{ hosts: null }, 'option-not-an-object'],
      [{ authorize: null }, 'option-not-a-function'],
    ];
    for (const [given, code] of bad) {
      const error = await server.update(given as never).catch((reason: unknown) => reason);
      assert.instance(error, UsageError, code);
      assert.is((error as UsageError).code, code);
    }
    assert.ok(await echoes(before.near));
    const after = await come();
    assert.is(after.near.peer.fingerprint256, before.near.peer.fingerprint256);
    assert.equal(expelled, []);
    for (const { near } of [before, after]) near.terminate();
  });
});

update('asks changed rules about live connections, and fails closed', async () => {
  await withServer({ authorize: () => true }, async ({ server, come, expelled }) => {
    const first = await come();
    const second = await come(kit().clients.throughIntermediate);
    await server.update({ authorize: [spiffeId('spiffe://test.example/device/7'), dnsSan('a.example')] });
    const { code, reason } = await second.near.closed;
    assert.is(code, 1008);
    assert.is(reason, 'not-authorized: the certificate is not allowed here');
    assert.is(expelled[0]!.code, 'not-authorized');
    assert.match(expelled[0]!.message, /wanted .*spiffe/);
    assert.ok(await echoes(first.near));
    await server.update({
      authorize: async () => {
        throw new Error('the database is away');
      },
    });
    assert.is((await first.near.closed).code, 1008);
  });
});

update('asks rules about those whom it let in without any', async () => {
  await withServer({}, async ({ server, come }) => {
    const [known, other] = [await come(), await come(kit().clients.throughIntermediate)];
    await server.update({ authorize: [spiffeId('spiffe://test.example/device/7')] });
    assert.is((await other.near.closed).code, 1008);
    assert.ok(await echoes(known.near));
    known.near.terminate();
  });
});

update('refuses everybody it let in without rules, when rules come that say so', async () => {
  await withServer({}, async ({ server, come }) => {
    const { near } = await come();
    await server.update({ authorize: [] });
    assert.is((await near.closed).code, 1008);
    const error = await connect(`wss://localhost:${server.address()!.port}/`, clientCredentials()).catch((e) => e);
    assert.is(error.httpStatus, 403);
    await server.update({ authorize: [anyVerifiedPeer()] });
    (await come()).near.terminate();
  });
});

update('keeps what is given as undefined: a misspelt rule opens no door (M6)', async () => {
  const { cert, key } = serverCredentials();
  const other = createAuthority();
  const hosts = { localhost: serverCredentials() };
  await withServer({ authorize: [], hosts }, async ({ server, url }) => {
    const nothing = { authorize: undefined, hosts: undefined, ca: undefined, credentials: undefined };
    for (const given of [nothing, { ...nothing, ca: other.cert, cert, key }]) {
      await server.update(given);
      assert.is((await connect(url, clientCredentials()).catch((error) => error)).httpStatus, 403);
    }
  });
});

update('asks the rules of now, and not those that were still deciding when they came', async () => {
  for (const sameFunction of [false, true]) {
    const asked: Array<(verdict: boolean) => void> = [];
    const authorize = () => new Promise<boolean>((resolve) => asked.push(resolve));
    await withServer({ authorize }, async ({ server, url }) => {
      const attempt = connect(url, clientCredentials()).catch((error: unknown) => error);
      await until(() => asked.length === 1);
      await server.update({ authorize: sameFunction ? authorize : [] });
      asked[0]!(true);
      if (sameFunction) {
        await until(() => asked.length === 2);
        assert.is(server.connections.size, 0);
        asked[1]!(false);
      }
      assert.is(((await attempt) as { httpStatus?: number }).httpStatus, 403);
      assert.is(server.connections.size, 0);
    });
  }
});

update('looks again at who is at the door before any code of the user is asked about it', async () => {
  const { cert, key } = serverCredentials();
  let asked = 0;
  const ours = { authorize: () => ++asked > 0, onRequest: () => ({ status: ++asked > 0 ? 200 : 500 }) };
  for (const request of ['GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', upgradeRequest('/')]) {
    await withServer(ours, async ({ server, port, refused }) => {
      const peer = await rawClient(port);
      await until(() => server.statistics.handshakes === 1);
      await server.update({ ca: createAuthority().cert, cert, key });
      peer.write(request);
      assert.match(await peer.readUntil('\r\n'), /^HTTP\/1\.1 403 /);
      assert.is(refused[0]!.error.code, 'certificate-untrusted');
      assert.is(asked, 0);
    });
  }
});

update('resolves when rules that take their time have decided about everybody', async () => {
  await withServer({ authorize: () => true }, async ({ server, come, expelled }) => {
    const { near } = await come();
    const authorize = () => new Promise<boolean>((resolve) => setTimeout(resolve, 20, false));
    await server.update({ authorize });
    assert.is(expelled.length, 1);
    assert.is((await near.closed).code, 1008);
  });
});

update('refuses by rules that do not decide in time', async () => {
  await withServer({ authorize: () => true, handshakeTimeout: 1000 }, async ({ server, come }) => {
    const { near } = await come();
    await server.update({ authorize: () => new Promise<boolean>(() => {}) });
    assert.is((await near.closed).reason, 'not-authorized: the rules did not decide in time');
  });
});

update('lets rules that were replaced while they decided decide nothing', async () => {
  await withServer({ authorize: () => true }, async ({ server, come, expelled }) => {
    const { near } = await come();
    let answer: (verdict: boolean) => void = () => {};
    const authorize = () =>
      new Promise<boolean>((resolve) => {
        answer = resolve;
      });
    const first = server.update({ authorize });
    await server.update({ authorize: () => true });
    answer(false);
    await first;
    assert.ok(await echoes(near));
    assert.equal(expelled, []);
    near.terminate();
  });
});

update('hands over nothing more of a client that is let in no more', async () => {
  const { cert, key } = serverCredentials();
  await withServer({ closeDeadline: 300 }, async ({ server, port, expelled }) => {
    const received: unknown[] = [];
    server.on('connection', (connection) => connection.on('message', (data) => received.push(data)));
    const peer = await rawClient(port);
    peer.write(upgradeRequest('/'));
    await peer.readUntil('\r\n\r\n');
    const message = encodeAnyFrame({
      opcode: 1,
      payload: Buffer.from('x'),
      maskingKey: Buffer.from('37fa213d', 'hex'),
    });
    peer.write(message);
    await until(() => received.length === 1);
    await server.update({ ca: createAuthority().cert, cert, key });
    // It does not answer the close frame, and goes on.
    peer.write(message);
    await until(() => server.connections.size === 0);
    assert.equal([received.length, expelled.length], [1, 1]);
  });
});

update('goes on when a listener throws, whose error stays uncaught', async () => {
  const { cert, key } = serverCredentials();
  const uncaught: Error[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    await withServer({}, async ({ server, come }) => {
      const ends = [await come(), await come()];
      server.on('expelled', () => {
        throw new Error('from the listener');
      });
      await server.update({ ca: createAuthority().cert, cert, key });
      for (const { near } of ends) assert.is((await near.closed).code, 1008);
      await until(() => uncaught.length === 2);
      assert.is(uncaught[0]!.message, 'from the listener');
    });
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
});

update('is refused after the server was closed, and follows no files then', async () => {
  await withFiles(async ({ write, path }) => {
    const given = serverCredentials();
    for (const name of ['ca', 'cert', 'key'] as const) write(name, given[name]);
    const credentials = watchCredentials({ ca: path('ca'), cert: path('cert'), key: path('key'), watch: false });
    const server = createServer(given);
    await server.close();
    const error = await server.update({ credentials }).catch((reason: unknown) => reason);
    assert.is((error as UsageError).code, 'server-closed');
    assert.is(credentials.listenerCount('reloaded'), 0);
  });
});

update('looks again at who is at the door when the credentials change', async () => {
  const { cert, key } = serverCredentials();
  let decide: (verdict: boolean) => void = () => {};
  const asked = new Promise<void>((told) => {
    decide = () => told();
  });
  let answer: (verdict: boolean) => void = () => {};
  const authorize: ServerOptions['authorize'] = () => {
    decide(true);
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  await withServer({ authorize }, async ({ server, url, refused }) => {
    const attempt = connect(url, clientCredentials()).catch((error: unknown) => error);
    await asked;
    await server.update({ ca: createAuthority().cert, cert, key });
    answer(true);
    const error = (await attempt) as { httpStatus?: number };
    assert.is(error.httpStatus, 403);
    assert.is(refused[0]!.error.code, 'certificate-untrusted');
    assert.is(server.connections.size, 0);
  });
});

update('judges a TLS handshake that began before by what is in force when it ends', async () => {
  const { cert, key } = serverCredentials();
  await withServer({}, async ({ server, port, refused }) => {
    // Holds back what the client says after its ClientHello.
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let answered: () => void = () => {};
    const serverAnswered = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const proxy = net.createServer((socket) => {
      const far = net.connect(port, '127.0.0.1');
      let first = true;
      socket.on('data', async (chunk: Buffer) => {
        if (!first) await released;
        first = false;
        far.write(chunk);
      });
      far.on('data', (chunk: Buffer) => {
        socket.write(chunk);
        answered();
      });
      for (const end of [socket, far])
        end.on('error', () => {}).on('close', () => [socket, far].map((each) => each.destroy()));
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const attempt = connect(`wss://localhost:${(proxy.address() as net.AddressInfo).port}/`, clientCredentials()).catch(
      (error: unknown) => error,
    );
    await serverAnswered;
    await server.update({ ca: createAuthority().cert, cert, key });
    release();
    assert.instance(await attempt, PeerIdentityError);
    assert.is(refused[0]!.error.code, 'certificate-untrusted');
    proxy.close();
  });
});

update('closes with 1008 whom a new revocation list names, and refuses it from then on', async () => {
  const { cert, key } = serverCredentials();
  const authority = createAuthority({ commonName: 'Revoking CA' });
  const device = (commonName: string) => authority.issue({ commonName, kind: 'client' });
  const lost = device('lost device');
  const list = (...revoked: readonly IssuedCertificate[]): string =>
    authority.revocationList({
      revoked: revoked.map(({ der }) => ({
        serialNumber: parseCertificate(der).serialNumber,
        reason: 'keyCompromise',
      })),
    }).pem;
  const ca = authority.cert;
  await withServer({ ca, crl: list() }, async ({ server, url, come, expelled, refused }) => {
    const [gone, other] = [await come(lost), await come(device('another device'))];
    await server.update({ ca, cert, key, crl: list(lost) });
    const { code, reason } = await gone.near.closed;
    assert.equal([code, reason], [1008, 'certificate-revoked: the certificate has been revoked']);
    assert.match(expelled[0]!.message, /serial [0-9A-F]+, since .*, keyCompromise; list of CN=Revoking CA/);
    assert.ok(await echoes(other.near));
    const again = await connect(url, { ...clientCredentials(), cert: lost.cert, key: lost.key }).catch(
      (error) => error,
    );
    assert.instance(again, PeerIdentityError);
    while (refused.length === 0) await new Promise(setImmediate);
    assert.is(refused[0]!.error.code, 'certificate-revoked');
    // A list that has expired shuts out everybody, also those that are there.
    const past = { thisUpdate: new Date('2020-01-01'), nextUpdate: new Date('2020-02-01') };
    await server.update({ ca, cert, key, crl: authority.revocationList({ revoked: [], ...past }).pem });
    assert.match((await other.near.closed).reason, /^revocation-unknown: /);
  });
});

update('adds and removes hosts, and closes the connections of a host that is gone', async () => {
  const { ca, cert, key } = serverCredentials();
  const other = kit().ca.issue({ commonName: 'b', kind: 'server', hosts: ['b.example'] });
  const a = { ca, cert, key };
  const b = { ca, cert: other.cert, key: other.key };
  await withServer({ hosts: { localhost: a } }, async ({ server, port, come }) => {
    const { near } = await come();
    const byName = async (): Promise<Connection> => {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return connect('wss://b.example/', { ...clientCredentials(), socket });
    };
    assert.is((await byName().catch((error) => error)).code, 'server-name-unknown');
    await server.update({ hosts: { localhost: a, 'b.example': b } });
    const second = await byName();
    second.on('message', () => {});
    assert.ok(await echoes(near));
    await server.update({ hosts: { 'b.example': b } });
    const { code, reason } = await near.closed;
    assert.is(code, 1008);
    assert.match(reason, /^server-name-unknown: /);
    assert.ok(await echoes(second));
    second.terminate();
  });
});

update.run();

const rotation = suite('rotation of credential files');

interface Files {
  readonly directory: string;
  write(name: string, content: string): void;
  path(name: string): string;
}

async function withFiles(use: (files: Files) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-rotation-'));
  const path = (name: string): string => join(directory, name);
  const write = (name: string, content: string): void => {
    writeFileSync(`${path(name)}.new`, content);
    renameSync(`${path(name)}.new`, path(name));
  };
  try {
    await use({ directory, write, path });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

rotation(
  'exchanges CA, certificate and key 100 times under load, and no connection of a client that was trusted throughout fails',
  async () => {
    const rounds = 100;
    const clients = createAuthority({ commonName: 'Client CA' });
    const device = clients.issue({ commonName: 'device', kind: 'client' });
    const authorities: Authority[] = Array.from({ length: rounds + 2 }, (_, round) =>
      createAuthority({ commonName: `Server CA ${round}` }),
    );
    const servers = authorities.map((authority, round) =>
      authority.issue({ commonName: `server ${round}`, kind: 'server', hosts: ['localhost'] }),
    );
    await withFiles(async ({ write, path }) => {
      const writeServer = (round: number): void => {
        // The CA of all clients stays; another one comes and goes beside it.
        write('client-ca.pem', `${authorities[round]!.cert}${clients.cert}`);
        write('server.pem', servers[round]!.cert);
        write('server.key', servers[round]!.key);
      };
      const writeClient = (...trusted: readonly number[]): void =>
        write('server-ca.pem', trusted.map((round) => authorities[round]!.cert).join(''));
      write('client.pem', device.cert);
      write('client.key', device.key);
      writeServer(0);
      writeClient(0);
      const serverFiles = watchCredentials({
        ca: path('client-ca.pem'),
        cert: path('server.pem'),
        key: path('server.key'),
      });
      const clientFiles = watchCredentials({
        ca: path('server-ca.pem'),
        cert: path('client.pem'),
        key: path('client.key'),
      });
      const server = createServer({ credentials: serverFiles });
      const expelled: unknown[] = [];
      server.on('expelled', (_connection, error) => expelled.push(error));
      server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
      const { port } = await server.listen({ port: 0 });
      const url = `wss://localhost:${port}/`;

      const failures: unknown[] = [];
      let done = false;
      let connections = 0;
      const seen = new Set<string>();
      const visit = async (): Promise<void> => {
        const connection = await connect(url, { credentials: clientFiles });
        seen.add(connection.peer.subjectCommonName ?? '');
        connection.on('message', () => connection.close());
        connection.send('x');
        const { code, wasClean } = await connection.closed;
        connections++;
        if (code !== 1000 || !wasClean) failures.push(`closed with ${code}`);
      };
      const underWay = new Set<Promise<unknown>>();
      const work = async (): Promise<void> => {
        while (!done) {
          const attempt = visit().catch((error: unknown) => failures.push(error));
          underWay.add(attempt);
          await attempt;
          underWay.delete(attempt);
        }
      };
      // A connection that is under way uses what it began with.
      const settle = () => Promise.all([...underWay]);
      const longLived = await connect(url, { credentials: clientFiles });
      longLived.on('message', () => {});
      const workers = Array.from({ length: 4 }, work);
      for (let round = 1; round <= rounds; round++) {
        // Whoever rotates has the clients trust the new CA first, and forget the old one last.
        writeClient(round - 1, round);
        assert.is(clientFiles.reload(), 'reloaded', `round ${round}`);
        await settle();
        writeServer(round);
        // Now and then by the watch alone.
        if (round % 20 === 0) await once(serverFiles, 'reloaded');
        else assert.is(serverFiles.reload(), 'reloaded', `round ${round}`);
        await settle();
        await settle();
        writeClient(round);
        assert.is(clientFiles.reload(), 'reloaded', `round ${round}`);
      }
      done = true;
      await Promise.all(workers);
      assert.equal(failures, []);
      assert.equal(expelled, []);
      assert.ok(connections >= 8 * rounds, `${connections} connections`);
      assert.is(seen.size, rounds + 1, 'every certificate was met');
      assert.ok(await echoes(longLived), 'the first connection lives');
      longLived.terminate();
      await server.close({ deadline: 0 });
      serverFiles.close();
      clientFiles.close();
    });
  },
  { deadline: 120_000 },
);

rotation('shows the new certificate of a client from its next connection on', async () => {
  await withFiles(async ({ write, path }) => {
    const { ca, clients } = kit();
    write('ca.pem', ca.cert);
    write('client.pem', clients.good.cert);
    write('client.key', clients.good.key);
    const files = watchCredentials({ ca: path('ca.pem'), cert: path('client.pem'), key: path('client.key') });
    await withServer({}, async ({ server, url }) => {
      const come = async (): Promise<string | undefined> => {
        const accepted = once(server, 'connection');
        await connect(url, { credentials: files });
        const [{ peer }] = (await accepted) as [Connection];
        return peer.subjectCommonName;
      };
      assert.is(await come(), 'device-7');
      write('client.pem', clients.throughIntermediate.cert);
      write('client.key', clients.throughIntermediate.key);
      assert.is(files.reload(), 'reloaded');
      assert.is(await come(), 'device-8');
      assert.is(server.connections.size, 2, 'the first lives on');
    });
    files.close();
  });
});

rotation('leaves the old in force when the new are bad, and tells it', async () => {
  await withFiles(async ({ write, path }) => {
    const { ca, cert, key } = serverCredentials();
    write('ca.pem', ca);
    write('server.pem', cert);
    write('server.key', key);
    const files = watchCredentials({ ca: path('ca.pem'), cert: path('server.pem'), key: path('server.key') });
    const server = createServer({ credentials: files });
    const { port } = await server.listen({ port: 0 });
    const url = `wss://localhost:${port}/`;
    write('server.key', kit().clients.good.key);
    const failed = once(files, 'failed');
    assert.is(files.reload(), 'failed');
    const [error] = (await failed) as [UsageError];
    assert.is(error.code, 'key-of-another-certificate');
    assert.match(error.message, /server\.key/);
    (await connect(url, clientCredentials())).terminate();
    await server.close({ deadline: 0 });
    files.close();
  });
});

rotation('serves any number of servers from the same files', async () => {
  await withFiles(async ({ write, path }) => {
    const given = serverCredentials();
    for (const name of ['ca', 'cert', 'key'] as const) write(name, given[name]);
    const credentials = watchCredentials({ ca: path('ca'), cert: path('cert'), key: path('key'), watch: false });
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    const servers = Array.from({ length: 12 }, () => createServer({ credentials }));
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    assert.equal(warnings, []);
    for (const server of servers) await server.close();
    assert.is(credentials.listenerCount('reloaded'), 0);
  });
});

rotation('refuses a minVersion that the credentials in files do not come with (M6)', async () => {
  await withFiles(async ({ write, path }) => {
    const given = serverCredentials();
    for (const name of ['ca', 'cert', 'key'] as const) write(name, given[name]);
    const paths = { ca: path('ca'), cert: path('cert'), key: path('key'), watch: false };
    const credentials = watchCredentials({ ...paths, minVersion: 'TLSv1.2' });
    const isDifferent = (error: unknown) => error instanceof UsageError && error.code === 'min-version-differs';
    assert.throws(() => createServer({ credentials, minVersion: 'TLSv1.3' }), isDifferent);
    assert.throws(() => createServer({ ...given, hosts: { localhost: { credentials } } }), isDifferent);
    assert.ok(isDifferent(await connect('wss://localhost/', { credentials, minVersion: 'TLSv1.3' }).catch((e) => e)));
    await withServer({}, async ({ server }) => {
      assert.ok(isDifferent(await server.update({ credentials }).catch((error: unknown) => error)));
    });
    await createServer({ credentials, minVersion: 'TLSv1.2' }).close();
  });
});

rotation('refuses credentials that are given twice, or that are no files (M6)', () => {
  const { ca } = serverCredentials();
  for (const options of [
    { credentials: { current: undefined } },
    { credentials: 'certs' },
    { credentials: null, ca },
  ]) {
    assert.throws(
      () => createServer(options as never),
      (error: unknown) => error instanceof UsageError,
    );
  }
});

rotation.run();

const lifetime = suite('how long a connection may last');

lifetime('closes with 1001 at the maximum age, at either end', async () => {
  await withServer({ maxConnectionAge: 60 }, async ({ come }) => {
    const { near } = await come();
    const { code, reason } = await near.closed;
    assert.equal([code, reason], [1001, 'the connection has reached its maximum age: connect again']);
  });
  await withServer({}, async ({ server, url }) => {
    const accepted = once(server, 'connection');
    await connect(url, { ...clientCredentials(), maxConnectionAge: 60 });
    const [far] = (await accepted) as [Connection];
    assert.is((await far.closed).code, 1001);
  });
});

lifetime('is up to a tenth shorter, at random, so that a fleet does not come back all at once', () => {
  assert.equal([lifetimeOf(1000, 0), lifetimeOf(1000, 0.5), lifetimeOf(1000, 1)], [1000, 950, 900]);
  const ages = Array.from({ length: 200 }, () => lifetimeOf(1000));
  assert.ok(ages.every((age) => age > 900 && age <= 1000));
  assert.ok(new Set(ages).size > 100);
});

lifetime('closes with 1008 when the certificate of the peer expires, if told to', async () => {
  const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
  const brief = kit().ca.issue({ commonName: 'brief device', kind: 'client', notAfter });
  await withServer({ closeAtExpiry: true }, async ({ come }) => {
    const [{ near }, other] = [await come(brief), await come()];
    const { code, reason }: CloseEvent = await near.closed;
    assert.equal([code, reason], [1008, 'certificate-expired: the certificate has expired']);
    assert.ok(Date.now() > notAfter.getTime());
    assert.ok(await echoes(other.near));
    other.near.terminate();
  });
  await withServer({}, async ({ server, come }) => {
    const still = kit().ca.issue({ commonName: 'x', kind: 'client', notAfter: new Date(Date.now() + 2000) });
    const { near } = await come(still);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    assert.ok(await echoes(near), 'not unless told to');
    // A change of what certificates are verified against looks at everything in them again.
    const { ca, cert, key } = serverCredentials();
    await server.update({ ca: [ca, createAuthority().cert], cert, key });
    assert.match((await near.closed).reason, /^certificate-expired: /);
  });
});

lifetime('takes no value that switches it off in silence (M6)', () => {
  for (const options of [
    { closeAtExpiry: 1 },
    { closeAtExpiry: 'true' },
    { maxConnectionAge: '60' },
    { maxConnectionAge: -1 },
  ]) {
    assert.throws(
      () => createServer({ ...serverCredentials(), ...options } as never),
      (error: unknown) => error instanceof UsageError && error.option === Object.keys(options)[0],
    );
  }
});

lifetime.run();
