import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { HandshakeError, UsageError } from '../../src/errors.js';
import {
  createRequest,
  examineResponse,
  type RequestOptions,
  type ResponseVerdict,
  responseBodyLength,
} from '../../src/handshake/client.js';
import { HeadParser, type ResponseHead } from '../../src/handshake/http-head.js';
import { acceptFor, isKey } from '../../src/handshake/key.js';
import { examineRequest } from '../../src/handshake/server.js';
import { suite } from '../support/suite.js';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';

const requests = suite('requests of a client (RFC 6455 §4.1)');

const sent = (options: Partial<RequestOptions> = {}): string =>
  createRequest({ url: 'wss://a.example/chat', key, ...options }).bytes.toString('latin1');

requests('are written line by line as RFC 6455 §1.2 shows them', () => {
  const text = sent({
    url: 'wss://server.example.com/chat?room=1',
    protocols: ['chat', 'superchat'],
    origin: 'https://example.com',
    headers: { Cookie: 'a=b' },
  });
  assert.equal(text.split('\r\n'), [
    'GET /chat?room=1 HTTP/1.1',
    'Host: server.example.com',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: chat, superchat',
    'Origin: https://example.com',
    'Cookie: a=b',
    '',
    '',
  ]);
});

requests('say no more than they must', () => {
  assert.is(sent().split('\r\n').length, 6 + 2);
});

requests('bear a new key each', () => {
  const made = createRequest({ url: 'wss://a' });
  assert.ok(isKey(made.key));
  assert.match(made.bytes.toString(), `Sec-WebSocket-Key: ${made.key}\r\n`);
  assert.is.not(made.key, createRequest({ url: 'wss://a' }).key);
});

requests('keep the subprotocols that were offered', () => {
  const protocols = ['a'];
  const request = createRequest({ url: 'wss://a', protocols });
  protocols.push('b');
  assert.equal(request.protocols, ['a']);
  assert.equal(createRequest({ url: 'wss://a' }).protocols, []);
});

requests('name host and port, the port unless it is 443, IPv6 in brackets', () => {
  const hosts = {
    'wss://A.example': 'a.example',
    'wss://a.example.:443/': 'a.example',
    'wss://a.example:8443': 'a.example:8443',
    'wss://[0::1]:8443/': '[::1]:8443',
    'wss://127.0.0.1': '127.0.0.1',
    'wss://b\u00fccher.example': 'xn--bcher-kva.example',
  };
  for (const [url, host] of Object.entries(hosts)) assert.match(sent({ url }), `\r\nHost: ${host}\r\n`);
});

requests('take a URL object, and a path that needs escapes', () => {
  assert.match(sent({ url: new URL('wss://a/b') }), /^GET \/b HTTP/);
  assert.match(sent({ url: 'wss://a' }), /^GET \/ HTTP/);
  assert.match(sent({ url: 'wss://a?b' }), /^GET \/\?b HTTP/);
  assert.match(sent({ url: 'wss://a/b c/\u00fc' }), /^GET \/b%20c\/%C3%BC HTTP/);
  assert.match(sent({ url: 'wss://a/b%23c?d%23' }), /^GET \/b%23c\?d%23 HTTP/);
});

requests('pass our own server', () => {
  const parser = new HeadParser('request');
  const { bytes } = createRequest({ url: 'wss://a:1', protocols: ['x'], origin: 'https://a:1' });
  assert.is(parser.push(bytes), bytes.length);
  assert.is(examineRequest(parser.head!, { serverName: 'a' }).kind, 'upgrade');
});

requests.run();

const usage = suite('what a client cannot ask for (RFC 6455 §3, §4.1)');

function throws(options: Partial<RequestOptions>, code: string, option: string): UsageError {
  try {
    sent(options);
  } catch (error) {
    assert.instance(error, UsageError);
    assert.is((error as UsageError).code, code);
    assert.is((error as UsageError).option, option);
    return error as UsageError;
  }
  return assert.unreachable(JSON.stringify(options)) as never;
}

