import { createPrivateKey } from 'node:crypto';
import * as assert from 'uvu/assert';
import { examineFiles, type FilesToExamine } from '../../../src/tls/doctor/index.js';
import { basicConstraints, commonNameOnly, forge, keyUsage, weakKeys } from '../../../src/tls/pki/forgery/index.js';
import { createAuthority } from '../../../src/tls/pki/index.js';
import { type IssuedCertificate, kit, presenting } from '../../support/kit.js';
import { listOf } from '../../support/lists.js';
import { random } from '../../support/random.js';
import { suite } from '../../support/suite.js';
import { day, ecKeys, file, filesOf, findingOf, fromNow, minute, server, testCa, troublesOf } from './cases.js';

const good = suite('doctor: files that are good');

good('finds nothing wrong with the files of a server and of a client', async () => {
  const { servers, clients } = kit();
  assert.equal(await troublesOf(filesOf(servers.good, { hosts: ['localhost', '127.0.0.1'] })), []);
  assert.equal(await troublesOf(filesOf(clients.good, { role: 'client' })), []);
  for (const issued of [clients.throughIntermediate, clients.rsa, clients.ed25519, clients.bothEku, servers.rsa]) {
    const troubles = await troublesOf(filesOf(issued));
    assert.equal(
      troubles.filter((one) => !one.startsWith('note')),
      [],
    );
  }
});

good('says what each file holds', async () => {
  const { findings } = await examineFiles(filesOf(kit().servers.good, { hosts: ['localhost'] }));
  assert.equal(
    findings.map(({ subject, id }) => `${subject} ${id}`),
    [
      ...['ca certificate', 'ca validity-ok'],
      ...['cert certificate', 'cert validity-ok', 'cert purpose-ok', 'cert names-ok', 'cert chain-ok'],
      'key key-matches',
    ],
  );
  assert.match(findings[2]!.text, /CN=server, issued by CN=Test CA/);
});

good('looks at what is given alone', async () => {
  const { servers, ca } = kit();
  const only = (files: Partial<FilesToExamine>) => troublesOf({ isOneAuthority: true, ...files });
  const cert = file('cert.pem', servers.good.cert);
  assert.equal(await only({ cert }), ['note cert not-checked', 'note cert not-checked']);
  assert.equal(await only({ ca: file('ca.pem', ca.cert) }), []);
  assert.equal(await only({ key: file('cert.key', servers.good.key) }), ['note key not-checked']);
  assert.equal(await only({ cert, key: file('cert.key', servers.good.key) }), ['note cert not-checked']);
  const gone = { path: 'ca.pem', content: { unreadable: 'no such file' } };
  assert.equal(await troublesOf(filesOf(servers.good, { ca: gone })), [
    'error ca file-unreadable',
    'note cert not-checked',
  ]);
  assert.equal(await only({}), []);
});

good.run();

const form = suite('doctor: the form of a file (RFC 7468)');

/** Files of another form, whose content is good. */
const forms: readonly [id: string, content: (cert: string, der: Buffer) => string | Uint8Array, fix: RegExp][] = [
  ['file-binary', (_cert, der) => der, /^openssl x509 -inform der -in bad\.pem -out bad\.from-der\.pem$/],
  ['file-byte-order-mark', (cert) => `\ufeff${cert}`, /^tail -c \+4 bad\.pem > bad\.utf8\.pem$/],
  ['file-not-utf8', (cert) => Buffer.from(`\ufeff${cert}`, 'utf16le'), /^iconv -f UTF-16 -t UTF-8 bad\.pem > /],
  ['file-not-utf8', (cert) => Buffer.from(`\ufeff${cert}`, 'utf16le').swap16(), /^iconv /],
  ['file-escaped-newlines', (cert) => cert.replaceAll('\n', '\\n'), /^printf '%b' "\$\(cat bad\.pem\)" > /],
];

