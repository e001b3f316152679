/** What a client sends, and what it demands of the answer (RFC 6455 §4.1). */
import { Buffer } from 'node:buffer';
import { HandshakeError, UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { type HandshakeFaultCode, responseFault, shown } from './errors.js';
import { parseExtensions } from './extension.js';
import { isFieldValue, listHas } from './grammar.js';
import type { ResponseHead } from './http-head.js';
import { acceptFor, createKey, isKey } from './key.js';
import { parseAuthority } from './origin.js';
import { type DeflateParameters, type DeflatePolicy, examineDeflate, offerDeflate } from './permessage-deflate.js';
import { type HeaderInput, headerLines } from './response.js';
import { checkProtocols } from './subprotocol.js';

export interface RequestOptions {
  /** `wss:` only, without user information and fragment (RFC 6455 §3). */
  readonly url: string | URL;
  /** The host name or address for `Host`, with the port of the URL. Default: that of the URL. */
  readonly host?: string | undefined;
  /** The subprotocols to offer, in order of preference. Default: none. */
  readonly protocols?: readonly string[] | undefined;
  /** Default: no `Origin`. */
  readonly origin?: string | undefined;
  /** The forms of permessage-deflate to offer, in order of preference. Default: none, and messages go uncompressed. */
  readonly deflate?: readonly DeflatePolicy[] | undefined;
  /** More header fields. */
  readonly headers?: HeaderInput | undefined;
  /** 16 bytes in base64. Default: new random ones. */
  readonly key?: string | undefined;
}

/** An opening handshake on its way. */
export interface SentRequest {
  readonly bytes: Buffer;
  readonly key: string;
  readonly protocols: readonly string[];
  readonly deflate: readonly DeflatePolicy[];
}

const reserved: ReadonlySet<string> = new Set([
  'host',
  'upgrade',
  'connection',
  'content-length',
  'transfer-encoding',
  'origin',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'sec-websocket-accept',
]);

/**
 * Returns the request of an opening handshake.
 *
 * @throws UsageError `url-malformed`, `protocols-malformed`, `origin-malformed`, `key-malformed`, `header-malformed`,
 *   `header-reserved`
 */
export function createRequest(options: RequestOptions): SentRequest {
  const { protocols = [], origin, deflate = [], key = createKey() } = options;
  const url = parseUrl(options.url);
  // Deliberately: RFC 6455 §4.1 sends the host of the URL; who names another one means that (a server compares it with
  // the name of the TLS handshake).
  const named = options.host === undefined ? url.host : withPort(options.host, url.port);
  const host = parseAuthority(named, 443);
  if (host === undefined) throw urlError(`${shown(named)} is no host name or IP address`);
  checkProtocols(protocols);
  if (origin !== undefined && (typeof origin !== 'string' || origin === '' || !isFieldValue(origin))) {
    throw new UsageError('origin-malformed', 'origin must be an origin such as https://app.example', {
      option: 'origin',
    });
  }
  if (!isKey(key)) throw new UsageError('key-malformed', 'key must be 16 bytes in base64', { option: 'key' });
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${host.text}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
  ];
  if (protocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${protocols.join(', ')}`);
  if (deflate.length > 0) lines.push(`Sec-WebSocket-Extensions: ${offerDeflate(deflate)}`);
  if (origin !== undefined) lines.push(`Origin: ${origin}`);
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n${headerLines(options.headers, reserved)}\r\n`, 'latin1');
  return { bytes, key, protocols: [...protocols], deflate: deflate.map((policy) => ({ ...policy })) };
}

function withPort(host: string, port: string): string {
  const written = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return port === '' ? written : `${written}:${port}`;
}

function urlError(text: string): UsageError {
  return new UsageError('url-malformed', `${text} (RFC 6455 §3)`, { option: 'url' });
}

function parseUrl(input: string | URL): URL {
  const text = String(input);
  // URL would drop line breaks and go on without them (T17).
  if (/[\u0000-\u001f\u007f]/.test(text)) throw urlError(`${shown(text)} has a control character`);
  let url: URL;
  try {
    // RFC 6455 §11.1.2: URL writes the host in ASCII, and escapes what may not stand in path and query.
    url = new URL(text);
  } catch {
    throw urlError(`${shown(text)} is no URL: it has the form wss://HOST[:PORT]/PATH`);
  }
  // RFC 6455 §10.6: TLS MUST be supported and SHOULD be used; here there is nothing else.
  if (url.protocol !== 'wss:') {
    // `localhost:8443` is a URL, of the scheme `localhost`.
    if (!text.includes('://')) throw urlError(`${shown(text)} has no scheme: write wss://${escapeText(text)}`);
    throw urlError(`the scheme of ${shown(text)} is ${url.protocol.slice(0, -1)}, only wss can be had over mutual TLS`);
  }
  // RFC 6455 §3: fragment identifiers MUST NOT be used. `hash` does not show an empty one.
  if (url.href.includes('#')) throw urlError(`${shown(text)} has a fragment`);
  if (url.username !== '' || url.password !== '') {
    throw urlError('the URL has a user name or password: mutual TLS identifies by certificate');
  }
  return url;
}

