import * as assert from 'uvu/assert';
import { keepSession, takeSession } from '../../src/tls/session-cache.js';
import { ticketKeyLifetime } from '../../src/tls/session-tickets.js';
import { suite } from '../support/suite.js';
import { loadClient } from '../support/tls-ends.js';

const test = suite('sessions that a client may resume');
const credentials = loadClient();
const session = (name: string, age = 0) => ({
  session: Buffer.from(name),
  presented: [],
  verifiedAt: Date.now() - age,
});

function taken(server: string, of = credentials): string | undefined {
  return takeSession(of, server)?.session.toString();
}

test('are used once, the newest first, two for each server at most', () => {
  for (const name of ['first', 'second', 'third']) keepSession(credentials, 'a', session(name));
  assert.equal([taken('a'), taken('a'), taken('a')], ['third', 'second', undefined]);
});

test('belong to one server and one credentials object', () => {
  keepSession(credentials, 'a', session('of a'));
  assert.is(taken('b'), undefined);
  assert.is(taken('a', { ...credentials }), undefined);
  assert.is(taken('a'), 'of a');
});

test('are not used when their chain was verified too long ago', () => {
  keepSession(credentials, 'a', session('old', ticketKeyLifetime + 1_000));
  assert.is(taken('a'), undefined);
  keepSession(credentials, 'a', session('young', ticketKeyLifetime - 60_000));
  assert.is(taken('a'), 'young');
});

test('are kept of 256 servers, the latest', () => {
  for (let server = 0; server <= 256; server++) keepSession(credentials, `server ${server}`, session(String(server)));
  assert.is(taken('server 0'), undefined);
  assert.is(taken('server 1'), '1');
  assert.is(taken('server 256'), '256');
});

test.run();
