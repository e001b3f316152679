/**
 * The `Origin` rule (RFC 6455 §10.2, T22): browsers attach client certificates by themselves, so a page of another origin
 * could use them. Without `Origin` the client is no browser; with one, it must be the server's own, or one that is listed.
 */
import { UsageError } from '../errors.js';
import { canonicalHost } from '../text.js';

/**
 * Whether a request may come from `origin`.
 *
 * @param host the request's `Host`, canonical, with its port unless that is 443
 * @param allowed origins as a browser writes them, for example `https://app.example`
 */
export function isOriginAllowed(origin: string, host: string, allowed: readonly string[] = []): boolean {
  const canonical = canonicalOrigin(origin);
  if (canonical === undefined) return false;
  return canonical === `https://${host}` || allowed.some((entry) => canonicalOrigin(entry) === canonical);
}

/** The ports that an origin leaves out (RFC 6454 §6.2). Apps and browser extensions have schemes of their own, without one. */
const defaultPorts: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['https', 443],
]);

/**
 * Returns `scheme://host[:port]` in one form; `undefined` for anything else, `null` among it. The scheme of a page is never
 * that of a WebSocket.
 */
function canonicalOrigin(origin: string): string | undefined {
  const match = /^(?!wss?:)([a-z][a-z0-9+.-]*):\/\/(.+)$/i.exec(origin);
  if (match === null) return undefined;
  const scheme = match[1]!.toLowerCase();
  const authority = parseAuthority(match[2]!, defaultPorts.get(scheme));
  return authority === undefined ? undefined : `${scheme}://${authority.text}`;
}

export interface Authority {
  /** The host in canonical form, IPv6 without brackets. */
  readonly host: string;
  /** Host, IPv6 in brackets, and port unless it is the default one. */
  readonly text: string;
}

/** Returns the parts of `host[:port]` (RFC 3986 §3.2), user information not allowed; `undefined` when it is not one. */
export function parseAuthority(text: string, defaultPort?: number): Authority | undefined {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{0,5}))?$/.exec(text);
  if (match === null) return undefined;
  const canonical = canonicalHost(match[1]!);
  const port = match[2] === undefined || match[2] === '' ? defaultPort : Number(match[2]);
  if (canonical === undefined || (port !== undefined && port > 65535)) return undefined;
  const bracketed = canonical.kind === 'ipv6' ? `[${canonical.host}]` : canonical.host;
  return { host: canonical.host, text: port === defaultPort ? bracketed : `${bracketed}:${port}` };
}

/**
 * Checks the origins that a caller lists.
 *
 * @throws UsageError `origins-malformed`
 */
export function checkOrigins(origins: readonly string[]): void {
  if (
    Array.isArray(origins) &&
    origins.every((origin) => typeof origin === 'string' && canonicalOrigin(origin) !== undefined)
  )
    return;
  throw new UsageError(
    'origins-malformed',
    'origins must be a list of origins such as https://app.example, without a path',
    {
      option: 'origins',
    },
  );
}
