import { Buffer } from 'node:buffer';
import { constants, createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/certificate.js';
import { CrlFault, type CrlFaultCode, parseCrl, type RevocationList, verifyCrl } from '../../src/tls/crl.js';
import { DerError } from '../../src/tls/der.js';
import { crlExtensionOids, digestOids, mgf1Oid, signatureOids } from '../../src/tls/oids.js';
import {
  bitString,
  contextConstructed,
  element,
  integer,
  nullValue,
  objectIdentifier,
  sequence,
  time,
} from '../../src/tls/pki/der-writer.js';
import {
  basicConstraints,
  commonNameOnly,
  cRLNumber,
  extension,
  keyUsage,
  reasonCode,
} from '../../src/tls/pki/extensions.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { type RevocationReason, revocationReasons } from '../../src/tls/revocation-reason.js';
import { forge, kit } from '../support/kit.js';
import { forgeList, inDays, serialOf } from '../support/lists.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const { ca, otherCa, clients } = kit();
const serial = serialOf(clients.good);
const entry = (...extensions: readonly Buffer[]) => ({
  serial: Buffer.from(serial, 'hex'),
  date: new Date('2026-01-02T03:04:05Z'),
  extensions,
});

const reading = suite('revocation lists (RFC 5280 §5.1)');

reading('says what an authority has written', () => {
  const thisUpdate = new Date('2026-11-01T00:00:00Z');
  const nextUpdate = new Date('2050-12-01T12:30:59Z');
  const date = new Date('2026-01-02T03:04:05Z');
  const revoked = [{ serialNumber: serial, date, reason: 'keyCompromise' as const }, { serialNumber: '0' }];
  const list = parseCrl(ca.revocationList({ revoked, thisUpdate, nextUpdate, number: 0x123456789a }).der);
  assert.is(list.issuer.text, 'CN=Test CA');
  assert.equal(list.issuerDer, commonNameOnly('Test CA'));
  assert.equal([list.thisUpdate, list.nextUpdate], [thisUpdate, nextUpdate]);
  assert.is(list.number, 0x123456789an);
  assert.is(list.authorityKeyId, parseCertificate(ca.der).subjectKeyId);
  assert.is(list.revoked.size, 2);
  assert.equal(list.revoked.find(serial), { serialNumber: serial, date, reason: 'keyCompromise' });
  assert.equal(list.revoked.find('0'), { serialNumber: '0', date: thisUpdate, reason: undefined });
  assert.is(list.revoked.find('00'), undefined);
  assert.is(list.revoked.find(serialOf(clients.rsa)), undefined);
  assert.ok(Object.isFrozen(list));
});

reading('takes a number of 20 octets, with another one for the sign (RFC 5280 §5.2.3)', () => {
  const list = parseCrl(
    forgeList(ca, { extensions: [extension('2.5.29.20', false, integer(Buffer.alloc(20, 0xff)))] }),
  );
  assert.is(list.number, 2n ** 160n - 1n);
});

reading('knows serial numbers by the text that certificates have', () => {
  const revoked = Object.values(clients).map((issued) => ({ serialNumber: serialOf(issued) }));
  const list = parseCrl(ca.revocationList({ revoked }).der);
  for (const issued of Object.values(clients)) {
    assert.ok(list.revoked.find(new X509Certificate(issued.der).serialNumber));
  }
});

reading('knows every reason but removeFromCRL', () => {
  for (const [name, code] of Object.entries(revocationReasons)) {
    if (name === 'removeFromCRL') continue;
    const list = parseCrl(forgeList(ca, { revoked: [entry(reasonCode(code))] }));
    assert.is(list.revoked.find(serial)?.reason, name as RevocationReason);
  }
});

reading('takes a list of version 1, and one that does not say when it expires', () => {
  const list = parseCrl(forgeList(ca, { nextUpdate: undefined, revoked: [entry()], extensions: [] }));
  assert.equal([list.nextUpdate, list.number, list.authorityKeyId], [undefined, undefined, undefined]);
  assert.is(list.revoked.size, 1);
  assert.ok(verifyCrl(list, new X509Certificate(ca.der)));
});

reading('passes over extensions that are not known and not critical', () => {
  const odd = extension('1.3.6.1.4.1.99999.1', false, Buffer.from('?'));
  const invalidityDate = extension('2.5.29.24', false, element(0x18, Buffer.from('20260101000000Z')));
  const list = parseCrl(
    forgeList(ca, { revoked: [entry(invalidityDate, odd, reasonCode(4))], extensions: [odd, cRLNumber(3)] }),
  );
  assert.is(list.revoked.find(serial)?.reason, 'superseded');
  assert.is(list.number, 3n);
});

const unknown = extension('1.3.6.1.4.1.99999.1', true, Buffer.from('?'));
const refused: ReadonlyArray<readonly [string, CrlFaultCode, () => Buffer]> = [
  [
    'a critical extension that is not known',
    'unknown-critical-extension',
    () => forgeList(ca, { extensions: [unknown] }),
  ],
  [
    'a critical extension of an entry that is not known',
    'unknown-critical-extension',
    () => forgeList(ca, { revoked: [entry(unknown)] }),
  ],
  [
    'a part of the list, critical as it must be',
    'partial',
    () =>
      forgeList(ca, {
        extensions: [
          extension(crlExtensionOids.issuingDistributionPoint, true, sequence(element(0x82, Buffer.from([0xff])))),
        ],
      }),
  ],
  [
    'a part of the list that is not marked critical',
    'partial',
    () => forgeList(ca, { extensions: [extension(crlExtensionOids.issuingDistributionPoint, false, sequence())] }),
  ],
  [
    'a list of changes',
    'delta',
    () =>
      forgeList(ca, { extensions: [cRLNumber(8), extension(crlExtensionOids.deltaCRLIndicator, true, integer(7))] }),
  ],
  [
    'an entry that takes a certificate off the list',
    'delta',
    () => forgeList(ca, { revoked: [entry(reasonCode(revocationReasons.removeFromCRL))] }),
  ],
  [
    'an entry for a certificate of another issuer',
    'indirect',
    () => {
      const issuer = sequence(contextConstructed(4, commonNameOnly('Other CA')));
      return forgeList(ca, { revoked: [entry(extension(crlExtensionOids.certificateIssuer, true, issuer))] });
    },
  ],
  ['a signature with SHA-1', 'weak-signature', () => forgeList(ca, {}, createPrivateKey(ca.key), 'sha1')],
  [
    'a signature with MD5',
    'weak-signature',
    () => forgeList(ca, {}, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'md5'),
  ],
];

for (const [what, code, make] of refused) {
  reading(`refuses ${what}`, () => {
    assert.throws(
      () => parseCrl(make()),
      (error: CrlFault) => error instanceof CrlFault && error.code === code,
    );
  });
}

const malformed: ReadonlyArray<readonly [string, () => Buffer]> = [
  ['a certificate', () => ca.der],
  ['nothing', () => Buffer.alloc(0)],
  ['octets behind the list', () => Buffer.concat([forgeList(ca), Buffer.from([0])])],
  ['a reason that is none', () => forgeList(ca, { revoked: [entry(reasonCode(7))] })],
  [
    'a reason of two octets',
    () => forgeList(ca, { revoked: [entry(extension('2.5.29.21', false, element(0x0a, Buffer.from([0, 1]))))] }),
  ],
  ['an extension that is there twice', () => forgeList(ca, { extensions: [cRLNumber(1), cRLNumber(2)] })],
  [
    'an extension of an entry that is there twice',
    () => forgeList(ca, { revoked: [entry(reasonCode(1), reasonCode(4))] }),
  ],
  [
    'a negative number',
    () => forgeList(ca, { extensions: [extension('2.5.29.20', false, element(0x02, Buffer.from([0x80])))] }),
  ],
  [
    'a number of 22 octets',
    () => forgeList(ca, { extensions: [extension('2.5.29.20', false, integer(Buffer.alloc(22, 1)))] }),
  ],
  [
    'a number of 21 octets, none of them for the sign',
    () => forgeList(ca, { extensions: [extension('2.5.29.20', false, integer(Buffer.alloc(21, 1)))] }),
  ],
  [
    'no extension where some are announced',
    () => assembled({ version: 1, extensions: contextConstructed(0, sequence()) }),
  ],
  ['extensions in version 1', () => assembled({ extensions: contextConstructed(0, sequence(cRLNumber(1))) })],
  ['version 1 spelt out', () => assembled({ version: 0 })],
  ['version 3', () => assembled({ version: 2 })],
  ['two signature algorithms', () => assembled({ outer: sequence(objectIdentifier(signatureOids.ed25519)) })],
];

/** A list part by part, with no more than it must have, signed by nobody. */
function assembled(parts: { version?: number; extensions?: Buffer; outer?: Buffer }): Buffer {
  const algorithm = sequence(objectIdentifier(signatureOids.ecdsaWithSha256));
  const { version, extensions, outer = algorithm } = parts;
  return sequence(
    sequence(
      ...(version === undefined ? [] : [integer(version)]),
      algorithm,
      commonNameOnly('Test CA'),
      time(inDays(-1)),
      ...(extensions === undefined ? [] : [extensions]),
    ),
    outer,
    bitString(Buffer.from('no signature')),
  );
}

reading('takes the list that the malformed ones differ from', () => {
  assert.is(parseCrl(assembled({})).issuer.text, 'CN=Test CA');
  assert.is(parseCrl(assembled({ version: 1, extensions: contextConstructed(0, sequence(cRLNumber(1))) })).number, 1n);
});

for (const [what, make] of malformed) {
  reading(`refuses ${what}`, () => {
    assert.throws(
      () => parseCrl(make()),
      (error: Error) => error instanceof DerError,
    );
  });
}

reading('throws nothing but its own errors, wherever a list is cut or changed', () => {
  const { below, seed } = random();
  const whole = forgeList(ca, { revoked: [entry(reasonCode(1)), entry()] });
  const attempt = (der: Buffer): void => {
    try {
      parseCrl(der);
    } catch (error) {
      assert.ok(error instanceof DerError || error instanceof CrlFault, `SEED=${seed}: ${error}`);
    }
  };
  for (let length = 0; length < whole.length; length++) {
    assert.throws(
      () => parseCrl(whole.subarray(0, length)),
      (error: Error) => error instanceof DerError,
    );
  }
  for (let round = 0; round < 5_000; round++) {
    const changed = Buffer.from(whole);
    for (let change = below(3); change >= 0; change--) changed[below(changed.length)] = below(256);
    attempt(changed);
  }
});

reading('reads 100,000 entries and finds each', () => {
  const revoked = Array.from({ length: 100_000 }, (_, index) => ({ serialNumber: (0x1000_0000 + index).toString(16) }));
  const { revoked: found } = parseCrl(ca.revocationList({ revoked }).der);
  assert.is(found.size, 100_000);
  for (const { serialNumber } of revoked) assert.ok(found.find(serialNumber.toUpperCase()));
  assert.is(found.find('0FFFFFFF'), undefined);
});

const signatures = suite('signatures of revocation lists (RFC 5280 §6.3.3)');
const certificateOf = (issued: { readonly der: Buffer }) => new X509Certificate(issued.der);

for (const keyType of ['ec-p256', 'rsa-2048', 'ed25519'] as const) {
  signatures(`are verified with ${keyType}, and no octet may change`, () => {
    const authority = createAuthority({ commonName: 'Test CA', keyType });
    const { der } = authority.revocationList({ revoked: [{ serialNumber: serial }] });
    assert.ok(verifyCrl(parseCrl(der), certificateOf(authority)));
    const changed = Buffer.from(der);
    const at = changed.indexOf(Buffer.from(serial, 'hex'));
    changed[at + 3]! ^= 1;
    assert.not(verifyCrl(parseCrl(changed), certificateOf(authority)));
    const forged = Buffer.from(der);
    forged[forged.length - 1]! ^= 1;
    assert.not(verifyCrl(parseCrl(forged), certificateOf(authority)));
  });
}

signatures('are those of the issuer: its name and its key', () => {
  const list = parseCrl(forgeList(ca));
  assert.ok(verifyCrl(list, certificateOf(ca)));
  assert.not(verifyCrl(list, certificateOf(otherCa)));
  assert.not(verifyCrl(list, certificateOf(kit().impostorCaSameKeyId)));
  assert.not(verifyCrl(parseCrl(forgeList(ca, {}, createPrivateKey(otherCa.key))), certificateOf(ca)));
  assert.not(verifyCrl(parseCrl(forgeList(ca, { issuer: commonNameOnly('Other CA') })), certificateOf(ca)));
});

signatures('need cRLSign in the key usage of the issuer, if it has one', () => {
  const without = forge({ subject: 'CA', extensions: [basicConstraints(true), keyUsage('keyCertSign')] });
  const free = forge({ subject: 'CA', extensions: [basicConstraints(true)] });
  assert.not(verifyCrl(parseCrl(forgeList(without)), certificateOf(without)));
  assert.ok(verifyCrl(parseCrl(forgeList(free)), certificateOf(free)));
});

signatures('are refused when the algorithm is not one of the key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  assert.not(verifyCrl(parseCrl(forgeList(ca, {}, rsa.privateKey)), certificateOf(ca)));
  // ECDSA, under the name of RSA.
  const algorithm = sequence(objectIdentifier(signatureOids.sha256WithRsaEncryption), nullValue());
  const body = sequence(algorithm, commonNameOnly('Test CA'), time(inDays(-1)), time(inDays(1)));
  const list = parseCrl(sequence(body, algorithm, bitString(sign('sha256', body, createPrivateKey(ca.key)))));
  assert.not(verifyCrl(list, certificateOf(ca)));
});

