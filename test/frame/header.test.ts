import * as assert from 'uvu/assert';
import { encodeAnyFrame, parseFrameHeader } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { exampleKey, hex } from './kit.js';

const describing = suite('description of headers (RFC 6455 §5.2)');

describing('says what a header is, lawful or not', () => {
  assert.equal(parseFrameHeader(hex('ff 8185 37fa213d 00'), 1), {
    fin: true,
    rsv: 0,
    opcode: 1,
    masked: true,
    length: 5,
    lengthForm: 7,
    headerSize: 6,
    maskingKeyOffset: 3,
  });
  assert.equal(parseFrameHeader(hex('73 7e 0001')), {
    fin: false,
    rsv: 7,
    opcode: 3,
    masked: false,
    length: 1,
    lengthForm: 16,
    headerSize: 4,
    maskingKeyOffset: undefined,
  });
  assert.is(parseFrameHeader(hex('827f 001fffffffffffff'))!.length, Number.MAX_SAFE_INTEGER);
  assert.is(parseFrameHeader(hex('827f 0020000000000000'))!.length, 2n ** 53n);
  assert.is(parseFrameHeader(hex('827f ffffffffffffffff'))!.length, 2n ** 64n - 1n);
});

describing('asks for more at every strict prefix, and looks no further than its end', () => {
  for (const text of [
    '8100',
    '8185 01020304',
    '827e 0100',
    '82fe 0100 01020304',
    '827f 0000000000010000',
    '82ff 0000000000010000 01020304',
  ]) {
    const bytes = hex(text);
    for (let end = 0; end < bytes.length; end++) {
      assert.is(parseFrameHeader(bytes.subarray(0, end)), undefined);
      assert.is(parseFrameHeader(bytes, 0, end), undefined);
    }
    assert.is(parseFrameHeader(bytes)!.headerSize, bytes.length);
  }
});

describing('reads back any frame that the tools write', () => {
  for (const frame of [
    { opcode: 11, rsv: 5, fin: false },
    { opcode: 2, lengthForm: 64 as const, payload: hex('616263'), maskingKey: exampleKey },
    { opcode: 9, lengthForm: 16 as const, announcedLength: 1000 },
    { opcode: 1, announcedLength: 2n ** 64n - 1n },
  ]) {
    const header = parseFrameHeader(encodeAnyFrame(frame))!;
    assert.is(header.opcode, frame.opcode);
    assert.is(header.rsv, frame.rsv ?? 0);
    assert.is(header.fin, frame.fin ?? true);
    assert.is(header.lengthForm, frame.lengthForm ?? (frame.announcedLength === undefined ? 7 : 64));
    assert.is(header.length, frame.announcedLength ?? frame.payload?.length ?? 0);
    assert.is(header.masked, frame.maskingKey !== undefined);
  }
});
describing.run();
