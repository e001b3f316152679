/** What a conformance case is. A case is data: what to send, what must come back, and which rule says so. */
import type { Buffer } from 'node:buffer';
import type { AnyFrame } from '../frame/index.js';

/** Which end is tested: a server (the runner connects), or a client (the runner listens). */
export type Target = 'server' | 'client';

export type GroupName =
  | 'framing'
  | 'masking'
  | 'fragmentation'
  | 'control'
  | 'utf8'
  | 'closing'
  | 'opening'
  | 'deflate'
  | 'limits'
  | 'delivery'
  | 'tls';

/** MUST and SHOULD as in RFC 2119; with INFO the RFC leaves it open, and the report says what the peer does. */
export type Severity = 'MUST' | 'SHOULD' | 'INFO';

/** What a case cannot be run without, beside the peer; it is skipped, and counted, where that is missing. */
export type Need =
  /** The peer speaks TLS. */
  | 'tls'
  /** Certificates that the peer's CA signed and that are bad: `--ca-key` or `--bad-certs`. */
  | 'bad-certificates'
  /** A second name on the same listener: `--other-host`. */
  | 'other-host'
  /** The peer agreed to permessage-deflate. */
  | 'deflate'
  /** The client under test offers the subprotocol `conformance`. */
  | 'subprotocol';

/** How one end compresses (RFC 7692 §7.1). */
export interface Compression {
  /** The LZ77 window it may use, as the power of two: 8 to 15. */
  readonly windowBits: number;
  /** Whether it keeps its window from message to message. */
  readonly keepsContext: boolean;
}

/** A frame to send, lawful or not. */
export interface Frame extends Omit<AnyFrame, 'maskingKey'> {
  /**
   * `role` (default): masked with a random key if the runner is the client, else not masked. `wrong`: the other way
   * round. Four bytes: masked with this key by either end.
   */
  readonly mask?: 'role' | 'wrong' | Uint8Array;
}

/** A frame, or bytes to be sent as they are. */
export type Piece = Frame | Uint8Array;

/** Something that must come from the peer. Pings are answered, and unasked pongs passed over, at any time. */
export type Expected =
  /** A message with exactly this payload, in any fragmentation, compressed if that was agreed or not. */
  | { readonly kind: 'message'; readonly isText: boolean; readonly payload: Uint8Array }
  /** A pong; a peer may answer only the latest of several pings (RFC 6455 §5.5.3): then any of `payloads`. */
  | { readonly kind: 'pong'; readonly payloads: readonly Uint8Array[] }
  /** The peer's close frame with one of these codes (1005: without a body), and then the end of the TCP connection. */
  | { readonly kind: 'close'; readonly codes: readonly number[] }
  /**
   * The peer fails the connection (RFC 6455 §7.1.7): a close frame with one of these codes, or none, and the end of the
   * TCP connection, although the runner answers nothing. Another code, or no close frame, is lawful and noted as weak.
   * `strictly`: another code is a fault, where it would show that the peer took what it must refuse.
   */
  | { readonly kind: 'fail'; readonly codes: readonly number[]; readonly strictly?: true }
  /** The peer ends the TCP connection; nothing else comes before. */
  | { readonly kind: 'end' }
  /** Nothing comes for so many milliseconds, and the connection stays open. */
  | { readonly kind: 'silence'; readonly ms: number }
  /** The first of these that fits what comes. */
  | { readonly kind: 'oneOf'; readonly options: readonly Expected[] };

