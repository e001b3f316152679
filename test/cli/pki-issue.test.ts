import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/index.js';
import { purposeOids } from '../../src/tls/oids.js';
import { certificatesOf } from '../../src/tls/pki/forgery/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { suite } from '../support/suite.js';
import { type Outcome, run, start, temporaryDirectory } from './program.js';

const root = createAuthority({ commonName: 'Plant Root' });
const directory = temporaryDirectory();
const path = (name: string) => join(directory, name);
writeFileSync(path('root.pem'), root.cert);
writeFileSync(path('root.key'), root.key);
const ca = ['--ca', path('root.pem'), '--ca-key', path('root.key')];

/** The certificates in a file, leaf first. */
const chainIn = (file: string) => certificatesOf(readFileSync(file, 'utf8'));
const leafIn = (file: string) => parseCertificate(chainIn(file)[0]!);

function isRefused({ code, stdout, stderr }: Outcome, message: RegExp): void {
  assert.match(stderr, message);
  assert.is(stderr.split('\n').length, 2);
  assert.is(code, 2);
  assert.is(stdout.length, 0);
}

const issue = suite('mtls-ws pki issue');

issue('writes a certificate with the names that were given, and a key for its owner alone', async () => {
  const name = join(temporaryDirectory(), 'new', 'device-7');
  const umask = process.umask(0);
  const { code, stdout, stderr } = await run([
    ...['pki', 'issue', name, '--kind', 'both', ...ca, '--host', 'a.example', '--host', '*.b.example'],
    ...['--host', '10.0.0.7', '--uri', 'spiffe://plant.example/7', '--email', 'a@b.example', '--key-type', 'ec-p384'],
  ]);
  process.umask(umask);
  assert.is(stderr, '');
  assert.is(code, 0);
  assert.is(statSync(`${name}.key`).mode & 0o777, 0o600);
  assert.is(statSync(`${name}.pem`).mode & 0o777, 0o644);
  const [der] = chainIn(`${name}.pem`);
  const x509 = new X509Certificate(der!);
  assert.ok(x509.verify(new X509Certificate(root.der).publicKey));
  assert.ok(x509.checkPrivateKey(createPrivateKey(readFileSync(`${name}.key`))));
  assert.is(x509.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
  const { subject, san, extendedKeyUsage } = parseCertificate(der!);
  assert.is(subject.text, 'CN=device-7');
  assert.equal(san.dns, ['a.example', '*.b.example']);
  assert.equal(san.ip, ['10.0.0.7']);
  assert.equal(san.uri, ['spiffe://plant.example/7']);
  assert.equal(san.email, ['a@b.example']);
  assert.equal(extendedKeyUsage, [purposeOids.serverAuth, purposeOids.clientAuth]);
  const text = stdout.toString();
  assert.match(text, / serve --port 8443 --ca \S+root\.pem \\\n {4}--cert \S+device-7\.pem --key \S+device-7\.key\n/);
  assert.match(text, / connect wss:\/\/localhost:8443 --ca \S+root\.pem \\\n {4}--cert \S+device-7\.pem/);
});

issue('makes what serve and connect take', async () => {
  const [server, client] = [path('works-server'), path('works-client')];
  await Promise.all([
    run(['pki', 'issue', server, '--kind', 'server', '--host', 'localhost', ...ca]),
    run(['pki', 'issue', client, '--kind', 'client', ...ca]),
  ]);
  const flags = (name: string) => ['--ca', path('root.pem'), '--cert', `${name}.pem`, '--key', `${name}.key`];
  const serving = start(['serve', '--port', '0', ...flags(server)]);
  try {
    const [, port] = await serving.match('stdout', /listening on wss:\/\/127\.0\.0\.1:(\d+)/);
    const url = `wss://localhost:${port}`;
    const { code, stdout, stderr } = await run(['connect', url, ...flags(client), '--wait', '0.2'], { input: 'hi\n' });
    assert.is(stderr, '');
    assert.is(stdout.toString(), 'hi\n');
    assert.is(code, 0);
  } finally {
    serving.child.kill('SIGTERM');
    await serving.outcome;
  }
});

issue('ends a certificate when it is told to, and never after its CA', async () => {
  const short = createAuthority({ commonName: 'Short', notAfter: new Date('2199-01-01T00:00:00Z') });
  const files = ['--ca', path('short.pem'), '--ca-key', path('short.key')];
  writeFileSync(path('short.pem'), short.cert);
  writeFileSync(path('short.key'), short.key);
  const at = async (name: string, ...flags: string[]): Promise<Date> => {
    await run(['pki', 'issue', path(name), '--kind', 'client', ...files, ...flags]);
    return leafIn(path(`${name}.pem`)).validTo;
  };
  assert.equal(await at('day', '--not-after', '2100-02-28'), new Date('2100-02-28T23:59:59Z'));
  assert.equal(await at('second', '--not-after', '2100-02-28T12:00:30Z'), new Date('2100-02-28T12:00:30Z'));
  assert.equal(await at('long', '--days', '400000'), new Date('2199-01-01T00:00:00Z'));
  const days = (await at('days', '--days', '10')).getTime() - Date.now();
  assert.ok(days > 9.9 * 86_400_000 && days < 10 * 86_400_000, `${days}`);
});

issue('reads a CA whose key is locked by a passphrase', async () => {
  const key = createPrivateKey(root.key).export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret word' },
  } as never) as unknown as string;
  writeFileSync(path('locked.key'), key);
  writeFileSync(path('passphrase'), 'secret word\n');
  writeFileSync(path('wrong'), 'secret\n');
  const flags = ['--kind', 'client', '--ca', path('root.pem'), '--ca-key', path('locked.key')];
  const [without, wrong, right] = await Promise.all([
    run(['pki', 'issue', path('x'), ...flags]),
    run(['pki', 'issue', path('x'), ...flags, '--passphrase-file', path('wrong')]),
    run(['pki', 'issue', path('unlocked'), ...flags, '--passphrase-file', path('passphrase')]),
  ]);
  isRefused(without, /--ca-key \S+locked\.key: .*locked by a passphrase.*; give the passphrase with --passphrase-file/);
  isRefused(wrong, /--ca-key \S+locked\.key: the passphrase does not unlock.*; check --passphrase-file/);
  assert.is(right.code, 0);
  assert.not.ok(existsSync(path('x.pem')));
  assert.is(leafIn(path('unlocked.pem')).issuer.text, 'CN=Plant Root');
});

