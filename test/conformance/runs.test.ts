/** Runs over real sockets: our own ends, and peers that hang, flood, reset or never come. */
import { once } from 'node:events';
import * as net from 'node:net';
import * as assert from 'uvu/assert';
import type { Case, CaseResult } from '../../src/conformance/case.js';
import { controlCases } from '../../src/conformance/cases/control.js';
import { NotTestableError, testClients, testServer } from '../../src/conformance/index.js';
import { caseOf, echoBinary, echoText, expect, fails, goodbye, ping, send } from '../../src/conformance/script.js';
import { encodeAnyFrame } from '../../src/frame/index.js';
import { acceptFor } from '../../src/handshake/index.js';
import { type Connection, connect, UsageError } from '../../src/index.js';
import { clientCredentials, rawServer, serverCredentials, startServer, switching } from '../support/ends.js';
import { suite } from '../support/suite.js';

const define = caseOf('control');
const few: readonly Case[] = [
  define('echo', 'echoes', { section: 'RFC 6455 §5' }, () => [...echoText('hello'), ...goodbye()]),
  define('large', 'echoes much', { section: 'RFC 6455 §5' }, () => [
    ...echoBinary(Buffer.alloc(3_000_000, 7)),
    ...goodbye(),
  ]),
  define('ping-126', 'fails on a long ping', { section: 'RFC 6455 §5.5' }, () => [
    send(ping(Buffer.alloc(126))),
    fails(1002),
  ]),
  define('cut', 'takes an end', { section: 'RFC 6455 §7.1.5' }, () => [
    { do: 'end', how: 'cut' },
    expect({ kind: 'end' }),
  ]),
  define('reset', 'takes RST', { section: 'RFC 6455 §7.1.5' }, () => [{ do: 'end', how: 'reset' }]),
];
const [echoCase] = few;

const told = (results: readonly CaseResult[]): string[] =>
  results.map(({ case: { id }, verdict, reason }) => `${id} ${verdict}${reason === '' ? '' : `: ${reason}`}`);
const passed = few.map(({ id }) => `${id} passed`);

function echo(connection: Connection): void {
  connection.on('message', (data) => connection.send(data));
}

const allChunkings = [{ kind: 'whole' }, { kind: 'octets' }, { kind: 'random', seed: 5 }] as const;

const server = suite('conformance run against a server');

server('passes our own server in every chunking, and leaves nothing open', async () => {
  const { server: tested, url } = await startServer();
  tested.on('connection', echo);
  try {
    const seen: CaseResult[] = [];
    const results = await testServer({
      ...clientCredentials(),
      ...{ url, cases: few, chunkings: allChunkings, repeat: 2, onResult: (result) => seen.push(result) },
    });
    assert.equal(
      told(results),
      [1, 2, 3].flatMap(() => passed.flatMap((line) => [line, line])),
    );
    assert.is(seen.length, results.length);
    assert.equal([...new Set(results.map(({ chunking }) => chunking))], ['whole', 'octets', 'random:5']);
    assert.ok(results[0]!.events.some(({ text }) => text === 'text, FIN, 5 bytes, "hello"'));
  } finally {
    await tested.close({ deadline: 0 });
  }
});

