import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { type CredentialInput, loadCredentials } from '../../src/tls/index.js';
import { crlExtensionOids } from '../../src/tls/oids.js';
import { integer } from '../../src/tls/pki/der-writer.js';
import { extension } from '../../src/tls/pki/extensions.js';
import { clientCredentials } from '../support/ends.js';
import { forge, kit } from '../support/kit.js';
import { forgeList, listOf, serialOf } from '../support/lists.js';
import { suite } from '../support/suite.js';
import { showing } from '../support/tls-ends.js';

const run = promisify(execFile);

function faultOf(over: Record<string, unknown>): UsageError {
  try {
    loadCredentials({ ...clientCredentials(), ...over } as CredentialInput);
  } catch (error) {
    assert.instance(error, UsageError);
    return error as UsageError;
  }
  throw new Error('the credentials were taken');
}

const good = (): { ca: string; cert: string; key: string } => clientCredentials();
const locked = (passphrase: string): string =>
  createPrivateKey(good().key).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }).toString();

const list = (): string => listOf(kit().ca);

const test = suite('credentials (RFC 7468, RFC 5280 §4.2.1.9)');

test('keeps certificate, key, anchors and the identity of this end', () => {
  const credentials = loadCredentials(clientCredentials());
  assert.is(credentials.identity.subjectCommonName, 'device-7');
  assert.is(credentials.minVersion, 'TLSv1.3');
  assert.is(credentials.anchors.length, 1);
  assert.equal(credentials.anchors[0]?.raw, kit().ca.der);
  assert.ok(Object.isFrozen(credentials));
});

test('takes bytes, several CAs in one text, and several texts', () => {
  const { ca, otherCa } = kit();
  assert.is(loadCredentials({ ...good(), ca: ca.cert + otherCa.cert }).anchors.length, 2);
  assert.is(loadCredentials({ ...good(), ca: [ca.cert, Buffer.from(otherCa.cert)] }).anchors.length, 2);
  const bytes = loadCredentials({
    ca: Buffer.from(good().ca),
    cert: Buffer.from(good().cert),
    key: new TextEncoder().encode(good().key),
  });
  assert.is(bytes.identity.subjectCommonName, 'device-7');
});

test('takes a root of version 1, which cannot say that it is a CA', () => {
  const root = forge({ subject: 'Old Root', extensions: [] });
  assert.is(loadCredentials({ ...good(), ca: root.cert }).anchors.length, 1);
});

test('unlocks a key with its passphrase', () => {
  assert.is(
    loadCredentials({ ...good(), key: locked('open sesame'), passphrase: 'open sesame' }).passphrase,
    'open sesame',
  );
});

test('takes revocation lists as text, bytes and DER, of trust anchors and of others', () => {
  const { ca, otherCa } = kit();
  const inputs: ReadonlyArray<[CredentialInput['crl'], number]> = [
    [list(), 1],
    [Buffer.from(list()), 1],
    [new Uint8Array(forgeList(ca)), 1],
    [[list(), forgeList(otherCa), listOf(otherCa) + good().cert], 3],
    [listOf(otherCa) + list(), 2],
    [list().replaceAll('X509 CRL', 'CRL'), 1],
  ];
  for (const [crl, count] of inputs) {
    const { revocation } = loadCredentials({ ...good(), crl });
    assert.is(revocation?.forOpenssl?.length, count);
    for (const pem of revocation?.forOpenssl ?? []) assert.is(pem.match(/-----BEGIN X509 CRL-----/g)?.length, 1);
  }
});

test('checks no revocation without lists, and hands none to OpenSSL when expired ones are accepted', () => {
  assert.is(loadCredentials(good()).revocation, undefined);
  assert.is(loadCredentials({ ...good(), insecureAcceptExpiredCrl: true }).revocation, undefined);
  const { revocation } = loadCredentials({ ...good(), crl: list(), insecureAcceptExpiredCrl: true });
  assert.ok(revocation);
  assert.is(revocation?.forOpenssl, undefined);
});

