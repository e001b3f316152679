import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { connect, PeerIdentityError, type Refusal } from '../../src/index.js';
import { parseCrl } from '../../src/tls/crl.js';
import { type CredentialInput, probe } from '../../src/tls/index.js';
import { writePem } from '../../src/tls/pem.js';
import { commonNameOnly } from '../../src/tls/pki/extensions.js';
import { createAuthority, type IssuedCertificate } from '../../src/tls/pki/index.js';
import { Revocation, type RevocationFault } from '../../src/tls/revocation.js';
import { clientCredentials, startServer } from '../support/ends.js';
import { forge, kit } from '../support/kit.js';
import { dayInMs, forgeList, inDays, listOf, serialOf } from '../support/lists.js';
import { suite } from '../support/suite.js';
import {
  dialTo,
  loadClient,
  loadServer,
  nodeClient,
  rejection,
  showing,
  versions,
  withListener,
  withTlsServer,
} from '../support/tls-ends.js';

const root = kit().ca;
const middle = root.issueAuthority({ commonName: 'Middle' });
const hosts = ['localhost', '127.0.0.1'];
const ends = {
  client: middle.issue({ commonName: 'device', kind: 'client' }),
  server: middle.issue({ commonName: 'gateway', kind: 'server', hosts }),
};
const { client } = ends;
const direct = root.issue({ commonName: 'device below the root', kind: 'client' });

const expired = { thisUpdate: inDays(-10), nextUpdate: inDays(-3.5) };
const early = { thisUpdate: inDays(2.5), nextUpdate: inDays(10) };
const forged = writePem('X509 CRL', forgeList(middle, {}, createPrivateKey(root.key)));
const today = new Date().toISOString().slice(0, 10);

interface Case {
  readonly what: string;
  readonly crl: readonly string[] | ((end: IssuedCertificate) => readonly string[]);
  readonly insecure?: boolean;
  /** `undefined`: let in. */
  readonly code?: RevocationFault['code'];
  /** In the detail of our own check, which sees the whole chain. */
  readonly words?: RegExp;
  /** In the refusal after OpenSSL's check, where these words differ. */
  readonly refusal?: RegExp;
}

const cases: readonly Case[] = [
  { what: 'nothing is revoked', crl: [listOf(root), listOf(middle)] },
  { what: 'another certificate is revoked', crl: [listOf(root, [direct]), listOf(middle, [direct])] },
  { what: 'both lists are in one text', crl: [listOf(root) + listOf(middle)] },
  {
    what: 'the leaf is revoked',
    crl: (end) => [listOf(root), listOf(middle, [direct, end])],
    code: 'certificate-revoked',
    words: new RegExp(`serial [0-9A-F]{32}, since ${today}, keyCompromise; list of CN=Middle of ${today}`),
  },
  {
    what: 'the intermediate is revoked',
    crl: [listOf(root, [middle]), listOf(middle)],
    code: 'certificate-revoked',
    words: /^the intermediate CN=Middle, serial [0-9A-F]{32}, since .*; list of CN=Test CA of /,
    refusal: /an intermediate above it, CERT_REVOKED/,
  },
  {
    what: 'the list of the intermediate is missing',
    crl: [listOf(root)],
    code: 'revocation-unknown',
    words: /no list of CN=Middle was given/,
  },
  {
    what: 'the list for the leaf has expired',
    crl: [listOf(root), listOf(middle, [], expired)],
    code: 'revocation-unknown',
    words: /list of CN=Middle of .* expired 3 days ago/,
  },
  {
    what: 'the list for the intermediate has expired',
    crl: [listOf(root, [], expired), listOf(middle)],
    code: 'revocation-unknown',
    words: /^the intermediate CN=Middle, list of CN=Test CA of .* expired 3 days ago/,
    refusal: /the list for it or for an intermediate above it, CRL_HAS_EXPIRED/,
  },
  {
    what: 'a list is not valid yet',
    crl: [listOf(root), listOf(middle, [], early)],
    code: 'revocation-unknown',
    words: /list of CN=Middle of .* is not valid for another 2 days/,
  },
  {
    what: 'a list is signed with another key',
    crl: [listOf(root), forged],
    code: 'revocation-unknown',
    words: /list of CN=Middle of .* is not signed by the key of its CA/,
    refusal: /the list for it or for an intermediate above it, CRL_SIGNATURE_FAILURE/,
  },
  {
    what: 'expired lists are accepted',
    crl: [listOf(root, [], expired), listOf(middle, [], expired)],
    insecure: true,
  },
  {
    what: 'expired lists are accepted, and the leaf is revoked by one',
    crl: (end) => [listOf(root), listOf(middle, [end], expired)],
    insecure: true,
    code: 'certificate-revoked',
    words: /keyCompromise; list of CN=Middle/,
  },
  {
    what: 'expired lists are accepted, and the intermediate is revoked by one',
    crl: [listOf(root, [middle], expired), listOf(middle)],
    insecure: true,
    code: 'certificate-revoked',
    words: /^the intermediate CN=Middle, .*; list of CN=Test CA/,
  },
  {
    what: 'expired lists are accepted, and one is missing',
    crl: [listOf(root)],
    insecure: true,
    code: 'revocation-unknown',
    words: /no list of CN=Middle was given/,
  },
  {
    what: 'expired lists are accepted, and one is not valid yet',
    crl: [listOf(root), listOf(middle, [], early)],
    insecure: true,
    code: 'revocation-unknown',
    words: /not valid for another 2 days/,
  },
  {
    what: 'expired lists are accepted, and one is signed with another key',
    crl: [listOf(root), forged],
    insecure: true,
    code: 'revocation-unknown',
    words: /is not signed by the key of its CA/,
  },
];

