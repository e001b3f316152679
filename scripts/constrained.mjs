// `npm run constrained`: measures again what stands in docs/constrained.md, and prints it.
// --write renews the page, --check holds it to what does not vary (no measurement), --only PART does a part, --rounds N.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import {
  bundled,
  compressing,
  connections,
  demo,
  descriptorsPerConnection,
  kinds,
  loadedBy,
  median,
  oneMessage,
  packages,
  packed,
  settings,
  stalled,
  startup,
  streamed,
} from './constrained/measure.mjs';
import { readOptions } from './options.mjs';

const page = new URL('../docs/constrained.md', import.meta.url);
const many = 1_000;
const gibibyte = 2 ** 30;

const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
const kib = (bytes) => (bytes / 1024).toFixed(0);
const times = (ratio) => (ratio < 9.95 ? ratio.toFixed(2) : ratio.toFixed(0));
const tick = (text) => `\`${text}\``;

/** The room of a module: its folder, or nothing at the top. */
const roomOf = (path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

/** Settings of Node.js and of the system that are said to save memory. */
const nodeSettings = [
  { label: 'none' },
  { label: 'none, again' },
  { label: tick('--max-old-space-size=32'), flags: ['--max-old-space-size=32'] },
  { label: tick('--max-semi-space-size=1'), flags: ['--max-semi-space-size=1'] },
  { label: tick('--optimize-for-size'), flags: ['--optimize-for-size'] },
  { label: tick('--jitless'), flags: ['--jitless'] },
  { label: tick('--lite-mode'), flags: ['--lite-mode'] },
  { label: tick('MALLOC_ARENA_MAX=1'), environment: { MALLOC_ARENA_MAX: '1' } },
];

const windows = (bits) => ({ serverMaxWindowBits: bits, clientMaxWindowBits: bits });
const noTakeover = { serverNoContextTakeover: true, clientNoContextTakeover: true };

/** What an option of a connection bounds, as bytes for each connection. */
const ownOptions = [
  { label: 'compression off', measure: () => compressing(false, 100) },
  { label: tick('perMessageDeflate: true'), measure: () => compressing(true, 100) },
  { label: 'the same, both windows of 12 bits', measure: () => compressing(windows(12), 100) },
  { label: 'the same, both windows of 9 bits', measure: () => compressing(windows(9), 100) },
  { label: 'the same, no context takeover', measure: () => compressing(noTakeover, 100) },
  ...[1_048_576, 262_144, 65_536].map((maxUnreadBytes) => ({
    label: `a loop that has stopped, ${tick(`maxUnreadBytes: ${maxUnreadBytes}`)}`,
    measure: () => stalled({ behaviour: 'stall', maxUnreadBytes }, 'flood', 16),
  })),
  ...[65_536, 8_192, 1_024].map((highWaterMark) => ({
    label: `a peer that has stopped, ${tick(`highWaterMark: ${highWaterMark}`)}`,
    measure: () => stalled({ behaviour: 'push', highWaterMark }, 'open', 64),
  })),
];

/** Tables by name: the heads of their columns, the labels of their rows, and what measures the other cells. */
const parts = {
  package: {
    head: ['the package', ''],
    rows: ['packages that are installed', 'files', 'packed, KiB', 'installed, KiB', 'of it JavaScript, KiB'],
    measure() {
      const { files, packed: size, installed, code } = packed();
      return [[packages().length], [files], [kib(size)], [kib(installed)], [kib(code)]];
    },
  },
  modules: {
    head: ['room', 'modules', 'which'],
    isFixed: true,
    get rows() {
      return modulesByRoom().map(([room]) => room);
    },
    measure: () => modulesByRoom().map(([, ...cells]) => cells),
  },
  start: {
    head: ['started', 'ms', 'more than an empty program'],
    rows: [
      'an empty program',
      `${tick("import 'node:tls'")}`,
      `${tick("import 'mtls-ws'")}`,
      `${tick("import 'node:https'")} and ${tick("'ws'")}`,
      `${tick('mtls-ws serve')}, until it listens`,
    ],
    async measure({ rounds }) {
      const { empty, 'node:tls': tls, import: own, ws, serve } = await startup(3 * rounds);
      return [empty, tls, own, ws, serve].map((ms) =>
        ms === undefined ? ['–', '–'] : [ms.toFixed(0), ms === empty ? '' : (ms - empty).toFixed(0)],
      );
    },
  },
  bundle: {
    head: ['the package', 'KiB', 'ms of `import` more than an empty program', 'MiB of RSS with 1 connection'],
    rows: ['as it is', 'one file', 'one file, minified'],
    async measure({ rounds }) {
      const forms = (await bundled(3 * rounds)) ?? this.rows.map(() => undefined);
      const kibOf = (bytes) => kib(bytes ?? reachedBytes());
      return forms.map((form) => (form ? [kibOf(form.bytes), form.ms.toFixed(0), mib(form.rss)] : ['–', '–', '–']));
    },
  },
  memory: {
    head: [
      'MiB of RSS with',
      '0',
      '1',
      `${many}`,
      'KiB for each more',
      '÷ node:tls',
      'in use after a collection, KiB for each',
    ],
    rows: ['mtls-ws', 'node:tls', 'ws'],
    async measure({ rounds }) {
      const all = await connections(rounds, many);
      const each = ({ one, used }) => (used.rss - one.rss) / (many - 1);
      const held = ({ one, used }) => (used.heap + used.external - one.heap - one.external) / (many - 1);
      return this.rows.map((kind) => {
        if (!kinds.includes(kind)) return Array(6).fill('–');
        const middle = (of) => median(all[kind].map(of));
        const ratio = middle((result, round) => each(result) / each(all['node:tls'][round]));
        const rss = ['none', 'one', 'used'].map((state) => mib(middle((result) => result[state].rss)));
        return [...rss, kib(middle(each)), times(ratio), kib(middle(held))];
      });
    },
  },
  descriptors: {
    head: ['file descriptors for each connection', ''],
    rows: ['mtls-ws'],
    measure: async () => [[(await descriptorsPerConnection(100)) ?? '–']],
  },
  stream: {
    head: ['1 GiB in one message, heap of 32 MiB', 's', 'receiver: most RSS, MiB', 'sender: most RSS, MiB'],
    rows: ['from client to server', 'from server to client'],
    async measure() {
      const { up, down } = await streamed(gibibyte, 32);
      for (const { length } of [up, down]) if (length !== gibibyte) throw new Error(`${length} bytes arrived`);
      return [
        [up.seconds.toFixed(1), mib(up.serverPeak), mib(up.clientPeak)],
        [down.seconds.toFixed(1), mib(down.clientPeak), mib(down.serverPeak)],
      ];
    },
  },
  long: {
    head: ['one message of 16 MiB is received', 'the RSS grows by, MiB'],
    rows: ['whole: `message`', 'in pieces: `messages()`'],
    async measure({ rounds }) {
      const all = { whole: [], pieces: [] };
      for (let round = 0; round < rounds; round++) {
        for (const way of Object.keys(all)) all[way].push(await oneMessage(way, 16 * 2 ** 20));
      }
      return Object.values(all).map((grown) => [mib(median(grown))]);
    },
  },
  node: {
    head: [
      ...['setting', 'MiB of RSS: listening', 'after the load', 'with 300 connections'],
      ...['CPU of 125 B ÷ none', 'CPU of 16 KiB ÷ none'],
    ],
    rows: nodeSettings.map(({ label }) => label),
    async measure({ rounds }) {
      const all = await settings(nodeSettings, rounds, 300);
      return all.map((results) => {
        const middle = (of) => median(results.map(of));
        const ratio = (name) => times(middle((result, round) => result[name] / all[0][round][name]));
        const rss = ['listening', 'loaded', 'many'].map((state) => mib(middle((result) => result[state])));
        return [...rss, ratio('small'), ratio('long')];
      });
    },
  },
  options: {
    head: ['KiB for each connection', 'RSS', 'in use after a collection'],
    rows: ownOptions.map(({ label }) => label),
    async measure({ rounds }) {
      const all = ownOptions.map(() => []);
      for (let round = 0; round < rounds; round++) {
        for (const [at, { measure }] of ownOptions.entries()) all[at].push(await measure());
      }
      return all.map((results) => ['rss', 'held'].map((name) => kib(median(results.map((result) => result[name])))));
    },
  },
  demo: {
    head: ['`mtls-ws demo`', 's'],
    rows: ['as it is', ...['--max-old-space-size=32', '--jitless'].map(tick)],
    measure({ rounds }) {
      const flags = [[], ['--max-old-space-size=32'], ['--jitless']];
      const all = flags.map(() => []);
      for (let round = 0; round < rounds; round++) for (const [at, given] of flags.entries()) all[at].push(demo(given));
      return all.map((seconds) => [median(seconds).toFixed(2)]);
    },
  },
};

/** The bytes of all modules that `import 'mtls-ws'` loads. */
function reachedBytes() {
  const { modules } = loadedBy('dist/src/index.js');
  return modules.reduce((sum, path) => sum + statSync(new URL(`../dist/src/${path}`, import.meta.url)).size, 0);
}

function modulesByRoom() {
  const { modules, builtins, webAssembly } = loadedBy('dist/src/index.js');
  const rooms = new Map();
  for (const path of modules) rooms.set(roomOf(path), [...(rooms.get(roomOf(path)) ?? []), path]);
  const told = [...rooms]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([room, paths]) => [
      room === '' ? 'at the top' : tick(room),
      paths.length,
      paths.map((path) => path.slice(room === '' ? 0 : room.length + 1).replace(/\.js$/, '')).join(', '),
    ]);
  const http = builtins.filter((name) => /http/.test(name));
  return [
    ...told,
    ['all', modules.length, ''],
    ['`node:http`, `node:https`, `node:http2`', http.length, http.join(', ')],
    ['WebAssembly modules compiled', webAssembly, ''],
  ];
}

