// Mixed load over mutual TLS, with faults on the line and certificates that change: `npm run soak -- --minutes N` (default 1),
// `--seed N`. Every message has a number and a hash: nothing may be lost, come twice or out of order, except behind a line that was
// broken; no descriptor may be left, and from 10 minutes on the memory of the server must not grow by more than 0.5 MiB a minute.
// Exit code 1 otherwise.
import { spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '../dist/src/index.js';
import { createAuthority } from '../dist/src/tls/pki/index.js';
import { startProxy } from '../dist/test/support/faulty-proxy.js';
import { random } from '../dist/test/support/random.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, {
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
});
process.env.SEED = values.seed;
const { below } = random();
const duration = Number(values.minutes) * 60_000;
const workers = 24;
/** Milliseconds of a run from which on its memory is judged. */
const judgedFrom = 600_000;
if (!(duration > 0)) {
  console.error('--minutes takes a number over 0');
  process.exit(2);
}

const faults = [];
const fault = (text) => {
  if (faults.length === 0)
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}a fault, so the run ends: ${text}\n`);
  if (faults.length < 50) faults.push(text);
};
process.on('uncaughtException', (error) => fault(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => fault(`unhandled: ${error?.stack ?? error}`));

const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-soak-'));
const path = (name) => join(folder, name);
/** As a whole: whoever reads the file reads the old or the new. */
const write = (name, text) => {
  writeFileSync(path(`${name}.new`), text, { mode: 0o600 });
  renameSync(path(`${name}.new`), path(name));
};
const authority = createAuthority({ commonName: 'soak CA' });
const issueServer = () => authority.issue({ commonName: 'localhost', kind: 'server', hosts: ['localhost'] });
const issueClient = () => authority.issue({ commonName: 'soak client', kind: 'client' });
const rotate = () => {
  const { cert, key } = issueServer();
  write('server.pem', cert);
  write('server.key', key);
};
write('ca.pem', authority.cert);
rotate();
let client = issueClient();

const script = fileURLToPath(new URL('soak/server.mjs', import.meta.url));
const child = spawn(process.execPath, ['--expose-gc', script, path('ca.pem'), path('server.pem'), path('server.key')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const port = Number((await lines.next()).value);
const ask = async () => {
  child.stdin.write('\n');
  const { value } = await lines.next();
  if (value === undefined) throw new Error('the server has ended');
  return JSON.parse(value);
};

const counts = {
  connections: 0,
  messages: 0,
  bytes: 0,
  compressed: 0,
  streamed: 0,
  broken: 0,
  rotations: 0,
  refused: 0,
};
const noise = randomFillSync(Buffer.alloc(5 << 20));

/** A message: who, which one, a hash of all that follows, and as many bytes, some of which can be compressed. */
function makeMessage(id, number, size) {
  const message = Buffer.alloc(40 + size, 'all the same ');
  if (below(2) === 0) noise.copy(message, 40, below(1 << 20), (1 << 20) + size);
  message.writeUInt32BE(id, 0);
  message.writeUInt32BE(number, 4);
  createHash('sha256').update(message.subarray(40)).digest().copy(message, 8);
  return message;
}

function sizeOfNext() {
  const kind = below(100);
  if (kind < 60) return below(200);
  if (kind < 90) return below(20_000);
  if (kind < 99) return below(300_000);
  return below(3 << 20);
}

function lineOfNext(isBroken) {
  const line = { piece: [undefined, undefined, 1, 100, 5_000][below(5)], delay: below(4) === 0 ? 1 : 0 };
  if (line.piece !== undefined && line.piece < 5_000) line.delay = 0;
  if (!isBroken) return line;
  const how = ['fin', 'half', 'reset', 'silence'][below(4)];
  return { ...line, fault: { from: below(2) === 0 ? 'client' : 'server', offset: below(60_000), how } };
}

/** One connection, from its beginning to its end. */
async function converse(id) {
  const isBroken = below(4) === 0;
  const throughProxy = isBroken || below(4) === 0;
  const proxy = throughProxy ? await startProxy(port, () => lineOfNext(isBroken)) : undefined;
  try {
    const isCompressed = below(3) === 0;
    const where = ['/handler', '/message'][below(2)];
    const connection = await connect(`wss://localhost:${proxy?.port ?? port}${where}`, {
      ca: authority.cert,
      cert: client.cert,
      key: client.key,
      perMessageDeflate: isCompressed,
      pingInterval: 2_000,
      // A line that hands over a byte at a time may be far behind.
      pongDeadline: 15_000,
      closeDeadline: 15_000,
      handshakeTimeout: 5_000,
    });
    counts.connections++;
    const count = 1 + below(40);
    let received = 0;
    let wake = () => {};
    connection.on('message', (data) => {
      const [who, number] = [data.readUInt32BE(0), data.readUInt32BE(4)];
      if (who !== id || number !== received)
        fault(`connection ${id} was sent ${number} of ${who} where ${received} was to come`);
      const hash = createHash('sha256').update(data.subarray(40)).digest();
      if (!hash.equals(data.subarray(8, 40))) fault(`message ${number} of connection ${id} has another hash`);
      received++;
      counts.messages++;
      counts.bytes += data.length;
      wake();
    });
    let isOver = false;
    void connection.closed.then(() => {
      isOver = true;
      wake();
    });
    for (let number = 0; number < count && !isOver; number++) {
      // A line that hands over a byte at a time takes long for a long message.
      const message = makeMessage(id, number, throughProxy ? below(5_000) : sizeOfNext());
      if (isCompressed) counts.compressed++;
      if (below(5) === 0) {
        counts.streamed++;
        const cut = below(message.length);
        const sending = connection.sendMessage([message.subarray(0, cut), message.subarray(cut)]);
        await sending.catch(() => {});
      } else if (!connection.send(message)) {
        while (!isOver && connection.bufferedBytes > 65_536) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    while (received < count && !isOver) await new Promise((resolve) => (wake = resolve));
    const event = await connection.close(1000);
    if (isBroken && received < count) counts.broken++;
    else if (received !== count || event.code !== 1000 || !event.wasClean) {
      if (!isBroken)
        fault(`connection ${id} ended with ${event.code} (${event.reason}) after ${received} of ${count} messages`);
    }
  } catch (error) {
    if (!isBroken) fault(`connection ${id}: ${error.code}: ${error.message}`);
    counts.refused++;
  } finally {
    await proxy?.close();
  }
}

