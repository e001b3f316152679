/**
 * A live server: what it shows in a TLS handshake that sends nothing, whether that can be trusted, whether it lets clients
 * in without a certificate, and what it makes of ours. Nothing of the application, and no certificate of ours, is sent to
 * a server that was not verified before.
 */
import { escapeText } from '../../text.js';
import { type Observation, observe } from '../observation.js';
import { type TransportCode, transportError } from '../refusal.js';
import type { Revocation } from '../revocation.js';
import { type Examined, examined, nameOf } from './certificate.js';
import { isIssuedByFirst, judgeChain } from './chain.js';
import { judgeLeaf, judgeVerdict } from './files.js';
import { type Finding, type FindingId, finding, hasError } from './finding.js';
import { judgeRevocation } from './lists.js';
import { judgeOpening, judgeWithoutCertificate, type Opening, reissueOurs, statusOf } from './opening.js';
import { type Again, reissueFor, unknownCas } from './remedies.js';
import { readServerFlight, type ServerFlight } from './server-flight.js';

export interface ServerToExamine {
  /** Where to connect; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The name its certificate must be for. */
  readonly name: string;
  /** The name to ask for (SNI); empty when `name` is an address. */
  readonly serverName: string;
  /** The CAs its certificate may come from; `undefined`: it is not judged. */
  readonly anchors: readonly Examined[] | undefined;
  /** The file of those CAs, for commands. */
  readonly ca: string | undefined;
  /** What judges by revocation lists; `undefined` without any. */
  readonly revocation: Revocation | undefined;
  /** Our own certificate, leaf first; empty when there is none. */
  readonly own: readonly Examined[];
  /** Whether the issuer of our certificate bears the name of one of the CAs, and has another key. */
  readonly isImpostor: boolean;
  /** The lowest version of TLS that this end accepts. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Milliseconds for each step. */
  readonly timeout: number;
  /** The requests that are tried: the upgrade, and a plain one of the same path. */
  readonly requests: { readonly upgrade: Uint8Array; readonly plain: Uint8Array };
  /** The credentials for the plain request; `undefined` when there are none that can be used. */
  readonly credentials: { readonly cert: string; readonly key: string; readonly passphrase?: string } | undefined;
  /** Opens a WebSocket with our certificate and closes it again; `undefined` when there is none that can be used. */
  readonly open: (() => Promise<Opening>) | undefined;
  /** The command that asks the server for a plain answer. */
  readonly plainCommand: string;
  /** The command that examines it again. */
  readonly again: Again;
}

/** Examines a server; rejects only if `credentials` cannot be used. */
export async function examineServer(server: ServerToExamine): Promise<Finding[]> {
  const { host, port, name, serverName, timeout, own, isImpostor, plainCommand } = server;
  const ca = server.anchors?.map(({ x509 }) => x509.toString());
  const first = await observe({ host, port, serverName, timeout, ca });
  const flight = readServerFlight(first.recorded, first.handshakeSecret);
  // With TLS 1.2 a server refuses who shows no certificate before the handshake is complete: it has said all by then.
  const isReadable = first.secured || (flight.isComplete && flight.chain.length > 0);
  if (!isReadable) return [explainNoTls(first, server)];

  const chain = judgeServerChain(flight, server);
  const findings = [...judgeTls(first, server), ...chain.findings];
  if (first.verification !== undefined && !hasError(findings))
    findings.push(judgeVerdict(first.verification, 'server'));
  const isVerified = chain.isProven && !hasError(findings);
  findings.push(...judgeRequest(flight, own));
  if (!isVerified) {
    const why = server.anchors === undefined ? 'without a CA that can be used' : 'with these errors';
    const text = `the WebSocket was not tried: ${why}, nothing is sent to a server`;
    return [...findings, finding('not-checked', 'server', text)];
  }
  const without = observe({ host, port, serverName, ca, timeout, send: { bytes: server.requests.upgrade, name } });
  // Both are tried at once: a silent server would make each last until the timeout.
  const [stranger, opening] = await Promise.all([without, server.open?.()]);
  findings.push(...judgeWithoutCertificate(stranger, flight.certificateRequest !== undefined, timeout));
  if (opening === undefined) {
    const text = 'whether it accepts our certificate was not tried: that takes --ca, --cert and --key without errors';
    findings.push(finding('not-checked', 'server', text));
  } else {
    const authorities = flight.certificateRequest?.authorities.map(({ text }) => text) ?? [];
    const plain = opening.isSilent ? await askPlainly(server, ca) : undefined;
    const outcome = judgeOpening(opening, { own, isImpostor, authorities, timeout, plain, plainCommand });
    // Its cause says it then.
    const isRefused = outcome.some(({ id }) => id === 'our-certificate-refused');
    return [
      ...findings.filter(({ id }) => !(isRefused && id === 'issuer-not-accepted')),
      ...outcome,
      ...judgeClock([stranger.received, opening.received]),
    ];
  }
  return [...findings, ...judgeClock([stranger.received])];
}

