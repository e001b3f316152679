/**
 * The options that both ends share, with their defaults; and the check that a wrong value is the caller's mistake, told
 * at once, and never a protection that is silently off (M6).
 */
import { constants } from 'node:buffer';
import { UsageError } from '../errors.js';
import { defaultDeflateLevel, defaultFrameLimits, type FrameLimits } from '../frame/index.js';
import { checkDeflatePolicy, type DeflatePolicy } from '../handshake/index.js';
import { escapeText } from '../text.js';

/** Sees every byte after the TLS handshake, before it is parsed or as it is written. The bytes are valid during the call. */
export type Trace = (connectionId: number, direction: 'in' | 'out', bytes: Buffer) => void;

/**
 * How messages are compressed (RFC 7692). What both ends have to agree on is a bound: where the other end cannot keep it,
 * messages go uncompressed.
 */
export interface PerMessageDeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 1,024. */
  threshold?: number;
  /** How hard to try, from 1, fastest, to 9, smallest. Default 3. */
  level?: number;
  /** Whether the server compresses each message on its own. Default `false`: unless the client asks for it. */
  serverNoContextTakeover?: boolean;
  /** Whether the client compresses each message on its own. Default `false`: unless the server asks for it. */
  clientNoContextTakeover?: boolean;
  /** The server looks back by at most 2 to the power of this many bytes, 8–15. Default 15. */
  serverMaxWindowBits?: number;
  /** The client looks back by at most 2 to the power of this many bytes, 8–15. Default 15. */
  clientMaxWindowBits?: number;
  /** `connect` alone: what to offer next, in this order, to a server that cannot keep what is above. Default: nothing. */
  fallbacks?: readonly DeflatePolicy[];
}

const deflatePolicyNames: Readonly<Record<keyof DeflatePolicy, true>> = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
};

const deflateOptionNames: Readonly<Record<keyof PerMessageDeflateOptions, true>> = {
  ...deflatePolicyNames,
  threshold: true,
  level: true,
  fallbacks: true,
};

export interface ConnectionOptions {
  /**
   * Whether and how messages are compressed (RFC 7692), if the other end does it too. Default `false`, deliberately: the
   * length of what is compressed tells about its content (RFC 7692 §8). Do not compress secrets together with what others choose.
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /**
   * The longest message that is received whole, in bytes of payload, all fragments together. Default 16 MiB; at most
   * `buffer.constants.MAX_STRING_LENGTH`, some 512 MiB. Messages that are streamed may be longer.
   */
  maxMessageBytes?: number;
  /** How many empty fragments one received message may have. Default 64. Fragments with payload are not counted. */
  maxEmptyFragments?: number;
  /**
   * How many bytes may wait to be sent, in bytes. Default 16 MiB. The connection is cut with a `LimitExceededError` when
   * a message would go over it; one message on an empty buffer may be longer.
   */
  maxSendBufferBytes?: number;
  /** How many bytes of received messages may wait for an iterator before the socket is not read. Default 1 MiB. */
  maxUnreadBytes?: number;
  /** `send()` returns `false` while more bytes than this wait to be sent. Default 64 KiB. */
  highWaterMark?: number;
  /** Milliseconds between the pings that this end sends by itself. Default 30,000; 0 sends none. */
  pingInterval?: number;
  /** Milliseconds without a byte from the peer after such a ping until the connection is cut. Default 10,000. */
  pongDeadline?: number;
  /** Milliseconds the closing handshake may take until the connection is cut. Default 5,000. */
  closeDeadline?: number;
  /** Milliseconds in which an unfinished message must grow by 1 KiB, or the connection is closed with 1008. Default 30,000. */
  messageStallDeadline?: number;
  /** Milliseconds that a message which is held until it is whole may take, or the connection is closed with 1008. Default 600,000. */
  messageDeadline?: number;
  /** How many messages the peer may send in a second; one more closes with 1008. Default: no limit. */
  maxMessagesPerSecond?: number;
  /** How many pings and pongs the peer may send in a second; one more closes with 1008. Default: no limit. */
  maxControlFramesPerSecond?: number;
  /** Milliseconds without a message either way until the connection is closed with 1001; pings count for nothing. Default 0: no limit. */
  idleTimeout?: number;
  /** Closes the connection with 1008 when a certificate of the peer's chain expires. Default `false`. */
  closeAtExpiry?: boolean;
  /**
   * Milliseconds after which the connection is closed with 1001, earlier by a tenth at most, at random: so that a fleet
   * does not come back all at once. Default 0: no limit.
   */
  maxConnectionAge?: number;
  /** Sees every byte of this connection after the TLS handshake, secrets included. Default: none. */
  trace?: Trace;
}

