/**
 * One certificate by itself: its dates, key, signature, purpose and names. It knows the clock of this machine, and no
 * other certificate.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { escapeText } from '../../text.js';
import { type Certificate, parseCertificate } from '../certificate.js';
import { commonNameOf } from '../distinguished-name.js';
import { purposeOids } from '../oids.js';
import { describeAltNames } from '../san.js';
import { matchServerName } from '../server-name.js';
import { type Finding, finding, type Subject } from './finding.js';
import type { Reissue } from './remedies.js';

/** Which end of a connection a certificate is for; `undefined` when nobody has said it. */
export type Role = 'server' | 'client' | undefined;

/** A certificate in both forms that are needed. */
export interface Examined {
  readonly x509: X509Certificate;
  readonly fields: Certificate;
}

/** @throws DerError, or Node's own error, if it is not a certificate. */
export function examined(der: Buffer): Examined {
  return { fields: parseCertificate(der), x509: new X509Certificate(der) };
}

/** How a leaf is called in a sentence about its subject. */
export function leafOf(subject: Subject): string {
  return subject === 'server' ? 'its certificate' : 'it';
}

/** The subject of a certificate, for a sentence. */
export function nameOf({ fields }: Examined): string {
  return fields.subject.text || 'an empty subject';
}

/** Whether a private key is that of a certificate; one whose key cannot be read has none. */
export function isKeyOf(key: KeyObject, { x509 }: Examined): boolean {
  try {
    return x509.checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** Whether a certificate may issue others; version 1 cannot say so, and is taken for it when it issued itself. */
export function isAuthority({ fields }: Examined): boolean {
  return fields.basicConstraints?.ca === true || (fields.version === 1 && fields.subject.text === fields.issuer.text);
}

const secondInMs = 1000;
const minuteInMs = 60 * secondInMs;
const hourInMs = 60 * minuteInMs;
const dayInMs = 24 * hourInMs;
const yearInMs = 365.25 * dayInMs;

/** A certificate is about to expire when less than this, and less than a third of its whole life, is left. */
export const expiryThresholdDays = 30;

/** A beginning that is this far ahead, at most, is rather a matter of clocks than of intention. */
const likelySkew = dayInMs;

/** Returns a length of time in words, in its largest unit: `3 days`. */
export function duration(ms: number): string {
  const [size, unit] =
    ms >= 3 * yearInMs
      ? [yearInMs, 'year']
      : ms >= 2 * dayInMs
        ? [dayInMs, 'day']
        : ms >= 2 * hourInMs
          ? [hourInMs, 'hour']
          : ms >= 2 * minuteInMs
            ? [minuteInMs, 'minute']
            : [secondInMs, 'second'];
  const count = Math.floor(ms / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Returns a moment to the minute. */
export function moment(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** @param what how the certificate is called in a sentence */
export function judgeDates(certificate: Examined, subject: Subject, what: string, fix?: string): Finding[] {
  const { validFrom, validTo } = certificate.fields;
  const now = Date.now();
  const begins = validFrom.getTime();
  const left = validTo.getTime() - now;
  if (begins > now) {
    const ahead = begins - now;
    const text = `${what} is not valid before ${moment(validFrom)}, in ${duration(ahead)}`;
    if (ahead <= likelySkew) {
      const cause = `probably the clock of this machine (${moment(new Date(now))}) is behind, or that of the issuer was ahead`;
      return [finding('clock-skew', subject, text, { cause, fix: 'timedatectl status' })];
    }
    return [finding('not-yet-valid', subject, text, { cause: 'it was issued for later, or a clock is wrong', fix })];
  }
  if (left < 0) {
    return [finding('expired', subject, `${what} expired ${duration(-left)} ago, at ${moment(validTo)}`, { fix })];
  }
  const findings: Finding[] = [];
  const isSoon = left < Math.min(expiryThresholdDays * dayInMs, (validTo.getTime() - begins) / 3);
  const until = `until ${moment(validTo)}, another ${duration(left)}`;
  if (isSoon)
    findings.push(finding('expires-soon', subject, `${what} is about to expire: it is valid ${until}`, { fix }));
  else findings.push(finding('validity-ok', subject, `${what} is valid ${until}`));
  if (now - begins < 2 * minuteInMs) {
    const text = `${what} began ${duration(now - begins)} ago: a machine whose clock is behind by more does not accept it yet`;
    findings.push(finding('just-begun', subject, text));
  }
  return findings;
}

/** Bits of RSA keys that are accepted (RFC 9325 §4.5; more cost a peer too much time). */
const rsaBits = { least: 2048, most: 8192 };

/** The curves for which TLS 1.3 has a signature scheme (RFC 8446 §4.2.3). */
const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** Signatures with MD2, MD5 or SHA-1 (RFC 3279 §2.2), in dotted decimal. */
const weakSignatures: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.3.14.3.2.29': 'SHA-1',
  '1.2.840.10040.4.3': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
};

/** Finds only what is wrong. @param isAnchor a trusted certificate is not trusted for its signature */
export function judgeStrength(
  { x509, fields }: Examined,
  subject: Subject,
  what: string,
  isAnchor: boolean,
  fix?: string,
): Finding[] {
  const findings: Finding[] = [];
  const key = describeKey(x509);
  if (key.fault !== undefined) findings.push(finding(key.fault, subject, `${what} has ${key.text}`, { fix }));
  const digest = weakSignatures[fields.signatureAlgorithm];
  if (digest !== undefined && !isAnchor) {
    const text = `${what} is signed with ${digest}, which can be forged`;
    findings.push(finding('weak-signature', subject, text, { cause: 'the CA is set up to sign with it', fix }));
  }
  return findings;
}

/** Says what the key is, and what is wrong with it. */
function describeKey(x509: X509Certificate): {
  text: string;
  fault?: 'weak-key' | 'key-too-long' | 'key-kind';
} {
  let key: KeyObject;
  try {
    key = x509.publicKey;
  } catch {
    return { text: 'a key that cannot be read', fault: 'key-kind' };
  }
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: { modulusLength = 0, namedCurve = '' } = {} } =
    key;
  if (type === 'rsa' || type === 'rsa-pss') {
    if (modulusLength < rsaBits.least) {
      return { text: `an RSA key of ${modulusLength} bits; at least ${rsaBits.least} are needed`, fault: 'weak-key' };
    }
    if (modulusLength > rsaBits.most) {
      return {
        text: `an RSA key of ${modulusLength} bits; more than ${rsaBits.most} are refused`,
        fault: 'key-too-long',
      };
    }
    return { text: `RSA ${modulusLength}` };
  }
  if (type === 'ec') {
    if (curves.includes(namedCurve)) return { text: `EC ${namedCurve}` };
    const bits = Number(/\d{3}/.exec(namedCurve)?.[0] ?? 0);
    const fault = bits > 0 && bits < 256 ? 'weak-key' : 'key-kind';
    return { text: `an EC key on the curve ${escapeText(namedCurve)}; TLS takes P-256, P-384 and P-521`, fault };
  }
  if (type === 'ed25519' || type === 'ed448') return { text: type };
  return { text: `a key of the kind ${escapeText(type)}, which TLS 1.3 does not take`, fault: 'key-kind' };
}

/** Returns which end a certificate says it is for; `undefined` when it does not say, or says both or neither. */
export function roleOf({ fields: { extendedKeyUsage } }: Examined): Role {
  const server = extendedKeyUsage?.includes(purposeOids.serverAuth) === true;
  const client = extendedKeyUsage?.includes(purposeOids.clientAuth) === true;
  return server === client ? undefined : server ? 'server' : 'client';
}

const purposes = { server: 'serverAuth', client: 'clientAuth' } as const;

/** Extended key usage and key usage, for the end that the certificate is to be presented by. */
export function judgePurpose(leaf: Examined, subject: Subject, role: Role, reissue: Reissue): Finding[] {
  const { extendedKeyUsage, keyUsage } = leaf.fields;
  const findings: Finding[] = [];
  const says = roleOf(leaf);
  const what = leafOf(subject);
  if (extendedKeyUsage === undefined) {
    const text = `${what} has no extended key usage: either end may present it`;
    const cause = 'a server can be set up to demand clientAuth (requireClientAuthEku)';
    findings.push(finding('purpose-any', subject, text, { cause }));
  } else if (
    role === undefined
      ? says === undefined && !isForBoth(leaf)
      : !extendedKeyUsage.includes(purposeOids[purposes[role]])
  ) {
    const has = extendedKeyUsage
      .map((oid) => purposeNames[oid] ?? oid)
      .slice(0, 4)
      .join(', ');
    const needed = role === undefined ? 'serverAuth and clientAuth' : purposes[role];
    const whose = role === undefined ? 'neither end' : `no ${role}`;
    const text = `the extended key usage lacks ${needed} (it has ${has || 'nothing'}): ${whose} can present it`;
    const cause = role === undefined || says === undefined ? undefined : `it is the certificate of a ${says}`;
    findings.push(finding('purpose-wrong', subject, text, { cause, fix: reissue(role ?? 'server') }));
  } else {
    const ends = isForBoth(leaf) ? 'either end' : `a ${says}`;
    findings.push(finding('purpose-ok', subject, `${what} is for ${ends} (extended key usage)`));
  }
  if (keyUsage !== undefined && !keyUsage.includes('digitalSignature')) {
    const text = `the key usage lacks digitalSignature (it has ${keyUsage.join(', ') || 'nothing'}): TLS 1.3 signs with it, and strict peers refuse it`;
    findings.push(finding('key-usage-wrong', subject, text, { fix: reissue(role ?? says ?? 'server') }));
  }
  return findings;
}

function isForBoth({ fields: { extendedKeyUsage = [] } }: Examined): boolean {
  return extendedKeyUsage.includes(purposeOids.serverAuth) && extendedKeyUsage.includes(purposeOids.clientAuth);
}

const purposeNames: Readonly<Record<string, string>> = {
  [purposeOids.any]: 'any',
  [purposeOids.serverAuth]: 'serverAuth',
  [purposeOids.clientAuth]: 'clientAuth',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
};

/** The names of a server's certificate. @param hosts those by which it is connected to; none: any name will do */
export function judgeNames(leaf: Examined, subject: Subject, hosts: readonly string[], reissue: Reissue): Finding[] {
  const { san } = leaf.fields;
  const commonName = commonNameOf(leaf.fields.subject);
  const what = leafOf(subject);
  const shown = describeAltNames(san);
  const commonNameNote =
    commonName === undefined ? '' : `; its common name, ${escapeText(commonName, 64)}, does not count (RFC 9525 §6.3)`;
  if (san.dns.length + san.ip.length === 0) {
    const has = shown === '' ? 'has no subject alternative name' : `names no host, only ${shown}`;
    const text = `${what} ${has}: no client that checks names connects to a server with it${commonNameNote}`;
    const cause =
      shown === ''
        ? 'it was made without -addext or an extension file, as by many an older recipe'
        : 'it was made for another purpose than to be a server';
    return [finding('no-san', subject, text, { cause, fix: reissue('server') })];
  }
  return hosts.length === 0
    ? [finding('names-ok', subject, `${what} is for ${shown}`)]
    : hosts.map((host) => {
        const match = matchServerName(san, host);
        if (match.matches)
          return finding(
            'names-ok',
            subject,
            `${what} is for ${escapeText(host)}${match.name === host ? '' : ` (${match.name})`}`,
          );
        const asName = match.reason === 'other-kind' && san.dns.includes(host);
        const cause = asName
          ? 'the address is written as a DNS name in it; it must be an IP address'
          : commonName === host
            ? 'the name is its common name only, which does not count'
            : undefined;
        return finding('name-mismatch', subject, match.text, { cause, fix: reissue('server') });
      });
}