test('loads a list that has expired: it refuses at each connection', () => {
  const crl = listOf(kit().ca, [], { thisUpdate: new Date('2020-01-01'), days: 1 });
  const { revocation } = loadCredentials({ ...good(), crl });
  const leaf = new X509Certificate(kit().clients.good.der);
  assert.is(revocation?.checkLeaf(leaf)?.code, 'revocation-unknown');
});

test('gives the same credentials for the same lists alone', () => {
  const crl = list();
  // A text that can be either.
  const both = kit().otherCa.cert + listOf(kit().otherCa);
  const inputs: ReadonlyArray<Partial<CredentialInput>> = [
    {},
    { crl },
    { crl, insecureAcceptExpiredCrl: true },
    { crl: [crl, crl] },
    { crl: list() },
    { ca: [good().ca, both], crl },
    { ca: [good().ca], crl: [both, crl] },
  ];
  for (const one of inputs) {
    for (const other of inputs) {
      const before = loadCredentials({ ...good(), ...one });
      assert.is(loadCredentials({ ...good(), ...other }) === before, one === other);
    }
  }
});

test('keeps its own copy of a list in DER', () => {
  const { ca, clients } = kit();
  const der = ca.revocationList({ revoked: [{ serialNumber: serialOf(clients.good) }] }).der;
  const { revocation } = loadCredentials({ ...good(), crl: der });
  der.fill(0);
  assert.is(revocation?.checkLeaf(new X509Certificate(clients.good.der))?.code, 'certificate-revoked');
});

