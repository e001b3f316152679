/** Revocation lists: whether each can be judged by, and what they say of a chain. */
import { escapeText } from '../../text.js';
import { CrlFault, parseCrl, type RevocationList, verifyCrl } from '../crl.js';
import { readPemCrls } from '../pem.js';
import { Revocation } from '../revocation.js';
import { duration, type Examined, leafOf, moment } from './certificate.js';
import { type FormContext, type GivenFile, isDer, readForm } from './file.js';
import { type Finding, finding, type Subject } from './finding.js';
import { beside, type Reissue, shellWord, unknownCas } from './remedies.js';

export interface ListsVerdict {
  readonly findings: Finding[];
  /** What judges chains by the lists; `undefined` when there is none that can be used. */
  readonly revocation: Revocation | undefined;
}

/** Examines the files of `--crl`. @param ca the file of the CAs, for commands */
export function examineLists(
  anchors: readonly Examined[],
  context: FormContext,
  ca: string = unknownCas.list,
): ListsVerdict {
  const { crl: files = [] } = context;
  const findings: Finding[] = [];
  const lists: RevocationList[] = [];
  for (const file of files) {
    // Of several files each is named.
    const what = files.length === 1 ? 'it' : shellWord(file.path);
    const { ders, findings: form } = readLists(file, context);
    findings.push(...form);
    for (const der of ders) {
      const list = parse(der, what, findings);
      if (list === undefined) continue;
      lists.push(list);
      const issuer = anchors[0] !== undefined && isOfOneOf(list, [anchors[0]]) ? ca : unknownCas.list;
      const renew = renewCommand(issuer, shellWord(file.path));
      const replace = renewCommand(issuer, newList(ca, files));
      findings.push(...judgeList(list, anchors, what, { renew, replace }));
    }
  }
  if (anchors.length > 0 && lists.length > 0 && !lists.some((list) => isOfOneOf(list, anchors))) {
    const given = lists
      .slice(0, 3)
      .map(({ issuer }) => issuer.text)
      .join(' and ');
    const text = `no list is of a CA in --ca, so that every certificate would be refused (given: of ${given})`;
    findings.push(finding('crl-of-another-ca', 'crl', text, { fix: renewCommand(ca, newList(ca, files)) }));
  }
  const revocation =
    lists.length === 0 ? undefined : new Revocation({ lists, anchors: anchors.map(({ x509 }) => x509) });
  return { findings, revocation };
}

/** @param list the file, as a word of a shell */
function renewCommand(ca: string, list: string): string {
  return `mtls-ws pki revoke --ca ${shellWord(ca)} --ca-key ${beside(ca, '.key')} --crl ${list}`;
}

/** Returns a name for the list of a CA that is none of the given, as a word of a shell: a CA renews no list of another. */
function newList(ca: string, files: readonly GivenFile[]): string {
  const name = beside(ca, '.crl');
  return files.some(({ path }) => shellWord(path) === name) ? beside(ca, '.new.crl') : name;
}

/** A list may be in DER, as CAs publish it. */
function readLists(file: GivenFile, context: FormContext): { ders: readonly Buffer[]; findings: Finding[] } {
  const { content } = file;
  if (Buffer.isBuffer(content) && isDer(content)) return { ders: [content], findings: [] };
  const { pem, findings } = readForm(file, 'crl', context);
  return { ders: pem === undefined ? [] : readPemCrls(pem).map(({ der }) => der), findings };
}

function parse(der: Buffer, what: string, findings: Finding[]): RevocationList | undefined {
  try {
    return parseCrl(der);
  } catch (error) {
    const reason = escapeText(error instanceof Error ? error.message : String(error));
    if (error instanceof CrlFault) findings.push(finding('crl-unusable', 'crl', `${what} ${reason}`));
    else findings.push(finding('crl-malformed', 'crl', `${what} cannot be read as a revocation list (${reason})`));
    return undefined;
  }
}

function isOfOneOf({ issuerDer }: RevocationList, anchors: readonly Examined[]): boolean {
  return anchors.some(({ fields }) => fields.subjectDer.equals(issuerDer));
}

/** What mends a list of the CA, and what makes another. */
interface ListCommands {
  readonly renew: string;
  readonly replace: string;
}

function judgeList(list: RevocationList, anchors: readonly Examined[], what: string, fix: ListCommands): Finding[] {
  const { issuer, issuerDer, thisUpdate, nextUpdate, revoked } = list;
  const now = Date.now();
  const issuers = anchors.filter(({ fields }) => fields.subjectDer.equals(issuerDer));
  if (issuers.length > 0 && !issuers.some(({ x509 }) => verifyCrl(list, x509))) {
    const text = `${what} bears the name of ${issuer.text}, and not the signature of its key`;
    const cause = 'it is of an earlier CA of that name, or that CA may not sign lists (key usage cRLSign)';
    return [finding('crl-bad-signature', 'crl', text, { cause, fix: fix.replace })];
  }
  if (thisUpdate.getTime() > now) {
    const text = `${what} is not valid before ${moment(thisUpdate)}, in ${duration(thisUpdate.getTime() - now)}`;
    return [
      finding('crl-not-yet-valid', 'crl', text, { cause: 'probably a clock is wrong', fix: 'timedatectl status' }),
    ];
  }
  if (nextUpdate === undefined) {
    const text = `${what} does not say when it expires, and so it counts as expired`;
    return [finding('crl-expired', 'crl', text, { fix: fix.renew })];
  }
  const left = nextUpdate.getTime() - now;
  if (left < 0) {
    const text = `${what} expired ${duration(-left)} ago, at ${moment(nextUpdate)}: until there is another, every certificate of its CA is refused`;
    return [
      finding('crl-expired', 'crl', text, {
        cause: 'the CA has not issued another, or it was not fetched',
        fix: fix.renew,
      }),
    ];
  }
  const count = `${revoked.size} revoked ${revoked.size === 1 ? 'certificate' : 'certificates'}`;
  const until = `valid until ${moment(nextUpdate)}, another ${duration(left)}`;
  return [finding('crl-ok', 'crl', `${what} is the list of ${issuer.text}: ${count}, ${until}`)];
}

/** @param chain leaf first, each signed by the next, the last a trusted CA */
export function judgeRevocation(
  chain: readonly Examined[],
  revocation: Revocation,
  subject: Subject,
  reissue: Reissue,
): Finding[] {
  const fault = revocation.check(chain.map(({ x509 }) => x509));
  if (fault === undefined) return [finding('not-revoked', subject, `${leafOf(subject)} is not revoked`)];
  if (fault.code === 'certificate-revoked') {
    const text = `${leafOf(subject)} is revoked: ${fault.detail}`;
    const role = subject === 'server' ? 'server' : 'client';
    return [finding('revoked', subject, text, { fix: reissue(role) })];
  }
  const text = `whether ${leafOf(subject)} is revoked cannot be told: ${fault.detail}`;
  const cause = 'with --crl, each CA of the chain needs a current list: without one, its certificates are refused';
  return [finding('revocation-unknown', subject, text, { cause })];
}
