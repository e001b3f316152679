/** A server in a process of its own, seen from the process that measures it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Answer, type Order, type Subject, subjects } from './channel.js';
import { loadBufferutil, loadWs, withoutBufferutil } from './peers.js';
import type { Greeting, ServerCredentials } from './wire.js';

export class RunningSubject {
  readonly name: Subject;
  readonly greeting: Greeting;
  readonly port: number;
  readonly #process: ChildProcess;

  constructor(name: Subject, child: ChildProcess, port: number) {
    this.name = name;
    this.greeting = name === 'raw' ? 'byte' : 'upgrade';
    this.port = port;
    this.#process = child;
  }

  /** Resolves with the CPU time that the server has taken so far, in microseconds: user and system, all threads. */
  async cpu(): Promise<number> {
    const answer = await ask(this.#process, { tell: 'cpu' });
    return 'cpuMicroseconds' in answer ? answer.cpuMicroseconds : Number.NaN;
  }

  stop(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

/** Returns those of `wanted` that can run here. */
export function availableSubjects(wanted: readonly Subject[] = subjects): Subject[] {
  const hasWs = loadWs() !== undefined;
  const hasBufferutil = loadBufferutil() !== undefined;
  return wanted.filter((name) => (name === 'ws' ? hasWs : name === 'ws+bufferutil' ? hasWs && hasBufferutil : true));
}

/** The order changes from round to round, so that nobody always comes first. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** Starts a process for each of `names`, hands them to `measure` and stops them whatever comes of it. */
export async function withSubjects<T>(
  names: readonly Subject[],
  credentials: ServerCredentials,
  measure: (servers: readonly RunningSubject[]) => Promise<T>,
): Promise<T> {
  const started = await Promise.allSettled(names.map((name) => startSubject(name, credentials)));
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    return await measure(servers);
  } finally {
    for (const server of servers) server.stop();
  }
}

async function startSubject(name: Subject, credentials: ServerCredentials): Promise<RunningSubject> {
  const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [name], {
    env: { ...process.env, ...(name === 'ws' ? withoutBufferutil : {}) },
  });
  const answer = await ask(child, { start: credentials });
  if (!('port' in answer)) throw new Error(`${name} did not tell its port`);
  return new RunningSubject(name, child, answer.port);
}

function ask(child: ChildProcess, order: Order): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a server ended (${code})`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Answer);
    });
    child.send(order);
  });
}
