import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from './support/suite.js';

const hazards = suite('docs/hazards.md');

hazards('names a test for everything that broke others', () => {
  const script = fileURLToPath(new URL('../../scripts/hazards.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
});

hazards.run();
