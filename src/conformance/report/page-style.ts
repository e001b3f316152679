/** The style of the HTML report: dense and calm; bytes in monospace; each verdict a colour and a word. */
export const pageStyle: string = `
:root {
  --paper: #fbfbf9; --sheet: #ffffff; --sunk: #f3f3ef; --line: #dfdfd8; --ink: #1d2125; --soft: #5c646c; --faint: #8b929a;
  --passed: #1c7550; --weak: #8a5a00; --failed: #b3261e; --noted: #2f5f9e; --skipped: #68707a; --broken: #7a3fb5;
  --sent: #2f5f9e; --received: #8a4b12; --focus: #2f6fdb; --control: #a0408f; --high: #2b6f76;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  --text: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --sheet: #1a1e22; --sunk: #101316; --line: #2d3339; --ink: #dfe3e6; --soft: #9aa4ad; --faint: #727c86;
    --passed: #5fc097; --weak: #dcae5c; --failed: #ff8a80; --noted: #86b4f0; --skipped: #98a2ac; --broken: #c79bf2;
    --sent: #86b4f0; --received: #e3a672; --focus: #7fb0ff; --control: #e29ad6; --high: #74c3cb;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; scroll-padding-top: 3rem; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 14px/1.45 var(--text); overflow-wrap: anywhere; }
code, pre, .mono { font-family: var(--mono); font-size: .93em; }
h1, h2, p { margin: 0; }
button, select, input { font: inherit; color: inherit; }
button { background: none; border: 0; padding: 0; cursor: pointer; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; border-radius: 3px; }
.passed { --hue: var(--passed); } .weak { --hue: var(--weak); } .failed { --hue: var(--failed); }
.noted { --hue: var(--noted); } .skipped { --hue: var(--skipped); } .broken { --hue: var(--broken); }

.head { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1rem 2rem; align-items: end; padding-bottom: 1.1rem; }
.eyebrow { color: var(--soft); font-size: .82rem; letter-spacing: .04em; }
h1 { font-size: 1.9rem; line-height: 1.15; font-weight: 650; letter-spacing: -.015em; }
h1::before { font-weight: 500; margin-right: .35em; }
.good h1 { color: var(--passed); } .good h1::before { content: "✓"; }
.bad h1 { color: var(--failed); } .bad h1::before { content: "✗"; }
.peer { margin-top: .3rem; }
.facts { color: var(--soft); font-size: .86rem; }
.facts span + span::before { content: "·"; margin: 0 .45em; color: var(--faint); }
.counts { display: flex; border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); overflow: hidden; }
.tile { min-width: 5.6rem; padding: .5rem .8rem .45rem; text-align: left; border-top: 3px solid var(--hue); display: flex; flex-direction: column; justify-content: start; }
.tile + .tile { border-left: 1px solid var(--line); }
.tile b { display: block; font-size: 1.35rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--hue); font-size: .86rem; }
.tile small { display: block; color: var(--soft); font-size: .75rem; }
.tile.none b { color: var(--faint); } .tile.none { border-top-color: var(--line); } .tile.none span { color: var(--soft); }
.tile:hover, .matrix button:hover:enabled { background: var(--sunk); }
.tile[aria-pressed=true] { background: var(--sunk); box-shadow: inset 0 0 0 2px var(--hue); }

#main { display: grid; grid-template-columns: 24rem minmax(0, 1fr); gap: 1.5rem; align-items: start; border-top: 1px solid var(--line); padding-top: 1.1rem; }
.side { position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow: auto; padding: 2px; }
.matrix { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .86rem; }
.matrix th { font-weight: 400; text-align: left; padding: 0; }
.matrix td { padding: 0; }
.matrix tr { border-bottom: 1px solid var(--line); }
.matrix button { width: 100%; padding: .26rem .3rem; white-space: nowrap; text-align: right; color: var(--hue); }
.matrix thead button { font-size: .76rem; } .matrix tbody th button { text-align: left; color: var(--ink); font-family: var(--mono); }
.matrix thead th:first-child { color: var(--faint); font-size: .76rem; }
.matrix td button:disabled { color: var(--faint); cursor: default; opacity: .6; }
.matrix td .failed, .matrix td .broken { font-weight: 650; }
.matrix td .passed { color: var(--ink); }
.matrix [aria-pressed=true] { box-shadow: inset 0 0 0 1.5px var(--hue, var(--focus)); border-radius: 3px; background: var(--sunk); }
.filters { display: grid; grid-template-columns: 1fr 1fr; gap: .55rem .7rem; margin-top: 1rem; }
.filters label { display: grid; gap: .15rem; color: var(--soft); font-size: .78rem; }
.filters .wide { grid-column: 1 / -1; }
.filters select, .filters input { width: 100%; height: 2rem; padding: 0 .5rem; border: 1px solid var(--line); border-radius: 4px; background: var(--sheet); color: var(--ink); font-size: .9rem; }

.bar { display: flex; gap: .4rem 1.1rem; align-items: baseline; flex-wrap: wrap; min-height: 1.7rem; color: var(--soft); font-size: .86rem; }
.bar [role=status] { color: var(--ink); font-variant-numeric: tabular-nums; margin-right: auto; }
.link { color: var(--noted); text-decoration: underline; text-underline-offset: 2px; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent); }
.link[hidden] { display: none; }
h2 { font-size: .86rem; font-weight: 600; padding: .5rem .1rem .3rem; position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line); }
h2 span { color: var(--soft); font-weight: 400; }
.case { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 47px; }
.case[open] { content-visibility: visible; background: var(--sheet); box-shadow: inset 3px 0 0 var(--hue); }
summary { display: grid; grid-template-columns: 4.3rem minmax(0, 1fr) auto; gap: 0 .7rem; padding: .32rem .6rem .36rem; cursor: pointer; list-style: none; scroll-margin-top: 2.4rem; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--sunk); }
.tag { color: var(--hue); font-size: .82rem; font-weight: 600; grid-row: span 2; padding-top: .06rem; }
.tag::before { content: "●"; font-size: .6rem; margin-right: .45em; vertical-align: .12em; }
.passed > summary .tag { font-weight: 400; }
.id { color: var(--soft); font-family: var(--mono); font-size: .8rem; }
.meta { color: var(--soft); font-size: .8rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.meta.how { font-family: var(--mono); font-size: .76rem; color: var(--soft); }
.body { padding: .35rem .8rem 1rem 1rem; }
.why { border-left: 3px solid var(--hue); padding: .3rem .7rem; margin: .2rem 0 .6rem; background: color-mix(in srgb, var(--hue) 8%, transparent); }
.rule { color: var(--soft); font-size: .86rem; margin-bottom: .5rem; }
.events { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
.event { display: grid; grid-template-columns: 4.8rem 5.2rem minmax(0, 1fr); gap: 0 .6rem; padding: .3rem 0; border-bottom: 1px solid color-mix(in srgb, var(--line) 60%, transparent); }
.sent { --way: var(--sent); } .received { --way: var(--received); } .note { --way: var(--soft); }
.at { color: var(--soft); font: .78rem/1.6 var(--mono); text-align: right; white-space: nowrap; }
.way { color: var(--way); font-size: .82rem; white-space: nowrap; }
.event.note .what { color: var(--soft); font-style: italic; }
.dump { margin: .2rem 0 .15rem; padding: .3rem .6rem; background: var(--sunk); border-left: 2px solid var(--way); font: .76rem/1.5 var(--mono); white-space: pre; overflow-x: auto; width: fit-content; max-width: 100%; }
.dump .offset { color: var(--faint); user-select: none; }
.dump .zero { color: var(--faint); } .dump .control { color: var(--control); } .dump .high { color: var(--high); }
.cut { color: var(--soft); font-size: .78rem; }
.note-line, noscript .note { color: var(--soft); padding: 1.5rem 0; }

@media (max-width: 60rem) {
  body { padding: 1rem .9rem 3rem; }
  .head { grid-template-columns: minmax(0, 1fr); }
  .counts { flex-wrap: wrap; }
  .tile { flex: 1 1 30%; min-width: 30%; margin: 0 0 0 -1px; border-left: 1px solid var(--line); }
  #main { grid-template-columns: minmax(0, 1fr); gap: 1rem; }
  .side { position: static; max-height: none; }
}
@media (max-width: 40rem) {
  h1 { font-size: 1.6rem; }
  .matrix { font-size: .8rem; }
  .matrix thead button { font-size: .66rem; padding: .26rem .12rem; }
  .matrix tbody th button { padding-left: 0; }
  summary { grid-template-columns: minmax(0, 1fr) auto; padding: .45rem .2rem .5rem .5rem; }
  .tag { grid-row: auto; order: -2; } .meta { order: -1; } .meta.how { order: 2; } .title, .id { grid-column: 1 / -1; }
  .meta.how { grid-column: 1 / -1; text-align: left; white-space: normal; }
  .body { padding: .2rem .5rem .9rem; }
  .event { grid-template-columns: auto 1fr; } .event .at { text-align: left; } .event .what { grid-column: 1 / -1; }
}
@media print {
  :root { --paper: #fff; --sheet: #fff; --sunk: #f4f4f4; --line: #ccc; --ink: #000; --soft: #444; --faint: #777; color-scheme: light;
    --passed: #1c7550; --weak: #8a5a00; --failed: #b3261e; --noted: #2f5f9e; --skipped: #555; --broken: #7a3fb5; --sent: #2f5f9e; --received: #8a4b12; --control: #a0408f; --high: #2b6f76; }
  html { font-size: 11px; } body { font-size: 10px; padding: 0; max-width: none; }
  #main { display: block; } .side { position: static; max-height: none; overflow: visible; width: 60%; }
  .filters, .bar button { display: none; }
  h2 { position: static; } .case { content-visibility: visible; break-inside: avoid; } .case[open] { break-inside: auto; }
  .event { break-inside: avoid; } .dump { white-space: pre-wrap; }
}
`;
