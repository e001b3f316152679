/**
 * Decides whether a certificate is for the host that was asked for (RFC 9525, RFC 6125). Only subject alternative names
 * count, the common name never does. Fails closed: what is not understood does not match.
 */
import { canonicalHost, escapeText } from '../text.js';
import { describeAltNames, type SubjectAltNames } from './san.js';

/** The outcome of `matchServerName`. */
export type ServerNameMatch =
  | {
      readonly matches: true;
      /** The name in the certificate that matched. */
      readonly name: string;
    }
  | {
      readonly matches: false;
      /**
       * `not-a-host`: what was asked for is no host name or address. `no-san`: the certificate names nothing.
       * `other-kind`: it has no name of the kind that was asked for (DNS or IP). `other-host`: it names others.
       */
      readonly reason: 'not-a-host' | 'no-san' | 'other-kind' | 'other-host';
      /** The reason in words, escaped and bounded. */
      readonly text: string;
    };

/**
 * Compares the names of a certificate with the host that was asked for: a host name with the DNS names, letter case and
 * one trailing dot of the host aside; an address with the IP addresses only. A wildcard is the whole left-most label,
 * stands for exactly one label, and needs two labels behind it (RFC 9525 §6.3): `*.example.com`, never `*.com` or
 * `f*.example.com`.
 *
 * @param host a host name or address as in a URL; brackets of an IPv6 address are allowed.
 */
export function matchServerName(san: SubjectAltNames, host: string): ServerNameMatch {
  const wanted = canonicalHost(host);
  if (wanted === undefined) {
    return refusal('not-a-host', `"${escapeText(host)}" is not a host name or an IP address (RFC 9525 §6.2)`);
  }
  const names = wanted.kind === 'name' ? san.dns : san.ip;
  for (const name of names) {
    if (wanted.kind === 'name' ? matchesDnsName(name, wanted.host) : name === wanted.host) {
      return { matches: true, name };
    }
  }
  const presented = describeAltNames(san);
  if (presented === '') {
    return refusal(
      'no-san',
      `the certificate has no subject alternative name, and its common name does not count: it is not for ${wanted.host} (RFC 9525 §6.3)`,
    );
  }
  const kind = wanted.kind === 'name' ? 'DNS name' : 'IP address';
  if (names.length === 0) {
    return refusal(
      'other-kind',
      `the certificate has no ${kind} among its subject alternative names, so it is not for ${wanted.host}; it is for ${presented} (RFC 9525 §6.3)`,
    );
  }
  return refusal('other-host', `the certificate is for ${presented}, not for ${wanted.host} (RFC 9525 §6.3)`);
}

function refusal(reason: 'not-a-host' | 'no-san' | 'other-kind' | 'other-host', text: string): ServerNameMatch {
  return { matches: false, reason, text };
}

/** @param host in canonical form. */
function matchesDnsName(name: string, host: string): boolean {
  const wildcard = name.startsWith('*.');
  const presented = wildcard ? name.slice(2) : name;
  const expected = wildcard ? host.slice(host.indexOf('.') + 1) : host;
  if (wildcard && !expected.includes('.')) return false;
  // A lawful dNSName is as long as its canonical form (RFC 5280 §4.2.1.6 knows no trailing dot). Asking first keeps a
  // certificate of 10,000 names cheap.
  return presented.length === expected.length && canonicalHost(presented)?.host === expected;
}
