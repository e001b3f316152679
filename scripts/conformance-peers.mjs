// Puts other implementations of WebSocket through the conformance cases, over mutual TLS on loopback, and writes
// docs/conformance-results.md. What is not installed is skipped, loudly.
// `npm run conformance:peers -- [PEER…] [--role server|client] [--group GROUP] [--case ID] [--details FILE]`; where not all
// of it is run, the results are printed and the file stays as it is. `--details` writes what was seen on the wire as JSON;
// with `--from FILE`, which may be repeated, the page is made from such files, and nothing is run.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { groups, summarize, testClients, testServer } from '../dist/src/conformance/index.js';
import { findings } from './conformance-findings.mjs';
import { readOptions } from './options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const peersDirectory = join(root, 'test/interop/peers');
const resultsFile = join(root, 'docs/conformance-results.md');
const run = promisify(execFile);

/** How many cases are under way at once, with a server and with a client. */
const atOnce = 6;

/** What fails is tried once more, alone and with more time: it may have been the machine. Milliseconds. */
const moreTime = 20_000;
/** From how many milliseconds on a failure may be one of time, and how many of them are tried again. */
const usualTime = 5_000;
const maxAgain = 20;

/** The second name of the servers, for the cases about names. */
const otherHost = 'other.localhost';

const python = '/usr/bin/python3';
const goEnvironment = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' };
const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-peers-'));
const file = (name) => join(directory, name);
const started = [];

const debianVersion = async (name) => (await run('dpkg-query', ['-W', '-f', '$' + '{Version}', name])).stdout.trim();
const firstLineOf = async (program, ...args) => {
  const { stdout, stderr } = await run(program, args);
  return (stdout + stderr).split('\n', 1)[0];
};
const inside = (name) => join(peersDirectory, name);
const goBinary = file('gorilla');

/**
 * The peers. `version` rejects where the peer is not installed. `command` is the program, which takes the arguments of
 * test/interop/peers/README.md; `proxy` is one that stands in front of the `ws` server instead.
 */
const peers = [
  {
    name: 'ws',
    install: 'npm ci --prefix bench',
    version: async () =>
      `ws ${createRequire(join(root, 'bench/package.json'))('ws/package.json').version}, Node.js ${process.versions.node}`,
    command: [process.execPath, inside('ws.mjs')],
  },
  {
    name: 'websockets',
    install: 'apt-get install python3-websockets',
    version: async () => {
      const { stdout } = await run(python, ['-c', 'import websockets.version as v; print(v.version)']);
      return `websockets ${stdout.trim()} (python3-websockets ${await debianVersion('python3-websockets')}), ${await firstLineOf(python, '--version')}`;
    },
    command: [python, inside('python.py')],
  },
  {
    name: 'gorilla',
    install: 'apt-get install golang-go golang-github-gorilla-websocket-dev',
    version: async () => {
      await run('go', ['build', '-o', goBinary, inside('go/main.go')], { env: goEnvironment });
      const go = /go[\d.]+/.exec(await firstLineOf('go', 'version'))[0];
      return `gorilla/websocket ${await debianVersion('golang-github-gorilla-websocket-dev')}, ${go.replace('go', 'Go ')}`;
    },
    command: [goBinary],
  },
  {
    name: 'websocket-driver',
    install: 'apt-get install ruby-websocket-driver',
    version: async () => {
      const ruby = /^ruby ([\d.]+)/.exec(await firstLineOf('ruby', '-v'))[1];
      return `websocket-driver ${await debianVersion('ruby-websocket-driver')}, Ruby ${ruby}`;
    },
    command: ['ruby', inside('ruby.rb')],
  },
  {
    name: 'nginx',
    install: 'apt-get install nginx-light, npm ci --prefix bench',
    version: async () => {
      createRequire(join(root, 'bench/package.json')).resolve('ws');
      return `${(await firstLineOf('nginx', '-v')).replace('nginx version: nginx/', 'nginx ')}, in front of the ws above`;
    },
    proxy: (port, backend) => {
      const configuration = settle('nginx.conf', port, backend);
      return ['nginx', '-p', directory, '-e', 'stderr', '-c', configuration];
    },
  },
  {
    name: 'HAProxy',
    install: 'apt-get install haproxy, npm ci --prefix bench',
    version: async () => {
      createRequire(join(root, 'bench/package.json')).resolve('ws');
      const version = /version (\S+)/.exec(await firstLineOf('haproxy', '-v'))[1];
      return `HAProxy ${version}, in front of the ws above`;
    },
    proxy: (port, backend) => {
      const pair = ['server.pem', 'server.key'].map((name) => readFileSync(file(name)));
      writeFileSync(file('haproxy.pem'), Buffer.concat(pair), { mode: 0o600 });
      return ['haproxy', '-q', '-db', '-f', settle('haproxy.cfg', port, backend)];
    },
  },
];

