import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type KeyType, loadAuthority, loadRevocationList } from '../../src/tls/pki/index.js';
import { run, temporaryDirectory } from '../cli/program.js';
import { interopSuite } from './tools.js';

const pki = interopSuite('pki and openssl');
const cwd = temporaryDirectory();

/** Runs openssl in the directory of the files, without a configuration of the machine's. */
function tried(...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, OPENSSL_CONF: join(cwd, 'openssl.cnf') },
  });
  return { status, text: `${stdout}${stderr}` };
}

function openssl(...args: string[]): string {
  const { status, text } = tried(...args);
  assert.is(status, 0, `openssl ${args.join(' ')}: ${text}`);
  return text;
}

/** Runs `mtls-ws pki` in the same directory. */
async function own(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(['pki', ...args], { cwd });
  assert.is(code, 0, `pki ${args.join(' ')}: ${stderr}`);
  return stdout.toString();
}

const by = (name: string): string[] => ['--ca', `${name}.pem`, '--ca-key', `${name}.key`];

writeFileSync(
  join(cwd, 'openssl.cnf'),
  `
[req]
distinguished_name = name
prompt = no
[name]
O = Plant
CN = OpenSSL CA
[root]
basicConstraints = critical, CA:TRUE, pathlen:2
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer
[leaf]
subjectAltName = DNS:a.example, IP:10.0.0.7, email:a@b.example
extendedKeyUsage = serverAuth, clientAuth
[ca]
default_ca = database
[database]
database = database/index.txt
crlnumber = database/crlnumber
default_md = sha256
default_crl_days = 30
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
`,
);

