/**
 * Why a certificate, a chain or a name is refused: one total table of our own codes, and the way from OpenSSL's
 * verification results and from TLS alerts (RFC 8446 §6.2) to them.
 */

export interface IdentityFault {
  /** What is wrong, as the end of the sentence "… was refused: ". */
  readonly words: string;
  /** What the owner of the certificate can do about it. */
  readonly hint: string;
  readonly section: string;
}

export type IdentityCode =
  | 'certificate-missing'
  | 'certificate-untrusted'
  | 'certificate-self-signed'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-wrong-purpose'
  | 'certificate-chain-invalid'
  | 'certificate-chain-too-long'
  | 'certificate-bad-signature'
  | 'certificate-revoked'
  | 'revocation-unknown'
  | 'certificate-malformed'
  | 'certificate-unsupported'
  | 'certificate-unknown'
  | 'certificate-refused'
  | 'server-name-mismatch'
  | 'session-resumed'
  | 'server-name-unknown'
  | 'access-denied';

export const identityFaults: Readonly<Record<IdentityCode, IdentityFault>> = {
  'certificate-missing': {
    words: 'no certificate was presented',
    hint: 'present a certificate and its key; a client may also hold its certificate back when its issuer is not among the accepted CAs',
    section: 'RFC 8446 §4.4.2.4',
  },
  'certificate-untrusted': {
    words: 'no chain leads from the certificate to a trusted CA: another CA issued it, or an intermediate is missing',
    hint: 'check that the issuer is among the trusted CAs, and present the intermediates with the certificate',
    section: 'RFC 5280 §6.1',
  },
  'certificate-self-signed': {
    words: 'the certificate is self-signed',
    hint: 'present a certificate issued by a trusted CA',
    section: 'RFC 5280 §6.1',
  },
  'certificate-expired': {
    words: 'the certificate has expired',
    hint: 'issue a new certificate, and compare the clocks of both ends',
    section: 'RFC 5280 §4.1.2.5',
  },
  'certificate-not-yet-valid': {
    words: 'the certificate is not yet valid',
    hint: 'compare the clocks of both ends',
    section: 'RFC 5280 §4.1.2.5',
  },
  'certificate-wrong-purpose': {
    words: 'the certificate is not meant for this end of a connection (extended key usage)',
    hint: 'a server certificate needs serverAuth, a client certificate clientAuth, or no extended key usage at all',
    section: 'RFC 5280 §4.2.1.12',
  },
  'certificate-chain-invalid': {
    words:
      'the chain is not valid: a certificate in it was signed by one that is no CA, breaks a constraint, has a critical extension that is not known, or is too weak (SHA-1, a short key)',
    hint: 'certificates are issued by CA certificates only (basicConstraints CA:TRUE, keyCertSign), with SHA-256 or better, for keys of RSA 2048 or EC P-256 at least',
    section: 'RFC 5280 §6.1.4',
  },
  'certificate-chain-too-long': {
    words: 'the chain is longer than allowed',
    hint: 'issue the certificate closer to the CA, or raise the path length of the CA',
    section: 'RFC 5280 §4.2.1.9',
  },
  'certificate-bad-signature': {
    words: 'a signature in the chain is wrong: a CA of the same name, but with another key, issued it',
    hint: 'check which CA issued the certificate: names may agree where keys do not',
    section: 'RFC 5280 §6.1.3',
  },
  'certificate-revoked': {
    words: 'the certificate has been revoked',
    hint: 'issue a new certificate with a new key',
    section: 'RFC 5280 §6.3',
  },
  'revocation-unknown': {
    words:
      'whether the certificate has been revoked cannot be told: the revocation list is missing, expired or not valid',
    hint: 'provide a current revocation list for every CA of the chain',
    section: 'RFC 5280 §6.3',
  },
  'certificate-malformed': {
    words: 'the certificate cannot be read',
    hint: 'issue it anew; it is not well-formed',
    section: 'RFC 5280 §4.1',
  },
  'certificate-unsupported': {
    words: 'the key or the algorithm of the certificate is not accepted',
    hint: 'use EC P-256, Ed25519 or RSA from 2048 to 8192 bits, with SHA-256 or better',
    section: 'RFC 8446 §4.2.3',
  },
  'certificate-unknown': {
    words: 'the certificate was not accepted, and no reason was given',
    hint: 'look at the log of the end that refused it',
    section: 'RFC 8446 §6.2',
  },
  'certificate-refused': {
    words: 'the connection was closed after our certificate had been sent: it was probably refused',
    hint: 'look at the log of the server; try again only with a growing delay, since a restarting server looks the same',
    section: 'RFC 8446 §4.4.2.4',
  },
  'server-name-mismatch': {
    words: 'the certificate is not for this name',
    hint: 'issue the certificate with the name in its subjectAltName (the common name is not looked at), or connect by a name that is there',
    section: 'RFC 9525 §6',
  },
  'session-resumed': {
    words: 'the TLS session was resumed, and so no certificate was verified on this connection',
    hint: 'connect with a full handshake',
    section: 'RFC 8446 §2.2',
  },
  'server-name-unknown': {
    words: 'the server does not serve the name that was asked for',
    hint: 'check the host of the URL; a server of several hosts needs one of their names, not an address',
    section: 'RFC 6066 §3',
  },
  'access-denied': {
    words: 'the certificate is valid, but its owner may not enter',
    hint: 'ask the operator of the other end for access',
    section: 'RFC 8446 §6.2',
  },
};

