/**
 * uvu's `suite` with a count: `test/run.ts` compares the tests that were declared with the tests that ran, so that a
 * suite without `.run()` or a run that stopped early cannot pass. Each test has a deadline, so that a hang is a failure
 * with a name.
 */
import { suite as uvuSuite } from 'uvu';
import { counts } from './counts.js';

/** Milliseconds a test may take unless it says otherwise. */
const defaultDeadline = 30_000;

/** Milliseconds from which on a test is named at the end of the run. */
const slow = 2_000;

export interface Suite {
  (name: string, body: () => void | Promise<void>, options?: { deadline?: number }): void;
  run(): void;
}

/** Declares a suite, named by its subject and section: `masking (RFC 6455 §5.3)`. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name);
  const declare = (testName: string, body: () => void | Promise<void>, options: { deadline?: number } = {}): void => {
    counts.declared++;
    inner(testName, async () => {
      counts.current = `${name}: ${testName}`;
      const start = performance.now();
      try {
        await withDeadline(body, options.deadline ?? defaultDeadline);
        counts.results.push([counts.current, true]);
      } catch (error) {
        counts.results.push([counts.current, false]);
        counts.failures.push(`${counts.current}: ${String(error).split('\n', 1)[0]}`);
        throw error;
      } finally {
        const took = performance.now() - start;
        if (took > slow) counts.slow.push(`${Math.round(took)} ms: ${counts.current}`);
      }
    });
  };
  return Object.assign(declare, { run: () => inner.run() });
}

async function withDeadline(body: () => void | Promise<void>, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      body(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`still running after ${deadline} ms`)), deadline);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