const keyTypes: ReadonlyArray<readonly [KeyType, RegExp]> = [
  ['ec-p256', /NIST CURVE: P-256/],
  ['ec-p384', /NIST CURVE: P-384/],
  ['rsa-2048', /Private-Key: \(2048 bit/],
  ['rsa-3072', /Private-Key: \(3072 bit/],
  ['rsa-4096', /Private-Key: \(4096 bit/],
  ['ed25519', /ED25519 Private-Key/],
];

for (const [keyType, words] of keyTypes) {
  pki(`makes chains of ${keyType} that openssl verifies, each for its purpose`, ['openssl'], async () => {
    const name = (what: string) => `${keyType}-${what}`;
    await own('issue-ca', name('root'), '--self-signed', '--key-type', keyType);
    await own('issue-ca', name('upper'), ...by(name('root')), '--path-length', '1', '--key-type', keyType);
    await own('issue-ca', name('lower'), ...by(name('upper')), '--key-type', keyType);
    for (const [kind, isServer, isClient] of [
      ['server', true, false],
      ['client', false, true],
      ['both', true, true],
      ['any', true, true],
    ] as const) {
      const leaf = name(kind);
      // The kind of the key is the same once: RSA keys take their time.
      const type = kind === 'server' ? keyType : 'ec-p256';
      await own('issue', leaf, '--kind', kind, '--host', 'a.example', '--key-type', type, ...by(name('lower')));
      for (const [purpose, isGood] of [
        ['sslserver', isServer],
        ['sslclient', isClient],
      ] as const) {
        const { status, text } = tried(
          ...['verify', '-x509_strict', '-purpose', purpose, '-verify_hostname', 'a.example'],
          ...['-CAfile', `${name('root')}.pem`, '-untrusted', `${leaf}.pem`, `${leaf}.pem`],
        );
        assert.is(status === 0, isGood, `${kind} ${purpose}: ${text}`);
        if (!isGood) assert.match(text, /unsuitable certificate purpose|unsupported certificate purpose/);
      }
    }
    const key = openssl('pkey', '-in', `${name('server')}.key`, '-check', '-noout', '-text');
    assert.match(key, /Key is valid/);
    assert.match(key, words);
    assert.is(
      openssl('pkey', '-in', `${name('server')}.key`, '-pubout'),
      openssl('x509', '-in', `${name('server')}.pem`, '-noout', '-pubkey'),
    );
  });
}

pki('writes certificates that openssl reads as they were meant', ['openssl'], async () => {
  await own('issue-ca', 'plant', '--self-signed', '--common-name', 'Plant CA', '--path-length', '1');
  await own(
    ...['issue', 'gateway', '--kind', 'both', '--host', 'a.example', '--host', '::1', '--email', 'a@b.example'],
    ...['--uri', 'spiffe://plant.example/1', '--not-after', '2030-06-30', ...by('plant')],
  );
  const ca = openssl('x509', '-in', 'plant.pem', '-noout', '-text');
  assert.match(ca, /Basic Constraints: critical\s+CA:TRUE, pathlen:1/);
  assert.match(ca, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  const text = openssl('x509', '-in', 'gateway.pem', '-noout', '-text');
  assert.match(text, /Issuer: CN = Plant CA/);
  assert.match(text, /Not After : Jun 30 23:59:59 2030 GMT/);
  assert.match(
    text,
    /DNS:a\.example, IP Address:0:0:0:0:0:0:0:1, URI:spiffe:\/\/plant\.example\/1, email:a@b\.example/,
  );
  assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication/);
  assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
});

pki('revokes what openssl then refuses, and nothing else', ['openssl'], async () => {
  await own('issue-ca', 'revoker', '--self-signed');
  for (const name of ['good', 'bad', 'worse']) await own('issue', name, '--kind', 'client', ...by('revoker'));
  await own('revoke', 'bad.pem', '--crl', 'revoker-crl.pem', '--reason', 'keyCompromise', ...by('revoker'));
  const serial = openssl('x509', '-in', 'worse.pem', '-noout', '-serial').replace(/serial=|\s/g, '');
  await own('revoke', '--serial', serial, '--crl', 'revoker-crl.pem', ...by('revoker'));
  const list = openssl('crl', '-in', 'revoker-crl.pem', '-CAfile', 'revoker.pem', '-noout', '-text');
  assert.match(list, /verify OK/);
  assert.match(list, /Key Compromise/);
  assert.match(list, new RegExp(`Serial Number: ${serial}`));
  const verify = (name: string) =>
    tried('verify', '-crl_check', '-CRLfile', 'revoker-crl.pem', '-CAfile', 'revoker.pem', `${name}.pem`);
  assert.is(verify('good').status, 0, verify('good').text);
  assert.match(verify('bad').text, /certificate revoked/);
  assert.match(verify('worse').text, /certificate revoked/);
});

/** How openssl makes a key, and the same key locked. */
const opensslKeys: ReadonlyArray<readonly [string, readonly string[], (readonly string[])[]]> = [
  ['rsa', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], [['rsa', '-aes128', '-traditional']]],
  ['ec', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], [['ec', '-aes256']]],
  ['p521', ['ecparam', '-name', 'secp521r1', '-genkey', '-noout'], []],
  ['ed25519', ['genpkey', '-algorithm', 'ED25519'], []],
];

for (const [name, generate, lockings] of opensslKeys) {
  pki(`issues, revokes and shows below a CA of openssl with a key of ${name}, locked or not`, ['openssl'], async () => {
    const ca = `openssl-${name}`;
    openssl(...generate, '-out', `${ca}.key`);
    openssl('req', '-x509', '-new', '-key', `${ca}.key`, '-days', '100', '-extensions', 'root', '-out', `${ca}.pem`);
    writeFileSync(join(cwd, 'passphrase'), 'secret word\n');
    for (const [index, locking] of [['pkcs8', '-topk8', '-v2', 'aes-256-cbc'], ...lockings].entries()) {
      const locked = `${ca}-locked-${index}.key`;
      openssl(...locking, '-in', `${ca}.key`, '-passout', 'pass:secret word', '-out', locked);
      const flags = ['--ca', `${ca}.pem`, '--ca-key', locked, '--passphrase-file', 'passphrase'];
      await own('issue', `${ca}-leaf-${index}`, '--kind', 'server', '--host', 'a.example', ...flags);
      openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', `${ca}.pem`, `${ca}-leaf-${index}.pem`);
      assert.match(await own('show', locked, '--passphrase-file', 'passphrase', `${ca}.pem`), /belongs {6}to openssl-/);
    }
    await own('issue-ca', `${ca}-below`, ...by(ca));
    await own('issue', `${ca}-deep`, '--kind', 'client', ...by(`${ca}-below`));
    openssl(
      ...['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', `${ca}.pem`],
      ...['-untrusted', `${ca}-deep.pem`, `${ca}-deep.pem`],
    );
    await own('revoke', `${ca}-leaf-0.pem`, '--crl', `${ca}-crl.pem`, ...by(ca));
    assert.match(openssl('crl', '-in', `${ca}-crl.pem`, '-CAfile', `${ca}.pem`, '-noout'), /verify OK/);

    const shown = await own('show', `${ca}.pem`, `${ca}.key`);
    const [serial, fingerprint] = openssl('x509', '-in', `${ca}.pem`, '-noout', '-serial', '-fingerprint', '-sha256')
      .trim()
      .split('\n')
      .map((line) => line.replace(/^.*=/, ''));
    assert.match(shown, new RegExp(`\\n {2}serial {7}${serial}\\n {2}fingerprint {2}${fingerprint}\\n`));
    assert.match(shown, /subject {6}CN=OpenSSL CA,O=Plant\n/);
    assert.match(shown, /CA {11}yes, with up to 2 CAs between it and a leaf/);
    assert.match(shown, /signed by {4}itself\n/);
  });
}

pki('issues below an intermediate of openssl, whose chain stands behind it with the root', ['openssl'], async () => {
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'i-root.key');
  openssl('req', '-x509', '-new', '-key', 'i-root.key', '-days', '100', '-extensions', 'root', '-out', 'i-root.pem');
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'i.key');
  openssl('req', '-new', '-key', 'i.key', '-subj', '/CN=Below', '-out', 'i.csr');
  openssl(
    ...['x509', '-req', '-in', 'i.csr', '-CA', 'i-root.pem', '-CAkey', 'i-root.key', '-CAcreateserial', '-days', '50'],
    ...['-extfile', 'openssl.cnf', '-extensions', 'intermediate', '-out', 'i-only.pem'],
  );
  const read = (name: string) => readFileSync(join(cwd, name), 'utf8');
  // As `openssl x509 -text` writes it, with words between the blocks.
  writeFileSync(join(cwd, 'i.pem'), `${openssl('x509', '-in', 'i-only.pem', '-text')}${read('i-root.pem')}`);
  await own('issue', 'i-leaf', '--kind', 'client', ...by('i'));
  assert.is(read('i-leaf.pem').split('BEGIN CERTIFICATE').length, 3);
  openssl('verify', '-x509_strict', '-CAfile', 'i-root.pem', '-untrusted', 'i-leaf.pem', 'i-leaf.pem');
  const { code, stderr } = await run(['pki', 'issue-ca', 'i-below', ...by('i')], { cwd });
  assert.match(stderr, /path length 0/);
  assert.is(code, 2);
});

