import { Buffer } from 'node:buffer';
import * as net from 'node:net';
import type * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { PeerIdentityError } from '../../src/errors.js';
import { identityFromChain } from '../../src/tls/identity.js';
import { integer, objectIdentifier, octetString, sequence } from '../../src/tls/pki/der-writer.js';
import { withSwappedCertificate } from '../support/certificate-swap.js';
import { ChainShop, quickRsaKeys, resigned } from '../support/chain-shop.js';
import { until } from '../support/ends.js';
import { type HostileName, type IssuedCertificate, kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import {
  dialTo,
  loadClient,
  loadServer,
  nodeClient,
  type RunningListener,
  rejection,
  showing,
  versions,
  withListener,
  withTlsServer,
} from '../support/tls-ends.js';

/** Text that a log or a terminal can take: one line, without controls, and short. */
function assertSafe(text: string | undefined, what: string): void {
  assert.ok(text !== undefined && text.length < 2_000, `${what}: ${text?.length} characters`);
  assert.not.match(text!, /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/, what);
}

/** A good client still gets in. */
async function assertAlive({ port, peers }: RunningListener): Promise<void> {
  const socket = nodeClient(port);
  const { peer } = await peers.next();
  assert.is(peer.subjectCommonName, 'device-7');
  socket.destroy();
}

const names = suite('hostile names on live connections (RFC 5280 §4.2.1.6)');

/** What no TLS library loads, or no handshake carries. */
const notShown: readonly HostileName[] = ['invalidUtf8CommonName', 'oddBmpStringCommonName', 'integerCommonName'];
const tooLong: readonly HostileName[] = ['tenThousandNames', 'megabyteCommonName'];
const shown = (Object.keys(kit().hostile) as HostileName[]).filter((name) => ![...notShown, ...tooLong].includes(name));

for (const version of versions) {
  names(`${version}: the server reads each hostile name from DER, and no name out of another (M10)`, async () => {
    await withListener({}, async ({ port, peers, refusals }) => {
      for (const name of shown) {
        const issued = kit().hostile[name];
        const socket = nodeClient(port, { ...showing(issued), minVersion: version, maxVersion: version });
        const { peer } = await peers.next();
        const expected = identityFromChain([issued.der]);
        assert.equal(peer.der, issued.der, name);
        assert.is(peer.subjectCommonName, expected.subjectCommonName, name);
        assert.equal(peer.san, expected.san, name);
        assert.not.ok(
          [...peer.san.dns, ...peer.san.uri, ...peer.san.email].some((text) => /admin/.test(text)),
          name,
        );
        assert.is(peer.spiffeId?.id, name === 'everyKind' ? 'spiffe://test.example/everything' : undefined, name);
        assert.is.not(peer.subjectCommonName, 'admin');
        assertSafe(peer.subject.text, name);
        socket.destroy();
      }
      assert.is(refusals.all.length, 0);
    });
  });

  names(
    `${version}: a certificate of 10,000 names or a megabyte is refused, and the next client let in (M10, M17)`,
    async () => {
      await withListener({}, async (running) => {
        for (const name of tooLong) {
          const socket = nodeClient(running.port, {
            ...showing(kit().hostile[name]),
            minVersion: version,
            maxVersion: version,
          });
          const { error } = await running.refusals.next();
          assert.is(error.code, 'tls-failed', error.message);
          assertSafe(error.message, name);
          socket.destroy();
        }
        await assertAlive(running);
      });
    },
  );
}

names('1,500 names reach the server, each of them (M10)', async () => {
  const shop = new ChainShop('client');
  const { generalName } = await import('../../src/tls/pki/forgery/index.js');
  const crowd = shop.leaf(undefined, {
    names: Array.from({ length: 1_500 }, (_, index) => generalName.dns(`host-${index}.example`)),
  });
  const credentials = loadServer({ ca: shop.root.pem });
  await withListener({ credentials }, async ({ port, peers }) => {
    const socket = nodeClient(port, showing(crowd));
    const { peer } = await peers.next();
    assert.is(peer.san.dns.length, 1_500);
    assert.is(peer.san.dns.at(-1), 'host-1499.example');
    socket.destroy();
  });
});

names('no hostile name makes more than one short line of a refusal at the server (M17)', async () => {
  const credentials = loadServer({ ca: kit().otherCa.cert, minVersion: 'TLSv1.2' });
  await withListener({ credentials }, async ({ port, refusals, peers }) => {
    for (const name of shown) {
      const socket = nodeClient(port, showing(kit().hostile[name]));
      const { error, presented } = await refusals.next();
      assert.is(error.code, 'certificate-untrusted', name);
      for (const text of [error.message, presented, (error as PeerIdentityError).hint]) assertSafe(text, name);
      socket.destroy();
    }
    assert.is(peers.all.length, 0);
  });
});

names('no hostile name of a server makes more than one short line of an error at the client (M10, M17)', async () => {
  for (const name of shown) {
    await withTlsServer(
      showing(kit().hostile[name]),
      () => {},
      async (port) => {
        const error = (await rejection(dialTo(port))) as PeerIdentityError;
        assert.instance(error, PeerIdentityError, name);
        // They are certificates of clients.
        assert.is(error.code, 'certificate-wrong-purpose', name);
        for (const text of [error.message, error.presented, error.hint]) assertSafe(text, name);
      },
    );
  }
});

for (const [what, serverName] of Object.entries({
  'a NUL': 'localhost\0.example',
  'a Unicode full stop': 'a\u3002example',
  'a dot alone': '.',
  'a prototype': '__proto__',
  '255 characters': `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(62)}`,
})) {
  names(`the server survives ${what} as server name, and shows no name but a canonical one (M8, M14)`, async () => {
    await withListener({}, async (running) => {
      const socket = nodeClient(running.port, { servername: serverName });
      const seen = await Promise.race([running.peers.next(), running.refusals.next()]);
      if ('peer' in seen) assert.ok([undefined, '__proto__'].includes(seen.peer!.tls.serverName), serverName);
      socket.destroy();
      await assertAlive(running);
    });
  });
}

names.run();

const costs = suite('certificates that cost time (RFC 5280 §4.1.2.7)');

/** Shows a chain to our server in TLS 1.2 and 1.3, and returns the codes of the refusals. */
async function refusedAtServer(issued: IssuedCertificate, ca: string): Promise<string[]> {
  const codes: string[] = [];
  const credentials = loadServer({ ca: `${ca}${kit().ca.cert}`, minVersion: 'TLSv1.2' });
  await withListener({ credentials }, async (running) => {
    for (const version of versions) {
      const options: tls.ConnectionOptions = { ...showing(issued), minVersion: version, maxVersion: version };
      const socket = nodeClient(running.port, options);
      const { error } = await running.refusals.next();
      codes.push(error.code);
      assertSafe(error.message, version);
      socket.destroy();
    }
    await assertAlive(running);
  });
  return codes;
}

/** Shows a chain to our client, and returns the code of its error. */
async function refusedAtClient(issued: IssuedCertificate, ca: string): Promise<string> {
  let code = '';
  await withTlsServer(
    showing(issued),
    () => {},
    async (port) => {
      const error = (await rejection(dialTo(port, { credentials: loadClient({ ca }) }))) as PeerIdentityError;
      assertSafe(error.message, error.code);
      code = error.code;
    },
  );
  return code;
}

costs('RSA keys of 16,384 bits are refused by the gate at both ends (M12)', async () => {
  const keys = quickRsaKeys(16_384);
  const client = new ChainShop('client');
  const unsupported = 'certificate-unsupported';
  assert.equal(await refusedAtServer(client.leaf(undefined, { keys }), client.root.pem), [unsupported, unsupported]);
  const server = new ChainShop('server');
  assert.is(await refusedAtClient(server.leaf(undefined, { keys }), server.root.pem), unsupported);
});

/** SubjectPublicKeyInfo of a curve that is spelled out, and wrong: a prime that is none, a generator that is compressed. */
const brokenCurve = sequence(
  sequence(
    objectIdentifier('1.2.840.10045.2.1'),
    sequence(
      integer(1),
      sequence(objectIdentifier('1.2.840.10045.1.1'), integer(Buffer.alloc(64, 0xa9))),
      sequence(octetString(Buffer.alloc(32, 0xff)), octetString(Buffer.alloc(32, 0x07))),
      octetString(Buffer.concat([Buffer.from([2]), Buffer.alloc(32, 0x05)])),
      integer(Buffer.alloc(32, 0x7f)),
    ),
  ),
  Buffer.concat([Buffer.from([0x03, 0x22, 0x00, 0x02]), Buffer.alloc(32, 0x05)]),
);

/** SubjectPublicKeyInfo of a curve that is named by nothing. */
const unnamedCurve = sequence(
  sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.3.6.1.4.1.99999.9')),
  Buffer.concat([Buffer.from([0x03, 0x42, 0x00, 0x04]), Buffer.alloc(64, 0x05)]),
);

/** Chains that hold `key`, in the leaf and in an intermediate. */
function broken(
  end: 'client' | 'server',
  key: Buffer,
): { shop: ChainShop; good: IssuedCertificate; chains: Buffer[][] } {
  const shop = new ChainShop(end);
  const rekeyed = (der: Buffer): Buffer =>
    resigned(der, shop.root.key, (fields) => {
      fields[6] = key;
    });
  const good = shop.leaf();
  const intermediate = shop.authority('Broken CA', shop.root);
  return {
    shop,
    good,
    chains: [[rekeyed(good.der)], [shop.leaf(intermediate, { keys: good.keys }).der, rekeyed(intermediate.der)]],
  };
}

for (const [what, key] of Object.entries({
  'a curve spelled out wrong': brokenCurve,
  'an unknown curve': unnamedCurve,
})) {
  costs(`${what} in the chain of a client is refused, and the next client let in (M12)`, async () => {
    const { shop, good, chains } = broken('client', key);
    const credentials = loadServer({ ca: `${shop.root.pem}${kit().ca.cert}`, minVersion: 'TLSv1.2' });
    await withListener({ credentials }, async (running) => {
      for (const chain of chains) {
        await withSwappedCertificate(running.port, 'client', chain, async (relay) => {
          nodeClient(relay, { ...showing(good), maxVersion: 'TLSv1.2' });
          const { error } = await running.refusals.next();
          assert.is(error.code, 'tls-failed', error.message);
          assertSafe(error.message, what);
        });
      }
      await assertAlive(running);
    });
  });

  costs(`${what} in the chain of a server is refused by the client (M12)`, async () => {
    const { shop, good, chains } = broken('server', key);
    const credentials = loadClient({ ca: shop.root.pem, minVersion: 'TLSv1.2' });
    await withTlsServer(
      { ...showing(good), maxVersion: 'TLSv1.2' },
      () => {},
      async (port) => {
        for (const chain of chains) {
          await withSwappedCertificate(port, 'server', chain, async (relay) => {
            const error = (await rejection(dialTo(relay, { credentials }))) as PeerIdentityError;
            assert.is(error.code, 'tls-failed', error.message);
            assertSafe(error.message, what);
          });
        }
        // Through the relay and with its own certificate it is let in.
        await withSwappedCertificate(port, 'server', good.chain as Buffer[], async (relay) => {
          (await dialTo(relay, { credentials })).socket.destroy();
        });
      },
    );
  });
}

costs('octets that are no certificate are refused, and the next client let in (M12)', async () => {
  await withListener({}, async (running) => {
    const good = kit().clients.good.der;
    for (const der of [
      Buffer.from('no certificate'),
      good.subarray(0, 100),
      Buffer.alloc(0),
      Buffer.alloc(16_000, 0x30),
    ]) {
      await withSwappedCertificate(running.port, 'client', [der], async (relay) => {
        nodeClient(relay, { maxVersion: 'TLSv1.2' });
        const { error } = await running.refusals.next();
        assert.is(error.code, 'tls-failed', error.message);
      });
    }
    await assertAlive(running);
  });
});

costs('a certificate without its key is refused (M12)', async () => {
  await withListener({}, async (running) => {
    await withSwappedCertificate(running.port, 'client', [kit().clients.twoUris.der], async (relay) => {
      nodeClient(relay, { maxVersion: 'TLSv1.2' });
      const { error } = await running.refusals.next();
      assert.is(error.code, 'tls-failed', error.message);
    });
    assert.is(running.peers.all.length, 0);
  });
});

costs.run();

const floods = suite('floods of connections (RFC 8446 §4)');

floods(
  'of 1,000 silent and dribbling ones each is destroyed at the deadline and counted, and a good client gets in (M13)',
  async () => {
    await withListener({ handshakeTimeout: 2_000 }, async (running) => {
      const { listener, port, refusals } = running;
      const sockets = Array.from({ length: 1_000 }, () => {
        const socket = net.connect({ port, host: '127.0.0.1' });
        socket.on('error', () => {});
        return socket;
      });
      // Not `once`, which fails at an error: a byte written to a socket just destroyed is answered with a reset.
      const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))));
      // The header of a record of a ClientHello, byte by byte, and no more.
      const dribble = setInterval(() => {
        for (let index = 0; index < sockets.length; index += 2) {
          const socket = sockets[index]!;
          const at = socket.bytesWritten;
          if (socket.writable && at < 9) socket.write(Buffer.from('160301020001000100', 'hex').subarray(at, at + 1));
        }
      }, 200);
      await assertAlive(running);
      await closed;
      clearInterval(dribble);
      await until(() => refusals.all.length === 1_000 && listener.openSockets === 0);
      assert.equal([...new Set(refusals.all.map(({ error }) => error.code))], ['deadline']);
      assert.is(new Set(refusals.all.map(({ remotePort }) => remotePort)).size, 1_000);
      await assertAlive(running);
    });
  },
);

floods.run();
