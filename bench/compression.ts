/**
 * Compression alone, in this process and without a socket: what a message of JSON costs to compress and to inflate, with
 * the messages before it as context. The figure is CPU time of the whole process, zlib's threads included.
 */
import { longestAtOnce, Protocol, type ProtocolHandler } from '../src/frame/index.js';
import { loadWs, type WsModule } from './peers.js';
import type { Progress, Settings } from './settings.js';
import { type Summary, summarize } from './statistics.js';

export type CompressionOperation = 'compress' | 'inflate';

export interface CompressionResult {
  readonly operation: CompressionOperation;
  /** `ours`, `ours, elsewhere` for long messages' way with messages of any length, or `ws`. */
  readonly by: string;
  /** Payload bytes of a message before compression. */
  readonly size: number;
  /** Microseconds of CPU per message. */
  readonly microseconds: Summary;
}

/** Compresses and inflates messages, one after the other. */
interface Codec {
  readonly by: string;
  compress(data: Buffer): Promise<Buffer> | Buffer;
  /** `undefined`: not measured. */
  readonly inflate: ((payload: Buffer) => Promise<number> | number) | undefined;
}

const sizes = [256, 1024, 4096, 16 * 1024, 64 * 1024, 256 * 1024];

/** Both compress as hard: it is the way that is compared, not the level. */
const level = 3;

const both = { ownContextTakeover: true, ownWindowBits: 15, peerContextTakeover: true, peerWindowBits: 15, level };

/** @throws Error if what comes out is not what went in. */
export async function measureCompression(settings: Settings, progress: Progress): Promise<CompressionResult[]> {
  const ws = loadWs();
  const results: CompressionResult[] = [];
  for (const size of sizes) {
    progress(`compression, ${size} bytes`);
    const messages = createMessages(size, Math.max(4, Math.floor((settings.codecSample * 20_000) / size)));
    const samples = new Map<string, number[]>();
    // The first round warms up.
    for (let round = -1; round < settings.rounds; round++) {
      const codecs = [
        ours('ours', longestAtOnce),
        ours('ours, elsewhere', 0),
        ...(ws === undefined ? [] : [wsCodec(ws)]),
      ];
      for (const codec of codecs) {
        const payloads: Buffer[] = [];
        const add = (operation: CompressionOperation, time: number): void => {
          const key = `${operation} ${codec.by}`;
          if (round >= 0) samples.set(key, [...(samples.get(key) ?? []), time / messages.length]);
        };
        add(
          'compress',
          await cpuOf(async () => {
            for (const message of messages) payloads.push(await codec.compress(message));
          }),
        );
        const { inflate } = codec;
        if (inflate === undefined) continue;
        add(
          'inflate',
          await cpuOf(async () => {
            for (const payload of payloads)
              if ((await inflate(payload)) !== size) throw new Error(`${codec.by} lost bytes`);
          }),
        );
      }
    }
    for (const [key, values] of samples) {
      const [operation, ...by] = key.split(' ');
      results.push({
        operation: operation as CompressionOperation,
        by: by.join(' '),
        size,
        microseconds: summarize(values),
      });
    }
  }
  return results;
}

async function cpuOf(run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Messages as a device sends them: the same names, other numbers. */
function createMessages(size: number, count: number): Buffer[] {
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };
  return Array.from({ length: count }, () => {
    let text = '';
    while (text.length < size) {
      text += `{"id":${next(1e6)},"sensor":"north-${next(99)}","value":${next(1e5) / 100},"unit":"K","valid":true},`;
    }
    return Buffer.from(text.slice(0, size));
  });
}

function ours(by: string, atOnce: number): Codec {
  let length = 0;
  let ready = (): void => {};
  const handler: ProtocolHandler = {
    message: (_buffer, start, end) => {
      length = end - start;
    },
    chunk() {},
    ping() {},
    pong() {},
    close() {},
    violation(error) {
      throw error;
    },
    inflated: () => ready(),
  };
  const sender = new Protocol({ role: 'server', handler, deflate: both });
  const receiver = new Protocol({ role: 'client', handler, deflate: both });
  const nothing = Buffer.alloc(0);
  const compressed = (payload: Buffer | undefined): Buffer => {
    if (payload === undefined) throw new Error('what was to be compressed was not');
    const frame = Buffer.allocUnsafe(sender.frameSize(payload.length));
    sender.writeCompressed(frame, 0, payload, true);
    return frame;
  };
  return {
    by,
    compress: (data) =>
      data.length <= atOnce
        ? compressed(sender.compress(data))
        : new Promise((resolve) => sender.compressLater(data, (payload) => resolve(compressed(payload)))),
    // Where it is inflated is for the core to say.
    inflate:
      atOnce === 0
        ? undefined
        : (frame) => {
            receiver.receive(frame);
            if (!receiver.isInflating) return length;
            return new Promise((resolve) => {
              ready = () => {
                receiver.receive(nothing);
                resolve(length);
              };
            });
          },
  };
}

/** The part of `ws` that its connections compress with: a stream of zlib for each direction. */
function wsCodec(ws: WsModule): Codec {
  const create = (isServer: boolean): InstanceType<WsModule['PerMessageDeflate']> => {
    const deflate = new ws.PerMessageDeflate({ threshold: 0, isServer, zlibDeflateOptions: { level } });
    deflate.accept([{}]);
    return deflate;
  };
  const sender = create(true);
  const receiver = create(false);
  const settle = (
    resolve: (data: Buffer) => void,
    reject: (error: Error) => void,
  ): ((error: Error | null, data: Buffer) => void) => {
    return (error, data) => (error === null ? resolve(data) : reject(error));
  };
  return {
    by: 'ws',
    compress: (data) => new Promise((resolve, reject) => sender.compress(data, true, settle(resolve, reject))),
    inflate: (payload) =>
      new Promise<Buffer>((resolve, reject) => receiver.decompress(payload, true, settle(resolve, reject))).then(
        ({ length }) => length,
      ),
  };
}
