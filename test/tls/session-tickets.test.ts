import * as assert from 'uvu/assert';
import { TicketKeys, ticketKeyLifetime } from '../../src/tls/session-tickets.js';
import { suite } from '../support/suite.js';

const test = suite('keys of session tickets');
const secret = Buffer.alloc(32, 9);

test('are 48 bytes, and the same for the same secret, context and hour in every process', () => {
  const [one, other] = [new TicketKeys(secret), new TicketKeys(Buffer.from(secret))];
  assert.is(one.derive('context', 7).length, 48);
  assert.ok(one.derive('context', 7).equals(other.derive('context', 7)));
});

test('differ by secret, context and hour', () => {
  const keys = new TicketKeys(secret);
  const all = [
    keys.derive('context', 7),
    keys.derive('context', 8),
    keys.derive('another', 7),
    new TicketKeys(Buffer.alloc(32, 8)).derive('context', 7),
    new TicketKeys().derive('context', 7),
    new TicketKeys().derive('context', 7),
  ];
  assert.is(new Set(all.map((key) => key.toString('hex'))).size, all.length);
});

test('of their own secret cannot be had again after the hour', () => {
  const keys = new TicketKeys();
  const before = keys.derive('context', 7);
  assert.ok(keys.derive('context', 7).equals(before));
  keys.derive('context', 8);
  assert.not(keys.derive('context', 7).equals(before));
});

test('change by the hour of the clock', () => {
  const keys = new TicketKeys(secret);
  const hour = keys.period(Date.UTC(2026, 0, 1));
  assert.is(keys.period(Date.UTC(2026, 0, 1) + ticketKeyLifetime - 1), hour);
  assert.is(keys.period(Date.UTC(2026, 0, 1) + ticketKeyLifetime), hour + 1);
});

test('keep a secret of their own, whatever becomes of the one that was given', () => {
  const given = Buffer.alloc(32, 9);
  const keys = new TicketKeys(given);
  given.fill(0);
  assert.ok(keys.derive('context', 7).equals(new TicketKeys(secret).derive('context', 7)));
});

test.run();