server('fails a server that answers nothing, one that floods, one that resets, and goes on', async () => {
  const peers: ReadonlyArray<readonly [reason: RegExp, behave: (socket: net.Socket, accept: string) => void]> = [
    [/^failed: expected an answer to the request; in 300 ms came nothing$/, () => {}],
    [
      /^failed: the peer sent more than 67108864 bytes/,
      (socket, accept) => {
        socket.write(switching(accept));
        const pongs = Buffer.concat(new Array(10_000).fill(encodeAnyFrame({ opcode: 10, payload: Buffer.alloc(125) })));
        const flood = (): void => {
          while (!socket.destroyed && socket.write(pongs));
        };
        socket.on('drain', flood);
        flood();
      },
    ],
    [
      /^failed: expected an answer with 101; came (?:a reset|the end) of the TCP connection$/,
      (socket) => socket.resetAndDestroy(),
    ],
    [/^failed: the answer is no HTTP response/, (socket) => socket.write('\0\0\0\0')],
    [/^failed: expected an answer with 101; came 404$/, (socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n')],
  ];
  for (const [reason, behave] of peers) {
    const sockets: net.Socket[] = [];
    const tested = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', (bytes: Buffer) => behave(socket, acceptFor(/Key: (.*)\r\n/.exec(bytes.toString())![1]!)));
    });
    await once(tested.listen(0, '127.0.0.1'), 'listening');
    const { port } = tested.address() as net.AddressInfo;
    const slow = reason.source.includes('300 ms');
    const [result] = await testServer({
      url: `ws://127.0.0.1:${port}/`,
      cases: [echoCase!],
      timeout: slow ? 300 : 20_000,
    });
    assert.match(`${result!.verdict}: ${result!.reason}`, reason);
    for (const socket of sockets) socket.destroy();
    tested.close();
  }
});

server('says that a server cannot be tested which nobody can reach', async () => {
  const { server: gone, url } = await startServer();
  await gone.close();
  await testServer({ ...clientCredentials(), url, cases: few }).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, NotTestableError);
      assert.match(error.message, /^cannot connect to localhost:\d+: .*ECONNREFUSED/);
    },
  );
});

server('breaks off when it is told to', async () => {
  const silent = await rawServer(() => undefined);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 100);
  try {
    await testServer({ ...clientCredentials(), url: silent.url, cases: few, signal: stop.signal }).then(
      () => assert.unreachable(),
      (error) => assert.is(error.message, 'the run was ended'),
    );
  } finally {
    await silent.close();
  }
});

server('skips what it lacks, and says what', async () => {
  const { server: tested, url } = await startServer();
  tested.on('connection', echo);
  const needy = (['deflate', 'other-host', 'bad-certificates'] as const).map((need) =>
    define(need, 'needs much', { section: 'RFC 6455 §5', needs: [need] }, () => goodbye()),
  );
  try {
    const plain = { ...echoCase!, needs: ['tls'] as const };
    const lines = told(await testServer({ ...clientCredentials(), url, cases: [...needy, plain] }));
    assert.match(lines[1]!, /skipped: .*--other-host/);
    assert.match(lines[2]!, /skipped: .*--ca-key or --bad-certs/);
    assert.is(lines[3], 'control/echo passed');
  } finally {
    await tested.close({ deadline: 0 });
  }
});

server('refuses options that make no run', async () => {
  const attempts: ReadonlyArray<readonly [options: object, code: string]> = [
    [{ url: 'http://localhost' }, 'url-malformed'],
    [{ url: 'nowhere' }, 'url-malformed'],
    [{ url: 'wss://localhost/#x' }, 'url-malformed'],
    [{ url: 'wss://localhost/', ca: undefined }, 'ca-missing'],
    [{ url: 'wss://localhost/', ids: ['x'] }, 'no-case'],
  ];
  for (const [options, code] of attempts) {
    await testServer({ ...clientCredentials(), url: '', cases: few, ...options }).then(
      () => assert.unreachable(code),
      (error) => {
        assert.instance(error, UsageError);
        assert.is(error.code, code);
      },
    );
  }
});

server.run();

const client = suite('conformance run against clients');

/** A driver as the documentation tells it; `through` goes through a case. */
async function drive(next: string, through: (url: string) => Promise<void>): Promise<void> {
  for (;;) {
    let url = '';
    for await (const message of await connect(next, { ...clientCredentials(), protocols: ['conformance'] }))
      url = String(message);
    if (url === '') return;
    await through(url);
  }
}

async function goodThrough(url: string): Promise<void> {
  const connection = await connect(url, { ...clientCredentials(), protocols: ['conformance'] });
  echo(connection);
  await connection.closed;
}