const began = performance.now();
const left = () => duration - (performance.now() - began);
let lastId = 0;
const samples = [];
const before = await ask();
const working = Array.from({ length: workers }, async () => {
  while (left() > 0 && faults.length === 0) await converse(++lastId);
});
const rotating = (async () => {
  while (left() > 0 && faults.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(5_000, Math.max(1, left()))));
    rotate();
    if (counts.rotations++ % 3 === 0) client = issueClient();
  }
})();
while (left() > 0 && faults.length === 0) {
  await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, Math.max(1, left()))));
  const state = await ask();
  samples.push([
    (performance.now() - began) / 60_000,
    ...[state.rss, state.heapUsed, state.external].map((bytes) => bytes / 2 ** 20),
  ]);
  const shown = `${Math.max(0, left() / 60_000).toFixed(1)} min left, ${counts.messages.toLocaleString('en')} messages, ${(state.rss / 2 ** 20).toFixed(0)} MiB`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${shown}`);
}
await Promise.all(working);
await rotating;
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
// What the peers of broken lines have left behind is found by pings, and by the handshake timeout.
let after = await ask();
for (let seconds = 0; seconds < 40 && after.open > 0; seconds++) {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  after = await ask();
}

/** The slope of a column over time, in MiB a minute, with its 95 % interval; the first third is warming up. */
function slopeOf(column) {
  const points = samples.slice(Math.floor(samples.length / 3)).map((sample) => [sample[0], sample[column]]);
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  const slope = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
  const rest = points.reduce((sum, [at, value]) => sum + (value - y - slope * (at - x)) ** 2, 0);
  return { slope, error: 1.96 * Math.sqrt(rest / Math.max(1, points.length - 2) / spread) };
}
const shown = ({ slope, error }) => `${slope.toFixed(2)} ± ${error.toFixed(2)}`;
const { slope, error } = slopeOf(1);
const rss = samples.map(([, value]) => value);
if (after.open > 0) fault(`${after.open} connections are still open at the server`);
if (after.descriptors > before.descriptors + 2) fault(`${after.descriptors} descriptors, ${before.descriptors} before`);
if (after.failedReloads > 0) fault(`${after.failedReloads} reloads failed`);
// Half a MiB a minute would be 700 MiB a day. A run of a few minutes cannot tell that from the warming up of the allocator.
if (duration >= judgedFrom && faults.length === 0 && slope - error > 0.5)
  fault(`memory grows by ${slope.toFixed(2)} ± ${error.toFixed(2)} MiB a minute`);
const rows = {
  seed: values.seed,
  minutes: values.minutes,
  connections: counts.connections.toLocaleString('en'),
  'lines that broke a conversation, or its beginning': (counts.broken + counts.refused).toLocaleString('en'),
  'messages, numbered and hashed': counts.messages.toLocaleString('en'),
  'of them offered compressed, streamed': `${counts.compressed.toLocaleString('en')}, ${counts.streamed.toLocaleString('en')}`,
  MiB: Math.round(counts.bytes / 2 ** 20).toLocaleString('en'),
  'rotations, reloads': `${counts.rotations}, ${after.reloads}`,
  'RSS of the server, MiB: least, most, last': [Math.min(...rss), Math.max(...rss), after.rss / 2 ** 20]
    .map(Math.round)
    .join(', '),
  'slope of RSS, MiB a minute (95 %)': duration < judgedFrom ? 'not judged under 10 minutes' : shown({ slope, error }),
  'of V8’s heap, of memory outside of it that V8 knows':
    duration < judgedFrom ? 'not judged' : `${shown(slopeOf(2))}, ${shown(slopeOf(3))}`,
  'descriptors before, after': `${before.descriptors}, ${after.descriptors}`,
  faults: faults.length,
};
for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(54)}${value}`);
for (const text of faults) console.error(text);
child.stdin.end();
await once(child, 'exit');
rmSync(folder, { recursive: true, force: true });
process.exit(faults.length === 0 ? 0 : 1);
