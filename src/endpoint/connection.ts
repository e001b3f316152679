/**
 * One open WebSocket connection: where the pure protocol meets a socket. Bytes come in through `#pump`, frames go out
 * through the outbox, and the closing handshake runs against its deadlines. The rules of RFC 6455 are in `frame/`; what
 * is here is their timing, the flow of control, and who is told.
 */
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import {
  type CloseFrame,
  ConnectionClosedError,
  LimitExceededError,
  type PeerProtocolError,
  UsageError,
} from '../errors.js';
import {
  copyBytes,
  type DeflateOptions,
  encodeClosePayload,
  isSendableCloseCode,
  longestAtOnce,
  Protocol,
  type ProtocolHandler,
  type Role,
} from '../frame/index.js';
import type { DeflateParameters } from '../handshake/index.js';
import { readsWritesAtOnce, receiveInto, type VerifiedPeer } from '../tls/index.js';
import type { PreparedMessage } from './broadcast.js';
import { type IncomingMessage, MessageQueue } from './incoming.js';
import { type ResolvedConnectionOptions, throwLater } from './options.js';
import { Outbox, type OutboxEvents } from './outbox.js';
import { Rate } from './rate.js';
import { type MessageSource, sendFragments } from './send-stream.js';
import { giveBackSlab, receiveBuffer, receiveCopied, slabBytes, takeSlab } from './shared-memory.js';

/** How a connection ended. */
export interface CloseEvent {
  /** The close code of the peer; 1005 when its close frame had none; 1006 when no close frame came. */
  readonly code: number;
  /** The reason of the peer; with 1006, what happened, in words. */
  readonly reason: string;
  /** Whether both ends sent a close frame. */
  readonly wasClean: boolean;
  readonly received: CloseFrame | undefined;
  readonly sent: CloseFrame | undefined;
  readonly order: 'received-first' | 'sent-first' | undefined;
  /** Why this end failed or cut the connection; `undefined` after a clean close. */
  readonly error: Error | undefined;
  /**
   * Bytes of frames that this end had accepted, control frames too, and that are not known to have been taken by the operating
   * system; a message that waits for compression counts as it is. Of the last write, up to 320 KiB may have arrived all the same.
   */
  readonly unsentBytes: number;
}

/** What has passed on a connection so far. */
export interface Traffic {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** Bytes after the opening handshake, frame headers included, as they came out of TLS. */
  readonly bytesReceived: number;
  /** Bytes after the opening handshake, frame headers included, that the operating system has taken. */
  readonly bytesSent: number;
}

/**
 * The fast form of receiving. `buffer` from `start` to `end` is one whole message, and is the handler's **only during the
 * call**: what must outlive it has to be copied. `isText`: the bytes are valid UTF-8 (RFC 6455 §5.6).
 */
export type MessageHandler = (buffer: Buffer, start: number, end: number, isText: boolean) => void;

export interface ConnectionEvents {
  /** A whole message: a string for text, a Buffer of the receiver's own for binary. */
  message: [data: string | Buffer];
  /** A ping came; it has been answered already. */
  ping: [payload: Buffer];
  pong: [payload: Buffer];
  /** After `send()` returned `false`: everything has been handed to the operating system. */
  drain: [];
  /** The peer broke the protocol or went over a limit; the connection is being closed because of it. */
  violation: [error: PeerProtocolError | LimitExceededError];
  /** The connection is over. Emitted exactly once, and nothing after it. */
  close: [event: CloseEvent];
}

/** What `connect` and the server pass in; not for users. */
export interface ConnectionParts<Peer> {
  readonly id: number;
  readonly role: Role;
  readonly socket: Duplex;
  readonly peer: Peer;
  readonly options: ResolvedConnectionOptions;
  readonly protocol: string;
  /** What was accepted, as in `Sec-WebSocket-Extensions`; empty when nothing was. */
  readonly extensions: string;
  /** What was agreed on compression, if anything. */
  readonly deflate: DeflateParameters | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Bytes that came behind the head of the opening handshake. */
  readonly head?: Buffer;
}

export type ReadyState = 'open' | 'closing' | 'closed';

/** The most input that one connection handles before others get their turn, in bytes (T1). */
const turnBudget = 64 * 1024;

/** The most plaintext that one TLS record carries, in bytes (RFC 8446 §5.1); Node hands over one record at a time. */
const fullRecord = 16 * 1024;

/** The least growth of an unfinished message per `messageStallDeadline`, in bytes (T1). */
const leastGrowth = 1024;

const noBytes: Buffer = Buffer.alloc(0);

/** A message that waits for its turn; its memory is ours. */
interface Deferred {
  readonly data: Buffer;
  readonly isText: boolean;
}

/** The agreement on compression, as one of the ends sees it (RFC 7692 §5, §7.2.2). */
function deflateOptions(agreed: DeflateParameters, role: Role, level: number | undefined): DeflateOptions {
  const server = { takesOver: !agreed.serverNoContextTakeover, bits: agreed.serverMaxWindowBits };
  const client = { takesOver: !agreed.clientNoContextTakeover, bits: agreed.clientMaxWindowBits };
  const [own, peer] = role === 'server' ? [server, client] : [client, server];
  return {
    ownContextTakeover: own.takesOver,
    ownWindowBits: own.bits,
    peerContextTakeover: peer.takesOver,
    peerWindowBits: peer.bits,
    ...(level === undefined ? {} : { level }),
  };
}

/**
 * Closes a connection with 1008 because its peer is let in no more: nothing that the peer still sends is handed over, and
 * it does not get the time of the closing handshake to be heard. For this end alone.
 */
export let expel: (connection: Connection<VerifiedPeer | undefined>, reason: string) => void;

/**
 * Calls `ended` once the connection is over, before its `close` event; at once if it is. For this end alone: a promise for each of those
 * who want to know would be a third of what an idle connection holds.
 */
export let whenOver: (connection: Connection<VerifiedPeer | undefined>, ended: Ended) => void;
type Ended = (connection: Connection<VerifiedPeer | undefined>, event: CloseEvent) => void;

/** Sends a message that many connections are sent; returns whether it was taken. For `broadcast` alone. */
export let sendPrepared: (connection: Connection<VerifiedPeer | undefined>, message: PreparedMessage) => boolean;

/**
 * An open connection to a verified peer. Its events are those of `ConnectionEvents`; it never emits `error`.
 *
 * No message is lost before somebody listens: without a `message` listener, a handler or an iterator, at most one message
 * is read ahead. **Somebody must read**: pings are answered and the peer's close is seen only while messages are taken.
 */
export class Connection<Peer extends VerifiedPeer | undefined = VerifiedPeer> extends EventEmitter<ConnectionEvents> {
  /** A number that no other connection of this process has. */
  readonly id: number;
  readonly role: Role;
  /** Who is at the other end, proved by its certificate; `undefined` for a client without one (`clientCertificate: 'optional'`). */
  readonly peer: Peer;
  /** The subprotocol agreed on; empty when there is none. */
  readonly protocol: string;
  /** The extensions agreed on, for example `permessage-deflate; server_max_window_bits=10`; empty when there are none. */
  readonly extensions: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** When it was opened, in milliseconds of `Date.now()`. */
  readonly openedAt: number = Date.now();
  readonly #socket: Duplex;
  readonly #options: ResolvedConnectionOptions;
  readonly #core: Protocol;
  readonly #outbox: Outbox;
  /** So many bytes may be buffered without a word about it. */
  readonly #freeBytes: number;

