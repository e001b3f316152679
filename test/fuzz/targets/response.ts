// The head of a response: the same head or fault, at the same byte, in every chunking; within its limits; written anew it reads the same; the verdict on it never throws, and what it takes is the answer to the request, and to nothing else.
import { HandshakeError } from '../../../src/errors.js';
import { createRequest, examineResponse, responseBodyLength } from '../../../src/handshake/index.js';
import { waysToCut } from '../cuts.js';
import { headStory, readHead } from '../heads.js';
import type { Random } from '../random.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

/** What was asked for; how it is cut. */
const settingsBytes = 3;
const maxBytes = 500;

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
/** RFC 6455 §1.3. */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const requests = [
  {},
  { protocols: ['chat', 'superchat'] },
  { deflate: [{}] },
  {
    deflate: [
      { serverNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
      { serverMaxWindowBits: 12 },
    ],
  },
].map((options) => createRequest({ url: 'wss://a.example/', key, ...options }));

const lines = [
  'Upgrade: websocket',
  'Upgrade: WebSocket, h2c',
  'Connection: Upgrade',
  'Connection: close',
  `Sec-WebSocket-Accept: ${accept}`,
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo',
  'Sec-WebSocket-Protocol: chat',
  'Sec-WebSocket-Protocol: Chat',
  'Sec-WebSocket-Extensions: permessage-deflate',
  'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=08',
  'Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate',
  'Sec-WebSocket-Extensions: x-unknown',
  'Location: https://b.example/',
  'Content-Length: 12',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'X: \xff\t y',
  '\tfolded',
];

function writeResponse(random: Random): string {
  const eol = random.oneIn(40) ? '\n' : '\r\n';
  const version = random.oneIn(16) ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.10', 'ICY']) : 'HTTP/1.1';
  const status = random.oneIn(4)
    ? random.pick(['100 Continue', '103', '200 OK', '301 Moved', '403 ', '426 \xff', '099 x', '1010 x', ''])
    : '101 Switching Protocols';
  let text = `${version} ${status}${eol}`;
  if (!random.oneIn(5)) {
    for (const line of ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]) {
      if (!random.oneIn(10)) text += `${line}${eol}`;
    }
  }
  for (let count = random.below(4); count > 0; count--) text += `${random.pick(lines)}${eol}`;
  if (random.oneIn(20)) text += `${someOf(random, ['a', ':', ' ', '\t', '\r', '\xff', '\x00'], 12)}${eol}`;
  return random.oneIn(16) ? text : `${text}${eol}${random.oneIn(3) ? '\x81\x00' : ''}`;
}

export const response: Target = {
  name: 'response',
  covers: [
    'src/handshake/http-head.js',
    'src/handshake/fields.js',
    'src/handshake/grammar.js',
    'src/handshake/client.js',
    'src/handshake/extension.js',
    'src/handshake/permessage-deflate.js',
    'src/handshake/errors.js',
  ],
  maxBytes,
  dictionary: [
    ...lines.map((line) => `${line}\r\n`),
    'HTTP/1.1 101 \r\n',
    '\r\n\r\n',
    '\r',
    '\n',
    ', ',
    '; ',
    '="10"',
    'client_no_context_takeover',
  ],
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    return writeText(input, settingsBytes, writeResponse(random));
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const asked = requests[input[0]! & 3]!;
    const bytes = input.subarray(settingsBytes, length);
    const [whole, ...others] = waysToCut(bytes.length, (input[1]! << 8) | input[2]!).map((cuts) =>
      readHead('response', bytes, cuts),
    );
    const story = headStory(whole!);
    for (const other of others) mustBeSame(headStory(other), story, 'the same is told in every chunking');
    const { head, error } = whole!;
    if (error !== undefined) return kindOf(error.code);
    if (head === undefined) return 1;
    must(head.status >= 100 && head.status <= 999, 'a status has three digits');
    const fields = [...head.fields].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const anew = Buffer.from(`HTTP/${head.version} ${head.status} ${head.reason}\r\n${fields}\r\n`, 'latin1');
    const [again] = waysToCut(anew.length, 0);
    mustBeSame(
      headStory(readHead('response', anew, again!)).replace(/^\d+ /, ''),
      story.replace(/^\d+ /, ''),
      'a head that is written anew reads the same',
    );
    const body = responseBodyLength(head);
    must(body === undefined || (Number.isSafeInteger(body) && body >= 0), 'the length of a body is one');
    const verdict = examineResponse(head, asked);
    if (verdict.kind === 'interim') {
      must(head.status < 200 && head.status !== 101, 'an interim response has a status of its own');
      return 2;
    }
    if (verdict.kind === 'refused') {
      must(verdict.error instanceof HandshakeError, 'a refusal is a HandshakeError');
      mustBeLine(verdict.error.message);
      return kindOf(verdict.error.code);
    }
    mustBeSame(head.status, 101, 'an upgrade is answered by 101');
    mustBeSame(head.fields.getAll('Sec-WebSocket-Accept').join(), accept, 'the answer is that to our key');
    mustBeSame(head.fields.get('Upgrade')?.toLowerCase(), 'websocket', 'the answer upgrades to websocket');
    must(verdict.protocol === '' || asked.protocols.includes(verdict.protocol), 'a subprotocol was offered');
    must(head.fields.getAll('Sec-WebSocket-Protocol').length <= 1, 'a subprotocol is named once');
    const { deflate } = verdict;
    mustBeSame(
      deflate !== undefined,
      head.fields.has('Sec-WebSocket-Extensions'),
      'an extension is agreed on when it is named',
    );
    if (deflate === undefined) return 3;
    const fits = asked.deflate.some(
      (offer) =>
        (offer.serverNoContextTakeover !== true || deflate.serverNoContextTakeover) &&
        deflate.serverMaxWindowBits <= (offer.serverMaxWindowBits ?? 15) &&
        deflate.clientMaxWindowBits <= (offer.clientMaxWindowBits ?? 15),
    );
    must(fits, 'compression keeps to an offer');
    for (const bits of [deflate.serverMaxWindowBits, deflate.clientMaxWindowBits])
      must(Number.isInteger(bits) && bits >= 8 && bits <= 15, 'window bits are 8 to 15');
    return kindOf(JSON.stringify(deflate));
  },
};
