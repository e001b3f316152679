/** Everything that one run found, in the form in which it is written as JSON. */
import type { CodecResult } from './codec.js';
import type { CompressionResult } from './compression.js';
import type { EchoResult } from './echo.js';
import type { HandshakeResult } from './handshake.js';
import type { Machine, Versions } from './machine.js';
import type { Settings } from './settings.js';

/** Changes when a reader of older reports would misread a new one. */
export const reportFormat = 1;

export interface Report {
  readonly format: typeof reportFormat;
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly settings: Settings;
  /** `undefined` when it was not asked for; so too the next three. */
  readonly codec?: CodecResult[];
  readonly compression?: CompressionResult[];
  readonly echo?: EchoResult[];
  readonly handshake?: HandshakeResult[];
}
