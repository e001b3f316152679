// Writes docs/verdicts.md from the table of the tests, after `npm run build`.
import { writeFileSync } from 'node:fs';
import { verdictsDocument } from '../dist/test/support/verdicts.js';
import { readOptions } from './options.mjs';

readOptions(import.meta.url, {});

writeFileSync(new URL('../docs/verdicts.md', import.meta.url), verdictsDocument());
