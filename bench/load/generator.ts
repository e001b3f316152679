/** Runs the load generator, and reads what it prints: one line of JSON. */
import { type ChildProcess, spawn } from 'node:child_process';

/** Paths of PEM files. */
export interface Files {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface EchoFigures extends Latency {
  readonly generator: 'c' | 'javascript';
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  /** CPU time of the server while it was measured. */
  readonly cpuNs: number;
  /** CPU time of the generator. */
  readonly loadCpuNs: number;
}

export interface HandshakeFigures extends Latency {
  readonly count: number;
  readonly resumed: number;
  readonly seconds: number;
  readonly cpuNs: number;
}

export interface FloodFigures {
  readonly connections: number;
  readonly quiet: Latency & { readonly perSecond: number; readonly floodPerSecond: number };
  readonly flooded: Latency & { readonly perSecond: number; readonly floodPerSecond: number };
}

/** A server that is measured, seen from the load. */
export interface Target {
  readonly port: number;
  readonly pid: number;
  readonly kind: 'raw' | 'ws';
}

export type Option = string | number | true;

/** How to run it: the program and its first arguments. */
export class Generator {
  readonly name: 'c' | 'javascript';
  readonly #command: readonly string[];
  readonly #files: Files;

  constructor(name: 'c' | 'javascript', command: readonly string[], files: Files) {
    this.name = name;
    this.#command = command;
    this.#files = files;
  }

  /** @throws Error with what the generator said, if it fails: above all when an echo differs. */
  async run<Figures>(command: string, target: Target, options: Readonly<Record<string, Option>>): Promise<Figures> {
    const child = this.start(command, { port: target.port, pid: target.pid, ...options });
    let output = '';
    let errors = '';
    child.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      errors += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(errors.trim() || `the load ended with ${code}`);
    return JSON.parse(output) as Figures;
  }

  /** Starts a command that is spoken with while it runs: `idle`, `sink`. */
  start(command: string, options: Readonly<Record<string, Option>>): ChildProcess {
    const [program, ...first] = this.#command;
    const all: Readonly<Record<string, Option>> = { ...this.#files, ...options };
    const args = Object.entries(all).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    return spawn(program!, [...first, command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  }
}

/** Resolves with the next line that a program prints; rejects when it ends before. */
export function nextLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0) return;
      child.stdout!.off('data', onData);
      child.off('close', onClose);
      resolve(text.slice(0, end));
    };
    const onClose = (code: number | null): void => reject(new Error(`a program ended (${code}) without a line`));
    child.stdout!.on('data', onData);
    child.once('close', onClose);
    child.once('error', reject);
  });
}
