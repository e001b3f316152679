/**
 * What the iterators of a connection take from: whole messages, or messages that are still arriving. The bound is in
 * bytes; at it, the connection stops reading, and goes on when a taker has made room.
 */
import { StringDecoder } from 'node:string_decoder';
import { UsageError } from '../errors.js';

/** Charged for each waiting message or chunk beside its payload, in bytes: what the queue itself costs (T1). */
const overhead = 128;

type Waiter<T> = {
  readonly owner: object;
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
};

/** Items in order, one `next()` for each: an async iterator that a producer pushes into. */
class Channel<T> {
  readonly #taken: (size: number) => void;
  #items: Array<{ item: T; size: number }> = [];
  #first = 0;
  #waiters: Waiter<T>[] = [];
  #ended = false;
  #error: (() => Error) | undefined;

  constructor(taken: (size: number) => void) {
    this.#taken = taken;
  }

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T, size: number): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      this.#taken(size);
      waiter.resolve({ done: false, value: item });
    } else this.#items.push({ item, size });
  }

  /** Removes the oldest item; `undefined` when there is none. */
  shift(): T | undefined {
    const entry = this.#items[this.#first];
    if (entry === undefined) return undefined;
    this.#items[this.#first++] = undefined as never;
    if (this.#first === this.#items.length || this.#first >= 1024) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    this.#taken(entry.size);
    return entry.item;
  }

  /** @param owner who asks, for `release` */
  next(owner: object): Promise<IteratorResult<T, undefined>> {
    const item = this.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#error !== undefined) return Promise.reject(this.#error());
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ owner, resolve, reject }));
  }

  /** Ends the items: after those that wait, `next()` is done, or rejects with what `error` makes. */
  end(error?: () => Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters) {
      if (error === undefined) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(error());
    }
    this.#waiters = [];
  }

  /** Answers what `owner` waits for with the end, without ending the items: its loop was left. */
  release(owner: object): void {
    const left = this.#waiters.filter((waiter) => waiter.owner === owner);
    this.#waiters = this.#waiters.filter((waiter) => waiter.owner !== owner);
    for (const waiter of left) waiter.resolve({ done: true, value: undefined });
  }

  /** Whether a `next()` waits for an item. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Drops what waits and what is to come; who has not taken all of it is told by what `error` makes. */
  abandon(error: () => Error): void {
    if (this.#ended && this.length === 0) return;
    while (this.shift() !== undefined);
    this.end(error);
    this.#error = error;
  }
}

/** One message on its way from the connection to its reader. */
class Arrival {
  readonly chunks: Channel<string | Buffer>;
  readonly decoder: StringDecoder | undefined;
  /** Its reader has moved on: what still comes is dropped. */
  skipped = false;

  constructor(isText: boolean, taken: (size: number) => void) {
    this.chunks = new Channel(taken);
    this.decoder = isText ? new StringDecoder('utf8') : undefined;
  }

  skip(): void {
    this.skipped = true;
    this.chunks.abandon(
      () => new UsageError('message-skipped', 'the rest of this message was skipped when the next one was asked for'),
    );
  }
}

/** One message that may still be arriving. Yields strings for a text message, Buffers of the receiver's own for binary. */
export class IncomingMessage implements AsyncIterable<string | Buffer> {
  /** Whether the message is text (RFC 6455 §5.6). */
  readonly isText: boolean;
  readonly #chunks: Channel<string | Buffer>;

  /** Not for users: the connection makes these. */
  constructor(isText: boolean, chunks: Channel<string | Buffer>) {
    this.isText = isText;
    this.#chunks = chunks;
  }

  /** Yields the payload as it arrives. Throws `ConnectionClosedError` if the connection ends before the message does. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    const iterator: AsyncIterableIterator<string | Buffer> = {
      next: () => this.#chunks.next(iterator),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}

/** The messages of one connection that nobody has taken yet. */
export class MessageQueue {
  readonly #limit: number;
  readonly #roomMade: () => void;
  readonly #whole: Channel<string | Buffer>;
  readonly #streamed: Channel<{ message: IncomingMessage; arrival: Arrival }>;
  /** Loops over whole messages that are open; several share the messages between them. */
  #loops = 0;
  #isStreaming = false;
  #bytes = 0;
  #arriving: Arrival | undefined;

  /**
   * @param limit bytes that may wait, `overhead` included
   * @param roomMade called when there is room again after there was none
   */
  constructor(limit: number, roomMade: () => void) {
    this.#limit = limit;
    this.#roomMade = roomMade;
    this.#whole = new Channel((size) => this.#taken(size));
    this.#streamed = new Channel((size) => this.#taken(size));
  }

  /** Whether an iterator is at work. */
  get hasTaker(): boolean {
    return this.#loops > 0 || this.#isStreaming;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limit;
  }

  /** Whether a message waits that nobody has asked for. */
  get isHeld(): boolean {
    return !this.hasTaker && this.#bytes > 0;
  }

