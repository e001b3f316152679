// Both roles, every chunking, paused anywhere, streamed or not, in lent, shared or ordinary memory: the same messages as frames put together one by one make; text is UTF-8; nothing comes after a close or a violation; no more is held than has come, and never more than the limit.
import { isUtf8 } from 'node:buffer';
import type { LimitExceededError, PeerProtocolError } from '../../../src/errors.js';
import {
  type DataFrame,
  FrameDecoder,
  Protocol,
  type ProtocolHandler,
  sharedMemory,
} from '../../../src/frame/index.js';
import { type Cuts, waysToCut } from '../cuts.js';
import { writeFrames } from '../frame-writer.js';
import { readUtf8 } from '../plain-utf8.js';
import { kindOfStory, must, mustBeSame, type Target } from '../target.js';

/** Role, streaming, memory and limits; when the handler pauses; how it is cut. */
const settingsBytes = 4;
const maxBytes = 512;
const maxima = [16 * 1024 * 1024, 200, 125, 20] as const;
const shared = sharedMemory(maxBytes + 8);
const ordinary = Buffer.alloc(maxBytes + 8);

interface Settings {
  readonly role: 'client' | 'server';
  readonly streaming: boolean;
  readonly lending: boolean;
  readonly inSharedMemory: boolean;
  readonly takes: boolean;
  readonly maximum: number;
}

/** What is told, a line each; a message that is streamed is a line once it is whole. */
class Story implements ProtocolHandler {
  readonly lines: string[] = [];
  isOver = false;
  pauses = 0;
  readonly #settings: Settings;
  #chunks: Buffer[] = [];
  protocol!: Protocol;

  constructor(settings: Settings, pauses: number) {
    this.#settings = settings;
    this.pauses = pauses;
  }

