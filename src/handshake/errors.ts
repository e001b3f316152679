/** Every fault of an opening handshake, in one total table: its HTTP status, its section, its field. */
import { HandshakeError } from '../errors.js';
import { escapeText } from '../text.js';

export interface HandshakeFault {
  /** The status a server answers a request with; `undefined` for what only a client can find. */
  readonly status: number | undefined;
  readonly section: string;
  readonly field?: string;
}

export type HandshakeFaultCode =
  | 'head-malformed'
  | 'request-line-malformed'
  | 'status-line-malformed'
  | 'field-malformed'
  | 'field-folded'
  | 'field-name-spaced'
  | 'target-malformed'
  | 'target-too-long'
  | 'head-too-large'
  | 'too-many-fields'
  | 'version-unsupported'
  | 'body-not-allowed'
  | 'method-not-get'
  | 'host-missing'
  | 'host-repeated'
  | 'host-malformed'
  | 'host-misdirected'
  | 'upgrade-missing'
  | 'connection-missing'
  | 'connection-malformed'
  | 'key-missing'
  | 'key-repeated'
  | 'key-malformed'
  | 'websocket-version-missing'
  | 'websocket-version-repeated'
  | 'websocket-version-unsupported'
  | 'protocols-malformed'
  | 'extensions-malformed'
  | 'origin-refused'
  | 'path-not-found'
  | 'deadline'
  | 'cut'
  | 'server-full'
  | 'too-many-of-peer'
  | 'too-many-of-address'
  | 'server-draining'
  | 'handler-failed'
  | 'http-status'
  | 'too-many-interim-responses'
  | 'upgrade-wrong'
  | 'connection-wrong'
  | 'accept-missing'
  | 'accept-repeated'
  | 'accept-wrong'
  | 'protocol-not-offered'
  | 'extension-not-offered'
  | 'deflate-parameter-wrong';

