/** What a client must demand of the answer to its request (RFC 6455 §4.1; RFC 9112). */
import type { Case, Opening, ResponseChanges, ResponseContext } from '../case.js';
import { caseOf, echoText, expect, goodbye, type Heading, ping, pongOf, text, textMessage } from '../script.js';

const define = caseOf('opening');

const targets = ['client'] as const;

/** A response that the client must take: the connection works. */
function takes(name: string, title: string, heading: Omit<Heading, 'targets' | 'opening'>, opening: Opening): Case {
  return define(`client-${name}`, title, { ...heading, targets, opening: { clientMust: 'open', ...opening } }, () => [
    ...echoText('open'),
    ...goodbye(),
  ]);
}

function takesChanged(name: string, title: string, section: string, changes: ResponseChanges): Case {
  return takes(name, title, { section }, { response: ({ good }) => good(changes) });
}

/** A response after which the client must fail the connection. */
function fails(
  name: string,
  title: string,
  heading: Omit<Heading, 'targets' | 'opening'>,
  response: (context: ResponseContext) => string,
): Case {
  return define(`client-${name}`, title, { ...heading, targets, opening: { clientMust: 'fail', response } }, () => []);
}

function failsChanged(
  name: string,
  title: string,
  section: string,
  changes: ResponseChanges | ((context: ResponseContext) => ResponseChanges),
  severity: Heading['severity'] = 'MUST',
): Case {
  return fails(name, title, { section, severity }, (context) =>
    context.good(typeof changes === 'function' ? changes(context) : changes),
  );
}