export type ResponseVerdict =
  | {
      readonly kind: 'accepted';
      /** Empty when there is none. */
      readonly protocol: string;
      /** What was agreed on permessage-deflate; `undefined`: messages go uncompressed. */
      readonly deflate: DeflateParameters | undefined;
    }
  /** 1xx other than 101: another response follows. */
  | { readonly kind: 'interim' }
  | { readonly kind: 'refused'; readonly error: HandshakeError };

/** Decides whether a response opens the connection. Never throws on input. */
export function examineResponse(head: ResponseHead, request: SentRequest): ResponseVerdict {
  if (head.status >= 100 && head.status < 200 && head.status !== 101) return { kind: 'interim' };
  const error = findFault(head, request);
  if (error !== undefined) return { kind: 'refused', error };
  const deflate = examineExtensions(head, request);
  if (deflate instanceof HandshakeError) return { kind: 'refused', error: deflate };
  return { kind: 'accepted', protocol: head.fields.get('Sec-WebSocket-Protocol') ?? '', deflate };
}

/** RFC 6455 §4.1, points 1 to 6 of what a client must check. */
function findFault(head: ResponseHead, request: SentRequest): HandshakeError | undefined {
  if (head.status !== 101) return statusFault(head);
  const { version, fields } = head;
  // RFC 9110 §7.8: there is no upgrade in HTTP/1.0.
  if (version === '1.0') return responseFault('version-unsupported', 'HTTP/1.0 is not HTTP/1.1', version);
  const upgrade = fields.get('Upgrade');
  if (upgrade?.toLowerCase() !== 'websocket') return wrong('upgrade-wrong', 'Upgrade', upgrade, 'not "websocket"');
  const connection = fields.get('Connection');
  if (connection === undefined || !listHas(connection, 'upgrade')) {
    return wrong('connection-wrong', 'Connection', connection, 'without Upgrade');
  }
  // RFC 6455 §11.3.3: it MUST NOT come twice.
  const accepts = fields.getAll('Sec-WebSocket-Accept');
  const accept = fields.get('Sec-WebSocket-Accept');
  if (accept === undefined) return wrong('accept-missing', 'Sec-WebSocket-Accept', accept, '');
  if (accepts.length > 1) return wrong('accept-repeated', 'Sec-WebSocket-Accept', accept, 'but may come once only');
  if (accept !== acceptFor(request.key)) {
    return wrong('accept-wrong', 'Sec-WebSocket-Accept', accept, 'not the answer to our key');
  }
  // RFC 6455 §11.3.4: in a response it MUST NOT come twice.
  const protocols = fields.getAll('Sec-WebSocket-Protocol');
  if (protocols.length > 1 || (protocols.length === 1 && !request.protocols.includes(protocols[0]!))) {
    return wrong('protocol-not-offered', 'Sec-WebSocket-Protocol', protocols.join(', '), 'not one that was offered');
  }
  return undefined;
}

/**
 * RFC 6455 §4.1: an extension that was not offered MUST fail the connection; so must one beside permessage-deflate, which
 * could disturb it (RFC 7692 §5). RFC 6455 §9.1: what is not accepted is not used. RFC 6455 §11.3.2: the field comes once.
 */
function examineExtensions(
  { fields }: ResponseHead,
  request: SentRequest,
): DeflateParameters | HandshakeError | undefined {
  const value = fields.get('Sec-WebSocket-Extensions');
  if (value === undefined) return undefined;
  const [accepted, ...others] = parseExtensions(fields.getAll('Sec-WebSocket-Extensions')) ?? [];
  if (accepted === undefined || others.length > 0) {
    const fault = others.length > 0 ? 'more than was offered' : 'not one that was offered';
    return wrong('extension-not-offered', 'Sec-WebSocket-Extensions', value, fault);
  }
  return examineDeflate(accepted, request.deflate, value);
}

function wrong(code: HandshakeFaultCode, field: string, value: string | undefined, fault: string): HandshakeError {
  const text =
    value === undefined ? `the response has no ${field}` : `${field} of the response is ${shown(value)}, ${fault}`;
  return responseFault(code, text, value);
}

function statusFault({ status, reason, fields }: ResponseHead): HandshakeError {
  const location = fields.get('Location');
  // A redirect is told and never followed: our certificate is for the host that was asked.
  const to =
    location !== undefined && status >= 300 && status < 400
      ? `, a redirect to ${shown(location)} that is not followed`
      : '';
  const phrase = reason === '' ? '' : ` ${escapeText(reason, 100)}`;
  const text = `the server answered ${status}${phrase} instead of 101${to}`;
  return responseFault('http-status', text, undefined, status);
}

/** Returns the announced length of a response's body in bytes; `undefined` when it ends with the connection. */
export function responseBodyLength(head: ResponseHead): number | undefined {
  // RFC 9112 §6.3, point 1.
  if (head.status === 204 || head.status === 304) return 0;
  if (head.fields.has('Transfer-Encoding')) return undefined;
  const length = head.fields.get('Content-Length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