function listsOf({ crl }: Case, end: IssuedCertificate): readonly string[] {
  return typeof crl === 'function' ? crl(end) : crl;
}

function ders(texts: readonly string[]): Buffer[] {
  return texts
    .flatMap((text) => text.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----\n/g) ?? [])
    .map((pem) => Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64'));
}

function revocationOf(
  lists: readonly Buffer[],
  acceptExpired: boolean = false,
  anchors: readonly IssuedCertificate[] = [root],
): Revocation {
  return new Revocation({
    lists: lists.map((der) => parseCrl(der)),
    anchors: anchors.map(({ der }) => new X509Certificate(der)),
    acceptExpired,
  });
}

const certificates = (...issued: ReadonlyArray<{ readonly der: Buffer }>): X509Certificate[] =>
  issued.map(({ der }) => new X509Certificate(der));

const judging = suite('revocation of a chain (RFC 5280 §6.3)');

for (const one of cases) {
  judging(`${one.code ?? 'lets in'} when ${one.what}`, () => {
    const revocation = revocationOf(ders(listsOf(one, client)), one.insecure);
    const fault = revocation.check(certificates(client, middle, root));
    assert.is(fault?.code, one.code);
    if (one.words !== undefined) assert.match(fault?.detail ?? '', one.words);
  });
}

judging('counts a serial number as revoked that any list of its issuer names, whichever is newer', () => {
  const naming = ders([listOf(root, [direct], { thisUpdate: inDays(-5), days: 10, number: 1 })]);
  const silent = ders([listOf(root, [], { number: 2 })]);
  const old = ders([listOf(root, [direct], expired)]);
  for (const lists of [
    [...naming, ...silent],
    [...silent, ...naming],
    [...old, ...silent],
  ]) {
    assert.is(revocationOf(lists).check(certificates(direct, root))?.code, 'certificate-revoked');
  }
  assert.is(revocationOf(silent).check(certificates(direct, root)), undefined);
});

judging('is content with one list of several that is current', () => {
  const lists = ders([listOf(root, [], expired), listOf(root), listOf(root, [], early)]);
  assert.is(revocationOf(lists).check(certificates(direct, root)), undefined);
  const bad = ders([listOf(root, [], expired), listOf(root, [], early)]);
  assert.match(revocationOf(bad).check(certificates(direct, root))?.detail ?? '', /not valid for another 2 days/);
});

judging('goes by the time that is given, to the second of nextUpdate', () => {
  const nextUpdate = new Date('2030-01-01T00:00:00Z');
  const revocation = revocationOf(ders([listOf(root, [], { nextUpdate })]));
  assert.is(revocation.check(certificates(direct, root), nextUpdate.getTime()), undefined);
  const detail = (now: number): string => revocation.check(certificates(direct, root), now)?.detail ?? '';
  assert.match(detail(nextUpdate.getTime() + 1), /expired less than an hour ago/);
  assert.match(detail(nextUpdate.getTime() + dayInMs / 24), /expired 1 hour ago/);
  assert.match(detail(nextUpdate.getTime() + dayInMs), /expired 24 hours ago/);
});

judging('cannot tell by a list that does not say when it expires, unless expired lists are accepted', () => {
  const endless = [forgeList(root, { nextUpdate: undefined })];
  const fault = revocationOf(endless).check(certificates(direct, root));
  assert.is(fault?.code, 'revocation-unknown');
  assert.match(fault?.detail ?? '', /does not say when it expires/);
  assert.is(revocationOf(endless, true).check(certificates(direct, root)), undefined);
});

