/**
 * How a command fails: an exit code, what happened, and what to do about it, on one line.
 */

/** The exit codes that other programs rely on. */
export const exitCodes = {
  done: 0,
  /** Everything that the network or the peer caused. */
  peer: 1,
  /** Wrong usage, or local files that are missing, unreadable or wrong. */
  usage: 2,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with one line on stderr: `mtls-ws COMMAND: <what happened>; <what to do>`. */
export class Fault extends Error {
  readonly exitCode: ExitCode;
  readonly advice: string | undefined;

  constructor(exitCode: ExitCode, whatHappened: string, advice?: string) {
    super(whatHappened);
    this.exitCode = exitCode;
    this.advice = advice;
  }

  /** The line without the name of the command. */
  get line(): string {
    return this.advice === undefined ? this.message : `${this.message}; ${this.advice}`;
  }
}

/** Returns the fault of a wrong command line, environment, configuration file or local file. */
export function usageFault(whatHappened: string, advice?: string): Fault {
  return new Fault(exitCodes.usage, whatHappened, advice);
}
