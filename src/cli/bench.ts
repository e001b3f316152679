/**
 * `mtls-ws bench`: how fast an echo server is, this one or any other.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type EchoFigures,
  type HandshakeFigures,
  measureEcho,
  measureHandshakes,
  type Target,
} from '../bench/index.js';
import { loadCredentials } from '../tls/index.js';
import { createDevelopmentPki } from '../tls/pki/index.js';
import type { Command } from './command.js';
import { readCredentials } from './credentials-files.js';
import { type ExitCode, exitCodes, Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { onInterrupt } from './signals.js';
import { columns } from './terminal.js';
import { version } from './version.js';

/** A load, or connections without any. */
interface Row {
  readonly name: string;
  readonly load?: { readonly size: number; readonly connections: number; readonly inFlight: number };
}

const kib = 1024;

/** As in docs/performance.md: C pipelined, W64 with 64 in flight, M on 64 connections, L one by one. */
const rows: readonly Row[] = [
  { name: 'C 16 B', load: { size: 16, connections: 1, inFlight: 16_384 } },
  { name: 'C 1 KiB', load: { size: kib, connections: 1, inFlight: 256 } },
  { name: 'C 64 KiB', load: { size: 64 * kib, connections: 1, inFlight: 4 } },
  { name: 'W64 125 B', load: { size: 125, connections: 1, inFlight: 64 } },
  { name: 'M 125 B', load: { size: 125, connections: 64, inFlight: 1 } },
  { name: 'L 125 B', load: { size: 125, connections: 1, inFlight: 1 } },
  { name: 'connecting' },
];

/** What is measured, and how it is called. */
interface Subject {
  readonly name: string;
  readonly target: Target;
  readonly pid: number | undefined;
}

