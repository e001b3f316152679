/** A socket to an echo server, up to the moment when messages may be sent. */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { HandshakeError } from '../errors.js';
import { createRequest, examineResponse, HeadParser, responseFault, type SentRequest } from '../handshake/index.js';
import { type Credentials, dial } from '../tls/index.js';

export interface Target {
  readonly url: URL;
  /** The name in the server's certificate, and so in `Host`, where it is not the host of the URL. */
  readonly serverName?: string | undefined;
  readonly credentials: Credentials;
  /** `raw`: TLS alone; the server shows by one byte that it let the client in. */
  readonly kind: 'ws' | 'raw';
}

/** Milliseconds that a handshake may take. */
const handshakeTimeout = 10_000;

/** @throws PeerIdentityError | HandshakeError as `connect`. */
export async function open({ url, serverName, credentials, kind }: Target): Promise<Duplex> {
  const signal = AbortSignal.timeout(handshakeTimeout);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 443 : Number(url.port);
  const name = serverName === undefined ? {} : { serverName };
  const { socket } = await dial({ host, port, ...name, credentials, signal });
  try {
    await opened(socket, createRequest({ url, host: serverName }), kind, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** Resolves when the server has let this client in. Leaves the socket paused. */
function opened(socket: Duplex, request: SentRequest, kind: Target['kind'], signal: AbortSignal): Promise<void> {
  const parser = new HeadParser('response');
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    const onAbort = (): void => fail(new HandshakeError('handshake-timeout', 'the server did not answer in time'));
    const onClose = (): void => fail(responseFault('cut', 'the server closed the connection before it had answered'));
    const onData = (chunk: Buffer): void => {
      let position = chunk.length;
      if (kind === 'ws') {
        position = parser.push(chunk, 0);
        if (parser.error !== undefined) return fail(parser.error);
        if (parser.head === undefined) return;
        const verdict = examineResponse(parser.head, request);
        if (verdict.kind !== 'accepted') {
          return fail(verdict.kind === 'refused' ? verdict.error : responseFault('cut', 'an interim response came'));
        }
      }
      if (position < chunk.length) return fail(responseFault('cut', 'the server sent more than its response'));
      stop();
      resolve();
    };
    const stop = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('data', onData).off('close', onClose).off('error', fail).pause();
      socket.on('error', () => {});
    };
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData).on('close', onClose).on('error', fail);
    if (kind === 'ws') socket.write(Buffer.from(request.bytes));
  });
}
