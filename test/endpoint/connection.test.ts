import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { encodeAnyFrame } from '../../src/frame/index.js';
import { ConnectionClosedError, connect, LimitExceededError, PeerProtocolError, UsageError } from '../../src/index.js';
import {
  clientCredentials,
  rawServer,
  rawWebSocketClient,
  startServer,
  switching,
  until,
  withPair,
  withRawPeer,
} from '../support/ends.js';
import { suite } from '../support/suite.js';

/** A masked frame as a client sends it. */
function masked(opcode: number, payload: string | Uint8Array = '', fin = true): Buffer {
  return encodeAnyFrame({ fin, opcode, payload: Buffer.from(payload), maskingKey: Buffer.from('37fa213d', 'hex') });
}

const sending = suite('sending (RFC 6455 §5.6, §6.1)');

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  sending(`carries text and binary both ways over ${version}`, async () => {
    // The lowest version allowed is also the highest that the other end offers.
    const min = { minVersion: version } as const;
    await withPair({ server: min, client: min }, async ({ near, far }) => {
      far.on('message', (data) => far.send(data));
      const sizes = [0, 1, 125, 126, 65_535, 65_536, 300_000];
      for (const size of sizes) {
        near.send('x'.repeat(size));
        near.send(Buffer.alloc(size, size % 251));
      }
      const received: Array<string | Buffer> = [];
      for await (const message of near) if (received.push(message) === sizes.length * 2) break;
      for (const [index, size] of sizes.entries()) {
        assert.is(received[2 * index], 'x'.repeat(size));
        assert.equal(received[2 * index + 1], Buffer.alloc(size, size % 251));
      }
    });
  });
}

sending('sends exactly the bytes of a view (T13)', async () => {
  await withPair({}, async ({ near, far }) => {
    const memory = new ArrayBuffer(64);
    new Uint8Array(memory).forEach((_, index, bytes) => {
      bytes[index] = index;
    });
    near.send(new DataView(memory, 8, 4));
    near.send(new Uint16Array(memory, 16, 2));
    near.send(memory.slice(60));
    const received: Array<string | Buffer> = [];
    for await (const message of far) if (received.push(message) === 3) break;
    assert.equal(received, [Buffer.from([8, 9, 10, 11]), Buffer.from([16, 17, 18, 19]), Buffer.from([60, 61, 62, 63])]);
    assert.is(new Uint8Array(memory)[9], 9, 'the caller keeps its bytes unmasked');
  });
});

sending('sends what memory held at the call, whatever is written there later (RFC 6455 §10.3)', async () => {
  await withPair({}, async ({ near, far }) => {
    const memory = Buffer.alloc(100_000, 'before');
    const whole = Buffer.from(memory);
    const received = far[Symbol.asyncIterator]();
    near.send(memory);
    near.send(memory.subarray(0, 5));
    near.ping(memory.subarray(0, 10));
    const pinged = once(far, 'ping');
    memory.fill('after!');
    for (const length of [100_000, 5]) {
      assert.equal((await received.next()).value, whole.subarray(0, length), `${length} bytes`);
    }
    assert.equal((await pinged)[0], whole.subarray(0, 10));
  });
});

sending('writes all that is sent in one turn at once', async () => {
  const writes: number[] = [];
  await withPair(
    { client: { trace: (_id, direction, bytes) => direction === 'out' && writes.push(bytes.length) } },
    async ({ near, far }) => {
      writes.length = 0;
      let received = 0;
      far.on('message', () => received++);
      for (let index = 0; index < 100; index++) near.send('hello');
      await Promise.resolve();
      near.send('from a microtask of the same turn');
      await until(() => received === 101);
      assert.is(writes.length, 1);
    },
  );
});

sending('answers all messages of one record in one write', async () => {
  const writes: number[] = [];
  await withPair(
    { server: { trace: (_id, direction, bytes) => direction === 'out' && writes.push(bytes.length) } },
    async ({ near, far }) => {
      far.handleMessages((buffer, start, end) => far.send(buffer.subarray(start, end)));
      writes.length = 0;
      for (let index = 0; index < 100; index++) near.send(Buffer.from('hello'));
      let received = 0;
      for await (const _ of near) if (++received === 100) break;
      assert.is(writes.length, 1);
    },
  );
});

