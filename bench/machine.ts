/** On what was measured: without it, a figure means nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchFolder, loadBufferutil, peerVersion } from './peers.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Load average of the minute before, where the system tells it: others at work disturb the figures. */
  readonly loadBefore: number;
}

export interface Versions {
  readonly 'mtls-ws': string;
  /** The commit, with `-dirty` if there was more than it; `unknown` outside of a repository. */
  readonly revision: string;
  readonly node: string;
  readonly v8: string;
  readonly openssl: string;
  readonly ws: string | null;
  /** `null` when it is not installed or its native form does not run here. */
  readonly bufferutil: string | null;
}

export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    loadBefore: os.loadavg()[0]!,
  };
}

export function describeVersions(): Versions {
  const own = JSON.parse(readFileSync(new URL('../package.json', benchFolder), 'utf8')) as { version: string };
  return {
    'mtls-ws': own.version,
    revision: revision(),
    node: process.versions.node,
    v8: process.versions.v8,
    openssl: process.versions.openssl,
    ws: peerVersion('ws') ?? null,
    bufferutil: loadBufferutil() === undefined ? null : (peerVersion('bufferutil') ?? null),
  };
}

function revision(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], {
      cwd: fileURLToPath(benchFolder),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
