/** What must hold in every order of calls and events: connections over streams in memory, without TLS. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { Connection } from '../../src/endpoint/connection.js';
import { type ConnectionOptions, resolveConnectionOptions } from '../../src/endpoint/options.js';
import { encodeAnyFrame } from '../../src/frame/index.js';
import { ConnectionClosedError, connect, createServer, UsageError } from '../../src/index.js';
import type { VerifiedPeer } from '../../src/tls/index.js';
import { duplexPair } from '../support/duplex-pair.js';
import { clientCredentials, rawServer, serverCredentials, until, withPair } from '../support/ends.js';
import { suite } from '../support/suite.js';

function frame(opcode: number, payload: string | Uint8Array = '', fin = true): Buffer {
  return encodeAnyFrame({ fin, opcode, payload: Buffer.from(payload), maskingKey: Buffer.from('37fa213d', 'hex') });
}

const closeFrame = frame(8, Buffer.from('03e8', 'hex'));

function over(socket: Duplex, role: 'client' | 'server', options: ConnectionOptions = {}): Connection {
  return new Connection({
    id: 1,
    role,
    socket,
    peer: undefined as unknown as VerifiedPeer,
    options: resolveConnectionOptions({ pingInterval: 0, closeDeadline: 200, ...options }),
    protocol: '',
    extensions: '',
    deflate: undefined,
    remoteAddress: '',
    remotePort: 0,
  });
}

/** A server's connection, and the other end of its stream; what comes there is dropped. */
function server(options?: ConnectionOptions): { connection: Connection; peer: Duplex; socket: Duplex } {
  const [socket, peer] = duplexPair();
  peer.resume();
  peer.on('error', () => {});
  return { connection: over(socket, 'server', options), peer, socket };
}

function pair(options?: ConnectionOptions): { near: Connection; far: Connection } {
  const [left, right] = duplexPair();
  return { near: over(left, 'client', options), far: over(right, 'server', options) };
}

