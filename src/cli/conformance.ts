/**
 * `mtls-ws conformance …`: puts a server or a client of any make through the conformance cases.
 */

import {
  allCases,
  type CaseResult,
  type Chunking,
  type GroupName,
  groups,
  NotTestableError,
  type Run,
  type RunOptions,
  summarize,
  testClients,
  testServer,
} from '../conformance/index.js';
import { UsageError } from '../errors.js';
import type { Command } from './command.js';
import { checkReports, toldOptions, writeReports } from './conformance-reports.js';
import { Progress, summaryText } from './conformance-screen.js';
import { testSelf } from './conformance-self.js';
import { readGivenCredentials } from './credentials-files.js';
import { type ExitCode, exitCodes, Fault, usageFault } from './fault.js';
import type { FlagName, Settings } from './flags.js';
import { onInterrupt } from './signals.js';
import { paintFor } from './terminal.js';
import { version } from './version.js';

const runFlags: readonly FlagName[] = [
  ...(['group', 'case', 'chunking', 'repeat', 'parallel', 'timeout', 'strict', 'verbose'] as const),
  ...(['report-json', 'report-junit', 'report-html'] as const),
];

const notes = `A case passes, is weak (lawful, but not as the RFC recommends), fails, is noted
(the RFC leaves it open), is skipped (something it needs is missing), or is
broken (it could not be tried).
Exit code 0: no MUST failed, nothing was broken, and at least one case ran.`;

export const conformanceServer: Command = {
  name: 'conformance server',
  summary: 'tests a WebSocket server that echoes, case by case',
  operand: 'URL',
  flags: ['ca', 'cert', 'key', 'passphrase-file', 'servername', 'ca-key', 'bad-certs', 'other-host', ...runFlags],
  required: [],
  withoutEffect: ['trace'],
  notes: `The server must send whole messages back as what they came. --ca is needed for
wss: URLs, --cert and --key where the server wants to see a certificate.
${notes}`,
  run: (settings, url) => {
    const credentials = readGivenCredentials(settings);
    return perform(settings, 'server', (options, tell) => {
      tell(url);
      return testServer({
        ...credentials,
        ...options,
        url,
        parallel: settings.parallel,
        serverName: settings.servername,
        otherHost: settings['other-host'],
      });
    });
  },
};

export const conformanceClient: Command = {
  name: 'conformance client',
  summary: 'tests a WebSocket client that echoes, case by case',
  flags: [
    'listen',
    'host',
    'servername',
    'ca',
    'cert',
    'key',
    'passphrase-file',
    'ca-key',
    'bad-certs',
    'wait',
    ...runFlags,
  ],
  required: [],
  withoutEffect: ['trace', 'parallel'],
  flagHelp: {
    servername: 'the host in the URLs that are handed out (default: --host)',
    wait: 'gives up when no client has come for so long (default 60)',
  },
  notes: `Prints "ask at URL". A client asks there, and is sent the URL of a case as a
text message. It connects to that URL, sends whole messages back until the
connection ends, and asks again, until the message is empty.
examples/conformance-client.ts is such a client.
Without --ca, --cert and --key the runner speaks ws: without TLS.
${notes}`,
  run: (settings) => {
    const credentials = readGivenCredentials(settings);
    return perform(settings, 'client', (options, tell) =>
      testClients({
        ...credentials,
        ...options,
        host: settings.host?.[settings.host.length - 1],
        port: settings.listen,
        serverName: settings.servername,
        patience: settings.wait === undefined ? undefined : settings.wait * 1000,
        onListening: (url) => {
          tell(url);
          process.stdout.write(`ask at ${url}\n`);
        },
        onNote: (note) => process.stderr.write(`mtls-ws conformance client: ${note}\n`),
      }),
    );
  },
};

export const conformanceSelf: Command = {
  name: 'conformance self',
  summary: 'tests this package, both ends, with nothing to configure',
  flags: runFlags,
  required: [],
  withoutEffect: ['trace'],
  notes,
  run: (settings) =>
    perform(settings, 'both', (options) =>
      testSelf({
        ...options,
        minVersion: settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
        parallel: settings.parallel,
      }),
    ),
};

export const conformanceList: Command = {
  name: 'conformance list',
  summary: 'prints the conformance cases',
  flags: ['group', 'case'],
  required: [],
  withoutEffect: ['min-tls', 'trace'],
  notes: 'One line for each case: its id, severity and section, then what a conforming\npeer does.',
  run: async (settings) => {
    const chosen = readGroups(settings);
    const patterns = settings.case?.map((id) => new RegExp(`^${id.split('*').map(escapeRegExp).join('.*')}$`));
    for (const { id, group, severity, section, title } of allCases()) {
      if (chosen !== undefined && !chosen.includes(group)) continue;
      if (patterns !== undefined && !patterns.some((pattern) => pattern.test(id))) continue;
      process.stdout.write(`${id.padEnd(40)} ${severity.padEnd(6)} ${section.padEnd(18)} ${title}\n`);
    }
    return exitCodes.done;
  },
};

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function readGroups(settings: Settings): GroupName[] | undefined {
  return settings.group?.map((name) => {
    if (!Object.hasOwn(groups, name)) {
      throw usageFault(`--group "${name}" is no group`, `give one of ${Object.keys(groups).join(', ')}`);
    }
    return name as GroupName;
  });
}

/** `all` is the three of them; a seed that was not given is drawn, and told. */
function readChunkings(settings: Settings): Chunking[] {
  const names = (settings.chunking ?? ['whole']).flatMap((name) =>
    name === 'all' ? ['whole', 'octets', 'random'] : [name],
  );
  return names.map((name) => {
    if (name === 'whole' || name === 'octets') return { kind: name };
    const seed = name === 'random' ? Math.floor(Math.random() * 2 ** 32) : Number(name.slice('random:'.length));
    return { kind: 'random', seed };
  });
}

/** Runs the cases, shows how it goes and what came of it. */
async function perform(
  settings: Settings,
  target: Run['target'],
  run: (options: RunOptions, tell: (url: string) => void) => Promise<readonly CaseResult[]>,
): Promise<ExitCode> {
  checkReports(settings);
  const interrupt = new AbortController();
  onInterrupt(() => interrupt.abort());
  const progress = new Progress(process.stderr);
  const startedAt = new Date().toISOString();
  const began = performance.now();
  let url = '';
  let results: readonly CaseResult[];
  try {
    results = await run(
      {
        groups: readGroups(settings),
        ids: settings.case,
        chunkings: readChunkings(settings),
        repeat: settings.repeat,
        timeout: settings.timeout === undefined ? undefined : settings.timeout * 1000,
        badCertificates: settings['bad-certs'],
        signal: interrupt.signal,
        onResult: (result) => progress.add(result),
      },
      (told) => {
        url = told;
      },
    );
  } catch (error) {
    if (error instanceof NotTestableError) throw new Fault(exitCodes.peer, error.message);
    if (error instanceof UsageError) throw usageFault(error.message);
    throw error;
  } finally {
    progress.finish();
  }
  const isStrict = settings.strict === true;
  const done: Run = {
    target,
    url,
    startedAt,
    durationMs: Math.round(performance.now() - began),
    versions: { 'mtls-ws': version(), node: process.versions.node },
    options: toldOptions(settings),
    isStrict,
    results,
  };
  const paint = paintFor(process.stdout, process.env);
  process.stdout.write(summaryText(done, settings.verbose === true, paint));
  writeReports(settings, done);
  return summarize(results, isStrict).isGood ? exitCodes.done : exitCodes.peer;
}
