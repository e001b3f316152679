/**
 * The first message of TLS, written by hand, and what a server says to it (RFC 8446 §4.1, RFC 5246 §7.4.1): so that a server
 * can be offered what no library of today offers. Pure.
 */
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, randomBytes } from 'node:crypto';

export const recordTypes = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export const versionNumbers = { ssl3: 0x0300, tls10: 0x0301, tls11: 0x0302, tls12: 0x0303, tls13: 0x0304 } as const;

export interface HelloOptions {
  /** `legacy_version`. Default TLS 1.2. */
  readonly version?: number;
  /** `supported_versions`. Default: 1.3 and 1.2 if `version` is 1.2; empty: no such extension. */
  readonly versions?: readonly number[];
  readonly suites?: readonly number[];
  readonly groups?: readonly number[];
  readonly compression?: readonly number[];
  /** `undefined`: no such extension. */
  readonly serverName?: string | undefined;
  /** More extensions, in front of the others. */
  readonly extensions?: ReadonlyArray<readonly [type: number, body: Uint8Array]>;
}

export const ordinarySuites = {
  tls13: [0x1301, 0x1302, 0x1303],
  tls12: [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8],
} as const;

/** What Chromium and others offer so that nobody gets used to knowing everything (RFC 8701). */
export const grease: readonly number[] = [0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a];

const x25519 = 0x001d;
const secp256r1 = 0x0017;
/** ECDSA, RSA-PSS, PKCS #1 and EdDSA, of SHA-256 and better. */
const signatureAlgorithms = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807, 0x0808];

const u8 = (value: number): Buffer => Buffer.of(value);
const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const u16s = (values: readonly number[]): Buffer => Buffer.concat(values.map(u16));

/** A vector: its length in so many octets, then its content. */
function vector(lengthOctets: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(lengthOctets);
  length.writeUIntBE(content.length, 0, lengthOctets);
  return Buffer.concat([length, content]);
}

export function record(type: number, content: Uint8Array, version: number = versionNumbers.tls10): Buffer {
  return Buffer.concat([u8(type), u16(version), vector(2, content)]);
}

/** A ClientHello in its handshake header, without a record around it. */
export function clientHello(options: HelloOptions = {}): Buffer {
  const { version = versionNumbers.tls12, compression = [0], serverName } = options;
  const { versions = version === versionNumbers.tls12 ? [versionNumbers.tls13, versionNumbers.tls12] : [] } = options;
  const { suites = [...ordinarySuites.tls13, ...ordinarySuites.tls12], groups = [x25519, secp256r1] } = options;
  const extensions: Array<readonly [number, Uint8Array]> = [...(options.extensions ?? [])];
  if (serverName !== undefined) {
    extensions.push([0, vector(2, u8(0), vector(2, Buffer.from(serverName, 'latin1')))]);
  }
  extensions.push([10, vector(2, u16s(groups))], [11, vector(1, u8(0))], [13, vector(2, u16s(signatureAlgorithms))]);
  if (versions.length > 0) {
    const share = vector(2, u16(x25519), vector(2, publicShare()));
    extensions.push([43, vector(1, u16s(versions))], [45, vector(1, u8(1))], [51, share]);
  }
  const body = Buffer.concat([
    u16(version),
    randomBytes(32),
    vector(1, version >= versionNumbers.tls12 ? randomBytes(32) : Buffer.alloc(0)),
    vector(2, u16s(suites)),
    vector(1, Buffer.from(compression)),
    // SSL 3.0 knows no extensions.
    version === versionNumbers.ssl3
      ? Buffer.alloc(0)
      : vector(2, ...extensions.map(([type, content]) => Buffer.concat([u16(type), vector(2, content)]))),
  ]);
  return Buffer.concat([u8(1), vector(3, body)]);
}

function publicShare(): Buffer {
  const { publicKey } = generateKeyPairSync('x25519');
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
}

/** What a server says first. */
export type ServerAnswer =
  | {
      readonly kind: 'hello';
      /** What it chose, by `supported_versions` if that is there. */
      readonly version: number;
      readonly suite: number;
      readonly compression: number;
      readonly random: Buffer;
    }
  | { readonly kind: 'alert'; readonly description: number }
  /** Something that is no TLS. */
  | { readonly kind: 'other' };

/** Reads the first message of a server; `undefined` as long as it is not all there. */
export function readServerAnswer(bytes: Buffer): ServerAnswer | undefined {
  let handshake: Buffer = Buffer.alloc(0);
  for (let at = 0; at + 5 <= bytes.length; ) {
    const [type, major] = [bytes[at]!, bytes[at + 1]!];
    const length = bytes.readUInt16BE(at + 3);
    if (major !== 3 || type < recordTypes.changeCipherSpec || type > recordTypes.applicationData)
      return { kind: 'other' };
    if (at + 5 + length > bytes.length) break;
    const content = bytes.subarray(at + 5, at + 5 + length);
    at += 5 + length;
    if (type === recordTypes.alert && length === 2) return { kind: 'alert', description: content[1]! };
    if (type !== recordTypes.handshake) return { kind: 'other' };
    handshake = Buffer.concat([handshake, content]);
    if (handshake.length >= 4 && handshake.length >= 4 + handshake.readUIntBE(1, 3)) return readServerHello(handshake);
  }
  return bytes.length >= 5 || bytes.length === 0 || bytes[0] === recordTypes.alert || bytes[0] === recordTypes.handshake
    ? undefined
    : { kind: 'other' };
}

function readServerHello(message: Buffer): ServerAnswer {
  const end = 4 + message.readUIntBE(1, 3);
  if (message[0] !== 2 || end < 42) return { kind: 'other' };
  let version = message.readUInt16BE(4);
  const random = Buffer.from(message.subarray(6, 38));
  let at = 39 + message[38]!;
  if (at + 3 > end) return { kind: 'other' };
  const suite = message.readUInt16BE(at);
  const compression = message[at + 2]!;
  at += 5;
  while (at + 4 <= end) {
    const [type, length] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
    if (type === 43 && length === 2 && at + 6 <= end) version = message.readUInt16BE(at + 4);
    at += 4 + length;
  }
  return { kind: 'hello', version, suite, compression, random };
}

/** `handshake_failure (40)` */
export function alertName(description: number): string {
  return `${alertNames[description] ?? 'alert'} (${description})`;
}

const alertNames: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  100: 'no_renegotiation',
  109: 'missing_extension',
  112: 'unrecognized_name',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/** `TLS 1.2`; `SSL 3.0`. */
export function versionName(version: number): string {
  const minor = version - versionNumbers.tls10;
  return version === versionNumbers.ssl3
    ? 'SSL 3.0'
    : minor >= 0 && minor <= 3
      ? `TLS 1.${minor}`
      : `0x${version.toString(16)}`;
}
