/** The parts of a certificate as they stand in it: octets to copy, where its meaning would not do. */
import { Buffer } from 'node:buffer';
import { parseCertificate } from '../certificate.js';
import { DerReader, tags } from '../der.js';
import { extensionOids } from '../oids.js';

/** The parts of a certificate that what its owner issues, or a forgery of it, copies. */
export interface CertificateParts {
  /** DER of a Name. */
  readonly subject: Buffer;
  /** DER of a Name. */
  readonly issuer: Buffer;
  /** DER of the extension; `undefined` when there is none. */
  readonly subjectAltName: Buffer | undefined;
  readonly subjectKeyId: Buffer | undefined;
  readonly authorityKeyId: Buffer | undefined;
  /** How many authorities may stand below; `undefined`: no limit, or no authority. */
  readonly pathLength: number | undefined;
  /** Where the serial number ends. */
  readonly serialEnd: number;
}

/** @throws DerError if it is no certificate */
export function certificateParts(der: Buffer): CertificateParts {
  const { basicConstraints, subjectKeyId, authorityKeyId } = parseCertificate(der);
  const fields = new DerReader(der).enter(tags.sequence).enter(tags.sequence);
  if (fields.nextTag === 0xa0) fields.skip();
  fields.integer();
  const serialEnd = fields.offset;
  fields.skip();
  const issuer = fields.skip();
  fields.skip();
  const subject = fields.skip();
  let subjectAltName: Buffer | undefined;
  while (!fields.done && subjectAltName === undefined) {
    if (fields.nextTag === 0xa3) subjectAltName = findExtension(fields.enter(0xa3), extensionOids.subjectAltName);
    else fields.skip();
  }
  const octets = (hex: string | undefined): Buffer | undefined =>
    hex === undefined ? undefined : Buffer.from(hex, 'hex');
  return {
    subject,
    issuer,
    subjectAltName,
    subjectKeyId: octets(subjectKeyId),
    authorityKeyId: octets(authorityKeyId),
    pathLength: basicConstraints?.pathLength,
    serialEnd,
  };
}

function findExtension(explicit: DerReader, type: string): Buffer | undefined {
  const list = explicit.enter(tags.sequence);
  while (!list.done) {
    const whole = list.skip();
    if (new DerReader(whole).enter(tags.sequence).objectIdentifier() === type) return whole;
  }
  return undefined;
}
