// What more processes behind the same port give: `npm run scaling [-- ROUNDS]`, about three minutes. `mtls-ws serve` beside the echo
// of plain node:tls, each as workers of node:cluster; the load is that of bench/load in C, in two processes. Load and servers share all
// cores, so the rate ends where the machine does: CPU time is the figure to trust.
// `--share 0.2` gives each worker so much of a core and no more, and measures 1, 2 and 4 workers: as long as load and workers together
// need less than the machine has, the rate is what workers gain beside each other. As root, with the control groups of Linux (version
// 1); about a quarter of an hour. Prints a table in Markdown.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoad } from '../dist/bench/load/build.js';
import { Generator, nextLine } from '../dist/bench/load/generator.js';
import { ratio, summarize } from '../dist/bench/statistics.js';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';
import { readOptions } from './options.mjs';

const given = readOptions(import.meta.url, { share: { type: 'string', default: '0' } }, 'numbers');

const share = Number(given.share);
const [rounds = share > 0 ? 3 : 5] = given.positionals;
const counts = share > 0 ? [1, 2, 4] : [1, 2];
if (share > 0) {
  const probe = '/sys/fs/cgroup/cpu/mtls-ws-scaling';
  try {
    mkdirSync(probe);
    rmdirSync(probe);
  } catch (error) {
    console.error(`--share needs root and the control groups of Linux, version 1: ${error.message}`);
    process.exit(1);
  }
  if (share < 0.05) {
    console.error('--share takes 0.05 of a core or more');
    process.exit(2);
  }
}
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
// A worker with a share of a core needs as much longer to have its code compiled, and each of several its own time.
const times = share > 0 ? { warmup: 6, seconds: 3 } : { warmup: 0.3, seconds: 1.5 };
const handshakes = (workers) =>
  share > 0 ? { warmup: 150 * workers, count: 150 * workers } : { warmup: 0, count: 400 };
const echo = (options) => ({ command: 'echo', options: { ...times, connections: 32, ...options } });
const scenarios = {
  'full handshake': { command: 'handshake', options: { mode: 'full', concurrency: 8 } },
  '125 B, one in flight': echo({ size: 125 }),
  '1 KiB, 16 in flight': echo({ size: 1024, 'in-flight': 16 }),
  '1 KiB compressed, 16 in flight': echo({ size: 1024, 'in-flight': 16, deflate: true }),
};

const groups = [];

/** Lets a process have `share` of a core in every 20 ms, and no more. */
function limit(pid) {
  const group = `/sys/fs/cgroup/cpu/mtls-ws-scaling-${pid}`;
  mkdirSync(group);
  groups.push(group);
  writeFileSync(join(group, 'cpu.cfs_period_us'), '20000');
  writeFileSync(join(group, 'cpu.cfs_quota_us'), String(Math.round(share * 20_000)));
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
}

/** CPU time of all threads of a process, in nanoseconds. */
function cpuOf(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return sum(tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])));
}