  message(buffer: Buffer, start: number, end: number, isText: boolean): void {
    must(!this.#settings.streaming, 'a message comes whole or streamed, as was asked for');
    this.#tell(isText, buffer.subarray(start, end));
    must(end - start <= this.#settings.maximum, 'a message keeps to the limit');
    if (!this.#settings.takes) return;
    const taken = this.protocol.takeMessage();
    must(taken.equals(buffer.subarray(start, end)), 'what is taken is the message');
    must(taken.buffer.byteLength <= 2 * taken.length, 'half of the memory that is taken is the message');
  }

  chunk(buffer: Buffer, start: number, end: number, isText: boolean, isLast: boolean): void {
    must(this.#settings.streaming, 'a message comes whole or streamed, as was asked for');
    must(start < end || isLast, 'only the last chunk may be empty');
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
    if (isLast) this.#tell(isText, Buffer.concat(this.#chunks.splice(0)));
    else this.#next();
  }

  ping(buffer: Buffer, start: number, end: number): void {
    this.#add(`ping ${buffer.toString('latin1', start, end)}`);
  }

  pong(buffer: Buffer, start: number, end: number): void {
    this.#add(`pong ${buffer.toString('latin1', start, end)}`);
  }

  close(code: number, reason: string): void {
    this.#add(`close ${code} ${reason}`);
    this.isOver = true;
    mustBeSame(this.protocol.state, 'close-received', 'a close frame moves the closing handshake');
  }

  violation(error: PeerProtocolError | LimitExceededError): void {
    this.#add(`violation ${error.code} ${error.closeCode} ${error.message} ${'offset' in error ? error.offset : ''}`);
    this.isOver = true;
    mustBeSame(this.protocol.state, 'failed', 'a violation fails the connection');
  }

  #tell(isText: boolean, bytes: Buffer): void {
    if (isText) must(isUtf8(bytes), 'text is UTF-8');
    this.#add(`${isText ? 'text' : 'binary'} ${bytes.toString('latin1')}`);
  }

  #add(line: string): void {
    must(!this.isOver, 'nothing is told after a close or a violation');
    this.lines.push(line);
    this.#next();
  }

  #next(): void {
    if ((this.pauses & 1) !== 0) this.protocol.pause();
    this.pauses = (this.pauses >>> 1) | ((this.pauses & 1) << 7);
  }
}

/** Puts frames together in the plainest way. */
function tellPlainly(input: Buffer, length: number, settings: Settings): string[] {
  const lines: string[] = [];
  let data: Buffer = Buffer.alloc(0);
  let control: Buffer = Buffer.alloc(0);
  let isOver = false;
  let bad = false;
  const bytes = Buffer.from(input.subarray(settingsBytes, length));
  const decoder = new FrameDecoder(
    settings.role,
    {
      data(piece: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean {
        data = Buffer.concat([data, piece.subarray(start, end)]);
        if (frame.isText) {
          const { bad: at, isComplete } = readUtf8(data, 0, data.length);
          bad = at >= 0 || (isLast && !isComplete);
        }
        if (bad) lines.push('violation text-not-utf8');
        else if (isLast) lines.push(`${frame.isText ? 'text' : 'binary'} ${data.toString('latin1')}`);
        if (isLast) data = Buffer.alloc(0);
        isOver = bad;
        return !bad;
      },
      control(piece: Buffer, start: number, end: number, opcode: number, isLast: boolean): boolean {
        control = Buffer.concat([control, piece.subarray(start, end)]);
        if (opcode === 8) {
          const code = control.length < 2 ? 1005 : control.readUInt16BE();
          const { bad: at, isComplete } = readUtf8(control, Math.min(2, control.length), control.length);
          const isLawful =
            (code >= 1000 && code <= 1014 && ![1004, 1006].includes(code)) || (code >= 3000 && code <= 4999);
          if (control.length >= 2 && (!isLawful || code === 1005)) lines.push('violation close-code-invalid');
          else if (at >= 0 || (isLast && !isComplete)) lines.push('violation close-reason-not-utf8');
          else if (isLast) lines.push(`close ${code} ${control.toString('utf8', 2)}`);
          else return true;
          isOver = true;
          return false;
        }
        if (isLast) {
          lines.push(`${opcode === 9 ? 'ping' : 'pong'} ${control.toString('latin1')}`);
          control = Buffer.alloc(0);
        }
        return true;
      },
      fault: ({ code }) => {
        lines.push(`violation ${code}`);
        isOver = true;
      },
    },
    { maxMessageBytes: settings.maximum, maxEmptyFragments: 2 },
  );
  decoder.streaming = settings.streaming;
  for (let at = 0; at < bytes.length && !isOver; ) at = decoder.decode(bytes, at, bytes.length);
  return lines;
}

function tell(input: Buffer, length: number, settings: Settings, cuts: Cuts, pauses: number): string[] {
  const story = new Story(settings, pauses);
  const protocol = new Protocol({
    role: settings.role,
    handler: story,
    limits: { maxMessageBytes: settings.maximum, maxEmptyFragments: 2 },
  });
  story.protocol = protocol;
  protocol.streaming = settings.streaming;
  protocol.lending = settings.lending;
  const bytes = settings.inSharedMemory ? shared : ordinary;
  const start = pauses & 7;
  const size = length - settingsBytes;
  input.copy(bytes, start, settingsBytes, length);
  const end = start + size;
  let at = start;
  while (at < end) {
    const pieceEnd = Math.min(end, at + cuts.next());
    while (at < pieceEnd) {
      const taken = protocol.receive(bytes, at, pieceEnd);
      must(taken >= 0 && taken <= pieceEnd - at, 'no more is consumed than was given');
      at += taken;
      must(at === pieceEnd || protocol.paused, 'only a pause leaves bytes');
      must(protocol.assembledBytes <= protocol.receivedBytes, 'no more is held than has come');
      must(protocol.assembledBytes <= settings.maximum, 'no more is held than the limit');
      must(!settings.streaming || protocol.assembledBytes === 0, 'nothing of a streamed message is held');
      if (protocol.paused) {
        must(story.isOver || at === pieceEnd || protocol.receive(bytes, at, pieceEnd) === 0, 'a pause holds');
        protocol.resume();
      }
    }
  }
  must(protocol.receivedBytes === size, 'all bytes are consumed in the end');
  if (story.isOver) must(protocol.assembledBytes === 0, 'nothing is held of a connection that is over');
  protocol.release();
  return story.lines;
}

export const messages: Target = {
  name: 'messages',
  covers: [
    'src/frame/protocol.js',
    'src/frame/receiver.js',
    'src/frame/message.js',
    'src/frame/decoder.js',
    'src/frame/header-reader.js',
    'src/frame/close-payload.js',
    'src/frame/utf8.js',
    'src/frame/copy.js',
  ],
  maxBytes,
  dictionary: [
    '\x81\x80',
    '\x01\x00',
    '\x80\x00',
    '\x89\x80',
    '\x88\x82\0\0\0\0\x03\xe8',
    '\x7e\0\x7e',
    '\xf0\x9f\x98\x80',
    '\xed\xa0\x80',
  ],
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    return writeFrames(random, input, settingsBytes, (input[0]! & 1) !== 0, maxBytes - settingsBytes);
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const [first, pauses, third, fourth] = [input[0]!, input[1]!, input[2]!, input[3]!];
    const settings: Settings = {
      role: (first & 1) !== 0 ? 'server' : 'client',
      streaming: (first & 2) !== 0,
      lending: (first & 4) !== 0,
      inSharedMemory: (first & 8) !== 0,
      // Who lends never takes.
      takes: (first & 20) === 16,
      maximum: maxima[first >> 6]!,
    };
    const plain = tellPlainly(input, length, settings);
    const [whole, ...others] = waysToCut(length, (third << 8) | fourth).map((cuts, index) =>
      tell(input, length, settings, cuts, index === 0 ? 0 : pauses).join('\n'),
    );
    for (const other of others) mustBeSame(other, whole, 'the same is told in every chunking');
    mustBeSame(
      whole!.replace(/^(violation \S+).*/m, '$1'),
      plain.join('\n'),
      'the messages are those that the frames make',
    );
    return kindOfStory(plain);
  },
};
