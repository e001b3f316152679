/**
 * Why a TLS handshake failed, in words, at either end. What Node reports is an error code of OpenSSL, a verification
 * result, an alert, or nothing at all; what a person needs is which certificate, which rule, which end, and what to do.
 */
import { X509Certificate } from 'node:crypto';
import { HandshakeError, type MtlsWsError, PeerIdentityError } from '../errors.js';
import { escapeText } from '../text.js';
import { alertOf, alerts, codeOfVerification, type IdentityCode, identityFaults } from './errors.js';
import type { PeerIdentity } from './identity.js';
import { purposeOids } from './oids.js';
import type { Revocation, RevocationFault } from './revocation.js';
import { identityError } from './verified-peer.js';

/** Failures below the certificate: the code of the error, and what to say. */
const transportFaults = {
  'connection-refused': 'nothing is listening there: check host and port, and that the server is running',
  'host-not-found': 'the host name cannot be resolved: check its spelling',
  'host-unreachable': 'the host cannot be reached: check the network',
  'connect-failed': 'the connection could not be made',
  'not-tls': 'the other end does not speak TLS: check the port, and that it is a TLS port',
  'tls-version': 'no TLS version is common to both ends: this end may have to allow TLS 1.2, which is off by default',
  'tls-cipher': 'no cipher suite, group or signature algorithm is common to both ends: only AEAD suites are allowed',
  'tls-alpn': 'the other end does not offer HTTP/1.1 (ALPN)',
  'tls-cut': 'the other end closed the connection during the TLS handshake',
  'tls-failed': 'the TLS handshake failed',
} as const;

export type TransportCode = keyof typeof transportFaults;

const systemErrors: ReadonlyMap<string, TransportCode> = new Map(
  Object.entries({
    ECONNREFUSED: 'connection-refused',
    ENOENT: 'connection-refused',
    ENOTFOUND: 'host-not-found',
    EAI_AGAIN: 'host-not-found',
    EHOSTUNREACH: 'host-unreachable',
    ENETUNREACH: 'host-unreachable',
    ETIMEDOUT: 'host-unreachable',
    EADDRNOTAVAIL: 'host-unreachable',
    ECONNRESET: 'tls-cut',
    EPIPE: 'tls-cut',
    ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
    ERR_SSL_HTTP_REQUEST: 'not-tls',
    ERR_SSL_HTTPS_PROXY_REQUEST: 'not-tls',
    ERR_SSL_PACKET_LENGTH_TOO_LONG: 'not-tls',
    ERR_SSL_RECORD_LAYER_FAILURE: 'not-tls',
    ERR_SSL_BAD_RECORD_TYPE: 'not-tls',
    ERR_SSL_UNEXPECTED_MESSAGE: 'tls-failed',
    ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls-version',
    ERR_SSL_VERSION_TOO_LOW: 'tls-version',
    ERR_SSL_NO_PROTOCOLS_AVAILABLE: 'tls-version',
    ERR_SSL_NO_SHARED_CIPHER: 'tls-cipher',
    ERR_SSL_NO_APPLICATION_PROTOCOL: 'tls-alpn',
  } satisfies Record<string, TransportCode>),
);

/** Alerts that say why there is no TLS, by number (RFC 8446 §6.2). Their names in Node's errors differ by version of OpenSSL. */
const transportAlerts: ReadonlyMap<number, TransportCode> = new Map([
  [40, 'tls-cipher'],
  [70, 'tls-version'],
  [71, 'tls-cipher'],
  [120, 'tls-alpn'],
]);

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/**
 * Returns the error for a failure below the certificate.
 *
 * @param unknown the code of an error that says nothing to us
 * @param faults what to say of each code. Default: what a client is told
 */
export function transportError(
  error: unknown,
  what: string,
  unknown: TransportCode,
  faults: Readonly<Record<TransportCode, string>> = transportFaults,
): HandshakeError {
  // Several addresses were tried and all failed: the first error stands for them.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const nodeCode = codeOf(first) || codeOf(error);
  const code =
    transportAlerts.get(alertOf(first)?.number ?? 0) ??
    systemErrors.get(nodeCode) ??
    (nodeCode.startsWith('ERR_SSL_') ? 'tls-failed' : unknown);
  const reason = nodeCode === '' ? escapeText(first instanceof Error ? first.message : String(first)) : nodeCode;
  return new HandshakeError(code, `${what}: ${faults[code]} (${reason})`, {}, { cause: error });
}

/** The most CAs that a message names. */
const maxShownAuthorities = 3;

/**
 * Explains why verification failed, and, where it is the CA, which are trusted: OpenSSL's result alone does not tell
 * another CA from a missing intermediate, nor an impostor that bears the name of a trusted CA from any other.
 */