/** Option, what is wrong, the code, and words of the message that name the reason. */
const faults: ReadonlyArray<readonly [string, string, () => unknown, string, RegExp]> = [];
const add = (option: string, what: string, value: () => unknown, code: string, words: RegExp): void => {
  (faults as unknown[]).push([option, what, value, code, words]);
};
for (const option of ['ca', 'cert', 'key'] as const) {
  add(option, 'undefined', () => undefined, 'credential-missing', /missing/);
  add(option, 'null', () => null, 'credential-missing', /missing/);
  add(option, 'true', () => true, 'credential-not-pem', /must be PEM/);
  add(option, 'an object', () => ({}), 'credential-not-pem', /must be PEM/);
  add(option, 'an empty text', () => '', 'pem-empty', /empty/);
  add(option, 'white space', () => ' \n ', 'pem-empty', /empty/);
  add(option, 'empty bytes', () => Buffer.alloc(0), 'pem-empty', /empty/);
  add(option, 'a path', () => '/etc/ssl/ca.pem', 'pem-path', /file name/);
  add(option, 'DER', () => kit().ca.der, 'pem-binary', /binary \(DER/);
  add(option, 'other text', () => 'hello', 'pem-no-pem', /no line -----BEGIN/);
  add(option, 'PEM that was cut short', () => good()[option].slice(0, -40), 'pem-cut-short', /cut short/);
}
add('ca', 'an empty list', () => [], 'credential-missing', /missing/);
add('ca', 'a list with a number', () => [good().ca, 1], 'credential-not-pem', /must be PEM/);
add('ca', 'a list of nothing', () => [undefined], 'credential-not-pem', /must be PEM/);
add(
  'ca',
  'a bundle whose second certificate was cut short',
  () => good().ca + kit().otherCa.cert.slice(0, 200),
  'pem-cut-short',
  /cut short/,
);
add('ca', 'a key', () => good().key, 'pem-key-instead-of-certificate', /private key where a certificate/);
add('ca', 'a certificate of a leaf', () => good().cert, 'not-a-ca', /not a CA certificate/);
add(
  'ca',
  'a leaf among CAs',
  () => good().ca + good().cert,
  'not-a-ca',
  /certificate 2 of \d.*CN=device-7.*not a CA certificate/,
);
add(
  'ca',
  'a block that is no certificate',
  () => '-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n',
  'certificate-malformed',
  /cannot be read as a certificate/,
);
add('cert', 'a key', () => good().key, 'pem-key-instead-of-certificate', /private key where a certificate/);
add('cert', 'a list', () => [good().cert], 'credential-not-pem', /must be PEM/);
add(
  'cert',
  'a block that is no certificate',
  () => '-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n',
  'certificate-malformed',
  /cannot be read as a certificate/,
);
add(
  'cert',
  'a malformed intermediate',
  () => `${good().cert}-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n`,
  'certificate-malformed',
  /intermediate 1/,
);
add('key', 'a certificate', () => good().cert, 'pem-certificate-instead-of-key', /certificate where a private key/);
add('key', 'two keys', () => good().key + kit().servers.good.key, 'pem-several-keys', /more than one private key/);
add(
  'key',
  'a key of another certificate',
  () => kit().servers.good.key,
  'key-of-another-certificate',
  /not that of the certificate.*CN=device-7/,
);
add('key', 'a locked key without passphrase', () => locked('x'), 'pem-encrypted-key', /locked by a passphrase/);
add(
  'key',
  'a block that is no key',
  () => '-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n',
  'key-malformed',
  /cannot be read as a private key/,
);
add('crl', 'null', () => null, 'crl-not-pem', /must be PEM.*or bytes in DER/);
add('crl', 'false', () => false, 'crl-not-pem', /must be PEM/);
add('crl', 'an object', () => ({}), 'crl-not-pem', /must be PEM/);
add('crl', 'a list with a number', () => [list(), 1], 'crl-not-pem', /must be PEM/);
add('crl', 'an empty list', () => [], 'crl-missing', /leave it out/);
add('crl', 'an empty text', () => '', 'pem-empty', /empty/);
add('crl', 'a path', () => '/etc/ssl/crl.pem', 'pem-path', /file name/);
add('crl', 'a certificate', () => good().ca, 'pem-certificate-instead-of-crl', /certificate where a revocation list/);
add('crl', 'a key', () => good().key, 'pem-no-crl', /no revocation list/);
add('crl', 'PEM that was cut short', () => list().slice(0, -40), 'pem-cut-short', /cut short/);
add('crl', 'a certificate in DER', () => kit().ca.der, 'crl-malformed', /the list cannot be read as a revocation list/);
add(
  'crl',
  'a second list that is malformed',
  () => `${list()}-----BEGIN X509 CRL-----\nMAMCAQA=\n-----END X509 CRL-----\n`,
  'crl-malformed',
  /list 2 of 2 cannot be read as a revocation list \(.* at octet \d+\)/,
);
add('crl', 'DER that was cut short', () => forgeList(kit().ca).subarray(0, -1), 'crl-malformed', /cut short/);
add(
  'crl',
  'a list of changes',
  () => forgeList(kit().ca, { extensions: [extension(crlExtensionOids.deltaCRLIndicator, true, integer(1))] }),
  'crl-delta',
  /the list tells only what has changed/,
);
add(
  'crl',
  'a list signed with SHA-1',
  () => forgeList(kit().ca, {}, createPrivateKey(kit().ca.key), 'sha1'),
  'crl-weak-signature',
  /SHA-256 or better/,
);
add(
  'crl',
  'a list of the name of the CA with the signature of another',
  () => [list(), forgeList(kit().ca, {}, createPrivateKey(kit().otherCa.key))],
  'crl-bad-signature',
  /the list of CN=Test CA is not signed by the key of the CA of that name/,
);
add('crl', 'a list of another CA', () => listOf(kit().otherCa), 'crl-of-another-ca', /\(given: CN=Other CA\)/);
for (const value of [null, 0, 'false', {}]) {
  const text = JSON.stringify(value);
  add('insecureAcceptExpiredCrl', text, () => value, 'option-not-a-boolean', /must be true or false/);
}
add('passphrase', 'a number', () => 7, 'option-not-a-string', /must be a string/);
for (const version of ['TLSv1.1', 'TLSv1', '1.3', '', null, 1.3, true]) {
  add('minVersion', JSON.stringify(version), () => version, 'min-version-unknown', /TLSv1\.3 or TLSv1\.2/);
}

for (const [option, what, value, code, words] of faults) {
  test(`M5: refuses ${what} as ${option}`, () => {
    const error = faultOf({ [option]: value() });
    assert.is(error.code, code);
    assert.is(error.option, option);
    assert.match(error.message, words);
    assert.ok(error.message.startsWith(`${option}: `), error.message);
    assert.not.match(error.message, /[\n\r]/);
  });
}

test('M5: refuses a wrong passphrase, and an empty one', () => {
  for (const passphrase of ['guess', '']) {
    const error = faultOf({ key: locked('secret'), passphrase });
    assert.is(error.code, 'wrong-passphrase');
    assert.is(error.option, 'key');
    assert.match(error.message, /does not unlock/);
    assert.not.match(error.message, /secret/);
  }
});

test('M5: refuses a bundle that does not begin with the certificate of the key', () => {
  const { throughIntermediate } = kit().clients;
  const [leaf, intermediate] = throughIntermediate.cert.split(/(?<=-----END CERTIFICATE-----\n)/) as [string, string];
  const error = faultOf({ cert: intermediate + leaf, key: throughIntermediate.key });
  assert.is(error.code, 'key-of-another-certificate');
});

test('M5: refuses what OpenSSL does not take, with its reason', () => {
  const error = faultOf(showing(kit().hostile.invalidUtf8CommonName));
  assert.is(error.option, 'cert');
  assert.ok(error.code === 'not-usable' || error.code === 'certificate-malformed', error.code);
  assert.instance(error.cause, Error);
});

test('M17: bounds and escapes a hostile name in a message', () => {
  const { megabyteCommonName, newlineInCommonName } = kit().hostile;
  const long = faultOf({ cert: megabyteCommonName.cert, key: good().key });
  assert.is(long.code, 'key-of-another-certificate');
  assert.ok(long.message.length < 1_000, String(long.message.length));
  assert.not.match(faultOf({ cert: newlineInCommonName.cert, key: good().key }).message, /\n/);
});

/** Runs this project's two ends in a process of its own with an environment that would weaken Node's. */
async function inChild(environment: Record<string, string>, extra: string): Promise<Record<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-'));
  try {
    const { ca, otherCa, clients, servers } = kit();
    writeFileSync(join(directory, 'extra.pem'), otherCa.cert);
    const parts = {
      ca: ca.cert,
      client: clients.good,
      foreignClient: clients.otherCa,
      server: servers.good,
      foreignServer: servers.otherCa,
    };
    writeFileSync(join(directory, 'kit.json'), JSON.stringify(parts));
    const script = fileURLToPath(new URL('../support/strict-child.js', import.meta.url));
    const { stdout } = await run(process.execPath, [script, join(directory, 'kit.json')], {
      env: {
        ...process.env,
        NODE_NO_WARNINGS: '1',
        ...environment,
        ...(extra === '' ? {} : { [extra]: join(directory, 'extra.pem') }),
      },
    });
    return JSON.parse(stdout) as Record<string, string>;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const strict = {
  good: 'let in',
  foreignClient: 'certificate-untrusted',
  foreignServer: 'certificate-untrusted',
  oldTls: 'protocol version',
};

test('M6: both ends stay strict under NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
  assert.equal(await inChild({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, ''), strict);
});

test('M6: both ends trust nobody that NODE_EXTRA_CA_CERTS adds', async () => {
  assert.equal(await inChild({}, 'NODE_EXTRA_CA_CERTS'), strict);
});

test('M6: the server takes no TLS 1.2 under --tls-min-v1.0', async () => {
  assert.equal(await inChild({ NODE_OPTIONS: '--tls-min-v1.0' }, ''), strict);
});

test('M6: both ends trust nobody that SSL_CERT_FILE adds', async () => {
  assert.equal(await inChild({ NODE_OPTIONS: '--use-openssl-ca' }, 'SSL_CERT_FILE'), strict);
});

test.run();
