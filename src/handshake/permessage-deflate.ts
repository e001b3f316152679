/** The negotiation of permessage-deflate (RFC 7692 §5, §7.1): who compresses, and how. Compresses nothing itself. */
import { type HandshakeError, UsageError } from '../errors.js';
import { responseFault, shown } from './errors.js';
import type { ExtensionOffer } from './extension.js';

/** What both ends have agreed on. */
export interface DeflateParameters {
  /** Whether the server compresses each message on its own. */
  readonly serverNoContextTakeover: boolean;
  /** Whether the client compresses each message on its own. */
  readonly clientNoContextTakeover: boolean;
  /** The server refers back by at most 2 to the power of this many bytes, 8–15. */
  readonly serverMaxWindowBits: number;
  /** The client refers back by at most 2 to the power of this many bytes, 8–15. */
  readonly clientMaxWindowBits: number;
}

/**
 * What an end asks for. Each is a bound and no wish: where the peer cannot keep it, the messages go uncompressed. Absent:
 * whatever the peer says.
 */
export type DeflatePolicy = {
  readonly [Parameter in keyof DeflateParameters]?: DeflateParameters[Parameter] | undefined;
};

/** RFC 7692 §7: the name of the extension. Names are tokens and compared as they are (RFC 6455 §9.1 says nothing else). */
const extensionName = 'permessage-deflate';

/** RFC 7692 §7.1.2: a decimal from 8 to 15, without leading zeros. */
const windowBits = /^(?:[89]|1[0-5])$/;

/** The default: RFC 7692 §7.3 recommends 1,024 bytes or more. */
const largestWindowBits = 15;

const smallestWindowBits = 8;

/**
 * Refuses a policy that is none: a bound of a wrong kind would be a bound that is silently off.
 *
 * @param option where it was given, for the error.
 * @throws UsageError `deflate-policy-invalid`.
 */
export function checkDeflatePolicy(policy: DeflatePolicy, option: string = 'deflate'): void {
  for (const name of ['serverNoContextTakeover', 'clientNoContextTakeover'] as const) {
    const value: unknown = policy[name];
    if (value !== undefined && typeof value !== 'boolean') throw policyError(option, name, 'true or false');
  }
  for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits'] as const) {
    const value: unknown = policy[name];
    if (value === undefined) continue;
    const isInRange =
      Number.isInteger(value) && Number(value) >= smallestWindowBits && Number(value) <= largestWindowBits;
    if (!isInRange)
      throw policyError(option, name, `a whole number from ${smallestWindowBits} to ${largestWindowBits}`);
  }
}

function policyError(option: string, name: keyof DeflatePolicy, wanted: string): UsageError {
  const path = `${option}.${name}`;
  return new UsageError('deflate-policy-invalid', `${path} must be ${wanted} (RFC 7692 §7.1)`, { option: path });
}

/** The parameters of one offer or of a response, as they stand there. */
interface Stated {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  /** `undefined`: absent. In an offer `true`: without a value (RFC 7692 §7.1.2.2). */
  clientMaxWindowBits: number | true | undefined;
}

/** Returns the parameters, or what is wrong with one of them (RFC 7692 §7.1). */
function readParameters({ parameters }: ExtensionOffer, isOffer: boolean): Stated | string {
  const stated: Stated = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  const seen = new Set<string>();
  for (const [name, value] of parameters) {
    // RFC 7692 §7: a parameter that is unknown, comes twice or has a value it may not have makes all of it invalid.
    if (seen.has(name)) return `${shown(name)} comes twice`;
    seen.add(name);
    const bits = value !== undefined && windowBits.test(value) ? Number(value) : undefined;
    if (name === 'server_no_context_takeover' && value === undefined) stated.serverNoContextTakeover = true;
    else if (name === 'client_no_context_takeover' && value === undefined) stated.clientNoContextTakeover = true;
    else if (name === 'server_max_window_bits' && bits !== undefined) stated.serverMaxWindowBits = bits;
    else if (name === 'client_max_window_bits' && bits !== undefined) stated.clientMaxWindowBits = bits;
    // RFC 7692 §7.1.2.2: without a value in an offer alone.
    else if (name === 'client_max_window_bits' && value === undefined && isOffer) stated.clientMaxWindowBits = true;
    else return `${shown(value === undefined ? name : `${name}=${value}`)} is no parameter of ${extensionName}`;
  }
  return stated;
}

/**
 * A server's answer: the first of the offers that it can keep with its policy, and the value of
 * `Sec-WebSocket-Extensions` that accepts it (RFC 6455 §9). `undefined`: none, and messages go uncompressed. An offer that
 * is not lawful is passed over (RFC 7692 §7).
 *
 * @throws UsageError `deflate-policy-invalid`.
 */
