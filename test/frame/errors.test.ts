import * as assert from 'uvu/assert';
import { limitFaults, protocolFaults } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';

const tables = suite('faults of frames (RFC 6455 §7.4.1)');

tables('cite a section and are answered with a code of their kind', () => {
  for (const [code, row] of Object.entries(protocolFaults)) {
    assert.match(row.section, /^RFC (6455|7692) §\d+(\.\d+)*$/);
    const isContent = code.endsWith('not-utf8') || code === 'compressed-data-invalid';
    assert.is(row.closeCode, isContent ? 1007 : 1002);
  }
  for (const row of Object.values(limitFaults)) assert.ok(row.closeCode === 1008 || row.closeCode === 1009);
});
tables.run();
