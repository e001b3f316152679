/**
 * Who may come in: the building blocks. Each makes a rule about one thing in a certificate, or one rule out of several.
 * All of them fail closed: they compare with what was read from DER, never with names that could be misread
 * (`san.unusable`), and refuse a client without certificate, `noCertificate` excepted. What cannot be meant is refused
 * when the rule is made.
 */
import { Buffer } from 'node:buffer';
import { canonicalHost, escapeText } from '../text.js';
import { canonicalNameText } from './distinguished-name.js';
import type { PeerIdentity } from './identity.js';
import { isPlainPath } from './plain-path.js';
import { checkRule, invalidRule, makeRule, memberText, type Rule, refusal, refusals, termText } from './rule.js';
import { parseSpiffeId } from './spiffe-id.js';

/**
 * Accepts a certificate with this DNS name among its subject alternative names, letter case aside (RFC 5280 §7.2).
 * `*.ops.example` accepts every name of exactly one label more (RFC 9525 §6.3); nothing knows that `*.co.uk` is too wide.
 * Fails closed: a wildcard in the certificate is not expanded, `*.ops.example` there is accepted by the same pattern
 * alone.
 *
 * @throws UsageError `invalid-rule` unless it is a host name, or `*.` and a host name of two labels or more.
 */
export function dnsSan(pattern: string): Rule {
  const wildcard = textOf('a DNS name', pattern).startsWith('*.');
  const canonical = canonicalHost(wildcard ? pattern.slice(2) : pattern);
  if (canonical?.kind !== 'name' || (wildcard && !canonical.host.includes('.'))) {
    const advice =
      canonical === undefined || canonical.kind === 'name'
        ? 'write ops.example or *.ops.example (RFC 9525 §6.3)'
        : 'there is no rule for addresses';
    throw invalidRule(`"${escapeText(pattern)}" is not a DNS name for a rule: ${advice}`);
  }
  const { host } = canonical;
  return identityRule(termText('dns:', wildcard ? `*.${host}` : host), ({ san }) =>
    san.dns.some((name) => (wildcard ? isOneLabelBelow(name, host) : isHost(name, host))),
  );
}

/**
 * Accepts a certificate with this URI among its subject alternative names, octet by octet. `https://ops.example/device/*`
 * accepts what is below: at a segment boundary, by segments that have one reading only (no `%`, no `..`, no query). Fails
 * closed. There may be other URIs beside it: for SPIFFE IDs `spiffeId` is stricter.
 *
 * Deliberately: without the normalization of RFC 5280 §7.4, which can only make more URIs equal.
 *
 * @throws UsageError `invalid-rule` unless it is an absolute URI; with a `*` anywhere else; or if what is before the `*`
 *   has no host, or a path that is not plain.
 */
export function uriSan(uri: string): Rule {
  const below = textOf('a URI', uri).endsWith('/*');
  const base = below ? uri.slice(0, -2) : uri;
  const form = below ? /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._:[\]-]+(?=\/|$)/i.exec(base)?.[0] : undefined;
  const path = base.slice(form?.length);
  const lawful = below
    ? form !== undefined && (path === '' || (isPlainPath(path) && !path.endsWith('/')))
    : /^[a-z][a-z0-9+.-]*:[\x21-\x29\x2b-\x7e]+$/i.test(uri);
  if (!lawful) {
    throw invalidRule(
      `"${escapeText(uri)}" is not a URI for a rule: write a whole URI, or one with a host and a plain path that ends in /* (RFC 3986 §3)`,
    );
  }
  const prefix = `${base}/`;
  return identityRule(termText('uri:', uri), ({ san }) =>
    san.uri.some((name) => (below ? name.length > prefix.length && isBelow(name, prefix) : name === uri)),
  );
}

/**
 * Accepts a certificate with this SPIFFE ID: the only URI among its names, in a certificate that cannot sign others
 * (X509-SVID §2, §5.2). `spiffe://example.org/device/*` accepts the IDs below, at a segment boundary. Fails closed.
 *
 * @throws UsageError `invalid-rule` unless it is a SPIFFE ID with a path, or with `/*`.
 */
export function spiffeId(id: string): Rule {
  const below = textOf('a SPIFFE ID', id).endsWith('/*');
  const wanted = parseSpiffeId(below ? id.slice(0, -2) : id);
  if (wanted === undefined || (!below && wanted.path === '')) {
    throw invalidRule(
      `"${escapeText(id)}" is not the SPIFFE ID of a workload: write spiffe://trust-domain/path, or /* for all below (SPIFFE-ID §2)`,
    );
  }
  return identityRule(termText('spiffe:', id), ({ spiffeId: presented }) =>
    below ? presented?.id.startsWith(`${wanted.id}/`) === true : presented?.id === id,
  );
}

/**
 * Accepts a certificate with a SPIFFE ID of this trust domain, as `spiffeId` understands it. Fails closed.
 *
 * @throws UsageError `invalid-rule` unless it is a trust domain: lower case, without scheme or path.
 */