  #messagesReceived = 0;
  #messagesSent = 0;
  #bytesReceived = 0;

  // Receiving
  #fast: MessageHandler | undefined;
  /** Made for the first who takes messages one by one, and for what comes before anybody takes any. */
  #queue: MessageQueue | undefined;
  /** What was received and not decoded yet: the bytes of `#rest` from `#restOffset` to `#restEnd`. */
  #rest: Buffer | undefined;
  #restOffset = 0;
  #restEnd = 0;
  /** What came while that was being decoded: only a stream in JavaScript can deliver then. */
  #arrived: Buffer[] | undefined;
  /** The slab in which it was kept; to be given back once it is another. */
  #restSlab: Buffer | undefined;
  #userPaused = false;
  #reading = true;
  #pumping = false;
  #turnBytes = 0;
  #turnOver = false;
  #inflatedBytes = 0;
  readonly #messageRate: Rate | undefined;
  readonly #controlRate: Rate | undefined;
  #ended = false;
  #discarding = false;
  #deliveryScheduled = false;
  #delivering = false;

  // Sending
  #needsDrain = false;
  #sendingStream = false;
  #rejectStream: ((error: Error) => void) | undefined;
  #lastStream: Promise<void> = Promise.resolve();
  /** Messages that wait behind the one that is being sent or compressed, and the beginnings of streams among them. */
  #deferred: Array<Deferred | (() => void)> = [];
  #deferredFirst = 0;
  /** Bytes of the frames that those messages would be, and of the one that is being compressed. */
  #deferredBytes = 0;
  /** Bytes of those that were given up. */
  #forgottenBytes = 0;
  /** The message that is being compressed in another thread. */
  #compressing: Deferred | undefined;
  /** Whether the message that is being sent in fragments is compressed. */
  #compressesStream = false;
  /** Messages of at least so many bytes are compressed; `Infinity`: none. */
  readonly #threshold: number;
  /** The window that messages are compressed with, if they are. */
  readonly #windowBits: number;
  #drainWaiters: Array<() => void> = [];
  #pendingPong: Buffer | undefined;

  // Closing
  #sent: CloseFrame | undefined;
  #received: CloseFrame | undefined;
  #isClosing = false;
  #order: CloseEvent['order'];
  #error: Error | undefined;
  #cause: string | undefined;
  #event: CloseEvent | undefined;
  #closed: Promise<CloseEvent> | undefined;
  #resolveClosed: ((event: CloseEvent) => void) | undefined;
  #whenOver: Ended[] | undefined;
  #socketClosed = false;
  #closeTimer: NodeJS.Timeout | undefined;
  #unreadTimer: NodeJS.Timeout | undefined;

