/** Holds docs/security.md, and the pages about trust that it links to, to the code and to the tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import * as assert from 'uvu/assert';
import { handshakeFaults } from '../src/handshake/errors.js';
import { identityFaults } from '../src/tls/errors.js';
import { blocksOf, root } from './support/readme.js';
import { suite } from './support/suite.js';

const read = (name: string): string => readFileSync(join(root, name), 'utf8');

const security = suite('docs/security.md');

security('names tests by the titles that they have', () => {
  let file = '';
  let count = 0;
  for (const [, path, title] of read('docs/security.md')
    .replaceAll(/\s+/g, ' ')
    .matchAll(/`(test\/[^`]+)`|“([^”]+)”/g)) {
    if (path !== undefined) file = path;
    else {
      // Titles that are made in a loop have `…` for what is put into them.
      const parts = title!.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      assert.match(read(file), new RegExp(parts.join('\\$\\{\\w+\\}')), `${file} has no test “${title}”`);
      count++;
    }
  }
  assert.ok(count >= 40, `${count} tests are named`);
});

security('says what the default options are', () => {
  const text = read('docs/security.md');
  const options = read('docs/options.md');
  for (const [name, shown, value] of [
    ['handshakeTimeout', '`handshakeTimeout` (10 s)', '10,000'],
    ['maxUnauthenticated', '`maxUnauthenticated` (1,024)', '1,024'],
  ] as const) {
    assert.ok(text.includes(shown), shown);
    assert.ok(options.includes(`| \`${name}\` | ${value} |`), name);
  }
});

security.run();

const authorization = suite('docs/authorization.md');

/** The rows of every table, as cells. */
const rows = [...read('docs/authorization.md').matchAll(/^\| (.*) \|$/gm)].map(([, row]) => row!.split(' | '));

authorization('lists every code of a refused identity in its words', () => {
  const told = new Map(rows.map(([code, words]) => [code, words]));
  for (const [code, { words }] of Object.entries(identityFaults)) assert.is(told.get(`\`${code}\``), words, code);
});

authorization('lists every code of a refused request under its status', () => {
  for (const [code, { status }] of Object.entries(handshakeFaults)) {
    if (status === undefined) continue;
    const row = rows.find(([first]) => first === String(status));
    assert.ok(row?.[1]?.includes(`\`${code}\``), `${status} ${code}`);
  }
});

authorization.run();

const snippets = suite('the pages about trust');

snippets('show JavaScript that can be parsed', () => {
  let count = 0;
  for (const page of ['security', 'authorization', 'trust', 'observability']) {
    for (const { language, text } of blocksOf(read(`docs/${page}.md`))) {
      if (language !== 'js') continue;
      count++;
      new Script(`async () => {\n${text.replaceAll(/^import .*$/gm, '')}\n}`, { filename: `docs/${page}.md` });
    }
  }
  assert.ok(count >= 5, `${count} blocks`);
});

snippets.run();
