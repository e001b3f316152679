/** The charts of a report. */
import type { EchoResult, Report } from './report.js';
import { echoRows, rowName, sizeName } from './rows.js';
import { lineChart, rangeChart, ratioChart, type Series } from './svg.js';

const looks: Readonly<Record<string, string>> = {
  raw: 'raw',
  ours: 'a',
  'ours-message': 'a2',
  'ours-public': 'a3',
  ws: 'w',
  'ws+bufferutil': 'w2',
  bun: 'o1',
  deno: 'o2',
  gorilla: 'o3',
  libwebsockets: 'o4',
  'faye-websocket': 'o5',
  websocket: 'o6',
};

/** The Node on which the main figures were taken. */
export function mainNode(report: Report): string {
  return report.versions.node.split('.')[0]!;
}

/** The results of a row on the main Node, and of what does not run on Node. */
export function resultsOf(report: Report, row: Pick<EchoResult, 'scenario' | 'size' | 'kind'>): EchoResult[] {
  return report.rows.filter(
    ({ scenario, size, kind, node }) =>
      scenario === row.scenario && size === row.size && kind === row.kind && (node === '' || node === mainNode(report)),
  );
}

/** Returns the charts by their file names; those for which there are no figures are left out. */
export function charts(report: Report): ReadonlyMap<string, string> {
  const label = (id: string): string => report.subjects.find((subject) => subject.id === id)?.label ?? id;
  const day = report.date.slice(0, 10);
  const where = `Node ${report.versions.node}, ${report.machine.cpu}, mutual TLS 1.3, ${day}`;
  const found = new Map<string, string>();
  const core = ['raw', 'ours', 'ours-message', 'ours-public', 'ws', 'ws+bufferutil'];

  const packed = report.rows.filter(
    ({ scenario, kind, node }) => scenario === 'C' && kind === 'binary' && node === mainNode(report),
  );
  const against = (y: (result: EchoResult) => number): Series[] =>
    core.flatMap((id) => {
      const points = packed
        .filter(({ subject }) => subject === id)
        .map((result) => ({ x: result.size, y: y(result) }))
        .sort((a, b) => a.x - b.x);
      return points.length < 2 ? [] : [{ label: label(id), look: looks[id] ?? 'o6', points }];
    });
  if (packed.length > 0) {
    found.set(
      'cpu.svg',
      lineChart({
        title: 'CPU time of an echo server for each message, pipelined: lower is better',
        sub: where,
        series: against(({ cpuUs }) => cpuUs.median),
        xName: sizeName,
        yName: (us) => (us < 1 ? `${Math.round(us * 1000)} ns` : us < 1000 ? `${us} µs` : `${us / 1000} ms`),
      }),
    );
    found.set(
      'throughput.svg',
      lineChart({
        title: 'Payload echoed in a second by one core, pipelined: higher is better',
        sub: where,
        series: against(({ perSecond, size }) => (perSecond.median * size) / 1e6),
        xName: sizeName,
        yName: (mb) => (mb < 1000 ? `${mb} MB/s` : `${mb / 1000} GB/s`),
      }),
    );
  }

  const ratios = ['ours', 'ours-message', 'ours-public', 'ws'];
  const rows = echoRows.flatMap((row) => {
    const results = resultsOf(report, row);
    const bars = ratios.flatMap((id) => {
      const ratio = results.find(({ subject }) => subject === id)?.ratioToRaw;
      return ratio === undefined ? [] : [{ look: looks[id]!, value: ratio.median, low: ratio.low, high: ratio.high }];
    });
    return bars.length === 0 ? [] : [{ label: rowName(row), bars, target: row.target }];
  });
  if (rows.length > 0) {
    found.set(
      'ratio.svg',
      ratioChart({
        title: 'CPU time for each message, as a multiple of plain node:tls without WebSocket',
        sub: `${where}. Thin lines: lowest and highest round. Diamonds: targets of the first bar.`,
        legend: ratios.map((id) => ({ look: looks[id]!, label: label(id) })),
        rows,
      }),
    );
  }

  const groups = (['M', 'L'] as const).flatMap((scenario) => {
    const results = resultsOf(report, { scenario, size: 125, kind: 'binary' });
    return results.length === 0
      ? []
      : [
          {
            label: scenario === 'M' ? '64 connections, one message in flight on each' : 'One message in flight',
            rows: [...results]
              .sort((a, b) => a.p50Us.median - b.p50Us.median)
              .map(({ subject, p50Us, p99Us, p999Us }) => ({
                label: label(subject),
                look: looks[subject] ?? 'o6',
                values: [p50Us.median, p99Us.median, p999Us.median],
              })),
          },
        ];
  });
  if (groups.length > 0) {
    found.set(
      'latency.svg',
      rangeChart({
        title: 'From sending a message of 125 B to the last byte of its echo: p50, p99, p99.9',
        sub: where,
        groups,
        name: (us) => (us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`),
      }),
    );
  }
  return found;
}
