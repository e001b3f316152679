// Both roles, every chunking, stopped after each piece or not: the decoder tells the same frames and the same fault at the same byte as a plain reading of RFC 6455 §5.2 does; it never throws, and takes no byte twice and none that it was not given.
import { type DataFrame, FrameDecoder, type FrameSink, sharedMemory } from '../../../src/frame/index.js';
import { writeFrames } from '../frame-writer.js';
import { must, mustBeSame, type Target } from '../target.js';

/**
 * The first three bytes of an input are settings: role, compression, streaming, limits, memory, and whether the sink stops the
 * decoder; how it is cut. The rest comes from the peer.
 */
const settingsBytes = 3;

const messageLimits = [16 * 1024 * 1024, 125, 200, 70_000] as const;
const maxEmptyFragments = 2;

/** What is told about some bytes, as one number: independent of the pieces in which payloads are told. */
class Digest implements FrameSink {
  value = 0;
  /** What it was told, in numbers small enough to be a kind of outcome. */
  kind = 0;
  isFaulty = false;
  faultCode = '';
  faultAt = 0;
  /** Payload bytes told. */
  payloadBytes = 0;
  maximum = 0;
  goesOn = true;

  reset(maximum: number): void {
    this.value = 0;
    this.kind = 0;
    this.isFaulty = false;
    this.faultCode = '';
    this.faultAt = 0;
    this.payloadBytes = 0;
    this.maximum = maximum;
  }

  add(number: number): void {
    this.value = (Math.imul(this.value ^ number, 0x01000193) + (this.value >>> 15)) | 0;
  }

  payload(bytes: Buffer, start: number, end: number): void {
    this.payloadBytes += end - start;
    for (let index = start; index < end; index++) this.add(bytes[index]!);
  }

  data(bytes: Buffer, start: number, end: number, frame: DataFrame, isLast: boolean): boolean {
    must(!this.isFaulty, 'nothing is told after a fault');
    must(start <= end, 'a piece does not end before it starts');
    if (!frame.isStreamed) must(frame.announcedBytes <= this.maximum, 'what is announced keeps to the limit');
    this.payload(bytes, start, end);
    if (isLast) this.endMessage(frame.isText, frame.isCompressed, frame.announcedBytes);
    return this.goesOn;
  }

  endMessage(isText: boolean, isCompressed: boolean, length: number): void {
    this.add(0x100 | (isText ? 1 : 0) | (isCompressed ? 2 : 0));
    this.add(length);
    this.kind = (this.kind * 5 + (isText ? 1 : 2)) & 0xff;
  }

  control(bytes: Buffer, start: number, end: number, opcode: number, isLast: boolean): boolean {
    must(!this.isFaulty, 'nothing is told after a fault');
    must(end - start <= 125, 'a control frame has 125 bytes at most');
    this.payload(bytes, start, end);
    if (isLast) this.endControl(opcode);
    return this.goesOn;
  }

  endControl(opcode: number): void {
    this.add(0x200 | opcode);
    this.kind = (this.kind * 5 + 3) & 0xff;
  }

  fault(fault: { readonly code: string }, position: number): void {
    must(!this.isFaulty, 'there is one fault');
    this.isFaulty = true;
    this.faultCode = fault.code;
    this.faultAt = position;
  }
}

/** The codes of faults, in an order of their own. */
const faultKinds: readonly string[] = [
  'reserved-bits-set',
  'reserved-opcode',
  'control-frame-fragmented',
  'continuation-unexpected',
  'continuation-expected',
  'frame-not-masked',
  'frame-masked',
  'control-frame-too-long',
  'close-payload-too-short',
  'length-too-large',
  'length-not-minimal',
  'message-too-long',
  'too-many-empty-fragments',
];

/** What is read of RFC 6455 §5.2 in plain words, with all bytes at hand. Writes down what `Digest` is told. */
function readPlainly(bytes: Buffer, at: number, end: number, settings: Settings, digest: Digest): void {
  const { isServer, compression, streaming, maximum } = settings;
  const compressedMaximum = maximum + Math.ceil(maximum / 7) + 1024;
  let isInside = false;
  let isText = false;
  let isCompressed = false;
  let announced = 0;
  let empty = 0;
  const refuse = (code: string, position: number): void => digest.fault({ code }, position);
  while (at < end) {
    const first = bytes[at++]!;
    const opcode = first & 15;
    const isFinal = first >= 128;
    const beginsMessage = opcode === 1 || opcode === 2;
    const reserved = (first >> 4) & (compression && beginsMessage ? 3 : 7);
    if (reserved !== 0) return refuse('reserved-bits-set', at);
    if ((opcode > 2 && opcode < 8) || opcode > 10) return refuse('reserved-opcode', at);
    if (opcode > 7 && !isFinal) return refuse('control-frame-fragmented', at);
    if (opcode === 0 && !isInside) return refuse('continuation-unexpected', at);
    if (beginsMessage && isInside) return refuse('continuation-expected', at);
    if (beginsMessage) {
      isText = opcode === 1;
      isCompressed = (first & 0x40) !== 0;
      announced = 0;
      empty = 0;
    }
    if (at === end) return;
    const second = bytes[at++]!;
    if (second >= 128 !== isServer) return refuse(isServer ? 'frame-not-masked' : 'frame-masked', at);
    let length = second & 127;
    if (opcode > 7 && length > 125) return refuse('control-frame-too-long', at);
    if (opcode === 8 && length === 1) return refuse('close-payload-too-short', at);
    const isHeld = !streaming || isCompressed;
    const most = isHeld ? (isCompressed ? compressedMaximum : maximum) - announced : Number.MAX_SAFE_INTEGER;
    const octets = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (octets > 0) {
      length = 0;
      for (let left = octets - 1; left >= 0; left--) {
        if (at === end) return;
        const octet = bytes[at++]!;
        if (left === 7 && octet >= 128) return refuse('length-too-large', at);
        length = length * 256 + octet;
        if (left === 2 && octets === 8 && length === 0) return refuse('length-not-minimal', at);
        if (length * 2 ** (8 * left) > most) return refuse('message-too-long', at);
      }
      if (length < 126) return refuse('length-not-minimal', at);
    } else if (opcode < 8) {
      if (length > most) return refuse('message-too-long', at);
      if (length === 0 && (isInside || !isFinal) && ++empty > maxEmptyFragments) {
        return refuse('too-many-empty-fragments', at);
      }
    }
    if (opcode < 8) {
      announced += length;
      isInside = !isFinal;
    }
    const key = at;
    if (isServer) at += 4;
    if (at > end || (at === end && length > 0)) return;
    const frameEnd = Math.min(at + length, end);
    for (let index = at; index < frameEnd; index++) {
      digest.add(isServer ? bytes[index]! ^ bytes[key + ((index - at) & 3)]! : bytes[index]!);
    }
    digest.payloadBytes += frameEnd - at;
    if (at + length > end) return;
    at = frameEnd;
    if (opcode > 7) digest.endControl(opcode);
    else if (isFinal) digest.endMessage(isText, isCompressed, announced);
  }
}