for (const [id, content, fix] of forms) {
  form(`tells ${id}, and what is wrong inside all the same`, async () => {
    const { servers } = kit();
    const cert = file('bad.pem', content(servers.expired.cert, servers.expired.der));
    const files = filesOf(servers.expired, { cert, hosts: ['localhost'] });
    assert.equal(await troublesOf(files), [`error cert ${id}`, 'error cert expired']);
    assert.match((await findingOf(files, id)).fix!, fix);
  });
}

form('tells what cannot be mended from here', async () => {
  const { servers, ca } = kit();
  const request = servers.good.cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST');
  const table: readonly [content: string | Uint8Array, id: string][] = [
    ['', 'file-empty'],
    ['/etc/ssl/server.pem\n', 'file-is-a-path'],
    ['hello', 'file-not-pem'],
    [servers.good.cert.slice(0, 300), 'file-cut-short'],
    [servers.good.cert.replace(/\n.{21}/, '\n'), 'file-damaged'],
    [servers.good.key, 'key-instead-of-certificate'],
    [request, 'request-instead-of-certificate'],
    ['-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n', 'certificate-missing'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'certificate-malformed'],
  ];
  for (const [content, id] of table) {
    assert.equal(await troublesOf(filesOf(servers.good, { cert: file('bad.pem', content) })), [`error cert ${id}`]);
    const ofCa = { ca: file('bad.pem', content), isOneAuthority: true };
    assert.equal(await troublesOf(ofCa), [`error ca ${id}`]);
  }
  const unreadable = { path: 'gone.pem', content: { unreadable: 'no such file' } };
  assert.equal(await troublesOf({ ca: unreadable, isOneAuthority: true }), ['error ca file-unreadable']);
  const joined = file('all.pem', ca.cert + ca.key);
  assert.equal(await troublesOf({ ca: joined, isOneAuthority: true }), ['warning ca key-beside-ca']);
});

form('names the command of the form that a binary file has', async () => {
  const { servers } = kit();
  const key = createPrivateKey(servers.good.key);
  const fixOf = async (over: Partial<FilesToExamine>) =>
    (await findingOf(filesOf(servers.good, over), 'file-binary')).fix;
  const der = key.export({ type: 'pkcs8', format: 'der' });
  assert.is(
    await fixOf({ key: file('k.der', der) }),
    'umask 077; openssl pkey -inform der -in k.der -out k.from-der.key',
  );
  const pkcs12 = Buffer.from('3082097f02010330820945', 'hex');
  assert.is(
    await fixOf({ cert: file('my server.p12', pkcs12) }),
    "umask 077; openssl pkcs12 -in 'my server.p12' -nodes -out 'my server.from-p12.pem'",
  );
  const named = filesOf(servers.good, { cert: file('s.p12', pkcs12) });
  assert.equal(await troublesOf(named), ['error cert file-binary']);
  const { text, cause } = await findingOf(named, 'file-binary');
  assert.is(`${text}: ${cause}`, 'it is binary, not PEM text: it is PKCS#12 (a .p12 or .pfx file)');
});

form('names a fault of the form in words that are not escaped', async () => {
  const { cert } = kit().servers.good;
  const files = filesOf(kit().servers.good, { cert: file('c.pem', cert.replaceAll('\n', '\\n')) });
  assert.match((await findingOf(files, 'file-escaped-newlines')).text, /the two characters \\n instead/);
});

