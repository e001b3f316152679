/**
 * Errors of the library as faults of a command: whose fault decides the exit code, and what to do is said behind it.
 */
import { HandshakeError, MtlsWsError, PeerIdentityError, UsageError } from '../errors.js';
import { exitCodes, Fault, usageFault } from './fault.js';
import { reasonOf } from './system-error.js';

/** What the user of a command can do, where the message does not say it itself. */
const advice: Readonly<Record<string, string>> = {
  'tls-version': 'if it is TLS 1.2 that the other end speaks, --min-tls 1.2 allows it',
  deadline: 'check that the other end is a WebSocket server, and not overloaded',
};

/** What an HTTP status instead of 101 calls for (RFC 9110 §15). */
function adviceForStatus(status: number): string | undefined {
  if (status === 404) return 'check the path of the URL';
  if (status === 403) return 'ask the operator of the server for access';
  if (status >= 300 && status < 400) return 'connect to where it points, if you trust it with your certificate';
  if (status === 429 || status === 503) return 'try again later';
  return undefined;
}

/** Returns the fault that stands for anything that was thrown. */
export function failure(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof UsageError) return usageFault(error.message);
  if (error instanceof PeerIdentityError) return new Fault(exitCodes.peer, error.message, error.hint);
  if (error instanceof HandshakeError) {
    const status = error.httpStatus === undefined ? undefined : adviceForStatus(error.httpStatus);
    return new Fault(exitCodes.peer, error.message, advice[error.code] ?? status);
  }
  if (error instanceof MtlsWsError) return new Fault(exitCodes.peer, error.message);
  return new Fault(exitCodes.peer, reasonOf(error));
}
