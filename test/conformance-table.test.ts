/** Holds docs/conformance.md to the RFCs, by their sections and key words, and to what it names: files, tests and cases. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { testSelf } from '../src/cli/conformance-self.js';
import { allCases, groups } from '../src/conformance/index.js';
import { root } from './support/readme.js';
import { suite } from './support/suite.js';

/** Every section with requirements, and the key words of RFC 2119 in it, counted in the text of the RFC; MAY is left out. */
const sections: Readonly<Record<string, string>> = {
  'RFC 6455 §3': '1 MUST, 1 MUST NOT',
  'RFC 6455 §4.1': '39 MUST, 3 SHOULD',
  'RFC 6455 §4.2.1': '1 MUST, 1 SHOULD NOT',
  'RFC 6455 §4.2.2': '8 MUST, 2 MUST NOT',
  'RFC 6455 §4.3': '1 MUST',
  'RFC 6455 §4.4': '1 MUST',
  'RFC 6455 §5.1': '3 MUST, 1 MUST NOT',
  'RFC 6455 §5.2': '10 MUST',
  'RFC 6455 §5.3': '3 MUST, 1 MUST NOT',
  'RFC 6455 §5.4': '4 MUST, 6 MUST NOT',
  'RFC 6455 §5.5': '1 MUST, 1 MUST NOT',
  'RFC 6455 §5.5.1': '4 MUST, 2 MUST NOT, 2 SHOULD',
  'RFC 6455 §5.5.2': '1 MUST, 1 SHOULD',
  'RFC 6455 §5.5.3': 'no such word',
  'RFC 6455 §5.6': '1 MUST',
  'RFC 6455 §5.7': 'no such word',
  'RFC 6455 §5.8': '1 MUST',
  'RFC 6455 §6.1': '8 MUST',
  'RFC 6455 §6.2': '5 MUST',
  'RFC 6455 §7.1.1': '4 SHOULD',
  'RFC 6455 §7.1.2': '1 MUST, 1 SHOULD',
  'RFC 6455 §7.1.3': 'no such word',
  'RFC 6455 §7.1.4': 'no such word',
  'RFC 6455 §7.1.5': 'no such word',
  'RFC 6455 §7.1.6': 'no such word',
  'RFC 6455 §7.1.7': '2 MUST, 1 MUST NOT, 2 SHOULD, 1 SHOULD NOT',
  'RFC 6455 §7.2.1': '2 MUST, 1 SHOULD NOT',
  'RFC 6455 §7.2.2': '1 MUST',
  'RFC 6455 §7.2.3': '3 SHOULD',
  'RFC 6455 §7.3': '1 SHOULD NOT',
  'RFC 6455 §7.4': 'no such word',
  'RFC 6455 §7.4.1': '3 MUST NOT, 1 SHOULD',
  'RFC 6455 §7.4.2': 'no such word',
  'RFC 6455 §8.1': '1 MUST',
  'RFC 6455 §9': '1 MUST, 1 MUST NOT',
  'RFC 6455 §9.1': '4 MUST, 1 MUST NOT',
  'RFC 6455 §9.2': 'no such word',
  'RFC 6455 §10.1': 'no such word',
  'RFC 6455 §10.2': '2 SHOULD',
  'RFC 6455 §10.3': '1 MUST',
  'RFC 6455 §10.4': '1 MUST, 1 SHOULD',
  'RFC 6455 §10.5': 'no such word',
  'RFC 6455 §10.6': '1 MUST, 1 SHOULD',
  'RFC 6455 §10.7': '1 MUST, 2 SHOULD',
  'RFC 6455 §10.8': 'no such word',
  'RFC 6455 §11.1.1': '2 MUST',
  'RFC 6455 §11.1.2': '2 MUST',
  'RFC 6455 §11.3.1': '1 MUST NOT',
  'RFC 6455 §11.3.2': '1 MUST NOT',
  'RFC 6455 §11.3.3': '1 MUST NOT',
  'RFC 6455 §11.3.4': '1 MUST NOT',
  'RFC 6455 §11.3.5': '1 MUST NOT',
  'RFC 7692 §4': '2 MUST',
  'RFC 7692 §5': '8 MUST, 3 MUST NOT',
  'RFC 7692 §5.1': 'no such word',
  'RFC 7692 §5.2': 'no such word',
  'RFC 7692 §6': 'no such word',
  'RFC 7692 §6.1': '3 MUST, 1 MUST NOT',
  'RFC 7692 §6.2': '2 MUST',
  'RFC 7692 §7': '2 MUST',
  'RFC 7692 §7.1.1.1': '1 RECOMMENDED',
  'RFC 7692 §7.1.1.2': '1 MUST',
  'RFC 7692 §7.1.2.1': '2 MUST',
  'RFC 7692 §7.1.2.2': '2 MUST, 1 MUST NOT',
  'RFC 7692 §7.1.3': 'no such word',
  'RFC 7692 §7.2.1': '3 MUST, 4 MUST NOT',
  'RFC 7692 §7.2.2': '6 MUST',
  'RFC 7692 §7.2.3': 'no such word',
  'RFC 7692 §7.3': '1 RECOMMENDED',
  'RFC 7692 §8': 'no such word',
};

