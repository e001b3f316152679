/**
 * Every flag of every command, once: what it is called, what it takes, what it says in the help.
 *
 * A flag can be given on the command line (`--min-tls 1.2`), in the environment (`MTLS_WS_MIN_TLS=1.2`) and in the file
 * that `--config` names (`"min-tls": "1.2"`), in this order of precedence.
 */

import type { CertificateKind, KeyType, RevokedCertificate } from '../tls/pki/index.js';

/** The values of the flags of one run; a flag that was not given is `undefined`. */
export interface Settings {
  readonly port?: number;
  readonly listen?: number;
  readonly host?: readonly string[];
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly 'passphrase-file'?: string;
  readonly allow?: readonly string[];
  readonly 'insecure-accept-expired-crl'?: boolean;
  readonly 'client-certificate'?: 'required' | 'optional';
  readonly explain?: boolean;
  readonly 'max-age'?: number;
  readonly 'close-at-expiry'?: boolean;
  readonly 'session-resumption'?: boolean;
  readonly 'ticket-secret-file'?: string;
  readonly log?: 'text' | 'json';
  readonly metrics?: boolean;
  readonly keylog?: string;
  readonly compress?: boolean;
  readonly binary?: boolean;
  readonly wait?: number;
  readonly force?: boolean;
  readonly group?: readonly string[];
  readonly case?: readonly string[];
  readonly chunking?: readonly string[];
  readonly repeat?: number;
  readonly parallel?: number;
  readonly timeout?: number;
  readonly strict?: boolean;
  readonly verbose?: boolean;
  readonly servername?: string;
  readonly 'ca-key'?: string;
  readonly 'bad-certs'?: string;
  readonly 'other-host'?: string;
  readonly 'report-json'?: string;
  readonly 'report-junit'?: string;
  readonly 'report-html'?: string;
  readonly protocol?: readonly string[];
  readonly 'min-tls'?: '1.2' | '1.3';
  readonly kind?: CertificateKind;
  readonly uri?: readonly string[];
  readonly email?: readonly string[];
  readonly 'common-name'?: string;
  readonly days?: number;
  /** In milliseconds since 1970. */
  readonly 'not-after'?: number;
  readonly 'key-type'?: KeyType;
  readonly 'self-signed'?: boolean;
  readonly 'path-length'?: number;
  readonly crl?: readonly string[];
  readonly serial?: readonly string[];
  readonly reason?: RevokedCertificate['reason'];
  readonly json?: boolean;
  readonly seconds?: number;
  readonly size?: number;
  readonly connections?: number;
  readonly 'in-flight'?: number;
  readonly text?: boolean;
  readonly pid?: number;
  readonly trace?: boolean;
  readonly config?: string;
  readonly help?: boolean;
}

export type FlagName = keyof Settings;

export interface Flag {
  /** What the value is, in capitals; `undefined` for a flag that is on or off. */
  readonly metavar?: string;
  /** Its other name, of one letter: `h` for `-h`. */
  readonly short?: string;
  readonly help: string;
  /** Whether the value names a file: in a configuration file it is relative to that file. */
  readonly isPath?: true;
  /** Whether it may be given several times (in the environment: separated by commas, unless `separator` says otherwise). */
  readonly isList?: true;
  /** What separates several in the environment, for a list whose values may have commas. */
  readonly separator?: string;
  /** What the text must be, in words, and how it is read: `undefined` for a text that is not that. */
  readonly expects?: string;
  readonly read?: (text: string) => string | number | undefined;
}

function readPort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function secondsUpTo(most: number): (text: string) => number | undefined {
  return (text) => (/^(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) && Number(text) <= most ? Number(text) : undefined);
}

/** A day at most: a timer of Node counts 2^31 milliseconds at most, and fires at once beyond them. */
const readSeconds = secondsUpTo(86_400);

/** For what does not count by one timer alone: 30 days at most. */
const readAge = secondsUpTo(30 * 86_400);

function readCount(text: string): number | undefined {
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
}

function readChunking(text: string): string | undefined {
  return /^(?:whole|octets|all|random(?::\d{1,10})?)$/.test(text) ? text : undefined;
}

function readTlsVersion(text: string): string | undefined {
  return text === '1.2' || text === '1.3' ? text : undefined;
}

const kinds: readonly CertificateKind[] = ['server', 'client', 'both', 'any'];
const keyTypes: readonly KeyType[] = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'];
const reasons: readonly NonNullable<RevokedCertificate['reason']>[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
];

function oneOf(words: readonly string[]): Pick<Flag, 'expects' | 'read'> {
  return {
    expects: `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`,
    read: (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()),
  };
}

function readPathLength(text: string): number | undefined {
  return /^\d{1,2}$/.test(text) ? Number(text) : undefined;
}

