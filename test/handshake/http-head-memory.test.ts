import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { HeadParser } from '../../src/handshake/index.js';
import { suite } from '../support/suite.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of memory in use, inside and outside the heap. */
function used(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const memory = suite('memory of an unfinished head (RFC 9112 §2–§5)');

memory('holds at most 4 bytes for each byte that came, in chunks of 1 byte (T16)', () => {
  const head = Buffer.from(`GET / HTTP/1.1\r\nX: ${'a'.repeat(16_000)}`);
  const parsers = Array.from({ length: 100 }, () => new HeadParser('request'));
  const before = used();
  for (const parser of parsers) {
    for (let index = 0; index < head.length; index++) parser.push(head, index, index + 1);
  }
  const held = used() - before;
  assert.ok(parsers.every((parser) => parser.receivedBytes === head.length && parser.error === undefined));
  assert.ok(held < 4 * 100 * head.length, `${held} bytes for ${100 * head.length}`);
});

memory.run();