/** One figure of the table, as `--json` prints it. */
interface Result {
  readonly row: string;
  readonly subject: string;
  readonly perSecond: number;
  readonly cpuUs: number | null;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export const bench: Command = {
  name: 'bench',
  summary: 'measures an echo server: this one, or any other',
  operand: '[URL]',
  flags: [
    ...(['ca', 'cert', 'key', 'passphrase-file', 'servername', 'seconds', 'size', 'connections', 'in-flight'] as const),
    ...(['text', 'pid', 'json'] as const),
  ],
  required: [],
  withoutEffect: ['trace'],
  notes: `Without a URL it measures "mtls-ws serve" in a process of its own, beside a server
that speaks TLS alone, with certificates made for it, in about 20 seconds.
With a URL it measures that server, which must send messages back as they are;
--ca, --cert and --key are needed then. --size, --connections and --in-flight
measure that load alone.
Every byte that comes back is compared: one that differs ends it with exit code 1.
C pipelines messages, W64 has 64 in flight, M has one in flight on each of 64
connections, L one in all. The load is made in JavaScript, and costs about as
much as the server: compare these figures with each other, and not with those of
docs/performance.md, whose load is in C.`,
  run: async (settings, url) => {
    const stopping = new AbortController();
    onInterrupt(() => stopping.abort());
    const seconds = settings.seconds ?? 1;
    const chosen = chosenRows(settings);
    if (url === undefined) return withOwnServers(settings, (subjects) => measure(subjects, chosen));
    const { ca, cert, key } = settings;
    if (ca === undefined || cert === undefined || key === undefined) {
      throw usageFault('--ca, --cert and --key are needed with a URL', 'see mtls-ws bench --help');
    }
    const credentials = loadCredentials(readCredentials(settings));
    const target: Target = { url: readUrl(url), serverName: settings.servername, credentials, kind: 'ws' };
    return measure([{ name: target.url.host, target, pid: settings.pid }], chosen);

    async function measure(subjects: readonly Subject[], chosen: readonly Row[]): Promise<ExitCode> {
      const results: Result[] = [];
      const { signal } = stopping;
      for (const row of chosen) {
        for (const { name, target, pid } of subjects) {
          if (signal.aborted) break;
          progress(`${row.name}: ${name}`);
          const figures =
            row.load === undefined
              ? await measureHandshakes(target, seconds, pid, signal)
              : await measureEcho({
                  ...row.load,
                  ...{ target, pid, seconds, signal, isText: settings.text === true, warmup: Math.min(0.3, seconds) },
                });
          const counted = 'messages' in figures ? figures.messages : figures.count;
          if (counted > 0) results.push(resultOf(row.name, name, counted, figures));
        }
      }
      progress('');
      process.stdout.write(
        settings.json === true ? jsonText(results, seconds) : table(results, subjects, signal.aborted),
      );
      return exitCodes.done;
    }
  },
};

function chosenRows({ size, connections, 'in-flight': inFlight }: Settings): readonly Row[] {
  if (size === undefined && connections === undefined && inFlight === undefined) return rows;
  const load = { size: size ?? 125, connections: connections ?? 1, inFlight: inFlight ?? 1 };
  return [{ name: `${load.size} B`, load }];
}

function readUrl(text: string): URL {
  try {
    const url = new URL(text);
    if (url.protocol === 'wss:') return url;
  } catch {
    // Said below.
  }
  throw usageFault(`"${text}" is no wss: URL`, 'it looks like wss://localhost:8443/');
}

/** Runs `use` with a server of this package and one of TLS alone, each in a process of its own. */
async function withOwnServers(
  settings: Settings,
  use: (subjects: readonly Subject[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { ca, server, client } = createDevelopmentPki();
  const folder = mkdtempSync(join(os.tmpdir(), 'mtls-ws-bench-'));
  const children: ChildProcess[] = [];
  try {
    const write = (name: string, pem: string): string => {
      writeFileSync(join(folder, name), pem, { mode: 0o600 });
      return join(folder, name);
    };
    const files = [
      write('ca.pem', ca.cert),
      write('server.pem', server.cert),
      write('server.key', server.key),
    ] as const;
    const minVersion = settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3';
    const credentials = loadCredentials({ ca: ca.cert, cert: client.cert, key: client.key, minVersion });
    const start = async (
      name: string,
      kind: Target['kind'],
      script: string,
      args: readonly string[],
    ): Promise<Subject> => {
      const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      return { name, target: { url: new URL(await listening(child)), credentials, kind }, pid: child.pid };
    };
    const [caFile, certFile, keyFile] = files;
    const serve = ['serve', '--port', '0', '--ca', caFile, '--cert', certFile, '--key', keyFile];
    return await use([
      await start('TLS alone', 'raw', 'bench-raw.js', [...files, minVersion]),
      await start('mtls-ws', 'ws', 'main.js', [...serve, '--min-tls', settings['min-tls'] ?? '1.3']),
    ]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves with the URL that a server prints when it is ready. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('error', reject);
    child.once('exit', () => reject(new Fault(exitCodes.peer, 'a server did not start')));
    child.stdout!.on('data', (chunk) => {
      text += chunk;
      const url = /^listening on (wss:.*)$/m.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

function resultOf(row: string, subject: string, counted: number, figures: EchoFigures | HandshakeFigures): Result {
  const { seconds, cpuUs, p50Us, p99Us, p999Us } = figures;
  const perSecond = counted / seconds;
  return { row, subject, perSecond, cpuUs: cpuUs === undefined ? null : cpuUs / counted, p50Us, p99Us, p999Us };
}

/** One line on a terminal, rewritten; nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\x1b[K${text.slice(0, columns - 1)}`);
}

function jsonText(results: readonly Result[], seconds: number): string {
  const { node, openssl } = process.versions;
  const machine = {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.cpus().length,
    system: `${os.type()} ${os.arch()}`,
  };
  const report = { 'mtls-ws': version(), node, openssl, machine, generator: 'javascript', seconds, results };
  return `${JSON.stringify(report, undefined, 1)}\n`;
}

/** Microseconds in three digits, with their unit. */
function time(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1000) return `${digits(us / 1000)} ms`;
  return `${digits(us)} µs`;
}

function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

function table(results: readonly Result[], subjects: readonly Subject[], wasStopped: boolean): string {
  const isCompared = subjects.length > 1;
  const head = ['', '', 'per second', 'CPU each', 'p50', 'p99', 'p99.9', ...(isCompared ? ['ratio'] : [])];
  const cells = results.map((result) => {
    const base = results.find(({ row, subject }) => row === result.row && subject === subjects[0]!.name);
    const ratio = base?.cpuUs == null || result.cpuUs === null ? '–' : (result.cpuUs / base.cpuUs).toFixed(2);
    return [
      result.subject === subjects[0]!.name ? result.row : '',
      result.subject,
      String(Math.round(result.perSecond)),
      result.cpuUs === null ? '–' : time(result.cpuUs),
      ...[result.p50Us, result.p99Us, result.p999Us].map(time),
      ...(isCompared ? [result.subject === subjects[0]!.name ? '' : `× ${ratio}`] : []),
    ];
  });
  const all = [head, ...cells];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  const meaning = isCompared
    ? 'CPU each: CPU time of the server per message (connecting: per connection);\nratio: as a multiple of TLS alone, without WebSocket. Times: until the echo.'
    : 'CPU each: CPU time of the server per message, with --pid. Times: until the echo.';
  return [...lines, '', meaning, ...(wasStopped ? ['It was stopped: what is missing was not measured.'] : []), ''].join(
    '\n',
  );
}
