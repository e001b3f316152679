/** The tables of the TLS cases, the certificates they show, and the messages that are written by hand. */
import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { tlsClientCases } from '../../../src/conformance/cases/tls-client.js';
import { tlsServerCases } from '../../../src/conformance/cases/tls-server.js';
import { clientProcedures } from '../../../src/conformance/tls/against-client.js';
import { serverProcedures } from '../../../src/conformance/tls/against-server.js';
import {
  type BadCertificate,
  badCertificate,
  isBadCertificate,
  NotToBeHad,
  type Workshop,
  withoutCa,
} from '../../../src/conformance/tls/bad-certificates.js';
import { clientHello, readServerAnswer, record } from '../../../src/conformance/tls/client-hello.js';
import { parseCertificate } from '../../../src/tls/index.js';
import { createAuthority } from '../../../src/tls/pki/index.js';
import { kit } from '../../support/kit.js';
import { suite } from '../../support/suite.js';

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

const table = suite('TLS cases (RFC 8446, RFC 5280)');

table('have a procedure, and a certificate of each name that they show', () => {
  for (const [cases, procedures] of [
    [tlsServerCases, serverProcedures],
    [tlsClientCases, clientProcedures],
  ] as const) {
    assert.ok(cases.length >= 60, `${cases.length} cases`);
    const used = new Set<string>();
    for (const { id, procedure } of cases) {
      const [name, first] = procedure.split(' ') as [string, string?];
      assert.ok(Object.hasOwn(procedures, name), id);
      used.add(name);
      if (name.endsWith('-certificate') && first !== undefined && first !== 'none') {
        const needsVersion = /^(?:client|server)-certificate$/.test(name);
        if (needsVersion) assert.ok(isBadCertificate(first), id);
      }
    }
    assert.equal(
      Object.keys(procedures).filter((name) => !used.has(name)),
      [],
    );
  }
});

table('say that they need certificates of the CA, if they do', () => {
  for (const { id, procedure, needs } of [...tlsServerCases, ...tlsClientCases]) {
    const [name, shown] = procedure.split(' ');
    if (name !== 'client-certificate' && name !== 'server-certificate') continue;
    const isOwn = shown === 'none' || withoutCa.includes(shown as BadCertificate);
    assert.is(needs!.includes('bad-certificates'), !isOwn, id);
  }
});

table('name a certificate like the good one, whatever is wrong with it', () => {
  const { ca, clients, servers } = kit();
  for (const [end, good] of [
    ['client', clients.good],
    ['server', servers.good],
  ] as const) {
    const shop: Workshop = {
      ...{ end, cert: good.cert, key: good.key, ca: ca.cert, caKey: ca.key },
      ...{ directory: undefined, host: 'localhost' },
    };
    const own = new X509Certificate(good.cert);
    for (const name of [
      'good',
      'expired',
      'other-ca',
      'impostor-ca-key-id',
      'signed-by-leaf',
      'altered-signature',
    ] as const) {
      const shown = new X509Certificate(badCertificate(name, shop).cert);
      assert.is(shown.subject, own.subject, name);
      assert.is(shown.subjectAltName, own.subjectAltName, name);
    }
    assert.ok(new X509Certificate(badCertificate('good', shop).cert).verify(new X509Certificate(ca.cert).publicKey));
    const impostor = new X509Certificate(badCertificate('impostor-ca-key-id', shop).cert);
    assert.is(impostor.issuer, own.issuer);
    assert.not.ok(impostor.verify(new X509Certificate(ca.cert).publicKey));
    const altered = new X509Certificate(badCertificate('altered-content', shop).cert);
    assert.not.equal(altered.serialNumber, own.serialNumber);
    assert.is(Date.parse(new X509Certificate(badCertificate('expired', shop).cert).validTo) < Date.now(), true);
    const purposes = parseCertificate(
      new X509Certificate(badCertificate('wrong-purpose', shop).cert).raw,
    ).extendedKeyUsage;
    assert.equal(purposes, [`1.3.6.1.5.5.7.3.${end === 'client' ? 1 : 2}`]);
  }
});

table('tell what a certificate cannot be made without', () => {
  const { ca, clients } = kit();
  const { cert, key } = clients.good;
  const shop = { end: 'client', cert, key, directory: undefined, host: 'localhost' } as const;
  const refusal = (name: BadCertificate, over: Partial<Workshop>): string => {
    try {
      badCertificate(name, { ...shop, ca: ca.cert, caKey: ca.key, ...over });
    } catch (error) {
      assert.instance(error, NotToBeHad);
      return (error as Error).message;
    }
    return '';
  };
  const narrow = createAuthority({ pathLength: 0 });
  assert.match(refusal('expired', { caKey: undefined }), /--ca-key/);
  assert.match(refusal('expired', { caKey: narrow.key }), /belongs to none/);
  assert.match(refusal('name-constraints', { ca: narrow.cert, caKey: narrow.key }), /path length 0/);
  assert.is(refusal('path-too-long', { ca: narrow.cert, caKey: narrow.key }), '');
  assert.match(refusal('signed-with-md5', {}), /MD5 is for RSA/);
  assert.match(refusal('other-ca', { cert: '' }), /--cert/);
});

table('write a ClientHello that can be read', () => {
  const hello = clientHello({ serverName: 'a.example', versions: [0x0304], suites: [0x1301], groups: [0x001d] });
  assert.is(hello.subarray(0, 6).toString('hex'), `010000${(hello.length - 4).toString(16).padStart(2, '0')}0303`);
  assert.is(hello.subarray(71, 77).toString('hex'), '000213010100');
  assert.ok(hello.includes(hex('0000 000e 000c 00 0009 612e6578616d706c65')));
  assert.ok(hello.includes(hex('002b 0003 02 0304')));
  assert.is(record(22, hex('010203')).toString('hex'), '1603010003010203');
});

table('read what a server says first, however it is cut', () => {
  const hello = Buffer.concat([
    hex('02 00 00 34 03 03'),
    Buffer.alloc(32, 7),
    hex('00 13 01 00 00 0c 00 33 00 02 00 1d 00 2b 00 02 03 04'),
  ]);
  const answer = { kind: 'hello', version: 0x0304, suite: 0x1301, compression: 0, random: Buffer.alloc(32, 7) };
  hello[3] = hello.length - 4;
  const whole = record(22, hello);
  const inTwo = Buffer.concat([record(22, hello.subarray(0, 9)), record(22, hello.subarray(9))]);
  for (const bytes of [whole, inTwo]) {
    assert.equal(readServerAnswer(bytes), answer);
    for (let end = 0; end < bytes.length; end++)
      assert.is(readServerAnswer(bytes.subarray(0, end)), undefined, `${end}`);
  }
  assert.equal(readServerAnswer(hex('15 03 03 00 02 02 46')), { kind: 'alert', description: 70 });
  for (const other of ['48 54 54 50 2f', '16 02 00 00 00', '17 03 03 00 01 00', '16 03 03 00 04 0b 00 00 00']) {
    assert.equal(readServerAnswer(hex(other)), { kind: 'other' }, other);
  }
});

table.run();
