import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { HandshakeError, LimitExceededError, PeerIdentityError } from '../../src/errors.js';
import { clientCredentials, until } from '../support/ends.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import { nodeClient, showing, Told, withListener, withTcpServer } from '../support/tls-ends.js';

/** Two streams that are no sockets: what is written to one is read from the other. */
function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const near: Duplex = make(() => far);
  const far: Duplex = make(() => near);
  return [near, far];
}

/** Resolves when it is closed, errors or not. */
function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

function tcp(port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  return socket;
}

/** The first bytes of a TLS handshake, as a client of Node's writes them. */
async function clientHello(): Promise<Buffer> {
  let hello: Buffer = Buffer.alloc(0);
  await withTcpServer(
    (socket) => {
      socket.on('data', (chunk) => {
        hello = Buffer.concat([hello, chunk]);
      });
    },
    async (port) => {
      const socket = nodeClient(port);
      await until(() => hello.length >= 5 && hello.length >= 5 + hello.readUInt16BE(3));
      socket.destroy();
    },
  );
  return hello;
}

const test = suite('accepting over mutual TLS (RFC 8446 §4.4.2)');

test('lets a good client in, and says who and from where', async () => {
  await withListener({}, async ({ listener, port, peers }) => {
    assert.is(listener.address?.port, port);
    const socket = nodeClient(port);
    const accepted = await peers.next();
    assert.is(accepted.peer.subjectCommonName, 'device-7');
    assert.is(accepted.remoteAddress, '127.0.0.1');
    assert.is(accepted.remotePort, socket.localPort);
    assert.is(accepted.socket.alpnProtocol, false);
    assert.is(accepted.onDeadline, undefined);
    assert.is(listener.openSockets, 1);
    socket.destroy();
    await until(() => listener.openSockets === 0);
  });
});

test('rejects a port that is taken, and can listen at another', async () => {
  await withListener({}, async ({ port }) => {
    await withListener({}, async ({ listener }) => {
      let code = '';
      const { Listener } = await import('../../src/tls/index.js');
      assert.instance(listener, Listener);
      const other = net.createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      other.close();
      const second = new Listener({
        ...(await import('../support/tls-ends.js')).listenerOptions({ maxUnauthenticated: 1 }),
        onPeer: () => {},
        onRefusal: () => {},
      });
      await second.listen({ port, host: '127.0.0.1' }).catch((error: NodeJS.ErrnoException) => {
        code = error.code ?? '';
      });
      assert.is(code, 'EADDRINUSE');
      assert.is(second.address, undefined);
      assert.ok((await second.listen({ port: 0, host: '127.0.0.1' })).port > 0);
      await second.close();
      await second.close();
    });
  });
});

test('M13: destroys 200 silent and dribbling connections at the deadline, and counts each', async () => {
  const hello = await clientHello();
  await withListener({ handshakeTimeout: 400 }, async ({ listener, port, refusals, peers }) => {
    const sockets = Array.from({ length: 200 }, () => tcp(port));
    const closed = Promise.all(sockets.map((socket) => closeOf(socket)));
    // Every second one sends a byte now and then: an idle timer would never end it.
    const dribble = setInterval(() => {
      for (let index = 0; index < sockets.length; index += 2) {
        const socket = sockets[index]!;
        if (socket.writable && socket.bytesWritten < hello.length)
          socket.write(hello.subarray(socket.bytesWritten, socket.bytesWritten + 1));
      }
    }, 50);
    await closed;
    clearInterval(dribble);
    await until(() => refusals.all.length === 200 && listener.openSockets === 0);
    for (const { error, remoteAddress, remotePort, presented } of refusals.all) {
      assert.instance(error, HandshakeError);
      assert.is(error.code, 'deadline');
      assert.match(error.message, /within 400 ms \(handshakeTimeout\)/);
      assert.is(remoteAddress, '127.0.0.1');
      assert.ok(remotePort > 0);
      assert.is(presented, undefined);
    }
    assert.is(peers.all.length, 0);
    assert.is(new Set(refusals.all.map(({ remotePort }) => remotePort)).size, 200);
  });
});

test('M13: a client in half a TLS handshake is destroyed at the deadline', async () => {
  const hello = await clientHello();
  await withListener({ handshakeTimeout: 200 }, async ({ port, refusals }) => {
    const socket = tcp(port);
    socket.write(hello);
    socket.resume();
    await closeOf(socket);
    assert.is((await refusals.next()).error.code, 'deadline');
  });
});

