// Which test holds what broke others: `node scripts/hazards.mjs --write` renews docs/hazards.md, `--check` says whether it is as
// it should be, but for the results, which are those of the last reports. A hazard without a test is a fault. `--write REPORT…` renews the results too, from what
// `node dist/test/run.js --report=REPORT` wrote on each Node, with and without `--interop`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';

const flag = { type: 'boolean', default: false };
const { write, positionals: reports } = readOptions(import.meta.url, { write: flag, check: flag }, 'words');

/** What is tried. T: frames, compression and the opening handshake; M: mutual TLS. */
const hazards = {
  T1: 'endless fragments, empty or of a byte each; records of a byte; floods of tiny messages to a slow reader',
  T2: 'fragments that are short each, and too long together',
  T3: 'lengths of 2^32 + 1, 2^53 and 2^63',
  T4: 'a short compressed frame that inflates without end, across messages too',
  T5: 'wrong parameters of compression, in a response and in an offer',
  T6: 'a window of 256 bytes, which zlib has not',
  T7: 'frames in the packet of the upgrade request, before anybody listens',
  T8: 'unmasked frames of a client, masked ones of a server',
  T9: 'control frames of 126 bytes, or in fragments',
  T10: 'lengths that are not in their shortest form',
  T11: 'text that is not UTF-8, at the first byte that shows it; code points over fragments',
  T12: 'close frames with every code, with half a code, and what comes behind them',
  T13: 'views of buffers as payload and as reason: exactly their bytes',
  T14: 'header fields made to be read slowly, and names of the prototype in them',
  T15: 'thousands of header fields, and __proto__ as one',
  T16: 'heads that are long, slow, or never end',
  T17: 'line breaks and NUL in what the caller gives for a header',
  T18: 'requests that two readers read differently, and requests with a body',
  T19: 'responses that are wrong in each part, interim, redirecting, or with frames behind them',
  T20: 'lines that end, break or fall silent at any byte',
  T21: 'pings that nobody reads, slow readers, peers that ignore a close frame',
  T22: 'pages of another origin',
  T23: 'messages of two compressors on one connection',
  M1: 'a session of one host, resumed at another',
  M2: 'other ways to write a host name; a Host that is not the name of the TLS handshake',
  M2b: 'options of TLS for one host alone, which OpenSSL would ignore',
  M3: 'an authorized session without a certificate',
  M4: 'a session from before trust changed',
  M5: 'credential files that are missing, empty, cut, of another kind or another key',
  M6: 'options and variables that would switch the checks off in silence',
  M7: 'a server with a bad certificate: nothing of the application is sent',
  M8: 'host names made to match what they should not',
  M9: 'a client session for another server, CA or certificate',
  M10: 'names in certificates made to be misread',
  M11: 'certificates of another purpose, issuer or path',
  M12: 'chains, keys and parameters made to be dear',
  M13: 'thousands of connections that are silent or dribble',
  M14: 'callbacks of the user that throw',
  M15: 'renegotiation',
  M16: 'header fields that claim a certificate',
  M17: 'line breaks, escapes and megabytes in names and reasons',
  M18: 'a great many connections whose identity is read: flat memory',
};

