/** Plays sequences of events to real connections, and holds them to the model. */
import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { Connection } from '../../src/endpoint/connection.js';
import { resolveConnectionOptions } from '../../src/endpoint/options.js';
import { giveBackSlab, takeSlab } from '../../src/endpoint/shared-memory.js';
import { encodeAnyFrame, Protocol, type Role } from '../../src/frame/index.js';
import { type CloseEvent, ConnectionClosedError } from '../../src/index.js';
import type { VerifiedPeer } from '../../src/tls/index.js';
import { duplexPair } from '../support/duplex-pair.js';
import { type Clock, settle } from './clock.js';
import { type Event, Model } from './connection-model.js';

export type Taker = 'message' | 'handler' | 'iterator';

export interface Sequence {
  readonly role: Role;
  readonly taker: Taker;
  readonly events: readonly Event[];
}

/** What an end of a line is told to do; the line may be memory, or TLS. */
export interface Line {
  readonly connection: Connection<VerifiedPeer | undefined>;
  /** The stream of the peer, whose bytes are ours to write. */
  readonly peer: Duplex;
  /** The stream under the connection. */
  readonly socket: Duplex;
  settle(): Promise<void>;
  /** Lets all deadlines pass. */
  deadline(): Promise<void>;
}

const kinds = [
  ...(['peer-text', 'peer-binary', 'peer-fragments', 'peer-begin', 'peer-rest', 'peer-ping', 'peer-pong'] as const),
  ...(['peer-close', 'peer-violation', 'peer-end', 'peer-silent', 'close', 'terminate', 'pause', 'resume'] as const),
  ...(['send', 'stream', 'ping', 'broken', 'wait', 'deadline'] as const),
];

/** The likelier ones more than once, so that a sequence lives for some events. */
const likely = [
  ...kinds,
  ...([
    'peer-text',
    'peer-binary',
    'peer-begin',
    'peer-rest',
    'peer-rest',
    'pause',
    'resume',
    'resume',
    'send',
    'peer-text',
  ] as const),
];
const closeCodes = [1000, 1001, 1011, 3000, 4999] as const;
const peerCodes = [1000, 1000, 1001, 1003, 1011, 3000, 0, 1005, 1006, 999, 5000, 2000] as const;

/** @param hasDeadlines whether deadlines may pass. */
export function makeSequence(below: (limit: number) => number, hasDeadlines: boolean): Sequence {
  const events: Event[] = [];
  const length = 1 + below(12);
  while (events.length < length) {
    const kind = likely[below(likely.length)]!;
    if (kind === 'deadline' && !hasDeadlines) continue;
    if (kind === 'peer-close') events.push({ kind, code: peerCodes[below(peerCodes.length)]! });
    else if (kind === 'peer-violation') events.push({ kind, how: below(4) });
    else if (kind === 'close') events.push({ kind, code: closeCodes[below(closeCodes.length)]! });
    else events.push({ kind });
  }
  const takers: readonly Taker[] = ['message', 'handler', 'iterator'];
  return { role: below(2) === 0 ? 'server' : 'client', taker: takers[below(3)]!, events };
}

const content = (number: number): string => `message ${number} ${'x'.repeat(number * 37)}`;

/** The bytes of an event of the peer. */
export function bytesOf(event: Event, number: number, begun: number, role: Role): Buffer {
  const isMasked = role === 'server';
  const frame = (opcode: number, payload: string | Buffer, fin = true, rsv = 0): Buffer => {
    const maskingKey = isMasked ? { maskingKey: Buffer.from('37fa213d', 'hex') } : {};
    const bytes = encodeAnyFrame({ fin, opcode, payload: Buffer.from(payload), ...maskingKey });
    bytes[0]! |= rsv;
    return bytes;
  };
  const text = content(number);
  switch (event.kind) {
    case 'peer-text':
      return frame(1, text);
    case 'peer-binary':
      return frame(2, text);
    case 'peer-fragments':
      return Buffer.concat([frame(1, text.slice(0, 5), false), frame(9, 'between'), frame(0, text.slice(5))]);
    case 'peer-begin':
      return frame(2, text.slice(0, 3), false);
    case 'peer-rest':
      return frame(0, begun < 0 ? 'nothing' : content(begun).slice(3));
    case 'peer-ping':
      return frame(9, `ping ${number}`);
    case 'peer-pong':
      return frame(10, `pong ${number}`);
    case 'peer-close': {
      const { code } = event;
      return frame(8, code === 0 ? '' : Buffer.of(code >> 8, code & 255));
    }
    case 'peer-violation': {
      if (event.how === 0) return frame(1, 'x', true, 0x40);
      if (event.how === 1) return frame(3, 'x');
      if (event.how === 2) return frame(9, 'x', false);
      return frame(1, Buffer.of(0xc0, 0xaf));
    }
    default:
      return Buffer.alloc(0);
  }
}

