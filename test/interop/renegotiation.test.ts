/** Renegotiation (RFC 5246 §7.4.1), which openssl asks for when it is told to. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { connect } from '../../src/index.js';
import { clientCredentials, startServer, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { dialTo, loadClient } from '../support/tls-ends.js';
import { interopSuite } from './tools.js';

const renegotiation = interopSuite('renegotiation, asked for by openssl');

/** Writes a certificate and its key into files, and returns the arguments that show them. */
function showing(directory: string, { cert, key }: { cert: string; key: string }): string[] {
  writeFileSync(join(directory, 'cert.pem'), cert);
  writeFileSync(join(directory, 'key.pem'), key);
  return ['-cert', join(directory, 'cert.pem'), '-key', join(directory, 'key.pem')];
}

/** Runs `use` with a program of openssl in TLS 1.2, and all that it has written. */
async function withOpenssl(
  issued: { cert: string; key: string },
  args: readonly string[],
  use: (child: ChildProcessWithoutNullStreams, written: () => string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'renegotiation-'));
  const child = spawn('openssl', [...args, '-tls1_2', ...showing(directory, issued)], { stdio: 'pipe' });
  const closed = once(child, 'close');
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      written += chunk;
    });
  }
  child.stdin.on('error', () => {});
  try {
    await use(child, () => written);
  } finally {
    child.kill();
    await closed;
    rmSync(directory, { recursive: true });
  }
}

renegotiation('by a client gets no second handshake, and the connection ends (M15)', ['openssl'], async () => {
  const { server, port, url } = await startServer({ minVersion: 'TLSv1.2', handshakeTimeout: 2_000 });
  const refused: string[] = [];
  server.on('refused', ({ error }) => refused.push(error.code));
  try {
    await withOpenssl(kit().clients.good, ['s_client', '-connect', `127.0.0.1:${port}`], async (child, written) => {
      const ended = once(child, 'close');
      await until(() => written().includes('Verify return code'));
      // A line that is an R is a command.
      for (let count = 0; count < 50; count++) child.stdin.write('R\n');
      await ended;
      assert.match(written(), 'RENEGOTIATING');
      assert.match(written(), /no renegotiation/i);
    });
    await until(() => server.connections.size === 0);
    (await connect(url, clientCredentials())).terminate();
  } finally {
    await server.close({ deadline: 0 });
  }
});

renegotiation('by a server gets no second handshake from our client (M15)', ['openssl'], async () => {
  await withOpenssl(kit().servers.good, ['s_server', '-accept', '127.0.0.1:0', '-msg'], async (child, written) => {
    await until(() => /ACCEPT .*:\d+/.test(written()));
    const port = Number(/ACCEPT .*:(\d+)/.exec(written())?.[1]);
    const { socket, peer } = await dialTo(port, { credentials: loadClient({ minVersion: 'TLSv1.2' }) });
    assert.is(peer.tls.protocol, 'TLSv1.2');
    socket.resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await until(() => written().includes('CIPHER is'));
    for (let count = 0; count < 50; count++) child.stdin.write('r\n');
    // A server that is told no ends it.
    await closed;
    assert.match(written(), /no renegotiation/i);
    assert.is(written().split('ClientHello').length - 1, 1);
  });
});

renegotiation.run();
