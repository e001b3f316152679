import { once } from 'node:events';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import * as assert from 'uvu/assert';
import { type Connection, createServer, type Server, type ServerOptions } from '../../src/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import { suite } from '../support/suite.js';
import { files, run, start } from './program.js';

interface Peer {
  readonly server: Server;
  readonly url: string;
  /** The next connection. */
  connection(): Promise<Connection>;
}

/** A server of this process; echoes unless told otherwise. */
async function peer(
  onConnection: (connection: Connection) => void = echo,
  options: Partial<ServerOptions> = {},
): Promise<Peer> {
  const { pki } = files();
  const server = createServer({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key, ...options });
  server.on('connection', onConnection);
  const { port } = await server.listen({ port: 0 });
  const connection = (): Promise<Connection> => new Promise((resolve) => server.once('connection', resolve));
  return { server, url: `wss://127.0.0.1:${port}/`, connection };
}

function echo(connection: Connection): void {
  connection.on('message', (data) => {
    if (!connection.send(data)) connection.pause();
  });
  connection.on('drain', () => connection.resume());
}

/** A server that is none of ours: returns the URL of its port. */
async function listening(server: NetServer): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `wss://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

const talk = suite('mtls-ws connect: messages');

talk('sends each line of stdin as a text message and prints each one received as a line', async () => {
  const { server, url } = await peer();
  const input = 'one\r\n\nWörld ✓\nlast without line feed';
  const { code, stdout, stderr } = await run(['connect', url, ...files().client, '--wait', '0.1'], { input });
  assert.is(stderr, '');
  assert.is(code, 0);
  assert.is(stdout.toString(), 'one\n\nWörld ✓\nlast without line feed\n');
  await server.close();
});

talk('sends all of stdin as one binary message and writes what comes back as it is', async () => {
  const messages: (string | Buffer)[] = [];
  const { server, url } = await peer((connection) => {
    echo(connection);
    connection.on('message', (data) => messages.push(data));
  });
  const input = Buffer.alloc(3_000_000, 'some bytes \r\n\xff\0', 'latin1');
  const { code, stdout, stderr } = await run(['connect', url, ...files().client, '--binary', '--wait', '0.2'], {
    input,
  });
  assert.is(stderr, '');
  assert.is(code, 0);
  assert.ok(stdout.equals(input));
  assert.is(messages.length, 1);
  await server.close();
});

talk('puts nothing else on stdout: a message of the other kind is left out, and said to be', async () => {
  const { server, url } = await peer((connection) => {
    connection.on('message', () => {});
    connection.send(Buffer.from('bin'));
    connection.send('text');
    connection.send(Buffer.from('bin'));
  });
  const text = await run(['connect', url, ...files().client, '--wait', '0.1']);
  assert.is(text.stdout.toString(), 'text\n');
  assert.match(text.stderr, /^mtls-ws connect: a binary message was left out; [^\n]*\n$/);
  const binary = await run(['connect', url, ...files().client, '--wait', '0.1', '--binary']);
  assert.is(binary.stdout.toString(), 'binbin');
  assert.match(binary.stderr, /^mtls-ws connect: a text message was left out; [^\n]*\n$/);
  await server.close();
});

talk('closes with 1000 when stdin has ended and no message came for --wait seconds', async () => {
  let ticks = 0;
  const { server, url, connection } = await peer((connection) => {
    // Messages keep it open for longer than the wait.
    const timer = setInterval(() => (++ticks <= 10 ? connection.send('tick') : clearInterval(timer)), 60);
  });
  const accepted = connection();
  const { code, stdout } = await run(['connect', url, ...files().client, '--wait', '0.3']);
  assert.is(code, 0);
  assert.is(stdout.toString(), 'tick\n'.repeat(10));
  const { code: closeCode, wasClean } = await (await accepted).closed;
  assert.is(closeCode, 1000);
  assert.is(wasClean, true);
  await server.close();
});

talk('refuses stdin that is not UTF-8 with exit code 2, after the lines before it', async () => {
  const { server, url } = await peer();
  const input = Buffer.from('good\nbad \xff\n', 'latin1');
  const { code, stderr } = await run(['connect', url, ...files().client], { input });
  assert.is(code, 2);
  assert.is(stderr, 'mtls-ws connect: stdin is not UTF-8 text; send it with --binary\n');
  await server.close();
});

talk('ends in peace when nobody reads its output any more', async () => {
  const { server, url, connection } = await peer((connection) => {
    const timer = setInterval(() => connection.send('x'.repeat(10_000)), 5);
    void connection.closed.then(() => clearInterval(timer));
  });
  const accepted = connection();
  const program = start(['connect', url, ...files().client]);
  await program.match('stdout', /x/);
  program.child.stdout.destroy();
  assert.is((await (await accepted).closed).code, 1000);
  const { code, stderr } = await program.outcome;
  assert.is(stderr, '');
  assert.is(code, 0);
  await server.close();
});

talk('reads no faster than its output is read', async () => {
  const total = 40_000_000;
  let sent = 0;
  const { server, url, connection } = await peer(async (connection) => {
    while (sent < total) {
      sent += 100_000;
      if (!connection.send(Buffer.alloc(100_000))) await once(connection, 'drain');
    }
    await connection.close();
  });
  const accepted = connection();
  const program = start(['connect', url, ...files().client, '--binary']);
  program.child.stdout.pause();
  await accepted;
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(sent < total, `${sent} bytes were taken from the server, and none was read`);
  program.child.stdin.end();
  program.child.stdout.resume();
  const { code, stdout } = await program.outcome;
  assert.is(code, 0);
  assert.is(stdout.length, total);
  await server.close();
});

talk('reads stdin no faster than the server takes it', async () => {
  const { server, url, connection } = await peer(() => {});
  const accepted = connection();
  const program = start(['connect', url, ...files().client, '--wait', '0.2']);
  const line = `${'x'.repeat(99_999)}\n`;
  const total = 400;
  let written = 0;
  let received = 0;
  const feed = (): void => {
    while (written < total && program.child.stdin.write(line)) written++;
    if (written === total) program.child.stdin.end();
    else program.child.stdin.once('drain', goOn);
  };
  const goOn = (): void => {
    written++;
    feed();
  };
  feed();
  const taking = await accepted;
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(written < total, `${written} lines were read from stdin, and the server took none`);
  taking.on('message', (data) => (received += data.length));
  assert.is((await program.outcome).code, 0);
  assert.is(received, total * 99_999);
  await server.close();
});

talk('closes with 1000 on Ctrl-C and exits 0', async () => {
  const { server, url, connection } = await peer();
  const accepted = connection();
  const program = start(['connect', url, ...files().client]);
  program.child.stdin.write('hello\n');
  await program.match('stdout', /hello\n/);
  program.child.kill('SIGINT');
  assert.is((await (await accepted).closed).code, 1000);
  assert.is((await program.outcome).code, 0);
  await server.close();
});

talk('explains every byte on stderr with --trace, and keeps stdout clean', async () => {
  const { server, url } = await peer();
  const input = 'Hello\n';
  const { stdout, stderr } = await run(['connect', url, ...files().client, '--wait', '0.1', '--trace'], { input });
  assert.is(stdout.toString(), 'Hello\n');
  assert.match(stderr, /^mtls-ws: --trace prints everything that passes, secrets included\n/);
  assert.match(stderr, /→ out #\d+, byte 0: HTTP request\n/);
  assert.match(stderr, /← in #\d+, byte 0: HTTP response\n/);
  assert.match(stderr, / {3}48 65 6c 6c 6f {11}Hello\n/);
  assert.match(stderr, /1000 normal closure\n/);
  await server.close();
});

talk.run();

const ends = suite('mtls-ws connect: how it ends when the server ends it');

ends('exits 0 after 1000 and 1001, and 1 after any other close code, with one line', async () => {
  const expected: readonly (readonly [number, string])[] = [
    [1000, 'mtls-ws connect: the server closed with 1000 normal closure before the input ended\n'],
    [1001, 'mtls-ws connect: the server closed with 1001 going away before the input ended\n'],
    [1011, 'mtls-ws connect: the server closed with 1011 internal error: so "it" is\n'],
    [4000, 'mtls-ws connect: the server closed with 4000 private use: so "it" is\n'],
  ];
  const codes = expected.map(([code]) => code);
  const { server, url } = await peer((connection) => void connection.close(codes.shift(), 'so "it" is'));
  const outcomes = await Promise.all(expected.map(() => start(['connect', url, ...files().client]).outcome));
  assert.equal(outcomes.map(({ stderr }) => stderr).sort(), expected.map(([, line]) => line).sort());
  for (const { code, stderr } of outcomes) assert.is(code, stderr.includes(' 100') ? 0 : 1);
  await server.close();
});

ends('says nothing when the server closes behind all of the input', async () => {
  const { server, url } = await peer((connection) => {
    connection.on('message', () => setTimeout(() => connection.close(1000), 50));
  });
  const { code, stderr } = await run(['connect', url, ...files().client, '--wait', '5'], { input: 'all of it' });
  assert.equal({ code, stderr }, { code: 0, stderr: '' });
  await server.close();
});

ends('exits 1 with one line when the server cuts the connection', async () => {
  const { server, url } = await peer((connection) => connection.on('message', () => connection.terminate()));
  const program = start(['connect', url, ...files().client]);
  program.child.stdin.write('cut me off\n');
  const { code, stdout, stderr } = await program.outcome;
  assert.is(code, 1);
  assert.is(stdout.length, 0);
  assert.match(stderr, /^mtls-ws connect: the connection was cut: [^\n]*; look at the log of the server\n$/);
  await server.close();
});

ends('exits 1 with one line when the server breaks the protocol', async () => {
  const { pki } = files();
  const server = createTlsServer({ cert: pki.server.cert, key: pki.server.key, ca: pki.ca.cert }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', async (chunk) => {
      const { acceptFor } = await import('../../src/handshake/index.js');
      const key = /^Sec-WebSocket-Key: (.*)\r$/im.exec(chunk.toString())![1]!;
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`,
      );
      socket.write(Buffer.from('b100', 'hex'));
    });
  });
  const url = await listening(server);
  const { code, stderr } = await start(['connect', url, ...files().client]).outcome;
  server.close();
  assert.is(code, 1);
  assert.match(stderr, /^mtls-ws connect: [^\n]*RSV[^\n]*\(RFC 6455 §5\.2\)[^\n]*\n$/);
});

