/**
 * What a server demands of an opening handshake (RFC 6455 §4.2.1), each rule with its own code and status. No input is trusted
 * (RFC 6455 §10.1, §10.7).
 */
import type { HandshakeError } from '../errors.js';
import { type HandshakeFaultCode, requestFault, shown } from './errors.js';
import { type ExtensionOffer, parseExtensions } from './extension.js';
import type { Fields } from './fields.js';
import { listHas, parseTokenList } from './grammar.js';
import type { RequestHead } from './http-head.js';
import { isKey } from './key.js';
import { type Authority, isOriginAllowed, parseAuthority } from './origin.js';
import { parseProtocols } from './subprotocol.js';

export interface ServerPolicy {
  /** The name the client asked for in the TLS handshake (SNI), canonical; `undefined` when it asked for none. */
  readonly serverName?: string | undefined;
  /** Hosts that a client must ask for by name in the TLS handshake; `undefined`: none. */
  readonly namedHosts?: { has(host: string): boolean } | undefined;
  /** Origins that may connect beside the server's own. Default: none. */
  readonly origins?: readonly string[] | undefined;
}

export type RequestVerdict =
  | {
      readonly kind: 'upgrade';
      /** Path and query. */
      readonly path: string;
      /** `Host` in canonical form, with its port unless that is 443. */
      readonly host: string;
      readonly key: string;
      readonly offeredProtocols: readonly string[];
      readonly offeredExtensions: readonly ExtensionOffer[];
      readonly origin: string | undefined;
    }
  /** A lawful request that asks for no upgrade to WebSocket. */
  | { readonly kind: 'plain'; readonly path: string }
  | { readonly kind: 'refused'; readonly error: HandshakeError };

/** The version of the protocol that RFC 6455 defines. */
const webSocketVersion = '13';

/** Decides what a request is, and whether it may pass. Never throws on input. */
export function examineRequest(head: RequestHead, policy: ServerPolicy = {}): RequestVerdict {
  // RFC 6455 §4.2.1: HTTP/1.1 or higher. RFC 9110 §7.8: Upgrade does not count in a request of HTTP/1.0.
  if (head.version === '1.0') return refused(requestFault('version-unsupported', 'HTTP/1.0 is not HTTP/1.1', '1.0'));
  const target = examineTarget(head, policy);
  if ('code' in target) return refused(target);
  const { fields } = head;
  // A key without Upgrade is meant for WebSocket too, but a proxy took the field away.
  const asksForWebSocket = saysWebSocket(fields) || fields.has('Sec-WebSocket-Key');
  if (!asksForWebSocket) return { kind: 'plain', path: target.path };
  const error = findFault(head);
  if (error !== undefined) return refused(error);

  const offeredProtocols = parseProtocols(fields.getAll('Sec-WebSocket-Protocol'));
  if (offeredProtocols === undefined) {
    const value = fields.get('Sec-WebSocket-Protocol')!;
    return refused(
      requestFault('protocols-malformed', `Sec-WebSocket-Protocol ${shown(value)} is no list of unique tokens`, value),
    );
  }
  const offeredExtensions = parseExtensions(fields.getAll('Sec-WebSocket-Extensions'));
  if (offeredExtensions === undefined) {
    const value = fields.get('Sec-WebSocket-Extensions')!;
    return refused(
      requestFault('extensions-malformed', `Sec-WebSocket-Extensions ${shown(value)} is no list of extensions`, value),
    );
  }
  const origins = fields.getAll('Origin');
  for (const origin of origins) {
    if (origins.length > 1 || !isOriginAllowed(origin, target.host.text, policy.origins)) {
      return refused(requestFault('origin-refused', `pages of ${shown(origin)} may not connect`, origin));
    }
  }
  return {
    kind: 'upgrade',
    path: target.path,
    host: target.host.text,
    key: fields.get('Sec-WebSocket-Key')!,
    offeredProtocols,
    offeredExtensions,
    origin: origins[0],
  };
}

function refused(error: HandshakeError): RequestVerdict {
  return { kind: 'refused', error };
}

