/** All targets, by name. Each is loaded when it is asked for, so that the coverage of its files counts from their first line. */
import type { Target } from './target.js';

export const targets: Readonly<Record<string, () => Promise<Target>>> = {
  decoder: async () => (await import('./targets/decoder.js')).decoder,
  messages: async () => (await import('./targets/messages.js')).messages,
  'round-trip': async () => (await import('./targets/round-trip.js')).roundTrip,
  request: async () => (await import('./targets/request.js')).request,
  response: async () => (await import('./targets/response.js')).response,
  negotiation: async () => (await import('./targets/negotiation.js')).negotiation,
  ws: async () => (await import('./targets/ws.js')).ws,
};
