/** What our ends make of the chains of the table, on loopback, and the table as Markdown. */
import * as tls from 'node:tls';
import type { MtlsWsError } from '../../src/errors.js';
import { ChainShop } from './chain-shop.js';
import { clientCredentials, serverCredentials } from './ends.js';
import { dialTo, loadClient, loadServer, type Version, withListener, withTlsServer } from './tls-ends.js';
import { type Made, type VerdictRow, verdictRows } from './verdict-rows.js';

const shops = { client: new ChainShop('client'), server: new ChainShop('server') };

/** The table, its certificates made when they are asked for. */
export const rows: readonly VerdictRow[] = verdictRows(shops);

const made = new Map<string, Made & { trusted: string }>();

/** Makes the certificates of a row, once. */
export function chainOf(row: VerdictRow): Made & { trusted: string } {
  let chain = made.get(row.id);
  if (chain === undefined) {
    chain = { trusted: shops[row.end].root.pem, ...row.make() };
    made.set(row.id, chain);
  }
  return chain;
}

/** Whoever shows a chain asks nothing of it. */
export const showAnything = 'DEFAULT:@SECLEVEL=0';

/** Runs our listener, which trusts what the row says, and returns what it makes of the client that `connect` brings. */
export async function verdictOnClient(row: VerdictRow, connect: (port: number) => () => void): Promise<string> {
  let verdict = 'none';
  const credentials = loadServer({ ca: chainOf(row).trusted, minVersion: 'TLSv1.2' });
  await withListener({ credentials }, async ({ port, peers, refusals }) => {
    const stop = connect(port);
    verdict = await Promise.race([
      peers.next().then(() => 'accepted'),
      refusals.next().then(({ error }) => error.code),
    ]);
    stop();
  });
  return verdict;
}

/** Dials the server that shows the chain of the row, and returns what our client makes of it. */
export async function verdictOnServer(row: VerdictRow, port: number, version: Version): Promise<string> {
  const credentials = loadClient({ ca: chainOf(row).trusted, minVersion: version });
  try {
    const { socket } = await dialTo(port, { credentials, serverName: row.host });
    socket.destroy();
    return 'accepted';
  } catch (error) {
    return (error as MtlsWsError).code;
  }
}

/** What our end makes of the chain when an end of Node's shows it. */
export async function ourVerdict(row: VerdictRow, version: Version): Promise<string> {
  const { cert, key } = chainOf(row).shown;
  const showing = { cert, key, ciphers: showAnything, minVersion: version, maxVersion: version };
  if (row.end === 'client') {
    return verdictOnClient(row, (port) => {
      const { ca } = clientCredentials();
      const socket = tls.connect({ ...showing, ca, host: '127.0.0.1', port, servername: 'localhost' });
      socket.on('error', () => {});
      return () => socket.destroy();
    });
  }
  let verdict = 'none';
  const options = { ...showing, ca: serverCredentials().ca, requestCert: true, rejectUnauthorized: false };
  await withTlsServer(
    options,
    () => {},
    async (port) => {
      verdict = await verdictOnServer(row, port, version);
    },
  );
  return verdict;
}

/** What openssl is to say of the row. */
export function expectedOfOpenssl({ ours, differs }: VerdictRow): 'accepted' | 'refused' {
  return (ours === 'accepted') === (differs === undefined) ? 'accepted' : 'refused';
}