/** Runs `body` while what nobody catches is collected. */
async function collectingUncaught(body: (uncaught: Error[]) => Promise<void>): Promise<void> {
  const uncaught: Error[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    await body(uncaught);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
}

/** Rejects when `promise` is not settled soon: a hang with a name. */
function soon<T>(promise: Promise<T>, milliseconds = 1_000): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the promise never settles')), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const batches = suite('many short messages at once');

/** A connection to which everything is delivered at once, also within its own calls. */
function overInstant(): { connection: Connection; socket: Duplex } {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  return { connection: over(socket, 'server'), socket };
}

batches(
  'come whole and in order, also where more comes while they are handed over, and the handler pauses',
  async () => {
    const { connection, socket } = overInstant();
    const count = 1200;
    const texts = Array.from({ length: count }, (_, index) => `message ${index}`);
    const frames = texts.map((text) => frame(2, text));
    const received: string[] = [];
    connection.handleMessages((bytes, start, end) => {
      received.push(bytes.toString('latin1', start, end));
      if (received.length !== 1) return;
      // Too long to be put behind what is being read.
      socket.push(Buffer.concat(frames.slice(count / 2)));
      connection.pause();
      setImmediate(() => connection.resume());
    });
    await nextTurn();
    socket.push(Buffer.concat(frames.slice(0, count / 2)));
    await until(() => received.length === count);
    assert.equal(received, texts);
    connection.terminate();
    await soon(connection.closed);
  },
);

batches('end with their last byte, whatever a handler writes over those that follow', async () => {
  for (const value of [0, 0x81, 0x82, 0xff]) {
    const { connection, socket } = overInstant();
    let count = 0;
    connection.handleMessages((bytes, start) => {
      if (++count === 1) bytes.fill(value, start);
    });
    await nextTurn();
    socket.push(Buffer.concat([frame(2, 'x'.repeat(10)), frame(2, 'x'.repeat(10)), frame(2, 'x'.repeat(11))]));
    await nextTurn();
    // It may have made other messages of them, but none of bytes that were not there.
    assert.ok(count <= 10, `${value}: ${count} messages`);
    connection.terminate();
    await soon(connection.closed);
  }
});

batches.run();

const broken = suite('a connection that breaks while it is paused');

/** A server's connection whose stream takes nothing, and that has sent so much that its handler waits for `drain`. */
async function waitingForDrain(options?: ConnectionOptions): Promise<{ connection: Connection; socket: Duplex }> {
  const socket = new Duplex({ read() {}, write() {} });
  const connection = over(socket, 'server', { highWaterMark: 10, ...options });
  connection.handleMessages((bytes, start, end, isText) => {
    if (!connection.sendRange(bytes, start, end, isText)) connection.pause();
  });
  connection.on('drain', () => connection.resume());
  socket.push(Buffer.concat([frame(1, 'longer than 10'), frame(1, 'the next')]));
  await until(() => connection.isPaused);
  return { connection, socket };
}

broken('ends within closeDeadline where its user waits for drain', async () => {
  const { connection, socket } = await waitingForDrain();
  socket.destroy();
  const { code, reason } = await soon(connection.closed);
  assert.is(code, 1006);
  assert.is(reason, 'the connection broke, and nobody took what had arrived');
});

broken('hands over what had arrived, to who pauses for less than that each time', async () => {
  const { connection, peer, socket } = server();
  const received: string[] = [];
  connection.on('message', (data) => {
    received.push(String(data));
    connection.pause();
    setTimeout(() => connection.resume(), 100);
  });
  peer.write(Buffer.concat(['1', '2', '3', '4', '5'].map((text) => frame(1, text))));
  await until(() => received.length === 1);
  socket.destroy();
  await soon(connection.closed, 3_000);
  assert.equal(received, ['1', '2', '3', '4', '5']);
});

broken('is cut while paused if the peer takes nothing between two pings, and not if nothing waits for it', async () => {
  const { connection } = await waitingForDrain({ pingInterval: 50, pongDeadline: 50 });
  const event = await soon(connection.closed);
  assert.is(event.reason, 'the peer has taken nothing from one ping to the next');
  const other = server({ pingInterval: 20, pongDeadline: 20 });
  other.connection.pause();
  other.peer.write(frame(1, 'unread'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.is(other.connection.readyState, 'open');
  other.connection.terminate();
  await soon(other.connection.closed);
});

broken.run();

const cutting = suite('terminate in every state');

cutting('delivers nothing more of the same record', async () => {
  const { connection, peer } = server();
  const events: string[] = [];
  connection.on('message', (data) => {
    events.push(String(data));
    connection.terminate();
  });
  connection.on('ping', () => events.push('ping'));
  connection.on('close', () => events.push('close'));
  peer.write(Buffer.concat([frame(1, 'one'), frame(1, 'two'), frame(9), closeFrame]));
  const event = await soon(connection.closed);
  assert.equal(events, ['one', 'close']);
  assert.is(event.code, 1006);
});

cutting('sends nothing more, and says so', async () => {
  const { near, far } = pair();
  near.terminate();
  assert.is(near.readyState, 'closing');
  assert.is(near.send('late'), false);
  assert.is(near.ping(), false);
  assert.is(near.bufferedBytes, 0);
  const event = await soon(near.close());
  assert.is(event.sent, undefined);
  await soon(far.closed);
});

cutting('emits nothing after close when the socket was gone already', async () => {
  const { connection, peer, socket } = server();
  const events: string[] = [];
  connection.pause();
  await nextTurn();
  connection.resume();
  connection.on('message', (data) => {
    events.push(String(data));
    if (data === 'one') connection.pause();
    if (data === 'two') connection.terminate();
  });
  connection.on('close', () => events.push('close'));
  peer.write(Buffer.concat([frame(1, 'one'), frame(1, 'two'), frame(1, 'three'), frame(9)]));
  await until(() => events.length === 1);
  socket.destroy();
  await once(socket, 'close');
  connection.resume();
  await soon(connection.closed);
  await nextTurn();
  assert.equal(events, ['one', 'two', 'close']);
});

cutting.run();

const unread = suite('what was not read yet');

unread('is delivered before close when the connection broke', async () => {
  const { connection, peer, socket } = server();
  const events: string[] = [];
  connection.on('close', () => events.push('close'));
  peer.write(frame(1, 'one'));
  await nextTurn();
  await nextTurn();
  socket.destroy();
  await once(socket, 'close');
  await nextTurn();
  connection.on('message', (data) => events.push(String(data)));
  await soon(connection.closed);
  await nextTurn();
  assert.equal(events, ['one', 'close']);
});

for (const messages of [1, 2]) {
  unread(`does not hold up close() of a connection that broke, with ${messages} waiting`, async () => {
    const { connection, peer, socket } = server();
    peer.write(Buffer.concat(Array.from({ length: messages }, () => frame(1, 'unread'))));
    await nextTurn();
    await nextTurn();
    socket.destroy();
    await once(socket, 'close');
    assert.is((await soon(connection.close())).code, 1006);
  });
}

unread('does not hide the peer’s close when the user pauses after close()', async () => {
  const { connection, peer } = server();
  connection.on('message', () => {});
  void connection.close();
  await nextTurn();
  connection.pause();
  peer.write(closeFrame);
  const event = await soon(connection.closed);
  assert.ok(event.wasClean);
});

unread('is not lost when the loop over messages() is left', async () => {
  const { connection, peer } = server();
  peer.write(Buffer.concat(['one', 'two', 'three', 'four'].map((text) => frame(1, text))));
  for await (const message of connection.messages()) {
    for await (const chunk of message) assert.is(chunk, 'one');
    break;
  }
  const received: Array<string | Buffer> = [];
  connection.on('message', (data) => received.push(data));
  await soon(until(() => received.length === 3));
  assert.equal(received, ['two', 'three', 'four']);
  connection.terminate();
});

unread('is not lost when messages() follows another loop, and is left', async () => {
  const { connection, peer } = server();
  const whole = connection[Symbol.asyncIterator]();
  peer.write(Buffer.concat(['one', 'two', 'three', 'four'].map((text) => frame(1, text))));
  assert.is((await whole.next()).value, 'one');
  await whole.return?.();
  for await (const message of connection.messages()) {
    for await (const chunk of message) assert.is(chunk, 'two');
    break;
  }
  const received: Array<string | Buffer> = [];
  connection.on('message', (data) => received.push(data));
  await soon(until(() => received.length === 2));
  assert.equal(received, ['three', 'four']);
  connection.terminate();
});

unread('of a skipped message is not taken for its end', async () => {
  const { connection, peer } = server();
  const messages = connection.messages();
  peer.write(frame(1, 'the first half', false));
  const first = (await messages.next()).value!;
  const chunks = first[Symbol.asyncIterator]();
  assert.is((await chunks.next()).value, 'the first half');
  const second = messages.next();
  peer.write(Buffer.concat([frame(0, 'the second half'), frame(1, 'another')]));
  await second;
  const outcome = await soon(
    chunks.next().then(
      () => 'done',
      (error: unknown) => error,
    ),
  );
  assert.instance(outcome, UsageError);
  assert.is((outcome as UsageError).code, 'message-skipped');
  connection.terminate();
});

unread('does not hold a broken connection open when nobody ever takes what arrived', async () => {
  const { connection, peer, socket } = server({ closeDeadline: 40 });
  peer.write(frame(1, 'unread'));
  await until(() => socket.isPaused());
  peer.destroy();
  const event = await connection.closed;
  assert.is(event.code, 1006);
});

unread('gives what arrived before a cut to a taker that comes in time', async () => {
  const { connection, peer, socket } = server({ closeDeadline: 5_000 });
  peer.write(frame(1, 'unread'));
  await until(() => socket.isPaused());
  peer.destroy();
  await until(() => socket.destroyed);
  const seen: unknown[] = [];
  connection.on('message', (data) => seen.push(data));
  await connection.closed;
  assert.equal(seen, ['unread']);
});

unread('answers the next() of one loop only when that loop is left', async () => {
  const { connection, peer } = server();
  const [one, other] = [connection[Symbol.asyncIterator](), connection[Symbol.asyncIterator]()];
  const [first, second] = [one.next(), other.next()];
  await one.return?.();
  assert.equal(await first, { done: true, value: undefined });
  peer.write(frame(1, 'for the other'));
  assert.equal(await second, { done: false, value: 'for the other' });
  connection.terminate();
});

unread('refuses a second loop beside one over messages()', async () => {
  const { connection } = server();
  const refused = (error: unknown): boolean => error instanceof UsageError && error.code === 'already-streaming';
  const streams = connection.messages();
  assert.throws(() => connection.messages(), refused);
  assert.throws(() => connection[Symbol.asyncIterator](), refused);
  await streams.return?.();
  const whole = connection[Symbol.asyncIterator]();
  assert.throws(() => connection.messages(), refused);
  await whole.return?.();
  await connection.messages().return?.();
  connection.terminate();
});

unread('does not take pings for the growth of a message (T1)', async () => {
  const { connection, peer } = server({ messageStallDeadline: 60 });
  connection.on('message', () => {});
  peer.write(frame(2, 'x', false));
  const pings = setInterval(() => peer.write(frame(9, Buffer.alloc(125))), 2);
  const [error] = await once(connection, 'violation');
  clearInterval(pings);
  assert.is(error.code, 'message-stalled');
  connection.terminate();
});

unread.run();

const streaming = suite('sendMessage in every state');

streaming('rejects when the connection is cut while it waits for the peer', async () => {
  const [socket, peer] = duplexPair();
  const connection = over(socket, 'client');
  const sent = connection.sendMessage(
    (async function* () {
      yield Buffer.alloc(200_000);
      await new Promise(() => {});
    })(),
  );
  await nextTurn();
  peer.destroy();
  const error = await soon(
    sent.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  assert.instance(error, ConnectionClosedError);
});

streaming('leaves the connection as it was when the source is none', async () => {
  const { near, far } = pair();
  const error = await near.sendMessage(5 as never).catch((reason: unknown) => reason);
  assert.instance(error, UsageError);
  near.send('after it');
  assert.equal(await soon(once(far, 'message')), ['after it']);
  near.terminate();
});

streaming('takes a string for one chunk', async () => {
  const { near, far } = pair();
  const received = once(far, 'message');
  await soon(near.sendMessage('whole'));
  assert.equal(await soon(received), ['whole']);
  near.terminate();
});

streaming.run();

const callbacks = suite('callbacks that throw');

callbacks('of trace stop neither the bytes nor the protocol', async () => {
  await collectingUncaught(async (uncaught) => {
    const { near, far } = pair({
      trace: () => {
        throw new Error('from trace');
      },
    });
    far.on('message', (data) => far.send(data));
    near.send('hello');
    assert.equal(await soon(once(near, 'message')), ['hello']);
    near.send('again');
    assert.equal(await soon(once(near, 'message')), ['again']);
    assert.ok((await soon(near.close())).wasClean);
    assert.ok(uncaught.length > 0 && uncaught.every((error) => error.message === 'from trace'));
  });
});

callbacks('of drain and close are uncaught, and change nothing', async () => {
  await collectingUncaught(async (uncaught) => {
    const { near, far } = pair({ highWaterMark: 10 });
    far.on('message', () => {});
    near.on('drain', () => {
      throw new Error('from drain');
    });
    near.on('close', () => {
      throw new Error('from close');
    });
    assert.is(near.send('more than ten bytes'), false);
    await until(() => uncaught.length === 1);
    assert.ok((await soon(near.close())).wasClean);
    await until(() => uncaught.length === 2);
    assert.equal(
      uncaught.map(({ message }) => message),
      ['from drain', 'from close'],
    );
  });
});

callbacks.run();

const alive = suite('keepalive in every rhythm (RFC 6455 §5.5.2)');

alive('cuts a silent peer also when it pings more often than the deadline', async () => {
  const { connection } = server({ pingInterval: 10, pongDeadline: 40 });
  connection.on('message', () => {});
  assert.match((await soon(connection.closed)).reason, /silent for 40 ms/);
});

alive('does not take its own busy event loop for the death of the peer', async () => {
  await withPair({ client: { pingInterval: 30, pongDeadline: 30 } }, async ({ near, far }) => {
    near.on('message', () => {});
    far.on('message', () => {});
    await once(far, 'ping');
    // The pong is on its way; by the time that this end looks again, its deadline has passed.
    const end = Date.now() + 60;
    while (Date.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(near.readyState, 'open');
  });
});

alive('does not take a peer that reads one long message slowly for dead', async () => {
  let taken = 0;
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      // 10 ms for each 64 KiB.
      setTimeout(() => {
        taken += chunk.length;
        done();
      }, chunk.length / 6554);
    },
  });
  const connection = over(socket, 'client', { pingInterval: 20, pongDeadline: 100 });
  connection.on('message', () => {});
  connection.send(Buffer.alloc(2_000_000));
  await until(() => taken >= 2_000_000 || connection.readyState !== 'open');
  assert.is(connection.readyState, 'open');
  connection.terminate();
});

alive('does not blame the peer for a message that this end did not read', async () => {
  const { connection, peer } = server({ messageStallDeadline: 60 });
  connection.on('message', () => {});
  peer.write(frame(2, 'x', false));
  await nextTurn();
  connection.pause();
  await new Promise((resolve) => setTimeout(resolve, 45));
  connection.resume();
  await new Promise((resolve) => setTimeout(resolve, 35));
  assert.is(connection.readyState, 'open');
  const [error] = await soon(once(connection, 'violation'));
  assert.is(error.code, 'message-stalled', 'a peer that stalls is still noticed');
  connection.terminate();
});

alive.run();

const listening = suite('a server that is closed while it starts');

listening('does not listen afterwards', async () => {
  const host = createServer(serverCredentials());
  const started = host.listen({ port: 0 }).catch((error: unknown) => error);
  await host.close();
  assert.instance(await soon(started), UsageError);
  assert.is(host.address(), undefined);
});

listening.run();

const attempts = suite('attempts to connect');

attempts('refuse what is no signal and no stream, and leave no timer', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  await nextTurn();
  const before = timers();
  for (const [option, code] of [
    ['signal', 'option-not-a-signal'],
    ['socket', 'option-not-a-stream'],
  ] as const) {
    for (const value of [null, {}, 1]) {
      const error = await connect('wss://localhost:1/', { ...clientCredentials(), [option]: value as never }).catch(
        (reason: unknown) => reason,
      );
      assert.instance(error, UsageError);
      assert.is((error as UsageError).code, code);
    }
  }
  assert.is(timers(), before);
});

attempts('end with the reason of their signal also within the body of a refusal', async () => {
  const refusing = await rawServer(() => 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\nno');
  try {
    const abort = new AbortController();
    const attempt = connect(refusing.url, {
      ...clientCredentials(),
      signal: abort.signal,
      trace: (_id, direction) => direction === 'in' && setImmediate(() => abort.abort(new Error('of the signal'))),
    });
    assert.is(await attempt.catch((error: Error) => error.message), 'of the signal');
  } finally {
    await refusing.close();
  }
});

attempts.run();

const sequences = suite('random sequences of calls and events');

/** Numbers from 0 to `bound` - 1 that follow from `seed` alone (mulberry32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

const quiet = (): void => {};

/** One run: what happens follows from `seed`. Resolves when everything it began has settled. */
async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const log: string[] = [];
  const fail = (text: string): never => {
    throw new Error(`${text}; SEED=${seed}, steps: ${log.join(' ')}`);
  };
  const [socket, peer] = duplexPair();
  peer.on('error', quiet);
  peer.resume();
  const connection = over(socket, 'server', { closeDeadline: 20, highWaterMark: 300, maxUnreadBytes: 500 });
  let closes = 0;
  let sent = 0;
  let next = 0;
  const got = (data: string | Buffer): void => {
    if (closes > 0) fail('a message after close');
    const number = Number(data);
    // Two listeners get each message twice.
    if (number < next - 1) fail(`message ${number} after ${next - 1}`);
    next = number + 1;
  };
  const pending: Array<Promise<unknown>> = [];
  for (const event of ['ping', 'pong', 'drain', 'violation'] as const) {
    connection.on(event, () => {
      if (closes > 0) fail(`${event} after close`);
    });
  }
  connection.on('close', () => {
    if (++closes > 1) fail('close twice');
  });
  const steps: Record<string, () => void> = {
    listen: () => connection.on('message', got),
    once: () => connection.once('message', got),
    unlisten: () => connection.removeAllListeners('message'),
    iterate: () => {
      const left = 1 + random(4);
      const loop = async (): Promise<void> => {
        let count = 0;
        for await (const data of connection) if (closes === 0 && ++count >= left) return void data;
      };
      pending.push(loop().catch(quiet));
    },
    stream: () => {
      const loop = async (): Promise<void> => {
        for await (const message of connection.messages()) {
          for await (const chunk of message) void chunk;
          if (random(2) === 0) return;
        }
      };
      pending.push(loop().catch(quiet));
    },
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    send: () => void connection.send('x'.repeat(random(400))),
    ping: () => void connection.ping(),
    sendMessage: () => void pending.push(connection.sendMessage(['a', 'b'.repeat(random(400))]).catch(quiet)),
    sendSlowly: () =>
      void pending.push(
        connection
          .sendMessage(
            (async function* () {
              yield 'a'.repeat(random(400));
              await nextTurn();
              if (random(3) === 0) await new Promise(quiet);
              if (random(3) === 0) throw new Error('from the source');
              yield 'b';
            })(),
          )
          .catch(quiet),
      ),
    close: () => void pending.push(connection.close()),
    terminate: () => connection.terminate(),
    peerSends: () => {
      const frames = Array.from({ length: 1 + random(5) }, () => frame(1, String(sent++)));
      if (!peer.writableEnded && !peer.destroyed) peer.write(Buffer.concat(frames));
    },
    peerPings: () => void (peer.writableEnded || peer.destroyed || peer.write(frame(9, 'ping'))),
    peerCloses: () => void (peer.writableEnded || peer.destroyed || peer.write(closeFrame)),
    peerErs: () => void (peer.writableEnded || peer.destroyed || peer.write(Buffer.from('8f00', 'hex'))),
    peerEnds: () => void peer.end(),
    peerDestroys: () => void peer.destroy(),
    socketBreaks: () => void socket.destroy(new Error('broken')),
    peerStops: () => void peer.pause(),
    peerReads: () => void peer.resume(),
  };
  const names = Object.keys(steps);
  // What ends a connection is rarer than what does not.
  const isEnd = /close|Closes|terminate|Ends|Ers|Destroys|Breaks/;
  for (let index = 0; index < 12; index++) {
    let name = names[random(names.length)]!;
    if (isEnd.test(name) && random(3) > 0) name = 'peerSends';
    log.push(name);
    steps[name]!();
    const waits = random(3);
    for (let turn = 0; turn < waits; turn++) await nextTurn();
  }
  // The peer may be silent by now, and the user may have paused: close() ends it all the same.
  log.push('close');
  await soon(connection.close(), 2_000).catch(() => fail('close() never settles'));
  await soon(Promise.all(pending), 2_000).catch(() => fail('a promise never settles'));
  await nextTurn();
  if (closes !== 1) fail(`${closes} close events`);
  if (connection.readyState !== 'closed' || connection.send('late') || connection.bufferedBytes > 0) fail('not closed');
}

sequences('end with one close event, nothing after it, and every promise settled', async () => {
  const first = Number(process.env['SEED'] ?? 1);
  const count = process.env['SEED'] === undefined ? Number(process.env['RUNS'] ?? 600) : 1;
  const runs = Array.from({ length: count }, (_, index) => run(first + index));
  for (const outcome of await Promise.allSettled(runs)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
});

sequences.run();
