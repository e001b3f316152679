/** Whether what came is what is expected. Pure: looks, and takes nothing. */
import type { Buffer } from 'node:buffer';
import type { Expected } from './case.js';
import { describeExpected, describeIncoming } from './describe.js';
import type { Incoming } from './wire.js';

/** How the peer ended the TCP connection: with FIN, or with RST. */
export type HowEnded = 'end' | 'reset';

/** What came and was not taken yet. */
export interface Inbox {
  /** Messages, the close frame, the end: in their order. */
  readonly main: ReadonlyArray<
    Extract<Incoming, { kind: 'message' | 'close' }> | { readonly kind: 'end'; readonly how: HowEnded }
  >;
  /** Apart from the others: no rule says which comes first, a pong or the echo of a message. */
  readonly pongs: readonly Buffer[];
}

export type Judgement =
  | { readonly state: 'waiting' }
  /** `main` and `pongs` say how many of each are used up; `weak` what was lawful but not as recommended. */
  | {
      readonly state: 'met';
      readonly main: number;
      readonly pongs: number;
      readonly told: string;
      readonly weak?: string;
    }
  | { readonly state: 'missed'; readonly reason: string };

const waiting: Judgement = { state: 'waiting' };

/** @param waited milliseconds since the step began */
export function judge(expected: Expected, inbox: Inbox, waited: number): Judgement {
  const [first, second] = inbox.main;
  const missed = (): Judgement => ({
    state: 'missed',
    reason: `expected ${describeExpected(expected)}; came ${describeIncoming(first!)}${difference(expected, first!)}`,
  });
  switch (expected.kind) {
    case 'message':
      if (first === undefined) return waiting;
      if (first.kind !== 'message' || first.isText !== expected.isText || !first.payload.equals(expected.payload))
        return missed();
      return { state: 'met', main: 1, pongs: 0, told: describeIncoming(first) };
    case 'pong': {
      const index = inbox.pongs.findIndex((pong) => expected.payloads.some((payload) => pong.equals(payload)));
      if (index >= 0) {
        return {
          state: 'met',
          main: 0,
          pongs: index + 1,
          told: describeIncoming({ kind: 'pong', payload: inbox.pongs[index]! }),
        };
      }
      // A message may come before the pong (RFC 6455 §5.5.3 says only: as soon as is practical); after an end none can.
      const ending = inbox.main.find(({ kind }) => kind !== 'message');
      if (ending === undefined) return waiting;
      return { state: 'missed', reason: `expected ${describeExpected(expected)}; came ${describeIncoming(ending)}` };
    }
    case 'close':
      if (first === undefined) return waiting;
      if (first.kind !== 'close' || !matches(expected.codes, first.code)) return missed();
      if (second === undefined) return waiting;
      return { state: 'met', main: 2, pongs: 0, told: describeIncoming(first) };
    case 'fail':
      if (first === undefined) return waiting;
      if (first.kind === 'end') {
        // RFC 6455 §7.1.7: SHOULD send a close frame.
        return {
          state: 'met',
          main: 1,
          pongs: 0,
          told: describeIncoming(first),
          weak: `${describeIncoming(first)} without a close frame before`,
        };
      }
      if (first.kind === 'message' || (expected.strictly === true && !matches(expected.codes, first.code)))
        return missed();
      if (second === undefined) return waiting;
      return {
        state: 'met',
        main: 2,
        pongs: 0,
        told: describeIncoming(first),
        ...(matches(expected.codes, first.code)
          ? {}
          : { weak: `${describeIncoming(first)}, where ${expected.codes.join(' or ')} says what is wrong` }),
      };
    case 'end':
      if (first === undefined) return waiting;
      return first.kind === 'end' ? { state: 'met', main: 1, pongs: 0, told: describeIncoming(first) } : missed();
    case 'silence':
      if (first !== undefined) return missed();
      return waited >= expected.ms
        ? { state: 'met', main: 0, pongs: 0, told: `nothing for ${expected.ms} ms` }
        : waiting;
    default:
      return judgeAny(expected.options, inbox, waited);
  }
}

function judgeAny(options: readonly Expected[], inbox: Inbox, waited: number): Judgement {
  const judgements = options.map((option) => judge(option, inbox, waited));
  const met = judgements.find(({ state }) => state === 'met');
  if (met !== undefined) return met;
  if (judgements.some(({ state }) => state === 'waiting')) return waiting;
  const came = inbox.main[0];
  const wanted = describeExpected({ kind: 'oneOf', options });
  return {
    state: 'missed',
    reason: `expected ${wanted}; came ${came === undefined ? 'nothing' : describeIncoming(came)}`,
  };
}

function matches(codes: readonly number[], code: number): boolean {
  return codes.length === 0 || codes.includes(code);
}

/** Where two long payloads part. */
function difference(expected: Expected, came: Inbox['main'][number]): string {
  if (expected.kind !== 'message' || came.kind !== 'message' || expected.isText !== came.isText) return '';
  const shared = Math.min(expected.payload.length, came.payload.length);
  for (let i = 0; i < shared; i++) {
    if (expected.payload[i] !== came.payload[i]) return `; they differ from byte ${i} on`;
  }
  return `; the first ${shared} bytes are the same`;
}

/** Whether the expectation, or an option of it, is that the connection comes to its end. */
export function expectsEnding(expected: Expected): boolean {
  if (expected.kind === 'oneOf') return expected.options.some(expectsEnding);
  return expected.kind === 'close' || expected.kind === 'fail';
}

/** The milliseconds of silence that are expected; `undefined` where none is. */
export function silenceOf(expected: Expected): number | undefined {
  if (expected.kind === 'silence') return expected.ms;
  if (expected.kind !== 'oneOf') return undefined;
  const all = expected.options.map(silenceOf).filter((ms) => ms !== undefined);
  return all.length === 0 ? undefined : Math.min(...all);
}
