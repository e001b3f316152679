/**
 * The opening handshake of the runner (RFC 6455 §4): builds requests and responses, good ones and those a case asks for, and
 * judges those of the peer. Pure.
 */
import {
  acceptFor,
  type Fields,
  isKey,
  parseExtensions,
  type RequestHead,
  type ResponseHead,
} from '../handshake/index.js';
import { escapeText } from '../text.js';
import { judgeAgreement } from './agreement.js';
import type {
  ExpectedResponse,
  Need,
  RequestChanges,
  RequestContext,
  ResponseChanges,
  ResponseContext,
} from './case.js';

/** The subprotocol that clients under test offer. */
export const subprotocol: string = 'conformance';

/** Where a case is run: what the request names. */
export interface Place {
  /** Path and query. */
  readonly path: string;
  /** As in `Host`. */
  readonly host: string;
}

type FieldChanges = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Returns a head: the fields in their order, those that are changed in the place of the old ones, new ones behind. */
function headOf(
  firstLine: string,
  fields: ReadonlyArray<readonly [string, string]>,
  changes: FieldChanges = {},
): string {
  const lines = [firstLine];
  const rest = new Map(Object.entries(changes).map(([name, value]) => [name.toLowerCase(), { name, value }]));
  const write = (name: string, value: string | readonly string[] | undefined): void => {
    for (const one of value === undefined ? [] : typeof value === 'string' ? [value] : value)
      lines.push(`${name}: ${one}`);
  };
  for (const [name, value] of fields) {
    const change = rest.get(name.toLowerCase());
    rest.delete(name.toLowerCase());
    write(name, change === undefined ? value : change.value);
  }
  for (const { name, value } of rest.values()) write(name, value);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Returns what a case makes its request from. */
export function requestContext({ path, host }: Place, key: string, extensions: string | undefined): RequestContext {
  const good = ({ method = 'GET', target = path, version = 'HTTP/1.1', fields }: RequestChanges = {}): string =>
    headOf(
      `${method} ${target} ${version.startsWith('HTTP') ? version : `HTTP/${version}`}`,
      [
        ['Host', host],
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Key', key],
        ['Sec-WebSocket-Version', '13'],
        ...(extensions === undefined ? [] : [['Sec-WebSocket-Extensions', extensions] as const]),
      ],
      fields,
    );
  return { path, host, key, good };
}

/** Returns what a case makes its response from. */
export function responseContext(request: RequestHead, extensions: string | undefined): ResponseContext {
  const accept = acceptFor(request.fields.get('Sec-WebSocket-Key') ?? '');
  const offered: Record<string, string | undefined> = Object.create(null);
  for (const [name] of request.fields) offered[name.toLowerCase()] = request.fields.get(name);
  const good = ({ statusLine = 'HTTP/1.1 101 Switching Protocols', fields }: ResponseChanges = {}): string =>
    headOf(
      statusLine,
      [
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Accept', accept],
        ...(offersSubprotocol(request) ? [['Sec-WebSocket-Protocol', subprotocol] as const] : []),
        ...(extensions === undefined ? [] : [['Sec-WebSocket-Extensions', extensions] as const]),
      ],
      fields,
    );
  return { accept, offered, good };
}

export function offersSubprotocol(request: RequestHead): boolean {
  return listed(request.fields.get('Sec-WebSocket-Protocol')).includes(subprotocol);
}

/** Whether a client offers permessage-deflate, and with parameters that allow `response`, if one is given. */
export function offersDeflate(request: RequestHead, response: string = 'permessage-deflate'): boolean {
  const offer = request.fields.get('Sec-WebSocket-Extensions');
  if (offer === undefined || parseExtensions([offer])?.some(({ name }) => name === 'permessage-deflate') !== true)
    return false;
  return judgeAgreement(offer, response) === undefined;
}

/** Returns what a client's request lacks of what a case needs; `undefined` when nothing. */
export function lackOf(needs: readonly Need[] = [], request: RequestHead): string | undefined {
  if (needs.includes('subprotocol') && !offersSubprotocol(request)) return 'the client does not offer the subprotocol';
  if (needs.includes('deflate') && !offersDeflate(request)) return 'the client does not offer permessage-deflate';
  return undefined;
}

const listed = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const hasToken = (value: string | undefined, token: string): boolean =>
  listed(value).some((part) => part.toLowerCase() === token);
const shown = (value: string | undefined): string => (value === undefined ? 'missing' : `"${escapeText(value, 80)}"`);

/** What the runner asked a server for, as far as the answer must fit it. */
export interface Asked {
  readonly key: string;
  /** The head of the request as it was sent; it need not be one. */
  readonly head: string;
}

/** Returns what is wrong with a 101, with the section of the rule; `undefined` when nothing is. */
export function judgeSwitching({ version, fields }: ResponseHead, asked: Asked): string | undefined {
  const upgrade = fields.get('Upgrade');
  if (version === '1.0') return 'the 101 is HTTP/1.0 (RFC 9110 §7.8)';
  if (upgrade?.toLowerCase() !== 'websocket') return `Upgrade of the 101 is ${shown(upgrade)} (RFC 6455 §4.2.2)`;
  const connection = fields.get('Connection');
  if (!hasToken(connection, 'upgrade')) return `Connection of the 101 is ${shown(connection)} (RFC 6455 §4.2.2)`;
  const accepts = fields.getAll('Sec-WebSocket-Accept');
  if (accepts.length !== 1 || accepts[0] !== acceptFor(asked.key)) {
    return `Sec-WebSocket-Accept of the 101 is ${shown(fields.get('Sec-WebSocket-Accept'))}, not the answer to the key (RFC 6455 §4.2.2)`;
  }
  const offered = askedFor(asked, 'sec-websocket-protocol');
  const protocols = fields.getAll('Sec-WebSocket-Protocol');
  if (protocols.length > 1) return 'Sec-WebSocket-Protocol comes more than once in the 101 (RFC 6455 §11.3.4)';
  if (protocols.length === 1 && !offered.includes(protocols[0]!)) {
    return `the 101 selects the subprotocol ${shown(protocols[0])}, which was not offered (RFC 6455 §4.2.2)`;
  }
  return undefined;
}

/** The elements of a list that the request had, over all fields of the name. */
function askedFor({ head }: Asked, name: string): string[] {
  const values = head.split('\r\n').map((line) => new RegExp(`^${name}:(.*)$`, 'i').exec(line)?.[1]);
  return listed(values.filter((value) => value !== undefined).join(','));
}

/** Returns what is wrong with the extensions of a 101; `undefined` when nothing is. */
export function judgeExtensions(fields: Fields, asked: Asked): string | undefined {
  const value = fields.get('Sec-WebSocket-Extensions');
  if (value === undefined) return undefined;
  const offer = askedFor(asked, 'sec-websocket-extensions').join(', ');
  if (offer === '') return `the 101 accepts the extension ${shown(value)}, and none was offered (RFC 6455 §9.1)`;
  return judgeAgreement(offer, value);
}

/** Returns what is wrong with any answer to a request, beside what only a 101 has; `undefined` when nothing is. */
export function judgeStatus({ status, fields }: ResponseHead, expected: ExpectedResponse): string | undefined {
  if (expected.weakStatuses?.includes(status)) return undefined;
  if (!expected.statuses.includes(status)) {
    return `expected an answer with ${expected.statuses.join(' or ')}; came ${status}`;
  }
  for (const [name, pattern] of expected.fields ?? []) {
    const value = fields.get(name);
    if (value === undefined || !pattern.test(value))
      return `${name} of the answer is ${shown(value)}, expected ${pattern}`;
  }
  return undefined;
}

/** Returns what is wrong with the request of a client under test (RFC 6455 §4.1); `undefined` when nothing is. */
export function judgeRequest({ method, version, target, fields }: RequestHead, host: string): string | undefined {
  if (method !== 'GET') return `the method of the request is ${shown(method)}, not GET (RFC 6455 §4.1)`;
  if (version === '1.0') return 'the request is HTTP/1.0 (RFC 6455 §4.1)';
  if (!target.startsWith('/')) return `the target of the request is ${shown(target)}, not a path (RFC 6455 §4.1)`;
  const single = ['Host', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Sec-WebSocket-Extensions', 'Origin'];
  // RFC 6455 §11.3.2: Sec-WebSocket-Extensions may come several times in a request.
  for (const name of single.filter((name) => name !== 'Sec-WebSocket-Extensions')) {
    if (fields.getAll(name).length > 1) return `${name} comes more than once in the request (RFC 6455 §11.3)`;
  }
  if (fields.get('Host')?.toLowerCase() !== host.toLowerCase()) {
    return `Host of the request is ${shown(fields.get('Host'))}, not "${host}" (RFC 6455 §4.1)`;
  }
  const upgrade = fields.get('Upgrade');
  if (!hasToken(upgrade, 'websocket')) return `Upgrade of the request is ${shown(upgrade)} (RFC 6455 §4.1)`;
  const connection = fields.get('Connection');
  if (!hasToken(connection, 'upgrade')) return `Connection of the request is ${shown(connection)} (RFC 6455 §4.1)`;
  const key = fields.get('Sec-WebSocket-Key');
  if (key === undefined || !isKey(key)) {
    return `Sec-WebSocket-Key of the request is ${shown(key)}, not 16 bytes in base64 (RFC 6455 §4.1)`;
  }
  const edition = fields.get('Sec-WebSocket-Version');
  if (edition !== '13') return `Sec-WebSocket-Version of the request is ${shown(edition)}, not 13 (RFC 6455 §4.1)`;
  const protocols = listed(fields.get('Sec-WebSocket-Protocol'));
  if (
    new Set(protocols).size !== protocols.length ||
    protocols.some((name) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
  ) {
    return `Sec-WebSocket-Protocol of the request is ${shown(protocols.join(', '))}, not a list of different tokens (RFC 6455 §4.1)`;
  }
  const extensions = fields.getAll('Sec-WebSocket-Extensions');
  if (extensions.length > 0 && parseExtensions(extensions) === undefined) {
    return `Sec-WebSocket-Extensions of the request is ${shown(extensions.join(', '))}, which breaks its grammar (RFC 6455 §9.1)`;
  }
  return undefined;
}

/** How the body of an answer ends: after so many bytes, `chunked`, or `undefined`: with the connection (RFC 9112 §6.3). */
export function bodyEnd({ status, fields }: ResponseHead): number | 'chunked' | undefined {
  if (status === 204 || status === 304) return 0;
  if (fields.has('Transfer-Encoding'))
    return hasToken(fields.get('Transfer-Encoding'), 'chunked') ? 'chunked' : undefined;
  const length = fields.get('Content-Length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** Whether an answer says that the connection stays (RFC 9112 §9.3). */
export function isPersistent({ version, fields }: ResponseHead): boolean {
  const connection = fields.get('Connection');
  return version === '1.0' ? hasToken(connection, 'keep-alive') : !hasToken(connection, 'close');
}
