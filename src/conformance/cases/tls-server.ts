/**
 * Servers and TLS (RFC 8446, RFC 5246, RFC 5280). That a server asks for a certificate at all is its own choice (RFC 8446
 * §4.4.2.4); whoever gives the runner one says that it does, and from there on what shows none, or a bad one, must not get in.
 * In which form it is refused is free: an alert, the end of the connection, or an HTTP status after the TLS handshake.
 */
import type { Need, Severity, TlsCase } from '../case.js';

interface Heading {
  readonly severity?: Severity;
  readonly needs?: readonly Need[];
  readonly deadline?: number;
}

function define(name: string, title: string, section: string, procedure: string, heading: Heading = {}): TlsCase {
  const { severity = 'MUST', needs = [], ...rest } = heading;
  return {
    ...{ kind: 'tls', id: `tls/${name}`, group: 'tls', section, title, severity },
    ...{ targets: ['server'], needs: ['tls', ...needs], procedure, ...rest },
  };
}

const versions = [
  { version: 'TLSv1.3', short: '13', name: 'TLS 1.3' },
  { version: 'TLSv1.2', short: '12', name: 'TLS 1.2' },
] as const;

/** Severity is MUST where none is given. */
type Row = readonly [name: string, words: string, section: string, severity?: Severity];

/** What the runner can make by itself. */
const ownCertificates: readonly Row[] = [
  ['other-ca', 'a certificate of another CA', 'RFC 5280 §6.1'],
  ['other-ca-presented', 'a certificate of another CA that is shown too', 'RFC 5280 §6.1'],
  ['self-signed', 'a certificate that signs itself', 'RFC 5280 §6.1'],
  ['impostor-ca', 'a certificate of a CA with the name of the right one', 'RFC 5280 §6.1.3'],
  ['impostor-ca-key-id', 'a certificate of a CA with the name and key identifier of the right one', 'RFC 5280 §6.1.3'],
  ['signed-by-leaf', 'a certificate that was signed by one that is no CA', 'RFC 5280 §6.1.4'],
  ['altered-signature', 'a certificate whose signature was altered', 'RFC 5280 §6.1.3'],
  ['altered-content', 'a certificate whose serial number was altered', 'RFC 5280 §6.1.3'],
];

/** What takes the key of the CA. */
const caCertificates: readonly Row[] = [
  ['expired', 'a certificate that has expired', 'RFC 5280 §6.1.3'],
  ['not-yet-valid', 'a certificate that is not valid yet', 'RFC 5280 §6.1.3'],
  ['wrong-purpose', 'a certificate for servers only', 'RFC 5280 §4.2.1.12'],
  ['unrelated-purpose', 'a certificate for code signing only', 'RFC 5280 §4.2.1.12'],
  ['unknown-critical', 'a certificate with a critical extension that nobody knows', 'RFC 5280 §4.2'],
  ['below-expired-authority', 'a certificate below a CA that has expired', 'RFC 5280 §6.1.3'],
  ['below-no-cert-sign', 'a certificate below a CA whose key may not sign certificates', 'RFC 5280 §6.1.4'],
  ['path-too-long', 'a certificate below more CAs than one of them allows', 'RFC 5280 §6.1.4'],
  ['name-constraints', 'a certificate with a name that its CA may not give', 'RFC 5280 §6.1.3'],
  ['signed-with-md5', 'a certificate signed with MD5', 'RFC 8446 §4.4.2.4'],
  ['signed-with-sha1', 'a certificate signed with SHA-1', 'RFC 8446 §4.4.2.4', 'SHOULD'],
  ['below-version-1', 'a certificate below one of version 1', 'RFC 5280 §6.1.4', 'INFO'],
  ['is-authority', 'the certificate of a CA as its own', 'RFC 5280 §4.2.1.3', 'INFO'],
  ['rsa-1024', 'a certificate with an RSA key of 1024 bits', 'RFC 9325 §4.5', 'INFO'],
  ['no-purpose', 'a certificate without extended key usage', 'RFC 5280 §4.2.1.12', 'INFO'],
  ['any-purpose', 'a certificate for any purpose', 'RFC 5280 §4.2.1.12', 'INFO'],
  ['good', 'a good certificate that the key of its CA has just signed', 'RFC 5280 §6.1', 'INFO'],
];

const certificates = (rows: readonly Row[], needs: readonly Need[]): TlsCase[] =>
  rows.flatMap(([name, words, section, severity = 'MUST']) =>
    versions.map(({ version, short, name: spoken }) =>
      define(
        `client-cert-${name}-${short}`,
        `${severity === 'INFO' ? 'takes or refuses' : 'refuses'} ${words}, in ${spoken}`,
        ...([section, `client-certificate ${name} ${version}`] as const),
        { severity, needs },
      ),
    ),
  );