judging('goes on above an anchor that another anchor has issued', () => {
  const anchors = [middle, root];
  const chain = certificates(client, middle);
  assert.is(revocationOf(ders([listOf(root), listOf(middle)]), false, anchors).check(chain), undefined);
  const fault = revocationOf(ders([listOf(root, [middle]), listOf(middle)]), false, anchors).check(chain);
  assert.is(fault?.code, 'certificate-revoked');
  assert.is(revocationOf(ders([listOf(middle)]), false, anchors).check(chain)?.code, 'revocation-unknown');
  // An intermediate that alone is trusted has nothing above it.
  assert.is(revocationOf(ders([listOf(middle)]), false, [middle]).check(chain), undefined);
});

judging('comes to an end when two anchors have issued each other', () => {
  const other = createAuthority({ commonName: 'Other' });
  const crossed = (subject: string, own: IssuedCertificate, issuer: IssuedCertificate, name: string) =>
    forge({
      subject,
      keys: { publicKey: new X509Certificate(own.der).publicKey, privateKey: createPrivateKey(own.key) },
      signer: { name: commonNameOnly(name), key: createPrivateKey(issuer.key), chain: [] },
      extensions: [],
    });
  const anchors = [crossed('Test CA', root, other, 'Other'), crossed('Other', other, root, 'Test CA')];
  const revocation = revocationOf([forgeList(root), forgeList(other)], false, anchors);
  assert.is(revocation.check(certificates(direct, anchors[0]!)), undefined);
});

const alone = suite('revocation of a leaf alone (RFC 5280 §6.3)');

alone('is as good as that of its chain when a trust anchor has issued it', () => {
  for (const insecure of [false, true]) {
    const judge = (...lists: readonly string[]) =>
      revocationOf(ders(lists), insecure).checkLeaf(certificates(direct)[0]!);
    assert.is(judge(listOf(root)), undefined);
    assert.is(judge(listOf(root, [direct]))?.code, 'certificate-revoked');
    assert.is(judge(listOf(middle))?.code, 'revocation-unknown');
    assert.is(judge(listOf(root, [], expired))?.code, insecure ? undefined : 'revocation-unknown');
  }
  const impostor = [forgeList(root, {}, createPrivateKey(middle.key))];
  assert.match(revocationOf(impostor).checkLeaf(certificates(direct)[0]!)?.detail ?? '', /not signed/);
});

alone('goes by name and key identifier when its issuer is not known', () => {
  const judge = (lists: readonly Buffer[], insecure?: boolean) =>
    revocationOf(lists, insecure).checkLeaf(certificates(client)[0]!);
  assert.is(judge(ders([listOf(middle)])), undefined);
  assert.is(judge(ders([listOf(middle, [client])]))?.code, 'certificate-revoked');
  assert.is(judge(ders([listOf(middle, [], expired)]))?.code, 'revocation-unknown');
  assert.match(judge(ders([listOf(root)]))?.detail ?? '', /no list of CN=Middle was given/);
  // A CA of the same name with another key.
  const namesake = createAuthority({ commonName: 'Middle' });
  assert.is(judge(ders([listOf(namesake, [client])]))?.code, 'revocation-unknown');
  assert.is(judge([forgeList(middle, { extensions: [] })]), undefined);
});

alone('is refused when its issuer is not known and expired lists are accepted', () => {
  const revocation = revocationOf(ders([listOf(root), listOf(middle)]), true);
  const fault = revocation.checkLeaf(certificates(client)[0]!);
  assert.is(fault?.code, 'revocation-unknown');
  assert.match(fault?.detail ?? '', /the certificate of CN=Middle is not known/);
});

const clients = suite('clients whose certificate may be revoked (RFC 5280 §6.3)');

