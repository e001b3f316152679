/** The procedures of the group `tls`. */
import type { RunTlsCase } from './tls-context.js';

export const runTlsCase: RunTlsCase = async (testCase) => ({
  verdict: 'broken',
  reason: `the runner has no procedure "${testCase.procedure}"`,
  events: [],
});
