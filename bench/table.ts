/** The figures as text, at most 80 columns wide. */
import { type Subject, subjects } from './channel.js';
import type { CodecResult, Operation } from './codec.js';
import type { CompressionResult } from './compression.js';
import { type EchoResult, type Load, loads } from './echo.js';
import { concurrencies, type HandshakeResult } from './handshake.js';
import type { Report } from './report.js';
import type { Summary, Verdict } from './statistics.js';

/** Returns a number in three digits, without an exponent. */
export function digits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function bytes(size: number): string {
  if (size >= 2 ** 20) return `${size / 2 ** 20} MiB`;
  return size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
}

/** Half of what lies between the lowest and the highest round, in percent of the median. */
function spread({ median, low, high }: Summary): string {
  return `±${Math.round(((high - low) / 2 / median) * 100)}%`;
}

/** `~` stands where the rounds do not agree on a difference. */
function shownRatio(ratio: Summary, verdict: Verdict): string {
  return `${verdict === 'no difference' ? '~' : '×'}${digits(ratio.median)}`;
}

/** Lays out rows in columns; the first is to the left, the others to the right. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

export function formatReport(report: Report): string {
  const { machine, versions } = report;
  const peers = versions.ws === null ? 'ws NOT MEASURED' : `ws ${versions.ws}`;
  const add = versions.bufferutil === null ? 'no bufferutil' : `bufferutil ${versions.bufferutil}`;
  const lines = [
    `mtls-ws ${versions['mtls-ws']} (${versions.revision}), ${peers}, ${add}`,
    `Node ${versions.node}, OpenSSL ${versions.openssl}, ${machine.system}`,
    `${machine.cpu}, ${machine.cores} cores, load ${digits(machine.loadBefore)} before`,
    `Medians of the rounds; ± is half the range of the rounds, × the ratio to raw in`,
    `the same round, ~ a ratio on which the rounds do not agree.`,
  ];
  if (report.codec !== undefined) lines.push(...formatCodec(report.codec));
  if (report.compression !== undefined) lines.push(...formatCompression(report.compression));
  if (report.echo !== undefined) lines.push(...formatEcho(report.echo));
  if (report.handshake !== undefined) lines.push(...formatHandshakes(report.handshake));
  return `${lines.join('\n')}\n`;
}

const titles: Readonly<Record<Operation, string>> = {
  parse: 'parse and unmask, ns per frame',
  encode: 'encode, ns per frame',
  'encode-masked': 'encode and mask, ns per frame',
  mask: 'mask in place, GB/s',
  'utf8-ascii': 'validate ASCII, GB/s',
  'utf8-mixed': 'validate mixed UTF-8, GB/s',
};

function formatCodec(results: readonly CodecResult[]): string[] {
  const lines: string[] = [];
  for (const [operation, title] of Object.entries(titles)) {
    const own = results.filter((result) => result.operation === operation);
    const sizes = [...new Set(own.map(({ size }) => size))];
    const rows = [...new Set(own.map(({ by }) => by))].map((by) => [
      `  ${by}`,
      ...sizes.map((size) => {
        const { nanoseconds } = own.find((result) => result.by === by && result.size === size)!;
        const value = title.endsWith('GB/s') ? size / nanoseconds.median : nanoseconds.median;
        return `${digits(value)} ${spread(nanoseconds)}`;
      }),
    ]);
    lines.push('', `Codec: ${title}`, ...layOut([['', ...sizes.map(bytes)], ...rows]));
  }
  return lines;
}

function formatCompression(results: readonly CompressionResult[]): string[] {
  const lines: string[] = [];
  for (const operation of ['compress', 'inflate'] as const) {
    const own = results.filter((result) => result.operation === operation);
    const sizes = [...new Set(own.map(({ size }) => size))];
    const rows = [...new Set(own.map(({ by }) => by))].map((by) => [
      `  ${by}`,
      ...sizes.map((size) => {
        const { microseconds } = own.find((result) => result.by === by && result.size === size)!;
        return digits(microseconds.median);
      }),
    ]);
    lines.push(
      '',
      `Compression: ${operation}, CPU µs per message of JSON`,
      ...layOut([['', ...sizes.map(bytes)], ...rows]),
    );
  }
  return lines;
}

const loadTitles: Readonly<Record<Load, string>> = {
  C: 'frames packed into TLS records, pipelined',
  L: 'one message in flight',
};

function formatEcho(results: readonly EchoResult[]): string[] {
  const lines: string[] = [];
  const names = subjects.filter((name) => results.some(({ subject }) => subject === name));
  for (const load of loads) {
    const own = results.filter((result) => result.load === load);
    const sizes = [...new Set(own.map(({ size }) => size))];
    const table = (unit: string, show: (result: EchoResult) => string): void => {
      const rows = sizes.map((size) => [
        `  ${bytes(size)}`,
        ...names.map((name) => show(own.find((result) => result.subject === name && result.size === size)!)),
      ]);
      lines.push(...layOut([[`  ${unit}`, ...names], ...rows]));
    };
    lines.push('', `Echo over mutual TLS 1.3, ${loadTitles[load]}`);
    table('CPU µs', showCpu);
    if (load === 'C') table('MB/s', ({ rate, size }) => digits((rate.median * size) / 1e6));
    else table('µs p50/p99', ({ roundTrip }) => `${digits(roundTrip!.p50)}/${digits(roundTrip!.p99)}`);
  }
  lines.push('', 'CPU: of the server process, per message. MB/s: of payload, each way.');
  return lines;
}

function showCpu({ subject, cpu, cpuToRaw, cpuVerdict }: EchoResult): string {
  return `${digits(cpu.median)} ${subject === 'raw' ? spread(cpu) : shownRatio(cpuToRaw, cpuVerdict)}`;
}

/** What each subject's handshake is. */
function handshakeTitle(subject: Subject): string {
  return subject === 'raw' ? 'TLS alone' : `TLS + upgrade, ${subject}`;
}

function formatHandshakes(results: readonly HandshakeResult[]): string[] {
  const lines: string[] = [];
  for (const concurrency of concurrencies) {
    const rows = results
      .filter((result) => result.concurrency === concurrency)
      .map(({ subject, latency, latencyToRaw, latencyVerdict, cpu, cpuToRaw, cpuVerdict }) => [
        `  ${handshakeTitle(subject)}`,
        digits(latency.p50),
        digits(latency.p95),
        digits(latency.p99),
        subject === 'raw' ? '' : shownRatio(latencyToRaw, latencyVerdict),
        `${digits(cpu.median)} ${spread(cpu)}`,
        subject === 'raw' ? '' : shownRatio(cpuToRaw, cpuVerdict),
      ]);
    const head = ['  ms', 'p50', 'p95', 'p99', '÷ raw', 'server CPU', '÷ raw'];
    lines.push('', `Handshakes, ${concurrency} at a time`, ...layOut([head, ...rows]));
  }
  return lines;
}
