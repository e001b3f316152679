/** What a server must demand of a request, and how it must answer (RFC 6455 §4.2, §4.4; RFC 9112). */
import { Buffer } from 'node:buffer';
import type { Case, ExpectedResponse, RequestChanges, Severity } from '../case.js';
import { binary, caseOf, echoText, expect, goodbye, ping, pongOf, text, textMessage } from '../script.js';

const define = caseOf('opening');

const targets = ['server'] as const;

/** Any answer that refuses; what ends the connection without a word is lawful, and weak. */
const refusal: ExpectedResponse = {
  statuses: [400, 403, 404, 405, 411, 413, 414, 417, 421, 426, 431, 500, 501, 503, 505],
  orNoAnswer: true,
};

/** A refusal, or the connection all the same, where the RFC leaves it open. */
const either: ExpectedResponse = { ...refusal, statuses: [101, ...refusal.statuses] };

type Fields = NonNullable<RequestChanges['fields']>;

/** A request that a server must take: the connection works. */
function takes(
  name: string,
  title: string,
  section: string,
  changes: RequestChanges,
  severity: Severity = 'MUST',
): Case {
  return define(name, title, { section, severity, targets, opening: { request: ({ good }) => good(changes) } }, () => [
    ...echoText('open'),
    ...goodbye(),
  ]);
}

function refuses(
  name: string,
  title: string,
  section: string,
  changes: RequestChanges,
  severity: Severity = 'MUST',
  response: ExpectedResponse = refusal,
): Case {
  return define(
    name,
    title,
    { section, severity, targets, opening: { request: ({ good }) => good(changes), expect: response } },
    () => [],
  );
}

/** A request of which the RFC does not say what a server does with it: the report tells. */
function may(name: string, title: string, section: string, fields: Fields): Case {
  return define(
    name,
    title,
    { section, severity: 'INFO', targets, opening: { request: ({ good }) => good({ fields }), expect: either } },
    () => [],
  );
}

/** A request written out, line by line; `lines` are what stands between the request line and the empty line. */
function raw(
  name: string,
  title: string,
  section: string,
  make: (good: string, key: string) => string,
  severity: Severity = 'MUST',
  response: ExpectedResponse = refusal,
): Case {
  return define(
    name,
    title,
    { section, severity, targets, opening: { request: ({ good, key }) => make(good(), key), expect: response } },
    () => [],
  );
}