issue('replaces nothing without --force, and the CA never', async () => {
  const name = path('taken');
  writeFileSync(`${name}.key`, 'precious');
  chmodSync(`${name}.key`, 0o644);
  const flags = ['--kind', 'client', ...ca];
  isRefused(
    await run(['pki', 'issue', name, ...flags]),
    /: \S+ has taken\.key already; nothing was written; give another name, or replace them with --force\n$/,
  );
  assert.is(readFileSync(`${name}.key`, 'utf8'), 'precious');
  assert.not.ok(existsSync(`${name}.pem`));
  assert.is((await run(['pki', 'issue', name, ...flags, '--force'])).code, 0);
  assert.is(statSync(`${name}.key`).mode & 0o777, 0o600);
  for (const own of ['root', './root']) {
    isRefused(
      await run(['pki', 'issue', own, '--kind', 'client', '--ca', 'root.pem', '--ca-key', 'root.key', '--force'], {
        cwd: directory,
      }),
      /: root\.pem is the CA itself; nothing was written; give another name\n$/,
    );
  }
  assert.is(readFileSync(path('root.key'), 'utf8'), root.key);
});

const refused: ReadonlyArray<readonly [string, readonly string[], RegExp]> = [
  ['a server without a host', ['x', '--kind', 'server'], /clients can check.*; give each with --host NAME/],
  ['both ends without a host', ['x', '--kind', 'both'], /--host NAME/],
  ['a kind that is none', ['x', '--kind', 'sever'], /--kind is "sever"; give server, client, both or any/],
  ['a host that is none', ['x', '--kind', 'server', '--host', 'a b'], /--host: "a b" cannot be/],
  ['a URI that is none', ['x', '--kind', 'client', '--uri', 'a b'], /--uri: "a b" cannot be .*: it is no URI/],
  [
    'a SPIFFE ID that is none',
    ['x', '--kind', 'client', '--uri', 'spiffe:/plant'],
    /--uri: "spiffe:\/plant" is no SPIFFE ID .*; write spiffe:\/\/trust-domain\/path/,
  ],
  [
    'a SPIFFE ID with a space',
    ['x', '--kind', 'client', '--uri', 'spiffe://a/a b'],
    /"spiffe:\/\/a\/a b" is no SPIFFE/,
  ],
  ['an address that is none', ['x', '--kind', 'client', '--email', 'a'], /--email: "a" cannot be/],
  ['a key type that is none', ['x', '--kind', 'client', '--key-type', 'dsa'], /--key-type is "dsa"; give ec-p256,/],
  ['a day that is none', ['x', '--kind', 'client', '--not-after', '2027-02-30'], /"2027-02-30"; give a date like/],
  ['a day that has passed', ['x', '--kind', 'client', '--not-after', '2020-01-01'], /--not-after has passed/],
  ['a day after the CA', ['x', '--kind', 'client', '--not-after', '2999-01-01'], /later than the end of the CA, 20/],
  ['two ends', ['x', '--kind', 'client', '--not-after', '2030-01-01', '--days', '3'], /exclude each other/],
  ['a name that is a directory', ['certs/', '--kind', 'client'], /NAME is "certs\/"; give a name like/],
  ['a name with its ending', ['x.pem', '--kind', 'client'], /NAME is "x\.pem"; give it without \.pem and \.key/],
  ['a name that is too long', ['x'.repeat(65), '--kind', 'client'], /--common-name: the common name "x{65}" is not/],
];
issue('refuses what makes no certificate, and writes nothing', async () => {
  const empty = temporaryDirectory();
  const outcomes = await Promise.all(refused.map(([, args]) => run(['pki', 'issue', ...args, ...ca], { cwd: empty })));
  for (const [index, outcome] of outcomes.entries()) isRefused(outcome, refused[index]![2]);
  assert.equal(readdirSync(empty), []);
});

