// Runs the built tests under c8 and holds the coverage: the whole of src, and the pure rooms more strictly.
// `npm test -- PATTERN` runs the test files whose path contains PATTERN, without coverage.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const c8 = fileURLToPath(new URL('../node_modules/c8/bin/c8.js', import.meta.url));
const pattern = process.argv[2];

const thresholds = [
  { name: 'src', include: 'src/**', lines: 90, branches: 85, reporter: 'text' },
  { name: 'src/frame', include: 'src/frame/**', lines: 99, branches: 98, reporter: 'none' },
  { name: 'src/handshake', include: 'src/handshake/**', lines: 99, branches: 98, reporter: 'none' },
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
for (const { name, include, lines, branches, reporter } of thresholds) {
  const files = ['--all', '--src', 'src', '--exclude-after-remap', '--include', include, ...excluded];
  const limits = ['--check-coverage', '--lines', String(lines), '--branches', String(branches)];
  const missed = node([c8, 'report', ...temporary, ...files, '--reporter', reporter, '--skip-full', ...limits]);
  const verdict = missed === 0 ? 'holds' : 'FALLS SHORT OF';
  console.log(`coverage of ${name}: ${verdict} ${lines} % of lines, ${branches} % of branches`);
  status ||= missed;
}
process.exit(status);
