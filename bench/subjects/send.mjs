// Sends messages as fast as they can be sent, and tells the CPU time that it took:
//   send.mjs raw|ours|ws --url wss://127.0.0.1:PORT/ --ca F --cert F --key F --size N --kind text|binary --count N --warmup N
// Byte i of a message is i modulo 251, of a text one a letter: the sink checks it.
import { readdirSync, readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string' },
    ca: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    size: { type: 'string' },
    kind: { type: 'string', default: 'binary' },
    count: { type: 'string' },
    warmup: { type: 'string', default: '1000' },
  },
});
const [library] = positionals;
const size = Number(values.size);
const isText = values.kind === 'text';
const [ca, cert, key] = [values.ca, values.cert, values.key].map((file) => readFileSync(file, 'utf8'));
const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (isText ? 97 + (i % 26) : i % 251)));
const message = isText ? bytes.toString() : bytes;

/** Resolves with what sends one message (and returns whether more may follow), what waits for room, and what waits for the end. */
async function open() {
  if (library === 'ours') {
    const { connect } = await import('../../dist/src/index.js');
    const connection = await connect(values.url, { ca, cert, key });
    return {
      send: () => connection.send(message),
      room: () => new Promise((resolve) => connection.once('drain', resolve)),
      empty: async () => {
        while (connection.bufferedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }
  if (library === 'ws') {
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(values.url, { ca, cert, key, servername: 'localhost', perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const empty = async (limit = 0) => {
      while (socket.bufferedAmount > limit) await new Promise((resolve) => setImmediate(resolve));
    };
    return {
      send: () => {
        socket.send(message, { binary: !isText });
        return socket.bufferedAmount < 64 * 1024;
      },
      room: () => empty(),
      empty,
    };
  }
  const { port } = new URL(values.url);
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca, cert, key });
  await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
  return {
    send: () => socket.write(bytes),
    room: () => new Promise((resolve) => socket.once('drain', resolve)),
    empty: async () => {
      while (socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function cpu() {
  let sum = 0n;
  for (const task of readdirSync('/proc/self/task')) {
    sum += BigInt(readFileSync(`/proc/self/task/${task}/schedstat`, 'latin1').split(' ')[0]);
  }
  return sum;
}

const { send, room, empty } = await open();
async function run(count) {
  for (let sent = 0; sent < count; sent++) if (!send()) await room();
  await empty();
}

await run(Number(values.warmup));
const count = Number(values.count);
const before = cpu();
const start = performance.now();
await run(count);
const result = { messages: count, cpuNs: Number(cpu() - before), seconds: (performance.now() - start) / 1000 };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
