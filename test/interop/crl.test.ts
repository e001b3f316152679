/** Revocation lists against the openssl program: each reads what the other writes, and both judge alike. */
import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseCrl, verifyCrl } from '../../src/tls/crl.js';
import { loadCredentials, Revocation } from '../../src/tls/index.js';
import { readPemCrls, writePem } from '../../src/tls/pem.js';
import { createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { temporaryDirectory } from '../cli/program.js';
import { forgeList, inDays, listOf, serialOf } from '../support/lists.js';
import { interopSuite } from './tools.js';

const lists = interopSuite('revocation lists with openssl');

function openssl(directory: string, ...args: readonly string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  return { code: status, text: stdout + stderr };
}

for (const keyType of ['ec-p256', 'rsa-2048', 'ed25519'] as const) {
  lists(`openssl reads and verifies what an authority with ${keyType} writes`, ['openssl'], () => {
    const directory = temporaryDirectory();
    const ca = createAuthority({ commonName: 'Test CA', keyType });
    const serialNumber = serialOf(ca.issue({ commonName: 'device', kind: 'client' }));
    writeFileSync(join(directory, 'ca.pem'), ca.cert);
    for (const revoked of [[], [{ serialNumber, reason: 'keyCompromise' as const }, { serialNumber: '0' }]]) {
      writeFileSync(join(directory, 'crl.pem'), ca.revocationList({ revoked, number: 0x1234 }).pem);
      const { code, text } = openssl(directory, 'crl', '-in', 'crl.pem', '-noout', '-text', '-CAfile', 'ca.pem');
      assert.is(code, 0, text);
      assert.match(text, 'verify OK');
      assert.match(text, 'Version 2 (0x1)');
      assert.match(text, /X509v3 CRL Number:\s+(?:4660|0x1234)\s/i);
      assert.match(text, 'X509v3 Authority Key Identifier');
      if (revoked.length === 0) assert.match(text, 'No Revoked Certificates');
      else assert.match(text, new RegExp(`Serial Number: ${serialNumber}[^]*Key Compromise[^]*Serial Number: 0`));
    }
  });
}

lists('what `openssl ca -gencrl` writes is read, verified and judged by', ['openssl'], () => {
  const directory = temporaryDirectory();
  const run = (...args: readonly string[]): void => {
    const { code, text } = openssl(directory, ...args);
    assert.is(code, 0, text);
  };
  mkdirSync(join(directory, 'new'));
  writeFileSync(join(directory, 'index.txt'), '');
  writeFileSync(join(directory, 'crlnumber'), '2a\n');
  writeFileSync(
    join(directory, 'ca.cnf'),
    [
      '[ca]',
      'default_ca = own',
      '[own]',
      'database = index.txt',
      'new_certs_dir = new',
      'rand_serial = yes',
      'default_md = sha256',
      'default_crl_days = 30',
      'crlnumber = crlnumber',
      'policy = any',
      '[any]',
      'commonName = supplied',
      '[list]',
      'authorityKeyIdentifier = keyid:always',
      '',
    ].join('\n'),
  );
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=openssl CA', '-days', '30');
  const ca = ['-config', 'ca.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem'];
  for (const name of ['kept', 'lost', 'old']) {
    run('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    run('ca', ...ca, '-batch', '-notext', '-days', '10', '-in', `${name}.csr`, '-out', `${name}.pem`);
  }
  run('ca', ...ca, '-revoke', 'lost.pem', '-crl_reason', 'keyCompromise');
  run('ca', ...ca, '-revoke', 'old.pem');
  const file = (name: string): Buffer => readFileSync(join(directory, name));
  const anchor = new X509Certificate(file('ca.pem'));
  for (const [options, number] of [
    [['-crlexts', 'list'], 0x2an],
    [[], undefined],
  ] as const) {
    run('ca', ...ca, '-gencrl', ...options, '-out', 'crl.pem');
    const list = parseCrl(readPemCrls(file('crl.pem'))[0]!.der);
    if (number !== undefined) assert.is(list.number, number);
    assert.is(list.issuer.text, 'CN=openssl CA');
    assert.is(list.revoked.size, 2);
    const serial = (name: string): string => new X509Certificate(file(`${name}.pem`)).serialNumber;
    assert.is(list.revoked.find(serial('lost'))?.reason, 'keyCompromise');
    assert.ok(list.revoked.find(serial('old')));
    assert.ok(verifyCrl(list, anchor));
    const credentials = loadCredentials({
      ca: file('ca.pem'),
      cert: file('kept.pem'),
      key: file('kept.key'),
      crl: file('crl.pem'),
    });
    const judge = (name: string) => credentials.revocation?.check([new X509Certificate(file(`${name}.pem`)), anchor]);
    assert.is(judge('kept'), undefined);
    assert.is(judge('lost')?.code, 'certificate-revoked');
    assert.is(judge('old')?.code, 'certificate-revoked');
  }
});

lists('`openssl verify -crl_check_all` judges alike', ['openssl'], () => {
  const directory = temporaryDirectory();
  const root = createAuthority({ commonName: 'Root' });
  const middle = root.issueAuthority({ commonName: 'Middle' });
  const leaf = middle.issue({ commonName: 'device', kind: 'client' });
  const other = middle.issue({ commonName: 'other', kind: 'client' });
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write('root.pem', root.cert);
  write('middle.pem', writePem('CERTIFICATE', middle.der));
  write('leaf.pem', writePem('CERTIFICATE', leaf.der));
  const past = { thisUpdate: inDays(-10), nextUpdate: inDays(-1) };
  const future = { thisUpdate: inDays(1), nextUpdate: inDays(10) };
  const kinds = (authority: typeof root, below: IssuedCertificate): ReadonlyArray<string | undefined> => [
    listOf(authority),
    listOf(authority, [below]),
    listOf(authority, [other]),
    undefined,
    listOf(authority, [], past),
    listOf(authority, [], future),
    writePem('X509 CRL', forgeList(authority, {}, createPrivateKey(createAuthority().key))),
  ];
  const chain = [leaf, middle, root].map(({ der }) => new X509Certificate(der));
  const anchors = [chain[2]!];
  let refused = 0;
  for (const ofRoot of kinds(root, middle)) {
    for (const ofMiddle of kinds(middle, leaf)) {
      const given = [ofRoot, ofMiddle].filter((text) => text !== undefined);
      write('crl.pem', given.join(''));
      const { code, text } = openssl(
        directory,
        'verify',
        '-crl_check_all',
        ...['-CAfile', 'root.pem', '-untrusted', 'middle.pem'],
        ...(given.length === 0 ? [] : ['-CRLfile', 'crl.pem']),
        'leaf.pem',
      );
      const read = given.map((pem) => parseCrl(readPemCrls(pem)[0]!.der));
      const fault = new Revocation({ lists: read, anchors }).check(chain);
      assert.is(fault === undefined, code === 0, `${fault?.code} ${fault?.detail}\n${text}`);
      if (fault === undefined) continue;
      refused++;
      // The first of what openssl finds, from the leaf up.
      const [, error] = /^error (\d+) at/m.exec(text) ?? [];
      assert.is(fault.code === 'certificate-revoked', error === '23', `${fault.detail}\n${text}`);
    }
  }
  assert.is(refused, 49 - 4);
});

lists.run();
