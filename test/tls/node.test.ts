/** What `node:tls` does behind its user's back, as this package takes it to be: a change of Node shows here first. */
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { clientCredentials, serverCredentials, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';

const node = suite('what node:tls does by itself');
const major = Number.parseInt(process.versions.node, 10);

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

function client(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...clientCredentials(), ...options });
  socket.on('error', () => {});
  return socket;
}

const strict = { requestCert: true, rejectUnauthorized: true } as const;

node('a socket that is made a TLS server by hand lets in whom it was told to refuse', async () => {
  const { clients } = kit();
  let authorized: boolean | undefined;
  const server = net.createServer((raw) => {
    const socket = new tls.TLSSocket(raw, { isServer: true, ...strict, ...serverCredentials() });
    socket.on('error', () => {});
    socket.on('secure', () => {
      authorized = socket.authorized;
      socket.write('come in');
    });
  });
  const socket = client(await listening(server), { cert: clients.otherCa.cert, key: clients.otherCa.key });
  assert.is(String((await once(socket, 'data'))[0]), 'come in');
  assert.is(authorized, false);
  socket.destroy();
  server.close();
});

node('asks for no certificate where requestCert is truthy and not true', async () => {
  const server = tls.createServer({ ...serverCredentials(), ...strict, requestCert: 1 as never }, (socket) =>
    socket.write('+'),
  );
  const socket = client(await listening(server), { cert: undefined, key: undefined });
  assert.is(String((await once(socket, 'data'))[0]), '+');
  socket.destroy();
  server.close();
});

node('tells a client of TLS 1.3 that it is connected, and then only that it is not', async () => {
  const { clients } = kit();
  const server = tls.createServer({ ...serverCredentials(), ...strict });
  server.on('tlsClientError', () => {});
  const port = await listening(server);
  const events: string[] = [];
  const socket = client(port, { cert: clients.otherCa.cert, key: clients.otherCa.key });
  for (const name of ['secureConnect', 'end', 'error'] as const) socket.on(name, () => events.push(name));
  socket.resume();
  await once(socket, 'close');
  assert.equal(events, ['secureConnect', 'end'], 'no alert, and no error');
  server.close();
});

node('takes the name of a host as it is written, in capitals for another one, up to Node 20', async () => {
  const { servers } = kit();
  const server = tls.createServer(serverCredentials());
  server.addContext('b.example', { cert: servers.throughIntermediate.cert, key: servers.throughIntermediate.key });
  const port = await listening(server);
  const shown = async (servername: string): Promise<string> => {
    const socket = client(port, { servername, checkServerIdentity: () => undefined, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const [exact, capitals, other] = [await shown('b.example'), await shown('B.EXAMPLE'), await shown('c.example')];
  assert.is.not(exact, other);
  assert.is(capitals, major >= 22 ? exact : other);
  server.close();
});

node('says that a handshake takes too long, and keeps the socket', async () => {
  const server = tls.createServer({ ...serverCredentials(), handshakeTimeout: 30 });
  const told = once(server, 'tlsClientError');
  const raw = net.connect({ port: await listening(server), host: '127.0.0.1' });
  raw.on('error', () => {});
  let isOver = false;
  raw.on('close', () => {
    isOver = true;
  });
  raw.resume();
  const [error] = await told;
  assert.is(error.code, 'ERR_TLS_HANDSHAKE_TIMEOUT');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.not.ok(isOver);
  raw.destroy();
  server.close();
});

node('does not wait for sockets that it was given when it closes', async () => {
  const server = tls.createServer(serverCredentials());
  const sockets: tls.TLSSocket[] = [];
  server.on('secureConnection', (socket) => sockets.push(socket));
  await listening(server);
  const front = net.createServer((raw) => server.emit('connection', raw));
  const socket = client(await listening(front));
  await until(() => sockets.length === 1);
  await new Promise((resolve) => server.close(resolve));
  assert.not.ok(sockets[0]!.destroyed);
  socket.destroy();
  front.close();
});

node('calls no checkServerIdentity when a session is resumed', async () => {
  const server = tls.createServer(serverCredentials(), (socket) => socket.end('+'));
  const port = await listening(server);
  let calls = 0;
  const checkServerIdentity = (): undefined => {
    calls++;
    return undefined;
  };
  const first = client(port, { checkServerIdentity });
  const session = once(first, 'session');
  first.resume();
  const [ticket] = await session;
  await once(first, 'close');
  const second = client(port, { checkServerIdentity, session: ticket });
  await once(second, 'secureConnect');
  assert.is(second.isSessionReused(), true);
  assert.is(calls, 1);
  second.destroy();
  server.close();
});

node('hands over at most 16,384 bytes at once, the plaintext of a record', async () => {
  const server = tls.createServer(serverCredentials(), (socket) => socket.end(Buffer.alloc(100_000)));
  const socket = client(await listening(server));
  let longest = 0;
  socket.on('data', (chunk: Buffer) => {
    longest = Math.max(longest, chunk.length);
  });
  await once(socket, 'close');
  assert.is(longest, 16_384);
  server.close();
});

node.run();
