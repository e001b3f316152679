/**
 * Who may do what: a server that decides by subject alternative name and by SPIFFE ID, and five clients of one CA, with
 * certificates made in memory. Each asks for both paths.
 *
 *   node dist/examples/authorize.js
 */
import { type AuthorizationVerdict, connect, createServer, HandshakeError, type UpgradeRequest } from 'mtls-ws';
import { createAuthority } from 'mtls-ws/pki';

const ca = createAuthority({ commonName: 'Plant CA' });
const gateway = ca.issue({ kind: 'server', commonName: 'gateway', hosts: ['localhost'] });
const clients = [1, 2, 3, 4, 5].map((number) =>
  ca.issue({
    kind: 'client',
    commonName: `device-${number}`,
    hosts: [`device-${number}.plant.example`],
    uris: [`spiffe://plant.example/${number <= 3 ? 'sensor' : 'valve'}/${number}`],
  }),
);

const operators = new Set(['device-1.plant.example', 'device-4.plant.example']);

function authorize({ peer, path }: UpgradeRequest): AuthorizationVerdict {
  // By subject alternative name: whole names, never a part of one.
  if (path === '/operate') {
    return peer.san.dns.some((name) => operators.has(name)) || { reason: 'operators only' };
  }
  // By SPIFFE ID: `spiffeId` is an object, or undefined where the certificate has none.
  if (path === '/measure') {
    const { trustDomain, path: workload } = peer.spiffeId ?? {};
    return (trustDomain === 'plant.example' && workload?.startsWith('/sensor/')) || { reason: 'sensors only' };
  }
  return false;
}

const server = createServer({ ca: ca.cert, cert: gateway.cert, key: gateway.key, authorize });
server.on('refused', ({ error }) => console.error(`refused: ${error.message}`)); // a PeerIdentityError `not-authorized`
const { port } = await server.listen({ port: 0 });

for (const { cert, key } of clients) {
  for (const path of ['/operate', '/measure']) {
    try {
      const connection = await connect(`wss://localhost:${port}${path}`, { ca: ca.cert, cert, key });
      console.log(`${path}: open`);
      await connection.close();
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      console.log(`${path}: ${error.httpStatus}`); // 403
    }
  }
}
await server.close();
