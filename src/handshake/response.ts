/** What a server answers: the 101, refusals that all look alike, and plain responses. */
import { Buffer } from 'node:buffer';
import { type HandshakeError, UsageError } from '../errors.js';
import { shown } from './errors.js';
import { isFieldValue, isToken } from './grammar.js';
import { acceptFor } from './key.js';
import { checkProtocols } from './subprotocol.js';

/** Header fields that a caller names: as an object, or as pairs where a name comes more than once. */
export type HeaderInput = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

const noNames: ReadonlySet<string> = new Set();

/** Reason phrases (RFC 9110 §15; 429 and 431: RFC 6585 §4, §5). */
const reasonPhrases: Readonly<Record<number, string>> = {
  101: 'Switching Protocols',
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  414: 'URI Too Long',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/**
 * Returns the lines of a caller's header fields. Nothing is written if one of them could start a line of its own (T17).
 *
 * @param reserved names in lower case that are not the caller's to set
 * @throws UsageError `header-malformed`, `header-reserved`
 */
export function headerLines(headers: HeaderInput | undefined, reserved: ReadonlySet<string>): string {
  if (headers === undefined) return '';
  if (typeof headers !== 'object' || headers === null) {
    throw new UsageError('header-malformed', 'headers must be an object, or pairs of name and value', {
      option: 'headers',
    });
  }
  let lines = '';
  for (const entry of Symbol.iterator in headers ? headers : Object.entries(headers)) {
    const [name, value] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof name !== 'string' || !isToken(name) || typeof value !== 'string' || !isFieldValue(value)) {
      throw new UsageError(
        'header-malformed',
        `the header field ${shown(String(name))} has a name or value that cannot be sent (RFC 9110 §5.5)`,
        {
          option: 'headers',
        },
      );
    }
    if (reserved.has(name.toLowerCase())) {
      throw new UsageError('header-reserved', `the header field ${name} belongs to the handshake and cannot be set`, {
        option: 'headers',
      });
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/**
 * Returns the 101 (RFC 6455 §4.2.2), each field once (RFC 6455 §11.3.2).
 *
 * @param options `key`: of the request; `protocol`: the agreed subprotocol, if any; `extensions`: what
 *   `negotiateDeflate` answers, if anything
 * @throws UsageError `protocols-malformed`, `header-malformed`
 */
export function acceptResponse(options: {
  key: string;
  protocol?: string | undefined;
  extensions?: string | undefined;
}): Buffer {
  if (options.protocol !== undefined) checkProtocols([options.protocol]);
  const protocol = options.protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${options.protocol}\r\n`;
  const extensions = headerLines(
    options.extensions === undefined ? undefined : [['Sec-WebSocket-Extensions', options.extensions]],
    noNames,
  );
  return Buffer.from(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(options.key)}\r\n${protocol}${extensions}\r\n`,
    'latin1',
  );
}

/** Fields that go with a status wherever it is answered. */
const fieldsOfStatus: Readonly<Record<number, string>> = {
  // RFC 9110 §15.5.6
  405: 'Allow: GET\r\n',
  // RFC 9110 §15.5.22 and RFC 6455 §4.4
  426: 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
};

/**
 * Returns the refusal of a request: its status, and its message as text. The connection closes after it.
 *
 * @param error its `httpStatus`, default 400, is the status
 * @param options `method`: of the request; a response to `HEAD` has no body
 */
export function refusalResponse(error: HandshakeError, options: { method?: string } = {}): Buffer {
  return response(error.httpStatus ?? 400, Buffer.from(`${error.message}\n`), '', options.method);
}

const reservedOfResponse: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Returns the response to a plain request. The connection closes after it.
 *
 * @param options `method`: of the request; a response to `HEAD` has no body
 * @throws UsageError `status-malformed`, `header-malformed`, `header-reserved`
 */
export function plainResponse(
  status: number,
  body: string | Uint8Array,
  options: { headers?: HeaderInput | undefined; method?: string } = {},
): Buffer {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new UsageError('status-malformed', `a response has a status from 200 to 599, not ${status}`, {
      option: 'status',
    });
  }
  const bytes =
    typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return response(status, bytes, headerLines(options.headers, reservedOfResponse), options.method);
}

function response(status: number, body: Buffer, lines: string, method: string | undefined): Buffer {
  const connection = status === 426 ? 'Upgrade, close' : 'close';
  // RFC 9110 §8.6: no Content-Length in a 204; §15.4.5: a 304 tells of a body that it does not have.
  const hasContent = status !== 204 && status !== 304;
  const type = /^content-type:/im.test(lines) ? '' : 'Content-Type: text/plain; charset=utf-8\r\n';
  const content = hasContent ? `${type}Content-Length: ${body.length}\r\n` : '';
  const head =
    `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n` +
    `${fieldsOfStatus[status] ?? ''}Connection: ${connection}\r\n${content}${lines}\r\n`;
  // RFC 9110 §9.3.2: a response to HEAD has no body.
  return Buffer.concat([Buffer.from(head, 'latin1'), hasContent && method !== 'HEAD' ? body : Buffer.alloc(0)]);
}