/** Runs two loads at once: how many there were in a second, and microseconds of CPU time of the servers for each. */
async function measure({ port, pids, primary }, kind, { command, options }) {
  const before = [...pids, primary].map(cpuOf);
  const own = command === 'handshake' ? handshakes(pids.length) : {};
  // Each load watches one worker while it measures.
  const loads = await Promise.all(
    [pids[0], pids.at(-1)].map((pid) => generator.run(command, { port, pid }, { ...options, ...own, kind })),
  );
  if (command === 'handshake') {
    // Here the primary works too: it hands every connection to a worker.
    const cpu = [...pids, primary].map((pid, index) => (cpuOf(pid) - before[index]) / 1000);
    const done = loads.length * (own.warmup + own.count);
    const rate = sum(loads.map(({ count, seconds }) => count / seconds));
    return { rate, cpu: sum(cpu) / done, primary: cpu.at(-1) / done };
  }
  const done = sum(loads.map(({ messages }) => messages));
  const cpu = sum(loads.map(({ cpuNs }) => cpuNs)) / 1000 / (pids.length === 1 ? 2 : 1);
  const rate = sum(loads.map(({ messages, seconds }) => messages / seconds));
  return { rate, cpu: cpu / done, load: sum(loads.map(({ loadCpuNs }) => loadCpuNs)) / 1000 / done };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** A group is empty a moment after its process has ended. */
async function removeGroups() {
  while (groups.length > 0) {
    for (let tries = 0; ; tries++) {
      try {
        rmdirSync(groups[0]);
        groups.shift();
        break;
      } catch (error) {
        if (tries === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}

/** Figures by scenario, subject and number of workers: an array with one of each round. */
const figures = {};
let child;

/** Ends what was started, and removes what was made. */
async function cleanUp() {
  try {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await removeGroups();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The exit code of the signal that stops everything: what fails from then on, fails because of it. */
let stoppedBy;
for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    stoppedBy = code;
    child?.kill('SIGTERM');
  });
}

try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, { kind, command }] of Object.entries(subjects)) {
      for (const workers of round % 2 === 0 ? counts : counts.toReversed()) {
        const args = [beside('scaling/primary.mjs'), workers, ...command, '--port', '0', ...serverFlags];
        if (stoppedBy !== undefined) throw new Error('stopped');
        child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
        const target = { ...JSON.parse(await nextLine(child)), primary: child.pid };
        if (share > 0) for (const pid of target.pids) limit(pid);
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
        await removeGroups();
      }
    }
  }
} catch (error) {
  if (stoppedBy === undefined) throw error;
} finally {
  await cleanUp();
}
if (stoppedBy !== undefined) process.exit(stoppedBy);

const rounded = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));
const median = (values) => rounded(summarize(values).median);
const spread = ({ median, low, high }) => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, medians of ${rounds} rounds (lowest–highest)\n`,
);

/** One row for each scenario and server that was measured: `cells` of its results by number of workers. */
function printTable(head, cells) {
  console.log(`| what | server | ${head.join(' | ')} |`);
  console.log(`|---|---|${head.map(() => '--:').join('|')}|`);
  for (const scenario of Object.keys(scenarios)) {
    for (const name of Object.keys(subjects)) {
      const results = figures[`${scenario} ${name}`];
      if (results === undefined) continue;
      const of = (workers, key) => results[workers].map((result) => result[key]);
      console.log(`| ${[scenario, name, ...cells(of, scenario, name)].join(' | ')} |`);
    }
  }
}

if (share > 0) {
  console.log(`Each worker has ${share} of a core.\n`);
  printTable(['a second, 1 worker', '2 workers', '4 workers', '2 ÷ 1', '4 ÷ 1'], (of) => [
    ...counts.map((workers) => median(of(workers, 'rate'))),
    ...[2, 4].map((workers) => spread(ratio(of(workers, 'rate'), of(1, 'rate')))),
  ]);
} else {
  const loads = [];
  printTable(
    ['a second, 1 worker', '2 workers', 'CPU µs each, 1 worker', '2 workers', 'rate 2 ÷ 1', 'CPU 1 ÷ 2'],
    (of, scenario, name) => {
      const key = scenario === 'full handshake' ? 'primary' : 'load';
      loads.push(`${scenario}, ${name}: ${key} ${median([...of(1, key), ...of(2, key)])} µs`);
      return [
        median(of(1, 'rate')),
        median(of(2, 'rate')),
        median(of(1, 'cpu')),
        median(of(2, 'cpu')),
        spread(ratio(of(2, 'rate'), of(1, 'rate'))),
        spread(ratio(of(1, 'cpu'), of(2, 'cpu'))),
      ];
    },
  );
  console.log(
    `\nCPU time of the load for each message, and of the primary process within that of a handshake:\n${loads.join('\n')}`,
  );
}
