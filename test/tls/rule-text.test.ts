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
import { byPath } from '../../src/tls/path-rule.js';
import { isPlainPath } from '../../src/tls/plain-path.js';
import type { Rule, RuleSubject } from '../../src/tls/rule.js';
import { parseRule, rulesFrom } from '../../src/tls/rule-text.js';
import { kit } from '../support/kit.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const { ca, otherCa, clients, hostile } = kit();
const hex = createHash('sha256').update('x').digest('hex');
const identityOf = ({ der }: { der: Buffer }): PeerIdentity => identityFromChain([der]);
const peer = identityOf(
  ca.issue({ commonName: 'x', kind: 'client', hosts: ['ops.example'], uris: ['spiffe://test.example/device/7'] }),
);
const accepts = (rule: Rule, path?: string) => rule(path === undefined ? { peer } : { peer, path }) === true;

const texts = suite('rules as text');

const same: ReadonlyArray<readonly [string, Rule]> = [
  ['dns:ops.example', dnsSan('ops.example')],
  ['dns:*.ops.example', dnsSan('*.ops.example')],
  ['uri:spiffe://test.example/device/7', uriSan('spiffe://test.example/device/7')],
  ['uri:"https://ops.example/(a)|b"', uriSan('https://ops.example/(a)|b')],
  ['spiffe:spiffe://test.example/device/*', spiffeId('spiffe://test.example/device/*')],
  ['trust-domain:test.example', spiffeTrustDomain('test.example')],
  ['email:*@example.com', emailSan('*@example.com')],
  ['insecure-cn:device-7', insecureSubjectCommonName('device-7')],
  ['insecure-cn:"say ""hi"" \\ (x) | any"', insecureSubjectCommonName('say "hi" \\ (x) | any')],
  [`sha256:${hex}`, fingerprint(hex)],
  [`spki:${hex}`, publicKeyPin(hex)],
  [`spki:sha256//${Buffer.from(hex, 'hex').toString('base64')}`, publicKeyPin(hex)],
  ['issuer:"CN=Ops CA,O=Example"', issuer('CN=Ops CA,O=Example')],
  ['issuer:"CN=Ops CA, O=Example\\, Inc."', issuer('CN=Ops CA,O=Example\\, Inc.')],
  ['any', anyVerifiedPeer()],
  ['none', noCertificate()],
  ['nobody', anyOf()],
  [' any\t', anyVerifiedPeer()],
  ['((any))', anyVerifiedPeer()],
  ['dns:a.example  issuer:CN=b', allOf(dnsSan('a.example'), issuer('CN=b'))],
  ['dns:a.example|issuer:CN=b', anyOf(dnsSan('a.example'), issuer('CN=b'))],
  ['dns:a.example issuer:CN=b | any', anyOf(allOf(dnsSan('a.example'), issuer('CN=b')), anyVerifiedPeer())],
  ['dns:a.example (issuer:CN=b | any)', allOf(dnsSan('a.example'), anyOf(issuer('CN=b'), anyVerifiedPeer()))],
  ['path=/admin dns:ops.example', byPath({ '/admin': dnsSan('ops.example') })],
  ['path="/a(b)" any', byPath({ '/a(b)': anyVerifiedPeer() })],
  ['path=/a any | path=* dns:b.example', byPath({ '/a': anyVerifiedPeer(), '*': dnsSan('b.example') })],
  ['path=/a (any | dns:b.example)', byPath({ '/a': anyOf(anyVerifiedPeer(), dnsSan('b.example')) })],
  ['(path=/a any) | dns:b.example', anyOf(byPath({ '/a': anyVerifiedPeer() }), dnsSan('b.example'))],
];
for (const [text, rule] of same) {
  texts(`reads ${text.slice(0, 60)}`, () => {
    assert.is(parseRule(text).text, rule.text);
    assert.is(rulesFrom([text]).text, rule.text);
    assert.is(parseRule(rule.text).text, rule.text);
  });
}

texts('takes several texts for alternatives', () => {
  assert.is(rulesFrom(['dns:a.example', 'any']).text, 'dns:a.example | any');
  assert.is(rulesFrom(['dns:a.example | none', 'any']).text, 'dns:a.example | none | any');
});

texts('lets a row with a path govern that path alone, and the others all paths without such a row', () => {
  const rule = rulesFrom(['path=/admin dns:admin.example', 'uri:spiffe://test.example/device/7', 'path=/x/* none']);
  assert.not(accepts(rule, '/admin'));
  assert.not(accepts(rule, '/admin/'));
  assert.not(accepts(rule, '/x/y'));
  assert.ok(accepts(rule, '/'));
  assert.ok(accepts(rule, '/other?x=1'));
  assert.not(accepts(rule, '/%61dmin'));
});

