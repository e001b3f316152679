/** One message of unknown length, sent in fragments as its source yields them (RFC 6455 §5.4). */
import { UsageError } from '../errors.js';

type Chunk = string | Uint8Array;

/** A string or a Uint8Array is a source of one chunk. */
export type MessageSource = AsyncIterable<Chunk> | Iterable<Chunk> | Uint8Array;

/** What a connection lends for the time of one message. */
export interface FragmentSink {
  /** Resolves when the messages before it are on their way; rejects if the connection takes no message. From here on other messages wait behind this one. */
  begin(): Promise<void>;
  /** The most bytes of a fragment; a longer chunk is sent as several. */
  readonly longest: number;
  /** Sends one fragment; returns `false` when the next had better wait. Throws if the connection takes no more. */
  fragment(data: Uint8Array, isText: boolean, isFirst: boolean, isLast: boolean): boolean;
  drained(): Promise<void>;
  /** Calls `reject` when the connection closes, so that a source that never yields again holds nobody up. */
  onClose(reject: ((error: Error) => void) | undefined): void;
  /** The message cannot be finished. */
  abort(): void;
}

const nothing = new Uint8Array(0);

export async function sendFragments(
  source: MessageSource,
  binary: boolean | undefined,
  sink: FragmentSink,
): Promise<void> {
  // Before `begin`: with what is no source, nothing has begun.
  const iterator = iteratorOf(source);
  await sink.begin();
  let isText = binary === undefined ? undefined : !binary;
  let isFirst = true;
  // A surrogate pair may be cut between two strings: its first half waits for its second.
  let carried = '';
  try {
    for (;;) {
      const { done, value: chunk } = await nextOf(iterator, sink);
      if (done === true) break;
      const chunkIsText = typeof chunk === 'string';
      if (!chunkIsText && !(chunk instanceof Uint8Array)) {
        throw new UsageError('not-a-message', `a message is made of strings or Uint8Arrays, not ${typeof chunk}`);
      }
      isText ??= chunkIsText;
      if (isText !== chunkIsText) {
        const kinds = isText ? 'bytes in a text message' : 'text in a binary message';
        throw new UsageError('mixed-message', `sendMessage() got ${kinds}: all chunks of a message are of one kind`);
      }
      let bytes: Uint8Array;
      if (typeof chunk === 'string') {
        let text = carried + chunk;
        carried = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : '';
        if (carried !== '') text = text.slice(0, -1);
        bytes = Buffer.from(text);
      } else bytes = chunk;
      // Empty fragments say nothing, and a peer may count them against us.
      if (bytes.length === 0) continue;
      for (let start = 0; start < bytes.length; start += sink.longest) {
        // Others get their turn between the pieces of a long chunk.
        if (start > 0) await new Promise((resolve) => setImmediate(resolve));
        const more = sink.fragment(bytes.subarray(start, start + sink.longest), isText, isFirst, false);
        isFirst = false;
        if (!more) await sink.drained();
      }
    }
    sink.fragment(carried === '' ? nothing : Buffer.from(carried), isText ?? true, isFirst, true);
  } catch (error) {
    sink.abort();
    // The source is told that nobody reads it any more; what it says to that is not this message's business.
    try {
      await Promise.race([iterator.return?.(), undefined]);
    } catch {}
    throw error;
  }
}

function iteratorOf(source: MessageSource): AsyncIterator<Chunk> | Iterator<Chunk> {
  if (typeof source === 'string' || source instanceof Uint8Array) return [source as Chunk].values();
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = Object(source);
  const iterate: unknown = asynchronous ?? synchronous;
  if (typeof iterate === 'function') return iterate.call(source);
  throw new UsageError('not-a-message', `sendMessage() takes an iterable of strings or bytes, not ${typeof source}`);
}

function nextOf(iterator: AsyncIterator<Chunk> | Iterator<Chunk>, sink: FragmentSink): Promise<IteratorResult<Chunk>> {
  return new Promise<IteratorResult<Chunk>>((resolve, reject) => {
    sink.onClose(reject);
    Promise.resolve(iterator.next()).then(resolve, reject);
  }).finally(() => sink.onClose(undefined));
}