const lawful: readonly Case[] = [
  takes('good', 'opens the connection for a good request', 'RFC 6455 §4.2.2', {}),
  ...[
    ['upgrade-upper', 'WEBSOCKET'],
    ['upgrade-mixed', 'WebSocket'],
  ].map(([name, value]) => takes(name!, `takes Upgrade: ${value}`, 'RFC 6455 §4.2.1', { fields: { upgrade: value } })),
  ...[
    ['connection-lower', 'upgrade'],
    ['connection-upper', 'UPGRADE'],
    ['connection-list', 'keep-alive, Upgrade'],
    ['connection-list-first', 'Upgrade, keep-alive'],
    ['connection-list-tight', 'keep-alive,Upgrade'],
    ['connection-list-spaced', 'keep-alive \t , \t Upgrade'],
  ].map(([name, value]) =>
    takes(name!, `takes Connection: ${value!.replaceAll('\t', '\\t')}`, 'RFC 6455 §4.2.1', {
      fields: { connection: value },
    }),
  ),
  takes('connection-list-empty', 'takes empty elements in Connection: , Upgrade,', 'RFC 9110 §5.6.1', {
    fields: { connection: ', Upgrade,' },
  }),
  takes('connection-two-fields', 'takes Connection in two fields', 'RFC 9110 §5.3', {
    fields: { connection: ['keep-alive', 'Upgrade'] },
  }),
  takes('field-names-upper', 'takes field names in upper case', 'RFC 9110 §5.1', {
    fields: { upgrade: undefined, UPGRADE: 'websocket', connection: undefined, CONNECTION: 'Upgrade' },
  }),
  takes('unknown-field', 'passes over a field that it does not know', 'RFC 6455 §4.2.1', {
    fields: { 'X-Unknown': 'whatever', 'Sec-WebSocket-Unknown': 'whatever' },
  }),
  takes('proto-field', 'passes over fields named __proto__ and constructor', 'RFC 9110 §5.1', {
    fields: { ['__proto__']: 'x', constructor: 'y' },
  }),
  takes('twenty-fields', 'takes 20 more fields', 'RFC 9110 §5.4', {
    fields: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`X-Field-${index}`, `${index}`])),
  }),
  takes('long-field', 'takes a field of 2 KiB', 'RFC 9110 §5.4', { fields: { 'X-Long': 'x'.repeat(2048) } }, 'SHOULD'),
  takes('cookie', 'takes cookies and authorization', 'RFC 6455 §4.2.1', {
    fields: { cookie: 'a=b; c="d"', authorization: 'Basic Zm9vOmJhcg==' },
  }),
  takes('query', 'takes a path with a query', 'RFC 6455 §3', { target: '/?x=1&y=%20' }, 'INFO'),
  takes(
    'obs-text',
    'passes over a field with bytes above 0x7F',
    'RFC 9110 §5.5',
    { fields: { 'X-Text': 'caf\u00e9' } },
    'SHOULD',
  ),
  takes('empty-field', 'passes over an unknown field without a value', 'RFC 9110 §5.5', { fields: { 'X-Empty': '' } }),
  takes('spaced-values', 'takes values with white space around them', 'RFC 9112 §5', {
    fields: { upgrade: ' \twebsocket\t ', connection: '   Upgrade   ' },
  }),
  raw(
    'tight-fields',
    'takes fields without white space behind the colon',
    'RFC 9112 §5',
    (good) => good.replaceAll(': ', ':'),
    'MUST',
    {
      statuses: [101],
    },
  ),
  define(
    'content-length-zero',
    'takes a request with Content-Length: 0, or refuses it',
    {
      section: 'RFC 9112 §6',
      severity: 'INFO',
      targets,
      opening: { request: ({ good }) => good({ fields: { 'content-length': '0' } }), expect: either },
    },
    () => [],
  ),
  define(
    'absolute-form',
    'takes the absolute form of the request target, or refuses it',
    {
      section: 'RFC 9112 §3.2.2',
      severity: 'INFO',
      targets,
      opening: { request: ({ good, host, path }) => good({ target: `https://${host}${path}` }), expect: either },
    },
    () => [],
  ),
];

const protocols: readonly Case[] = [
  ...[
    ['protocol-one', 'chat'],
    ['protocol-two', 'chat, superchat'],
    ['protocol-odd-token', "!#$%&'*+-.^_`|~09az"],
  ].map(([name, value]) =>
    takes(name!, `opens the connection where ${value} is offered, and selects nothing else`, 'RFC 6455 §4.2.2', {
      fields: { 'Sec-WebSocket-Protocol': value },
    }),
  ),
  takes('protocol-two-fields', 'takes subprotocols in two fields', 'RFC 6455 §11.3.4', {
    fields: { 'Sec-WebSocket-Protocol': ['chat', 'superchat'] },
  }),
  ...[
    ['protocol-empty', ''],
    ['protocol-empty-element', 'chat,,superchat'],
    ['protocol-repeated', 'chat, chat'],
    ['protocol-spaced', 'chat super'],
    ['protocol-separator', 'chat;v=1'],
    ['protocol-slash', 'chat/1'],
    ['protocol-quoted', '"chat"'],
  ].map(([name, value]) =>
    may(name!, `takes or refuses the subprotocols ${JSON.stringify(value)}`, 'RFC 6455 §4.1', {
      'Sec-WebSocket-Protocol': value,
    }),
  ),
];

const extensions: readonly Case[] = [
  ...[
    ['extension-unknown', 'foo'],
    ['extension-parameters', 'foo; bar=1; baz="2"'],
    ['extension-two', 'foo, bar; x'],
    ['extension-proto', '__proto__, constructor; toString=1'],
    ['extension-many', Array.from({ length: 50 }, (_, index) => `x-${index}`).join(', ')],
  ].map(([name, value]) =>
    takes(name!, `opens the connection without the unknown extensions of ${name}`, 'RFC 6455 §9.1', {
      fields: { 'Sec-WebSocket-Extensions': value },
    }),
  ),
  takes('extension-two-fields', 'takes extensions in two fields', 'RFC 6455 §9.1', {
    fields: { 'Sec-WebSocket-Extensions': ['foo', 'bar; x=1'] },
  }),
  ...[
    ['extension-empty', ''],
    ['extension-comma', ','],
    ['extension-semicolon', 'foo;'],
    ['extension-equals', 'foo; a='],
    ['extension-unclosed', 'foo; a="b'],
    ['extension-escapes', `foo; a="${'\\c'.repeat(500)}`],
    ['extension-spaced', 'foo bar'],
    ['extension-quoted-space', 'foo; a="b c"'],
  ].map(([name, value]) =>
    may(name!, `takes or refuses the malformed extensions of ${name}`, 'RFC 6455 §9.1', {
      'Sec-WebSocket-Extensions': value,
    }),
  ),
];

