/** A target with a fault that only a guided search finds: to see that the driver finds it, and how it says so. */
import { main } from './cli.js';
import type { Target } from './target.js';

async function load(): Promise<Target> {
  const { parsePlanted } = await import('./planted-parser.js');
  return {
    name: 'planted',
    covers: ['test/fuzz/planted-parser.js'],
    maxBytes: 64,
    generate(random, input) {
      const length = 8 + random.below(56);
      for (let index = 0; index < length; index++) input[index] = random.next();
      return length;
    },
    run(input, length) {
      parsePlanted(input, length);
      return 0;
    },
  };
}

process.exitCode = await main(process.argv.slice(2), {
  targets: { planted: load },
  seedsOf: () => [],
  rulesOf: () => 'nothing holds',
});