export interface Verdict {
  readonly code: number;
  readonly wasClean: boolean;
  readonly delivered: readonly string[];
}

/** What the peer makes of our bytes: every one of them must be lawful, and nothing may come behind our close frame. */
function listenAsPeer(
  role: Role,
  peer: Duplex,
  answer: (bytes: Buffer) => void,
): { readonly sent: string[]; closes: number } {
  const heard = { sent: [] as string[], closes: 0 };
  let isSilent = false;
  const mustBeBefore = (what: string): void => assert.is(heard.closes, 0, `${what} behind the close frame`);
  const protocol = new Protocol({
    role: role === 'server' ? 'client' : 'server',
    handler: {
      message: (buffer, start, end) => {
        mustBeBefore('a message');
        heard.sent.push(buffer.toString('utf8', start, end));
      },
      chunk: () => {},
      ping: (buffer, start, end) => {
        mustBeBefore('a ping');
        const maskingKey = role === 'server' ? { maskingKey: Buffer.alloc(4) } : {};
        const payload = Buffer.from(buffer.subarray(start, end));
        if (!isSilent) answer(encodeAnyFrame({ fin: true, opcode: 10, payload, ...maskingKey }));
      },
      pong: () => mustBeBefore('a pong'),
      close: () => heard.closes++,
      violation: (error) => assert.unreachable(`what was sent broke the protocol: ${error.message}`),
    },
  });
  peer.on('data', (chunk: Buffer) => void protocol.receive(Buffer.from(chunk)));
  peer.on('silent', () => {
    isSilent = true;
  });
  return heard;
}

/** Plays a sequence; throws where the connection does something else than the model says, or what nothing may do. */
export async function play({ role, taker, events }: Sequence, line: Line): Promise<Verdict> {
  const { connection, peer, socket } = line;
  const model = new Model();
  const delivered: string[] = [];
  const happened: string[] = [];
  let closeEvent: CloseEvent | undefined;
  const promises: Promise<unknown>[] = [];
  let settled = 0;
  const follow = (promise: Promise<unknown>): void => {
    promises.push(promise);
    promise.then(
      () => settled++,
      (error) => {
        settled++;
        if (!(error instanceof ConnectionClosedError)) happened.push(`a promise rejected with ${error}`);
      },
    );
  };
  const alive = (what: string): void => {
    if (closeEvent !== undefined) happened.push(`${what} after the close event`);
  };
  const take = (data: string | Buffer): void => {
    alive('a message');
    delivered.push(data.toString());
  };
  if (taker === 'message') connection.on('message', take);
  else if (taker === 'handler') {
    connection.handleMessages((buffer, start, end) => take(buffer.toString('utf8', start, end)));
  } else {
    follow(
      (async () => {
        for await (const data of connection) delivered.push(data.toString());
      })(),
    );
  }
  for (const name of ['ping', 'pong', 'drain', 'violation'] as const) connection.on(name, () => alive(name));
  connection.on('close', (event) => {
    alive('a second close event');
    closeEvent = event;
  });
  const heard = listenAsPeer(role, peer, (bytes) => {
    if (!peer.writableEnded && !peer.destroyed) peer.write(bytes);
  });
  peer.on('error', () => {});

  const wanted: string[] = [];
  let begun = -1;
  let streams = 0;
  for (const [number, event] of events.entries()) {
    const wasOpen = model.isOpen;
    if (event.kind === 'send') {
      const mayGo = connection.send(`sent ${number}`);
      if (wasOpen) wanted.push(`sent ${number}`);
      else if (mayGo) happened.push(`send() took a message at event ${number}`);
    } else if (event.kind === 'stream') {
      streams++;
      follow(
        connection.sendMessage(
          (async function* () {
            yield 'str';
            yield `eam ${number}`;
          })(),
        ),
      );
    } else if (event.kind === 'ping') connection.ping('here');
    else if (event.kind === 'close') follow(connection.close(event.code));
    else if (event.kind === 'terminate') connection.terminate();
    else if (event.kind === 'pause') connection.pause();
    else if (event.kind === 'resume') connection.resume();
    else if (event.kind === 'broken') socket.destroy(Object.assign(new Error('broken'), { code: 'ECONNRESET' }));
    else if (event.kind === 'peer-end') peer.end();
    else if (event.kind === 'peer-silent') peer.emit('silent');
    else if (event.kind === 'deadline') await line.deadline();
    else if (event.kind !== 'wait' && !peer.writableEnded && !peer.destroyed) {
      peer.write(bytesOf(event, number, begun, role));
      if (event.kind === 'peer-begin') begun = begun < 0 ? number : begun;
      if (event.kind === 'peer-rest') begun = -1;
    }
    model.apply(event, number);
    await line.settle();
    if (closeEvent === undefined && model.isOpen !== (connection.readyState === 'open')) {
      happened.push(`it is ${connection.readyState} after event ${number}`);
    }
  }
  const isClean = model.wasClean;
  connection.terminate();
  follow(connection.closed);
  follow(connection.close());
  await line.settle();
  peer.destroy();
  await line.settle();

  const event = closeEvent as CloseEvent | undefined;
  assert.ok(event !== undefined, 'no close event');
  assert.equal(happened, []);
  assert.is(event!.code, model.code, 'the code of the close event');
  assert.is(event!.wasClean, isClean, 'wasClean');
  assert.is(settled, promises.length, 'a promise never settles');
  assert.is(connection.readyState, 'closed');
  assert.is(connection.send('too late'), false);
  assert.is(connection.bufferedBytes, 0);
  const expected = model.delivered.map(content);
  const extra = model.uncertain.map(content);
  assert.equal(delivered.slice(0, expected.length), expected, 'the messages');
  assert.equal(
    delivered.slice(expected.length).filter((text) => !extra.includes(text)),
    [],
    'messages beyond',
  );
  const sent = heard.sent.filter((text) => !text.startsWith('stream'));
  // What was sent last may be lost with a connection that broke.
  assert.equal(sent, wanted.slice(0, sent.length), 'what the peer heard');
  if (isClean) assert.is(sent.length, wanted.length, 'a clean close loses nothing');
  assert.ok(heard.sent.length - sent.length <= streams);
  assert.ok(heard.closes <= 1);
  return { code: event!.code, wasClean: event!.wasClean, delivered };
}

