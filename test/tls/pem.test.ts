import { Buffer } from 'node:buffer';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import {
  type PemBlock,
  PemFault,
  type PemFaultCode,
  readPem,
  readPemCertificates,
  readPemCrls,
  readPemPrivateKey,
  writePem,
} from '../../src/tls/pem.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const { ca, otherCa, clients } = kit();
const { cert, key, der } = clients.good;
const keyObject = createPrivateKey(key);
const traditional = keyObject.export({ type: 'sec1', format: 'pem' }) as string;
const locked = keyObject.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;
const lockedTraditional = createPrivateKey(clients.rsa.key).export({
  type: 'pkcs1',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
}) as string;

function faults(read: () => unknown, code: PemFaultCode, line?: number): void {
  try {
    read();
  } catch (error) {
    assert.instance(error, PemFault);
    assert.is((error as PemFault).code, code);
    assert.is((error as PemFault).line, line);
    assert.is((error as PemFault).name, 'PemFault');
    return;
  }
  assert.unreachable(`no fault ${code}`);
}

const reading = suite('PEM (RFC 7468)');

reading('reads a bundle with its lines, from text and from bytes', () => {
  const blocks = readPem(ca.cert + otherCa.cert);
  assert.equal(
    blocks.map(({ label }) => label),
    ['CERTIFICATE', 'CERTIFICATE'],
  );
  assert.equal(
    blocks.map(({ der }) => der),
    [ca.der, otherCa.der],
  );
  assert.is(blocks[0]!.line, 1);
  assert.is(blocks[1]!.line, ca.cert.split('\n').length);
  assert.equal(readPem(Buffer.from(ca.cert + otherCa.cert)), blocks);
});

reading('passes over text around the blocks, in any line ends', () => {
  const text = `Certificate:\n    Data:\n        Version: 3 (0x2)\n${cert}subject=CN = device-7\n`;
  assert.equal(readPem(text)[0]!.der, der);
  assert.equal(readPem(text.replaceAll('\n', '\r\n'))[0]!.der, der);
  assert.equal(readPem(text.replaceAll('\n', '\r'))[0]!.der, der);
  assert.equal(readPem(text.replaceAll('\n', '  \n'))[0]!.der, der);
  assert.equal(readPem(cert.trimEnd())[0]!.der, der);
});

reading('reads a block whose base64 has lines of any length', () => {
  const [head, ...rest] = cert.trimEnd().split('\n');
  const tail = rest.pop();
  assert.equal(readPem(`${head}\n${rest.join('')}\n${tail}`)[0]!.der, der);
});

const broken: ReadonlyArray<readonly [string, string | Uint8Array, PemFaultCode, number?]> = [
  ['nothing', '', 'empty'],
  ['white space', Buffer.from(' \n\t\n'), 'empty'],
  ['DER', der, 'binary'],
  ['DER of a short key', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }), 'binary'],
  ['DER read as latin1', der.toString('latin1'), 'binary'],
  ['DER read as UTF-8', der.toString('utf8'), 'binary'],
  ['UTF-16', Buffer.from(`\ufeff${cert}`, 'utf16le'), 'not-utf8'],
  ['UTF-16 without a mark', Buffer.from(cert, 'utf16le'), 'not-utf8'],
  ['a byte order mark', `\ufeff${cert}`, 'byte-order-mark', 1],
  ['a path', './certs/ca.pem', 'path'],
  ['a Windows path', 'C:\\certs\\ca.crt', 'path'],
  ['a bare file name', 'ca.pem', 'path'],
  ['escaped newlines', cert.replaceAll('\n', '\\n'), 'escaped-newlines'],
  ['other text', 'hello\nworld', 'no-pem'],
  ['one word', 'hello', 'no-pem'],
  ['a bundle cut in its second block', (ca.cert + otherCa.cert).slice(0, -40), 'cut-short', ca.cert.split('\n').length],
  ['a bundle whose first block has no end', ca.cert.replace(/-----END.*\n/, '') + otherCa.cert, 'cut-short', 1],
  ['an end alone', '-----END CERTIFICATE-----\n', 'end-without-begin', 1],
  [
    'two labels',
    cert.replace('END CERTIFICATE', 'END PRIVATE KEY'),
    'label-mismatch',
    cert.trimEnd().split('\n').length,
  ],
  ['a foreign character', cert.replace('\nMI', '\nM!'), 'malformed-base64', 1],
  ['a missing character', cert.replace('\nMI', '\nM'), 'malformed-base64', 1],
  ['padding inside', cert.replace('\nMI', '\nM=I'), 'malformed-base64', 1],
  ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', 'empty-block', 1],
];
for (const [what, input, code, line] of broken) {
  reading(`faults ${what} as ${code} (M5)`, () => faults(() => readPem(input), code, line));
}
reading.run();

