import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../src/errors.js';
import { Fields } from '../../src/handshake/fields.js';
import { HeadParser, type RequestHead } from '../../src/handshake/http-head.js';
import { examineRequest, type RequestVerdict, type ServerPolicy } from '../../src/handshake/server.js';
import { suite } from '../support/suite.js';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';

const lawful: Readonly<Record<string, string>> = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': key,
  'Sec-WebSocket-Version': '13',
};

interface Request {
  method?: string;
  target?: string;
  version?: string;
  /** Takes the place of lawful fields; `undefined` takes one away, a list makes several. */
  fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Returns the head of a lawful request with some of it changed, read from its bytes. */
function head({ method = 'GET', target = '/chat', version = '1.1', fields = {} }: Request = {}): RequestHead {
  let text = `${method} ${target} HTTP/${version}\r\n`;
  for (const [name, value] of Object.entries({ ...lawful, ...fields })) {
    for (const one of [value ?? []].flat()) text += `${name}: ${one}\r\n`;
  }
  const parser = new HeadParser('request');
  parser.push(Buffer.from(`${text}\r\n`, 'latin1'));
  assert.is(parser.error?.message, undefined);
  return parser.head!;
}

function upgrades(request: Request, policy?: ServerPolicy): RequestVerdict & { kind: 'upgrade' } {
  const verdict = examineRequest(head(request), policy);
  assert.is(verdict.kind === 'refused' ? verdict.error.message : '', '', JSON.stringify(request));
  assert.is(verdict.kind, 'upgrade', JSON.stringify(request));
  return verdict as RequestVerdict & { kind: 'upgrade' };
}

function refuses(request: Request, code: string, status: number, policy?: ServerPolicy): HandshakeError {
  const verdict = examineRequest(head(request), policy);
  assert.is(verdict.kind, 'refused', JSON.stringify(request));
  const { error } = verdict as RequestVerdict & { kind: 'refused' };
  assert.instance(error, HandshakeError);
  assert.is(error.code, code, JSON.stringify(request));
  assert.is(error.httpStatus, status, JSON.stringify(request));
  assert.match(error.message, / \(RFC \d+ §[\d.]+\)$/);
  return error;
}

const lets = suite('requests a server lets in (RFC 6455 §4.2.1)');

lets('takes the request of RFC 6455 §1.3', () => {
  const verdict = upgrades(
    {
      fields: { Origin: 'http://example.com', 'Sec-WebSocket-Protocol': 'chat, superchat' },
    },
    { origins: ['http://example.com'] },
  );
  assert.equal(verdict, {
    kind: 'upgrade',
    path: '/chat',
    host: 'server.example.com',
    key,
    offeredProtocols: ['chat', 'superchat'],
    offeredExtensions: [],
    origin: 'http://example.com',
  });
});

lets('reads Upgrade and Connection as lists, in any letter case', () => {
  upgrades({ fields: { Upgrade: 'WebSocket', Connection: 'upgrade' } });
  upgrades({ fields: { Upgrade: 'h2c, websocket', Connection: 'keep-alive, Upgrade' } });
  upgrades({ fields: { Upgrade: ['h2c', 'WEBSOCKET'], Connection: ['keep-alive', 'UPGRADE'] } });
});

lets('keeps path and query and takes a Content-Length of 0', () => {
  assert.is(upgrades({ target: '/a%20b?c=/d?e', fields: { 'Content-Length': '0' } }).path, '/a%20b?c=/d?e');
});

lets('takes a higher minor version of HTTP', () => {
  upgrades({ version: '1.2' });
});

lets('takes unknown extensions, of any name, for lawful offers (T14)', () => {
  const { offeredExtensions } = upgrades({
    fields: { 'Sec-WebSocket-Extensions': ['__proto__; constructor="x"', 'permessage-deflate'] },
  });
  assert.equal(offeredExtensions, [
    { name: '__proto__', parameters: [['constructor', 'x']] },
    { name: 'permessage-deflate', parameters: [] },
  ]);
});

lets('gives Host in one form, with its port unless that is 443', () => {
  const forms = { 'A.example:443': 'a.example', 'a.example:8443': 'a.example:8443', 'a.example:': 'a.example' };
  for (const [text, host] of Object.entries(forms)) assert.is(upgrades({ fields: { Host: text } }).host, host);
  assert.is(upgrades({ fields: { Host: '[0:0::1]:8443' } }).host, '[::1]:8443');
});

lets('takes a target in absolute form for its own host (T18)', () => {
  assert.is(upgrades({ target: 'https://SERVER.example.com:443/chat?a' }).path, '/chat?a');
  assert.is(upgrades({ target: 'wss://server.example.com' }).path, '/');
  assert.is(upgrades({ target: 'HTTPS://server.example.com?a' }).path, '/?a');
  assert.is(upgrades({ target: 'https://a:8443/b', fields: { Host: 'a:8443' } }).path, '/b');
});

lets.run();

const plain = suite('plain requests (RFC 9110)');

plain('are told from upgrades, whatever their method', () => {
  const none = { Upgrade: undefined, Connection: undefined, 'Sec-WebSocket-Key': undefined };
  for (const method of ['GET', 'HEAD', 'POST']) {
    const verdict = examineRequest(head({ method, target: '/healthz', fields: none }));
    assert.equal(verdict, { kind: 'plain', path: '/healthz' });
  }
  assert.is(examineRequest(head({ fields: { ...none, Upgrade: 'h2c', Connection: 'Upgrade' } })).kind, 'plain');
});

plain('must have a lawful target and host too', () => {
  const none = { Upgrade: undefined, 'Sec-WebSocket-Key': undefined };
  refuses({ fields: { ...none, Host: undefined } }, 'host-missing', 400);
  refuses({ target: '*', fields: none }, 'target-malformed', 400);
});

plain.run();

const refusals = suite('requests a server refuses (RFC 6455 §4.2.1)');

refusals('answers HTTP/1.0 with 505, before all else (T18)', () => {
  assert.is(refuses({ version: '1.0' }, 'version-unsupported', 505).value, '1.0');
  refuses({ version: '1.0', fields: { Host: undefined } }, 'version-unsupported', 505);
});

refusals('answers a head of HTTP/1.0 that was read elsewhere with 505 (T18)', () => {
  const fields = Fields.fromRaw(Object.entries(lawful).flat());
  const verdict = examineRequest({ kind: 'request', method: 'GET', target: '/', version: '1.0', fields });
  assert.is(verdict.kind === 'refused' && verdict.error.httpStatus, 505);
});

refusals('answers another method than GET with 405', () => {
  for (const method of ['POST', 'HEAD', 'get', 'CONNECT']) {
    assert.is(refuses({ method }, 'method-not-get', 405).value, method);
  }
});

refusals('answers a body with 400 (T18)', () => {
  for (const length of ['1', '-1', '0x0', '00', '', '0, 0', 'x']) {
    refuses({ fields: { 'Content-Length': length } }, 'body-not-allowed', 400);
  }
  refuses({ fields: { 'Content-Length': ['0', '5'] } }, 'body-not-allowed', 400);
  refuses({ fields: { 'Transfer-Encoding': 'chunked' } }, 'body-not-allowed', 400);
  refuses({ fields: { 'Transfer-Encoding': '', 'Content-Length': '0' } }, 'body-not-allowed', 400);
});

refusals('answers no Host, two, and what is no host with 400 (T18)', () => {
  assert.match(refuses({ fields: { Host: undefined } }, 'host-missing', 400).message, 'Host is missing');
  refuses({ fields: { Host: ['a.example', 'a.example'] } }, 'host-repeated', 400);
  for (const host of ['', 'u@a', 'a b', 'a/b', 'a, b', '::1', 'a:99999', 'a:-1', '\xe9']) {
    assert.is(refuses({ fields: { Host: host } }, 'host-malformed', 400).field, 'Host');
  }
});

refusals('answers a target that is neither path nor URL of ours with 400 (T18)', () => {
  const wrong = ['*', 'chat', 'server.example.com:443', 'http://server.example.com/', 'ftp://a/', '?a', 'https:///a'];
  wrong.push('https://u@server.example.com/', 'https://server.example.com:x/', 'https:/a', 'https://');
  for (const target of wrong) assert.is(refuses({ target }, 'target-malformed', 400).value, target);
});

refusals('answers a fragment with 400, in both forms of a target', () => {
  for (const target of ['/chat#a', '/chat#', 'https://server.example.com/#a', 'https://server.example.com#a']) {
    assert.match(refuses({ target }, 'target-malformed', 400).message, 'fragment');
  }
});

refusals('answers an absolute target for another host than Host with 421 (T18)', () => {
  refuses({ target: 'https://other.example/chat' }, 'host-misdirected', 421);
  refuses({ target: 'https://server.example.com:8443/chat' }, 'host-misdirected', 421);
});

refusals('answers a Host other than the name of the TLS handshake with 421', () => {
  const policy = { serverName: 'a.example' };
  for (const host of ['a.example', 'A.example.', 'a.example:8443']) upgrades({ fields: { Host: host } }, policy);
  const error = refuses({ fields: { Host: 'b.example' } }, 'host-misdirected', 421, policy);
  assert.is(error.value, 'b.example');
  refuses({ target: 'https://b.example/', fields: { Host: 'b.example' } }, 'host-misdirected', 421, policy);
});

refusals('answers a key without Upgrade: websocket with 426', () => {
  assert.match(refuses({ fields: { Upgrade: undefined } }, 'upgrade-missing', 426).message, 'proxy');
  assert.is(refuses({ fields: { Upgrade: 'h2c' } }, 'upgrade-missing', 426).value, 'h2c');
  refuses({ fields: { Upgrade: 'web socket' } }, 'upgrade-missing', 426);
});

refusals('answers a Connection without Upgrade with 400', () => {
  assert.match(refuses({ fields: { Connection: undefined } }, 'connection-missing', 400).message, 'missing');
  for (const value of ['keep-alive', '', 'Upgrade/1', 'Up grade', 'Upgrade, "x"']) {
    assert.is(refuses({ fields: { Connection: value } }, 'connection-malformed', 400).value, value);
  }
});

refusals('answers no version, or two, with 400', () => {
  refuses({ fields: { 'Sec-WebSocket-Version': undefined } }, 'websocket-version-missing', 400);
  refuses({ fields: { 'Sec-WebSocket-Version': ['13', '13'] } }, 'websocket-version-repeated', 400);
});

refusals('answers another version than 13 with 426 (T18)', () => {
  for (const version of ['7', '8', '12', '14', '013', '13, 8', '13.0', '', 'x']) {
    const error = refuses({ fields: { 'Sec-WebSocket-Version': version } }, 'websocket-version-unsupported', 426);
    assert.is(error.field, 'Sec-WebSocket-Version');
    assert.is(error.value, version);
  }
});

refusals('answers no key, two keys, and what is no key with 400 (T18)', () => {
  refuses({ fields: { 'Sec-WebSocket-Key': undefined } }, 'key-missing', 400);
  refuses({ fields: { 'Sec-WebSocket-Key': [key, key] } }, 'key-repeated', 400);
  for (const value of ['', 'x', `${key}=`, `${key}, ${key}`, 'dGhlIHNhbXBsZSBub25jZR==']) {
    assert.is(refuses({ fields: { 'Sec-WebSocket-Key': value } }, 'key-malformed', 400).value, value);
  }
});

refusals('answers subprotocols that are no list of unique tokens with 400 (T14)', () => {
  for (const value of ['', 'a, a', `b${' '.repeat(10_000)}x`, '"a"']) {
    refuses({ fields: { 'Sec-WebSocket-Protocol': value } }, 'protocols-malformed', 400);
  }
  refuses({ fields: { 'Sec-WebSocket-Protocol': ['a', 'a'] } }, 'protocols-malformed', 400);
});

refusals('answers extensions that break the grammar with 400 (T14)', () => {
  for (const value of ['', 'a;', 'a; b=', `a; b="${'\\c'.repeat(5_000)}`]) {
    refuses({ fields: { 'Sec-WebSocket-Extensions': value } }, 'extensions-malformed', 400);
  }
});

refusals('shows hostile values escaped and bounded', () => {
  const value = `\x80\xa0"${'x'.repeat(10_000)}`;
  const error = refuses({ fields: { Connection: value } }, 'connection-malformed', 400);
  assert.ok(error.message.length < 300, error.message);
  assert.not.match(error.message, '\x80');
  assert.ok(error.value!.length < 120);
});

refusals.run();

const origins = suite('Origin at a server (RFC 6455 §10.2)');

origins('lets in without one, and with that of Host (T22)', () => {
  assert.is(upgrades({}).origin, undefined);
  assert.is(upgrades({ fields: { Origin: 'https://server.example.com' } }).origin, 'https://server.example.com');
  upgrades({ fields: { Host: 'a:8443', Origin: 'https://a:8443' } });
  upgrades({ target: 'https://a:8443/', fields: { Host: 'a:8443', Origin: 'https://a:8443' } });
});

origins('answers every other one with 403 (T22)', () => {
  const wrong = ['null', '', 'http://server.example.com', 'https://evil.example', 'https://server.example.com:8443'];
  for (const origin of wrong) assert.is(refuses({ fields: { Origin: origin } }, 'origin-refused', 403).value, origin);
  refuses({ fields: { Host: 'a:8443', Origin: 'https://a' } }, 'origin-refused', 403);
});

origins('answers two with 403, even when each would do (T22)', () => {
  const own = 'https://server.example.com';
  refuses({ fields: { Origin: [own, own] } }, 'origin-refused', 403);
});

origins('lets listed ones in beside it (T22)', () => {
  const policy = { origins: ['https://app.example'] };
  upgrades({ fields: { Origin: 'https://app.example' } }, policy);
  upgrades({ fields: { Origin: 'https://server.example.com' } }, policy);
  refuses({ fields: { Origin: 'https://app.example.evil.example' } }, 'origin-refused', 403, policy);
});

origins.run();