ends.run();

const failures = suite('mtls-ws connect: what keeps it from connecting, in one line, exit code 1');

async function refusal(url: string, args: readonly string[] = files().client): Promise<string> {
  const { code, stdout, stderr } = await run(['connect', url, ...args]);
  assert.is(code, 1, stderr);
  assert.is(stdout.length, 0);
  assert.match(stderr, /^mtls-ws connect: [^\n]+\n$/);
  return stderr;
}

failures('says that nothing is listening', async () => {
  const server = createNetServer();
  const url = await listening(server);
  server.close();
  await once(server, 'close');
  assert.match(
    await refusal(url),
    /cannot connect to 127\.0\.0\.1:\d+: nothing is listening there: check host and port/,
  );
});

failures('says that the host is not known', async () => {
  assert.match(await refusal('wss://nowhere.invalid/'), /the host name cannot be resolved/);
});

failures('says that there is no TLS at the other end', async () => {
  const server = createNetServer((socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const line = await refusal(await listening(server));
  server.close();
  assert.match(line, /the other end does not speak TLS: check the port/);
});

failures('says that the other end speaks TLS 1.2 only, and which flag allows it', async () => {
  const { pki, client } = files();
  const options: TlsOptions = {
    cert: pki.server.cert,
    key: pki.server.key,
    ca: pki.ca.cert,
    maxVersion: 'TLSv1.2',
    requestCert: true,
  };
  const server = createTlsServer(options, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n'));
  });
  server.on('tlsClientError', () => {});
  const url = await listening(server);
  assert.match(await refusal(url), /no TLS version is common to both ends[^\n]*--min-tls 1\.2 allows it/);
  assert.match(await refusal(url, [...client, '--min-tls', '1.2']), /503/);
  server.close();
});

failures('says which HTTP status came instead of 101, and the reason', async () => {
  const { server, url } = await peer(echo, { authorize: () => ({ reason: 'not on a Monday' }) });
  assert.match(await refusal(url), /403 Forbidden instead of 101 [^\n]*: not on a Monday; ask the operator/);
  await server.close();
});

failures('says that the server probably refused the certificate', async () => {
  const { server, url } = await peer();
  const { file, client } = files();
  const stranger = createAuthority().issue({ commonName: 'stranger', kind: 'client' });
  const cert = file('stranger.pem', stranger.cert);
  const key = file('stranger.key', stranger.key);
  const line = await refusal(url, [...client.slice(0, 2), '--cert', cert, '--key', key]);
  assert.match(line, /it probably refused it \(subject CN=stranger, /);
  await server.close();
});

failures('says that the certificate of the server is not trusted, or is for another host', async () => {
  const { file, client, pki } = files();
  const { server, url } = await peer();
  const other = file('other-ca.pem', createAuthority().cert);
  assert.match(
    await refusal(url, ['--ca', other, ...client.slice(2)]),
    /the server's certificate was refused: no chain leads/,
  );
  await server.close();
  const wrong = pki.ca.issue({ commonName: 'elsewhere', kind: 'server', hosts: ['other.example'] });
  const elsewhere = await peer(echo, { cert: wrong.cert, key: wrong.key });
  assert.match(await refusal(elsewhere.url), /is not for this name[^\n]*other\.example/);
  await elsewhere.server.close();
});

failures('is interrupted while it connects', async () => {
  const server = createNetServer((socket) => socket.on('error', () => {}));
  const url = await listening(server);
  const program = start(['connect', url, ...files().client]);
  const [socket] = await once(server, 'connection');
  program.child.kill('SIGINT');
  const { code, stderr } = await program.outcome;
  assert.is(code, 1);
  assert.is(stderr, 'mtls-ws connect: interrupted before the connection was open\n');
  socket.destroy();
  server.close();
});

failures('refuses a URL that cannot be meant with exit code 2', async () => {
  const urls = ['ws://127.0.0.1/', 'localhost:8443', 'wss://user:secret@127.0.0.1/', 'wss://127.0.0.1/#part'];
  for (const outcome of await Promise.all(urls.map((url) => run(['connect', url, ...files().client])))) {
    assert.is(outcome.code, 2, outcome.stderr);
    assert.match(outcome.stderr, /^mtls-ws connect: [^\n]+\n$/);
    assert.not.match(outcome.stderr, /secret/);
  }
});

failures.run();
