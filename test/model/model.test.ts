import * as assert from 'uvu/assert';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';
import { Clock } from './clock.js';
import { RealLines } from './real.js';
import { makeSequence, playMany } from './run.js';

const model = suite('the model of a connection (RFC 6455 §5.4, §5.5, §7)');

model('agrees with the real one, whatever happens in whatever order', async () => {
  const { seed, below } = random();
  try {
    const codes = await playMany(2_000, below, new Clock());
    assert.ok(
      [1000, 1006, 1005].every((code) => codes.has(code)),
      JSON.stringify([...codes]),
    );
  } catch (error) {
    (error as Error).message += ` (SEED=${seed})`;
    throw error;
  }
});

model('agrees with the real one over mutual TLS, too', async () => {
  const { seed, below } = random();
  const lines = await RealLines.open();
  try {
    for (let count = 0; count < 100; count++) {
      const sequence = makeSequence(below, false);
      try {
        await lines.play(sequence);
      } catch (error) {
        (error as Error).message += `: ${JSON.stringify(sequence)} (SEED=${seed})`;
        throw error;
      }
    }
  } finally {
    await lines.close();
  }
});

model.run();
