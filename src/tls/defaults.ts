/** The TLS settings that both ends use, in one place, and never left to Node's own defaults. */
import { constants } from 'node:crypto';
import type * as tls from 'node:tls';
import type { Credentials } from './credentials.js';

/**
 * AEAD suites only: those of TLS 1.3, then those of TLS 1.2 with forward secrecy (RFC 9325 §4.2). The security level is
 * that of 112 bits (RSA 2048, EC P-224, SHA-256) in every certificate: Node's own default differs by version, and was once
 * one that takes RSA 1024.
 */
const ciphers: string = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  '@SECLEVEL=2',
].join(':');

/** No renegotiation (M15). */
export const secureOptions: number = constants.SSL_OP_NO_RENEGOTIATION;

/**
 * No session tickets either, so no resumption (a resumed session skips the verification of certificates). The flag works
 * on the server's own options only.
 */
export const ticketlessOptions: number = secureOptions | constants.SSL_OP_NO_TICKET;

/** The TLS versions that may be the lowest. */
export const tlsVersions = ['TLSv1.3', 'TLSv1.2'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** WebSocket starts as HTTP/1.1 (RFC 7301 §6). */
export const alpnProtocols: readonly string[] = ['http/1.1'];

/** The options of `node:tls` for either end. Everything that decides about security is named, so that nothing is inherited. */
export function tlsOptions(
  credentials: Pick<Credentials, 'ca' | 'cert' | 'key' | 'passphrase' | 'minVersion' | 'revocation'>,
): tls.SecureContextOptions & { ALPNProtocols: string[] } {
  return {
    ca: [...credentials.ca],
    cert: credentials.cert,
    key: credentials.key,
    passphrase: credentials.passphrase,
    crl: credentials.revocation?.forOpenssl,
    minVersion: credentials.minVersion,
    maxVersion: 'TLSv1.3',
    ciphers,
    honorCipherOrder: true,
    ALPNProtocols: [...alpnProtocols],
  };
}
