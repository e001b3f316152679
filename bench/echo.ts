/**
 * Frame throughput over mutual TLS: messages go to a server and come back. The figure to trust is the CPU time of the
 * server's process per message; throughput also depends on the load, which is made by this process.
 */
import type { TLSSocket } from 'node:tls';
import type { Subject } from './channel.js';
import type { Progress, Settings } from './settings.js';
import { quantile, ratio, type Summary, sorted, summarize, type Verdict, verdict } from './statistics.js';
import { availableSubjects, type RunningSubject, rotated, withSubjects } from './subject.js';
import { type Block, type Credentials, createBlock, createCredentials, dial, opened } from './wire.js';

/** How the load is given. C: as many frames as go into TLS records of 16 KiB, pipelined. L: one message in flight. */
export const loads = ['C', 'L'] as const;
export type Load = (typeof loads)[number];

export interface EchoResult {
  readonly load: Load;
  /** Payload bytes of a message. */
  readonly size: number;
  readonly subject: Subject;
  /** CPU time of the server's process per message, in microseconds. */
  readonly cpu: Summary;
  /** `cpu`, as a multiple of that of `raw` in the same round. */
  readonly cpuToRaw: Summary;
  readonly cpuVerdict: Verdict;
  /** Messages per second. */
  readonly rate: Summary;
  /** Microseconds from write to echo, of all rounds together; `null` unless one message is in flight. */
  readonly roundTrip: { readonly p50: number; readonly p99: number } | null;
}

interface Sample {
  readonly cpu: number;
  readonly rate: number;
  readonly roundTrips: readonly number[];
}

/** Pipelined: bytes of one write at least, and how many writes are in flight. */
const blockBytes = 128 * 1024;
const blocksInFlight = 4;

/** One in flight: how many different messages take turns. */
const differentMessages = 16;

/** @throws Error if an echo is not what was sent. */
export async function measureEcho(settings: Settings, progress: Progress): Promise<EchoResult[]> {
  const credentials = createCredentials();
  return withSubjects(availableSubjects(), credentials.server, async (servers) => {
    const results: EchoResult[] = [];
    for (const load of loads) {
      for (const size of settings.echoSizes) {
        const blocks = createLoad(load, size);
        const samples = new Map<Subject, Sample[]>(servers.map(({ name }) => [name, []]));
        for (let round = 0; round < settings.rounds; round++) {
          progress(`echo ${load} ${size} B, round ${round + 1} of ${settings.rounds}`);
          for (const server of rotated(servers, round)) {
            samples.get(server.name)!.push(await measure(server, credentials, blocks, load, settings));
          }
        }
        for (const { name } of servers) results.push(summarizeSamples(load, size, name, samples));
      }
    }
    return results;
  });
}

function createLoad(load: Load, size: number): Block[] {
  if (load === 'C') return [createBlock(size, Math.ceil(blockBytes / size))];
  return Array.from({ length: differentMessages }, () => createBlock(size, 1));
}

async function measure(
  server: RunningSubject,
  credentials: Credentials,
  blocks: readonly Block[],
  load: Load,
  settings: Settings,
): Promise<Sample> {
  const socket = dial(server.port, credentials.client);
  try {
    await opened(socket, server.greeting);
    const depth = load === 'C' ? blocksInFlight : 1;
    const isFramed = server.name !== 'raw';
    await exchange(socket, blocks, isFramed, depth, settings.echoWarmup);
    const cpuBefore = await server.cpu();
    const { messages, seconds, roundTrips } = await exchange(socket, blocks, isFramed, depth, settings.echoSample);
    const cpu = (await server.cpu()) - cpuBefore;
    return { cpu: cpu / messages, rate: messages / seconds, roundTrips: depth === 1 ? roundTrips : [] };
  } finally {
    socket.destroy();
  }
}

interface Exchange {
  readonly messages: number;
  readonly seconds: number;
  /** Microseconds from the write of each block to its last echoed byte. */
  readonly roundTrips: readonly number[];
}

/** Writes `blocks` in turn, `depth` of them in flight, for `duration` milliseconds, and compares every byte that comes back. */
function exchange(
  socket: TLSSocket,
  blocks: readonly Block[],
  isFramed: boolean,
  depth: number,
  duration: number,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const roundTrips: number[] = [];
    let messages = 0;
    let written = 0;
    let echoed = 0;
    let position = 0;
    let writtenAt = 0;
    const begin = performance.now();
    const next = (): void => {
      writtenAt = performance.now();
      socket.write(blocks[written++ % blocks.length]!.sent);
    };
    const settle = (): void => {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => onError(new Error('the server closed the connection'));
    const onData = (chunk: Buffer): void => {
      for (let start = 0; start < chunk.length; ) {
        const block = blocks[echoed % blocks.length]!;
        const expected = isFramed ? block.echo : block.sent;
        const length = Math.min(chunk.length - start, expected.length - position);
        if (echoed === written || chunk.compare(expected, position, position + length, start, start + length) !== 0) {
          return onError(new Error('the echo is not what was sent'));
        }
        start += length;
        position += length;
        if (position < expected.length) return;
        position = 0;
        echoed++;
        messages += block.frames;
        const now = performance.now();
        roundTrips.push((now - writtenAt) * 1000);
        if (now - begin < duration) next();
        else if (echoed === written) {
          settle();
          resolve({ messages, seconds: (now - begin) / 1000, roundTrips });
        }
      }
    };
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    for (let i = 0; i < depth; i++) next();
  });
}

function summarizeSamples(
  load: Load,
  size: number,
  subject: Subject,
  samples: ReadonlyMap<Subject, readonly Sample[]>,
): EchoResult {
  const own = samples.get(subject)!;
  const cpu = own.map((sample) => sample.cpu);
  const raw = samples.get('raw')!.map((sample) => sample.cpu);
  const cpuToRaw = ratio(cpu, raw);
  const roundTrips = sorted(own.flatMap((sample) => sample.roundTrips));
  return {
    load,
    size,
    subject,
    cpu: summarize(cpu),
    cpuToRaw,
    cpuVerdict: verdict(cpuToRaw, own.length),
    rate: summarize(own.map((sample) => sample.rate)),
    roundTrip: roundTrips.length === 0 ? null : { p50: quantile(roundTrips, 0.5), p99: quantile(roundTrips, 0.99) },
  };
}
