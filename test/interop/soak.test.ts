/** The soak, for a few seconds: that it runs, and finds nothing. */
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { run } from '../cli/program.js';
import { interopSuite } from './tools.js';

const soak = interopSuite('soak');

soak('loses nothing, repeats nothing, and leaves nothing behind', [], async () => {
  const script = fileURLToPath(new URL('../../../scripts/soak.mjs', import.meta.url));
  const { code, stdout, stderr } = await run(['--minutes', '0.1'], { script });
  assert.is(code, 0, `${stdout}${stderr}`);
  assert.match(stdout.toString(), /^faults +0$/m);
});

soak.run();
