// A client for `mtls-ws conformance client`: asks for a case, goes through it, and asks again.
import { readFileSync } from 'node:fs';
import { connect } from 'mtls-ws';

const next = process.argv[2] ?? 'wss://localhost:8443/next';
const credentials = {
  ca: readFileSync('certs/ca.pem'),
  cert: readFileSync('certs/client.pem'),
  key: readFileSync('certs/client.key'),
};

let cases = 0;
for (let url = await ask(); url !== ''; url = await ask()) {
  await goThrough(url);
  cases++;
}
console.log(`${cases} cases`);

/** Returns the URL of the next case; empty when there are no more. */
async function ask(): Promise<string> {
  let url = '';
  for await (const message of await connect(next, credentials)) url = String(message);
  return url;
}

/** Sends back whole messages. How it ends is what the runner judges. */
async function goThrough(url: string): Promise<void> {
  try {
    const connection = await connect(url, { ...credentials, protocols: ['conformance'], perMessageDeflate: true });
    connection.on('message', (data) => connection.send(data));
    await connection.closed;
  } catch {
    // Many a case is a handshake that must fail.
  }
}
