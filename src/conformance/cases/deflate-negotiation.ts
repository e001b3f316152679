/** What is offered and what is accepted (RFC 7692 §5, §7.1; RFC 6455 §9.1). */
import { Buffer } from 'node:buffer';
import type { Case, Compression, ExpectedResponse, Step } from '../case.js';
import { caseOf, echoText, expect, failure, goodbye, oneOf, send, text, textMessage } from '../script.js';
import { prose, Sender } from './deflate-data.js';

const define = caseOf('deflate');

const extension = 'permessage-deflate';

/** Three messages each way, compressed if that was agreed: more than one, so that a window given up shows. */
function exchange(own: Compression | undefined, mayFail: boolean = false): readonly Step[] {
  const data = prose(4000);
  if (own === undefined) return [...echoText(data), ...goodbye()];
  const sender = new Sender(own);
  return [
    ...[1, 2, 3].flatMap((nth) => [
      send(text(sender.payload(data), { rsv: 4 })),
      expect(nth === 1 && mayFail ? oneOf(textMessage(data), failure(1010, 1002)) : textMessage(data)),
    ]),
    send(text(Buffer.from('short'))),
    expect(textMessage('short')),
    ...goodbye(),
  ];
}

const bits: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15];

/** Offers that are lawful: a server may take each or leave it. What it answers is judged with every response. */
const lawfulOffers: ReadonlyArray<readonly [name: string, section: string, parameters: string]> = [
  ['plain', 'RFC 7692 §7', ''],
  ['server-no-takeover', 'RFC 7692 §7.1.1.1', '; server_no_context_takeover'],
  ['client-no-takeover', 'RFC 7692 §7.1.1.2', '; client_no_context_takeover'],
  ['no-takeover', 'RFC 7692 §7.1.1', '; server_no_context_takeover; client_no_context_takeover'],
  ...bits.flatMap(
    (size): Array<readonly [string, string, string]> => [
      [`server-bits-${size}`, 'RFC 7692 §7.1.2.1', `; server_max_window_bits=${size}`],
      [`client-bits-${size}`, 'RFC 7692 §7.1.2.2', `; client_max_window_bits=${size}`],
      [`both-bits-${size}`, 'RFC 7692 §7.1.2', `; server_max_window_bits=${size}; client_max_window_bits=${size}`],
    ],
  ),
  ['client-bits', 'RFC 7692 §7.1.2.2', '; client_max_window_bits'],
  ['quoted', 'RFC 7692 §7.1', '; server_max_window_bits="10"'],
  ['quoted-client', 'RFC 7692 §7.1', '; client_max_window_bits="12"'],
  [
    'all',
    'RFC 7692 §7.1',
    '; client_max_window_bits=10; server_no_context_takeover; server_max_window_bits=11; client_no_context_takeover',
  ],
  ['spaced', 'RFC 6455 §9.1', ' ;  server_no_context_takeover ; client_max_window_bits '],
  ['tight', 'RFC 6455 §9.1', ';server_no_context_takeover;client_max_window_bits'],
];

/** Parameters that make an offer invalid, and a response too. */
const invalid: ReadonlyArray<readonly [name: string, parameters: string]> = [
  ['server-bits-none', '; server_max_window_bits'],
  ['server-bits-0', '; server_max_window_bits=0'],
  ['server-bits-7', '; server_max_window_bits=7'],
  ['server-bits-16', '; server_max_window_bits=16'],
  ['server-bits-999', '; server_max_window_bits=999'],
  ['server-bits-08', '; server_max_window_bits=08'],
  ['server-bits-x', '; server_max_window_bits=x'],
  ['server-bits-quoted-x', '; server_max_window_bits="x"'],
  ['server-bits-negative', '; server_max_window_bits=-8'],
  ['server-bits-huge', '; server_max_window_bits=99999999999999999999'],
  ['client-bits-0', '; client_max_window_bits=0'],
  ['client-bits-7', '; client_max_window_bits=7'],
  ['client-bits-16', '; client_max_window_bits=16'],
  ['client-bits-08', '; client_max_window_bits=08'],
  ['client-bits-x', '; client_max_window_bits=x'],
  ['server-takeover-value', '; server_no_context_takeover=1'],
  ['client-takeover-value', '; client_no_context_takeover=true'],
  ['server-takeover-twice', '; server_no_context_takeover; server_no_context_takeover'],
  ['client-takeover-twice', '; client_no_context_takeover; client_no_context_takeover'],
  ['server-bits-twice', '; server_max_window_bits=10; server_max_window_bits=10'],
  ['client-bits-twice', '; client_max_window_bits=10; client_max_window_bits=11'],
  ['unknown', '; unknown_parameter'],
  ['unknown-value', '; mode=fast'],
  ['proto', '; __proto__'],
];

/**
 * RFC 7692 §5: what is declined is left out of the response. A server that takes the whole request for malformed accepts
 * nothing either (RFC 6455 §4.2.1).
 */
const declined: ExpectedResponse = { statuses: [101], weakStatuses: [400] };

function isAccepted(value: string | undefined): boolean {
  return value !== undefined && /(?:^|,)\s*permessage-deflate\s*(?:[;,]|$)/.test(value);
}

