/**
 * Whether the certificates of a chain have been revoked (RFC 5280 §6.3), by the lists that were given. It fails closed:
 * each certificate below the trust anchor needs a current list of its issuer, as with `-crl_check_all` of OpenSSL.
 *
 * The lists of one issuer count together: a serial number that any of them names is revoked, even where a later list
 * names it no more, and one list that is current is enough. So an old list beside the new one can only shut out.
 */
import { createHash, type X509Certificate } from 'node:crypto';
import { parseCertificate } from './certificate.js';
import { type RevocationList, verifyCrl } from './crl.js';
import { writePem } from './pem.js';

/** Why a certificate is refused; the codes are those of `identityFaults`. */
export interface RevocationFault {
  readonly code: 'certificate-revoked' | 'revocation-unknown';
  /** Which certificate, which list, and since when, in one safe line. */
  readonly detail: string;
}

export interface RevocationOptions {
  readonly lists: readonly RevocationList[];
  /** The trusted CAs. */
  readonly anchors: readonly X509Certificate[];
  /** Whether a list counts after its `nextUpdate`, or without one. Default `false`. */
  readonly acceptExpired?: boolean;
}

export class Revocation {
  readonly #lists: readonly RevocationList[];
  readonly #anchors: readonly X509Certificate[];
  readonly #acceptExpired: boolean;
  /** Whether an issuer, by its fingerprint, has signed a list: told once, since it takes a digest of the whole list. */
  readonly #signed = new Map<RevocationList, Map<string, boolean>>();

  /** SHA-256 in hex of what decides: the same lists in the same order give the same digest. */
  readonly digest: string;

