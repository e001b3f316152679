/** CPU time of another process, where the system tells it. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Returns the CPU time of all threads of a process in microseconds: field 1 of their schedstat, which counts every
 * nanosecond; `undefined` where there is no such thing (not Linux), or no such process.
 */
export function cpuTimeOf(pid: number): number | undefined {
  try {
    let sum = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)[0]);
    }
    return sum / 1000;
  } catch {
    return undefined;
  }
}