pki('goes on with a revocation list of openssl, and openssl with ours', ['openssl'], async () => {
  mkdirSync(join(cwd, 'database'));
  writeFileSync(join(cwd, 'database/index.txt'), '');
  writeFileSync(join(cwd, 'database/crlnumber'), '1000\n');
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'l.key');
  openssl('req', '-x509', '-new', '-key', 'l.key', '-days', '100', '-extensions', 'root', '-out', 'l.pem');
  for (const name of ['l-1', 'l-2']) await own('issue', name, '--kind', 'client', ...by('l'));
  openssl('ca', '-cert', 'l.pem', '-keyfile', 'l.key', '-revoke', 'l-1.pem', '-crl_reason', 'superseded');
  openssl('ca', '-cert', 'l.pem', '-keyfile', 'l.key', '-gencrl', '-out', 'l-crl.pem');
  const before = await own('show', 'l-crl.pem', 'l.pem');
  assert.match(before, /number {7}4096\n/);
  assert.match(before, /signed by {4}that of l\.pem\n/);
  assert.match(before, /revoked {6}1 certificate\n.* {2}superseded\n/);
  await own('revoke', 'l-2.pem', '--crl', 'l-crl.pem', ...by('l'));
  const authority = loadAuthority({ cert: readFileSync(join(cwd, 'l.pem')), key: readFileSync(join(cwd, 'l.key')) });
  const { revoked, number } = loadRevocationList(readFileSync(join(cwd, 'l-crl.pem')), authority);
  assert.equal(
    revoked.map(({ reason }) => reason),
    ['superseded', undefined],
  );
  assert.ok(number! > 4096n);
  for (const name of ['l-1', 'l-2']) {
    const { text } = tried('verify', '-crl_check', '-CRLfile', 'l-crl.pem', '-CAfile', 'l.pem', `${name}.pem`);
    assert.match(text, /certificate revoked/);
  }
});

