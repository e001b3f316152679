// Mixed load over mutual TLS, with faults on the line and certificates that change: `npm run soak -- --minutes N` (default 1),
// `--seed N`. Every message has a number and a hash: nothing may be lost, come twice or out of order, except behind a line that was
// broken, and no descriptor or connection may be left. Again and again the clients stop, until the server has nobody left, and it
// tells what it still holds: the objects of V8 and what the C library's allocator has given out. From 10 minutes on that must not
// grow by more than 0.1 MiB a minute, nor the RSS, which holds what was freed as well, by more than 2; without a C compiler, where the
// RSS is all that is known, by 0.5. Exit code 1 otherwise.
import { spawn, spawnSync } from 'node:child_process';
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
let isReported = false;
process.on('exit', (code) => {
  if (code === 0 && !isReported) process.exitCode = 1;
});
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

const allocator = path('allocator.node');
const source = fileURLToPath(new URL('soak/allocator.c', import.meta.url));
const hasAllocator = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', allocator, source]).status === 0;
if (!hasAllocator)
  console.error('no C compiler, or no glibc 2.33: memory that was freed and kept cannot be told from memory in use');
const script = fileURLToPath(new URL('soak/server.mjs', import.meta.url));
const files = [path('ca.pem'), path('server.pem'), path('server.key'), ...(hasAllocator ? [allocator] : [])];
const child = spawn(process.execPath, ['--expose-gc', script, ...files], { stdio: ['pipe', 'pipe', 'inherit'] });
const serverEnded = () => fault('the server has ended');
child.once('exit', serverEnded);
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const port = Number((await lines.next()).value);
const ask = async (line = '') => {
  child.stdin.write(`${line}\n`);
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
    let seen = -1;
    const watch = setInterval(() => {
      if (seen === received) {
        fault(`connection ${id} has stood still for two minutes, after ${received} of ${count} messages`);
        connection.terminate();
      }
      seen = received;
    }, 120_000);
    void connection.closed.then(() => {
      clearInterval(watch);
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
const isDone = () => left() <= 0 || faults.length > 0;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.max(1, milliseconds)));
let lastId = 0;
let atWork = 0;
/** Minutes and RSS while clients are there; minutes, V8's heap and what the allocator has given out while nobody is. */
const busy = [];
const quiet = [];
const inMiB = (bytes) => bytes / 2 ** 20;
const minutes = () => (performance.now() - began) / 60_000;
let gate = Promise.resolve();

/** Waits until the server has nobody left, and lets it collect its garbage. */
async function beQuiet() {
  let open;
  gate = new Promise((resolve) => (open = resolve));
  while (atWork > 0) await pause(20);
  // What the peers of broken lines have left behind is found by pings, and by the handshake timeout.
  for (let seconds = 0; seconds < 40 && (await ask()).open > 0; seconds++) await pause(1_000);
  const state = await ask('gc');
  if (state.open > 0) fault(`${state.open} connections are still open at the server, and no client is`);
  quiet.push([minutes(), inMiB(state.heapUsed), inMiB(state.allocated ?? 0)]);
  gate = Promise.resolve();
  open();
  return state;
}

const before = await ask('gc');
const working = Array.from({ length: workers }, async () => {
  while (!isDone()) {
    await gate;
    atWork++;
    await converse(++lastId);
    atWork--;
  }
});
const rotating = (async () => {
  while (!isDone()) {
    await pause(Math.min(5_000, left()));
    rotate();
    if (counts.rotations++ % 3 === 0) client = issueClient();
  }
})();
const quietEvery = Math.max(0.5, duration / 60_000 / 20);
let lastQuiet = 0;
while (!isDone()) {
  await pause(Math.min(2_000, left()));
  if (minutes() - lastQuiet > quietEvery && left() > 0) {
    await beQuiet();
    lastQuiet = minutes();
    continue;
  }
  const { rss } = await ask();
  busy.push([minutes(), inMiB(rss)]);
  const shown = `${Math.max(0, left() / 60_000).toFixed(1)} min left, ${counts.messages.toLocaleString('en')} messages, ${inMiB(rss).toFixed(0)} MiB`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${shown}`);
}
await Promise.all(working);
await rotating;
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
const after = await beQuiet();

/** The slope of a column over time, in MiB a minute, with its 95 % interval; the first third is warming up. */
function slopeOf(samples, pick) {
  const points = samples.slice(Math.floor(samples.length / 3)).map((sample) => [sample[0], pick(sample)]);
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  const slope = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
  const rest = points.reduce((sum, [at, value]) => sum + (value - y - slope * (at - x)) ** 2, 0);
  const freedom = points.length - 2;
  // Student's quantile, nearly.
  return { slope, error: (1.96 + 2.8 / freedom) * Math.sqrt(rest / freedom / spread) };
}
const isJudged = duration >= judgedFrom && faults.length === 0;
const notJudged = `not judged under ${judgedFrom / 60_000} minutes`;
const show = ({ slope, error }) => (isJudged ? `${slope.toFixed(3)} ± ${error.toFixed(3)}` : notJudged);
const ofRss = slopeOf(busy, ([, rss]) => rss);
const ofUse = slopeOf(quiet, ([, heap, allocated]) => heap + allocated);
const judgements = hasAllocator
  ? [
      ['what is in use', ofUse, 0.1],
      // What neither V8 nor the allocator counts, beside what the allocator keeps.
      ['RSS', ofRss, 2],
    ]
  : [['RSS', ofRss, 0.5]];
if (after.descriptors > before.descriptors + 2) fault(`${after.descriptors} descriptors, ${before.descriptors} before`);
if (after.failedReloads > 0) fault(`${after.failedReloads} reloads failed`);
// A run of a few minutes cannot tell a leak from the warming up of caches and of compiled code.
for (const [what, { slope, error }, bound] of isJudged ? judgements : []) {
  if (!(slope - error <= bound)) fault(`${what} grows by ${show({ slope, error })} MiB a minute, over ${bound}`);
  else if (slope + error > bound)
    console.error(`too short to tell whether ${what} grows by more than ${bound} MiB a minute`);
}
const rss = busy.map(([, value]) => value);
const inUse = (column) => quiet.map((sample) => sample[column].toFixed(2));
const ends = (column) =>
  [inUse(column)[0], inUse(column)[Math.floor(quiet.length / 3)], inUse(column).at(-1)].join(', ');
const rows = {
  seed: values.seed,
  minutes: values.minutes,
  connections: counts.connections.toLocaleString('en'),
  'lines that broke a conversation, or its beginning': (counts.broken + counts.refused).toLocaleString('en'),
  'messages, numbered and hashed': counts.messages.toLocaleString('en'),
  'of them offered compressed, streamed': `${counts.compressed.toLocaleString('en')}, ${counts.streamed.toLocaleString('en')}`,
  MiB: Math.round(counts.bytes / 2 ** 20).toLocaleString('en'),
  'rotations, reloads': `${counts.rotations}, ${after.reloads}`,
  'moments without a client': quiet.length,
  'then in V8’s heap, MiB: first, after a third, last': ends(1),
  'given out by the allocator, MiB: the same': hasAllocator ? ends(2) : 'not known',
  'slope of both, MiB a minute (95 %)': hasAllocator ? show(ofUse) : 'not known',
  'RSS under load, MiB: least, most, last': [Math.min(...rss), Math.max(...rss), rss.at(-1)].map(Math.round).join(', '),
  'slope of that RSS, MiB a minute (95 %)': show(ofRss),
  'descriptors before, after': `${before.descriptors}, ${after.descriptors}`,
  faults: faults.length,
};
for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(54)}${value}`);
for (const text of faults) console.error(text);
isReported = true;
child.off('exit', serverEnded);
child.stdin.end();
await once(child, 'exit');
rmSync(folder, { recursive: true, force: true });
process.exit(faults.length === 0 ? 0 : 1);
