import { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { Outbox } from '../../src/endpoint/outbox.js';
import { suite } from '../support/suite.js';

/** Keeps the length of each write. */
function recorder(): { socket: Duplex; writes: number[] } {
  const writes: number[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.length);
      done();
    },
  });
  return { socket, writes };
}

function send(outbox: Outbox, size: number): void {
  outbox.reserve(size);
  outbox.commit(outbox.length + size);
}

const nextPhase = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const writing = suite('writes of a connection');

function fixture(): { outbox: Outbox; writes: number[] } {
  const { socket, writes } = recorder();
  return { outbox: new Outbox(socket, { written: undefined, drained: () => {} }, false), writes };
}

writing('writes what was sent in one turn at once, and after a read at its end', async () => {
  const { outbox, writes } = fixture();
  send(outbox, 10);
  send(outbox, 20);
  assert.equal(writes, []);
  await nextPhase();
  assert.equal(writes, [30]);
  outbox.hold();
  send(outbox, 5);
  send(outbox, 6);
  outbox.release();
  assert.equal(writes, [30, 11]);
});

writing('joins the answers to full records that came in one turn', async () => {
  const { outbox, writes } = fixture();
  for (let record = 0; record < 3; record++) {
    outbox.hold();
    send(outbox, 100);
    outbox.releaseLater();
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }
  assert.equal(writes, []);
  await nextPhase();
  assert.equal(writes, [300]);
});

writing('does not wait for more when a record follows that is not full, or when the burst is long', () => {
  const { outbox, writes } = fixture();
  outbox.hold();
  send(outbox, 100);
  outbox.releaseLater();
  outbox.hold();
  send(outbox, 1);
  outbox.release();
  assert.equal(writes, [101]);

  const long = fixture();
  long.outbox.hold();
  send(long.outbox, 64 * 1024);
  long.outbox.releaseLater();
  assert.equal(long.writes, [64 * 1024]);
});

writing('tells whether reads come several in a turn, and forgets it with the first that comes alone', async () => {
  const { outbox, writes } = fixture();
  const read = (): void => {
    outbox.hold();
    send(outbox, 10);
    if (outbox.comesInBursts) outbox.releaseLater();
    else outbox.release();
  };
  read();
  assert.equal(writes, [10]);
  assert.not(outbox.comesInBursts, 'one answer leaves at once');
  await nextPhase();
  // The first of several leaves at once, and the others together behind it.
  for (let reads = 0; reads < 4; reads++) read();
  await nextPhase();
  assert.equal(writes, [10, 10, 30]);
  assert.ok(outbox.comesInBursts);
  for (let reads = 0; reads < 4; reads++) read();
  assert.is(writes.length, 3);
  await nextPhase();
  assert.equal(writes.slice(3), [40]);
  read();
  await nextPhase();
  assert.equal(writes.slice(4), [10]);
  assert.not(outbox.comesInBursts);
  read();
  assert.equal(writes.slice(5), [10], 'at once again');
  // Reads that are not answered are none.
  for (let reads = 0; reads < 3; reads++) {
    outbox.hold();
    outbox.release();
  }
  await nextPhase();
  read();
  assert.not(outbox.comesInBursts);
});

writing('writes nothing once discarded', async () => {
  const { outbox, writes } = fixture();
  outbox.hold();
  send(outbox, 100);
  outbox.releaseLater();
  outbox.discard();
  await nextPhase();
  assert.equal(writes, []);
});

/** Writes a burst to a peer that takes each piece so many milliseconds after it was given; returns the KiB of the pieces. */
async function piecesOf(kib: number, delays: readonly number[]): Promise<number[]> {
  const pieces: number[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      pieces.push(chunk.length / 1024);
      setTimeout(done, delays[pieces.length - 1] ?? 0);
    },
  });
  await new Promise<void>((resolve) => {
    const outbox = new Outbox(socket, { written: undefined, drained: resolve }, false);
    send(outbox, kib * 1024);
    outbox.flush();
  });
  return pieces;
}

writing('gives a peer that is quick longer pieces of a long burst, and a slow one shorter', async () => {
  assert.equal(await piecesOf(1024, []), [64, 128, 256, 256, 320]);
  assert.equal(await piecesOf(200, [1_100]), [64, 16, 32, 64, 24]);
  assert.equal(await piecesOf(150, [1_100, 1_100]), [64, 16, 16, 32, 22]);
  // Neither: as before.
  assert.equal(await piecesOf(200, [300]), [64, 64, 72]);
});

writing.run();
