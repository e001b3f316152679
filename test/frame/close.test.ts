import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import {
  closeCodeName,
  describeCloseCode,
  encodeClosePayload,
  isReceivableCloseCode,
  isSendableCloseCode,
  maxCloseReasonBytes,
  parseClosePayload,
} from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, outcome, PeerProtocolError, refuses } from './kit.js';

const codes = suite('close codes (RFC 6455 §7.4)');

/** As HAZARDS and the registry have it, written out once more. */
function isAllowed(code: number): boolean {
  return (
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code) ||
    (code >= 3000 && code < 5000)
  );
}

codes('accepts and refuses each of the 65,536 codes on receipt as the registry says (T12)', () => {
  const payload = Buffer.alloc(2);
  for (let code = 0; code < 65536; code++) {
    payload.writeUInt16BE(code);
    const parsed = parseClosePayload(payload);
    assert.is(isReceivableCloseCode(code), isAllowed(code));
    if (isAllowed(code)) assert.equal(parsed, { code, reason: '' });
    else assert.is((parsed as PeerProtocolError).code, 'close-code-invalid', String(code));
  }
});

for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
  codes(`refuses a close with ${code} after 4 bytes, not waiting for the reason (T12)`, () => {
    const bytes = hex('8805 0000');
    bytes.writeUInt16BE(code, 2);
    const { error } = refuses('client', bytes, 'close-code-invalid', 1002, 4);
    assert.is(error?.message, `a close frame carries code ${code} (RFC 6455 §7.4)`);
  });
}

codes('allows the same codes to be sent, 1010 by a client only (T12)', () => {
  for (let code = 0; code < 6000; code++) {
    assert.is(isSendableCloseCode(code, 'client'), isAllowed(code));
    assert.is(isSendableCloseCode(code, 'server'), isAllowed(code) && code !== 1010);
  }
  for (const code of [1000.5, Number.NaN, -1000, 2 ** 32 + 1000]) assert.not(isSendableCloseCode(code, 'client'));
});

codes('have names', () => {
  assert.is(closeCodeName(1001), 'going away');
  assert.is(closeCodeName(1500), 'unassigned');
  assert.is(closeCodeName(3999), 'registered');
  assert.is(closeCodeName(4000), 'private use');
  assert.is(closeCodeName(5000), 'invalid');
  assert.is(describeCloseCode(1009), '1009 message too big: a message is larger than the endpoint accepts');
});
codes.run();

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
