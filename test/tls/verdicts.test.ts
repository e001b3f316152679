import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { root } from '../support/readme.js';
import { suite } from '../support/suite.js';
import { versions } from '../support/tls-ends.js';
import { expectedOfOurs, ourVerdict, rows, verdictsDocument } from '../support/verdicts.js';

const verdicts = suite('verdicts on chains (RFC 5280 §6.1)');

for (const version of versions) {
  for (const end of ['client', 'server'] as const) {
    verdicts(
      `${version}: each chain that a ${end} shows gets the code of the table (${end === 'client' ? 'M11' : 'M7, M8, M11'})`,
      async () => {
        const wrong: string[] = [];
        for (const row of rows.filter((candidate) => candidate.end === end)) {
          const verdict = await ourVerdict(row, version);
          const expected = expectedOfOurs(row, version);
          if (verdict !== expected) wrong.push(`${row.id}: ${row.chain}: expected ${expected}, got ${verdict}`);
        }
        assert.is(wrong.length, 0, wrong.join('\n'));
      },
    );
  }
}

verdicts('docs/verdicts.md shows the table as it is', () => {
  const text = readFileSync(join(root, 'docs/verdicts.md'), 'utf8');
  assert.ok(text === verdictsDocument(), 'docs/verdicts.md is not current: npm run build && node scripts/verdicts.mjs');
});

verdicts.run();
