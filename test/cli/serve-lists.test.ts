import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { type ConnectOptions, connect } from '../../src/index.js';
import { parseCertificate } from '../../src/tls/index.js';
import type { IssuedCertificate } from '../../src/tls/pki/index.js';
import { upgradeRequest } from '../support/ends.js';
import { suite } from '../support/suite.js';
import { files, type Program, run, start, temporaryDirectory } from './program.js';

async function serving(...args: readonly string[]): Promise<{ program: Program; port: number; url: string }> {
  const program = start(['serve', '--port', '0', ...files().server, ...args]);
  const [, port] = await program.match('stdout', /^listening on wss:\/\/\S+:(\d+)\n/);
  return { program, port: Number(port), url: `wss://localhost:${port}/` };
}

async function stop(program: Program): Promise<string> {
  program.child.kill('SIGTERM');
  const { code, stderr } = await program.outcome;
  assert.is(code, 0);
  return stderr;
}

function as({ cert, key }: IssuedCertificate): ConnectOptions {
  return { ca: files().pki.ca.cert, cert, key };
}

const days = (count: number): Date => new Date(Date.now() + count * 86_400_000);

/** A list of the CA of all, in a file of its own. */
function list(revoked: readonly IssuedCertificate[], nextUpdate: Date = days(30)): { file: string; content: string } {
  const content = files().pki.ca.revocationList({
    revoked: revoked.map(({ der }) => ({ serialNumber: parseCertificate(der).serialNumber })),
    thisUpdate: days(-60),
    nextUpdate,
  }).pem;
  const file = join(temporaryDirectory(), 'crl.pem');
  writeFileSync(file, content);
  return { file, content };
}

const lists = suite('mtls-ws: revocation lists');

lists('serve follows --crl, closes with 1008 whom it names, and refuses it from then on', async () => {
  const lost = files().pki.ca.issue({ commonName: 'lost', kind: 'client' });
  const { file } = list([]);
  const { program, url } = await serving('--crl', file);
  const live = await connect(url, as(lost));
  live.on('message', () => {});
  writeFileSync(`${file}.new`, list([lost]).content);
  renameSync(`${file}.new`, file);
  assert.is((await live.closed).code, 1008);
  await connect(url, as(lost)).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'certificate-refused'),
  );
  (await connect(url, as(files().pki.client))).terminate();
  const stderr = await stop(program);
  assert.match(stderr, /expelled 127\.0\.0\.1:\d+: .*has been revoked \(serial /);
  assert.match(stderr, /refused 127\.0\.0\.1:\d+: .*has been revoked \(serial /);
});

lists('serve lets nobody in by a list that has expired, unless it is told to, and says so at the start', async () => {
  const { file } = list([], days(-1));
  for (const isAccepted of [false, true]) {
    const flags = isAccepted ? ['--insecure-accept-expired-crl'] : [];
    const { program, url } = await serving('--crl', file, ...flags);
    const outcome = await connect(url, as(files().pki.client)).then(
      (connection) => connection.terminate(),
      (error) => error.code,
    );
    assert.is(outcome, isAccepted ? undefined : 'certificate-refused');
    assert.match(await stop(program), /^warning: the revocation list of CN=.* expired on /m);
  }
});

lists('connect refuses a server that --crl names', async () => {
  const { pki, client } = files();
  const { program, url } = await serving();
  const { file } = list([pki.server]);
  const { code, stderr } = await run(['connect', url, ...client, '--crl', file]);
  assert.is(code, 1);
  assert.match(stderr, /the server's certificate was refused: the certificate has been revoked/);
  await stop(program);
});

lists('say which file is no list, and what a flag is about', async () => {
  const notList = await run(['serve', '--port', '0', ...files().server, '--crl', files().file('ca.pem')]);
  assert.is(notList.code, 2);
  assert.match(notList.stderr, /--crl .*ca\.pem: /);
  const alone = await run(['serve', '--port', '0', ...files().server, '--insecure-accept-expired-crl']);
  assert.is(alone.code, 2);
  assert.match(alone.stderr, /is about the lists of --crl; give --crl FILE, or leave it out/);
});

lists.run();

const lifetime = suite('mtls-ws serve: how long connections and sessions last');

lifetime('closes with 1001 at --max-age, and with 1008 at the expiry of a certificate if told to', async () => {
  const aged = await serving('--max-age', '0.1');
  const old = await connect(aged.url, as(files().pki.client));
  assert.is((await old.closed).code, 1001);
  await stop(aged.program);
  const expiring = await serving('--close-at-expiry');
  const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
  const brief = files().pki.ca.issue({ commonName: 'brief', kind: 'client', notAfter });
  const live = await connect(expiring.url, as(brief));
  assert.is((await live.closed).code, 1008);
  await stop(expiring.program);
});

/** Whether a session was resumed, and the newest one. */
async function visit(port: number, session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> {
  const { cert, key } = files().pki.client;
  const ca = files().pki.ca.cert;
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca, cert, key, session });
  let newest: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    newest = given;
  });
  await once(socket, 'secureConnect');
  socket.write(upgradeRequest('/'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 101 /);
  const reused = socket.isSessionReused();
  socket.destroy();
  return { reused, session: newest };
}

lifetime('resumes sessions with --session-resumption, and those of others with a secret they share', async () => {
  const secret = join(temporaryDirectory(), 'secret');
  writeFileSync(secret, Buffer.alloc(32, 3));
  for (const [first, second, reused] of [
    [[], [], [false, false]],
    [['--session-resumption'], ['--session-resumption'], [true, false]],
    [
      ['--ticket-secret-file', secret],
      ['--ticket-secret-file', secret],
      [true, true],
    ],
  ] as const) {
    const [one, other] = await Promise.all([serving(...first), serving(...second)]);
    const { session } = await visit(one.port);
    const again = await visit(one.port, session);
    const elsewhere = await visit(other.port, session);
    assert.equal([again.reused, elsewhere.reused], reused, first.join(' '));
    await Promise.all([stop(one.program), stop(other.program)]);
  }
  writeFileSync(secret, 'short');
  const { code, stderr } = await run(['serve', '--port', '0', ...files().server, '--ticket-secret-file', secret]);
  assert.is(code, 2);
  assert.match(stderr, /has 5 bytes, at least 32 are needed; make it with: head -c 32 \/dev\/urandom > /);
});

lifetime.run();

const meant = suite('mtls-ws connect: which server is meant');

meant('talks to the server that --allow takes and --servername names, and to no other', async () => {
  const { client } = files();
  const { program, port, url } = await serving();
  const rule = 'spiffe:spiffe://mtls-ws.internal/server';
  const named = ['connect', `wss://127.0.0.1:${port}/`, ...client, '--servername', 'localhost', '--wait', '0.2'];
  const taken = await run([...named, '--allow', rule], { input: 'hello\n' });
  assert.equal([taken.code, taken.stdout.toString()], [0, 'hello\n'], taken.stderr);
  const other = await run(['connect', url, ...client, '--allow', 'dns:other.example'], { input: 'hello\n' });
  assert.equal([other.code, other.stdout.toString()], [1, '']);
  assert.match(
    other.stderr,
    /the server was refused: the certificate is not allowed here \(wanted dns:other\.example\)/,
  );
  await stop(program);
});

meant.run();
