import { once } from 'node:events';
import { chmodSync, chownSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type ConnectOptions, connect } from '../../src/index.js';
import { createDevelopmentPki, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { suite } from '../support/suite.js';
import { files, type Program, run, start, temporaryDirectory } from './program.js';

/** A directory of its own, since the files of a server are replaced here. */
function ownFiles(): { pki: ReturnType<typeof createDevelopmentPki>; path: (name: string) => string; flags: string[] } {
  const pki = createDevelopmentPki();
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('ca.pem'), pki.ca.cert);
  writeFileSync(path('server.pem'), pki.server.cert);
  writeFileSync(path('server.key'), pki.server.key);
  return { pki, path, flags: ['--ca', path('ca.pem'), '--cert', path('server.pem'), '--key', path('server.key')] };
}

async function serving(
  args: readonly string[],
  flags = files().server,
): Promise<{ program: Program; port: number; url: string }> {
  const program = start(['serve', '--port', '0', ...flags, ...args]);
  const [, port] = await program.match('stdout', /^listening on wss:\/\/\S+:(\d+)\n/);
  return { program, port: Number(port), url: `wss://localhost:${port}/` };
}

async function stop(program: Program): Promise<{ stderr: string; lines: Record<string, unknown>[] }> {
  program.child.kill('SIGTERM');
  const { code, stderr } = await program.outcome;
  assert.is(code, 0);
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  return { stderr, lines: lines.map((line) => JSON.parse(line)) };
}

function as({ cert, key }: IssuedCertificate, pki = files().pki): ConnectOptions {
  return { ca: pki.ca.cert, cert, key };
}

function get(port: number, path: string, options: object): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', servername: 'localhost', port, path, headers: { Host: 'localhost' }, ...options },
      async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode!, type: response.headers['content-type'] ?? '', body });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

const serve = suite('mtls-ws serve: who may come in');

serve('lets in whom --allow names, by path', async () => {
  const { pki } = files();
  const admin = pki.ca.issue({ commonName: 'admin', kind: 'client', hosts: ['ops.example'] });
  const { program, url } = await serving([
    ...['--allow', 'uri:spiffe://mtls-ws.internal/client', '--allow', 'path=/admin dns:ops.example'],
  ]);
  for (const [who, path, isIn] of [
    [pki.client, '', true],
    [pki.client, 'admin', false],
    [admin, '', false],
    [admin, 'admin', true],
  ] as const) {
    const answer = await connect(url + path, as(who)).then(
      (connection) => connection.close(),
      (error) => error,
    );
    assert.is(answer.httpStatus, isIn ? undefined : 403, `${path} ${who === admin}`);
  }
  const { stderr } = await stop(program);
  assert.match(
    stderr,
    /refused 127\.0\.0\.1:\d+: \/admin was refused: the certificate is not allowed here \(wanted dns:ops\.example\); presented: subject CN=mtls-ws development client/,
  );
});

serve('ends with 2 and says which rule cannot be meant', async () => {
  for (const rule of ['dns:*', 'nobody:knows', 'path=admin any', '']) {
    const { code, stderr } = await run(['serve', '--port', '0', ...files().server, `--allow=${rule}`]);
    assert.is(code, 2, rule);
    assert.match(stderr, /^mtls-ws serve: .*--allow.*\n$/s, rule);
  }
});

serve('ends with 2 when by one flag clients without a certificate come in, and by the other not', async () => {
  const optional = ['--client-certificate', 'optional'];
  for (const [args, message] of [
    [['--allow', 'none'], /--allow says none, .*; give --client-certificate optional too\n$/],
    [['--allow', 'path=/open (none | any)', '--allow', 'any'], /--allow says none/],
    [optional, /no --allow lets a client without one in; say where/],
    [[...optional, '--allow', 'dns:none.example', '--allow', 'insecure-cn:"a none ""none"" b"'], /no --allow lets/],
  ] as const) {
    const { code, stderr } = await run(['serve', '--port', '0', ...files().server, ...args]);
    assert.is(code, 2, args.join(' '));
    assert.match(stderr, message);
  }
});

serve('answers /healthz to probes without a certificate, as its help says, and lets nobody else in so', async () => {
  const { pki } = files();
  const args = ['--client-certificate', 'optional', '--allow', 'path=/healthz none', '--allow', 'any'];
  const { program, port } = await serving(args);
  const nobody = { ca: pki.ca.cert };
  assert.is((await get(port, '/healthz', nobody)).body, 'ok');
  assert.is((await get(port, '/', nobody)).status, 403);
  assert.is((await get(port, '/healthz', as(pki.client))).body, 'ok');
  await stop(program);
});

