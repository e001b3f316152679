import { createPrivateKey } from 'node:crypto';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { files, run } from './program.js';

/** Runs a command with one credential file replaced, and returns what it says. */
async function say(
  flag: 'ca' | 'cert' | 'key',
  file: string,
  more: readonly string[] = [],
  command: 'serve' | 'connect' = 'serve',
): Promise<string> {
  const flags = files()[command === 'serve' ? 'server' : 'client'];
  const replaced = flags.map((item, index) => (flags[index - 1] === `--${flag}` ? file : item));
  const first = command === 'serve' ? ['serve', '--port', '0'] : ['connect', 'wss://127.0.0.1:9'];
  const { code, stdout, stderr } = await run([...first, ...replaced, ...more]);
  assert.is(code, 2, stderr);
  assert.is(stdout.length, 0);
  assert.match(stderr, new RegExp(`^mtls-ws ${command}: [^\\n]*\\n$`));
  assert.ok(stderr.includes(`--${flag} ${file}`), `names the file: ${stderr}`);
  return stderr;
}

/** A private key, locked by a passphrase. */
function locked(key: string): string {
  return createPrivateKey(key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'open sesame',
  }) as string;
}

const faults = suite('credentials of serve and connect: exit code 2 and one line with the file and the reason (M5)');

faults('says that a file is missing', async () => {
  const { file } = files();
  assert.match(await say('ca', file('nowhere.pem')), /nowhere\.pem cannot be read: no such file; check the path/);
});

faults('says that a file is a directory', async () => {
  assert.match(await say('key', files().directory), /cannot be read: it is a directory; /);
});

faults('says that a file is empty', async () => {
  assert.match(await say('cert', files().file('empty.pem', '')), /empty\.pem is empty; /);
  assert.match(await say('ca', files().file('blank.pem', '\n')), /blank\.pem: .*\n$/);
});

faults('says that a file is DER', async () => {
  const { file, pki } = files();
  assert.match(await say('ca', file('ca.der', pki.ca.der)), /ca\.der: .*DER/);
});

faults('says that a file is cut short', async () => {
  const { file, pki } = files();
  assert.match(await say('ca', file('cut.pem', pki.ca.cert.slice(0, 300))), /cut\.pem: .*(cut|END)/i);
});

faults('says that a file is a key instead of a certificate, or the other way round', async () => {
  const { file, pki } = files();
  assert.match(await say('cert', file('key-as-cert.pem', pki.server.key)), /key-as-cert\.pem: .*key/);
  assert.match(await say('key', file('cert-as-key.pem', pki.server.cert)), /cert-as-key\.pem: .*certificate/);
});

faults('says that a certificate is not a CA', async () => {
  const { file, pki } = files();
  assert.match(await say('ca', file('leaf.pem', pki.client.cert)), /leaf\.pem: .*not a CA/);
});

faults('says that a key is that of another certificate', async () => {
  const { file, pki } = files();
  assert.match(await say('key', file('other.key', pki.ca.key)), /other\.key: .*not that of the certificate/);
});

faults('says that a key is locked by a passphrase, or by another one', async () => {
  const { file, pki } = files();
  const key = file('locked.key', locked(pki.server.key));
  assert.match(await say('key', key), /locked\.key: .*passphrase.*; .*--passphrase-file/);
  const wrong = file('wrong.txt', 'open barley\n');
  assert.match(await say('key', key, ['--passphrase-file', wrong]), /locked\.key: .*passphrase does not unlock/);
});

faults('says it of the client too', async () => {
  const { file, pki } = files();
  const line = await say('cert', file('key-as-cert.pem', pki.client.key), [], 'connect');
  assert.match(line, /it holds a private key where a certificate is expected; give the certificate/);
});

faults('unlocks a key with the first line of --passphrase-file', async () => {
  const { file, pki, client } = files();
  const args = client.map((item, index) =>
    client[index - 1] === '--key' ? file('client-locked.key', locked(pki.client.key)) : item,
  );
  const { code, stderr } = await run([
    'connect',
    'wss://127.0.0.1:9',
    ...args,
    '--passphrase-file',
    file('right.txt', 'open sesame\n'),
  ]);
  // The credentials are fine: what fails is the network.
  assert.is(code, 1, stderr);
});

faults.run();
