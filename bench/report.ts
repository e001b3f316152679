/** Everything that one run found, in the form in which it is written as JSON. */
import type { CodecResult } from './codec.js';
import type { CompressionResult } from './compression.js';
import type { FloodFigures } from './load/generator.js';
import type { Machine, Versions } from './machine.js';
import type { EchoRow, HandshakeRow } from './rows.js';
import type { Settings } from './settings.js';
import type { Summary } from './statistics.js';

/** Changes when a reader of older reports would misread a new one. */
export const reportFormat = 2;

/** Who was measured, on which Node (major version; empty for what does not run on Node). */
interface Measured {
  readonly subject: string;
  readonly node: string;
  readonly rounds: number;
  /** CPU time of the server per message or handshake, of the client in `send`; in microseconds. */
  readonly cpuUs: Summary;
  /**
   * How many times that of `raw`, of `raw-answer` and of `ws`, in the same round; `undefined` where that was not measured
   * beside it.
   */
  readonly ratioToRaw?: Summary | undefined;
  readonly ratioToAnswer?: Summary | undefined;
  readonly ratioToWs?: Summary | undefined;
}

interface Latencies {
  readonly perSecond: Summary;
  readonly p50Us: Summary;
  readonly p99Us: Summary;
  readonly p999Us: Summary;
}

export type EchoResult = Pick<EchoRow, 'scenario' | 'size' | 'kind'> & Measured & Latencies;
export type HandshakeResult = Omit<HandshakeRow, 'target'> & Measured & Latencies;
export type SendResult = { readonly size: number; readonly kind: 'binary' } & Measured;

export interface IdleResult {
  readonly subject: string;
  readonly connections: number;
  /** KiB of resident memory that each connection adds, before and after one message on each. */
  readonly openKib: number;
  readonly echoedKib: number;
}

export interface StartupResult {
  readonly subject: string;
  /** Milliseconds from the start of the process until it listens. */
  readonly listeningMs: Summary;
}

export interface SubjectInfo {
  readonly id: string;
  readonly label: string;
  readonly version: string;
  readonly note?: string | undefined;
  /** Why it was not measured. */
  readonly missing?: string | undefined;
}

export interface Report {
  readonly format: typeof reportFormat;
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly generator: 'c' | 'javascript';
  readonly machine: Machine;
  readonly versions: Versions;
  readonly settings: Settings;
  readonly subjects: readonly SubjectInfo[];
  /** Each part is empty when it was not asked for. */
  readonly rows: readonly EchoResult[];
  readonly handshakes: readonly HandshakeResult[];
  readonly send: readonly SendResult[];
  readonly idle: readonly IdleResult[];
  readonly fairness: ReadonlyArray<{ readonly subject: string } & FloodFigures>;
  readonly startup: readonly StartupResult[];
  readonly codec: readonly CodecResult[];
  readonly compression: readonly CompressionResult[];
}
