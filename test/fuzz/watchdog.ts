/**
 * Watches from a thread of its own whether inputs go on: one that never ends cannot be stopped from within. It says which
 * it is, and ends the process.
 */
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** How long an input may take, in milliseconds. */
const deadline = 20_000;

interface Shared {
  readonly name: string;
  /** How many inputs were begun, and the length of the present one. */
  readonly numbers: Int32Array;
  readonly input: Uint8Array;
}

export interface Watchdog {
  /** Says which input is run next. */
  before(input: Buffer, length: number): void;
  stop(): Promise<void>;
}

export function watch(name: string, maxBytes: number): Watchdog {
  const numbers = new Int32Array(new SharedArrayBuffer(8));
  const input = new Uint8Array(new SharedArrayBuffer(maxBytes));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { name, numbers, input } satisfies Shared });
  worker.unref();
  return {
    before(bytes, length) {
      numbers[0]!++;
      numbers[1] = length;
      if (length > 100) input.set(bytes.subarray(0, length));
      else for (let index = 0; index < length; index++) input[index] = bytes[index]!;
    },
    async stop() {
      await worker.terminate();
    },
  };
}

function guard({ name, numbers, input }: Shared): void {
  let seen = -1;
  setInterval(() => {
    const begun = Atomics.load(numbers, 0);
    if (begun === seen && begun > 0) {
      const hex = Buffer.from(input.subarray(0, numbers[1]!)).toString('hex');
      writeSync(
        2,
        `\n${name}: an input does not end within ${deadline / 1_000} s\nnpm run fuzz -- --target ${name} --input ${hex}\n`,
      );
      process.kill(process.pid, 'SIGKILL');
    }
    seen = begun;
  }, deadline);
}

if (!isMainThread && (workerData as Partial<Shared> | null)?.numbers !== undefined) guard(workerData as Shared);
