import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import { PemFault } from '../../../../src/tls/pem.js';
import { createAuthority } from '../../../../src/tls/pki/index.js';
import {
  type Inspected,
  inspect,
  isIssuedBy,
  isListOf,
  purposeName,
  signatureName,
} from '../../../../src/tls/pki/inspection/index.js';
import { kit } from '../../../support/kit.js';
import { suite } from '../../../support/suite.js';

const inspecting = suite('inspection of files');
const { ca, clients } = kit();
const list = ca.revocationList({ revoked: [] });
const key = createPrivateKey(clients.rsa.key);
const lock = { cipher: 'aes-128-cbc', passphrase: 'secret' } as const;

/** The type of what is found, and of a key its kind. */
const kindOf = (one: Inspected): string =>
  `${one.type}${'key' in one && one.key !== undefined ? ` ${one.key.algorithm} ${one.key.bits}` : ''}`;

inspecting('finds every block of PEM in its order, the words between them passed over', () => {
  const text = `words\n${clients.good.cert}words\n${list.pem}${clients.good.key}`;
  assert.equal(inspect(Buffer.from(text)).map(kindOf), [
    'certificate EC P-256 256',
    'revocation-list',
    'private-key EC P-256 256',
  ]);
});

inspecting('tells in DER what it is by its structure', () => {
  for (const [der, kind] of [
    [clients.rsa.der, 'certificate RSA 2048'],
    [list.der, 'revocation-list'],
    [key.export({ type: 'pkcs8', format: 'der' }), 'private-key RSA 2048'],
    [key.export({ type: 'pkcs1', format: 'der' }), 'private-key RSA 2048'],
    [createPrivateKey(ca.key).export({ type: 'sec1', format: 'der' }), 'private-key EC P-256 256'],
    [key.export({ type: 'pkcs8', format: 'der', ...lock }), 'private-key'],
    [createPublicKey(ca.key).export({ type: 'spki', format: 'der' }), 'public-key EC P-256 256'],
    [Buffer.from('3003020101', 'hex'), 'other'],
    [Buffer.from('3000', 'hex'), 'other'],
  ] as const) {
    assert.equal(inspect(der).map(kindOf), [kind]);
  }
});

inspecting('names the kinds of keys', () => {
  for (const [pair, words] of [
    [generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'EC P-521 521'],
    [generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'EC secp256k1 undefined'],
    [generateKeyPairSync('ed25519'), 'Ed25519 256'],
    [generateKeyPairSync('ed448'), 'Ed448 456'],
    [generateKeyPairSync('rsa-pss', { modulusLength: 2048 }), 'RSA-PSS 2048'],
    [generateKeyPairSync('x25519'), 'X25519 undefined'],
  ] as const) {
    const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    assert.equal(inspect(Buffer.from(pem)).map(kindOf), [`private-key ${words}`]);
  }
  assert.is(signatureName('1.2.3'), '1.2.3');
  assert.is(purposeName('1.2.3'), '1.2.3');
});

inspecting('unlocks keys of both forms, among others, and leaves locked what the passphrase does not fit', () => {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'pem', ...lock }) as string;
  const pkcs1 = key.export({ type: 'pkcs1', format: 'pem', ...lock }) as string;
  for (const pem of [pkcs8, pkcs1]) {
    const content = Buffer.from(`${ca.key}${pem}`);
    const kinds = (passphrase?: string) =>
      inspect(content, passphrase).map((one) => [kindOf(one), 'isLocked' in one && one.isLocked]);
    const open = ['private-key EC P-256 256', false];
    assert.equal(kinds('secret'), [open, ['private-key RSA 2048', true]]);
    assert.equal(kinds('wrong'), [open, ['private-key', true]]);
    assert.equal(kinds(), [open, ['private-key', true]]);
  }
  const der = key.export({ type: 'pkcs8', format: 'der', ...lock });
  assert.equal(inspect(der, 'secret').map(kindOf), ['private-key RSA 2048']);
});

inspecting('tells who signed, by the key and not by the name alone', () => {
  const [one, authority, impostor, revocation] = [
    clients.good.der,
    ca.der,
    createAuthority({ commonName: 'Test CA' }).der,
    list.der,
  ].map((der) => inspect(der)[0]!);
  assert.ok(one?.type === 'certificate' && authority?.type === 'certificate' && impostor?.type === 'certificate');
  assert.ok(revocation?.type === 'revocation-list');
  assert.is(authority.says.subject.text, impostor.says.subject.text);
  assert.equal(
    [isIssuedBy(one, authority), isIssuedBy(one, impostor), isIssuedBy(authority, one)],
    [true, false, false],
  );
  assert.equal([isListOf(revocation, authority), isListOf(revocation, impostor)], [true, false]);
});

inspecting('says of a block what is wrong with it, and goes on', () => {
  const block = (label: string) => `-----BEGIN ${label}-----\nMAA=\n-----END ${label}-----\n`;
  const labels = ['CERTIFICATE', 'X509 CRL', 'CERTIFICATE REQUEST', 'PRIVATE KEY', 'PUBLIC KEY'];
  const found = inspect(Buffer.from(labels.map(block).join('') + ca.cert));
  assert.equal(
    found.map(({ type }) => type),
    [...labels.map(() => 'other'), 'certificate'],
  );
  for (const one of found.slice(0, -1)) assert.ok(one.type === 'other' && one.fault !== undefined);
  assert.equal(inspect(Buffer.from(block('DH PARAMETERS'))), [
    { type: 'other', label: 'DH PARAMETERS', fault: undefined },
  ]);
});

inspecting('refuses what is neither PEM nor DER', () => {
  for (const content of ['', 'text', '\u0030\u0003'])
    assert.throws(
      () => inspect(Buffer.from(content)),
      (error: unknown) => error instanceof PemFault,
    );
});

inspecting('ends with a finding or a PemFault for a certificate with any octet changed', () => {
  for (let at = 0; at < clients.good.der.length; at++) {
    const der = Buffer.from(clients.good.der);
    der[at]! ^= 0x55;
    try {
      assert.is(inspect(der).length, 1);
    } catch (error) {
      assert.instance(error, PemFault);
    }
  }
});
inspecting.run();