function table({ head, rows }, cells) {
  const line = (values) => `| ${values.join(' | ')} |`;
  const isText = head.map(
    (_, at) => at === 0 || cells.every((row) => /[a-z]{3}/.test(String(row[at - 1] ?? '')) || row[at - 1] === ''),
  );
  return [
    line(head),
    line(isText.map((text) => (text ? '---' : '--:'))),
    ...rows.map((label, at) => line([label, ...cells[at]])),
  ].join('\n');
}

function circumstances({ rounds }) {
  const { node, openssl } = process.versions;
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const [cpu] = os.cpus();
  return `mtls-ws ${version}, Node.js ${node}, OpenSSL ${openssl}, ${cpu?.model.trim() ?? 'unknown processor'}, ${os.cpus().length} cores,
${os.type()} ${os.release()} ${os.arch()}; ${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds.`;
}

/** What stands between the markers of a name. */
function block(text, name) {
  const found = new RegExp(`<!-- constrained: ${name} -->\n([^]*?)\n<!-- /constrained -->`).exec(text);
  if (found === null) throw new Error(`docs/constrained.md has no block "${name}"`);
  return found[1];
}

function renewed(text, name, content) {
  const old = block(text, name);
  const open = `<!-- constrained: ${name} -->\n`;
  return text.replace(open + old, () => open + content);
}