/** A day means its last second, as it does on a certificate. */
function readDate(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-(\d\d))(T\d\d:\d\d(?::\d\d)?Z)?$/.exec(text);
  if (match === null) return undefined;
  const date = new Date(`${match[1]}${match[3] ?? 'T23:59:59Z'}`);
  // `Date` brings February 30th to March, and 24:00 to the next day.
  return date.getUTCDate() === Number(match[2]) ? date.getTime() : undefined;
}

/** As certificates write it: whole octets in upper case. Colons, spaces and `0x` are how other programs write it. */
function readSerial(text: string): string | undefined {
  const hex = text.replace(/^0x|[: ]/gi, '').replace(/^0+(?=.)/, '');
  if (!/^[0-9a-f]{1,40}$/i.test(hex)) return undefined;
  return hex === '0' || hex.length % 2 === 0 ? hex.toUpperCase() : `0${hex.toUpperCase()}`;
}

export const flags: Readonly<Record<FlagName, Flag>> = {
  port: {
    metavar: 'N',
    help: 'port to listen on; 0 takes a free one',
    expects: 'a port, 0 to 65535',
    read: readPort,
  },
  listen: {
    metavar: 'PORT',
    help: 'port to listen on for the clients under test (default: a free one)',
    expects: 'a port, 0 to 65535',
    read: readPort,
  },
  host: { metavar: 'HOST', help: 'address or name to listen on (default 127.0.0.1)', isList: true },
  ca: { metavar: 'FILE', help: 'PEM: the CA that the other end must be signed by', isPath: true },
  cert: { metavar: 'FILE', help: 'PEM: own certificate, then its intermediates', isPath: true },
  key: { metavar: 'FILE', help: 'PEM: private key of that certificate', isPath: true },
  'passphrase-file': { metavar: 'FILE', help: 'the passphrase of the key, if it is locked by one', isPath: true },
  'insecure-accept-expired-crl': { help: 'goes on trusting a revocation list that has expired' },
  'client-certificate': {
    metavar: 'WHICH',
    help: 'required (default), or optional: a client without one comes in where --allow says none',
    expects: 'required or optional',
    read: (text) => (text === 'required' || text === 'optional' ? text : undefined),
  },
  explain: { help: 'tells a client that is refused why, in an HTTP response, instead of ending its TLS handshake' },
  'max-age': {
    metavar: 'SECONDS',
    help: 'closes a connection with 1001 when it is so old, or a little earlier (default: never)',
    expects: 'a number of seconds, 0 to 2592000 (30 days)',
    read: readAge,
  },
  'close-at-expiry': { help: 'closes a connection with 1008 when the certificate of its client expires' },
  'session-resumption': { help: 'lets clients resume TLS sessions, within an hour and while nothing else changes' },
  'ticket-secret-file': {
    metavar: 'FILE',
    help: 'the same, with 32 bytes or more that servers share, so that each resumes the sessions of the others',
    isPath: true,
  },
  log: {
    metavar: 'text|json',
    help: 'json: a JSON object a line on stderr for each connection that ended, was refused, expelled or in violation of the protocol, and each reload (default text)',
    expects: 'text or json',
    read: (text) => (text === 'text' || text === 'json' ? text : undefined),
  },
  metrics: { help: 'answers GET /metrics with counters for Prometheus, to clients that may come in' },
  keylog: {
    metavar: 'FILE',
    help: 'appends the TLS secrets, for Wireshark; whoever has them can decrypt all',
    isPath: true,
  },
  allow: {
    metavar: 'RULE',
    help: "who may come in: 'dns:ops.example', 'path=/admin spiffe:spiffe://…', any; may be repeated",
    isList: true,
    // The name of an issuer has commas.
    separator: '\n',
  },
  compress: { help: 'compresses messages if the other end does it too (permessage-deflate); default off' },
  binary: { help: 'all of stdin is one binary message; binary received goes to stdout as it is' },
  wait: {
    metavar: 'SECONDS',
    help: 'closes when stdin has ended and no message came for so long (default 1)',
    expects: 'a number of seconds, 0 to 86400',
    read: readSeconds,
  },
  force: { help: 'replaces files that exist' },
  group: { metavar: 'GROUP', help: 'only cases of this group; may be repeated', isList: true },
  case: { metavar: 'ID', help: 'only this case; * stands for anything; may be repeated', isList: true },
  chunking: {
    metavar: 'HOW',
    help: 'how what is sent is cut: whole (default), octets, random, random:SEED, or all three; may be repeated',
    isList: true,
    expects: 'whole, octets, random, random:SEED or all',
    read: readChunking,
  },
  repeat: { metavar: 'N', help: 'runs each case so often (default 1)', expects: 'a count from 1 on', read: readCount },
  parallel: { metavar: 'N', help: 'cases at once (default 8)', expects: 'a count from 1 on', read: readCount },
  timeout: {
    metavar: 'SECONDS',
    help: 'for a case (default 10); cases that need longer get more in proportion',
    expects: 'a number of seconds, 0 to 86400',
    read: readSeconds,
  },
  strict: { help: 'SHOULD and what is lawful but weak fail the run too' },
  verbose: { help: 'tells what was noted and what was weak too' },
  servername: { metavar: 'NAME', help: 'the name that the certificate of the server is for (default: of the URL)' },
  'ca-key': { metavar: 'FILE', help: 'PEM: key of the CA of the peer, to make bad certificates with', isPath: true },
  'bad-certs': { metavar: 'DIR', help: 'bad certificates that the CA of the peer has signed', isPath: true },
  'other-host': { metavar: 'NAME', help: 'another name of the same server' },
  'report-json': { metavar: 'FILE', help: 'writes all that was seen as JSON', isPath: true },
  'report-junit': { metavar: 'FILE', help: 'writes the results as JUnit XML', isPath: true },
  'report-html': { metavar: 'FILE', help: 'writes a page with every byte of every case', isPath: true },
  protocol: { metavar: 'NAME', help: 'a subprotocol to offer; may be repeated', isList: true },
  'min-tls': {
    metavar: '1.2|1.3',
    help: 'oldest TLS version allowed (default 1.3)',
    expects: '1.2 or 1.3',
    read: readTlsVersion,
  },
  kind: {
    metavar: 'KIND',
    help: 'which end it is for, its extended key usage: server, client, both, or any, which leaves it open',
    ...oneOf(kinds),
  },
  uri: { metavar: 'URI', help: 'a URI in it, such as a SPIFFE ID; may be repeated', isList: true },
  email: { metavar: 'ADDRESS', help: 'an e-mail address in it; may be repeated', isList: true },
  'common-name': { metavar: 'TEXT', help: 'the common name of its subject (default: the last part of NAME)' },
  days: { metavar: 'N', help: 'how many days it is valid', expects: 'a count from 1 on', read: readCount },
  'not-after': {
    metavar: 'DATE',
    help: 'the last day, or second, that it is valid: 2027-01-31, or 2027-01-31T12:00:00Z',
    expects: 'a date like 2027-01-31 or 2027-01-31T12:00:00Z',
    read: readDate,
  },
  'key-type': {
    metavar: 'TYPE',
    help: `the key that is made for it: ${keyTypes.join(', ')} (default ec-p256)`,
    ...oneOf(keyTypes),
  },
  'self-signed': { help: 'a root, which no other CA has issued' },
  'path-length': {
    metavar: 'N',
    help: 'how many CAs may stand between it and a certificate that is no CA (default: 0; without limit for a root)',
    expects: 'a number from 0 to 99',
    read: readPathLength,
  },
  crl: { metavar: 'FILE', help: 'PEM: the revocation list of the CA', isPath: true, isList: true },
  serial: {
    metavar: 'HEX',
    help: 'a serial number, when there is no file of the certificate; may be repeated',
    isList: true,
    expects: 'a serial number in hexadecimal',
    read: readSerial,
  },
  reason: { metavar: 'WORD', help: `why: ${reasons.join(', ')}`, ...oneOf(reasons) },
  json: { help: 'prints JSON' },
  seconds: {
    metavar: 'SECONDS',
    help: 'for each measurement (default 1)',
    expects: 'a number of seconds, 0 to 86400',
    read: readSeconds,
  },
  size: {
    metavar: 'BYTES',
    help: 'payload of a message (default 125)',
    expects: 'a number of bytes, 0 to 16777216',
    read: (text) => (/^\d{1,8}$/.test(text) && Number(text) <= 16 * 1024 * 1024 ? Number(text) : undefined),
  },
  connections: { metavar: 'N', help: 'connections at once (default 1)', expects: 'a count from 1 on', read: readCount },
  'in-flight': {
    metavar: 'N',
    help: 'messages on their way on each connection (default 1)',
    expects: 'a count from 1 on',
    read: readCount,
  },
  text: { help: 'sends text instead of binary' },
  pid: {
    metavar: 'PID',
    help: 'process of the server on this machine, whose CPU time is read (Linux)',
    expects: 'the number of a process',
    read: (text) => (/^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined),
  },
  trace: { help: 'explains every byte after the TLS handshake on stderr; prints secrets' },
  config: { metavar: 'FILE', help: 'JSON file with flags: { "ca": "ca.pem", "port": 8443 }', isPath: true },
  help: { short: 'h', help: 'prints this text' },
};

/** The flags that every command takes. */
export const commonFlags = ['min-tls', 'trace', 'config', 'help'] as const;

/** Whether `name` is the name of a flag. */
export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(flags, name);
}

/** Returns the environment variable of a flag: `MTLS_WS_MIN_TLS` for `min-tls`. */
export function environmentName(name: FlagName): string {
  return `MTLS_WS_${name.toUpperCase().replaceAll('-', '_')}`;
}