const lawful: readonly Case[] = [
  takes('good', 'opens the connection on a good answer', { section: 'RFC 6455 §4.1' }, {}),
  takesChanged('upgrade-upper', 'takes Upgrade: WEBSOCKET', 'RFC 6455 §4.1', { fields: { upgrade: 'WEBSOCKET' } }),
  takesChanged('connection-lower', 'takes Connection: upgrade', 'RFC 6455 §4.1', { fields: { connection: 'upgrade' } }),
  takesChanged('connection-list', 'takes Connection: keep-alive, Upgrade', 'RFC 6455 §4.1', {
    fields: { connection: 'keep-alive, Upgrade' },
  }),
  takes(
    'field-names-lower',
    'takes field names in lower case',
    { section: 'RFC 9110 §5.1' },
    {
      response: ({ good }) => good().replace(/^[\w-]+(?=:)/gm, (name) => name.toLowerCase()),
    },
  ),
  takesChanged('unknown-fields', 'passes over fields that it does not know', 'RFC 6455 §4.1', {
    fields: { Server: 'test', Date: 'Tue, 24 Nov 2026 00:00:00 GMT', 'Set-Cookie': ['a=b', 'c=d'] },
  }),
  takesChanged('reason-phrase', 'takes another reason phrase', 'RFC 9112 §4', { statusLine: 'HTTP/1.1 101 Whatever' }),
  takesChanged('reason-empty', 'takes an empty reason phrase', 'RFC 9112 §4', { statusLine: 'HTTP/1.1 101 ' }),
  takes(
    'accept-spaced',
    'takes Sec-WebSocket-Accept with white space around it',
    { section: 'RFC 6455 §4.1' },
    {
      response: ({ good, accept }) => good({ fields: { 'Sec-WebSocket-Accept': ` \t ${accept} \t` } }),
    },
  ),
  takes(
    'protocol-offered',
    'takes the subprotocol that it offered',
    { section: 'RFC 6455 §4.1', needs: ['subprotocol'] },
    {
      response: ({ good }) => good({ fields: { 'Sec-WebSocket-Protocol': 'conformance' } }),
    },
  ),
  takes(
    'no-protocol',
    'takes an answer without the subprotocol that it offered, or fails',
    {
      section: 'RFC 6455 §4.1',
      severity: 'INFO',
      needs: ['subprotocol'],
    },
    { response: ({ good }) => good({ fields: { 'Sec-WebSocket-Protocol': undefined } }) },
  ),
  takes('octet-wise', 'takes an answer that arrives byte by byte', { section: 'RFC 9112 §2.2' }, { octets: true }),
  define(
    'client-frame-behind',
    'echoes a message that came in the packet of the answer',
    {
      section: 'RFC 6455 §4.1',
      targets,
      opening: { behind: [text('early')] },
    },
    () => [expect(textMessage('early')), ...goodbye()],
  ),
  define(
    'client-frames-behind',
    'answers a ping and a message that came in the packet of the answer',
    {
      section: 'RFC 6455 §4.1',
      targets,
      opening: { behind: [ping('p'), text('early')] },
    },
    () => [expect(pongOf('p')), expect(textMessage('early')), ...goodbye()],
  ),
  define(
    'client-bad-frame-behind',
    'fails on a bad frame that came in the packet of the answer',
    {
      section: 'RFC 6455 §5.2',
      targets,
      opening: { behind: [{ opcode: 3 }] },
    },
    () => [expect({ kind: 'fail', codes: [1002] })],
  ),
  ...(
    [
      ['continue', 'HTTP/1.1 100 Continue\r\n\r\n'],
      ['early-hints', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'],
      ['two-interim', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n'],
    ] as const
  ).map(([name, interim]) =>
    takes(
      `interim-${name}`,
      `passes over an interim response (${name}) before the 101`,
      {
        section: 'RFC 9110 §15.2',
      },
      { response: ({ good }) => `${interim}${good()}` },
    ),
  ),
];

const statuses: readonly Case[] = [
  200, 201, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 407, 426, 429, 500, 502, 503, 504, 600,
  999,
].map((status) =>
  fails(
    `status-${status}`,
    `fails the connection on ${status}${status >= 300 && status < 400 ? ', or follows it elsewhere' : ''}`,
    { section: 'RFC 6455 §4.1', severity: 'MUST' },
    ({ good }) => {
      const fields: Record<string, string> = { 'Content-Length': '0' };
      if (status >= 300 && status < 400) fields['Location'] = '/elsewhere-that-is-not-there';
      if (status === 401) fields['WWW-Authenticate'] = 'Basic realm="x"';
      return good({ statusLine: `HTTP/1.1 ${status} Status`, fields });
    },
  ),
);

const statusLines: readonly Case[] = (
  [
    ['http-1-0', 'HTTP/1.0 101 Switching Protocols', 'RFC 9110 §7.8', 'INFO'],
    ['http-2', 'HTTP/2 101 Switching Protocols', 'RFC 9112 §4', 'SHOULD'],
    ['http-lower', 'http/1.1 101 Switching Protocols', 'RFC 9112 §2.3', 'SHOULD'],
    ['not-http', 'SSH-2.0-OpenSSH', 'RFC 9112 §4', 'MUST'],
    ['status-word', 'HTTP/1.1 OK', 'RFC 9112 §4', 'MUST'],
    ['status-four-digits', 'HTTP/1.1 1010 Switching', 'RFC 9112 §4', 'MUST'],
    ['status-two-digits', 'HTTP/1.1 10 Switching', 'RFC 9112 §4', 'MUST'],
  ] as const
).map(([name, statusLine, section, severity]) =>
  failsChanged(name, `fails the connection on the status line "${statusLine}"`, section, { statusLine }, severity),
);

const fields: readonly Case[] = [
  ...(
    [
      ['upgrade-missing', undefined],
      ['upgrade-empty', ''],
      ['upgrade-other', 'h2c'],
      ['upgrade-inside', 'websockets'],
    ] as const
  ).map(([name, upgrade]) =>
    failsChanged(name, `fails the connection where Upgrade is ${upgrade ?? 'missing'}`, 'RFC 6455 §4.1', {
      fields: { upgrade },
    }),
  ),
  ...(
    [
      ['connection-missing', undefined],
      ['connection-empty', ''],
      ['connection-keep-alive', 'keep-alive'],
      ['connection-close', 'close'],
      ['connection-inside', 'xUpgrade'],
    ] as const
  ).map(([name, connection]) =>
    failsChanged(name, `fails the connection where Connection is ${connection ?? 'missing'}`, 'RFC 6455 §4.1', {
      fields: { connection },
    }),
  ),
  failsChanged('accept-missing', 'fails the connection without Sec-WebSocket-Accept', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Accept': undefined },
  }),
  failsChanged('accept-empty', 'fails the connection on an empty Sec-WebSocket-Accept', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Accept': '' },
  }),
  failsChanged('accept-other', 'fails the connection on the answer to another key', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' },
  }),
  failsChanged(
    'accept-case',
    'fails the connection on Sec-WebSocket-Accept in another case',
    'RFC 6455 §4.1',
    ({ accept }) => ({
      fields: {
        'Sec-WebSocket-Accept': [...accept]
          .map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
          .join(''),
      },
    }),
  ),
  failsChanged(
    'accept-unpadded',
    'fails the connection on Sec-WebSocket-Accept without padding',
    'RFC 6455 §4.1',
    ({ accept }) => ({
      fields: { 'Sec-WebSocket-Accept': accept.replace('=', '') },
    }),
  ),
  failsChanged(
    'accept-truncated',
    'fails the connection on half of Sec-WebSocket-Accept',
    'RFC 6455 §4.1',
    ({ accept }) => ({
      fields: { 'Sec-WebSocket-Accept': accept.slice(0, 14) },
    }),
  ),
  failsChanged(
    'accept-longer',
    'fails the connection on Sec-WebSocket-Accept with more behind it',
    'RFC 6455 §4.1',
    ({ accept }) => ({
      fields: { 'Sec-WebSocket-Accept': `${accept}x` },
    }),
  ),
  failsChanged(
    'accept-spaced-inside',
    'fails the connection on Sec-WebSocket-Accept with a space inside',
    'RFC 6455 §4.1',
    ({ accept }) => ({
      fields: { 'Sec-WebSocket-Accept': `${accept.slice(0, 9)} ${accept.slice(9)}` },
    }),
  ),
  failsChanged(
    'accept-key',
    'fails the connection where the key itself comes back',
    'RFC 6455 §4.1',
    ({ offered }) => ({
      fields: { 'Sec-WebSocket-Accept': offered['sec-websocket-key'] },
    }),
  ),
  failsChanged(
    'accept-twice',
    'fails the connection on two fields Sec-WebSocket-Accept',
    'RFC 6455 §11.3.3',
    ({ accept }) => ({
      fields: { 'Sec-WebSocket-Accept': [accept, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='] },
    }),
  ),
  failsChanged('protocol-other', 'fails the connection on a subprotocol that was not offered', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Protocol': 'never-offered' },
  }),
  failsChanged('protocol-list', 'fails the connection on two subprotocols', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Protocol': 'conformance, never-offered' },
  }),
  failsChanged('protocol-case', 'fails the connection on its subprotocol in another case', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Protocol': 'CONFORMANCE' },
  }),
  failsChanged('protocol-twice', 'fails the connection on two fields Sec-WebSocket-Protocol', 'RFC 6455 §11.3.4', {
    fields: { 'Sec-WebSocket-Protocol': ['conformance', 'conformance'] },
  }),
  failsChanged('extension-other', 'fails the connection on an extension that was not offered', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Extensions': 'x-never-offered' },
  }),
  failsChanged('extension-proto', 'fails the connection on an extension named __proto__', 'RFC 6455 §4.1', {
    fields: { 'Sec-WebSocket-Extensions': '__proto__; constructor=1' },
  }),
];

