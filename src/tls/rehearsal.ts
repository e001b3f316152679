/**
 * A TLS handshake of an end with itself, in memory: what OpenSSL makes of its certificate, at either end, before anybody
 * else sees it. Nothing leaves the process.
 */
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Credentials } from './credentials.js';
import { tlsOptions } from './defaults.js';

/** Why the certificate is refused, for example `INVALID_PURPOSE`; `undefined` when it is accepted. */
export interface Rehearsal {
  readonly asServer: string | undefined;
  readonly asClient: string | undefined;
}

/** Resolves with what each end says of the certificate, verified against the `ca` of the same credentials. */
export function rehearse(credentials: Credentials): Promise<Rehearsal> {
  return new Promise((resolve) => {
    const options = { ...tlsOptions(credentials), rejectUnauthorized: false };
    const [near, far] = duplexPair();
    const server = tls.createServer({ ...options, requestCert: true });
    const client = tls.connect({ ...options, socket: near, servername: '', checkServerIdentity: () => undefined });
    const settle = (result: Rehearsal): void => {
      resolve(result);
      // Not from within a callback of TLS: on Node 20 that can end the process.
      setImmediate(() => {
        client.destroy();
        near.destroy();
        far.destroy();
      });
    };
    const fail = (error: NodeJS.ErrnoException): void => {
      const reason = error.code ?? error.message;
      settle({ asServer: reason, asClient: reason });
    };
    client.on('error', fail);
    server.on('tlsClientError', fail);
    server.on('secureConnection', (accepted) => {
      accepted.on('error', () => {});
      // The server is the second to know that all is done: the client's verdict is there.
      settle({ asServer: verdictOf(client), asClient: verdictOf(accepted) });
    });
    server.emit('connection', far);
  });
}

function verdictOf({ authorizationError }: tls.TLSSocket): string | undefined {
  return authorizationError ? String(authorizationError) : undefined;
}

/** Returns two streams, each of which reads what is written to the other. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number): Duplex =>
    new Duplex({
      read: () => {},
      write: (chunk, _encoding, done) => {
        ends[other]!.push(chunk);
        done();
      },
      final: (done) => {
        ends[other]!.push(null);
        done();
      },
    });
  ends.push(make(1), make(0));
  return ends as [Duplex, Duplex];
}
