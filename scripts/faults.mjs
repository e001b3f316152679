// Breaks the line between our client and our server at the bytes of a conversation, in every way: `npm run faults`. Every one of
// the first 8 KiB of each end, which are the TLS handshake, the upgrade and the short frames; of the long frame behind them every
// 97th. `-- --dense N` and `-- --step N` say otherwise; `-- --compressed`: with permessage-deflate.
import { faultsAt, openLines, talkAll } from '../dist/test/support/faulty-lines.js';
import { readOptions } from './options.mjs';

const values = readOptions(import.meta.url, {
  dense: { type: 'string', default: '8192' },
  step: { type: 'string', default: '97' },
  compressed: { type: 'boolean', default: false },
});
const [dense, step] = [Number(values.dense), Number(values.step)];
if (!(Number.isInteger(dense) && Number.isInteger(step) && step >= 1)) {
  console.error('--dense and --step take whole numbers, --step 1 or more');
  process.exit(2);
}
const lines = await openLines({ compressed: values.compressed });
const { whole } = lines;
const all = [...faultsAt(whole, dense, step)].length;
console.log(`${whole.client} bytes of the client, ${whole.server} of the server; ${all} conversations`);
const outcomes = new Map();
const began = performance.now();
let done = 0;
const count = await talkAll(lines, faultsAt(whole, dense, step), (fault, { client }) => {
  const key = `${fault.how.padEnd(8)} ${client}`;
  outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
  if (++done % 100 === 0 && process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done} of ${all}`);
});
await lines.close();
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
for (const [key, number] of [...outcomes].sort()) console.log(`${String(number).padStart(8)}  ${key}`);
console.log(
  `${count} conversations in ${Math.round((performance.now() - began) / 1000)} s: each end was told once, and nothing was left`,
);
