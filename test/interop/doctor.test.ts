/**
 * The doctor against programs that are not ours: the commands that it gives do mend what they are given for, and it
 * understands in which forms OpenSSL refuses.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/tls/doctor/index.js';
import { run, temporaryDirectory } from '../cli/program.js';
import { type ClientName, type IssuedCertificate, kit } from '../support/kit.js';
import { interopSuite } from './tools.js';

const directory = temporaryDirectory();

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(directory, name), content, { mode: 0o600 });
  return name;
}

/** Writes the three files of an end, and returns their flags. */
function flagsOf(issued: IssuedCertificate, name: string): string[] {
  return [
    ...['--ca', write('ca.pem', kit().ca.cert)],
    ...['--cert', write(`${name}.pem`, issued.cert)],
    ...['--key', write(`${name}.key`, issued.key)],
  ];
}

async function findings(args: readonly string[]): Promise<{ code: number | null; found: Finding[] }> {
  const { code, stdout, stderr } = await run(['doctor', ...args, '--json'], { cwd: directory });
  assert.is(stderr, '');
  return { code, found: JSON.parse(stdout.toString()).findings };
}

const mending = interopSuite('the commands of the doctor mend');

/** A file of another form, the command that makes it where Node cannot, and where the mended one is. */
const forms: Readonly<Record<string, { content: () => string | Uint8Array; mended: string }>> = {
  'der.crt': { content: () => kit().servers.good.der, mended: 'der.from-der.pem' },
  'bom.pem': { content: () => `\ufeff${kit().servers.good.cert}`, mended: 'bom.utf8.pem' },
  'wide.pem': {
    content: () => Buffer.from(`\ufeff${kit().servers.good.cert}`, 'utf16le'),
    mended: 'wide.utf8.pem',
  },
  "it's one line.pem": {
    content: () => kit().servers.good.cert.replaceAll('\n', '\\n'),
    mended: "it's one line.lines.pem",
  },
};

for (const [name, { content, mended }] of Object.entries(forms)) {
  mending(`the form of ${name}`, ['openssl'], async () => {
    const before = await findings(['--cert', write(name, content())]);
    assert.is(before.code, 2);
    const [wrong, ...others] = before.found.filter(({ severity }) => severity === 'error');
    assert.equal(others, []);
    execFileSync('sh', ['-c', wrong!.fix!], { cwd: directory });
    const after = await findings(['--cert', mended, '--ca', write('ca.pem', kit().ca.cert), '--host', 'localhost']);
    assert.is(after.code, 0, JSON.stringify(after.found));
    assert.match(readFileSync(join(directory, mended), 'utf8'), /^-----BEGIN CERTIFICATE-----\n/);
  });
}

mending('a key in DER, a locked key and one that others can read', ['openssl'], async () => {
  const flags = flagsOf(kit().servers.good, 'server');
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  openssl('pkey', '-in', 'server.key', '-outform', 'der', '-out', 'der.key');
  openssl('pkey', '-in', 'server.key', '-aes256', '-passout', 'pass:open sesame', '-out', 'locked.key');
  const fixOf = async (key: string): Promise<string> => {
    const { found } = await findings([...flags.slice(0, 4), '--key', key]);
    return found.find(({ subject, severity }) => subject === 'key' && severity !== 'ok')!.fix!;
  };
  const withKey = (key: string, ...more: string[]) => findings([...flags.slice(0, 4), '--key', key, ...more]);
  execFileSync('sh', ['-c', await fixOf('der.key')], { cwd: directory });
  assert.is(statSync(join(directory, 'der.from-der.key')).mode & 0o077, 0);
  assert.equal(await withKey('der.from-der.key'), await withKey('server.key'));
  write('passphrase', 'open sesame\n');
  assert.is((await withKey('locked.key')).code, 2);
  assert.is((await withKey('locked.key', '--passphrase-file', 'passphrase')).code, 0);
});

