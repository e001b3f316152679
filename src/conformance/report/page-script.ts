/**
 * The script of the HTML report, run by browsers. It keeps the report as data and makes elements of it for what is looked at:
 * the rows of the list a slice at a time, the events of a case when it is opened, a hundred of them at first.
 *
 * It makes text nodes only, and never markup of a text: all texts may be a peer's. It is a text itself, so that the page is
 * one file: no backticks and no back references in it.
 */
export const pageScript: string = String.raw`'use strict';
(() => {
const data = (id) => JSON.parse(document.getElementById(id).textContent);
const groups = data('groups');
const { results, summary } = data('report');
const verdicts = Object.keys(summary.byVerdict);
const sliceRows = 200;
const sliceEvents = 100;

// Returns an element; attributes by name, null and false left out; on… are listeners; children are elements and texts.
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// ── what is looked at

const filter = { group: '', verdict: '', severity: '', target: '', chunking: '', text: '' };
const textOf = (result) => (result.text ??= [result.id, result.title, result.section, result.severity, result.reason,
  result.violation || ''].join('\n').toLowerCase());

function fits(result, passedOver) {
  for (const key of ['group', 'verdict', 'severity', 'target', 'chunking']) {
    if (filter[key] !== '' && filter[key] !== result[key] && !passedOver.includes(key)) return false;
  }
  return filter.text === '' || filter.text.toLowerCase().split(/\s+/).every((word) => textOf(result).includes(word));
}

function look(changes) {
  Object.assign(filter, changes);
  for (const [key, control] of Object.entries(controls)) if (control.value !== filter[key]) control.value = filter[key];
  showMatrix();
  showList();
}
const toggle = (changes) => {
  const isOn = Object.entries(changes).every(([key, value]) => filter[key] === value);
  look(isOn ? Object.fromEntries(Object.keys(changes).map((key) => [key, ''])) : changes);
};

// ── the matrix of groups and verdicts

const present = Object.keys(groups).filter((group) => results.some((result) => result.group === group));
const cells = [];

function cell(kind, label, changes, text) {
  const button = h('button', { type: 'button', class: kind, 'aria-label': label, onclick: () => toggle(changes) }, text || '');
  cells.push({ button, label, changes, text });
  return button;
}

function makeMatrix() {
  const head = verdicts.map((verdict) =>
    h('th', { scope: 'col' }, cell(verdict, 'all that ' + (verdict === 'passed' || verdict === 'failed' ? verdict : 'are ' + verdict), { group: '', verdict }, verdict)));
  const rows = present.map((group) =>
    h('tr', {},
      h('th', { scope: 'row', title: groups[group] }, cell('', 'all of ' + group, { group, verdict: '' }, group)),
      ...verdicts.map((verdict) => h('td', {}, cell(verdict, group + ', ' + verdict, { group, verdict })))));
  return h('table', { class: 'matrix', 'aria-label': 'Results by group and verdict' },
    h('thead', {}, h('tr', {}, h('th', {}, 'group'), ...head)), h('tbody', {}, ...rows));
}

function showMatrix() {
  const counts = new Map();
  for (const result of results) {
    if (!fits(result, ['group', 'verdict'])) continue;
    const key = result.group + ' ' + result.verdict;
    counts.set(key, (counts.get(key) || 0) + 1);
  }
  for (const { button, label, changes, text } of cells) {
    const isOn = filter.group === changes.group && filter.verdict === changes.verdict;
    button.setAttribute('aria-pressed', isOn);
    if (text !== undefined) continue;
    const count = counts.get(changes.group + ' ' + changes.verdict) || 0;
    button.textContent = count === 0 ? '·' : count;
    button.setAttribute('aria-label', label + ': ' + count);
    button.disabled = count === 0 && !isOn;
  }
  for (const tile of tiles) tile.setAttribute('aria-pressed', filter.verdict === tile.dataset.verdict);
}

// ── the controls

const controls = {};
function choice(key, name) {
  const values = [...new Set(results.map((result) => result[key]))];
  if (values.length < 2) return null;
  const options = (key === 'group' ? present : key === 'verdict' ? verdicts.filter((verdict) => values.includes(verdict)) : values);
  controls[key] = h('select', { id: 'by-' + key, onchange: (event) => look({ [key]: event.target.value }) },
    h('option', { value: '' }, 'all'), ...options.map((value) => h('option', { value }, value)));
  return h('label', {}, name, controls[key]);
}
function search() {
  let timer;
  controls.text = h('input', { id: 'by-text', type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'id, title, section, reason',
    oninput: (event) => { clearTimeout(timer); timer = setTimeout(() => look({ text: event.target.value }), 120); } });
  return h('label', { class: 'wide' }, 'Search', controls.text);
}

// ── the list

const status = h('span', { role: 'status' });
const list = h('div', { id: 'list' });
const clear = h('button', { type: 'button', class: 'link', onclick: () => { look(none); controls.text.focus(); } }, 'Clear filters');
const openAll = h('button', { type: 'button', class: 'link', onclick: () => {
  const isOpening = openAll.textContent === 'Open these';
  for (const element of list.querySelectorAll('details')) element.open = isOpening;
  openAll.textContent = isOpening ? 'Close these' : 'Open these';
} });
const none = Object.fromEntries(Object.keys(filter).map((key) => [key, '']));
const mostOpened = 60;

let listed = [];
let shown = 0;
let timer;

function showList() {
  clearTimeout(timer);
  listed = results.filter((result) => fits(result, []));
  shown = 0;
  list.replaceChildren();
  status.textContent = listed.length === results.length ? results.length + ' results' : listed.length + ' of ' + results.length + ' results';
  clear.hidden = Object.values(filter).every((value) => value === '');
  openAll.hidden = listed.length === 0 || listed.length > mostOpened;
  openAll.textContent = 'Open these';
  if (listed.length === 0) list.append(h('p', { class: 'note-line' }, 'No result is like that.'));
  showMore();
}

// A slice, and the others when there is time.
function showMore() {
  showRows(sliceRows);
  if (shown < listed.length) timer = setTimeout(showMore);
}

function showRows(count) {
  const rows = document.createDocumentFragment();
  for (const end = Math.min(listed.length, shown + count); shown < end; shown++) {
    const result = listed[shown];
    const before = listed[shown - 1];
    if (before === undefined || before.group !== result.group || before.target !== result.target) rows.append(heading(result));
    rows.append(row(result));
  }
  list.append(rows);
}

const targets = new Set(results.map((result) => result.target));
function heading({ group, target }) {
  return h('h2', {}, group, h('span', {}, ' – ' + groups[group] + (targets.size > 1 ? ', of the ' + target : '')));
}

function row(result) {
  const how = [targets.size > 1 ? result.target : '', result.chunking === 'whole' ? '' : result.chunking].filter((part) => part !== '');
  const element = h('details', { class: 'case ' + result.verdict, ontoggle: () => fill(element, result) },
    // What a link leads to takes the focus: browsers see to that themselves, if it is an element that can have it.
    h('summary', { id: result.key },
      h('span', { class: 'tag' }, result.verdict),
      h('span', { class: 'title' }, result.title),
      h('span', { class: 'meta' }, result.severity + ' · ' + result.section),
      h('span', { class: 'id' }, result.id),
      h('span', { class: 'meta how' }, [...how, result.durationMs + ' ms'].join(' · '))));
  return element;
}

// ── a case

function fill(element, result) {
  const old = element.querySelector('.body');
  if (!element.open) return;
  if (old !== null && old.dataset.width === String(octetsPerRow())) return;
  const events = h('ol', { class: 'events', 'aria-label': 'What was sent and received' });
  const body = h('div', { class: 'body', 'data-width': octetsPerRow() },
    result.reason === '' ? null : h('p', { class: 'why' }, result.reason),
    result.violation === undefined || result.reason.includes(result.violation) ? null
      : h('p', { class: 'why' }, 'A rule that holds in every case was broken: ' + result.violation),
    h('p', { class: 'rule' }, result.severity + ' of ' + result.section + ', ' + result.target + ' under test, sent in the chunking ',
      h('code', {}, result.chunking), '. ', h('a', { class: 'link', href: '#' + encodeURI(result.key) }, 'Link to this case')),
    result.events.length === 0 ? h('p', { class: 'rule' }, 'Nothing was sent or received.') : events);
  more(events, result.events, 0);
  if (old === null) element.append(body);
  else old.replaceWith(body);
}

function more(place, events, from) {
  const to = Math.min(events.length, from + sliceEvents);
  for (const event of events.slice(from, to)) place.append(eventRow(event));
  if (to === events.length) return;
  const next = Math.min(sliceEvents, events.length - to);
  const button = h('button', { type: 'button', class: 'link', onclick: () => { item.remove(); more(place, events, to); } },
    'Show ' + next + ' more of ' + (events.length - to) + ' events');
  const item = h('li', { class: 'event note' }, button);
  place.append(item);
}

const ways = { sent: '→ sent', received: '← received', note: '· note' };
function eventRow({ at, direction, text, hex, size }) {
  return h('li', { class: 'event ' + direction },
    h('span', { class: 'at' }, at.toFixed(1) + ' ms'),
    h('span', { class: 'way' }, ways[direction]),
    h('div', { class: 'what' }, text, ...(hex === undefined || hex === '' ? [] : [dump(hex)]),
      hex !== undefined && hex.length / 2 < size ? h('p', { class: 'cut' }, 'the first ' + hex.length / 2 + ' of ' + size + ' bytes') : null));
}

// ── bytes

const narrow = matchMedia('(max-width: 44rem)');
const octetsPerRow = () => (narrow.matches ? 8 : 16);
const kindOf = (octet) => (octet === 0 ? 'zero' : octet < 32 || octet === 127 ? 'control' : octet > 127 ? 'high' : '');

function dump(hex) {
  const octets = hex.match(/../g).map((digits) => parseInt(digits, 16));
  const width = octetsPerRow();
  const place = h('pre', { class: 'dump' });
  const offsetDigits = octets.length > 256 ? 4 : 2;
  for (let start = 0; start < octets.length; start += width) {
    const line = octets.slice(start, start + width);
    place.append(h('span', { class: 'offset' }, start.toString(16).padStart(offsetDigits, '0') + '  '));
    paint(place, line, (octet, index) => (index === 8 ? ' ' : '') + octet.toString(16).padStart(2, '0') + ' ');
    // Short dumps need no column to keep.
    const missing = octets.length <= width ? 0 : width - line.length;
    place.append(' '.repeat(3 * missing + (missing > 0 && width > 8 && line.length <= 8 ? 1 : 0) + 1));
    paint(place, line, (octet) => (octet > 31 && octet < 127 ? String.fromCharCode(octet) : '·'));
    if (start + width < octets.length) place.append('\n');
  }
  return place;
}

// Appends octets, those of one kind that stand together as one element.
function paint(place, octets, show) {
  let kind = '';
  let text = '';
  const put = () => {
    if (text !== '') place.append(kind === '' ? text : h('span', { class: kind }, text));
    text = '';
  };
  octets.forEach((octet, index) => {
    if (kindOf(octet) !== kind) {
      put();
      kind = kindOf(octet);
    }
    text += show(octet, index);
  });
  put();
}

// ── links to a case

function openLinked() {
  let key;
  try {
    key = decodeURI(location.hash.slice(1));
  } catch {
    return;
  }
  const result = results.find((one) => one.key === key);
  if (result === undefined) return;
  if (!listed.includes(result)) look(none);
  while (document.getElementById(key) === null && shown < listed.length) showRows(sliceRows);
  const line = document.getElementById(key);
  line.parentElement.open = true;
  fill(line.parentElement, result);
  line.scrollIntoView();
  line.focus({ preventScroll: true });
}

// ── all of it

const keys = new Map();
for (const result of results) {
  const nth = (keys.get(result.id) || 0) + 1;
  keys.set(result.id, nth);
  result.key = nth === 1 ? result.id : result.id + '~' + nth;
}
const tiles = [...document.querySelectorAll('.tile')];
for (const tile of tiles) {
  tile.classList.toggle('none', summary.byVerdict[tile.dataset.verdict] === 0);
  tile.addEventListener('click', () => toggle({ verdict: tile.dataset.verdict }));
}
document.getElementById('main').append(
  h('section', { class: 'side', 'aria-label': 'Filters' }, makeMatrix(),
    h('div', { class: 'filters' }, search(), choice('group', 'Group'), choice('verdict', 'Verdict'), choice('severity', 'Severity'),
      choice('target', 'Under test'), choice('chunking', 'Chunking'))),
  h('section', { 'aria-label': 'Cases' }, h('div', { class: 'bar' }, status, openAll, clear), list));
look({});
openLinked();
addEventListener('hashchange', openLinked);
addEventListener('beforeprint', () => showRows(Infinity));
narrow.addEventListener('change', () => {
  for (const element of list.querySelectorAll('details[open]')) fill(element, results.find((one) => one.key === element.firstChild.id));
});
})();
`;