export function spiffeTrustDomain(domain: string): Rule {
  if (parseSpiffeId(`spiffe://${textOf('a trust domain', domain)}`)?.trustDomain !== domain) {
    throw invalidRule(
      `"${escapeText(domain)}" is not a trust domain: write example.org, in lower case and without spiffe:// (SPIFFE-ID §2.1)`,
    );
  }
  return identityRule(termText('trust-domain:', domain), (peer) => peer.spiffeId?.trustDomain === domain);
}

/**
 * Accepts a certificate with this e-mail address among its subject alternative names: the local part octet by octet, the
 * host letter case aside (RFC 5280 §7.5). `*@example.com` accepts every local part at this very host. Fails closed: an
 * address in the certificate with more than one `@` is not understood.
 *
 * @throws UsageError `invalid-rule` unless it is such an address; with a `*` beside other characters.
 */
export function emailSan(pattern: string): Rule {
  const wanted = addressOf(textOf('an e-mail address', pattern));
  if (wanted === undefined || (wanted.local !== '*' && wanted.local.includes('*'))) {
    throw invalidRule(
      `"${escapeText(pattern)}" is not an e-mail address for a rule: write ops@example.com or *@example.com (RFC 5280 §4.2.1.6)`,
    );
  }
  const { local, host } = wanted;
  return identityRule(termText('email:', `${local}@${host}`), ({ san }) =>
    san.email.some((name) => {
      const presented = addressOf(name);
      return presented?.host === host && (local === '*' || presented.local === local);
    }),
  );
}

/**
 * Accepts a certificate whose subject has exactly one common name, and this one, character by character. Fails closed,
 * but proves little: a CA checks names of hosts and workloads before it signs them, while a common name may be any text
 * that its applicant likes; and whoever else may issue below the same CA can use the same. For old certificates without
 * subject alternative names (RFC 9525 §2 retires it for hosts).
 *
 * @throws UsageError `invalid-rule` if it is empty or has a character that cannot be seen.
 */
export function insecureSubjectCommonName(name: string): Rule {
  if (!isVisible(textOf('a common name', name))) {
    throw invalidRule(`"${escapeText(name)}" is not a common name for a rule: it has a character that cannot be seen`);
  }
  return identityRule(
    termText('insecure-cn:', name),
    (peer) => peer.subjectCommonName === name,
    ({ subject }) => `subject ${escapeText(subject.text)}`,
  );
}

/**
 * Accepts the one certificate with this SHA-256 fingerprint: in hex, of any letter case, with or without colons. Fails
 * closed; also when that certificate is renewed.
 *
 * @throws UsageError `invalid-rule` unless it is 32 octets in hex.
 */
export function fingerprint(sha256: string): Rule {
  const wanted = digestOf(textOf('a fingerprint', sha256));
  if (wanted === undefined) {
    throw invalidRule(
      `"${escapeText(sha256)}" is not a SHA-256 fingerprint: write 64 hex digits, with or without colons`,
    );
  }
  const presented = (peer: PeerIdentity): string => peer.fingerprint256.replaceAll(':', '').toLowerCase();
  return identityRule(
    termText('sha256:', wanted),
    (peer) => presented(peer) === wanted,
    (peer) => termText('sha256:', presented(peer)),
  );
}

/**
 * Accepts every certificate of one key, by the SHA-256 of its SubjectPublicKeyInfo (RFC 7469 §2.4): in hex as
 * `fingerprint`, or in base64, with or without the `sha256//` of curl before it. Fails closed; stays good when the
 * certificate is renewed for its key.
 *
 * @throws UsageError `invalid-rule` unless it is 32 octets in hex or base64.
 */
export function publicKeyPin(sha256: string): Rule {
  const wanted = digestOf(textOf('a pin', sha256)) ?? base64DigestOf(sha256);
  if (wanted === undefined) {
    throw invalidRule(
      `"${escapeText(sha256)}" is not a pin: write the SHA-256 of the public key, 64 hex digits or 44 characters of base64 (RFC 7469 §2.4)`,
    );
  }
  return identityRule(
    termText('spki:', wanted),
    (peer) => peer.publicKeySha256 === wanted,
    (peer) => termText('spki:', peer.publicKeySha256),
  );
}

/**
 * Accepts a certificate whose issuer has this name, as RFC 4514 writes it and this package shows it, most specific part
 * first: `CN=Ops CA,O=Example`. (openssl shows the parts in the other order.) Fails closed: a name of more than 512
 * characters is never accepted. It is the name that is compared, of a CA that the trusted CAs vouch for: two of them may
 * have the same.
 *
 * @throws UsageError `invalid-rule` unless it is such a name, of types that the package shows.
 */
