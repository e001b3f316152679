/** Measures the rows: in each round, all subjects of a row one after the other, in an order that turns. */
import type { Bed } from './bed.js';
import type { EchoFigures, FloodFigures, HandshakeFigures } from './load/generator.js';
import { nextLine } from './load/generator.js';
import type { EchoResult, HandshakeResult, IdleResult, SendResult, StartupResult } from './report.js';
import { type EchoRow, type HandshakeRow, loadOptions, rowName, type SendRow, sizeName } from './rows.js';
import type { Progress, Settings } from './settings.js';
import { ratio, type Summary, summarize } from './statistics.js';
import type { Subject } from './subjects/registry.js';

/** A subject on a Node. */
export interface Entry {
  readonly subject: Subject;
  /** Path of the Node. */
  readonly binary: string;
  /** Its major version; empty for what does not run on Node. */
  readonly node: string;
}

/** The order changes from round to round, so that nobody always comes first. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** Takes `rounds` samples of each entry. An entry that fails once is left out, and said so. */
async function sample<T>(
  entries: readonly Entry[],
  rounds: number,
  what: string,
  progress: Progress,
  take: (entry: Entry) => Promise<T>,
): Promise<Map<Entry, T[]>> {
  const samples = new Map<Entry, T[]>(entries.map((entry) => [entry, []]));
  for (let round = 0; round < rounds; round++) {
    for (const entry of rotated(entries, round)) {
      const taken = samples.get(entry);
      if (taken === undefined) continue;
      progress(`${what}: ${entry.subject.label}, round ${round + 1} of ${rounds}`);
      try {
        taken.push(await take(entry));
      } catch (error) {
        samples.delete(entry);
        progress(`${what}: ${entry.subject.label} FAILED: ${(error as Error).message}\n`);
      }
    }
  }
  return samples;
}

/**
 * Returns the ratios to `raw`, `raw-answer` and `ws` of the same Node, or of ours for what does not run on Node, in the same
 * rounds.
 */
export function ratios(
  cpu: ReadonlyMap<Entry, readonly number[]>,
  entry: Entry,
): { ratioToRaw?: Summary; ratioToAnswer?: Summary; ratioToWs?: Summary } {
  const to = (id: string): Summary | undefined => {
    const own = cpu.get(entry)!;
    for (const [other, values] of cpu) {
      const isBase = other.subject.id === id && (other.node === entry.node || entry.node === '');
      if (isBase && values.length === own.length) return ratio(own, values);
    }
    return undefined;
  };
  const [raw, answer, ws] = [to('raw'), to('raw-answer'), to('ws')];
  return {
    ...(raw && { ratioToRaw: raw }),
    ...(answer && { ratioToAnswer: answer }),
    ...(ws && { ratioToWs: ws }),
  };
}

