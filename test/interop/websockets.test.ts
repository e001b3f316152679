/** Both ways with `websockets` for Python, as Debian packages it. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { files, type Program, start } from '../cli/program.js';
import { root } from '../support/readme.js';
import { expectEcho, expectLines, expectRefusal, pathsOf } from './echo.js';
import { interopSuite, python } from './tools.js';

const websockets = interopSuite('python3-websockets');

function script(name: string, ...args: string[]): Program {
  return start([join(root, 'test/interop', name), ...args], { program: python });
}

websockets('echoes 300 kB of text and bytes through our server', ['python3-websockets'], async () => {
  const server = start(['serve', '--port', '0', ...files().server]);
  try {
    const [, port] = await server.match('stdout', /:(\d+)\n$/);
    const client = await script('websockets-client.py', `wss://localhost:${port}`, ...pathsOf(files().client)).outcome;
    assert.is(client.code, 0, client.stderr);
    assert.is(client.stdout.toString(), 'closed with 1000\n');
  } finally {
    server.child.kill('SIGTERM');
    assert.is((await server.outcome).stderr, '');
  }
});

websockets('echoes 300 kB of text and bytes to our client', ['python3-websockets'], async () => {
  const server = script('websockets-server.py', ...pathsOf(files().server));
  try {
    const [, port] = await server.match('stdout', /port (\d+)\n/);
    await expectEcho(`wss://localhost:${port}`);
    await server.match('stdout', /closed with 1000/);
    await expectLines(`wss://localhost:${port}`);
    await expectRefusal(`wss://localhost:${port}`);
  } finally {
    server.child.kill('SIGKILL');
    await server.outcome;
  }
});

websockets.run();
