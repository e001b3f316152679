/** What is measured, row by row, and what is to be reached. */

/**
 * How messages are on their way. C: pipelined, TLS records full of frames · R: pipelined, one record per message ·
 * W64: 64 in flight, one record each · M: 64 connections with one in flight each · L: one in flight.
 */
export type Scenario = 'C' | 'R' | 'W64' | 'M' | 'L';

export interface EchoRow {
  readonly scenario: Scenario;
  /** Payload bytes of a message. */
  readonly size: number;
  readonly kind: 'binary' | 'text' | 'compressed';
  /** At most so much of raw's CPU time per message for the fast handler; `undefined`: no target is set. */
  readonly target?: number;
  /** Measured with every subject, not with the core ones alone. */
  readonly forAll?: boolean;
  /** Measured on the other versions of Node too. */
  readonly onNodes?: boolean;
}

const kib = 1024;
const mib = 1024 * kib;

export const echoRows: readonly EchoRow[] = [
  { scenario: 'C', size: 16, kind: 'binary', target: 2.5 },
  { scenario: 'C', size: 125, kind: 'binary', target: 1.5, forAll: true, onNodes: true },
  { scenario: 'C', size: kib, kind: 'binary', target: 1.2, forAll: true },
  { scenario: 'C', size: 16 * kib, kind: 'binary', target: 1.1, forAll: true, onNodes: true },
  { scenario: 'C', size: 64 * kib, kind: 'binary', target: 1 },
  { scenario: 'C', size: mib, kind: 'binary', target: 1 },
  { scenario: 'R', size: 16, kind: 'binary' },
  { scenario: 'R', size: 125, kind: 'binary', target: 0.6, forAll: true, onNodes: true },
  { scenario: 'R', size: kib, kind: 'binary', target: 0.75 },
  { scenario: 'R', size: 16 * kib, kind: 'binary' },
  { scenario: 'W64', size: 125, kind: 'binary', target: 0.65, forAll: true, onNodes: true },
  { scenario: 'W64', size: kib, kind: 'binary' },
  { scenario: 'M', size: 125, kind: 'binary', target: 1, forAll: true, onNodes: true },
  { scenario: 'M', size: kib, kind: 'binary' },
  { scenario: 'L', size: 125, kind: 'binary', target: 1, forAll: true, onNodes: true },
  { scenario: 'L', size: 16 * kib, kind: 'binary' },
  { scenario: 'C', size: 125, kind: 'text' },
  { scenario: 'C', size: 16 * kib, kind: 'text' },
  { scenario: 'R', size: 125, kind: 'text' },
  { scenario: 'W64', size: kib, kind: 'compressed' },
  { scenario: 'W64', size: 16 * kib, kind: 'compressed' },
];

/** Bytes that a pipeline has on their way, but two messages at least. */
const pipelineBytes = 256 * kib;

/** Returns the options of the load for a row. */
export function loadOptions({ scenario, size, kind }: EchoRow): Record<string, string | number | true> {
  const pipelined = scenario === 'C' || scenario === 'R';
  return {
    size,
    records: scenario === 'C' ? 'packed' : 'single',
    'in-flight': pipelined ? Math.max(2, Math.ceil(pipelineBytes / size)) : scenario === 'W64' ? 64 : 1,
    connections: scenario === 'M' ? 64 : 1,
    ...(kind === 'compressed' ? { deflate: true } : {}),
  };
}

export interface HandshakeRow {
  readonly tls: '1.3' | '1.2';
  readonly mode: 'full' | 'resumed';
  readonly concurrency: number;
  readonly target?: number;
}

export const handshakeRows: readonly HandshakeRow[] = (['1.3', '1.2'] as const).flatMap((tls) =>
  (['full', 'resumed'] as const).flatMap((mode) =>
    [1, 8].map((concurrency) => ({
      tls,
      mode,
      concurrency,
      ...(tls === '1.3' && mode === 'full' && concurrency === 1 ? { target: 1.05 } : {}),
    })),
  ),
);

export interface SendRow {
  readonly size: number;
  readonly count: number;
  readonly target: number;
}

/** Each takes about half a second: what a process costs until its code is compiled is not what a message costs. */
export const sendRows: readonly SendRow[] = [
  { size: 16, count: 4_000_000, target: 0.6 },
  { size: 125, count: 2_000_000, target: 0.8 },
  { size: kib, count: 400_000, target: 1.2 },
  { size: 16 * kib, count: 30_000, target: 1.2 },
  { size: 64 * kib, count: 8_000, target: 1.1 },
  { size: mib, count: 800, target: 1.1 },
];

/** `125 B`, `16 KiB`. */
export function sizeName(bytes: number): string {
  return bytes < kib ? `${bytes} B` : bytes < mib ? `${bytes / kib} KiB` : `${bytes / mib} MiB`;
}

/** `C 16 KiB, text`. */
export function rowName({ scenario, size, kind }: Pick<EchoRow, 'scenario' | 'size' | 'kind'>): string {
  return `${scenario} ${sizeName(size)}${kind === 'binary' ? '' : `, ${kind}`}`;
}
