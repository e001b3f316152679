/** `serve --metrics`: the counters of a server in the text format of Prometheus (version 0.0.4). */

import type { ServerStatistics } from '../index.js';
import type { Credentials } from '../tls/index.js';

/** The media type of what `metricsText` returns. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
type Samples = ReadonlyArray<readonly [labels: Labels, value: number]>;

/** Returns the page. Labels are codes of our own and the names of our own CAs; nothing that a peer says is among them. */
export function metricsText(statistics: ServerStatistics, credentials: Credentials): string {
  const s = statistics;
  const by = (label: string, counts: Readonly<Record<string, number>>): Samples =>
    Object.entries(counts).map(([key, value]) => [{ [label]: key }, value] as const);
  const both = (received: number, sent: number): Samples => [
    [{ direction: 'received' }, received],
    [{ direction: 'sent' }, sent],
  ];
  return [
    family('connections_open', 'gauge', 'WebSocket connections that are open', [[{}, s.open]]),
    family('connections_total', 'counter', 'WebSocket connections that were opened', [[{}, s.connections]]),
    family('closes_total', 'counter', 'Connections that are over, by close code of the peer', by('code', closesOf(s))),
    family('handshakes_total', 'counter', 'Clients that came through the gate', [[{}, s.handshakes]]),
    family('resumptions_total', 'counter', 'Those of them that resumed a TLS session', [[{}, s.resumptions]]),
    family('refusals_total', 'counter', 'Clients refused and failed handshakes', by('reason', s.refusals)),
    family(
      'expulsions_total',
      'counter',
      'Open connections closed after a change of trust',
      by('reason', s.expulsions),
    ),
    family('reloads_total', 'counter', 'Changes of credentials or rules, by result', [
      [{ result: 'ok' }, s.reloads],
      [{ result: 'failed' }, s.failedReloads],
    ]),
    family('messages_total', 'counter', 'Messages', both(s.messagesReceived, s.messagesSent)),
    family('bytes_total', 'counter', 'Bytes of frames, within TLS', both(s.bytesReceived, s.bytesSent)),
    family('certificate_expiry_timestamp_seconds', 'gauge', 'When the certificate of the server expires', [
      [{}, seconds(credentials.identity.validTo)],
    ]),
    family(
      'ca_expiry_timestamp_seconds',
      'gauge',
      'When a trusted CA expires',
      earliest(
        credentials.anchors.map(({ validTo }, index) => [credentials.authorityNames[index]!, new Date(validTo)]),
      ),
    ),
    family(
      'crl_next_update_timestamp_seconds',
      'gauge',
      'When a revocation list expires, and everybody below its CA is refused',
      earliest(
        (credentials.revocation?.lists ?? []).map(({ issuer, nextUpdate }) => [issuer, nextUpdate ?? new Date(0)]),
      ),
    ),
  ].join('');
}

/** Codes from 3000 on are the peer's choice (RFC 6455 §7.4.2): counted by their kind, so that there are never many labels. */
function closesOf({ closes }: ServerStatistics): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [code, count] of Object.entries(closes)) {
    const label = Number(code) < 3000 ? code : `${code[0]}xxx`;
    counts[label] = (counts[label] ?? 0) + count;
  }
  return counts;
}

/** By CA; of several of one name, the one that ends first. */
function earliest(ends: ReadonlyArray<readonly [ca: string, end: Date]>): Samples {
  const first = new Map<string, number>();
  for (const [ca, end] of ends) first.set(ca, Math.min(first.get(ca) ?? Number.POSITIVE_INFINITY, seconds(end)));
  return [...first].map(([ca, end]) => [{ ca }, end]);
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: Samples): string {
  const full = `mtls_ws_${name}`;
  const lines = samples.map(([labels, value]) => {
    const text = Object.entries(labels).map(([key, label]) => `${key}="${label.replace(/[\\"]/g, '\\$&')}"`);
    return `${full}${text.length === 0 ? '' : `{${text.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${full} ${help}.\n# TYPE ${full} ${type}\n${lines.join('')}`;
}