const origins: readonly Case[] = [
  ['origin-other', 'https://evil.example'],
  ['origin-null', 'null'],
  ['origin-empty', ''],
].map(([name, value]) => may(name!, `takes or refuses Origin: ${value}`, 'RFC 6455 §4.2.2', { origin: value }));

/** RFC 6455 §4.2.1: a request that is not as described there MUST be answered with an error. */
const methods: readonly Case[] = ['POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'FOO'].map((method) =>
  refuses(
    `method-${method === 'get' ? 'lower-get' : method.toLowerCase()}`,
    `refuses the method ${method}`,
    'RFC 6455 §4.2.1',
    { method },
  ),
);

const versions: readonly Case[] = [
  refuses('http-1-0', 'refuses HTTP/1.0', 'RFC 6455 §4.2.1', { version: 'HTTP/1.0' }),
  refuses('http-0-9', 'refuses HTTP/0.9', 'RFC 6455 §4.2.1', { version: 'HTTP/0.9' }),
  refuses('http-1-2', 'takes or refuses HTTP/1.2', 'RFC 9110 §2.5', { version: 'HTTP/1.2' }, 'INFO', either),
  refuses(
    'http-2-0',
    'refuses HTTP/2.0 in an HTTP/1 request line',
    'RFC 9110 §2.5',
    { version: 'HTTP/2.0' },
    'INFO',
    either,
  ),
  refuses('http-x', 'refuses HTTP/x.y', 'RFC 9112 §2.3', { version: 'HTTP/x.y' }),
  refuses('http-other-name', 'refuses HTTPS/1.1', 'RFC 9112 §2.3', { version: 'HTTPS/1.1' }),
  // RFC 6455 §4.4: a server may speak other versions too. These are the drafts that were registered.
  ...['0', '7', '8'].map((version) =>
    may(`version-${version}`, `takes or refuses Sec-WebSocket-Version: ${version}`, 'RFC 6455 §4.4', {
      'Sec-WebSocket-Version': version,
    }),
  ),
  ...['12', '14', '255', '-13', '+13', '13.0', '013', 'thirteen', ''].map((version, index) =>
    refuses(
      `version-${version === '' ? 'empty' : version.replace(/[^a-z0-9]/g, `x${index + 3}x`)}`,
      `refuses Sec-WebSocket-Version: ${version}`,
      'RFC 6455 §4.2.1',
      { fields: { 'Sec-WebSocket-Version': version } },
    ),
  ),
  refuses('version-missing', 'refuses a request without Sec-WebSocket-Version', 'RFC 6455 §4.2.1', {
    fields: { 'Sec-WebSocket-Version': undefined },
  }),
  refuses('version-two', 'refuses Sec-WebSocket-Version: 13, 8', 'RFC 6455 §4.2.1', {
    fields: { 'Sec-WebSocket-Version': '13, 8' },
  }),
  refuses('version-two-fields', 'refuses two fields Sec-WebSocket-Version', 'RFC 6455 §11.3.5', {
    fields: { 'Sec-WebSocket-Version': ['13', '8'] },
  }),
  ...['14', '99'].map((version) =>
    refuses(
      `version-told-${version}`,
      `names version 13 when it refuses version ${version}`,
      'RFC 6455 §4.4',
      { fields: { 'Sec-WebSocket-Version': version } },
      'MUST',
      { statuses: [426, 400], fields: [['Sec-WebSocket-Version', /(?:^|[\s,])13(?:[\s,]|$)/]] },
    ),
  ),
  refuses(
    'version-426',
    'answers 426 to a version that it does not know',
    'RFC 6455 §4.2.2',
    { fields: { 'Sec-WebSocket-Version': '99' } },
    // RFC 6455 §4.2.2 names 426 as an example.
    'INFO',
    { statuses: [426] },
  ),
];

