// The body of a close frame: read as RFC 6455 §5.5.1 and §7.4 have it, the fault at the first byte that shows it, in every chunking; what may be sent may be received, and is written as it was read.
import { isUtf8 } from 'node:buffer';
import { PeerProtocolError, UsageError } from '../../../src/errors.js';
import { ClosePayloadReader } from '../../../src/frame/close-payload.js';
import {
  encodeClosePayload,
  isReceivableCloseCode,
  isSendableCloseCode,
  parseClosePayload,
} from '../../../src/frame/index.js';
import { waysToCut } from '../cuts.js';
import { readUtf8 } from '../plain-utf8.js';
import { kindOf, must, mustBeSame, type Target } from '../target.js';

const maxBytes = 127;

/** RFC 6455 §7.4.1 and the IANA registry; §7.4.2. */
const lawful = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);

function wantedOf(bytes: Buffer): { code: string; offset: number } | { closeCode: number; reason: string } {
  if (bytes.length === 0) return { closeCode: 1005, reason: '' };
  if (bytes.length === 1) return { code: 'close-payload-too-short', offset: 1 };
  const closeCode = bytes.readUInt16BE();
  if (!lawful.has(closeCode) && !(closeCode >= 3000 && closeCode <= 4999))
    return { code: 'close-code-invalid', offset: 2 };
  const { bad, isComplete } = readUtf8(bytes, 2, bytes.length);
  if (bad >= 0) return { code: 'close-reason-not-utf8', offset: bad + 1 };
  if (!isComplete) return { code: 'close-reason-not-utf8', offset: bytes.length };
  return { closeCode, reason: bytes.toString('utf8', 2) };
}

export const closePayload: Target = {
  name: 'close-payload',
  covers: ['src/frame/close-payload.js', 'src/frame/close-code.js', 'src/frame/utf8.js'],
  maxBytes,
  dictionary: [
    '\x03\xe8',
    '\x03\xef',
    '\x0b\xb8',
    '\x13\x87',
    '\xe2\x82\xac',
    '\xf0\x9f\x98\x80',
    '\xed\xa0\x80',
    '\xc0\x80',
    '\xf4\x90',
  ],
  generate(random, input) {
    const code = random.oneIn(2) ? 990 + random.below(40) : random.below(6_000);
    let at = input.writeUInt16BE(code);
    for (let parts = random.below(8); parts > 0; parts--)
      at += input.write(random.pick(['bye', 'é', '日本', '😀', '\0', 'x'.repeat(20)]), at);
    if (random.oneIn(3) && at > 2) input[2 + random.below(at - 2)] = random.next();
    return random.oneIn(6) ? random.below(at) : at;
  },
  run(input, length) {
    const bytes = Buffer.from(input.subarray(0, Math.min(length, 125)));
    const wanted = wantedOf(bytes);
    const read = parseClosePayload(bytes);
    const moved = Buffer.concat([Buffer.alloc(5, 0xff), bytes, Buffer.alloc(3, 0xff)]);
    const again = parseClosePayload(moved, 5, 5 + bytes.length);
    if ('code' in wanted) {
      must(read instanceof PeerProtocolError && again instanceof PeerProtocolError, 'what is not lawful is refused');
      mustBeSame(`${read.code} ${read.offset}`, `${wanted.code} ${wanted.offset}`, 'the fault is that of RFC 6455');
      mustBeSame(again.message + again.offset, read.message + read.offset, 'where it lies in memory changes nothing');
    } else {
      must(!(read instanceof Error), 'what is lawful is read');
      mustBeSame(`${read.code} ${read.reason}`, `${wanted.closeCode} ${wanted.reason}`, 'code and reason are read');
      must(bytes.length === 0 || isUtf8(bytes.subarray(2)), 'a reason is UTF-8');
      mustBeSame(JSON.stringify(again), JSON.stringify(read), 'where it lies in memory changes nothing');
      for (const role of ['client', 'server'] as const) {
        if (bytes.length === 0) {
          mustBeSame(encodeClosePayload(role, undefined).length, 0, 'no code is an empty body');
        } else if (isSendableCloseCode(read.code, role)) {
          must(encodeClosePayload(role, read.code, read.reason).equals(bytes), 'it is written as it was read');
        } else {
          mustBeSame(`${read.code} ${role}`, '1010 server', 'what may be received may be sent');
          let refusal: unknown;
          try {
            encodeClosePayload(role, read.code, read.reason);
          } catch (error) {
            refusal = error;
          }
          must(
            refusal instanceof UsageError && refusal.code === 'close-code-not-sendable',
            'what may not be sent is refused',
          );
        }
      }
    }
    if (bytes.length !== 1) {
      for (const cuts of waysToCut(bytes.length, bytes.length * 7)) {
        const reader = new ClosePayloadReader();
        let fault: PeerProtocolError | undefined;
        for (let at = 0; at < bytes.length && fault === undefined; ) {
          const end = Math.min(bytes.length, at + cuts.next());
          fault = reader.read(bytes, at, end, end === bytes.length, 0);
          at = end;
        }
        mustBeSame(
          fault && `${fault.code} ${fault.offset}`,
          'code' in wanted ? `${wanted.code} ${wanted.offset}` : undefined,
          'the same is told in every chunking',
        );
      }
    }
    const code = bytes.length < 2 ? 0 : bytes.readUInt16BE();
    must(
      isReceivableCloseCode(code) === (lawful.has(code) || (code >= 3000 && code <= 4999)),
      'the codes that may be received are those of RFC 6455',
    );
    return 'code' in wanted
      ? kindOf(`${wanted.code} ${Math.min(8, wanted.offset)}`)
      : kindOf(`${code >= 3000 ? 3000 : code} ${Math.min(4, bytes.length)}`);
  },
};