const certificates = suite('certificates in PEM (M5)');

certificates('are found beside a key', () => {
  assert.equal(
    readPemCertificates(key + clients.throughIntermediate.cert).map((block) => block.der),
    clients.throughIntermediate.chain,
  );
});
certificates('are found under the older label', () => {
  assert.equal(
    readPemCertificates(cert.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')).map((block) => block.der),
    [der],
  );
});
certificates('are missed in a key', () => faults(() => readPemCertificates(key), 'key-instead-of-certificate'));
certificates('are missed in a signing request', () =>
  faults(
    () => readPemCertificates(cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')),
    'request-instead-of-certificate',
  ),
);
certificates('are missed in a public key', () =>
  faults(() => readPemCertificates(cert.replaceAll('CERTIFICATE', 'PUBLIC KEY')), 'no-certificate'),
);
certificates.run();

const lists = suite('revocation lists in PEM (RFC 7468 §6)');
const crl = writePem('X509 CRL', der);

lists('are found beside certificates, several of them in order, and under the older label', () => {
  const text = cert + crl + writePem('CRL', der.subarray(1));
  assert.equal(
    readPemCrls(text).map((block) => block.der),
    [der, der.subarray(1)],
  );
});
lists('are missed in a certificate', () => faults(() => readPemCrls(cert), 'certificate-instead-of-crl'));
lists('are missed in a key', () => faults(() => readPemCrls(key), 'no-crl'));
lists('are written in lines of 64 characters', () => {
  assert.is(writePem('CERTIFICATE', der), cert);
  assert.equal(readPemCrls(writePem('X509 CRL', der.subarray(0, 48)))[0]?.der, der.subarray(0, 48));
  assert.match(
    writePem('X509 CRL', der.subarray(0, 48)),
    /^-----BEGIN X509 CRL-----\n.{64}\n-----END X509 CRL-----\n$/,
  );
});
lists.run();

const keys = suite('private keys in PEM (M5)');
const same = (block: PemBlock) => assert.equal(block.der, keyObject.export({ type: 'pkcs8', format: 'der' }));

keys('are found alone, beside a certificate and beside parameters', () => {
  same(readPemPrivateKey(key));
  same(readPemPrivateKey(cert + key));
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  assert.is(readPemPrivateKey(parameters + traditional).label, 'EC PRIVATE KEY');
});
keys('are missed in a certificate', () => faults(() => readPemPrivateKey(cert), 'certificate-instead-of-key'));
keys('are missed in a public key', () =>
  faults(() => readPemPrivateKey(cert.replaceAll('CERTIFICATE', 'PUBLIC KEY')), 'no-key'),
);
keys('must not be two', () =>
  faults(() => readPemPrivateKey(key + traditional), 'several-keys', key.split('\n').length),
);
keys('must not be in the form of OpenSSH', () =>
  faults(() => readPemPrivateKey(key.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY')), 'unsupported-key', 1),
);
for (const [form, text] of [
  ['PKCS #8', locked],
  ['the traditional form', lockedTraditional],
] as const) {
  keys(`locked by a passphrase in ${form} are refused unless allowed`, () => {
    faults(() => readPemPrivateKey(text), 'encrypted-key', 1);
    assert.is(readPemPrivateKey(text, { allowEncrypted: true }).encrypted, true);
  });
}
keys.run();