const keyWords = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'RECOMMENDED'];

interface Row {
  /** `RFC 6455 §5.2`, of the heading above. */
  readonly clause: string;
  readonly section: string;
  readonly level: string;
  readonly demand: string;
  readonly where: string;
  readonly proof: string;
}

const text = readFileSync(join(root, 'docs/conformance.md'), 'utf8');
const headings = [...text.matchAll(/^### (RFC \d+ §[\d.]+) — .+: (.+)$/gm)].map(([, clause, counts]) => [
  clause!,
  counts!,
]);
const rows = rowsOf(text);

function rowsOf(document: string): Row[] {
  const found: Row[] = [];
  let clause = '';
  for (const line of document.split('\n')) {
    clause = /^### (RFC \d+ §[\d.]+) /.exec(line)?.[1] ?? clause;
    if (!line.startsWith('| §') || line.startsWith('| § |')) continue;
    const cells = line.slice(2, -2).split(' | ');
    assert.is(cells.length, 5, line);
    const [section, level, demand, where, proof] = cells as [string, string, string, string, string];
    found.push({ clause, section, level, demand, where, proof });
  }
  return found;
}

const sources = new Map<string, string>();
function source(file: string): string {
  if (!sources.has(file)) {
    assert.ok(existsSync(join(root, file)), `${file} does not exist`);
    sources.set(file, readFileSync(join(root, file), 'utf8'));
  }
  return sources.get(file)!;
}

/** The clauses that a file cites: `RFC 6455 §5.2`, also in a list such as `RFC 6455 §5.3, §6.2 and §10.3`. */
function citationsOf(file: string): Set<string> {
  const cited = new Set<string>();
  const lines = source(file).replaceAll(/\n\s*(?:\*|\/\/) /g, ' ');
  for (const [, rfc, list] of lines.matchAll(/(RFC \d+) (§[\d.]+(?:(?:,| and) §[\d.]+)*)/g)) {
    for (const [section] of list!.matchAll(/§\d+(?:\.\d+)*/g)) cited.add(`${rfc} ${section}`);
  }
  return cited;
}