interface Settings {
  readonly isServer: boolean;
  readonly compression: boolean;
  readonly streaming: boolean;
  readonly maximum: number;
  readonly memory: 'ordinary' | 'shared' | 'tight';
  readonly stops: boolean;
}

const maxBytes = 320;
const ordinary = Buffer.alloc(maxBytes + 8);
const shared = sharedMemory(maxBytes + 8);
const wanted = new Digest();
const told = new Digest();

/** Decodes a copy of the input, each time the next piece as long as `next` says. */
function decode(input: Buffer, length: number, settings: Settings, step: number, state: number): void {
  const { isServer, compression, streaming, maximum, memory, stops } = settings;
  const size = length - settingsBytes;
  // At another place in its word each time: masking works by words.
  const start = state & 7;
  // One time in sixteen at the very end of memory, where a word may be cut off.
  const scratch =
    memory === 'shared' ? shared : memory === 'ordinary' ? ordinary : Buffer.from(new ArrayBuffer(start + size));
  for (let index = 0; index < size; index++) scratch[start + index] = input[settingsBytes + index]!;
  const end = start + size;
  told.reset(compression ? maximum + Math.ceil(maximum / 7) + 1024 : maximum);
  told.goesOn = !stops;
  const decoder = new FrameDecoder(
    isServer ? 'server' : 'client',
    told,
    { maxMessageBytes: maximum, maxEmptyFragments },
    compression,
  );
  decoder.streaming = streaming;
  let at = start;
  while (at < end) {
    let count = step;
    if (step === 0) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
      count = 1 + (((state >>> 16) & 0xff) % (((state >>> 24) & 31) + 1));
    }
    const pieceEnd = Math.min(end, at + count);
    const position = decoder.decode(scratch, at, pieceEnd);
    must(position > at && position <= pieceEnd, 'the decoder takes what it is given');
    if (told.isFaulty) {
      told.faultAt -= start;
      break;
    }
    must(stops || position === pieceEnd, 'the decoder stops for nothing but a fault and its sink');
    at = position;
  }
  must(told.payloadBytes <= size, 'no byte is told twice');
  mustBeSame(told.faultCode, wanted.faultCode, 'the fault is that of RFC 6455');
  mustBeSame(told.faultAt, wanted.faultAt, 'the fault is found at the first byte that shows it');
  mustBeSame(told.value, wanted.value, 'the same is told in every chunking');
}

export const decoder: Target = {
  name: 'decoder',
  covers: ['src/frame/decoder.js', 'src/frame/header-reader.js', 'src/frame/masking.js'],
  maxBytes,
  dictionary: [
    '\x81\x80',
    '\x01\x00',
    '\x80\x00',
    '\x89\x80',
    '\x88\x82\0\0\0\0\x03\xe8',
    '\x7f\0\0\0\0\0\x01\0\0',
    '\xff\0\x20\0\0\0\0\0\0',
    '\x7e\0\x7e',
  ],
  generate(random, input) {
    input[0] = random.next();
    input[1] = random.next();
    input[2] = random.next();
    return writeFrames(random, input, settingsBytes, (input[0]! & 1) !== 0, maxBytes - settingsBytes - 8);
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const [first, second, third] = [input[0]!, input[1]!, input[2]!];
    const settings: Settings = {
      isServer: (first & 1) !== 0,
      compression: (first & 2) !== 0,
      streaming: (first & 4) !== 0,
      maximum: messageLimits[(first >> 3) & 3]!,
      stops: (first & 64) !== 0,
      memory: first >= 240 ? 'tight' : (first & 32) !== 0 ? 'shared' : 'ordinary',
    };
    wanted.reset(Number.POSITIVE_INFINITY);
    readPlainly(input, settingsBytes, length, settings, wanted);
    if (wanted.isFaulty) wanted.faultAt -= settingsBytes;
    decode(input, length, settings, length, second);
    decode(input, length, settings, 1, third);
    decode(input, length, settings, 0, (second << 8) | third);
    // In parts of every size, where that is quick.
    if (length < 24 && second < 32)
      for (let part = 2; part < length; part++) decode(input, length, settings, part, third);
    return wanted.isFaulty ? 0x1000 | faultKinds.indexOf(wanted.faultCode) | ((wanted.kind & 0x7f) << 4) : wanted.kind;
  },
};
