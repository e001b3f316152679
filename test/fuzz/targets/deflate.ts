// permessage-deflate: what comes out of any compressed messages, in any chunking and with or without context, is what a plain reading of RFC 1951 makes of them; never more than the limit; no more final blocks than allowed; a fault is one of four; what is compressed comes out again.
import { constants, deflateRawSync } from 'node:zlib';
import { Protocol } from '../../../src/frame/index.js';
import { Deflater, Inflater, inflateTail, maxFinalBlocks } from '../../../src/frame/permessage-deflate.js';
import { waysToCut } from '../cuts.js';
import { inflatePlainly } from '../plain-inflate.js';
import type { Random } from '../random.js';
import { kindOf, must, mustBeSame, type Target } from '../target.js';

/** Context takeover and limit; window bits; how the frames are cut. Behind them messages, each with its length in two bytes. */
const settingsBytes = 4;
const maxBytes = 900;
const maxMessages = 4;
const maxima = [16_384, 100, 0, 70_000] as const;

/** Data as people send it: few different octets, and repetitions near, far, and of what was sent before. */
function writeData(random: Random, before: Buffer): Buffer {
  const size = random.oneIn(8) ? random.below(6_000) : random.below(200);
  const data = Buffer.alloc(size);
  const letters = 1 + random.below(random.oneIn(4) ? 256 : 6);
  for (let at = 0; at < size; ) {
    if (before.length > 0 && random.oneIn(8)) {
      // From its very beginning, as far back as a window may reach.
      const from = random.oneIn(2) ? 0 : random.below(before.length);
      at += before.copy(data, at, from, from + 3 + random.below(60));
      continue;
    }
    const back = 1 + random.below(Math.min(at + 1, 5_000));
    if (at > 3 && random.oneIn(3) && back <= at) {
      const count = Math.min(size - at, 3 + random.below(60));
      for (let index = 0; index < count; index++, at++) data[at] = data[at - back]!;
    } else {
      data[at++] = random.below(letters) * 37;
    }
  }
  return data;
}

const strategies = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FIXED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
] as const;

/** A peer that compresses, with its window; sometimes a larger one than it may use. */
class Sender {
  readonly #random: Random;
  readonly #windowBits: number;
  #before: Buffer = Buffer.alloc(0);

  constructor(random: Random, windowBits: number) {
    this.#random = random;
    this.#windowBits = Math.min(15, Math.max(9, windowBits + (random.oneIn(8) ? 1 : 0)));
  }

