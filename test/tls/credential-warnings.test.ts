import * as assert from 'uvu/assert';
import { credentialWarnings, loadCredentials } from '../../src/tls/index.js';
import { type AuthorityOptions, createAuthority, type IssueOptions } from '../../src/tls/pki/index.js';
import { suite } from '../support/suite.js';

const test = suite('warnings about credentials');
const now = Date.UTC(2026, 5, 1);
const at = (days: number): Date => new Date(now + days * 86_400_000);

interface Given extends Partial<IssueOptions> {
  readonly authority?: AuthorityOptions;
  /** When the list of the CA expires. */
  readonly listUntil?: Date;
}

/** What is said of a server with such a certificate, or of a client. */
function warningsOf({ authority, listUntil, ...given }: Given, role: 'server' | 'client' = 'server'): string[] {
  const ca = createAuthority({ commonName: 'CA', notBefore: at(-1000), notAfter: at(1000), ...authority });
  const { cert, key } = ca.issue({
    ...{ commonName: 'end', kind: role, hosts: ['localhost'], notBefore: at(-100), notAfter: at(200), ...given },
  });
  const crl = listUntil && ca.revocationList({ revoked: [], thisUpdate: at(-30), nextUpdate: listUntil }).pem;
  return credentialWarnings(loadCredentials({ ca: ca.cert, cert, key, ...(crl && { crl }) }), role, now);
}

const cases: ReadonlyArray<readonly [what: string, given: Given, warnings: readonly string[], role?: 'client']> = [
  ['nothing of what is well', { listUntil: at(10) }, []],
  ['nothing of a client that is well', { hosts: [] }, [], 'client'],
  [
    'a certificate that has expired',
    { notAfter: at(-1) },
    ['the certificate expired on 2026-05-31 00:00 UTC: no client accepts it'],
  ],
  [
    'one that soon will',
    { notAfter: at(29) },
    ['the certificate expires on 2026-06-30 00:00 UTC: then no client accepts it'],
  ],
  ['nothing of one that lives for days and is young', { notBefore: at(-1), notAfter: at(2.1) }, []],
  [
    'one that lives for days and is old',
    { notBefore: at(-1), notAfter: at(0.4) },
    ['the certificate expires on 2026-06-01 09:36 UTC: then no client accepts it'],
  ],
  [
    'one that is not valid yet',
    { notBefore: at(1), notAfter: at(200) },
    ['the certificate is not valid before 2026-06-02T00:00:00.000Z: until then no client accepts it'],
  ],
  [
    'the purpose of a server',
    { kind: 'client' },
    ['the certificate is not for a server (its extended key usage lacks serverAuth): no client accepts it'],
  ],
  [
    'the purpose of a client',
    { kind: 'server' },
    ['the certificate is not for a client (its extended key usage lacks clientAuth): no server accepts it'],
    'client',
  ],
  ['nothing of any purpose', { kind: 'any' }, []],
  [
    'a server without a name',
    { hosts: [], uris: ['spiffe://a.example/b'] },
    ['the certificate has no host name and no address among its subject alternative names: no client accepts it'],
  ],
  [
    'a CA that soon expires',
    { authority: { notAfter: at(20) }, notAfter: at(19.5), notBefore: at(-1) },
    ['the CA CN=CA expires on 2026-06-21 00:00 UTC: then every client below it is refused'],
  ],
  [
    'a list that has expired',
    { listUntil: at(-1) },
    ['the revocation list of CN=CA expired on 2026-05-31 00:00 UTC: every client below it is refused'],
  ],
  [
    'a list that soon will',
    { listUntil: at(2) },
    ['the revocation list of CN=CA expires on 2026-06-03 00:00 UTC: then every client below it is refused'],
  ],
];
for (const [what, given, warnings, role] of cases) {
  test(`say ${what}`, () => {
    assert.equal(warningsOf(given, role), warnings);
  });
}

test.run();
