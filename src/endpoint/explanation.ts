/**
 * Tells a client that the gate has refused why, in an HTTP response (`explainRefusals`). This file has no way to a
 * connection, to the user's code or to anything else that only a verified peer may reach.
 */

import type { PeerIdentityError } from '../errors.js';
import { HeadParser, plainResponse } from '../handshake/index.js';
import type { SecuredSocket } from '../tls/index.js';
import { endWith } from './end-with.js';
import type { Trace } from './options.js';

/** The field of the response that names the code of the refusal. */
export const refusalField = 'Mtls-Ws-Refused';

/**
 * Reads one request head, whatever it asks for, and answers 403 with the reason as JSON: `{ "refused": code, "message":
 * …, "hint": … }`. Its code stands in a field of its own, too. The client counts among the unauthenticated until it is
 * gone, by the deadline of the handshake at the latest.
 *
 * @param options `deadline`: milliseconds that the client may take to read the answer
 */
export function explain(
  refused: SecuredSocket,
  error: PeerIdentityError,
  options: { id: number; deadline: number; trace: Trace | undefined },
): void {
  const { socket } = refused;
  const { id, trace } = options;
  const parser = new HeadParser('request');
  const over = (): void => {
    refused.established();
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    trace?.(id, 'in', chunk);
    parser.push(chunk);
    if (parser.error === undefined && parser.head === undefined) return;
    socket.off('data', onData);
    socket.off('end', over);
    const body = `${JSON.stringify({ refused: error.code, message: error.message, hint: error.hint })}\n`;
    const method = parser.head?.kind === 'request' ? parser.head.method : undefined;
    const bytes = plainResponse(403, body, {
      headers: { 'Content-Type': 'application/json', [refusalField]: error.code },
      ...(method === undefined ? {} : { method }),
    });
    trace?.(id, 'out', bytes);
    endWith(socket, bytes, options.deadline);
  };
  refused.onDeadline = over;
  socket.on('error', over);
  socket.on('data', onData);
  socket.on('end', over);
}