test('destroys at the deadline a client that was let in and not established, or asks what to do', async () => {
  const accepted = new Told<{ socket: tls.TLSSocket }>();
  let asked = 0;
  await withListener(
    {
      handshakeTimeout: 300,
      onPeer: (peer) => {
        peer.socket.on('error', () => {});
        if (accepted.all.length === 1) {
          const ask = (): void => {
            asked++;
            peer.socket.end('408');
          };
          peer.onDeadline = ask;
          assert.is(peer.onDeadline, ask);
        }
        accepted.push(peer);
      },
    },
    async ({ port, refusals }) => {
      const first = nodeClient(port);
      first.resume();
      await accepted.next();
      await closeOf(first);
      assert.is((await refusals.next()).error.code, 'deadline');
      const second = nodeClient(port);
      const [answer] = (await once(second, 'data')) as [Buffer];
      assert.is(answer.toString(), '408');
      assert.is(asked, 1);
      assert.is(refusals.all.length, 1);
      second.destroy();
    },
  );
});

test('refuses one more than maxUnauthenticated, and lets in again when one is gone', async () => {
  await withListener({ maxUnauthenticated: 3 }, async ({ listener, port, refusals, peers }) => {
    const silent = [tcp(port), tcp(port), tcp(port)];
    await until(() => listener.openSockets === 3);
    const fourth = tcp(port);
    fourth.resume();
    await closeOf(fourth);
    const { error, remoteAddress, remotePort } = await refusals.next();
    assert.instance(error, LimitExceededError);
    const limit = error as LimitExceededError;
    assert.is(limit.code, 'too-many-unauthenticated');
    assert.equal(
      [limit.limit, limit.maximum, limit.actual, limit.unit, limit.closeCode],
      ['maxUnauthenticated', 3, 4, 'connections', 1006],
    );
    assert.is(remoteAddress, '127.0.0.1');
    assert.ok(remotePort > 0);
    assert.is(listener.openSockets, 3);
    silent[0]!.destroy();
    await until(() => listener.openSockets === 2);
    const good = nodeClient(port);
    await peers.next();
    // Established clients do not count.
    const another = nodeClient(port);
    await peers.next();
    for (const socket of [...silent, good, another]) socket.destroy();
  });
});

/** A silent connection from an address of loopback of its own. */
function from(localAddress: string, port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  socket.resume();
  return socket;
}

test('refuses one more than maxUnauthenticatedPerAddress, of that address alone', async () => {
  await withListener({ maxUnauthenticatedPerAddress: 2 }, async ({ listener, port, refusals }) => {
    const silent = [tcp(port), tcp(port)];
    await until(() => listener.openSockets === 2);
    const third = tcp(port);
    third.resume();
    await closeOf(third);
    const { error } = await refusals.next();
    const limit = error as LimitExceededError;
    assert.equal(
      [limit.code, limit.limit, limit.maximum, limit.actual],
      ['too-many-unauthenticated', 'maxUnauthenticatedPerAddress', 2, 3],
    );
    if (process.platform === 'linux') {
      silent.push(from('127.0.0.2', port));
      await until(() => listener.openSockets === 3);
    }
    for (const socket of silent) socket.destroy();
  });
});

test('takes the oldest place of the address that has the most, when all are taken', async () => {
  // Elsewhere loopback has one address.
  if (process.platform !== 'linux') return;
  await withListener({ maxUnauthenticated: 3 }, async ({ listener, port, refusals }) => {
    const silent: net.Socket[] = [];
    for (let count = 1; count <= 3; count++) {
      silent.push(tcp(port));
      silent.at(-1)!.resume();
      await until(() => listener.openSockets === count);
    }
    const newcomer = from('127.0.0.2', port);
    await closeOf(silent[0]!);
    const { error, remoteAddress, remotePort } = await refusals.next();
    assert.equal([error.code, remoteAddress], ['too-many-unauthenticated', '127.0.0.1']);
    assert.ok(remotePort > 0);
    await until(() => listener.openSockets === 3);
    assert.not.ok(newcomer.destroyed);
    // One each and two of the first: its next gains nothing.
    const another = tcp(port);
    another.resume();
    await closeOf(another);
    assert.is((await refusals.next()).error.code, 'too-many-unauthenticated');
    for (const socket of [...silent, newcomer]) socket.destroy();
    await until(() => listener.openSockets === 0);
  });
});

