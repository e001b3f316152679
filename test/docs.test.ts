/** Holds docs/api.md to the code: nothing public is missing, and what it shows is a part of an example that is run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { blocksOf, root } from './support/readme.js';
import { suite } from './support/suite.js';

const documentation = suite('docs/api.md');

const text = readFileSync(join(root, 'docs/api.md'), 'utf8');

/** What stands below a heading of the document. */
function section(title: string): string {
  const found = text.split(/^## /m).find((candidate) => candidate.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`docs/api.md has no section "${title}"`);
  return found;
}

/** Whether `name` is told: code begins with it, and goes on with `behind`. `authority.` may stand before it. */
function tells(where: string, name: string, behind: string = '(?!\\w)'): boolean {
  const escaped = name.replace(/[.[\]]/g, '\\$&');
  return new RegExp(`\`(?:authority\\.)?${escaped}${behind}`).test(where);
}

/** How a member of a class, or an event, is written: with its type or arguments. */
function behind(name: string): string | undefined {
  if (name.endsWith('Events')) return '` `\\(';
  return ['Server', 'AttachedServer', 'Connection', 'CredentialFiles'].includes(name) ? '[(:]' : undefined;
}

/** The public members of a class or interface, by its compiled declaration, which has no private ones. */
function membersOf(file: string, name: string): string[] {
  const source = readFileSync(join(root, 'dist/src', `${file}.d.ts`), 'utf8');
  const body = new RegExp(`^export (?:declare (?:abstract )?class|interface) ${name}\\b[^{]*\\{$(.*?)^\\}$`, 'ms').exec(
    source,
  );
  if (body === null) throw new Error(`${file}.d.ts has no ${name}`);
  const member = /^ {4}(?:static |readonly |get |async )*(\w+|\[Symbol\.\w+\])\??[:(]/gm;
  const names = [...body[1]!.matchAll(member)].map(([, found]) => found!).filter((found) => found !== 'constructor');
  assert.ok(names.length > 0, `${name} has no member`);
  return names;
}

const shapes: ReadonlyArray<{ title: string; file: string; name: string }> = [
  { title: 'Server', file: 'endpoint/server', name: 'Server' },
  { title: 'Server', file: 'endpoint/server', name: 'ServerEvents' },
  { title: 'AttachedServer', file: 'endpoint/attach', name: 'AttachedServer' },
  { title: 'CredentialFiles', file: 'tls/credential-files', name: 'CredentialFiles' },
  { title: 'CredentialFiles', file: 'tls/credential-files', name: 'CredentialFilesOptions' },
  { title: 'CredentialFiles', file: 'tls/credential-files', name: 'CredentialFilesEvents' },
  { title: 'Connection', file: 'endpoint/connection', name: 'Connection' },
  { title: 'Connection', file: 'endpoint/connection', name: 'ConnectionEvents' },
  { title: 'IncomingMessage', file: 'endpoint/incoming', name: 'IncomingMessage' },
  { title: 'CloseEvent', file: 'endpoint/connection', name: 'CloseEvent' },
  { title: 'VerifiedPeer', file: 'tls/verified-peer', name: 'VerifiedPeer' },
  { title: 'VerifiedPeer', file: 'tls/san', name: 'SubjectAltNames' },
  { title: 'UpgradeRequest', file: 'endpoint/acceptor', name: 'UpgradeRequest' },
  { title: 'PlainRequest', file: 'endpoint/acceptor', name: 'PlainRequest' },
  { title: 'PlainResponse', file: 'endpoint/acceptor', name: 'PlainResponse' },
  { title: 'Refusal', file: 'tls/listener', name: 'Refusal' },
  ...['MtlsWsError', 'PeerIdentityError', 'HandshakeError', 'PeerProtocolError', 'LimitExceededError'].map((name) => ({
    ...{ title: 'Errors', file: 'errors', name },
  })),
  { title: 'Errors', file: 'errors', name: 'ConnectionClosedError' },
  { title: 'Errors', file: 'errors', name: 'UsageError' },
];

documentation('tells every public member, where it belongs', () => {
  for (const { title, file, name } of shapes) {
    const where = section(title);
    for (const member of membersOf(file, name)) {
      const told = member === 'isVerified' ? 'VerifiedPeer.isVerified' : member;
      assert.ok(tells(where, told, behind(name)), `"${title}" says nothing about ${name}.${member}`);
    }
  }
});

documentation('tells every name of the main door, and every member of mtls-ws/pki', async () => {
  const door = readFileSync(join(root, 'dist/src/index.d.ts'), 'utf8');
  const names = [...door.matchAll(/\{([^}]*)\}/g)]
    .flatMap(([, list]) => list!.split(','))
    .map((name) => name.replace('type ', '').trim())
    .filter((name) => name !== '');
  assert.ok(names.length > 30);
  for (const name of names) assert.match(text, new RegExp(`\\b${name}\\b`), name);

  const pki = section('mtls-ws/pki');
  for (const name of Object.keys(await import('mtls-ws/pki'))) assert.ok(tells(pki, name), name);
  const members = (name: string): string[] => membersOf('tls/pki/authority', name);
  for (const name of members('Authority')) assert.ok(tells(pki, name), `Authority.${name}`);
  for (const shape of ['AuthorityOptions', 'IssueOptions', 'ValidityOptions', 'IssuedCertificate']) {
    for (const name of members(shape)) assert.match(pki, new RegExp(`\\b${name}\\b`), `${shape}.${name}`);
  }
});

documentation('names doors and their parts that exist', async () => {
  const rows = [...section('Doors').matchAll(/^\| `(mtls-ws[\w/]*)` \| (.*) \|$/gm)];
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.equal(
    rows.map(([, door]) => door).sort(),
    Object.keys(exports)
      .map((door) => `mtls-ws${door.slice(1)}`)
      .sort(),
  );
  for (const [, door, what] of rows) {
    const module = await import(door!);
    for (const [, name] of what!.matchAll(/`(\w+)`/g)) assert.ok(name! in module, `${door} has no ${name}`);
  }
});

documentation('shows code that is a part of an example, and every example is run', () => {
  const blocks = blocksOf(text);
  assert.ok(blocks.length >= 3);
  for (const { language, name, text: code } of blocks) {
    assert.is(language, 'ts');
    assert.ok(
      readFileSync(join(root, `examples/${name}.ts`), 'utf8').includes(`\n${code}`),
      `examples/${name}.ts:\n${code}`,
    );
  }
  const tests = ['examples', 'readme', 'interop/ws', 'interop/haproxy']
    .map((name) => readFileSync(join(root, `test/${name}.test.ts`), 'utf8'))
    .join('');
  for (const file of readdirSync(join(root, 'examples'))) {
    assert.ok(tests.includes(`'${file.replace(/\.(?:ts|mjs)$/, '')}'`), `no test runs examples/${file}`);
  }
});

const others = suite('docs');

others('tells every finding of the doctor, and none that does not exist (docs/doctor.md)', async () => {
  const { findingSeverities } = await import('../src/tls/doctor/index.js');
  const page = readFileSync(join(root, 'docs/doctor.md'), 'utf8');
  const table = page.slice(page.indexOf('| about | ids |'), page.indexOf('## What it cannot tell'));
  const told = [...table.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id!);
  assert.equal(told.sort(), Object.keys(findingSeverities).sort());
});

others('lists every metric and every event of the log (docs/observability.md)', () => {
  const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');
  const metrics = readFileSync(join(root, 'src/cli/metrics.ts'), 'utf8');
  const names = [...metrics.matchAll(/family\('(\w+)', '(counter|gauge)'/g)];
  assert.ok(names.length > 8);
  for (const [, name, type] of names) assert.ok(page.includes(`| \`mtls_ws_${name}\` | ${type} |`), name);
  const observer = readFileSync(join(root, 'src/endpoint/observer.ts'), 'utf8');
  for (const [, name] of observer.matchAll(/channel\('(mtls-ws:\w+)'\)/g))
    assert.ok(page.includes(`| \`${name}\` |`), name);
  const log = readFileSync(join(root, 'src/cli/log.ts'), 'utf8');
  for (const [, event] of log.matchAll(/line\('([\w-]+)'/g))
    assert.match(page, new RegExp(`^\\| .*\`${event}\`.* \\|`, 'm'), event);
});

others.run();
documentation.run();