  /** Whether one more message may come. */
  get hasRoom(): boolean {
    return !this.isFull && !this.isHeld;
  }

  /** Whether the next message is to be asked for first: one that has begun as a stream is never a whole one again. */
  get isIdle(): boolean {
    return this.#isStreaming && this.#arriving === undefined && !this.#streamed.isAwaited;
  }

  #taken(size: number): void {
    const { hasRoom } = this;
    this.#bytes -= size;
    if (!hasRoom && this.hasRoom) this.#roomMade();
  }

  push(data: string | Buffer, payloadLength: number): void {
    if (this.#streamed.isAwaited) return this.#pushAsStream(data, payloadLength);
    this.#bytes += payloadLength + overhead;
    this.#whole.push(data, payloadLength + overhead);
  }

  /** A message that was assembled before streaming began is a stream of one chunk. */
  #pushAsStream(data: string | Buffer, payloadLength: number): void {
    const isText = typeof data === 'string';
    const arrival = this.#announce(isText);
    if (payloadLength > 0) this.#pushTo(arrival, data, payloadLength);
    arrival.chunks.end();
  }

  #announce(isText: boolean): Arrival {
    const arrival = new Arrival(isText, (size) => this.#taken(size));
    this.#bytes += overhead;
    this.#streamed.push({ message: new IncomingMessage(isText, arrival.chunks), arrival }, overhead);
    return arrival;
  }

  #pushTo(arrival: Arrival, data: string | Buffer, payloadLength: number): void {
    this.#bytes += payloadLength + overhead;
    arrival.chunks.push(data, payloadLength + overhead);
  }

  pushChunk(buffer: Buffer, start: number, end: number, isText: boolean, isLast: boolean): void {
    this.#arriving ??= this.#announce(isText);
    const arrival = this.#arriving;
    if (!arrival.skipped && end > start) {
      const bytes = buffer.subarray(start, end);
      const data = arrival.decoder === undefined ? Buffer.from(bytes) : arrival.decoder.write(bytes);
      if (data.length > 0) this.#pushTo(arrival, data, end - start);
    }
    if (isLast) {
      arrival.chunks.end();
      this.#arriving = undefined;
    }
  }

  /** Removes the oldest whole message, for a listener that came after it. */
  takeWhole(): string | Buffer | undefined {
    return this.#whole.shift();
  }

  /** Yields whole messages. @throws UsageError `already-streaming` */
  whole(): AsyncIterableIterator<string | Buffer> {
    this.#mustNotStream();
    this.#loops++;
    const owner = {};
    return this.#iterator(
      () => this.#whole.next(owner),
      () => {
        this.#loops--;
        this.#whole.release(owner);
      },
    );
  }

  /** Yields messages as they begin. @param onReturn called when the loop is left @throws UsageError `already-streaming` */
  streamed(onReturn: () => void): AsyncIterableIterator<IncomingMessage> {
    this.#mustNotStream();
    if (this.#loops > 0) throw alreadyStreaming('a loop over whole messages is open');
    this.#isStreaming = true;
    const owner = {};
    let given: Arrival | undefined;
    const next = async (): Promise<IteratorResult<IncomingMessage, undefined>> => {
      given?.skip();
      const coming = this.#streamed.next(owner);
      const data = this.#streamed.isAwaited ? this.#whole.shift() : undefined;
      if (data !== undefined) this.#pushAsStream(data, Buffer.byteLength(data));
      else this.#roomMade();
      const result = await coming;
      if (result.done === true) return { done: true, value: undefined };
      given = result.value.arrival;
      return { done: false, value: result.value.message };
    };
    return this.#iterator(next, () => {
      this.#isStreaming = false;
      given?.skip();
      this.#arriving?.skip();
      this.#streamed.release(owner);
      onReturn();
    });
  }

  #mustNotStream(): void {
    if (this.#isStreaming) throw alreadyStreaming('a loop over messages() is open');
  }

  #iterator<T>(next: () => Promise<IteratorResult<T, undefined>>, leave: () => void): AsyncIterableIterator<T> {
    let left = false;
    const done: IteratorResult<T, undefined> = { done: true, value: undefined };
    const iterator: AsyncIterableIterator<T> = {
      next: () => (left ? Promise.resolve(done) : next()),
      return: () => {
        if (!left) {
          left = true;
          leave();
        }
        return Promise.resolve(done);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * No more comes: after what waits, iterators throw what `error` makes, or end if `isEnd`. The reader of an unfinished
   * message is always told.
   */
  end(error: () => Error, isEnd: boolean = false): void {
    this.#isStreaming = false;
    this.#arriving?.chunks.end(error);
    this.#whole.end(isEnd ? undefined : error);
    this.#streamed.end(isEnd ? undefined : error);
  }
}

function alreadyStreaming(why: string): UsageError {
  return new UsageError('already-streaming', `${why}: leave it before another one is begun`);
}