/** Returns the status of the answer to a plain request; 0 when there was none. */
async function askPlainly(server: ServerToExamine, ca: readonly string[] | undefined): Promise<number> {
  const { host, port, name, serverName, timeout, credentials, requests } = server;
  const send = { bytes: requests.plain, name };
  const { received } = await observe({ host, port, serverName, ca, timeout, send, ...credentials });
  return statusOf(received) ?? 0;
}

const transportFindings: Readonly<Record<TransportCode, FindingId>> = {
  'connection-refused': 'nothing-listens',
  'host-not-found': 'host-not-found',
  'host-unreachable': 'host-unreachable',
  'connect-failed': 'host-unreachable',
  'not-tls': 'not-tls',
  'tls-version': 'tls-version',
  'tls-cipher': 'tls-cipher',
  'tls-alpn': 'tls-alpn',
  'tls-cut': 'tls-cut',
  'tls-failed': 'tls-failed',
};

function explainNoTls(seen: Observation, { host, port, name, timeout }: ServerToExamine): Finding {
  const seconds = `${timeout / 1000} s`;
  const where = `${escapeText(host)} port ${port}`;
  if (seen.outcome === 'timeout') {
    if (!seen.connected) {
      const cause = 'a firewall drops what is sent there, or the address is wrong';
      return finding('host-unreachable', 'server', `${where} did not answer for ${seconds}`, { cause });
    }
    const text = `it took the connection, and did not answer the TLS handshake for ${seconds}`;
    const cause = 'the port is not one of TLS, or the program behind it hangs';
    return finding('tls-silent', 'server', text, { cause, fix: `ss -ltnp 'sport = :${port}'` });
  }
  if (seen.alert?.code === 'server-name-unknown') {
    const text = `it does not serve the name ${escapeText(name)} (alert ${seen.alert.number}, ${seen.alert.name})`;
    return finding('host-misdirected', 'server', text, { cause: 'the host of the URL, or --servername, is another' });
  }
  const error = seen.error ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' });
  const code =
    seen.connected && !isTlsError(error)
      ? 'tls-cut'
      : (transportError(error, '', 'connect-failed').code as TransportCode);
  const reported = seen.error?.code === undefined ? '' : ` (${escapeText(seen.error.code)})`;
  const { text, cause, fix } = noTls[code](where, escapeText(host), port, seen);
  return finding(transportFindings[code], 'server', `${text}${reported}`, { cause, fix });
}

