import { once } from 'node:events';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { HandshakeError, type MtlsWsError, PeerIdentityError } from '../../src/errors.js';
import { connect } from '../../src/index.js';
import { alertOf, alerts, codeOfVerification, identityFaults } from '../../src/tls/errors.js';
import { explainAlert, explainSilence, identityFromChain, probe } from '../../src/tls/index.js';
import { explainFailedAccept, explainFailedDial } from '../../src/tls/refusal.js';
import { clientCredentials, serverCredentials, startServer } from '../support/ends.js';
import { type ClientName, kit, presenting, type ServerName } from '../support/kit.js';
import { suite } from '../support/suite.js';
import {
  dialTo,
  loadClient,
  loadServer,
  rejection,
  showing,
  Told,
  versions,
  withListener,
  withTlsServer,
} from '../support/tls-ends.js';

/** Our code, and what Node says, for each client certificate that is refused by OpenSSL. */
const refusedClients: ReadonlyArray<readonly [ClientName, string, RegExp]> = [
  ['missingIntermediate', 'certificate-untrusted', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
  ['expired', 'certificate-expired', /CERT_HAS_EXPIRED/],
  ['notYetValid', 'certificate-not-yet-valid', /CERT_NOT_YET_VALID/],
  ['belowExpiredIntermediate', 'certificate-expired', /CERT_HAS_EXPIRED/],
  ['otherCa', 'certificate-untrusted', /UNABLE_TO_VERIFY_LEAF_SIGNATURE; trusted: CN=Test CA\)/],
  ['otherCaWithRoot', 'certificate-untrusted', /SELF_SIGNED_CERT_IN_CHAIN/],
  [
    'impostorCa',
    'certificate-untrusted',
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE; the trusted CA of that name, CN=Test CA, has another key\)/,
  ],
  ['impostorCaSameKeyId', 'certificate-bad-signature', /CERT_SIGNATURE_FAILURE/],
  ['serverAuthOnly', 'certificate-wrong-purpose', /INVALID_PURPOSE/],
  ['anyEku', 'certificate-wrong-purpose', /INVALID_PURPOSE/],
  ['unrelatedEku', 'certificate-wrong-purpose', /INVALID_PURPOSE/],
  ['unknownCritical', 'certificate-chain-invalid', /critical extension that is not known.* \(UNSPECIFIED\)/],
  ['selfSigned', 'certificate-self-signed', /DEPTH_ZERO_SELF_SIGNED_CERT/],
  ['signedByLeaf', 'certificate-chain-invalid', /UNSPECIFIED|INVALID_CA/],
  ['pathLengthExceeded', 'certificate-chain-too-long', /PATH_LENGTH_EXCEEDED/],
];

const acceptedClients: readonly ClientName[] = [
  'good',
  'throughIntermediate',
  'noEku',
  'bothEku',
  'keyAgreementOnly',
  'version1',
  'rsa',
  'ed25519',
  'twoUris',
  'emptySubject',
];

const clients = suite('a client certificate that is refused (RFC 8446 §4.4.2.4)');

clients('every client of the kit is in one of the two tables', () => {
  const named = [...refusedClients.map(([name]) => name), ...acceptedClients];
  assert.equal(named.sort(), Object.keys(kit().clients).sort());
});

