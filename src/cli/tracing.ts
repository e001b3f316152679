/**
 * `--trace`: the trace of all connections of a command, on stderr.
 */
import type { Settings } from './flags.js';
import { paintFor } from './terminal.js';
import { Tracer } from './trace.js';

/** Returns the tracer that `--trace` asks for, after a warning; `undefined` without it. */
export function startTracing(settings: Settings): Tracer | undefined {
  if (settings.trace !== true) return undefined;
  const { stderr } = process;
  stderr.write('mtls-ws: --trace prints everything that passes, secrets included\n');
  return new Tracer({ write: (line) => stderr.write(`${line}\n`), paint: paintFor(stderr, process.env) });
}