function verificationError(
  result: string,
  whose: string,
  failed: Pick<FailedAccept, 'error' | 'presented' | 'authorityNames' | 'revocation'>,
): PeerIdentityError {
  const { error: cause, presented, authorityNames } = failed;
  const code = codeOfVerification(result);
  const revoked = revocationFault(result, code, failed);
  if (revoked !== undefined) return identityError(revoked.code, whose, presented, { detail: revoked.detail, cause });
  const details: [string, ...string[]] = [escapeText(result)];
  const isAboutAuthority = code === 'certificate-untrusted' || code === 'certificate-self-signed';
  if (!isAboutAuthority) return identityError(code, whose, presented, { detail: details[0], cause });
  const more = authorityNames.length > maxShownAuthorities ? ' and others' : '';
  const expected = `${authorityNames.slice(0, maxShownAuthorities).join(' or ')}${more}`;
  const issuer = presented?.issuer.text;
  if (code === 'certificate-untrusted' && issuer !== undefined) {
    if (authorityNames.includes(issuer)) details.push(`the trusted CA of that name, ${issuer}, has another key`);
    else details.push(`trusted: ${expected}`);
  }
  return identityError(code, whose, presented, { detail: details.join('; '), expected, cause });
}

/** Returns what our own lists say of a certificate that OpenSSL refused by them; it tells only which result it was. */
function revocationFault(
  result: string,
  code: IdentityCode,
  { presented, revocation }: Pick<FailedAccept, 'presented' | 'revocation'>,
): RevocationFault | undefined {
  const isRevocation = code === 'certificate-revoked' || code === 'revocation-unknown';
  // Among what Node gives no name is, for example, a CA that may not sign lists.
  if (presented === undefined || revocation === undefined || !(isRevocation || result === 'UNSPECIFIED'))
    return undefined;
  const fault = revocation.checkLeaf(new X509Certificate(presented.der));
  if (fault !== undefined || !isRevocation) return fault;
  // It is not the leaf that the lists name; of the chain above it nothing is seen here.
  const what =
    code === 'certificate-revoked' ? 'an intermediate above it' : 'the list for it or for an intermediate above it';
  return { code, detail: `${what}, ${escapeText(result)}` };
}

/** What the server knows of a client whose TLS handshake failed. */
export interface FailedAccept {
  /** The names of the CAs that are trusted. */
  readonly authorityNames: readonly string[];
  readonly error: unknown;
  /** Node's verification result, for example `CERT_HAS_EXPIRED`; falsy when verification was not what failed. */
  readonly authorizationError: unknown;
  /** What the client presented, if it was seen. */
  readonly presented: PeerIdentity | undefined;
  /** By which lists it was verified. */
  readonly revocation?: Revocation | undefined;
}

/** Explains, at the server, why the TLS handshake with a client failed. */
export function explainFailedAccept(failed: FailedAccept): MtlsWsError {
  const { error, authorizationError } = failed;
  if (typeof authorizationError === 'string' && authorizationError !== '') {
    return verificationError(authorizationError, "the client's certificate", failed);
  }
  const code = codeOf(error);
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') {
    return identityError('certificate-missing', 'the client', undefined, { cause: error });
  }
  const alert = alertOf(error);
  if (alert?.code !== undefined) {
    return new PeerIdentityError(
      alert.code,
      `the client refused our certificate: ${identityFaults[alert.code].words} (alert ${alert.number}, ${alert.name}; RFC 8446 §6.2)`,
      { hint: identityFaults[alert.code].hint },
      { cause: error },
    );
  }
  return transportError(error, noHandshake, 'tls-failed', clientFaults);
}

const noHandshake = 'no TLS handshake with the client';

/** What a server is told of a client: advice for that end would be wrong here. */
const clientFaults: Readonly<Record<TransportCode, string>> = {
  ...transportFaults,
  'not-tls': 'what it sent is no TLS, as from a client that speaks http: or ws: in place of https: or wss:',
};

/** Explains, at the server, why what came first from a client is no TLS handshake. */
export function explainBadHello(reason: 'not-tls' | 'malformed' | 'too-long' | 'cut'): HandshakeError {
  const code = reason === 'not-tls' ? 'not-tls' : reason === 'cut' ? 'tls-cut' : 'tls-failed';
  const detail =
    reason === 'malformed' || reason === 'too-long' ? ` (the ClientHello is ${reason.replace('-', ' ')})` : '';
  return new HandshakeError(code, `${noHandshake}: ${clientFaults[code]}${detail}`);
}

