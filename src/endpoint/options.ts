/**
 * The options that both ends share, with their defaults; and the check that a wrong value is the caller's mistake, told
 * at once, and never a protection that is silently off (M6).
 */
import { constants } from 'node:buffer';
import { UsageError } from '../errors.js';
import { defaultFrameLimits, type FrameLimits } from '../frame/index.js';
import { escapeText } from '../text.js';

/** Sees every byte after the TLS handshake, before it is parsed or as it is written. The bytes are valid during the call. */
export type Trace = (connectionId: number, direction: 'in' | 'out', bytes: Buffer) => void;

export interface ConnectionOptions {
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
    const names = Object.keys(known).sort().join(', ');
    throw new UsageError('option-unknown', `${escapeText(option, 64)} is no option of ${where}: those are ${names}`, {
      option,
    });
  }
}

export type ResolvedConnectionOptions = Required<Omit<ConnectionOptions, 'trace'>> & {
  readonly frameLimits: FrameLimits;
  readonly trace: Trace | undefined;
};

export const connectionDefaults: Required<Omit<ConnectionOptions, 'trace'>> = {
  maxMessageBytes: defaultFrameLimits.maxMessageBytes,
  maxEmptyFragments: defaultFrameLimits.maxEmptyFragments,
  maxSendBufferBytes: 16 * 1024 * 1024,
  maxUnreadBytes: 1024 * 1024,
  highWaterMark: 64 * 1024,
  pingInterval: 30_000,
  pongDeadline: 10_000,
  closeDeadline: 5_000,
  messageStallDeadline: 30_000,
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

/** Fills in the defaults. @throws UsageError `option-not-a-number` */
export function resolveConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  const d = connectionDefaults;
  const bytes = Number.MAX_SAFE_INTEGER;
  // A text becomes one string, and has no more characters than bytes. What is longer can be streamed.
  const longest = constants.MAX_STRING_LENGTH;
  const maxMessageBytes = wholeNumber('maxMessageBytes', options.maxMessageBytes, d.maxMessageBytes, 1, longest);
  const maxEmptyFragments = wholeNumber('maxEmptyFragments', options.maxEmptyFragments, d.maxEmptyFragments, 0, bytes);
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
    trace: options.trace === undefined ? undefined : guarded(options.trace),
  };
}

/** What `trace` throws is an uncaught exception, and does not come between the bytes and the socket. */
function guarded(trace: Trace): Trace {
  return (id, direction, bytes) => {
    try {
      trace(id, direction, bytes);
    } catch (error) {
      throwLater(error);
    }
  };
}

/** Lets an error of the user's code end where errors of listeners end, and leaves the protocol's own state whole. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
