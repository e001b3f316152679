/** The figures as Markdown tables. */
import { mainNode, resultsOf } from './charts.js';
import type { EchoResult, Report } from './report.js';
import { echoRows, handshakeRows, rowName, sendRows, sizeName } from './rows.js';
import { type Summary, verdict } from './statistics.js';

/** Returns a number in three digits, without an exponent. */
export function digits(value: number): string {
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3);
}

/** A ratio; `≈` in front of one on which the rounds do not agree whether it is over or under 1. */
export function shownRatio(ratio: Summary | undefined, rounds: number): string {
  if (ratio === undefined) return '–';
  return `${verdict(ratio, rounds) === 'no difference' ? '≈ ' : ''}${ratio.median.toFixed(2)}`;
}

/** Half of what lies between the lowest and the highest round, in percent of the median. */
function spread({ median, low, high }: Summary): string {
  return `±${Math.round(((high - low) / 2 / median) * 100)} %`;
}

/** `≤ 1.5 ✓`, `≤ 1.5 ✗`: by the median. */
function shownTarget(target: number | undefined, ratio: Summary | undefined): string {
  if (target === undefined) return '';
  return `≤ ${target}${ratio === undefined ? '' : ratio.median <= target ? ' ✓' : ' ✗'}`;
}

/** A table; the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const cells = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [cells(head), cells(rule), ...rows.map(cells)].join('\n');
}

/** The main table: each row, and what is to be reached. */
export function mainTable(report: Report): string {
  const columns = ['raw', 'ours', 'ours-message', 'ours-public', 'ws', 'ws+bufferutil'];
  const rows = echoRows.flatMap((row) => {
    const results = resultsOf(report, row);
    if (results.length === 0) return [];
    const of = (id: string): EchoResult | undefined => results.find(({ subject }) => subject === id);
    const ours = of('ours');
    return [
      [
        rowName(row),
        ...columns.map((id) => {
          const result = of(id);
          return result === undefined ? '–' : digits(result.cpuUs.median);
        }),
        `**${shownRatio(ours?.ratioToRaw, ours?.rounds ?? 0)}**`,
        shownTarget(row.target, ours?.ratioToRaw),
        shownRatio(of('ours-message')?.ratioToRaw, ours?.rounds ?? 0),
        shownRatio(of('ours-public')?.ratioToRaw, ours?.rounds ?? 0),
        shownRatio(ours?.ratioToWs, ours?.rounds ?? 0),
        ours === undefined ? '' : spread(ours.cpuUs),
      ],
    ];
  });
  const head = [
    'µs per message',
    'raw',
    'mtls-ws',
    '`message`',
    'documented',
    'ws',
    'ws + bu.',
    'mtls-ws ÷ raw',
    'target',
  ];
  return table([...head, '`message` ÷ raw', 'documented ÷ raw', 'mtls-ws ÷ ws', 'spread'], rows);
}

export function handshakeTable(report: Report): string {
  const rows = handshakeRows.flatMap((row) => {
    const results = report.handshakes.filter(
      ({ tls, mode, concurrency }) => tls === row.tls && mode === row.mode && concurrency === row.concurrency,
    );
    if (results.length === 0) return [];
    const of = (id: string) => results.find(({ subject }) => subject === id);
    const cpu = (id: string): string => {
      const result = of(id);
      return result === undefined ? '–' : digits(result.cpuUs.median);
    };
    const ours = of('ours');
    return [
      [
        `TLS ${row.tls}, ${row.mode}, ${row.concurrency} at a time`,
        cpu('raw'),
        cpu('raw-answer'),
        cpu('ours'),
        cpu('ws'),
        `**${shownRatio(ours?.ratioToRaw, ours?.rounds ?? 0)}**`,
        shownTarget(row.target, ours?.ratioToRaw),
        shownRatio(ours?.ratioToAnswer, ours?.rounds ?? 0),
        shownRatio(ours?.ratioToWs, ours?.rounds ?? 0),
        ours === undefined ? '' : `${digits(ours.p50Us.median / 1000)} / ${digits(ours.p99Us.median / 1000)}`,
      ],
    ];
  });
  const head = ['server CPU, µs', 'raw', 'raw + answer', 'mtls-ws', 'ws', 'mtls-ws ÷ raw', 'target'];
  return table([...head, 'mtls-ws ÷ (raw + answer)', 'mtls-ws ÷ ws', 'p50 / p99, ms'], rows);
}

export function sendTable(report: Report): string {
  const rows = sendRows.flatMap((row) => {
    const results = report.send.filter(({ size }) => size === row.size);
    if (results.length === 0) return [];
    const of = (id: string) => results.find(({ subject }) => subject === id);
    const cpu = (id: string): string => {
      const result = of(id);
      return result === undefined ? '–' : digits(result.cpuUs.median);
    };
    const ours = of('ours');
    return [
      [
        sizeName(row.size),
        cpu('raw'),
        cpu('ours'),
        cpu('ours-public'),
        cpu('ws'),
        cpu('ws+bufferutil'),
        `**${shownRatio(ours?.ratioToRaw, ours?.rounds ?? 0)}**`,
        shownTarget(row.target, ours?.ratioToRaw),
        shownRatio(ours?.ratioToWs, ours?.rounds ?? 0),
      ],
    ];
  });
  const head = [
    'client CPU, µs per message',
    'raw',
    'mtls-ws',
    'documented',
    'ws',
    'ws + bu.',
    'mtls-ws ÷ raw',
    'target',
  ];
  return table([...head, 'mtls-ws ÷ ws'], rows);
}