/** Writes a configuration with its ports and the directory of the certificates, and returns its path. */
function settle(name, port, backend) {
  const text = readFileSync(inside(name), 'utf8');
  const places = { DIR: directory, PORT: port, BACKEND: backend };
  writeFileSync(
    file(name),
    text.replaceAll(/@([A-Z]+)@/g, (_, key) => places[key]),
  );
  return file(name);
}

function start([program, ...args]) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let said = '';
  child.stderr.on('data', (bytes) => {
    said = (said + bytes).slice(-2_000);
  });
  child.on('error', () => {});
  const ended = once(child, 'close').then(([code]) => ({ code, said }));
  return { child, ended };
}

async function stop({ child, ended }) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(timer);
}

/** Starts an echo server and returns its port. */
async function startServer(command, files) {
  const server = start([...command, 'server', ...files]);
  const line = once(createInterface(server.child.stdout), 'line').then(([text]) => text);
  const first = await Promise.race([line, server.ended.then(({ said }) => `ended: ${said}`)]);
  const port = Number(/^port (\d+)$/.exec(first)?.[1]);
  if (!(port > 0)) throw new Error(`the server did not come up: ${first}`);
  server.child.stdout.resume();
  return { ...server, port };
}

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

async function untilItListens(port, { ended }) {
  let isOver = false;
  const over = ended.then(({ said }) => {
    isOver = true;
    return said;
  });
  for (let attempt = 0; attempt < 100 && !isOver; attempt++) {
    const socket = net.connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await sleep(100);
  }
  throw new Error(`nothing listens on port ${port}: ${isOver ? await over : ''}`);
}

const pemOf = (pair) => ({
  ca: readFileSync(file('ca.pem')),
  cert: readFileSync(file(`${pair}.pem`)),
  key: readFileSync(file(`${pair}.key`)),
  caKey: readFileSync(file('ca.key')),
});
const filesOf = (pair) => [file('ca.pem'), file(`${pair}.pem`), file(`${pair}.key`)];

async function runAgainstServer(peer, choice, parallel) {
  const own = [];
  try {
    let port;
    if (peer.proxy === undefined) {
      const server = await startServer(peer.command, filesOf('server'));
      own.push(server);
      port = server.port;
    } else {
      const backend = await startServer([process.execPath, inside('ws.mjs')], []);
      own.push(backend);
      port = await freePort();
      const proxy = start(peer.proxy(port, backend.port));
      own.push(proxy);
      await untilItListens(port, proxy);
    }
    return await testServer({ ...choice, ...pemOf('client'), url: `wss://localhost:${port}/`, otherHost, parallel });
  } finally {
    for (const each of own) await stop(each);
  }
}

async function runAgainstClient(peer, choice, parallel) {
  let client;
  const ended = new AbortController();
  const results = await testClients({
    ...choice,
    ...pemOf('server'),
    serverName: 'localhost',
    signal: ended.signal,
    onListening: (url) => {
      client = start([...peer.command, 'client', url, String(parallel), ...filesOf('client')]);
      client.child.stdout.resume();
      void client.ended.then(async ({ code, said }) => {
        if (code !== 0 && code !== null) console.error(`${peer.name}: the client ended with ${code}: ${said}`);
        // A client that is told that there is nothing left may go before the last case is judged.
        await sleep(5_000);
        ended.abort();
      });
    },
  });
  await stop(client);
  return results;
}

// ── the page

