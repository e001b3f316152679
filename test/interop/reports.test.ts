/** The reports of the conformance runner, read by the programs they are for: a browser and an XML parser. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { type CaseResult, type Run, renderHtml, renderJunit } from '../../src/conformance/index.js';
import { run as command, temporaryDirectory } from '../cli/program.js';
import { hostile, ofEachKind, passed, runOf } from '../conformance/report/runs.js';
import { Page } from './chromium.js';
import { interopSuite, python } from './tools.js';

const reports = interopSuite('conformance reports');

/** Opens a report in a browser, and expects of it no complaint and no request but the page itself. */
async function browse(report: string | Run, body: (page: Page, url: string) => Promise<void>): Promise<void> {
  const file = typeof report === 'string' ? report : join(temporaryDirectory(), 'report.html');
  if (typeof report !== 'string') writeFileSync(file, renderHtml(report));
  const url = pathToFileURL(file).href;
  const page = await Page.open();
  try {
    await page.navigate(url);
    await body(page, url);
    assert.equal(page.complaints, []);
    assert.equal([...new Set(page.requests.map((request) => request.replace(/#.*/, '')))], [url]);
  } finally {
    await page.close();
  }
}

/** What is listed: the id of each row. */
const listedIds = "[...document.querySelectorAll('#list .id')].map((element) => element.textContent)";
const click = (selector: string): string => `document.querySelector(${JSON.stringify(selector)}).click()`;

reports('shows a real run, from the command line to the bytes in a browser', ['chromium'], async () => {
  const directory = temporaryDirectory();
  const file = (name: string): string => join(directory, name);
  const flags = ['--report-html', file('r.html'), '--report-json', file('r.json'), '--report-junit', file('r.xml')];
  const cases = ['--case', 'control/ping-125', '--case', 'framing/opcode-3-reserved'];
  const { code, stderr } = await command(['conformance', 'self', ...cases, ...flags]);
  assert.is(code, 0, stderr);
  const { results } = JSON.parse(readFileSync(file('r.json'), 'utf8'));
  assert.is(results.length, 4);
  assert.match(readFileSync(file('r.xml'), 'utf8'), /^<testsuites name="mtls-ws conformance" tests="4" failures="0" /m);
  await browse(file('r.html'), async (page, url) => {
    assert.is(await page.evaluate("document.querySelector('h1').textContent"), 'Conforms');
    assert.is(await page.evaluate("document.querySelector('.tile.passed b').textContent"), '4');
    await page.navigate(`${url}#control/ping-125`);
    const dump = String(
      await page.evaluate(
        "document.getElementById('control/ping-125').parentElement.querySelector('.dump').textContent",
      ),
    );
    assert.match(dump, /^00 {2}47 45 54 20 2f 20 48 54 {2}54 50 2f 31 2e 31 0d 0a {2}GET \/ HTTP\/1\.1··$/m);
  });
});

reports('filters by group, verdict, severity, target, chunking and text', ['chromium'], async () => {
  await browse(runOf(ofEachKind), async (page) => {
    const all = ofEachKind.map((result) => result.case.id);
    const idsOf = (fits: (result: CaseResult) => boolean): string[] =>
      ofEachKind.filter(fits).map((one) => one.case.id);
    assert.equal(await page.evaluate(listedIds), all);
    assert.is(await page.evaluate("document.querySelector('[role=status]').textContent"), `${all.length} results`);

    const cell = (label: string): string => click(`.matrix [aria-label^="${label}"]`);
    assert.is(
      await page.evaluate(`document.querySelector('.matrix [aria-label^="control, passed"]').textContent`),
      '3',
    );
    await page.evaluate(cell('control, passed'));
    assert.equal(await page.evaluate(listedIds), ['control/ping', 'control/ping', 'control/ping']);
    await page.evaluate(cell('control, passed'));
    assert.equal(await page.evaluate(listedIds), all);
    await page.evaluate(cell('all of closing'));
    assert.equal(
      await page.evaluate(listedIds),
      idsOf((result) => result.case.group === 'closing'),
    );
    await page.evaluate(click('.tile.failed'));
    assert.is(await page.evaluate("document.querySelector('#by-group').value"), 'closing');
    assert.equal(await page.evaluate(listedIds), ['closing/late', 'closing/masked']);

    const reset = "[...document.querySelectorAll('.link')].find((one) => one.textContent === 'Clear filters').click()";
    const choose = (id: string, value: string): string =>
      `{ const control = document.getElementById('by-${id}'); control.value = '${value}';` +
      `control.dispatchEvent(new Event('change')); control.dispatchEvent(new Event('input')); }`;
    const choices: ReadonlyArray<readonly [string, string, (result: CaseResult) => boolean]> = [
      ['group', 'limits', (result) => result.case.group === 'limits'],
      ['verdict', 'failed', (result) => result.verdict === 'failed'],
      ['severity', 'SHOULD', (result) => result.case.severity === 'SHOULD'],
      ['target', 'client', (result) => result.target === 'client'],
      ['chunking', 'octets', (result) => result.chunking === 'octets'],
    ];
    await page.evaluate(reset);
    for (const [id, value, fits] of choices) {
      await page.evaluate(choose(id, value));
      assert.equal(await page.evaluate(listedIds), idsOf(fits), id);
      await page.evaluate(reset);
      assert.equal(await page.evaluate(listedIds), all, id);
    }
    await page.evaluate(choose('text', 'ECONNREFUSED tls'));
    // The search waits for the next letter.
    const searched = `new Promise((resolve) => {
      const look = () => (${listedIds}.length < ${all.length} ? resolve(${listedIds}) : setTimeout(look, 20));
      look();
    })`;
    assert.equal(await page.evaluate(searched), ['tls/expired']);
  });
});

reports('opens a case from the keyboard, and shows its bytes', ['chromium'], async () => {
  await browse(runOf(ofEachKind), async (page) => {
    assert.is(await page.evaluate("document.querySelectorAll('.event').length"), 0);
    await page.evaluate("document.querySelector('.case.failed summary').focus()");
    for (const type of ['keyDown', 'keyUp']) {
      await page.send('Input.dispatchKeyEvent', {
        type,
        key: 'Enter',
        code: 'Enter',
        windowsVirtualKeyCode: 13,
        text: '\r',
      });
    }
    const opened = `new Promise((resolve) => {
      const look = () => {
        const dumps = [...document.querySelectorAll('.case.failed .dump')].map((element) => element.textContent);
        if (dumps.length > 0) resolve(dumps); else setTimeout(look, 20);
      };
      look();
    })`;
    assert.equal(await page.evaluate(opened), ['00  89 82 01 02 03 04 69 6b  ······ik', '00  8a 02 68 69  ··hi']);
    assert.match(
      String(await page.evaluate("document.querySelector('.why').textContent")),
      /^expected that the peer fails/,
    );
    assert.equal(await page.evaluate("[...document.querySelectorAll('.way')].map((element) => element.textContent)"), [
      ...['→ sent', '← received', '· note'],
    ]);
  });
});

reports('shows what a hostile peer sent as text', ['chromium'], async () => {
  const hostileRun = runOf(ofEachKind, { url: `wss://${hostile}` });
  await browse(hostileRun, async (page, url) => {
    await page.navigate(`${url}#utf8/hostile`);
    const shown = await page.evaluate("document.querySelector('[open] .what').firstChild.data");
    assert.is(String(shown).length, hostile.length);
    assert.match(String(shown), '</script><script>document.title="taken"</script><img src=x onerror=alert(1)>');
    assert.is(await page.evaluate("document.querySelectorAll('img, #main script').length"), 0);
    assert.match(String(await page.evaluate('document.title')), /^Does not conform: /);
    assert.match(
      String(await page.evaluate("document.querySelector('[open] .cut').textContent")),
      /^the first \d+ of 70000 bytes$/,
    );
  });
});

reports(
  'finds a case of a large run by its link, and keeps what is not looked at out of the page',
  ['chromium'],
  async () => {
    const events = Array.from({ length: 250 }, (_, at) => ({ ...passed.events[0]!, at }));
    const many = Array.from({ length: 1500 }, (_, nth) => ({
      ...passed,
      case: { ...passed.case, id: `control/ping-${nth}` },
      events: nth === 1400 ? events : passed.events,
    }));
    await browse(runOf(many), async (page, url) => {
      await page.navigate(`${url}#control/ping-1400`);
      const inCase = (selector: string): string =>
        `document.getElementById('control/ping-1400').parentElement.querySelectorAll('${selector}')`;
      assert.is(await page.evaluate(`${inCase('.dump')}.length`), 100);
      assert.is(await page.evaluate("document.querySelectorAll('.dump').length"), 100);
      await page.evaluate(`${inCase('.events .link')}[0].click(); ${inCase('.events .link')}[0].click()`);
      assert.is(await page.evaluate(`${inCase('.dump')}.length`), 250);
      assert.is(await page.evaluate('document.activeElement.id'), 'control/ping-1400');
      // A link of the page itself, to a case that the filters leave out.
      await page.evaluate(click('.tile.failed'));
      assert.equal(await page.evaluate(listedIds), []);
      const followed = `new Promise((resolve) => {
      addEventListener('hashchange', () => setTimeout(() => resolve(document.activeElement.id)));
      location.hash = '#control/ping-700';
    })`;
      assert.is(await page.evaluate(followed), 'control/ping-700');
      assert.is(
        await page.evaluate('dispatchEvent(new Event("beforeprint")) && document.querySelectorAll(".case").length'),
        1500,
      );
    });
  },
);

reports('fits a screen of 400 pixels', ['chromium'], async () => {
  await browse(runOf(ofEachKind), async (page, url) => {
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 400,
      height: 800,
      deviceScaleFactor: 1,
      mobile: true,
    });
    await page.navigate(`${url}#framing/bad`);
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), 400);
  });
});

reports('writes JUnit that an XML parser reads, hostile text and all', ['python3'], () => {
  const file = join(temporaryDirectory(), 'report.xml');
  writeFileSync(file, renderJunit(runOf(ofEachKind, { url: `wss://${hostile}` })));
  const script = `import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, root.get('tests'), len(root.findall('testsuite/testcase')))
print(len(root.findall('.//failure')), len(root.findall('.//error')), len(root.findall('.//skipped')))
print(all(int(suite.get('tests')) == len(suite.findall('testcase')) for suite in root))`;
  const { stdout, stderr } = spawnSync(python, ['-c', script, file], { encoding: 'utf8' });
  assert.is(stdout, `testsuites ${ofEachKind.length} ${ofEachKind.length}\n3 1 1\nTrue\n`, stderr);
});

reports.run();
