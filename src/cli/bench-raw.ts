/** Run as a process by `mtls-ws bench`: `bench-raw.js CA CERT KEY` is the server that it compares with. */
import { readFileSync } from 'node:fs';
import { startRawServer } from '../bench/index.js';
import { loadCredentials } from '../tls/index.js';

const [ca, cert, key] = process.argv.slice(2, 5).map((file) => readFileSync(file));
const [minVersion] = process.argv.slice(5) as Array<'TLSv1.2' | 'TLSv1.3'>;
const port = await startRawServer(
  loadCredentials({ ca: ca!, cert: cert!, key: key!, ...(minVersion && { minVersion }) }),
);
process.stdout.write(`listening on wss://127.0.0.1:${port}\n`);
process.on('SIGTERM', () => process.exit(0));
