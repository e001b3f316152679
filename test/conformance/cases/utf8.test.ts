import { Buffer, isUtf8 } from 'node:buffer';
import * as assert from 'uvu/assert';
import { illFormed, wellFormed } from '../../../src/conformance/cases/utf8-table.js';
import { suite } from '../../support/suite.js';

const table = suite('the table of UTF-8 (RFC 3629 §4)');

function bytesOf(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

table('has nothing but UTF-8 among the well-formed', () => {
  for (const { name, bytes } of wellFormed) assert.ok(isUtf8(bytesOf(bytes)), name);
});

table('has no UTF-8 among the ill-formed', () => {
  for (const { name, bytes } of illFormed) assert.not.ok(isUtf8(bytesOf(bytes)), name);
  assert.ok(illFormed.length > 60);
});

table.run();
