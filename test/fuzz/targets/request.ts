// The head of a request: the same head or fault, at the same byte, in every chunking; within its limits; written anew it reads the same; the verdict on it never throws, and what it lets through is an upgrade as RFC 6455 §4.2.1 has it.
import { HandshakeError } from '../../../src/errors.js';
import {
  acceptResponse,
  examineRequest,
  HeadParser,
  type RequestHead,
  refusalResponse,
  type ServerPolicy,
} from '../../../src/handshake/index.js';
import { waysToCut } from '../cuts.js';
import { headStory, readHead } from '../heads.js';
import type { Random } from '../random.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

/** Policy and limits; how it is cut. */
const settingsBytes = 3;
const maxBytes = 600;

const policies: readonly ServerPolicy[] = [
  {},
  { serverName: 'a.example' },
  { namedHosts: new Set(['a.example']) },
  { origins: ['https://app.example', 'chrome-extension://abc'] },
];
const limits = [{}, { maxHeadBytes: 200 }, { maxFields: 6 }, { maxTargetBytes: 12 }] as const;

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const targets = [
  '/12345678901',
  '/123456789012',
  '/',
  '/chat?a=b',
  '/a/../b',
  '/%00',
  '*',
  '',
  '/#f',
  'http://a.example/',
  'https://a.example/x',
  'wss://a.example:443',
  'https://b.example/',
  '//a.example/',
];
const hosts = [
  'a.example',
  'A.EXAMPLE.',
  'a.example:443',
  'a.example:8443',
  '127.0.0.1',
  '[::1]:1',
  '[::1',
  'a..b',
  'a.example:99999',
  '',
  'a.example, b.example',
  'ex\xe4mple',
];
const lines = [
  'Upgrade: websocket',
  'Upgrade: h2c, WebSocket',
  'Connection: Upgrade',
  'Connection: keep-alive, upgrade',
  'Connection: "Upgrade"',
  `Sec-WebSocket-Key: ${key}`,
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Version: 8',
  'Sec-WebSocket-Protocol: chat, superchat',
  'Sec-WebSocket-Protocol: chat, chat',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  'Sec-WebSocket-Extensions: a; b="c\\"d"',
  'Origin: https://a.example',
  'Origin: null',
  'Origin: https://app.example:443',
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  '__proto__: x',
  'X:',
  'X: \t y \t',
  ' folded',
  'Name : value',
  'no colon',
  'X: a\x00b',
];

function writeRequest(random: Random): string {
  const eol = random.oneIn(40) ? '\n' : '\r\n';
  const method = random.oneIn(8) ? random.pick(['POST', 'HEAD', 'get', 'PRI', 'M'.repeat(40), '']) : 'GET';
  const target = random.oneIn(3) ? random.pick(targets) : '/';
  const version = random.oneIn(12)
    ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.9', 'HTTP/1.1 ', 'http/1.1'])
    : 'HTTP/1.1';
  let text = `${method} ${target} ${version}${eol}`;
  if (!random.oneIn(10)) text += `Host: ${random.oneIn(3) ? random.pick(hosts) : 'a.example'}${eol}`;
  if (!random.oneIn(4)) {
    for (const line of [
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
    ]) {
      if (!random.oneIn(10)) text += `${line}${eol}`;
    }
  }
  for (let count = random.below(5); count > 0; count--) text += `${random.pick(lines)}${eol}`;
  if (random.oneIn(20)) text += `${someOf(random, ['a', 'b', ':', ' ', '\t', '\r', '\xff'], 12)}${eol}`;
  return random.oneIn(16) ? text : `${text}${eol}${random.oneIn(3) ? '\x81\x80' : ''}`;
}

