/**
 * `mtls-ws conformance self`: this package on both ends, with certificates made in memory: its server tested by the runner,
 * then its client.
 */
import { type CaseResult, type RunOptions, testClients, testServer } from '../conformance/index.js';
import { type ConnectOptions, connect, createServer } from '../index.js';
import { createAuthority } from '../tls/pki/index.js';
import { echo } from './echo.js';

type Versions = { readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined };

/** The other name of the server, for the cases about names. */
const otherHost = 'other.localhost';

/** Returns the results of both ends, the server first. */
export async function testSelf(
  options: RunOptions & { parallel?: number | undefined },
): Promise<readonly CaseResult[]> {
  // One that allows authorities below it, for the cases about those.
  const ca = createAuthority();
  const hosts = ['localhost', '127.0.0.1', '::1', otherHost];
  const [server, client] = [
    ca.issue({ commonName: 'conformance server', kind: 'server', hosts }),
    ca.issue({ commonName: 'conformance client', kind: 'client' }),
  ].map(({ cert, key }) => ({ ca: ca.cert, cert, key }));
  const versions: Versions = options.minVersion === undefined ? {} : { minVersion: options.minVersion };

  const echoServer = createServer({ ...server!, ...versions, perMessageDeflate: true });
  echoServer.on('connection', echo);
  const { port } = await echoServer.listen({ port: 0, host: '127.0.0.1' });
  const url = `wss://localhost:${port}/`;
  const ofServer = await testServer({ ...options, ...client!, caKey: ca.key, otherHost, url }).finally(() =>
    echoServer.close({ deadline: 0 }),
  );

  const driven = { ended: Promise.resolve() };
  const ofClient = await testClients({
    ...options,
    ...server!,
    caKey: ca.key,
    serverName: 'localhost',
    onListening: (next) => {
      const offers = { ...client!, ...versions, protocols: ['conformance'], perMessageDeflate: true };
      driven.ended = Promise.all(Array.from({ length: options.parallel ?? 8 }, () => drive(next, offers))).then();
    },
  });
  await driven.ended;
  return [...ofServer, ...ofClient];
}

/** Asks for cases and goes through them until there are none. */
async function drive(next: string, options: ConnectOptions): Promise<void> {
  for (;;) {
    let url = '';
    try {
      const asking = await connect(next, options);
      for await (const message of asking) url = String(message);
    } catch {
      // The run is over.
    }
    if (url === '') return;
    try {
      const connection = await connect(url, options);
      echo(connection);
      await connection.closed;
    } catch {
      // Many a case is one that must be refused.
    }
  }
}
