// One long message, streamed: `stream.mjs server|client`. Neither end holds it, and each compares every byte.
import { createHash } from 'node:crypto';
import { connect, createServer } from '../../dist/src/index.js';
import { answer } from './child.mjs';

/** The message repeats this without end: a block whose length no buffer has, so that a chunk that is lost or moved shows. */
const block = Buffer.concat(Array.from({ length: 2039 }, (_, i) => createHash('sha256').update(`${i}`).digest()));
const doubled = Buffer.concat([block, block]);

/** Bytes of a chunk that is sent. */
const chunkBytes = 64_000;

function* source(length) {
  for (let at = 0; at < length; at += chunkBytes) {
    const start = at % block.length;
    yield doubled.subarray(start, start + Math.min(chunkBytes, length - at));
  }
}

/** Takes one message in pieces; returns its length. */
async function take(message) {
  let length = 0;
  for await (const chunk of message) {
    for (let at = 0; at < chunk.length; ) {
      const start = length % block.length;
      const part = chunk.subarray(at, at + block.length);
      if (!part.equals(doubled.subarray(start, start + part.length))) throw new Error(`wrong after byte ${length}`);
      at += part.length;
      length += part.length;
    }
  }
  return length;
}

let failure;

async function serve(connection, { path }) {
  const length = Number(path.slice('/down/'.length));
  if (path.startsWith('/down/')) return connection.sendMessage(source(length));
  for await (const message of connection.messages()) connection.send(String(await take(message)));
}

answer({
  async start({ credentials }) {
    const server = createServer(credentials);
    server.on('connection', (connection, request) => {
      serve(connection, request).catch((error) => {
        failure = error;
      });
    });
    return (await server.listen({ port: 0 })).port;
  },
  async up({ port, credentials, length }) {
    const connection = await connect(`wss://localhost:${port}/up`, credentials);
    const began = performance.now();
    const answers = connection[Symbol.asyncIterator]();
    await connection.sendMessage(source(length));
    const { value } = await answers.next();
    const seconds = (performance.now() - began) / 1000;
    await connection.close();
    return { length: Number(value), seconds };
  },
  async down({ port, credentials, length }) {
    const connection = await connect(`wss://localhost:${port}/down/${length}`, credentials);
    const began = performance.now();
    const { value: message } = await connection.messages()[Symbol.asyncIterator]().next();
    const taken = await take(message);
    const seconds = (performance.now() - began) / 1000;
    await connection.close();
    return { length: taken, seconds };
  },
  /** The most memory the process ever had, in bytes. */
  peak() {
    if (failure !== undefined) throw failure;
    return process.resourceUsage().maxRSS * 1024;
  },
});
