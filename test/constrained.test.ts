/** Holds what docs/constrained.md says to the package, as far as it does not depend on the machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { root } from './support/readme.js';
import { suite } from './support/suite.js';

const constrained = suite('constrained deployments (docs/constrained.md)');

/** What `npm run constrained` measures with. */
const { demo, descriptorsPerConnection, loadedBy, streamed } = await import(
  pathToFileURL(join(root, 'scripts/constrained/measure.mjs')).href
);

/** The modules of other rooms than those that a user of the main door needs. */
function others(modules: readonly string[]): string[] {
  return modules.filter((path) => /^(?:cli|conformance|bench|tls\/pki|tls\/doctor)\//.test(path));
}

constrained('is what `npm run constrained` says, where that does not vary', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/constrained.mjs'), '--check'], {
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
});

constrained('loads for `import` what the main door needs, no node:http, and compiles no WebAssembly', () => {
  const { modules, builtins, webAssembly } = loadedBy('dist/src/index.js');
  assert.ok(modules.includes('endpoint/connection.js') && builtins.includes('tls'), 'it tells what is loaded');
  assert.equal(others(modules), []);
  assert.equal(
    builtins.filter((name: string) => /^_?http/.test(name)),
    [],
  );
  assert.is(webAssembly, 0);
});

constrained('loads the command that was asked for, and no other', () => {
  const commands = (modules: readonly string[]): string[] =>
    modules.filter((path) => /^cli\/(?:serve|connect|demo|doctor|conformance|pki(?:-\w+)?)\.js$/.test(path));
  const { modules } = loadedBy('dist/src/cli/main.js', 'serve', '--help');
  assert.equal(commands(modules), ['cli/serve.js']);
  assert.equal(
    others(modules).filter((path) => !path.startsWith('cli/')),
    [],
  );
  assert.equal(commands(loadedBy('dist/src/cli/main.js', '--version').modules), []);
});

constrained('knows each command by the name that its help shows', () => {
  const main = readFileSync(join(root, 'src/cli/main.ts'), 'utf8');
  const names = [...main.matchAll(/^ {2}'?([a-z -]+)'?: async \(\) => \(await import/gm)].map(([, name]) => name!);
  assert.ok(names.length > 10, `${names.length} commands`);
  for (const name of names) {
    const { stdout } = spawnSync(process.execPath, [join(root, 'dist/src/cli/main.js'), ...name.split(' '), '--help'], {
      encoding: 'utf8',
    });
    assert.is(stdout.split('\n', 1)[0], `mtls-ws ${name}`);
  }
});

constrained('streams 256 MiB in one message each way, with a heap of 32 MiB at both ends', async () => {
  const length = 256 * 1024 * 1024;
  const { up, down } = await streamed(length, 32);
  for (const way of [up, down]) {
    assert.is(way.length, length);
    // Who holds it has more than it: a process that has nothing to do has some 45 MiB already.
    assert.ok(Math.max(way.serverPeak, way.clientPeak) < length, JSON.stringify(way));
  }
});

constrained('uses one file descriptor for each connection', async () => {
  const count = await descriptorsPerConnection(20);
  // Only Linux tells.
  if (process.platform === 'linux') assert.is(count, 1);
});

constrained('runs the demo without just-in-time compiler and WebAssembly, and with a heap of 32 MiB', () => {
  demo(['--jitless']);
  demo(['--max-old-space-size=32']);
});

constrained.run();
