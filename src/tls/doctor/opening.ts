/**
 * What became of an opening handshake (RFC 6455 §4.1): with our certificate, and without any. Each way in which servers
 * refuse is named: an alert, an end without a word, an HTTP status, and silence.
 */
import { HandshakeError, PeerIdentityError } from '../../errors.js';
import { escapeText } from '../../text.js';
import { alertOf, type IdentityCode, identityFaults } from '../errors.js';
import type { Observation } from '../observation.js';
import { purposeOids } from '../oids.js';
import { describeAltNames, noAltNames } from '../san.js';
import { type Examined, nameOf } from './certificate.js';
import { type Finding, type FindingId, finding } from './finding.js';
import { reissueFor, unknownCas } from './remedies.js';

/** An attempt to open a WebSocket with our certificate. */
export interface Opening {
  /** What the attempt rejected with; `undefined` when the connection was open. */
  readonly error: unknown;
  /** The subprotocol that was agreed on; empty for none. */
  readonly subprotocol: string;
  /** Those that were offered. */
  readonly offered: readonly string[];
  /** The close code and reason that came to our close with 1000: 1006 for none; `undefined` when it was not open. */
  readonly closing: { readonly code: number; readonly reason: string } | undefined;
  /** What the server sent after the TLS handshake. */
  readonly received: Buffer;
  /** Whether the TLS handshake was complete and the request sent, and the server then said nothing until the timeout. */
  readonly isSilent: boolean;
}

export interface OpeningContext {
  readonly own: readonly Examined[];
  /** Whether its issuer bears the name of one of the CAs that are trusted here, and has another key. */
  readonly isImpostor: boolean;
  /** The CAs that the server named when it asked for a certificate. */
  readonly authorities: readonly string[];
  /** Milliseconds that were waited. */
  readonly timeout: number;
  /** The status of the answer to a plain request, 0 for none; `undefined` when it was not tried. */
  readonly plain: number | undefined;
  readonly plainCommand: string;
}

/** Returns the status of an HTTP response; `undefined` when it is none. */
export function statusOf(received: Buffer): number | undefined {
  const match = /^HTTP\/1\.[01] (\d{3})/.exec(received.toString('latin1', 0, 16));
  return match === null ? undefined : Number(match[1]);
}

/** What a status in place of the 101 means (RFC 9110 §15). */
const statuses: ReadonlyMap<number, { id: FindingId; text: string; cause?: string }> = new Map(
  Object.entries({
    401: {
      id: 'access-denied',
      text: 'it wants other credentials than a certificate',
      cause: 'a token or a password is asked for in the HTTP request',
    },
    404: { id: 'path-not-found', text: 'it has nothing at this path', cause: 'the path of the URL is another' },
    405: { id: 'upgrade-refused', text: 'it takes no GET at this path', cause: 'no WebSocket is at this path' },
    421: {
      id: 'host-misdirected',
      text: 'it does not serve this host on a connection with this server name',
      cause:
        'Host (of the URL) and SNI (--servername) differ: give the name in the URL itself. Or a proxy before it picks the server by one of them',
    },
    426: {
      id: 'upgrade-refused',
      text: 'it did not see the request to upgrade, or not this version of WebSocket',
      cause: 'a proxy in between drops Upgrade and Connection (nginx needs proxy_set_header for both)',
    },
    429: { id: 'server-busy', text: 'it wants fewer requests', cause: 'a limit of the server' },
    503: { id: 'server-busy', text: 'it is overloaded, or about to stop', cause: 'look at its log, and try again' },
  } as const).map(([status, row]) => [Number(status), row]),
);

/** nginx has two statuses of its own: 495 for a bad certificate, 496 for none. */
const certificateStatuses: readonly number[] = [400, 495, 496];

export function judgeOpening(opening: Opening, context: OpeningContext): Finding[] {
  const { error, subprotocol, offered } = opening;
  if (error === undefined) {
    const chosen = subprotocol === '' ? '' : `, with the subprotocol ${escapeText(subprotocol)}`;
    const findings = [finding('websocket-ok', 'server', `it accepts our certificate and opens the WebSocket${chosen}`)];
    if (offered.length > 0 && subprotocol === '') {
      const text = `it chose none of the subprotocols: ${offered.map((name) => escapeText(name)).join(', ')}`;
      findings.push(
        finding('subprotocol-none', 'server', text, { cause: 'it does not know them, or not at this path' }),
      );
    }
    if (opening.closing !== undefined) findings.push(...judgeClosing(opening.closing));
    return findings;
  }
  if (opening.isSilent) return [judgeSilence(context)];
  if (error instanceof PeerIdentityError) return [judgeIdentity(error, opening, context)];
  if (error instanceof HandshakeError) return [judgeAnswer(error, opening, context)];
  return [finding('tls-failed', 'server', reasonOf(error))];
}

