/** The TLS cases against our own ends, which must pass, and against lax ones, which must be found out. */
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureVersion, TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import type { CaseResult, Verdict } from '../../src/conformance/case.js';
import { tlsClientCases } from '../../src/conformance/cases/tls-client.js';
import { tlsServerCases } from '../../src/conformance/cases/tls-server.js';
import { testClients, testServer } from '../../src/conformance/index.js';
import { type Connection, connect } from '../../src/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { clientCredentials, serverCredentials, startServer } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import { type LaxServerOptions, laxDriver, laxServer } from './lax-tls.js';

const nodeMajor = Number.parseInt(process.versions.node, 10);

const caKey = kit().ca.key;
const idsOf = (cases: ReadonlyArray<{ readonly id: string }>): string[] => cases.map(({ id }) => id);
const waits = ({ id }: { readonly id: string }): boolean => /unfinished|silence/.test(id);

function verdicts(results: readonly CaseResult[]): Record<string, Verdict> {
  return Object.fromEntries(results.map(({ case: { id }, verdict }) => [id, verdict]));
}

const told = (results: readonly CaseResult[], ...which: readonly Verdict[]): string[] =>
  results
    .filter(({ verdict }) => which.includes(verdict))
    .map(({ case: { id }, verdict, reason }) => `${id} ${verdict}: ${reason}`);

function echo(connection: Connection): void {
  connection.on('message', (data) => connection.send(data));
}

const servers = suite('TLS cases against servers (RFC 8446, RFC 5280)');

servers(
  'pass our own server, whichever versions it speaks',
  async () => {
    for (const minVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const { server, url } = await startServer({ minVersion, handshakeTimeout: 2_000 });
      server.on('connection', echo);
      try {
        // Those that wait for the server leave 8 s for the good connection behind.
        const timeout = 10_000;
        const quick = tlsServerCases.filter((one) => !waits(one));
        const slow = tlsServerCases.filter(waits).map((one) => ({ ...one, deadline: 14_000 }));
        const options = { ...clientCredentials(), ...{ url, caKey, timeout, otherHost: 'localhost' } };
        const results = await testServer({ ...options, cases: [...quick, ...slow] });
        assert.equal(told(results, 'failed', 'broken', 'weak'), []);
        assert.equal(
          told(results, 'skipped').filter((line) => !line.includes('md5')),
          [],
        );
        const open = results.filter(({ verdict, case: { severity } }) => verdict === 'noted' && severity !== 'INFO');
        const expected = minVersion === 'TLSv1.2' ? /^$/ : /does not speak TLS ?v?1\.2/;
        for (const { case: testCase, reason } of open) assert.match(reason, expected, testCase.id);
        assert.is(
          results.filter(({ case: { severity }, verdict }) => severity === 'MUST' && verdict === 'passed').length > 45,
          true,
        );
      } finally {
        await server.close({ deadline: 0 });
      }
    }
  },
  { deadline: 120_000 },
);

servers('skip what takes the key of the CA, where it is not at hand', async () => {
  const { server, url } = await startServer();
  server.on('connection', echo);
  const cases = tlsServerCases.filter(({ id }) => /expired-13|other-ca-13|resume-other-host-13/.test(id));
  const directory = mkdtempSync(join(tmpdir(), 'bad-'));
  const { cert, key } = kit().clients.expired;
  try {
    const without = verdicts(await testServer({ ...clientCredentials(), url, cases }));
    assert.equal(without, {
      'tls/client-cert-other-ca-13': 'passed',
      'tls/client-cert-expired-13': 'skipped',
      'tls/resume-other-host-13': 'skipped',
    });
    writeFileSync(join(directory, 'client-expired.pem'), cert);
    writeFileSync(join(directory, 'client-expired.key'), key);
    const read = await testServer({
      ...clientCredentials(),
      ...{ url, badCertificates: directory, ids: ['tls/client-cert-expired-13', 'tls/client-cert-not-yet-valid-13'] },
    });
    assert.equal(
      read.map(({ verdict, reason }) => [verdict, reason]),
      [
        ['passed', ''],
        [
          'skipped',
          'there is no client-not-yet-valid.pem with client-not-yet-valid.key in the directory of --bad-certs',
        ],
      ],
    );
  } finally {
    rmSync(directory, { recursive: true });
    await server.close({ deadline: 0 });
  }
});