usage('refuses other schemes, fragments, user information and what is no URL', () => {
  const wrong = ['ws://a', 'https://a', 'a', '', 'wss://', 'wss://a#b', 'wss://a/#', 'wss://u@a', 'wss://:p@a'];
  wrong.push('wss://a:99999', 'wss://a!b', 'wss://a..b');
  for (const url of wrong) throws({ url }, 'url-malformed', 'url');
  throws({ url: new URL('wss://a/#') }, 'url-malformed', 'url');
  throws({ url: undefined as never }, 'url-malformed', 'url');
  assert.match(throws({ url: 'ws://a' }, 'url-malformed', 'url').message, 'only wss');
  assert.not.match(throws({ url: 'wss://u:secret@a' }, 'url-malformed', 'url').message, 'secret');
});

usage('refuses CR, LF and NUL anywhere before a byte is written (T17)', () => {
  for (const bad of ['\r', '\n', '\0', '\r\nX: y']) {
    throws({ url: `wss://a/b${bad}` }, 'url-malformed', 'url');
    throws({ url: `wss://a/?b${bad}c` }, 'url-malformed', 'url');
    throws({ protocols: [`a${bad}`] }, 'protocols-malformed', 'protocols');
    throws({ origin: `https://a${bad}` }, 'origin-malformed', 'origin');
    throws({ key: `${key}${bad}` }, 'key-malformed', 'key');
    throws({ headers: { A: `b${bad}` } }, 'header-malformed', 'headers');
    throws({ headers: { A: `b${bad}c` } }, 'header-malformed', 'headers');
    throws({ headers: { [`A${bad}`]: 'b' } }, 'header-malformed', 'headers');
  }
});

usage('refuses an origin, a key and subprotocols that cannot be sent', () => {
  for (const origin of ['', ' x', 'x ', '\u0100', 1 as never]) throws({ origin }, 'origin-malformed', 'origin');
  for (const bad of ['', 'x', `${key}=`]) throws({ key: bad }, 'key-malformed', 'key');
  throws({ protocols: ['a', 'a'] }, 'protocols-malformed', 'protocols');
});

usage('refuses fields that are of the handshake itself, in any letter case', () => {
  const names = ['Host', 'upgrade', 'CONNECTION', 'Content-Length', 'Transfer-Encoding', 'Origin'];
  for (const part of ['Key', 'Version', 'Protocol', 'Extensions', 'Accept']) names.push(`Sec-WebSocket-${part}`);
  for (const name of names) {
    throws({ headers: { [name]: 'x' } }, 'header-reserved', 'headers');
    throws({ headers: [[name.toLowerCase(), 'x']] }, 'header-reserved', 'headers');
  }
});

usage.run();

const request = createRequest({ url: 'wss://a/', key, protocols: ['chat', 'superchat'] });

const lawful: Readonly<Record<string, string>> = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Accept': acceptFor(key),
};

type Changed = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Returns the head of a response, by default a lawful 101, with some fields changed. */
function head(fields: Changed = {}, line = 'HTTP/1.1 101 Switching Protocols'): ResponseHead {
  let text = `${line}\r\n`;
  for (const [name, value] of Object.entries({ ...lawful, ...fields })) {
    for (const one of [value ?? []].flat()) text += `${name}: ${one}\r\n`;
  }
  const parser = new HeadParser('response');
  parser.push(Buffer.from(`${text}\r\n`, 'latin1'));
  assert.is(parser.error?.message, undefined);
  return parser.head!;
}

function accepts(fields: Changed): ResponseVerdict & { kind: 'accepted' } {
  const verdict = examineResponse(head(fields), request);
  assert.is(verdict.kind, 'accepted', JSON.stringify(fields));
  return verdict as ResponseVerdict & { kind: 'accepted' };
}

function refuses(fields: Changed, code: string, field: string): HandshakeError {
  const verdict = examineResponse(head(fields), request);
  assert.is(verdict.kind, 'refused', JSON.stringify(fields));
  const { error } = verdict as ResponseVerdict & { kind: 'refused' };
  assert.instance(error, HandshakeError);
  assert.is(error.code, code, JSON.stringify(fields));
  assert.is(error.field, field);
  assert.is(error.httpStatus, undefined);
  assert.match(error.message, / \(RFC 6455 §4\.1\)$/);
  return error;
}

