/**
 * Conversations between our client and our server over lines that break, and what must hold however they do: each end is
 * told once and by a typed error or a close event, messages come whole and in order or not at all, and nothing is left.
 */
import * as assert from 'uvu/assert';
import { type Connection, connect, MtlsWsError, type Refusal } from '../../src/index.js';
import { clientCredentials, startServer, until } from './ends.js';
import { type Fault, type Line, startProxy } from './faulty-proxy.js';

/** What each end sends, in this order: every form of the length, text and binary, compressed or not. */
const messages: readonly (string | Buffer)[] = [
  'short',
  Buffer.alloc(0),
  Buffer.alloc(300, 7),
  'ä'.repeat(1500),
  Buffer.alloc(70_000, 9),
];

/** Bytes on the wire between each, so that every offset stands for one state. */
const quick = {
  handshakeTimeout: 400,
  pingInterval: 60,
  pongDeadline: 60,
  closeDeadline: 60,
  messageStallDeadline: 120,
} as const;

export interface Outcome {
  /** The code of the close event of the client, or of the error of `connect`. */
  readonly client: number | string;
  readonly received: number;
}

function follow(connection: Connection, whose: string): { received: number } {
  const seen = { received: 0 };
  let isOver = false;
  connection.on('message', (data) => {
    assert.not.ok(isOver, `${whose}: a message after the close event`);
    const expected = messages[seen.received++];
    assert.is(typeof data, typeof expected, whose);
    assert.ok(typeof data === 'string' ? data === expected : data.equals(expected as Buffer), `${whose}: other bytes`);
  });
  connection.on('close', () => {
    assert.not.ok(isOver, `${whose}: two close events`);
    isOver = true;
  });
  return seen;
}

export interface Lines {
  /** Has one conversation over a line. */
  talk(line: Line): Promise<Outcome>;
  /** How many bytes each end sends when nothing breaks. */
  readonly whole: { readonly client: number; readonly server: number };
  /** Waits until nothing is left of any conversation, and closes. */
  close(): Promise<void>;
  readonly refusals: readonly Refusal[];
}

export async function openLines(options: { compressed?: boolean } = {}): Promise<Lines> {
  const perMessageDeflate = options.compressed === true;
  const { server, port } = await startServer({ ...quick, perMessageDeflate });
  const refusals: Refusal[] = [];
  const open = new Map<Connection, { received: number }>();
  server.on('refused', (refusal) => {
    assert.instance(refusal.error, MtlsWsError);
    refusals.push(refusal);
  });
  server.on('connection', (connection) => {
    open.set(connection, follow(connection, 'server'));
    connection.on('close', () => open.delete(connection));
    for (const message of messages) connection.send(message);
    connection.on('message', () => {
      if (open.get(connection)?.received === messages.length) connection.send('all');
    });
  });
  const lines = {
    refusals,
    whole: { client: 0, server: 0 },
    async talk(line: Line): Promise<Outcome> {
      const proxy = await startProxy(port, () => line);
      try {
        return await talkThrough(proxy.port, perMessageDeflate);
      } finally {
        if (line.fault === undefined) lines.whole = { ...proxy.passed };
        await proxy.close();
      }
    },
    async close(): Promise<void> {
      await until(() => server.connections.size === 0);
      assert.is(open.size, 0);
      await server.close({ deadline: 0 });
    },
  };
  await lines.talk({});
  return lines;
}

async function talkThrough(port: number, perMessageDeflate: boolean): Promise<Outcome> {
  let connection: Connection;
  try {
    connection = await connect(`wss://localhost:${port}/`, { ...clientCredentials(), ...quick, perMessageDeflate });
  } catch (error) {
    assert.instance(error, MtlsWsError, String((error as Error).stack));
    return { client: (error as MtlsWsError).code, received: 0 };
  }
  let isAnswered = false;
  const seen = { received: 0 };
  connection.on('message', (data) => {
    if (seen.received < messages.length) {
      const expected = messages[seen.received++]!;
      assert.ok(typeof data === 'string' ? data === expected : data.equals(expected as Buffer), 'client: other bytes');
    } else {
      assert.is(data, 'all');
      isAnswered = true;
      void connection.close(1000);
    }
  });
  let closes = 0;
  connection.on('close', () => closes++);
  for (const message of messages) connection.send(message);
  const { code, wasClean } = await connection.closed;
  assert.is(closes, 1);
  // 1008: the server has waited for the rest of a message, and said so on the way that is left.
  assert.ok(code === 1006 || code === 1008 || (code === 1000 && wasClean && isAnswered), `code ${code}`);
  return { client: code, received: seen.received };
}

/** Has a conversation for each fault, some at a time. */
export async function talkAll(
  lines: Lines,
  faults: Iterable<Fault>,
  done: (fault: Fault, outcome: Outcome) => void = () => {},
): Promise<number> {
  const iterator = faults[Symbol.iterator]();
  let count = 0;
  const work = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      count++;
      try {
        done(next.value, await lines.talk({ fault: next.value }));
      } catch (error) {
        (error as Error).message += ` (${JSON.stringify(next.value)})`;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return count;
}

/** Every fault at every offset before `dense`, and then at every `step`-th. */
export function* faultsAt(whole: Lines['whole'], dense: number, step: number): Generator<Fault> {
  for (const from of ['client', 'server'] as const) {
    for (let offset = 0; offset <= whole[from]; offset += offset < dense ? 1 : step) {
      for (const how of ['fin', 'half', 'reset', 'silence'] as const) yield { from, offset, how };
    }
  }
}
