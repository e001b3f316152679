// What one end writes the other reads: decode ∘ encode is the identity for every message, fragment, control frame and any frame at all, both roles, compressed or not, in any memory; the caller's bytes are not touched.
import {
  type AnyFrame,
  compressAlone,
  type DeflateOptions,
  encodeAnyFrame,
  encodeServerFrame,
  Protocol,
  parseFrameHeader,
  sharedMemory,
} from '../../../src/frame/index.js';
import { Cuts } from '../cuts.js';
import { must, mustBeSame, type Target } from '../target.js';

/** Role, compression and memory; window bits; how it is cut. Behind them stand commands, each with its length and payload. */
const settingsBytes = 3;
const maxBytes = 400;
const wireBytes = 96 * 1024;
const sharedWire = sharedMemory(wireBytes);
const ordinaryWire = Buffer.alloc(wireBytes);

const closeCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] as const;

/** Text of any code points, lone surrogates among them: of each two bytes one UTF-16 unit. */
function textOf(bytes: Buffer): string {
  let text = '';
  for (let index = 0; index + 1 < bytes.length; index += 2) {
    text += String.fromCharCode(bytes[index]! < 0x80 ? bytes[index + 1]! & 0x7f : bytes.readUInt16BE(index));
  }
  return text;
}

function checkAnyFrame(settings: number, payload: Buffer): void {
  const frame: AnyFrame = {
    opcode: settings & 15,
    fin: (settings & 16) !== 0,
    rsv: (payload[0] ?? 0) & 7,
    payload,
    ...((settings & 32) !== 0 ? { maskingKey: Buffer.of(settings, 1, 2, 0xff) } : {}),
  };
  const bytes = encodeAnyFrame(frame);
  for (const lengthForm of [7, 16, 64] as const) {
    const other = parseFrameHeader(encodeAnyFrame({ ...frame, lengthForm }));
    const wanted = lengthForm === 7 ? payload.length & 127 : payload.length;
    // The seven bits hold no more than 125 of their own.
    if (lengthForm !== 7 || wanted <= 125) mustBeSame(other?.length, wanted, 'a length is read in any form');
  }
  const header = parseFrameHeader(bytes);
  must(header !== undefined, 'a whole frame has a whole header');
  const { fin, rsv, opcode, masked, length, headerSize, maskingKeyOffset } = header;
  mustBeSame(
    [fin, rsv, opcode, masked, length, headerSize + payload.length].join(),
    [frame.fin, frame.rsv, frame.opcode, frame.maskingKey !== undefined, payload.length, bytes.length].join(),
    'the header is read as it was written',
  );
  for (let index = 0; index < payload.length; index++) {
    const key = maskingKeyOffset === undefined ? 0 : bytes[maskingKeyOffset + (index & 3)]!;
    must((bytes[headerSize + index]! ^ key) === payload[index], 'the payload is read as it was written');
  }
  for (let end = 0; end < headerSize; end++) {
    must(parseFrameHeader(bytes, 0, end) === undefined, 'a part of a header is none');
  }
}