texts('leaves nothing open that an alternative behind path= could be read to open', () => {
  for (const text of ['path=/admin dns:a.example | any', 'path=/a any | path=/b any | any', 'any | path=* none']) {
    for (const read of [() => parseRule(text), () => rulesFrom([text]), () => rulesFrom(['none', text])]) {
      assert.throws(read, /can be read in two ways/, text);
    }
  }
  const narrow = parseRule('path=/admin (dns:a.example | any)');
  assert.ok(accepts(narrow, '/admin'));
  assert.not(accepts(narrow, '/'));
});

texts('says that there is no rule for an address', () => {
  for (const text of ['dns:10.0.0.1', 'dns:::1']) {
    assert.throws(() => parseRule(text), /is not a DNS name for a rule: there is no rule for addresses/);
  }
});

texts('refuses the other paths when every row has a path', () => {
  const rule = rulesFrom(['path=/admin dns:ops.example']);
  assert.ok(accepts(rule, '/admin'));
  assert.equal(rule({ peer, path: '/' }), {
    reason: 'no rule for this path',
    detail: 'wanted path=/admin dns:ops.example',
  });
});

texts('takes rows of one path for alternatives, and path=* for what has no row', () => {
  const rule = rulesFrom(['path=/a dns:a.example', 'path=/a dns:b.example', 'path=* none', 'any']);
  assert.is(rule.text, 'path=/a (dns:a.example | dns:b.example) | path=* (none | any)');
});

texts('asks no path of anybody when no row has one', () => {
  const rule = rulesFrom(['dns:ops.example', 'none']);
  assert.ok(accepts(rule));
  assert.ok(accepts(rule, '/%61'));
});

texts('refuses everybody when there is no text at all', () => {
  assert.is(rulesFrom([]).text, 'nobody');
  assert.not(accepts(rulesFrom([])));
});

const terms =
  'dns:, uri:, spiffe:, trust-domain:, email:, insecure-cn:, sha256:, spki:, issuer:, any, none, nobody; path= stands before them, and | between alternatives';
const twoWays =
  'path=/admin A | B can be read in two ways: write path=/admin (A | B), or path= in front of each alternative (path=* for all other paths)';
const spaces = '; a value with spaces stands in double quotes';
const misread: ReadonlyArray<readonly [string, string]> = [
  ['', `no term where one is needed; the terms are ${terms}`],
  ['  ', `no term where one is needed; the terms are ${terms}`],
  ['dsn:a.example', `"dsn:a.example" is not a term; the terms are ${terms}`],
  ['DNS:a.example', `"DNS:a.example" is not a term; the terms are ${terms}`],
  ['a.example', `"a.example" is not a term; the terms are ${terms}`],
  ['constructor', `"constructor" is not a term; the terms are ${terms}`],
  ['any:x', `"any:x" is not a term; the terms are ${terms}`],
  ['any,none', '"any,none" is not a term: "or" is written |'],
  ['dns:a.example, dns:b.example', '"dns:a.example," is not a term: "or" is written |'],
  ['dns:a.example,dns:b.example', '"dns:a.example,dns:b.example" is not a term: "or" is written |'],
  ['dns:a.example , any', '"," is not a term: "or" is written |'],
  ['email:a@b.example, any', '"email:a@b.example," is not a term: "or" is written |'],
  ['dns:a.example OR any', '"OR" is not a term: "or" is written |'],
  ['dns:a.example and any', '"and" is not a term: "and" is a space'],
  ['spiffe://a.example/x', '"spiffe://a.example/x" is not a term: write spiffe:spiffe://a.example/x'],
  ['trust-domain:spiffe://a.b/x', '"trust-domain:spiffe://a.b/x" is not a term: write trust-domain:a.b'],
  ['https://a.example/x', '"https://a.example/x" is not a term: write uri:https://a.example/x'],
  ['cn:"device 7"', '"cn:"device 7"" is not a term: write insecure-cn:"device 7"'],
  ['/admin dns:a.example', '"/admin" is not a term: write path=/admin'],
  ['ip:10.0.0.1', '"ip:10.0.0.1" is not a term: there is no rule for addresses'],
  ['issuer:CN=Ops CA', `"CA" is not a term; the terms are ${terms}${spaces}`],
  ['path=/admin any | none', twoWays],
  ['any | path=/admin none', twoWays],
  ['dns:a.example (path=/admin any | none)', twoWays],
  ['Path=/a any', `"Path=/a" is not a term; the terms are ${terms}`],
  ['dns:', 'dns: has no value'],
  ['dns: a.example', 'dns: has no value'],
  ['path= any', 'path= has no value'],
  ['path=/a', `no term where one is needed; the terms are ${terms}`],
  ['any |', `no term where one is needed; the terms are ${terms}`],
  ['| any', `no term where one is needed; the terms are ${terms}`],
  ['()', `no term where one is needed; the terms are ${terms}`],
  ['any path=/a', 'path= stands once, before the terms that are for it'],
  ['path=/a path=/b any', 'path= stands once, before the terms that are for it'],
  ['(any', 'a ( is not closed'],
  ['any)', 'a ) closes nothing'],
  [`${'('.repeat(100_000)}any`, 'parentheses are nested more than 100 deep'],
];
const quotes =
  'a value with spaces, parentheses, | or quotes stands in quotes, a quote in it twice: issuer:"CN=Ops CA"';
