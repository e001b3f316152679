/**
 * What the doctor finds: one total table of findings, and findings as data. Nothing here is painted, wrapped or printed.
 */

/** `ok`: as it should be. `note`: worth knowing. `warning`: works now, or here. `error`: will not work, or is not safe. */
export type Severity = 'ok' | 'note' | 'warning' | 'error';

/** What a finding is about: one of the files that were given, or the peer. */
export type Subject = 'ca' | 'cert' | 'key' | 'crl' | 'server';

/** Every finding, with its severity where nothing else is said. The names are stable. */
export const findingSeverities = {
  // A file, before anything is known of what it holds
  'file-unreadable': 'error',
  'file-empty': 'error',
  'file-binary': 'error',
  'file-not-utf8': 'error',
  'file-byte-order-mark': 'error',
  'file-is-a-path': 'error',
  'file-escaped-newlines': 'error',
  'file-not-pem': 'error',
  'file-cut-short': 'error',
  'file-damaged': 'error',
  'key-instead-of-certificate': 'error',
  'request-instead-of-certificate': 'error',
  'certificate-instead-of-key': 'error',
  'several-keys': 'error',
  'key-locked': 'error',
  'key-unsupported': 'error',
  'passphrase-wrong': 'error',
  'key-malformed': 'error',
  'key-readable-by-others': 'warning',
  'key-beside-ca': 'warning',
  'certificate-malformed': 'error',
  'certificate-missing': 'error',
  // One certificate
  certificate: 'ok',
  'validity-ok': 'ok',
  'expires-soon': 'warning',
  'just-begun': 'note',
  expired: 'error',
  'clock-skew': 'error',
  'not-yet-valid': 'error',
  'weak-key': 'error',
  'key-too-long': 'error',
  'key-kind': 'error',
  'weak-signature': 'error',
  'purpose-ok': 'ok',
  'purpose-any': 'note',
  'purpose-wrong': 'error',
  'key-usage-wrong': 'warning',
  'names-ok': 'ok',
  'no-san': 'error',
  'name-mismatch': 'error',
  // Certificates together
  'key-matches': 'ok',
  'key-mismatch': 'error',
  'chain-ok': 'ok',
  'chain-incomplete': 'error',
  'chain-order': 'warning',
  'leaf-not-first': 'error',
  'chain-surplus': 'note',
  'root-presented': 'note',
  'path-too-long': 'error',
  'ca-same-name': 'error',
  'ca-untrusted': 'error',
  'ca-as-leaf': 'error',
  'self-signed': 'error',
  'not-a-ca': 'error',
  'ca-cannot-sign': 'error',
  'ca-not-root': 'error',
  // Revocation lists
  'certificate-instead-of-crl': 'error',
  'crl-missing': 'error',
  'crl-malformed': 'error',
  'crl-unusable': 'error',
  'crl-bad-signature': 'error',
  'crl-of-another-ca': 'error',
  'crl-not-yet-valid': 'error',
  'crl-expired': 'error',
  'crl-ok': 'ok',
  'not-revoked': 'ok',
  revoked: 'error',
  'revocation-unknown': 'error',
  // What others make of them
  'openssl-refuses': 'error',
  'not-usable': 'error',
  'not-checked': 'note',
  // The way to the server
  'host-not-found': 'error',
  'nothing-listens': 'error',
  'host-unreachable': 'error',
  'not-tls': 'error',
  'tls-silent': 'error',
  'tls-cut': 'error',
  'tls-failed': 'error',
  'tls-cipher': 'error',
  'tls-version': 'error',
  'tls-alpn': 'error',
  'tls-ok': 'ok',
  // What it wants of a client's certificate
  'asks-for-certificate': 'ok',
  'asks-for-no-certificate': 'error',
  'issuer-not-accepted': 'warning',
  'certificate-differs': 'error',
  'enters-without-certificate': 'error',
  'refuses-without-certificate': 'ok',
  // The opening handshake
  'websocket-ok': 'ok',
  'close-unanswered': 'warning',
  'closed-at-once': 'warning',
  'our-certificate-refused': 'error',
  'never-answers': 'error',
  'closed-without-answer': 'error',
  'access-denied': 'error',
  'path-not-found': 'error',
  'host-misdirected': 'error',
  'clock-differs': 'warning',
  'upgrade-refused': 'error',
  redirected: 'error',
  'server-busy': 'error',
  'http-status': 'error',
  'bad-answer': 'error',
  'subprotocol-wrong': 'error',
  'subprotocol-none': 'warning',
} as const;

export type FindingId = keyof typeof findingSeverities;

/** One thing that is right or wrong. Text of a certificate or a peer in it is escaped and bounded. */
export interface Finding {
  /** Stable, for programs. */
  readonly id: FindingId;
  readonly severity: Severity;
  readonly subject: Subject;
  /** What is so. */
  readonly text: string;
  /** Why it is so, as far as is known: what is not certain says so. */
  readonly cause?: string;
  /** The command that mends it. */
  readonly fix?: string;
}

/** Returns a finding, with the severity of the table unless another is given. */
export function finding(
  id: FindingId,
  subject: Subject,
  text: string,
  details: { cause?: string | undefined; fix?: string | undefined; severity?: Severity } = {},
): Finding {
  const { cause, fix, severity = findingSeverities[id] } = details;
  return { id, severity, subject, text, ...(cause !== undefined && { cause }), ...(fix !== undefined && { fix }) };
}

/** Whether one of the findings is an error. */
export function hasError(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}