/** All subjects in the rows that all of them are measured in. */
export function peersTable(report: Report): string {
  const rows = echoRows.filter(({ forAll }) => forAll);
  const measured = report.subjects.filter(({ id }) =>
    report.rows.some(({ subject, node }) => subject === id && (node === '' || node === mainNode(report))),
  );
  return table(
    ['µs per message', ...rows.map(rowName)],
    measured.map(({ id, label, version }) => [
      `${label} ${version}`.trim(),
      ...rows.map((row) => {
        const result = resultsOf(report, row).find(({ subject }) => subject === id);
        return result === undefined ? '–' : digits(result.cpuUs.median);
      }),
    ]),
  );
}

export function nodesTable(report: Report): string {
  const nodes = [...new Set(report.rows.map(({ node }) => node))].filter((node) => node !== '').sort();
  const rows = echoRows.filter(({ onNodes }) => onNodes);
  const cell = (node: string, row: (typeof rows)[number], id: string): EchoResult | undefined =>
    report.rows.find(
      (result) =>
        result.node === node &&
        result.subject === id &&
        result.scenario === row.scenario &&
        result.size === row.size &&
        result.kind === row.kind,
    );
  return table(
    ['mtls-ws ÷ raw (µs)', ...rows.map(rowName)],
    nodes.map((node) => [
      `Node ${node}`,
      ...rows.map((row) => {
        const ours = cell(node, row, 'ours');
        return ours === undefined ? '–' : `${shownRatio(ours.ratioToRaw, ours.rounds)} (${digits(ours.cpuUs.median)})`;
      }),
    ]),
  );
}

export function idleTable(report: Report): string {
  const label = (id: string): string => report.subjects.find((subject) => subject.id === id)?.label ?? id;
  return table(
    ['KiB per idle connection', 'connections', 'before a message', 'after one'],
    report.idle.map(({ subject, connections, openKib, echoedKib }) => [
      label(subject),
      String(connections),
      digits(openKib),
      digits(echoedKib),
    ]),
  );
}

export function fairnessTable(report: Report): string {
  const label = (id: string): string => report.subjects.find((subject) => subject.id === id)?.label ?? id;
  const ms = (us: number): string => digits(us / 1000);
  return table(
    [
      '999 connections, ms',
      'p50',
      'p99',
      'p50 beside a flood',
      'p99 beside a flood',
      'messages of the flood per second',
    ],
    report.fairness.map(({ subject, quiet, flooded }) => [
      label(subject),
      ms(quiet.p50Us),
      ms(quiet.p99Us),
      ms(flooded.p50Us),
      ms(flooded.p99Us),
      String(Math.round(flooded.floodPerSecond)),
    ]),
  );
}

export function startupTable(report: Report): string {
  const label = (id: string): string => report.subjects.find((subject) => subject.id === id)?.label ?? id;
  return table(
    ['', 'from start to listening, ms'],
    report.startup.map(({ subject, listeningMs }) => [label(subject), digits(listeningMs.median)]),
  );
}

export function codecTable(report: Report): string {
  return table(
    ['in one process, no socket', 'by', 'size', 'ns', 'GB/s'],
    report.codec.map(({ operation, by, size, nanoseconds }) => [
      operation,
      by,
      sizeName(size),
      digits(nanoseconds.median),
      digits(size / nanoseconds.median),
    ]),
  );
}

export function subjectsList(report: Report): string {
  return report.subjects
    .map(({ label, version, note, missing }) => {
      const facts = [note, missing === undefined ? undefined : `Not measured: ${missing}.`].filter(Boolean).join(' ');
      return `- **${`${label} ${version}`.trim()}**${facts === '' ? '' : `: ${facts}`}`;
    })
    .join('\n');
}

export function circumstances(report: Report): string {
  const { machine, versions, settings, generator } = report;
  return [
    `\`${report.command}\` on ${report.date.slice(0, 10)}: mtls-ws ${versions['mtls-ws']} (${versions.revision}),`,
    `Node ${versions.node}, OpenSSL ${versions.openssl}, ${machine.cpu}, ${machine.cores} cores, ${machine.system};`,
    `load in ${generator === 'c' ? 'C' : 'JavaScript'}; ${settings.rounds} rounds of ${settings.seconds} s.`,
  ].join('\n');
}

/** The parts of a report by name; empty ones are left out. */
export function sections(report: Report): ReadonlyMap<string, string> {
  const parts: Array<[string, boolean, (report: Report) => string]> = [
    ['circumstances', true, circumstances],
    ['main', report.rows.length > 0, mainTable],
    ['handshakes', report.handshakes.length > 0, handshakeTable],
    ['send', report.send.length > 0, sendTable],
    ['idle', report.idle.length > 0, idleTable],
    ['fairness', report.fairness.length > 0, fairnessTable],
    ['peers', report.rows.length > 0, peersTable],
    ['nodes', report.rows.length > 0, nodesTable],
    ['startup', report.startup.length > 0, startupTable],
    ['codec', report.codec.length > 0, codecTable],
    ['subjects', true, subjectsList],
  ];
  return new Map(parts.flatMap(([name, isThere, make]) => (isThere ? [[name, make(report)] as const] : [])));
}

/** The whole report as one document. */
export function markdown(report: Report): string {
  return `# Results\n\n${[...sections(report).values()].join('\n\n')}\n`;
}

/** Returns a page with each part between its markers renewed: `<!-- bench: NAME -->` and `<!-- /bench -->`. */
export function renewed(page: string, report: Report): string {
  const parts = sections(report);
  return page.replace(/<!-- bench: ([a-z]+) -->[\s\S]*?<!-- \/bench -->/g, (whole, name: string) => {
    const part = parts.get(name);
    return part === undefined ? whole : `<!-- bench: ${name} -->\n${part}\n<!-- /bench -->`;
  });
}
