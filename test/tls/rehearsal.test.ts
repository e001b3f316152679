import * as assert from 'uvu/assert';
import { rehearse } from '../../src/tls/rehearsal.js';
import { kit } from '../support/kit.js';
import { suite } from '../support/suite.js';
import { loadClient, showing } from '../support/tls-ends.js';

const rehearsal = suite('a TLS handshake of an end with itself');

rehearsal('says what OpenSSL makes of a certificate at either end', async () => {
  const { clients, servers } = kit();
  const of = (issued: Parameters<typeof showing>[0]) => rehearse(loadClient(showing(issued)));
  assert.equal(await of(clients.good), { asServer: 'INVALID_PURPOSE', asClient: undefined });
  assert.equal(await of(servers.good), { asServer: undefined, asClient: 'INVALID_PURPOSE' });
  assert.equal(await of(clients.bothEku), { asServer: undefined, asClient: undefined });
  assert.equal(await of(clients.expired), { asServer: 'CERT_HAS_EXPIRED', asClient: 'CERT_HAS_EXPIRED' });
  assert.is((await of(clients.otherCa)).asClient, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

rehearsal('works with every kind of key', async () => {
  const { clients } = kit();
  for (const issued of [clients.rsa, clients.ed25519, clients.throughIntermediate]) {
    assert.is((await rehearse(loadClient(showing(issued)))).asClient, undefined);
  }
});

rehearsal.run();
