import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { anyVerifiedPeer, dnsSan, noCertificate } from '../../src/tls/authorizer.js';
import { identityFromChain } from '../../src/tls/identity.js';
import { byPath } from '../../src/tls/path-rule.js';
import type { Rule } from '../../src/tls/rule.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const peer = identityFromChain([kit().clients.good.der]);
const noRow = 'no rule for this path';
const oddPath = 'the path is not in plain form: it has an escape, an empty or dot segment, or an unusual character';

/** A rule that refuses everybody and says which it is. */
const named = (name: string): Rule => Object.assign(() => ({ reason: name }), { text: `custom-${name}` });
const reasonAt = (rule: Rule, path: string | undefined): string | true => {
  const verdict = rule(path === undefined ? { peer } : { peer, path });
  return verdict === true ? true : verdict.reason;
};

const rules = suite('authorization by path');

const table = byPath({
  '*': named('rest'),
  '/admin/*': named('below admin'),
  '/admin': named('admin'),
  '/admin/audit/*': named('audit'),
  '/admin/audit/log': named('log'),
  '/': named('root'),
});

const expected: ReadonlyArray<readonly [string, string]> = [
  ['/', 'root'],
  ['/?admin', 'root'],
  ['/admin', 'admin'],
  ['/admin/', 'admin'],
  ['/admin?x=/y/../%61', 'admin'],
  ['/admin/?x', 'admin'],
  ['/admin/a', 'below admin'],
  ['/admin/a/b/', 'below admin'],
  ['/admin/auditor', 'below admin'],
  ['/admin/audit', 'audit'],
  ['/admin/audit/', 'audit'],
  ['/admin/audit/x', 'audit'],
  ['/admin/audit/log', 'log'],
  ['/admin/audit/log/', 'log'],
  ['/admin/audit/log/x', 'audit'],
  ['/admins', 'rest'],
  ['/Admin', 'rest'],
  ['/x/admin', 'rest'],
];
for (const [path, reason] of expected) {
  rules(`lets the row "${reason}" decide about ${path}`, () => assert.is(reasonAt(table, path), reason));
}

rules('refuses a path that could be read in two ways, whatever the rows', () => {
  const open = byPath({ '*': anyVerifiedPeer(), '/admin/*': named('admin') });
  assert.is(reasonAt(open, '/x'), true);
  for (const path of [
    ...['/%61dmin', '/admin%2f', '/x/../admin', '/./admin', '//admin', '/admin//', '/x\\..\\admin', '/x/..', '/x/.'],
    ...['/admin\0', '/admin;x=1', '/..;/admin', '/admin#', '/\u0430dmin', '/admin ', '', 'admin', '*', '?', '/x%'],
    ...['https://localhost/admin', '/x/%2e%2e/admin', '/x/..%2Fadmin', '/x\n/admin'],
  ]) {
    assert.is(reasonAt(open, path), oddPath, JSON.stringify(path));
  }
});

rules('refuses a path without row, and everything without any', () => {
  const narrow = byPath({ '/a': anyVerifiedPeer() });
  assert.is(reasonAt(narrow, '/a'), true);
  assert.is(reasonAt(narrow, '/b'), noRow);
  assert.is(reasonAt(narrow, '/'), noRow);
  assert.is(reasonAt(narrow, '/a/b'), noRow);
  assert.is(reasonAt(byPath({}), '/'), 'the certificate is not allowed here');
  assert.is(byPath({}).text, 'nobody');
});

rules('refuses where there is no request, as on a client', () => {
  assert.is(reasonAt(byPath({ '*': anyVerifiedPeer() }), undefined), noRow);
});

rules('asks the row about a client without certificate', () => {
  const open = byPath({ '/open': noCertificate(), '*': anyVerifiedPeer() });
  assert.is(open({ peer: undefined, path: '/open' }), true);
  assert.equal(open({ peer: undefined, path: '/x' }), {
    reason: 'no certificate was presented',
    detail: 'wanted any',
  });
});

rules('has one text for one table, in the order in which the rows are tried', () => {
  const [a, b] = [dnsSan('a.example'), dnsSan('b.example')];
  const text =
    'path=/b/a dns:a.example | path=/a dns:a.example | path=/b/* dns:b.example | path=/ dns:a.example | path=* dns:b.example';
  assert.is(byPath({ '*': b, '/': a, '/a': a, '/b/*': b, '/b/a': a }).text, text);
  assert.is(byPath({ '/b/a': a, '/b/*': b, '/a': a, '/': a, '*': b }).text, text);
});

rules('is not changed through the table it was made of', () => {
  const rows: Record<string, Rule> = { '/a': dnsSan('a.example') };
  const rule = byPath(rows);
  rows['/a'] = anyVerifiedPeer();
  rows['*'] = anyVerifiedPeer();
  assert.is(reasonAt(rule, '/a'), 'the certificate is not allowed here');
  assert.is(reasonAt(rule, '/b'), noRow);
  assert.ok(Object.isFrozen(rule));
});

rules('refuses rows that cannot be meant', () => {
  const isInvalid = (error: unknown) => error instanceof UsageError && error.code === 'invalid-rule';
  for (const pattern of [
    ...['', 'admin', 'admin/*', '/admin/', '/admin//*', '/*', '//*', '**', '/admin*', '/*/x', '/a/**', '/a?b', '/%61'],
    ...['/a/../b', '/./*', '/a b', '/ü', '/a;b', '/a\\b', '__proto__'],
  ]) {
    assert.throws(() => byPath(Object.fromEntries([[pattern, anyVerifiedPeer()]])), isInvalid, pattern);
  }
  for (const value of [undefined, 'any', true, () => true]) {
    assert.throws(() => byPath({ '/a': value as never }), isInvalid);
  }
  for (const value of [undefined, null, 'any', anyVerifiedPeer()]) {
    assert.throws(() => byPath(value as never), isInvalid);
  }
});
rules.run();
