/** The client's half of the opening handshake (RFC 6455 §4.1): from a URL to an open connection to a verified server. */
import type { Duplex } from 'node:stream';
import { HandshakeError, PeerIdentityError, UsageError } from '../errors.js';
import {
  createRequest,
  examineResponse,
  type HeaderInput,
  HeadParser,
  type ResponseHead,
  type ResponseVerdict,
  responseBodyLength,
  responseFault,
  type SentRequest,
} from '../handshake/index.js';
import { canonicalHost, escapeText } from '../text.js';
import {
  type CredentialFiles,
  type CredentialInput,
  credentialInputNames,
  describeIdentity,
  dial,
  explainAlert,
  explainRefusal,
  explainSilence,
  type PeerIdentity,
  type Rule,
  type VerifiedPeer,
} from '../tls/index.js';
import { nextConnectionId } from './acceptor.js';
import { type AuthorizationVerdict, authorizeFrom, refusalOf } from './authorize.js';
import { Connection } from './connection.js';
import { refusalField } from './explanation.js';
import { limitLifetime } from './lifetime.js';
import { Observer } from './observer.js';
import {
  type ConnectionOptions,
  connectionOptionNames,
  defaultHandshakeTimeout,
  keylogFrom,
  refuseUnknown,
  resolveConnectionOptions,
  strictBoolean,
  wholeNumber,
} from './options.js';
import { credentialsOf } from './trust.js';

/** Decides whether a server, verified for the host of the URL, is the one that is meant. */
export type AuthorizeServer = (server: {
  readonly peer: VerifiedPeer;
}) => AuthorizationVerdict | Promise<AuthorizationVerdict>;

export interface ConnectOptions extends Partial<CredentialInput>, ConnectionOptions {
  /** Credentials in files that are watched (`watchCredentials`), instead of `ca`, `cert` and `key`: as they are now. */
  credentials?: CredentialFiles;
  /**
   * Which servers to talk to, among those that `ca` verifies for the host of the URL: a function, or rules of which one
   * must be met (`[]`: none). Asked before anything is sent. Default: all of them.
   */
  authorize?: AuthorizeServer | readonly Rule[];
  /** Whether the TLS session of an earlier connection to the same server may be resumed. Default `false`. */
  sessionResumption?: boolean;
  /** Sees the TLS secrets of the connection, a line each, as Wireshark reads them: who has them can decrypt all of it. */
  insecureKeylog?: (line: Buffer) => void;
  /** The subprotocols to offer, in order of preference. Default: none. */
  protocols?: readonly string[];
  /** The `Origin` to send. Default: none; only browsers need one. */
  origin?: string;
  /** More header fields of the request. Those of the handshake itself cannot be set. */
  headers?: HeaderInput;
  /**
   * The name of the host that is meant, where the URL has another, such as an address: it is asked for in the TLS
   * handshake, looked for in the server's certificate, and sent as `Host`. Default: the host of the URL.
   */
  servername?: string;
  /** Ends the attempt; `connect` then rejects with its reason. */
  signal?: AbortSignal;
  /** A connected stream to use instead of a new TCP connection: a tunnel, a CONNECT proxy, a Unix socket. */
  socket?: Duplex;
  /** Milliseconds from the call to the 101. Default 10,000. */
  handshakeTimeout?: number;
}

const connectOptionNames: Readonly<Record<keyof ConnectOptions, true>> = {
  ...credentialInputNames,
  ...connectionOptionNames,
  credentials: true,
  authorize: true,
  sessionResumption: true,
  insecureKeylog: true,
  protocols: true,
  origin: true,
  headers: true,
  servername: true,
  signal: true,
  socket: true,
  handshakeTimeout: true,
};

/** Publishes what happens at every client of this process. */
const observer = new Observer('client');

/** A refusal's body is kept up to this many bytes, in the error's message up to much less. */
const maxBodyBytes = 16 * 1024;

/** Milliseconds that the body of a refusal is waited for: it explains, and what it explains is known already. */
const bodyDeadline = 1_000;

/** The most of a refusal's body that goes into a message, in characters. */
const maxShownBody = 200;

/**
 * Opens a connection, and resolves when the server has answered 101: an accepted TLS handshake alone proves nothing to a
 * client of TLS 1.3.
 *
 * @param url `wss:` only
 * @throws PeerIdentityError (rejects) if a certificate was refused, at either end; `certain` says whether that is known or
 *   the likely reason
 * @throws HandshakeError (rejects) if there was no connection, no TLS, an HTTP status other than 101, or a wrong answer
 * @throws UsageError (rejects) if an option, the URL or the credentials cannot be used
 */