export const connectionOptionNames: Readonly<Record<keyof ConnectionOptions, true>> = {
  maxMessageBytes: true,
  maxEmptyFragments: true,
  maxSendBufferBytes: true,
  maxUnreadBytes: true,
  highWaterMark: true,
  pingInterval: true,
  pongDeadline: true,
  closeDeadline: true,
  messageStallDeadline: true,
  messageDeadline: true,
  maxMessagesPerSecond: true,
  maxControlFramesPerSecond: true,
  idleTimeout: true,
  perMessageDeflate: true,
  closeAtExpiry: true,
  maxConnectionAge: true,
  trace: true,
};

/**
 * Refuses an option that does not exist: a misspelt `authorize` would be a door left open.
 *
 * @throws UsageError `option-unknown`
 */
export function refuseUnknown(options: object, known: Readonly<Record<string, true>>, where: string): void {
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(known, option)) continue;
    const advice = Object.hasOwn(meantOtherwise, option) ? meantOtherwise[option] : undefined;
    const meant = Object.keys(known).find((name) => isNear(name, option));
    const names = `those are ${Object.keys(known).sort().join(', ')}`;
    const what = advice ?? (meant === undefined ? names : `did you mean ${meant}?`);
    throw new UsageError('option-unknown', `${escapeText(option, 64)} is no option of ${where}: ${what}`, { option });
  }
}

/** What is often given, being an option elsewhere. */
const meantOtherwise: Readonly<Record<string, string>> = {
  requestCert: 'a client is always asked for its certificate; see clientCertificate',
  rejectUnauthorized: 'who is not verified is always refused',
  port: 'give it to listen({ port }), or in the URL',
  host: 'give it to listen({ host }), or in the URL',
  timeout: 'it is called handshakeTimeout',
  der: 'of what pki issues, cert and key are options, and der and chain are none',
  chain: 'of what pki issues, cert and key are options, and der and chain are none',
};

/** Whether two names are alike but for letter case and a letter or two. */
function isNear(name: string, given: string): boolean {
  const [a, b] = [name.toLowerCase(), given.slice(0, 64).toLowerCase()];
  // Levenshtein's distance, a row at a time.
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]! <= Math.min(2, Math.floor(a.length / 4));
}

/** Compression as asked for by the options. */
export interface ResolvedDeflate {
  /** In order of preference; a server has one. */
  readonly policies: readonly DeflatePolicy[];
  readonly threshold: number;
  readonly level: number;
}

type PlainOptions = Required<Omit<ConnectionOptions, 'trace' | 'perMessageDeflate'>>;

export type ResolvedConnectionOptions = PlainOptions & {
  readonly frameLimits: FrameLimits;
  /** `undefined`: messages go uncompressed. */
  readonly deflate: ResolvedDeflate | undefined;
  readonly trace: Trace | undefined;
};

export const connectionDefaults: PlainOptions = {
  maxMessageBytes: defaultFrameLimits.maxMessageBytes,
  maxEmptyFragments: defaultFrameLimits.maxEmptyFragments,
  maxSendBufferBytes: 16 * 1024 * 1024,
  maxUnreadBytes: 1024 * 1024,
  highWaterMark: 64 * 1024,
  pingInterval: 30_000,
  pongDeadline: 10_000,
  closeDeadline: 5_000,
  messageStallDeadline: 30_000,
  messageDeadline: 600_000,
  maxMessagesPerSecond: Number.POSITIVE_INFINITY,
  maxControlFramesPerSecond: Number.POSITIVE_INFINITY,
  idleTimeout: 0,
  closeAtExpiry: false,
  maxConnectionAge: 0,
};

/** Milliseconds from TCP connect or accept to the 101, name look-up and TLS handshake included. */
export const defaultHandshakeTimeout = 10_000;

/** The longest delay that a timer of Node takes, in milliseconds. */
const longestDelay = 2 ** 31 - 1;

/**
 * Returns `value` if it is a whole number from `minimum` to `maximum`, or `fallback` if it is `undefined`;
 * without a fallback it must be given.
 *
 * @throws UsageError `option-not-a-number`
 */
export function wholeNumber(
  option: string,
  value: number | undefined,
  fallback: number | undefined,
  minimum: number = 1,
  maximum: number = longestDelay,
): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new UsageError(
    'option-not-a-number',
    `${option} must be a whole number from ${minimum} to ${maximum}, but is ${typeof value === 'number' ? value : typeof value}`,
    { option },
  );
}

/**
 * Returns `value`, by default `false`. A truthy value that is not `true` must not pass for "off", nor for "on" (M6).
 *
 * @throws UsageError `option-not-a-boolean`
 */
export function strictBoolean(option: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new UsageError('option-not-a-boolean', `${option} must be true or false`, { option });
}

/** The default of `perMessageDeflate.threshold`: what is shorter gains less than it costs, in bytes. */
const defaultThreshold = 1024;