pki('shows requests, PKCS#12, and certificates, keys and lists in DER', ['openssl'], async () => {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 's.key');
  openssl('req', '-x509', '-new', '-key', 's.key', '-days', '100', '-extensions', 'leaf', '-out', 's.pem');
  openssl('req', '-new', '-key', 's.key', '-reqexts', 'leaf', '-out', 's.csr');
  openssl('x509', '-in', 's.pem', '-outform', 'der', '-out', 's.der');
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', 's.key', '-outform', 'der', '-out', 's.key.der');
  openssl('pkcs8', '-topk8', '-in', 's.key', '-passout', 'pass:secret word', '-outform', 'der', '-out', 's.locked.der');
  openssl('pkcs12', '-export', '-in', 's.pem', '-inkey', 's.key', '-passout', 'pass:x', '-out', 's.p12');
  const text = await own('show', 's.csr', 's.der', 's.key.der', 's.locked.der', 's.p12', 's.key');
  assert.match(text, /^s\.csr {2}signing request \(CSR\): no certificate yet\n {2}subject {6}CN=OpenSSL CA,O=Plant\n/);
  assert.is(text.split('\n  DNS names    a.example\n  addresses    10.0.0.7\n  e-mail       a@b.example\n').length, 3);
  assert.match(text, /\ns\.der {2}certificate\n/);
  assert.match(text, /\ns\.key\.der {2}private key, not locked\n/);
  assert.match(text, /\ns\.locked\.der {2}private key, locked by a passphrase\n {2}key {10}cannot be told/);
  assert.match(text, /\ns\.p12 {2}PKCS#12: not looked into\n/);
  assert.match(text, /\ns\.key {2}private key, not locked\n/);
  writeFileSync(join(cwd, 'passphrase'), 'secret word\n');
  const unlocked = await own('show', 's.locked.der', 's.der', '--passphrase-file', 'passphrase');
  assert.match(unlocked, /^s\.locked\.der {2}private key, locked by a passphrase\n.*\n {2}belongs {6}to s\.der\n/);
});

pki('packs into PKCS#12 with openssl, as the documentation says, and node:tls reads that', ['openssl'], async () => {
  await own('issue-ca', 'p-root', '--self-signed');
  await own('issue-ca', 'p-ca', ...by('p-root'));
  await own('issue', 'p', '--kind', 'client', ...by('p-ca'));
  openssl('pkcs12', '-export', '-in', 'p.pem', '-inkey', 'p.key', '-out', 'p.p12', '-passout', 'pass:secret word');
  const { createSecureContext } = await import('node:tls');
  createSecureContext({ pfx: readFileSync(join(cwd, 'p.p12')), passphrase: 'secret word' });
  const back = openssl('pkcs12', '-in', 'p.p12', '-passin', 'pass:secret word', '-nodes');
  assert.is(back.split('BEGIN CERTIFICATE').length, 3);
});
pki.run();
