import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { identityFromChain } from '../../src/tls/index.js';
import { suite } from '../support/suite.js';
import { run, temporaryDirectory } from './program.js';

const names = ['ca.key', 'ca.pem', 'client.key', 'client.pem', 'server.key', 'server.pem'];

/** DER of the first certificate of a PEM file. */
function certificate(path: string): Buffer {
  return Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(readFileSync(path, 'utf8'))![1]!, 'base64');
}

const init = suite('mtls-ws pki init');

init('writes six files, the keys for their owner alone whatever the umask, and tells what to do next', async () => {
  const directory = join(temporaryDirectory(), 'new', 'certs');
  const umask = process.umask(0);
  const { code, stdout, stderr } = await run(['pki', 'init', directory, '--host', 'dev.example', '--host', '10.0.0.7']);
  process.umask(umask);
  assert.is(code, 0);
  assert.is(stderr, '');
  assert.equal(readdirSync(directory).sort(), names);
  for (const name of names) {
    assert.is(statSync(join(directory, name)).mode & 0o777, name.endsWith('.key') ? 0o600 : 0o644, name);
  }
  const { san } = identityFromChain([certificate(join(directory, 'server.pem'))]);
  assert.equal(san.dns, ['localhost', 'dev.example']);
  assert.equal(san.ip, ['127.0.0.1', '::1', '10.0.0.7']);
  const text = stdout.toString();
  assert.match(text, /serve --port 8443 --ca \S+\/ca\.pem \\\n {4}--cert \S+\/server\.pem --key \S+\/server\.key\n/);
  assert.match(
    text,
    /connect wss:\/\/localhost:8443 --ca \S+\/ca\.pem \\\n {4}--cert \S+\/client\.pem --key \S+\/client\.key\n/,
  );
});

init('writes nothing when one of the files is there, be it a link to nowhere', async () => {
  const directory = temporaryDirectory();
  symlinkSync('/nowhere/at/all', join(directory, 'client.key'));
  const { code, stdout, stderr } = await run(['pki', 'init', directory]);
  assert.is(code, 2);
  assert.is(stdout.length, 0);
  assert.match(stderr, /^mtls-ws pki init: \S+ has client\.key already; nothing was written; .*--force\n$/);
  assert.equal(readdirSync(directory), ['client.key']);
});

init('replaces files with --force, and gives a key that was open to others its mode back', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'ca.key'), 'old');
  chmodSync(join(directory, 'ca.key'), 0o666);
  assert.is((await run(['pki', 'init', directory, '--force'])).code, 0);
  assert.equal(readdirSync(directory).sort(), names);
  assert.is(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600);
  assert.match(readFileSync(join(directory, 'ca.key'), 'utf8'), /BEGIN PRIVATE KEY/);
});

init('says why a directory cannot be made or a file not be written, and leaves nothing half done', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  mkdirSync(join(directory, 'server.key'));
  const [below, taken, proc, self] = await Promise.all([
    run(['pki', 'init', join(directory, 'file', 'certs')]),
    run(['pki', 'init', directory, '--force']),
    run(['pki', 'init', '/proc/mtls-ws']),
    run(['pki', 'init', '/proc/self']),
  ]);
  for (const { code, stdout } of [below, taken, proc, self]) {
    assert.is(code, 2);
    assert.is(stdout.length, 0);
  }
  assert.match(
    below.stderr,
    /^mtls-ws pki init: \S+ cannot be made: a part of its path is not a directory; name a directory/,
  );
  assert.match(taken.stderr, /^mtls-ws pki init: \S+\/server\.key is a directory; nothing was written; /);
  assert.equal(readdirSync(directory).sort(), ['file', 'server.key']);
  assert.match(proc.stderr, /^mtls-ws pki init: \/proc\/mtls-ws cannot be made: /);
  assert.match(self.stderr, /^mtls-ws pki init: \/proc\/self\/ca\.pem cannot be written: /);
});

init('takes the flags that change nothing here, and leaves them out of its help', async () => {
  const directory = temporaryDirectory();
  assert.is((await run(['pki', 'init', directory, '--min-tls', '1.2', '--trace'])).code, 0);
  assert.equal(readdirSync(directory).sort(), names);
  const { stdout } = await run(['pki', 'init', '--help']);
  assert.match(stdout.toString(), /--config/);
  assert.not.match(stdout.toString(), /--min-tls|--trace/);
});

init('refuses a host that is none', async () => {
  const directory = join(temporaryDirectory(), 'certs');
  const { code, stderr } = await run(['pki', 'init', directory, '--host', 'a b']);
  assert.is(code, 2);
  assert.match(stderr, /^mtls-ws pki init: --host "a b" is no host name and no address; give one like/);
  assert.not.ok(existsSync(directory));
});

init.run();