sending('sends a part of a buffer as text or binary, and touches nothing of it', async () => {
  for (const perMessageDeflate of [false, { threshold: 20 }]) {
    await withPair({ server: { perMessageDeflate }, client: { perMessageDeflate } }, async ({ near, far }) => {
      far.handleMessages((buffer, start, end, isText) => far.sendRange(buffer, start, end, isText));
      const received: Array<string | Buffer> = [];
      near.on('message', (data) => received.push(data));
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => 97 + (index % 26)));
      const before = Buffer.from(bytes);
      const ranges = [
        [0, 0],
        [5, 5],
        [1, 2],
        [3, 27],
        [3, 28],
        [7, 132],
        [9, 4000],
        [1, 70_000],
        [0, 70_000],
      ] as const;
      for (const [start, end] of ranges) {
        near.sendRange(bytes, start, end, true);
        near.sendRange(bytes, start, end, false);
      }
      await until(() => received.length === 2 * ranges.length);
      for (const [index, [start, end]] of ranges.entries()) {
        assert.is(received[2 * index], before.toString('latin1', start, end));
        assert.ok((received[2 * index + 1] as Buffer).equals(before.subarray(start, end)));
      }
      assert.ok(bytes.equals(before));
    });
  }
});

sending('refuses a part that is not in the buffer', async () => {
  await withPair({}, async ({ near }) => {
    const buffer = Buffer.alloc(10);
    for (const [start, end] of [
      [-1, 5],
      [0, 11],
      [6, 5],
      [0.5, 5],
      [0, Number.NaN],
    ] as const) {
      assert.throws(
        () => near.sendRange(buffer, start, end, false),
        (error: unknown) => error instanceof UsageError && error.code === 'not-a-message',
      );
    }
    assert.throws(() => near.sendRange('text' as unknown as Buffer, 0, 4, true), /not-a-message|bytes of a buffer/);
  });
});

sending('says when the buffer is over its mark, and when it is empty again', async () => {
  await withPair({ client: { highWaterMark: 100_000 } }, async ({ near, far }) => {
    far.pause();
    assert.is(near.send(Buffer.alloc(1000)), true);
    assert.is(near.send(Buffer.alloc(8_000_000)), false);
    assert.ok(near.bufferedBytes > 8_000_000);
    far.on('message', () => {});
    far.resume();
    await once(near, 'drain');
    assert.is(near.bufferedBytes, 0);
    assert.is(near.send('more'), true);
  });
});

sending('cuts the connection when a slow peer would make the buffer grow over its limit (T21)', async () => {
  await withPair({ client: { maxSendBufferBytes: 1_000_000 } }, async ({ near, far }) => {
    far.pause();
    assert.is(near.send(Buffer.alloc(6_000_000)), false, 'one message on an empty buffer may be longer');
    await new Promise((resolve) => setImmediate(resolve));
    let last = true;
    for (let index = 0; index < 100 && near.readyState === 'open'; index++) last = near.send(Buffer.alloc(100_000));
    assert.is(last, false);
    const event = await near.closed;
    assert.is(event.code, 1006);
    assert.instance(event.error, LimitExceededError);
    assert.is((event.error as LimitExceededError).limit, 'maxSendBufferBytes');
    assert.match(event.reason, /maxSendBufferBytes/);
  });
});

sending('returns false, and does not throw, after the connection is closed', async () => {
  await withPair({}, async ({ near }) => {
    await near.close();
    assert.is(near.send('late'), false);
    assert.is(near.send(Buffer.from('late')), false);
    assert.is(near.ping(), false);
    assert.is(near.readyState, 'closed');
  });
});

sending('refuses what is no message', async () => {
  await withPair({}, async ({ near }) => {
    for (const wrong of [undefined, null, 5, {}, ['a']]) {
      assert.throws(
        () => near.send(wrong as never),
        (error: unknown) => error instanceof UsageError && error.code === 'not-a-message',
      );
    }
    assert.throws(
      () => near.ping('x'.repeat(126)),
      (error: unknown) => error instanceof UsageError,
    );
    assert.is(near.ping('x'.repeat(125)), true);
  });
});

sending.run();

const streams = suite('messages of unknown length (RFC 6455 §5.4)');

streams('sends a message in fragments as its source yields', async () => {
  await withPair({}, async ({ near, far }) => {
    const sent = near.sendMessage(
      (async function* () {
        yield 'a\ud83d';
        yield '';
        yield '\ude00b';
      })(),
    );
    const [message] = await once(far, 'message');
    await sent;
    assert.is(message, 'a😀b');
  });
});

streams('tells how many bytes waited behind a message that was never finished', async () => {
  await withPair({}, async ({ near, far }) => {
    const never = near.sendMessage(
      (async function* () {
        yield 'one';
        await new Promise(() => {});
      })(),
    );
    await until(() => near.traffic.bytesSent > 0);
    near.send(Buffer.alloc(1000));
    near.send(Buffer.alloc(10));
    const waiting = near.bufferedBytes;
    assert.ok(waiting > 1010);
    far.terminate();
    await never.catch(() => {});
    assert.is((await near.closed).unsentBytes, waiting);
  });
});