/** Runs the cases against so many drivers. */
async function testDrivers(
  options: Partial<Parameters<typeof testClients>[0]>,
  count: number,
  through: (url: string) => Promise<void>,
): Promise<string[]> {
  let driven: Promise<unknown> = Promise.resolve();
  const results = await testClients({
    ...serverCredentials(),
    ...{ cases: few, serverName: 'localhost' },
    ...options,
    onListening: (next) => {
      driven = Promise.all(Array.from({ length: count }, () => drive(next, through)));
    },
  });
  await driven;
  return told(results);
}

client('passes our own client in every chunking, one driver or several, and tells each that it is over', async () => {
  for (const count of [1, 3]) {
    assert.equal(await testDrivers({ chunkings: allChunkings }, count, goodThrough), [...passed, ...passed, ...passed]);
  }
});

client('goes through the whole group of control frames', async () => {
  const lines = await testDrivers({ cases: controlCases }, 4, goodThrough);
  assert.ok(lines.length > 50);
  assert.equal(
    lines.filter((line) => / (?:failed|broken|weak)/.test(line)),
    [],
  );
});

client('fails a client that never comes, and one that does nothing', async () => {
  assert.match(
    (await testDrivers({ cases: [echoCase!], timeout: 300 }, 1, async () => {}))[0]!,
    /failed: the client did not come to wss:\/\/localhost:\d+\/case\/control\/echo\?n=0 in 300 ms$/,
  );
  const idle = async (url: string): Promise<void> => {
    const connection = await connect(url, clientCredentials());
    connection.on('message', () => {});
    await connection.closed;
  };
  assert.match(
    (await testDrivers({ cases: [echoCase!], timeout: 300 }, 1, idle))[0]!,
    /failed: expected a text message .* in 300 ms came nothing$/,
  );
});

client('gives up when nobody asks, or when it is told to', async () => {
  const options = { ...serverCredentials(), cases: few };
  assert.equal(
    told(await testClients({ ...options, patience: 100 })),
    few.map(({ id }) => `${id} broken: no client asked for it in 100 ms`),
  );
  const stop = new AbortController();
  const results = await testClients({ ...options, signal: stop.signal, onListening: () => stop.abort() });
  assert.equal(
    told(results),
    few.map(({ id }) => `${id} broken: the run was ended`),
  );
});

client(
  'answers a URL that it did not hand out with 404, and a client without a good certificate not at all',
  async () => {
    const notes: string[] = [];
    const stop = new AbortController();
    await testClients({
      ...serverCredentials(),
      ...{ cases: few, signal: stop.signal, serverName: 'localhost', onNote: (note) => notes.push(note) },
      onListening: async (next) => {
        const statusOf = (url: string): Promise<unknown> =>
          connect(url, clientCredentials()).then(
            () => 101,
            (error) => error.httpStatus,
          );
        assert.is(await statusOf(next.replace('/next', '/case/control/echo?n=99')), 404);
        assert.is(await statusOf(next.replace('/next', '/')), 404);
        const tls = await import('node:tls');
        const bare = tls.connect({
          port: Number(new URL(next).port),
          host: '127.0.0.1',
          servername: 'localhost',
          ca: serverCredentials().ca,
        });
        bare.on('error', () => {});
        await new Promise((resolve) => bare.on('close', resolve));
        stop.abort();
      },
    });
    assert.is(notes.length, 1);
    assert.match(notes[0]!, /^a client was not let in: /);
  },
);

client('does without TLS where no certificate is given', async () => {
  let asked = '';
  const results = await testClients({
    cases: [echoCase!],
    patience: 300,
    onListening: (next) => {
      asked = next;
    },
  });
  assert.match(asked, /^ws:\/\/127\.0\.0\.1:\d+\/next$/);
  assert.is(results[0]!.verdict, 'broken');
  await testClients({ ca: serverCredentials().ca }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'cert-missing'),
  );
});

client.run();