const keys: readonly Case[] = [
  refuses('key-missing', 'refuses a request without Sec-WebSocket-Key', 'RFC 6455 §4.2.1', {
    fields: { 'Sec-WebSocket-Key': undefined },
  }),
  ...[
    ['key-empty', ''],
    ['key-short', 'dGhlIHNhbXBsZSBub24='],
    ['key-long', 'dGhlIHNhbXBsZSBub25jZSBpcyBsb25n'],
    ['key-not-base64', '!!!!!!!!!!!!!!!!!!!!!!=='],
    ['key-unpadded', 'dGhlIHNhbXBsZSBub25jZQ'],
    ['key-url-alphabet', '____________________-Q=='],
    ['key-15-bytes', 'AAAAAAAAAAAAAAAAAAAA'],
    ['key-17-bytes', 'AAAAAAAAAAAAAAAAAAAAAAA='],
    ['key-spaced', 'dGhlIHNhbXBs ZSBub25jZQ=='],
    ['key-list', 'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=='],
  ].map(([name, value]) =>
    refuses(
      name!,
      `refuses the key ${JSON.stringify(value)}`,
      'RFC 6455 §4.2.1',
      { fields: { 'Sec-WebSocket-Key': value } },
      // A server need not decode the key (RFC 6455 §4.2.1, point 5): it is asked to look at it, and few of them do.
      value === '' ? 'MUST' : 'SHOULD',
    ),
  ),
  refuses('key-two-fields', 'refuses two fields Sec-WebSocket-Key', 'RFC 6455 §11.3.1', {
    fields: { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'x3JJHMbDL1EzLkh9GBhXDw=='] },
  }),
  takes('key-zeros', 'takes a key of 16 zeros', 'RFC 6455 §4.2.1', {
    fields: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
  }),
  takes('key-sample', 'answers the key of the RFC as the RFC does', 'RFC 6455 §4.2.2', {
    fields: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  }),
];

const wanting: readonly Case[] = [
  refuses(
    'upgrade-missing',
    'refuses a request without Upgrade',
    'RFC 6455 §4.2.1',
    { fields: { upgrade: undefined } },
    'MUST',
    {
      ...refusal,
      statuses: [200, ...refusal.statuses],
      ends: false,
    },
  ),
  ...[
    ['upgrade-other', 'h2c'],
    ['upgrade-empty', ''],
    ['upgrade-inside', 'xwebsocket'],
    ['upgrade-words', 'web socket'],
  ].map(([name, value]) =>
    refuses(name!, `refuses Upgrade: ${value}`, 'RFC 6455 §4.2.1', { fields: { upgrade: value } }, 'MUST', {
      ...refusal,
      statuses: [200, ...refusal.statuses],
      ends: false,
    }),
  ),
  may('upgrade-list', 'takes or refuses Upgrade: h2c, websocket', 'RFC 6455 §4.2.1', { upgrade: 'h2c, websocket' }),
  may('upgrade-version', 'takes or refuses Upgrade: websocket/13', 'RFC 6455 §4.2.1', { upgrade: 'websocket/13' }),
  ...[
    ['connection-missing', undefined],
    ['connection-keep-alive', 'keep-alive'],
    ['connection-close', 'close'],
    ['connection-empty', ''],
    ['connection-inside', 'xUpgrade'],
  ].map(([name, value]) =>
    refuses(
      name!,
      value === undefined ? 'refuses a request without Connection' : `refuses Connection: ${value}`,
      'RFC 6455 §4.2.1',
      { fields: { connection: value } },
      'MUST',
      { ...refusal, statuses: [200, ...refusal.statuses], ends: false },
    ),
  ),
  refuses('host-missing', 'refuses a request without Host', 'RFC 9112 §3.2', { fields: { host: undefined } }),
  raw('host-two', 'refuses two fields Host', 'RFC 9112 §3.2', (good) => good.replace(/^(Host: .*)$/m, '$1\r\n$1')),
  ...[
    ['host-spaced', 'a b'],
    ['host-path', 'localhost/path'],
    ['host-user', 'user@localhost'],
    ['host-port-x', 'localhost:x'],
    ['host-comma', 'localhost, localhost'],
  ].map(([name, value]) => refuses(name!, `refuses Host: ${value}`, 'RFC 9112 §3.2', { fields: { host: value } })),
];

