/** Connections that receive into, and compose in, memory that all of them share: none sees what is another's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { giveBackLong, giveBackSlab, receiveCopied, takeLong, takeSlab } from '../../src/endpoint/shared-memory.js';
import { encodeAnyFrame } from '../../src/frame/index.js';
import { type Connection, connect } from '../../src/index.js';
import { readsWritesAtOnce, receiveInto } from '../../src/tls/index.js';
import { duplexPair } from '../support/duplex-pair.js';
import { clientCredentials, rawWebSocketClient, serverCredentials, startServer, until } from '../support/ends.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const usesPublicPaths = process.env['MTLS_WS_PUBLIC_PATHS'] === '1';

function masked(payload: Buffer): Buffer {
  return encodeAnyFrame({ fin: true, opcode: 2, payload, maskingKey: Buffer.from('37fa213d', 'hex') });
}

/** Connects a plain TLS client to a plain TLS server, and gives both sockets. */
async function withSockets(use: (near: tls.TLSSocket, far: tls.TLSSocket) => Promise<void>): Promise<void> {
  const accepted: tls.TLSSocket[] = [];
  const server = tls.createServer(serverCredentials(), (socket) => accepted.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const near = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...clientCredentials() });
  await once(near, 'secureConnect');
  await until(() => accepted.length === 1);
  const far = accepted[0]!;
  try {
    near.on('error', () => {});
    far.on('error', () => {});
    await use(near, far);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
  }
}

const receiving = suite('one receive buffer for many sockets');

receiving('is used at both ends on this Node, unless documented paths alone are allowed', async () => {
  await withSockets(async (near, far) => {
    for (const socket of [near, far]) {
      assert.is(readsWritesAtOnce(socket), !usesPublicPaths);
      assert.is(
        receiveInto(socket, Buffer.alloc(16 * 1024), () => {}),
        !usesPublicPaths,
      );
    }
  });
});

receiving('is refused by a stream that is no TLS socket, and by one over another stream', async () => {
  const [near, far] = duplexPair();
  assert.not(receiveInto(near, Buffer.alloc(1), () => {}));
  assert.not(readsWritesAtOnce(near));
  const over = tls.connect({ socket: far, rejectUnauthorized: false });
  over.on('error', () => {});
  assert.not(receiveInto(over, Buffer.alloc(1), () => {}));
  assert.not(readsWritesAtOnce(over));
  over.destroy();
  near.destroy();
});

receiving('keeps the end of the stream, pause and resume as they are', async () => {
  if (usesPublicPaths) return;
  await withSockets(async (near, far) => {
    const buffer = Buffer.alloc(16 * 1024);
    let received = 0;
    assert.ok(
      receiveInto(far, buffer, (length) => {
        assert.is(buffer[0], 7);
        assert.is(buffer[length - 1], 7);
        received += length;
      }),
    );
    far.resume();
    near.write(Buffer.alloc(1000, 7));
    await until(() => received === 1000);
    far.pause();
    // More than the kernel and TLS hold: it is not all read while the socket is paused.
    const total = 32 * 1024 * 1024;
    near.write(Buffer.alloc(total, 7));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(received < total / 2, `${received} bytes`);
    far.resume();
    await until(() => received === total + 1000);
    near.end();
    await once(far, 'end');
  });
});

