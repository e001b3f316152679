/** `npm run bench`: runs the benchmarks, prints their figures, and writes them as JSON, Markdown and charts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bed } from './bed.js';
import { charts } from './charts.js';
import { measureCodec } from './codec.js';
import { measureCompression } from './compression.js';
import { describeMachine, describeVersions } from './machine.js';
import { markdown, renewed } from './markdown.js';
import {
  type Entry,
  measureEcho,
  measureFairness,
  measureHandshakes,
  measureIdle,
  measureSend,
  measureStartup,
} from './measure.js';
import { benchFolder, installPeers, loadBufferutil, loadWs, withoutBufferutil } from './peers.js';
import { type Report, reportFormat, type SubjectInfo } from './report.js';
import { type EchoRow, echoRows, handshakeRows, rowName, sendRows } from './rows.js';
import { fullSettings, quickSettings, type Settings } from './settings.js';
import { otherNodes, packageVersion, type Subject, subjects } from './subjects/registry.js';

const parts = ['echo', 'handshakes', 'send', 'idle', 'fairness', 'startup', 'codec', 'compression'] as const;
type Part = (typeof parts)[number];

const help = `Usage: npm run bench -- [options]

Measures mtls-ws over mutual TLS, side by side with plain node:tls (the limit)
and other WebSocket stacks. A whole run takes about half an hour and wants
a quiet machine.

  --only PART    one of ${parts.slice(0, 5).join(', ')},
                 ${parts.slice(5).join(', ')}; more than once: these
  --row TEXT     of echo, the rows whose name contains it: 'C 16 KiB', 'L'
  --subject ID   these alone, more than once; see --list
  --rounds N     default 5
  --quick        about two minutes; too coarse to tell differences
  --json FILE    writes the figures there; default bench/results/latest.json,
                 with Markdown and charts, for a whole run, and none otherwise
  --render       draws tables and charts again from bench/results/latest.json
  --list         lists the subjects, and which are not here; peers are
                 installed when they are measured
  --help         shows this
`;

interface Arguments {
  readonly only: readonly Part[];
  readonly row: string;
  readonly subjects: readonly string[];
  readonly settings: Settings;
  readonly json: string | undefined;
  readonly isWhole: boolean;
  readonly action: 'measure' | 'render' | 'list' | 'help';
}

const results = (name: string): string => fileURLToPath(new URL(`results/${name}`, benchFolder));
const page: string = fileURLToPath(new URL('../docs/performance.md', benchFolder));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** On a terminal one line that changes; elsewhere a line now and then. What ends in a line break stays. */
function makeProgress(): (text: string) => void {
  let last = 0;
  return (text) => {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${text.endsWith('\n') ? text : text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    } else if (text.endsWith('\n') || performance.now() - last > 5000) {
      last = performance.now();
      say(text.trimEnd());
    }
  };
}

function describeSubjects(): SubjectInfo[] {
  const versions: Readonly<Record<string, string | undefined>> = {
    ws: packageVersion('ws'),
    'ws+bufferutil': packageVersion('bufferutil'),
    'faye-websocket': packageVersion('faye-websocket'),
    websocket: packageVersion('websocket'),
    bun: packageVersion('bun'),
    deno: packageVersion('deno'),
  };
  return subjects.map((subject) => {
    const command = subject.command(process.execPath);
    return {
      id: subject.id,
      label: subject.label,
      version: versions[subject.id] ?? '',
      note: subject.note,
      missing: 'missing' in command ? command.missing : undefined,
    };
  });
}

function senders(): Array<{ id: string; args: string[]; env?: NodeJS.ProcessEnv }> {
  const script = fileURLToPath(new URL('subjects/send.mjs', benchFolder));
  return [
    { id: 'raw', args: [script, 'raw'] },
    { id: 'ours', args: [script, 'ours'] },
    { id: 'ours-public', args: [script, 'ours'], env: { MTLS_WS_PUBLIC_PATHS: '1' } },
    ...(loadWs() === undefined ? [] : [{ id: 'ws', args: [script, 'ws'], env: withoutBufferutil }]),
    ...(loadBufferutil() === undefined ? [] : [{ id: 'ws+bufferutil', args: [script, 'ws'] }]),
  ];
}

