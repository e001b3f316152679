// Opens, uses and closes many connections over mutual TLS, in one process: one after another, then many at once, and as
// many again. Prints what memory they left behind, and fails over a stated bound, at an unhandled error or at a handle
// that stays open.
// `npm run soak:connections -- [ONE_AFTER_ANOTHER [AT_ONCE]]`, by default 10,000 and 1,000.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer } from '../dist/src/index.js';
import { createDevelopmentPki } from '../dist/src/tls/pki/index.js';
import { readOptions } from './options.mjs';

const [oneAfterAnother = 10_000, atOnce = 1_000] = readOptions(import.meta.url, {}, 'numbers').positionals;

/** Connections before the first measurement: until then, code is compiled and pools are filled. */
const warmUp = 1_000;

/**
 * What may be left: of the heap what the collector is free to leave, of the whole what the allocator keeps for later. It
 * keeps much when many are open at once, and less with each further time, with plain `node:tls` as well; a leak would take
 * as much each time. So the last of several times is held to what a sequence is held to.
 */
const bounds = { heapMiB: 2, rssMiB: 32, atOnceRssMiB: 192 };

/** How often many are opened at once. */
const timesAtOnce = 4;

const mebibyte = 1024 * 1024;
const faults = [];
process.on('uncaughtException', (error) => faults.push(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (reason) => faults.push(`unhandled: ${reason}`));

const { ca, server: serverPair, client: clientPair } = createDevelopmentPki();
const server = createServer({ ca: ca.cert, cert: serverPair.cert, key: serverPair.key, maxUnauthenticated: 4_096 });
server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
server.on('refused', ({ error }) => faults.push(`refused: ${error.message}`));
const { port } = await server.listen({ port: 0, backlog: 4_096 });
const options = { ca: ca.cert, cert: clientPair.cert, key: clientPair.key, handshakeTimeout: 120_000 };

async function open() {
  return connect(`wss://localhost:${port}`, options);
}

async function use(connection) {
  const text = `hello ${connection.id}`;
  connection.send(text);
  for await (const echo of connection) {
    if (echo !== text) faults.push(`sent ${text}, received ${echo}`);
    break;
  }
  const { code, wasClean } = await connection.close(1000);
  if (code !== 1000 || !wasClean) faults.push(`closed with ${code}`);
}

/** What is in use after the collector has run and sockets are gone. */
async function measure(name) {
  for (let i = 0; i < 5; i++) {
    await sleep(100);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const sockets = process.getActiveResourcesInfo().filter((resource) => /TLS|TCPSocket|TCPWrap/.test(resource)).length;
  const mib = (bytes) => (bytes / mebibyte).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(34)} heap ${mib(heapUsed)} MiB, external ${mib(external)} MiB, RSS ${mib(rss)} MiB, ` +
      `${server.connections.size} connections, ${sockets} sockets`,
  );
  if (server.connections.size > 0)
    faults.push(`${name}: the server still holds ${server.connections.size} connections`);
  if (sockets > 0) faults.push(`${name}: ${sockets} sockets are still open`);
  return { heap: (heapUsed + external) / mebibyte, rss: rss / mebibyte };
}

function compare(name, before, after, rssBound) {
  for (const [what, bound] of [
    ['heap', bounds.heapMiB],
    ['rss', rssBound],
  ]) {
    const growth = after[what] - before[what];
    const verdict = growth <= bound ? 'holds' : 'IS OVER';
    console.log(`  ${name}: ${what} grew by ${growth.toFixed(1)} MiB, which ${verdict} the bound of ${bound} MiB`);
    if (growth > bound) faults.push(`${name}: ${what} grew by ${growth.toFixed(1)} MiB`);
  }
}

async function inSequence(count) {
  for (let i = 0; i < count; i++) await use(await open());
}

/** Opens all, then uses and closes all; returns what they left. */
async function allAtOnce(name, before, rssBound) {
  const began = performance.now();
  const connections = await Promise.all(Array.from({ length: atOnce }, open));
  const opened = (performance.now() - began) / 1000;
  const most = process.memoryUsage().rss / mebibyte;
  if (server.connections.size !== atOnce) faults.push(`${server.connections.size} of ${atOnce} are open at the server`);
  await Promise.all(connections.map(use));
  connections.length = 0;
  const after = await measure(name);
  const each = ((most - before.rss) * 1024) / atOnce;
  console.log(
    `  open after ${opened.toFixed(1)} s; ${most.toFixed(1)} MiB RSS with all open, ${each.toFixed(0)} KiB each, both ends`,
  );
  compare(name, before, after, rssBound);
  return after;
}

if (globalThis.gc === undefined) {
  console.error('needs node --expose-gc');
  process.exit(2);
}
await inSequence(warmUp);
const start = await measure(`after ${warmUp} connections`);

const began = performance.now();
await inSequence(oneAfterAnother);
const seconds = (performance.now() - began) / 1000;
const afterSequence = await measure(`${oneAfterAnother} more, one after another`);
console.log(`  in ${seconds.toFixed(1)} s, ${((1000 * seconds) / oneAfterAnother).toFixed(2)} ms each, both ends`);
compare('one after another', start, afterSequence, bounds.rssMiB);

let before = await allAtOnce(`${atOnce} at once`, afterSequence, bounds.atOnceRssMiB);
for (let time = 2; time <= timesAtOnce; time++) {
  const isLast = time === timesAtOnce;
  const name = `${atOnce} at once, time ${time}`;
  before = await allAtOnce(name, before, isLast ? bounds.rssMiB : bounds.atOnceRssMiB);
}

await server.close();
await sleep(100);
const left = process.getActiveResourcesInfo().filter((resource) => resource !== 'TTYWrap' && resource !== 'PipeWrap');
if (left.length > 0) faults.push(`still open at the end: ${left.join(', ')}`);
for (const fault of faults.slice(0, 20)) console.error(`FAILED: ${fault}`);
console.log(faults.length === 0 ? 'no leak, no unhandled error' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
