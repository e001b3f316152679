/** Sends messages and compares what comes back with what must, byte by byte. Knows no connection but a socket. */
import type { Duplex } from 'node:stream';
import { MtlsWsError } from '../errors.js';
import { cpuTimeOf } from './cpu.js';
import { type Frames, makeFrames } from './frames.js';
import { Histogram } from './histogram.js';
import { open, type Target } from './open.js';

export interface EchoOptions {
  readonly target: Target;
  /** Payload bytes of a message. */
  readonly size: number;
  readonly isText: boolean;
  readonly connections: number;
  /** Messages on their way on each connection. */
  readonly inFlight: number;
  /** Seconds before it is measured, and while. */
  readonly warmup: number;
  readonly seconds: number;
  /** The process of the server, if its CPU time is to be read. */
  readonly pid: number | undefined;
  /** Ends the measurement early; what was measured counts. */
  readonly signal: AbortSignal;
}

export interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface EchoFigures extends Latency {
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  /** CPU time of the server; `undefined` where it is not known. */
  readonly cpuUs: number | undefined;
}

/** An echo was not what was sent. */
export class EchoError extends MtlsWsError {}

/** Up to so many bytes are given to a socket at once. */
const longestWrite = 64 * 1024;

/** Without an answer for so many milliseconds, a run has failed. */
const patience = 10_000;

/** One connection: keeps its window full, and compares. */
class Line {
  readonly #socket: Duplex;
  readonly #frames: Frames;
  readonly #window: number;
  readonly #histogram: Histogram;
  /** When each message in flight was written. */
  readonly #stamps: Float64Array;
  #sent = 0;
  #sentAt = 0;
  #echoedBytes = 0;
  #echoedAt = 0;
  #echoed = 0;
  #isStopped = false;

