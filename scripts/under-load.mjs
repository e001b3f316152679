// How the cost of messages and connections grows, what broadcast saves, and what a message allocates: `npm run under-load`
// prints it, `-- --write` renews docs/performance.md. The load is that of bench/load in C; about three minutes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildLoad } from '../dist/bench/load/build.js';
import { sizeName } from '../dist/bench/rows.js';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, { write: { type: 'boolean', default: false } });

const built = buildLoad();
if ('missing' in built) {
  console.error(built.missing);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-load-'));
const { ca, server, client } = createDevelopmentPki();
const file = (name, pem) => {
  writeFileSync(join(folder, name), pem, { mode: 0o600 });
  return join(folder, name);
};
const caFile = file('ca.pem', ca.cert);
const serverFiles = [caFile, file('server.pem', server.cert), file('server.key', server.key)];
const clientFlags = [
  '--ca',
  caFile,
  '--cert',
  file('client.pem', client.cert),
  '--key',
  file('client.key', client.key),
];
const children = new Set();
const hasTaskset = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

function start(core, program, args) {
  const command = hasTaskset ? ['taskset', '-c', String(core), program, ...args] : [program, ...args];
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value };
}

const [caPath, certPath, keyPath] = serverFiles;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const servers = {
  raw: [here('../bench/subjects/raw.mjs'), '--ca', caPath, '--cert', certPath, '--key', keyPath],
  fast: [here('under-load/server.mjs'), ...serverFiles, 'fast'],
  message: [here('under-load/server.mjs'), ...serverFiles, 'message'],
};

/** `form`: plain `node:tls`, our fast handler, or our `message` event. */
async function withServer(form, use) {
  const { child, next } = start(0, process.execPath, ['--max-old-space-size=4096', ...servers[form]]);
  const port = /:(\d+)$/.exec(await next())[1];
  const ask = async (order, rest = {}) => {
    child.stdin.write(`${JSON.stringify({ order, ...rest })}\n`);
    return JSON.parse(await next());
  };
  try {
    return await use({ port, pid: child.pid, ask });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

async function echo({ port, pid }, options) {
  const args = Object.entries({ port, pid, kind: 'binary', warmup: 1, seconds: 2, ...options }).flatMap(
    ([name, value]) => [`--${name}`, String(value)],
  );
  const line = await start(1, built.path, ['echo', ...clientFlags, ...args]).next();
  return JSON.parse(line);
}

const table = (head, rows) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
const digits = (value) => (value >= 100 ? String(Math.round(value)) : value.toPrecision(3));
const parts = {};

try {
  console.error('cost of a message, by the number of connections');
  const counts = [1, 10, 100, 1_000, 10_000];
  const costs = {};
  for (const form of ['raw', 'fast']) {
    costs[form] = await withServer(form, async (running) => {
      const each = [];
      for (const connections of counts) {
        const options = { kind: form === 'raw' ? 'raw' : 'binary', size: 125, connections, 'in-flight': 1, seconds: 3 };
        const { cpuNs, messages } = await echo(running, options);
        each.push(cpuNs / 1000 / messages);
      }
      return each;
    });
  }
  parts.connections = table(
    ['connections', 'raw `node:tls`, µs of CPU per message', 'mtls-ws', 'ratio'],
    counts.map((count, i) => [
      count.toLocaleString('en'),
      ...[costs.raw[i], costs.fast[i]].map(digits),
      (costs.fast[i] / costs.raw[i]).toFixed(2),
    ]),
  );

  console.error('cost of a message, by its size');
  parts.sizes = await withServer('fast', async (running) => {
    const rows = [];
    for (const size of [0, 1, 4, 16, 64, 256, 1024, 4 * 1024, 16 * 1024, 64 * 1024].map((kib) => kib * 1024)) {
      const options = { size, records: 'packed', 'in-flight': Math.max(2, Math.ceil((256 * 1024) / (size + 6))) };
      const { cpuNs, messages } = await echo(running, { ...options, seconds: size > 2 ** 23 ? 5 : 2 });
      const us = cpuNs / 1000 / messages;
      rows.push([sizeName(size), digits(us), size === 0 ? '' : digits((us * 1000) / (size / 1024))]);
    }
    return table(['size of a message', 'CPU of the server, µs', 'ns per KiB'], rows);
  });

  console.error('what a message allocates');
  const rows = [];
  for (const form of ['fast', 'message']) {
    await withServer(form, async (running) => {
      const options = { size: 16, records: 'packed', 'in-flight': 11_916, warmup: 2, seconds: 4 };
      const measured = echo(running, options);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      await running.ask('startAllocations');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const { messages, bytesEach, top } = await running.ask('stopAllocations');
      await measured;
      const where = top.map(([name, size]) => `${name} ${size.toFixed(size < 1 ? 3 : 1)}`).join('; ');
      rows.push([
        form === 'fast' ? 'fast handler' : '`message` event',
        messages.toLocaleString('en'),
        digits(bytesEach),
        where,
      ]);
    });
  }
  parts.allocations = table(
    ['messages of 16 B, pipelined', 'messages', 'bytes of heap each', 'where, bytes each'],
    rows,
  );

  console.error('one message to many');
  const broadcasts = [];
  for (const receivers of [1_000, 10_000]) {
    for (const deflate of [false, true]) {
      await withServer('fast', async (running) => {
        const args = [
          '--port',
          running.port,
          '--pid',
          running.pid,
          '--connections',
          receivers,
          ...(deflate ? ['--deflate'] : []),
        ];
        const { child, next } = start(1, built.path, ['idle', ...clientFlags, ...args.map(String)]);
        await next();
        if ((await running.ask('count')) !== receivers) throw new Error('not all connections are open');
        for (const bytes of deflate ? [4096] : [125, 4096]) {
          const rounds = 5;
          const loop = await running.ask('toAll', { how: 'loop', bytes, rounds });
          const shared = await running.ask('toAll', { how: 'broadcast', bytes, rounds });
          const name = `${receivers.toLocaleString('en')}, ${sizeName(bytes)}${deflate ? ', compressed' : ''}`;
          broadcasts.push([name, digits(loop), digits(shared), (shared / loop).toFixed(2)]);
        }
        child.kill('SIGKILL');
      });
    }
  }
  parts.broadcast = table(
    ['receivers, message', 'a loop of `send`, µs each', '`broadcast`, µs each', 'ratio'],
    broadcasts,
  );

  for (const [name, text] of Object.entries(parts)) console.log(`${name}\n\n${text}\n`);
  if (values.write) {
    const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
    const renewed = readFileSync(page, 'utf8').replace(
      /<!-- under-load: (\w+) -->[\s\S]*?<!-- \/under-load -->/g,
      (_whole, name) => `<!-- under-load: ${name} -->\n${parts[name]}\n<!-- /under-load -->`,
    );
    writeFileSync(page, renewed);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