export function negotiateDeflate(
  offers: readonly ExtensionOffer[],
  policy: DeflatePolicy = {},
): { readonly parameters: DeflateParameters; readonly response: string } | undefined {
  checkDeflatePolicy(policy);
  for (const offer of offers) {
    if (offer.name !== extensionName) continue;
    const asked = readParameters(offer, true);
    if (typeof asked === 'string') continue;
    const mostClientBits = policy.clientMaxWindowBits ?? largestWindowBits;
    // RFC 7692 §7.1.2.2: who has not offered client_max_window_bits cannot be told to keep to one.
    if (asked.clientMaxWindowBits === undefined && mostClientBits < largestWindowBits) continue;
    const parameters: DeflateParameters = {
      // RFC 7692 §7.1.1.1: asked for, it is answered; it may be answered unasked.
      serverNoContextTakeover: asked.serverNoContextTakeover || policy.serverNoContextTakeover === true,
      // RFC 7692 §7.1.1.2: the client's word on itself; repeated, so that both ends know it.
      clientNoContextTakeover: asked.clientNoContextTakeover || policy.clientNoContextTakeover === true,
      // RFC 7692 §7.1.2.1: equal to what was asked or smaller; may be answered unasked.
      serverMaxWindowBits: Math.min(
        asked.serverMaxWindowBits ?? largestWindowBits,
        policy.serverMaxWindowBits ?? largestWindowBits,
      ),
      clientMaxWindowBits: Math.min(
        typeof asked.clientMaxWindowBits === 'number' ? asked.clientMaxWindowBits : largestWindowBits,
        mostClientBits,
      ),
    };
    const mustTellServerBits = asked.serverMaxWindowBits !== undefined;
    return { parameters, response: describe(parameters, mustTellServerBits) };
  }
  return undefined;
}

function describe(parameters: DeflateParameters, tellsServerBits: boolean): string {
  let text = extensionName;
  if (parameters.serverNoContextTakeover) text += '; server_no_context_takeover';
  if (parameters.clientNoContextTakeover) text += '; client_no_context_takeover';
  if (tellsServerBits || parameters.serverMaxWindowBits < largestWindowBits) {
    text += `; server_max_window_bits=${parameters.serverMaxWindowBits}`;
  }
  if (parameters.clientMaxWindowBits < largestWindowBits) {
    text += `; client_max_window_bits=${parameters.clientMaxWindowBits}`;
  }
  return text;
}

/**
 * A client's offers, the preferred one first, as the value of `Sec-WebSocket-Extensions` (RFC 7692 §5.2).
 *
 * @throws UsageError `deflate-policy-invalid`.
 */
export function offerDeflate(policies: readonly DeflatePolicy[]): string {
  return policies
    .map((policy) => {
      checkDeflatePolicy(policy);
      const { serverMaxWindowBits = largestWindowBits, clientMaxWindowBits = largestWindowBits } = policy;
      let text = extensionName;
      if (policy.serverNoContextTakeover === true) text += '; server_no_context_takeover';
      if (policy.clientNoContextTakeover === true) text += '; client_no_context_takeover';
      if (serverMaxWindowBits < largestWindowBits) text += `; server_max_window_bits=${serverMaxWindowBits}`;
      // Always offered: without it the server could not bound what it needs to decompress (RFC 7692 §7.1.2.2).
      text += '; client_max_window_bits';
      return clientMaxWindowBits < largestWindowBits ? `${text}=${clientMaxWindowBits}` : text;
    })
    .join(', ');
}

/**
 * A client's judgement of what the server accepted. Returns the fault if that is not an answer to one of the offers:
 * the connection then fails (RFC 7692 §5, §7).
 *
 * @param value of the response's `Sec-WebSocket-Extensions`, for the error.
 */
export function examineDeflate(
  accepted: ExtensionOffer,
  offers: readonly DeflatePolicy[],
  value: string,
): DeflateParameters | HandshakeError {
  if (accepted.name !== extensionName || offers.length === 0) {
    return responseFault('extension-not-offered', `Sec-WebSocket-Extensions ${shown(value)} was not offered`, value);
  }
  const answer = readParameters(accepted, false);
  if (typeof answer === 'string') {
    return responseFault('deflate-parameter-wrong', `Sec-WebSocket-Extensions ${shown(value)}: ${answer}`, value);
  }
  for (const offer of offers) {
    const mostServerBits = offer.serverMaxWindowBits ?? largestWindowBits;
    const mostClientBits = offer.clientMaxWindowBits ?? largestWindowBits;
    const serverMaxWindowBits = answer.serverMaxWindowBits ?? largestWindowBits;
    const clientMaxWindowBits =
      typeof answer.clientMaxWindowBits === 'number' ? answer.clientMaxWindowBits : mostClientBits;
    // RFC 7692 §7.1.1.1, §7.1.2.1 and §7.1.2.2: what was asked for is answered, with a value no larger.
    if (offer.serverNoContextTakeover === true && !answer.serverNoContextTakeover) continue;
    if (serverMaxWindowBits > mostServerBits || clientMaxWindowBits > mostClientBits) continue;
    return {
      serverNoContextTakeover: answer.serverNoContextTakeover,
      // The client's word on itself holds, whether the server repeats it or not (RFC 7692 §7.1.1.2).
      clientNoContextTakeover: answer.clientNoContextTakeover || offer.clientNoContextTakeover === true,
      serverMaxWindowBits,
      clientMaxWindowBits,
    };
  }
  return responseFault(
    'deflate-parameter-wrong',
    `Sec-WebSocket-Extensions ${shown(value)} keeps to none of the offers ${shown(offerDeflate(offers))}`,
    value,
  );
}
