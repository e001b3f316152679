/** What credentials that can be used suffer from, or soon will: for whoever operates an end, not for the peer. */

import { parseCertificate } from './certificate.js';
import type { Credentials } from './credentials.js';
import { purposeOids } from './oids.js';

const dayInMs = 86_400_000;

/** What ends within so many days, and within the last third of its life, ends soon. */
const soonInDays = 30;

/**
 * Returns a sentence for each thing that keeps peers from accepting this end, or this end from accepting peers, now or
 * soon. They hold dates and no spans of time, so that the same trouble has the same words tomorrow.
 *
 * @param role which end this is
 */
export function credentialWarnings(
  { identity, anchors, revocation }: Credentials,
  role: 'client' | 'server',
  now: number = Date.now(),
): string[] {
  const other = role === 'server' ? 'client' : 'server';
  const warnings: string[] = [];
  const until = (what: string, from: Date | undefined, to: Date, consequence: string): void => {
    if (now > to.getTime()) warnings.push(`${what} expired on ${day(to)}: ${consequence}`);
    else if (endsSoon(from, to, now)) warnings.push(`${what} expires on ${day(to)}: then ${consequence}`);
  };
  const { validFrom, validTo, extendedKeyUsage, san } = identity;
  if (now < validFrom.getTime()) {
    warnings.push(`the certificate is not valid before ${validFrom.toISOString()}: until then no ${other} accepts it`);
  }
  until('the certificate', validFrom, validTo, `no ${other} accepts it`);
  const purpose = role === 'server' ? 'serverAuth' : 'clientAuth';
  if (extendedKeyUsage?.some((oid) => oid === purposeOids[purpose] || oid === purposeOids.any) === false) {
    warnings.push(
      `the certificate is not for a ${role} (its extended key usage lacks ${purpose}): no ${other} accepts it`,
    );
  }
  if (role === 'server' && san.dns.length === 0 && san.ip.length === 0) {
    warnings.push(
      'the certificate has no host name and no address among its subject alternative names: no client accepts it',
    );
  }
  for (const { raw } of anchors) {
    const { subject, validFrom: from, validTo: to } = parseCertificate(raw);
    until(`the CA ${subject.text}`, from, to, `every ${other} below it is refused`);
  }
  for (const { issuer, nextUpdate } of revocation?.lists ?? []) {
    if (nextUpdate !== undefined)
      until(`the revocation list of ${issuer}`, undefined, nextUpdate, `every ${other} below it is refused`);
  }
  return warnings;
}

/** @param from `undefined`: of what does not live long, the last three days count */
function endsSoon(from: Date | undefined, to: Date, now: number): boolean {
  const left = to.getTime() - now;
  const third = from === undefined ? 3 * dayInMs : (to.getTime() - from.getTime()) / 3;
  return left < Math.min(soonInDays * dayInMs, third);
}

function day(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