/** What an upgrade request says, by its text alone. */
function checkUpgrade(
  head: RequestHead,
  verdict: Extract<ReturnType<typeof examineRequest>, { kind: 'upgrade' }>,
): void {
  const all = (name: string): string[] => {
    const values: string[] = [];
    for (const [given, value] of head.fields) if (given.toLowerCase() === name) values.push(value);
    return values;
  };
  must(head.method === 'GET' && /^1\.[1-9]$/.test(head.version), 'an upgrade is a GET of HTTP/1.1 or higher');
  must(
    verdict.path.startsWith('/') && !verdict.path.includes('#'),
    'the path of an upgrade is one, without a fragment',
  );
  must(all('host').length === 1, 'an upgrade names one host');
  must(/(?:^|,)\s*websocket\s*(?:,|$)/i.test(all('upgrade').join(', ')), 'an upgrade asks for websocket');
  must(/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(all('connection').join(', ')), 'the connection of an upgrade says so');
  mustBeSame(all('sec-websocket-version').join(), '13', 'the version of an upgrade is 13');
  mustBeSame(all('sec-websocket-key').join(), verdict.key, 'an upgrade has one key');
  const bytes = Buffer.from(verdict.key, 'base64');
  must(bytes.length === 16 && bytes.toString('base64') === verdict.key, 'the key of an upgrade is 16 bytes in base64');
  must(new Set(verdict.offeredProtocols).size === verdict.offeredProtocols.length, 'no subprotocol is offered twice');
  must(all('transfer-encoding').length === 0, 'an upgrade has no body');
  must(
    all('content-length').every((length) => length === '0'),
    'an upgrade has no body',
  );
  must(all('origin').length <= 1, 'an upgrade has one origin at most');
  const [protocol] = verdict.offeredProtocols;
  const response = acceptResponse({ key: verdict.key, protocol });
  const parser = new HeadParser('response');
  mustBeSame(parser.push(response), response.length, 'the 101 is a head');
  mustBeSame(parser.head?.fields.get('Sec-WebSocket-Protocol'), protocol, 'the 101 names the subprotocol');
}

export const request: Target = {
  name: 'request',
  covers: [
    'src/handshake/http-head.js',
    'src/handshake/fields.js',
    'src/handshake/grammar.js',
    'src/handshake/server.js',
    'src/handshake/origin.js',
    'src/handshake/subprotocol.js',
    'src/handshake/extension.js',
    'src/handshake/key.js',
    'src/handshake/response.js',
    'src/handshake/errors.js',
    'src/text.js',
  ],
  maxBytes,
  dictionary: [
    ...lines.map((line) => `${line}\r\n`),
    ...targets,
    ...hosts,
    'GET ',
    ' HTTP/1.1\r\n',
    '\r\n\r\n',
    '\r',
    '\n',
    ', ',
    ': ',
  ],
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    return writeText(input, settingsBytes, writeRequest(random));
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const limit = { maxHeadBytes: 16_384, maxFields: 100, maxTargetBytes: 8_192, ...limits[(input[0]! >> 4) & 3]! };
    const policy = policies[input[0]! & 3]!;
    const bytes = input.subarray(settingsBytes, length);
    const [whole, ...others] = waysToCut(bytes.length, (input[1]! << 8) | input[2]!).map((cuts) =>
      readHead('request', bytes, cuts, limit),
    );
    const story = headStory(whole!);
    for (const other of others) mustBeSame(headStory(other), story, 'the same is told in every chunking');
    const { head, error } = whole!;
    if (error !== undefined) {
      const response = refusalResponse(error);
      const parser = new HeadParser('response');
      parser.push(response);
      mustBeSame(parser.head?.status, error.httpStatus ?? 400, 'a refusal is a response of its status');
      return kindOf(error.code);
    }
    if (head === undefined) return 1;
    must(head.target.length <= limit.maxTargetBytes, 'a target keeps to its limit');
    const fields = [...head.fields].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const anew = Buffer.from(`${head.method} ${head.target} HTTP/${head.version}\r\n${fields}\r\n`, 'latin1');
    const [again] = waysToCut(anew.length, 0);
    mustBeSame(
      headStory(readHead('request', anew, again!)).replace(/^\d+ /, ''),
      story.replace(/^\d+ /, ''),
      'a head that is written anew reads the same',
    );
    const verdict = examineRequest(head, policy);
    if (verdict.kind === 'refused') {
      must(verdict.error instanceof HandshakeError, 'a refusal is a HandshakeError');
      must(verdict.error.httpStatus !== undefined && verdict.error.httpStatus >= 400, 'a refusal has a status');
      mustBeLine(verdict.error.message);
      return kindOf(verdict.error.code);
    }
    if (verdict.kind === 'upgrade') {
      checkUpgrade(head, verdict);
      if (policy.serverName !== undefined)
        mustBeSame(verdict.host.replace(/:\d+$/, ''), policy.serverName, 'Host is the name of the TLS handshake');
      return kindOf(
        `upgrade ${Math.min(3, verdict.offeredProtocols.length)} ${Math.min(3, verdict.offeredExtensions.length)} ${verdict.origin === undefined}`,
      );
    }
    must(!head.fields.has('Sec-WebSocket-Key'), 'a plain request asks for no WebSocket');
    return 2;
  },
};
