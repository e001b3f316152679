import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import { type Outcome, run, temporaryDirectory } from './program.js';

const directory = temporaryDirectory();
const root = createAuthority({ commonName: 'Plant Root', pathLength: 2 });
const intermediate = root.issueAuthority({ commonName: 'Plant CA', keyType: 'rsa-2048' });
const server = intermediate.issue({
  ...{ kind: 'server', commonName: 'gateway', days: 10 },
  ...{ hosts: ['a.example', '*.b.example', '10.0.0.7'], uris: ['spiffe://plant.example/gateway'] },
});
const { serialNumber } = parseCertificate(server.der);
const list = intermediate.revocationList({
  revoked: [{ serialNumber, date: new Date('2026-01-02T03:04:05Z'), reason: 'keyCompromise' }],
  number: 7,
});
const locked = createPrivateKey(server.key).export({
  ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
} as never) as unknown as string;
const files: Readonly<Record<string, string | Buffer>> = {
  'root.pem': root.cert,
  'root.der': root.der,
  'server.pem': server.cert,
  'server.key': server.key,
  'server.key.der': createPrivateKey(server.key).export({ type: 'pkcs8', format: 'der' }),
  'server.pub': createPublicKey(server.key).export({ type: 'spki', format: 'pem' }),
  'locked.key': locked,
  passphrase: 'secret\n',
  'crl.pem': list.pem,
  'crl.der': list.der,
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);

const show = (...args: string[]): Promise<Outcome> => run(['pki', 'show', ...args], { cwd: directory });

async function page(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await show(...args);
  assert.is(stderr, '');
  assert.is(code, 0);
  return stdout.toString();
}

const showing = suite('mtls-ws pki show');

