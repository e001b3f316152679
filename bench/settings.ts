/** How long and how often is measured. */

export interface Settings {
  /** How often each subject is measured; within a round, all subjects take their turn. */
  readonly rounds: number;
  /** Rounds of subjects that are not core ones. */
  readonly otherRounds: number;
  /** Seconds of one measurement, and before it. */
  readonly seconds: number;
  readonly warmup: number;
  readonly handshakes: number;
  readonly idleConnections: number;
  /** Of the messages of the sending rows, so many. */
  readonly sendShare: number;
  /** Milliseconds of one measurement of the codec. */
  readonly codecSample: number;
  readonly codecRounds: number;
}

/** About half an hour. */
export const fullSettings: Settings = {
  rounds: 5,
  otherRounds: 3,
  seconds: 0.6,
  warmup: 0.25,
  handshakes: 500,
  idleConnections: 5000,
  sendShare: 1,
  codecSample: 15,
  codecRounds: 11,
};

/** About two minutes: to see that it works and roughly where things stand, not to publish. */
export const quickSettings: Settings = {
  rounds: 1,
  otherRounds: 1,
  seconds: 0.2,
  warmup: 0.15,
  handshakes: 50,
  idleConnections: 500,
  sendShare: 0.03,
  codecSample: 5,
  codecRounds: 3,
};

/** Tells how far a benchmark has come. */
export type Progress = (text: string) => void;
