import * as assert from 'uvu/assert';
import { HandshakeError, type UsageError } from '../../src/errors.js';
import { parseExtensions } from '../../src/handshake/extension.js';
import {
  type DeflateParameters,
  type DeflatePolicy,
  examineDeflate,
  negotiateDeflate,
  offerDeflate,
} from '../../src/handshake/permessage-deflate.js';
import { suite } from '../support/suite.js';

const name = 'permessage-deflate';
const unbounded: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

function answer(offers: string, policy?: DeflatePolicy): string | undefined {
  return negotiateDeflate(parseExtensions([offers])!, policy)?.response;
}

const servers = suite('permessage-deflate at a server (RFC 7692 §7.1)');

servers('answers each lawful offer in its terms', () => {
  const table: ReadonlyArray<readonly [offer: string, response: string]> = [
    ['', ''],
    ['client_max_window_bits', ''],
    ['client_max_window_bits=15', ''],
    ['client_max_window_bits=8', 'client_max_window_bits=8'],
    ['client_max_window_bits="10"', 'client_max_window_bits=10'],
    ['server_no_context_takeover', 'server_no_context_takeover'],
    ['client_no_context_takeover', 'client_no_context_takeover'],
    [
      'client_no_context_takeover; server_no_context_takeover',
      'server_no_context_takeover; client_no_context_takeover',
    ],
    ['server_max_window_bits=8', 'server_max_window_bits=8'],
    ['server_max_window_bits=9', 'server_max_window_bits=9'],
    ['server_max_window_bits=15', 'server_max_window_bits=15'],
    ['server_max_window_bits="12"', 'server_max_window_bits=12'],
    ['server_max_window_bits="1\\2"', 'server_max_window_bits=12'],
    [
      'server_max_window_bits=10; client_max_window_bits=11; server_no_context_takeover; client_no_context_takeover',
      'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11',
    ],
  ];
  for (const [offer, response] of table) {
    const join = (text: string): string => (text === '' ? name : `${name}; ${text}`);
    assert.is(answer(join(offer)), join(response), offer);
  }
});

const unlawful = [
  'server_max_window_bits',
  'server_max_window_bits=0',
  'server_max_window_bits=7',
  'server_max_window_bits=16',
  'server_max_window_bits=999',
  'server_max_window_bits=08',
  'server_max_window_bits=+8',
  'server_max_window_bits=8.0',
  'server_max_window_bits=0x8',
  'server_max_window_bits="x"',
  'server_max_window_bits=1e1',
  'server_max_window_bits=99999999999999999999',
  'client_max_window_bits=0',
  'client_max_window_bits=7',
  'client_max_window_bits=16',
  'client_max_window_bits=08',
  'client_max_window_bits=x',
  'server_no_context_takeover=1',
  'server_no_context_takeover=true',
  'client_no_context_takeover=1',
  'client_no_context_takeover="0"',
  'server_no_context_takeover; server_no_context_takeover',
  'client_no_context_takeover; client_no_context_takeover',
  'server_max_window_bits=10; server_max_window_bits=10',
  'client_max_window_bits; client_max_window_bits',
  'client_max_window_bits; client_max_window_bits=10',
  'foo',
  'foo=1',
  '__proto__',
  'constructor=8',
  'SERVER_NO_CONTEXT_TAKEOVER',
  'Server_Max_Window_Bits=10',
  'server-max-window-bits=10',
];

servers('declines an offer that is not lawful, and takes the next (T5)', () => {
  for (const parameters of unlawful) {
    assert.is(answer(`${name}; ${parameters}`), undefined, parameters);
    assert.is(answer(`${name}; ${parameters}, ${name}`), name, parameters);
    assert.is(answer(`foo, ${name}; ${parameters}; client_max_window_bits, bar`), undefined, parameters);
  }
});

