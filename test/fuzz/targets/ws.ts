// What our `Protocol` tells of a peer's bytes, `ws` (bench/node_modules) tells too: the same messages, control frames and close codes, in every chunking, but where a table in this file says why not.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Protocol } from '../../../src/frame/index.js';
import { Cuts } from '../cuts.js';
import { writeFrames } from '../frame-writer.js';
import { BrokenInvariant, kindOfStory, must, mustBeSame, type Target } from '../target.js';

/** What is used of the receiver of `ws`: a Writable, whose callback may be called at once. */
interface Receiver {
  on(event: string, listener: (...args: never[]) => void): void;
  _write(chunk: Buffer, encoding: string, done: (error?: { message: string } | null) => void): void;
  end: () => void;
}

type ReceiverClass = new (options: object) => Receiver;

/** Where ours refuses, and `ws` may tell something else. Whatever is not here must be the same. */
const differences: Readonly<
  Record<string, { readonly why: string; readonly mayTell: (behind: readonly string[]) => boolean }>
> = {
  'length-not-minimal': {
    why: 'ws takes lengths that are not written in the fewest octets, which RFC 6455 §5.2 forbids',
    mayTell: () => true,
  },
  'length-too-large': {
    why: 'ws answers 2^53 octets and more with 1009; ours answers 2^63 and more with 1002, as RFC 6455 §5.2 forbids them',
    mayTell: ([line]) => line === undefined || line === 'violation 1009',
  },
  'text-not-utf8': {
    why: 'ws looks at text once its message is whole; ours at each octet, so that what comes between is not told',
    mayTell: (behind) =>
      !behind.some((line) => line.startsWith('text ')) ||
      behind.findIndex((line) => line.startsWith('violation')) === behind.length - 1,
  },
  'close-code-invalid': {
    why: 'ws looks at a close frame once it is whole',
    mayTell: ([line]) => line === undefined || line === 'violation 1002',
  },
  'close-reason-not-utf8': {
    why: 'ws looks at a close frame once it is whole',
    mayTell: ([line]) => line === undefined || line === 'violation 1007',
  },
  'too-many-empty-fragments': {
    why: 'ws counts all fragments, and none unless it is told to; ours counts empty ones',
    mayTell: () => true,
  },
};

/**
 * ws looks at a header in steps of two or eight octets, ours at each. What ours refuses is given to ws again with octets that
 * finish the header: it must then say the same.
 */
const restOfHeader = Buffer.alloc(14);

const settingsBytes = 3;
const maxBytes = 400;
const maximum = 1_000;

let Receiver: ReceiverClass | undefined;
try {
  const require = createRequire(fileURLToPath(new URL('../../../../bench/package.json', import.meta.url)));
  Receiver = require('ws').Receiver as ReceiverClass;
} catch {
  // `unavailable` says so.
}

function tellOurs(role: 'client' | 'server', bytes: Buffer): { lines: string[]; code: string | undefined } {
  const lines: string[] = [];
  let code: string | undefined;
  const protocol = new Protocol({
    role,
    limits: { maxMessageBytes: maximum, maxEmptyFragments: 64 },
    handler: {
      message: (buffer, start, end, isText) =>
        lines.push(`${isText ? 'text' : 'binary'} ${buffer.toString('latin1', start, end)}`),
      chunk: () => must(false, 'nothing is streamed'),
      ping: (buffer, start, end) => lines.push(`ping ${buffer.toString('latin1', start, end)}`),
      pong: (buffer, start, end) => lines.push(`pong ${buffer.toString('latin1', start, end)}`),
      close: (closeCode, reason) => lines.push(`close ${closeCode} ${Buffer.from(reason).toString('latin1')}`),
      violation: (error) => {
        code = error.code;
        lines.push(`violation ${error.closeCode}`);
      },
    },
  });
  mustBeSame(protocol.receive(bytes), bytes.length, 'all is consumed');
  return { lines, code };
}

function tellTheirs(role: 'client' | 'server', bytes: Buffer, cuts: Cuts): string[] {
  const lines: string[] = [];
  let isOver = false;
  const receiver = new Receiver!({ isServer: role === 'server', maxPayload: maximum, allowSynchronousEvents: true });
  // It would end the Writable in another turn, after which nothing is looked at.
  receiver.end = () => {
    isOver = true;
  };
  const tell = (name: string) => (data: Buffer) => lines.push(`${name} ${data.toString('latin1')}`);
  receiver.on('message', (data: Buffer, isBinary: boolean) => tell(isBinary ? 'binary' : 'text')(data));
  receiver.on('ping', tell('ping'));
  receiver.on('pong', tell('pong'));
  receiver.on('conclude', (code: number, reason: Buffer) => lines.push(`close ${code} ${reason.toString('latin1')}`));
  for (let at = 0; at < bytes.length && !isOver; ) {
    const end = Math.min(bytes.length, at + cuts.next());
    let calls = 0;
    receiver._write(Buffer.from(bytes.subarray(at, end)), 'buffer', (error) => {
      calls++;
      if (error === undefined || error === null) return;
      isOver = true;
      const [code] = Object.getOwnPropertySymbols(error)
        .filter((symbol) => symbol.description === 'status-code')
        .map((symbol) => (error as unknown as Record<symbol, unknown>)[symbol]);
      lines.push(`violation ${code}`);
    });
    must(calls === 1 || isOver, 'ws takes each piece at once');
    at = end;
  }
  return lines;
}

function compare(role: 'client' | 'server', bytes: Buffer, cuts: () => Cuts): readonly string[] {
  const { lines, code } = tellOurs(role, Buffer.from(bytes));
  const our = lines.join('\n');
  let theirs = tellTheirs(role, bytes, cuts());
  if (our === theirs.join('\n')) return lines;
  if (code !== undefined) {
    theirs = tellTheirs(role, Buffer.concat([bytes, restOfHeader]), cuts());
    if (our === theirs.join('\n')) return lines;
    const before = lines.slice(0, -1);
    const isPrefix = before.every((line, index) => line === theirs[index]);
    if (isPrefix && differences[code]?.mayTell(theirs.slice(before.length)) === true) return lines;
  }
  throw new BrokenInvariant(
    'ours and ws tell the same',
    `${JSON.stringify({ code, lines })} and ${JSON.stringify(theirs)}`,
  );
}

export const ws: Target = {
  name: 'ws',
  covers: [
    'src/frame/protocol.js',
    'src/frame/receiver.js',
    'src/frame/decoder.js',
    'src/frame/header-reader.js',
    'src/frame/close-payload.js',
    'src/frame/close-code.js',
  ],
  maxBytes,
  dictionary: [
    '\x81\x80',
    '\x01\x00',
    '\x80\x00',
    '\x89\x80',
    '\x88\x82\0\0\0\0\x03\xe8',
    '\x7f\0\0\0\0\0\x01\0\0',
    '\xff\x80\0\0\0\0\0\0\0',
    '\x7e\0\x7e',
  ],
  unavailable: () =>
    Receiver === undefined ? 'ws is not installed: npm ci --prefix bench --omit=optional' : undefined,
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    return writeFrames(random, input, settingsBytes, (input[0]! & 1) !== 0, maxBytes - settingsBytes);
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const role = (input[0]! & 1) !== 0 ? 'server' : 'client';
    const bytes = input.subarray(settingsBytes, length);
    const seed = (input[1]! << 8) | input[2]!;
    let told: readonly string[] = [];
    for (const step of [maxBytes, 1, 0]) told = compare(role, bytes, () => new Cuts(step, seed));
    return kindOfStory(told);
  },
};