test('drops one more handshake than maxHandshakesPerSecond, before TLS begins', async () => {
  await withListener({ maxHandshakesPerSecond: 2 }, async ({ port, refusals, peers }) => {
    const good = [nodeClient(port), nodeClient(port)];
    await peers.next();
    await peers.next();
    const third = tcp(port);
    third.resume();
    await closeOf(third);
    const limit = (await refusals.next()).error as LimitExceededError;
    assert.equal(
      [limit.code, limit.limit, limit.maximum, limit.actual, limit.unit],
      ['too-many-handshakes', 'maxHandshakesPerSecond', 2, 3, 'handshakes per second'],
    );
    for (const socket of good) socket.destroy();
  });
});

test('closes during handshakes: those are destroyed, those let in stay, and nothing is told twice', async () => {
  const hello = await clientHello();
  await withListener({}, async ({ listener, port, refusals, peers }) => {
    const good = nodeClient(port);
    const { socket } = await peers.next();
    const half = [tcp(port), tcp(port), tcp(port)];
    half[1]!.write(hello);
    half[2]!.write(hello.subarray(0, 20));
    await until(() => listener.openSockets === 4);
    const gone = Promise.all(half.map((each) => closeOf(each.resume())));
    const closed = listener.close();
    await gone;
    assert.not.ok(socket.destroyed);
    const echoed = once(good, 'data');
    socket.write('still here');
    assert.is(String((await echoed)[0]), 'still here');
    // What comes after the end is cut, without a word.
    const raw = new net.Socket();
    listener.inject(raw);
    assert.ok(raw.destroyed);
    listener.destroyAll();
    await closed;
    await until(() => listener.openSockets === 0);
    assert.is(refusals.all.length, 0);
    assert.is(listener.address, undefined);
  });
});

test('tells of an accept that fails, and goes on', async () => {
  await withListener({}, async ({ port, refusals, peers }) => {
    const [server] = serversListening(port);
    assert.ok(server !== undefined);
    server!.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    const { error, remoteAddress, remotePort } = await refusals.next();
    assert.is(error.code, 'accept-failed');
    assert.match(error.message, /EMFILE/);
    assert.is(remoteAddress, '');
    assert.is(remotePort, 0);
    const socket = nodeClient(port);
    await peers.next();
    socket.destroy();
  });
});

/** The servers of this process that listen at `port`. */
function serversListening(port: number): net.Server[] {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  return handles.filter(
    (handle): handle is net.Server =>
      handle instanceof net.Server && (handle.address() as net.AddressInfo | null)?.port === port,
  );
}

test.run();

const injecting = suite('sockets from elsewhere (RFC 8446 §4.4.2)');

injecting('takes a socket with the bytes of it that were read before', async () => {
  await withListener({}, async ({ listener, peers }) => {
    for (const cut of [1, 5, 100, 100_000]) {
      await withTcpServer(
        (raw) => {
          raw.once('data', (chunk: Buffer) => {
            raw.pause();
            const head = chunk.subarray(0, cut);
            if (head.length < chunk.length) raw.unshift(chunk.subarray(cut));
            listener.inject(raw, head);
          });
        },
        async (port) => {
          const socket = nodeClient(port);
          const accepted = await peers.next();
          assert.is(accepted.peer.subjectCommonName, 'device-7');
          assert.is(accepted.remotePort, socket.localPort);
          socket.destroy();
        },
      );
    }
  });
});

injecting('takes a stream that is no net.Socket, and lets its client in', async () => {
  await withListener({}, async ({ listener, peers }) => {
    for (const head of [undefined, Buffer.alloc(0)]) {
      const [near, far] = duplexPair();
      listener.inject(near, head);
      const client = tls.connect({ ...clientCredentials(), socket: far, servername: 'localhost' });
      client.on('error', () => {});
      const accepted = await peers.next();
      assert.is(accepted.remoteAddress, '');
      assert.is(accepted.remotePort, 0);
      assert.is(accepted.peer.subjectCommonName, 'device-7');
      const said = once(client, 'data');
      accepted.socket.write('hello');
      assert.is(String((await said)[0]), 'hello');
      client.destroy();
      accepted.socket.destroy();
    }
    await until(() => listener.openSockets === 0);
  });
});

