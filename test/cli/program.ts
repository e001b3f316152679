/**
 * The `mtls-ws` command as a process, and the files it is given.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevelopmentPki, type DevelopmentPki } from '../../src/tls/pki/index.js';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended. */
  readonly outcome: Promise<Outcome>;
  /** Resolves with the first match in what it has written to a stream; rejects if it ends without. */
  match(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
}

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** The environment of the tests, without what would change the commands. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('MTLS_WS_') && name !== 'NO_COLOR'),
);

/** Starts the command, another `script`, or another `program`. Its stdin is left open unless `input` is given. */
export function start(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string | Buffer; cwd?: string; script?: string; program?: string } = {},
): Program {
  const { program = process.execPath, script = main } = options;
  const child = spawn(program, program === process.execPath ? [script, ...args] : [...args], {
    env: { ...environment, ...options.env },
    cwd: options.cwd,
    stdio: 'pipe',
  });
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const outcome = new Promise<Outcome>((resolve) => {
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(written.stdout), stderr: Buffer.concat(written.stderr).toString() }),
    );
  });
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => written[name].push(chunk));
  child.stdin.on('error', () => {});
  if (options.input !== undefined) child.stdin.end(options.input);
  const match: Program['match'] = (stream, pattern) =>
    new Promise((resolve, reject) => {
      const look = (): boolean => {
        const found = pattern.exec(Buffer.concat(written[stream]).toString());
        if (found !== null) resolve(found);
        return found !== null;
      };
      if (look()) return;
      child[stream].on('data', look);
      void outcome.then(({ stdout, stderr }) => reject(new Error(`ended without ${pattern}: ${stdout} ${stderr}`)));
    });
  return { child, outcome, match };
}

/** Runs the command to its end. */
export function run(args: readonly string[], options: Parameters<typeof start>[1] = {}): Promise<Outcome> {
  return start(args, { input: '', ...options }).outcome;
}

const temporary: string[] = [];

/** A directory that is removed when the process of the tests ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-cli-'));
  if (temporary.length === 0) {
    process.on('exit', () => {
      for (const path of temporary) rmSync(path, { recursive: true, force: true });
    });
  }
  temporary.push(directory);
  return directory;
}

export interface Files {
  readonly directory: string;
  readonly pki: DevelopmentPki;
  /** The flags of a server: `--ca F --cert F --key F`. */
  readonly server: readonly string[];
  readonly client: readonly string[];
  /** Returns the path of a file of the directory, after writing it if there is content. */
  file(name: string, content?: string | Uint8Array): string;
}

let shared: Files | undefined;

/** Development certificates in files, made once. */
export function files(): Files {
  if (shared !== undefined) return shared;
  const directory = temporaryDirectory();
  const pki = createDevelopmentPki();
  const file = (name: string, content?: string | Uint8Array): string => {
    const path = join(directory, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  };
  const flags = (name: 'server' | 'client'): string[] => [
    ...['--ca', file('ca.pem', pki.ca.cert)],
    ...['--cert', file(`${name}.pem`, pki[name].cert)],
    ...['--key', file(`${name}.key`, pki[name].key)],
  ];
  shared = { directory, pki, server: flags('server'), client: flags('client'), file };
  return shared;
}
