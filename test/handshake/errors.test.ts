import * as assert from 'uvu/assert';
import { HandshakeError } from '../../src/errors.js';
import {
  type HandshakeFaultCode,
  handshakeFaults,
  requestFault,
  responseFault,
  shown,
} from '../../src/handshake/errors.js';
import { suite } from '../support/suite.js';

const faults = suite('faults of an opening handshake');

const codes = Object.keys(handshakeFaults) as HandshakeFaultCode[];

faults('have a stable name, a section, and a status that refuses', () => {
  for (const code of codes) {
    const { status, section } = handshakeFaults[code];
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.match(section, /^RFC (6455|6585|7692|9110|9112) §\d+(\.\d+)*$/);
    assert.ok(
      status === undefined || [400, 403, 404, 405, 408, 414, 421, 426, 429, 431, 500, 503, 505].includes(status),
      code,
    );
  }
});

faults('of a request carry the status of the answer, the field and the value', () => {
  for (const code of codes) {
    const { status, section, field } = handshakeFaults[code];
    const error = requestFault(code, 'why', 'a\nb');
    assert.instance(error, HandshakeError);
    assert.is(error.code, code);
    assert.is(error.message, `why (${section})`);
    assert.is(error.httpStatus, status);
    assert.is(error.field, field);
    assert.is(error.value, 'a\\nb');
  }
  assert.is(requestFault('head-malformed', 'why').value, undefined);
});

faults('of a response carry no status but the one received', () => {
  for (const code of codes) assert.is(responseFault(code, 'why').httpStatus, undefined);
  assert.is(responseFault('http-status', 'why', undefined, 403).httpStatus, 403);
});

faults('show a value escaped, quoted and bounded', () => {
  assert.is(shown('a\x1b[0m'), '"a\\x1b[0m"');
  assert.is(shown('x'.repeat(101)), `"${'x'.repeat(100)}\u2026"`);
});

faults.run();