streams('lets other messages wait behind one that is being sent', async () => {
  await withPair({}, async ({ near, far }) => {
    const received: Array<string | Buffer> = [];
    far.on('message', (data) => received.push(data));
    let release!: () => void;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = near.sendMessage(
      (async function* () {
        yield Buffer.from('one');
        await gate;
        yield Buffer.from('two');
      })(),
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    near.send('three');
    near.send(Buffer.from('four'));
    const second = near.sendMessage(['five']);
    near.ping('between fragments');
    release();
    await Promise.all([first, second]);
    await until(() => received.length === 4);
    assert.equal(received, [Buffer.from('onetwo'), 'three', Buffer.from('four'), 'five']);
  });
});

streams('sends an empty message when the source yields nothing', async () => {
  await withPair({}, async ({ near, far }) => {
    const received: Array<string | Buffer> = [];
    far.on('message', (data) => received.push(data));
    await near.sendMessage([]);
    await near.sendMessage([], { binary: true });
    await until(() => received.length === 2);
    assert.equal(received, ['', Buffer.alloc(0)]);
  });
});

streams('waits when the peer is slow', async () => {
  await withPair({}, async ({ near, far }) => {
    far.pause();
    let yielded = 0;
    const sent = near.sendMessage(
      (function* () {
        for (; yielded < 300; yielded++) yield Buffer.alloc(65_536);
      })(),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(yielded < 300, `${yielded} chunks were taken`);
    assert.ok(near.bufferedBytes < 1_000_000);
    far.terminate();
    await sent.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, ConnectionClosedError),
    );
  });
});

streams('rejects when the connection closes while the source is silent', async () => {
  await withPair({}, async ({ near, far }) => {
    let returned = false;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const sent = near.sendMessage(source);
    setTimeout(() => far.terminate(), 10);
    await sent.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, ConnectionClosedError),
    );
    assert.ok(returned);
  });
});

streams('closes with 1011 when the source throws', async () => {
  await withPair({}, async ({ near, far }) => {
    const sent = near.sendMessage(
      (function* () {
        yield 'half a ';
        throw new Error('no more');
      })(),
    );
    await sent.then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, 'no more'),
    );
    assert.is((await far.closed).code, 1011);
  });
});

streams('tells how many bytes waited behind a message whose source throws', async () => {
  await withPair({}, async ({ near, far }) => {
    let fail!: (error: Error) => void;
    const failing = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const sent = near.sendMessage(
      (async function* () {
        yield 'half a ';
        yield await failing;
      })(),
    );
    await until(() => far.traffic.bytesReceived > 0 && near.bufferedBytes === 0);
    near.send(Buffer.alloc(1000));
    const waiting = near.bufferedBytes;
    assert.ok(waiting > 1000);
    fail(new Error('no more'));
    await sent.catch(() => {});
    const { unsentBytes, code } = await near.closed;
    assert.equal([code, unsentBytes], [1011, waiting]);
  });
});

streams('refuses a message of text and bytes', async () => {
  await withPair({}, async ({ near }) => {
    await near.sendMessage(['a', Buffer.from('b')]).then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'mixed-message'),
    );
  });
  await withPair({}, async ({ near }) => {
    await near.sendMessage([5 as never]).then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'not-a-message'),
    );
  });
});

streams('yields a message while it arrives, text split at code points', async () => {
  await withRawPeer({}, async ({ far, peer }) => {
    const messages = far.messages();
    const euro = Buffer.from('€');
    peer.write(masked(1, Buffer.concat([Buffer.from('ab'), euro.subarray(0, 1)]), false));
    const { value: message } = await messages.next();
    assert.is(message.isText, true);
    const chunks = message[Symbol.asyncIterator]();
    assert.equal(await chunks.next(), { done: false, value: 'ab' });
    peer.write(masked(0, euro.subarray(1), true));
    assert.equal(await chunks.next(), { done: false, value: '€' });
    assert.equal(await chunks.next(), { done: true, value: undefined });
    peer.socket.destroy();
  });
});

streams('streams a message over maxMessageBytes with bounded memory', async () => {
  await withPair({ server: { maxMessageBytes: 1000, maxUnreadBytes: 100_000 } }, async ({ near, far }) => {
    const total = 20_000_000;
    near.send(Buffer.alloc(total, 7));
    let size = 0;
    for await (const message of far.messages()) {
      assert.is(message.isText, false);
      for await (const chunk of message) size += chunk.length;
      break;
    }
    assert.is(size, total);
  });
});

