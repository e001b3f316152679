import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { versions } from '../support/tls-ends.js';
import { ourVerdict, rows } from '../support/verdicts.js';

const verdicts = suite('verdicts on chains (RFC 5280 §6.1)');

for (const version of versions) {
  for (const end of ['client', 'server'] as const) {
    verdicts(`${version}: each chain that a ${end} shows gets the code of the table`, async () => {
      const wrong: string[] = [];
      for (const row of rows.filter((candidate) => candidate.end === end)) {
        const verdict = await ourVerdict(row, version);
        if (verdict !== row.ours) wrong.push(`${row.id}: ${row.chain}: expected ${row.ours}, got ${verdict}`);
      }
      assert.is(wrong.length, 0, wrong.join('\n'));
    });
  }
}

verdicts.run();