export function issuer(name: string): Rule {
  const wanted = canonicalNameText(textOf('the name of an issuer', name));
  if (wanted === undefined) {
    throw invalidRule(
      `"${escapeText(name)}" is not the name of an issuer: write it most specific part first, CN=Ops CA,O=Example (RFC 4514 §2)`,
    );
  }
  return identityRule(
    termText('issuer:', wanted),
    (peer) => peer.issuer.text === wanted,
    (peer) => `issuer ${escapeText(peer.issuer.text)}`,
  );
}

/** Accepts everybody whose certificate was verified; refuses a client without certificate. */
export function anyVerifiedPeer(): Rule {
  return identityRule('any', () => true);
}

/**
 * Accepts a client without certificate, and nobody else. It is the only rule that does; who also wants those with one says
 * `anyOf(noCertificate(), anyVerifiedPeer())`. Fails closed.
 */
export function noCertificate(): Rule {
  return makeRule('none', ({ peer }) => peer === undefined || refusal(refusals.notAllowed, 'none'));
}

/**
 * Accepts whom one of the rules accepts; of one rule, it is that rule. Fails closed: without rules it refuses everybody.
 *
 * @throws UsageError `invalid-rule` if a member is not a rule.
 */
export function anyOf(...rules: Rule[]): Rule {
  const members = Object.freeze(rules.map(checkRule));
  if (members.length === 1) return members[0]!;
  const text = members.length === 0 ? 'nobody' : members.map(memberText).join(' | ');
  return makeRule(text, (subject) => {
    const reasons = new Set<string>();
    for (const member of members) {
      const verdict = member(subject);
      if (verdict === true) return true;
      reasons.add(verdict.reason);
    }
    const [reason] = reasons;
    if (reasons.size === 1 && reason !== undefined) return refusal(reason, text);
    return refusal(subject.peer === undefined ? refusals.noCertificate : refusals.notAllowed, text);
  });
}

/**
 * Accepts whom all the rules accept; otherwise the first that refuses says why. Of one rule, it is that rule. Fails
 * closed: without rules it refuses everybody.
 *
 * @throws UsageError `invalid-rule` if a member is not a rule.
 */
export function allOf(...rules: Rule[]): Rule {
  const members = Object.freeze(rules.map(checkRule));
  if (members.length < 2) return anyOf(...members);
  return makeRule(members.map(memberText).join(' '), (subject) => {
    for (const member of members) {
      const verdict = member(subject);
      if (verdict !== true) return verdict;
    }
    return true;
  });
}

function identityRule(
  text: string,
  accepts: (peer: PeerIdentity) => boolean,
  presented?: (peer: PeerIdentity) => string,
): Rule {
  return makeRule(text, ({ peer }) => {
    if (peer === undefined) return refusal(refusals.noCertificate, text);
    return accepts(peer) || refusal(refusals.notAllowed, text, presented?.(peer));
  });
}

function textOf(what: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw invalidRule(`${what} for a rule must be a text that is not empty`);
  return value;
}

/** @param host in canonical form. */
function isHost(name: string, host: string): boolean {
  // A lawful dNSName is as long as its canonical form (RFC 5280 §4.2.1.6 knows no trailing dot). Asking first keeps a
  // certificate of 10,000 names cheap.
  return name.length === host.length && canonicalHost(name)?.host === host;
}

/** @param host in canonical form. */
function isOneLabelBelow(name: string, host: string): boolean {
  const dot = name.indexOf('.');
  if (dot < 1 || name.length !== dot + 1 + host.length) return false;
  const canonical = name.startsWith('*.')
    ? canonicalHost(name.slice(2))?.host
    : canonicalHost(name)?.host.slice(dot + 1);
  return canonical === host;
}

/** @param prefix ends in a slash. */
function isBelow(uri: string, prefix: string): boolean {
  return uri.startsWith(prefix) && isPlainPath(uri.slice(prefix.length - 1));
}

/** Returns the parts of an address, the host in canonical form; `undefined` unless there is exactly one `@`, and no dot at the end. */
function addressOf(text: string): { local: string; host: string } | undefined {
  const match = /^([\x21-\x3f\x41-\x7e]+)@([^@]+(?<!\.))$/.exec(text);
  const canonical = canonicalHost(match?.[2] ?? '');
  return canonical?.kind === 'name' ? { local: match![1]!, host: canonical.host } : undefined;
}

/** Returns the digest in lower-case hex; `undefined` unless it is 32 octets in hex. */
function digestOf(text: string): string | undefined {
  const hex = /^(?:[0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(text) ? text.replaceAll(':', '') : text;
  return /^[0-9a-f]{64}$/i.test(hex) ? hex.toLowerCase() : undefined;
}

function base64DigestOf(text: string): string | undefined {
  const base64 = text.replace(/^sha256\/\//, '');
  const octets = Buffer.from(base64, 'base64');
  return octets.length === 32 && octets.toString('base64') === base64 ? octets.toString('hex') : undefined;
}

/** Whether nothing in it hides, breaks a line or moves a cursor. A backslash is visible. */
function isVisible(text: string): boolean {
  const rest = text.replaceAll('\\', '');
  return escapeText(rest, rest.length) === rest;
}
