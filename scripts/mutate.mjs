// Puts faults into the compiled core by hand of chance, one at a time, and sees whether the tests notice: `npm run mutate`.
// `-- --count N` (default 60), `--seed N`, `--only TEXT` takes the files whose path contains it, `--list` shows the faults alone.
// What survives is printed, to be judged: a test that is missing, or no fault at all.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { random } from '../dist/test/support/random.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, {
  count: { type: 'string', default: '60' },
  seed: { type: 'string', default: '1' },
  only: { type: 'string', default: '' },
  list: { type: 'boolean', default: false },
});
process.env.SEED = values.seed;
const { below } = random();
const root = fileURLToPath(new URL('..', import.meta.url));

/** What is changed into what; the first group is kept. */
const operators = [
  ['=== to !==', /(.*?)(?<![!=])===/, '$1!=='],
  ['!== to ===', /(.*?)!==/, '$1==='],
  ['< to <=', /(.*? )<(?= )/, '$1<='],
  ['<= to <', /(.*? )<=(?= )/, '$1<'],
  ['> to >=', /(.*? )>(?= )/, '$1>='],
  ['>= to >', /(.*? )>=(?= )/, '$1>'],
  ['&& to ||', /(.*?)&&/, '$1||'],
  ['|| to &&', /(.*?)\|\|/, '$1&&'],
  ['+ to -', /(.*? )\+(?= [\w(])/, '$1-'],
  ['- to +', /(.*? )-(?= [\w(])/, '$1+'],
  ['+ 1 to + 2', /(.*?)\+ 1\b/, '$1+ 2'],
  ['true to false', /(.*?)\btrue\b/, '$1false'],
  ['false to true', /(.*?)\bfalse\b/, '$1true'],
  [
    'another number',
    /(.*?[ (,[])(\d+|0x[0-9a-f]+)(?=[;,)\] ])/,
    (_, before, number) => `${before}${Number(number) + 1}`,
  ],
  ['a condition turned round', /^(\s*(?:else )?if )\((.*)\)(\s*\{?)$/, '$1(!($2))$3'],
  ['a call left out', /^(\s+)(?:this\.|[a-z]\w*\.)[\w#.]+\(.*\);$/, '$1;'],
  ['an early return left out', /^(\s+)return;$/, '$1;'],
];

/** Text that only people read, and what a test could not tell from what is there. */
const isSkipped = (line) => /^\s*(\/\/|\*|\/\*|import|export \{|throw new \w*Error\()|['"`].*\s.*['"`]/.test(line);

function filesOf(folder) {
  return readdirSync(join(root, 'dist/src', folder), { recursive: true })
    .filter(
      (name) =>
        name.endsWith('.js') && !name.startsWith('pki/') && !name.startsWith('doctor/') && !name.endsWith('index.js'),
    )
    .map((name) => `src/${folder}/${name}`);
}
const files = ['frame', 'handshake', 'tls'].flatMap(filesOf).filter((name) => name.includes(values.only));

/** Returns a fault that is not one of `known`. */
function makeFault(known) {
  for (;;) {
    const file = files[below(files.length)];
    const lines = readFileSync(join(root, 'dist', file), 'utf8').split('\n');
    const index = below(lines.length);
    const line = lines[index];
    if (isSkipped(line)) continue;
    const able = operators.filter(([, pattern]) => pattern.test(line));
    if (able.length === 0) continue;
    const [name, pattern, by] = able[below(able.length)];
    const changed = line.replace(pattern, by);
    const key = `${file}:${index}:${changed}`;
    if (changed === line || known.has(key)) continue;
    known.add(key);
    lines[index] = changed;
    return { file, at: index + 1, name, before: line.trim(), after: changed.trim(), text: lines.join('\n') };
  }
}

/** The tests that are asked, the nearest first. */
function stagesOf(file) {
  const [, folder] = file.split('/');
  const near = basename(file, '.js');
  const wide = {
    frame: ['endpoint/connection', 'endpoint/compression', 'conformance/agreement', 'model/'],
    handshake: ['endpoint/server', 'endpoint/client', 'endpoint/compression', 'conformance/agreement'],
    tls: ['endpoint/', 'cli/serve', 'cli/connect', 'security'],
  };
  return [[`${folder}/${near}`], [`${folder}/`], wide[folder]];
}

let running;
process.once('SIGINT', () => {
  running?.kill('SIGKILL');
  summarize();
  process.exit(130);
});

/** Whether the tests are green. */
function isGreen(folder, patterns) {
  return new Promise((resolve) => {
    running = spawn(process.execPath, ['dist/test/run.js', ...patterns], { cwd: folder, stdio: 'ignore' });
    const timer = setTimeout(() => running.kill('SIGKILL'), 240_000);
    running.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

const known = new Set();
const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-mutate-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const name of [
  'package.json',
  'README.md',
  'docs',
  'examples',
  'bench',
  'scripts',
  'test',
  'node_modules',
  'src',
]) {
  symlinkSync(join(root, name), join(folder, name));
}
cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
const counts = { noticed: 0, survived: 0 };
for (let index = 0; index < Number(values.count); index++) {
  const fault = makeFault(known);
  const { file, at, name, before, after, text } = fault;
  const shown = `${file}:${at}: ${name}\n    - ${before}\n    + ${after}`;
  if (values.list) {
    console.log(shown);
    continue;
  }
  const path = join(folder, 'dist', file);
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, text);
  let green = true;
  for (const patterns of stagesOf(file)) {
    // No test has the name of the file: the next stage has all of the folder.
    if (patterns.length === 1 && !patterns[0].endsWith('/') && !hasTests(patterns[0])) continue;
    green = await isGreen(folder, patterns);
    if (!green) break;
  }
  writeFileSync(path, whole);
  counts[green ? 'survived' : 'noticed']++;
  if (green) console.log(`SURVIVED ${shown}`);
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${index + 1} of ${values.count}: ${file}`);
}
if (!values.list) summarize();

function summarize() {
  const all = counts.noticed + counts.survived;
  console.log(
    `${counts.noticed} of ${all} faults were noticed (${((100 * counts.noticed) / all).toFixed(1)} %), seed ${values.seed}`,
  );
}

function hasTests(pattern) {
  return readdirSync(join(root, 'test'), { recursive: true }).some(
    (name) => name.includes(pattern) && name.endsWith('.test.ts'),
  );
}
