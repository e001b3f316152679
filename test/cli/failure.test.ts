import * as assert from 'uvu/assert';
import { failure } from '../../src/cli/failure.js';
import { Fault } from '../../src/cli/fault.js';
import { fitted, harmless, paintFor, visible } from '../../src/cli/terminal.js';
import {
  ConnectionClosedError,
  HandshakeError,
  LimitExceededError,
  PeerIdentityError,
  UsageError,
} from '../../src/errors.js';
import { suite } from '../support/suite.js';

const limit = { limit: 'maxMessageBytes', maximum: 1, actual: 2, unit: 'bytes', closeCode: 1009 };
const fault = new Fault(2, 'so');

const failures = suite('faults of a command');

for (const [name, error, exitCode, line] of [
  ['a fault of its own', fault, 2, 'so'],
  ['wrong usage', new UsageError('x', 'wrong'), 2, 'wrong'],
  ['a refused identity, with its hint', new PeerIdentityError('x', 'refused', { hint: 'renew' }), 1, 'refused; renew'],
  ['status 404', new HandshakeError('http-status', '404', { httpStatus: 404 }), 1, '404; check the path of the URL'],
  [
    'a redirect',
    new HandshakeError('http-status', '302', { httpStatus: 302 }),
    1,
    '302; connect to where it points, if you trust it with your certificate',
  ],
  ['status 503', new HandshakeError('http-status', '503', { httpStatus: 503 }), 1, '503; try again later'],
  ['status 500', new HandshakeError('http-status', '500', { httpStatus: 500 }), 1, '500'],
  ['a limit', new LimitExceededError('x', 'too long', limit), 1, 'too long'],
  ['a closed connection', new ConnectionClosedError('x', 'closed'), 1, 'closed'],
  ['an error of the system', Object.assign(new Error('x'), { code: 'EMFILE' }), 1, 'too many open files'],
  ['any other error, on one line', new Error('two\nlines'), 1, 'two\\nlines'],
  ['what is no error', 'text', 1, 'text'],
] as const) {
  failures(`tells ${name}`, () => {
    const told = failure(error);
    assert.is(told.exitCode, exitCode);
    assert.is(told.line, line);
  });
}

failures.run();

const terminal = suite('text for terminals (M17)');

terminal('lets no control character of a peer reach a terminal, but line feeds and tabs', () => {
  assert.is(harmless('a\n\tb\x1b[2J\x07\x9b\r\x7f'), 'a\n\tb\\x1b[2J\\x07\\x9b\\r\\x7f');
  assert.is(visible('a\n\x1b\x9b\u202e'), 'a␊␛\\x9b\\u202e');
});

terminal('has colour on a terminal only, and not when NO_COLOR says so', () => {
  const colour = (isTTY: boolean, environment: NodeJS.ProcessEnv): boolean =>
    paintFor({ isTTY }, environment).bold('x') !== 'x';
  assert.is(colour(true, {}), true);
  assert.is(colour(true, { NO_COLOR: '' }), true);
  assert.is(colour(true, { NO_COLOR: '1' }), false);
  assert.is(colour(true, { TERM: 'dumb' }), false);
  assert.is(colour(false, { FORCE_COLOR: '1' }), false);
});

terminal('has long lines wrapped between words on a terminal only', () => {
  const line = 'mtls-ws connect: the server was not reached; check the URL';
  assert.is(fitted(line, { isTTY: true, columns: 30 }), 'mtls-ws connect: the server\nwas not reached; check the URL');
  assert.is(fitted(line, { isTTY: true, columns: line.length }), line);
  assert.is(fitted(line, { isTTY: true, columns: 0 }), line);
  assert.is(fitted(line, { columns: 30 }), line);
});

terminal.run();
