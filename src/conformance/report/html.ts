/**
 * A run as one HTML page that needs nothing else. The page is its static head, the JSON report as data, and a script that
 * shows of it what is looked at.
 *
 * What a peer sent gets into the page in two ways only: escaped into the head, and as JSON without any `<`. The script
 * makes text nodes of it. The policy of the page lets no other script run, and nothing be loaded or sent.
 */
import { createHash } from 'node:crypto';
import { groups } from '../catalogue.js';
import { summarize, verdicts } from '../results.js';
import { renderJson } from './json.js';
import { pageScript } from './page-script.js';
import { pageStyle } from './page-style.js';
import type { Run } from './run.js';

/** Returns a run as an HTML page. */
export function renderHtml(run: Run): string {
  const { isGood } = summarize(run.results, run.isStrict);
  const verdict = isGood ? 'Conforms' : 'Does not conform';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${verdict}: WebSocket conformance${run.url === '' ? '' : ` of ${escapeHtml(run.url)}`}</title>
<style>${pageStyle}</style>
</head>
<body>
<header class="head">
<div class="verdict ${isGood ? 'good' : 'bad'}">
<p class="eyebrow">WebSocket conformance${run.isStrict ? ', strict' : ''}</p>
<h1>${verdict}</h1>
<p class="peer">${peerOf(run)}</p>
<p class="facts">${factsOf(run)}</p>
</div>
${counts(run)}
</header>
<noscript><p class="note">The cases are shown by the script of this page. Without it, these are the counts.</p></noscript>
<main id="main"></main>
<script type="application/json" id="groups">${scriptData(JSON.stringify(groups))}</script>
<script type="application/json" id="report">${scriptData(renderJson(run))}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const policy: string = [
  "default-src 'none'",
  `script-src ${hashOf(pageScript)}`,
  `style-src ${hashOf(pageStyle)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Returns `text` for use between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON in which nothing can end the script element or begin a comment; the same value to who parses it. */
function scriptData(json: string): string {
  return json.replaceAll('<', '\\u003c');
}

function peerOf({ target, url }: Run): string {
  if (target === 'both') return 'mtls-ws against itself: its server, then its client';
  const what = target === 'server' ? 'server at' : 'clients that asked at';
  return `${what} <code>${escapeHtml(url)}</code>`;
}

function factsOf({ startedAt, durationMs, versions, options }: Run): string {
  const asked = Object.entries(options).map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`));
  return [
    startedAt.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*Z$/, '$1 $2 UTC'),
    `${(durationMs / 1000).toFixed(1)} s`,
    `mtls-ws ${versions['mtls-ws']}`,
    `Node ${versions.node}`,
    ...asked,
  ]
    .map((fact) => `<span>${escapeHtml(fact)}</span>`)
    .join(' ');
}

/** The six verdicts with their counts, which the script makes filters. */
function counts({ results, isStrict }: Run): string {
  const { byVerdict, failedMust, failedShould, total } = summarize(results, isStrict);
  const split = [failedMust > 0 ? `${failedMust} MUST` : '', failedShould > 0 ? `${failedShould} SHOULD` : ''];
  const tiles = verdicts.map((verdict) => {
    const note = verdict === 'failed' ? split.filter((part) => part !== '').join(', ') : '';
    return `<button type="button" class="tile ${verdict}" data-verdict="${verdict}" aria-pressed="false"><b>${byVerdict[verdict]}</b> <span>${verdict}</span>${note === '' ? '' : ` <small>${note}</small>`}</button>`;
  });
  return `<div class="counts" role="group" aria-label="Results by verdict, ${total} in all">\n${tiles.join('\n')}\n</div>`;
}
