/** Compiles the load generator, once for each version of its source. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchFolder } from '../peers.js';

/** A program, or why there is none. */
export type Built = { readonly path: string } | { readonly missing: string };

/** Compiles a C or Go source of this folder into a cache in the folder for temporary files. */
export function build(source: string, compiler: string, before: readonly string[], after: readonly string[]): Built {
  const file = fileURLToPath(new URL(source, benchFolder));
  const content = readFileSync(file);
  const key = createHash('sha256')
    .update(content)
    .update([compiler, ...before, ...after].join())
    .digest('hex');
  const folder = join(tmpdir(), 'mtls-ws-bench');
  const path = join(folder, key.slice(0, 16));
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };
  const { status, error, stderr } = spawnSync(compiler, [...before, '-o', unfinished, file, ...after], {
    encoding: 'utf8',
    env,
  });
  if (status !== 0) {
    const why = error === undefined ? stderr.split('\n').find((line) => line.includes('error')) : undefined;
    return { missing: `${compiler} did not build ${source}: ${why ?? error?.message ?? `exit code ${status}`}` };
  }
  renameSync(unfinished, path);
  return { path };
}

/** The load generator in C; without a compiler or OpenSSL, why not. */
export function buildLoad(): Built {
  return build('load/load.c', 'cc', ['-O2'], ['-lssl', '-lcrypto', '-lz']);
}