export type Step =
  /** Sent at once, in the chunking of the run; `chunking: 'whole'` where the case is about one write, `'octets'` where it is about octets. */
  | { readonly do: 'send'; readonly pieces: readonly Piece[]; readonly chunking?: 'whole' | 'octets' }
  /** `within` milliseconds; default the run's deadline. */
  | { readonly do: 'expect'; readonly what: Expected; readonly within?: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Ends the runner's side: `end` with close_notify and FIN, `cut` with FIN alone, `reset` with RST. */
  | { readonly do: 'end'; readonly how: 'end' | 'cut' | 'reset' };

/** The answer of a server to the runner's request. */
export interface ExpectedResponse {
  /** Lawful statuses. 101 is checked in full: Upgrade, Connection, Accept, nothing that was not offered. */
  readonly statuses: readonly number[];
  /** Statuses that are lawful too, but not as the RFC recommends (noted as weak). */
  readonly weakStatuses?: readonly number[];
  /** Whether closing without any answer is lawful too (noted as weak). */
  readonly orNoAnswer?: boolean;
  /** Whether the connection must end after the answer. Default: for every status but 101. */
  readonly ends?: boolean;
  /** Fields the answer must have: name, and a pattern of its value. */
  readonly fields?: ReadonlyArray<readonly [name: string, value: RegExp]>;
  /** Judges `Sec-WebSocket-Extensions` of a 101 (`undefined`: absent); returns what is wrong with it. */
  readonly judgeExtensions?: (value: string | undefined) => string | undefined;
}

/** How the opening handshake runs, where the case does not take the ordinary one. */
export interface Opening {
  /** Target server: the request instead of the good one. `key` is the fresh key it is to use. */
  readonly request?: (context: RequestContext) => string | Uint8Array;
  /** Target server. Default: a 101. */
  readonly expect?: ExpectedResponse;
  /** Target client: the response instead of the good one. */
  readonly response?: (context: ResponseContext) => string | Uint8Array;
  /** Target client: whether it must take the response (default) or fail the connection. */
  readonly clientMust?: 'open' | 'fail';
  /** Sent in the same write as the request or the response. */
  readonly behind?: readonly Piece[];
  /** Target server: value of `Sec-WebSocket-Extensions` to offer. */
  readonly offers?: string;
  /** Target client: value of `Sec-WebSocket-Extensions` to accept, if it offered permessage-deflate. */
  readonly accepts?: string;
  /** Sent octet by octet, whatever the chunking of the run. */
  readonly octets?: boolean;
}

export interface RequestContext {
  /** Path and query of the URL under test. */
  readonly path: string;
  /** `Host` of the URL under test. */
  readonly host: string;
  readonly key: string;
  /** Returns the ordinary request, with fields replaced (by name), removed (`undefined`) or added, and other lines. */
  good(changes?: RequestChanges): string;
}

export interface RequestChanges {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** By lower-case name; an array is as many fields. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface ResponseContext {
  /** `Sec-WebSocket-Accept` for the client's key. */
  readonly accept: string;
  /** What the client offered, lower-case names. */
  readonly offered: Readonly<Record<string, string | undefined>>;
  /** Returns the ordinary 101, with fields replaced, removed or added, and another status line. */
  good(changes?: ResponseChanges): string;
}

export interface ResponseChanges {
  readonly statusLine?: string;
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface CaseBase {
  /** `group/name`, never changed once published. */
  readonly id: string;
  readonly group: GroupName;
  /** `RFC 6455 §5.2` */
  readonly section: string;
  /** What the peer does if all is well: `refuses a ping of 126 bytes`. */
  readonly title: string;
  readonly severity: Severity;
  /** Default: both. */
  readonly targets?: readonly Target[];
  readonly needs?: readonly Need[];
  /** Milliseconds for the whole case; default 10,000. */
  readonly deadline?: number;
}

/** A case that runs over one connection, byte for byte. */
export interface ExchangeCase extends CaseBase {
  readonly kind: 'exchange';
  readonly opening?: Opening;
  /**
   * Made anew for each run, so that large payloads live only while they are sent. `own`: how the runner may compress, once
   * the opening handshake is done; `undefined`: not at all.
   */
  readonly script: (target: Target, own: Compression | undefined) => readonly Step[];
  /** Roughly how many bytes are sent, if many: such cases run with octet-wise chunking only at both ends of each send. */
  readonly sentBytes?: number;
}

/** A case about the TLS handshake, which no bytes on a single connection can tell. Run by `tls-cases`. */
export interface TlsCase extends CaseBase {
  readonly kind: 'tls';
  /** The name of its procedure, with what it is run for behind it: `client-certificate expired TLSv1.3`. */
  readonly procedure: string;
}

export type Case = ExchangeCase | TlsCase;

/** How a case ended. `weak`: lawful, but not as the RFC recommends. `broken`: the runner could not try it. */
export type Verdict = 'passed' | 'weak' | 'failed' | 'noted' | 'skipped' | 'broken';

/** One row of what happened on the wire, for the report. */
export interface WireEvent {
  /** Milliseconds since the case began. */
  readonly at: number;
  readonly direction: 'sent' | 'received' | 'note';
  /** In words: `text, FIN, 5 bytes, "hello"`. */
  readonly text: string;
  /** The first bytes, at most `shownBytes` of them; `size` is how many there were. */
  readonly bytes?: Buffer;
  readonly size?: number;
}

export interface CaseResult {
  readonly case: Case;
  readonly target: Target;
  readonly verdict: Verdict;
  /** Why: what was expected, what came instead; what was noted; why it was skipped. Empty when it passed. */
  readonly reason: string;
  /** Set where it failed because the peer broke a rule that holds in every case: it counts as a MUST, whatever the case is. */
  readonly violation?: string;
  /** How the run was chunked: `whole`, `octets`, `random:SEED`. */
  readonly chunking: string;
  readonly durationMs: number;
  readonly events: readonly WireEvent[];
}