  constructor(socket: Duplex, frames: Frames, window: number, histogram: Histogram, fail: (error: Error) => void) {
    this.#socket = socket;
    this.#frames = frames;
    this.#window = window;
    this.#histogram = histogram;
    this.#stamps = new Float64Array(window);
    socket.on('data', (chunk: Buffer) => {
      const fault = this.#compare(chunk);
      if (fault !== undefined) fail(fault);
      else this.send();
    });
    socket.on('close', () => {
      if (!this.#isStopped) fail(new EchoError('echo-cut', 'the server closed a connection'));
    });
    socket.resume();
  }

  /** Messages that came back. */
  get echoed(): number {
    return this.#echoed;
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket.destroy();
  }

  send(): void {
    const { sent, sentEach } = this.#frames;
    const room = this.#window - (this.#sent - this.#echoed);
    // A long window is refilled when half of it is free: so that frames leave together, as from a busy sender.
    if (this.#isStopped || room < Math.max(1, this.#window >> 1)) return;
    const now = performance.now();
    for (let left = room; left > 0; ) {
      const inRing = (sent.length - this.#sentAt) / sentEach;
      const count = Math.min(left, inRing, Math.max(1, Math.floor(longestWrite / sentEach)));
      const end = this.#sentAt + count * sentEach;
      this.#socket.write(sent.subarray(this.#sentAt, end));
      this.#sentAt = end % sent.length;
      for (let i = 0; i < count; i++) this.#stamps[this.#sent++ % this.#window] = now;
      left -= count;
    }
  }

  #compare(chunk: Buffer): EchoError | undefined {
    const { echoed, echoedEach } = this.#frames;
    for (let at = 0; at < chunk.length; ) {
      const part = Math.min(chunk.length - at, echoed.length - this.#echoedAt);
      if (chunk.compare(echoed, this.#echoedAt, this.#echoedAt + part, at, at + part) !== 0) {
        let same = 0;
        while (chunk[at + same] === echoed[this.#echoedAt + same]) same++;
        const [came, expected] = [chunk[at + same]!, echoed[this.#echoedAt + same]!].map((byte) => byte.toString(16));
        const text = `the echo differs at byte ${this.#echoedBytes + same} of the connection: 0x${came} came, 0x${expected} expected`;
        return new EchoError('echo-differs', text);
      }
      at += part;
      this.#echoedBytes += part;
      this.#echoedAt = (this.#echoedAt + part) % echoed.length;
    }
    const now = performance.now();
    const whole = Math.floor(this.#echoedBytes / echoedEach);
    while (this.#echoed < whole) {
      this.#histogram.record((now - this.#stamps[this.#echoed++ % this.#window]!) * 1000);
    }
    return undefined;
  }
}

/**
 * Measures an echo server.
 *
 * @throws EchoError `echo-differs`, `echo-cut`, `echo-silent`
 * @throws PeerIdentityError | HandshakeError if no connection comes about
 */
export async function measureEcho(options: EchoOptions): Promise<EchoFigures> {
  const { target, size, isText, connections, inFlight, signal, pid } = options;
  const frames = makeFrames(size, isText, target.kind === 'raw');
  const histogram = new Histogram();
  const lines: Line[] = [];
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const echoed = (): number => lines.reduce((sum, line) => sum + line.echoed, 0);
  try {
    for (let i = 0; i < connections && !signal.aborted; i++) {
      lines.push(new Line(await Promise.race([open(target), failed]), frames, inFlight, histogram, fail));
    }
    for (const line of lines) line.send();
    await Promise.race([pause(options.warmup, signal), failed]);
    histogram.clear();
    const before = { echoed: echoed(), cpu: pid === undefined ? undefined : cpuTimeOf(pid), at: performance.now() };
    await Promise.race([pause(options.seconds, signal), failed]);
    let messages = echoed() - before.echoed;
    if (messages === 0 && !signal.aborted) {
      // One message may take longer than all that was asked for.
      const silent = performance.now() + patience;
      while (messages === 0 && performance.now() < silent) {
        await Promise.race([pause(0.05, signal), failed]);
        messages = echoed() - before.echoed;
      }
      if (messages === 0) throw new EchoError('echo-silent', `nothing came back for ${patience / 1000} s`);
    }
    const cpu = pid === undefined ? undefined : cpuTimeOf(pid);
    return {
      messages,
      bytes: messages * size,
      seconds: (performance.now() - before.at) / 1000,
      cpuUs: cpu === undefined || before.cpu === undefined ? undefined : cpu - before.cpu,
      ...latencyOf(histogram),
    };
  } finally {
    for (const line of lines) line.stop();
  }
}

export interface HandshakeFigures extends Latency {
  readonly count: number;
  readonly seconds: number;
  readonly cpuUs: number | undefined;
}

/** Measures connections, one after the other: from connecting to the 101. */
export async function measureHandshakes(
  target: Target,
  seconds: number,
  pid: number | undefined,
  signal: AbortSignal,
): Promise<HandshakeFigures> {
  const histogram = new Histogram();
  const connectOnce = async (): Promise<void> => {
    const begin = performance.now();
    const socket = await open(target);
    histogram.record((performance.now() - begin) * 1000);
    socket.destroy();
  };
  for (let i = 0; i < 20 && !signal.aborted; i++) await connectOnce();
  histogram.clear();
  const before = pid === undefined ? undefined : cpuTimeOf(pid);
  const begin = performance.now();
  while (performance.now() - begin < seconds * 1000 && !signal.aborted) await connectOnce();
  // What the server still does for the last of them belongs to it.
  await pause(0.05, signal);
  const cpu = pid === undefined ? undefined : cpuTimeOf(pid);
  return {
    count: histogram.total,
    seconds: (performance.now() - begin) / 1000,
    cpuUs: cpu === undefined || before === undefined ? undefined : cpu - before,
    ...latencyOf(histogram),
  };
}

function latencyOf(histogram: Histogram): Latency {
  return {
    p50Us: histogram.percentile(0.5),
    p99Us: histogram.percentile(0.99),
    p999Us: histogram.percentile(0.999),
    maxUs: histogram.most,
  };
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener('abort', done);
  });
}
