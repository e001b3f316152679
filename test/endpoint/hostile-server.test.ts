/** What broke others, sent by a server that was verified: the client has the same rules and limits as the server. */
import { once } from 'node:events';
import { deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { type AnyFrame, encodeAnyFrame } from '../../src/frame/index.js';
import { type CloseEvent, type Connection, type ConnectOptions, connect } from '../../src/index.js';
import { clientCredentials, type RawPeer, rawServer, switching, until } from '../support/ends.js';
import { suite } from '../support/suite.js';

/** Runs `use` with a client's connection whose server is a raw peer that has answered the opening handshake. */
async function withRawServer(
  options: Partial<ConnectOptions>,
  use: (ends: { near: Connection; peer: RawPeer }) => Promise<void>,
  extensions?: string,
): Promise<void> {
  const lines = extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`];
  const server = await rawServer((accept) => switching(accept, lines));
  try {
    const near = await connect(server.url, { ...clientCredentials(), ...options });
    await use({ near, peer: server.peers[0]! });
    near.terminate();
  } finally {
    await server.close();
  }
}

/** A frame of a server. */
const frame = (opcode: number, payload: string | Buffer = '', rest: Partial<AnyFrame> = {}): Buffer =>
  encodeAnyFrame({ opcode, payload: Buffer.from(payload), ...rest });

/** Unmasks the close frame that a client sent at last, and returns its code. */
function closeCodeOf(bytes: Buffer): number {
  const close = bytes.subarray(-8);
  assert.equal([close[0], close[1]], [0x88, 0x82], bytes.toString('hex'));
  return close.readUInt16BE(6) ^ close.readUInt16BE(2);
}

const hostile = suite('a client of a server that keeps no rule');

const long = (length: string): Buffer => Buffer.from(`827f${length}`, 'hex');
const violations: ReadonlyArray<[name: string, bytes: Buffer, closeCode: number, code: string]> = [
  ['a length of 2^63 (T3)', long('8000000000000000'), 1002, 'length-too-large'],
  ['a length of 2^53 (T3)', long('0020000000000000'), 1009, 'message-too-long'],
  ['a length of 2^32 + 1 (T3)', long('0000000100000001'), 1009, 'message-too-long'],
  ['a masked frame (T8)', Buffer.from('818537fa213d7f9f4d5158', 'hex'), 1002, 'frame-masked'],
  ['a ping of 126 bytes (T9)', Buffer.from('897e007e', 'hex'), 1002, 'control-frame-too-long'],
  ['a ping in fragments (T9)', Buffer.from('0900', 'hex'), 1002, 'control-frame-fragmented'],
  ['5 bytes announced in 16 bits (T10)', Buffer.from('827e0005', 'hex'), 1002, 'length-not-minimal'],
  ['5 bytes announced in 64 bits (T10)', long('0000000000000005'), 1002, 'length-not-minimal'],
  ['text that is not UTF-8, not whole yet (T11)', frame(1, Buffer.from('c0', 'hex'), { fin: false }), 1007, ''],
  ['a reason that is not UTF-8 (T12)', frame(8, Buffer.from('03e8c0', 'hex')), 1007, ''],
  ['half a close code (T12)', frame(8, Buffer.from('03', 'hex')), 1002, ''],
  ['1005 as a close code (T12)', frame(8, Buffer.from('03ed', 'hex')), 1002, ''],
];
for (const [name, bytes, closeCode, code] of violations) {
  hostile(`answers ${name} with ${closeCode}, and says why`, async () => {
    await withRawServer({}, async ({ near, peer }) => {
      near.on('message', () => assert.unreachable());
      const violated = once(near, 'violation');
      peer.write(bytes);
      const [error] = await violated;
      assert.is(error.closeCode, closeCode, error.message);
      if (code !== '') assert.is(error.code, code);
      assert.is(closeCodeOf(await peer.readAll()), closeCode);
      peer.socket.end();
      assert.is((await near.closed).error, error);
    });
  });
}

hostile('closes with 1008 a message that does not grow (T1)', async () => {
  await withRawServer({ messageStallDeadline: 50 }, async ({ near, peer }) => {
    peer.write(frame(2, 'x', { fin: false }));
    const [error] = await once(near, 'violation');
    assert.is(error.code, 'message-stalled');
    assert.is(closeCodeOf(await peer.readAll()), 1008);
  });
});

hostile('takes a message of 65,537 fragments and an empty one, and none of 65 empty ones (T1)', async () => {
  await withRawServer({}, async ({ near, peer }) => {
    const message = once(near, 'message');
    const piece = Buffer.alloc(64, 7);
    const middle = Buffer.concat(Array.from({ length: 1024 }, () => frame(0, piece, { fin: false })));
    peer.write(frame(2, '', { fin: false }));
    for (let times = 0; times < 64; times++) peer.write(middle);
    peer.write(frame(0));
    assert.is((await message)[0].length, 4 << 20);
    const violated = once(near, 'violation');
    peer.write(frame(2, '', { fin: false }));
    for (let times = 0; times < 64; times++) peer.write(frame(0, '', { fin: false }));
    assert.is((await violated)[0].code, 'too-many-empty-fragments');
    assert.is(closeCodeOf(await peer.readAll()), 1008);
  });
});

hostile('closes with 1009 when fragments are too long together, before it has the last (T2)', async () => {
  await withRawServer({ maxMessageBytes: 1000 }, async ({ near, peer }) => {
    const violated = once(near, 'violation');
    peer.write(frame(2, Buffer.alloc(1000), { fin: false }));
    peer.write(frame(0, Buffer.alloc(1)).subarray(0, 2));
    assert.is((await violated)[0].code, 'message-too-long');
    assert.is(closeCodeOf(await peer.readAll()), 1009);
  });
});

hostile('refuses a message that inflates to more than the limit with 1009 (T4)', async () => {
  const agreed = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover';
  await withRawServer(
    { perMessageDeflate: true, maxMessageBytes: 1 << 20 },
    async ({ near, peer }) => {
      near.on('message', () => assert.unreachable());
      const violated = once(near, 'violation');
      peer.write(frame(2, deflateRawSync(Buffer.alloc(1 << 28), { level: 9 }), { rsv: 4 }));
      const [error] = await violated;
      assert.is(error.closeCode, 1009);
      assert.is(closeCodeOf(await peer.readAll()), 1009);
    },
    agreed,
  );
});

hostile('ignores what comes behind the close frame, good or bad (T12)', async () => {
  await withRawServer({}, async ({ near, peer }) => {
    near.on('message', () => assert.unreachable());
    near.on('violation', () => assert.unreachable());
    peer.write(Buffer.concat([frame(8, Buffer.from('03e8', 'hex')), frame(1, 'late'), Buffer.from('ffff', 'hex')]));
    assert.is(closeCodeOf(await peer.read(8)), 1000);
    peer.socket.end();
    const { code, wasClean } = await near.closed;
    assert.equal({ code, wasClean }, { code: 1000, wasClean: true });
  });
});

hostile('bounds its memory under pings whose answers nobody reads (T21)', async () => {
  await withRawServer({}, async ({ near, peer }) => {
    peer.socket.pause();
    const burst = Buffer.concat(Array.from({ length: 1000 }, () => frame(9, Buffer.alloc(125))));
    let most = 0;
    for (let index = 0; index < 200; index++) {
      if (!peer.socket.write(burst))
        await Promise.race([once(peer.socket, 'drain'), new Promise((resolve) => setTimeout(resolve, 50))]);
      most = Math.max(most, near.bufferedBytes);
    }
    assert.ok(most > 0 && most < 1_000_000, `${most} bytes of pongs waited`);
  });
});

hostile('is cut from a server that ignores its close frame, and from one that reads nothing (T21)', async () => {
  await withRawServer({ closeDeadline: 60 }, async ({ near }) => {
    const { code, wasClean, reason } = await near.close();
    assert.equal({ code, wasClean }, { code: 1006, wasClean: false });
    assert.match(reason, /no close frame came within 60 ms/);
  });
  await withRawServer({ closeDeadline: 60 }, async ({ near, peer }) => {
    peer.socket.pause();
    for (let times = 0; times < 8; times++) near.send(Buffer.alloc(1_000_000));
    const { code, unsentBytes } = await near.close();
    assert.is(code, 1006);
    assert.ok(unsentBytes > 1_000_000, `${unsentBytes}`);
  });
});

hostile('is told of a server that ends, breaks or stops in the middle of a message (T20)', async () => {
  for (const [way, reason, options] of [
    [(peer: RawPeer) => peer.socket.end(), /ended the connection without a close frame/, {}],
    [(peer: RawPeer) => peer.socket.destroy(), /ended the connection without|the connection broke/, {}],
    [() => {}, /silent for 60 ms after a ping/, { pingInterval: 60, pongDeadline: 60 }],
  ] as const) {
    let closed: CloseEvent | undefined;
    await withRawServer(options, async ({ near, peer }) => {
      near.on('message', () => assert.unreachable());
      near.on('close', (event) => {
        assert.is(closed, undefined, 'told once');
        closed = event;
      });
      peer.write(frame(1, 'whole').subarray(0, 4));
      await until(() => near.traffic.bytesReceived === 4);
      way(peer);
      await until(() => closed !== undefined);
      assert.is(closed!.code, 1006);
      assert.match(closed!.reason, reason);
    });
  }
});

hostile.run();