issue('says which file of the CA is wrong', async () => {
  const leaf = root.issue({ commonName: 'leaf', kind: 'client' });
  writeFileSync(path('leaf.pem'), leaf.cert);
  writeFileSync(path('leaf.key'), leaf.key);
  const outcome = (cert: string, key: string) =>
    run(['pki', 'issue', path('x'), '--kind', 'client', '--ca', path(cert), '--ca-key', path(key)]);
  isRefused(await outcome('leaf.pem', 'leaf.key'), /--ca \S+leaf\.pem: .*CN=leaf.*is not a CA.*; give the certificate/);
  isRefused(await outcome('root.pem', 'leaf.key'), /--ca-key \S+leaf\.key: the key is not that of .*CN=Plant Root/);
  isRefused(await outcome('root.pem', 'none.key'), /--ca-key \S+none\.key cannot be read: no such file/);
});
issue.run();

const issueCa = suite('mtls-ws pki issue-ca');

issueCa('makes a root, an intermediate and one below it, which issue certificates with their chain', async () => {
  const cwd = temporaryDirectory();
  const below = (name: string) => ['--ca', `${name}.pem`, '--ca-key', `${name}.key`];
  for (const args of [
    ['issue-ca', 'top', '--self-signed', '--key-type', 'rsa-2048', '--common-name', 'Top CA'],
    ['issue-ca', 'upper', ...below('top'), '--path-length', '1'],
    ['issue-ca', 'lower', ...below('upper'), '--key-type', 'ed25519'],
    ['issue', 'leaf', '--kind', 'client', ...below('lower')],
  ]) {
    const { code, stderr, stdout } = await run(['pki', ...args], { cwd });
    assert.is(stderr, '');
    assert.is(code, 0);
    for (const line of stdout.toString().split('\n')) assert.ok(line.length <= 80 || line.includes('node '), line);
  }
  const chain = [...chainIn(join(cwd, 'leaf.pem')), ...chainIn(join(cwd, 'top.pem'))].map(
    (der) => new X509Certificate(der),
  );
  assert.equal(
    chain.map(({ raw }) => parseCertificate(raw).subject.text),
    ['CN=leaf', 'CN=lower', 'CN=upper', 'CN=Top CA'],
  );
  for (const [index, one] of chain.entries()) assert.ok(one.verify((chain[index + 1] ?? one).publicKey));
  assert.equal(
    chain.map(({ raw }) => parseCertificate(raw).basicConstraints?.pathLength),
    [undefined, 0, 1, undefined],
  );
  isRefused(
    await run(['pki', 'issue-ca', 'deeper', ...below('lower')], { cwd }),
    /--path-length: the issuer has path length 0: it may have no authority below it \(RFC 5280 §4\.2\.1\.9\); make that CA with a greater --path-length: 1 for/,
  );
});

issueCa('makes a root only when that is asked for', async () => {
  const [neither, half, both] = await Promise.all([
    run(['pki', 'issue-ca', path('y')]),
    run(['pki', 'issue-ca', path('y'), '--ca', path('root.pem')]),
    run(['pki', 'issue-ca', path('y'), '--self-signed', ...ca]),
  ]);
  isRefused(neither, /it is not said which CA issues it; give --ca FILE --ca-key FILE .* or --self-signed/);
  isRefused(half, /it is not said which CA issues it/);
  isRefused(both, /--self-signed and --ca-key exclude each other/);
  assert.not.ok(existsSync(path('y.pem')));
});
issueCa.run();