mending('a certificate in PKCS#12', ['openssl'], async () => {
  flagsOf(kit().servers.good, 'server');
  const args = [
    'pkcs12',
    '-export',
    '-in',
    'server.pem',
    '-inkey',
    'server.key',
    '-passout',
    'pass:',
    '-out',
    'all.p12',
  ];
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const { found } = await findings(['--cert', 'all.p12']);
  const [wrong] = found.filter(({ severity }) => severity === 'error');
  assert.is(wrong!.id, 'file-binary');
  execFileSync('sh', ['-c', `${wrong!.fix!} -passin pass:`], { cwd: directory, stdio: 'pipe' });
  assert.is((await findings(['--cert', 'all.from-p12.pem', '--key', 'all.from-p12.pem'])).code, 0);
});

mending('a signing request', ['openssl'], async () => {
  const { ca } = kit();
  write('ca.pem', ca.cert);
  write('ca.key', ca.key);
  const request = [
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'new.key',
  ];
  const names = ['-subj', '/CN=new', '-addext', 'subjectAltName=DNS:localhost', '-out', 'new.csr'];
  execFileSync('openssl', [...request, ...names], { cwd: directory, stdio: 'pipe' });
  const { found } = await findings(['--cert', 'new.csr']);
  const [wrong] = found.filter(({ severity }) => severity === 'error');
  assert.is(wrong!.id, 'request-instead-of-certificate');
  execFileSync('sh', ['-c', wrong!.fix!], { cwd: directory, stdio: 'pipe' });
  assert.ok(existsSync(join(directory, 'new.csr.signed.pem')));
  const after = await findings([
    '--ca',
    'ca.pem',
    '--cert',
    'new.csr.signed.pem',
    '--key',
    'new.key',
    '--host',
    'localhost',
  ]);
  assert.equal(
    after.found.filter(({ severity }) => severity === 'error'),
    [],
  );
});

mending.run();

/** Runs `use` with `openssl s_server`, which demands a client certificate and says by an alert why it refuses one. */
async function withOpenssl(more: readonly string[], use: (port: number) => Promise<void>): Promise<void> {
  flagsOf(kit().servers.good, 'server');
  const args = ['s_server', '-accept', '0', '-cert', 'server.pem', '-key', 'server.key', '-CAfile', 'ca.pem'];
  const child = spawn('openssl', [...args, '-www', ...more], { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const match = /ACCEPT \S*:(\d+)/.exec(text);
        if (match !== null) resolve(Number(match[1]));
      });
      child.stderr.resume();
      child.once('exit', (code) => reject(new Error(`openssl s_server ended with ${code}`)));
    });
    await use(port);
  } finally {
    child.kill();
  }
}

const alerts = interopSuite('the doctor and openssl s_server');

for (const version of ['1.3', '1.2'] as const) {
  alerts(`reads the alerts with which it refuses a certificate (TLS ${version})`, ['openssl'], async () => {
    const demanding = ['-Verify', '3', '-verify_return_error', version === '1.3' ? '-tls1_3' : '-tls1_2'];
    await withOpenssl(demanding, async (port) => {
      const of = async (client: ClientName): Promise<Finding | undefined> => {
        const flags = flagsOf(kit().clients[client], client);
        const { found } = await findings([`wss://localhost:${port}/`, ...flags, '--min-tls', version]);
        assert.ok(found.some(({ id }) => id === 'asks-for-certificate'));
        assert.ok(found.some(({ id }) => id === 'refuses-without-certificate'));
        return found.find(({ id }) => id === 'our-certificate-refused');
      };
      assert.match((await of('otherCa'))!.text, /it refused our certificate: alert 48, unknown CA/);
      // It lets this one in, and is no WebSocket server.
      assert.is(await of('good'), undefined);
    });
  });
}

alerts('tells a server that asks for a certificate, and takes none too', ['openssl'], async () => {
  await withOpenssl(['-verify', '3'], async (port) => {
    const { found } = await findings([`wss://localhost:${port}/`, ...flagsOf(kit().clients.good, 'good')]);
    assert.ok(found.some(({ id }) => id === 'asks-for-certificate'));
    assert.ok(found.some(({ id }) => id === 'enters-without-certificate'));
  });
});

alerts.run();
