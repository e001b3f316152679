// What a second process behind the same port gives: `npm run scaling [-- ROUNDS]`, about three minutes. `mtls-ws serve` beside
// the echo of plain node:tls, each as workers of node:cluster; the load is that of bench/load in C, in two processes. Load and
// servers share all cores, so the rate ends where the machine does: CPU time is the figure to trust. Prints a table in Markdown.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoad } from '../dist/bench/load/build.js';
import { Generator, nextLine } from '../dist/bench/load/generator.js';
import { ratio, summarize } from '../dist/bench/statistics.js';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';
import { readOptions } from './options.mjs';

const [rounds = 5] = readOptions(import.meta.url, {}, 'numbers').positionals;
const built = buildLoad();
if ('missing' in built) {
  console.error(built.missing);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-scaling-'));
const file = (name, pem) => {
  writeFileSync(join(folder, name), pem, { mode: 0o600 });
  return join(folder, name);
};
const { ca, server, client } = createDevelopmentPki();
const caFile = file('ca.pem', ca.cert);
const serverFlags = [
  '--ca',
  caFile,
  '--cert',
  file('server.pem', server.cert),
  '--key',
  file('server.key', server.key),
];
const clientFiles = { ca: caFile, cert: file('client.pem', client.cert), key: file('client.key', client.key) };
const generator = new Generator('c', [built.path], clientFiles);

const beside = (path) => fileURLToPath(new URL(path, import.meta.url));
const subjects = {
  'mtls-ws': { kind: 'ws', command: [beside('../dist/src/cli/main.js'), 'serve', '--compress'] },
  'node:tls': { kind: 'raw', command: [beside('../bench/subjects/raw.mjs')] },
};
const echo = (options) => ({ command: 'echo', options: { warmup: 0.3, seconds: 1.5, connections: 32, ...options } });
const scenarios = {
  'full handshake': { command: 'handshake', options: { mode: 'full', concurrency: 8, count: 400, warmup: 0 } },
  '125 B, one in flight': echo({ size: 125 }),
  '1 KiB, 16 in flight': echo({ size: 1024, 'in-flight': 16 }),
  '1 KiB compressed, 16 in flight': echo({ size: 1024, 'in-flight': 16, deflate: true }),
};

/** CPU time of all threads of a process, in nanoseconds. */
function cpuOf(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return sum(tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])));
}

/** Runs two loads at once: how many there were in a second, and microseconds of CPU time of the servers for each. */
async function measure({ port, pids, primary }, kind, { command, options }) {
  const before = [...pids, primary].map(cpuOf);
  const begin = performance.now();
  // Each load watches one worker while it measures.
  const loads = await Promise.all(
    [pids[0], pids.at(-1)].map((pid) => generator.run(command, { port, pid }, { ...options, kind })),
  );
  if (command === 'handshake') {
    // Here the primary works too: it hands every connection to a worker.
    const seconds = (performance.now() - begin) / 1000;
    const cpu = [...pids, primary].map((pid, index) => (cpuOf(pid) - before[index]) / 1000);
    const done = sum(loads.map(({ count }) => count));
    return { rate: done / seconds, cpu: sum(cpu) / done, primary: cpu.at(-1) / done };
  }
  const done = sum(loads.map(({ messages }) => messages));
  const cpu = sum(loads.map(({ cpuNs }) => cpuNs)) / 1000 / (pids.length === 1 ? 2 : 1);
  const rate = sum(loads.map(({ messages, seconds }) => messages / seconds));
  return { rate, cpu: cpu / done, load: sum(loads.map(({ loadCpuNs }) => loadCpuNs)) / 1000 / done };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Figures by scenario, subject and number of workers: an array with one of each round. */
const figures = {};
try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, { kind, command }] of Object.entries(subjects)) {
      for (const workers of round % 2 === 0 ? [1, 2] : [2, 1]) {
        const args = [beside('scaling/primary.mjs'), workers, ...command, '--port', '0', ...serverFlags];
        const child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
        const target = { ...JSON.parse(await nextLine(child)), primary: child.pid };
        for (const [scenario, what] of Object.entries(scenarios)) {
          if (what.options.deflate && kind === 'raw') continue;
          const result = await measure(target, kind === 'ws' && what.command === 'echo' ? 'binary' : kind, what);
          ((figures[`${scenario} ${name}`] ??= {})[workers] ??= []).push(result);
          console.error(
            `round ${round + 1}, ${name}, ${workers} workers, ${scenario}: ${Math.round(result.rate)} a second`,
          );
        }
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const rounded = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));
const median = (values) => rounded(summarize(values).median);
const spread = ({ median, low, high }) => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, medians of ${rounds} rounds (lowest–highest)\n`,
);
console.log(
  '| what | server | a second, 1 worker | 2 workers | CPU µs each, 1 worker | 2 workers | rate 2 ÷ 1 | CPU 1 ÷ 2 |',
);
console.log('|---|---|--:|--:|--:|--:|--:|--:|');
const loads = [];
for (const scenario of Object.keys(scenarios)) {
  for (const name of Object.keys(subjects)) {
    const results = figures[`${scenario} ${name}`];
    if (results === undefined) continue;
    const of = (workers, key) => results[workers].map((result) => result[key]);
    const cells = [
      median(of(1, 'rate')),
      median(of(2, 'rate')),
      median(of(1, 'cpu')),
      median(of(2, 'cpu')),
      spread(ratio(of(2, 'rate'), of(1, 'rate'))),
      spread(ratio(of(1, 'cpu'), of(2, 'cpu'))),
    ];
    console.log(`| ${[scenario, name, ...cells].join(' | ')} |`);
    const key = scenario === 'full handshake' ? 'primary' : 'load';
    loads.push(`${scenario}, ${name}: ${key} ${median([...of(1, key), ...of(2, key)])} µs`);
  }
}
console.log(
  `\nCPU time of the load for each message, and of the primary process within that of a handshake:\n${loads.join('\n')}`,
);
