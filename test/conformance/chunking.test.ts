import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { type Chunking, chunkingName, chunksOf, randomFor } from '../../src/conformance/chunking.js';
import { suite } from '../support/suite.js';

const chunking = suite('chunking of conformance runs');

function sizes(length: number, how: Chunking, name: string = 'case'): number[] {
  const bytes = Buffer.from(Array.from({ length }, (_, i) => i % 251));
  const chunks = [...chunksOf(bytes, how, randomFor(how.kind === 'random' ? how.seed : 0, name))];
  assert.ok(Buffer.concat(chunks).equals(bytes));
  return chunks.map((chunk) => chunk.length);
}

chunking('sends whole in one write, and nothing for nothing', () => {
  assert.equal(sizes(100_000, { kind: 'whole' }), [100_000]);
  for (const kind of ['whole', 'octets'] as const) assert.equal(sizes(0, { kind }), []);
});

chunking('sends octets singly, of long sends those at both ends', () => {
  assert.equal(sizes(4096, { kind: 'octets' }), new Array(4096).fill(1));
  const long = sizes(40_000, { kind: 'octets' });
  assert.equal(long.slice(0, 1024), new Array(1024).fill(1));
  assert.equal(long.slice(1024, -64), [16_384, 16_384, 40_000 - 1024 - 64 - 2 * 16_384]);
  assert.equal(long.slice(-64), new Array(64).fill(1));
});

chunking('sends the same random sizes for the same seed and case', () => {
  const first = sizes(1_000_000, { kind: 'random', seed: 7 });
  assert.equal(sizes(1_000_000, { kind: 'random', seed: 7 }), first);
  assert.not.equal(sizes(1_000_000, { kind: 'random', seed: 8 }), first);
  assert.not.equal(sizes(1_000_000, { kind: 'random', seed: 7 }, 'other'), first);
  assert.ok(first.some((size) => size <= 16) && first.some((size) => size > 1024));
});

chunking('has a name that can be given again', () => {
  assert.equal(
    [chunkingName({ kind: 'whole' }), chunkingName({ kind: 'octets' }), chunkingName({ kind: 'random', seed: 7 })],
    ['whole', 'octets', 'random:7'],
  );
});

chunking.run();