/** The files, tests and cases that a proof names. */
function namesOf(proof: string): { tests: Array<readonly [file: string, title: string]>; cases: string[] } {
  const tests: Array<readonly [string, string]> = [];
  const cases: string[] = [];
  let file = '';
  for (const [, code, title] of proof.matchAll(/`([^`]+)`|“([^”]+)”/g)) {
    if (title !== undefined) tests.push([file, title]);
    else if (code!.startsWith('test/')) file = code!;
    else if (Object.hasOwn(groups, code!.split('/')[0]!)) cases.push(code!);
  }
  return { tests, cases };
}

const escapedPattern = (part: string): string => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Whether a test file declares a test of this title. Where titles are made in a loop, what is put into one must stand in the
 * file, too; `…` stands for anything.
 */
function declares(file: string, title: string): boolean {
  const code = source(file);
  for (const [, , literal] of code.matchAll(/^\s*\w+\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1,/gm)) {
    const parts = literal!.replaceAll(/\\(.)/g, '$1').split(/\$\{[^}]*\}/);
    const match = new RegExp(`^${parts.map(escapedPattern).join('(.+)')}$`).exec(title);
    if (match?.slice(1).every((part) => part === '…' || stands(code, part))) return true;
  }
  return false;
}

/** Whether a text stands in code as a string, as a number or as the name of a property. */
function stands(code: string, part: string): boolean {
  const name = escapedPattern(part);
  return new RegExp(/^\d+$/.test(part) ? `\\b${name}\\b` : `(['"\`])${name}\\1|^ *${name}:`, 'm').test(code);
}

const table = suite('docs/conformance.md');

table('has every section of both RFCs, with the count of its key words', () => {
  assert.equal(headings, Object.entries(sections));
});

table('has a row for every key word, and none too many', () => {
  for (const [clause, counts] of Object.entries(sections)) {
    const found = keyWords.map((word) => {
      const levels = rows.filter((row) => row.clause === clause).map(({ level }) => level.split(' ×'));
      const times = levels.reduce((sum, [level, times = '1']) => sum + (level === word ? Number(times) : 0), 0);
      return times === 0 ? '' : `${times} ${word}`;
    });
    assert.is(found.filter((count) => count !== '').join(', ') || 'no such word', counts, clause);
  }
});

table('has rows of the clause of their heading, with a level, a demand, a place and a proof', () => {
  for (const { clause, section, level, demand, where, proof } of rows) {
    const name = `${clause} ${demand}`;
    assert.ok(clause.endsWith(` ${section}`), name);
    assert.ok([...keyWords, '(must)', '(should)'].includes(level.replace(/ ×[2-9]$/, '')), name);
    assert.ok(demand.length > 5, name);
    const { tests, cases } = namesOf(proof);
    if (where === '—') assert.match(proof, /^(?:Not for an endpoint library|Nothing to obey)\b.*: .{20}/, name);
    else assert.ok(tests.length + cases.length > 0 || proof.startsWith('**Deviation:** '), name);
  }
});

table('counts its deviations, and the code gives reasons for them, too', () => {
  const deviations = rows.filter(({ proof }) => proof.includes('**Deviation:** '));
  assert.match(text, `\n${deviations.length} words are not obeyed to the letter`);
  for (const { where } of deviations) {
    const reasons = [...where.matchAll(/`([^`]+)`/g)].filter(([, file]) => source(file!).includes('Deliberately: '));
    assert.ok(reasons.length > 0, where);
  }
});

table('names files that exist, and that cite the clause they obey', () => {
  for (const [, file] of text.matchAll(/`((?:src|test|examples|docs)\/[^`]+)`/g)) source(file!);
  for (const { clause, where } of rows) {
    for (const [, file] of where.matchAll(/`([^`]+)`/g)) {
      assert.ok(citationsOf(file!).has(clause), `${file} does not cite ${clause}`);
    }
  }
});

table('names tests by the titles that they have', () => {
  let count = 0;
  for (const { clause, proof } of rows) {
    for (const [file, title] of namesOf(proof).tests) {
      assert.ok(file !== '', `${clause}: "${title}" is in no file`);
      assert.ok(declares(file, title), `${clause}: ${file} has no test "${title}"`);
      count++;
    }
  }
  assert.ok(count > 200, `${count} tests`);
  assert.not(declares('test/frame/decoder.test.ts', 'refuses opcode 2 after 1 byte'));
});

table(
  'names conformance cases that exist, and that both ends of this package pass',
  async () => {
    const ids = [...new Set(rows.flatMap(({ proof }) => namesOf(proof).cases))];
    const known = new Set(allCases().map(({ id }) => id));
    for (const id of ids) assert.ok(known.has(id), `there is no case ${id}`);
    const results = await testSelf({ ids });
    const failed = results
      .filter(({ verdict }) => verdict !== 'passed')
      .map(({ case: { id }, verdict }) => [id, verdict]);
    assert.equal(failed, []);
    assert.is(new Set(results.map(({ case: { id } }) => id)).size, ids.length);
  },
  { deadline: 120_000 },
);

table.run();