export async function connect(url: string | URL, options: ConnectOptions): Promise<Connection> {
  if (typeof options !== 'object' || options === null) {
    throw new UsageError('option-missing', 'connect() takes a URL and an object with ca, cert and key');
  }
  refuseUnknown(options, connectOptionNames, 'connect()');
  const connectionOptions = resolveConnectionOptions(options);
  const { protocols, origin, headers } = options;
  const { servername } = options;
  if (servername !== undefined && (typeof servername !== 'string' || canonicalHost(servername) === undefined)) {
    throw new UsageError('servername-malformed', 'servername must be a host name or an IP address', {
      option: 'servername',
    });
  }
  const deflate = connectionOptions.deflate?.policies;
  const request = createRequest({ url, host: servername, protocols, origin, headers, deflate });
  const credentials = credentialsOf(options);
  const authorize = authorizeFrom(options.authorize);
  const resumes = strictBoolean('sessionResumption', options.sessionResumption);
  const keylog = keylogFrom(options.insecureKeylog);
  const timeout = wholeNumber('handshakeTimeout', options.handshakeTimeout, defaultHandshakeTimeout);
  const { hostname, port } = new URL(url);
  const host = canonicalHost(hostname)?.host ?? hostname;
  if (options.signal !== undefined && typeof options.signal?.addEventListener !== 'function') {
    throw new UsageError('option-not-a-signal', 'signal must be an AbortSignal', { option: 'signal' });
  }
  if (options.socket !== undefined && typeof options.socket?.pipe !== 'function') {
    throw new UsageError('option-not-a-stream', 'socket must be a stream', { option: 'socket' });
  }

  // Deliberately: RFC 6455 §4.1 lets one opening handshake per address go on at a time, against scripts of web pages that
  // flood a host. Who calls this is the user's own program: it may open many at once, and bounds them itself.
  const attempt = new AbortController();
  const timer = setTimeout(() => {
    const where = escapeText(new URL(url).host);
    attempt.abort(responseFault('deadline', `no answer from ${where} within ${timeout} ms (handshakeTimeout)`));
  }, timeout);
  const onAbort = (): void => attempt.abort(options.signal?.reason);
  if (options.signal?.aborted === true) onAbort();
  options.signal?.addEventListener('abort', onAbort);
  try {
    const { socket, peer } = await dial({
      host,
      port: port === '' ? 443 : Number(port),
      serverName: servername,
      credentials,
      socket: options.socket,
      resumes,
      keylog,
      signal: attempt.signal,
    });
    observer.handshake({
      peer,
      tls: peer.tls,
      remoteAddress: socket.remoteAddress ?? '',
      remotePort: socket.remotePort ?? 0,
    });
    if (authorize !== undefined) {
      try {
        await mustBeMeant(peer, authorize, attempt.signal);
      } catch (error) {
        socket.destroy();
        throw error;
      }
    }
    const id = nextConnectionId();
    const trace = connectionOptions.trace;
    trace?.(id, 'out', request.bytes);
    socket.write(request.bytes);
    const remoteAddress = socket.remoteAddress ?? '';
    const remotePort = socket.remotePort ?? 0;
    const { verdict, head, rest } = await readResponse(
      socket,
      request,
      attempt.signal,
      credentials.identity,
      trace === undefined ? undefined : (bytes) => trace(id, 'in', bytes),
    );
    if (verdict.kind === 'refused') {
      const { error } = verdict;
      const refusal = error.httpStatus === 403 ? head.fields.get(refusalField) : undefined;
      const told = refusal === undefined ? undefined : explainRefusal(refusal, credentials.identity);
      if (told !== undefined) {
        socket.destroy();
        throw told;
      }
      const body = error.code === 'http-status' ? await readBody(socket, head, rest, attempt.signal) : '';
      socket.destroy();
      options.signal?.throwIfAborted();
      throw withBody(error, body);
    }
    const connection = new Connection({
      id,
      role: 'client',
      socket,
      peer,
      options: connectionOptions,
      protocol: verdict.protocol,
      extensions: head.fields.get('Sec-WebSocket-Extensions') ?? '',
      deflate: verdict.deflate,
      remoteAddress,
      remotePort,
      head: rest,
    });
    limitLifetime(connection, connectionOptions);
    observer.opened(connection);
    return connection;
  } catch (error) {
    // The reason of a signal may be anything.
    observer.refused({ error: error instanceof Error ? error : new Error('the attempt was ended', { cause: error }) });
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Asks whether the server is the one that is meant. @throws PeerIdentityError `not-authorized` if it is not */
async function mustBeMeant(peer: VerifiedPeer, authorize: AuthorizeServer, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const verdict = await Promise.race([authorize({ peer }), aborted]);
  if (verdict === true) return;
  const { text } = refusalOf(verdict, 'it is not the one that is meant');
  const presented = describeIdentity(peer);
  throw new PeerIdentityError('not-authorized', `the server was refused: ${text}; presented: ${presented}`, {
    presented,
    hint: 'its certificate is valid for the host, but authorize does not take it: check both',
  });
}

interface FinalResponse {
  readonly verdict: Exclude<ResponseVerdict, { kind: 'interim' }>;
  readonly head: ResponseHead;
  /** Bytes that came behind the head. */
  readonly rest: Buffer;
}

/** Interim responses (1xx) that may come before the final one. */
const maxInterimResponses = 8;

/** Reads response heads until the final one. Leaves the socket paused, without listeners but for errors. */
function readResponse(
  socket: Duplex,
  request: SentRequest,
  signal: AbortSignal,
  own: PeerIdentity,
  trace: ((bytes: Buffer) => void) | undefined,
): Promise<FinalResponse> {
  return new Promise((resolve, reject) => {
    let parser = new HeadParser('response');
    let receivedBytes = 0;
    let interim = 0;
    const stop = (): void => {
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('error', onError);
      socket.off('close', onEnd);
      signal.removeEventListener('abort', onAbort);
      // Until somebody else listens, a socket that breaks must not break the process.
      socket.on('error', () => {});
    };
    const fail = (error: unknown): void => {
      stop();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onData = (chunk: Buffer): void => {
      trace?.(chunk);
      receivedBytes += chunk.length;
      let position = 0;
      while (position < chunk.length) {
        position += parser.push(chunk, position);
        if (parser.error !== undefined) return fail(parser.error);
        const { head } = parser;
        if (head === undefined) return;
        const verdict = examineResponse(head, request);
        if (verdict.kind === 'interim') {
          if (++interim > maxInterimResponses) {
            return fail(
              responseFault('too-many-interim-responses', `more than ${maxInterimResponses} interim responses came`),
            );
          }
          parser = new HeadParser('response');
          continue;
        }
        stop();
        socket.pause();
        return resolve({ verdict, head, rest: chunk.subarray(position) });
      }
    };
    const onEnd = (): void => {
      if (receivedBytes === 0) fail(explainSilence(own));
      else fail(responseFault('cut', `the server closed the connection after ${receivedBytes} bytes of its response`));
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      const refusal = explainAlert(error, own);
      if (refusal !== undefined) return fail(refusal);
      const isCut = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      if (receivedBytes === 0 && isCut) return fail(explainSilence(own, error));
      const what = error.code ?? escapeText(error.message);
      const text = `the connection broke before the server had answered: ${what}`;
      fail(responseFault('cut', text, undefined, undefined, { cause: error }));
    };
    if (signal.aborted) return fail(signal.reason);
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onError);
    // An alert may have come before anybody listened.
    if (socket.errored != null) onError(socket.errored);
    else if (socket.destroyed) onEnd();
  });
}

/** Reads the body of a refusal, up to a bound, until its end, the end of the connection or the deadline. */
function readBody(socket: Duplex, head: ResponseHead, rest: Buffer, signal: AbortSignal): Promise<string> {
  const length = Math.min(responseBodyLength(head) ?? maxBodyBytes, maxBodyBytes);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [rest];
    let size = rest.length;
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      signal.removeEventListener('abort', done);
      resolve(Buffer.concat(chunks).subarray(0, length).toString('utf8'));
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= length) done();
    };
    const timer = setTimeout(done, bodyDeadline);
    if (size >= length || socket.destroyed || signal.aborted) return done();
    signal.addEventListener('abort', done);
    socket.on('data', onData);
    socket.once('end', done);
    socket.once('close', done);
    socket.resume();
  });
}

function withBody(error: HandshakeError, body: string): HandshakeError {
  const text = body.trim();
  if (text === '') return error;
  const { httpStatus, field, value } = error;
  return new HandshakeError(error.code, `${error.message}: ${escapeText(text, maxShownBody)}`, {
    httpStatus,
    field,
    value,
  });
}
