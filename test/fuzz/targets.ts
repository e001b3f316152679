/** All targets, by name. Each is loaded when it is asked for, so that the coverage of its files counts from their first line. */
import type { Target } from './target.js';

export const targets: Readonly<Record<string, () => Promise<Target>>> = {
  decoder: async () => (await import('./targets/decoder.js')).decoder,
  messages: async () => (await import('./targets/messages.js')).messages,
  'round-trip': async () => (await import('./targets/round-trip.js')).roundTrip,
  'close-payload': async () => (await import('./targets/close-payload.js')).closePayload,
  utf8: async () => (await import('./targets/utf8.js')).utf8,
  deflate: async () => (await import('./targets/deflate.js')).deflate,
  request: async () => (await import('./targets/request.js')).request,
  response: async () => (await import('./targets/response.js')).response,
  negotiation: async () => (await import('./targets/negotiation.js')).negotiation,
  caller: async () => (await import('./targets/caller.js')).caller,
  pem: async () => (await import('./targets/pem.js')).pem,
  der: async () => (await import('./targets/der.js')).der,
  certificate: async () => (await import('./targets/certificate.js')).certificate,
  crl: async () => (await import('./targets/crl.js')).crl,
  names: async () => (await import('./targets/names.js')).names,
  spiffe: async () => (await import('./targets/spiffe.js')).spiffe,
  rule: async () => (await import('./targets/rule.js')).rule,
  'client-hello': async () => (await import('./targets/client-hello.js')).clientHello,
  arguments: async () => (await import('./targets/arguments.js')).args,
  ws: async () => (await import('./targets/ws.js')).ws,
};
