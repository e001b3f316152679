/** What was agreed about permessage-deflate (RFC 7692 §7.1), from the two header fields. */
import { parseExtensions } from '../handshake/index.js';
import { escapeText } from '../text.js';
import type { Compression } from './case.js';

type Parameters = ReadonlyArray<readonly [name: string, value: string | undefined]>;

/** The parameters of RFC 7692 §7.1, and whether they have a value: the bits of a window. */
const known: ReadonlyMap<string, boolean> = new Map([
  ['server_no_context_takeover', false],
  ['client_no_context_takeover', false],
  ['server_max_window_bits', true],
  ['client_max_window_bits', true],
]);

/**
 * Returns why `response` cannot be the answer to `offer`, with the section of the rule; `undefined` when it can. Both are
 * values of `Sec-WebSocket-Extensions`.
 */
export function judgeAgreement(offer: string, response: string): string | undefined {
  const quoted = `"${escapeText(response, 120)}"`;
  const accepted = parseExtensions([response]);
  if (accepted === undefined) return `the extensions ${quoted} break the grammar (RFC 6455 §9.1)`;
  const [deflate, ...others] = accepted;
  if (deflate?.name !== 'permessage-deflate' || others.length > 0) {
    return `the extensions ${quoted} were not all offered (RFC 6455 §9.1)`;
  }
  const fault = judgeParameters(deflate.parameters);
  if (fault !== undefined) return `${fault}, in ${quoted}`;
  const offers = (parseExtensions([offer]) ?? []).filter(({ name }) => name === 'permessage-deflate');
  if (offers.some(({ parameters }) => judgeAnswer(parameters, deflate.parameters) === undefined)) return undefined;
  const why =
    offers[0] === undefined
      ? 'permessage-deflate was not offered (RFC 6455 §9.1)'
      : judgeAnswer(offers[0].parameters, deflate.parameters);
  return `${why}, in ${quoted} as the answer to "${escapeText(offer, 120)}"`;
}

/** RFC 7692 §7.1: a client declines a response with an unknown parameter, a wrong value, or a parameter twice. */
function judgeParameters(parameters: Parameters): string | undefined {
  const seen = new Set<string>();
  for (const [name, value] of parameters) {
    const hasValue = known.get(name);
    if (hasValue === undefined) return `${escapeText(name, 40)} is no parameter of permessage-deflate (RFC 7692 §7.1)`;
    if (seen.has(name)) return `${name} comes twice (RFC 7692 §7.1)`;
    seen.add(name);
    if (!hasValue && value !== undefined) return `${name} has a value (RFC 7692 §7.1.1)`;
    // RFC 7692 §7.1.2: a decimal integer without leading zeroes between 8 and 15.
    if (hasValue && !/^(?:[89]|1[0-5])$/.test(value ?? ''))
      return `${name} is no number from 8 to 15 (RFC 7692 §7.1.2)`;
  }
  return undefined;
}

/** RFC 7692 §7.1.1, §7.1.2: what an answer may and must have. */
function judgeAnswer(offered: Parameters, accepted: Parameters): string | undefined {
  const offer = new Map(offered);
  const answer = new Map(accepted);
  if (offer.has('server_no_context_takeover') && !answer.has('server_no_context_takeover')) {
    return 'server_no_context_takeover was asked for and is missing (RFC 7692 §7.1.1.1)';
  }
  const most = offer.get('server_max_window_bits');
  if (most !== undefined && !(Number(answer.get('server_max_window_bits')) <= Number(most))) {
    return `server_max_window_bits of at most ${escapeText(most, 10)} was asked for (RFC 7692 §7.1.2.1)`;
  }
  if (answer.has('client_max_window_bits')) {
    if (!offer.has('client_max_window_bits')) return 'client_max_window_bits was not offered (RFC 7692 §7.1.2.2)';
    const bound = offer.get('client_max_window_bits');
    if (bound !== undefined && Number(answer.get('client_max_window_bits')) > Number(bound)) {
      return `client_max_window_bits of at most ${escapeText(bound, 10)} was offered (RFC 7692 §7.1.2.2)`;
    }
  }
  return undefined;
}

/** Returns how one end may compress, by the accepted value of `Sec-WebSocket-Extensions`; `undefined`: not at all. */
export function compressionOf(accepted: string | undefined, end: 'client' | 'server'): Compression | undefined {
  if (accepted === undefined) return undefined;
  const deflate = parseExtensions([accepted])?.find(({ name }) => name === 'permessage-deflate');
  if (deflate === undefined) return undefined;
  const parameters = new Map(deflate.parameters);
  return {
    windowBits: Number(parameters.get(`${end}_max_window_bits`) ?? 15),
    keepsContext: !parameters.has(`${end}_no_context_takeover`),
  };
}