/** Requests that two ends could read differently (RFC 9112 §11.2). */
const smuggling: readonly Case[] = [
  raw(
    'field-folded',
    'refuses a field that is folded over two lines, or unfolds it',
    'RFC 9112 §5.2',
    (good) => good.replace(/^(Upgrade): (.*)$/m, '$1:\r\n $2'),
    'INFO',
    either,
  ),
  raw('name-spaced', 'refuses white space between a field name and its colon', 'RFC 9112 §5.1', (good) =>
    good.replace('Upgrade:', 'Upgrade :'),
  ),
  raw('first-line-spaced', 'refuses white space before the first field', 'RFC 9112 §2.2', (good) =>
    good.replace('\r\nHost', '\r\n Host'),
  ),
  raw(
    'bare-cr',
    'refuses a CR without LF in a field, or reads it as a space',
    'RFC 9112 §2.2',
    (good) => good.replace('\r\n\r\n', '\r\nX-Test: a\rb\r\n\r\n'),
    'INFO',
    either,
  ),
  raw(
    'nul-in-field',
    'refuses NUL in a field, or reads it as a space',
    'RFC 9110 §5.5',
    (good) => good.replace('\r\n\r\n', '\r\nX-Test: a\0b\r\n\r\n'),
    'INFO',
    either,
  ),
  raw(
    'nul-in-name',
    'refuses NUL in a field name',
    'RFC 9110 §5.1',
    (good) => good.replace('\r\n\r\n', '\r\nX-\0Test: ab\r\n\r\n'),
    'SHOULD',
  ),
  raw(
    'no-colon',
    'refuses a field without a colon',
    'RFC 9112 §5',
    (good) => good.replace('\r\n\r\n', '\r\nnonsense\r\n\r\n'),
    'SHOULD',
  ),
  raw(
    'empty-name',
    'refuses a field without a name',
    'RFC 9112 §5',
    (good) => good.replace('\r\n\r\n', '\r\n: nonsense\r\n\r\n'),
    'SHOULD',
  ),
  raw(
    'bare-lf',
    'refuses lines that end with LF alone, or takes them',
    'RFC 9112 §2.2',
    (good) => good.replaceAll('\r\n', '\n'),
    'INFO',
    either,
  ),
  raw(
    'leading-empty-line',
    'passes over an empty line before the request, or refuses it',
    'RFC 9112 §2.2',
    (good) => `\r\n${good}`,
    'INFO',
    either,
  ),
  raw(
    'target-spaced',
    'refuses a request target with a space',
    'RFC 9112 §3',
    (good) => good.replace(/^GET \S+ /, 'GET /a b '),
    'SHOULD',
  ),
  raw(
    'target-control',
    'refuses a request target with a control character',
    'RFC 9112 §3.2',
    (good) => good.replace(/^GET \S+ /, 'GET /a\u0001b '),
    'SHOULD',
  ),
  raw(
    'target-star',
    'refuses the request target *',
    'RFC 9112 §3.2.4',
    (good) => good.replace(/^GET \S+ /, 'GET * '),
    'SHOULD',
  ),
  raw(
    'target-fragment',
    'refuses a request target with a fragment',
    'RFC 6455 §3',
    (good) => good.replace(/^GET \S+ /, 'GET /#fragment '),
    'INFO',
    either,
  ),
  raw(
    'three-spaces',
    'refuses more than one space in the request line',
    'RFC 9112 §3',
    (good) => good.replace('GET ', 'GET  '),
    'INFO',
    either,
  ),
  ...(
    [
      ['length-body', { 'Content-Length': '5' }, 'Content-Length: 5'],
      ['length-negative', { 'Content-Length': '-1' }, 'Content-Length: -1'],
      ['length-word', { 'Content-Length': 'five' }, 'Content-Length: five'],
      ['length-two', { 'Content-Length': ['0', '5'] }, 'two different Content-Length'],
      ['chunked', { 'Transfer-Encoding': 'chunked' }, 'Transfer-Encoding: chunked'],
      [
        'chunked-and-length',
        { 'Transfer-Encoding': 'chunked', 'Content-Length': '5' },
        'Transfer-Encoding with Content-Length',
      ],
    ] as const
  ).map(([name, fields, shown]) =>
    refuses(
      name,
      `refuses an upgrade with ${shown}`,
      'RFC 9112 §6',
      { fields },
      name === 'length-two' || name === 'length-negative' || name === 'length-word' ? 'MUST' : 'INFO',
      name === 'length-two' || name === 'length-negative' || name === 'length-word' ? refusal : either,
    ),
  ),
];

