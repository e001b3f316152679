/** Compressed connections: both ends of ours, over mutual TLS. */
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { encodeAnyFrame } from '../../src/frame/index.js';
import {
  ConnectionClosedError,
  connect,
  createServer,
  LimitExceededError,
  type PerMessageDeflateOptions,
  UsageError,
} from '../../src/index.js';
import {
  clientCredentials,
  rawClient,
  serverCredentials,
  startServer,
  until,
  upgradeRequest,
  withPair,
} from '../support/ends.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const kib = 1024;

/** Options of a pair that compresses; `out` counts what the client writes. */
function both(perMessageDeflate: boolean | PerMessageDeflateOptions = true): {
  server: { perMessageDeflate: boolean | PerMessageDeflateOptions };
  client: { perMessageDeflate: boolean | PerMessageDeflateOptions };
} {
  return { server: { perMessageDeflate }, client: { perMessageDeflate } };
}

/** Text that compresses about as JSON does. */
function textOf(length: number, below: (limit: number) => number): string {
  let text = '';
  while (text.length < length) text += `{"device":"gateway-${below(40)}","value":${below(9999)},"ok":true},`;
  return text.slice(0, length);
}

const agreeing = suite('agreement on compression (RFC 7692 §5)');

agreeing('needs both ends to ask for it', async () => {
  for (const [server, client, expected] of [
    [true, true, 'permessage-deflate'],
    [true, false, ''],
    [false, true, ''],
    [undefined, undefined, ''],
  ] as const) {
    const options = {
      server: server === undefined ? {} : { perMessageDeflate: server },
      client: client === undefined ? {} : { perMessageDeflate: client },
    };
    await withPair(options, async ({ near, far }) => {
      assert.is(near.extensions, expected);
      assert.is(far.extensions, expected);
      const text = 'the same again, '.repeat(1000);
      near.send(text);
      far.send(text);
      assert.is((await once(far, 'message'))[0], text);
      assert.is((await once(near, 'message'))[0], text);
    });
  }
});

agreeing('keeps to every parameter, whoever asks for it', async () => {
  for (const options of [
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverMaxWindowBits: 8 },
    { clientMaxWindowBits: 8 },
    { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
  ]) {
    for (const asking of ['server', 'client'] as const) {
      const pair = { ...both(), [asking]: { perMessageDeflate: options } };
      await withPair(pair, async ({ near, far }) => {
        assert.is(near.extensions, far.extensions);
        const below = random().below;
        far.on('message', (data) => far.send(data));
        for (const length of [2000, 2000, 40_000, 2000]) {
          const text = textOf(length, below);
          near.send(text);
          assert.is((await once(near, 'message'))[0], text);
        }
      });
    }
  }
});

agreeing('refuses options that cannot be', async () => {
  for (const [perMessageDeflate, code] of [
    ['yes', 'option-not-an-object'],
    [null, 'option-not-an-object'],
    [{ treshold: 5 }, 'option-unknown'],
    [{ threshold: -1 }, 'option-not-a-number'],
    [{ level: 10 }, 'option-not-a-number'],
    [{ level: '5' }, 'option-not-a-number'],
    [{ serverNoContextTakeover: 1 }, 'deflate-policy-invalid'],
    [{ clientMaxWindowBits: 7 }, 'deflate-policy-invalid'],
    [{ serverMaxWindowBits: 16 }, 'deflate-policy-invalid'],
    [{ fallbacks: {} }, 'option-not-an-array'],
    [{ fallbacks: [{ level: 1 }] }, 'option-unknown'],
  ] as const) {
    const isRight = (error: unknown): boolean => error instanceof UsageError && error.code === code;
    const wrong = { perMessageDeflate: perMessageDeflate as never };
    assert.throws(() => createServer({ ...serverCredentials(), ...wrong }), isRight, JSON.stringify(perMessageDeflate));
    await connect('wss://localhost:1', { ...clientCredentials(), ...wrong }).then(
      () => assert.unreachable(),
      (error) => assert.ok(isRight(error)),
    );
  }
});
agreeing.run();

const sending = suite('sending of compressed messages (RFC 7692 §6.1)');

