import * as assert from 'uvu/assert';
import { faultsAt, openLines, talkAll } from '../support/faulty-lines.js';
import type { Fault } from '../support/faulty-proxy.js';
import { suite } from '../support/suite.js';

const lines = suite('lines that break (T20)');

// `npm run faults` goes through every offset.
lines(
  'are told to both ends once, wherever they break: by FIN, on one way alone, by RST, in silence',
  async () => {
    const open = await openLines();
    const outcomes = new Map<number | string, number>();
    // A step that shares no factor with records and frames, so that they are met at all kinds of places.
    const count = await talkAll(open, faultsAt(open.whole, 0, 1709), (_fault, { client }) => {
      outcomes.set(client, (outcomes.get(client) ?? 0) + 1);
    });
    await open.close();
    assert.ok(count > 300, `${count} conversations`);
    assert.ok((outcomes.get(1006) ?? 0) > 100, JSON.stringify([...outcomes]));
  },
  { deadline: 60_000 },
);

lines(
  'break compressed messages no other way',
  async () => {
    const open = await openLines({ compressed: true });
    await talkAll(open, faultsAt(open.whole, 0, 797));
    await open.close();
  },
  { deadline: 60_000 },
);

lines('carry everything when they hand over a byte at a time, or slowly', async () => {
  const open = await openLines({ compressed: true });
  for (const line of [{ piece: 1 }, { piece: 7 }, { piece: 1000, delay: 1 }]) {
    assert.equal(await open.talk(line), { client: 1000, received: 5 }, JSON.stringify(line));
  }
  await open.close();
});

lines('let a whole conversation pass when they break after its end', async () => {
  const open = await openLines();
  const fault: Fault = { from: 'server', offset: open.whole.server + 1, how: 'reset' };
  assert.equal(await open.talk({ fault }), { client: 1000, received: 5 });
  await open.close();
});

lines.run();