/** What is no request at all. */
const garbage: readonly Case[] = [
  raw('garbage', 'refuses what is no HTTP', 'RFC 9112 §3', () => 'this is no HTTP\r\n\r\n'),
  raw(
    'frames-without-request',
    'refuses frames without an opening handshake',
    'RFC 6455 §4.2.1',
    () => '\x81\x85\0\0\0\0hello\r\n\r\n',
  ),
  raw(
    'empty-request-line',
    'refuses a head without a request line, or passes over empty lines',
    'RFC 9112 §2.2',
    () => '\r\n\r\n\r\n\r\n',
    'INFO',
  ),
  raw(
    'no-version',
    'refuses a request line without a version',
    'RFC 9112 §3',
    (good) => good.replace(' HTTP/1.1', ''),
    'MUST',
  ),
  define(
    'plain-get',
    'answers a plain GET with HTTP',
    {
      section: 'RFC 6455 §4.2.1',
      severity: 'SHOULD',
      targets,
      opening: {
        request: ({ host }) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        expect: { statuses: [200, 204, 301, 302, 303, 307, 308, ...refusal.statuses] },
      },
    },
    () => [],
  ),
];

/** Heads over any limit (RFC 9110 §5.4): what matters is that the server answers or ends, and does not wait for ever. */
const limits: readonly Case[] = (
  [
    ['head-1-mib', 'a field of 1 MiB', { 'X-Long': 'x'.repeat(2 ** 20) }],
    ['head-5000-fields', '5,000 fields', Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`X-${i}`, 'y']))],
    ['head-100-kib-key', 'a key of 100 KiB', { 'Sec-WebSocket-Key': 'A'.repeat(100_000) }],
    ['head-100-kib-protocols', '100 KiB of subprotocols', { 'Sec-WebSocket-Protocol': `a${', b'.repeat(33_000)}` }],
    ['head-100-kib-extensions', '100 KiB of extensions', { 'Sec-WebSocket-Extensions': `a${', b'.repeat(33_000)}` }],
  ] as const
).map(([name, shown, fields]) =>
  define(
    name,
    `refuses a request with ${shown}, or takes it`,
    {
      section: 'RFC 9110 §5.4',
      severity: 'INFO',
      targets,
      sentBytes: 100_000,
      opening: { request: ({ good }) => good({ fields }), expect: either },
    },
    () => [],
  ),
);

const delivery: readonly Case[] = [
  define(
    'frame-behind',
    'echoes a message that came in the packet of the request',
    {
      section: 'RFC 6455 §4.1',
      severity: 'INFO',
      targets,
      opening: { behind: [text('early')] },
    },
    () => [expect(textMessage('early')), ...goodbye()],
  ),
  define(
    'frames-behind',
    'answers a ping and a message that came in the packet of the request',
    {
      section: 'RFC 6455 §4.1',
      severity: 'INFO',
      targets,
      opening: { behind: [ping('p'), binary(Buffer.alloc(300, 7))] },
    },
    () => [
      expect(pongOf('p')),
      expect({ kind: 'message', isText: false, payload: Buffer.alloc(300, 7) }),
      ...goodbye(),
    ],
  ),
  define(
    'bad-frame-behind',
    'fails on a bad frame that came in the packet of the request',
    {
      section: 'RFC 6455 §4.1',
      severity: 'INFO',
      targets,
      opening: { behind: [{ opcode: 3 }] },
    },
    () => [expect({ kind: 'fail', codes: [1002] })],
  ),
  define(
    'octet-wise',
    'takes a request that arrives byte by byte',
    {
      section: 'RFC 9112 §2.2',
      targets,
      opening: { octets: true },
    },
    () => [...echoText('open'), ...goodbye()],
  ),
];

export const openingServerCases: readonly Case[] = [
  ...lawful,
  ...protocols,
  ...extensions,
  ...origins,
  ...methods,
  ...versions,
  ...keys,
  ...wanting,
  ...smuggling,
  ...garbage,
  ...limits,
  ...delivery,
];