/** OpenSSL's verification results, as Node names them. What is not here is told by Node's name alone. */
const verificationResults: ReadonlyMap<string, IdentityCode> = new Map(
  Object.entries({
    UNABLE_TO_GET_ISSUER_CERT: 'certificate-untrusted',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-untrusted',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-untrusted',
    SELF_SIGNED_CERT_IN_CHAIN: 'certificate-untrusted',
    CERT_UNTRUSTED: 'certificate-untrusted',
    CERT_REJECTED: 'certificate-untrusted',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-self-signed',
    CERT_HAS_EXPIRED: 'certificate-expired',
    CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
    INVALID_PURPOSE: 'certificate-wrong-purpose',
    INVALID_CA: 'certificate-chain-invalid',
    UNSPECIFIED: 'certificate-chain-invalid',
    PATH_LENGTH_EXCEEDED: 'certificate-chain-too-long',
    CERT_CHAIN_TOO_LONG: 'certificate-chain-too-long',
    CERT_SIGNATURE_FAILURE: 'certificate-bad-signature',
    UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'certificate-bad-signature',
    CERT_REVOKED: 'certificate-revoked',
    UNABLE_TO_GET_CRL: 'revocation-unknown',
    CRL_HAS_EXPIRED: 'revocation-unknown',
    CRL_NOT_YET_VALID: 'revocation-unknown',
    CRL_SIGNATURE_FAILURE: 'revocation-unknown',
    UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'revocation-unknown',
    ERROR_IN_CRL_LAST_UPDATE_FIELD: 'revocation-unknown',
    ERROR_IN_CRL_NEXT_UPDATE_FIELD: 'revocation-unknown',
    ERROR_IN_CERT_NOT_BEFORE_FIELD: 'certificate-malformed',
    ERROR_IN_CERT_NOT_AFTER_FIELD: 'certificate-malformed',
    UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'certificate-malformed',
  } satisfies Record<string, IdentityCode>),
);

/** Returns our code for a verification result of Node, for example `CERT_HAS_EXPIRED`. */
export function codeOfVerification(result: string): IdentityCode {
  return verificationResults.get(result) ?? 'certificate-unknown';
}

export interface Alert {
  readonly number: number;
  /** The name in RFC 8446 §6, with spaces. */
  readonly name: string;
  /** The code of a refused certificate; `undefined` when the alert is about something else. */
  readonly code: IdentityCode | undefined;
}

/** The fatal alerts that end a handshake, by the last words of OpenSSL's reason (RFC 8446 §6.2). */
export const alerts: Readonly<Record<string, Alert>> = {
  HANDSHAKE_FAILURE: { number: 40, name: 'handshake failure', code: undefined },
  BAD_CERTIFICATE: { number: 42, name: 'bad certificate', code: 'certificate-unknown' },
  UNSUPPORTED_CERTIFICATE: { number: 43, name: 'unsupported certificate', code: 'certificate-wrong-purpose' },
  CERTIFICATE_REVOKED: { number: 44, name: 'certificate revoked', code: 'certificate-revoked' },
  CERTIFICATE_EXPIRED: { number: 45, name: 'certificate expired', code: 'certificate-expired' },
  CERTIFICATE_UNKNOWN: { number: 46, name: 'certificate unknown', code: 'certificate-unknown' },
  ILLEGAL_PARAMETER: { number: 47, name: 'illegal parameter', code: undefined },
  UNKNOWN_CA: { number: 48, name: 'unknown CA', code: 'certificate-untrusted' },
  ACCESS_DENIED: { number: 49, name: 'access denied', code: 'access-denied' },
  DECODE_ERROR: { number: 50, name: 'decode error', code: undefined },
  DECRYPT_ERROR: { number: 51, name: 'decrypt error', code: 'certificate-bad-signature' },
  PROTOCOL_VERSION: { number: 70, name: 'protocol version', code: undefined },
  INSUFFICIENT_SECURITY: { number: 71, name: 'insufficient security', code: undefined },
  INTERNAL_ERROR: { number: 80, name: 'internal error', code: undefined },
  MISSING_EXTENSION: { number: 109, name: 'missing extension', code: 'server-name-unknown' },
  UNRECOGNIZED_NAME: { number: 112, name: 'unrecognized name', code: 'server-name-unknown' },
  CERTIFICATE_REQUIRED: { number: 116, name: 'certificate required', code: 'certificate-missing' },
  NO_APPLICATION_PROTOCOL: { number: 120, name: 'no application protocol', code: undefined },
};

/** Returns the alert that an error of Node's reports; `undefined` when it reports none. */
export function alertOf(error: unknown): Alert | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code !== 'string' || !code.startsWith('ERR_SSL_')) return undefined;
  // ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE, ERR_SSL_TLSV13_ALERT_…, ERR_SSL_SSL/TLS_ALERT_…, ERR_SSL_TLSV1_UNRECOGNIZED_NAME
  const name = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|TLS|SSL\/TLS)_(?:ALERT_)?([A-Z_]+)$/.exec(code)?.[1];
  return name === undefined ? undefined : alerts[name];
}
