/** What a run is asked for, whichever end is tested. */
import { UsageError } from '../errors.js';
import type { Case, CaseResult, GroupName, Target } from './case.js';
import { allCases } from './catalogue.js';
import type { Chunking } from './chunking.js';

/** Options of `testServer` and `testClients`. */
export interface RunOptions {
  /** The cases to choose from. Default: all. */
  readonly cases?: readonly Case[];
  /** Only these groups. Default: all. */
  readonly groups?: readonly GroupName[] | undefined;
  /** Only cases with one of these ids; `*` stands for any characters. Default: all. */
  readonly ids?: readonly string[] | undefined;
  /** Each case is run once in each of these. Default: whole. */
  readonly chunkings?: readonly Chunking[] | undefined;
  /** How often each case is run in each chunking. Default 1. */
  readonly repeat?: number | undefined;
  /** Milliseconds for a case that sets no deadline of its own; those that do are given more or less in proportion. Default 10,000. */
  readonly timeout?: number | undefined;
  /** PEM: what the peer's certificate must be signed by. Not needed without TLS. */
  readonly ca?: string | Buffer | undefined;
  /** PEM: the certificate and the key of the runner. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** Unlocks `key`, and `caKey` if that is locked by the same. */
  readonly passphrase?: string | undefined;
  /** Default `TLSv1.3`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** PEM: the key of the CA that the peer trusts, for certificates that are bad and yet signed by it. */
  readonly caKey?: string | Buffer | undefined;
  /** A directory of such certificates, where the key of the CA is not at hand. */
  readonly badCertificates?: string | undefined;
  /** Called with each result, as it is there. */
  readonly onResult?: ((result: CaseResult) => void) | undefined;
  /** Ends the run: the cases that are under way and those to come are `broken`. */
  readonly signal?: AbortSignal | undefined;
}

/** One run of one case. */
export interface Task {
  readonly testCase: Case;
  readonly chunking: Chunking;
}

const defaultTimeout = 10_000;

/**
 * Returns the cases that are asked for, in the order of the table, as often as they are asked for.
 *
 * @throws UsageError `no-case` when nothing is left
 */
export function tasksOf(options: RunOptions, target: Target): readonly Task[] {
  const { groups, ids, chunkings = [{ kind: 'whole' }], repeat = 1, cases = allCases() } = options;
  const patterns = ids?.map(
    (id) => new RegExp(`^${id.replace(/[.*+?^${}()|[\]\\]/g, (c) => (c === '*' ? '.*' : `\\${c}`))}$`),
  );
  const chosen = cases.filter(
    ({ id, group, targets }) =>
      (targets === undefined || targets.includes(target)) &&
      (groups === undefined || groups.includes(group)) &&
      (patterns === undefined || patterns.some((pattern) => pattern.test(id))),
  );
  if (chosen.length === 0) {
    throw new UsageError('no-case', `no case for a ${target} has such a group and id`, { option: 'ids' });
  }
  return chunkings.flatMap((chunking, nth) =>
    // How bytes are cut into writes is nothing to a TLS handshake: those cases are run once.
    chosen
      .filter(({ kind }) => nth === 0 || kind !== 'tls')
      .flatMap((testCase) => new Array<Task>(repeat).fill({ testCase, chunking })),
  );
}

/** Returns the milliseconds that a case may take. */
export function deadlineOf({ deadline = defaultTimeout }: Case, { timeout = defaultTimeout }: RunOptions): number {
  return Math.ceil((deadline * timeout) / defaultTimeout);
}

/** A signal that is aborted after `ms` or with `parent`, whichever is first; `clear` ends the waiting. */
export function timeLimit(ms: number, parent: AbortSignal): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const end = (): void => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(new Error(`not done after ${ms} ms`)), ms);
  parent.addEventListener('abort', end);
  if (parent.aborted) end();
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', end);
    },
  };
}
