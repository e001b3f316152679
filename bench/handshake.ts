/**
 * Handshake latency: from `connect` to the moment when the server has let the client in. `raw` is TLS alone: both ends
 * verified, which with TLS 1.3 the server's first byte shows. The others are TLS and the upgrade: the first byte is the
 * 101's. The client is the same for all, and writes its request as soon as it may.
 */

import type { Subject } from './channel.js';
import type { Progress, Settings } from './settings.js';
import { quantile, ratio, type Summary, sorted, summarize, type Verdict, verdict } from './statistics.js';
import { availableSubjects, type RunningSubject, rotated, withSubjects } from './subject.js';
import { type Credentials, createCredentials, dial, opened } from './wire.js';

/** How many handshakes are under way at once. */
export const concurrencies = [1, 8] as const;

export interface HandshakeResult {
  readonly subject: Subject;
  readonly concurrency: number;
  /** Milliseconds, of all rounds together. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** The median latency of a round, as a multiple of that of `raw` in the same round. */
  readonly latencyToRaw: Summary;
  readonly latencyVerdict: Verdict;
  /** CPU time of the server's process per handshake and the end of its connection, in milliseconds. */
  readonly cpu: Summary;
  readonly cpuToRaw: Summary;
  readonly cpuVerdict: Verdict;
}

interface Sample {
  readonly cpu: number;
  readonly median: number;
  readonly latencies: readonly number[];
}

/** Milliseconds until the server has seen the end of connections. */
const settling = 25;

export async function measureHandshakes(settings: Settings, progress: Progress): Promise<HandshakeResult[]> {
  const credentials = createCredentials();
  return withSubjects(availableSubjects(['raw', 'ours', 'ws']), credentials.server, async (servers) => {
    progress('handshakes, warming up');
    for (const server of servers) await measure(server, credentials, settings.handshakes, 1);
    const results: HandshakeResult[] = [];
    for (const concurrency of concurrencies) {
      const samples = new Map<Subject, Sample[]>(servers.map(({ name }) => [name, []]));
      for (let round = 0; round < settings.rounds; round++) {
        progress(`handshakes, ${concurrency} at a time, round ${round + 1} of ${settings.rounds}`);
        for (const server of rotated(servers, round)) {
          samples.get(server.name)!.push(await measure(server, credentials, settings.handshakes, concurrency));
        }
      }
      for (const { name } of servers) results.push(summarizeSamples(name, concurrency, samples));
    }
    return results;
  });
}

async function measure(
  server: RunningSubject,
  credentials: Credentials,
  count: number,
  concurrency: number,
): Promise<Sample> {
  const latencies: number[] = [];
  let left = count;
  const cpuBefore = await server.cpu();
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const begin = performance.now();
      const socket = dial(server.port, credentials.client);
      await opened(socket, server.greeting);
      latencies.push(performance.now() - begin);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await new Promise((resolve) => setTimeout(resolve, settling));
  const cpu = ((await server.cpu()) - cpuBefore) / 1000 / count;
  return { cpu, median: quantile(sorted(latencies), 0.5), latencies };
}

function summarizeSamples(
  subject: Subject,
  concurrency: number,
  samples: ReadonlyMap<Subject, readonly Sample[]>,
): HandshakeResult {
  const own = samples.get(subject)!;
  const raw = samples.get('raw')!;
  const latencies = sorted(own.flatMap((sample) => sample.latencies));
  const latencyToRaw = ratio(
    own.map(({ median }) => median),
    raw.map(({ median }) => median),
  );
  const cpus = own.map(({ cpu }) => cpu);
  const cpuToRaw = ratio(
    cpus,
    raw.map(({ cpu }) => cpu),
  );
  return {
    subject,
    concurrency,
    latency: { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), p99: quantile(latencies, 0.99) },
    latencyToRaw,
    latencyVerdict: verdict(latencyToRaw, own.length),
    cpu: summarize(cpus),
    cpuToRaw,
    cpuVerdict: verdict(cpuToRaw, own.length),
  };
}
