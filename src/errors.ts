/**
 * The errors of this package, sorted by whose fault it is. `code` is stable and meant for programs; the message is meant
 * for people and may change: it carries the values and ends with the section of the rule.
 *
 * Each room (frame, handshake, tls) has one total table of its codes, so that a code without a row does not compile.
 * This file imports nothing.
 */

/** The base class of every error that this package throws, rejects with or reports. */
export abstract class MtlsWsError extends Error {
  /** Stable name of the fault, in kebab case, for example `control-frame-too-long`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** Reports that the peer broke the protocol on an open connection. */
export class PeerProtocolError extends MtlsWsError {
  /** The rule that was broken, for example `RFC 6455 §5.5`. */
  readonly section: string;
  /** The close code this end answers with: 1002 or 1007. */
  readonly closeCode: number;
  /** Bytes received on this connection after the opening handshake, up to and including the byte that shows the fault. */
  readonly offset: number;

  constructor(code: string, message: string, details: { section: string; closeCode: number; offset: number }) {
    super(code, message);
    this.section = details.section;
    this.closeCode = details.closeCode;
    this.offset = details.offset;
  }
}

/** Reports that the peer did something lawful that is over one of our limits. */
export class LimitExceededError extends MtlsWsError {
  /** The name of the option that holds the limit, for example `maxMessageBytes`. */
  readonly limit: string;
  /** The value of the limit, in `unit`. */
  readonly maximum: number;
  /** What was announced or counted, in `unit`; at least this much. */
  readonly actual: number;
  /** The unit of `maximum` and `actual`, for example `bytes`. */
  readonly unit: string;
  /** The close code this end answers with: 1008 or 1009; 1006 when the connection is cut without one. */
  readonly closeCode: number;

  constructor(
    code: string,
    message: string,
    details: { limit: string; maximum: number; actual: number; unit: string; closeCode: number },
  ) {
    super(code, message);
    this.limit = details.limit;
    this.maximum = details.maximum;
    this.actual = details.actual;
    this.unit = details.unit;
    this.closeCode = details.closeCode;
  }
}

/** Reports that the opening handshake failed, at either end. */
export class HandshakeError extends MtlsWsError {
  /**
   * The HTTP status of the refusal: the one a server answers with, or the one a client received. `undefined` when there
   * was none (the connection was cut, or the response was not HTTP).
   */
  readonly httpStatus: number | undefined;
  /** The header field at fault, in its usual spelling; `undefined` when the fault is not in a field. */
  readonly field: string | undefined;
  /** The value at fault, escaped and bounded; `undefined` when there is none. */
  readonly value: string | undefined;

  constructor(
    code: string,
    message: string,
    details: { httpStatus?: number; field?: string; value?: string } = {},
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.httpStatus = details.httpStatus;
    this.field = details.field;
    this.value = details.value;
  }
}

/** Reports that a certificate, a name or an authorization was refused, at either end. */
export class PeerIdentityError extends MtlsWsError {
  /** What was presented, in words, escaped and bounded; `undefined` when it is unknown or nothing was. */
  readonly presented: string | undefined;
  /** What would have been accepted, in words; `undefined` when it is unknown. */
  readonly expected: string | undefined;
  /** What to do about it; `undefined` when there is no good advice. */
  readonly hint: string | undefined;
  /** `true` when this is what happened; `false` when it is the most likely explanation of what was seen. */
  readonly certain: boolean;

  constructor(
    code: string,
    message: string,
    details: { presented?: string; expected?: string; hint?: string; certain?: boolean } = {},
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.presented = details.presented;
    this.expected = details.expected;
    this.hint = details.hint;
    this.certain = details.certain ?? true;
  }
}

/** One half of a closing handshake: what one end said in its close frame. */
export interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

/** Reports that a connection was closed before what was asked of it was done. */
export class ConnectionClosedError extends MtlsWsError {
  /** The close frame of the peer; `undefined` when none came. */
  readonly received: CloseFrame | undefined;
  /** The close frame of this end; `undefined` when none was sent. */
  readonly sent: CloseFrame | undefined;
  /** Which close frame was first; `undefined` when there was none. */
  readonly order: 'received-first' | 'sent-first' | undefined;

  constructor(
    code: string,
    message: string,
    details: { received?: CloseFrame; sent?: CloseFrame; order?: 'received-first' | 'sent-first' } = {},
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.received = details.received;
    this.sent = details.sent;
    this.order = details.order;
  }
}

/** Reports the caller's mistake: a wrong option, a wrong argument, or credentials that cannot be used. */
export class UsageError extends MtlsWsError {
  /** The option or argument at fault, for example `ca`; `undefined` when it is none in particular. */
  readonly option: string | undefined;

  constructor(code: string, message: string, details: { option?: string } = {}, options?: ErrorOptions) {
    super(code, message, options);
    this.option = details.option;
  }
}