const refusedHellos: readonly Row[] = [
  ['ssl-3', 'SSL 3.0', 'RFC 7568 §3'],
  ['tls-1.0', 'TLS 1.0', 'RFC 8996 §4'],
  ['tls-1.1', 'TLS 1.1', 'RFC 8996 §5'],
  ['tls-1.1-in-list', 'TLS 1.1 in the list of a client of TLS 1.3', 'RFC 8996 §5'],
  ['null-encryption', 'suites that do not encrypt', 'RFC 9325 §4.1'],
  ['anonymous', 'suites without a certificate of the server', 'RFC 5246 §A.5'],
  ['rc4', 'RC4', 'RFC 7465 §2'],
  ['export', 'suites of 40 bits', 'RFC 9325 §4.1'],
  ['des', 'DES', 'RFC 9325 §4.1'],
  ['3des', 'Triple DES', 'RFC 9325 §4.1', 'SHOULD'],
  ['static-rsa', 'key exchange by RSA', 'RFC 9325 §4.1', 'SHOULD'],
  ['no-common-suite-1.3', 'TLS 1.3 with no suite that it knows', 'RFC 8446 §4.1.1'],
  ['no-common-suite-1.2', 'TLS 1.2 with no suite that it knows', 'RFC 5246 §7.4.1.3'],
  ['compression-1.3', 'TLS 1.3 with compression', 'RFC 8446 §4.1.2'],
];

const takenHellos: readonly Row[] = [
  ['grease', 'passes over versions, suites, groups and extensions that nobody knows', 'RFC 8446 §4.1.2'],
  ['many-suites', 'takes a ClientHello with 2,000 suites more', 'RFC 8446 §4.1.2'],
  ['octet-by-octet', 'takes a ClientHello octet by octet', 'RFC 8446 §5.1'],
  ['many-records', 'takes a ClientHello in records of 50 octets', 'RFC 8446 §5.1'],
];

const garbage: readonly Row[] = [
  ['plain-http', 'a request without TLS', 'RFC 8446 §5'],
  ['plain-upgrade', 'an opening handshake without TLS', 'RFC 8446 §5'],
  ['http-2', 'the beginning of HTTP/2 without TLS', 'RFC 8446 §5'],
  ['noise', 'noise', 'RFC 8446 §5'],
  ['zeros', 'zeros', 'RFC 8446 §5'],
  ['ssl-2', 'SSL 2.0', 'RFC 6176 §3'],
  ['data-first', 'application data before the TLS handshake', 'RFC 8446 §5'],
  ['record-too-long', 'a record longer than any may be', 'RFC 8446 §5.1'],
  ['fatal-alert', 'a fatal alert', 'RFC 8446 §6.2'],
  ['server-hello', 'a ServerHello', 'RFC 8446 §4'],
  ['cut-short', 'a ClientHello whose lengths do not fit', 'RFC 8446 §6.2'],
];

const cuts: ReadonlyArray<readonly [stage: string, words: string]> = [
  ['after-handshake', 'after the TLS handshake'],
  ['in-request', 'within the request'],
  ['after-request', 'after the request'],
  ['after-opening', 'after the opening handshake'],
  ['in-frame', 'within a frame'],
];

const names: ReadonlyArray<readonly [kind: string, words: string, section: string, needs?: readonly Need[]]> = [
  ['none', 'a client that sends no name', 'RFC 8446 §9.2'],
  ['unknown', 'a name that it does not have', 'RFC 6066 §3'],
  ['upper', 'its name in upper case', 'RFC 6066 §3'],
  ['trailing-dot', 'its name with a dot behind it', 'RFC 6066 §3'],
  ['other-host', 'its other name', 'RFC 6066 §3', ['other-host']],
];

const stages: ReadonlyArray<readonly [stage: string, words: string]> = [
  ['silent', 'says nothing'],
  ['in-hello', 'stops within its ClientHello'],
  ['after-hello', 'stops after its ClientHello'],
  ['after-handshake', 'stops after the TLS handshake'],
];

/** No RFC says for how long a server waits; those that wait for ever can be brought down by clients that do nothing. */
const longDeadline = 50_000;

const alpn: ReadonlyArray<readonly [name: string, words: string, protocols: string, severity: Severity]> = [
  ['none', 'opens for a client without ALPN', '', 'MUST'],
  ['http-1', 'opens for a client that offers http/1.1', 'http/1.1', 'MUST'],
  ['h2', 'takes or refuses a client that offers h2 alone', 'h2', 'INFO'],
  ['h2-first', 'takes or refuses a client that prefers h2 to http/1.1', 'h2 http/1.1', 'INFO'],
  ['unknown', 'takes or refuses a client that offers a protocol that nobody knows', 'x-unknown', 'INFO'],
];