/** RFC 6455 §5.5.1: an end that receives a close frame answers it, and echoes its code. */
function judgeClosing({ code, reason }: { readonly code: number; readonly reason: string }): Finding[] {
  if (code === 1000 || code === 1001) return [];
  if (code === 1006) {
    const text = 'it did not answer our close frame: each closing lasts until a deadline';
    return [
      finding('close-unanswered', 'server', text, { cause: 'its WebSocket library does not, or the handler hangs' }),
    ];
  }
  const said = reason === '' ? '' : `: ${escapeText(reason)}`;
  const cause = 'the program behind the WebSocket does not want this client, or has failed';
  return [finding('closed-at-once', 'server', `it closed the WebSocket at once, with code ${code}${said}`, { cause })];
}

function reasonOf(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error), 600);
}

function judgeSilence({ timeout, plain, plainCommand }: OpeningContext): Finding {
  const text = `it finished the TLS handshake, took our request, and said nothing for ${timeout / 1000} s`;
  const known = 'it is not the certificates: a server that refuses one closes the connection or says so.';
  const cause =
    plain === undefined || plain === 0
      ? `${known} A plain GET got no answer either: nothing reads behind TLS. The handler was never called, the socket was not handed on, or all workers are busy`
      : `${known} A plain GET was answered with status ${plain}: HTTP works, and the WebSocket handler hangs or has failed. Look for an exception in the log of the server at this time`;
  return finding('never-answers', 'server', text, { cause, fix: plainCommand });
}

/** The peer is verified: what is refused here is our certificate, unless OpenSSL found what the doctor does not look for. */
function judgeIdentity(error: PeerIdentityError, opening: Opening, context: OpeningContext): Finding {
  const alert = alertOf(error.cause);
  const status = statusOf(opening.received);
  const isOurs = error.code === 'certificate-refused' || alert !== undefined || status !== undefined;
  if (!isOurs) return finding('tls-failed', 'server', reasonOf(error), { cause: error.hint });
  if (error.code === 'access-denied') {
    return denied(alert === undefined ? `HTTP status ${status}` : `alert ${alert.number}, ${alert.name}`, context);
  }
  if (status !== undefined) {
    const { words, hint } = identityFaults[error.code as IdentityCode];
    const text = `it refused our certificate, and says why (HTTP status ${status}, ${error.code}): ${words}`;
    return finding('our-certificate-refused', 'server', text, { cause: hint, fix: reissueOurs(context.own) });
  }
  const how =
    alert === undefined
      ? 'it closed the connection without a word after our certificate was sent: it probably refused it'
      : `it refused our certificate: alert ${alert.number}, ${alert.name}`;
  return refused(how, context);
}

function refused(how: string, context: OpeningContext): Finding {
  return finding('our-certificate-refused', 'server', how, {
    cause: likelyCause(context),
    fix: reissueOurs(context.own),
  });
}

/** Returns the command that issues our certificate anew, from a CA that the server accepts. */
export function reissueOurs([leaf]: readonly Examined[]): string {
  return reissueFor({ san: leaf?.fields.san ?? noAltNames, ca: unknownCas.server })('client');
}

/** The certificate was good, and the one who came is not wanted: another certificate would not help. */
function denied(how: string, { own: [leaf] }: OpeningContext): Finding {
  const { dns, uri, email } = leaf?.fields.san ?? noAltNames;
  const names = describeAltNames({ ...noAltNames, dns, uri, email }, 8);
  const ask =
    names === ''
      ? 'ask the operator to allow the fingerprint of our certificate, which has no names'
      : `ask the operator to allow one of: ${names}`;
  const cause = `a rule of the server does not name this identity, or not for this path; or it takes the Origin amiss. If it is the rule, ${ask}`;
  return finding('access-denied', 'server', `it knows our certificate, and does not let its owner in (${how})`, {
    cause,
  });
}

/** What can be told here of why our certificate is refused there; the most certain first. */
function likelyCause({ own, isImpostor, authorities }: OpeningContext): string {
  const [leaf] = own;
  if (leaf === undefined) return 'the log of the server says more';
  const { issuer, validFrom, validTo, extendedKeyUsage } = leaf.fields;
  const now = Date.now();
  if (validTo.getTime() < now) return 'our certificate has expired';
  if (validFrom.getTime() > now) return 'our certificate is not yet valid';
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.includes(purposeOids.clientAuth)) {
    return 'the extended key usage of our certificate lacks clientAuth';
  }
  const named = own.map(({ fields }) => fields.issuer.text).find((name) => authorities.includes(name));
  if (authorities.length > 0 && named === undefined) {
    const accepted = authorities.slice(0, 3).join(' or ');
    return `the server accepts certificates of ${accepted}; ours, ${nameOf(leaf)}, is from ${issuer.text}: another CA, or an intermediate that --cert lacks`;
  }
  if (isImpostor) {
    return `ours is from a CA that is called ${issuer.text}, as the trusted one is, and has another key: probably the CA was made anew`;
  }
  const known = named === undefined ? 'either' : `the server names the CA ${named}, and ours leads to it. Either`;
  return `${known} its CA of that name has another key, ours is revoked, it wants an extended key usage, or its clock is wrong; its log says which`;
}

