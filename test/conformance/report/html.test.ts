import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import * as assert from 'uvu/assert';
import { renderHtml, renderJson } from '../../../src/conformance/index.js';
import { suite } from '../../support/suite.js';
import { failedShould, hostile, ofEachKind, passed, runOf } from './runs.js';

const html = suite('the HTML report');

const run = runOf(ofEachKind, { url: `wss://${hostile}`, options: { case: [hostile] } });
const page = renderHtml(run);

/** The texts of the elements of a name, and their attributes. */
function elements(name: string): Array<{ attributes: string; text: string }> {
  const found = page.matchAll(new RegExp(`<${name}([^>]*)>([\\s\\S]*?)</${name}>`, 'g'));
  return [...found].map(([, attributes, text]) => ({ attributes: attributes!, text: text! }));
}

html('lets run its own script and use its own style, and nothing else', () => {
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)!;
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const code = elements('script').filter(({ attributes }) => attributes === '');
  assert.is(code.length, 1);
  new Script(code[0]!.text);
  assert.equal(policy!.split('; '), [
    "default-src 'none'",
    `script-src ${hash(code[0]!.text)}`,
    `style-src ${hash(elements('style')[0]!.text)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ]);
});

html('names nothing outside of itself', () => {
  const own = renderHtml(runOf([]));
  assert.not.match(own, /<(?:link|img|iframe|object|base|form)\b|\bsrc=|https?:|url\(|@import|\son\w+=["']/);
});

html('makes no markup of what a peer sent', () => {
  assert.not.match(page, '<img');
  assert.is(page.match(/<script/g)!.length, 3);
  assert.is(page.match(/<\/script/g)!.length, 3);
  assert.not.match(page.slice(1), '<!');
  assert.match(page, '&#60;img src=x onerror=alert(1)&#62;');
});

html('holds the JSON report', () => {
  const data = elements('script').find(({ attributes }) => attributes.includes('id="report"'))!;
  assert.equal(JSON.parse(data.text), JSON.parse(renderJson(run)));
});

html('tells the verdict and the counts without a script', () => {
  assert.match(page, '<h1>Does not conform</h1>');
  assert.match(
    page,
    /data-verdict="failed" aria-pressed="false"><b>4<\/b> <span>failed<\/span> <small>3 MUST, 1 SHOULD</,
  );
  const good = renderHtml(runOf([passed, failedShould]));
  assert.match(good, '<h1>Conforms</h1>');
  assert.match(renderHtml(runOf([passed, failedShould], { isStrict: true })), '<h1>Does not conform</h1>');
});

html.run();
