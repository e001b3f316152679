import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/certificate.js';
import { basicConstraints, generalName, keyUsage, subjectAltName } from '../../src/tls/pki/extensions.js';
import { parseSpiffeId, spiffeIdOf } from '../../src/tls/spiffe-id.js';
import { forge, kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const parsing = suite('SPIFFE ID (SPIFFE-ID §2)');

const lawful: ReadonlyArray<readonly [string, string, string]> = [
  ['spiffe://example.org', 'example.org', ''],
  ['spiffe://example.org/a', 'example.org', '/a'],
  ['spiffe://e-x_1.org/ns/prod/sa/A.b-c_9', 'e-x_1.org', '/ns/prod/sa/A.b-c_9'],
  ['spiffe://example.org/...', 'example.org', '/...'],
  ['spiffe://example.org/.a/..b', 'example.org', '/.a/..b'],
  [`spiffe://${'a'.repeat(255)}/b`, 'a'.repeat(255), '/b'],
  [`spiffe://a/${'b'.repeat(2048 - 11)}`, 'a', `/${'b'.repeat(2048 - 11)}`],
];
for (const [id, trustDomain, path] of lawful) {
  parsing(`reads ${id.slice(0, 60)}`, () => assert.equal(parseSpiffeId(id), { id, trustDomain, path }));
}

const refused = [
  '',
  'spiffe://',
  'spiffe:///a',
  'SPIFFE://example.org/a',
  'https://example.org/a',
  'spiffe:/example.org/a',
  'spiffe://Example.org/a',
  'spiffe://example.org:443/a',
  'spiffe://user@example.org/a',
  'spiffe://example.org/a?b',
  'spiffe://example.org/a#b',
  'spiffe://example.org/',
  'spiffe://example.org/a/',
  'spiffe://example.org//a',
  'spiffe://example.org/.',
  'spiffe://example.org/a/../b',
  'spiffe://example.org/%61',
  'spiffe://example.org/ä',
  'spiffe://example.org/a b',
  'spiffe://example.org/a\n',
  ' spiffe://example.org/a',
  `spiffe://${'a'.repeat(256)}/b`,
  `spiffe://a/${'b'.repeat(2048 - 10)}`,
];
for (const text of refused) {
  parsing(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => assert.is(parseSpiffeId(text), undefined));
}
parsing.run();

const leaves = suite('SPIFFE ID of a leaf (X509-SVID §2, §5.2)');
const { clients, hostile, ca } = kit();
const of = (issued: { der: Buffer }) => spiffeIdOf(parseCertificate(issued.der));
const uri = subjectAltName([generalName.uri('spiffe://test.example/x')], false);

leaves('is the only URI', () => {
  assert.equal(of(clients.good), {
    id: 'spiffe://test.example/device/7',
    trustDomain: 'test.example',
    path: '/device/7',
  });
  assert.is(of(hostile.everyKind)?.path, '/everything');
});
leaves('is none without a URI', () => assert.is(of(clients.noEku), undefined));
leaves('is none with two URIs', () => assert.is(of(clients.twoUris), undefined));
leaves('is none when a second URI is unusable', () => {
  const names = [generalName.uri('spiffe://test.example/x'), generalName.uri('a\0b')];
  assert.is(of(forge({ subject: 'x', extensions: [subjectAltName(names, false)] })), undefined);
});
leaves('is none when the URI reads like two (M10)', () => assert.is(of(hostile.uriLikeDns), undefined));
leaves('is none when it names only a trust domain', () => {
  assert.is(of(ca.issue({ commonName: 'x', kind: 'client', uris: ['spiffe://test.example'] })), undefined);
});
leaves('is none in a certificate that could sign others', () => {
  assert.is(of(forge({ subject: 'x', extensions: [uri, basicConstraints(true)] })), undefined);
  assert.is(of(forge({ subject: 'x', extensions: [uri, keyUsage('keyCertSign')] })), undefined);
  assert.is(of(forge({ subject: 'x', extensions: [uri, keyUsage('cRLSign')] })), undefined);
  assert.is(
    of(forge({ subject: 'x', extensions: [uri, basicConstraints(false), keyUsage('digitalSignature')] }))?.path,
    '/x',
  );
});
leaves.run();