servers('takes the first offer that it can keep', () => {
  assert.is(
    answer(`${name}; server_max_window_bits=10; client_max_window_bits, ${name}`),
    `${name}; server_max_window_bits=10`,
  );
  assert.is(answer(`x-webkit-deflate-frame, ${name}`), name);
  assert.is(answer('x-webkit-deflate-frame, Permessage-Deflate'), undefined);
  assert.is(answer('foo'), undefined);
  assert.is(negotiateDeflate([]), undefined);
});

servers('keeps to its policy', () => {
  assert.is(answer(name, { serverNoContextTakeover: true }), `${name}; server_no_context_takeover`);
  assert.is(answer(name, { clientNoContextTakeover: true }), `${name}; client_no_context_takeover`);
  assert.is(answer(name, { serverMaxWindowBits: 10 }), `${name}; server_max_window_bits=10`);
  assert.is(
    answer(`${name}; server_max_window_bits=12`, { serverMaxWindowBits: 10 }),
    `${name}; server_max_window_bits=10`,
  );
  assert.is(
    answer(`${name}; server_max_window_bits=9`, { serverMaxWindowBits: 10 }),
    `${name}; server_max_window_bits=9`,
  );
  // RFC 7692 §7.1.2.2: a client that does not offer client_max_window_bits cannot be bound.
  assert.is(answer(name, { clientMaxWindowBits: 10 }), undefined);
  assert.is(
    answer(`${name}, ${name}; client_max_window_bits`, { clientMaxWindowBits: 10 }),
    `${name}; client_max_window_bits=10`,
  );
  assert.is(
    answer(`${name}; client_max_window_bits=12`, { clientMaxWindowBits: 10 }),
    `${name}; client_max_window_bits=10`,
  );
  assert.is(
    answer(`${name}; client_max_window_bits=9`, { clientMaxWindowBits: 10 }),
    `${name}; client_max_window_bits=9`,
  );
  assert.is(answer(name, { clientMaxWindowBits: 15, serverMaxWindowBits: 15 }), name);
});

const clients = suite('permessage-deflate at a client (RFC 7692 §7.1)');

clients('offers client_max_window_bits, and what it asks for, in order of preference', () => {
  assert.is(offerDeflate([{}]), `${name}; client_max_window_bits`);
  assert.is(
    offerDeflate([{ serverMaxWindowBits: 10 }, {}]),
    `${name}; server_max_window_bits=10; client_max_window_bits, ${name}; client_max_window_bits`,
  );
  assert.is(
    offerDeflate([{ serverNoContextTakeover: true, clientNoContextTakeover: true, clientMaxWindowBits: 9 }]),
    `${name}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9`,
  );
});

function examine(response: string, offers: readonly DeflatePolicy[] = [{}]): DeflateParameters | HandshakeError {
  const [accepted] = parseExtensions([response])!;
  return examineDeflate(accepted!, offers, response);
}

function refuses(response: string, code: string, offers?: readonly DeflatePolicy[]): void {
  const error = examine(response, offers);
  assert.instance(error, HandshakeError, response);
  assert.is((error as HandshakeError).code, code, response);
}

clients('takes each lawful answer', () => {
  assert.equal(examine(name), unbounded);
  assert.equal(examine(`${name}; server_no_context_takeover`), { ...unbounded, serverNoContextTakeover: true });
  assert.equal(examine(`${name}; client_no_context_takeover`), { ...unbounded, clientNoContextTakeover: true });
  for (let bits = 8; bits <= 15; bits++) {
    assert.equal(examine(`${name}; server_max_window_bits=${bits}`), { ...unbounded, serverMaxWindowBits: bits });
    assert.equal(examine(`${name}; client_max_window_bits="${bits}"`), { ...unbounded, clientMaxWindowBits: bits });
  }
});

clients('refuses an answer with an unlawful parameter, whatever its value (T5)', () => {
  for (const parameters of [...unlawful, 'client_max_window_bits']) {
    refuses(`${name}; ${parameters}`, 'deflate-parameter-wrong');
  }
});

