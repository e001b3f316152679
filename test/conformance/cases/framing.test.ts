import * as assert from 'uvu/assert';
import { framingCases } from '../../../src/conformance/cases/framing.js';
import { bytesOf, suiteOfCases } from './kit.js';

const framing = suiteOfCases('framing', framingCases, 200);

framing('write lengths in the form they are about', () => {
  assert.is(bytesOf(framingCases, 'framing/text-0', 'client'), '8100');
  assert.is(bytesOf(framingCases, 'framing/text-0', 'server'), '818037fa213d');
  assert.is(bytesOf(framingCases, 'framing/binary-2', 'client'), '82020001');
  assert.match(bytesOf(framingCases, 'framing/text-125', 'client'), /^817d2021/);
  assert.match(bytesOf(framingCases, 'framing/text-126', 'client'), /^817e007e2021/);
  assert.match(bytesOf(framingCases, 'framing/text-126', 'server'), /^81fe007e37fa213d/);
  assert.match(bytesOf(framingCases, 'framing/binary-65535', 'client'), /^827effff0001/);
  assert.match(bytesOf(framingCases, 'framing/binary-65536', 'client'), /^827f00000000000100000001/);
});

framing('write lengths in more bits than they need', () => {
  assert.is(bytesOf(framingCases, 'framing/text-0-in-16-bits', 'client'), '817e0000');
  assert.is(bytesOf(framingCases, 'framing/text-5-in-16-bits', 'client'), '817e00052021222324');
  assert.is(bytesOf(framingCases, 'framing/binary-0-in-64-bits', 'client'), '827f0000000000000000');
  assert.match(bytesOf(framingCases, 'framing/binary-126-in-64-bits', 'client'), /^827f000000000000007e0001/);
  assert.match(bytesOf(framingCases, 'framing/text-65535-in-64-bits', 'server'), /^81ff000000000000ffff37fa213d/);
  assert.is(bytesOf(framingCases, 'framing/continuation-5-in-16-bits', 'client'), '01046f6e652c807e000574776f2c20');
});

framing('announce what no frame can hold', () => {
  assert.is(bytesOf(framingCases, 'framing/text-2-63', 'client'), '817f800000000000000068656c6c6f');
  assert.is(bytesOf(framingCases, 'framing/binary-2-64-minus-1', 'client'), '827fffffffffffffffff68656c6c6f');
  assert.is(bytesOf(framingCases, 'framing/text-2-32-plus-1', 'client'), '817f000000010000000168');
  assert.is(bytesOf(framingCases, 'framing/binary-2-53', 'server'), '82ff002000000000000037fa213d');
  assert.is(bytesOf(framingCases, 'framing/binary-2-53-plus-1', 'client'), '827f002000000000000168');
});

framing('set each reserved bit and write each reserved opcode', () => {
  assert.is(bytesOf(framingCases, 'framing/rsv1-text', 'client'), 'c10568656c6c6f');
  assert.is(bytesOf(framingCases, 'framing/rsv2-ping', 'client'), 'a90568656c6c6f');
  assert.is(bytesOf(framingCases, 'framing/rsv3-close', 'client'), '980203e8');
  assert.is(bytesOf(framingCases, 'framing/rsv1-2-3-continuation', 'client'), '01046f6e652cf00374776f');
  assert.is(bytesOf(framingCases, 'framing/rsv2-3-pong', 'server'), 'ba8537fa213d5f9f4d5158');
  assert.is(bytesOf(framingCases, 'framing/opcode-3-reserved', 'client'), '8300');
  assert.is(bytesOf(framingCases, 'framing/opcode-15-reserved', 'server'), '8f8037fa213d');
  assert.is(bytesOf(framingCases, 'framing/opcode-11-fragment', 'client'), '0b046f6e652c800374776f');
  assert.is(bytesOf(framingCases, 'framing/opcode-7-at-header', 'client'), '8764');
});

framing('cover every combination of reserved bits on every type of frame, and every reserved opcode', () => {
  const firsts = new Set<number>();
  for (const { id } of framingCases) {
    if (!/^framing\/(?:rsv[123-]+-(?:text|binary|ping|pong|close)|opcode-\d+-reserved)$/.test(id)) continue;
    firsts.add(Number.parseInt(bytesOf(framingCases, id, 'client').slice(0, 2), 16));
  }
  assert.is(firsts.size, 7 * 5 + 10);
});

framing.run();