let lastId = 0;

/** Plays a sequence to a connection over a stream in memory, by a clock of its own. */
export async function playInMemory(sequence: Sequence, clock: Clock): Promise<Verdict> {
  const [socket, peer] = duplexPair();
  const connection = new Connection<VerifiedPeer | undefined>({
    id: ++lastId,
    role: sequence.role,
    socket,
    peer: undefined,
    options: resolveConnectionOptions({
      pingInterval: 1_000,
      pongDeadline: 500,
      closeDeadline: 300,
      messageStallDeadline: 2_000,
    }),
    protocol: '',
    extensions: '',
    deflate: undefined,
    remoteAddress: '',
    remotePort: 0,
  });
  const verdict = await play(sequence, {
    ...{ connection, peer, socket, settle },
    deadline: () => clock.advance(5_000),
  });
  assert.is(clock.size, 0, 'a timer is left');
  return verdict;
}

/** All slabs must have been given back. */
export function slabsMustBeFree(): void {
  const slabs = Array.from({ length: 12 }, () => takeSlab(false));
  assert.ok(
    slabs.every((slab) => slab !== undefined),
    'a slab was not given back',
  );
  for (const slab of slabs) giveBackSlab(slab!);
}

/** Returns a shorter sequence that fails as well, by leaving out events as long as it does. */
export async function shrink(sequence: Sequence, fails: (shorter: Sequence) => Promise<boolean>): Promise<Sequence> {
  let best = sequence;
  for (let at = 0; at < best.events.length; ) {
    const shorter = { ...best, events: best.events.filter((_, index) => index !== at) };
    if (shorter.events.length > 0 && (await fails(shorter))) best = shorter;
    else at++;
  }
  return best;
}

/** Plays random sequences; names the shortest that fails. */
export async function playMany(
  count: number,
  below: (limit: number) => number,
  clock: Clock,
): Promise<Map<number, number>> {
  const codes = new Map<number, number>();
  // The deadline of the test itself is set by the real clock.
  await settle();
  clock.install();
  try {
    for (let index = 0; index < count; index++) {
      const sequence = makeSequence(below, true);
      try {
        const { code } = await playInMemory(sequence, clock);
        codes.set(code, (codes.get(code) ?? 0) + 1);
      } catch (error) {
        let last = error as Error;
        const fails = async (shorter: Sequence): Promise<boolean> => {
          try {
            clock.clear();
            await playInMemory(shorter, clock);
            return false;
          } catch (thrown) {
            last = thrown as Error;
            return true;
          }
        };
        const shortest = await shrink(sequence, fails);
        last.message = `${last.message}: ${JSON.stringify(shortest)}`;
        throw last;
      }
    }
    slabsMustBeFree();
  } finally {
    clock.uninstall();
  }
  return codes;
}