/** Cases that must fail against a server that is lax in one thing, by the beginnings of their names. */
const laxServers: ReadonlyArray<{
  readonly words: string;
  readonly options: LaxServerOptions;
  readonly failing: readonly string[];
  readonly passing: readonly string[];
}> = [
  {
    words: 'asks for a certificate and does not insist',
    options: { rejectUnauthorized: false },
    failing: tlsServerCases
      .filter(({ id, severity }) => id.startsWith('tls/client-cert-') && severity !== 'INFO' && !id.includes('md5'))
      .map(({ id }) => id.slice(4)),
    passing: ['close-notify-13', 'garbage-noise'],
  },
  {
    words: 'asks for no certificate',
    options: { requestCert: false, rejectUnauthorized: false },
    failing: ['client-cert-none-13', 'client-cert-none-12', 'client-cert-other-ca-13'],
    passing: ['alpn-none'],
  },
  {
    words: 'takes the word of a resumed session, where it refuses without a certificate',
    options: { rejectUnauthorized: false, admits: (socket: TLSSocket) => socket.authorized },
    // Node 24 does not resume such a session any more: there the server is sound.
    failing: nodeMajor < 24 ? ['resume-without-cert-13'] : [],
    passing: ['client-cert-none-13', 'client-cert-other-ca-13', 'client-cert-expired-13', 'client-cert-self-signed-12'],
  },
  {
    words: 'speaks whatever it is asked for',
    options: { minVersion: 'TLSv1' as SecureVersion, ciphers: 'ALL:eNULL:aNULL:@SECLEVEL=0' },
    failing: [
      'hello-tls-10',
      'hello-tls-11',
      'hello-null-encryption',
      'hello-anonymous',
      'client-cert-signed-with-sha1-12',
    ],
    passing: ['hello-no-common-suite-12', 'hello-rc4', 'hello-export', 'client-cert-other-ca-12'],
  },
  {
    words: 'has an RSA key and takes key exchange by RSA',
    options: { ...kit().servers.rsa, ca: kit().ca.cert, minVersion: 'TLSv1.2', ciphers: 'ALL:@SECLEVEL=0' },
    failing: ['hello-static-rsa'],
    passing: ['hello-des', 'speaks-13', 'prefers-13'],
  },
  {
    words: 'speaks TLS 1.2 alone',
    options: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
    failing: ['speaks-13'],
    passing: ['client-cert-none-12', 'hello-grease', 'close-notify-12'],
  },
  {
    words: 'ends without close_notify',
    options: { cutsOff: true },
    failing: ['close-notify-13', 'close-notify-12'],
    passing: ['client-cert-none-13'],
  },
  {
    words: 'holds connections that do not begin with TLS',
    options: { holdsGarbage: true },
    failing: ['garbage-noise', 'garbage-plain-http', 'garbage-fatal-alert', 'garbage-data-first'],
    passing: ['garbage-cut-short', 'hello-many-records', 'hello-octet-by-octet'],
  },
];

for (const { words, options, failing, passing } of laxServers) {
  servers(`find out a server that ${words}`, async () => {
    const { url, close } = await laxServer({ minVersion: 'TLSv1.2', ...options });
    try {
      const ids = [...failing, ...passing].map((name) => `tls/${name}`);
      const run = { url, caKey, ids, minVersion: 'TLSv1.2', cases: tlsServerCases } as const;
      const results = await testServer({ ...clientCredentials(), ...run });
      const found = verdicts(results);
      assert.equal(
        failing.filter((name) => found[`tls/${name}`] !== 'failed').map((name) => `${name} ${found[`tls/${name}`]}`),
        [],
      );
      assert.equal(
        told(
          results.filter(({ case: { id } }) => passing.includes(id.slice(4))),
          'failed',
          'broken',
          'noted',
          'skipped',
          'weak',
        ),
        [],
      );
    } finally {
      await close();
    }
  });
}

servers('find out a server that resumes the session of one host at another', async () => {
  const lax = await laxServer({ minVersion: 'TLSv1.2' });
  lax.server.addContext('other.localhost', { ...serverCredentials(), ca: kit().otherCa.cert });
  try {
    const ids = ['tls/resume-other-host-12', 'tls/resume-other-host-13', 'tls/resume-13'];
    const results = await testServer({
      ...clientCredentials(),
      ...{ url: lax.url, ids, otherHost: 'other.localhost', cases: tlsServerCases },
    });
    assert.equal(
      Object.fromEntries(results.map(({ case: { id }, verdict, reason }) => [id, `${verdict}: ${reason}`])),
      {
        'tls/resume-13': 'noted: the session is resumed, and the connection works',
        // Node 22 does not resume a session at another host any more: there the server is sound.
        'tls/resume-other-host-13': `noted: the session is ${nodeMajor < 22 ? '' : 'not '}resumed`,
        'tls/resume-other-host-12': nodeMajor < 22 ? 'failed: a session of one host is resumed at another' : 'passed: ',
      },
    );
  } finally {
    await lax.close();
  }
});

servers('show certificates signed with MD5 where the CA has an RSA key', async () => {
  const ca = createAuthority({ keyType: 'rsa-2048' });
  const [cert, client] = [
    ca.issue({ commonName: 'server', kind: 'server', hosts: ['localhost'] }),
    ca.issue({ commonName: 'client', kind: 'client' }),
  ];
  const strict = { ca: ca.cert, cert: cert.cert, key: cert.key };
  const cases = tlsServerCases.filter(({ id }) => id.includes('md5'));
  for (const [options, expected] of [
    [{ ciphers: undefined }, 'passed'],
    [{ rejectUnauthorized: false }, 'failed'],
  ] as const) {
    const { url, close } = await laxServer({ minVersion: 'TLSv1.2', ...strict, ...options } as LaxServerOptions);
    try {
      const results = await testServer({ ca: ca.cert, cert: client.cert, key: client.key, url, cases, caKey: ca.key });
      assert.equal(Object.values(verdicts(results)), [expected, expected]);
    } finally {
      await close();
    }
  }
});

