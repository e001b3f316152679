/**
 * Run as a process: connects a good client, a client of another CA, and to a server of another CA, and prints what
 * became of each. The environment is the parent's to weaken.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from '../../src/index.js';
import { probe } from '../../src/tls/index.js';

interface Pair {
  cert: string;
  key: string;
}
const parts = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as {
  ca: string;
  client: Pair;
  foreignClient: Pair;
  server: Pair;
  foreignServer: Pair;
};

async function attempt(server: Pair, client: Pair): Promise<string> {
  const end = createServer({ ca: parts.ca, cert: server.cert, key: server.key });
  const refused = new Promise<string>((resolve) => end.once('refused', ({ error }) => resolve(error.code)));
  const { port } = await end.listen({ port: 0 });
  try {
    const connection = await connect(`wss://localhost:${port}/`, { ca: parts.ca, cert: client.cert, key: client.key });
    connection.terminate();
    return 'let in';
  } catch (error) {
    const { code } = error as { code: string };
    return code === 'certificate-refused' ? await refused : code;
  } finally {
    await end.close({ deadline: 0 });
  }
}

/** Returns what a client that has only TLS 1.2 is told. */
async function attemptOldTls(): Promise<string | undefined> {
  const { ca, server, client } = parts;
  const end = createServer({ ca, cert: server.cert, key: server.key });
  const { port } = await end.listen({ port: 0 });
  const { cert, key } = client;
  const { alert } = await probe({
    host: '127.0.0.1',
    serverName: 'localhost',
    port,
    ca,
    cert,
    key,
    maxVersion: 'TLSv1.2',
  });
  await end.close();
  return alert?.name;
}

process.stdout.write(
  JSON.stringify({
    good: await attempt(parts.server, parts.client),
    foreignClient: await attempt(parts.server, parts.foreignClient),
    foreignServer: await attempt(parts.foreignServer, parts.client),
    oldTls: await attemptOldTls(),
  }),
);