receiving('gives each connection its own bytes, however the frames are cut', async () => {
  const { seed, below } = random();
  const { server, port } = await startServer();
  const got = new Map<number, Buffer[]>();
  server.on('connection', (connection) => {
    const messages: Buffer[] = [];
    got.set(got.size, messages);
    connection.handleMessages((buffer, start, end) => {
      messages.push(Buffer.from(buffer.subarray(start, end)));
      // Now and then the rest of a record has to wait.
      if (below(4) === 0) {
        connection.pause();
        setImmediate(() => connection.resume());
      }
    });
  });
  const clients = await Promise.all(Array.from({ length: 8 }, () => rawWebSocketClient(port)));
  try {
    const sent = clients.map(() => 0);
    for (let round = 0; round < 200; round++) {
      const index = below(clients.length);
      const frame = masked(Buffer.alloc(below(3000), `client ${index} `));
      const cut = below(frame.length + 1);
      clients[index]!.write(frame.subarray(0, cut));
      if (below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
      clients[index]!.write(frame.subarray(cut));
      sent[index]!++;
    }
    const total = (): number => [...got.values()].reduce((sum, messages) => sum + messages.length, 0);
    await until(() => total() === 200);
    for (const messages of got.values()) {
      const owner = messages.find(({ length }) => length > 9)?.toString('latin1', 0, 9);
      for (const message of messages) {
        assert.ok(message.equals(Buffer.alloc(message.length, owner)), `of ${owner} (SEED=${seed})`);
      }
    }
  } finally {
    for (const client of clients) client.socket.destroy();
    await server.close({ deadline: 0 });
  }
});

receiving('hands over messages that stay as they are', async () => {
  const { server, port } = await startServer();
  const kept: Buffer[] = [];
  server.on('connection', (connection) => {
    connection.on('message', (data) => kept.push(data as Buffer));
    connection.on('ping', (payload) => kept.push(payload));
  });
  const client = await rawWebSocketClient(port);
  try {
    for (let value = 0; value < 50; value++) {
      client.write(masked(Buffer.alloc(100, value)));
      client.write(
        encodeAnyFrame({ fin: true, opcode: 9, payload: Buffer.alloc(100, value), maskingKey: Buffer.alloc(4, 1) }),
      );
      await until(() => kept.length === 2 * value + 2);
    }
    kept.forEach((bytes, index) => {
      assert.ok(bytes.equals(Buffer.alloc(100, index >> 1)), `message ${index}`);
    });
  } finally {
    client.socket.destroy();
    await server.close({ deadline: 0 });
  }
});

receiving.run();

const composing = suite('slabs for what is sent');

composing('may be overwritten as soon as the socket was given them', async () => {
  if (usesPublicPaths) return;
  await withSockets(async (near, far) => {
    let sum = 0;
    let length = 0;
    near.on('data', (chunk: Buffer) => {
      length += chunk.length;
      for (const byte of chunk) sum += byte;
    });
    const slab = Buffer.alloc(64 * 1024, 1);
    for (let round = 1; round <= 200; round++) {
      assert.is(far.writableLength, 0);
      slab.fill(1);
      const written = new Promise((resolve) => far.write(slab, resolve));
      slab.fill(200);
      await written;
    }
    await until(() => length === 200 * slab.length);
    assert.is(sum, length);
  });
});

composing('are given back, and leave some for those who need one for a turn only', () => {
  const take = (isForLong: boolean): Buffer[] => {
    const taken: Buffer[] = [];
    for (let slab = takeSlab(isForLong); slab !== undefined; slab = takeSlab(isForLong)) taken.push(slab);
    return taken;
  };
  const long = take(true);
  const short = take(false);
  assert.is(long.length, 8);
  assert.is(short.length, 4);
  assert.is(new Set([...long, ...short]).size, 12);
  for (const slab of [...long, ...short]) giveBackSlab(slab);
  assert.is(takeSlab(true), short.at(-1));
  giveBackSlab(short.at(-1)!);
});

composing('for long bursts is used by the next one, if that is at least half as long', () => {
  const long = takeLong(1_900_000, true);
  giveBackLong(long);
  assert.is(takeLong(1_200_000, false), long);
  giveBackLong(long);
  assert.is.not(takeLong(300_000, false), long, 'a slow peer would hold what is far too long');
  assert.is.not(takeLong(2_000_000, false), long);
  assert.is(takeLong(1_900_000, false), long);
});

composing('for one burst of up to 1 MiB at a time is shared, for those who give it back in any case', () => {
  const shared = takeLong(1 << 20, true);
  assert.is.not(takeLong(1 << 20, true), shared, 'one at a time');
  giveBackLong(shared);
  assert.is.not(takeLong(1 << 20, false), shared);
  assert.is(takeLong(100_000, true), shared);
  giveBackLong(shared);
});

composing('for a long burst is given back by a connection that is cut while it writes', async () => {
  const { server, url } = await startServer();
  server.on('connection', (connection) => connection.pause());
  const client = await connect(url, clientCredentials());
  const isFree = (): boolean => {
    const memory = takeLong(1 << 20, true);
    giveBackLong(memory);
    return memory.length > 1 << 20;
  };
  assert.ok(isFree());
  const message = Buffer.alloc(1 << 20);
  // Until the sockets take no more.
  do {
    client.send(message);
    await delay(50);
  } while (client.bufferedBytes === 0);
  if (!usesPublicPaths) assert.not.ok(isFree());
  client.terminate();
  await client.closed;
  assert.ok(isFree());
  await server.close({ deadline: 0 });
});

composing('takes a chunk that comes within the handling of another one as it is', () => {
  const seen: string[] = [];
  receiveCopied(Buffer.from('outer'), (bytes, length) => {
    receiveCopied(Buffer.from('inner'), (within, size) => seen.push(within.toString('latin1', 0, size)));
    seen.push(bytes.toString('latin1', 0, length));
  });
  const long = Buffer.alloc(20_000);
  receiveCopied(long, (bytes) => seen.push(String(bytes === long)));
  assert.equal(seen, ['inner', 'outer', 'true']);
  assert.throws(() =>
    receiveCopied(Buffer.of(1), () => {
      throw new RangeError('of the handler');
    }),
  );
  receiveCopied(Buffer.of(1), (bytes) => assert.ok(bytes.length > 1, 'shared again'));
});

composing('carry the messages of many connections at once, each to its own', async () => {
  const { server, url } = await startServer();
  const accepted: Connection[] = [];
  server.on('connection', (connection) => accepted.push(connection));
  const clients = await Promise.all(Array.from({ length: 12 }, () => connect(url, clientCredentials())));
  try {
    await until(() => accepted.length === clients.length);
    const received = clients.map((client) => {
      const messages: string[] = [];
      client.on('message', (data) => messages.push(String(data)));
      return messages;
    });
    for (const connection of accepted) connection.on('message', (data) => connection.send(data));
    const texts = clients.map((_, index) =>
      [10, 3000, 70_000, 40_000, 300_000, 5].map((size) => String.fromCharCode(97 + index).repeat(size)),
    );
    for (let round = 0; round < 6; round++) {
      for (const [index, client] of clients.entries()) client.send(texts[index]![round]!);
    }
    await until(() => received.every((messages) => messages.length === 6));
    for (const [index, messages] of received.entries()) {
      assert.ok(messages.every((text, round) => text === texts[index]![round]));
    }
  } finally {
    for (const client of clients) client.terminate();
    await server.close({ deadline: 0 });
  }
});

composing.run();

const publicPaths = suite('documented paths alone (MTLS_WS_PUBLIC_PATHS=1)');

const subjects = ['endpoint/connection', 'endpoint/compression', 'endpoint/hostile-peers', 'endpoint/shared-memory'];
for (const subject of [...subjects, 'tls/verified-peer', 'endpoint/session']) {
  publicPaths(`pass the tests of ${subject.split('/')[1]} as well`, async () => {
    // This file runs itself once, not for ever.
    if (usesPublicPaths) return;
    const run = fileURLToPath(new URL('../run.js', import.meta.url));
    const child = spawn(process.execPath, [run, subject], {
      env: { ...process.env, MTLS_WS_PUBLIC_PATHS: '1' },
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.resume();
    const [code] = await once(child, 'exit');
    assert.is(code, 0, output);
    assert.match(output, /\n[1-9]\d* passed, 0 failed\n/);
  });
}

publicPaths.run();
