import * as assert from 'uvu/assert';
import { closeCodes } from '../../src/frame/close-code.js';
import {
  closeCodeName,
  describeCloseCode,
  isReceivableCloseCode,
  isSendableCloseCode,
  parseClosePayload,
} from '../../src/frame/index.js';
import { suite } from '../support/suite.js';
import { hex, type PeerProtocolError, refuses } from './kit.js';

const codes = suite('close codes (RFC 6455 §7.4)');

/** As HAZARDS and the registry have it, written out once more. */
function isAllowed(code: number): boolean {
  return (
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code) ||
    (code >= 3000 && code < 5000)
  );
}

codes('have the numbers of RFC 6455 §7.4.1 and of the registry', () => {
  assert.equal(Object.entries(closeCodes), [
    ['normalClosure', 1000],
    ['goingAway', 1001],
    ['protocolError', 1002],
    ['unsupportedData', 1003],
    ['noStatusReceived', 1005],
    ['abnormalClosure', 1006],
    ['invalidPayload', 1007],
    ['policyViolation', 1008],
    ['messageTooBig', 1009],
    ['mandatoryExtension', 1010],
    ['internalError', 1011],
    ['serviceRestart', 1012],
    ['tryAgainLater', 1013],
    ['badGateway', 1014],
    ['tlsHandshake', 1015],
  ]);
});

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
