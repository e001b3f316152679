/** `npm run bench`: runs the benchmarks, prints their figures and writes them as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureCodec } from './codec.js';
import { measureCompression } from './compression.js';
import { measureEcho } from './echo.js';
import { measureHandshakes } from './handshake.js';
import { describeMachine, describeVersions } from './machine.js';
import { benchFolder, installPeers } from './peers.js';
import { type Report, reportFormat } from './report.js';
import { fullSettings, quickSettings } from './settings.js';
import { formatReport } from './table.js';

const benchmarks = ['codec', 'compression', 'echo', 'handshake'] as const;
type Benchmark = (typeof benchmarks)[number];

const help = `Usage: npm run bench -- [options]

Measures mtls-ws over mutual TLS 1.3, side by side with plain node:tls (the
limit) and ws. A full run takes about three minutes and wants a quiet machine.

  --only NAME   runs one benchmark: codec, compression, echo or handshake
  --quick       takes less than 30 seconds; too coarse to tell differences
  --json FILE   writes the figures there; default bench/results/latest.json for
                a whole run, and none for a --quick or --only one
  --help        shows this

ws and bufferutil are installed into bench/ if they are missing.
`;

interface Arguments {
  readonly only: Benchmark | undefined;
  readonly quick: boolean;
  readonly json: string | undefined;
}

async function main({ only, quick, json }: Arguments): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const progress = process.stderr.isTTY ? (text: string) => void process.stderr.write(`\r\x1b[K${text}`) : say;
  const wants = (name: Benchmark): boolean => only === undefined || only === name;
  installPeers(say);
  const settings = quick ? quickSettings : fullSettings;
  const report: Report = {
    format: reportFormat,
    date: new Date().toISOString(),
    machine: describeMachine(),
    versions: describeVersions(),
    settings,
    ...(wants('codec') ? { codec: await measureCodec(settings, progress) } : {}),
    ...(wants('compression') ? { compression: await measureCompression(settings, progress) } : {}),
    ...(wants('echo') ? { echo: await measureEcho(settings, progress) } : {}),
    ...(wants('handshake') ? { handshake: await measureHandshakes(settings, progress) } : {}),
  };
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(formatReport(report));
  if (json !== undefined) {
    mkdirSync(dirname(json), { recursive: true });
    writeFileSync(json, `${JSON.stringify(report, undefined, 1)}\n`);
    say(`written to ${json}`);
  }
}

/** Returns the arguments, or `undefined` after saying what is wrong with them. */
function readArguments(): Arguments | 'help' | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return 'help';
    const only = benchmarks.find((name) => name === values.only);
    if (only !== values.only) throw new Error(`--only takes one of ${benchmarks.join(', ')}`);
    const isWhole = only === undefined && !values.quick;
    const latest = fileURLToPath(new URL('results/latest.json', benchFolder));
    return { only, quick: values.quick, json: values.json ?? (isWhole ? latest : undefined) };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return undefined;
  }
}

const chosen = readArguments();
if (chosen === undefined) process.exitCode = 2;
else if (chosen === 'help') process.stdout.write(help);
else {
  await main(chosen).catch((error: Error) => {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exitCode = 1;
  });
}
