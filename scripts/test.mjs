// Runs the built tests under c8 and holds the coverage: the whole of src, and the pure rooms more strictly.
// `npm test -- PATTERN` runs the test files whose path contains PATTERN, without coverage.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const c8 = fileURLToPath(new URL('../node_modules/c8/bin/c8.js', import.meta.url));
const pattern = process.argv[2];

const thresholds = [
  { name: 'src', lines: 90, branches: 85 },
  { name: 'src/frame', lines: 99, branches: 98 },
  { name: 'src/handshake', lines: 99, branches: 98 },
];

function node(args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return signal === null ? (status ?? 1) : 1;
}

if (pattern !== undefined) process.exit(node(['dist/test/run.js', pattern]));

const temporary = ['--temp-directory', 'coverage/tmp'];
// Files with types alone compile to nothing: there is nothing to run in them.
const excluded = readdirSync(`${root}dist/src`, { recursive: true })
  .filter((file) => file.endsWith('.js') && readFileSync(`${root}dist/src/${file}`, 'utf8').startsWith('export {};'))
  .flatMap((file) => ['--exclude', `src/${file.replace(/\.js$/, '.ts')}`]);
let status = node([c8, ...temporary, '--reporter', 'none', process.execPath, 'dist/test/run.js']);
const files = ['--all', '--src', 'src', '--exclude-after-remap', '--include', 'src/**', ...excluded];
const reporters = ['--reporter', 'text', '--reporter', 'json-summary', '--skip-full'];
const reported = node([c8, 'report', ...temporary, ...files, ...reporters]);
status ||= reported;
const summary = Object.entries(JSON.parse(readFileSync(`${root}coverage/coverage-summary.json`, 'utf8')));
for (const { name, lines, branches } of thresholds) {
  const measured = (what) => {
    const counts = summary.filter(([file]) => file.startsWith(`${root}${name}/`)).map(([, counts]) => counts[what]);
    const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
    return (100 * sum('covered')) / sum('total');
  };
  const holds = measured('lines') >= lines && measured('branches') >= branches;
  const found = `${measured('lines').toFixed(2)} % of lines, ${measured('branches').toFixed(2)} % of branches`;
  console.log(`coverage of ${name}: ${found}; ${holds ? 'holds' : 'FALLS SHORT OF'} ${lines} and ${branches}`);
  if (!holds) status ||= 1;
}
process.exit(status);