interface Sample {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** Sums the samples of each entry up. */
function results(samples: ReadonlyMap<Entry, readonly Sample[]>) {
  const cpu = new Map([...samples].map(([entry, taken]) => [entry, taken.map(({ cpuUs }) => cpuUs)]));
  return [...samples].map(([entry, taken]) => {
    const sum = (key: keyof Sample): Summary => summarize(taken.map((one) => one[key]));
    return {
      subject: entry.subject.id,
      node: entry.node,
      rounds: taken.length,
      cpuUs: sum('cpuUs'),
      ...ratios(cpu, entry),
      perSecond: sum('perSecond'),
      p50Us: sum('p50Us'),
      p99Us: sum('p99Us'),
      p999Us: sum('p999Us'),
    };
  });
}

export async function measureEcho(
  bed: Bed,
  row: EchoRow,
  entries: readonly Entry[],
  rounds: number,
  settings: Settings,
  progress: Progress,
): Promise<EchoResult[]> {
  const { scenario, size, kind } = row;
  const samples = await sample(entries, rounds, rowName(row), progress, async ({ subject, binary }) => {
    const server = await bed.server(subject, binary, kind === 'compressed' ? ['--compress'] : []);
    const figures = await bed.generator.run<EchoFigures>('echo', server, {
      ...loadOptions(row),
      kind: subject.kind === 'raw' ? 'raw' : kind === 'compressed' ? 'text' : kind,
      warmup: settings.warmup,
      seconds: settings.seconds,
    });
    const { messages, seconds, cpuNs } = figures;
    return { ...figures, cpuUs: cpuNs / 1000 / messages, perSecond: messages / seconds };
  });
  return results(samples).map((result) => ({ scenario, size, kind, ...result }));
}

export async function measureHandshakes(
  bed: Bed,
  row: HandshakeRow,
  entries: readonly Entry[],
  settings: Settings,
  progress: Progress,
): Promise<HandshakeResult[]> {
  const { tls, mode, concurrency } = row;
  const what = `handshakes, TLS ${tls}, ${mode}, ${concurrency} at a time`;
  const samples = await sample(entries, settings.rounds, what, progress, async ({ subject, binary }) => {
    const options = [
      ...(tls === '1.2' ? ['--min-tls', '1.2'] : []),
      ...(mode === 'resumed' ? ['--session-resumption'] : []),
    ];
    const server = await bed.server(subject, binary, options);
    const figures = await bed.generator.run<HandshakeFigures>('handshake', server, {
      kind: subject.kind,
      tls,
      mode,
      concurrency,
      // A server has compiled by then what each connection needs.
      warmup: settings.handshakes,
      count: settings.handshakes,
    });
    const { count, seconds, cpuNs } = figures;
    return { ...figures, cpuUs: cpuNs / 1000 / count, perSecond: count / seconds };
  });
  return results(samples).map((result) => ({ tls, mode, concurrency, ...result }));
}

/** A client's sending, on the core of the servers, to a sink of the load. */
export async function measureSend(
  bed: Bed,
  row: SendRow,
  libraries: ReadonlyArray<{ readonly id: string; readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv }>,
  settings: Settings,
  progress: Progress,
): Promise<SendResult[]> {
  const cpu = new Map<string, number[]>(libraries.map(({ id }) => [id, []]));
  const count = Math.max(50, Math.round(row.count * settings.sendShare));
  for (let round = 0; round < settings.rounds; round++) {
    for (const { id, args, env } of rotated(libraries, round)) {
      progress(`sending ${sizeName(row.size)}: ${id}, round ${round + 1} of ${settings.rounds}`);
      const sink = bed.startSink(id === 'raw' ? 'raw' : 'ws');
      const url = (await nextLine(sink)).replace('listening on ', '');
      const files = Object.entries(bed.clientFiles).flatMap(([name, file]) => [`--${name}`, file]);
      const numbers = ['--size', String(row.size), '--count', String(count), '--warmup', String(Math.ceil(count / 5))];
      const output = await bed.output('server', [process.execPath, ...args, '--url', url, ...files, ...numbers], env);
      const { cpuNs, messages } = JSON.parse(output) as { cpuNs: number; messages: number };
      cpu.get(id)!.push(cpuNs / 1000 / messages);
      sink.kill('SIGKILL');
    }
  }
  const to = (values: readonly number[], id: string): Summary | undefined => {
    const base = cpu.get(id);
    return base === undefined ? undefined : ratio(values, base);
  };
  return [...cpu].map(([subject, values]) => ({
    size: row.size,
    kind: 'binary',
    subject,
    node: process.versions.node.split('.')[0]!,
    rounds: values.length,
    cpuUs: summarize(values),
    ratioToRaw: to(values, 'raw'),
    ratioToWs: to(values, 'ws'),
  }));
}

/** Memory of a fresh server with idle connections. */
export async function measureIdle(
  bed: Bed,
  entries: readonly Entry[],
  settings: Settings,
  progress: Progress,
): Promise<IdleResult[]> {
  const found: IdleResult[] = [];
  for (const { subject, binary } of entries) {
    progress(`${settings.idleConnections} idle connections: ${subject.label}`);
    const { server, stop } = await bed.start(subject, binary);
    const hold = async (connections: number): Promise<{ open: number; echoed: number }> => {
      const options = {
        kind: subject.kind === 'raw' ? 'raw' : 'binary',
        port: server.port,
        pid: server.pid,
        connections,
      };
      const load = bed.own(bed.generator.start('idle', options));
      const rss = async (): Promise<number> => (JSON.parse(await nextLine(load)) as { rssKib: number }).rssKib;
      const open = await rss();
      load.stdin!.write('\n');
      const echoed = await rss();
      load.stdin!.end();
      await new Promise((resolve) => load.once('close', resolve));
      return { open, echoed };
    };
    // What the first connections cost once is not what each costs.
    const before = await hold(100);
    const { open, echoed } = await hold(settings.idleConnections);
    await stop();
    const each = (kib: number): number => (kib - before.echoed) / (settings.idleConnections - 100);
    found.push({
      subject: subject.id,
      connections: settings.idleConnections,
      openKib: each(open),
      echoedKib: each(echoed),
    });
  }
  return found;
}

/** What the others notice while one connection sends without pause. */
export async function measureFairness(
  bed: Bed,
  entries: readonly Entry[],
  settings: Settings,
  progress: Progress,
): Promise<Array<{ subject: string } & FloodFigures>> {
  const found: Array<{ subject: string } & FloodFigures> = [];
  for (const { subject, binary } of entries) {
    progress(`999 connections and one that floods: ${subject.label}`);
    const server = await bed.server(subject, binary);
    const kind = subject.kind === 'raw' ? 'raw' : 'binary';
    const seconds = settings.seconds * 4;
    const figures = await bed.generator.run<FloodFigures>('flood', server, { kind, connections: 999, seconds });
    found.push({ subject: subject.id, ...figures });
  }
  return found;
}

export async function measureStartup(
  bed: Bed,
  entries: readonly Entry[],
  settings: Settings,
  progress: Progress,
): Promise<StartupResult[]> {
  const times = new Map<string, number[]>();
  for (let round = 0; round < settings.rounds; round++) {
    for (const { subject, binary } of rotated(entries, round)) {
      progress(`start of ${subject.label}, round ${round + 1} of ${settings.rounds}`);
      const { server, stop } = await bed.start(subject, binary);
      times.set(subject.id, [...(times.get(subject.id) ?? []), server.startedIn]);
      await stop();
    }
  }
  return [...times].map(([subject, values]) => ({ subject, listeningMs: summarize(values) }));
}