streams('skips what is left of a message when the next is asked for', async () => {
  await withPair({}, async ({ near, far }) => {
    near.send(Buffer.alloc(3_000_000, 1));
    near.send('the next');
    const seen: string[] = [];
    for await (const message of far.messages()) {
      if (!message.isText) continue;
      for await (const chunk of message) seen.push(String(chunk));
      break;
    }
    assert.is(seen.join(''), 'the next');
  });
});

streams('tells the reader of a message that it was cut off', async () => {
  await withPair({}, async ({ near, far }) => {
    const reading = (async () => {
      for await (const message of far.messages()) for await (const _ of message) near.terminate();
    })();
    void near
      .sendMessage(
        (async function* () {
          yield 'half';
          await new Promise(() => {});
        })(),
      )
      .catch(() => {});
    await reading.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, ConnectionClosedError),
    );
  });
});

streams('goes back to whole messages after the loop', async () => {
  await withPair({}, async ({ near, far }) => {
    near.send('one');
    for await (const message of far.messages()) {
      for await (const chunk of message) assert.is(chunk, 'one');
      break;
    }
    near.send('two');
    for await (const message of far) {
      assert.is(message, 'two');
      break;
    }
  });
});

streams.run();

const receiving = suite('receiving (RFC 6455 §6.2)');

