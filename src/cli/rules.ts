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
    throw usageFault(
      `--allow: ${error.message}`,
      'see --help or docs/authorization.md, for example --allow dns:a.example',
    );
  }
}

/** Whether `none` is a term of the rule: without it nobody comes in without a certificate. */
export function takesNoCertificate({ text }: Rule): boolean {
  return /(?:^|[ (])none(?:[ )]|$)/.test(text.replace(/"[^"]*"/g, '""'));
}

/** The forms of RULE, for the help of the commands that take it. */
export const ruleNotes = `RULE is made of terms, all of which must accept:
  dns:a.example  dns:*.a.example  email:ops@a.example  uri:https://a.example/b
  spiffe:spiffe://a.example/b  spiffe:spiffe://a.example/b/*
  trust-domain:a.example  issuer:"CN=Ops CA"  insecure-cn:device-7
  sha256:HEX (of the certificate)  spki:HEX (of its public key)  any`;
