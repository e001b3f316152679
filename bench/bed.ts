/** The bed on which everything is measured: certificates, servers in processes of their own, a load, and cores that stay awake. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDevelopmentPki } from '../src/tls/pki/index.js';
import { buildLoad } from './load/build.js';
import { type Files, Generator, nextLine, type Target } from './load/generator.js';
import type { Subject } from './subjects/registry.js';

/** The server has the first core, the load the last one. */
function pinned(core: number): readonly string[] {
  return hasTaskset ? ['taskset', '-c', String(core)] : [];
}
const hasTaskset: boolean = os.cpus().length > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const hasIdlePolicy: boolean = spawnSync('chrt', ['-i', '0', 'true']).status === 0;

export interface RunningServer extends Target {
  /** Milliseconds until it listened. */
  readonly startedIn: number;
}

export class Bed {
  readonly generator: Generator;
  /** Why the load is not in C. */
  readonly withoutC: string | undefined;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'mtls-ws-bench-'));
  readonly #serverFiles: Files;
  readonly clientFiles: Files;
  readonly #children = new Set<ChildProcess>();
  readonly #servers = new Map<string, Promise<RunningServer>>();
  readonly #onExit = (): void => this.close();

  constructor() {
    const { ca, server, client } = createDevelopmentPki();
    const write = (name: string, pem: string): string => {
      const path = join(this.#folder, name);
      writeFileSync(path, pem);
      chmodSync(path, 0o600);
      return path;
    };
    const caFile = write('ca.pem', ca.cert);
    this.#serverFiles = { ca: caFile, cert: write('server.pem', server.cert), key: write('server.key', server.key) };
    this.clientFiles = { ca: caFile, cert: write('client.pem', client.cert), key: write('client.key', client.key) };
    const built = buildLoad();
    this.withoutC = 'missing' in built ? built.missing : undefined;
    const program =
      'path' in built ? [built.path] : [process.execPath, new URL('load/javascript.js', import.meta.url).pathname];
    const last = os.cpus().length - 1;
    this.generator = new Generator(
      'path' in built ? 'c' : 'javascript',
      [...pinned(last), ...program],
      this.clientFiles,
    );
    this.#keepAwake();
    process.once('exit', this.#onExit);
  }

  /** An idle virtual processor falls asleep, and costs more to wake than a message does: each is kept busy by what may always be set aside. */
  #keepAwake(): void {
    if (!hasIdlePolicy || !hasTaskset) return;
    for (let core = 0; core < os.cpus().length; core++) {
      const args = ['-i', '0', ...pinned(core), 'sh', '-c', 'while :; do :; done'];
      this.#children.add(spawn('chrt', args, { stdio: 'ignore' }));
    }
  }

  /** Whether the cores are kept awake, and the processes have a core each. */
  get isSteady(): boolean {
    return hasIdlePolicy && hasTaskset;
  }

  /** Returns a running server of a subject, started with these options; the same one each time. */
  server(subject: Subject, node: string = process.execPath, options: readonly string[] = []): Promise<RunningServer> {
    const key = [subject.id, node, ...options].join(' ');
    let server = this.#servers.get(key);
    if (server === undefined) {
      server = this.start(subject, node, options).then(({ server }) => server);
      this.#servers.set(key, server);
    }
    return server;
  }

  /** Starts a server of its own; `stop` ends it. */
  async start(
    subject: Subject,
    node: string = process.execPath,
    options: readonly string[] = [],
  ): Promise<{ server: RunningServer; stop: () => Promise<void> }> {
    const command = subject.command(node);
    if ('missing' in command) throw new Error(`${subject.label}: ${command.missing}`);
    const files = Object.entries(this.#serverFiles).flatMap(([name, file]) => [`--${name}`, file]);
    const [program, ...args] = [...pinned(0), ...command, '--port', '0', ...files, ...options];
    const begin = performance.now();
    const child = spawn(program!, args, {
      env: { ...process.env, ...subject.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.add(child);
    const line = await nextLine(child);
    const port = Number(/^listening on wss:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1]);
    if (Number.isNaN(port)) throw new Error(`${subject.label} printed '${line}'`);
    const server = { port, pid: child.pid!, kind: subject.kind, startedIn: performance.now() - begin };
    const stop = async (): Promise<void> => {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      this.#children.delete(child);
    };
    return { server, stop };
  }

  /** Runs a program to its end beside the load's core or the server's, and returns what it printed. */
  async output(core: 'server' | 'load', command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const [program, ...args] = [...pinned(core === 'server' ? 0 : os.cpus().length - 1), ...command];
    const child = spawn(program!, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.add(child);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    this.#children.delete(child);
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
    return text;
  }

  /** Starts a server of the load that counts what it is sent. */
  startSink(kind: 'raw' | 'ws'): ChildProcess {
    return this.own(this.generator.start('sink', { ...this.#serverFiles, kind }));
  }

  /** Ends a process of the bed when the bed is closed. */
  own(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    return child;
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const child of this.#children) child.kill('SIGKILL');
    this.#children.clear();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