const servers: readonly Case[] = [
  ...lawfulOffers.map(([name, section, parameters]) =>
    define(
      `offer-${name}`,
      `answers the offer "${extension}${parameters}" in its terms, or declines it`,
      { section, targets: ['server'], opening: { offers: `${extension}${parameters}` } },
      (_, own) => exchange(own),
    ),
  ),
  ...invalid.map(([name, parameters]) =>
    define(
      `offer-invalid-${name}`,
      `declines the offer "${extension}${parameters}", and opens the connection`,
      {
        section: 'RFC 7692 §7.1',
        targets: ['server'],
        opening: {
          offers: `${extension}${parameters}`,
          expect: {
            ...declined,
            judgeExtensions: (value) =>
              isAccepted(value) ? `it was accepted as ${value}, and must be declined` : undefined,
          },
        },
      },
      () => [...echoText('not compressed'), ...goodbye()],
    ),
  ),
  ...[
    [
      'fallback',
      `${extension}; server_max_window_bits=8; client_max_window_bits, ${extension}; client_max_window_bits`,
    ],
    ['fallback-invalid', `${extension}; server_max_window_bits=99, ${extension}`],
    ['fallback-unknown', `${extension}; mode=fast, ${extension}; client_max_window_bits`],
    ['among-others', `x-webkit-deflate-frame, ${extension}, permessage-bzip2; level=9`],
    ['twice', `${extension}, ${extension}`],
  ].map(([name, offer]) => {
    const response = name!.startsWith('fallback-') ? { expect: declined } : {};
    return define(
      `offer-${name}`,
      `answers one of the offers "${offer}", or none`,
      { section: 'RFC 7692 §5', targets: ['server'], opening: { offers: offer!, ...response } },
      (_, own) => exchange(own),
    );
  }),
  ...['permessage-deflate-foo', 'Xpermessage-deflate', 'permessage-bzip2', 'deflate-frame'].map((name) =>
    define(
      `offer-other-${name.toLowerCase()}`,
      `does not take "${name}" for permessage-deflate`,
      {
        section: 'RFC 6455 §9.1',
        targets: ['server'],
        opening: {
          offers: name,
          expect: {
            statuses: [101],
            judgeExtensions: (value) =>
              isAccepted(value) ? 'permessage-deflate was accepted, but not offered' : undefined,
          },
        },
      },
      () => [...echoText('not compressed'), ...goodbye()],
    ),
  ),
];

const lawfulAnswers: ReadonlyArray<readonly [name: string, section: string, parameters: string]> = [
  ['plain', 'RFC 7692 §7', ''],
  ['server-no-takeover', 'RFC 7692 §7.1.1.1', '; server_no_context_takeover'],
  ['client-no-takeover', 'RFC 7692 §7.1.1.2', '; client_no_context_takeover'],
  ['no-takeover', 'RFC 7692 §7.1.1', '; server_no_context_takeover; client_no_context_takeover'],
  ...bits.flatMap(
    (size): Array<readonly [string, string, string]> => [
      [`server-bits-${size}`, 'RFC 7692 §7.1.2.1', `; server_max_window_bits=${size}`],
      [`client-bits-${size}`, 'RFC 7692 §7.1.2.2', `; client_max_window_bits=${size}`],
    ],
  ),
  ['quoted', 'RFC 7692 §7.1', '; server_max_window_bits="10"'],
  ['tight', 'RFC 6455 §9.1', ';server_no_context_takeover;server_max_window_bits=12'],
];

const clients: readonly Case[] = [
  ...lawfulAnswers.map(([name, section, parameters]) =>
    define(
      `answer-${name}`,
      `keeps to the answer "${extension}${parameters}"`,
      {
        section,
        targets: ['client'],
        needs: ['deflate'],
        opening: { accepts: `${extension}${parameters}` },
      },
      // RFC 7692 §7: a client fails the connection if it does not support what the response represents.
      (_, own) => exchange(own, name.startsWith('client-bits-')),
    ),
  ),
  ...[...invalid, ['client-bits-none', '; client_max_window_bits'] as const].map(([name, parameters]) =>
    define(
      `answer-invalid-${name}`,
      `fails the opening handshake on the answer "${extension}${parameters}"`,
      {
        section: 'RFC 7692 §7.1',
        targets: ['client'],
        needs: ['deflate'],
        opening: { accepts: `${extension}${parameters}`, clientMust: 'fail' },
      },
      () => [],
    ),
  ),
  ...[
    ['unoffered', 'permessage-bzip2'],
    ['beside', `${extension}, permessage-bzip2`],
    ['twice', `${extension}, ${extension}`],
    ['empty-parameter', `${extension}; ;`],
    ['bad-grammar', `${extension} client_no_context_takeover`],
  ].map(([name, answer]) =>
    define(
      `answer-${name}`,
      `fails the opening handshake on the answer "${answer}"`,
      {
        section: 'RFC 6455 §9.1',
        targets: ['client'],
        needs: ['deflate'],
        opening: { accepts: answer!, clientMust: 'fail' },
      },
      () => [],
    ),
  ),
];

export const deflateNegotiationCases: readonly Case[] = [...servers, ...clients];