/** Answers that two ends could read differently, or that never end. */
const heads: readonly Case[] = [
  fails(
    'field-folded',
    'fails the connection on a field that is folded over two lines, or unfolds it',
    {
      section: 'RFC 9112 §5.2',
      severity: 'INFO',
    },
    ({ good }) => good().replace('Upgrade: ', 'Upgrade:\r\n '),
  ),
  fails(
    'name-spaced',
    'fails the connection on white space before a colon',
    {
      section: 'RFC 9112 §5.1',
      severity: 'INFO',
    },
    ({ good }) => good().replace('Upgrade:', 'Upgrade :'),
  ),
  // RFC 9110 §5.5: or reads it as a space.
  fails('nul', 'fails the connection on NUL in a field', { section: 'RFC 9110 §5.5', severity: 'INFO' }, ({ good }) =>
    good({ fields: { 'X-Test': 'a\0b' } }),
  ),
  fails(
    'garbage',
    'fails the connection on what is no HTTP',
    { section: 'RFC 9112 §4' },
    () => 'this is no HTTP\r\n\r\n',
  ),
  fails(
    'frames-at-once',
    'fails the connection on frames in place of an answer',
    { section: 'RFC 6455 §4.1' },
    () => '\x81\x05hello\r\n\r\n',
  ),
  fails(
    'head-1-mib',
    'fails the connection on a head of 1 MiB, or takes it',
    {
      section: 'RFC 9110 §5.4',
      severity: 'INFO',
      sentBytes: 2 ** 20,
    },
    ({ good }) => good({ fields: { 'X-Long': 'x'.repeat(2 ** 20) } }),
  ),
  fails(
    'head-5000-fields',
    'fails the connection on 5,000 fields, or takes them',
    {
      section: 'RFC 9110 §5.4',
      severity: 'INFO',
      sentBytes: 50_000,
    },
    ({ good }) => good({ fields: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`X-${index}`, 'y'])) }),
  ),
];

export const openingClientCases: readonly Case[] = [...lawful, ...statuses, ...statusLines, ...fields, ...heads];
