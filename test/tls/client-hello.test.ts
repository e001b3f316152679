import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { ClientHelloReader, type ClientHelloState, maxClientHelloBytes } from '../../src/tls/client-hello.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const test = suite('the server name of a ClientHello (RFC 6066 §3)');

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const vector16 = (...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([u16(content.length), content]);
};
const extension = (type: number, data: Uint8Array): Buffer => Buffer.concat([u16(type), vector16(data)]);
const serverName = (...names: readonly string[]): Buffer =>
  extension(0, vector16(...names.map((name) => Buffer.concat([Buffer.of(0), vector16(Buffer.from(name, 'latin1'))]))));

function record(fragment: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(22, 3, 1), vector16(fragment)]);
}

/** A ClientHello in its handshake header. @param extensions `undefined`: none, as TLS 1.2 allows */
function hello(extensions: Uint8Array | undefined, behind: Uint8Array = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    Buffer.of(1, 9),
    vector16(Buffer.of(0x13, 1)),
    Buffer.of(1, 0),
    ...(extensions === undefined ? [] : [vector16(extensions)]),
    behind,
  ]);
  return Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
}

/** What the reader says of octets, given whole, and after each of them. */
function read(bytes: Uint8Array): ClientHelloState {
  const whole = new ClientHelloReader().push(bytes);
  const single = new ClientHelloReader();
  let state: ClientHelloState = { kind: 'incomplete' };
  for (let at = 0; at < bytes.length && state.kind === 'incomplete'; at++)
    state = single.push(bytes.subarray(at, at + 1));
  assert.equal(state, whole, 'octet by octet');
  return whole;
}

/** The ClientHello of Node's own client. */
async function nodeHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return chunk;
}

test('reads the name that a client of Node asks for, in TLS 1.3 and 1.2', async () => {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const bytes = await nodeHello({ servername: 'A.Example', maxVersion });
    assert.equal(read(bytes), { kind: 'complete', serverName: 'A.Example' });
    assert.equal(read(await nodeHello({ servername: '', maxVersion })), { kind: 'complete', serverName: undefined });
  }
});

test('reads it wherever the extension stands, out of one record or several', () => {
  const other = extension(0xff01, Buffer.of(0));
  const large = extension(21, Buffer.alloc(2000));
  for (const extensions of [
    serverName('a.example'),
    Buffer.concat([other, serverName('a.example')]),
    Buffer.concat([serverName('a.example'), large]),
  ]) {
    const message = hello(extensions);
    assert.equal(read(record(message)), { kind: 'complete', serverName: 'a.example' });
    for (const cut of [1, 3, 4, 5, 40, message.length - 1]) {
      const records = Buffer.concat([record(message.subarray(0, cut)), record(message.subarray(cut))]);
      assert.equal(read(records), { kind: 'complete', serverName: 'a.example' }, `cut at ${cut}`);
    }
  }
  assert.equal(read(record(hello(undefined))), { kind: 'complete', serverName: undefined });
  assert.equal(read(record(hello(Buffer.alloc(0)))), { kind: 'complete', serverName: undefined });
});

test('keeps every octet for OpenSSL to read, with what comes behind', () => {
  const reader = new ClientHelloReader();
  const bytes = Buffer.concat([record(hello(serverName('a.example'))), Buffer.from('behind')]);
  reader.push(bytes.subarray(0, 20));
  reader.push(bytes.subarray(20));
  assert.ok(reader.received.equals(bytes));
});

const whole = hello(serverName('a.example'));
const malformed: ReadonlyArray<readonly [what: string, bytes: Uint8Array]> = [
  ['another handshake message', record(Buffer.concat([Buffer.of(2), whole.subarray(1)]))],
  ['an empty fragment', Buffer.concat([Buffer.of(22, 3, 1, 0, 0)])],
  ['a fragment of more than 2^14 octets', Buffer.of(22, 3, 1, 0x40, 1)],
  [
    'a second record that is no handshake',
    Buffer.concat([record(whole.subarray(0, 40)), Buffer.of(23, 3, 3, 0, 1, 0)]),
  ],
  ['two names', record(hello(serverName('a.example', 'b.example')))],
  ['no name', record(hello(serverName()))],
  ['an empty name', record(hello(serverName('')))],
  ['a name of another type', record(hello(extension(0, vector16(Buffer.of(1, 0, 1, 65)))))],
  ['the extension twice', record(hello(Buffer.concat([serverName('a.example'), serverName('b.example')])))],
  [
    'octets behind the list of names',
    record(hello(extension(0, Buffer.concat([vector16(Buffer.of(0, 0, 1, 65)), Buffer.of(0)])))),
  ],
  ['an extension that ends too soon', record(hello(serverName('a.example').subarray(0, -1)))],
  ['octets behind the extensions', record(hello(serverName('a.example'), Buffer.of(0)))],
  ['a message that ends too soon', record(Buffer.of(1, 0, 0, 2, 3, 3))],
  ['more records than anybody needs', Buffer.concat([...whole].map((octet) => record(Buffer.of(octet))))],
];
for (const [what, bytes] of malformed) {
  test(`refuses ${what}`, () => {
    assert.equal(read(bytes), { kind: 'fault', reason: 'malformed' });
  });
}

test('tells what is no TLS at its first octets', () => {
  for (const [bytes, taken] of [
    ['GET / HTTP/1.1\r\n', 1],
    ['\x16\x02\x00', 2],
  ] as const) {
    const reader = new ClientHelloReader();
    const octets = Buffer.from(bytes, 'latin1');
    for (let at = 0; at < taken - 1; at++) assert.is(reader.push(octets.subarray(at, at + 1)).kind, 'incomplete');
    assert.equal(reader.push(octets.subarray(taken - 1, taken)), { kind: 'fault', reason: 'not-tls' });
  }
});

test('refuses what would be too long as soon as it says so', () => {
  const message = Buffer.concat([Buffer.of(1, 1, 0, 0), Buffer.alloc(maxClientHelloBytes)]);
  const reader = new ClientHelloReader();
  assert.is(reader.push(record(message.subarray(0, 0x4000))).kind, 'incomplete');
  assert.equal(reader.push(record(message.subarray(0x4000, 0x8000)).subarray(0, 5)), {
    kind: 'fault',
    reason: 'too-long',
  });
});

test('never throws, and says the same of every chunking, on octets at random', () => {
  const { seed, below } = random();
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(record(whole));
    for (let changes = below(6) + 1; changes > 0; changes--) bytes[below(bytes.length)] = below(256);
    const expected = new ClientHelloReader().push(bytes);
    const reader = new ClientHelloReader();
    let state: ClientHelloState = { kind: 'incomplete' };
    for (let at = 0; at < bytes.length && state.kind === 'incomplete'; ) {
      const length = below(40) + 1;
      state = reader.push(bytes.subarray(at, at + length));
      at += length;
    }
    assert.equal(state, expected, `seed ${seed}, round ${round}`);
  }
});

test.run();
