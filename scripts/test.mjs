// Runs the built tests under c8 and holds the coverage: the whole of src, and the pure rooms more strictly.
// `npm test -- PATTERN` runs the test files whose path contains PATTERN, without coverage.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const c8 = fileURLToPath(new URL('../node_modules/c8/bin/c8.js', import.meta.url));
const pattern = process.argv[2];

const thresholds = [
  { name: 'src', include: 'src/**', lines: 90, branches: 85 },
  { name: 'src/frame', include: 'src/frame/**', lines: 99, branches: 98 },
  { name: 'src/handshake', include: 'src/handshake/**', lines: 99, branches: 98 },
];

function node(args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return signal === null ? (status ?? 1) : 1;
}

if (pattern !== undefined) process.exit(node(['dist/test/run.js', pattern]));

const common = ['--all', '--src', 'src', '--exclude-after-remap', '--temp-directory', 'coverage/tmp'];
let status = node([
  c8,
  ...common,
  '--include',
  'src/**',
  '--reporter',
  'text-summary',
  '--reporter',
  'lcovonly',
  process.execPath,
  'dist/test/run.js',
]);
for (const { name, include, lines, branches } of status === 0 ? thresholds : []) {
  const missed = node([
    c8,
    'check-coverage',
    ...common,
    '--include',
    include,
    '--lines',
    String(lines),
    '--branches',
    String(branches),
  ]);
  console.log(
    `coverage of ${name}: ${missed === 0 ? 'holds' : 'FALLS SHORT OF'} ${lines} % of lines, ${branches} % of branches`,
  );
  status ||= missed;
}
process.exit(status);