for (const version of versions) {
  clients(`M11: ${version}: both ends are told of each that is refused`, async () => {
    await withListener({}, async ({ port, refusals, peers }) => {
      for (const [name, code, nodeCode] of refusedClients) {
        const issued = kit().clients[name];
        const seen = await probe({
          host: '127.0.0.1',
          serverName: 'localhost',
          port,
          ca: kit().ca.cert,
          ...showing(issued),
          maxVersion: version,
        });
        const { error, presented, remoteAddress, remotePort } = await refusals.next();
        assert.instance(error, PeerIdentityError, name);
        assert.is(error.code, code, `${name}: ${error.message}`);
        assert.match(error.message, nodeCode);
        assert.match(error.message, /^the client's certificate was refused: .* \(RFC \d+ §[\d.]+\)$/);
        assert.is((error as PeerIdentityError).certain, true);
        assert.is((error as PeerIdentityError).hint, identityFaults[code as keyof typeof identityFaults].hint);
        const { subject, issuer } = identityFromChain([issued.der]);
        assert.ok(
          presented?.startsWith(`subject ${subject.text}, issuer ${issuer.text}, valid `),
          `${name}: ${presented}`,
        );
        assert.is(remoteAddress, '127.0.0.1');
        assert.ok(remotePort > 0);
        // What any client sees: with TLS 1.3 nothing but an end.
        assert.is(seen.alert, undefined, name);
        assert.is(seen.secured, version === 'TLSv1.3', name);
        assert.is(seen.outcome === 'ended', version === 'TLSv1.3', `${name}: ${seen.outcome}`);
      }
      assert.is(peers.all.length, 0);
      assert.is(refusals.all.length, refusedClients.length);
    });
  });

  clients(`${version}: both ends are told of a client without certificate`, async () => {
    await withListener({}, async ({ port, refusals }) => {
      const seen = await probe({
        host: '127.0.0.1',
        serverName: 'localhost',
        port,
        ca: kit().ca.cert,
        maxVersion: version,
      });
      const { error, presented, remoteAddress } = await refusals.next();
      assert.is(error.code, 'certificate-missing');
      assert.match(error.message, /no certificate was presented \(RFC 8446/);
      assert.is(presented, undefined);
      assert.is(remoteAddress, '127.0.0.1');
      assert.is(seen.outcome, 'error');
      assert.is(seen.alert?.number, version === 'TLSv1.3' ? 116 : 40);
    });
  });

  clients(`M11: ${version}: every client of the kit that should be is let in`, async () => {
    await withListener({}, async ({ port, peers, refusals }) => {
      for (const name of acceptedClients) {
        const issued = kit().clients[name];
        const socket = tls.connect({
          ...serverTrust(),
          ...showing(issued),
          host: '127.0.0.1',
          port,
          servername: 'localhost',
          maxVersion: version,
        });
        socket.on('error', () => {});
        const { peer } = await peers.next();
        assert.equal(peer.der, issued.der, name);
        assert.is(peer.tls.protocol, version);
        assert.is(peer.tls.serverName, 'localhost');
        socket.destroy();
      }
      assert.is(refusals.all.length, 0);
    });
  });

  clients(`${version}: dial and a read tell our client of each refusal`, async () => {
    await withListener({}, async ({ port, refusals }) => {
      for (const [name] of refusedClients) {
        const credentials = loadClient({ ...showing(kit().clients[name]), minVersion: version });
        const maxed = version === 'TLSv1.2' ? await withOldServer(credentials) : undefined;
        if (maxed !== undefined) {
          assert.is(maxed.code, 'certificate-refused', name);
          assert.is((maxed as PeerIdentityError).certain, false);
          assert.match(
            maxed.message,
            /^the server closed without answering after our certificate was sent: it probably refused it \(subject /,
          );
          continue;
        }
        const { socket } = await dialTo(port, { credentials });
        const failed = once(socket, 'error');
        socket.resume();
        // An end without a word: there is no error to be had.
        assert.is(await Promise.race([failed, once(socket, 'end').then(() => 'end')]), 'end', name);
        socket.destroy();
        await refusals.next();
      }
    });
  });
}

function serverTrust(): { ca: string } {
  return { ca: kit().ca.cert };
}

/** Dials a strict server that speaks no TLS 1.3, and returns the refusal. */
async function withOldServer(credentials: ReturnType<typeof loadClient>): Promise<MtlsWsError> {
  let error: Error | undefined;
  const options: tls.TlsOptions = {
    ca: kit().ca.cert,
    requestCert: true,
    rejectUnauthorized: true,
    maxVersion: 'TLSv1.2',
  };
  await withTlsServer(
    options,
    () => {},
    async (port) => {
      error = await rejection(dialTo(port, { credentials }));
    },
  );
  return error as MtlsWsError;
}

clients('through connect: each is a PeerIdentityError that is not certain and shows our certificate', async () => {
  const refused = new Told<string>();
  const { server, url } = await startServer();
  server.on('refused', ({ error }) => refused.push(error.code));
  try {
    for (const [name, code] of refusedClients) {
      const issued = kit().clients[name];
      const error = (await rejection(
        connect(url, { ...clientCredentials(), ...showing(issued) }),
      )) as PeerIdentityError;
      assert.instance(error, PeerIdentityError, `${name}: ${error.message}`);
      assert.is(error.code, 'certificate-refused', name);
      assert.is(error.certain, false);
      const { subject, issuer } = identityFromChain([issued.der]);
      assert.ok(error.message.includes(`(subject ${subject.text}, issuer ${issuer.text}`), error.message);
      assert.is(await refused.next(), code, name);
      if (name === 'expired') assert.match(error.message, /expired \d+ days ago\)/);
      if (name === 'notYetValid') assert.match(error.message, /not valid for another \d+ days\)/);
      if (name === 'serverAuthOnly') assert.match(error.message, /lacks clientAuth\)/);
    }
  } finally {
    await server.close({ deadline: 0 });
  }
});

