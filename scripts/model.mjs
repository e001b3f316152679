// Plays random sequences of events to the real Connection and holds it to its model: `npm run model`. `-- --sequences N` in memory
// (default 100,000), `--real N` over mutual TLS (default 500), `--seed N`.
import { Clock } from '../dist/test/model/clock.js';
import { RealLines } from '../dist/test/model/real.js';
import { makeSequence, playMany } from '../dist/test/model/run.js';
import { random } from '../dist/test/support/random.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, {
  sequences: { type: 'string', default: '100000' },
  real: { type: 'string', default: '500' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
});
process.env.SEED = values.seed;
console.log(`seed ${values.seed}`);
const tell = (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`);

/** Plays them some at a time. */
async function measure(name, count, step) {
  const began = performance.now();
  const codes = new Map();
  for (let done = 0; done < count; ) {
    const next = Math.min(10_000, count - done);
    for (const [code, number] of await step(next)) codes.set(code, (codes.get(code) ?? 0) + number);
    done += next;
    tell(`${name}: ${done.toLocaleString('en')} of ${count.toLocaleString('en')}`);
  }
  tell('');
  const seconds = (performance.now() - began) / 1000;
  const shown = [...codes].sort(([a], [b]) => a - b).map(([code, number]) => `${code}: ${number}`);
  console.log(
    `${count.toLocaleString('en')} sequences ${name} in ${seconds.toFixed(0)} s, as the model says (${shown.join(', ')})`,
  );
}

const { below } = random();
await measure('in memory', Number(values.sequences), (count) => playMany(count, below, new Clock()));
const lines = await RealLines.open();
await measure('over mutual TLS', Number(values.real), async (count) => {
  const codes = new Map();
  for (let index = 0; index < count; index++) {
    const sequence = makeSequence(below, false);
    const { code } = await lines.play(sequence).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(sequence)}`, { cause: error });
    });
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return codes;
});
await lines.close();
