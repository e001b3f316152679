// What more worker processes behind one port give: `npm run scaling`. The server is examples/cluster.ts, the load that of
// bench/load in C, in two processes. Load and servers share the cores of this machine: CPU time is the figure to trust.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoad } from '../dist/bench/load/build.js';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';

const built = buildLoad();
if ('missing' in built) {
  console.error(built.missing);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-scaling-'));
const certs = join(folder, 'certs');
mkdirSync(certs);
const pki = createDevelopmentPki();
const files = {
  'ca.pem': pki.ca.cert,
  'server.pem': pki.server.cert,
  'server.key': pki.server.key,
  'client.pem': pki.client.cert,
  'client.key': pki.client.key,
};
for (const [name, pem] of Object.entries(files)) writeFileSync(join(certs, name), pem, { mode: 0o600 });
const cluster = fileURLToPath(new URL('../dist/examples/cluster.js', import.meta.url));
const port = 20_000 + (process.pid % 20_000);

function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
}

/** CPU time of all threads of some processes, in microseconds. */
function cpu(pids) {
  let sum = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
    }
  }
  return sum / 1000;
}

async function load(command, args) {
  const credentials = [
    '--ca',
    join(certs, 'ca.pem'),
    '--cert',
    join(certs, 'client.pem'),
    '--key',
    join(certs, 'client.key'),
  ];
  const child = spawn(built.path, [command, '--port', port, ...credentials, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return JSON.parse(text);
}

console.log(`${availableParallelism()} cores; the load takes its share of them\n`);
console.log('workers  what                             per second   CPU of the workers each   share of each worker');
try {
  for (const workers of [1, 2, 4]) {
    const server = spawn(process.execPath, [cluster, String(port), String(workers)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout, 'data');
    const pids = childrenOf(server.pid);
    const measure = async (what, command, args, count) => {
      const before = pids.map((pid) => cpu([pid]));
      const begin = performance.now();
      const results = await Promise.all([load(command, args), load(command, args)]);
      const took = (performance.now() - begin) / 1000;
      const each = pids.map((pid, i) => cpu([pid]) - before[i]);
      const total = each.reduce((sum, one) => sum + one, 0);
      const done = results.reduce((sum, result) => sum + count(result), 0);
      const shares = each.map((one) => `${Math.round((one / total) * 100)} %`).join(' ');
      const cells = [Math.round(done / took), `${(total / done).toFixed(1)} µs`];
      console.log(
        `${workers}        ${what.padEnd(32)} ${String(cells[0]).padStart(10)} ${cells[1].padStart(25)}   ${shares}`,
      );
    };
    const warm = ['--warmup', '0'];
    await measure(
      'handshakes, 8 at a time, twice',
      'handshake',
      ['--kind', 'ws', '--concurrency', '8', '--count', '1000', ...warm],
      ({ count }) => count,
    );
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