const root = new URL('../', import.meta.url);
const page = fileURLToPath(new URL('docs/hazards.md', root));
const found = new Map(Object.keys(hazards).map((id) => [id, []]));
const folder = fileURLToPath(new URL('test', root));
const files = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .sort();
for (const file of files) {
  const text = readFileSync(`${folder}/${file}`, 'utf8');
  // The name of a suite, of a test, or of a row of a table of tests: `… (T20)`, `M12: …`.
  for (const [, , name] of text.matchAll(/(['`])((?:(?!\1)[^\n])+)\1/g)) {
    if (!/^[TM]\d+b?: |\((?:.*\b)?[TM]\d+b?\b.*\)/.test(name)) continue;
    for (const [id] of name.matchAll(/\b[TM]\d+b?\b/g)) {
      const tests = found.get(id);
      const shown = `\`${file}\` “${name.replaceAll('|', '\\|').replace(/\$\{[^}]*\}/g, '…')}”`;
      if (tests !== undefined && !tests.includes(shown)) tests.push(shown);
    }
  }
}
const missing = [...found].filter(([, tests]) => tests.length === 0).map(([id]) => id);
if (missing.length > 0) {
  console.error(`no test has the id of ${missing.join(', ')} in its name`);
  process.exit(1);
}

/** Where others were broken by it. */
const knownFrom = {
  T1: 'CVE-2026-48779, CVE-2026-12151',
  T2: 'CVE-2026-9675',
  T3: 'CVE-2026-1528, CVE-2020-27813',
  T4: 'CVE-2026-1526',
  T5: 'CVE-2026-2229',
  T7: 'CVE-2022-21676',
  T13: 'CVE-2026-45736',
  T14: 'CVE-2021-32640, CVE-2020-7662, CVE-2020-7663',
  T15: 'CVE-2024-37890, CVE-2026-21710',
  T16: 'CVE-2023-43669',
  T17: 'CVE-2026-1527',
  M10: 'CVE-2021-44531, CVE-2021-44532, CVE-2021-44533',
  M16: 'CVE-2024-10039, CVE-2026-39858',
};

/** What also tries it, and takes longer than a test may. */
const byHand = { T20: 'npm run faults', M13: 'npm run abuse', M18: 'npm run soak:connections -- 100000' };

/** The results that are told already, by id. */
function toldResults() {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| ([TM]\d+b?) \| .* \| ([^|]*) \|$/gm);
  return new Map([...rows].map(([, id, result]) => [id, result]));
}

/** The results in reports: of each test whose name has the id, on each Node. */
function resultsOf(reports) {
  const results = new Map();
  const nodes = groupByNode(reports);
  for (const id of found.keys()) {
    const hasId = new RegExp(`\\b${id}\\b`);
    const texts = [...nodes].map(([node, parts]) => {
      const passed = parts.flatMap(({ tests }) =>
        tests.filter(([name]) => hasId.test(name)).map(([, passed]) => passed),
      );
      const failed = passed.filter((good) => !good).length;
      return [`${passed.length - failed} passed${failed === 0 ? '' : `, ${failed} failed`}`, node.slice(1)];
    });
    const same = new Map();
    for (const [text, node] of texts) same.set(text, [...(same.get(text) ?? []), node]);
    results.set(id, [...same].map(([text, on]) => `${text} on ${on.join(', ')}`).join('; '));
  }
  return results;
}

function groupByNode(reports) {
  const nodes = new Map();
  for (const report of reports) nodes.set(report.node, [...(nodes.get(report.node) ?? []), report]);
  return nodes;
}

const results =
  reports.length === 0 ? toldResults() : resultsOf(reports.map((file) => JSON.parse(readFileSync(file, 'utf8'))));
const rows = [...found].map(([id, tests]) => {
  const tried = [
    hazards[id],
    ...(byHand[id] === undefined ? [] : [`also \`${byHand[id]}\``]),
    ...(knownFrom[id] === undefined ? [] : [knownFrom[id]]),
  ].join('; ');
  return `| ${id} | ${tried} | ${tests.join('<br>')} | ${results.get(id) ?? ''} |`;
});
const text = `# What broke others

Faults that were found in WebSocket and TLS software, ours or not, and what \`node:tls\` does behind its user's back. Each has an id,
T for frames, compression and the opening handshake, M for mutual TLS, and each has a test that tries it, with the id in its name; they run with \`npm test\` on Node.js
20, 22, 24 and 26, and those of \`interop\` with \`npm run test:interop\` on one of them. This page is written by
\`node scripts/hazards.mjs --write\`, and a test holds it to the tests that there are. A result counts the tests with the id, those of a suite and each row of a table.

| id | what is tried | tests | result |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
if (write) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/hazards.md is not what the tests say: node scripts/hazards.mjs --write renews it');
  process.exit(1);
}
