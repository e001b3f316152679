/** What our ends make of the chains of the table, on loopback; and docs/verdicts.md, which shows the table. */
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

/** What the end that judges is given. */
function trust(row: VerdictRow): { ca: string; crl?: readonly Buffer[] } {
  const { trusted: ca, lists } = chainOf(row);
  return lists === undefined ? { ca } : { ca, crl: lists };
}

/** Whoever shows a chain asks nothing of it. */
export const showAnything = 'DEFAULT:@SECLEVEL=0';

/** Runs our listener, which trusts what the row says, and returns what it makes of the client that `connect` brings. */
export async function verdictOnClient(row: VerdictRow, connect: (port: number) => () => void): Promise<string> {
  let verdict = 'none';
  const credentials = loadServer({ ...trust(row), minVersion: 'TLSv1.2' });
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
  const credentials = loadClient({ ...trust(row), minVersion: version });
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

/** What we are to make of the row. */
export function expectedOfOurs(row: VerdictRow, version: Version): string {
  if (row.notShownInTls12 && version === 'TLSv1.2') return 'tls-cipher';
  return row.onNode[Number.parseInt(process.versions.node, 10)] ?? row.ours;
}

/** What openssl is to say of the row. */
export function expectedOfOpenssl({ ours, differs }: VerdictRow): 'accepted' | 'refused' {
  return (ours === 'accepted') === (differs === undefined) ? 'accepted' : 'refused';
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/[*_]/g, '\\$&');

/** A line of the table, with `ENDS` for who shows the chain. */
function documentLine(row: VerdictRow): string {
  const { id, chain, end, host, ours, differs, onNode } = row;
  const asked = end === 'server' && host !== 'localhost' ? `; for \`${host}\`` : '';
  const exceptions = Object.entries(onNode).map(([major, verdict]) => `on Node ${major}: ${verdict}`);
  const why = [differs, ...exceptions].filter((part) => part !== undefined).join('; ');
  const [weSay, code] = ours === 'accepted' ? [ours, ''] : ['refused', `\`${ours}\``];
  const cells = [id.replace(/^\w+\//, ''), 'ENDS', cell(chain) + asked, expectedOfOpenssl(row), weSay, code, cell(why)];
  return `| ${cells.join(' | ')} |`;
}

/** docs/verdicts.md. */
export function verdictsDocument(): string {
  const clients = rows.filter(({ end }) => end === 'client').length;
  const different = rows.filter(({ differs }) => differs !== undefined).length;
  const shownBy = new Map<string, Set<string>>();
  for (const row of rows) {
    const line = documentLine(row);
    shownBy.set(line, (shownBy.get(line) ?? new Set()).add(row.end));
  }
  const table = [...shownBy].map(([line, ends]) => line.replace('ENDS', ends.size === 2 ? 'either' : [...ends].join()));
  return `${verdictsIntroduction(clients, rows.length - clients, different)}
| id | shown by | chain | openssl | ours | code | why different |
|---|---|---|---|---|---|---|
${table.join('\n')}
`;
}

function verdictsIntroduction(clients: number, servers: number, different: number): string {
  return `# Verdicts on certificate chains

What this package makes of ${clients} chains that a client shows and ${servers} that a server shows, beside what \`openssl verify\` makes
of them. Each is good, or wrong in one way. ${different} verdicts are different, each for the reason given.

- *ours* is the verdict of a real TLS handshake, with our server (of what a client shows) or our client, in
  TLS 1.3 and 1.2, on Node 20, 22, 24 and 26: \`npm test -- tls/verdicts\`. *code* is that of the error.
- *openssl* is \`openssl verify -purpose sslclient\` or \`sslserver\`, with \`-auth_level 2\`, and \`-verify_hostname\` or \`-verify_ip\` for a
  server, and \`-crl_check_all\` where there are revocation lists; \`s_server\` and \`s_client\` say the same in TLS: \`npm run test:interop -- verdicts\`.
- The host that is asked for is \`localhost\`, if not said otherwise.

This file is written by \`node scripts/verdicts.mjs\`, and a test holds it to the table in \`test/support/verdict-rows.ts\`.
`;
}
