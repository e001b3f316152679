/**
 * Certificates together: whether those that are presented lead to a trusted CA, and if not, why. Signatures are verified,
 * so that names which agree where keys do not are found.
 */
import { type Examined, isAuthority, judgeDates, judgeStrength, leafOf, nameOf } from './certificate.js';
import { type Finding, finding, hasError, type Severity, type Subject } from './finding.js';
import { beside, shellWord } from './remedies.js';

export interface ChainContext {
  readonly subject: Subject;
  /** What holds the chain, for a command: the path of a file; `undefined` when its form is wrong. */
  readonly path?: string | undefined;
  /** How bad it is when the chain leads to none of the CAs. Default `error`. */
  readonly severity?: Severity;
  /** The command that issues the leaf anew, from a CA that is trusted. */
  readonly reissue: string;
}

export interface ChainVerdict {
  readonly findings: Finding[];
  /** From the leaf to a trusted CA, each certificate signed by the next; `undefined` when there is no such path. */
  readonly proven: readonly Examined[] | undefined;
}

function hasIssued(issuer: Examined, certificate: Examined): boolean {
  return hasNameOfIssuer(issuer, certificate) && isSignedBy(certificate, issuer);
}

function hasNameOfIssuer(issuer: Examined, certificate: Examined): boolean {
  return issuer.fields.subject.text === certificate.fields.issuer.text;
}

function isSignedBy(certificate: Examined, issuer: Examined): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    return false;
  }
}

function isSame(a: Examined, b: Examined): boolean {
  return a.x509.raw.equals(b.x509.raw);
}

function isSelfIssued(certificate: Examined): boolean {
  return hasNameOfIssuer(certificate, certificate);
}

/**
 * Whether what issues a certificate anew is the first of these CAs, which is the one that `pki issue` takes from their
 * file: it issued the certificate, or nobody but itself did.
 */
export function isIssuedByFirst(certificate: Examined, [first]: readonly Examined[]): boolean {
  return first !== undefined && (isSelfIssued(certificate) || hasNameOfIssuer(first, certificate));
}

/** @param presented leaf first; at least one */
export function judgeChain(
  presented: readonly Examined[],
  anchors: readonly Examined[],
  context: ChainContext,
): ChainVerdict {
  const { subject, severity = 'error', reissue } = context;
  const [leaf, ...behind] = presented as [Examined, ...Examined[]];
  const findings: Finding[] = [];
  const what = leafOf(subject);
  const path: Examined[] = [leaf];
  const rest = [...behind];
  let anchor: Examined | undefined;
  for (let tip = leaf; ; ) {
    anchor = anchors.find((one) => isSame(one, tip) || hasIssued(one, tip));
    if (anchor !== undefined) break;
    const index = isSelfIssued(tip) ? -1 : rest.findIndex((one) => hasIssued(one, tip));
    if (index < 0) break;
    tip = rest.splice(index, 1)[0]!;
    path.push(tip);
  }
  const top = path[path.length - 1]!;
  const trusted = anchors.map(nameOf).slice(0, 3).join(' or ');

  if (anchor === undefined && anchors.length > 0) {
    const impostor = [...anchors, ...rest].find((one) => one !== top && hasNameOfIssuer(one, top));
    if (top === leaf && isSelfIssued(top) && isSignedBy(top, top)) {
      const text = `${what} is self-signed: no CA stands behind it`;
      findings.push(finding('self-signed', subject, text, { severity, fix: reissue }));
    } else if (impostor !== undefined) {
      const text = `${what} was issued by another CA that is called ${nameOf(impostor)} too: the names agree, the keys do not`;
      const cause = 'probably the CA was made anew, and what it had issued before is still in use';
      findings.push(finding('ca-same-name', subject, text, { severity, cause, fix: reissue }));
    } else if (isSelfIssued(top)) {
      const text = `${what} comes from the CA ${nameOf(top)}, which is not trusted here; trusted: ${trusted}`;
      findings.push(
        finding('ca-untrusted', subject, text, { severity, cause: causeOfUntrusted(subject), fix: reissue }),
      );
    } else {
      findings.push(incomplete(top, path.length > 1, trusted, context));
    }
  }
  const links = judgeLinks(path, anchor, context);
  if (anchor !== undefined && !hasError(links)) {
    const through = path
      .slice(1)
      .filter((one) => !isSame(one, anchor))
      .map(nameOf);
    const way = through.length === 0 ? '' : ` through ${through.join(' and ')}`;
    findings.push(finding('chain-ok', subject, `${what} leads to the CA ${nameOf(anchor)}${way}`));
  }
  findings.push(...judgeOrder(presented, path, anchor, rest, context));
  findings.push(...links);
  if (anchor === undefined) return { findings, proven: undefined };
  return { findings, proven: isSame(top, anchor) ? path : [...path, anchor] };
}

/** Returns the command that puts an intermediate behind a certificate. @param what tells the file that it makes */
export function joinCommand(path: string, what: string, leaf: string = path): string {
  return `cat ${shellWord(leaf)} INTERMEDIATE.pem > ${beside(path, `.${what}.pem`)}`;
}

