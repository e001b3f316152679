/** Subprotocols (RFC 6455 §1.9, §4.1, §4.2.2). */
import { UsageError } from '../errors.js';
import { isToken, parseTokenList } from './grammar.js';

/** Returns the offered subprotocols in order, none twice; `undefined` when the field breaks the grammar (RFC 6455 §4.1). */
export function parseProtocols(values: readonly string[]): string[] | undefined {
  const offered: string[] = [];
  const seen = new Set<string>();
  for (const value of values) {
    const tokens = parseTokenList(value);
    if (tokens === undefined || tokens.length === 0) return undefined;
    for (const token of tokens) {
      // RFC 6455 §4.1: the elements MUST be unique.
      if (seen.has(token)) return undefined;
      seen.add(token);
      offered.push(token);
    }
  }
  return offered;
}

/** Returns the first of `supported` that was offered; `undefined` when none was, and the connection then has none. */
export function negotiateProtocol(offered: readonly string[], supported: readonly string[]): string | undefined {
  return supported.find((protocol) => offered.includes(protocol));
}

/**
 * Checks the subprotocols that a caller names.
 *
 * @throws UsageError `protocols-malformed`
 */
export function checkProtocols(protocols: readonly string[]): void {
  const isList =
    Array.isArray(protocols) && protocols.every((protocol) => typeof protocol === 'string' && isToken(protocol));
  if (isList && new Set(protocols).size === protocols.length) return;
  throw new UsageError(
    'protocols-malformed',
    'protocols must be a list of tokens, none of them twice (RFC 6455 §4.1)',
    {
      option: 'protocols',
    },
  );
}
