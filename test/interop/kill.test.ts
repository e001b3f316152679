/** One end dies in the middle of a message (SIGKILL); the other tells it, and goes on. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Connection, ConnectionClosedError, connect, createServer } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { files, run, start } from '../cli/program.js';
import { clientOptions, pathsOf } from './echo.js';
import { interopSuite } from './tools.js';

const killed = interopSuite('a process killed in the middle of a message');

/** Expects the end that a killed peer leaves behind. */
async function expectCut(connection: Connection): Promise<void> {
  const event = await connection.closed;
  assert.is(event.code, 1006);
  assert.is(event.wasClean, false);
  assert.match(event.reason, /^(the peer ended the connection without a close frame|the connection broke \(\w+\))$/);
  assert.is(connection.send('to nobody'), false);
}

async function expectGoesOn(port: string | number): Promise<void> {
  const { stdout, code, stderr } = await run(
    ['connect', `wss://localhost:${port}`, ...files().client, '--wait', '0.3'],
    { input: 'still there?\n' },
  );
  assert.is(stdout.toString(), 'still there?\n', stderr);
  assert.is(code, 0);
}

killed('a client that was sending to a killed server reports 1006 and connects to another', [], async () => {
  const first = start(['serve', '--port', '0', ...files().server]);
  const second = start(['serve', '--port', '0', ...files().server]);
  try {
    const [, port] = await first.match('stdout', /:(\d+)\n$/);
    const connection = await connect(`wss://localhost:${port}`, clientOptions());
    let sent = 0;
    const sending = connection.sendMessage(
      (async function* () {
        for (;;) {
          yield Buffer.alloc(64 * 1024, sent++);
          if (sent === 16) first.child.kill('SIGKILL');
          await new Promise((resolve) => setImmediate(resolve));
        }
      })(),
    );
    await sending.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, ConnectionClosedError),
    );
    await expectCut(connection);
    const [, otherPort] = await second.match('stdout', /:(\d+)\n$/);
    const other = await connect(`wss://localhost:${otherPort}`, clientOptions());
    const echo = once(other, 'message');
    other.send('and now you');
    assert.is((await echo)[0], 'and now you');
    await other.close();
  } finally {
    for (const { child } of [first, second]) child.kill('SIGKILL');
  }
});

killed('a client that was receiving from a killed server gets an error and not an end', [], async () => {
  const script = fileURLToPath(new URL('./half-sender.js', import.meta.url));
  const server = start(pathsOf(files().server), { script });
  try {
    const [, port] = await server.match('stdout', /port (\d+)\n/);
    const connection = await connect(`wss://localhost:${port}`, clientOptions());
    let received = 0;
    try {
      for await (const message of connection.messages()) {
        for await (const chunk of message) {
          received += chunk.length;
          if (received === 100_000) server.child.kill('SIGKILL');
        }
      }
      assert.unreachable('the loop ended as if the message were whole');
    } catch (error) {
      assert.instance(error, ConnectionClosedError);
    }
    assert.is(received, 100_000);
    await expectCut(connection);
  } finally {
    server.child.kill('SIGKILL');
  }
});

killed('a server whose client was killed reports 1006 and serves the next', [], async () => {
  const { ca, server: own } = files().pki;
  const server = createServer({ ca: ca.cert, cert: own.cert, key: own.key });
  const accepted = once(server, 'connection');
  const { port } = await server.listen({ port: 0 });
  const client = start(['connect', `wss://localhost:${port}`, ...files().client, '--binary']);
  try {
    const [connection] = (await accepted) as [Connection];
    client.child.stdin.write(Buffer.alloc(300_000));
    const received = (async () => {
      let bytes = 0;
      for await (const message of connection.messages()) {
        for await (const chunk of message) {
          bytes += chunk.length;
          if (bytes > 100_000) client.child.kill('SIGKILL');
        }
      }
    })();
    await received.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, ConnectionClosedError),
    );
    await expectCut(connection);
    server.on('connection', (next) => next.on('message', (data) => next.send(data)));
    await expectGoesOn(port);
  } finally {
    client.child.kill('SIGKILL');
    await server.close();
  }
});

killed('serve goes on when a client was killed', [], async () => {
  const server = start(['serve', '--port', '0', ...files().server]);
  try {
    const [, port] = await server.match('stdout', /:(\d+)\n$/);
    const client = start(['connect', `wss://localhost:${port}`, ...files().client, '--binary', '--trace']);
    client.child.stdin.write(Buffer.alloc(300_000));
    // The trace shows that a frame of the message has been sent, and that more were to come.
    await client.match('stderr', /\bFIN\b/);
    client.child.kill('SIGKILL');
    assert.is((await client.outcome).code, null);
    await expectGoesOn(port!);
    server.child.kill('SIGTERM');
    const { code, stderr } = await server.outcome;
    assert.is(code, 0);
    assert.is(stderr, '');
  } finally {
    server.child.kill('SIGKILL');
  }
});

killed.run();
