/** How long and how often is measured. */

export interface Settings {
  /** How often each subject is measured; within a round, all subjects take their turn. */
  readonly rounds: number;
  /** Milliseconds of one measurement of the echo, after `warmup`. */
  readonly echoSample: number;
  readonly echoWarmup: number;
  /** Payload bytes of the messages of the echo. */
  readonly echoSizes: readonly number[];
  /** Milliseconds of one measurement of the codec. */
  readonly codecSample: number;
  readonly codecRounds: number;
  /** Opening handshakes of one subject and round. */
  readonly handshakes: number;
}

/** About three minutes. */
export const fullSettings: Settings = {
  rounds: 7,
  echoSample: 250,
  echoWarmup: 60,
  echoSizes: [16, 125, 1024, 16 * 1024, 64 * 1024, 1024 * 1024],
  codecSample: 15,
  codecRounds: 11,
  handshakes: 64,
};

/** Under half a minute: to see that it works and roughly where things stand, not to publish. */
export const quickSettings: Settings = {
  rounds: 3,
  echoSample: 80,
  echoWarmup: 40,
  echoSizes: [16, 1024, 64 * 1024],
  codecSample: 5,
  codecRounds: 5,
  handshakes: 24,
};

/** Tells how far a benchmark has come. */
export type Progress = (text: string) => void;