  message(): Buffer {
    const random = this.#random;
    if (random.oneIn(12)) return Buffer.from(Array.from({ length: random.below(40) }, () => random.next() & 255));
    const parts: Buffer[] = [];
    const isFinal = random.oneIn(8);
    for (let left = random.oneIn(6) ? random.below(3) : 0; left >= 0; left--) {
      const data = writeData(random, this.#before);
      const isLast = left === 0 && !isFinal;
      const stream = deflateRawSync(data, {
        level: random.below(10),
        windowBits: this.#windowBits,
        strategy: random.pick(strategies),
        memLevel: 1 + random.below(9),
        finishFlush: isLast ? constants.Z_SYNC_FLUSH : constants.Z_FINISH,
        ...(this.#before.length > 0 ? { dictionary: this.#before } : {}),
      });
      this.#before = Buffer.concat([this.#before, data]).subarray(-(2 ** this.#windowBits));
      parts.push(isLast && !random.oneIn(8) ? stream.subarray(0, -4) : stream);
    }
    // RFC 7692 §7.2.3.4: behind a final block stands an octet of zeros.
    if (isFinal && !random.oneIn(4)) parts.push(Buffer.of(0));
    return Buffer.concat(parts);
  }
}

export const deflate: Target = {
  name: 'deflate',
  covers: ['src/frame/permessage-deflate.js', 'src/frame/receiver.js'],
  maxBytes,
  dictionary: ['\0\0\xff\xff', '\x01\0\0\xff\xff', '\x03\0', '\0', '\xaa\x01', '\x4a\x04\0'],
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    const sender = new Sender(random, 8 + (input[1]! & 7));
    let at = settingsBytes;
    for (let count = 1 + random.below(maxMessages); count > 0 && at + 2 < maxBytes; count--) {
      const message = sender.message().subarray(0, maxBytes - at - 2);
      at = input.writeUInt16BE(message.length, at);
      at += message.copy(input, at);
    }
    return at;
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const [first, second, third, fourth] = [input[0]!, input[1]!, input[2]!, input[3]!];
    const peerContextTakeover = (first & 1) !== 0;
    const peerWindowBits = 8 + (second & 7);
    const maximum = maxima[(first >> 1) & 3]!;
    const messages: Buffer[] = [];
    for (let at = settingsBytes; at + 2 <= length && messages.length < maxMessages; ) {
      const end = Math.min(length, at + 2 + input.readUInt16BE(at));
      messages.push(input.subarray(at + 2, end));
      at = end;
    }
    const options = { ownContextTakeover: true, ownWindowBits: 15, peerContextTakeover, peerWindowBits };

    // As plainly as it gets.
    const windowSize = 2 ** peerWindowBits;
    const wanted: string[] = [];
    const outputs: Buffer[] = [];
    const isBeyond: boolean[] = [];
    let history: Buffer = Buffer.alloc(0);
    for (const message of messages) {
      const plain = inflatePlainly(Buffer.concat([message, inflateTail]), history, windowSize, maximum);
      isBeyond.push(typeof plain !== 'string' && plain.isBeyondWindow);
      const isTooMany = typeof plain !== 'string' && plain.finalBlocks > maxFinalBlocks;
      wanted.push(
        typeof plain === 'string' ? plain : isTooMany ? 'too-many-final-blocks' : plain.output.toString('latin1'),
      );
      if (typeof plain === 'string' || isTooMany) break;
      outputs.push(plain.output);
      history = peerContextTakeover ? Buffer.concat([history, plain.output]).subarray(-windowSize) : Buffer.alloc(0);
    }

    const inflater = new Inflater(options, maximum);
    for (const [index, expected] of wanted.entries()) {
      const inflated = inflater.inflate(Buffer.concat([messages[index]!, inflateTail]), () =>
        must(false, 'what is short is inflated at once'),
      );
      must(inflated !== undefined, 'what is short is inflated at once');
      if (typeof inflated === 'string') {
        // zlib takes a reference beyond the window as long as what it refers to is still in its output: it says so or not.
        if (isBeyond[index] === true && inflated === 'invalid') return 1;
        // zlib may find out that there is too much before it comes to what is not valid, or the other way round.
        const isEither = expected === 'invalid' || expected === 'too-long';
        if (!isEither || (inflated !== 'invalid' && inflated !== 'too-long'))
          mustBeSame(inflated, expected, 'the fault is that of a plain reading');
        break;
      }
      must(inflated.length <= maximum, 'what comes out keeps to the limit');
      must(inflated.buffer.byteLength <= Math.max(2 * inflated.length, 0), 'half of the memory is the message');
      mustBeSame(inflated.toString('latin1'), expected, 'what comes out is that of a plain reading');
    }

    // The same in frames, in every chunking.
    const frames = Buffer.concat(
      messages.map((message) => {
        const head =
          message.length <= 125
            ? Buffer.of(0xc2, message.length)
            : Buffer.of(0xc2, 126, message.length >> 8, message.length & 255);
        return Buffer.concat([head, message]);
      }),
    );
    const stories = (
      fourth < 64 ? waysToCut(frames.length, (third << 8) | fourth) : waysToCut(frames.length, 1).slice(0, 1)
    ).map((cuts) => {
      const lines: string[] = [];
      const protocol = new Protocol({
        role: 'client',
        deflate: options,
        limits: { maxMessageBytes: maximum },
        handler: {
          message: (buffer, from, to) => lines.push(buffer.toString('latin1', from, to)),
          chunk: () => must(false, 'nothing is streamed'),
          ping: () => must(false, 'nothing is a ping'),
          pong: () => must(false, 'nothing is a pong'),
          close: () => must(false, 'nothing is a close'),
          violation: (error) => lines.push(`violation ${error.code}`),
          inflated: () => must(false, 'what is short is inflated at once'),
        },
      });
      for (let at = 0; at < frames.length; ) {
        const end = Math.min(frames.length, at + cuts.next());
        mustBeSame(protocol.receive(frames, at, end), end - at, 'all is consumed');
        at = end;
      }
      return lines.join('\n');
    });
    for (const story of stories) mustBeSame(story, stories[0], 'the same is told in every chunking');
    must(
      (stories[0] ?? '').startsWith(outputs.map((output) => output.toString('latin1')).join('\n')),
      'the messages are those of a plain reading',
    );

    // What came out goes in again.
    if (third < 64) {
      const own = {
        ownContextTakeover: peerContextTakeover,
        ownWindowBits: peerWindowBits,
        peerContextTakeover: true,
        peerWindowBits: 15,
        level: fourth % 10,
      };
      const deflater = new Deflater(own);
      const back = new Inflater(options, 70_000);
      let before: Buffer = Buffer.alloc(0);
      for (const output of outputs) {
        const payload = deflater.compress(output);
        if (payload === undefined) continue;
        must(payload.length < output.length, 'what is compressed is shorter');
        const again = back.inflate(Buffer.concat([payload, inflateTail]), () => {});
        must(
          again !== undefined && typeof again !== 'string' && again.equals(output),
          'what is compressed comes out again',
        );
        const plain = inflatePlainly(Buffer.concat([payload, inflateTail]), before, windowSize, 70_000);
        must(typeof plain !== 'string' && plain.output.equals(output), 'what is compressed is DEFLATE');
        must(!plain.isBeyondWindow, 'what is compressed keeps to its window');
        if (peerContextTakeover) before = Buffer.concat([before, output]).subarray(-windowSize);
      }
    }
    const last = wanted[wanted.length - 1] ?? '';
    const isFault = outputs.length < wanted.length;
    return kindOf(
      `${outputs.map((output) => Math.min(3, Math.ceil(Math.log2(output.length + 1) / 4))).join()} ${isFault ? last : ''} ${peerContextTakeover}`,
    );
  },
};
