/** HAProxy between clients and servers that verify each other through it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { root } from '../support/readme.js';
import { interopSuite } from './tools.js';

const haproxy = interopSuite('HAProxy that passes TLS through');

haproxy('lets both ends verify each other, and a server be drained while clients go on', ['haproxy'], () => {
  const script = join(root, 'examples/haproxy/run.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 60_000 });
  assert.is(status, 0, stderr);
  assert.match(stdout, /^a heard client \d from CN=mtls-ws development client$/m);
  assert.match(stdout, /^b heard client \d from CN=mtls-ws development client$/m);
  assert.match(stdout, /^a is drained: [1-6] clients connected anew, and b answers all of them$/m);
});

haproxy.run();
