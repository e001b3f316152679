/**
 * Clients and TLS: whom they must not trust (RFC 5280, RFC 9525), and what they do with servers that break off. A client that
 * cannot verify a server sends no request (RFC 6455 §4.1).
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
    ...{ kind: 'tls', id: `tls/server-${name}`, group: 'tls', section, title, severity },
    ...{ targets: ['client'], needs: ['tls', ...needs], procedure, ...rest },
  };
}

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
  ['wrong-purpose', 'a certificate for clients only', 'RFC 5280 §4.2.1.12'],
  ['unrelated-purpose', 'a certificate for code signing only', 'RFC 5280 §4.2.1.12'],
  ['unknown-critical', 'a certificate with a critical extension that nobody knows', 'RFC 5280 §4.2'],
  ['below-expired-authority', 'a certificate below a CA that has expired', 'RFC 5280 §6.1.3'],
  ['below-no-cert-sign', 'a certificate below a CA whose key may not sign certificates', 'RFC 5280 §6.1.4'],
  ['path-too-long', 'a certificate below more CAs than one of them allows', 'RFC 5280 §6.1.4'],
  ['name-constraints', 'a certificate with a name that its CA may not give', 'RFC 5280 §6.1.3'],
  ['signed-with-md5', 'a certificate signed with MD5', 'RFC 8446 §4.4.2.4'],
  ['signed-with-sha1', 'a certificate signed with SHA-1', 'RFC 8446 §4.4.2.4', 'SHOULD'],
  ['other-name', 'a certificate for another name', 'RFC 9525 §6.1'],
  ['common-name-only', 'a certificate that names it in the common name alone', 'RFC 9525 §2'],
  ['common-name-other-san', 'a certificate that names it in the common name, and another in its SAN', 'RFC 9525 §2'],
  ['uri-only', 'a certificate that names it in a URI', 'RFC 9525 §6.1'],
  ['name-in-wrong-type', 'a certificate that names it in a SAN of another kind', 'RFC 9525 §6.1'],
  ['name-cut-by-nul', 'a certificate that names it in front of a NUL', 'RFC 9525 §6.3'],
  ['name-as-suffix', 'a certificate for names that begin or end with it', 'RFC 9525 §6.3'],
  ['joined-names', 'a certificate that names it within another name', 'RFC 9525 §6.3'],
  ['partial-wildcard', 'a certificate with wildcards within a label', 'RFC 9525 §6.3'],
  ['wildcard-inside', 'a certificate with a wildcard that is not the first label', 'RFC 9525 §6.3'],
  ['bare-wildcard', 'a certificate for nothing but a wildcard', 'RFC 9525 §6.3', 'INFO'],
  ['below-version-1', 'a certificate below one of version 1', 'RFC 5280 §6.1.4', 'INFO'],
  ['is-authority', 'the certificate of a CA as its own', 'RFC 5280 §4.2.1.3', 'INFO'],
  ['rsa-1024', 'a certificate with an RSA key of 1024 bits', 'RFC 9325 §4.5', 'INFO'],
  ['no-purpose', 'a certificate without extended key usage', 'RFC 5280 §4.2.1.12', 'INFO'],
  ['any-purpose', 'a certificate for any purpose', 'RFC 5280 §4.2.1.12', 'INFO'],
  ['good', 'a good certificate that the key of its CA has just signed', 'RFC 5280 §6.1', 'INFO'],
];

function certificate(
  [name, words, section, severity = 'MUST']: Row,
  version: '1.2' | '1.3',
  needs: readonly Need[],
): TlsCase {
  return define(
    `cert-${name}${version === '1.2' ? '-12' : ''}`,
    `${severity === 'INFO' ? 'takes or refuses' : 'sends no request to'} a server with ${words}${version === '1.2' ? ', in TLS 1.2' : ''}`,
    ...([section, `server-certificate ${name} TLSv${version}`] as const),
    { severity, needs },
  );
}

const weakServers: readonly Row[] = [
  ['tls-1.0', 'TLS 1.0', 'RFC 8996 §4'],
  ['tls-1.1', 'TLS 1.1', 'RFC 8996 §5'],
  ['null-encryption', 'suites that do not encrypt', 'RFC 9325 §4.1'],
  ['anonymous', 'suites without a certificate of the server', 'RFC 5246 §A.5'],
];

const garbage: readonly Row[] = [
  ['plain-http', 'an HTTP error without TLS', 'RFC 8446 §5'],
  ['plain-101', 'a 101 without TLS', 'RFC 8446 §5'],
  ['noise', 'noise', 'RFC 8446 §5'],
  ['data-first', 'application data before the TLS handshake', 'RFC 8446 §5'],
  ['fatal-alert', 'a fatal alert', 'RFC 8446 §6.2'],
  ['record-too-long', 'a record longer than any may be', 'RFC 8446 §5.1'],
];

const cuts: ReadonlyArray<readonly [stage: string, words: string, hows: ReadonlyArray<keyof typeof howWords>]> = [
  ['before-hello', 'at once', ['fin', 'reset']],
  ['after-hello', 'after the ClientHello', ['fin', 'reset']],
  ['after-handshake', 'after the TLS handshake', ['close-notify', 'fin', 'reset']],
  ['after-request', 'after the request', ['close-notify', 'fin', 'reset']],
  ['in-response', 'within the 101', ['close-notify', 'fin', 'reset']],
  ['in-frame', 'within a frame', ['close-notify', 'fin', 'reset']],
];

const howWords = { 'close-notify': 'close_notify and FIN', fin: 'FIN without close_notify', reset: 'RST' };

/** No RFC says for how long a client waits. */
const longDeadline = 50_000;

const idOf = (name: string): string => name.replaceAll('.', '');

export const tlsClientCases: readonly TlsCase[] = [
  ...ownCertificates.flatMap((row) => [certificate(row, '1.3', []), certificate(row, '1.2', [])]),
  ...caCertificates.map((row) => certificate(row, '1.3', ['bad-certificates'])),
  ...weakServers.map(([name, words, section]) =>
    define(idOf(name), `refuses a server that speaks ${words}`, section, `weak-server ${name}`),
  ),
  define('name', 'sends the name of the server', 'RFC 6455 §4.1', 'server-name'),
  define(
    'no-certificate-request',
    'opens or refuses a server that asks for no certificate',
    'RFC 8446 §4.3.2',
    'no-certificate-request',
    {
      severity: 'INFO',
    },
  ),
  ...garbage.map(([name, words, section]) =>
    define(`garbage-${name}`, `ends a connection that begins with ${words}`, section, `server-garbage ${name}`),
  ),
  ...cuts.flatMap(([stage, words, hows]) =>
    hows.map((how) =>
      define(
        `cut-${stage}-${how}`,
        `gives up a connection that the server ends ${words}, by ${howWords[how]}`,
        ...(['RFC 6455 §7.1.7', `server-cut ${stage} ${how}`] as const),
      ),
    ),
  ),
  ...(['hello', 'request'] as const).map((stage) =>
    define(
      `silence-${stage}`,
      `may give up on a server that does not answer its ${stage === 'hello' ? 'ClientHello' : 'request'}`,
      'RFC 9112 §9.5',
      ...([`server-silence ${stage}`, { severity: 'INFO', deadline: longDeadline }] as const),
    ),
  ),
];