injecting('refuses a bad client on a stream that is no net.Socket, and shows its certificate', async () => {
  await withListener({}, async ({ listener, refusals, peers }) => {
    const [near, far] = duplexPair();
    listener.inject(near);
    const client = tls.connect({
      ...clientCredentials(),
      ...showing(kit().clients.otherCa),
      socket: far,
      servername: 'localhost',
    });
    client.on('error', () => {});
    client.resume();
    const { error, presented, remoteAddress } = await refusals.next();
    assert.is(error.code, 'certificate-untrusted');
    assert.match(presented ?? '', /foreign device/);
    assert.is(remoteAddress, '');
    await until(() => listener.openSockets === 0);
    assert.is(peers.all.length, 0);
    client.destroy();
  });
});

injecting('destroys a stream that is no net.Socket at the deadline', async () => {
  await withListener({ handshakeTimeout: 100 }, async ({ listener, refusals }) => {
    const [near] = duplexPair();
    listener.inject(near);
    assert.is((await refusals.next()).error.code, 'deadline');
    assert.ok(near.destroyed);
    await until(() => listener.openSockets === 0);
  });
});

injecting('takes no count of a socket that was destroyed before', async () => {
  await withListener({}, async ({ listener, refusals }) => {
    const [near] = duplexPair();
    near.destroy();
    listener.inject(near);
    assert.is(listener.openSockets, 0);
    assert.is(refusals.all.length, 0);
  });
});

injecting('survives a stream that breaks', async () => {
  await withListener({}, async ({ listener, refusals }) => {
    const [near] = duplexPair();
    listener.inject(near);
    near.destroy(new Error('broken'));
    const { error } = await refusals.next();
    assert.is(error.code, 'tls-failed');
    assert.match(error.message, /\(broken\)/);
    await until(() => listener.openSockets === 0);
  });
});

injecting.run();

const cuts = suite('cuts during the TLS handshake (RFC 8446 §6.1)');

/** Lets `limit` bytes of a client through to `target`, then ends as told; resolves when both sides are closed. */
async function cutAfter(target: number, limit: number, how: 'fin' | 'reset'): Promise<void> {
  let done: Promise<unknown> = Promise.resolve();
  await withTcpServer(
    (client) => {
      const server = net.connect({ port: target, host: '127.0.0.1' });
      server.on('error', () => {});
      let left = limit;
      const cut = (): void => {
        if (how === 'reset') server.resetAndDestroy();
        else server.end();
        client.destroy();
      };
      done = closeOf(server);
      server.on('data', (chunk) => client.write(chunk));
      client.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, left);
        left -= part.length;
        server.write(part, () => {
          if (left === 0) cut();
        });
      });
    },
    async (port) => {
      const socket = nodeClient(port);
      socket.resume();
      await closeOf(socket);
      await done;
    },
  );
}

/** Bytes that a good client writes for its whole handshake. @param admitted settles when the listener has let it in */
async function handshakeLength(port: number, admitted: Promise<unknown>): Promise<number> {
  let total = 0;
  await withTcpServer(
    (client) => {
      const server = net.connect({ port, host: '127.0.0.1' });
      server.on('error', () => {});
      client.on('data', (chunk) => {
        total += chunk.length;
        server.write(chunk);
      });
      server.on('data', (chunk) => client.write(chunk));
      client.on('close', () => server.destroy());
    },
    async (relay) => {
      const socket = nodeClient(relay);
      await Promise.all([once(socket, 'secureConnect'), admitted]);
      socket.destroy();
    },
  );
  return total;
}

for (const how of ['fin', 'reset'] as const) {
  cuts(`T20: by ${how} at many offsets: each is told once, and nothing hangs or escapes`, async () => {
    await withListener({}, async ({ listener, port, refusals, peers }) => {
      const length = await handshakeLength(port, peers.next());
      assert.ok(length > 600, String(length));
      const offsets = [1, 2, 4, 5, 6, 9, 43, 44];
      // Signatures differ in length by a few bytes from one handshake to the next.
      const last = length - 10;
      for (let offset = 60; offset < last; offset += Math.ceil(length / 25)) offsets.push(offset);
      offsets.push(last);
      for (const offset of offsets) {
        await cutAfter(port, offset, how);
        const { error, remoteAddress, presented } = await refusals.next();
        assert.is(error.code, 'tls-cut', `${offset}: ${error.message}`);
        assert.is(remoteAddress, '127.0.0.1', String(offset));
        assert.is(presented, undefined);
      }
      await until(() => listener.openSockets === 0);
      assert.is(refusals.all.length, offsets.length);
      assert.is(peers.all.length, 1);
    });
  });
}

