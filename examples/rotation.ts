/**
 * A server whose certificate, key, CA and revocation list are replaced while it runs: new ones come into force when they
 * are good as a whole, and no connection is dropped but those of clients that would not be let in any more.
 *
 *   node dist/examples/rotation.js 8443
 */
import { createServer, watchCredentials } from 'mtls-ws';

const credentials = watchCredentials({ ca: 'certs/ca.pem', cert: 'certs/server.pem', key: 'certs/server.key' });
credentials.on('reloaded', ({ identity }) => console.log(`reloaded: ${identity.subject.text}`));
credentials.on('failed', (error) => console.log(`the old credentials stay in force: ${error.message}`));
process.on('SIGHUP', () => credentials.reload()); // looks at once, where files are not seen to change

const server = createServer({
  credentials,
  closeAtExpiry: true, // a certificate that expires ends the connections of its client
  maxConnectionAge: 86_400_000, // and everybody comes back once a day, not all at the same time
});
server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
server.on('refused', ({ error }) => console.log(`refused: ${error.message}`));
server.on('expelled', (_connection, error) => console.log(`expelled: ${error.message}`));

const { port } = await server.listen({ port: Number(process.argv[2] ?? 8443) });
console.log(`listening on wss://localhost:${port}`);