for (const text of [
  'issuer:"CN=a',
  'issuer:CN="a"',
  'issuer:"CN=a"b',
  '"any"',
  'any"',
  'uri:https://a.example/(b)',
  'any(none)',
]) {
  (misread as Array<readonly [string, string]>).push([text, quotes]);
}
for (const [text, why] of misread) {
  texts(`refuses ${JSON.stringify(text.slice(0, 40))}: ${why.slice(0, 30)}`, () => {
    const shown = text.length > 256 ? `${text.slice(0, 256)}…` : text.replaceAll('\\', '\\\\');
    for (const read of [() => parseRule(text), () => rulesFrom(['any', text])]) {
      assert.throws(
        read,
        (error: Error) =>
          error instanceof UsageError &&
          error.code === 'invalid-rule' &&
          error.message === `the rule "${shown}" is not understood: ${why}`,
      );
    }
  });
}

texts('refuses what the building blocks refuse, and what is no text', () => {
  const isInvalid = (error: unknown) => error instanceof UsageError && error.code === 'invalid-rule';
  for (const text of [
    'dns:*',
    'dns:*.com',
    'dns:""',
    'uri:https://*',
    'sha256:ab',
    'issuer:CN',
    'path=admin any',
    'issuer:CN=Ops CA',
  ]) {
    assert.throws(() => parseRule(text), isInvalid, text);
  }
  for (const value of [undefined, null, 1, ['any']]) assert.throws(() => parseRule(value as never), isInvalid);
  for (const value of [undefined, 'any', [1], [undefined]]) assert.throws(() => rulesFrom(value as never), isInvalid);
});
texts.run();

/** A rule, and what it is made of, to be judged without it. */
type Tree =
  | { readonly kind: 'leaf'; readonly rule: Rule }
  | { readonly kind: 'any'; readonly members: readonly Tree[] }
  | { readonly kind: 'all'; readonly members: readonly Tree[] }
  | { readonly kind: 'path'; readonly rows: ReadonlyArray<readonly [string, Tree]> };

/** The longest pattern that fits, each of a kind that sorts its exact form first. */
function rowFor(patterns: readonly string[], path: string): string | undefined {
  const fits = (pattern: string) =>
    pattern === '*' || pattern === path || (pattern.endsWith('/*') && `${path}/`.startsWith(pattern.slice(0, -1)));
  const weight = (pattern: string) =>
    pattern === '*' ? 0 : 2 * pattern.replace('/*', '').length + Number(!pattern.endsWith('*'));
  return patterns.filter(fits).sort((a, b) => weight(b) - weight(a))[0];
}

/** What a tree decides, by its definition. */
function reference(tree: Tree, subject: RuleSubject): boolean {
  if (tree.kind === 'leaf') return tree.rule(subject) === true;
  if (tree.kind === 'any') return tree.members.some((member) => reference(member, subject));
  if (tree.kind === 'all') return tree.members.length > 0 && tree.members.every((member) => reference(member, subject));
  const [path] = (subject.path ?? '').split('?') as [string];
  if (!isPlainPath(path)) return false;
  const pattern = rowFor(
    tree.rows.map(([row]) => row),
    path.length > 1 ? path.replace(/\/$/, '') : path,
  );
  return pattern !== undefined && reference(tree.rows.find(([row]) => row === pattern)![1], subject);
}

