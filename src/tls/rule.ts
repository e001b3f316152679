/** What a rule of authorization is. A rule is pure and frozen, and fails closed: whatever it cannot tell is a refusal. */
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { identityFaults } from './errors.js';
import type { PeerIdentity } from './identity.js';

/** What a rule looks at. */
export interface RuleSubject {
  /** Who asks; `undefined` for a client without certificate, which only a server that makes certificates optional sees. */
  readonly peer: PeerIdentity | undefined;
  /** Path and query of the request; `undefined` where there is no request, as on a client. */
  readonly path?: string;
}

/** What a rule decides: `true` lets in, everything else refuses. */
export type RuleVerdict =
  | true
  | {
      /** Why not, as the peer may hear it: it tells nothing of the rules. */
      readonly reason: string;
      /** What would have been accepted, for the log of this end; escaped and bounded. */
      readonly detail?: string;
    };

/** A rule: a function that can be given as `authorize`, alone or as a member of another rule. */
export interface Rule {
  (subject: RuleSubject): RuleVerdict;
  /** The rule in the form that `parseRule` reads. Two rules of the same text decide the same. */
  readonly text: string;
}

/** What the peer is told. */
export const refusals: Readonly<Record<'noCertificate' | 'notAllowed' | 'noRuleForPath' | 'oddPath', string>> = {
  noCertificate: identityFaults['certificate-missing'].words,
  notAllowed: 'the certificate is not allowed here',
  noRuleForPath: 'no rule for this path',
  oddPath: 'the path is not in plain form: it has an escape, an empty or dot segment, or an unusual character',
};

/** Makes a rule. */
export function makeRule(text: string, decide: (subject: RuleSubject) => RuleVerdict): Rule {
  return Object.freeze(Object.assign((subject: RuleSubject): RuleVerdict => decide(subject), { text }));
}

/** Returns what to say when a rule of this text refuses. */
export function refusal(reason: string, text: string, presented?: string): RuleVerdict {
  const shown = presented === undefined ? '' : `; presented ${presented}`;
  return Object.freeze({ reason, detail: `wanted ${escapeText(text)}${shown}` });
}

/** Returns the error for a rule that cannot be meant. */
export function invalidRule(message: string): UsageError {
  return new UsageError('invalid-rule', message, { option: 'authorize' });
}

/** Returns `rule`. @throws UsageError `invalid-rule` if it is not one: a function with a text */
export function checkRule(rule: Rule): Rule {
  if (typeof rule === 'function' && typeof rule.text === 'string' && rule.text !== '') return rule;
  throw invalidRule('a member is not a rule: a function with a text, as the building blocks return it');
}

/** Returns a term of the text form, its value in quotes where it needs them; a quote in it is written twice. */
export function termText(term: string, value: string): string {
  return `${term}${/^[^\s()|"]+$/.test(value) ? value : `"${value.replaceAll('"', '""')}"`}`;
}

/** Returns the text of a rule as it stands among others: in parentheses, unless it is one term. */
export function memberText({ text }: Rule): string {
  return /^[a-z0-9-]+(?::(?:"(?:[^"]|"")*"|[^\s()|"]+))?$/.test(text) ? text : `(${text})`;
}