async function measure({ only, row, subjects: wanted, settings }: Arguments): Promise<Report> {
  const progress = makeProgress();
  const wants = (part: Part): boolean => only.length === 0 || only.includes(part);
  const described = describeSubjects();
  const machine = describeMachine();
  const date = new Date().toISOString();
  const bed = new Bed();
  const major = process.versions.node.split('.')[0]!;
  const onMain = (subject: Subject): Entry => ({
    subject,
    binary: process.execPath,
    node: subject.isNode ? major : '',
  });
  const usable = subjects.filter(
    ({ id }) =>
      described.find((one) => one.id === id)?.missing === undefined && (wanted.length === 0 || wanted.includes(id)),
  );
  const named = (...ids: readonly string[]): Entry[] => usable.filter(({ id }) => ids.includes(id)).map(onMain);
  say(`load in ${bed.generator.name === 'c' ? 'C' : `JavaScript (${bed.withoutC})`}, CPU ${machine.cpu}`);
  if (!bed.isSteady) say('THE CORES CANNOT BE KEPT AWAKE HERE, OR PROCESSES NOT PINNED: EXPECT NOISE');
  for (const { label, missing } of described) if (missing !== undefined) say(`not measured: ${label}: ${missing}`);

  const entriesOf = (one: EchoRow): Entry[] => {
    const able = usable.filter(
      ({ compresses, kind, onlyAnswers }) =>
        !onlyAnswers && (one.kind !== 'compressed' || (compresses && kind === 'ws')),
    );
    return able.filter(({ isCore }) => isCore || one.forAll || wanted.length > 0).map(onMain);
  };
  const echo = async (): Promise<Report['rows']> => {
    const rows = echoRows.filter((one) => rowName(one).includes(row));
    const found = [];
    for (const [index, one] of rows.entries()) {
      const told = (text: string): void => progress(`[${index + 1}/${rows.length}] ${text}`);
      const core = entriesOf(one).filter(({ subject }) => subject.isCore);
      const others = entriesOf(one).filter(({ subject }) => !subject.isCore);
      const bases = core.filter(({ subject }) => subject.id === 'raw' || subject.id === 'ws');
      found.push(...(await measureEcho(bed, one, core, settings.rounds, settings, told)));
      // With the bases once more, so that there are ratios within the same rounds.
      const beside =
        others.length === 0
          ? []
          : await measureEcho(bed, one, [...bases, ...others], settings.otherRounds, settings, told);
      found.push(...beside.filter(({ subject }) => others.some((entry) => entry.subject.id === subject)));
      for (const [node, binary] of one.onNodes ? otherNodes() : []) {
        const entries = core
          .filter(({ subject }) => ['raw', 'ours', 'ws'].includes(subject.id))
          .map(({ subject }) => ({ subject, binary, node }));
        found.push(...(await measureEcho(bed, one, entries, settings.rounds, settings, told)));
      }
    }
    return found;
  };
  const handshakes = async (): Promise<Report['handshakes']> => {
    const found = [];
    // The load in JavaScript sends another key each time.
    const answering = bed.generator.name === 'c' ? ['raw-answer'] : [];
    for (const one of handshakeRows) {
      const entries = named('raw', ...answering, 'ours', 'ws').filter(
        ({ subject }) => one.mode === 'full' || subject.resumes,
      );
      found.push(...(await measureHandshakes(bed, one, entries, settings, progress)));
    }
    return found;
  };
  const send = async (): Promise<Report['send']> => {
    const libraries = senders().filter(({ id }) => wanted.length === 0 || wanted.includes(id));
    const found = [];
    for (const one of sendRows) found.push(...(await measureSend(bed, one, libraries, settings, progress)));
    return found;
  };
  const compared = named('raw', 'ours', 'ws', 'bun');
  try {
    return {
      format: reportFormat,
      date,
      command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
      generator: bed.generator.name,
      machine,
      versions: describeVersions(),
      settings,
      subjects: described,
      rows: wants('echo') ? await echo() : [],
      handshakes: wants('handshakes') ? await handshakes() : [],
      send: wants('send') ? await send() : [],
      idle: wants('idle') ? await measureIdle(bed, compared, settings, progress) : [],
      fairness: wants('fairness') ? await measureFairness(bed, compared, settings, progress) : [],
      startup: wants('startup') ? await measureStartup(bed, compared, settings, progress) : [],
      codec: wants('codec') ? await measureCodec(settings, progress) : [],
      compression: wants('compression') ? await measureCompression(settings, progress) : [],
    };
  } finally {
    bed.close();
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

/** Five digits are more than can be trusted. */
function rounded(report: Report): Report {
  const json = JSON.stringify(report, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
  );
  return JSON.parse(json) as Report;
}

/** Writes the tables and the charts of a report. */
function render(report: Report): void {
  writeFileSync(results('latest.md'), markdown(report));
  for (const [name, chart] of charts(report)) writeFileSync(results(name), chart);
  writeFileSync(page, renewed(readFileSync(page, 'utf8'), report));
}

async function main(given: Arguments): Promise<void> {
  if (given.action === 'help') return void process.stdout.write(help);
  if (given.action === 'render') return render(JSON.parse(readFileSync(results('latest.json'), 'utf8')) as Report);
  const isOwn = (id: string): boolean => id.startsWith('raw') || id.startsWith('ours');
  // The codec is measured beside that of ws, whatever the subjects.
  const wantsPeers =
    given.subjects.length === 0 ||
    !given.subjects.every(isOwn) ||
    given.only.some((part) => part === 'codec' || part === 'compression');
  if (given.action === 'measure' && wantsPeers) installPeers(say);
  if (given.action === 'list') {
    for (const { id, label, missing } of describeSubjects()) {
      process.stdout.write(`${id.padEnd(16)}${label}${missing === undefined ? '' : ` (not here: ${missing})`}\n`);
    }
    return;
  }
  const report = rounded(await measure(given));
  process.stdout.write(markdown(report));
  if (given.json === undefined) return;
  mkdirSync(dirname(given.json), { recursive: true });
  writeFileSync(given.json, `${JSON.stringify(report)}\n`);
  if (given.isWhole) render(report);
  say(`written to ${given.json}`);
}

/** Returns the arguments, or `undefined` after saying what is wrong with them. */
function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        row: { type: 'string', default: '' },
        subject: { type: 'string', multiple: true, default: [] },
        rounds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        render: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const only = values.only.map((name) => {
      const part = parts.find((one) => one === name);
      if (part === undefined) throw new Error(`--only takes one of ${parts.join(', ')}`);
      return part;
    });
    for (const id of values.subject) {
      if (!subjects.some((subject) => subject.id === id)) throw new Error(`there is no subject '${id}': see --list`);
    }
    if (!echoRows.some((one) => rowName(one).includes(values.row))) {
      throw new Error(`no row is called '${values.row}': there are ${echoRows.map(rowName).join(' · ')}`);
    }
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds takes a number');
    const base = values.quick ? quickSettings : fullSettings;
    const isWhole = only.length === 0 && values.row === '' && values.subject.length === 0 && !values.quick;
    return {
      only,
      row: values.row,
      subjects: values.subject,
      settings: rounds === undefined ? base : { ...base, rounds, otherRounds: rounds },
      json: values.json ?? (isWhole ? results('latest.json') : undefined),
      isWhole: isWhole && values.json === undefined,
      action: values.help ? 'help' : values.render ? 'render' : values.list ? 'list' : 'measure',
    };
  } catch (error) {
    say((error as Error).message);
    return undefined;
  }
}

const chosen = readArguments();
if (chosen === undefined) process.exitCode = 2;
else {
  // The bed goes with the process, and what it started with the bed.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
  await main(chosen).catch((error: Error) => {
    say(`bench: ${error.message}`);
    process.exitCode = 1;
  });
}
