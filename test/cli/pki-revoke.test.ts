import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/index.js';
import { createAuthority, loadRevocationList } from '../../src/tls/pki/index.js';
import { suite } from '../support/suite.js';
import { type Outcome, run, temporaryDirectory } from './program.js';

const ca = createAuthority({ commonName: 'Plant CA' });
const clients = ['one', 'two', 'three'].map((commonName) => ca.issue({ commonName, kind: 'client' }));
const [one, two] = clients.map(({ der }) => parseCertificate(der).serialNumber);
const directory = temporaryDirectory();
writeFileSync(join(directory, 'ca.pem'), ca.cert);
writeFileSync(join(directory, 'ca.key'), ca.key);
for (const [index, { cert }] of clients.entries()) writeFileSync(join(directory, `${index + 1}.pem`), cert);

/** Runs in the directory of the CA. */
const revoke = (...args: string[]): Promise<Outcome> =>
  run(['pki', 'revoke', ...args, '--ca', 'ca.pem', '--ca-key', 'ca.key'], { cwd: directory });
const list = (name: string) => loadRevocationList(readFileSync(join(directory, name)), ca);

function isRefused({ code, stdout, stderr }: Outcome, message: RegExp): void {
  assert.match(stderr, message);
  assert.is(code, 2);
  assert.is(stdout.length, 0);
}

const revoking = suite('mtls-ws pki revoke');

revoking('makes a list, adds to it, and renews it, with a number that rises', async () => {
  const first = await revoke('1.pem', '--crl', 'a.pem', '--reason', 'keyCompromise');
  assert.is(first.stderr, '');
  assert.is(first.code, 0);
  assert.match(
    first.stdout.toString(),
    new RegExp(`^revoked\\n {2}${one} {2}CN=one\\n\\nwrote a\\.pem, a new list\\n`),
  );
  const before = list('a.pem');
  assert.equal(
    before.revoked.map(({ serialNumber, reason }) => [serialNumber, reason]),
    [[one, 'keyCompromise']],
  );

  const second = await revoke('1.pem', '2.pem', '--serial', '0x00:AB:cd', '--crl', 'a.pem', '--days', '7');
  assert.is(second.code, 0);
  assert.match(second.stdout.toString(), new RegExp(`revoked before, and left as it was\\n {2}${one} {2}CN=one\\n`));
  const after = list('a.pem');
  assert.equal(
    after.revoked.map(({ serialNumber, reason }) => [serialNumber, reason]),
    [
      [one, 'keyCompromise'],
      [two, undefined],
      ['ABCD', undefined],
    ],
  );
  assert.equal(after.revoked[0], before.revoked[0]);
  assert.ok(after.number! > before.number!);

  const renewed = await revoke('--crl', 'a.pem');
  assert.match(renewed.stdout.toString(), /^wrote a\.pem\n {2}revoked {6}3 certificates\n/);
  assert.equal(list('a.pem').revoked, after.revoked);
  assert.ok(list('a.pem').number! > after.number!);
  assert.ok(list('a.pem').thisUpdate >= after.thisUpdate);
  for (const line of second.stdout.toString().split('\n')) assert.ok(line.length <= 80, line);
});

revoking('takes a list in DER, and one whose number is ahead of the clock', async () => {
  const number = 2 ** 47;
  const { der } = ca.revocationList({ revoked: [{ serialNumber: '07' }], number });
  writeFileSync(join(directory, 'b.crl'), der);
  const { code, stdout } = await revoke('1.pem', '--serial', '7', '--serial', '0', '--crl', 'b.crl');
  assert.is(code, 0);
  assert.match(stdout.toString(), /revoked before, and left as it was\n {2}07\n/);
  assert.equal(
    list('b.crl').revoked.map(({ serialNumber }) => serialNumber),
    ['07', one, '0'],
  );
  assert.is(list('b.crl').number, BigInt(number + 1));
});

revoking('replaces what a link leads to, not the link', async () => {
  mkdirSync(join(directory, 'lists'));
  writeFileSync(join(directory, 'lists/real.pem'), ca.revocationList({ revoked: [] }).pem);
  symlinkSync('lists/real.pem', join(directory, 'link.pem'));
  assert.is((await revoke('1.pem', '--crl', 'link.pem')).code, 0);
  assert.is(list('lists/real.pem').revoked.length, 1);
  assert.equal(readdirSync(join(directory, 'lists')), ['real.pem']);
});

revoking('loses nothing when several are revoked at once: each is on the list, or its command failed', async () => {
  const outcomes = await Promise.all(['1.pem', '2.pem', '3.pem'].map((file) => revoke(file, '--crl', 'c.pem')));
  const revoked = new Set(list('c.pem').revoked.map(({ serialNumber }) => serialNumber));
  for (const [index, { code, stderr }] of outcomes.entries()) {
    if (code !== 0) assert.match(stderr, /c\.pem\.new is there: the list is being written, or that was cut off; if so/);
    assert.is(revoked.has(parseCertificate(clients[index]!.der).serialNumber), code === 0);
  }
});

revoking('refuses a list that this CA did not sign, and leaves it as it was', async () => {
  const impostor = createAuthority({ commonName: 'Plant CA' }).revocationList({ revoked: [] }).pem;
  for (const [name, content, message] of [
    ['impostor.pem', impostor, /--crl impostor\.pem: the list of CN=Plant CA is not signed by the key of this CA; no/],
    ['cut.pem', ca.revocationList({ revoked: [] }).pem.slice(0, -30), /--crl cut\.pem: .*cut short/],
    ['cert.pem', ca.cert, /--crl cert\.pem: it holds a certificate where a revocation list/],
    ['empty.pem', '', /--crl empty\.pem: it is empty/],
  ] as const) {
    writeFileSync(join(directory, name), content);
    isRefused(await revoke('1.pem', '--crl', name), message);
    assert.is(readFileSync(join(directory, name), 'utf8'), content);
  }
  assert.equal(
    readdirSync(directory).filter((name) => name.endsWith('.new')),
    [],
  );
});

revoking('refuses what is no certificate of this CA, and revokes nothing', async () => {
  writeFileSync(join(directory, 'other.pem'), createAuthority().issue({ commonName: 'other', kind: 'client' }).cert);
  for (const [args, message] of [
    [['1.pem', 'other.pem'], /other\.pem \(subject CN=other, issuer CN=mtls-ws dev\S* CA \w+\) was not issued by this/],
    [['1.pem', 'ca.pem'], /ca\.pem is the CA itself, which cannot revoke itself; nothing was revoked/],
    [['1.pem', 'ca.key'], /ca\.key holds no certificate; nothing was revoked/],
    [['1.pem', 'none.pem'], /none\.pem cannot be read: no such file; nothing was revoked/],
    [['1.pem', '--serial', 'xyz'], /--serial is "xyz"; give a serial number in hexadecimal/],
    [['1.pem', '--reason', 'boredom'], /--reason is "boredom"; give unspecified, keyCompromise/],
    [['1.pem', '--crl', 'e.pem'], /--crl is given more than once; a CA has one list/],
  ] as const) {
    isRefused(await revoke(...args, '--crl', 'd.pem'), message);
  }
  assert.not.ok(readdirSync(directory).some((name) => /^[de]\.pem/.test(name)));
});
revoking.run();