function judgeAnswer(error: HandshakeError, opening: Opening, context: OpeningContext): Finding {
  const status = error.httpStatus;
  if (error.code === 'protocol-not-offered') {
    const cause = 'the server insists on a subprotocol: offer it with --protocol';
    return finding('subprotocol-wrong', 'server', reasonOf(error), { cause });
  }
  if (error.code !== 'http-status' || status === undefined) {
    const isCut = error.code === 'cut' && opening.received.length === 0;
    const isTls = error.code.startsWith('tls-');
    const cause = 'it is no WebSocket server, or something in between changes what is sent';
    return finding(isTls ? 'tls-failed' : isCut ? 'closed-without-answer' : 'bad-answer', 'server', reasonOf(error), {
      cause,
    });
  }
  if (status === 403) return denied('HTTP status 403', context);
  const body = reasonOf(error);
  if (certificateStatuses.includes(status) && (status >= 495 || /certificate|\bssl\b|\btls\b/i.test(body))) {
    return refused(`it refused our certificate with HTTP status ${status}: ${body}`, context);
  }
  if (status >= 300 && status < 400) {
    const to = /\r\nLocation: ([^\r\n]*)\r\n/i.exec(opening.received.toString('latin1'))?.[1];
    const text = `it points elsewhere (HTTP status ${status})${to === undefined ? '' : `: ${escapeText(to)}`}`;
    return finding('redirected', 'server', text, {
      cause: 'the URL has moved; redirects are not followed with a certificate',
    });
  }
  if (status >= 200 && status < 300) {
    const cause = 'no WebSocket is at this path, or a proxy in between drops Upgrade and Connection';
    return finding('upgrade-refused', 'server', `it answered as a plain web server does (HTTP status ${status})`, {
      cause,
    });
  }
  const row = statuses.get(status);
  if (row !== undefined) return finding(row.id, 'server', `${row.text} (HTTP status ${status})`, { cause: row.cause });
  const cause =
    status >= 500
      ? 'the server failed, or there is none behind a proxy: its log says more'
      : 'the log of the server says more';
  return finding('http-status', 'server', `it answered with HTTP status ${status}, and not with 101`, { cause });
}

/** What the server made of a request of a client that showed no certificate. */
export function judgeWithoutCertificate(seen: Observation, wasAsked: boolean, timeout: number): Finding[] {
  if (seen.outcome === 'unverified') {
    const text = 'the next connection met another certificate, which cannot be trusted: nothing was sent on it';
    const cause = 'several servers are behind this address, and not all of them have the right certificate';
    return [finding('certificate-differs', 'server', text, { cause })];
  }
  const status = statusOf(seen.received);
  if (status === 101) {
    const text = 'it opened a WebSocket for a client without any certificate: everybody gets in';
    const cause = wasAsked
      ? 'certificates are optional there (requestCert without rejectUnauthorized in Node, ssl_verify_client optional in nginx), and nothing checks afterwards that one came'
      : 'it does not ask for one';
    return [finding('enters-without-certificate', 'server', text, { cause })];
  }
  // That it asks for none has been said already.
  if (!wasAsked) return [];
  if (status !== undefined) {
    const isRefusal = certificateStatuses.includes(status) || status === 401 || status === 403;
    const text = `a client without certificate gets through TLS, and the HTTP status ${status}`;
    if (isRefusal)
      return [finding('refuses-without-certificate', 'server', `it refuses clients without certificate: ${text}`)];
    const cause = 'certificates are optional in TLS there; whether another path lets it in was not tried';
    return [finding('enters-without-certificate', 'server', text, { cause, severity: 'warning' })];
  }
  if (seen.outcome === 'timeout' && seen.secured) {
    const text = `what it makes of a client without certificate is not known: it said nothing for ${timeout / 1000} s`;
    return [finding('not-checked', 'server', text)];
  }
  const how = seen.alert === undefined ? 'it closes the connection' : `alert ${seen.alert.number}, ${seen.alert.name}`;
  return [finding('refuses-without-certificate', 'server', `it refuses clients without certificate: ${how}`)];
}