const isFailure = ({ verdict }) => verdict === 'failed' || verdict === 'broken';
const patternOf = (id) => new RegExp(`^${id.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);

/** Sorts the failures of a run by what they come from. */
function sortFailures({ peer, role, results }) {
  const known = (findings[peer.name] ?? [])
    .filter((finding) => finding.role === undefined || finding.role === role)
    .map((finding) => ({ ...finding, patterns: finding.cases.map(patternOf), results: [] }));
  const unknown = [];
  for (const result of results.filter(isFailure)) {
    const fits = known.find(({ patterns }) => patterns.some((pattern) => pattern.test(result.case.id)));
    (fits?.results ?? unknown).push(result);
  }
  return { known: known.filter((finding) => finding.results.length > 0), unknown };
}

function countsOf(results) {
  const { byVerdict, failedMust, failedShould } = summarize(results, false);
  const { passed, weak, noted, skipped, broken } = byVerdict;
  return { passed, weak, must: failedMust, should: failedShould, noted, skipped, broken };
}

const table = (head, rows) =>
  [head, head.map((_, index) => (index < 2 ? '---' : '--:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

/** Lets lines end before column 120, as the other pages do. */
function wrap(text, indent) {
  const lines = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + word.length + 1 > 118) {
      lines.push(line);
      line = word;
    } else line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line].join(`\n${indent}`);
}

const idList = (results) => results.map((result) => `\`${result.case.id}\``).join(', ');

function skipReasons(results) {
  const counts = new Map();
  for (const { verdict, reason } of results) {
    if (verdict === 'skipped') counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => `- ${wrap(`${count} skipped: ${reason}.`, '  ')}`);
}

function sectionOf(done) {
  const { known, unknown } = sortFailures(done);
  const { results } = done;
  const lines = [`### As a ${done.role}`, ''];
  if (known.length + unknown.length === 0) lines.push('Nothing failed.', '');
  for (const { text, results: failed } of known) {
    const severities = [...new Set(failed.map(severityOf))].join(' and ');
    const count = `${failed.length} ${failed.length === 1 ? 'case' : 'cases'}, ${severities}`;
    lines.push(`- ${wrap(`${text} (${count}: ${idList(failed)})`, '  ')}`);
  }
  for (const { case: testCase, reason } of unknown) {
    lines.push(`- ${wrap(`Not looked at yet: \`${testCase.id}\`: ${reason}.`, '  ')}`);
  }
  const weak = results.filter(({ verdict }) => verdict === 'weak');
  if (weak.length > 0) {
    const counts = new Map();
    for (const { reason } of weak) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
    const told = most.map(([reason, count]) => `${reason} (${count})`).join('; ');
    lines.push(`- ${wrap(`Weak, which is lawful; what comes most often: ${told}.`, '  ')}`);
  }
  lines.push(...skipReasons(results), '');
  return lines.join('\n').replaceAll('\n\n\n', '\n\n');
}

function severityOf({ verdict, case: { severity }, violation }) {
  if (verdict === 'broken') return 'broken';
  return violation !== undefined || severity === 'MUST' ? 'MUST' : severity;
}

function page(all, versions, missing) {
  const intro = readFileSync(inside('results-intro.md'), 'utf8').trimEnd();
  const rows = all.map(({ peer, role, results }) => {
    const { passed, weak, must, should, noted, skipped, broken } = countsOf(results);
    return [peer.name, role, passed, weak, must, should, noted, skipped, broken].map(String);
  });
  const head = ['peer', 'role', 'passed', 'weak', 'failed MUST', 'failed SHOULD', 'noted', 'skipped', 'broken'];
  const names = [...new Set(all.map(({ peer }) => peer))];
  const total = all.reduce((sum, { results }) => sum + results.length, 0);
  const inGroups = Object.keys(groups).filter((group) =>
    all.some(({ results }) => results.some((result) => result.case.group === group)),
  );
  return [
    intro,
    '## Results',
    `${new Date().toISOString().slice(0, 10)}, ${versions.debian}: ${total} cases in the groups ${inGroups.join(', ')}.`,
    table(head, rows),
    ...(missing.length === 0 ? [] : [`Not installed, and so not tried: ${missing.join(', ')}.`]),
    '## Versions',
    table(
      ['peer', 'version'],
      names.map((peer) => [peer.name, versions[peer.name]]),
    ),
    ...names.flatMap((peer) => [`## ${peer.name}`, ...all.filter((done) => done.peer === peer).map(sectionOf)]),
  ]
    .map((part) => part.trimEnd())
    .join('\n\n')
    .concat('\n');
}