/** RFC 6455 §4.2.1, points 1 and 3 to 6, where a request has asked for WebSocket. */
function findFault({ method, fields }: RequestHead): HandshakeError | undefined {
  if (method !== 'GET') return requestFault('method-not-get', `the method is ${shown(method)}, not GET`, method);
  // RFC 9110 §9.3.1: what one end reads as frames, a proxy between could read as a body (T18).
  const length = fields.get('Content-Length');
  if (fields.has('Transfer-Encoding') || (length !== undefined && length !== '0')) {
    return requestFault('body-not-allowed', 'an upgrade request has no body');
  }
  if (!saysWebSocket(fields)) {
    return requestFault(
      'upgrade-missing',
      'there is a Sec-WebSocket-Key but no Upgrade: websocket; a proxy between may have removed it',
      fields.get('Upgrade'),
    );
  }
  const connection = fields.get('Connection');
  if (connection === undefined) return requestFault('connection-missing', 'Connection: Upgrade is missing');
  if (!parseTokenList(connection)?.some((option) => option.toLowerCase() === 'upgrade')) {
    return requestFault('connection-malformed', `Connection ${shown(connection)} does not say Upgrade`, connection);
  }
  const version = exactlyOne(
    fields,
    'Sec-WebSocket-Version',
    'websocket-version-missing',
    'websocket-version-repeated',
  );
  if (typeof version !== 'string') return version;
  if (version !== webSocketVersion) {
    return requestFault('websocket-version-unsupported', `Sec-WebSocket-Version is ${shown(version)}, not 13`, version);
  }
  const key = exactlyOne(fields, 'Sec-WebSocket-Key', 'key-missing', 'key-repeated');
  if (typeof key !== 'string') return key;
  if (!isKey(key)) {
    return requestFault('key-malformed', `Sec-WebSocket-Key ${shown(key)} is not 16 bytes in base64`, key);
  }
  return undefined;
}

/** Returns the value of a field that must be there exactly once, or why there is none. */
function exactlyOne(
  fields: Fields,
  name: string,
  missing: HandshakeFaultCode,
  repeated: HandshakeFaultCode,
): string | HandshakeError {
  const values = fields.getAll(name);
  if (values.length === 1) return values[0]!;
  if (values.length === 0) return requestFault(missing, `${name} is missing`);
  return requestFault(repeated, `there are ${values.length} fields ${name}, not one`, values.join(', '));
}

/** RFC 6455 §4.2.1, point 3. */
function saysWebSocket(fields: Fields): boolean {
  return listHas(fields.get('Upgrade') ?? '', 'websocket');
}

/** Checks target and `Host` (RFC 9112 §3.2), and returns the path and the host. */
function examineTarget(head: RequestHead, policy: ServerPolicy): HandshakeError | { path: string; host: Authority } {
  const { target, fields } = head;
  // RFC 9112 §3.2: a server MUST answer 400 where Host is missing, not lawful, or there are two.
  const named = exactlyOne(fields, 'Host', 'host-missing', 'host-repeated');
  if (typeof named !== 'string') return named;
  const host = parseAuthority(named, 443);
  if (host === undefined) return requestFault('host-malformed', `Host ${shown(named)} is no host`, named);
  let path = target;
  if (!target.startsWith('/')) {
    // RFC 9112 §3.2.2: a server MUST accept the absolute form.
    const absolute = /^(?:https|wss):\/\/([^/?#]+)(.*)$/i.exec(target);
    const authority = absolute === null ? undefined : parseAuthority(absolute[1]!, 443);
    if (absolute === null || authority === undefined) {
      return requestFault('target-malformed', `the request target ${shown(target)} is neither path nor URL`, target);
    }
    // Deliberately: RFC 9112 §3.2.2 ignores a Host that says otherwise; a request with two hosts is refused here.
    if (authority.text !== host.text) {
      return requestFault(
        'host-misdirected',
        `the request target is for ${shown(authority.text)}, Host for ${shown(host.text)}`,
        target,
      );
    }
    path = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]}`;
  }
  // RFC 9112 §3.2.1: path and query; RFC 6455 §3: fragment identifiers MUST NOT be used.
  if (path.includes('#')) {
    return requestFault('target-malformed', `the request target ${shown(target)} has a fragment`, target);
  }
  const { serverName, namedHosts } = policy;
  if (serverName === undefined ? namedHosts?.has(host.host) === true : serverName !== host.host) {
    const asked = serverName === undefined ? 'no name' : shown(serverName);
    return requestFault(
      'host-misdirected',
      `Host is ${shown(host.host)}, but the TLS handshake asked for ${asked}`,
      named,
    );
  }
  return { path, host };
}
