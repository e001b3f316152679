// What a caller gives for a request or a response: it is refused by UsageError, on one line, or written as exactly one head, which our own parser reads back with the same values; nothing of it starts a line of its own; our server takes the request.
import { UsageError } from '../../../src/errors.js';
import {
  acceptResponse,
  createRequest,
  examineRequest,
  HeadParser,
  negotiateDeflate,
  plainResponse,
  type RequestHead,
} from '../../../src/handshake/index.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';

/** Which of them are given. Behind it stand, in UTF-8 and with a NUL between them: URL, host, subprotocol, origin, name and value of a field. */
const settingsBytes = 1;
const maxBytes = 300;

const urls = [
  'wss://a.example',
  'wss://a.example:8443/chat?a=b c#d',
  'wss://[::1]/',
  'WSS://BÜCHER.example/ü',
  'wss://a.example/\r\nX: y',
  'ws://a.example',
  'https://a.example',
  'wss://user:pass@a.example',
  'wss://a_b.example/%00',
  'wss://127.1/',
  'wss:a.example',
  'localhost:8443',
  'wss://a.example/\\..\\x',
  '',
];
const texts = [
  'chat',
  'a.example',
  'A.EXAMPLE.',
  '::1',
  '127.0.0.1',
  'https://a.example',
  'null',
  'X-A',
  'Host',
  'Cookie',
  'a b',
  ' a',
  'a\r\nb: c',
  '\u202e',
  '\xad',
  'é',
  '日',
  '\x7f',
  '\t',
  'a,b',
  '"',
  '__proto__',
  '',
];

function attempt(write: () => Buffer): Buffer | string {
  try {
    return write();
  } catch (error) {
    must(error instanceof UsageError, 'nothing but UsageError is thrown');
    mustBeLine(error.message);
    must(error.option !== undefined, 'a refusal names what it is about');
    return error.code;
  }
}

function fieldsOf(head: { readonly fields: Iterable<readonly [string, string]> }): string[] {
  return [...head.fields].map(([name]) => name.toLowerCase());
}

function checkRequest(bytes: Buffer, given: Given): RequestHead {
  const parser = new HeadParser('request', { maxTargetBytes: 8_192 });
  mustBeSame(parser.push(bytes), bytes.length, 'a request is one head, and nothing behind it');
  const { head } = parser;
  must(head !== undefined, 'a request is a head');
  const wanted = ['host', 'upgrade', 'connection', 'sec-websocket-key', 'sec-websocket-version'];
  if (given.protocol !== undefined) wanted.push('sec-websocket-protocol');
  wanted.push('sec-websocket-extensions');
  if (given.origin !== undefined) wanted.push('origin');
  if (given.field !== undefined) wanted.push(given.field[0].toLowerCase());
  mustBeSame(fieldsOf(head).join(), wanted.join(), 'a request has its fields, and no other');
  if (given.protocol !== undefined)
    mustBeSame(head.fields.get('Sec-WebSocket-Protocol'), given.protocol, 'the subprotocol is written as it was given');
  if (given.origin !== undefined)
    mustBeSame(head.fields.get('Origin'), given.origin, 'the origin is written as it was given');
  if (given.field !== undefined)
    mustBeSame(head.fields.get(given.field[0]), given.field[1], 'a field is written as it was given');
  const origins = given.origin === undefined ? [] : [given.origin];
  const verdict = examineRequest(head, { origins });
  const isRefused = verdict.kind === 'refused' && verdict.error.code === 'origin-refused';
  must(isRefused ? given.origin !== undefined : verdict.kind === 'upgrade', 'our server takes our request');
  if (verdict.kind === 'upgrade')
    must(negotiateDeflate(verdict.offeredExtensions) !== undefined, 'our server takes our offer');
  return head;
}

interface Given {
  readonly protocol: string | undefined;
  readonly origin: string | undefined;
  readonly field: readonly [string, string] | undefined;
}

export const caller: Target = {
  name: 'caller',
  covers: [
    'src/handshake/client.js',
    'src/handshake/response.js',
    'src/handshake/subprotocol.js',
    'src/handshake/origin.js',
    'src/handshake/grammar.js',
    'src/text.js',
  ],
  maxBytes,
  dictionary: [...urls, ...texts].map((text) => Buffer.from(text).toString('latin1')),
  generate(random, input) {
    input[0] = random.next();
    const parts = [
      random.pick(urls),
      ...Array.from({ length: 5 }, () => random.pick(texts) + (random.oneIn(4) ? random.pick(texts) : '')),
    ];
    return settingsBytes + input.write(parts.join('\0'), settingsBytes);
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const which = input[0]!;
    const [url = '', host = '', protocol = '', origin = '', name = '', value = ''] = input
      .toString('utf8', settingsBytes, length)
      .split('\0');
    const given: Given = {
      protocol: (which & 2) !== 0 ? protocol : undefined,
      origin: (which & 4) !== 0 ? origin : undefined,
      field: (which & 8) !== 0 ? [name, value] : undefined,
    };
    const headers = given.field && [given.field];
    const request = attempt(
      () =>
        createRequest({
          url,
          ...((which & 1) !== 0 ? { host } : {}),
          ...(given.protocol === undefined ? {} : { protocols: [given.protocol] }),
          origin: given.origin,
          headers,
          deflate: [{}],
        }).bytes,
    );
    let kind = typeof request === 'string' ? request : '';
    if (typeof request !== 'string') {
      const head = checkRequest(request, given);
      kind += `${head.target.length > 1} ${which & 15}`;
    }

    const status = 200 + (((which >> 4) * 37) % 420);
    const response = attempt(() =>
      plainResponse(status, value, {
        ...(headers === undefined ? {} : { headers }),
        method: (which & 1) !== 0 ? 'HEAD' : 'GET',
      }),
    );
    if (typeof response === 'string') return kindOf(`${kind} ${response}`);
    const parser = new HeadParser('response');
    const taken = parser.push(response);
    must(parser.head !== undefined, 'a response is a head');
    mustBeSame(parser.head.status, status, 'a response has its status');
    const hasBody = status !== 204 && status !== 304 && (which & 1) === 0;
    mustBeSame(
      response.toString('utf8', taken),
      hasBody ? Buffer.from(value).toString() : '',
      'behind the head is the body',
    );
    const allowed = new Set([
      'connection',
      'content-type',
      'content-length',
      'allow',
      'upgrade',
      'sec-websocket-version',
      given.field?.[0].toLowerCase(),
    ]);
    must(
      fieldsOf(parser.head).every((field) => allowed.has(field)),
      'a response has its fields, and no other',
    );

    const accepted = attempt(() =>
      acceptResponse({ key: 'dGhlIHNhbXBsZSBub25jZQ==', protocol: given.protocol, extensions: given.field?.[1] }),
    );
    if (typeof accepted === 'string') return kindOf(`${kind} ${accepted}`);
    const acceptParser = new HeadParser('response');
    mustBeSame(acceptParser.push(accepted), accepted.length, 'the 101 is one head');
    mustBeSame(
      acceptParser.head?.fields.get('Sec-WebSocket-Protocol'),
      given.protocol,
      'the 101 names the subprotocol',
    );
    return kindOf(`${kind} ok`);
  },
};
