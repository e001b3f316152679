/**
 * Two tenants behind one port, each with its own host name, certificate and client CA, and rules by path in each; with
 * certificates made in memory. Each client tries both hosts.
 *
 *   node dist/examples/hosts.js
 */
import * as net from 'node:net';
import { anyVerifiedPeer, byPath, type Connection, connect, createServer, PeerIdentityError, spiffeId } from 'mtls-ws';
import { createAuthority } from 'mtls-ws/pki';

const serverCa = createAuthority({ commonName: 'Server CA' });
const tenants = ['a.example', 'b.example'].map((host) => {
  const clientCa = createAuthority({ commonName: `Clients of ${host}` });
  return {
    host,
    ca: clientCa.cert,
    server: serverCa.issue({ kind: 'server', commonName: host, hosts: [host] }),
    client: clientCa.issue({ kind: 'client', commonName: `device of ${host}`, uris: [`spiffe://${host}/device/1`] }),
  };
});

const server = createServer({
  hosts: Object.fromEntries(
    tenants.map(({ host, ca, server: { cert, key } }) => [host, { ca, cert, key }]), // nothing of one is worth anything at the other
  ),
  authorize: byPath({ '/admin/*': spiffeId('spiffe://a.example/device/1'), '*': anyVerifiedPeer() }),
});
server.on('connection', ({ peer }, { host, path }) => console.log(`${host}${path}: ${peer.subjectCommonName}`));
server.on('refused', ({ error }) => console.log(`refused: ${error.message.split(';')[0]}`));
const { port } = await server.listen({ port: 0 });

/** The names are not in the DNS: the connection is made here, and the URL says who is meant. */
async function visit(url: string, { cert, key }: { cert: string; key: string }): Promise<Connection> {
  return connect(url, { ca: serverCa.cert, cert, key, socket: net.connect(port, '127.0.0.1') });
}

for (const { host } of tenants) {
  for (const { client } of tenants) {
    try {
      await (await visit(`wss://${host}/`, client)).close();
    } catch (error) {
      if (!(error instanceof PeerIdentityError)) throw error; // `certificate-refused`: the client is of the other tenant
    }
  }
}
await server.close();