function ruleOf(tree: Tree): Rule {
  if (tree.kind === 'leaf') return tree.rule;
  if (tree.kind === 'path') return byPath(Object.fromEntries(tree.rows.map(([row, member]) => [row, ruleOf(member)])));
  return (tree.kind === 'any' ? anyOf : allOf)(...tree.members.map(ruleOf));
}

const properties = suite('rules: random trees and random identities');

properties('decide by their definition, and the same when read from their text', () => {
  const { seed, below } = random();
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const some = <T>(list: readonly T[]): T[] => list.filter(() => below(3) === 0);
  const hosts = ['ops.example', 'a.ops.example', 'b.ops.example', '*.ops.example', 'other.example'];
  const uris = [
    'spiffe://test.example/a',
    'spiffe://test.example/a/b',
    'spiffe://other.example/a',
    'https://a.example/b',
  ];
  const emails = ['ops@example.com', 'Ops@example.com', 'ops@other.example'];
  const commonNames = ['device', 'admin', 'a "b" | (c)'];
  const peers: PeerIdentity[] = Array.from({ length: 40 }, () =>
    identityOf(
      pick([ca, otherCa]).issue({
        ...{ kind: 'client', commonName: pick(commonNames) },
        ...{ hosts: some(hosts), uris: some(uris), emails: some(emails) },
      }),
    ),
  );
  peers.push(...Object.values(hostile).map(identityOf), identityOf(clients.good), identityOf(clients.twoUris));
  const leaves: Rule[] = [
    ...hosts.map(dnsSan),
    ...uris.map(uriSan),
    uriSan('https://a.example/*'),
    ...uris.slice(0, 3).map(spiffeId),
    spiffeId('spiffe://test.example/a/*'),
    spiffeTrustDomain('test.example'),
    ...emails.map(emailSan),
    emailSan('*@example.com'),
    ...commonNames.map(insecureSubjectCommonName),
    fingerprint(peers[0]!.fingerprint256),
    publicKeyPin(peers[1]!.publicKeySha256),
    ...['CN=Test CA', 'CN=Other CA'].map(issuer),
    ...[anyVerifiedPeer(), noCertificate(), anyOf()],
  ];
  const patterns = ['*', '/', '/a', '/a/*', '/a/b', '/a/b/*', '/b'];
  const paths = ['/', '/a', '/a/', '/a/b', '/a/b/c?x', '/ab', '/b', '/c', '/a/../b', '/%61', '//a', ''];
  const grow = (depth: number): Tree => {
    const kind = depth === 0 ? 'leaf' : pick(['leaf', 'any', 'any', 'all', 'path'] as const);
    if (kind === 'leaf') return { kind, rule: pick(leaves) };
    if (kind === 'path') return { kind, rows: some(patterns).map((row) => [row, grow(depth - 1)]) };
    return { kind, members: Array.from({ length: below(4) }, () => grow(depth - 1)) };
  };
  const decided = { in: 0, out: 0 };
  for (let round = 0; round < 1_000; round++) {
    const tree = grow(4);
    const rule = ruleOf(tree);
    const read = parseRule(rule.text);
    const again = `SEED=${seed}, round ${round}: ${rule.text}`;
    assert.is(read.text, rule.text, again);
    for (let subjects = 0; subjects < 20; subjects++) {
      const who = below(10) === 0 ? undefined : pick(peers);
      const subject: RuleSubject = below(10) === 0 ? { peer: who } : { peer: who, path: pick(paths) };
      const verdict = rule(subject);
      assert.is(verdict === true, reference(tree, subject), again);
      assert.equal(read(subject), verdict, again);
      decided[verdict === true ? 'in' : 'out']++;
    }
  }
  assert.ok(decided.in > 1_000 && decided.out > 1_000, JSON.stringify(decided));
});

properties('are read from no text by anything but a UsageError', () => {
  const { seed, below } = random();
  const pieces = [
    'any',
    'none',
    'dns:a.example',
    'issuer:',
    'CN=a',
    '"',
    '""',
    '(',
    ')',
    '|',
    ' ',
    'path=',
    '/a',
    '*',
    ':',
    '\\',
    '\0',
    'é',
  ];
  let read = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + below(8) }, () => pieces[below(pieces.length)]!).join('');
    try {
      const rule = parseRule(text);
      assert.is(parseRule(rule.text).text, rule.text, `SEED=${seed}: ${text}`);
      read++;
    } catch (error) {
      assert.instance(error, UsageError, `SEED=${seed}: ${text}`);
    }
  }
  assert.ok(read > 100, `${read} texts were rules`);
});
properties.run();
