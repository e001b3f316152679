/** `--allow RULE`: who may come in, or which server is meant. */
import { UsageError } from '../errors.js';
import { type Rule, rulesFrom } from '../index.js';
import { usageFault } from './fault.js';
import type { Settings } from './flags.js';

/**
 * Returns the rules of the command line; `undefined` without any.
 *
 * @throws Fault (exit code 2) when one of them cannot be meant
 */
export function readRules({ allow }: Settings): Rule | undefined {
  if (allow === undefined) return undefined;
  try {
    return rulesFrom(allow);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw usageFault(`--allow: ${error.message}`, 'see docs/authorization.md, for example --allow dns:a.example');
  }
}