const responses = suite('responses at a client (RFC 6455 §4.1)');

responses('open the connection when they are right', () => {
  assert.equal(examineResponse(head(), request), { kind: 'accepted', protocol: '', deflate: undefined });
  accepts({ Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' });
  accepts({ Connection: ['keep-alive', 'upgrade'] });
  accepts({ 'Sec-WebSocket-Accept': ` \t${acceptFor(key)}  ` });
});

responses('may agree to one of the subprotocols offered', () => {
  assert.is(accepts({ 'Sec-WebSocket-Protocol': 'superchat' }).protocol, 'superchat');
});

responses('are refused without Upgrade: websocket', () => {
  assert.match(refuses({ Upgrade: undefined }, 'upgrade-wrong', 'Upgrade').message, 'has no Upgrade');
  for (const value of ['', 'h2c', 'websocket, h2c', 'websocket/13']) {
    assert.is(refuses({ Upgrade: value }, 'upgrade-wrong', 'Upgrade').value, value);
  }
  refuses({ Upgrade: ['websocket', 'websocket'] }, 'upgrade-wrong', 'Upgrade');
});

responses('are refused without Connection: Upgrade', () => {
  refuses({ Connection: undefined }, 'connection-wrong', 'Connection');
  for (const value of ['', 'keep-alive', 'Upgrades']) refuses({ Connection: value }, 'connection-wrong', 'Connection');
});

responses('are refused with a wrong, a missing and two Accept (T19)', () => {
  const right = acceptFor(key);
  const field = 'Sec-WebSocket-Accept';
  assert.match(refuses({ [field]: undefined }, 'accept-missing', field).message, `has no ${field}`);
  for (const value of ['', 'x', key, right.toLowerCase(), right.slice(0, -1), `${right}=`, `${right}, ${right}`]) {
    assert.is(refuses({ [field]: value }, 'accept-wrong', field).value, value);
  }
  refuses({ [field]: [right, right] }, 'accept-repeated', field);
  refuses({ [field]: [right, 'x'] }, 'accept-repeated', field);
});

responses('are refused with a subprotocol that was not offered (T19)', () => {
  const field = 'Sec-WebSocket-Protocol';
  for (const value of ['', 'other', 'Chat', 'chat, superchat', ['chat', 'superchat'], ['chat', 'chat']]) {
    refuses({ [field]: value }, 'protocol-not-offered', field);
  }
  const none = createRequest({ url: 'wss://a/', key });
  assert.is(examineResponse(head({ [field]: 'chat' }), none).kind, 'refused');
});

responses('are refused with any extension: none was offered (T19)', () => {
  const field = 'Sec-WebSocket-Extensions';
  for (const value of ['permessage-deflate', '', ';', '__proto__', ['a', 'b']]) {
    refuses({ [field]: value }, 'extension-not-offered', field);
  }
});

responses('may accept permessage-deflate once, and nothing beside it, if it was offered (RFC 7692 §5.1)', () => {
  const offering = createRequest({ url: 'wss://a/', key, deflate: [{}] });
  assert.match(
    offering.bytes.toString('latin1'),
    '\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n',
  );
  const examine = (value: string | string[]): unknown => {
    const verdict = examineResponse(head({ 'Sec-WebSocket-Extensions': value }), offering);
    return verdict.kind === 'accepted' ? verdict.deflate : verdict.kind === 'refused' && verdict.error.code;
  };
  assert.equal(examine('permessage-deflate; server_max_window_bits=10; client_no_context_takeover'), {
    serverNoContextTakeover: false,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 10,
    clientMaxWindowBits: 15,
  });
  const verdict = examineResponse(head(), offering);
  assert.is(verdict.kind === 'accepted' && verdict.deflate, undefined);
  for (const value of ['permessage-deflate, permessage-deflate', ['permessage-deflate', 'x'], 'x', ',', ';']) {
    assert.is(examine(value), 'extension-not-offered', String(value));
  }
  for (const value of ['=7', '="x"', '=999', '=', '']) {
    const code = value === '=' ? 'extension-not-offered' : 'deflate-parameter-wrong';
    assert.is(examine(`permessage-deflate; server_max_window_bits${value}`), code, value);
  }
});

responses('are refused when they upgrade in HTTP/1.0', () => {
  const verdict = examineResponse(head({}, 'HTTP/1.0 101 x'), request);
  assert.is(verdict.kind === 'refused' && verdict.error.code, 'version-unsupported');
  assert.is(verdict.kind === 'refused' && verdict.error.httpStatus, undefined);
});

responses('of 1xx other than 101 are followed by another (T19)', () => {
  for (const status of [100, 102, 103, 199]) {
    assert.equal(examineResponse(head({}, `HTTP/1.1 ${status} x`), request), { kind: 'interim' });
  }
});

responses('with another status are told as they are, even if the rest is right (T19)', () => {
  for (const status of [200, 204, 301, 400, 401, 403, 426, 503, 600]) {
    for (const version of ['1.0', '1.1']) {
      const verdict = examineResponse(head({}, `HTTP/${version} ${status} Some Reason`), request);
      assert.is(verdict.kind, 'refused');
      const { error } = verdict as ResponseVerdict & { kind: 'refused' };
      assert.is(error.code, 'http-status');
      assert.is(error.httpStatus, status);
      assert.is(error.message, `the server answered ${status} Some Reason instead of 101 (RFC 6455 §4.1)`);
    }
  }
});

responses('that redirect are told with their target, escaped, and not followed (T19)', () => {
  const refusal = (line: string, location: string): HandshakeError =>
    (examineResponse(head({ Location: location }, line), request) as ResponseVerdict & { kind: 'refused' }).error;
  const error = refusal('HTTP/1.1 302', 'wss://evil.example/\x9b31m');
  assert.is(error.httpStatus, 302);
  assert.match(error.message, 'the server answered 302 instead of 101, a redirect to "wss://evil.example/\\x9b31m"');
  assert.match(error.message, 'not followed');
  assert.not.match(refusal('HTTP/1.1 201 x', 'wss://a/').message, 'redirect');
  assert.not.match(refusal('HTTP/1.1 400 x', 'wss://a/').message, 'redirect');
  assert.match(refusal('HTTP/1.1 399 x', 'wss://a/').message, 'redirect');
});

responses('show hostile values and reasons escaped and bounded', () => {
  const error = refuses({ Upgrade: `\x9b31m${'x'.repeat(10_000)}` }, 'upgrade-wrong', 'Upgrade');
  assert.ok(error.message.length < 300);
  assert.not.match(error.message, '\x9b');
  const verdict = examineResponse(head({}, `HTTP/1.1 400 \x9b${'y'.repeat(10_000)}`), request);
  assert.ok(verdict.kind === 'refused' && verdict.error.message.length < 300);
  assert.ok(verdict.kind === 'refused' && !verdict.error.message.includes('\x9b'));
});

responses.run();

const bodies = suite('length of a body (RFC 9112 §6.3)');

bodies('is that of Content-Length, if it is one', () => {
  const length = (fields: Changed, status = 403) => responseBodyLength(head(fields, `HTTP/1.1 ${status} x`));
  assert.is(length({ 'Content-Length': '0' }), 0);
  assert.is(length({ 'Content-Length': '123' }), 123);
  for (const value of ['', '-1', '+1', '1e3', '0x10', '1, 1', '9'.repeat(16)]) {
    assert.is(length({ 'Content-Length': value }), undefined, value);
  }
  assert.is(length({ 'Content-Length': ['1', '2'] }), undefined);
  assert.is(length({}), undefined);
  assert.is(length({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }), undefined);
});

bodies('is 0 where a status has no body', () => {
  for (const status of [204, 304]) {
    assert.is(responseBodyLength(head({ 'Content-Length': '9' }, `HTTP/1.1 ${status} x`)), 0);
  }
});

bodies.run();
