import * as assert from 'uvu/assert';
import { deliveryCases } from '../../../src/conformance/cases/delivery.js';
import { bytesOf, suiteOfCases, writesOf } from './kit.js';

const delivery = suiteOfCases('delivery', deliveryCases, 70);

delivery('cut headers at each of their octets', () => {
  assert.equal(
    writesOf(deliveryCases, 'delivery/cut-16-bits-server-3', 'server').map((write) => write.slice(0, 12)),
    ['82fe01', '2c37fa213d37'],
  );
  assert.is(writesOf(deliveryCases, 'delivery/cut-64-bits-client-10', 'client')[0], '827f0000000000011170');
  assert.is(writesOf(deliveryCases, 'delivery/cut-7-bits-server-5', 'server')[0], '82e437fa21');
  for (const [bits, target, size] of [
    ['7', 'server', 6],
    ['16', 'server', 8],
    ['64', 'server', 14],
    ['7', 'client', 2],
    ['16', 'client', 4],
    ['64', 'client', 10],
  ] as const) {
    const cuts = deliveryCases.filter(({ id }) => id.startsWith(`delivery/cut-${bits}-bits-${target}-`));
    assert.is(cuts.length, size);
  }
});

delivery('send frames together, and halves of them', () => {
  assert.equal(writesOf(deliveryCases, 'delivery/together-two-texts', 'client'), ['81036f6e65810374776f']);
  assert.equal(writesOf(deliveryCases, 'delivery/frame-and-1', 'client'), ['81036f6e6581']);
  assert.is(bytesOf(deliveryCases, 'delivery/heap-one-byte-3000', 'client').slice(0, 18), '810130810131810132');
  assert.is(bytesOf(deliveryCases, 'delivery/heap-length-125', 'client').length, 400 * 2 * 127);
});

delivery('send what a server may send with its response', () => {
  const behind = deliveryCases.filter(({ id }) => id.startsWith('delivery/behind-response-'));
  assert.is(behind.length, 5);
  for (const one of behind) {
    assert.equal(one.targets, ['client']);
    assert.ok(one.kind === 'exchange' && one.opening!.behind!.length > 0);
  }
});

delivery.run();
