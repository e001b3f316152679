// What honest clients notice of attackers on the same server, and what it costs in memory: `npm run abuse` prints it, `-- --write`
// renews docs/abuse.md, `-- --seconds N` lasts as long for each (default 6), `-- --only TEXT` takes those whose name contains it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, {
  write: { type: 'boolean', default: false },
  seconds: { type: 'string', default: '6' },
  only: { type: 'string', default: '' },
});
const seconds = Number(values.seconds);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What each attacker does, and the bound of the server's memory that is meant to hold, in MiB over that of no attack. */
const attacks = [
  ['silent', '1,000 TCP connections that say nothing', 64],
  ['dribbling', '1,000 TCP connections that send a byte of a ClientHello every 100 ms', 64],
  ['no certificate', 'TLS handshakes without a certificate, 16 at a time', 64],
  ['handshakes', 'TLS handshakes with a certificate, then gone, 16 at a time', 64],
  ['no request', '500 TLS connections that never ask for anything', 64],
  ['closes', 'connections that open and close, 16 at a time', 64],
  ['pings', 'pings of 125 bytes on 20 connections', 64],
  ['pings, unread', 'pings whose pongs nobody reads, on 20 connections', 64],
  ['tiny messages', 'messages of a byte on 20 connections', 64],
  ['tiny fragments', 'messages in fragments of a byte on 20 connections', 400],
  ['long messages, unread', 'messages of 1 MiB whose echoes nobody reads, on 20 connections', 400],
  ['unfinished messages', 'all but the last byte of 16 MiB, on 20 connections', 800],
  ['compression bombs', '64 MiB of zeros, compressed, on 20 connections', 400],
];
const chosen = attacks.filter(([name]) => name.includes(values.only));
if (chosen.length === 0) {
  console.error(`no attack is called '${values.only}': there are ${attacks.map(([name]) => name).join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-abuse-'));
const { ca, server, client } = createDevelopmentPki();
const file = (name, pem) => {
  writeFileSync(join(folder, name), pem, { mode: 0o600 });
  return join(folder, name);
};
const caFile = file('ca.pem', ca.cert);
const serverFiles = [caFile, file('server.pem', server.cert), file('server.key', server.key)];
const clientFiles = [caFile, file('client.pem', client.cert), file('client.key', client.key)];
const hasTaskset = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const children = new Set();

function start(core, args) {
  const command = [...(hasTaskset ? ['taskset', '-c', String(core)] : []), process.execPath, ...args];
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value };
}

async function stop({ child }) {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** RSS of a process, in MiB; `undefined` where there is no /proc. */
function rssOf(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;
  } catch {
    return undefined;
  }
}

const ms = (us) => (us / 1000).toFixed(us < 10_000 ? 2 : 0);
const rows = [];
let failed = false;
try {
  for (const [kind, text, bound] of chosen) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${kind}`);
    const [caPem, certPem, keyPem] = serverFiles;
    const flags = ['--port', '0', '--ca', caPem, '--cert', certPem, '--key', keyPem, '--compress'];
    const running = start(0, [here('../dist/src/cli/main.js'), 'serve', ...flags]);
    const port = /:(\d+)$/.exec(await running.next())[1];
    const honest = start(1, [here('abuse/honest.mjs'), port, ...clientFiles]);
    await honest.next();
    const ask = async () => {
      honest.child.stdin.write('\n');
      return JSON.parse(await honest.next());
    };
    const measure = async () => {
      await sleep(1500);
      await ask();
      let rss = 0;
      for (let elapsed = 0; elapsed < seconds * 1000; elapsed += 100) {
        await sleep(100);
        rss = Math.max(rss, rssOf(running.child.pid) ?? 0);
      }
      return { ...(await ask()), rss };
    };
    const before = await measure();
    const attacker = start(1, [here('abuse/attack.mjs'), kind, port, ...clientFiles]);
    let done = 0;
    let told = 0;
    void (async () => {
      for (let line = await attacker.next(); line !== undefined; line = await attacker.next()) {
        done += JSON.parse(line).done;
        told++;
      }
    })();
    const during = await measure();
    await stop(attacker);
    const isAlive = running.child.exitCode === null;
    await stop(honest);
    await stop(running);
    const more = during.rss - before.rss;
    const isBad = !isAlive || before.lost > 0 || during.lost > 0 || more > bound || during.count === 0;
    failed ||= isBad;
    rows.push([
      text,
      Math.round(done / Math.max(1, told)).toLocaleString('en'),
      `${ms(before.p50)} → ${ms(during.p50)}`,
      `${ms(before.p99)} → ${ms(during.p99)}`,
      `${ms(before.opening)} → ${ms(during.opening)}`,
      String(during.lost),
      `${Math.max(0, Math.round(more))} (${bound})`,
    ]);
    if (isBad) console.error(`\n${kind}: ${isAlive ? JSON.stringify({ before, during }) : 'THE SERVER HAS ENDED'}`);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
const head = ['attack', 'per second', 'echo p50, ms', 'echo p99, ms', 'opening p50, ms', 'lost', 'MiB more (bound)'];
const table = [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows]
  .map((row) => `| ${row.join(' | ')} |`)
  .join('\n');
console.log(table);
if (values.write) {
  const page = here('../docs/abuse.md');
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(/<!-- abuse -->[\s\S]*?<!-- \/abuse -->/, `<!-- abuse -->\n${table}\n<!-- /abuse -->`),
  );
}
process.exitCode = failed ? 1 : 0;