export const handshakeFaults: Readonly<Record<HandshakeFaultCode, HandshakeFault>> = {
  // The head itself
  'head-malformed': { status: 400, section: 'RFC 9112 §2.2' },
  'request-line-malformed': { status: 400, section: 'RFC 9112 §3' },
  'status-line-malformed': { status: undefined, section: 'RFC 9112 §4' },
  'field-malformed': { status: 400, section: 'RFC 9112 §5' },
  'field-folded': { status: 400, section: 'RFC 9112 §5.2' },
  'field-name-spaced': { status: 400, section: 'RFC 9112 §5.1' },
  'target-malformed': { status: 400, section: 'RFC 9112 §3.2' },
  'target-too-long': { status: 414, section: 'RFC 9112 §3' },
  'head-too-large': { status: 431, section: 'RFC 6585 §5' },
  'too-many-fields': { status: 431, section: 'RFC 6585 §5' },
  'version-unsupported': { status: 505, section: 'RFC 6455 §4.1' },
  'body-not-allowed': { status: 400, section: 'RFC 9110 §9.3.1' },
  // What a server finds in a request
  'method-not-get': { status: 405, section: 'RFC 6455 §4.1' },
  'host-missing': { status: 400, section: 'RFC 9112 §3.2', field: 'Host' },
  'host-repeated': { status: 400, section: 'RFC 9112 §3.2', field: 'Host' },
  'host-malformed': { status: 400, section: 'RFC 9112 §3.2', field: 'Host' },
  'host-misdirected': { status: 421, section: 'RFC 9110 §15.5.20', field: 'Host' },
  'upgrade-missing': { status: 426, section: 'RFC 6455 §4.2.1', field: 'Upgrade' },
  'connection-missing': { status: 400, section: 'RFC 6455 §4.2.1', field: 'Connection' },
  'connection-malformed': { status: 400, section: 'RFC 6455 §4.2.1', field: 'Connection' },
  'key-missing': { status: 400, section: 'RFC 6455 §4.2.1', field: 'Sec-WebSocket-Key' },
  'key-repeated': { status: 400, section: 'RFC 6455 §11.3.1', field: 'Sec-WebSocket-Key' },
  'key-malformed': { status: 400, section: 'RFC 6455 §4.2.1', field: 'Sec-WebSocket-Key' },
  'websocket-version-missing': { status: 400, section: 'RFC 6455 §4.2.1', field: 'Sec-WebSocket-Version' },
  'websocket-version-repeated': { status: 400, section: 'RFC 6455 §11.3.5', field: 'Sec-WebSocket-Version' },
  'websocket-version-unsupported': { status: 426, section: 'RFC 6455 §4.4', field: 'Sec-WebSocket-Version' },
  'protocols-malformed': { status: 400, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Protocol' },
  'extensions-malformed': { status: 400, section: 'RFC 6455 §9.1', field: 'Sec-WebSocket-Extensions' },
  'origin-refused': { status: 403, section: 'RFC 6455 §10.2', field: 'Origin' },
  'path-not-found': { status: 404, section: 'RFC 9110 §15.5.5' },
  // What happens to an opening handshake, at either end
  deadline: { status: 408, section: 'RFC 9110 §15.5.9' },
  cut: { status: undefined, section: 'RFC 9112 §8' },
  'server-full': { status: 503, section: 'RFC 9110 §15.6.4' },
  'server-draining': { status: 503, section: 'RFC 9110 §15.6.4' },
  'too-many-of-peer': { status: 429, section: 'RFC 6585 §4' },
  'too-many-of-address': { status: 429, section: 'RFC 6585 §4' },
  'handler-failed': { status: 500, section: 'RFC 9110 §15.6.1' },
  // What a client finds in a response
  'http-status': { status: undefined, section: 'RFC 6455 §4.1' },
  'too-many-interim-responses': { status: undefined, section: 'RFC 9110 §15.2' },
  'upgrade-wrong': { status: undefined, section: 'RFC 6455 §4.1', field: 'Upgrade' },
  'connection-wrong': { status: undefined, section: 'RFC 6455 §4.1', field: 'Connection' },
  'accept-missing': { status: undefined, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Accept' },
  'accept-repeated': { status: undefined, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Accept' },
  'accept-wrong': { status: undefined, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Accept' },
  'protocol-not-offered': { status: undefined, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Protocol' },
  'extension-not-offered': { status: undefined, section: 'RFC 6455 §4.1', field: 'Sec-WebSocket-Extensions' },
  'deflate-parameter-wrong': { status: undefined, section: 'RFC 7692 §7.1', field: 'Sec-WebSocket-Extensions' },
};

/** The most of a hostile value that goes into an error, in characters. */
const maxShownValue = 100;

/** Returns the error for a fault of a request: the text, then its section. */
export function requestFault(
  code: HandshakeFaultCode,
  text: string,
  value?: string,
  options?: ErrorOptions,
): HandshakeError {
  return fault(code, text, value, handshakeFaults[code].status, options);
}

/**
 * Returns the error for a fault of a response: the text, then its section. A client answers nothing, so the error has no
 * status but the one that was received in place of the 101.
 */
export function responseFault(
  code: HandshakeFaultCode,
  text: string,
  value?: string,
  receivedStatus?: number,
  options?: ErrorOptions,
): HandshakeError {
  return fault(code, text, value, receivedStatus, options);
}

function fault(
  code: HandshakeFaultCode,
  text: string,
  value: string | undefined,
  httpStatus: number | undefined,
  options: ErrorOptions | undefined,
): HandshakeError {
  const { section, field } = handshakeFaults[code];
  const bounded = value === undefined ? undefined : escapeText(value, maxShownValue);
  return new HandshakeError(code, `${text} (${section})`, { httpStatus, field, value: bounded }, options);
}

/** Returns a value for a message: escaped, bounded and quoted. */
export function shown(value: string): string {
  return `"${escapeText(value, maxShownValue)}"`;
}
