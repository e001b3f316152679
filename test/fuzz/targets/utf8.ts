// UTF-8 in pieces: valid when node's own isUtf8 says so, the bad byte that of RFC 3629 §4, in every chunking, at every place in a word, in ordinary and in shared memory; nothing is written.
import { isUtf8 } from 'node:buffer';
import { sharedMemory, Utf8Validator } from '../../../src/frame/index.js';
import { Cuts } from '../cuts.js';
import { readUtf8 } from '../plain-utf8.js';
import { must, mustBeSame, type Target } from '../target.js';

/** How it is cut; where it lies. */
const settingsBytes = 2;
const maxBytes = 1_200;
const ordinary = Buffer.alloc(maxBytes + 64);
const shared = sharedMemory(maxBytes + 64);
const parts = [
  'a',
  'hello, world; ',
  'é',
  '€',
  '日本',
  '😀',
  '\u07ff',
  '\u0800',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '\u{10000}',
  '\u{10ffff}',
  'x'.repeat(40),
  'x'.repeat(300),
  '日'.repeat(100),
].map((text) => Buffer.from(text));
const validator = new Utf8Validator();

function check(bytes: Buffer, start: number, end: number, cuts: Cuts): { bad: number; isComplete: boolean } {
  validator.reset();
  for (let at = start; at < end; ) {
    const pieceEnd = Math.min(end, at + cuts.next());
    const bad = validator.check(bytes, at, pieceEnd);
    if (bad >= 0) {
      must(bad >= at && bad < pieceEnd, 'the bad byte lies in the piece');
      return { bad: bad - start, isComplete: false };
    }
    at = pieceEnd;
  }
  return { bad: -1, isComplete: validator.isComplete };
}

export const utf8: Target = {
  name: 'utf8',
  covers: ['src/frame/utf8.js', 'src/frame/words.js'],
  maxBytes,
  dictionary: [
    '\xc0\x80',
    '\xc1\xbf',
    '\xe0\x80\x80',
    '\xed\xa0\x80',
    '\xed\xbf\xbf',
    '\xf0\x80\x80\x80',
    '\xf4\x90\x80\x80',
    '\xf5',
    '\xff',
    '\x80',
    '\xe2\x82',
    '\xf0\x9f\x98',
  ],
  generate(random, input) {
    input[0] = random.next();
    input[1] = random.next();
    let at = settingsBytes;
    for (let count = random.below(12); count > 0; count--) at += random.pick(parts).copy(input, at);
    const length = at;
    while (random.oneIn(3) && length > settingsBytes)
      input[settingsBytes + random.below(length - settingsBytes)] = random.next();
    return length;
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const [first, second] = [input[0]!, input[1]!];
    const size = length - settingsBytes;
    const wanted = readUtf8(input, settingsBytes, length);
    if (wanted.bad >= 0) wanted.bad -= settingsBytes;
    mustBeSame(
      wanted.bad < 0 && wanted.isComplete,
      isUtf8(input.subarray(settingsBytes, length)),
      'node and the grammar agree',
    );
    const bytes = (second & 8) !== 0 ? shared : ordinary;
    const start = second & 7;
    input.copy(bytes, start, settingsBytes, length);
    for (const step of [maxBytes, 0, second < 64 || size < 32 ? 1 : 257]) {
      const told = check(bytes, start, start + size, new Cuts(step, first * 257));
      mustBeSame(told.bad, wanted.bad, 'the bad byte is the first with which it cannot be UTF-8');
      mustBeSame(told.isComplete, wanted.isComplete, 'it may end where code points end');
    }
    must(bytes.compare(input, settingsBytes, length, start, start + size) === 0, 'nothing is written');
    return (
      (wanted.bad < 0 ? (wanted.isComplete ? 1 : 2) : 3 + Math.min(60, wanted.bad)) +
      64 * Math.min(7, size >> 6) +
      (bytes === shared ? 512 : 0)
    );
  },
};
