import * as assert from 'uvu/assert';
import { parseCertificate } from '../../src/tls/certificate.js';
import { noAltNames } from '../../src/tls/san.js';
import { matchServerName } from '../../src/tls/server-name.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const { servers, hostile } = kit();
const names = (dns: readonly string[], ip: readonly string[] = []) => ({ ...noAltNames, dns, ip });

const matching = suite('server name, on SAN only (M8, RFC 9525 §6)');

const matches: ReadonlyArray<readonly [string, string]> = [
  ['a.example', 'a.example'],
  ['A.Example', 'a.eXAMPLE'],
  ['a.example', 'a.example.'],
  ['localhost', 'localhost'],
  ['*.wild.example', 'a.wild.example'],
  ['*.WILD.example', 'xn--bcher-kva.wild.example.'],
  ['_srv.a.example', '_srv.a.example'],
];
for (const [presented, host] of matches) {
  matching(`takes ${presented} for ${host}`, () => {
    assert.equal(matchServerName(names([presented]), host), { matches: true, name: presented });
  });
}

const differs: ReadonlyArray<readonly [string, string]> = [
  ['a.example', 'b.example'],
  ['a.example', 'x.a.example'],
  ['x.a.example', 'a.example'],
  ['a.example.', 'a.example'],
  ['*.wild.example', 'wild.example'],
  ['*.wild.example', 'a.b.wild.example'],
  ['*.wild.example.', 'a.wild.example'],
  ['*.com', 'a.com'],
  ['*', 'localhost'],
  ['*.', 'localhost'],
  ['*.localhost', 'localhost'],
  ['*.a.example', 'a.example'],
  ['a.example.', 'a.examplex'],
  ['*.*.example', 'a.b.example'],
  ['f*.x.example', 'foo.x.example'],
  ['*f.x.example', 'f.x.example'],
  ['a.*.example', 'a.b.example'],
  ['xn--*.x.example', 'xn--a.x.example'],
  ['*.0.0.1', '127.0.0.1'],
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['a.example,b.example', 'b.example'],
  ['', 'a.example'],
];
for (const [presented, host] of differs) {
  matching(`does not take "${presented}" for ${host}`, () => {
    assert.is(matchServerName(names([presented]), host).matches, false);
  });
}

for (const host of [
  'a。example',
  'a\u0000.example',
  'a.example\u0000',
  '*.wild.example',
  '',
  '.',
  'a..example',
  'é.example',
  '127.1',
]) {
  matching(`refuses to look for ${JSON.stringify(host)}, whatever is presented`, () => {
    const result = matchServerName(names(['a.example', host, '*.wild.example'], ['127.0.0.1', host]), host);
    assert.is(result.matches, false);
    if (!result.matches) assert.is(result.reason, 'not-a-host');
  });
}

matching('takes an address from the IP addresses only, in every spelling of IPv6', () => {
  const { san } = parseCertificate(servers.good.der);
  for (const host of ['127.0.0.1', '::1', '[::1]', '0:0:0:0:0:0:0:1', '[0000:0000:0000:0000:0000:0000:0000:0001]']) {
    assert.is(matchServerName(san, host).matches, true, host);
  }
  for (const host of ['127.0.0.2', '::2', '::ffff:127.0.0.1'])
    assert.is(matchServerName(san, host).matches, false, host);
});

const refusals: ReadonlyArray<readonly [keyof typeof servers, string, string, RegExp]> = [
  [
    'commonNameOnly',
    'localhost',
    'no-san',
    /its common name does not count: it is not for localhost \(RFC 9525 §6\.3\)$/,
  ],
  ['version1', 'localhost', 'no-san', /has no subject alternative name/],
  ['uriSanOnly', 'localhost', 'other-kind', /no DNS name .* it is for URI:spiffe:\/\/test\.example\/server/],
  [
    'wrongHost',
    'localhost',
    'other-host',
    /^the certificate is for DNS:other\.example, IP:192\.0\.2\.1, not for localhost/,
  ],
  ['wrongHost', '127.0.0.1', 'other-host', /not for 127\.0\.0\.1/],
  ['addressAsDns', '127.0.0.1', 'other-kind', /has no IP address .* it is for DNS:127\.0\.0\.1/],
  ['wildcardTooWide', 'a.com', 'other-host', /DNS:\*\.com/],
  ['wildcardTooWide', 'foo.x.example', 'other-host', /DNS:f\*\.x\.example/],
  ['wildcard', '192.0.2.1', 'other-kind', /IP address/],
];
for (const [name, host, reason, text] of refusals) {
  matching(`says why ${name} is not for ${host}: ${reason}`, () => {
    const result = matchServerName(parseCertificate(servers[name].der).san, host);
    assert.is(result.matches, false);
    if (result.matches) return;
    assert.is(result.reason, reason);
    assert.match(result.text, text);
  });
}

matching('finds no host in names made to deceive (M10), and says so in one line (M17)', () => {
  for (const name of ['joinedDns', 'quotedDns', 'nulInDns', 'newlineInDns', 'nonAsciiDns', 'emptyDns'] as const) {
    for (const host of ['admin.internal', 'evil', 'evil.example', 'xn--bcher-kva.example']) {
      const result = matchServerName(parseCertificate(hostile[name].der).san, host);
      assert.is(result.matches, false, `${name} ${host}`);
      if (!result.matches) assert.not.match(result.text, /[\u0000-\u001f]/);
    }
  }
  const crowd = matchServerName(parseCertificate(hostile.tenThousandNames.der).san, 'a.example');
  assert.ok(!crowd.matches && crowd.text.length < 300, 'bounded');
});

matching('finds the last of 10,000 names', () => {
  const { san } = parseCertificate(hostile.tenThousandNames.der);
  assert.is(matchServerName(san, 'host-9999.example').matches, true);
});

matching.run();