form('gives commands that write no file that is there, and keep every flag', async () => {
  const { servers } = kit();
  const again = (changes: object) => `again ${JSON.stringify(changes)}`;
  const fixOf = async (id: string, over: Partial<FilesToExamine>) =>
    (await findingOf(filesOf(servers.good, { again, ...over }), id)).fix;
  const request = servers.good.cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST');
  assert.is(
    await fixOf('request-instead-of-certificate', { cert: file('server.pem', request) }),
    'openssl x509 -req -in server.pem -CA ca.pem -CAkey ca.key -days 365 -copy_extensions copy -out server.signed.pem',
  );
  const locked = createPrivateKey(servers.good.key).export({
    ...({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const),
  });
  assert.is(
    await fixOf('key-locked', { key: file('k.pem', locked) }),
    'again {"key":"k.pem","passphrase-file":"FILE"}',
  );
  assert.is(await fixOf('file-is-a-path', { cert: file('c.pem', 'b.pem\n') }), 'again {"cert":"b.pem"}');
  const crl = [file('a.crl', listOf(kit().ca)), file('c.crl', 'd.pem')];
  assert.is(await fixOf('file-is-a-path', { crl }), 'again {"crl":["a.crl","d.pem"]}');
  // Each in the place of the other, or only one of them.
  const [cert, key] = [file('s.pem', servers.good.cert), file('s.key', servers.good.key)];
  const swapped = 'again {"cert":"s.pem","key":"s.key"}';
  assert.is(await fixOf('key-instead-of-certificate', { cert: key, key: cert }), swapped);
  assert.is(await fixOf('certificate-instead-of-key', { cert: key, key: cert }), swapped);
  assert.is(await fixOf('key-instead-of-certificate', { cert: key, key }), 'again {"cert":"CERT.pem","key":"s.key"}');
  assert.is(await fixOf('certificate-instead-of-key', { cert, key: cert }), 'again {"cert":"s.pem","key":"KEY.pem"}');
  assert.is(await fixOf('key-instead-of-certificate', { ca: key }), 'again {"ca":"CA.pem"}');
});

form('tells what is wrong with a key', async () => {
  const { servers } = kit();
  const locked = createPrivateKey(servers.good.key).export({
    ...({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const),
  });
  const withKey = (content: string | Uint8Array, over: Partial<FilesToExamine> = {}) =>
    troublesOf(filesOf(servers.good, { key: file('k.pem', content), ...over }));
  assert.equal(await withKey(locked), ['error key key-locked']);
  assert.equal(await withKey(locked, { passphrase: 'open barley' }), ['error key passphrase-wrong']);
  assert.equal(await withKey(locked, { passphrase: 'open sesame' }), []);
  assert.equal(await withKey(servers.good.cert), ['error key certificate-instead-of-key']);
  assert.equal(await withKey(servers.good.key + servers.expired.key), ['error key several-keys']);
  assert.equal(await withKey(`-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n`), [
    'error key key-unsupported',
  ]);
  assert.equal(await withKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'), [
    'error key key-malformed',
  ]);
  const open = filesOf(servers.good, { key: file('k.pem', servers.good.key, true) });
  assert.equal(await troublesOf(open), ['warning key key-readable-by-others']);
  assert.is((await findingOf(open, 'key-readable-by-others')).fix, 'chmod 600 k.pem');
});

form.run();

const one = suite('doctor: one certificate');

one('tells an end, a beginning and a clock that is a little behind', async () => {
  const at = (from: number, to: number) =>
    troublesOf(filesOf(server({ notBefore: fromNow(from), notAfter: fromNow(to) })));
  assert.equal(await at(-40 * day, 31 * day), []);
  assert.equal(await at(-400 * day, 29 * day), ['warning cert expires-soon']);
  // Of a short life, 30 days would always be left: a third of it counts.
  assert.equal(await at(-3 * day, 4 * day), []);
  assert.equal(await at(-5 * day, 2 * day), ['warning cert expires-soon']);
  assert.equal(await at(-5 * day, -minute), ['error cert expired']);
  assert.equal(await at(10 * minute, 90 * day), ['error cert clock-skew']);
  assert.equal(await at(3 * day, 90 * day), ['error cert not-yet-valid']);
  assert.equal(await at(-minute, 90 * day), ['note cert just-begun']);
  const early = filesOf(server({ notBefore: fromNow(10 * minute) }));
  assert.match((await findingOf(early, 'clock-skew')).cause!, /the clock of this machine .* is behind/);
});

one('tells a CA that has expired', async () => {
  const ca = createAuthority({ commonName: 'Old CA', notBefore: fromNow(-90 * day), notAfter: fromNow(-day) });
  assert.equal(await troublesOf({ ca: file('ca.pem', ca.cert), isOneAuthority: true }), ['error ca expired']);
});

one('tells weak keys and signatures', async () => {
  const of = (options: Parameters<typeof server>[0]) => troublesOf(filesOf(server(options)));
  assert.equal(await of({ keys: weakKeys(1024) }), ['error cert weak-key']);
  assert.equal(await of({ keys: ecKeys('secp224r1') }), ['error cert weak-key']);
  assert.equal(await of({ keys: ecKeys('secp256k1') }), ['error cert key-kind']);
  assert.equal(await of({ digest: 'sha1' }), ['error cert weak-signature']);
  const rsa = weakKeys(2048);
  const signer = { name: commonNameOnly('RSA CA'), key: rsa.privateKey, keyId: undefined, chain: [] };
  const ca = forge({
    ...{ subject: signer.name, keys: rsa, notBefore: fromNow(-day), notAfter: fromNow(900 * day) },
    extensions: [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')],
  });
  const files = filesOf(server({ signer, digest: 'md5' }), { ca: file('ca.pem', ca.cert) });
  assert.equal(await troublesOf(files), ['error cert weak-signature']);
  assert.match((await findingOf(files, 'weak-signature')).text, /MD5/);
});

one('tells an extended key usage that lacks serverAuth or clientAuth', async () => {
  const { servers, clients } = kit();
  const of = (issued: IssuedCertificate, over: Partial<FilesToExamine>) => troublesOf(filesOf(issued, over));
  assert.equal(await of(servers.clientAuthOnly, { hosts: ['localhost'] }), ['error cert purpose-wrong']);
  assert.equal(await of(clients.serverAuthOnly, { role: 'client' }), ['error cert purpose-wrong']);
  assert.equal(await of(clients.unrelatedEku, { role: 'client' }), ['error cert purpose-wrong']);
  assert.equal(await of(clients.anyEku, { role: 'client' }), ['error cert purpose-wrong']);
  assert.equal(await of(clients.noEku, { role: 'client' }), ['note cert purpose-any']);
  assert.equal(await of(clients.keyAgreementOnly, { role: 'client' }), ['warning cert key-usage-wrong']);
  const found = await findingOf(filesOf(clients.serverAuthOnly, { role: 'client' }), 'purpose-wrong');
  assert.match(found.text, /lacks clientAuth \(it has serverAuth\)/);
  assert.is(found.cause, 'it is the certificate of a server');
  const names = '--host localhost --host 127.0.0.1 --host ::1';
  assert.is(found.fix, `mtls-ws pki issue new-client --kind client --ca ca.pem --ca-key ca.key ${names}`);
});

one('tells a server certificate without SAN, though its common name is the host', async () => {
  const files = filesOf(kit().servers.commonNameOnly, { hosts: ['localhost'] });
  assert.equal(await troublesOf(files), ['error cert no-san']);
  const { text, fix } = await findingOf(files, 'no-san');
  assert.match(text, /no subject alternative name.*its common name, localhost, does not count/);
  assert.is(fix, 'mtls-ws pki issue new-server --kind server --ca ca.pem --ca-key ca.key --host localhost');
  assert.equal(await troublesOf(filesOf(kit().servers.commonNameOnly)), ['error cert no-san']);
  assert.equal(await troublesOf(filesOf(kit().servers.uriSanOnly)), ['error cert no-san']);
});

one('tells a SAN without this host', async () => {
  const { servers } = kit();
  const of = (issued: IssuedCertificate, host: string) => troublesOf(filesOf(issued, { hosts: [host] }));
  assert.equal(await of(servers.wrongHost, 'localhost'), ['error cert name-mismatch']);
  assert.equal(await of(servers.addressAsDns, '127.0.0.1'), ['error cert name-mismatch']);
  assert.equal(await of(servers.wildcard, 'a.wild.example'), []);
  assert.equal(await of(servers.wildcard, 'a.b.wild.example'), ['error cert name-mismatch']);
  const address = await findingOf(filesOf(servers.addressAsDns, { hosts: ['127.0.0.1'] }), 'name-mismatch');
  assert.match(address.cause!, /written as a DNS name/);
  const both = filesOf(servers.good, { hosts: ['localhost', 'other.example'] });
  assert.equal(await troublesOf(both), ['error cert name-mismatch']);
  const { fix } = await findingOf(both, 'name-mismatch');
  assert.match(fix!, /--ca ca\.pem .* --host localhost --host 127\.0\.0\.1 --host ::1 --host other\.example$/);
});

one('repeats every name of a certificate in the command that replaces it', async () => {
  const { ca } = kit();
  const names = { hosts: ['a.example', '*.b.example', '192.0.2.1'], uris: ['spiffe://a/b'], emails: ['a@b.example'] };
  const issued = ca.issue({ commonName: 'all', kind: 'server', ...names });
  const { fix } = await findingOf(filesOf(issued, { hosts: ['x.b.example', 'c.example'] }), 'name-mismatch');
  const hosts = "--host a.example --host '*.b.example' --host 192.0.2.1 --host c.example";
  assert.match(fix!, new RegExp(` ${hosts.replaceAll('*', '\\*')} --uri spiffe://a/b --email a@b\\.example$`));
});

one('names the CA that issued a certificate, where its file is not known', async () => {
  const { servers, clients, ca } = kit();
  const caOf = async (issued: IssuedCertificate, over: Partial<FilesToExamine> = {}) => {
    const { fix } = await findingOf(filesOf(issued, { hosts: ['x.example'], ...over }), 'name-mismatch');
    return /--ca (\S+) --ca-key (\S+)/.exec(fix!)!.slice(1).join(' ');
  };
  const unknown = 'CA-OF-THE-CERTIFICATE.pem CA-OF-THE-CERTIFICATE.key';
  assert.is(await caOf(servers.good), 'ca.pem ca.key');
  assert.is(await caOf(servers.throughIntermediate), unknown);
  assert.is(await caOf(servers.good, { ca: undefined }), unknown);
  // `pki issue` takes the first of the file.
  assert.is(await caOf(servers.good, { ca: file('all.pem', kit().otherCa.cert + ca.cert) }), unknown);
  // A CA that is trusted has to issue it then.
  assert.match((await findingOf(filesOf(clients.otherCaWithRoot), 'ca-untrusted')).fix!, /--ca ca\.pem/);
  assert.match((await findingOf(filesOf(servers.selfSigned), 'self-signed')).fix!, /--ca ca\.pem/);
});

one('says that a server needs a name only where nobody said which end it is', async () => {
  const signer = testCa();
  const nameless = server({ signer, extensions: [basicConstraints(false), keyUsage('digitalSignature')] });
  assert.equal(await troublesOf(filesOf(nameless, { role: 'client' })), ['note cert purpose-any']);
  const files = filesOf(nameless);
  assert.equal(await troublesOf(files), ['note cert purpose-any', 'note cert no-san']);
  assert.match((await findingOf(files, 'no-san')).text, /^if it is for a server: it has no subject alternative name/);
});

one('escapes what a certificate says', async () => {
  const { hostile } = kit();
  for (const issued of [hostile.escapesInCommonName, hostile.newlineInCommonName, hostile.newlineInDns]) {
    const { findings } = await examineFiles(filesOf(issued));
    for (const { text, cause = '', fix = '' } of findings)
      assert.not.match(text + cause + fix, /[\0-\x1f\x7f-\x9f\u202e]/);
  }
});

one('is told of, whatever is spoilt in it', async () => {
  const { servers, clients, ca } = kit();
  const { seed, below } = random();
  const spoilt = (der: Buffer, label: string): string => {
    const bytes = Buffer.from(der);
    for (let count = 1 + below(3); count > 0; count--) bytes[below(bytes.length)] = below(256);
    return `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`;
  };
  for (let round = 0; round < 300; round++) {
    const key = createPrivateKey(servers.good.key).export({ type: 'pkcs8', format: 'der' });
    const files = filesOf(servers.good, {
      ca: file('ca.pem', below(2) === 0 ? ca.cert : spoilt(ca.der, 'CERTIFICATE')),
      cert: file(
        'cert.pem',
        spoilt(round % 2 === 0 ? servers.rsa.der : clients.throughIntermediate.der, 'CERTIFICATE'),
      ),
      key: file('cert.key', below(2) === 0 ? servers.good.key : spoilt(key, 'PRIVATE KEY')),
      hosts: ['localhost'],
    });
    try {
      const { findings } = await examineFiles(files);
      assert.ok(findings.some(({ severity }) => severity === 'error'));
    } catch (error) {
      throw new Error(`round ${round} with SEED=${seed}`, { cause: error });
    }
  }
});

one.run();

const together = suite('doctor: certificates together (RFC 5280 §6.1)');

together('tells a key of another certificate, and of whom it is when it is that of the CA', async () => {
  const { servers, clients, ca } = kit();
  const stranger = filesOf(servers.good, { key: file('k.pem', clients.good.key) });
  assert.equal(await troublesOf(stranger), ['error key key-mismatch']);
  assert.is((await findingOf(stranger, 'key-mismatch')).fix, 'mtls-ws pki show *.pem k.pem');
  const ofCa = filesOf(servers.good, { key: file('k.pem', ca.key) });
  assert.match((await findingOf(ofCa, 'key-mismatch')).cause!, /it is the key of the CA CN=Test CA/);
});

together('tells a missing intermediate, and those in the wrong order', async () => {
  const { clients } = kit();
  assert.equal(await troublesOf(filesOf(clients.missingIntermediate)), ['error cert chain-incomplete']);
  const found = await findingOf(filesOf(clients.missingIntermediate), 'chain-incomplete');
  assert.match(found.text, /issued by CN=Test Intermediate, which is neither presented with it nor trusted/);
  assert.is(found.fix, 'cat cert.pem INTERMEDIATE.pem > cert.with-intermediate.pem');
  // DER has to be converted first.
  const der = filesOf(clients.missingIntermediate, { cert: file('c.der', clients.missingIntermediate.der) });
  assert.is((await findingOf(der, 'chain-incomplete')).fix, undefined);

  const [leaf, intermediate] = clients.throughIntermediate.cert.split(/(?<=END CERTIFICATE-----\n)/) as [
    string,
    string,
  ];
  const turned = filesOf(clients.throughIntermediate, { cert: file('c.pem', intermediate + leaf) });
  assert.equal(await troublesOf(turned), ['error cert leaf-not-first']);
  assert.equal(await troublesOf({ ...turned, key: undefined }), ['error cert leaf-not-first', 'note cert not-checked']);

  const deep = kit().ca.issueAuthority({ commonName: 'Upper' }).issueAuthority({ commonName: 'Lower' });
  const below = deep.issue({ commonName: 'deep', kind: 'client' });
  const [lower, upper] = below.chain.slice(1) as [Buffer, Buffer];
  assert.equal(await troublesOf(filesOf(presenting(below, upper, lower))), ['warning cert chain-order']);
});

together('tells what need not be in a chain', async () => {
  const { clients, ca, otherCa } = kit();
  assert.equal(await troublesOf(filesOf(presenting(clients.good, ca.der))), ['note cert root-presented']);
  assert.equal(await troublesOf(filesOf(presenting(clients.good, otherCa.der))), ['note cert chain-surplus']);
});

together('tells another CA from another CA of the same name, and from none', async () => {
  const { clients } = kit();
  assert.equal(await troublesOf(filesOf(clients.otherCaWithRoot)), ['error cert ca-untrusted']);
  assert.equal(await troublesOf(filesOf(clients.otherCa)), ['error cert chain-incomplete']);
  assert.equal(await troublesOf(filesOf(clients.impostorCa)), ['error cert ca-same-name']);
  assert.equal(await troublesOf(filesOf(clients.impostorCaSameKeyId)), ['error cert ca-same-name']);
  assert.equal(await troublesOf(filesOf(clients.selfSigned)), ['error cert self-signed']);
  const found = await findingOf(filesOf(clients.impostorCa), 'ca-same-name');
  assert.match(found.text, /called CN=Test CA too: the names agree, the keys do not/);
});

together('only notes another CA where the peer may trust it', async () => {
  const files = filesOf(kit().clients.otherCaWithRoot, { isOneAuthority: false, role: 'client' });
  assert.equal(await troublesOf(files), ['note cert ca-untrusted']);
});

together('tells links that may not be', async () => {
  const { clients } = kit();
  assert.equal(await troublesOf(filesOf(clients.pathLengthExceeded)), ['error cert path-too-long']);
  assert.equal(await troublesOf(filesOf(clients.signedByLeaf)), ['error cert not-a-ca']);
  assert.equal(await troublesOf(filesOf(clients.belowExpiredIntermediate)), ['error cert expired']);
});

together('tells a CA that is no CA, may not sign, or is no root', async () => {
  const { servers, clients } = kit();
  const ofCa = (cert: string) => troublesOf({ ca: file('ca.pem', cert), isOneAuthority: true });
  assert.equal(await ofCa(servers.good.cert), ['error ca not-a-ca']);
  const found = await findingOf({ ca: file('ca.pem', servers.good.cert), isOneAuthority: true }, 'not-a-ca');
  assert.match(found.cause!, /--ca takes the one of its CA, CN=Test CA/);
  const silent = forge({
    ...{ subject: commonNameOnly('Silent CA'), notBefore: fromNow(-day), notAfter: fromNow(900 * day) },
    extensions: [basicConstraints(true), keyUsage('digitalSignature')],
  });
  assert.equal(await ofCa(silent.cert), ['error ca ca-cannot-sign']);
  const [, intermediate] = clients.throughIntermediate.cert.split(/(?<=END CERTIFICATE-----\n)/);
  assert.equal(await ofCa(intermediate!), ['error ca ca-not-root']);
  assert.equal(await ofCa(intermediate! + kit().ca.cert), []);
  const rootless = filesOf(clients.throughIntermediate, { ca: file('ca.pem', intermediate!) });
  const { findings } = await examineFiles(rootless);
  assert.equal(
    findings.map(({ id }) => id).filter((id) => id === 'ca-not-root' || id === 'chain-ok'),
    ['ca-not-root'],
  );
});

together('tells a certificate of a CA in the place of one of an end', async () => {
  const { ca } = kit();
  assert.ok((await troublesOf(filesOf(ca))).includes('error cert ca-as-leaf'));
});

together('asks OpenSSL about what it does not look for itself', async () => {
  assert.equal(await troublesOf(filesOf(kit().clients.unknownCritical)), ['error cert openssl-refuses']);
  assert.equal(await troublesOf(filesOf(kit().clients.unknownCritical, { role: 'client' })), [
    'error cert openssl-refuses',
  ]);
});

together('finds an error in every certificate of the kit that OpenSSL refuses, and in no other', async () => {
  const { clients, servers } = kit();
  const accepted = {
    client: [
      'good',
      'throughIntermediate',
      'noEku',
      'bothEku',
      'keyAgreementOnly',
      'version1',
      'rsa',
      'ed25519',
      'twoUris',
      'emptySubject',
    ],
    server: ['good', 'throughIntermediate', 'noEku', 'rsa'],
  };
  for (const [role, all] of [
    ['client', clients],
    ['server', servers],
  ] as const) {
    for (const [name, issued] of Object.entries(all)) {
      const hosts = role === 'server' ? ['localhost'] : [];
      const errors = (await troublesOf(filesOf(issued, { role, hosts }))).filter((one) => one.startsWith('error'));
      assert.is(
        errors.length === 0,
        accepted[role].includes(name),
        `${role} ${name}: ${errors.join(', ') || 'no error'}`,
      );
    }
  }
});

together.run();
