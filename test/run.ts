/**
 * Runs every test file under uvu in one process, and fails unless every declared test of every file ran.
 * `node dist/test/run.js [pattern…]` runs the files whose path contains one of the patterns; with `--interop` those of
 * `test/interop`, which need other programs, and which are left out otherwise; with `--package` without those of `bench`,
 * which is not published. `--report=FILE` writes there which tests passed.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'uvu/run';
import { counts } from './support/counts.js';

const compiled = fileURLToPath(new URL('.', import.meta.url));
const sources = resolve(compiled, '../../test');
const args = process.argv.slice(2);
const wantsInterop = args.includes('--interop');
const wantsPackage = args.includes('--package');
const report = args.find((arg) => arg.startsWith('--report='))?.slice('--report='.length);
const patterns = args.filter((arg) => !arg.startsWith('--'));
const isWanted = (name: string): boolean =>
  (patterns.length === 0 || patterns.some((pattern) => name.includes(pattern))) &&
  !(wantsPackage && name.startsWith('bench/'));

/** The test files below `directory`, without their extension, sorted. */
function testFiles(directory: string, extension: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(`.test${extension}`))
    .map((entry) => relative(directory, join(entry.parentPath ?? entry.path, entry.name)).slice(0, -extension.length))
    .filter((name) => name.startsWith('interop') === wantsInterop)
    .sort();
}

const names = testFiles(compiled, '.js');
const expected = testFiles(sources, '.ts');
if (names.join() !== expected.join()) {
  console.error('the compiled tests are not those of the sources: run `npm run build` first');
  process.exit(1);
}

// Whatever escapes a connection would take a user's process down: it fails the run, with the name of the test.
const escaped: string[] = [];
process.on('uncaughtException', (error) => escaped.push(`${counts.current}: uncaught ${error.stack}`));
process.on('unhandledRejection', (reason) =>
  escaped.push(`${counts.current}: unhandled ${reason instanceof Error ? reason.stack : String(reason)}`),
);

// Before the first file is loaded: one that throws then ends the run.
process.on('exit', () => {
  for (const line of counts.slow) console.log(`took long: ${line}`);
  for (const line of counts.failures) console.error(`failed: ${line}`);
  for (const line of escaped) console.error(line);
  if (report !== undefined) writeFileSync(report, JSON.stringify({ node: process.version, tests: counts.results }));
  const passed = counts.results.filter(([, isGood]) => isGood).length;
  const missing = counts.declared - counts.results.length;
  if (missing !== 0) console.error(`${missing} of ${counts.declared} tests did not run`);
  if (counts.declared === 0) console.error('no test ran');
  const failed = counts.results.length - passed + missing + escaped.length;
  const skipped = wantsInterop ? `, ${counts.skipped} skipped` : '';
  console.log(`${passed} passed, ${failed} failed${skipped}`);
  process.exitCode = failed > 0 || counts.declared === 0 ? 1 : 0;
});

const selected = names.filter(isWanted);
await run(
  selected.map((name) => ({ name, file: join(compiled, `${name}.js`) })),
  { bail: false },
);

// A handle that is still open (a server, a timer) would hang the process for ever: name it and fail instead.
const hang = setTimeout(() => {
  console.error(`still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
  escaped.push('handles left open');
  process.exit(1);
}, 5_000);
hang.unref();