cuts('T20: connections that are closed at once, by FIN and by reset, are told once each', async () => {
  await withListener({}, async ({ listener, port, refusals }) => {
    for (let index = 0; index < 20; index++) {
      const socket = tcp(port);
      await once(socket, 'connect');
      if (index % 2 === 0) socket.end();
      else socket.resetAndDestroy();
      assert.is((await refusals.next()).error.code, 'tls-cut');
    }
    await until(() => listener.openSockets === 0);
    assert.is(refusals.all.length, 20);
  });
});

cuts('bytes that are no TLS are told as such', async () => {
  await withListener({}, async ({ port, refusals }) => {
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'SSH-2.0-OpenSSH_9.6\r\n',
      'CONNECT a:1 HTTP/1.1\r\n\r\n',
    ]) {
      const socket = tcp(port);
      socket.end(bytes);
      socket.resume();
      const { error, remoteAddress } = await refusals.next();
      assert.is(error.code, 'not-tls', `${bytes}: ${error.message}`);
      assert.is(remoteAddress, '127.0.0.1');
    }
  });
});

cuts('a client of TLS 1.2 is told the version, when only 1.3 is allowed', async () => {
  const { loadServer } = await import('../support/tls-ends.js');
  await withListener({ credentials: loadServer() }, async ({ port, refusals }) => {
    const socket = nodeClient(port, { maxVersion: 'TLSv1.2' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.match(error.code ?? '', /PROTOCOL_VERSION/);
    assert.is((await refusals.next()).error.code, 'tls-version');
  });
});

cuts('a client with other cipher suites or another protocol is told so', async () => {
  await withListener({}, async ({ port, refusals }) => {
    nodeClient(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' });
    assert.is((await refusals.next()).error.code, 'tls-cipher');
    nodeClient(port, { ALPNProtocols: ['h2'] });
    assert.is((await refusals.next()).error.code, 'tls-alpn');
  });
});

cuts('M15: a client of TLS 1.2 that renegotiates gets no second handshake', async () => {
  await withListener({}, async ({ port, peers, refusals }) => {
    const socket = nodeClient(port, { maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    const { socket: accepted } = await peers.next();
    const failed = await new Promise<Error | null>((resolve) => {
      socket.once('error', resolve);
      socket.renegotiate({}, resolve);
    });
    assert.match((failed as NodeJS.ErrnoException | null)?.code ?? '', /NO_RENEGOTIATION/);
    socket.destroy();
    accepted.resume();
    await until(() => accepted.destroyed);
    assert.is(refusals.all.length, 0);
    assert.is(peers.all.length, 1);
  });
});

cuts.run();

const undocumented = suite('what Node does not document');

undocumented('_parent is the raw socket of the network', async () => {
  await withListener({}, async ({ port, peers }) => {
    const socket = nodeClient(port);
    const { socket: accepted } = await peers.next();
    const parent = (accepted as unknown as { _parent: net.Socket })._parent;
    assert.instance(parent, net.Socket);
    assert.is(parent.remotePort, socket.localPort);
    socket.destroy();
  });
});

undocumented(
  '`secure` comes before the verdict, when `verifyError` is known and the certificate can be read',
  async () => {
    await withListener({}, async ({ port, refusals }) => {
      nodeClient(port, showing(kit().clients.expired)).resume();
      assert.match((await refusals.next()).presented ?? '', /expired device/);
    });
  },
);

undocumented('a TLS connection whose socket is not known is not let in', async () => {
  await withTlsSocket('_parent', { get: () => null, set: () => {} }, async () => {
    await withTlsSocket('remotePort', { get: () => 1 }, () =>
      withListener({}, async ({ port, peers, refusals }) => {
        nodeClient(port).resume();
        const { error, remoteAddress } = await refusals.next();
        assert.is(error.code, 'tls-failed');
        assert.match(error.message, /is not known/);
        assert.is(remoteAddress, '');
        assert.is(peers.all.length, 0);
      }),
    );
  });
});

/** Changes a property of all TLS sockets while `use` runs. */
async function withTlsSocket(name: string, descriptor: PropertyDescriptor, use: () => Promise<void>): Promise<void> {
  Object.defineProperty(tls.TLSSocket.prototype, name, { configurable: true, ...descriptor });
  try {
    await use();
  } finally {
    delete (tls.TLSSocket.prototype as unknown as Record<string, unknown>)[name];
  }
}

undocumented('without _parent clients are let in and refused, with their address', async () => {
  const nothing = { get: () => null, set: () => {} };
  await withTlsSocket('_parent', nothing, () =>
    withListener({}, async ({ listener, port, peers, refusals }) => {
      const good = nodeClient(port);
      assert.is((await peers.next()).remotePort, good.localPort);
      const bad = nodeClient(port, showing(kit().clients.expired));
      bad.resume();
      const { error } = await refusals.next();
      assert.instance(error, PeerIdentityError);
      assert.is(error.code, 'certificate-expired');
      good.destroy();
      const [near, far] = duplexPair();
      listener.inject(near);
      const client = tls.connect({ ...clientCredentials(), socket: far, servername: 'localhost' });
      client.on('error', () => {});
      assert.is((await peers.next()).remotePort, 0);
      client.destroy();
    }),
  );
});

undocumented('without the event `secure` a refusal says less, and is one', async () => {
  const silent = {
    value(this: tls.TLSSocket, name: string, listener: () => void) {
      return name === 'secure' ? this : tls.TLSSocket.prototype.prependListener.call(this, name as 'keylog', listener);
    },
  };
  await withTlsSocket('prependOnceListener', silent, () =>
    withListener({}, async ({ port, peers, refusals }) => {
      nodeClient(port, showing(kit().clients.expired)).resume();
      const { error, presented, remoteAddress } = await refusals.next();
      assert.is(error.code, 'certificate-expired');
      assert.is(presented, undefined);
      assert.is(remoteAddress, '127.0.0.1');
      assert.is(peers.all.length, 0);
    }),
  );
});

undocumented('a certificate that cannot be read is not shown, and refused', async () => {
  const { getPeerCertificate, getSession } = tls.TLSSocket.prototype;
  tls.TLSSocket.prototype.getSession = () => undefined;
  // Node's own client, in the same process, reads certificates by the same function.
  tls.TLSSocket.prototype.getPeerCertificate = function (this: tls.TLSSocket, detailed?: boolean) {
    if ((this as { _tlsOptions?: { isServer?: boolean } })._tlsOptions?.isServer === true)
      throw new Error('unreadable');
    return getPeerCertificate.call(this, detailed) as tls.DetailedPeerCertificate;
  } as typeof getPeerCertificate;
  try {
    await withListener({}, async ({ port, peers, refusals }) => {
      nodeClient(port, showing(kit().clients.expired)).resume();
      const bad = await refusals.next();
      assert.is(bad.error.code, 'certificate-expired');
      assert.is(bad.presented, undefined);
      nodeClient(port).resume();
      assert.is((await refusals.next()).error.code, 'certificate-malformed');
      assert.is(peers.all.length, 0);
    });
  } finally {
    tls.TLSSocket.prototype.getPeerCertificate = getPeerCertificate;
    tls.TLSSocket.prototype.getSession = getSession;
  }
});

undocumented.run();

const memory = suite('memory of the listener');

/** Bytes in use after everything that can be freed was. */
function usedMemory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

memory('M18: 160 connections that read who is there leave no socket and no memory', async () => {
  await withListener({}, async ({ listener, port, peers }) => {
    const open = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 20) {
        await Promise.all(
          Array.from({ length: 20 }, async () => {
            const socket = nodeClient(port);
            await once(socket, 'secureConnect');
            const { peer } = await peers.next();
            assert.is(peer.spiffeId?.path, '/device/7');
            const closed = closeOf(socket);
            socket.destroy();
            await closed;
          }),
        );
        peers.forget();
      }
      await until(() => listener.openSockets === 0);
    };
    await open(40);
    const before = usedMemory();
    await open(160);
    const grown = usedMemory() - before;
    // A connection that is kept costs 30 KiB at least.
    assert.ok(grown < 160 * 10 * 1024, `${Math.round(grown / 1024)} KiB more`);
  });
});

memory.run();
