import * as assert from 'uvu/assert';
import { Utf8Validator } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, inSharedMemory, outcome, randomFrom, refuses, seed } from './kit.js';

const validating = suite('UTF-8 in pieces (RFC 6455 §8.1, RFC 3629 §4)');

/** Whether some bytes can be continued to valid UTF-8, by a decoder that is not ours. */
function isPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function isWhole(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The index of the first byte with which `bytes` cannot be valid any more, or -1. */
function firstBad(bytes: Uint8Array): number {
  if (isPrefix(bytes)) return -1;
  let low = 0;
  let high = bytes.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (isPrefix(bytes.subarray(0, middle))) low = middle;
    else high = middle;
  }
  return low;
}

function check(bytes: Buffer): void {
  const expected = firstBad(bytes);
  checkIn(bytes, expected);
  checkIn(inSharedMemory(bytes), expected);
}

function checkIn(bytes: Buffer, expected: number): void {
  const validator = new Utf8Validator();
  assert.is(validator.check(bytes, 0, bytes.length), expected, `whole: ${bytes.toString('hex')}`);
  if (expected < 0) assert.is(validator.isComplete, isWhole(bytes));
  for (let split = 0; split <= Math.min(bytes.length, 40); split++) {
    validator.reset();
    let bad = validator.check(bytes, 0, split);
    if (bad < 0) bad = validator.check(bytes, split, bytes.length);
    assert.is(bad, expected, `split at ${split}: ${bytes.toString('hex')}`);
  }
}

validating('knows the bounds of a continuation byte before it has seen any', () => {
  for (const [text, bad] of [
    ['c37f', 1],
    ['c380', -1],
    ['c3bf', -1],
    ['c3c0', 1],
    ['e1bfc0', 2],
    ['f1bfbfc0', 3],
  ] as const) {
    const bytes = Buffer.from(text, 'hex');
    assert.is(new Utf8Validator().check(bytes, 0, bytes.length), bad, text);
  }
});

validating('agrees with TextDecoder on every boundary code point and its neighbours (T11)', () => {
  for (const point of [
    0, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x3ffff,
    0x40000, 0xfffff, 0x100000, 0x10ffff,
  ]) {
    check(Buffer.from(`a${String.fromCodePoint(point)}b`));
  }
});

const malformed = [
  '80',
  'bf',
  'c0 80',
  'c1 bf',
  'c2 41',
  'c2',
  'e0 80 80',
  'e0 9f bf',
  'e0 a0',
  'ed a0 80',
  'ed bf bf',
  'ed 9f bf',
  'ef bf',
  'f0 80 80 80',
  'f0 8f bf bf',
  'f0 90 80 41',
  'f4 90 80 80',
  'f4 8f bf bf',
  'f5 80 80 80',
  'f8 88 80 80 80',
  'fe',
  'ff',
  'e1 80 c1',
  'ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65',
];
for (const text of malformed) {
  validating(`finds the bad byte of ${text}, if any, after ASCII of any length (T11)`, () => {
    for (const length of [0, 1, 2, 3, 4, 15, 16, 17, 31, 64, 250, 256, 300, 1000]) {
      check(Buffer.concat([Buffer.alloc(length, 'a'), hex(text)]));
      check(Buffer.concat([Buffer.alloc(length, 'a'), hex(text), Buffer.alloc(5, 'z')]));
    }
  });
}

validating('agrees with TextDecoder on all pairs of bytes', () => {
  const bytes = Buffer.alloc(2);
  const validator = new Utf8Validator();
  for (let pair = 0; pair < 65536; pair++) {
    bytes.writeUInt16BE(pair);
    validator.reset();
    const bad = validator.check(bytes, 0, 2);
    assert.is(bad, firstBad(bytes));
  }
});

validating(`agrees with TextDecoder on random text with and without a bad byte (seed ${seed})`, () => {
  const random = randomFrom();
  const alphabet = ['a', 'é', '日', '😀', '\u{10ffff}', '\u0000', 'aaaaaaaaaaaaaaaa'];
  for (let round = 0; round < 400; round++) {
    let text = '';
    for (let n = random(round % 10 === 0 ? 400 : 30); n > 0; n--) text += alphabet[random(alphabet.length)];
    const whole = Buffer.from(text);
    const bytes = Buffer.from(whole.subarray(random(4), whole.length - random(4)));
    if (random(2) === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256);
    check(bytes);
  }
});
validating.run();

const texts = suite('UTF-8 of messages (RFC 6455 §5.6, §8.1)');

texts('delivers a code point that is split over fragments (T11)', () => {
  assert.equal(outcome('client', hex('0102 61f0 0001 9f 8902 f09f 8002 9880')).lines, ['ping ð\x9f', 'text a😀']);
});

texts('refuses a bad byte in the unfinished first fragment when it comes (T11)', () => {
  refuses('client', hex('010a 61 ff'), 'text-not-utf8', 1007, 4);
  refuses('client', hex('817e 1000 61 f0 28'), 'text-not-utf8', 1007, 7);
  refuses('server', hex('8185 37fa213d 7f9fde'), 'text-not-utf8', 1007, 9);
});

texts('refuses a surrogate and an overlong form at their second byte (T11)', () => {
  refuses('client', hex('8103 eda080'), 'text-not-utf8', 1007, 4);
  refuses('client', hex('8102 c080'), 'text-not-utf8', 1007, 3);
  refuses('client', hex('8104 f4908080'), 'text-not-utf8', 1007, 4);
});

texts('refuses a text that ends within a code point at its last byte (T11)', () => {
  refuses('client', hex('8102 61c3'), 'text-not-utf8', 1007, 4);
  refuses('client', hex('0101 c3 8000'), 'text-not-utf8', 1007, 5);
});

texts('does not look at binary data', () => {
  assert.equal(outcome('client', hex('8202 c0ff')).lines, ['binary c0ff']);
});

texts('refuses a bad byte in a close reason when it comes (T11)', () => {
  const { error } = refuses('client', hex('8806 03e8 61ff 6161'), 'close-reason-not-utf8', 1007, 6);
  assert.is(error?.message, 'the close reason is not UTF-8 at byte 0xff (RFC 6455 §5.5.1)');
  refuses('client', hex('8804 03e8 61c3'), 'close-reason-not-utf8', 1007, 6);
});
texts.run();