/** What became of a client at a listener with these lists. */
async function accepted(
  over: Partial<CredentialInput>,
  issued: IssuedCertificate,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<Refusal | undefined> {
  let refusal: Refusal | undefined;
  const credentials = loadServer({ minVersion: 'TLSv1.2', ...over });
  await withListener({ credentials }, async ({ port, peers, refusals }) => {
    const socket = nodeClient(port, { ...showing(issued), maxVersion: version });
    refusal = await Promise.race([refusals.next(), peers.next().then(() => undefined)]);
    socket.destroy();
  });
  return refusal;
}

/** Whether Node shows intermediates to a server: 24 does not, and then expired lists are not accepted below one. */
const showsChain = !process.version.startsWith('v24.');

for (const version of versions) {
  for (const one of cases) {
    const code = one.insecure === true && !showsChain ? (one.code ?? 'revocation-unknown') : one.code;
    clients(`${version}: ${code ?? 'let in'} when ${one.what}`, async () => {
      const crl = listsOf(one, client);
      const refusal = await accepted({ crl, insecureAcceptExpiredCrl: one.insecure ?? false }, client, version);
      const error = refusal?.error;
      if (!showsChain && one.insecure === true) {
        // An intermediate that is revoked cannot be told from one that is not.
        assert.ok(error?.code === code || error?.code === 'revocation-unknown', error?.message);
        return;
      }
      assert.is(error?.code, code, error?.message);
      if (code === undefined) return;
      assert.instance(error, PeerIdentityError);
      const words = one.refusal ?? new RegExp(one.words!.source.replace('^', ''));
      assert.match(error!.message, words);
      assert.match(refusal!.presented ?? '', /^subject CN=device, issuer CN=Middle/);
      assert.not.match(error!.message, /[\n\r]/);
    });
  }
}

clients('are let in by a list of 100,000 others, and refused by it', async () => {
  const others = Array.from({ length: 100_000 }, (_, index) => ({ serialNumber: (0x1000_0000 + index).toString(16) }));
  const revoked = [...others, { serialNumber: serialOf(direct) }];
  const without = root.revocationList({ revoked: others }).der;
  assert.is(await accepted({ crl: without }, direct, 'TLSv1.3'), undefined);
  const refusal = await accepted({ crl: root.revocationList({ revoked }).der }, direct, 'TLSv1.3');
  assert.is(refusal?.error.code, 'certificate-revoked');
});

clients('are told to both ends of connect, in words', async () => {
  const { server, url } = await startServer({ crl: listOf(root, [direct]) });
  try {
    const refused = once(server, 'refused');
    const error = await rejection(connect(url, { ...clientCredentials(), ...showing(direct) }));
    assert.instance(error, PeerIdentityError);
    assert.is((error as PeerIdentityError).code, 'certificate-refused');
    assert.match(error.message, /it probably refused it \(subject CN=device below the root/);
    const [refusal] = (await refused) as [Refusal];
    assert.is(
      refusal.error.message
        .replace(/[0-9A-F]{32}/, 'SERIAL')
        .replaceAll(today, 'TODAY')
        .replace(/, valid .*/, ''),
      "the client's certificate was refused: the certificate has been revoked (serial SERIAL, since TODAY, keyCompromise; " +
        'list of CN=Test CA of TODAY); presented: subject CN=device below the root, issuer CN=Test CA',
    );
    const connection = await connect(url, clientCredentials());
    assert.is(connection.peer.subjectCommonName, 'server');
    await connection.close();
  } finally {
    await server.close({ deadline: 0 });
  }
});

clients('are told by no alert, with either version: Node ends the connection after its handshake', async () => {
  const credentials = loadServer({ minVersion: 'TLSv1.2', crl: listOf(root, [direct]) });
  for (const maxVersion of versions) {
    await withListener({ credentials }, async ({ port, refusals }) => {
      const seen = await probe({
        host: '127.0.0.1',
        port,
        serverName: 'localhost',
        ca: root.cert,
        ...showing(direct),
        maxVersion,
      });
      assert.equal([seen.alert, seen.received.length], [undefined, 0]);
      assert.is.not(seen.outcome, 'timeout');
      assert.is((await refusals.next()).error.code, 'certificate-revoked');
    });
  }
});

const servers = suite('servers whose certificate may be revoked (RFC 5280 §6.3)');

for (const version of versions) {
  for (const one of cases) {
    servers(`${version}: ${one.code ?? 'connected to'} when ${one.what}`, async () => {
      const { server } = ends;
      const crl = listsOf(one, server);
      const options = { ...showing(server), requestCert: true, rejectUnauthorized: true, maxVersion: version };
      await withTlsServer(
        options,
        () => {},
        async (port) => {
          const credentials = loadClient({
            minVersion: 'TLSv1.2',
            crl,
            insecureAcceptExpiredCrl: one.insecure ?? false,
          });
          const dialled = dialTo(port, { credentials });
          if (one.code === undefined) {
            const { socket, peer } = await dialled;
            assert.is(socket.getProtocol(), version);
            assert.equal(
              peer.chain.map(({ subject }) => subject.text),
              ['CN=gateway', 'CN=Middle', 'CN=Test CA'],
            );
            socket.destroy();
            return;
          }
          const error = (await rejection(dialled)) as PeerIdentityError;
          assert.instance(error, PeerIdentityError);
          assert.is(error.code, one.code, error.message);
          assert.is(error.certain, true);
          const words = one.refusal ?? new RegExp(one.words!.source.replace('^', ''));
          assert.match(error.message, words);
          assert.match(error.message, /^the server's certificate was refused: /);
        },
      );
    });
  }
}

judging.run();
alone.run();
clients.run();
servers.run();
