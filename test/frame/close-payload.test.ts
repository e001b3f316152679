import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { encodeClosePayload, maxCloseReasonBytes, parseClosePayload } from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, outcome, PeerProtocolError } from './kit.js';

const bodies = suite('bodies of close frames (RFC 6455 §5.5.1)');

bodies('are read back as they were written', () => {
  const longest = `é${'x'.repeat(maxCloseReasonBytes - 2)}`;
  for (const reason of ['', 'bye', '日本 😀', longest]) {
    assert.equal(parseClosePayload(encodeClosePayload('server', 4321, reason)), { code: 4321, reason });
  }
  assert.equal(parseClosePayload(encodeClosePayload('client', undefined)), { code: 1005, reason: '' });
  assert.equal(parseClosePayload(hex('ff 03e8 6162 ff'), 1, 5), { code: 1000, reason: 'ab' });
});

bodies('carry U+FFFD for a lone surrogate', () => {
  assert.equal(encodeClosePayload('client', 1000, 'a\ud800'), hex('03e8 61 efbfbd'));
});

bodies('are refused at the byte that shows the fault', () => {
  const fault = (text: string): unknown => {
    const error = parseClosePayload(hex(text));
    assert.instance(error, PeerProtocolError);
    const { code, closeCode, section, offset } = error as PeerProtocolError;
    return [code, closeCode, section, offset];
  };
  assert.equal(fault('03'), ['close-payload-too-short', 1002, 'RFC 6455 §5.5.1', 1]);
  assert.equal(fault('03ee 61'), ['close-code-invalid', 1002, 'RFC 6455 §7.4', 2]);
  assert.equal(fault('03e8 61 80 61'), ['close-reason-not-utf8', 1007, 'RFC 6455 §5.5.1', 4]);
  assert.equal(fault('03e8 61 c3'), ['close-reason-not-utf8', 1007, 'RFC 6455 §5.5.1', 4]);
  assert.equal((parseClosePayload(hex('ffff 0000'), 2) as PeerProtocolError).offset, 2);
});

bodies('are the caller’s mistake with a code, a reason or a length that is not allowed', () => {
  const usage = (code: number | undefined, reason?: string): string => {
    try {
      encodeClosePayload('server', code, reason);
    } catch (error) {
      assert.instance(error, UsageError);
      return `${(error as UsageError).code} ${(error as UsageError).option}`;
    }
    return 'none';
  };
  assert.is(usage(1010), 'close-code-not-sendable code');
  assert.is(usage(1005), 'close-code-not-sendable code');
  assert.is(usage(undefined, 'why'), 'close-reason-without-code reason');
  assert.is(usage(1000, 'x'.repeat(123)), 'none');
  assert.is(usage(1000, 'x'.repeat(124)), 'close-reason-too-long reason');
  assert.is(usage(1000, 'é'.repeat(62)), 'close-reason-too-long reason');
});

bodies('of any length come out whole in any chunking', () => {
  assert.equal(
    outcome('client', Buffer.concat([hex('887d'), encodeClosePayload('server', 1011, 'x'.repeat(123))])).lines,
    [`close 1011 ${'x'.repeat(123)}`],
  );
});
bodies.run();