const idOf = (name: string): string => name.replaceAll('.', '');

export const tlsServerCases: readonly TlsCase[] = [
  ...versions.map(({ version, short, name }) =>
    define(
      `client-cert-none-${short}`,
      `refuses a client without a certificate, in ${name}`,
      ...(['RFC 8446 §4.4.2.4', `client-certificate none ${version}`] as const),
    ),
  ),
  ...certificates(ownCertificates, []),
  ...certificates(caCertificates, ['bad-certificates']),

  define('speaks-13', 'speaks TLS 1.3', 'RFC 9325 §3.1.1', 'speaks TLSv1.3', { severity: 'SHOULD' }),
  define('speaks-12', 'may speak TLS 1.2', 'RFC 5246 §1', 'speaks TLSv1.2', { severity: 'INFO' }),
  define('prefers-13', 'prefers TLS 1.3 to TLS 1.2', 'RFC 9325 §3.1.1', 'prefers-newest'),
  define('downgrade', 'marks TLS 1.2 that is spoken in the place of TLS 1.3', 'RFC 8446 §4.1.3', 'marks-downgrade'),
  define('fallback', 'refuses a client that fell back to TLS 1.2', 'RFC 7507 §3', 'refuses-fallback'),
  ...refusedHellos.map(([name, words, section, severity = 'MUST']) =>
    define(`hello-${idOf(name)}`, `refuses ${words}`, section, `refuses-hello ${name}`, { severity }),
  ),
  define('hello-compression-12', 'does not compress in TLS 1.2', 'RFC 9325 §3.3', 'compression-1.2', {
    severity: 'SHOULD',
  }),
  ...takenHellos.map(([name, title, section]) => define(`hello-${name}`, title, section, `takes-hello ${name}`)),
  ...garbage.map(([name, words, section, severity = 'MUST']) =>
    define(`garbage-${name}`, `ends a connection that begins with ${words}`, section, `garbage ${name}`, { severity }),
  ),

  ...names.map(([kind, words, section, needs = []]) =>
    define(`sni-${kind}`, `takes or refuses ${words}`, section, `sni ${kind}`, { severity: 'INFO', needs }),
  ),
  define('sni-address', 'takes or refuses an address for a name', 'RFC 6066 §3', 'address-name', { severity: 'INFO' }),
  ...alpn.map(([name, title, protocols, severity]) =>
    define(`alpn-${name}`, title, 'RFC 7301 §3.2', `alpn ${protocols}`.trim(), { severity }),
  ),

  ...versions.flatMap(({ version, short, name }) => [
    define(
      `resume-${short}`,
      `may resume a session, in ${name}`,
      version === 'TLSv1.3' ? 'RFC 8446 §2.2' : 'RFC 5246 §7.3',
      ...([`resume ${version}`, { severity: 'INFO' }] as const),
    ),
    define(
      `resume-without-cert-${short}`,
      `does not let in by a session that was made without a certificate, in ${name}`,
      ...(['RFC 8446 §4.4.2.4', `resume-without-certificate ${version}`] as const),
    ),
    define(
      `resume-other-host-${short}`,
      `${version === 'TLSv1.3' ? 'may resume' : 'does not resume'} a session under another name, in ${name}`,
      version === 'TLSv1.3' ? 'RFC 8446 §4.6.1' : 'RFC 6066 §3',
      `resume-at-other-host ${version}`,
      { severity: version === 'TLSv1.3' ? 'INFO' : 'MUST', needs: ['other-host'] },
    ),
    define(
      `close-notify-${short}`,
      `sends close_notify before it ends the connection, in ${name}`,
      version === 'TLSv1.3' ? 'RFC 8446 §6.1' : 'RFC 5246 §7.2.1',
      `close-notify ${version}`,
    ),
  ]),
  define('renegotiation', 'takes or refuses renegotiation in TLS 1.2', 'RFC 9325 §3.5', 'renegotiate', {
    severity: 'INFO',
  }),

  ...cuts.flatMap(([stage, words]) =>
    (['fin', 'reset'] as const).map((how) =>
      define(
        `cut-${stage}-${how}`,
        `serves others when a client is cut off ${words}, by ${how === 'fin' ? 'FIN without close_notify' : 'RST'}`,
        ...(['RFC 8446 §6.1', `cut ${stage} ${how}`] as const),
      ),
    ),
  ),
  ...stages.map(([stage, words]) =>
    define(`unfinished-${stage}`, `may give up on a client that ${words}`, 'RFC 9112 §9.5', `unfinished ${stage}`, {
      severity: 'INFO',
      deadline: longDeadline,
    }),
  ),
];
