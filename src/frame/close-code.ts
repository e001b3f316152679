/** Why a connection is closed, as a number (RFC 6455 §7.4 and the IANA registry it founded). */
import type { Role } from './role.js';

/** The close codes that have a meaning of their own. */
export const closeCodes = {
  normalClosure: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatusReceived: 1005,
  abnormalClosure: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  mandatoryExtension: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
  tlsHandshake: 1015,
} as const;

interface CloseCodeRow {
  readonly name: string;
  readonly meaning: string;
}

const known: Readonly<Record<number, CloseCodeRow>> = {
  1000: { name: 'normal closure', meaning: 'the purpose of the connection is fulfilled' },
  1001: { name: 'going away', meaning: 'the endpoint shuts down or its user moved on' },
  1002: { name: 'protocol error', meaning: 'the other end broke the protocol' },
  1003: { name: 'unsupported data', meaning: 'the endpoint does not accept this kind of data' },
  1004: { name: 'reserved', meaning: 'no meaning is assigned; never sent' },
  1005: { name: 'no status received', meaning: 'the close frame carried no code; never sent' },
  1006: { name: 'abnormal closure', meaning: 'the connection was lost without a close frame; never sent' },
  1007: { name: 'invalid payload', meaning: 'the data did not fit its type, for example text that is not UTF-8' },
  1008: { name: 'policy violation', meaning: 'the other end broke a policy of the endpoint' },
  1009: { name: 'message too big', meaning: 'a message is larger than the endpoint accepts' },
  1010: { name: 'mandatory extension', meaning: 'the server did not negotiate an extension that the client needs' },
  1011: { name: 'internal error', meaning: 'the server met a condition that it cannot handle' },
  1012: { name: 'service restart', meaning: 'the service restarts' },
  1013: { name: 'try again later', meaning: 'the service is overloaded' },
  1014: { name: 'bad gateway', meaning: 'a gateway received an invalid response from behind it' },
  1015: { name: 'TLS handshake', meaning: 'the TLS handshake failed; never sent' },
};

const ranges: ReadonlyArray<CloseCodeRow & { readonly from: number; readonly to: number }> = [
  { from: 1016, to: 2999, name: 'unassigned', meaning: 'kept for later versions of the protocol' },
  { from: 3000, to: 3999, name: 'registered', meaning: 'defined by a library or framework and registered with IANA' },
  { from: 4000, to: 4999, name: 'private use', meaning: 'defined by the application' },
];

const outside: CloseCodeRow = { name: 'invalid', meaning: 'outside the range of close codes' };

function row(code: number): CloseCodeRow {
  return known[code] ?? ranges.find(({ from, to }) => code >= from && code <= to) ?? outside;
}

/** Returns the name of a close code in words: `going away` for 1001, `private use` for 4000. */
export function closeCodeName(code: number): string {
  return row(code).name;
}

/** Returns a close code with its name and meaning, fit for a log line: `1001 going away: the endpoint shuts down …`. */
export function describeCloseCode(code: number): string {
  const { name, meaning } = row(code);
  return `${code} ${name}: ${meaning}`;
}

/**
 * Whether a close frame may carry `code`: 1000–1003, 1007–1014 and 3000–4999 (RFC 6455 §7.4.1, §7.4.2 and the IANA
 * WebSocket Close Code Number Registry).
 */
export function isReceivableCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1003) || // defined by RFC 6455
    (code >= 1007 && code <= 1014) || // defined by RFC 6455 and by IANA
    (code >= 3000 && code <= 4999)
  );
}

/** Whether this end may send `code`: those that may be received, but 1010 from a client only (RFC 6455 §7.4.1). */
export function isSendableCloseCode(code: number, role: Role): boolean {
  return (
    Number.isInteger(code) &&
    isReceivableCloseCode(code) &&
    (code !== closeCodes.mandatoryExtension || role === 'client')
  );
}