clients('through connect: a client without clientAuth is refused by the gate when it is required', async () => {
  const refused = new Told<string>();
  const { server, url } = await startServer({ requireClientAuthEku: true });
  server.on('refused', ({ error }) => refused.push(error.code));
  try {
    const error = (await rejection(
      connect(url, { ...clientCredentials(), ...showing(kit().clients.noEku) }),
    )) as PeerIdentityError;
    assert.is(error.code, 'certificate-refused');
    assert.is(await refused.next(), 'certificate-wrong-purpose');
  } finally {
    await server.close({ deadline: 0 });
  }
});

clients.run();

/** Our code, whether Node or we find it, for each server certificate that is refused. */
const refusedServers: ReadonlyArray<readonly [ServerName, string, RegExp]> = [
  ['missingIntermediate', 'certificate-untrusted', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
  ['expired', 'certificate-expired', /CERT_HAS_EXPIRED/],
  ['notYetValid', 'certificate-not-yet-valid', /CERT_NOT_YET_VALID/],
  ['otherCa', 'certificate-untrusted', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
  ['impostorCa', 'certificate-(untrusted|bad-signature)', /UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE/],
  ['clientAuthOnly', 'certificate-wrong-purpose', /INVALID_PURPOSE/],
  ['selfSigned', 'certificate-self-signed', /DEPTH_ZERO_SELF_SIGNED_CERT/],
  ['version1', 'server-name-mismatch', /no subject alternative name/],
  ['commonNameOnly', 'server-name-mismatch', /no subject alternative name/],
  ['uriSanOnly', 'server-name-mismatch', /no DNS name among/],
  ['wrongHost', 'server-name-mismatch', /other\.example.*not for localhost/],
  ['wildcard', 'server-name-mismatch', /\*\.wild\.example/],
  ['wildcardTooWide', 'server-name-mismatch', /not for localhost/],
  ['addressAsDns', 'server-name-mismatch', /not for localhost/],
];
const acceptedServers: readonly ServerName[] = ['good', 'throughIntermediate', 'noEku', 'rsa'];

const servers = suite('a server certificate that is refused (RFC 9525 §6)');

servers('every server of the kit is in one of the two tables', () => {
  const named = [...refusedServers.map(([name]) => name), ...acceptedServers];
  assert.equal(named.sort(), Object.keys(kit().servers).sort());
});

for (const maxVersion of versions) {
  servers(`M7: ${maxVersion}: the client says why, and writes nothing of the application`, async () => {
    for (const [name, code, words] of refusedServers) {
      const issued = kit().servers[name];
      let received = 0;
      let identityShown = false;
      const options: tls.TlsOptions = {
        ...serverCredentials(),
        ...showing(issued),
        requestCert: true,
        rejectUnauthorized: false,
        maxVersion,
      };
      const onSocket = (socket: tls.TLSSocket): void => {
        identityShown = socket.getPeerX509Certificate() !== undefined;
        socket.on('data', (chunk: Buffer) => {
          received += chunk.length;
        });
      };
      await withTlsServer(options, onSocket, async (port, server) => {
        const gone = new Promise<void>((resolve) => server.on('connection', (raw) => raw.once('close', resolve)));
        const error = (await rejection(
          connect(`wss://localhost:${port}/`, { ...clientCredentials(), minVersion: 'TLSv1.2' }),
        )) as PeerIdentityError;
        await gone;
        assert.instance(error, PeerIdentityError, `${name}: ${error.message}`);
        assert.match(error.code, new RegExp(`^${code}$`), `${name}: ${error.message}`);
        assert.match(error.message, words);
        assert.match(
          error.message,
          /^the server's certificate was refused: .*; presented: subject .* \(RFC \d+ §[\d.]+\)$/,
        );
        const { subject, issuer } = identityFromChain([issued.der]);
        assert.ok(error.presented?.startsWith(`subject ${subject.text}, issuer ${issuer.text}`), error.presented);
        assert.is(error.certain, true);
        const isAboutAuthority = ['certificate-untrusted', 'certificate-self-signed'].includes(error.code);
        const expected = isAboutAuthority ? 'CN=Test CA' : code === 'server-name-mismatch' ? 'localhost' : undefined;
        assert.is(error.expected, expected, name);
        assert.is(received, 0, name);
        // A client of TLS 1.2 has shown its certificate before it can judge the server's.
        if (maxVersion === 'TLSv1.3') assert.not.ok(identityShown, name);
      });
    }
  });

  servers(`${maxVersion}: the good servers of the kit are taken`, async () => {
    for (const name of acceptedServers) {
      const issued = kit().servers[name];
      const options: tls.TlsOptions = { ...showing(issued), maxVersion, requestCert: true };
      await withTlsServer(
        options,
        () => {},
        async (port) => {
          const { socket, peer } = await dialTo(port, { credentials: loadClient({ minVersion: 'TLSv1.2' }) });
          assert.equal(peer.der, issued.der);
          assert.is(peer.tls.protocol, maxVersion);
          assert.is(peer.chain.at(-1)?.subject.text, 'CN=Test CA');
          socket.destroy();
        },
      );
    }
  });
}

servers('M12: a chain of 12 is refused by the gate', async () => {
  const { servers: good } = kit();
  let authority = kit().ca;
  for (let level = 1; level <= 11; level++) authority = authority.issueAuthority({ commonName: `Level ${level}` });
  const deep = authority.issue({ commonName: 'deep server', kind: 'server', hosts: ['localhost'] });
  await withTlsServer(
    showing(deep),
    () => {},
    async (port) => {
      const error = (await rejection(dialTo(port))) as PeerIdentityError;
      assert.is(error.code, 'certificate-chain-too-long');
      assert.match(error.presented ?? '', /deep server/);
    },
  );
  await withTlsServer(
    showing(presenting(good.good, kit().otherCa.der)),
    () => {},
    async (port) => {
      const { socket, peer } = await dialTo(port);
      assert.equal(
        peer.chain.map(({ subject }) => subject.text),
        ['CN=server', 'CN=Test CA'],
      );
      socket.destroy();
    },
  );
});

servers('the server is told that our client refused its certificate, or that it was cut', async () => {
  await withListener({ credentials: loadServer(showing(kit().servers.expired)) }, async ({ port, refusals, peers }) => {
    await rejection(dialTo(port));
    const { error, remoteAddress } = await refusals.next();
    assert.is(error.code, 'tls-cut');
    assert.is(remoteAddress, '127.0.0.1');
    assert.is(peers.all.length, 0);
  });
});

servers.run();

const words = suite('refusals in words (RFC 8446 §6.2)');

const own = (): ReturnType<typeof identityFromChain> => identityFromChain([kit().clients.good.der]);
const coded = (code: string): Error => Object.assign(new Error('openssl'), { code });
const dialled = (error: unknown, serverAnswered = false): MtlsWsError =>
  explainFailedDial({ error, where: 'host:1', serverAnswered, own: own(), presented: undefined, authorityNames: [] });

words('reads every alert from the error codes of each OpenSSL', () => {
  for (const [name, alert] of Object.entries(alerts)) {
    for (const prefix of ['SSLV3_ALERT', 'TLSV1_ALERT', 'TLSV13_ALERT', 'TLS_ALERT', 'SSL/TLS_ALERT', 'TLSV1']) {
      assert.is(alertOf(coded(`ERR_SSL_${prefix}_${name}`)), alert);
    }
  }
});

words('has the alerts 40, 42 to 51 (without 52), 70, 71, 80, 109, 112, 116 and 120', () => {
  const numbers = Object.values(alerts).map(({ number }) => number);
  assert.equal(numbers, [40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 109, 112, 116, 120]);
});

words('reads no alert from anything else', () => {
  for (const error of [
    undefined,
    null,
    1,
    'x',
    new Error('x'),
    coded('ECONNRESET'),
    { code: 7 },
    coded('ERR_SSL_TLSV1_ALERT_NEW'),
    coded('ERR_SSL_toString'),
  ]) {
    assert.is(alertOf(error), undefined);
  }
});

words('knows the verification results of Node, and calls any other unknown', () => {
  assert.is(codeOfVerification('CERT_REVOKED'), 'certificate-revoked');
  assert.is(codeOfVerification('UNABLE_TO_GET_CRL'), 'revocation-unknown');
  assert.is(codeOfVerification('CRL_HAS_EXPIRED'), 'revocation-unknown');
  assert.is(codeOfVerification('ERROR_IN_CRL_NEXT_UPDATE_FIELD'), 'revocation-unknown');
  for (const other of ['', 'OUT_OF_MEM', 'toString', '__proto__', 'constructor']) {
    assert.is(codeOfVerification(other), 'certificate-unknown', other);
  }
});

words('is certain of what an alert says of our certificate', () => {
  const cases = [
    ['SSLV3_ALERT_BAD_CERTIFICATE', 'certificate-unknown', 42],
    ['SSLV3_ALERT_CERTIFICATE_EXPIRED', 'certificate-expired', 45],
    ['TLSV1_ALERT_UNKNOWN_CA', 'certificate-untrusted', 48],
    ['TLSV1_ALERT_ACCESS_DENIED', 'access-denied', 49],
    ['TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate-missing', 116],
    ['TLSV1_UNRECOGNIZED_NAME', 'server-name-unknown', 112],
  ] as const;
  for (const [name, code, number] of cases) {
    const cause = coded(`ERR_SSL_${name}`);
    for (const error of [explainAlert(cause, own()), dialled(cause)] as PeerIdentityError[]) {
      assert.is(error.code, code);
      assert.is(error.certain, true);
      assert.is(error.cause, cause);
      assert.match(error.message, new RegExp(`alert ${number}, .*; ours: subject CN=device-7, issuer CN=Test CA; RFC`));
      assert.ok(error.hint);
    }
  }
});

words('takes handshake failure for a probable refusal only after our certificate was sent', () => {
  const cause = coded('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
  for (const error of [explainAlert(cause, own()), dialled(cause, true)] as PeerIdentityError[]) {
    assert.is(error.code, 'certificate-refused');
    assert.is(error.certain, false);
    assert.match(error.message, /\(alert 40, handshake failure\): it probably refused it \(subject CN=device-7/);
  }
  assert.is(dialled(cause).code, 'tls-cipher');
  assert.is(explainAlert(coded('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'), own()), undefined);
  assert.is(explainAlert(coded('ECONNRESET'), own()), undefined);
});

words('takes a reset for a probable refusal only after the server had answered', () => {
  for (const code of ['ECONNRESET', 'EPIPE']) {
    const silent = dialled(coded(code), true) as PeerIdentityError;
    assert.is(silent.code, 'certificate-refused');
    assert.is(silent.certain, false);
    assert.is(dialled(coded(code)).code, 'tls-cut');
  }
});

words('explains silence without a cause, too', () => {
  const error = explainSilence(own());
  assert.match(
    error.message,
    /^the server closed without answering .*: it probably refused it \(subject CN=device-7, /,
  );
  assert.is(error.cause, undefined);
});

words('says what is wrong below the certificate', () => {
  const cases = [
    ['ECONNREFUSED', 'connection-refused', /nothing is listening/],
    ['ENOTFOUND', 'host-not-found', /cannot be resolved/],
    ['EHOSTUNREACH', 'host-unreachable', /cannot be reached/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls', /does not speak TLS/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls-version', /no TLS version is common/],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'tls-alpn', /ALPN/],
    ['ERR_SSL_SOMETHING_NEW', 'tls-failed', /SOMETHING_NEW/],
    ['EWHATEVER', 'connect-failed', /EWHATEVER/],
  ] as const;
  for (const [nodeCode, code, reason] of cases) {
    const error = dialled(coded(nodeCode));
    assert.instance(error, HandshakeError);
    assert.is(error.code, code);
    assert.match(error.message, /^cannot connect to host:1: /);
    assert.match(error.message, reason);
  }
  assert.is(dialled(new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')])).code, 'connection-refused');
  assert.is(dialled(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })).code, 'connection-refused');
  assert.match(dialled(new Error('a\nb')).message, /a\\nb/);
  assert.match(dialled('text').message, /\(text\)/);
});

words('explains at the server what a client did', () => {
  const accept = (error: unknown, authorizationError: unknown = null): MtlsWsError =>
    explainFailedAccept({ error, authorizationError, presented: undefined, authorityNames: [] });
  assert.is(accept(coded('ECONNRESET'), 'CERT_REVOKED').code, 'certificate-revoked');
  assert.is(accept(coded('ECONNRESET'), 'SOMETHING_ELSE').code, 'certificate-unknown');
  assert.match(accept(coded('ECONNRESET'), 'SOMETHING_ELSE').message, /SOMETHING_ELSE/);
  const unknownCa = accept(coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'));
  assert.is(unknownCa.code, 'certificate-untrusted');
  assert.match(unknownCa.message, /^the client refused our certificate: .*alert 48, unknown CA/);
  assert.is(accept(coded('ERR_SSL_HTTP_REQUEST')).code, 'not-tls');
  assert.is(accept(coded('ERR_SSL_NO_SHARED_CIPHER')).code, 'tls-cipher');
  assert.is(accept(coded('ECONNRESET')).code, 'tls-cut');
});

words('M17: keeps a hostile name of ours on one short line', () => {
  const { megabyteCommonName, escapesInCommonName } = kit().hostile;
  for (const { der } of [megabyteCommonName, escapesInCommonName]) {
    const error = explainSilence(identityFromChain([der]));
    assert.ok(error.message.length < 2_048, String(error.message.length));
    assert.not.match(error.message, /[\u0000-\u001f\u007f-\u009f\u202e]/);
  }
});

words('M17: keeps a hostile name that a refused client presents on one short line', async () => {
  const { forge } = await import('../support/kit.js');
  const lonely = forge({ subject: `\u001b[2J\nlet in: admin ${'x'.repeat(20_000)}`, extensions: [] });
  await withListener({}, async ({ port, refusals }) => {
    void probe({ host: '127.0.0.1', serverName: 'localhost', port, ca: kit().ca.cert, ...showing(lonely) });
    const { error, presented } = await refusals.next();
    assert.is(error.code, 'certificate-self-signed');
    for (const text of [error.message, presented ?? '']) {
      assert.ok(text.length < 2_048, String(text.length));
      assert.not.match(text, /[\u0000-\u001f]/);
    }
  });
});

words('has a fault for every code, with a section', () => {
  for (const [code, { words: text, hint, section }] of Object.entries(identityFaults)) {
    assert.ok(text.length > 0 && hint.length > 0, code);
    assert.match(section, /^RFC \d+ §[\d.]+$/);
  }
});

words.run();
