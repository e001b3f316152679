import * as assert from 'uvu/assert';
import { isControlOpcode, opcodeName, opcodes } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';

const naming = suite('opcodes (RFC 6455 §5.2)');

naming('have names, also where they are reserved', () => {
  for (const [name, opcode] of Object.entries(opcodes)) assert.is(opcodeName(opcode), name);
  assert.is(opcodeName(3), 'reserved (0x3)');
  assert.is(opcodeName(15), 'reserved (0xf)');
});

naming('are control frames from 8 on', () => {
  for (let opcode = 0; opcode < 16; opcode++) assert.is(isControlOpcode(opcode), opcode > 7);
});
naming.run();