receiving('loses nothing before somebody listens', async () => {
  await withPair({}, async ({ near, far }) => {
    for (let index = 0; index < 500; index++) near.send(`message ${index}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const received: Array<string | Buffer> = [];
    far.on('message', (data) => received.push(data));
    await until(() => received.length === 500);
    assert.equal(
      received,
      Array.from({ length: 500 }, (_, index) => `message ${index}`),
    );
  });
});

receiving('hands what was read ahead to the fast handler too, in order', async () => {
  await withPair({}, async ({ near, far }) => {
    near.send('first');
    near.send(Buffer.from('second'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const received: Array<[string, boolean]> = [];
    far.handleMessages((buffer, start, end, isText) => received.push([buffer.toString('utf8', start, end), isText]));
    await until(() => received.length === 2);
    assert.equal(received, [
      ['first', true],
      ['second', false],
    ]);
  });
});

receiving('reads nothing while it is paused, from the event of its beginning on either', async () => {
  const { server, url } = await startServer();
  server.on('connection', (connection) => connection.pause());
  const client = await connect(url, clientCredentials());
  const message = Buffer.alloc(1 << 20);
  // As much as fits between two sockets, which is some 6 MiB; at 16 MiB the connection would be cut.
  for (let sent = 0; client.bufferedBytes === 0; sent++) {
    assert.ok(sent < 24, `${sent} MiB were read`);
    client.send(message);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await server.close({ deadline: 0 });
});

receiving('delivers no message while it is paused, one at a time if so wished', async () => {
  await withPair({}, async ({ near, far }) => {
    const count = 2000;
    for (let index = 0; index < count; index++) near.send(String(index));
    let received = 0;
    await new Promise<void>((resolve) => {
      far.on('message', (data) => {
        assert.not(far.isPaused);
        assert.is(data, String(received++));
        far.pause();
        setImmediate(() => {
          far.resume();
          if (received === count) resolve();
        });
      });
    });
    assert.is(received, count);
  });
});

receiving('reads no faster than the iterator takes', async () => {
  await withPair({ server: { maxUnreadBytes: 200_000 }, client: { highWaterMark: 65_536 } }, async ({ near, far }) => {
    let sent = 0;
    const more = (): void => {
      while (sent < 4000 && near.send(Buffer.alloc(10_000, sent++ % 251)));
    };
    near.on('drain', more);
    const iterator = far[Symbol.asyncIterator]();
    more();
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.ok(sent < 4000, `${sent} messages left although nobody took one`);
    for (let index = 0; index < 4000; index++) {
      const { value } = await iterator.next();
      assert.is((value as Buffer)[9999], index % 251);
    }
  });
});

receiving('gives memory that stays the receiver’s own', async () => {
  await withPair({}, async ({ near, far }) => {
    for (let index = 0; index < 50; index++) near.send(Buffer.alloc(100, index));
    const kept: Buffer[] = [];
    for await (const message of far) if (kept.push(message as Buffer) === 50) break;
    near.send(Buffer.alloc(60_000, 255));
    for await (const _ of far) break;
    for (const [index, message] of kept.entries()) assert.equal(message, Buffer.alloc(100, index));
  });
});

receiving('answers pings, and tells of pings and pongs', async () => {
  await withPair({}, async ({ near, far }) => {
    const pinged = once(far, 'ping');
    const ponged = once(near, 'pong');
    near.ping('are you there');
    assert.equal(await pinged, [Buffer.from('are you there')]);
    assert.equal(await ponged, [Buffer.from('are you there')]);
  });
});

receiving('bounds its memory under pings whose answers nobody reads (T21)', async () => {
  await withRawPeer({}, async ({ far, peer }) => {
    peer.socket.pause();
    const burst = Buffer.concat(Array.from({ length: 1000 }, () => masked(9, Buffer.alloc(125))));
    let most = 0;
    for (let index = 0; index < 200; index++) {
      if (!peer.socket.write(burst))
        await Promise.race([once(peer.socket, 'drain'), new Promise((resolve) => setTimeout(resolve, 50))]);
      most = Math.max(most, far.bufferedBytes);
    }
    assert.ok(most < 1_000_000, `${most} bytes of pongs waited`);
    peer.socket.destroy();
  });
});

receiving('goes on after a listener threw, whose error stays uncaught', async () => {
  await withPair({}, async ({ near, far }) => {
    const uncaught: Error[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const received: Array<string | Buffer> = [];
      far.on('message', (data) => {
        received.push(data);
        if (data === 'bad') throw new Error('from the listener');
      });
      near.send('bad');
      near.send('good');
      await until(() => received.length === 2 && uncaught.length === 1);
      assert.is(uncaught[0]?.message, 'from the listener');
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});

receiving('reports a violation, and closes with its code (T8)', async () => {
  await withRawPeer({}, async ({ far, peer }) => {
    let messages = 0;
    far.on('message', () => messages++);
    const violated = once(far, 'violation');
    peer.write(Buffer.from('810568656c6c6f', 'hex'));
    const [error] = await violated;
    assert.instance(error, PeerProtocolError);
    assert.is(error.closeCode, 1002);
    assert.is(error.offset, 2);
    assert.equal(await peer.readAll(), Buffer.from('880203ea', 'hex'));
    peer.socket.end();
    const event = await far.closed;
    assert.is(event.code, 1006);
    assert.is(event.error, error);
    assert.equal(event.sent, { code: 1002, reason: '' });
    assert.is(messages, 0);
  });
});

receiving('closes with 1009 when a message is over the limit by one (T2)', async () => {
  await withPair({ server: { maxMessageBytes: 1000 } }, async ({ near, far }) => {
    far.on('message', () => {});
    near.send(Buffer.alloc(1000));
    const violated = once(far, 'violation');
    near.send(Buffer.alloc(1001));
    const [error] = await violated;
    assert.instance(error, LimitExceededError);
    assert.is(error.closeCode, 1009);
    near.on('message', () => {});
    assert.is((await near.closed).code, 1009);
  });
});

receiving('closes with 1008 a message that does not grow (T1)', async () => {
  await withRawPeer({ messageStallDeadline: 50 }, async ({ far, peer }) => {
    peer.write(masked(2, 'x', false));
    const [error] = await once(far, 'violation');
    assert.is(error.code, 'message-stalled');
    assert.equal(await peer.readAll(), Buffer.from('880203f0', 'hex'));
  });
});

receiving('closes with 1008 at one message more in a second than maxMessagesPerSecond', async () => {
  await withRawPeer({ maxMessagesPerSecond: 3 }, async ({ far, peer }) => {
    const messages: unknown[] = [];
    far.on('message', (data) => messages.push(data));
    for (const text of ['1', '2', '3']) peer.write(masked(1, text));
    await until(() => messages.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const violated = once(far, 'violation');
    peer.write(Buffer.concat(['4', '5', '6', '7', '8'].map((text) => masked(1, text))));
    const [error] = await violated;
    assert.equal(
      [error.code, error.limit, error.maximum, error.actual, error.unit],
      ['too-many-messages', 'maxMessagesPerSecond', 3, 4, 'messages per second'],
    );
    assert.equal(messages, ['1', '2', '3', '4', '5', '6']);
    assert.equal(await peer.readAll(), Buffer.from('880203f0', 'hex'));
  });
});

receiving('counts the messages of a fast handler and of a stream against maxMessagesPerSecond, too', async () => {
  for (const take of ['handler', 'stream'] as const) {
    await withRawPeer({ maxMessagesPerSecond: 2 }, async ({ far, peer }) => {
      let taken = 0;
      if (take === 'handler') far.handleMessages(() => taken++);
      else {
        void (async () => {
          for await (const message of far.messages()) for await (const _ of message) taken++;
        })().catch(() => {});
      }
      peer.write(Buffer.concat(['1', '2', '3'].map((text) => masked(1, text))));
      const [error] = await once(far, 'violation');
      assert.is(error.code, 'too-many-messages');
      assert.ok(taken <= 2, `${take}: ${taken}`);
    });
  }
});

receiving('closes with 1008 at one ping or pong more in a second than maxControlFramesPerSecond', async () => {
  await withRawPeer({ maxControlFramesPerSecond: 3, pingInterval: 0 }, async ({ far, peer }) => {
    const seen: string[] = [];
    far.on('message', () => seen.push('message'));
    far.on('ping', () => seen.push('ping'));
    far.on('pong', () => seen.push('pong'));
    peer.write(
      Buffer.concat([masked(9, ''), masked(10, ''), masked(1, 'x'), masked(9, ''), masked(10, ''), masked(1, 'y')]),
    );
    const [error] = await once(far, 'violation');
    assert.equal([error.code, error.limit, error.actual], ['too-many-control-frames', 'maxControlFramesPerSecond', 4]);
    assert.equal(seen, ['ping', 'pong', 'message', 'ping']);
    assert.equal(await peer.readAll(), Buffer.from('8a008a00880203f0', 'hex'));
  });
});

receiving('closes with 1008 a message that grows, and is not whole by messageDeadline', async () => {
  await withRawPeer({ messageStallDeadline: 60, messageDeadline: 150 }, async ({ far, peer }) => {
    const began = performance.now();
    peer.write(masked(2, Buffer.alloc(2048), false));
    const more = setInterval(() => peer.write(masked(0, Buffer.alloc(2048), false)), 10);
    const [error] = await once(far, 'violation');
    clearInterval(more);
    assert.equal([error.code, error.limit, error.maximum], ['message-too-slow', 'messageDeadline', 150]);
    assert.ok(performance.now() - began >= 149);
    assert.equal((await peer.readAll()).subarray(-4), Buffer.from('880203f0', 'hex'));
  });
});

receiving('does not charge a message for the time of those before it (messageDeadline)', async () => {
  await withRawPeer({ messageDeadline: 200 }, async ({ far, peer }) => {
    let messages = 0;
    far.on('message', () => messages++);
    far.on('violation', (error) => assert.unreachable(error.message));
    for (let count = 1; count <= 10; count++) {
      peer.write(masked(2, Buffer.alloc(2048), false));
      await new Promise((resolve) => setTimeout(resolve, 30));
      peer.write(masked(0, 'end'));
      await until(() => messages === count);
    }
  });
});

receiving('lets others have their turn while one connection floods (T1)', async () => {
  const { server, port, url } = await startServer();
  try {
    let flooded = 0;
    server.on('connection', (connection) =>
      connection.on('message', (data) => (data.length === 1 ? flooded++ : connection.send(data))),
    );
    const flooder = await rawWebSocketClient(port);
    const honest = await connect(url, clientCredentials());
    const burst = Buffer.concat(Array.from({ length: 5000 }, () => masked(1, 'x')));
    let flooding = true;
    void (async () => {
      while (flooding)
        if (!flooder.socket.write(burst)) await Promise.race([once(flooder.socket, 'drain'), honest.closed]);
    })();
    for (let index = 0; index < 20; index++) {
      const before = flooded;
      honest.send('my turn');
      for await (const _ of honest) break;
      // At most a few budgets of 64 KiB of 7-byte frames may pass between a question and its answer.
      assert.ok(flooded - before < 200_000, `${flooded - before} messages of the flooder came first`);
    }
    flooding = false;
    flooder.socket.destroy();
    honest.terminate();
  } finally {
    await server.close({ deadline: 0 });
  }
});

receiving.run();

const closing = suite('the closing handshake (RFC 6455 §7)');

closing('ends cleanly with code and reason at both ends', async () => {
  await withPair({}, async ({ near, far }) => {
    const event = await near.close(4001, 'that is all');
    assert.is(event.code, 4001);
    assert.ok(event.wasClean);
    assert.is(event.order, 'sent-first');
    assert.is(event.error, undefined);
    const other = await far.closed;
    assert.is(other.code, 4001);
    assert.is(other.reason, 'that is all');
    assert.is(other.order, 'received-first');
    assert.ok(other.wasClean);
  });
});

closing('is clean when both ends start it', async () => {
  await withPair({}, async ({ near, far }) => {
    const [one, other] = await Promise.all([near.close(4001, 'near'), far.close(4002, 'far')]);
    assert.ok(one.wasClean && other.wasClean);
    assert.is(one.code, 4002);
    assert.is(other.code, 4001);
  });
});

closing('delivers what was sent before the close', async () => {
  await withPair({}, async ({ near, far }) => {
    const received: string[] = [];
    far.on('message', (data) => received.push(String(data)));
    for (let index = 0; index < 100; index++) near.send(`${index}`);
    await near.close();
    await far.closed;
    assert.is(received.length, 100);
  });
});

closing('takes the codes that may be sent, and throws for the others (T12)', async () => {
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_536, 1.5, Number.NaN]) {
    await withPair({}, async ({ near }) => {
      assert.throws(
        () => near.close(code),
        (error: unknown) => error instanceof UsageError,
      );
      assert.is(near.readyState, 'open');
    });
  }
  await withPair({}, async ({ near, far }) => {
    assert.throws(
      () => far.close(1010),
      (error: unknown) => error instanceof UsageError,
    );
    assert.throws(
      () => near.close(1000, 'x'.repeat(124)),
      (error: unknown) => error instanceof UsageError,
    );
    assert.ok((await near.close(1010, 'x'.repeat(123))).wasClean);
  });
});

closing('cuts the connection of a peer that ignores the close (T21)', async () => {
  await withRawPeer({ closeDeadline: 60 }, async ({ far, peer }) => {
    const event = await far.close();
    assert.is(event.code, 1006);
    assert.not(event.wasClean);
    assert.match(event.reason, /no close frame came within 60 ms/);
    peer.socket.destroy();
  });
});

closing('ignores data after the close frame (T12)', async () => {
  await withRawPeer({}, async ({ far, peer }) => {
    let messages = 0;
    far.on('message', () => messages++);
    peer.write(Buffer.concat([masked(8, Buffer.from('03e8', 'hex')), masked(1, 'late'), Buffer.from('ff', 'hex')]));
    const event = await far.closed;
    assert.is(event.code, 1000);
    assert.is(messages, 0);
    assert.equal(await peer.readAll(), Buffer.from('880203e8', 'hex'));
  });
});

closing('answers a close without body by one without body', async () => {
  await withRawPeer({}, async ({ far, peer }) => {
    peer.write(masked(8));
    assert.equal(await peer.readAll(), Buffer.from('8800', 'hex'));
    const event = await far.closed;
    assert.is(event.code, 1005);
    assert.ok(event.wasClean);
  });
});

closing('ends the TCP connection as a server at once when both close frames went by', async () => {
  for (const starts of ['server', 'client'] as const) {
    await withRawPeer({ closeDeadline: 60_000 }, async ({ far, peer }) => {
      if (starts === 'server') void far.close(1000);
      else peer.write(masked(8, Buffer.from('03e8', 'hex')));
      assert.equal(await peer.read(4), Buffer.from('880203e8', 'hex'));
      if (starts === 'server') peer.write(masked(8, Buffer.from('03e8', 'hex')));
      // It does not wait for our end, which comes after its own.
      assert.is((await peer.readAll()).length, 0);
      assert.is(peer.error, undefined);
      assert.ok((await far.closed).wasClean);
    });
  }
});

closing('waits as a client for the server to end the TCP connection, and cuts it at the deadline', async () => {
  for (const serverEnds of [true, false]) {
    const { url, peers, close } = await rawServer((accept) => switching(accept));
    try {
      const near = await connect(url, { ...clientCredentials(), closeDeadline: serverEnds ? 60_000 : 200 });
      const peer = peers[0]!;
      peer.write(Buffer.from('880203e8', 'hex'));
      assert.is((await peer.read(8)).length, 8);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (serverEnds) {
        assert.not(peer.ended);
        assert.is(near.readyState, 'closing');
        peer.socket.end();
      }
      const event = await near.closed;
      assert.is(event.code, 1000);
      assert.ok(event.wasClean);
    } finally {
      await close();
    }
  }
});

closing('is clean when the peer resets the connection after both close frames', async () => {
  const { url, peers, close } = await rawServer((accept) => switching(accept));
  try {
    const near = await connect(url, clientCredentials());
    const closed = near.close(1000);
    await until(() => (peers[0]?.received.length ?? 0) >= 8);
    peers[0]!.write(Buffer.from('880203e8', 'hex'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    peers[0]!.socket.destroy();
    const event = await closed;
    assert.is(event.code, 1000);
    assert.ok(event.wasClean);
  } finally {
    await close();
  }
});

closing('reports 1006 with a reason when the peer is cut off, in the middle of a message (T20)', async () => {
  await withPair({}, async ({ near, far }) => {
    far.on('message', () => {});
    void near
      .sendMessage(
        (async function* () {
          yield 'half a message';
          await new Promise(() => {});
        })(),
      )
      .catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    near.terminate();
    const event = await far.closed;
    assert.is(event.code, 1006);
    assert.ok(event.reason.length > 10, event.reason);
    assert.is((await near.closed).reason, 'terminated by this end');
  });
});

closing('ends an iterator only after a clean end', async () => {
  await withPair({}, async ({ near, far }) => {
    near.send('last');
    void near.close(1000);
    const seen: Array<string | Buffer> = [];
    for await (const message of far) seen.push(message);
    assert.equal(seen, ['last']);
    for await (const message of far) assert.unreachable(String(message));
  });
  for (const end of ['terminate', 'close'] as const) {
    await withPair({}, async ({ near, far }) => {
      near.send('last');
      const seen: Array<string | Buffer> = [];
      const reading = (async () => {
        for await (const message of far) {
          seen.push(message);
          if (end === 'terminate') near.terminate();
          else void near.close(4000, 'not the usual end');
        }
      })();
      await reading.then(
        () => assert.unreachable(),
        (error) => assert.instance(error, ConnectionClosedError),
      );
      assert.equal(seen, ['last']);
    });
  }
});

closing('finishes also while the iterator takes nothing more', async () => {
  await withPair({ server: { maxUnreadBytes: 1000 } }, async ({ near, far }) => {
    const iterator = far[Symbol.asyncIterator]();
    for (let index = 0; index < 1000; index++) near.send(Buffer.alloc(1000));
    await iterator.next();
    const event = await far.close();
    assert.ok(event.wasClean, event.reason);
  });
});

closing('finishes while the user has paused', async () => {
  await withPair({}, async ({ near, far }) => {
    far.pause();
    near.send('never read');
    assert.ok((await far.close()).wasClean);
  });
});

closing('waits with the end until what arrived before it was taken', async () => {
  await withPair({}, async ({ near, far }) => {
    far.pause();
    for (let index = 0; index < 10; index++) near.send(String(index));
    await new Promise((resolve) => setTimeout(resolve, 20));
    near.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const received: string[] = [];
    far.on('message', (data) => received.push(String(data)));
    far.resume();
    await far.closed;
    assert.equal(received.slice(0, 1), ['0']);
    assert.is(received.length, 10);
  });
});

closing('closes at the end of an await using block', async () => {
  await withPair({}, async ({ near, far }) => {
    await near[Symbol.asyncDispose]();
    assert.is((await far.closed).code, 1000);
  });
});

closing('emits close exactly once, and nothing after it', async () => {
  await withPair({}, async ({ near, far }) => {
    let closes = 0;
    near.on('close', () => closes++);
    near.on('message', () => assert.is(closes, 0));
    for (let index = 0; index < 1000; index++) far.send('x');
    void near.close();
    near.terminate();
    near.terminate();
    await near.closed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(closes, 1);
  });
});

closing.run();

const keepalive = suite('keepalive (RFC 6455 §5.5.2)');

keepalive('pings by itself, and a live peer stays', async () => {
  await withPair({ server: { pingInterval: 20, pongDeadline: 15 } }, async ({ near, far }) => {
    let pings = 0;
    near.on('ping', () => pings++);
    await until(() => pings >= 5);
    assert.is(far.readyState, 'open');
  });
});

keepalive('cuts a peer that is silent after a ping', async () => {
  await withRawPeer({ pingInterval: 30, pongDeadline: 30 }, async ({ far, peer }) => {
    const event = await far.closed;
    assert.is(event.code, 1006);
    assert.match(event.reason, /silent for 30 ms after a ping/);
    peer.socket.destroy();
  });
});

keepalive('closes with 1001 after idleTimeout without a message, whatever pings come', async () => {
  await withPair({ server: { idleTimeout: 150 }, client: { pingInterval: 10 } }, async ({ near, far }) => {
    far.on('message', (data) => far.send(data));
    for (let count = 0; count < 4; count++) {
      near.send('still here');
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    assert.is(far.readyState, 'open');
    near.on('message', () => {});
    const { code, reason } = await near.closed;
    assert.equal([code, reason], [1001, 'no message came or went for 150 ms (idleTimeout)']);
  });
});

keepalive('does not take its own pause for the death of the peer', async () => {
  await withPair({ server: { pingInterval: 20, pongDeadline: 15 } }, async ({ near, far }) => {
    far.pause();
    near.send('waiting');
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.is(far.readyState, 'open');
    far.on('message', () => {});
    far.resume();
    await once(far, 'message');
  });
});

keepalive('is off with an interval of 0', async () => {
  await withPair({ server: { pingInterval: 0 }, client: { pingInterval: 0 } }, async ({ near }) => {
    let pings = 0;
    near.on('ping', () => pings++);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.is(pings, 0);
  });
});

keepalive.run();
