import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { HandshakeError, UsageError } from '../../src/errors.js';
import { createRequest, examineResponse } from '../../src/handshake/client.js';
import { handshakeFaults } from '../../src/handshake/errors.js';
import { Fields } from '../../src/handshake/fields.js';
import { HeadParser } from '../../src/handshake/http-head.js';
import { acceptResponse, type HeaderInput, plainResponse, refusalResponse } from '../../src/handshake/response.js';
import { suite } from '../support/suite.js';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Splits a response into its lines and its body; the head must be one that our own parser takes. */
function split(bytes: Buffer): { line: string; fields: Fields; body: string } {
  const parser = new HeadParser('response');
  const taken = parser.push(bytes);
  assert.is(parser.error?.message, undefined);
  const text = bytes.toString('latin1', 0, taken);
  return {
    line: text.slice(0, text.indexOf('\r\n')),
    fields: parser.head!.fields,
    body: bytes.toString('utf8', taken),
  };
}

function throws(call: () => unknown, code: string, option: string): void {
  try {
    call();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.is((error as UsageError).code, code);
    assert.is((error as UsageError).option, option);
    return;
  }
  assert.unreachable(code);
}

const accepted = suite('the 101 (RFC 6455 §4.2.2)');

accepted('names the extensions that were accepted, and no line of its own beside', () => {
  assert.match(
    acceptResponse({ key, extensions: 'permessage-deflate; server_max_window_bits=10' }).toString(),
    /\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n$/,
  );
  throws(() => acceptResponse({ key, extensions: 'a\r\nX: y' }), 'header-malformed', 'headers');
});

