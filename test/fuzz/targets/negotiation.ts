// Extensions and subprotocols: what is read is written anew and reads the same; names are tokens; an agreement is within what both ends asked for, and the client takes the server's answer to its own offer; caller's text is written as one field or refused.
import { HandshakeError, UsageError } from '../../../src/errors.js';
import {
  acceptResponse,
  type DeflatePolicy,
  HeadParser,
  negotiateDeflate,
  negotiateProtocol,
  offerDeflate,
  parseExtensions,
  plainResponse,
} from '../../../src/handshake/index.js';
import { examineDeflate } from '../../../src/handshake/permessage-deflate.js';
import { parseProtocols } from '../../../src/handshake/subprotocol.js';
import { kindOf, must, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

/** Policies of both ends. Behind them stand the values of a field, a NUL between them. */
const settingsBytes = 3;
const maxBytes = 300;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const parts = [
  'permessage-deflate',
  'server_no_context_takeover',
  'client_no_context_takeover',
  'server_max_window_bits',
  'client_max_window_bits',
  ...['=8', '=15', '=10', '="12"', '="\\1\\0"', '=08', '=16', '=7', '="', '=""', '=', ' = 9'],
  ...[';', '; ', ' ;', ',', ', ', ',,', ' ', '\t', '"', '\\', '\0', '\x7f', '\xe9', 'a', 'chat', '__proto__'],
];

function policyOf(bits: number): DeflatePolicy {
  const bitsOf = (value: number): number | undefined => (value === 0 ? undefined : 8 + value);
  return {
    ...((bits & 1) !== 0 ? { serverNoContextTakeover: (bits & 2) !== 0 } : {}),
    ...((bits & 4) !== 0 ? { clientNoContextTakeover: true } : {}),
    serverMaxWindowBits: bitsOf((bits >> 3) & 7),
    clientMaxWindowBits: bitsOf((bits >> 6) & 3),
  };
}

export const negotiation: Target = {
  name: 'negotiation',
  covers: [
    'src/handshake/extension.js',
    'src/handshake/subprotocol.js',
    'src/handshake/grammar.js',
    'src/handshake/permessage-deflate.js',
    'src/handshake/response.js',
  ],
  maxBytes,
  dictionary: parts,
  generate(random, input) {
    for (let index = 0; index < settingsBytes; index++) input[index] = random.next();
    if (random.oneIn(2)) return writeText(input, settingsBytes, someOf(random, parts, 14));
    const offers = Array.from({ length: 1 + random.below(3) }, () => {
      const parameters = Array.from(
        { length: random.below(4) },
        () => `; ${random.pick(parts.slice(1, 5))}${random.oneIn(2) ? `=${6 + random.below(12)}` : ''}`,
      );
      return `permessage-deflate${parameters.join('')}`;
    });
    return writeText(input, settingsBytes, offers.join(random.oneIn(2) ? ', ' : '\0'));
  },
  run(input, length) {
    if (length < settingsBytes) return 0;
    const text = input.toString('latin1', settingsBytes, length);
    const values = text.split('\0');
    let kind = '';

    const protocols = parseProtocols(values);
    if (protocols !== undefined) {
      must(
        protocols.every((protocol) => token.test(protocol)),
        'a subprotocol is a token',
      );
      must(new Set(protocols).size === protocols.length, 'no subprotocol is offered twice');
      mustBeSame(
        parseProtocols([protocols.join(',')])?.join(),
        protocols.join(),
        'subprotocols that are written anew read the same',
      );
      const chosen = negotiateProtocol(protocols, ['chat', 'a']);
      must(chosen === undefined || protocols.includes(chosen), 'a subprotocol that is chosen was offered');
      kind += `p${protocols.length} `;
    }

    const offers = parseExtensions(values);
    if (offers !== undefined) {
      const written = offers.map(({ name, parameters }) =>
        [
          name,
          ...parameters.map(([parameter, value]) => (value === undefined ? parameter : `${parameter}="${value}"`)),
        ].join('; '),
      );
      for (const { name, parameters } of offers) {
        must(token.test(name), 'the name of an extension is a token');
        for (const [parameter, value] of parameters)
          must(token.test(parameter) && (value === undefined || token.test(value)), 'parameters are tokens');
      }
      mustBeSame(
        JSON.stringify(parseExtensions(written)),
        JSON.stringify(offers),
        'extensions that are written anew read the same',
      );
      kind += `e${Math.min(3, offers.length)} `;
      const policy = policyOf(input[0]! | (input[2]! << 8));
      const agreed = negotiateDeflate(offers, policy);
      if (agreed !== undefined) {
        const { parameters, response } = agreed;
        for (const bits of [parameters.serverMaxWindowBits, parameters.clientMaxWindowBits])
          must(Number.isInteger(bits) && bits >= 8 && bits <= 15, 'window bits are 8 to 15');
        must(parameters.serverMaxWindowBits <= (policy.serverMaxWindowBits ?? 15), 'a server keeps to its own bound');
        must(parameters.clientMaxWindowBits <= (policy.clientMaxWindowBits ?? 15), 'a server bounds the client');
        must(
          policy.serverNoContextTakeover !== true || parameters.serverNoContextTakeover,
          'a server keeps to its own word',
        );
        const read = parseExtensions([response]);
        must(
          read?.length === 1 && offers.some(({ name }) => name === read[0]!.name),
          'the answer is one extension that was offered',
        );
        kind += JSON.stringify(parameters);
      }
      const asked = policyOf(input[1]!);
      const judged = examineDeflate(offers[0]!, [asked], text);
      if (judged instanceof HandshakeError) kind += judged.code;
    } else {
      kind += '- ';
    }

    // A client's own offer, and a server's answer to it.
    const asked = [policyOf(input[1]! | ((input[2]! & 1) << 8))];
    const sent = parseExtensions([offerDeflate(asked)]);
    must(sent?.length === 1, 'an offer is an extension');
    const answer = negotiateDeflate(sent, policyOf(input[0]! | ((input[2]! & 6) << 7)));
    if (answer !== undefined) {
      const judged = examineDeflate(parseExtensions([answer.response])![0]!, asked, answer.response);
      must(!(judged instanceof HandshakeError), "a client takes our server's answer to its offer");
      mustBeSame(JSON.stringify(judged), JSON.stringify(answer.parameters), 'both ends agree on the same');
    }

    // Text of a caller.
    let bytes: Buffer | undefined;
    try {
      bytes = plainResponse(200, '', { headers: [['X-Test', text]] });
    } catch (error) {
      must(error instanceof UsageError && error.code === 'header-malformed', 'what cannot be sent is refused');
    }
    if (bytes !== undefined) {
      const parser = new HeadParser('response');
      parser.push(bytes);
      mustBeSame(parser.head?.fields.getAll('X-Test').join('\n'), text, 'what is sent is one field');
    }
    try {
      acceptResponse({ key: 'dGhlIHNhbXBsZSBub25jZQ==', protocol: text });
      must(token.test(text), 'only a token is sent as a subprotocol');
    } catch (error) {
      must(error instanceof UsageError && error.code === 'protocols-malformed', 'what is no subprotocol is refused');
    }
    return kindOf(kind);
  },
};
