import * as assert from 'uvu/assert';
import { type ClosingEvent, type ClosingState, closingTransitions } from '../../src/frame/index.js';
import { isReceiving, isSending } from '../../src/frame/state.js';
import { suite } from '../support/suite.js';
import { hex, type Recording, record } from './kit.js';

const closing = suite('closing handshake (RFC 6455 §1.4, §5.5.1, §7.1)');

/** How a real `Protocol` gets into each state. */
const ways: Readonly<Record<ClosingState, readonly ClosingEvent[]>> = {
  open: [],
  'close-sent': ['send-close'],
  'close-received': ['receive-close'],
  failed: ['fail'],
  closed: ['send-close', 'receive-close'],
};

function apply({ protocol }: Recording, event: ClosingEvent): void {
  if (event === 'send-close') protocol.writeClose(Buffer.alloc(10), 0, 1000);
  if (event === 'receive-close') protocol.receive(hex('8800'));
  if (event === 'fail') protocol.receive(hex('ff'));
}

for (const [state, way] of Object.entries(ways) as Array<[ClosingState, ClosingEvent[]]>) {
  for (const event of ['send-close', 'receive-close', 'fail'] as const) {
    const next = closingTransitions[state][event];
    closing(`${state}, ${event} → ${next ?? 'nothing'}`, () => {
      const recording = record('client');
      for (const step of way) apply(recording, step);
      assert.is(recording.protocol.state, state);
      const before = recording.lines.length;
      if (next === undefined && event === 'send-close') {
        assert.throws(() => apply(recording, event), /nothing more can be sent/);
      } else {
        apply(recording, event);
      }
      assert.is(recording.protocol.state, next ?? state);
      assert.is(recording.lines.length, before + (next !== undefined && event !== 'send-close' ? 1 : 0));
    });
  }

  closing(
    `${state} sends ${isSending(state) ? 'data' : 'no data'} and looks at ${isReceiving(state) ? 'what' : 'nothing that'} comes`,
    () => {
      const recording = record('client');
      for (const step of way) apply(recording, step);
      const { protocol } = recording;
      assert.is(protocol.canSend, state === 'open' || state === 'close-received');
      const target = Buffer.alloc(10);
      const sends = [
        () => protocol.writeMessage(target, 0, hex('61'), true),
        () => protocol.writeText(target, 0, 'a', 1),
        () => protocol.writeFragment(target, 0, hex('61'), true, true, true),
        () => protocol.writePing(target, 0, hex('61')),
        () => protocol.writePong(target, 0, hex('61')),
      ];
      for (const send of sends) {
        if (protocol.canSend) assert.is(send(), 7);
        else assert.throws(send, /nothing more can be sent/);
      }
      const before = recording.lines.length;
      assert.is(protocol.receive(hex('8101 61 8901 62')), 6, 'consumed in every state');
      const looks = state === 'open' || state === 'close-sent';
      assert.equal(recording.lines.slice(before), looks ? ['text a', 'ping b'] : []);
    },
  );
}
closing.run();
