/**
 * SIGINT and SIGTERM: the first one asks for an orderly end, the second one ends the process.
 */
import { exitCodes } from './fault.js';

/** Calls `onFirst` at the first SIGINT or SIGTERM. The second one ends the process at once. */
export function onInterrupt(onFirst: () => void): void {
  let isEnding = false;
  const handle = (): void => {
    if (isEnding) process.exit(exitCodes.peer);
    isEnding = true;
    onFirst();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
}
