// Honest clients: `honest.mjs PORT CA CERT KEY`. Each sends 125 bytes every 20 ms and waits for the echo, and once a second one
// of them comes anew. On a line of input it tells, in JSON, the latencies since the last one, in microseconds.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from '../../dist/src/index.js';

const [port, ...files] = process.argv.slice(2);
const [ca, cert, key] = files.map((file) => readFileSync(file));
const url = `wss://localhost:${port}/`;
const message = Buffer.alloc(125, 1);
const latencies = [];
const openings = [];
let lost = 0;

async function open() {
  const began = performance.now();
  const connection = await connect(url, { ca, cert, key, pingInterval: 0 });
  openings.push(1000 * (performance.now() - began));
  let sentAt = 0;
  connection.on('message', () => {
    latencies.push(1000 * (performance.now() - sentAt));
    sentAt = 0;
  });
  const timer = setInterval(() => {
    if (sentAt !== 0) return;
    sentAt = performance.now();
    connection.send(message);
  }, 20);
  connection.on('close', ({ code }) => {
    clearInterval(timer);
    if (code !== 1000) lost++;
  });
  return connection;
}

const connections = [];
for (let index = 0; index < 50; index++) connections.push(await open());
setInterval(async () => {
  try {
    await (await open()).close();
  } catch {
    lost++;
  }
}, 500);

const quantile = (values, q) => values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0;
console.log('ready');
for await (const _ of createInterface({ input: process.stdin })) {
  const answer = {
    count: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    opening: quantile(openings, 0.5),
    openings: openings.length,
    lost,
  };
  latencies.length = 0;
  openings.length = 0;
  lost = 0;
  console.log(JSON.stringify(answer));
}
process.exit(0);
