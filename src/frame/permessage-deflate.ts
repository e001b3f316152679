/**
 * DEFLATE for messages (RFC 7692 §7.2), each by one call of zlib. The LZ77 window of a direction is the tail of the data
 * that went through it, handed to that call as its dictionary: the same bytes as those of a stream that lives as long as
 * the connection, and nothing but this tail is held between two messages. The only file that knows zlib.
 */
import { Buffer } from 'node:buffer';
import {
  constants,
  deflateRaw,
  deflateRawSync,
  type InputType,
  inflateRaw,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib';
import { usageError } from './errors.js';
import { copyOf } from './message.js';

/** What was agreed on for both directions (RFC 7692 §7.1), as one end sees it. */
export interface DeflateOptions {
  /** Whether this end may refer to its earlier messages. */
  readonly ownContextTakeover: boolean;
  /** The base-2 logarithm of the window this end may use, 8–15. */
  readonly ownWindowBits: number;
  /** Whether the peer may refer to its earlier messages. */
  readonly peerContextTakeover: boolean;
  /** The base-2 logarithm of the window the peer may use, 8–15: what this end holds for it. */
  readonly peerWindowBits: number;
  /** From 0, no compression, over 1, fastest, to 9, smallest. Default 3. */
  readonly level?: number;
}

/**
 * The default of `level`: half the time of 6, zlib's own, from 16 KiB on, and some 15 % more bytes (measured).
 */
export const defaultDeflateLevel = 3;

/**
 * Up to this many bytes `compress` takes about as long as the way to another thread and back (measured); what is longer
 * is for `compressLater`, or comes in fragments.
 */
export const longestAtOnce: number = 16 * 1024;

/** What is looked at again of the data before, however short the message: more costs more than it saves (measured). */
const leastDictionary = 4 * 1024;

/** Up to this many bytes a message is inflated at once, for the same reason as `longestAtOnce`. */
const inflatedAtOnce = 128 * 1024;

/** A message of more compressed bytes is not tried at once: it hardly ever is as short as that. */
const triedAtOnce = 64 * 1024;

/** How many DEFLATE blocks that are marked as final one message may have: each begins a new call of zlib. */
export const maxFinalBlocks = 64;

/** How much memory zlib fills in one step. */
const leastStep = 1024;
const longestStep = 64 * 1024;

/** RFC 7692 §7.2.1: how each flush ends, and what the sender leaves out at the end of a message. */
const flushEnd = Buffer.of(0x00, 0x00, 0xff, 0xff);

/**
 * What stands behind the payload when it is inflated: what the sender left out (RFC 7692 §7.2.2), and an empty final
 * block of our own, so that zlib says whether the message ended where a block does.
 */
export const inflateTail: Buffer = Buffer.concat([flushEnd, Buffer.of(0x01, 0x00, 0x00, 0xff, 0xff)]);

/** RFC 7692 §7.2.3.6: the payload of an empty message; also of a last fragment that ends one after a flush. */
const emptyPayload = Buffer.of(0x00);

const nothing = Buffer.alloc(0);

/** The tail of what went through one direction: its LZ77 window. Takes memory as it is needed. */
class History {
  readonly #maximum: number;
  #buffer: Buffer = nothing;
  #length = 0;

  constructor(windowBits: number) {
    this.#maximum = 2 ** windowBits;
  }

  append(data: Uint8Array): void {
    const added = Math.min(data.length, this.#maximum);
    const kept = Math.min(this.#length, this.#maximum - added);
    const old = this.#buffer;
    if (kept + added > old.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(this.#maximum, Math.max(leastStep, 2 * (kept + added))));
    }
    old.copy(this.#buffer, 0, this.#length - kept, this.#length);
    this.#buffer.set(data.subarray(data.length - added), kept);
    this.#length = kept + added;
  }

  /** Returns the last bytes, at most `most`, as zlib takes a dictionary. */
  tail(most: number): { dictionary?: Buffer } {
    if (this.#length === 0) return {};
    return { dictionary: this.#buffer.subarray(Math.max(0, this.#length - most), this.#length) };
  }

  clear(): void {
    this.#length = 0;
  }
}

/** Compresses what this end sends, in the order in which it is sent. */
export class Deflater {
  readonly #history: History;
  readonly #takesOver: boolean;
  readonly #options: ZlibOptions;
  #isBusy = false;

  /** @throws UsageError `deflate-option-invalid`. */
  constructor(options: DeflateOptions) {
    const windowBits = checkWindowBits('ownWindowBits', options.ownWindowBits);
    const { level = defaultDeflateLevel } = options;
    checkOption('level', level, 0, 9);
    this.#takesOver = options.ownContextTakeover;
    this.#history = new History(windowBits);
    // zlib has no window of 256 bytes; with one of 512, it never looks back more than 250 (a test holds it).
    this.#options = { level, windowBits: Math.max(9, windowBits), finishFlush: constants.Z_SYNC_FLUSH };
  }

  /**
   * Returns the payload of a message, or `undefined` if it is better sent as it is. The message, or what it became, must
   * be sent before the next one is compressed.
   */
  compress(data: Uint8Array): Buffer | undefined {
    this.#mustBeIdle();
    return this.#payloadOf(data, deflateRawSync(data as InputType, this.#optionsFor(data, this.#takesOver)));
  }

  /** As `compress`, in another thread. `data` must stay as it is, and nothing else be compressed, until `done` is called. */
  compressLater(data: Uint8Array, done: (payload: Buffer | undefined) => void): void {
    this.#mustBeIdle();
    this.#isBusy = true;
    deflateRaw(data as InputType, this.#optionsFor(data, this.#takesOver), (error, deflated) => {
      this.#isBusy = false;
      // What zlib has no memory for goes as it is.
      done(error === null ? this.#payloadOf(data, deflated) : undefined);
    });
  }

  /** Returns the payload of a fragment, which is never sent as it is: all fragments of a message are one stream. */
  compressFragment(data: Uint8Array, isFirst: boolean, isLast: boolean): Buffer {
    this.#mustBeIdle();
    if (isFirst && !this.#takesOver) this.#history.clear();
    if (data.length === 0) return isLast ? emptyPayload : nothing;
    const deflated = deflateRawSync(data as InputType, this.#optionsFor(data, true));
    this.#history.append(data);
    return isLast ? withoutFlushEnd(deflated) : deflated;
  }

  /**
   * Forgets what was sent before: what is compressed next refers to none of it. Two compressed streams on one connection
   * would each refer to bytes that the peer has not where they look for them (T23).
   */
  forget(): void {
    this.#mustBeIdle();
    this.#history.clear();
  }

  #optionsFor({ length }: Uint8Array, looksBack: boolean): ZlibOptions {
    // The last message, if it was about as long, lies within reach; what costs is reading the dictionary, all of it.
    const back = Math.max(leastDictionary, length + (length >> 2));
    return {
      ...this.#options,
      ...(looksBack ? this.#history.tail(back) : {}),
      chunkSize: Math.min(Math.max(leastStep, length + 64), longestStep),
    };
  }

  #payloadOf(data: Uint8Array, deflated: Buffer): Buffer | undefined {
    const payload = withoutFlushEnd(deflated);
    // RFC 7692 §6.1: whether a message is compressed is the sender's choice; one that is not is no part of the window.
    if (payload.length >= data.length) return undefined;
    if (this.#takesOver) this.#history.append(data);
    return payload;
  }

  /** Two messages compressed at once would each look back to data that the peer does not have. */
  #mustBeIdle(): void {
    if (this.#isBusy) throw usageError('compression-under-way', 'the last message is still being compressed');
  }
}

/**
 * Returns the payload of a message that refers to no other one, for any connection whose window is this or a larger one;
 * `undefined` if it is better sent as it is.
 *
 * @param level default `defaultDeflateLevel`.
 */
export function compressAlone(data: Uint8Array, windowBits: number, level?: number): Buffer | undefined {
  const options = {
    ownContextTakeover: false,
    ownWindowBits: windowBits,
    peerContextTakeover: false,
    peerWindowBits: 15,
  };
  return new Deflater(level === undefined ? options : { ...options, level }).compress(data);
}

/** RFC 7692 §7.2.1: the sender leaves out the end of its last flush. */
function withoutFlushEnd(deflated: Buffer): Buffer {
  return deflated.subarray(0, deflated.length - flushEnd.length);
}

/**
 * How a message came out: its payload, memory of its own; or what was wrong with it: no DEFLATE data, longer than
 * allowed, or more final blocks than allowed.
 */
export type Inflated = Buffer | 'invalid' | 'too-long' | 'too-many-final-blocks';

/** What zlib tells of one call. */
interface Call {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** Inflates what the peer sends, one message after the other. */
export class Inflater {
  readonly #history: History;
  readonly #takesOver: boolean;
  readonly #windowBits: number;
  readonly #maximum: number;
  // Of the message under way: what has not been read, and what has come out.
  #input: Buffer = nothing;
  #parts: Buffer[] = [];
  #length = 0;

  /**
   * @param maximum bytes of an inflated message.
   * @throws UsageError `deflate-option-invalid`.
   */
  constructor(options: DeflateOptions, maximum: number) {
    this.#windowBits = checkWindowBits('peerWindowBits', options.peerWindowBits);
    this.#takesOver = options.peerContextTakeover;
    this.#history = new History(this.#windowBits);
    this.#maximum = maximum;
  }

  /**
   * Inflates a message. Returns how it came out, or `undefined` if it is long: then it goes on in another thread, and
   * calls `done`. Memory never exceeds the maximum by more than 64 KiB.
   *
   * @param input the payload and, behind it, `inflateTail`.
   */
  inflate(input: Buffer, done: (inflated: Inflated) => void): Inflated | undefined {
    this.#input = input;
    this.#parts = [];
    this.#length = 0;
    while (this.#input.length <= triedAtOnce) {
      const most = Math.min(this.#room, inflatedAtOnce);
      let call: Call;
      try {
        call = inflateRawSync(this.#input as InputType, this.#optionsFor(most)) as unknown as Call;
      } catch (error) {
        if (isTooLarge(error) && most < this.#room) break;
        return this.#faultOf(error);
      }
      const inflated = this.#take(call);
      if (inflated !== undefined) return inflated;
    }
    this.#inflateLater(done);
    return undefined;
  }

  #inflateLater(done: (inflated: Inflated) => void): void {
    inflateRaw(this.#input as InputType, this.#optionsFor(this.#room), (error, call) => {
      const inflated = error === null ? this.#take(call as unknown as Call) : this.#faultOf(error);
      if (inflated === undefined) this.#inflateLater(done);
      else done(inflated);
    });
  }

  /** How many bytes may still come out; 1 if none may, since zlib must be allowed some. */
  get #room(): number {
    return Math.max(1, this.#maximum - this.#length);
  }

  #optionsFor(maxOutputLength: number): ZlibOptions {
    return {
      windowBits: this.#windowBits,
      ...this.#history.tail(2 ** this.#windowBits),
      chunkSize: Math.min(Math.max(leastStep, 4 * this.#input.length), longestStep),
      maxOutputLength,
      info: true,
    };
  }

  /** Takes what came out of a call; returns `undefined` if there is more to inflate. */
  #take({ buffer, engine }: Call): Inflated | undefined {
    this.#length += buffer.length;
    if (this.#length > this.#maximum) return this.#end('too-long');
    this.#parts.push(buffer);
    const isWhole = engine.bytesWritten === this.#input.length;
    if (this.#takesOver || !isWhole) this.#history.append(buffer);
    if (isWhole) {
      if (!this.#takesOver) this.#history.clear();
      return this.#end(ownMemory(this.#parts, this.#length));
    }
    // RFC 7692 §7.2.3.4: a block may be marked as final; the message goes on behind it, and so does the window.
    if (this.#parts.length > maxFinalBlocks) return this.#end('too-many-final-blocks');
    this.#input = this.#input.subarray(engine.bytesWritten);
    return undefined;
  }

  #faultOf(error: unknown): Inflated {
    return this.#end(isTooLarge(error) ? 'too-long' : 'invalid');
  }

  #end(inflated: Inflated): Inflated {
    this.#input = nothing;
    this.#parts = [];
    return inflated;
  }
}

/** Returns the parts as one message, of whose memory at least half is the message. */
function ownMemory(parts: readonly Buffer[], length: number): Buffer {
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts, length);
  return whole.buffer.byteLength <= 2 * length ? whole : copyOf(whole, 0, length);
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function checkWindowBits(name: keyof DeflateOptions, value: number): number {
  checkOption(name, value, 8, 15);
  return value;
}

function checkOption(name: keyof DeflateOptions, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  const text = `${name} is ${value}, it must be a whole number from ${minimum} to ${maximum}`;
  throw usageError('deflate-option-invalid', text, name);
}