function isTlsError({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('ERR_SSL_');
}

type Explanation = { readonly text: string; readonly cause?: string; readonly fix?: string };

const noTls: Readonly<
  Record<TransportCode, (where: string, host: string, port: number, seen: Observation) => Explanation>
> = {
  'connection-refused': (where, _host, port) => ({
    text: `nothing listens at ${where}`,
    cause:
      'the server is not running, or listens on another port or address (127.0.0.1 is reached from its own machine only)',
    fix: `ss -ltnp 'sport = :${port}'`,
  }),
  'host-not-found': (_where, host) => ({
    text: `the name ${host} has no address`,
    cause: 'it is misspelled, or missing in DNS and in /etc/hosts',
    fix: `getent hosts ${host}`,
  }),
  'host-unreachable': (where) => ({ text: `there is no way to ${where}`, cause: 'the network, a route or a firewall' }),
  'connect-failed': (where) => ({ text: `no connection to ${where} could be made` }),
  'not-tls': (_where, host, port, { recorded }) => {
    const isHttp = recorded.subarray(0, 5).toString('latin1') === 'HTTP/';
    const said = escapeText(recorded.subarray(0, 40).toString('latin1').split('\r\n', 1)[0]!, 40);
    return isHttp
      ? {
          text: `the port speaks plain HTTP, not TLS: it answered "${said}"`,
          cause: 'it is the port for http:// and ws://; that for https:// and wss:// is another, or TLS is not set up',
          fix: `curl -i http://${host.includes(':') ? `[${host}]` : host}:${port}/`,
        }
      : { text: `the port does not speak TLS: it answered "${said}"`, cause: 'it is the port of another service' };
  },
  'tls-version': () => ({
    text: 'it speaks neither TLS 1.2 nor 1.3',
    cause: 'its software, or its configuration, is from before 2008; older versions are not secure',
  }),
  'tls-cipher': () => ({
    text: 'no cipher suite, group or signature algorithm is common to both ends',
    cause: 'it offers none of the AEAD suites with forward secrecy, or its certificate has a key of another kind',
  }),
  'tls-alpn': () => ({
    text: 'it does not speak HTTP/1.1 on this port (ALPN): WebSocket over mutual TLS starts with it',
    cause: 'it is set up for HTTP/2 only',
  }),
  'tls-cut': () => ({
    text: 'it closed the connection during the TLS handshake',
    cause: 'it is not a port of TLS, it wants a PROXY protocol header, or there is no server behind a proxy',
  }),
  'tls-failed': () => ({ text: 'the TLS handshake failed', cause: 'the log of the server may say more' }),
};

function judgeTls(seen: Observation, { again, minVersion }: ServerToExamine): Finding[] {
  const protocol = seen.protocol ?? 'TLSv1.2';
  if (protocol === 'TLSv1.2' && minVersion === 'TLSv1.3') {
    const text = 'it speaks TLS 1.2 and not 1.3, which is the oldest that this end accepts';
    return [
      finding('tls-version', 'server', text, {
        cause: 'its software is older than 2018, or its configuration holds TLS 1.3 back',
        fix: again({ 'min-tls': '1.2' }),
      }),
    ];
  }
  const alpn = seen.alpn === undefined ? '' : `, ALPN ${escapeText(seen.alpn)}`;
  return [finding('tls-ok', 'server', `it speaks TLS ${protocol.slice(4)}${alpn}`)];
}

function judgeServerChain(flight: ServerFlight, server: ServerToExamine): { findings: Finding[]; isProven: boolean } {
  const unread = (found: Finding) => ({ findings: [found], isProven: false });
  let chain: Examined[];
  try {
    chain = flight.chain.map(examined);
  } catch (error) {
    const reason = escapeText(error instanceof Error ? error.message : String(error));
    return unread(finding('certificate-malformed', 'server', `its certificate cannot be read (${reason})`));
  }
  const [leaf] = chain;
  if (leaf === undefined) {
    return unread(finding('certificate-missing', 'server', 'it presented no certificate that can be read'));
  }
  const { anchors = [], ca = unknownCas.server } = server;
  const replacement = { san: leaf.fields.san, hosts: [server.name] };
  const reissue = reissueFor({ ...replacement, ca: isIssuedByFirst(leaf, anchors) ? ca : unknownCas.server });
  const findings = judgeLeaf(leaf, 'server', {
    role: 'server',
    demanded: 'server',
    hosts: [server.name],
    reissue,
  });
  if (server.anchors === undefined) return { findings, isProven: false };
  const { findings: found, proven } = judgeChain(chain, server.anchors, {
    subject: 'server',
    path: 'SERVER.pem',
    reissue: reissueFor({ ...replacement, ca })('server'),
  });
  findings.push(...found);
  if (proven !== undefined && server.revocation !== undefined) {
    findings.push(...judgeRevocation(proven, server.revocation, 'server', reissue));
  }
  return { findings, isProven: proven !== undefined };
}

/** What the server asks of a client's certificate, and whether ours is of one of the CAs that it names. */
function judgeRequest({ certificateRequest, isComplete }: ServerFlight, own: readonly Examined[]): Finding[] {
  if (certificateRequest === undefined) {
    if (!isComplete) return [];
    const text = 'it asks for no client certificate: this is not mutual TLS, anybody can connect';
    const cause =
      'in Node it takes requestCert: true and ca; in nginx ssl_verify_client on; in HAProxy verify required';
    return [finding('asks-for-no-certificate', 'server', text, { cause })];
  }
  const names = certificateRequest.authorities.map(({ text }) => text);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  const of = names.length === 0 ? 'and names no CA' : `of ${names.slice(0, 3).join(' or ')}${more}`;
  const findings = [finding('asks-for-certificate', 'server', `it asks for a client certificate ${of}`)];
  const [leaf] = own;
  if (leaf !== undefined && names.length > 0 && !own.some(({ fields }) => names.includes(fields.issuer.text))) {
    const text = `our certificate, ${nameOf(leaf)}, is from ${leaf.fields.issuer.text}, which is not among the CAs that the server names`;
    const cause =
      'the server trusts another CA for clients than the one that issued ours, or ours comes from an intermediate that --cert lacks';
    findings.push(finding('issuer-not-accepted', 'server', text, { cause, fix: reissueOurs(own) }));
  }
  return findings;
}

/** A clock that differs by more is told, in milliseconds: the field counts seconds, and the way takes some. */
const maxClockDifference = 60_000;

function judgeClock(answers: readonly (Buffer | undefined)[]): Finding[] {
  for (const answer of answers) {
    const date = /\r\nDate: ([^\r\n]{1,64})\r\n/i.exec(answer?.toString('latin1', 0, 16_384) ?? '')?.[1];
    const theirs = date === undefined ? Number.NaN : Date.parse(date);
    const ahead = theirs - Date.now();
    if (Math.abs(ahead) <= maxClockDifference || Number.isNaN(ahead)) continue;
    const minutes = Math.round(Math.abs(ahead) / 60_000);
    const text = `its clock is ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} ${ahead > 0 ? 'ahead of' : 'behind'} ours`;
    const cause =
      'one of the two is wrong: certificates look expired or not yet valid to the one and good to the other';
    return [finding('clock-differs', 'server', text, { cause, fix: 'timedatectl status' })];
  }
  return [];
}
