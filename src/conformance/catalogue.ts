/** All cases, in the order of their groups. */
import type { Case, GroupName } from './case.js';
import { closingCases } from './cases/closing.js';
import { controlCases } from './cases/control.js';
import { deflateCases } from './cases/deflate.js';
import { deflateNegotiationCases } from './cases/deflate-negotiation.js';
import { deliveryCases } from './cases/delivery.js';
import { fragmentationCases } from './cases/fragmentation.js';
import { framingCases } from './cases/framing.js';
import { limitsCases } from './cases/limits.js';
import { maskingCases } from './cases/masking.js';
import { openingClientCases } from './cases/opening-client.js';
import { openingServerCases } from './cases/opening-server.js';
import { tlsClientCases } from './cases/tls-client.js';
import { tlsServerCases } from './cases/tls-server.js';
import { utf8Cases } from './cases/utf8.js';

/** The groups, in the order in which they are run and reported, with what they are about. */
export const groups: Readonly<Record<GroupName, string>> = {
  opening: 'the opening handshake (RFC 6455 §4)',
  framing: 'frame headers and lengths (RFC 6455 §5.2)',
  masking: 'masking (RFC 6455 §5.3)',
  fragmentation: 'fragments and interleaving (RFC 6455 §5.4)',
  control: 'control frames (RFC 6455 §5.5)',
  utf8: 'text is UTF-8 (RFC 6455 §8.1)',
  closing: 'the closing handshake (RFC 6455 §7)',
  limits: 'large messages and limits (RFC 6455 §10.4)',
  delivery: 'octets, pipelining and many messages',
  deflate: 'permessage-deflate (RFC 7692)',
  tls: 'mutual TLS (RFC 8446, RFC 5280)',
};

/** Returns all cases. */
export function allCases(): readonly Case[] {
  return [
    ...openingServerCases,
    ...openingClientCases,
    ...framingCases,
    ...maskingCases,
    ...fragmentationCases,
    ...controlCases,
    ...utf8Cases,
    ...closingCases,
    ...limitsCases,
    ...deliveryCases,
    ...deflateNegotiationCases,
    ...deflateCases,
    ...tlsServerCases,
    ...tlsClientCases,
  ];
}