/** What is wrong with the page, as far as can be told without measuring. */
function faultsOf(text) {
  const faults = [];
  const names = [...text.matchAll(/<!-- constrained: (\w+) -->/g)].map(([, name]) => name);
  const expected = ['circumstances', ...Object.keys(parts)];
  if (names.join() !== expected.join())
    faults.push(`it has the blocks ${names.join(', ')}, not ${expected.join(', ')}`);
  for (const [name, part] of Object.entries(parts)) {
    const lines = block(text, name)
      .split('\n')
      .map((line) => line.slice(2, -2).split(' | '));
    const [head, , ...rows] = lines;
    if (head.join() !== part.head.join()) faults.push(`${name}: the columns are ${head.join(', ')}`);
    const labels = rows.map(([label]) => label);
    if (labels.join() !== part.rows.join()) faults.push(`${name}: the rows are ${labels.join(', ')}`);
    if (rows.some((row) => row.length !== part.head.length)) faults.push(`${name}: a row is not as long as the head`);
    if (part.isFixed && block(text, name) !== table(part, part.measure()))
      faults.push(`${name}: it is not what is loaded now`);
  }
  if (!block(text, 'package').includes(`| ${packages().length} |`))
    faults.push('package: packages are installed beside it');
  return faults;
}

const values = readOptions(import.meta.url, {
  write: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '5' },
});
const unknown = values.only?.find((name) => !Object.hasOwn(parts, name));
const rounds = Number(values.rounds);
if (unknown !== undefined || !(rounds >= 1)) {
  console.error(`--only takes one of ${Object.keys(parts).join(', ')}; --rounds a number`);
  process.exit(2);
}

if (values.check) {
  const faults = faultsOf(readFileSync(page, 'utf8'));
  for (const fault of faults)
    console.error(`docs/constrained.md: ${fault}; npm run constrained -- --write --only PART renews it`);
  process.exit(faults.length === 0 ? 0 : 1);
}

let text = readFileSync(page, 'utf8');
for (const [name, part] of Object.entries(parts)) {
  if (values.only !== undefined && !values.only.includes(name)) continue;
  process.stderr.write(`measures ${name}\n`);
  const content = table(part, await part.measure({ rounds }));
  console.log(`\n${content}`);
  text = renewed(text, name, content);
}
if (values.only === undefined) text = renewed(text, 'circumstances', circumstances({ rounds }));
if (values.write) writeFileSync(page, text);
