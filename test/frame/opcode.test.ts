import * as assert from 'uvu/assert';
import { isControlOpcode, limitFaults, opcodeName, opcodes, protocolFaults } from '../../src/frame/index.js';
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

const tables = suite('faults of frames (RFC 6455 §7.4.1)');

tables('cite a section and are answered with a code of their kind', () => {
  for (const [code, row] of Object.entries(protocolFaults)) {
    assert.match(row.section, /^RFC 6455 §\d+(\.\d+)*$/);
    assert.is(row.closeCode, code.endsWith('not-utf8') ? 1007 : 1002);
  }
  for (const row of Object.values(limitFaults)) assert.ok(row.closeCode === 1008 || row.closeCode === 1009);
});
tables.run();
