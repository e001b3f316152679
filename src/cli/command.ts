/**
 * What a command is.
 */
import type { ExitCode } from './fault.js';
import type { FlagName, Settings } from './flags.js';

export interface Command {
  /** One or two words: `serve`, `pki init`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The operand, in capitals: with … there may be several, in brackets also none. `undefined` when there is none. */
  readonly operand?: 'URL' | '[URL]' | 'DIR' | 'NAME' | 'FILE…' | '[FILE…]';
  /** The flags it takes beside the common ones, in the order of the help. */
  readonly flags: readonly FlagName[];
  /** Those of them that it cannot do without. */
  readonly required: readonly FlagName[];
  /** Common flags that it takes and that change nothing: the help leaves them out. */
  readonly withoutEffect?: readonly FlagName[];
  /** What a flag does here, where that differs from the general text. */
  readonly flagHelp?: Readonly<Partial<Record<FlagName, string>>>;
  /** What the help says below the flags. */
  readonly notes: string;
  /** @throws Fault when it cannot be done */
  run(settings: Settings, ...operands: string[]): Promise<ExitCode>;
}