/** Runs `use` with a client whose written bytes are counted. */
async function counting(
  options: PerMessageDeflateOptions | true,
  use: (ends: Parameters<Parameters<typeof withPair>[1]>[0], written: () => number) => Promise<void>,
): Promise<void> {
  let written = 0;
  const trace = (_id: number, direction: 'in' | 'out', bytes: Buffer): void => {
    if (direction === 'out') written += bytes.length;
  };
  const pair = both(options);
  await withPair({ ...pair, client: { ...pair.client, trace } }, async (ends) => {
    await use(ends, () => {
      const since = written;
      written = 0;
      return since;
    });
  });
}

sending('compresses from the threshold on, and what does not shrink goes as it is', async () => {
  await counting({ threshold: 500 }, async ({ near, far }, written) => {
    const { below } = random();
    const noise = Buffer.from(Array.from({ length: 5000 }, () => below(256)));
    written();
    for (const [message, least, most] of [
      ['x'.repeat(499), 499, 520],
      ['x'.repeat(500), 10, 60],
      [noise, 5000, 5020],
      [Buffer.alloc(100_000), 10, 1000],
      ['x'.repeat(100_000), 10, 1000],
    ] as const) {
      near.send(message);
      const [data] = await once(far, 'message');
      assert.equal(data, message);
      const bytes = written();
      assert.ok(bytes >= least && bytes <= most, `${bytes} bytes`);
    }
  });
});

sending('keeps the bytes that it was given, and sends those of the time of the call', async () => {
  await withPair(both(), async ({ near, far }) => {
    const bytes = Buffer.alloc(200_000, 'a');
    near.send(bytes);
    assert.ok(bytes.every((byte) => byte === 0x61));
    bytes.fill('b');
    near.send(bytes);
    assert.ok(((await once(far, 'message'))[0] as Buffer).every((byte) => byte === 0x61));
    assert.ok(((await once(far, 'message'))[0] as Buffer).every((byte) => byte === 0x62));
  });
});

sending('counts what is being compressed as buffered, and says when it may go on', async () => {
  await withPair({ ...both(), client: { perMessageDeflate: true, highWaterMark: 1000 } }, async ({ near, far }) => {
    far.on('message', () => {});
    assert.is(near.send(Buffer.alloc(300_000)), false);
    assert.ok(near.bufferedBytes > 300_000);
    assert.is(near.send('x'), false);
    await once(near, 'drain');
    assert.is(near.bufferedBytes, 0);
    assert.is(near.send('x'), true);
  });
});

sending('cuts the connection when what waits to be compressed is over the limit', async () => {
  await withPair({ ...both(), client: { perMessageDeflate: true, maxSendBufferBytes: 500_000 } }, async ({ near }) => {
    assert.is(near.send(Buffer.alloc(300_000)), false);
    assert.is(near.send(Buffer.alloc(300_000)), false);
    const { error } = await near.closed;
    assert.instance(error, LimitExceededError);
  });
});

sending('answers pings while a message is being compressed', async () => {
  await withPair(both(), async ({ near, far }) => {
    const events: string[] = [];
    far.on('message', (data) => events.push(`message ${data.length}`));
    far.on('ping', () => events.push('ping'));
    near.send(Buffer.alloc(3_000_000));
    near.ping();
    await until(() => events.length === 2);
    assert.equal(events, ['ping', 'message 3000000']);
  });
});

sending('compresses fragments, also a chunk that is long', async () => {
  await counting(true, async ({ near, far }, written) => {
    const { below } = random();
    const text = textOf(300_000, below);
    written();
    const chunks = [text.slice(0, 2000), text.slice(2000, 2001), '', text.slice(2001)];
    await near.sendMessage(chunks);
    assert.is((await once(far, 'message'))[0], text);
    assert.ok(written() < 150_000);
    // The first chunk decides.
    await near.sendMessage(['x', text]);
    assert.is((await once(far, 'message'))[0], `x${text}`);
    assert.ok(written() > 300_000);
    await near.sendMessage([]);
    assert.is((await once(far, 'message'))[0], '');
  });
});

sending('lets a message in fragments wait for a long one that is being compressed', async () => {
  await withPair(both(), async ({ near, far }) => {
    const long = 'x'.repeat(2_000_000);
    near.send(long);
    const sent = near.sendMessage(['a', 'b'.repeat(5000)]);
    await Promise.resolve();
    await Promise.resolve();
    near.send(long);
    near.send('behind');
    const lengths: number[] = [];
    far.on('message', (data) => lengths.push(data.length));
    await sent;
    await until(() => lengths.length === 4);
    assert.equal(lengths, [2_000_000, 5001, 2_000_000, 6]);
  });
});
sending.run();

