/** The chains of the table before openssl: `verify`, and both ends in TLS, `s_server` and `s_client`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { kit } from '../support/kit.js';
import type { VerdictRow } from '../support/verdict-rows.js';
import {
  chainOf,
  expectedOfOpenssl,
  expectedOfOurs,
  rows,
  showAnything,
  verdictOnClient,
  verdictOnServer,
} from '../support/verdicts.js';
import { interopSuite } from './tools.js';

const verdicts = interopSuite('verdicts on chains, beside openssl (RFC 5280 §6.1)');

/** Ours, in openssl's words; nothing of the machine's own configuration and CAs. */
const strict = ['-no-CApath', '-no-CAstore'];
const cipher = 'DEFAULT:@SECLEVEL=2';
const env = { ...process.env, OPENSSL_CONF: '/dev/null', LC_ALL: 'C' };

interface Files {
  /** The argument for revocation, where there are lists. */
  readonly revocation: readonly string[];
  readonly leaf: string;
  readonly key: string;
  readonly trusted: string;
  /** The arguments for what is behind the leaf. */
  behind(option: string): string[];
}

let directory = '';

function filesOf(row: VerdictRow): Files {
  const { shown, trusted, lists } = chainOf(row);
  const pemOf = (der: Buffer): string =>
    `-----BEGIN X509 CRL-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END X509 CRL-----\n`;
  const base = join(directory, row.id.replace('/', '-'));
  const [leaf = '', ...behind] = shown.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
  // Lists are read from the file of the CAs as well.
  const texts = {
    ...{ leaf, key: shown.key, behind: behind.join('') },
    trusted: [trusted, ...(lists ?? []).map(pemOf)].join(''),
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(`${base}.${name}`, text);
  return {
    ...{ leaf: `${base}.leaf`, key: `${base}.key`, trusted: `${base}.trusted` },
    revocation: lists === undefined ? [] : ['-crl_check_all'],
    behind: (option) => (behind.length === 0 ? [] : [option, `${base}.behind`]),
  };
}

async function inDirectory(use: () => Promise<void>): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'verdicts-'));
  try {
    await use();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs openssl and returns what it wrote to stdout. */
function openssl(args: readonly string[], input: string = ''): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout }));
  });
}

const hostArguments = ({ end, host }: VerdictRow): string[] =>
  end === 'client' ? [] : isIP(host) === 0 ? ['-verify_hostname', host] : ['-verify_ip', host];

const showingArguments = ({ leaf, key, behind }: Files): string[] => [
  ...['-cert', leaf, '-key', key, '-cipher', showAnything],
  ...behind('-cert_chain'),
];

const judgingArguments = (row: VerdictRow, { trusted, revocation }: Files): string[] => [
  ...['-CAfile', trusted, ...revocation, ...strict, '-verify_return_error', '-cipher', cipher],
  ...hostArguments(row),
];

/** Runs `use` with an `s_server`, which is ended afterwards. */
async function withServer(args: readonly string[], use: (port: number) => Promise<void>): Promise<void> {
  const child: ChildProcess = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-www', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      let told = '';
      const listen = (chunk: Buffer): void => {
        told += chunk;
        const found = /ACCEPT .*:(\d+)/.exec(told);
        if (found !== null) resolve(Number(found[1]));
      };
      child.stdout!.on('data', listen);
      child.stderr!.on('data', listen);
      child.once('close', () => reject(new Error(`openssl s_server ended: ${told}`)));
    });
    await use(port);
  } finally {
    child.kill();
    await closed;
  }
}

/** Asks an `s_server` for its page, and returns whether it came. */
async function page(port: number, args: readonly string[]): Promise<'accepted' | 'refused'> {
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', ...args];
  const { stdout } = await openssl(all, 'GET / HTTP/1.0\r\n\r\n');
  return stdout.includes('HTTP/1.0 200 ok') ? 'accepted' : 'refused';
}

/** Judges a few at a time: most of it is waiting for programs to start. */
async function inParallel(all: readonly VerdictRow[], judge: (row: VerdictRow) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) await judge(row);
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

/** Fails with a line for each row whose verdict is another than the expected one. */
class Sheet {
  readonly #lines: string[] = [];

  note(row: VerdictRow, who: string, expected: string, verdict: string): void {
    if (verdict !== expected)
      this.#lines.push(`${row.id.padEnd(36)} ${who.padEnd(20)} expected ${expected.padEnd(28)} got ${verdict}`);
  }

  check(): void {
    assert.is(this.#lines.length, 0, `\n${this.#lines.join('\n')}`);
  }
}

verdicts('openssl verify says of each chain what we say, but where the table says why not', ['openssl'], async () => {
  await inDirectory(async () => {
    const sheet = new Sheet();
    const judge = async (row: VerdictRow): Promise<void> => {
      const files = filesOf(row);
      const purpose = ['-purpose', row.end === 'client' ? 'sslclient' : 'sslserver', '-auth_level', '2'];
      const untrusted = files.behind('-untrusted');
      const { code } = await openssl([
        ...[
          'verify',
          '-CAfile',
          files.trusted,
          ...files.revocation,
          ...strict,
          ...purpose,
          ...untrusted,
          ...hostArguments(row),
        ],
        files.leaf,
      ]);
      sheet.note(row, 'openssl verify', expectedOfOpenssl(row), code === 0 ? 'accepted' : 'refused');
    };
    await inParallel(rows, judge);
    sheet.check();
  });
});

verdicts('s_client shows each chain: our server and s_server agree as the table says', ['openssl'], async () => {
  await inDirectory(async () => {
    const sheet = new Sheet();
    const { cert, key } = kit().servers.good;
    for (const [name, text] of Object.entries({ cert, key })) writeFileSync(join(directory, `server.${name}`), text);
    const server = ['-cert', join(directory, 'server.cert'), '-key', join(directory, 'server.key')];
    const judge = async (row: VerdictRow): Promise<void> => {
      const files = filesOf(row);
      const verdict = await verdictOnClient(row, (port) => {
        const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', ...showingArguments(files)];
        const child = spawn('openssl', args, { env, stdio: 'ignore' });
        return () => child.kill();
      });
      sheet.note(row, 'our server', expectedOfOurs(row, 'TLSv1.3'), verdict);
      await withServer([...server, '-Verify', '100', ...judgingArguments(row, files)], async (port) => {
        sheet.note(row, 's_server', expectedOfOpenssl(row), await page(port, showingArguments(files)));
      });
    };
    await inParallel(
      rows.filter(({ end }) => end === 'client'),
      judge,
    );
    sheet.check();
  });
});

verdicts('s_server shows each chain: our client and s_client agree as the table says', ['openssl'], async () => {
  await inDirectory(async () => {
    const sheet = new Sheet();
    const judge = async (row: VerdictRow): Promise<void> => {
      const files = filesOf(row);
      await withServer(showingArguments(files), async (port) => {
        sheet.note(row, 'our client', expectedOfOurs(row, 'TLSv1.3'), await verdictOnServer(row, port, 'TLSv1.3'));
        sheet.note(row, 's_client', expectedOfOpenssl(row), await page(port, judgingArguments(row, files)));
      });
    };
    await inParallel(
      rows.filter(({ end }) => end === 'server'),
      judge,
    );
    sheet.check();
  });
});

verdicts.run();
