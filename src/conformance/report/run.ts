/** A run of the conformance cases, as reports tell it. */
import type { CaseResult, Target } from '../case.js';

export interface Run {
  /** `both`: this package against itself. */
  readonly target: Target | 'both';
  /** Of the server under test, or where clients asked. Empty for `both`. */
  readonly url: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly versions: { readonly 'mtls-ws': string; readonly node: string };
  /** What was asked for, as flags without their dashes; no credentials. */
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly isStrict: boolean;
  /** In the order of the cases. */
  readonly results: readonly CaseResult[];
}
