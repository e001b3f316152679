/** What our client says when a server of openssl, which tells why in an alert (RFC 8446 §6.2), refuses its certificate. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { PeerIdentityError } from '../../src/index.js';
import { connect } from '../../src/index.js';
import { clientCredentials, until } from '../support/ends.js';
import { type ClientName, kit } from '../support/kit.js';
import { rejection, showing, versions } from '../support/tls-ends.js';
import { interopSuite } from './tools.js';

const alerts = interopSuite('alerts of openssl');

/** Our code, by the alert of openssl for each. */
const refused: Readonly<Partial<Record<ClientName, string>>> = {
  expired: 'certificate-expired',
  notYetValid: 'certificate-unknown',
  belowExpiredIntermediate: 'certificate-expired',
  otherCa: 'certificate-untrusted',
  otherCaWithRoot: 'certificate-untrusted',
  impostorCa: 'certificate-untrusted',
  impostorCaSameKeyId: 'certificate-bad-signature',
  missingIntermediate: 'certificate-untrusted',
  selfSigned: 'certificate-untrusted',
  serverAuthOnly: 'certificate-wrong-purpose',
  signedByLeaf: 'certificate-untrusted',
  pathLengthExceeded: 'certificate-untrusted',
};

for (const version of versions) {
  alerts(`${version}: each refusal is certain, and has the code of its alert (M11)`, ['openssl'], async () => {
    const directory = mkdtempSync(join(tmpdir(), 'alerts-'));
    const { cert, key } = kit().servers.good;
    for (const [name, text] of Object.entries({ cert, key, ca: kit().ca.cert })) {
      writeFileSync(join(directory, `${name}.pem`), text);
    }
    const file = (name: string): string => join(directory, `${name}.pem`);
    const server = spawn(
      'openssl',
      [
        ...['s_server', '-accept', '127.0.0.1:0', version === 'TLSv1.3' ? '-tls1_3' : '-tls1_2'],
        ...['-cert', file('cert'), '-key', file('key'), '-CAfile', file('ca'), '-Verify', '9', '-verify_return_error'],
      ],
      { stdio: 'pipe' },
    );
    const closed = once(server, 'close');
    let written = '';
    server.stdout.on('data', (chunk) => {
      written += chunk;
    });
    server.stderr.resume();
    try {
      await until(() => /ACCEPT .*:\d+/.test(written));
      const url = `wss://localhost:${/ACCEPT .*:(\d+)/.exec(written)?.[1]}/`;
      const wrong: string[] = [];
      for (const [name, code] of Object.entries(refused)) {
        const issued = kit().clients[name as ClientName];
        const options = { ...clientCredentials(), ...showing(issued), minVersion: version };
        const error = (await rejection(connect(url, options))) as PeerIdentityError;
        if (error.code !== code) wrong.push(`${name}: expected ${code}, got ${error.code}: ${error.message}`);
        else assert.is(error.certain, true, name);
      }
      assert.is(wrong.length, 0, wrong.join('\n'));
    } finally {
      server.kill();
      await closed;
      rmSync(directory, { recursive: true });
    }
  });
}

alerts.run();