serve('lets a client without a certificate in where a rule says none, and explains refusals', async () => {
  const { pki } = files();
  const args = ['--client-certificate', 'optional', '--explain', '--allow', 'path=/open none', '--allow', 'any'];
  const { program, port, url } = await serving(args);
  const nobody = { ca: pki.ca.cert };
  assert.is((await get(port, '/open', nobody)).status, 426);
  assert.is((await get(port, '/healthz', nobody)).status, 403);
  const expired = pki.ca.issue({
    commonName: 'late',
    kind: 'client',
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2020-02-01'),
  });
  const { status, type, body } = await get(port, '/open', { ...nobody, cert: expired.cert, key: expired.key });
  assert.equal([status, type, JSON.parse(body).refused], [403, 'application/json', 'certificate-expired']);
  (await connect(url, as(pki.client))).terminate();
  await stop(program);
});

serve.run();

const watching = suite('mtls-ws serve: what can be watched');

watching('writes a JSON object a line for each connection and refusal with --log json', async () => {
  const { pki } = files();
  const hostile = pki.ca.issue({ commonName: 'evil\u001b[31m\n{"event":"forged"}\u202e', kind: 'client' });
  const { program, url } = await serving(['--log', 'json']);
  const connection = await connect(`${url}chat?x=%0a`, as(hostile));
  connection.on('message', () => connection.close(1000, 'done\u2028'));
  connection.send('hello');
  await connection.closed;
  await connect(url, as(createDevelopmentPki().client)).catch(() => {});
  await program.match('stderr', /"event":"refused"/);
  const { stderr, lines } = await stop(program);
  assert.match(stderr, /^[\x20-\x7e\n]*$/);
  assert.equal(
    lines.map(({ event }) => event),
    ['connection', 'refused'],
  );
  const [first, second] = lines as [Record<string, unknown>, Record<string, unknown>];
  const { path, code, reason, clean, messagesReceived, messagesSent, bytesReceived, tls, resumed } = first;
  assert.equal(
    { path, code, reason, clean, messagesReceived, messagesSent, bytesReceived, tls, resumed },
    {
      path: '/chat?x=%0a',
      code: 1000,
      reason: 'done\\u2028',
      clean: true,
      messagesReceived: 1,
      messagesSent: 1,
      bytesReceived: 26,
      tls: 'TLSv1.3',
      resumed: false,
    },
  );
  assert.ok(String(first['peer']).startsWith('CN=evil'));
  assert.match(String(first['time']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.is(second['code'], 'certificate-untrusted');
  assert.match(String(second['hint']), /check that the issuer is among the trusted CAs/);
  assert.match(String(second['message']), /no chain leads from the certificate to a trusted CA/);
});

watching('shows its counters to clients that may come in, and to nobody else', async () => {
  const { pki } = files();
  const { program, port, url } = await serving([
    '--metrics',
    '--allow',
    'path=/metrics email:monitor@example.org',
    '--allow',
    'any',
  ]);
  const monitor = pki.ca.issue({ commonName: 'monitor', kind: 'client', emails: ['monitor@example.org'] });
  const near = await connect(url, as(pki.client));
  near.send('hello');
  await once(near, 'message');
  assert.is((await get(port, '/metrics', as(pki.client))).status, 403);
  const { status, type, body } = await get(port, '/metrics', as(monitor));
  assert.equal([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  for (const line of [
    'mtls_ws_connections_open 1',
    'mtls_ws_handshakes_total 3',
    'mtls_ws_messages_total{direction="received"} 1',
    `mtls_ws_certificate_expiry_timestamp_seconds ${near.peer.validTo.getTime() / 1000}`,
  ]) {
    assert.ok(body.split('\n').includes(line), `${line}\n${body}`);
  }
  // The grammar of the format: comments in pairs, then samples of that family.
  let family = '';
  for (const line of body.trimEnd().split('\n')) {
    const comment = /^# (?:HELP|TYPE) (mtls_ws_[a-z_]+) (.+)$/.exec(line);
    if (comment !== null) family = comment[1]!;
    else assert.match(line, new RegExp(`^${family}(?:\\{[a-z]+="[^"\\\\]*"\\})? \\d+$`));
  }
  for (const code of [3001, 3002, 4000]) await (await connect(url, as(pki.client))).close(code);
  const { body: later } = await get(port, '/metrics', as(monitor));
  const closes = later.split('\n').filter((line) => line.startsWith('mtls_ws_closes_total{'));
  assert.equal(
    closes.sort(),
    ['mtls_ws_closes_total{code="3xxx"} 2', 'mtls_ws_closes_total{code="4xxx"} 1'],
    'a client that makes up codes makes no labels',
  );
  near.terminate();
  const { stderr } = await stop(program);
  assert.is(stderr, '');
  const without = await serving([]);
  assert.is((await get(without.port, '/metrics', as(pki.client))).status, 426);
  await stop(without.program);
});

watching('appends TLS secrets to a file for its owner alone, at either end, after a warning', async () => {
  const directory = temporaryDirectory();
  const [serverLog, clientLog] = ['server.log', 'client.log'].map((name) => join(directory, name)) as [string, string];
  const { program, url } = await serving(['--keylog', serverLog]);
  const client = await run(['connect', url, ...files().client, '--wait', '0', '--keylog', clientLog], {
    input: 'hello\n',
  });
  assert.is(client.code, 0);
  assert.match(
    client.stderr,
    /^mtls-ws: --keylog writes secrets to .*client\.log: who has them can decrypt every connection\n$/,
  );
  await stop(program);
  const [seen, told] = [serverLog, clientLog].map((file) => readFileSync(file, 'utf8').trimEnd().split('\n').sort());
  assert.equal(seen, told, 'both ends have the same secrets');
  assert.match(seen![0]!, /^(?:CLIENT|SERVER|EXPORTER)_[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$/);
  assert.is(statSync(serverLog).mode & 0o777, 0o600);
  chmodSync(serverLog, 0o644);
  const open = await run(['serve', '--port', '0', ...files().server, '--keylog', serverLog]);
  assert.is(open.code, 2);
  assert.match(open.stderr, /can be read by others; chmod 600/);
  // Only root can give a file away, and only root can open one of others that is for its owner alone.
  if (process.geteuid?.() !== 0) return;
  chmodSync(serverLog, 0o600);
  chownSync(serverLog, 65_534, 65_534);
  const foreign = await run(['serve', '--port', '0', ...files().server, '--keylog', serverLog]);
  assert.is(foreign.code, 2);
  assert.match(foreign.stderr, /belongs to somebody else/);
});

watching.run();

const reloading = suite('mtls-ws serve: reload');

/** Replaces a file as a careful program does. */
function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

reloading('takes new files at SIGHUP, and keeps the old ones if the new are bad', async () => {
  const { pki, path, flags } = ownFiles();
  const { program, url } = await serving([], flags);
  const live = await connect(url, as(pki.client, pki));
  live.on('message', () => {});
  replace(path('server.key'), pki.client.key);
  program.child.kill('SIGHUP');
  await program.match('stderr', /reload failed, the old credentials stay in force: .*server\.key/);
  (await connect(url, as(pki.client, pki))).terminate();
  const next = pki.ca.issue({ commonName: 'next server', kind: 'server', hosts: ['localhost'] });
  replace(path('server.key'), next.key);
  replace(path('server.pem'), next.cert);
  program.child.kill('SIGHUP');
  await program.match('stderr', /reloaded: subject CN=next server, /);
  const fresh = await connect(url, as(pki.client, pki));
  assert.is(fresh.peer.subjectCommonName, 'next server');
  fresh.terminate();
  live.send('still there?');
  await once(live, 'message');
  await live.close();
  await stop(program);
});

reloading('says what keeps clients out or soon will, when files are good again, and when nothing is new', async () => {
  const { pki, path, flags } = ownFiles();
  const brief = pki.ca.issue({
    commonName: 'brief',
    kind: 'server',
    hosts: ['localhost'],
    days: 2,
    notBefore: new Date(Date.now() - 43_200_000 * 3),
  });
  writeFileSync(path('server.pem'), brief.cert);
  writeFileSync(path('server.key'), brief.key);
  const { program } = await serving([], flags);
  await program.match(
    'stderr',
    /^warning: the certificate expires on \d{4}-\d\d-\d\d \d\d:\d\d UTC: then no client accepts it\n/,
  );
  program.child.kill('SIGHUP');
  await program.match('stderr', /not reloaded: SIGHUP came, and the files are those that are in force\n/);
  replace(path('server.key'), '');
  program.child.kill('SIGHUP');
  await program.match('stderr', /reload failed/);
  replace(path('server.key'), brief.key);
  program.child.kill('SIGHUP');
  await program.match('stderr', /not reloaded: the files are good again, and those that are in force\n/);
  const { stderr } = await stop(program);
  assert.is(stderr.match(/^warning:/gm)?.length, 1);
});

reloading('closes with 1008 whom a new CA shuts out, and says so', async () => {
  const { pki, path, flags } = ownFiles();
  const { program, url } = await serving([], flags);
  const live = await connect(url, as(pki.client, pki));
  live.on('message', () => {});
  replace(path('ca.pem'), createDevelopmentPki().ca.cert);
  assert.is((await live.closed).code, 1008);
  await program.match(
    'stderr',
    /expelled 127\.0\.0\.1:\d+: the client's certificate was refused: .*its CA is not trusted any more/,
  );
  await stop(program);
});

reloading.run();
