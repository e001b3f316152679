/** What `suite.ts` counts and `run.ts` compares; apart from uvu, which must not be loaded before its runner. */
export const counts: {
  declared: number;
  /** Tests of `test/interop` whose programs are not there. */
  skipped: number;
  current: string;
  slow: string[];
  /** The first line of each failure, for the end of a long output. */
  failures: string[];
  /** Each test that ran, by its whole name, and whether it passed. */
  results: [name: string, passed: boolean][];
} = {
  declared: 0,
  skipped: 0,
  current: '',
  slow: [],
  failures: [],
  results: [],
};