servers('take keys that are locked by a passphrase, that of the CA too', async () => {
  const lock = (key: string) =>
    createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' });
  const { ca, clients } = kit();
  const { server, url } = await startServer({ minVersion: 'TLSv1.2' });
  server.on('connection', echo);
  try {
    const results = await testServer({
      ...{ ca: ca.cert, cert: clients.good.cert, key: lock(clients.good.key), caKey: lock(ca.key) },
      ...{ url, passphrase: 'secret', ids: ['*expired*'], cases: tlsServerCases },
    });
    assert.ok(results.length > 0);
    for (const { verdict, reason } of results) assert.is(verdict, 'passed', reason);
  } finally {
    await server.close();
  }
});

servers.run();

const clients = suite('TLS cases against clients (RFC 8446, RFC 5280)');

clients(
  'pass our own client, whichever versions it speaks',
  async () => {
    for (const minVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const credentials = { ...clientCredentials(), minVersion, handshakeTimeout: 2_000, protocols: ['conformance'] };
      const drive = async (next: string): Promise<void> => {
        for (;;) {
          let url = '';
          try {
            for await (const message of await connect(next, credentials)) url = String(message);
          } catch {
            // The run is over.
          }
          if (url === '') return;
          try {
            const connection = await connect(url, credentials);
            echo(connection);
            await connection.closed;
          } catch {
            // Many a server is one that must be refused.
          }
        }
      };
      let driven: Promise<unknown> = Promise.resolve();
      const results = await testClients({
        ...serverCredentials(),
        ...{ minVersion: 'TLSv1.2', serverName: 'localhost', caKey },
        cases: tlsClientCases.map((one) => (waits(one) ? { ...one, deadline: 14_000 } : one)),
        onListening: (next) => {
          driven = Promise.all([1, 2, 3, 4].map(() => drive(next)));
        },
      });
      await driven;
      assert.equal(told(results, 'failed', 'broken', 'weak'), []);
      assert.equal(
        told(results, 'skipped').filter((line) => !line.includes('md5')),
        [],
      );
      const open = results.filter(({ verdict, case: { severity } }) => verdict === 'noted' && severity !== 'INFO');
      const expected = minVersion === 'TLSv1.2' ? /^$/ : /does not speak TLSv1\.2/;
      for (const { case: testCase, reason } of open) assert.match(reason, expected, testCase.id);
    }
  },
  { deadline: 120_000 },
);

async function testLaxClient(
  options: Parameters<typeof laxDriver>[1],
  ids: readonly string[],
): Promise<Record<string, Verdict>> {
  let driven: Promise<unknown> = Promise.resolve();
  const results = await testClients({
    ...serverCredentials(),
    ...{ minVersion: 'TLSv1.2', serverName: 'localhost', caKey, ids, cases: tlsClientCases },
    onListening: (next) => {
      driven = Promise.all([1, 2].map(() => laxDriver(next, options)));
    },
  });
  await driven;
  return verdicts(results);
}

const all = (verdict: Verdict, ids: readonly string[]): Record<string, Verdict> =>
  Object.fromEntries(ids.map((id) => [id, verdict]));

clients('find out a client that verifies nothing', async () => {
  const ids = idsOf(
    tlsClientCases.filter(
      ({ id, severity }) => id.startsWith('tls/server-cert-') && severity !== 'INFO' && !id.includes('md5'),
    ),
  );
  assert.equal(await testLaxClient({ rejectUnauthorized: false }, ids), all('failed', ids));
});

clients('find out a client that verifies the chain and not the name', async () => {
  const names = ['other-name', 'common-name-only', 'uri-only', 'name-cut-by-nul', 'joined-names', 'wildcard-inside'];
  const failing = names.map((name) => `tls/server-cert-${name}`);
  const passing = ['expired', 'other-ca', 'self-signed', 'wrong-purpose'].map((name) => `tls/server-cert-${name}`);
  assert.equal(await testLaxClient({ checkServerIdentity: () => undefined }, [...passing, ...failing]), {
    ...all('passed', passing),
    ...all('failed', failing),
  });
});

clients('find out a client that speaks whatever it is offered', async () => {
  const ids = ['tls/server-tls-10', 'tls/server-tls-11', 'tls/server-null-encryption', 'tls/server-anonymous'];
  const options = { minVersion: 'TLSv1', ciphers: 'ALL:eNULL:aNULL:@SECLEVEL=0', rejectUnauthorized: false } as const;
  assert.equal(await testLaxClient(options, ids), all('failed', ids));
});

clients('find out a client that sends no name, or another one', async () => {
  const ids = ['tls/server-name'];
  assert.equal(await testLaxClient({ servername: '', checkServerIdentity: () => undefined }, ids), all('failed', ids));
  const other = { servername: 'other.example', checkServerIdentity: () => undefined };
  assert.equal(await testLaxClient(other, ids), all('failed', ids));
});

clients.run();