function causeOfUntrusted(subject: Subject): string {
  return subject === 'server'
    ? '--ca names another CA than the one that issued the certificate of the server: get the CA of the server from its operator, or issue the certificate anew'
    : 'it was issued by another CA than the one in --ca';
}

function incomplete(top: Examined, hasIntermediates: boolean, trusted: string, context: ChainContext): Finding {
  const { subject, severity = 'error', path } = context;
  const issuer = top.fields.issuer.text;
  const who = hasIntermediates ? `${nameOf(top)}, the last certificate of the chain,` : leafOf(subject);
  const text = `${who} was issued by ${issuer}, which is neither presented with it nor trusted; trusted: ${trusted}`;
  const whose = subject === 'server' ? 'the server has to send it behind its own' : 'it goes behind the certificate';
  const cause = `either ${issuer} is an intermediate of a trusted CA: then ${whose}; or it is another CA: then --ca is not the one for it`;
  const fix = path === undefined ? undefined : joinCommand(path, 'with-intermediate');
  return finding('chain-incomplete', subject, text, { severity, cause, fix });
}

/** What is in the wrong place, or need not be there. */
function judgeOrder(
  presented: readonly Examined[],
  path: readonly Examined[],
  anchor: Examined | undefined,
  surplus: readonly Examined[],
  { subject }: ChainContext,
): Finding[] {
  const findings: Finding[] = [];
  const order = path.map((one) => presented.indexOf(one));
  if (order.some((place, index) => index > 0 && place < order[index - 1]!)) {
    const text =
      'the certificates of the chain are in the wrong order: each must be followed by the one that issued it';
    const cause = `right is: ${path.map(nameOf).join(', then ')}`;
    findings.push(finding('chain-order', subject, text, { cause }));
  }
  const isRoot = (one: Examined): boolean => anchor !== undefined && isSame(one, anchor);
  // A server of Node's sends the root by itself.
  if (subject !== 'server' && presented.some((one, index) => index > 0 && isRoot(one))) {
    const text = `the CA ${nameOf(anchor!)} itself is in the chain: it does no harm and no good, the other end must have it`;
    findings.push(finding('root-presented', subject, text));
  }
  const useless = surplus.filter((one) => !isRoot(one));
  if (anchor !== undefined && useless.length > 0) {
    const text = `the chain holds what does not belong to it: ${useless.slice(0, 3).map(nameOf).join(', ')}`;
    findings.push(finding('chain-surplus', subject, text));
  }
  return findings;
}

/** Intermediates and the CA: whether they may issue, are valid, and are strong. Finds only what is wrong. */
function judgeLinks(path: readonly Examined[], anchor: Examined | undefined, { subject }: ChainContext): Finding[] {
  const findings: Finding[] = [];
  const above = path.slice(1);
  for (const [index, link] of above.entries()) {
    if (anchor !== undefined && isSame(link, anchor)) continue;
    const what = `the intermediate ${nameOf(link)}`;
    findings.push(...judgeAuthority(link, subject, what));
    findings.push(
      ...judgeDates(link, subject, what).filter(({ severity }) => severity === 'error' || severity === 'warning'),
    );
    findings.push(...judgeStrength(link, subject, what, false));
    findings.push(...judgeLength(link, index, subject, what));
  }
  if (anchor !== undefined)
    findings.push(
      ...judgeLength(anchor, above.filter((one) => !isSame(one, anchor)).length, subject, `the CA ${nameOf(anchor)}`),
    );
  return findings;
}

/** @param below how many authorities stand between it and the leaf */
function judgeLength(link: Examined, below: number, subject: Subject, what: string): Finding[] {
  const allowed = link.fields.basicConstraints?.pathLength;
  if (allowed === undefined || below <= allowed) return [];
  const count = allowed === 0 ? 'none' : `only ${allowed}`;
  const text = `${what} allows ${count} between itself and a leaf (path length), and there ${below === 1 ? 'is 1' : `are ${below}`}`;
  return [finding('path-too-long', subject, text, { cause: 'it was issued to sign certificates of ends only' })];
}

/** Whether a certificate may issue others. */
export function judgeAuthority(certificate: Examined, subject: Subject, what: string): Finding[] {
  if (!isAuthority(certificate)) {
    const text = `${what} is no CA (basicConstraints without CA:TRUE): it cannot have issued others`;
    const cause =
      subject === 'ca'
        ? `it is the certificate of one end; --ca takes the one of its CA, ${certificate.fields.issuer.text}`
        : 'the certificate of one end was used to sign another';
    return [finding('not-a-ca', subject, text, { cause })];
  }
  const { keyUsage } = certificate.fields;
  if (keyUsage !== undefined && !keyUsage.includes('keyCertSign')) {
    const text = `${what} may not sign certificates: its key usage lacks keyCertSign`;
    return [finding('ca-cannot-sign', subject, text)];
  }
  return [];
}