  // Keeping alive
  #heard = false;
  /** What had been written when this end last did not read, and had something to write; -1: nothing of that. */
  #stuckAt = -1;
  #pingTimer: NodeJS.Timeout | undefined;
  #pongTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #stallMark = 0;
  /** Which message grows, by how many there were before it, and since when. */
  #growing = -1;
  #growingSince = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(parts: ConnectionParts<Peer>) {
    super();
    this.id = parts.id;
    this.role = parts.role;
    this.peer = parts.peer;
    this.protocol = parts.protocol;
    this.extensions = parts.extensions;
    this.#threshold = parts.deflate === undefined ? Number.POSITIVE_INFINITY : (parts.options.deflate?.threshold ?? 1);
    const { deflate, role } = parts;
    this.#windowBits = (role === 'server' ? deflate?.serverMaxWindowBits : deflate?.clientMaxWindowBits) ?? 15;
    this.remoteAddress = parts.remoteAddress;
    this.remotePort = parts.remotePort;
    this.#socket = parts.socket;
    this.#options = parts.options;
    this.#freeBytes = Math.min(parts.options.highWaterMark, parts.options.maxSendBufferBytes);
    this.#messageRate = rateOf(parts.options.maxMessagesPerSecond);
    this.#controlRate = rateOf(parts.options.maxControlFramesPerSecond);
    const handler = new Connection.#Handler(this);
    this.#outbox = new Outbox(parts.socket, handler, readsWritesAtOnce(parts.socket));
    this.#core = new Protocol({
      role: parts.role,
      limits: parts.options.frameLimits,
      deflate: parts.deflate && deflateOptions(parts.deflate, parts.role, parts.options.deflate?.level),
      handler,
    });

    const socket = parts.socket;
    const shared = receiveBuffer();
    if (!receiveInto(socket, shared, (length) => this.#onReceived(shared, length))) {
      const receive = (bytes: Buffer, length: number): void => this.#onReceived(bytes, length);
      socket.on('data', (chunk: Buffer) => receiveCopied(chunk, receive));
    }
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: Error) => this.#onSocketError(error));
    socket.on('close', () => this.#onSocketClose());
    (this as EventEmitter).on('newListener', (event: string) => {
      if (event === 'message') this.#scheduleDelivery();
    });

    if (parts.head !== undefined && parts.head.length > 0) {
      this.#rest = parts.head;
      this.#restEnd = parts.head.length;
      this.#bytesReceived = parts.head.length;
      process.nextTick(() => this.#pump());
    }
    socket.resume();
    this.#startKeepalive();
  }

  /** `open` from the 101 on, `closing` after the first close frame (RFC 6455 §7.1.3) or fault, `closed` when the socket is gone. */
  get readyState(): ReadyState {
    if (this.#event !== undefined) return 'closed';
    return this.#canSend() ? 'open' : 'closing';
  }

  /** Resolves with how the connection ended; never rejects. */
  get closed(): Promise<CloseEvent> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#event === undefined) this.#resolveClosed = resolve;
      else resolve(this.#event);
    });
    return this.#closed;
  }

  /**
   * Whether data, pings and pongs may still be sent (RFC 6455 §6.1), and there is a socket to send them. A method, as all
   * that is private here: V8 often calls a private getter through its runtime instead of inlining it (bench: C 16 B, send 16 B).
   */
  #canSend(): boolean {
    return this.#core.canSend && this.#outbox.isAlive;
  }

  /** Bytes given to `send()` and not yet taken by the operating system, frame headers included. */
  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes + this.#deferredBytes;
  }

  /** What has passed so far. */
  get traffic(): Traffic {
    return {
      messagesReceived: this.#messagesReceived,
      messagesSent: this.#messagesSent,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#outbox.writtenBytes,
    };
  }

  // ---------------------------------------------------------------- sending

  /**
   * Sends one message: a string as text, bytes as binary (RFC 6455 §5.6). The data is copied before the call returns, and
   * what becomes of it afterwards changes nothing (RFC 6455 §10.3).
   * All that is sent in one turn of the event loop leaves in one socket write.
   *
   * Returns `true` if more may be sent at once; `false` if the buffer is over its high-water mark (wait for `drain`) or if
   * the connection is no longer open (the message is not sent then). While `sendMessage` is at work, messages wait behind it.
   *
   * @throws UsageError `not-a-message` if `data` is neither a string nor bytes
   */
  send(data: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer): boolean {
    if (typeof data === 'string') return this.#sendText(data);
    const bytes = bytesOf(data);
    if (bytes === undefined) throw notAMessage('send', data);
    return this.#sendBytes(bytes, 0, bytes.length, false);
  }

  /**
   * Sends the bytes of `buffer` from `start` to `end` as one message, and otherwise does as `send()`: for a
   * `MessageHandler`, which is given messages in this form. No view of the bytes is made.
   *
   * @param end exclusive
   * @param isText whether the message is text: the bytes must then be valid UTF-8, which is not checked
   * @throws UsageError `not-a-message` if `buffer` has no bytes from `start` to `end`
   */
  sendRange(buffer: Buffer, start: number, end: number, isText: boolean): boolean {
    // Nothing but two whole numbers in this order gets through: what is outside of the buffer is never sent.
    const isRange = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end;
    if (!isRange || !(buffer instanceof Uint8Array) || end > buffer.length) {
      throw new UsageError('not-a-message', `sendRange() takes bytes of a buffer, not those from ${start} to ${end}`);
    }
    return this.#sendBytes(buffer, start, end, isText);
  }

  #sendBytes(bytes: Uint8Array, start: number, end: number, isText: boolean): boolean {
    if (!this.#canSend()) return false;
    const size = this.#core.frameSize(end - start);
    // One look at what is buffered is enough for most messages (bench: C 16 B).
    const isFree = this.bufferedBytes + size <= this.#freeBytes;
    if (!isFree && !this.#mayBuffer(size)) return false;
    if (this.#mustWait()) return this.#defer(Buffer.from(bytes.subarray(start, end)), isText);
    if (end - start >= this.#threshold) return this.#sendCompressed(bytes.subarray(start, end), isText);
    const target = this.#outbox.reserve(size);
    this.#outbox.commit(this.#core.writeMessage(target, this.#outbox.length, bytes, isText, start, end));
    this.#messagesSent++;
    return isFree || this.#belowMark();
  }

  #sendPrepared(message: PreparedMessage): boolean {
    const { bytes, isText } = message;
    if (!this.#canSend()) return false;
    // A client masks each frame by itself, and what waits behind another message is compressed when its turn comes.
    if (this.role === 'client' || this.#mustWait()) {
      this.#sendBytes(bytes, 0, bytes.length, isText);
      return this.#outbox.isAlive;
    }
    const compresses = bytes.length >= this.#threshold;
    const compressed = compresses ? message.compressed(this.#windowBits, this.#options.deflate?.level) : undefined;
    const frame = compressed ?? message.plain;
    if (!this.#mayBuffer(frame.length)) return false;
    this.#core.beginPrepared(compressed !== undefined);
    this.#outbox.add(frame);
    this.#messagesSent++;
    this.#belowMark();
    return true;
  }

  #sendText(text: string): boolean {
    if (!this.#canSend()) return false;
    const byteLength = Buffer.byteLength(text);
    const size = this.#core.frameSize(byteLength);
    const isFree = this.bufferedBytes + size <= this.#freeBytes;
    if (!isFree && !this.#mayBuffer(size)) return false;
    if (this.#mustWait()) return this.#defer(Buffer.from(text), true);
    if (byteLength >= this.#threshold) return this.#sendCompressed(Buffer.from(text), true);
    const target = this.#outbox.reserve(size);
    this.#outbox.commit(this.#core.writeText(target, this.#outbox.length, text, byteLength));
    this.#messagesSent++;
    return isFree || this.#belowMark();
  }

  /**
   * Sends one message whose length need not be known: each chunk of `source` is a fragment (RFC 6455 §5.4). Waits when
   * the peer is slow. Strings make a text message, bytes a binary one; an empty source an empty message of `options.binary`.
   *
   * Rejects with `ConnectionClosedError` if the connection closes before the message is sent; with what `source` throws,
   * after closing the connection with 1011, since an unfinished message cannot be taken back; with `UsageError`
   * `mixed-message` if chunks of both kinds come.
   */
  sendMessage(source: MessageSource, options: { binary?: boolean } = {}): Promise<void> {
    const run = this.#lastStream.then(() =>
      sendFragments(source, options.binary, {
        begin: () => this.#beginStream(),
        longest: this.#core.canCompress ? longestAtOnce : Number.POSITIVE_INFINITY,
        fragment: (data, isText, isFirst, isLast) => this.#sendFragment(data, isText, isFirst, isLast),
        drained: () => this.#drained(),
        onClose: (reject) => {
          this.#rejectStream = reject;
          if (this.#event !== undefined) reject?.(this.#closedError('the message was not sent whole'));
        },
        abort: () => this.#abortStream(),
      }),
    );
    this.#lastStream = run.catch(() => {});
    return run;
  }

  /** Whether a message has to wait behind another one: they must not overtake each other. */
  #mustWait(): boolean {
    return this.#sendingStream || this.#compressing !== undefined;
  }

  /** Compresses short messages at once, since another thread costs more, and long ones there (docs/compression.md). */
  #sendCompressed(bytes: Uint8Array, isText: boolean): boolean {
    if (bytes.length <= longestAtOnce) this.#sendPayload(bytes, isText, this.#core.compress(bytes));
    else this.#compressLater({ data: Buffer.from(bytes), isText });
    return this.#belowMark();
  }

  #compressLater(message: Deferred): void {
    this.#compressing = message;
    this.#deferredBytes += this.#core.frameSize(message.data.length);
    this.#core.compressLater(message.data, (payload) => {
      // It was sent as it was, because the connection is being closed, or is of no use any more.
      if (this.#compressing !== message) return;
      this.#compressing = undefined;
      // What is not sent any more is counted when the connection is over.
      if (!this.#canSend()) return;
      this.#deferredBytes -= this.#core.frameSize(message.data.length);
      this.#sendPayload(message.data, message.isText, payload);
      this.#sendDeferred();
    });
  }

  /** @param payload of the compressed message; `undefined`: it goes as it is */
  #sendPayload(data: Uint8Array, isText: boolean, payload: Uint8Array | undefined): void {
    const bytes = payload ?? data;
    const target = this.#outbox.reserve(this.#core.frameSize(bytes.length));
    const offset = this.#outbox.length;
    this.#outbox.commit(
      payload === undefined
        ? this.#core.writeMessage(target, offset, data, isText)
        : this.#core.writeCompressed(target, offset, payload, isText),
    );
    this.#messagesSent++;
  }

  /** Sends what waits, until something has to be waited for again. */
  #sendDeferred(): void {
    while (this.#canSend() && !this.#mustWait()) {
      const next = this.#takeDeferred();
      if (next === undefined) return;
      if (typeof next === 'function') {
        this.#sendingStream = true;
        next();
      } else if (next.data.length < this.#threshold) this.#sendPayload(next.data, next.isText, undefined);
      else if (next.data.length > longestAtOnce) this.#compressLater(next);
      else this.#sendPayload(next.data, next.isText, this.#core.compress(next.data));
    }
  }

  #takeDeferred(): Deferred | (() => void) | undefined {
    const next = this.#deferred[this.#deferredFirst];
    if (next === undefined) {
      this.#deferred = [];
      this.#deferredFirst = 0;
      return undefined;
    }
    this.#deferred[this.#deferredFirst++] = undefined as never;
    if (typeof next !== 'function') this.#deferredBytes -= this.#core.frameSize(next.data.length);
    return next;
  }

  /** Sends what waits for compression as it is: nothing is lost, and nobody has to wait. Before the close frame alone. */
  #sendAsIs(): void {
    const compressing = this.#compressing;
    this.#compressing = undefined;
    if (compressing === undefined) return;
    // After a violation the close frame is all that may be sent (RFC 6455 §7.1.7).
    if (!this.#canSend()) return this.#forgetDeferred();
    this.#deferredBytes -= this.#core.frameSize(compressing.data.length);
    for (let next: Deferred | (() => void) | undefined = compressing; next !== undefined; next = this.#takeDeferred()) {
      // A stream that has not begun is woken, and finds that it cannot; what waits behind it can.
      if (typeof next === 'function') next();
      else this.#sendPayload(next.data, next.isText, undefined);
    }
  }

  /** Forgets what waits to be sent. Streams that were to begin are woken, and find that they cannot. */
  #forgetDeferred(): void {
    const waiting = this.#deferred;
    this.#deferred = [];
    this.#deferredFirst = 0;
    this.#forgottenBytes += this.#deferredBytes;
    this.#deferredBytes = 0;
    this.#compressing = undefined;
    for (const one of waiting) if (typeof one === 'function') one();
  }

  async #beginStream(): Promise<void> {
    if (this.#canSend() && this.#mustWait()) await new Promise<void>((begin) => this.#deferred.push(begin));
    if (!this.#canSend()) throw this.#closedError('the message was not sent');
    this.#sendingStream = true;
  }

  #sendFragment(data: Uint8Array, isText: boolean, isFirst: boolean, isLast: boolean): boolean {
    if (!this.#canSend()) throw this.#closedError('the message was not sent whole');
    const size = this.#core.frameSize(data.length);
    if (!this.#mayBuffer(size)) throw this.#closedError('the message was not sent whole');
    if (isFirst) {
      // A long chunk comes in pieces of that length.
      const from = Math.min(this.#threshold, longestAtOnce);
      this.#compressesStream = this.#core.canCompress && data.length >= from;
    }
    const isCompressed = this.#compressesStream;
    const payload = isCompressed ? this.#core.compressFragment(data, isFirst, isLast) : data;
    const target = this.#outbox.reserve(this.#core.frameSize(payload.length));
    const offset = this.#outbox.length;
    this.#outbox.commit(this.#core.writeFragment(target, offset, payload, isText, isFirst, isLast, isCompressed));
    if (isLast) {
      this.#messagesSent++;
      this.#endStream();
    }
    return this.#belowMark();
  }

  #endStream(): void {
    this.#sendingStream = false;
    this.#sendDeferred();
  }

  #abortStream(): void {
    this.#sendingStream = false;
    this.#forgetDeferred();
    if (this.#canSend()) this.#sendClose(1011, 'the message could not be finished');
  }

  /** Messages do not interleave (RFC 6455 §5.4): this one waits behind the one that is being sent in fragments. */
  #defer(data: Buffer, isText: boolean): boolean {
    this.#deferred.push({ data, isText });
    this.#deferredBytes += this.#core.frameSize(data.length);
    return this.#belowMark();
  }

  /** A message is never dropped in silence: over the limit the connection is cut (T21). */
  #mayBuffer(size: number): boolean {
    const buffered = this.bufferedBytes;
    const maximum = this.#options.maxSendBufferBytes;
    if (buffered === 0 || buffered + size <= maximum) return true;
    const message = `${buffered + size} bytes wait to be sent, at most ${maximum} allowed (maxSendBufferBytes): the peer reads too slowly`;
    this.#cut(
      message,
      new LimitExceededError('send-buffer-full', message, {
        limit: 'maxSendBufferBytes',
        maximum,
        actual: buffered + size,
        unit: 'bytes',
        closeCode: 1006,
      }),
    );
    return false;
  }

  #belowMark(): boolean {
    if (this.bufferedBytes <= this.#options.highWaterMark) return true;
    this.#needsDrain = true;
    return false;
  }

  #drained(): Promise<void> {
    if (this.bufferedBytes === 0 || this.#event !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  #onDrained(): void {
    if (this.#pendingPong !== undefined) {
      const payload = this.#pendingPong;
      this.#pendingPong = undefined;
      if (this.#canSend()) this.#control('writePong', payload);
    }
    this.#wakeDrainWaiters();
    if (this.#needsDrain && this.bufferedBytes <= this.#options.highWaterMark) {
      this.#needsDrain = false;
      if (this.#event === undefined) this.#guard(() => this.emit('drain'));
    }
  }

  #wakeDrainWaiters(): void {
    const waiters = this.#drainWaiters;
    if (waiters.length === 0) return;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  #control(write: 'writePing' | 'writePong', payload: Uint8Array): void {
    const target = this.#outbox.reserve(this.#core.frameSize(payload.length));
    this.#outbox.commit(this.#core[write](target, this.#outbox.length, payload));
  }

  /**
   * Sends a ping (RFC 6455 §5.5.2). Returns `false`, and sends nothing, if the connection is no longer open; otherwise as
   * `send()`.
   *
   * @param payload at most 125 bytes; default none
   * @throws UsageError if the payload is longer
   */
  ping(payload: string | ArrayBufferView | ArrayBuffer = noBytes): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : bytesOf(payload);
    if (bytes === undefined || bytes.length > 125) {
      throw new UsageError(
        'control-payload-too-long',
        `a ping takes at most 125 bytes, not ${bytes === undefined ? typeof payload : bytes.length} (RFC 6455 §5.5)`,
      );
    }
    if (!this.#canSend() || !this.#mayBuffer(this.#core.frameSize(bytes.length))) return false;
    this.#control('writePing', bytes);
    return this.#belowMark();
  }

  // -------------------------------------------------------------- receiving

  /**
   * Takes messages in the fast form, instead of `message` events. A handler that throws is reported as an uncaught
   * exception, as a throwing listener is; the connection goes on.
   */
  handleMessages(handler: MessageHandler): void {
    if (typeof handler !== 'function') throw new UsageError('option-not-a-function', 'handleMessages takes a function');
    this.#fast = handler;
    this.#core.lending = true;
    this.#scheduleDelivery();
  }

  /**
   * Stops the messages: none is delivered until `resume()`, and the socket is not read meanwhile. Once the connection is
   * broken, what had arrived waits for `resume()` for `closeDeadline` milliseconds.
   */
  pause(): void {
    this.#userPaused = true;
    this.#core.pause();
    // The peer's close frame is waited for all the same, once ours is sent.
    this.#resumeReading();
    this.#keepUnread();
  }

  resume(): void {
    if (!this.#userPaused) return;
    this.#userPaused = false;
    clearTimeout(this.#unreadTimer);
    this.#unreadTimer = undefined;
    this.#scheduleDelivery();
  }

  get isPaused(): boolean {
    return this.#userPaused;
  }

  /**
   * Yields whole messages, and reads no faster than they are taken. Ends after a clean close with 1000 or 1001 and
   * otherwise throws `ConnectionClosedError`: a cut is not an end. Leaving the loop keeps the connection open.
   *
   * @throws UsageError `already-streaming` while a loop over `messages()` is open
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    this.#scheduleDelivery();
    return this.#messageQueue().whole();
  }

  /**
   * Yields messages as they begin; `for await (const chunk of message)` then yields their payload as it arrives, text
   * split at code points. A message that was not read to its end is skipped when the next one is asked for.
   * `maxMessageBytes` does not apply, since no message is held in memory.
   *
   * @throws UsageError `already-streaming` while another loop is open: half a message cannot be shared
   */
  messages(): AsyncIterableIterator<IncomingMessage> {
    const messages = this.#messageQueue().streamed(() => {
      this.#core.streaming = false;
    });
    this.#core.streaming = true;
    this.#scheduleDelivery();
    return messages;
  }

  /** @param bytes whose first `length` are new; after this call they may be those of another connection */
  #onReceived(bytes: Buffer, length: number): void {
    this.#options.trace?.(this.id, 'in', Buffer.from(bytes.subarray(0, length)));
    this.#heard = true;
    this.#bytesReceived += length;
    const isPaused = !this.#reading;
    this.#spend(length);
    // A socket that was to be resumed in this turn begins to read all the same, and would not stop.
    if (isPaused) this.#socket.pause();
    if (this.#pumping) {
      // What is being decoded must stay where it is.
      this.#arrived = (this.#arrived ?? []).concat(Buffer.from(bytes.subarray(0, length)));
      return;
    }
    if (isPaused || this.#rest !== undefined) {
      // What TLS has in hand when the socket is paused still comes, record by record; it waits for its turn.
      this.#keep(bytes, 0, length);
      if (!isPaused) this.#pump();
      return;
    }
    this.#rest = bytes;
    this.#restOffset = 0;
    this.#restEnd = length;
    this.#pump();
    if (this.#rest === bytes) {
      this.#rest = undefined;
      this.#keep(bytes, this.#restOffset, this.#restEnd);
    }
  }

  /** Copies bytes behind those that wait to be decoded already. */
  #keep(bytes: Buffer, start: number, end: number): void {
    const waiting = this.#rest === undefined ? 0 : this.#restEnd - this.#restOffset;
    const needed = waiting + end - start;
    let kept = this.#rest;
    if (kept === undefined || this.#restOffset + needed > kept.length) {
      // Mostly it waits for the next turn, or for an answer to leave; fresh memory would cost more than copying (bench: C1K).
      const slab = kept === undefined && needed <= slabBytes ? takeSlab(true) : undefined;
      if (slab !== undefined) this.#restSlab = slab;
      kept = slab ?? Buffer.allocUnsafe(waiting === 0 ? needed : 2 * needed);
      this.#rest?.copy(kept, 0, this.#restOffset, this.#restEnd);
      this.#restOffset = 0;
      this.#rest = kept;
      this.#giveBackRest();
    }
    copyBytes(kept, this.#restOffset + waiting, bytes, start, end);
    this.#restEnd = this.#restOffset + needed;
  }

  #keepArrived(arrived: readonly Buffer[]): void {
    this.#arrived = undefined;
    if (this.#event !== undefined) return;
    for (const bytes of arrived) this.#keep(bytes, 0, bytes.length);
  }

  /** Gives the slab back in which nothing is left; not while a handler may look at it. */
  #giveBackRest(): void {
    const slab = this.#restSlab;
    if (slab === undefined || slab === this.#rest || this.#pumping) return;
    this.#restSlab = undefined;
    giveBackSlab(slab);
  }

  /** Charges this turn with input, and ends it for this connection when it has had enough. */
  #spend(bytes: number): void {
    this.#turnBytes += bytes;
    if (this.#turnBytes < turnBudget || this.#turnOver) return;
    // One busy connection starves nobody: the rest of its input waits for the next turn.
    this.#turnOver = true;
    this.#stopReading();
    setImmediate(() => {
      this.#turnOver = false;
      this.#turnBytes = 0;
      this.#pump();
    });
  }

  /** Whether what came in this turn has inflated to more than one turn is for: few bytes may be much work. */
  #hasInflatedMuch(): boolean {
    return this.#core.inflatedBytes - this.#inflatedBytes >= turnBudget;
  }

  /** Whether there is room for a message that comes now. */
  #hasRoom(): boolean {
    return !this.#userPaused && this.#queue?.hasRoom !== false;
  }

  /** Whether messages are to be decoded: there is room for them, and nobody has to ask for them first. */
  #wantsMessages(): boolean {
    return this.#hasRoom() && this.#queue?.isIdle !== true;
  }

  #messageQueue(): MessageQueue {
    if (this.#queue === undefined) {
      this.#queue = new MessageQueue(this.#options.maxUnreadBytes, () => this.#resumeReading());
      if (this.#event !== undefined) this.#endQueue(this.#event);
    }
    return this.#queue;
  }

  /** Iterators throw after anything but a clean end. */
  #endQueue({ wasClean, code }: CloseEvent): void {
    const isEnd = wasClean && (code === 1000 || code === 1001);
    this.#queue?.end(() => this.#closedError('no more messages come'), isEnd);
  }

  /** Feeds the protocol with what is there, as far as it may go. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const lastRecordWasFull = this.#rest !== undefined && this.#restEnd >= fullRecord;
    this.#outbox.hold();
    while ((this.#rest !== undefined || this.#core.hasInflated) && this.#event === undefined) {
      if (!this.#wantsBytes() || this.#core.isInflating) break;
      this.#core.resume();
      if (this.#rest === undefined) this.#core.receive(noBytes);
      else {
        this.#restOffset += this.#core.receive(this.#rest, this.#restOffset, this.#restEnd);
        if (this.#restOffset === this.#restEnd) this.#rest = undefined;
      }
      if (this.#arrived !== undefined) this.#keepArrived(this.#arrived);
      if (this.#hasInflatedMuch()) break;
    }
    this.#pumping = false;
    this.#giveBackRest();
    const { inflatedBytes } = this.#core;
    if (inflatedBytes > this.#inflatedBytes) this.#spend(inflatedBytes - this.#inflatedBytes);
    this.#inflatedBytes = inflatedBytes;
    // A full record is seldom the last of what arrived at once: what it is answered with leaves with what comes next.
    if (lastRecordWasFull || this.#outbox.comesInBursts) this.#outbox.releaseLater();
    else this.#outbox.release();
    this.#watchGrowth();
    this.#resumeReading();
  }

  #stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#socket.pause();
    // What this end does not read is not the peer's delay.
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    this.#growing = -1;
  }

  /** Reads on if somebody takes what comes; otherwise leaves the bytes in the kernel, which slows the peer down. */
  #resumeReading(): void {
    if (this.#pumping || this.#delivering || this.#event !== undefined) return;
    const { isInflating, hasInflated } = this.#core;
    const isUndecoded = this.#rest !== undefined || isInflating || hasInflated;
    const isUnread = isUndecoded || (this.#queue?.isHeld === true && !this.#isClosing);
    if (this.#ended && !isUnread) this.#afterEnd();
    else if (!this.#wantsBytes() || this.#turnOver || isInflating) this.#stopReading();
    else if (isUndecoded) this.#pump();
    else if (!this.#reading) {
      this.#reading = true;
      this.#socket.resume();
      this.#watchGrowth();
    }
  }

  /** Hands over what was read ahead, after the code that attached a taker has run to its end. */
  #scheduleDelivery(): void {
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    process.nextTick(() => {
      this.#deliveryScheduled = false;
      // What is still in the socket comes behind what was read ahead.
      this.#delivering = true;
      this.#deliverQueued();
      this.#delivering = false;
      this.#resumeReading();
    });
  }

  #deliverQueued(): void {
    while (
      !this.#userPaused &&
      this.#event === undefined &&
      this.#queue?.hasTaker === false &&
      (this.#fast !== undefined || this.listenerCount('message') > 0)
    ) {
      const data = this.#queue?.takeWhole();
      if (data === undefined) return;
      if (this.#fast === undefined) this.#guard(() => this.emit('message', data));
      else {
        const bytes = typeof data === 'string' ? Buffer.from(data) : data;
        this.#guard(() => this.#fast!(bytes, 0, bytes.length, typeof data === 'string'));
      }
    }
  }

  #onMessage(buffer: Buffer, start: number, end: number, isText: boolean): void {
    if (this.#discarding || (this.#isClosing && !this.#hasRoom())) return;
    this.#messagesReceived++;
    if (this.#messageRate?.exceeds() === true) return this.#onExcess('maxMessagesPerSecond', 'messages');
    if (this.#fast !== undefined) {
      try {
        this.#fast(buffer, start, end, isText);
      } catch (error) {
        throwLater(error);
      }
      // Nothing else is to be asked: the queue is not for it, and `pause()` has told the core by itself.
      if (this.#hasInflatedMuch()) this.#core.pause();
      return;
    }
    const data = isText ? buffer.toString('utf8', start, end) : this.#core.takeMessage();
    if (this.#queue?.hasTaker === true || this.listenerCount('message') === 0) {
      this.#messageQueue().push(data, end - start);
    } else this.#guard(() => this.emit('message', data));
    if (!this.#wantsMessages() || this.#hasInflatedMuch()) this.#core.pause();
  }

  #onChunk(buffer: Buffer, start: number, end: number, isText: boolean, isLast: boolean): void {
    if (this.#discarding) return;
    if (this.#isClosing && !this.#hasRoom()) {
      // Half a message is no message: its reader is told, and what comes after it is dropped.
      this.#discarding = true;
      this.#messageQueue().end(() => this.#closedError('the rest of the message was not read'));
      return;
    }
    if (isLast) {
      this.#messagesReceived++;
      if (this.#messageRate?.exceeds() === true) return this.#onExcess('maxMessagesPerSecond', 'messages');
    }
    this.#messageQueue().pushChunk(buffer, start, end, isText, isLast);
    if (!this.#wantsMessages() || this.#hasInflatedMuch()) this.#core.pause();
  }

  #onExcess(limit: 'maxMessagesPerSecond' | 'maxControlFramesPerSecond', what: string): void {
    const maximum = this.#options[limit];
    this.#onViolation(
      new LimitExceededError(
        `too-many-${what.replace(' ', '-')}`,
        `more than ${maximum} ${what} came within a second (${limit})`,
        { limit, maximum, actual: maximum + 1, unit: `${what} per second`, closeCode: 1008 },
      ),
    );
    this.#core.pause();
  }

  #onPing(buffer: Buffer, start: number, end: number): void {
    if (this.#discarding) return;
    if (this.#controlRate?.exceeds() === true) return this.#onExcess('maxControlFramesPerSecond', 'control frames');
    if (this.#canSend()) {
      // RFC 6455 §5.5.3: when pongs cannot leave, only the latest ping is answered.
      if (this.#outbox.bufferedBytes > this.#options.highWaterMark)
        this.#pendingPong = Buffer.from(buffer.subarray(start, end));
      else this.#control('writePong', buffer.subarray(start, end));
    }
    if (this.listenerCount('ping') > 0) this.#guard(() => this.emit('ping', Buffer.from(buffer.subarray(start, end))));
    if (this.#userPaused) this.#core.pause();
  }

  #onPong(buffer: Buffer, start: number, end: number): void {
    if (this.#discarding) return;
    if (this.#controlRate?.exceeds() === true) return this.#onExcess('maxControlFramesPerSecond', 'control frames');
    if (this.listenerCount('pong') > 0) this.#guard(() => this.emit('pong', Buffer.from(buffer.subarray(start, end))));
    if (this.#userPaused) this.#core.pause();
  }

  /** Runs the user's code; what it throws is an uncaught exception, and not the protocol's. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      throwLater(error);
    }
  }

  // ---------------------------------------------------------------- closing

  /**
   * Starts the closing handshake (RFC 6455 §7.1.2) and resolves with how the connection ended; never rejects. Messages
   * that arrive before the peer's close frame are still delivered if somebody takes them. A message that `sendMessage`
   * has not finished is cut off, and with it those that wait behind it. The connection is cut if the peer has not answered
   * within `closeDeadline`.
   *
   * @param code 1000–1003, 1007–1014 (1010 from a client only), 3000–4999; default 1000
   * @param reason at most 123 bytes of UTF-8
   * @throws UsageError if the code may not be sent or the reason is too long
   */
  close(code: number = 1000, reason: string = ''): Promise<CloseEvent> {
    if (!this.#isClosing && this.#event === undefined) {
      if (this.#outbox.isAlive) this.#sendClose(code, reason);
      else this.#beginClosing();
    }
    return this.closed;
  }

  static {
    sendPrepared = (connection, message) => connection.#sendPrepared(message);
    expel = (connection, reason) => {
      void connection.close(1008, reason);
      connection.#discarding = true;
    };
    whenOver = (connection, ended) => {
      if (connection.#event !== undefined) ended(connection, connection.#event);
      else connection.#whenOver = (connection.#whenOver ?? []).concat(ended);
    };
  }

  /** What the protocol and the outbox tell: one object for each connection, where functions would be nine. */
  static readonly #Handler = class implements ProtocolHandler, OutboxEvents {
    readonly #connection: Connection<VerifiedPeer | undefined>;
    readonly written: OutboxEvents['written'];

    constructor(connection: Connection<VerifiedPeer | undefined>) {
      const { trace } = connection.#options;
      this.#connection = connection;
      this.written = trace && ((bytes) => trace(connection.id, 'out', Buffer.from(bytes)));
    }

    message(buffer: Buffer, start: number, end: number, isText: boolean): void {
      this.#connection.#onMessage(buffer, start, end, isText);
    }

    chunk(buffer: Buffer, start: number, end: number, isText: boolean, isLast: boolean): void {
      this.#connection.#onChunk(buffer, start, end, isText, isLast);
    }

    ping(buffer: Buffer, start: number, end: number): void {
      this.#connection.#onPing(buffer, start, end);
    }

    pong(buffer: Buffer, start: number, end: number): void {
      this.#connection.#onPong(buffer, start, end);
    }

    close(code: number, reason: string): void {
      this.#connection.#onCloseFrame(code, reason);
    }

    violation(error: PeerProtocolError | LimitExceededError): void {
      this.#connection.#onViolation(error);
    }

    inflated(): void {
      this.#connection.#pump();
    }

    drained(): void {
      this.#connection.#onDrained();
    }
  };

  /** Cuts the connection at once, without a closing handshake. The peer sees 1006, and so does `close` here. */
  terminate(): void {
    this.#cut('terminated by this end');
  }

  /** Closes with 1000 and waits until the connection is over: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #sendClose(code: number | undefined, reason: string): void {
    // Before anything is sent: a close frame that cannot be must change nothing.
    encodeClosePayload(this.role, code, reason);
    this.#sendAsIs();
    // An unanswered pong goes first: the last word is the close frame.
    const target = this.#outbox.reserve(131);
    this.#outbox.commit(this.#core.writeClose(target, this.#outbox.length, code, reason));
    this.#sent = { code: code ?? 1005, reason };
    this.#order ??= 'sent-first';
    this.#stopKeepalive();
    this.#startCloseTimer();
    this.#beginClosing();
  }

  /** The peer's close frame must be seen: from here on reading never stops, and what finds no taker is dropped. */
  #beginClosing(): void {
    this.#isClosing = true;
    process.nextTick(() => this.#resumeReading());
  }

  /** Whether the socket is to be read: somebody takes what comes, or the closing handshake needs its end. */
  #wantsBytes(): boolean {
    return this.#discarding || this.#isClosing || this.#wantsMessages();
  }

  #startCloseTimer(): void {
    if (this.#closeTimer !== undefined) return;
    this.#closeTimer = setTimeout(() => {
      if (this.#received === undefined) {
        this.#cut(`no close frame came within ${this.#options.closeDeadline} ms`);
      } else this.#socket.destroy();
    }, this.#options.closeDeadline);
  }

  #onCloseFrame(code: number, reason: string): void {
    this.#received = { code, reason };
    this.#order ??= 'received-first';
    if (this.#sent === undefined) {
      // RFC 6455 §5.5.1: a close frame is answered with a close frame, usually with the same code.
      const answer = isSendableCloseCode(code, this.role) ? code : 1000;
      this.#sendClose(code === 1005 ? undefined : answer, '');
    }
    this.#discarding = true;
    // RFC 6455 §7.1.1: the server ends the TCP connection first, so that the client does not hold the TIME_WAIT.
    if (this.role === 'server') this.#endSocket();
  }

  #onViolation(error: PeerProtocolError | LimitExceededError): void {
    if (this.#discarding) return;
    this.#error = error;
    this.#cause = error.message;
    if (this.#sent === undefined) this.#sendClose(error.closeCode, '');
    this.#discarding = true;
    // RFC 6455 §7.1.7, §10.7: with the close frame out the socket is ended, and what still comes is dropped until the peer has seen why.
    this.#endSocket();
    // Deliberately: RFC 6455 §7.1.7 asks a server to log the problem; a library tells its caller, who may.
    this.#guard(() => this.emit('violation', error));
  }

  /** Ends our side after the last byte; the peer's end or the close deadline does the rest. */
  #endSocket(): void {
    this.#startCloseTimer();
    process.nextTick(() => {
      this.#outbox.flush();
      this.#whenSent(() => {
        if (!this.#socketClosed) this.#socket.end();
      });
    });
  }

  #whenSent(then: () => void): void {
    if (this.#outbox.bufferedBytes === 0) then();
    else this.#drainWaiters.push(then);
  }

  #cut(cause: string, error?: Error): void {
    if (this.#event !== undefined) return;
    this.#cause ??= cause;
    this.#error ??= error;
    // Nothing more is handed over, not even of the record that is being read.
    this.#discarding = true;
    this.#core.pause();
    this.#rest = undefined;
    this.#giveBackRest();
    this.#outbox.discard();
    this.#socket.destroy();
    // A destroyed socket tells it in a later turn; a socket that was destroyed before tells nothing any more.
    if (this.#socketClosed) this.#finish();
  }

  /** RFC 6455 §7.2.1: a connection that is lost has failed, unless the closing handshake was done. */
  #onEnd(): void {
    this.#ended = true;
    this.#resumeReading();
  }

  #afterEnd(): void {
    if (this.#received === undefined) this.#cause ??= 'the peer ended the connection without a close frame';
    if (this.#socketClosed) this.#finish();
    else if (this.#received === undefined && this.#error === undefined) this.#socket.destroy();
    else this.#endSocket();
  }

  #onSocketError(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    this.#cause ??= `the connection broke (${code ?? error.message})`;
    // A reset after both close frames is still a clean close.
    if (this.#received === undefined || this.#sent === undefined) this.#error ??= error;
  }

  #onSocketClose(): void {
    this.#socketClosed = true;
    this.#ended = true;
    this.#outbox.discard();
    this.#stopKeepalive();
    this.#wakeDrainWaiters();
    // What arrived is delivered first, if somebody is to take it still.
    if (this.#discarding) this.#finish();
    else {
      this.#resumeReading();
      this.#keepUnread();
    }
  }

  /** Whether somebody takes messages, even if not at this moment. */
  #hasTaker(): boolean {
    return this.#queue?.hasTaker === true || this.#fast !== undefined || this.listenerCount('message') > 0;
  }

  /**
   * What had arrived when the connection broke is kept for a taker to come, and for one who paused, but not for ever: a dead
   * connection counts as an open one until it ends. Who waits for `drain` would wait for ever.
   */
  #keepUnread(): void {
    if (!this.#socketClosed || this.#event !== undefined || !this.#isUntaken()) return;
    this.#unreadTimer ??= setTimeout(() => {
      this.#unreadTimer = undefined;
      if (this.#isUntaken()) this.#cut('the connection broke, and nobody took what had arrived');
    }, this.#options.closeDeadline);
  }

  /** Whether nobody takes what arrives. */
  #isUntaken(): boolean {
    return this.#userPaused || !this.#hasTaker();
  }

  #finish(): void {
    if (this.#event !== undefined) return;
    // RFC 6455 §7.1.4, §7.1.5, §7.1.6: what was clean; the code and reason are those of the peer, 1006 without its close frame.
    const wasClean = this.#received !== undefined && this.#sent !== undefined && this.#error === undefined;
    this.#outbox.discard();
    this.#forgetDeferred();
    const event: CloseEvent = {
      code: this.#received?.code ?? 1006,
      reason: this.#received?.reason ?? this.#cause ?? 'the connection was closed',
      wasClean,
      received: this.#received,
      sent: this.#sent,
      order: this.#order,
      error: wasClean ? undefined : this.#error,
      unsentBytes: this.#outbox.unsentBytes + this.#forgottenBytes,
    };
    this.#event = event;
    this.#rest = undefined;
    this.#giveBackRest();
    this.#core.release();
    clearTimeout(this.#closeTimer);
    clearTimeout(this.#unreadTimer);
    clearTimeout(this.#stallTimer);
    this.#stopKeepalive();
    this.#endQueue(event);
    this.#rejectStream?.(this.#closedError('the message was not sent whole'));
    this.#wakeDrainWaiters();
    this.#resolveClosed?.(event);
    for (const ended of this.#whenOver ?? []) ended(this, event);
    this.#guard(() => this.emit('close', event));
  }

  #closedError(consequence: string): ConnectionClosedError {
    const event = this.#event;
    const how =
      event !== undefined
        ? `${event.code}${event.reason === '' ? '' : `, ${event.reason}`}`
        : (this.#cause ?? 'the closing handshake has begun');
    return new ConnectionClosedError(
      'connection-closed',
      `the connection is closed (${how}): ${consequence}`,
      { received: this.#received, sent: this.#sent, order: this.#order },
      this.#error === undefined ? undefined : { cause: this.#error },
    );
  }

  // ------------------------------------------------------------ keeping alive

  #startKeepalive(): void {
    if (this.#options.idleTimeout > 0) this.#awaitMessage();
    if (this.#options.pingInterval === 0) return;
    this.#pingTimer = setInterval(() => this.#keepAlive(), this.#options.pingInterval);
    this.#pingTimer.unref();
  }

  /** Closes a connection that is of no use to anybody. A message that is on its way is one. */
  #awaitMessage(): void {
    const before = this.#messagesReceived + this.#messagesSent;
    this.#idleTimer = setTimeout(() => {
      const isUsed = this.#messagesReceived + this.#messagesSent > before;
      if (isUsed || this.#core.assembledBytes > 0 || this.bufferedBytes > 0) return this.#awaitMessage();
      void this.close(1001, `no message came or went for ${this.#options.idleTimeout} ms (idleTimeout)`);
    }, this.#options.idleTimeout);
    this.#idleTimer.unref();
  }

  #stopKeepalive(): void {
    clearTimeout(this.#idleTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
  }

  // Deliberately: RFC 6455 §7.3 wants no client to close without need; one whose peer is dead for `pongDeadline` is cut.
  #keepAlive(): void {
    // While one ping is being waited for, there is no second one to forget it over.
    if (!this.#canSend() || this.#pongTimer !== undefined) return;
    this.#control('writePing', noBytes);
    this.#heard = false;
    this.#awaitLife();
  }

  #awaitLife(): void {
    const before = this.#outbox.writtenBytes;
    this.#pongTimer = setTimeout(() => {
      // What came while this end was busy is read first: timers run before the sockets are looked at.
      setImmediate(() => this.#judgeSilence(before));
    }, this.#options.pongDeadline);
    this.#pongTimer.unref();
  }

  /** @param before `writtenBytes` when the wait began */
  #judgeSilence(before: number): void {
    this.#pongTimer = undefined;
    if (!this.#canSend()) return;
    const { bufferedBytes, writtenBytes } = this.#outbox;
    const stuckAt = this.#stuckAt;
    this.#stuckAt = -1;
    if (this.#heard) return;
    if (this.#rest !== undefined || this.#core.isInflating || this.#core.hasInflated || !this.#wantsMessages()) {
      // Who does not read cannot hear the answer: a connection paused by its user is not dead, unless it takes nothing either.
      if (bufferedBytes === 0) return;
      if (writtenBytes === stuckAt) this.#cut('the peer has taken nothing from one ping to the next');
      this.#stuckAt = writtenBytes;
      return;
    }
    // Nor is a slow reader that has not come to the ping yet, as long as it takes what was sent before.
    if (bufferedBytes > 0 && writtenBytes > before) return this.#awaitLife();
    this.#cut(`the peer has been silent for ${this.#options.pongDeadline} ms after a ping`);
  }

  /** A message that is being assembled must keep growing, or its memory is held for nothing (T1). */
  #watchGrowth(): void {
    if (
      this.#stallTimer !== undefined ||
      !this.#reading ||
      this.#core.assembledBytes === 0 ||
      this.#event !== undefined
    )
      return;
    const { messageDeadline, messageStallDeadline } = this.#options;
    if (this.#growing !== this.#messagesReceived) {
      this.#growing = this.#messagesReceived;
      this.#growingSince = performance.now();
    }
    this.#stallMark = this.#core.assembledBytes;
    const left = Math.ceil(this.#growingSince + messageDeadline - performance.now());
    const onTimeout = (): void => {
      this.#stallTimer = undefined;
      if (this.#core.assembledBytes === 0 || this.#event !== undefined) return;
      if (this.#growing !== this.#messagesReceived || !this.#wantsMessages()) return this.#watchGrowth();
      const taken = performance.now() - this.#growingSince;
      if (taken >= messageDeadline) return this.#onLateMessage(Math.round(taken));
      const grown = this.#core.assembledBytes - this.#stallMark;
      if (grown >= leastGrowth || messageStallDeadline > left) return this.#watchGrowth();
      const within = `within ${messageStallDeadline} ms`;
      this.#onViolation(
        new LimitExceededError(
          'message-stalled',
          `an unfinished message grew by ${grown} bytes ${within}, at least ${leastGrowth} expected (messageStallDeadline)`,
          { limit: 'messageStallDeadline', maximum: leastGrowth, actual: grown, unit: 'bytes', closeCode: 1008 },
        ),
      );
    };
    this.#stallTimer = setTimeout(onTimeout, Math.max(1, Math.min(messageStallDeadline, left)));
    this.#stallTimer.unref();
  }

  #onLateMessage(actual: number): void {
    const maximum = this.#options.messageDeadline;
    this.#onViolation(
      new LimitExceededError(
        'message-too-slow',
        `a message of which ${this.#core.assembledBytes} bytes have come takes longer than ${maximum} ms (messageDeadline)`,
        { limit: 'messageDeadline', maximum, actual, unit: 'milliseconds', closeCode: 1008 },
      ),
    );
  }
}

/** Nothing is counted where there is no limit. */
function rateOf(maximum: number): Rate | undefined {
  return maximum === Number.POSITIVE_INFINITY ? undefined : new Rate(maximum);
}

export function notAMessage(call: string, data: unknown): UsageError {
  const what = data === null ? 'null' : typeof data;
  return new UsageError('not-a-message', `${call}() takes a string or bytes, not ${what}`);
}

/** Returns the bytes of a view or buffer, exactly those (T13); `undefined` for anything else. */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  return undefined;
}