showing('tells what a person asks of a certificate, and who signed it', async () => {
  const text = await page('server.pem', 'root.pem');
  const x509 = new X509Certificate(server.der);
  for (const line of [
    'server.pem (1 of 2)  certificate',
    '  subject      CN=gateway',
    '  issuer       CN=Plant CA',
    '  DNS names    a.example, *.b.example',
    '  addresses    10.0.0.7',
    '  URIs         spiffe://plant.example/gateway',
    '               expires in 9 days',
    '  purpose      TLS server (serverAuth)',
    '  key usage    digital signature',
    '  CA           no',
    '  key          EC P-256, 256 bits',
    '  signature    RSA with SHA-256',
    '  signed by    the next certificate of this file (2 of 2)',
    `  serial       ${x509.serialNumber}`,
    `  fingerprint  ${x509.fingerprint256}`,
    `  SPKI pin     ${parseCertificate(server.der).publicKeySha256}`,
    'server.pem (2 of 2)  CA certificate',
    '  CA           yes, with up to 1 CA between it and a leaf (path length 1)',
    '  key          RSA, 2048 bits',
    '  signed by    that of root.pem',
    'root.pem  CA certificate',
    '  signed by    itself',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\n\n${text}`);
  }
  const wide = text.split('\n').filter((line) => line.length > 80);
  assert.ok(wide.every((line) => line.startsWith('  fingerprint  ')));
});

showing('says when the next certificate of a file is not the one that signed', async () => {
  const other = createAuthority({ commonName: 'Other' });
  const behind = (...ders: { cert: string }[]) =>
    [server.cert.slice(0, server.cert.indexOf('-----END')), ...ders.map(({ cert }) => cert)].join(
      '-----END CERTIFICATE-----\n',
    );
  writeFileSync(join(directory, 'wrong.pem'), behind(other));
  writeFileSync(join(directory, 'order.pem'), `${behind(other)}${intermediate.cert}`);
  assert.match(
    await page('wrong.pem'),
    /signed by {4}none of these files: the next certificate \(2\) is of another CA/,
  );
  assert.match(await page('order.pem'), /signed by {4}that of order\.pem \(3 of 3\), which is not the next/);
});

showing('tells dates that have passed or are to come', async () => {
  const { expired, notYetValid } = kit().clients;
  writeFileSync(join(directory, 'expired.pem'), expired.cert);
  writeFileSync(join(directory, 'future.pem'), notYetValid.cert);
  assert.match(await page('expired.pem'), /\n {15}expired \d+ days ago\n/);
  assert.match(await page('future.pem'), /\n {15}not valid before \d+ days from now\n/);
});

showing('tells of a private key its kind and its certificate, and nothing that is private', async () => {
  const pin = parseCertificate(server.der).publicKeySha256;
  const text = await page('server.key', 'server.key.der', 'server.pub', 'server.pem');
  assert.match(text, /^server\.key {2}private key, not locked\n {2}key {10}EC P-256, 256 bits\n/);
  assert.is(text.split('belongs      to server.pem (1 of 2)\n').length, 4);
  assert.is(text.split(`SPKI pin     ${pin}\n`).length, 5);
  assert.match(await page('server.key', 'root.pem'), /belongs {6}to none of these certificates\n/);
  const { d } = createPrivateKey(server.key).export({ format: 'jwk' });
  const secret = Buffer.from(d!, 'base64url');
  const all = text + (await page('server.key', '--json'));
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    assert.not.ok(all.includes(secret.toString(encoding)));
  assert.not.ok(all.includes(server.key.split('\n')[1]!));
});

showing('reads a locked key with its passphrase, and says so without', async () => {
  assert.match(await page('locked.key'), /private key, locked by a passphrase\n {2}key {10}cannot be told without/);
  assert.match(
    await page('locked.key', '--passphrase-file', 'passphrase'),
    /locked by a passphrase\n {2}key {10}EC P-256/,
  );
});

showing('tells what is on a revocation list, in PEM and DER', async () => {
  for (const name of ['crl.pem', 'crl.der']) {
    const text = await page(name, 'server.pem');
    assert.match(text, new RegExp(`^${name} {2}revocation list \\(CRL\\)\\n {2}issuer {7}CN=Plant CA\\n`));
    assert.match(text, /number {7}7\n/);
    assert.match(text, /next update {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n {15}expires in 29 days\n/);
    assert.match(text, /signed by {4}that of server\.pem \(2 of 2\)\n/);
    assert.match(text, new RegExp(`revoked {6}1 certificate\\n {15}${serialNumber} {2}2026-01-02 {2}keyCompromise\\n`));
  }
});

showing('gives the same as JSON', async () => {
  const found = JSON.parse(await page('--json', 'server.pem', 'root.der', 'crl.pem', 'server.key'));
  assert.equal(
    found.map(({ file, place, type }: Record<string, unknown>) => [file, place, type]),
    [
      ['server.pem', 1, 'certificate'],
      ['server.pem', 2, 'certificate'],
      ['root.der', 1, 'certificate'],
      ['crl.pem', 1, 'revocation-list'],
      ['server.key', 1, 'private-key'],
    ],
  );
  const x509 = new X509Certificate(server.der);
  const [leaf, , ca, crl, key] = found;
  assert.is(leaf.fingerprint, x509.fingerprint256);
  assert.is(leaf.serialNumber, x509.serialNumber);
  assert.equal(leaf.san.dns, ['a.example', '*.b.example']);
  assert.equal(leaf.issuedBy, [{ file: 'server.pem', place: 2 }]);
  assert.is(new Date(leaf.validTo).getTime(), new Date(x509.validTo).getTime());
  assert.is(ca.pathLength, 2);
  assert.equal(crl.revoked, [{ serialNumber, date: '2026-01-02T03:04:05.000Z', reason: 'keyCompromise' }]);
  assert.is(key.publicKeySha256, leaf.publicKeySha256);
});

showing('lets no certificate break a line, move the cursor, or make one name look like two', async () => {
  const { hostile } = kit();
  const names = Object.keys(hostile) as (keyof typeof hostile)[];
  for (const name of names) writeFileSync(join(directory, `${name}.pem`), hostile[name].cert);
  const text = await page(...names.map((name) => `${name}.pem`));
  assert.not.match(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]/);
  for (const line of text.split('\n')) {
    assert.match(line, /^(?:$|\w+\.pem {2}certificate$| {2}[\w -]{11} {2}\S| {15}\S)/);
    assert.ok(line.length <= 80 || line.startsWith('  fingerprint  '), line);
  }
  assert.match(text, /\n {2}unusable {5}dns "evil, DNS:admin\.internal"\n/);
  assert.match(text, /and 9980 more\n/);
  assert.ok(text.length < 100_000, `${text.length}`);
  writeFileSync(
    join(directory, 'comma.pem'),
    kit().ca.issue({ commonName: 'x', kind: 'client', uris: ['a:b,c:d'] }).cert,
  );
  assert.match(await page('comma.pem'), /URIs {9}"a:b,c:d"\n/);
});

showing('says what cannot be read, with exit code 2', async () => {
  const broken = Buffer.from(server.der);
  broken[4] = 0x31;
  const block = (label: string, der: Buffer) =>
    `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
  writeFileSync(
    join(directory, 'broken.pem'),
    block('CERTIFICATE', broken) + root.cert + block('DH PARAMETERS', broken),
  );
  const { code, stdout, stderr } = await show('broken.pem');
  assert.match(
    stdout.toString(),
    /^broken\.pem \(1 of 3\) {2}certificate: cannot be read \(no element 0x30 at octet 4\)\n/,
  );
  assert.match(stdout.toString(), /\nbroken\.pem \(2 of 3\) {2}CA certificate\n/);
  assert.match(stdout.toString(), /\nbroken\.pem \(3 of 3\) {2}DH PARAMETERS: not looked into\n/);
  assert.is(stderr, 'mtls-ws pki show: broken.pem (1 of 3) cannot be read\n');
  assert.is(code, 2);
  for (const [name, content, message] of [
    ['text', 'hello', /: text: it has no line -----BEGIN …-----\n$/],
    ['empty', '', /: empty: it is empty\n$/],
    ['bytes', Buffer.from('30020101', 'hex'), /: bytes: /],
  ] as const) {
    writeFileSync(join(directory, name), content);
    const outcome = await show(name);
    assert.is(outcome.code, 2);
    assert.ok(message.test(outcome.stderr) || name === 'bytes', outcome.stderr);
  }
  assert.match((await show('none')).stderr, /: none cannot be read: no such file; check its path and permissions\n$/);
});
showing.run();
