import { type Authority, createAuthority, type IssuedCertificate } from './authority.js';

export interface DevelopmentPki {
  /** The authority that both ends name in `ca`. */
  readonly ca: Authority;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
}

/** The trust domain of the SPIFFE IDs in development certificates; `.internal` is set aside for private use. */
export const developmentTrustDomain = 'mtls-ws.internal';

/**
 * Creates an authority, a server certificate and a client certificate for development, all with P-256 keys and valid
 * from five minutes ago: the authority for 3,650 days, the others for 825.
 *
 * The server certificate names `localhost`, `127.0.0.1`, `::1` and `hosts`; each end has a SPIFFE ID, so that rules about
 * identities can be tried out (`spiffe://mtls-ws.internal/client`).
 *
 * @param hosts further host names and IP addresses of the server; default none.
 * @throws UsageError if one of `hosts` is neither.
 */
export function createDevelopmentPki(hosts: readonly string[] = []): DevelopmentPki {
  const ca = createAuthority({ pathLength: 0 });
  return {
    ca,
    server: ca.issue({
      commonName: 'mtls-ws development server',
      kind: 'server',
      hosts: [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])],
      uris: [`spiffe://${developmentTrustDomain}/server`],
    }),
    client: ca.issue({
      commonName: 'mtls-ws development client',
      kind: 'client',
      uris: [`spiffe://${developmentTrustDomain}/client`],
    }),
  };
}
