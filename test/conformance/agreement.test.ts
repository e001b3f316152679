import * as assert from 'uvu/assert';
import { compressionOf, judgeAgreement } from '../../src/conformance/agreement.js';
import { suite } from '../support/suite.js';

const agreement = suite('what was agreed about compression (RFC 7692 §7.1)');

const deflate = 'permessage-deflate';

const lawful: ReadonlyArray<readonly [offer: string, answer: string]> = [
  ['', ''],
  ['; client_max_window_bits', '; client_max_window_bits=9'],
  ['; client_max_window_bits=12', '; client_max_window_bits=12'],
  ['; client_max_window_bits', ''],
  ['; server_max_window_bits=10', '; server_max_window_bits=10'],
  ['; server_max_window_bits=10', '; server_max_window_bits=8'],
  ['', '; server_max_window_bits=10; server_no_context_takeover; client_no_context_takeover'],
  ['; server_no_context_takeover', '; server_no_context_takeover'],
  [`; server_max_window_bits=10, ${deflate}`, ''],
];

const unlawful: ReadonlyArray<readonly [offer: string, answer: string, why: RegExp]> = [
  ['', '; client_max_window_bits=10', /client_max_window_bits was not offered \(RFC 7692 §7\.1\.2\.2\)/],
  ['; client_max_window_bits=10', '; client_max_window_bits=11', /at most 10 was offered/],
  ['; server_max_window_bits=10', '', /at most 10 was asked for \(RFC 7692 §7\.1\.2\.1\)/],
  ['; server_max_window_bits=10', '; server_max_window_bits=11', /at most 10 was asked for/],
  ['; server_no_context_takeover', '', /asked for and is missing \(RFC 7692 §7\.1\.1\.1\)/],
  ['; client_max_window_bits', '; client_max_window_bits', /is no number from 8 to 15/],
  ['', '; server_max_window_bits=16', /is no number from 8 to 15/],
  ['', '; server_max_window_bits=08', /is no number from 8 to 15/],
  ['', '; server_no_context_takeover=1', /has a value/],
  ['', '; server_no_context_takeover; server_no_context_takeover', /comes twice/],
  ['', '; mode=fast', /is no parameter/],
  ['', ', permessage-deflate', /not all offered \(RFC 6455 §9\.1\)/],
  ['', ' x', /break the grammar \(RFC 6455 §9\.1\)/],
];

for (const [offer, answer] of lawful) {
  agreement(`takes "${answer}" as the answer to "${offer}"`, () => {
    assert.is(judgeAgreement(`${deflate}${offer}`, `${deflate}${answer}`), undefined);
  });
}

for (const [offer, answer, why] of unlawful) {
  agreement(`finds fault with "${answer}" as the answer to "${offer}"`, () => {
    assert.match(judgeAgreement(`${deflate}${offer}`, `${deflate}${answer}`)!, why);
  });
}

agreement('finds fault with an extension that was not offered', () => {
  assert.match(judgeAgreement('x-other', deflate)!, /permessage-deflate was not offered \(RFC 6455 §9\.1\)/);
  assert.match(judgeAgreement(deflate, 'x-other')!, /not all offered/);
});

agreement('says how each end may compress', () => {
  const accepted = `${deflate}; server_max_window_bits=10; client_no_context_takeover`;
  assert.equal(compressionOf(accepted, 'server'), { windowBits: 10, keepsContext: true });
  assert.equal(compressionOf(accepted, 'client'), { windowBits: 15, keepsContext: false });
  assert.is(compressionOf(undefined, 'server'), undefined);
  assert.is(compressionOf('x-other', 'server'), undefined);
});

agreement.run();