clients('refuses an answer that does not keep to an offer', () => {
  refuses(name, 'deflate-parameter-wrong', [{ serverNoContextTakeover: true }]);
  refuses(name, 'deflate-parameter-wrong', [{ serverMaxWindowBits: 10 }]);
  refuses(`${name}; server_max_window_bits=11`, 'deflate-parameter-wrong', [{ serverMaxWindowBits: 10 }]);
  refuses(`${name}; client_max_window_bits=11`, 'deflate-parameter-wrong', [{ clientMaxWindowBits: 10 }]);
  assert.equal(examine(`${name}; server_max_window_bits=9`, [{ serverMaxWindowBits: 10 }]), {
    ...unbounded,
    serverMaxWindowBits: 9,
  });
  assert.equal(examine(name, [{ serverMaxWindowBits: 10 }, {}]), unbounded);
});

clients('holds to its own word when the server does not repeat it', () => {
  assert.equal(examine(name, [{ clientNoContextTakeover: true, clientMaxWindowBits: 9 }]), {
    ...unbounded,
    clientNoContextTakeover: true,
    clientMaxWindowBits: 9,
  });
});

clients('refuses what it has not offered', () => {
  refuses('permessage-bzip2', 'extension-not-offered');
  refuses('Permessage-Deflate', 'extension-not-offered');
  refuses(name, 'extension-not-offered', []);
});

const both = suite('permessage-deflate between two ends (RFC 7692 §7.1)');

both('refuse a policy that is none, and write nothing of it (T17)', () => {
  const wrong: unknown[] = [
    ...[7, 0, -1, 8.5, 16, Number.NaN, '10', '9\r\n', '10\r\nX: y', null, true].flatMap((bits) => [
      { serverMaxWindowBits: bits },
      { clientMaxWindowBits: bits },
    ]),
    ...['yes', 1, 0, null, {}].flatMap((value) => [
      { serverNoContextTakeover: value },
      { clientNoContextTakeover: value },
    ]),
  ];
  for (const policy of wrong as DeflatePolicy[]) {
    for (const call of [() => offerDeflate([policy]), () => negotiateDeflate([], policy)]) {
      assert.throws(
        call,
        (error: unknown) => (error as UsageError).code === 'deflate-policy-invalid',
        JSON.stringify(policy),
      );
    }
  }
});

both('take hostile offers in linear time (T14)', () => {
  const offers = parseExtensions([Array.from({ length: 5000 }, () => `${name}; a; b; a`).join(', ')])!;
  assert.is(offers.length, 5000);
  assert.is(negotiateDeflate(offers), undefined);
  const many = parseExtensions([`${name}${Array.from({ length: 20_000 }, (_, index) => `; x${index}`).join('')}`])!;
  assert.is(negotiateDeflate(many), undefined);
});

both('ends with the same parameters at both, whatever their policies', () => {
  const policies: DeflatePolicy[] = [];
  for (const serverNoContextTakeover of [undefined, true]) {
    for (const clientNoContextTakeover of [undefined, true]) {
      for (const serverMaxWindowBits of [undefined, 8, 10, 15]) {
        for (const clientMaxWindowBits of [undefined, 8, 12, 15]) {
          policies.push({ serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits });
        }
      }
    }
  }
  for (const client of policies) {
    const offers = offerDeflate([client]);
    for (const server of policies) {
      const agreed = negotiateDeflate(parseExtensions([offers])!, server);
      assert.ok(agreed, `${offers}: declined`);
      assert.equal(examine(agreed!.response, [client]), agreed!.parameters, `${offers} → ${agreed!.response}`);
      const { parameters } = agreed!;
      for (const policy of [client, server]) {
        assert.ok(parameters.serverMaxWindowBits <= (policy.serverMaxWindowBits ?? 15));
        assert.ok(parameters.clientMaxWindowBits <= (policy.clientMaxWindowBits ?? 15));
        assert.ok(parameters.serverNoContextTakeover || policy.serverNoContextTakeover !== true);
        assert.ok(parameters.clientNoContextTakeover || policy.clientNoContextTakeover !== true);
      }
    }
  }
});

servers.run();
clients.run();
both.run();