export const roundTrip: Target = {
  name: 'round-trip',
  covers: [
    'src/frame/encoder.js',
    'src/frame/any-frame.js',
    'src/frame/header.js',
    'src/frame/protocol.js',
    'src/frame/masking.js',
    'src/frame/masking-key.js',
    'src/frame/permessage-deflate.js',
  ],
  maxBytes,
  dictionary: ['\0\x05hello', '\x01\0', '\x02\x03\0\0\0', '\x03\x01', '\x05\0', '\x06\x04\xd8\x3d\xde\0'],
  generate(random, input) {
    let at = 0;
    while (at < settingsBytes) input[at++] = random.next();
    // Mostly without compression, which takes much longer.
    if (!random.oneIn(8)) input[0]! &= ~2;
    for (let commands = 1 + random.below(8); commands > 0; commands--) {
      const size = random.oneIn(6) ? random.below(200) : random.below(24);
      if (at + 2 + size > maxBytes) break;
      input[at++] = random.next();
      input[at++] = size;
      const isText = random.oneIn(2);
      for (let index = 0; index < size; index++) input[at++] = isText ? 0x61 + random.below(4) : random.next();
    }
    return at;
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const [first, bits, seed] = [input[0]!, input[1]!, input[2]!];
    const role = (first & 1) !== 0 ? 'client' : 'server';
    const own = 8 + ((bits & 7) % 8);
    const deflate: DeflateOptions | undefined =
      (first & 2) !== 0
        ? {
            ownContextTakeover: (first & 4) !== 0,
            ownWindowBits: own,
            peerContextTakeover: true,
            peerWindowBits: 15,
            level: (bits >> 3) % 10,
          }
        : undefined;
    const wire = (first & 8) !== 0 ? sharedWire : ordinaryWire;
    const silent = { message() {}, chunk() {}, ping() {}, pong() {}, close() {}, violation() {} };
    const sender = new Protocol({ role, handler: silent, deflate });
    const expected: string[] = [];
    let end = seed & 7;
    const start = end;
    let parts: Buffer[] | undefined;
    let isTextParts = false;
    let isCompressedParts = false;
    let kind = deflate === undefined ? 0 : 1;
    for (let at = settingsBytes; at + 1 < length && sender.canSend; ) {
      const command = input[at]!;
      const payload = input.subarray(at + 2, Math.min(length, at + 2 + input[at + 1]!));
      at += 2 + payload.length;
      const room = 3 * payload.length + 64;
      if (end + room > wireBytes) break;
      const before = Buffer.from(payload);
      switch (command % 8) {
        case 0:
        case 1: {
          if (parts !== undefined) break;
          // A length in 64 bits, now and then.
          const isLong = command === 248 && end < wireBytes / 4;
          const data = isLong
            ? Buffer.alloc(65_530 + (payload.length & 15), payload.length > 0 ? payload : 0)
            : payload;
          const compressed = deflate === undefined || isLong ? undefined : sender.compress(data);
          if (compressed !== undefined) {
            end = sender.writeCompressed(wire, end, compressed, false);
          } else {
            const size = sender.frameSize(data.length);
            const after = sender.writeMessage(wire, end, data, false);
            mustBeSame(after - end, size, 'a frame is as long as it was said to be');
            end = after;
          }
          expected.push(`binary ${data.toString('hex')}`);
          break;
        }
        case 2: {
          if (parts !== undefined) break;
          const text = textOf(payload);
          const data = Buffer.from(text);
          const compressed = deflate === undefined ? undefined : sender.compress(data);
          if (compressed !== undefined) end = sender.writeCompressed(wire, end, compressed, true);
          else if (command >= 128) end = sender.writeMessage(wire, end, data, true);
          else end = sender.writeText(wire, end, text, Buffer.byteLength(text));
          expected.push(`text ${data.toString('hex')}`);
          break;
        }
        case 3: {
          const isFirst = parts === undefined;
          const isLast = command >= 128;
          if (isFirst) {
            isTextParts = (command & 32) !== 0;
            isCompressedParts = deflate !== undefined && (command & 64) !== 0;
          }
          const part = isTextParts ? Buffer.from(textOf(payload)) : Buffer.from(payload);
          const data = isCompressedParts ? sender.compressFragment(part, isFirst, isLast) : part;
          end = sender.writeFragment(wire, end, data, isTextParts, isFirst, isLast, isCompressedParts);
          parts = [...(parts ?? []), part];
          if (isLast) {
            expected.push(`${isTextParts ? 'text' : 'binary'} ${Buffer.concat(parts).toString('hex')}`);
            parts = undefined;
          }
          break;
        }
        case 4:
          end = sender.writePing(wire, end, payload.subarray(0, 125));
          expected.push(`ping ${payload.toString('hex', 0, 125)}`);
          break;
        case 5:
          end = sender.writePong(wire, end, payload.subarray(0, 125));
          expected.push(`pong ${payload.toString('hex', 0, 125)}`);
          break;
        case 6: {
          if (!parts && role === 'server' && (command & 64) !== 0) {
            const compressed = deflate === undefined ? undefined : compressAlone(payload, own);
            sender.beginPrepared(compressed !== undefined);
            end += encodeServerFrame(compressed ?? payload, false, compressed !== undefined).copy(wire, end);
            expected.push(`binary ${payload.toString('hex')}`);
            break;
          }
          if (command < 224) break;
          const text = textOf(payload.subarray(0, 80));
          const code = payload.length === 0 ? undefined : closeCodes[payload[0]! % closeCodes.length]!;
          const reason = code === undefined ? '' : text.slice(0, 41);
          end = sender.writeClose(wire, end, code, reason);
          expected.push(`close ${code ?? 1005} ${Buffer.from(reason).toString('hex')}`);
          break;
        }
        default:
          checkAnyFrame(command >> 2, payload);
      }
      must(before.equals(payload), "the caller's bytes are not touched");
      kind |= 2 << (command % 8);
    }
    const told: string[] = [];
    const hexOf = (buffer: Buffer, from: number, to: number): string => buffer.toString('hex', from, to);
    const receiver = new Protocol({
      role: role === 'client' ? 'server' : 'client',
      limits: { maxEmptyFragments: 1_000 },
      deflate: deflate && {
        ownContextTakeover: true,
        ownWindowBits: 15,
        peerContextTakeover: deflate.ownContextTakeover,
        peerWindowBits: own,
      },
      handler: {
        message: (buffer, from, to, isText) => told.push(`${isText ? 'text' : 'binary'} ${hexOf(buffer, from, to)}`),
        chunk: () => must(false, 'nothing is streamed'),
        ping: (buffer, from, to) => told.push(`ping ${hexOf(buffer, from, to)}`),
        pong: (buffer, from, to) => told.push(`pong ${hexOf(buffer, from, to)}`),
        close: (code, reason) => told.push(`close ${code} ${Buffer.from(reason).toString('hex')}`),
        violation: (error) => told.push(`violation ${error.message}`),
      },
    });
    const cuts = new Cuts(first < 128 ? 0 : wireBytes, seed);
    for (let at = start; at < end; ) {
      const pieceEnd = Math.min(end, at + cuts.next());
      mustBeSame(receiver.receive(wire, at, pieceEnd), pieceEnd - at, 'all is consumed');
      at = pieceEnd;
    }
    mustBeSame(told.join('\n'), expected.join('\n'), 'what was written is read');
    return kind;
  },
};