accepted('is written as RFC 6455 §1.2 shows it', () => {
  assert.is(
    acceptResponse({ key, protocol: 'chat' }).toString(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n',
  );
});

accepted('has no subprotocol unless one was agreed, and satisfies our own client', () => {
  const bytes = acceptResponse({ key });
  assert.not.ok(split(bytes).fields.has('Sec-WebSocket-Protocol'));
  const parser = new HeadParser('response');
  // Frames in the packet of the 101 are left to others (T19).
  assert.is(parser.push(Buffer.concat([bytes, Buffer.from('810568656c6c6f', 'hex')])), bytes.length);
  assert.is(examineResponse(parser.head!, createRequest({ url: 'wss://a', key })).kind, 'accepted');
});

accepted('refuses a subprotocol that could start a line of its own (T17)', () => {
  for (const protocol of ['', 'a\r\nX: y', 'a\n', 'a\0', 'a b']) {
    throws(() => acceptResponse({ key, protocol }), 'protocols-malformed', 'protocols');
  }
});

accepted.run();

const refusals = suite('refusals (RFC 9110 §15)');

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  414: 'URI Too Long',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

refusals('look alike: status, text, and the connection closes (T18)', () => {
  for (const [status, phrase] of Object.entries(phrases)) {
    const error = new HandshakeError('x', 'why \u2026', { httpStatus: Number(status) });
    const { line, fields, body } = split(refusalResponse(error));
    assert.is(line, `HTTP/1.1 ${status} ${phrase}`);
    assert.match(fields.get('Connection')!, /(^|, )close$/);
    assert.is(fields.get('Content-Type'), 'text/plain; charset=utf-8');
    assert.is(fields.get('Content-Length'), String(Buffer.byteLength(body)));
    assert.is(body, 'why \u2026\n');
  }
});

refusals('with 405 say what is allowed', () => {
  assert.is(split(refusalResponse(new HandshakeError('x', 'y', { httpStatus: 405 }))).fields.get('Allow'), 'GET');
});

refusals('with 426 say what to upgrade to', () => {
  const { fields } = split(refusalResponse(new HandshakeError('x', 'y', { httpStatus: 426 })));
  assert.is(fields.get('Upgrade'), 'websocket');
  assert.is(fields.get('Connection'), 'Upgrade, close');
  assert.is(fields.get('Sec-WebSocket-Version'), '13');
});

refusals('without a status of their own are 400', () => {
  assert.is(split(refusalResponse(new HandshakeError('x', 'y'))).line, 'HTTP/1.1 400 Bad Request');
});

refusals('of HEAD have no body', () => {
  const { fields, body } = split(
    refusalResponse(new HandshakeError('x', 'y', { httpStatus: 405 }), { method: 'HEAD' }),
  );
  assert.is(fields.get('Content-Length'), '2');
  assert.is(body, '');
});

refusals('have a phrase for every status of the table of faults', () => {
  for (const [code, { status }] of Object.entries(handshakeFaults)) {
    if (status !== undefined) assert.ok(phrases[status], code);
  }
});

refusals.run();

const plain = suite('plain responses (RFC 9110)');

plain('are what the caller says, and the connection closes', () => {
  const { line, fields, body } = split(plainResponse(200, 'ok\n'));
  assert.is(line, 'HTTP/1.1 200 OK');
  assert.is(fields.get('Connection'), 'close');
  assert.is(fields.get('Content-Type'), 'text/plain; charset=utf-8');
  assert.is(fields.get('Content-Length'), '3');
  assert.is(body, 'ok\n');
});

plain('take bytes, just those of a view', () => {
  const view = new Uint8Array([0x78, 0x68, 0x69, 0x78]).subarray(1, 3);
  assert.is(split(plainResponse(200, view)).body, 'hi');
  assert.is(split(plainResponse(200, 'caf\u00e9')).fields.get('Content-Length'), '5');
});

plain('take fields as object, pairs or Fields', () => {
  const inputs: HeaderInput[] = [{ 'X-A': 'b' }, [['X-A', 'b']], Fields.fromRaw(['X-A', 'b']), new Map([['X-A', 'b']])];
  for (const headers of inputs) assert.is(split(plainResponse(200, '', { headers })).fields.get('X-A'), 'b');
  const cookies = plainResponse(200, '', {
    headers: [
      ['Set-Cookie', 'a'],
      ['Set-Cookie', 'b'],
    ],
  });
  assert.equal(split(cookies).fields.getAll('Set-Cookie'), ['a', 'b']);
});

plain('leave the type of the body to the caller', () => {
  const { fields } = split(plainResponse(200, '{}', { headers: { 'X-A': 'b', 'content-type': 'application/json' } }));
  assert.equal(fields.getAll('Content-Type'), ['application/json']);
  const other = split(plainResponse(200, '{}', { headers: { 'X-Content-Type': 'application/json' } }));
  assert.equal(other.fields.getAll('Content-Type'), ['text/plain; charset=utf-8']);
});

plain('to HEAD have the length but not the body', () => {
  const { fields, body } = split(plainResponse(200, 'ok\n', { method: 'HEAD' }));
  assert.is(fields.get('Content-Length'), '3');
  assert.is(body, '');
});

plain('with 204 and 304 have neither body nor length', () => {
  for (const status of [204, 304]) {
    const { fields, body } = split(plainResponse(status, 'ok', { headers: { ETag: '"a"' } }));
    assert.not.ok(fields.has('Content-Length'));
    assert.not.ok(fields.has('Content-Type'));
    assert.is(fields.get('ETag'), '"a"');
    assert.is(body, '');
  }
});

plain('may have a status without a phrase of ours', () => {
  const headers = { Location: 'https://a.example/' };
  assert.is(split(plainResponse(302, '', { headers })).line, 'HTTP/1.1 302 ');
});

plain('refuse a status that is none, or not final', () => {
  for (const status of [101, 199, 600, 200.5, Number.NaN, '200' as never]) {
    throws(() => plainResponse(status, ''), 'status-malformed', 'status');
  }
  for (const status of [200, 599]) plainResponse(status, '');
});

plain('refuse a Location or any field with CR, LF or NUL (T17)', () => {
  for (const bad of ['\r', '\n', '\0', '\r\nSet-Cookie: a', '\x7f', '\u010a']) {
    throws(() => plainResponse(302, '', { headers: { Location: `/a${bad}b` } }), 'header-malformed', 'headers');
    throws(() => plainResponse(302, '', { headers: [[`A${bad}`, 'b']] }), 'header-malformed', 'headers');
  }
  for (const headers of [
    { '': 'a' },
    { A: ' b' },
    { A: 'b\t' },
    { A: 1 },
    [[1, 'a']],
    [['A']],
    ['A: b'],
    [1],
    null,
    'A: b',
    5,
  ]) {
    throws(() => plainResponse(200, '', { headers: headers as HeaderInput }), 'header-malformed', 'headers');
  }
});

plain('say which field cannot be sent on one line of visible text', () => {
  const name = `A\u202e\u00ad\x9b${'x'.repeat(300)}`;
  const expected = `the header field "A\\u202e\\xad\\x9b${'x'.repeat(96)}…" has`;
  assert.throws(
    () => plainResponse(200, '', { headers: [[name, 'b']] }),
    (error: Error) => error.message.startsWith(expected),
  );
});

plain('refuse the fields that frame a response', () => {
  for (const name of ['Connection', 'content-length', 'Transfer-Encoding', 'UPGRADE']) {
    throws(() => plainResponse(200, '', { headers: { [name]: 'x' } }), 'header-reserved', 'headers');
  }
});

plain.run();
