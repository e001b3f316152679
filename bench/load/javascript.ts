/** The load where there is no C compiler: the commands `echo` and `handshake` of `load.c`, with the same options and output. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureEcho, measureHandshakes, type Target } from '../../src/bench/index.js';
import { loadCredentials } from '../../src/tls/index.js';

const text = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ port: text, pid: text, ca: text, cert: text, key: text, size: text, kind: text, records: text },
    ...{ 'in-flight': text, connections: text, warmup: text, seconds: text, tls: text, mode: text },
    ...{ concurrency: text, count: text },
    deflate: { type: 'boolean' },
  },
});

const read = (file: string | undefined): Buffer => readFileSync(file ?? '');
const minVersion = values.tls === '1.2' ? 'TLSv1.2' : 'TLSv1.3';
const credentials = loadCredentials({
  ...{ ca: read(values.ca), cert: read(values.cert), key: read(values.key), minVersion },
});
const pid = values.pid === undefined ? undefined : Number(values.pid);
const url = new URL(`wss://127.0.0.1:${values.port}/`);
const target: Target = { url, serverName: 'localhost', credentials, kind: values.kind === 'raw' ? 'raw' : 'ws' };
const { signal } = new AbortController();

async function figures(): Promise<object> {
  const [command] = positionals;
  if (command === 'handshake' && values.mode !== 'resumed' && values.concurrency === '1') {
    const { cpuUs, ...rest } = await measureHandshakes(target, 1, pid, signal);
    return { resumed: 0, cpuNs: (cpuUs ?? 0) * 1000, ...rest };
  }
  if (command !== 'echo' || values.deflate === true) throw new Error('only the load in C does this');
  const { cpuUs, ...rest } = await measureEcho({
    ...{ target, pid, signal, isText: values.kind === 'text' },
    size: Number(values.size ?? 125),
    connections: Number(values.connections ?? 1),
    inFlight: Number(values['in-flight'] ?? 1),
    warmup: Number(values.warmup ?? 0.5),
    seconds: Number(values.seconds ?? 2),
  });
  return { cpuNs: (cpuUs ?? 0) * 1000, ...rest };
}

try {
  process.stdout.write(`${JSON.stringify({ generator: 'javascript', ...(await figures()) })}\n`);
} catch (error) {
  process.stderr.write(`load: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