/** Signs the body of a list with RSASSA-PSS. */
function signedWithPss(digest: 'sha256' | 'sha512', parameters: Buffer, saltLength: number): RevocationList {
  const algorithm = sequence(objectIdentifier(signatureOids.rsassaPss), parameters);
  const body = sequence(algorithm, commonNameOnly('PSS CA'), time(inDays(-1)), time(inDays(1)));
  const key = { key: pssKeys.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  return parseCrl(sequence(body, algorithm, bitString(sign(digest, body, key))));
}

const pssKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pssParameters = (digest: 'sha256' | 'sha512', maskDigest: string, ...rest: readonly Buffer[]): Buffer =>
  sequence(
    contextConstructed(0, sequence(objectIdentifier(digestOids[digest]), nullValue())),
    contextConstructed(1, sequence(objectIdentifier(mgf1Oid), sequence(objectIdentifier(maskDigest), nullValue()))),
    ...rest,
  );

signatures('are verified with RSASSA-PSS, by the parameters that are signed', () => {
  const issuer = forge({ subject: 'PSS CA', keys: pssKeys, extensions: [basicConstraints(true)] });
  for (const digest of ['sha256', 'sha512'] as const) {
    const salted = pssParameters(digest, digestOids[digest], contextConstructed(2, integer(32)));
    assert.ok(verifyCrl(signedWithPss(digest, salted, 32), certificateOf(issuer)));
    assert.not(verifyCrl(signedWithPss(digest, salted, 20), certificateOf(issuer)));
    assert.ok(verifyCrl(signedWithPss(digest, pssParameters(digest, digestOids[digest]), 20), certificateOf(issuer)));
  }
});

signatures('with RSASSA-PSS over SHA-1, two digests, or another trailer are refused', () => {
  const sha1 = '1.3.14.3.2.26';
  const bad = [
    sequence(),
    sequence(contextConstructed(0, sequence(objectIdentifier(sha1)))),
    sequence(contextConstructed(0, sequence(objectIdentifier(digestOids.sha256)))),
    pssParameters('sha256', sha1),
    pssParameters('sha256', digestOids.sha512),
    pssParameters('sha256', digestOids.sha256, contextConstructed(3, integer(2))),
  ];
  for (const parameters of bad) {
    assert.throws(
      () => signedWithPss('sha256', parameters, 20),
      (error: CrlFault) => error instanceof CrlFault && error.code === 'weak-signature',
    );
  }
});

reading.run();
signatures.run();