function debianName() {
  try {
    return `Debian ${readFileSync('/etc/debian_version', 'utf8').trim()}`;
  } catch {
    return 'not Debian';
  }
}

// ── the run

const { positionals, ...values } = readOptions(
  import.meta.url,
  {
    role: { type: 'string' },
    group: { type: 'string', multiple: true },
    case: { type: 'string', multiple: true },
    details: { type: 'string' },
    from: { type: 'string', multiple: true },
  },
  'words',
);
const isWhole = positionals.length === 0 && values.role === undefined && !values.group && !values.case;
const choice = { groups: values.group, ids: values.case };

/** Makes the page from the details of earlier runs, in the order of the peers. */
function layOut(files) {
  const saved = files.flatMap((name) => JSON.parse(readFileSync(name, 'utf8')));
  const all = peers.flatMap((peer) =>
    saved.filter((one) => one.peer === peer.name).map(({ role, results }) => ({ peer, role, results })),
  );
  const versions = { debian: saved[0].debian };
  for (const { peer, version } of saved) versions[peer] = version;
  writeFileSync(resultsFile, page(all, versions, []));
  for (const done of all) {
    for (const { case: testCase, reason } of sortFailures(done).unknown) {
      failed = true;
      console.log(`${done.peer.name} as a ${done.role}: ${testCase.id}: ${reason}`);
    }
  }
}

const details = [];
let failed = false;
process.on('exit', () => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
if (values.from !== undefined) layOut(values.from);
else await runAll();
// Each failure is to be looked at: one that has no finding makes the run fail.
if (failed) process.exitCode = 1;

async function runAll() {
  await run(process.execPath, [
    join(root, 'dist/src/cli/main.js'),
    'pki',
    'init',
    directory,
    '--host',
    otherHost,
    '--force',
  ]);
  const all = [];
  const versions = { debian: debianName() };
  const missing = [];
  for (const peer of peers) {
    if (positionals.length > 0 && !positionals.includes(peer.name)) continue;
    try {
      versions[peer.name] = await peer.version();
    } catch {
      missing.push(peer.name);
      console.error(`SKIPPED: ${peer.name}: not installed, or it cannot be built; install with: ${peer.install}`);
      continue;
    }
    for (const role of peer.proxy === undefined ? ['server', 'client'] : ['server']) {
      if (values.role !== undefined && values.role !== role) continue;
      const began = performance.now();
      const runAgainst = role === 'server' ? runAgainstServer : runAgainstClient;
      const results = [...(await runAgainst(peer, choice, atOnce))];
      const late = results.filter((result) => isFailure(result) && result.durationMs >= usualTime).slice(0, maxAgain);
      if (late.length > 0) {
        const again = { ...choice, ids: late.map((result) => result.case.id), timeout: moreTime };
        for (const result of await runAgainst(peer, again, 1)) {
          results[results.findIndex(({ case: { id } }) => id === result.case.id)] = result;
        }
      }
      all.push({ peer, role, results });
      details.push({ peer: peer.name, role, version: versions[peer.name], debian: versions.debian, results });
      const counts = Object.entries(countsOf(results)).map(([name, count]) => `${count} ${name}`);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.log(`${peer.name} as a ${role}: ${counts.join(', ')}, in ${seconds} s`);
      const { unknown } = sortFailures({ peer, role, results });
      for (const result of unknown) {
        failed = true;
        console.log(`  ${severityOf(result)} ${result.case.id} (${result.case.section}): ${result.reason}`);
      }
    }
  }
  if (isWhole && all.length > 0) {
    writeFileSync(resultsFile, page(all, versions, missing));
    console.log('docs/conformance-results.md is written');
  }
  if (values.details !== undefined) writeFileSync(values.details, JSON.stringify(details));
}