  constructor(options: RevocationOptions) {
    this.#lists = options.lists;
    this.#anchors = options.anchors;
    this.#acceptExpired = options.acceptExpired ?? false;
    for (const list of this.#lists) this.#signed.set(list, new Map());
    const hash = createHash('sha256').update(String(this.#acceptExpired));
    for (const { der } of this.#lists) hash.update(der);
    this.digest = hash.digest('hex');
  }

  /** Whose lists there are, as names are shown, and until when each of them counts. */
  get lists(): ReadonlyArray<{ readonly issuer: string; readonly nextUpdate: Date | undefined }> {
    return this.#lists.map(({ issuer, nextUpdate }) => ({ issuer: issuer.text, nextUpdate }));
  }

  /**
   * The lists for `crl` of `node:tls`, in PEM, one in each text: of several in one, Node reads the first only.
   * `undefined` when expired lists are accepted: OpenSSL does not accept them.
   */
  get forOpenssl(): string[] | undefined {
    return this.#acceptExpired ? undefined : this.#lists.map(({ der }) => writePem('X509 CRL', der));
  }

  /**
   * Returns why a chain is refused; `undefined` when nothing in it has been revoked.
   *
   * @param chain leaf first, each certificate proven to be signed by the next, the last a trust anchor; or the leaf
   *   alone, as for `checkLeaf`
   * @param now milliseconds since 1970
   */
  check(chain: readonly X509Certificate[], now: number = Date.now()): RevocationFault | undefined {
    const complete = this.#upToTheTop(chain);
    if (complete === undefined) return this.#checkAlone(chain[0]!, now);
    for (const [index, issuer] of complete.slice(1).entries()) {
      const fault = this.#checkBelow(issuer, complete[index]!, index > 0, now);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /**
   * Returns why a leaf is refused when nothing else of its chain is known: where a session was resumed, or Node does not
   * show the intermediates. If a trust anchor has issued it, this is as good as `check`. Otherwise the lists of its
   * issuer are known by name and key identifier, and not by their signature, which is left to OpenSSL; where that has
   * not seen them, because expired lists are accepted, the leaf is refused.
   *
   * @param now milliseconds since 1970
   */
  checkLeaf(leaf: X509Certificate, now: number = Date.now()): RevocationFault | undefined {
    return this.check([leaf], now);
  }

  /**
   * Returns the chain up to its topmost anchor: one anchor may have issued another, and OpenSSL goes on to the last.
   * `undefined` if it leads to none.
   */
  #upToTheTop(chain: readonly X509Certificate[]): X509Certificate[] | undefined {
    const complete = [...chain];
    for (;;) {
      const tip = complete.at(-1)!;
      const above = this.#anchors.find(
        (anchor) =>
          tip.checkIssued(anchor) &&
          tip.verify(anchor.publicKey) &&
          !complete.some((certificate) => certificate.raw.equals(anchor.raw)),
      );
      if (above === undefined) return this.#anchors.some(({ raw }) => raw.equals(tip.raw)) ? complete : undefined;
      complete.push(above);
    }
  }

  #checkBelow(
    issuer: X509Certificate,
    certificate: X509Certificate,
    isIntermediate: boolean,
    now: number,
  ): RevocationFault | undefined {
    const { subject, subjectDer } = parseCertificate(issuer.raw);
    const who = isIntermediate ? `the intermediate ${parseCertificate(certificate.raw).subject.text}, ` : '';
    const named = this.#lists.filter((list) => list.issuerDer.equals(subjectDer));
    const signed = named.filter((list) => this.#isSigned(list, issuer));
    const [wrong] = named;
    if (signed.length === 0 && wrong !== undefined) {
      return unknown(`${who}${describe(wrong)} is not signed by the key of its CA, or that CA may not sign lists`);
    }
    return this.#judge(certificate.serialNumber, subject.text, signed, who, now);
  }

  #checkAlone(leaf: X509Certificate, now: number): RevocationFault | undefined {
    const { issuer, issuerDer, authorityKeyId } = parseCertificate(leaf.raw);
    const lists = this.#lists.filter(
      (list) =>
        list.issuerDer.equals(issuerDer) &&
        (list.authorityKeyId === undefined || authorityKeyId === undefined || list.authorityKeyId === authorityKeyId),
    );
    const fault = this.#judge(leaf.serialNumber, issuer.text, lists, '', now);
    if (fault !== undefined || !this.#acceptExpired) return fault;
    return unknown(`the certificate of ${issuer.text} is not known, and so its list cannot be verified`);
  }

  /** Judges by the lists of the issuer. */
  #judge(
    serialNumber: string,
    issuer: string,
    lists: readonly RevocationList[],
    who: string,
    now: number,
  ): RevocationFault | undefined {
    for (const list of lists) {
      const entry = list.revoked.find(serialNumber);
      if (entry === undefined) continue;
      const reason = entry.reason === undefined ? '' : `, ${entry.reason}`;
      const detail = `${who}serial ${serialNumber}, since ${day(entry.date)}${reason}; ${describe(list)}`;
      return { code: 'certificate-revoked', detail };
    }
    if (lists.some((list) => this.#whyNotCurrent(list, now) === undefined)) return undefined;
    const [latest] = [...lists].sort((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
    if (latest === undefined) return unknown(`${who}no list of ${issuer} was given`);
    return unknown(`${who}${describe(latest)} ${this.#whyNotCurrent(latest, now)}`);
  }

  #whyNotCurrent({ thisUpdate, nextUpdate }: RevocationList, now: number): string | undefined {
    if (now < thisUpdate.getTime()) return `is not valid for another ${elapsed(thisUpdate.getTime() - now)}`;
    if (this.#acceptExpired) return undefined;
    // RFC 5280 §5.1.2.5: it MUST be there, and what to do without it is not specified.
    if (nextUpdate === undefined) return 'does not say when it expires';
    if (now > nextUpdate.getTime()) return `expired ${elapsed(now - nextUpdate.getTime())} ago`;
    return undefined;
  }

  #isSigned(list: RevocationList, issuer: X509Certificate): boolean {
    const known = this.#signed.get(list)!;
    const { fingerprint256 } = issuer;
    let signed = known.get(fingerprint256);
    if (signed === undefined) {
      signed = verifyCrl(list, issuer);
      known.set(fingerprint256, signed);
    }
    return signed;
  }
}

function unknown(detail: string): RevocationFault {
  return { code: 'revocation-unknown', detail };
}

function describe(list: RevocationList): string {
  return `list of ${list.issuer.text} of ${day(list.thisUpdate)}`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

const hourInMs = 3_600_000;

function elapsed(ms: number): string {
  const hours = Math.floor(ms / hourInMs);
  if (hours === 0) return 'less than an hour';
  const [count, unit] = hours < 48 ? [hours, 'hour'] : [Math.floor(hours / 24), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