/** @throws UsageError `option-unknown`, `option-not-a-number`, `option-not-an-array`, `option-not-an-object`, `deflate-policy-invalid` */
function resolveDeflate(option: ConnectionOptions['perMessageDeflate']): ResolvedDeflate | undefined {
  if (option === undefined || option === false) return undefined;
  const given: PerMessageDeflateOptions = option === true ? {} : option;
  const name = 'perMessageDeflate';
  mustBeObject(name, given);
  refuseUnknown(given, deflateOptionNames, name);
  const { threshold, level, fallbacks = [], ...policy } = given;
  if (!Array.isArray(fallbacks)) {
    throw new UsageError('option-not-an-array', `${name}.fallbacks must be an array`, { option: `${name}.fallbacks` });
  }
  for (const fallback of fallbacks) {
    mustBeObject(`${name}.fallbacks`, fallback);
    refuseUnknown(fallback, deflatePolicyNames, `${name}.fallbacks`);
  }
  const policies: readonly DeflatePolicy[] = [policy, ...fallbacks];
  for (const one of policies) checkDeflatePolicy(one, name);
  return {
    policies,
    threshold: wholeNumber(`${name}.threshold`, threshold, defaultThreshold, 1, Number.MAX_SAFE_INTEGER),
    level: wholeNumber(`${name}.level`, level, defaultDeflateLevel, 1, 9),
  };
}

function mustBeObject(option: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const what = option === 'perMessageDeflate' ? 'true, false or an object' : 'an array of objects';
  throw new UsageError('option-not-an-object', `${option} must be ${what}`, { option });
}

/** Fills in the defaults. @throws UsageError `option-not-a-number` and others of `perMessageDeflate` */
export function resolveConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  const d = connectionDefaults;
  const bytes = Number.MAX_SAFE_INTEGER;
  // A text becomes one string, and has no more characters than bytes. What is longer can be streamed.
  const longest = constants.MAX_STRING_LENGTH;
  const maxMessageBytes = wholeNumber('maxMessageBytes', options.maxMessageBytes, d.maxMessageBytes, 1, longest);
  const maxEmptyFragments = wholeNumber('maxEmptyFragments', options.maxEmptyFragments, d.maxEmptyFragments, 0, bytes);
  const perSecond = (name: 'maxMessagesPerSecond' | 'maxControlFramesPerSecond'): number =>
    wholeNumber(name, options[name], d[name], 1, Number.MAX_SAFE_INTEGER);
  if (options.trace !== undefined && typeof options.trace !== 'function') {
    throw new UsageError('option-not-a-function', 'trace must be a function', { option: 'trace' });
  }
  return {
    maxMessageBytes,
    maxEmptyFragments,
    frameLimits: { maxMessageBytes, maxEmptyFragments },
    maxSendBufferBytes: wholeNumber('maxSendBufferBytes', options.maxSendBufferBytes, d.maxSendBufferBytes, 1, bytes),
    maxUnreadBytes: wholeNumber('maxUnreadBytes', options.maxUnreadBytes, d.maxUnreadBytes, 1, bytes),
    highWaterMark: wholeNumber('highWaterMark', options.highWaterMark, d.highWaterMark, 0, bytes),
    pingInterval: wholeNumber('pingInterval', options.pingInterval, d.pingInterval, 0),
    pongDeadline: wholeNumber('pongDeadline', options.pongDeadline, d.pongDeadline),
    closeDeadline: wholeNumber('closeDeadline', options.closeDeadline, d.closeDeadline),
    messageStallDeadline: wholeNumber('messageStallDeadline', options.messageStallDeadline, d.messageStallDeadline),
    messageDeadline: wholeNumber('messageDeadline', options.messageDeadline, d.messageDeadline),
    maxMessagesPerSecond: perSecond('maxMessagesPerSecond'),
    maxControlFramesPerSecond: perSecond('maxControlFramesPerSecond'),
    idleTimeout: wholeNumber('idleTimeout', options.idleTimeout, d.idleTimeout, 0),
    closeAtExpiry: strictBoolean('closeAtExpiry', options.closeAtExpiry),
    maxConnectionAge: wholeNumber('maxConnectionAge', options.maxConnectionAge, d.maxConnectionAge, 0, bytes),
    deflate: resolveDeflate(options.perMessageDeflate),
    trace: options.trace === undefined ? undefined : guarded(options.trace),
  };
}

/** What `observe` throws is an uncaught exception, and does not come between the bytes and the socket. */
function guarded<Args extends unknown[]>(observe: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      observe(...args);
    } catch (error) {
      throwLater(error);
    }
  };
}

/** Returns what sees the TLS secrets, if anything. @throws UsageError `option-not-a-function` */
export function keylogFrom(option: ((line: Buffer) => void) | undefined): ((line: Buffer) => void) | undefined {
  if (option === undefined || typeof option === 'function') return option && guarded(option);
  throw new UsageError('option-not-a-function', 'insecureKeylog must be a function', { option: 'insecureKeylog' });
}

/** Lets an error of the user's code end where errors of listeners end, and leaves the protocol's own state whole. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
