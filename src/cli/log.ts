/**
 * What `serve` tells on stderr: lines for people, or with `--log json` one JSON object a line for programs. Whatever a
 * peer says is escaped and bounded, so that a line is a line and nothing steers a terminal (M17).
 */
import {
  type CloseEvent,
  type Connection,
  type MtlsWsError,
  PeerIdentityError,
  type Refusal,
  type UpgradeRequest,
  type VerifiedPeer,
} from '../index.js';
import { escapeText } from '../text.js';
import { describeIdentity } from '../tls/index.js';

type Peer = VerifiedPeer | undefined;

/** Writes the lines of one kind. */
export interface Log {
  refused(refusal: Refusal): void;
  /** A connection is over. */
  connection(connection: Connection<Peer>, request: UpgradeRequest<Peer>, event: CloseEvent): void;
  violation(connection: Connection<Peer>, error: MtlsWsError): void;
  expelled(connection: Connection<Peer>, error: MtlsWsError): void;
  reloaded(what: string): void;
  reloadFailed(error: Error): void;
  /** After a reload that failed, the files are good again; or there was nothing new in them. */
  unchanged(what: string): void;
  warning(what: string): void;
}

type Write = (line: string) => void;

/** @param write takes a line without its end */
export function createLog(format: 'text' | 'json', write: Write): Log {
  return format === 'json' ? jsonLog(write) : textLog(write);
}

function textLog(write: Write): Log {
  const peerOf = ({ peer }: Connection<Peer>): string =>
    peer === undefined ? 'no certificate' : describeIdentity(peer);
  return {
    refused: (refusal) => write(refusalLine(refusal)),
    connection: () => {},
    violation: (connection, { message }) =>
      write(`violation ${addressOf(connection)}: ${message}; presented: ${peerOf(connection)}`),
    expelled: (connection, { message }) => write(`expelled ${addressOf(connection)}: ${message}`),
    reloaded: (what) => write(`reloaded: ${what}`),
    reloadFailed: ({ message }) => write(`reload failed, the old credentials stay in force: ${message}`),
    unchanged: (what) => write(`not reloaded: ${what}`),
    warning: (what) => write(`warning: ${what}`),
  };
}

/** `refused 127.0.0.1:50000: <reason in words>; presented: <what>`: the texts of a peer come escaped and bounded. */
function refusalLine(refusal: Refusal): string {
  const { error, presented } = refusal;
  const line = `refused ${addressOf(refusal)}: ${error.message}`;
  if (presented !== undefined) return line.includes(presented) ? line : `${line}; presented: ${presented}`;
  return error.code === 'certificate-missing' ? `${line}; presented: no certificate` : line;
}

/** The longest text of a peer in a line of JSON, in characters. */
const maxText = 512;

function jsonLog(write: Write): Log {
  const line = (event: string, fields: Readonly<Record<string, unknown>>): void =>
    write(asciiJson({ time: new Date().toISOString(), event, ...fields }));
  const about = ({ error, presented }: Pick<Refusal, 'error'> & Partial<Refusal>): object => ({
    code: error.code,
    message: error.message,
    presented,
  });
  const ends = (connection: Connection<Peer>): object => ({
    connection: connection.id,
    remote: addressOf(connection),
    ...peerFields(connection.peer),
  });
  return {
    refused: (refusal) => {
      const { error, peer, host, target } = refusal;
      line('refused', {
        remote: addressOf(refusal),
        ...(peer && peerFields(peer)),
        host: host && bounded(host),
        path: target && bounded(target),
        ...about(refusal),
        hint: error instanceof PeerIdentityError ? error.hint : undefined,
      });
    },
    connection: (connection, request, { code, reason, wasClean, error, unsentBytes }) =>
      line('connection', {
        ...ends(connection),
        host: bounded(request.host),
        path: bounded(request.path),
        protocol: connection.protocol,
        duration: (Date.now() - connection.openedAt) / 1000,
        ...connection.traffic,
        code,
        reason: bounded(reason),
        clean: wasClean,
        unsentBytes,
        error: error?.message,
      }),
    violation: (connection, error) => line('violation', { ...ends(connection), ...about({ error }) }),
    expelled: (connection, error) => line('expelled', { ...ends(connection), ...about({ error }) }),
    reloaded: (what) => line('reloaded', { message: what }),
    unchanged: (what) => line('unchanged', { message: what }),
    warning: (what) => line('warning', { message: what }),
    reloadFailed: (error) =>
      line('reload-failed', { code: (error as Partial<MtlsWsError>).code, message: error.message }),
  };
}

function peerFields(peer: Peer): object {
  if (peer === undefined) return { peer: 'none' };
  const { subject, issuer, serialNumber, fingerprint256, spiffeId, tls } = peer;
  return {
    peer: bounded(subject.text),
    issuer: bounded(issuer.text),
    serial: bounded(serialNumber),
    fingerprint: fingerprint256,
    spiffeId: spiffeId === undefined ? undefined : bounded(spiffeId.id),
    tls: tls.protocol,
    resumed: tls.resumed,
  };
}

function bounded(text: string): string {
  return escapeText(text, maxText);
}

/** JSON in visible ASCII alone: every other character is written as its code. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Returns an address as it stands in a URL: `[::1]:8443`. */
export function addressOf({ remoteAddress, remotePort }: { remoteAddress: string; remotePort: number }): string {
  return `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}
