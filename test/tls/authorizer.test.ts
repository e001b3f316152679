import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import {
  allOf,
  anyOf,
  anyVerifiedPeer,
  dnsSan,
  emailSan,
  fingerprint,
  insecureSubjectCommonName,
  issuer,
  noCertificate,
  publicKeyPin,
  spiffeId,
  spiffeTrustDomain,
  uriSan,
} from '../../src/tls/authorizer.js';
import { identityFromChain, type PeerIdentity } from '../../src/tls/identity.js';
import { attributeOids } from '../../src/tls/oids.js';
import { distinguishedName, generalName, subjectAltName } from '../../src/tls/pki/extensions.js';
import type { IssueOptions } from '../../src/tls/pki/index.js';
import type { Rule } from '../../src/tls/rule.js';
import { forge, kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const { ca, otherCa, clients, hostile } = kit();

const identityOf = (issued: { der: Buffer }): PeerIdentity => identityFromChain([issued.der]);

/** The identity in a real certificate. */
function peer(names: Partial<IssueOptions> = {}, authority = ca): PeerIdentity {
  return identityOf(authority.issue({ commonName: 'x', kind: 'client', ...names }));
}

const dns = (...hosts: string[]) => peer({ hosts });
const uri = (...uris: string[]) => peer({ uris });
const email = (...emails: string[]) => peer({ emails });
const hostileOnes: PeerIdentity[] = Object.values(hostile).map(identityOf);

/** A certificate whose names are written as they are, lawful or not. */
const raw = (...names: Buffer[]) => identityOf(forge({ subject: 'x', extensions: [subjectAltName(names, false)] }));

const device = peer({
  commonName: 'device-7',
  hosts: ['device-7.ops.example'],
  uris: ['spiffe://example.org/device/7'],
  emails: ['Ops@Example.COM'],
});
const longIssuer = forge({
  subject: distinguishedName(...[1, 2].map(() => [[attributeOids.organizationName, 'o'.repeat(300)]] as never)),
  extensions: [],
});
const everybody = [device, peer(), peer({}, otherCa), identityOf(clients.twoUris), ...hostileOnes];

interface Row {
  readonly rule: Rule;
  readonly text: string;
  readonly accepts: readonly PeerIdentity[];
  readonly refuses: readonly PeerIdentity[];
}

const rows: readonly Row[] = [
  {
    rule: dnsSan('Ops.Example.'),
    text: 'dns:ops.example',
    accepts: [dns('ops.example'), dns('other.example', 'OPS.example'), raw(generalName.dns('OPS.EXAMPLE'))],
    refuses: [
      peer({ commonName: 'ops.example' }),
      dns('a.ops.example'),
      dns('example'),
      dns('*.example'),
      dns('xops.example'),
      uri('dns:ops.example'),
      email('x@ops.example'),
      raw(generalName.dns('ops.example.')),
      raw(generalName.dns('ops.example\0')),
      raw(generalName.dns('ops.example, DNS:ops.example')),
      raw(generalName.dns('ops\u3002example')),
    ],
  },
  {
    rule: dnsSan('*.OPS.example'),
    text: 'dns:*.ops.example',
    accepts: [dns('a.ops.example'), dns('xn--bcher-kva.ops.example'), dns('*.ops.example'), device],
    refuses: [
      dns('ops.example'),
      dns('a.b.ops.example'),
      dns('*.b.ops.example'),
      dns('*.example'),
      dns('aops.example'),
      dns('ops.example.ops.examplf'),
      raw(generalName.dns('.ops.example')),
      raw(generalName.dns('a.ops.example.')),
      raw(generalName.dns('f*.ops.example')),
      raw(generalName.dns('a/.ops.example')),
      raw(generalName.dns('a@b.ops.example')),
      raw(generalName.dns('-.ops.example')),
    ],
  },
  {
    rule: dnsSan('admin.internal'),
    text: 'dns:admin.internal',
    accepts: [dns('admin.internal')],
    refuses: hostileOnes,
  },
  {
    rule: uriSan('https://ops.example/a?b=%41'),
    text: 'uri:https://ops.example/a?b=%41',
    accepts: [uri('https://ops.example/a?b=%41'), uri('urn:x:1', 'https://ops.example/a?b=%41')],
    refuses: [uri('https://ops.example/a?b=A'), uri('https://OPS.example/a?b=%41'), uri('https://ops.example/a')],
  },
  {
    rule: uriSan('https://ops.example/device/*'),
    text: 'uri:https://ops.example/device/*',
    accepts: [uri('https://ops.example/device/7'), uri('https://ops.example/device/7/b')],
    refuses: [
      uri('https://ops.example/device'),
      uri('https://ops.example/device/'),
      uri('https://ops.example/devices/7'),
      uri('https://ops.example/device/../admin'),
      uri('https://ops.example/device/a/./b'),
      uri('https://ops.example/device//a'),
      uri('https://ops.example/device/%2e%2e/admin'),
      uri('https://ops.example/device/..%2fadmin'),
      uri('https://ops.example/device/a\\..\\admin'),
      uri('https://ops.example/device/7?x'),
      uri('https://ops.example/device/7#x'),
      uri('https://ops.example/device/..;/admin'),
      uri('https://ops.example/device/*'),
      uri('http://ops.example/device/7'),
    ],
  },
  {
    rule: uriSan('spiffe://test.example/*'),
    text: 'uri:spiffe://test.example/*',
    accepts: [identityOf(clients.good), identityOf(clients.twoUris), identityOf(hostile.everyKind)],
    refuses: [identityOf(hostile.uriLikeDns), identityOf(hostile.nulInUri), uri('spiffe://test.example.evil/a')],
  },
  {
    rule: spiffeId('spiffe://test.example/device/7'),
    text: 'spiffe:spiffe://test.example/device/7',
    accepts: [identityOf(clients.good)],
    refuses: [
      uri('spiffe://test.example/device/70'),
      uri('spiffe://test.example/device/7', 'urn:x:1'),
      uri('spiffe://test.example/device/7/'),
      uri('SPIFFE://test.example/device/7'),
      raw(generalName.uri('spiffe://test.example/device/7'), generalName.uri('a\0')),
      dns('test.example'),
    ],
  },
  {
    rule: spiffeId('spiffe://test.example/device/*'),
    text: 'spiffe:spiffe://test.example/device/*',
    accepts: [identityOf(clients.good), uri('spiffe://test.example/device/a/b')],
    refuses: [
      uri('spiffe://test.example/device'),
      uri('spiffe://test.example/devices/7'),
      uri('spiffe://test.example/device/../admin'),
      uri('spiffe://test.example/device/*'),
      uri('spiffe://evil.example/device/7'),
      identityOf(clients.twoUris),
    ],
  },
  {
    rule: spiffeTrustDomain('test.example'),
    text: 'trust-domain:test.example',
    accepts: [identityOf(clients.good)],
    refuses: [
      uri('spiffe://test.example.evil/a'),
      uri('spiffe://evil/test.example'),
      uri('spiffe://test.example'),
      identityOf(clients.twoUris),
      identityOf(hostile.uriLikeDns),
      identityOf(hostile.nulInUri),
      dns('test.example'),
    ],
  },
  {
    rule: emailSan('Ops@EXAMPLE.com'),
    text: 'email:Ops@example.com',
    accepts: [device, email('Ops@example.com'), email('a@b.example', 'Ops@example.com')],
    refuses: [
      email('ops@example.com'),
      email('Ops@sub.example.com'),
      email('xOps@example.com'),
      uri('mailto:Ops@example.com'),
      peer({ commonName: 'Ops@example.com' }),
      raw(generalName.email('Ops@example.com.')),
      raw(generalName.email('Ops@example.com@evil.example')),
      raw(generalName.email('Ops@evil.example@example.com')),
      raw(generalName.email('Ops@example.com\0')),
    ],
  },
  {
    rule: emailSan('*@example.com'),
    text: 'email:*@example.com',
    accepts: [device, email('a@example.com'), email('b@EXAMPLE.com')],
    refuses: [
      email('a@sub.example.com'),
      email('a@examplexcom'),
      raw(generalName.email('@example.com')),
      raw(generalName.email('example.com')),
      raw(generalName.email('a@evil.example@example.com')),
    ],
  },
  {
    rule: insecureSubjectCommonName('device-7'),
    text: 'insecure-cn:device-7',
    accepts: [device, identityOf(clients.good)],
    refuses: [peer({ commonName: 'Device-7' }), peer({ commonName: 'device-7 ' }), dns('device-7')],
  },
  {
    rule: insecureSubjectCommonName('admin'),
    text: 'insecure-cn:admin',
    accepts: [peer({ commonName: 'admin' })],
    refuses: hostileOnes,
  },
  {
    rule: insecureSubjectCommonName('a "b" \\| (c)'),
    text: 'insecure-cn:"a ""b"" \\| (c)"',
    accepts: [peer({ commonName: 'a "b" \\| (c)' })],
    refuses: [peer({ commonName: 'a b' })],
  },
  {
    rule: fingerprint(device.fingerprint256),
    text: `sha256:${createHash('sha256').update(device.der).digest('hex')}`,
    accepts: [device],
    refuses: everybody.slice(1),
  },
  {
    rule: publicKeyPin(`sha256//${Buffer.from(device.publicKeySha256, 'hex').toString('base64')}`),
    text: `spki:${device.publicKeySha256}`,
    accepts: [device],
    refuses: everybody.slice(1),
  },
  {
    rule: issuer('cn = Test CA'),
    text: 'issuer:"CN=Test CA"',
    accepts: [device, identityOf(clients.good)],
    refuses: [
      peer({}, otherCa),
      peer({ commonName: 'Test CA' }, otherCa),
      identityOf(clients.throughIntermediate),
      identityOf(longIssuer),
    ],
  },
  { rule: anyVerifiedPeer(), text: 'any', accepts: everybody, refuses: [] },
  { rule: noCertificate(), text: 'none', accepts: [], refuses: everybody },
  { rule: anyOf(), text: 'nobody', accepts: [], refuses: everybody },
  { rule: allOf(), text: 'nobody', accepts: [], refuses: everybody },
  {
    rule: anyOf(dnsSan('ops.example'), emailSan('*@ops.example')),
    text: 'dns:ops.example | email:*@ops.example',
    accepts: [dns('ops.example'), email('a@ops.example')],
    refuses: [device],
  },
  {
    rule: allOf(dnsSan('*.ops.example'), anyOf(spiffeTrustDomain('example.org'), issuer('CN=Other CA'))),
    text: 'dns:*.ops.example (trust-domain:example.org | issuer:"CN=Other CA")',
    accepts: [device, peer({ hosts: ['b.ops.example'] }, otherCa)],
    refuses: [dns('b.ops.example'), uri('spiffe://example.org/a'), peer({}, otherCa)],
  },
];

const blocks = suite('authorization: the building blocks');

for (const { rule, text, accepts, refuses } of rows) {
  blocks(`accepts by ${text.slice(0, 70)} what it says, and nothing else`, () => {
    assert.is(rule.text, text);
    for (const accepted of accepts) assert.is(rule({ peer: accepted }), true, accepted.subject.text);
    for (const refused of refuses) {
      const verdict = rule({ peer: refused });
      assert.ok(verdict !== true, JSON.stringify(refused.san).slice(0, 500));
      assert.is(verdict.reason, 'the certificate is not allowed here');
      assert.ok(verdict.detail?.startsWith('wanted '));
    }
  });
}

blocks('refuses a client without certificate, unless the rule says noCertificate', () => {
  for (const { rule } of rows) {
    const verdict = rule({ peer: undefined });
    if (rule.text === 'none') assert.is(verdict, true);
    else assert.is(verdict !== true && verdict.reason, 'no certificate was presented', rule.text);
  }
  const open = anyOf(noCertificate(), anyVerifiedPeer());
  assert.is(open({ peer: undefined }), true);
  assert.is(open({ peer: device }), true);
  assert.ok(allOf(noCertificate(), anyVerifiedPeer())({ peer: undefined }) !== true);
});

blocks('takes no hostile certificate for another (M10)', () => {
  const wanted = [
    dnsSan('evil.example'),
    dnsSan('*.evil.example'),
    dnsSan('xn--bcher-kva.example'),
    uriSan('spiffe://test.example/admin'),
    uriSan('spiffe://test.example/x'),
    uriSan('spiffe://test.example/a'),
    spiffeId('spiffe://test.example/a'),
    spiffeId('spiffe://test.example/x'),
    insecureSubjectCommonName('admin'),
    insecureSubjectCommonName('device'),
  ];
  const multiValue = identityOf(hostile.multiValueRdn);
  for (const rule of wanted) {
    for (const hostileOne of hostileOnes) {
      // Its only common name is `device`, lawfully.
      if (hostileOne.fingerprint256 === multiValue.fingerprint256 && rule.text === 'insecure-cn:device') continue;
      assert.ok(rule({ peer: hostileOne }) !== true, `${rule.text}: ${hostileOne.subject.text}`);
    }
  }
  assert.is(insecureSubjectCommonName('device')({ peer: multiValue }), true);
});

blocks('never compares with a name that is set apart as unusable', () => {
  for (const identity of hostileOnes.filter(({ san }) => san.unusable.length > 0)) {
    const emptied = { ...identity, san: { ...identity.san, unusable: [] } };
    for (const { rule } of rows) assert.equal(rule({ peer: emptied }), rule({ peer: identity }), rule.text);
  }
});

blocks('tells the peer nothing of the rules, and the log what was wanted, escaped and bounded (M17)', () => {
  const rule = anyOf(dnsSan('secret.example'), ...Array.from({ length: 100 }, (_, at) => dnsSan(`h${at}.example`)));
  const verdict = rule({ peer: device });
  assert.ok(verdict !== true && verdict.detail !== undefined);
  assert.not.match(verdict.reason, /secret/);
  assert.match(verdict.detail, /^wanted dns:secret\.example \| dns:h0\.example .*…$/);
  assert.ok(verdict.detail.length < 300);
  for (const wanted of [insecureSubjectCommonName('a'), issuer('CN=a'), fingerprint('ab'.repeat(32))]) {
    for (const hostileOne of hostileOnes) {
      const refused = wanted({ peer: hostileOne });
      assert.ok(refused !== true && refused.detail !== undefined && refused.detail.length < 1000);
      assert.not.match(refused.detail, /[\0-\x1f\x7f-\x9f\u202e]/);
    }
  }
  assert.is(
    (publicKeyPin('ab'.repeat(32))({ peer: device }) as { detail: string }).detail,
    `wanted spki:${'ab'.repeat(32)}; presented spki:${device.publicKeySha256}`,
  );
});

blocks('says what the members agree on, and of allOf what the first refusal is', () => {
  const told = (reason: string, detail?: string): Rule =>
    Object.assign(() => ({ reason, ...(detail !== undefined && { detail }) }), { text: `custom-${reason}` });
  assert.is((anyOf(told('a'), told('a'))({ peer: device }) as { reason: string }).reason, 'a');
  assert.is(
    (anyOf(told('a'), told('b'))({ peer: device }) as { reason: string }).reason,
    'the certificate is not allowed here',
  );
  assert.is(
    (anyOf(told('a'), told('b'))({ peer: undefined }) as { reason: string }).reason,
    'no certificate was presented',
  );
  assert.equal(allOf(anyVerifiedPeer(), told('a', 'x'), told('b', 'y'))({ peer: device }), {
    reason: 'a',
    detail: 'x',
  });
});

blocks('lets in by nothing but true: not by a promise, not by a text', () => {
  for (const answer of [Promise.resolve(true), 'true', 1, {}]) {
    const rule = Object.assign(() => answer as never, { text: 'custom' }) as Rule;
    for (const made of [anyOf(rule, dnsSan('a.example')), allOf(anyVerifiedPeer(), rule)]) {
      assert.ok(made({ peer: device }) !== true, String(answer));
    }
  }
});

blocks('is frozen, and holds on to no list of the caller', () => {
  for (const { rule } of rows) assert.ok(Object.isFrozen(rule), rule.text);
  const members = [dnsSan('a.example'), dnsSan('b.example')];
  const rule = anyOf(...members);
  members[0] = anyVerifiedPeer();
  assert.ok(rule({ peer: device }) !== true);
  assert.ok(Object.isFrozen(rule({ peer: device })));
});

blocks('compares with the 10,000 names of a certificate and comes to an end', () => {
  const crowd = identityOf(hostile.tenThousandNames);
  assert.is(dnsSan('host-9999.example')({ peer: crowd }), true);
  assert.ok(dnsSan('host-10000.example')({ peer: crowd }) !== true);
  assert.ok(dnsSan('*.example.org')({ peer: crowd }) !== true);
});

blocks('pins in every spelling, canonically', () => {
  const hex = createHash('sha256').update('x').digest('hex');
  const colons = hex.toUpperCase().replace(/..(?=.)/g, '$&:');
  const base64 = Buffer.from(hex, 'hex').toString('base64');
  for (const spelling of [hex, hex.toUpperCase(), colons, colons.toLowerCase()]) {
    assert.is(fingerprint(spelling).text, `sha256:${hex}`);
    assert.is(publicKeyPin(spelling).text, `spki:${hex}`);
  }
  for (const spelling of [base64, `sha256//${base64}`]) assert.is(publicKeyPin(spelling).text, `spki:${hex}`);
});

blocks('knows an issuer by every spelling of its name', () => {
  assert.is(issuer(' cn = a\\2C b , o = Z\\C3\\BCrich ').text, issuer('CN=a\\, b,O=Zürich').text);
});

const longName = 'o'.repeat(508);
blocks('does not take an issuer whose name is cut for another that begins so', () => {
  const cut = identityOf(longIssuer).issuer.text;
  assert.is(cut.length, 513);
  assert.throws(() => issuer(cut), isInvalidRule);
  issuer(`O=${longName}`);
});
blocks.run();

function isInvalidRule(error: unknown): boolean {
  return error instanceof UsageError && error.code === 'invalid-rule' && error.option === 'authorize';
}

const meaningless: ReadonlyArray<readonly [string, (text: string) => Rule, readonly string[]]> = [
  [
    'dnsSan',
    dnsSan,
    ['*', '*.', '*.com', '*.com.', '.', 'a..b', 'f*.a.example', '*.*.example', 'a.*.example', 'a b', 'a\0', 'ü.example']
      .concat(['192.0.2.1', '::1', '[::1]', '*.192.0.2.1', 'https://a.example', 'a.example:443', 'a.example,b.example'])
      .concat([`${'a'.repeat(64)}.example`]),
  ],
  [
    'uriSan',
    uriSan,
    ['*', '/*', 'a.example', 'https:', 'https://*', 'spiffe://*', 'https:///*', 'https://a.example*', '*://a.example/*']
      .concat(['https://*.example/*', 'https://a.example/*/b', 'https://a.example/x*', 'https://a.example/**'])
      .concat(['https://a.example/../*', 'https://a.example/%61/*', 'https://a.example?x/*', 'https://a.example//*'])
      .concat(['urn:x:*', 'urn:x/*', 'https://u@a.example/*', 'https://a b', 'https://a\0', 'https://ü.example/']),
  ],
  [
    'spiffeId',
    spiffeId,
    ['*', 'example.org', 'spiffe://*', 'spiffe://example.org', 'spiffe://example.org/', 'SPIFFE://example.org/a']
      .concat(['spiffe://Example.org/a', 'spiffe://example.org/a*', 'spiffe://example.org/*/a', 'spiffe://*/a'])
      .concat(['spiffe://example.org/a/../*', 'spiffe://example.org/%61', 'spiffe://example.org:1/a']),
  ],
  [
    'spiffeTrustDomain',
    spiffeTrustDomain,
    [
      '*',
      '*.example.org',
      'Example.org',
      'spiffe://example.org',
      'example.org/',
      'example.org/a',
      'a b',
      'example.org:1',
    ],
  ],
  [
    'emailSan',
    emailSan,
    [
      '*',
      '*@*',
      'a',
      '@',
      '@example.com',
      'a@',
      'a@b@example.com',
      'a*@example.com',
      '*@*.example',
      'a b@example.com',
    ].concat(['a@192.0.2.1', 'a@[::1]', '*@', 'a@example.com.', 'ü@example.com', 'a@exa mple.com']),
  ],
  ['insecureSubjectCommonName', insecureSubjectCommonName, ['a\0', 'a\nb', '\u202ea', '\ud800']],
  [
    'fingerprint',
    fingerprint,
    [
      '*',
      'ab',
      'a'.repeat(40),
      'a'.repeat(63),
      'a'.repeat(65),
      'g'.repeat(64),
      'ab:'.repeat(32),
      ` ${'a'.repeat(64)}`,
    ].concat([`${'ab:'.repeat(16)}${'ab'.repeat(16)}`, `sha256//${'A'.repeat(43)}=`, `${'ab'.repeat(32)}\n`]),
  ],
  [
    'publicKeyPin',
    publicKeyPin,
    [
      '*',
      'a'.repeat(40),
      'A'.repeat(43),
      `${'A'.repeat(42)}B=`,
      `sha1//${'A'.repeat(43)}=`,
      `sha256//${'a'.repeat(64)}`,
    ],
  ],
  [
    'issuer',
    issuer,
    [
      '*',
      'Ops CA',
      'CN',
      '=a',
      'CN=a,',
      ',CN=a',
      'CN=a;O=b',
      '/CN=a',
      'CN=a,,O=b',
      'XX=a',
      'CN="a"',
      'CN=a\\',
      'CN=#zz',
    ].concat([`O=${'o'.repeat(511)}`, 'CN=a<b', 'commonName=a', 'CN=a,O']),
  ],
];

const refusals = suite('authorization: rules that cannot be meant');
for (const [name, block, texts] of meaningless) {
  refusals(`are refused by ${name} when they are made`, () => {
    for (const text of ['', ...texts]) assert.throws(() => block(text), isInvalidRule, text);
    for (const value of [undefined, null, 1, ['a.example'], /a/, new String('a.example')]) {
      assert.throws(() => block(value as never), isInvalidRule, String(value));
    }
  });
}

refusals('are refused as members: lists, texts, functions without text', () => {
  for (const member of [[anyVerifiedPeer()], 'any', undefined, null, true, () => true, { text: 'any' }]) {
    assert.throws(() => anyOf(anyVerifiedPeer(), member as never), isInvalidRule);
    assert.throws(() => allOf(member as never), isInvalidRule);
  }
});

refusals('are told in words, escaped and bounded', () => {
  assert.throws(
    () => dnsSan(`*.\u001b[2J${'x'.repeat(10_000)}`),
    (error: Error) => /^"\*\.\\x1b\[2Jx+…" is not a DNS name/.test(error.message) && error.message.length < 400,
  );
});
refusals.run();