const mixture = suite('order of compressed messages (RFC 7692 §7.2.3.2)');

const { seed } = random();

mixture(`survives any mixture of sizes, pings and streams both ways (seed ${seed})`, async () => {
  const { below } = random();
  for (const options of [true, { serverNoContextTakeover: true, clientMaxWindowBits: 9 }, { threshold: 1, level: 1 }]) {
    await withPair(both(options), async ({ near, far }) => {
      const ends = [
        { from: near, to: far, sent: [] as string[], received: [] as string[] },
        { from: far, to: near, sent: [] as string[], received: [] as string[] },
      ];
      for (const { to, received } of ends) {
        to.on('message', (data) => {
          received.push(String(data));
          // What comes to an end that closes, and is paused, is dropped.
          if (to === far && below(10) === 0) {
            to.pause();
            setTimeout(() => to.resume(), below(5));
          }
        });
      }
      for (let round = 0; round < 120; round++) {
        for (const { from, sent } of ends) {
          const text = textOf([below(200), below(5000), below(60_000), below(400_000)][below(4)]!, below);
          switch (below(8)) {
            case 0:
              from.ping('still there?');
              break;
            case 1:
              // Streams begin when their turn comes, so nothing is sent beside them here.
              await from.sendMessage([text.slice(0, 3000), text.slice(3000)]);
              sent.push(text);
              break;
            case 2:
              from.send(Buffer.from(text));
              sent.push(text);
              break;
            default:
              from.send(text);
              sent.push(text);
          }
        }
        if (below(5) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await near.close();
      await far.closed;
      for (const { sent, received } of ends) {
        assert.is(received.length, sent.length);
        assert.ok(received.every((text, i) => text === sent[i]));
      }
    });
  }
});
mixture.run();

const closing = suite('closing while messages are compressed or inflated (RFC 6455 §7.1)');

closing('sends what waits before the close frame, as it is and in order', async () => {
  await withPair(both(), async ({ near, far }) => {
    const received: string[] = [];
    far.on('message', (data) => received.push(`${data.length}${String(data).at(-1)}`));
    near.send('a'.repeat(2_000_000));
    near.send('b'.repeat(5000));
    const stream = near.sendMessage(['never']);
    await Promise.resolve();
    await Promise.resolve();
    near.send('c');
    assert.throws(
      () => near.close(1006),
      (error: unknown) => error instanceof UsageError,
    );
    const closed = near.close(1000);
    const told = await stream.then(
      () => assert.unreachable(),
      (error: unknown) => error,
    );
    assert.instance(told, ConnectionClosedError);
    assert.is((await closed).wasClean, true);
    assert.equal(received, ['2000000a', '5000b', '1c']);
    assert.is(near.bufferedBytes, 0);
  });
});

closing('answers the close frame of the peer behind what waits', async () => {
  await withPair(both(), async ({ near, far }) => {
    far.on('message', () => {});
    near.on('message', () => {});
    far.on('ping', () => {
      far.send('x'.repeat(2_000_000));
      far.send('y');
    });
    const received: number[] = [];
    near.on('message', (data) => received.push(data.length));
    near.ping();
    void near.close(1000);
    assert.is((await near.closed).wasClean, true);
    assert.equal(received, [2_000_000, 1]);
  });
});

closing('survives a peer that breaks the protocol while a message is being compressed', async () => {
  const { server, port } = await startServer({ perMessageDeflate: true });
  try {
    server.on('connection', (connection) => {
      connection.on('message', () => {
        connection.send(Buffer.alloc(3_000_000));
        connection.send('behind');
      });
    });
    const peer = await rawClient(port);
    peer.write(upgradeRequest('/', ['Sec-WebSocket-Extensions: permessage-deflate']));
    await peer.readUntil('\r\n\r\n');
    const maskingKey = Buffer.alloc(4);
    const accepted = [...server.connections][0]!;
    // In one record: a message that is answered with a long one, and a frame that is not lawful.
    const wrong = encodeAnyFrame({ opcode: 3, maskingKey });
    peer.write(Buffer.concat([encodeAnyFrame({ opcode: 1, payload: Buffer.from('go'), maskingKey }), wrong]));
    assert.is((await peer.readAll()).toString('hex'), '880203ea');
    peer.socket.destroy();
    const { error, unsentBytes } = await accepted.closed;
    assert.is((error as { code?: string } | undefined)?.code, 'reserved-opcode');
    assert.is(unsentBytes, 3_000_010 + 8, 'both messages');
  } finally {
    await server.close({ deadline: 0 });
  }
});

closing('does nothing more after it was cut, whatever was under way', async () => {
  for (const moment of ['now', 'soon'] as const) {
    await withPair(both(), async ({ near, far }) => {
      let messages = 0;
      far.on('message', () => messages++);
      near.send(Buffer.alloc(3_000_000));
      const stream = near.sendMessage(['x']);
      const told = stream.catch((error: unknown) => error);
      if (moment === 'soon') await new Promise((resolve) => setImmediate(resolve));
      near.terminate();
      assert.is((await near.closed).code, 1006);
      assert.instance(await told, ConnectionClosedError);
      assert.is((await far.closed).code, 1006);
      assert.is(messages, 0);
      // What was compressed comes back now, and finds nobody.
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.is(near.bufferedBytes, 0);
      assert.is(near.send('late'), false);
    });
  }
});

closing('delivers a message that is being inflated when the peer is gone', async () => {
  await withPair(both(), async ({ near, far }) => {
    const received: number[] = [];
    far.on('message', (data) => received.push(data.length));
    near.send(Buffer.alloc(8_000_000));
    near.send(Buffer.alloc(8_000_000));
    // The messages are on their way when everything that was buffered has left.
    await until(() => near.bufferedBytes === 0);
    near.terminate();
    await far.closed;
    assert.ok(received.every((length) => length === 8_000_000));
    assert.equal(received, [8_000_000, 8_000_000]);
  });
});

closing('delivers nothing of what was being inflated when this end was cut', async () => {
  await withPair(both(), async ({ near, far }) => {
    let messages = 0;
    far.on('message', () => messages++);
    far.on('ping', () => setImmediate(() => far.terminate()));
    near.ping();
    near.send(Buffer.alloc(16_000_000));
    await far.closed;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.is(messages, 0);
  });
});
closing.run();

const receiving = suite('receiving of compressed messages (RFC 7692 §6.2)');

receiving('is paused and goes on, in every form of taking messages', async () => {
  await withPair(both(), async ({ near, far }) => {
    const long = 'x'.repeat(500_000);
    const send = (): void => {
      for (const text of [long, 'short', long]) near.send(text);
    };
    send();
    far.pause();
    far.handleMessages(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    far.resume();
    send();
    const lengths: number[] = [];
    far.handleMessages((_buffer, start, end) => lengths.push(end - start));
    await until(() => lengths.length >= 3);
  });
  await withPair(both(), async ({ near, far }) => {
    const long = 'x'.repeat(500_000);
    for (const text of [long, 'short', long]) near.send(text);
    let text = '';
    let count = 0;
    for await (const message of far.messages()) {
      for await (const chunk of message) text += String(chunk);
      if (++count === 3) break;
    }
    assert.is(text, `${long}short${long}`);
    near.send(long);
    for await (const message of far) {
      assert.is(message, long);
      break;
    }
  });
});

receiving('refuses a message that inflates to more than the limit with 1009 (T4)', async () => {
  await withPair(
    { server: { perMessageDeflate: true, maxMessageBytes: 1_000_000 }, client: { perMessageDeflate: true } },
    async ({ near, far }) => {
      far.on('message', () => assert.unreachable());
      near.on('message', () => {});
      near.send(Buffer.alloc(1_000_001));
      const [violation] = await once(far, 'violation');
      assert.instance(violation, LimitExceededError);
      assert.is((await near.closed).code, 1009);
    },
  );
});

receiving('gives others their turn while little bytes inflate to many', async () => {
  await withPair(both(), async ({ near, far }) => {
    let messages = 0;
    let mostInTurn = 0;
    let inTurn = 0;
    far.handleMessages(() => {
      messages++;
      inTurn++;
      mostInTurn = Math.max(mostInTurn, inTurn);
      if (inTurn === 1) {
        setImmediate(() => {
          inTurn = 0;
        });
      }
    });
    for (let i = 0; i < 400; i++) near.send(Buffer.alloc(16 * kib, i));
    await until(() => messages === 400);
    // All of them came in a record or two.
    assert.ok(mostInTurn <= 8, `${mostInTurn} in one turn`);
  });
});
receiving.run();
