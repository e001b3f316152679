import * as assert from 'uvu/assert';
import { addressKey, HandshakeRate, Unauthenticated } from '../../src/tls/unauthenticated.js';
import { suite } from '../support/suite.js';

const addresses = suite('what counts as one address');

const forms: ReadonlyArray<readonly [address: string, key: string]> = [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['', ''],
  ['/run/socket', '/run/socket'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:DB8:1:2::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:0db8:0:0:1::', '2001:db8:0:0'],
  ['2001:db8::3:4:5:6:7', '2001:db8:0:3'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
];
for (const [address, key] of forms) {
  addresses(`takes ${address || 'no address'} as ${key || 'none'}`, () => assert.is(addressKey(address), key));
}

addresses.run();

const places = suite('sockets in their handshake');

const socket = (remoteAddress: string): { remoteAddress: string } => ({ remoteAddress });

places('are counted, by address too', () => {
  const sockets = new Unauthenticated<{ remoteAddress: string }>();
  const all = ['192.0.2.1', '192.0.2.2', '192.0.2.1', '2001:db8::1', '2001:db8::2'].map(socket);
  for (const one of all) sockets.add(one);
  assert.is(sockets.size, 5);
  assert.is(sockets.countOf(socket('192.0.2.1')), 2);
  assert.is(sockets.countOf(socket('2001:db8::ffff')), 2);
  assert.is(sockets.countOf(socket('192.0.2.3')), 0);
  assert.equal([...sockets].length, 5);
  for (const one of sockets) sockets.delete(one);
  assert.is(sockets.size, 0);
  sockets.delete(all[0]!);
  assert.is(sockets.size, 0);
});

places('give way to a newcomer when their address has two more than his: its oldest', () => {
  const sockets = new Unauthenticated<{ remoteAddress: string }>();
  const greedy = [socket('192.0.2.1'), socket('192.0.2.1'), socket('192.0.2.1')];
  for (const one of greedy) sockets.add(one);
  assert.is(sockets.crowdedOut(socket('192.0.2.1')), undefined, 'nobody gains by its own');
  assert.is(sockets.crowdedOut(socket('192.0.2.2')), greedy[0]);
  sockets.add(socket('192.0.2.2'));
  assert.is(sockets.crowdedOut(socket('192.0.2.2')), greedy[0]);
  sockets.add(socket('192.0.2.2'));
  assert.is(sockets.crowdedOut(socket('192.0.2.2')), undefined);
});

places.run();

const rate = suite('handshakes of one address in a second');

rate('are as many as allowed, and then one for each share of a second', () => {
  const handshakes = new HandshakeRate(4);
  const at = (now: number): boolean => handshakes.exceeds('192.0.2.1', now);
  assert.equal([at(0), at(0), at(0), at(0), at(0)], [false, false, false, false, true]);
  assert.is(handshakes.exceeds('192.0.2.2', 0), false, 'another address');
  assert.equal([at(249), at(251), at(252)], [true, false, true]);
  // What was not used is not saved up.
  assert.equal([at(60_000), at(60_000), at(60_000), at(60_000), at(60_000)], [false, false, false, false, true]);
});

rate('are forgotten after a second, and of very many addresses those that were quiet for longest', () => {
  const handshakes = new HandshakeRate(1);
  assert.is(handshakes.exceeds('192.0.2.1', 0), false);
  for (let index = 0; index < 65_536; index++)
    handshakes.exceeds(`2001:db8:${(index >> 8).toString(16)}:${(index & 255).toString(16)}::`, 1);
  assert.is(handshakes.exceeds('192.0.2.1', 2), false, 'forgotten');
  assert.is(handshakes.exceeds('2001:db8:ff:ff::', 3), true, 'remembered');
});

rate.run();
