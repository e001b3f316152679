// An echo server that is told what to do and tells what it cost, a line each: `server.mjs CA CERT KEY fast|message`.
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createInterface } from 'node:readline';
import { broadcast, createServer } from '../../dist/src/index.js';

const [ca, cert, key, form] = process.argv.slice(2);
const server = createServer({
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
  perMessageDeflate: true,
  maxMessageBytes: 80 * 1024 * 1024,
  maxSendBufferBytes: 400 * 1024 * 1024,
  maxUnauthenticated: 4096,
  pingInterval: 0,
});
server.on('connection', (connection) => {
  const answer = (mayGoOn) => {
    if (!mayGoOn) connection.pause();
  };
  if (form === 'message') connection.on('message', (data) => answer(connection.send(data)));
  else {
    connection.handleMessages((buffer, start, end, isText) => answer(connection.sendRange(buffer, start, end, isText)));
  }
  connection.on('drain', () => connection.resume());
});

const text = 'a message that many are told: prices, positions, who is there, and what they say to each other; ';

/** Sends one message to all, `rounds` times, and waits each time until all of it has left. In microseconds for each receiver. */
async function toAll({ how, bytes, rounds }) {
  const message = text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);
  const connections = [...server.connections];
  const left = async () => {
    while (connections.some(({ bufferedBytes }) => bufferedBytes > 0))
      await new Promise((resolve) => setImmediate(resolve));
  };
  const once = async () => {
    const before = process.cpuUsage();
    if (how === 'broadcast') broadcast(connections, message);
    else for (const connection of connections) connection.send(message);
    await left();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / connections.length;
  };
  const samples = [];
  for (let round = -1; round < rounds; round++) {
    const sample = await once();
    if (round >= 0) samples.push(sample);
  }
  return samples.sort((a, b) => a - b)[samples.length >> 1];
}

const session = new Session();
session.connect();
let messagesBefore = 0;
const messages = () => [...server.connections].reduce((sum, { traffic }) => sum + traffic.messagesReceived, 0);

const orders = {
  count: () => server.connections.size,
  toAll,
  /** Heap that is allocated from here on, garbage included. */
  startAllocations: async () => {
    messagesBefore = messages();
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 4096,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
  },
  stopAllocations: async () => {
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const places = new Map();
    const add = ({ callFrame, selfSize, children }) => {
      const file = callFrame.url.split('/').slice(-2).join('/');
      const name = `${callFrame.functionName || '(anonymous)'} ${file}`.trim();
      places.set(name, (places.get(name) ?? 0) + selfSize);
      for (const child of children) add(child);
    };
    add(profile.head);
    const count = messages() - messagesBefore;
    const total = [...places.values()].reduce((sum, size) => sum + size, 0);
    const top = [...places].sort((a, b) => b[1] - a[1]).slice(0, 4);
    return { messages: count, bytesEach: total / count, top: top.map(([name, size]) => [name, size / count]) };
  },
};

const { port } = await server.listen({ port: 0, backlog: 4096 });
console.log(`listening on wss://127.0.0.1:${port}`);
for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  console.log(JSON.stringify((await orders[order](rest)) ?? null));
}
process.exit(0);
