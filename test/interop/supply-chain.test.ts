/** What a user of the package gets, and from whom. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { temporaryDirectory } from '../cli/program.js';
import { root } from '../support/readme.js';
import { interopSuite } from './tools.js';

const supply = interopSuite('supply chain');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What may be in the package, each with how many there are at least. */
const meant: ReadonlyArray<readonly [pattern: RegExp, least: number]> = [
  [/^package\.json$/, 1],
  [/^(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/, 4],
  [/^LICENSE$/, 1],
  [/^dist\/src\/(?:[a-z0-9-]+\/)*[a-z0-9-]+\.(?:js|d\.ts)$/, 200],
  [/^docs\/[a-z0-9-]+\.(?:md|svg)$/, 10],
  [/^examples\/(?:haproxy\/)?[a-z-]+\.(?:ts|mjs|cfg)$/, 5],
  [/^bench\/README\.md$/, 1],
];

supply('the package depends on no other one, and its lock file names no place to get one from', [], () => {
  const manifest = JSON.parse(read('package.json'));
  for (const kind of [
    'dependencies',
    'peerDependencies',
    'optionalDependencies',
    'bundleDependencies',
    'bundledDependencies',
  ]) {
    assert.is(manifest[kind], undefined, kind);
  }
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
    assert.is(manifest.scripts[hook], undefined, hook);
  const lock = JSON.parse(read('package-lock.json'));
  for (const [name, entry] of Object.entries(
    lock.packages as Record<string, { dev?: boolean; resolved?: string; integrity?: string }>,
  )) {
    if (name === '') continue;
    assert.is(entry.dev, true, `${name} is for development alone`);
    assert.is(entry.resolved, undefined, name);
    assert.match(entry.integrity ?? '', /^sha512-/, name);
  }
});

supply('the package holds what it is meant to hold, and nothing else', ['npm'], () => {
  const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: ReadonlyArray<{ path: string; mode: number }> }];
  assert.ok(files.length > 0, stderr);
  for (const { path, mode } of files) {
    assert.ok(
      meant.some(([pattern]) => pattern.test(path)),
      `${path} is not meant to be in the package`,
    );
    // Nothing that is run by its name but the command itself.
    assert.ok((mode & 0o111) === 0 || path === 'dist/src/cli/main.js', `${path} can be executed`);
    assert.not.match(
      path.endsWith('.svg') ? '' : read(path),
      /-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}/,
      path,
    );
  }
  for (const [pattern, least] of meant) {
    const count = files.filter(({ path }) => pattern.test(path)).length;
    assert.ok(count >= least, `${count} files match ${pattern}`);
  }
});

supply('a bill of materials names this package alone', ['npm'], () => {
  const { stdout } = spawnSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8' });
  const bill = JSON.parse(stdout);
  assert.is(bill.bomFormat, 'CycloneDX');
  assert.match(bill.metadata.component.purl, /^pkg:npm\/mtls-ws@/);
  assert.equal(bill.components, []);
});

/** Returns a hash of all files below a folder that are in the package, names included. */
function hashOf(folder: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.map'),
  );
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  for (const path of paths)
    hash
      .update(`${path.slice(folder.length)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

supply('the same sources make the same files', [], () => {
  const [one, other] = [temporaryDirectory(), temporaryDirectory()].map((outDir) => {
    const compiler = join(root, 'node_modules/.bin/tsc');
    const { status, stdout } = spawnSync(compiler, ['-p', 'tsconfig.json', '--outDir', outDir], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.is(status, 0, stdout);
    return hashOf(join(outDir, 'src'));
  });
  assert.is(one, other);
  assert.is(one, hashOf(join(root, 'dist/src')), 'what is built here');
});

supply.run();
