import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import * as assert from 'uvu/assert';
import { examineLive } from '../../src/cli/doctor.js';
import { rulesFrom } from '../../src/index.js';
import { examineFiles, type Finding } from '../../src/tls/doctor/index.js';
import { rawServer, serverCredentials, startServer, switching } from '../support/ends.js';
import { type ClientName, type IssuedCertificate, kit } from '../support/kit.js';
import { listOf } from '../support/lists.js';
import { suite } from '../support/suite.js';
import { withTlsServer } from '../support/tls-ends.js';
import { troubles } from '../tls/doctor/cases.js';
import { type Outcome, run, temporaryDirectory } from './program.js';

let directory: string | undefined;

/** Returns the path of a file with this content. */
function write(name: string, content: string | Uint8Array): string {
  directory ??= temporaryDirectory();
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

interface EndFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function filesOf(issued: IssuedCertificate, name: string): EndFiles {
  return {
    ca: write('ca.pem', kit().ca.cert),
    cert: write(`${name}.pem`, issued.cert),
    key: write(`${name}.key`, issued.key),
  };
}

const clientFiles = (name: ClientName): EndFiles => filesOf(kit().clients[name], name);

function flagsOf({ ca, cert, key }: EndFiles): string[] {
  return ['--ca', ca, '--cert', cert, '--key', key];
}

/** What is found at a URL by a client of the kit. */
async function findingsAt(
  url: string,
  options: { client?: ClientName; settings?: Parameters<typeof examineLive>[1] } = {},
): Promise<Finding[]> {
  const files = clientFiles(options.client ?? 'good');
  const given = (path: string, content: string) => ({ path, content: Buffer.from(content) });
  const { ca, clients } = kit();
  const { cert, key } = clients[options.client ?? 'good'];
  const verdict = await examineFiles({
    ca: given(files.ca, ca.cert),
    cert: given(files.cert, cert),
    key: given(files.key, key),
    role: 'client',
    isOneAuthority: false,
  });
  const found = await examineLive(url, { ...files, ...options.settings }, verdict);
  return [...verdict.findings, ...found];
}

function one(found: readonly Finding[], id: string): string {
  const [{ text, cause = '', fix = '' }, ...others] = found.filter((finding) => finding.id === id) as [Finding];
  assert.equal(others, []);
  return `${text}; ${cause}; ${fix}`;
}

/** Runs `use` with an HTTPS server with mutual TLS, which answers an upgrade with `answer`. */
async function withHttps(
  options: TlsOptions & { answer?: string },
  use: (url: string) => Promise<void>,
): Promise<void> {
  const { answer, ...tlsOptions } = options;
  const base = { ...serverCredentials(), requestCert: true, rejectUnauthorized: true };
  const server = createServer({ ...base, ...tlsOptions }, (_request, response) => void response.end('plain'));
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  server.on('upgrade', (_request, socket: Duplex) => {
    socket.on('error', () => {});
    if (answer !== undefined) socket.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`wss://localhost:${(server.address() as AddressInfo).port}/chat`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const live = suite('mtls-ws doctor: the opening handshake');

live('finds nothing wrong with a server of ours', async () => {
  const { server, url } = await startServer();
  const refused: string[] = [];
  server.on('refused', ({ error }) => refused.push(error.code));
  try {
    const found = await findingsAt(url);
    assert.equal(troubles(found), []);
    assert.match(one(found, 'websocket-ok'), /opens the WebSocket/);
    // What it leaves in the log of the server, as its page says.
    assert.equal(refused, ['certificate-missing', 'certificate-missing']);
  } finally {
    await server.close({ deadline: 0 });
  }
});

live('says that a server refuses our certificate without a word, and why', async () => {
  const { server, url } = await startServer();
  try {
    const of = (client: ClientName) => findingsAt(url, { client });
    const foreign = await of('otherCa');
    assert.equal(troubles(foreign), ['note cert chain-incomplete', 'error server our-certificate-refused']);
    assert.match(
      one(foreign, 'our-certificate-refused'),
      /probably refused it; the server accepts certificates of CN=Test CA; ours, CN=foreign device, is from CN=Other CA.*mtls-ws pki issue/,
    );
    const impostor = await of('impostorCa');
    assert.equal(troubles(impostor), ['note cert ca-same-name', 'error server our-certificate-refused']);
    assert.match(
      one(impostor, 'our-certificate-refused'),
      /called CN=Test CA, as the trusted one is, and has another key/,
    );
  } finally {
    await server.close({ deadline: 0 });
  }
});

live('says it of a server with TLS 1.2 too', async () => {
  await withTlsServer(
    { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' },
    () => {},
    async (port) => {
      const settings = { 'min-tls': '1.2' } as const;
      const found = await findingsAt(`wss://localhost:${port}/`, { client: 'otherCa', settings });
      assert.ok(troubles(found).includes('error server our-certificate-refused'), troubles(found).join(', '));
    },
  );
});

live('does not try a server with files that are wrong, and says so', async () => {
  const { server, url } = await startServer();
  try {
    const found = await findingsAt(url, { client: 'expired' });
    assert.equal(troubles(found), ['error cert expired', 'note server not-checked']);
    assert.match(one(found, 'not-checked'), /takes --ca, --cert and --key without errors/);
  } finally {
    await server.close({ deadline: 0 });
  }
});

live('says what each HTTP status means', async () => {
  const table: readonly [status: string, body: string, id: string][] = [
    ['400 Bad Request', 'The SSL certificate error', 'our-certificate-refused'],
    ['400 Bad Request', 'no', 'http-status'],
    ['401 Unauthorized', '', 'access-denied'],
    ['403 Forbidden', '', 'access-denied'],
    ['403 Forbidden', 'the certificate is not allowed here', 'access-denied'],
    ['495 SSL Certificate Error', '', 'our-certificate-refused'],
    ['404 Not Found', '', 'path-not-found'],
    ['421 Misdirected Request', '', 'host-misdirected'],
    ['426 Upgrade Required', '', 'upgrade-refused'],
    ['302 Found', '', 'redirected'],
    ['200 OK', 'hello', 'upgrade-refused'],
    ['500 Internal Server Error', '', 'http-status'],
    ['503 Service Unavailable', '', 'server-busy'],
  ];
  for (const [status, body, id] of table) {
    const lines = ['Connection: close', `Content-Length: ${body.length}`, 'Location: https://elsewhere.example/'];
    const answer = [`HTTP/1.1 ${status}`, ...lines, '', body].join('\r\n');
    await withHttps({ answer }, async (url) => {
      const found = await findingsAt(url);
      assert.equal(troubles(found), [`error server ${id}`], status);
      assert.match(one(found, id), new RegExp(status.slice(0, 3)));
    });
  }
});

live('tells a client that a rule keeps out which names of its certificate could be allowed', async () => {
  const { server, url } = await startServer({ authorize: rulesFrom(['dns:zzz.example']) });
  try {
    const of = async (client: ClientName) => {
      const found = await findingsAt(url, { client });
      assert.equal(
        found.filter(({ severity }) => severity === 'error').map(({ id }) => id),
        ['access-denied'],
      );
      return one(found, 'access-denied');
    };
    assert.match(await of('throughIntermediate'), /allow the fingerprint of our certificate, which has no names; $/);
    assert.match(
      await of('good'),
      /does not let its owner in \(HTTP status 403\).*ask the operator to allow one of: URI:spiffe:\/\/test\.example\/device\/7; $/,
    );
  } finally {
    await server.close({ deadline: 0 });
  }
});

live('gives the reason of a server that says why it refuses our certificate', async () => {
  const { server, url } = await startServer({ explainRefusals: true });
  try {
    const text = one(await findingsAt(url, { client: 'otherCa' }), 'our-certificate-refused');
    assert.match(text, /says why \(HTTP status 403, certificate-untrusted\): no chain leads .*; check that the issuer/);
  } finally {
    await server.close({ deadline: 0 });
  }
  const field = (code: string) => `HTTP/1.1 403 X\r\nMtls-Ws-Refused: ${code}\r\nContent-Length: 0\r\n\r\n`;
  for (const code of ['access-denied', 'hello']) {
    await withHttps({ answer: field(code) }, async (url) => {
      assert.equal(troubles(await findingsAt(url)), ['error server access-denied']);
    });
  }
});

live('says which CA a server names that refuses a certificate of it', async () => {
  const answer = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 21\r\n\r\nSSL certificate error';
  await withHttps({ answer }, async (url) => {
    const text = one(await findingsAt(url, { client: 'throughIntermediate' }), 'our-certificate-refused');
    assert.match(text, /the server names the CA CN=Test CA, and ours leads to it\. Either/);
  });
});

live('says that the URL should have the name that the server goes by', async () => {
  await withHttps({ answer: 'HTTP/1.1 421 X\r\nContent-Length: 0\r\n\r\n' }, async (url) => {
    assert.match(one(await findingsAt(url), 'host-misdirected'), /give the name in the URL itself/);
  });
});

live('says where a redirect points, and that it is not followed', async () => {
  const answer = 'HTTP/1.1 307 Temporary Redirect\r\nLocation: https://a.example/\r\nContent-Length: 0\r\n\r\n';
  await withHttps({ answer }, async (url) => {
    assert.match(one(await findingsAt(url), 'redirected'), /https:\/\/a\.example\//);
  });
});

live('says that an answer is none of a WebSocket server', async () => {
  const answers = [
    'hello\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ];
  for (const answer of answers) {
    await withHttps({ answer }, async (url) => {
      assert.equal(troubles(await findingsAt(url)), ['error server bad-answer']);
    });
  }
});

live('says that a server chose no subprotocol, or one that was not offered', async () => {
  const plain = await rawServer((accept) => switching(accept));
  const chosen = await rawServer((accept) => switching(accept, ['Sec-WebSocket-Protocol: chat']));
  try {
    const settings = { protocol: ['chat'] };
    assert.equal(troubles(await findingsAt(plain.url, { settings })), [
      'warning server subprotocol-none',
      'warning server close-unanswered',
    ]);
    assert.equal(troubles(await findingsAt(chosen.url)), ['error server subprotocol-wrong']);
    assert.match(one(await findingsAt(chosen.url, { settings }), 'websocket-ok'), /with the subprotocol chat/);
  } finally {
    await Promise.all([plain.close(), chosen.close()]);
  }
});

live('says that a server opens the WebSocket and closes it at once', async () => {
  const { server, url } = await startServer();
  server.on('connection', (connection) => void connection.close(4403, 'not you\u001b[2J').catch(() => {}));
  try {
    const found = await findingsAt(url);
    assert.equal(troubles(found), ['warning server closed-at-once']);
    assert.match(one(found, 'closed-at-once'), /with code 4403: not you\\x1b\[2J/);
  } finally {
    await server.close({ deadline: 0 });
  }
});

live('tells clocks that differ by the Date of an answer', async () => {
  const at = (ms: number): string =>
    `HTTP/1.1 404 Not Found\r\nDate: ${new Date(Date.now() + ms).toUTCString()}\r\nContent-Length: 0\r\n\r\n`;
  const of = async (ms: number): Promise<Finding[]> => {
    let found: Finding[] = [];
    await withHttps({ answer: at(ms) }, async (url) => {
      found = await findingsAt(url);
    });
    return found;
  };
  assert.match(one(await of(-3_600_000), 'clock-differs'), /60 minutes behind ours/);
  assert.match(one(await of(7_200_000), 'clock-differs'), /120 minutes ahead of ours/);
  assert.equal(troubles(await of(0)), ['error server path-not-found']);
});

live('says that a server finished TLS and never answered, and how far it got', async () => {
  const settings = { timeout: 1.5 };
  // Nobody reads behind TLS.
  const deaf = { requestCert: true, rejectUnauthorized: true };
  await withTlsServer(
    deaf,
    () => {},
    async (port) => {
      const found = await findingsAt(`wss://localhost:${port}/`, { settings });
      assert.equal(troubles(found), ['error server never-answers']);
      assert.match(
        one(found, 'never-answers'),
        /not the certificates.*plain GET got no answer either.*curl -i --cacert/,
      );
    },
  );
  // HTTP works, and the handler of the upgrade never answers.
  await withHttps({}, async (url) => {
    const found = await findingsAt(url, { settings });
    assert.equal(troubles(found), ['error server never-answers']);
    assert.match(one(found, 'never-answers'), /plain GET was answered with status 200/);
  });
});

live.run();

const story = suite('mtls-ws doctor: a day that was long');

/** Runs the doctor at a URL, as somebody would. */
function doctor(url: string, files: EndFiles, more: readonly string[] = []): Promise<Outcome> {
  return run(['doctor', url, ...flagsOf(files), ...more]);
}

story('takes two runs: no SAN, a CA that is not trusted, a server that never answers', async () => {
  const { servers, otherCa } = kit();
  const files = clientFiles('good');
  const deaf = { requestCert: true, rejectUnauthorized: true };
  const serve = async (issued: IssuedCertificate, given: EndFiles, ...more: string[]): Promise<Outcome> => {
    let outcome: Outcome | undefined;
    await withTlsServer(
      { ...deaf, cert: issued.cert, key: issued.key },
      () => {},
      async (port) => {
        outcome = await doctor(`wss://localhost:${port}/`, given, more);
      },
    );
    return outcome!;
  };
  // Both of the first two are told at once.
  const first = await serve(servers.commonNameOnly, { ...files, ca: write('other-ca.pem', otherCa.cert) });
  assert.is(first.code, 1);
  assert.match(first.stdout.toString(), /✗ its certificate has no subject alternative name/);
  assert.match(first.stdout.toString(), /✗ its certificate comes from the CA CN=Test CA, which is not trusted here/);
  assert.match(first.stdout.toString(), /mtls-ws pki issue|main\.js pki issue/);
  const last = await serve(servers.good, files, '--timeout', '1.5');
  assert.is(last.code, 1);
  assert.match(last.stdout.toString(), /✗ it finished the TLS handshake, took our request, and said nothing/);
});

story.run();

const page = suite('mtls-ws doctor: page, JSON and exit codes');

page('exits with 0 and says so when all is well', async () => {
  const { code, stdout, stderr } = await run([
    'doctor',
    ...flagsOf(filesOf(kit().servers.good, 'server')),
    '--host',
    'localhost',
  ]);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.match(stdout.toString(), /\nall is well\n$/);
  assert.match(stdout.toString(), /^CA {2}.*ca\.pem\n {2}✓ CN=Test CA\n/);
});

page('does not say that all is well where little was looked at', async () => {
  const { cert } = clientFiles('good');
  const { code, stdout } = await run(['doctor', '--cert', cert]);
  assert.is(code, 0);
  assert.match(stdout.toString(), / {2}· the chain was not checked: give --ca/);
  assert.match(stdout.toString(), /\nnothing is wrong with what was looked at\n$/);
});

page('repeats all flags in a command that runs it again', async () => {
  const { key, cert, ca } = clientFiles('good');
  const args = ['--ca', ca, '--cert', key, '--key', cert, '--host', 'a.example', '--host', 'b.example', '--strict'];
  const { stdout } = await run(['doctor', ...args, '--json']);
  const { findings } = JSON.parse(stdout.toString());
  const { fix } = findings.find(({ id }: Finding) => id === 'key-instead-of-certificate');
  const words = fix.split(' ').slice(2).sort();
  const expected = ['--ca', ca, '--cert', cert, '--key', key, ...args.slice(6), '--json'].sort();
  assert.equal(words, expected);
});

page('exits with 2 when files are at fault, and names cause and command', async () => {
  const files = { ...clientFiles('good'), key: clientFiles('expired').key };
  const { code, stdout } = await run(['doctor', ...flagsOf(files)]);
  assert.is(code, 2);
  assert.match(stdout.toString(), / {2}✗ it is not the key of the certificate CN=device-7\n {6}why {2}one of the two/);
  assert.match(stdout.toString(), / {6}try {2}(?:mtls-ws|node .*main\.js) pki show \*\.pem /);
  assert.match(stdout.toString(), /\n1 error: the files are at fault\n$/);
});

page('exits with 1 when the server or the network is', async () => {
  const free = createTcpServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const { code, stdout } = await doctor(`wss://127.0.0.1:${port}/`, clientFiles('good'));
  assert.is(code, 1);
  assert.match(stdout.toString(), /✗ nothing listens at 127\.0\.0\.1 port \d+ \(ECONNREFUSED\)/);
  assert.match(stdout.toString(), /\n1 error: the server or the network is at fault\n$/);
});

page('exits with 2 on wrong usage, with one line', async () => {
  const table: readonly [args: string[], line: RegExp][] = [
    [[], /there is nothing to look at; give a URL, or files/],
    [['https://localhost/'], /wss/],
    [['wss://localhost/', 'more'], /"more" is one argument too many/],
  ];
  for (const [args, line] of table) {
    const { code, stdout, stderr } = await run(['doctor', ...args]);
    assert.is(code, 2, stderr);
    assert.is(stdout.length, 0);
    assert.match(stderr, line);
  }
});

page('counts warnings with --strict only', async () => {
  const files = clientFiles('good');
  chmodSync(files.key, 0o644);
  try {
    const lax = await run(['doctor', ...flagsOf(files)]);
    assert.is(lax.code, 0);
    assert.match(
      lax.stdout.toString(),
      / {2}! others on this machine can read it\n {6}try {2}chmod 600 [\s\S]*\nall is well, with 1 warning\n$/,
    );
    const strict = await run(['doctor', ...flagsOf(files), '--strict']);
    assert.is(strict.code, 2);
    assert.match(strict.stdout.toString(), /\n1 warning: the files are at fault \(strict\)\n$/);
  } finally {
    chmodSync(files.key, 0o600);
  }
});

page('looks at the other files when one cannot be read', async () => {
  const files = { ...clientFiles('expired'), ca: '/nowhere/ca.pem' };
  const { code, stdout } = await run(['doctor', ...flagsOf(files)]);
  assert.is(code, 2);
  assert.match(stdout.toString(), /✗ it cannot be read: no such file/);
  assert.match(stdout.toString(), /✗ it expired/);
});

page('judges the server and its client by revocation lists', async () => {
  const { ca, servers, clients } = kit();
  const { server, url } = await startServer();
  const of = async (list: string): Promise<string[]> => {
    const { stdout } = await doctor(url, clientFiles('good'), ['--crl', write('ca.crl', list), '--json']);
    const { findings, files } = JSON.parse(stdout.toString());
    assert.equal(files.crl, [join(directory!, 'ca.crl')]);
    return troubles(findings);
  };
  try {
    assert.equal(await of(listOf(ca)), []);
    assert.equal(await of(listOf(ca, [servers.good])), ['error server revoked', 'note server not-checked']);
    assert.equal(await of(listOf(ca, [clients.good])), ['error cert revoked', 'note server not-checked']);
  } finally {
    await server.close({ deadline: 0 });
  }
});

page('prints findings as JSON', async () => {
  const { server, url } = await startServer();
  try {
    const files = clientFiles('otherCa');
    const { code, stdout, stderr } = await doctor(url, files, ['--json']);
    assert.is(code, 1, stderr);
    const report = JSON.parse(stdout.toString());
    assert.equal(Object.keys(report), ['url', 'files', 'strict', 'exitCode', 'findings']);
    assert.equal([report.url, report.files, report.strict, report.exitCode], [url, { ...files }, false, 1]);
    const refused = report.findings.find(({ id }: Finding) => id === 'our-certificate-refused');
    assert.equal(Object.keys(refused), ['id', 'severity', 'subject', 'text', 'cause', 'fix']);
    const issue = 'mtls-ws pki issue new-client --kind client --ca CA-OF-THE-SERVER.pem --ca-key CA-OF-THE-SERVER.key';
    assert.ok(refused.fix.startsWith(issue), refused.fix);
  } finally {
    await server.close({ deadline: 0 });
  }
});

page('fits 80 columns, without colour where nobody looks', async () => {
  const runs = await Promise.all(
    (['unrelatedEku', 'missingIntermediate', 'unknownCritical', 'signedByLeaf', 'notYetValid'] as const).map((name) =>
      run(['doctor', ...flagsOf(clientFiles(name))]),
    ),
  );
  for (const { stdout } of runs) {
    const lines = stdout.toString().split('\n');
    // Paths and commands with them are not broken.
    for (const line of lines) assert.ok(line.length <= 80 || /\/mtls-ws-cli-|main\.js/.test(line), line);
    assert.not.match(stdout.toString(), /\x1b/);
  }
});

page('gives commands of pki that mend', async () => {
  const { ca, servers } = kit();
  write('ca.key', ca.key);
  const { key } = filesOf(servers.commonNameOnly, 'nameless');
  const cwd = directory!;
  const found = async (...args: string[]): Promise<{ code: number | null; findings: Finding[] }> => {
    const { code, stdout } = await run(['doctor', '--ca', 'ca.pem', ...args, '--host', 'localhost', '--json'], { cwd });
    return { code, findings: JSON.parse(stdout.toString()).findings };
  };
  const mend = async ({ findings }: { findings: Finding[] }, id: string): Promise<void> => {
    const [, ...words] = findings.find((finding) => finding.id === id)!.fix!.split(' ');
    const { code, stderr } = await run(words, { cwd });
    assert.is(code, 0, stderr);
  };
  await mend(await found('--cert', 'nameless.pem', '--key', key), 'no-san');
  const issued = ['--cert', 'new-server.pem', '--key', 'new-server.key'];
  assert.is((await found(...issued)).code, 0);
  write('ca.crl', listOf(ca, [], { thisUpdate: new Date('2020-01-01'), nextUpdate: new Date('2020-02-01') }));
  await mend(await found(...issued, '--crl', 'ca.crl'), 'crl-expired');
  assert.is((await found(...issued, '--crl', 'ca.crl')).code, 0);
});

page.run();
