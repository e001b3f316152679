import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { PreparedMessage } from '../../src/endpoint/broadcast.js';
import {
  broadcast,
  type Connection,
  type ConnectOptions,
  connect,
  type ServerOptions,
  UsageError,
} from '../../src/index.js';
import { clientCredentials, startServer, until } from '../support/ends.js';
import { suite } from '../support/suite.js';

const broadcasting = suite('one message to many connections');

interface Crowd {
  /** The server's ends. */
  readonly accepted: Connection[];
  readonly clients: Connection[];
  /** What came at each client. */
  readonly received: Array<Array<string | Buffer>>;
}

async function withCrowd(
  options: { server?: Partial<ServerOptions>; clients: ReadonlyArray<Partial<ConnectOptions>> },
  use: (crowd: Crowd) => Promise<void>,
): Promise<void> {
  const { server, url } = await startServer(options.server);
  const accepted: Connection[] = [];
  const clients: Connection[] = [];
  try {
    for (const one of options.clients) {
      const arrival = once(server, 'connection');
      clients.push(await connect(url, { ...clientCredentials(), ...one }));
      accepted.push(((await arrival) as [Connection])[0]);
    }
    const received = clients.map((client) => {
      const messages: Array<string | Buffer> = [];
      client.on('message', (data) => messages.push(data));
      return messages;
    });
    await use({ accepted, clients, received });
  } finally {
    for (const client of clients) client.terminate();
    await server.close({ deadline: 0 });
  }
}

broadcasting('reaches all of them, as text and as binary, in the order of their other messages', async () => {
  await withCrowd({ clients: [{}, {}, {}] }, async ({ accepted, received }) => {
    const long = Buffer.alloc(300_000, 7);
    accepted[1]!.send('before');
    assert.is(broadcast(accepted, 'grüße'), 3);
    assert.is(broadcast(accepted, long), 3);
    assert.is(broadcast(new Set(accepted), new Uint8Array([1, 2])), 3);
    accepted[2]!.send('after');
    await until(() => received.map(({ length }) => length).join() === '3,4,4');
    assert.is(received[1]!.shift(), 'before');
    assert.is(received[2]!.pop(), 'after');
    for (const messages of received) assert.equal(messages, ['grüße', long, Buffer.of(1, 2)]);
    assert.is(accepted[0]!.traffic.messagesSent, 3);
  });
});

broadcasting('is masked by each client for itself (RFC 6455 §5.3)', async () => {
  const wire: string[] = [];
  const trace = (_id: number, direction: string, bytes: Uint8Array): void => {
    if (direction === 'out') wire.push(Buffer.from(bytes).toString('hex'));
  };
  await withCrowd({ clients: [{ trace }, { trace }] }, async ({ accepted, clients }) => {
    const got = accepted.map((connection) => once(connection, 'message'));
    wire.length = 0;
    assert.is(broadcast(clients, 'hello'), 2);
    for (const one of got) assert.equal(await one, ['hello']);
    assert.is(wire.length, 2);
    assert.is.not(wire[0], wire[1]);
  });
});

broadcasting(
  'is compressed once for each window, and disturbs no compression of the connection itself (T23)',
  async () => {
    const perMessageDeflate = { threshold: 1 };
    const clients = [
      { perMessageDeflate },
      { perMessageDeflate },
      { perMessageDeflate: { threshold: 1, serverMaxWindowBits: 9 } },
      { perMessageDeflate: { threshold: 1, serverNoContextTakeover: true } },
      {},
    ];
    await withCrowd({ server: { perMessageDeflate }, clients }, async ({ accepted, received }) => {
      const expected: string[][] = clients.map(() => []);
      const pattern = 'the same words again and again, so that every message looks back to the one before; ';
      for (let round = 0; round < 30; round++) {
        const text = `${pattern.repeat(1 + (round % 12))}${round}`;
        if (round % 3 === 0) {
          broadcast(accepted, text);
          for (const one of expected) one.push(text);
        } else {
          for (const [index, connection] of accepted.entries()) {
            connection.send(`${text} to ${index}`);
            expected[index]!.push(`${text} to ${index}`);
          }
        }
      }
      await until(() => received.every((messages) => messages.length === 30));
      assert.equal(received, expected);
      assert.ok(accepted[0]!.traffic.bytesSent < accepted[4]!.traffic.bytesSent / 2, 'it was compressed');
    });
  },
);

broadcasting('makes one frame for all, and one for each window', () => {
  const message = new PreparedMessage(Buffer.alloc(1000, 'ab'), true);
  assert.is(message.plain, message.plain);
  assert.is(message.compressed(15, 1), message.compressed(15, 1));
  assert.is.not(message.compressed(15, 1), message.compressed(9, 1));
  assert.is(new PreparedMessage(Buffer.of(1), false).compressed(15, 1), undefined, 'it would be longer');
});

broadcasting('waits behind what is being sent in fragments or compressed elsewhere', async () => {
  const perMessageDeflate = { threshold: 1 };
  await withCrowd({ server: { perMessageDeflate }, clients: [{ perMessageDeflate }, {}] }, async (crowd) => {
    const { accepted, received } = crowd;
    const long = Buffer.alloc(200_000, 'long ');
    accepted[0]!.send(long);
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const sending = accepted[1]!.sendMessage(
      (async function* () {
        yield 'first ';
        await gate;
        yield 'second';
      })(),
    );
    await until(() => accepted[1]!.traffic.bytesSent > 0);
    assert.is(broadcast(accepted, 'behind'), 2);
    go();
    await sending;
    await until(() => received.every(({ length }) => length === 2));
    assert.equal(received, [
      [long, 'behind'],
      ['first second', 'behind'],
    ]);
  });
});

broadcasting('passes over who is gone, and cuts who reads too slowly, and nobody else notices', async () => {
  const server = { maxSendBufferBytes: 1_000_000 };
  await withCrowd({ server, clients: [{}, {}, {}] }, async ({ accepted, clients, received }) => {
    clients[0]!.terminate();
    await accepted[0]!.closed;
    clients[1]!.pause();
    const payload = Buffer.alloc(400_000, 1);
    let sent = 0;
    for (; accepted[1]!.readyState === 'open' && sent < 100; sent++) {
      assert.ok(broadcast(accepted, payload) <= 2);
      await until(() => received[2]!.length === sent + 1);
    }
    const { error } = await accepted[1]!.closed;
    assert.is((error as { code?: string } | undefined)?.code, 'send-buffer-full');
    assert.is(accepted[2]!.readyState, 'open');
    assert.is(broadcast(accepted, 'who is left'), 1);
    await until(() => received[2]!.at(-1) === 'who is left');
    assert.is(received[2]!.length, sent + 1);
  });
});

broadcasting('refuses what is no message', () => {
  assert.throws(
    () => broadcast([], 5 as unknown as string),
    (error: unknown) => error instanceof UsageError && error.code === 'not-a-message',
  );
});

broadcasting.run();