/** What the client knows of a server with which the TLS handshake failed. */
export interface FailedDial {
  /** The names of the CAs that are trusted. */
  readonly authorityNames: readonly string[];
  readonly error: unknown;
  /** `host:port`, for the message. */
  readonly where: string;
  /** Whether the server had answered, so that our certificate may have been judged. */
  readonly serverAnswered: boolean;
  /** Our own certificate. */
  readonly own: PeerIdentity;
  /** What the server presented, if it was seen. */
  readonly presented: PeerIdentity | undefined;
  /** By which lists it was verified. */
  readonly revocation?: Revocation | undefined;
}

/** Explains, at the client, why no connection was made. */
export function explainFailedDial(failed: FailedDial): MtlsWsError {
  const { error, where, own } = failed;
  if (error instanceof PeerIdentityError) return error;
  const refusal = explainAlert(error, own, failed.serverAnswered);
  if (refusal !== undefined) return refusal;
  const code = codeOf(error);
  if (codeOfVerification(code) !== 'certificate-unknown') {
    return verificationError(code, "the server's certificate", failed);
  }
  if (failed.serverAnswered && (code === 'ECONNRESET' || code === 'EPIPE')) return explainSilence(own, error);
  return transportError(error, `cannot connect to ${where}`, 'connect-failed');
}

/**
 * Returns what the server said of our certificate in an alert: that is certain. Only `handshake failure` is not: some
 * servers send it for a refused certificate, others for other things.
 *
 * @param own our certificate
 * @param seen whether it had been sent before the alert came
 */
export function explainAlert(error: unknown, own: PeerIdentity, seen: boolean = true): PeerIdentityError | undefined {
  const alert = alertOf(error);
  if (alert === undefined) return undefined;
  const presented = describeOwn(own);
  const said = `alert ${alert.number}, ${alert.name}`;
  if (alert.code === undefined) {
    if (alert !== alerts['HANDSHAKE_FAILURE'] || !seen) return undefined;
    return probableRefusal(
      `the server failed the handshake after our certificate was sent (${said})`,
      presented,
      error,
    );
  }
  const { words, hint, section } = identityFaults[alert.code];
  return new PeerIdentityError(
    alert.code,
    `the server refused the connection: ${words} (${said}; ours: ${presented}; ${section})`,
    { presented, hint, certain: true },
    { cause: error },
  );
}

/**
 * Explains, at the client, an end without a word after the TLS handshake: many servers, Node's among them, refuse a
 * certificate in this way. It is the likely reason, and not a certain one.
 */
export function explainSilence(own: PeerIdentity, cause?: unknown): PeerIdentityError {
  const presented = describeOwn(own);
  return probableRefusal('the server closed without answering after our certificate was sent', presented, cause);
}

/**
 * Explains what a server said of our certificate in an HTTP response (`explainRefusals`): that is certain. `undefined` for
 * a code that is none.
 */
export function explainRefusal(code: string, own: PeerIdentity): PeerIdentityError | undefined {
  if (!Object.hasOwn(identityFaults, code)) return undefined;
  const { words, hint, section } = identityFaults[code as IdentityCode];
  const presented = describeOwn(own);
  return new PeerIdentityError(
    code,
    `the server refused the connection: ${words} (it said so in its answer; ours: ${presented}; ${section})`,
    { presented, hint, certain: true },
  );
}

function probableRefusal(seen: string, presented: string, cause: unknown): PeerIdentityError {
  return new PeerIdentityError(
    'certificate-refused',
    `${seen}: it probably refused it (${presented})`,
    { presented, hint: identityFaults['certificate-refused'].hint, certain: false },
    cause === undefined ? undefined : { cause },
  );
}

const dayInMs = 86_400_000;

/** What can be told locally of our own certificate: who, by whom, and what about it a peer may not like. */
function describeOwn(own: PeerIdentity): string {
  const parts = [`subject ${own.subject.text || '(empty)'}`, `issuer ${own.issuer.text}`];
  const now = Date.now();
  const days = (ms: number): string => {
    const count = Math.floor(ms / dayInMs);
    return count === 0 ? 'less than a day' : count === 1 ? '1 day' : `${count} days`;
  };
  if (now > own.validTo.getTime()) parts.push(`expired ${days(now - own.validTo.getTime())} ago`);
  if (now < own.validFrom.getTime()) parts.push(`not valid for another ${days(own.validFrom.getTime() - now)}`);
  if (own.extendedKeyUsage !== undefined && !own.extendedKeyUsage.includes(purposeOids.clientAuth)) {
    parts.push('its extended key usage lacks clientAuth');
  }
  return parts.join(', ');
}
