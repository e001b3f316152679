import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { checkOrigins, isOriginAllowed, parseAuthority } from '../../src/handshake/origin.js';
import { suite } from '../support/suite.js';

const authorities = suite('host and port (RFC 3986 §3.2)');

authorities('are brought to one form', () => {
  const forms: Record<string, readonly [host: string, text: string]> = {
    'a.example': ['a.example', 'a.example'],
    'A.Example.': ['a.example', 'a.example'],
    'a.example:443': ['a.example', 'a.example'],
    'a.example:': ['a.example', 'a.example'],
    'a.example:00443': ['a.example', 'a.example'],
    'a.example:8443': ['a.example', 'a.example:8443'],
    'a.example:65535': ['a.example', 'a.example:65535'],
    '127.0.0.1:80': ['127.0.0.1', '127.0.0.1:80'],
    '[::1]': ['::1', '[::1]'],
    '[0:0:0:0:0:0:0:1]:8443': ['::1', '[::1]:8443'],
  };
  for (const [text, [host, canonical]] of Object.entries(forms)) {
    assert.equal(parseAuthority(text, 443), { host, text: canonical }, text);
  }
});

authorities('keep a port where there is no default', () => {
  assert.is(parseAuthority('a')?.text, 'a');
  assert.is(parseAuthority('a:443')?.text, 'a:443');
});

authorities('are refused when they are something else', () => {
  const wrong = [
    '',
    ':443',
    'a:65536',
    'a:123456',
    'a:x',
    'a:+1',
    '::1',
    '[::1',
    '[::1]x',
    '[1.2.3.4]',
    '[fe80::1%25a]',
  ];
  wrong.push('u@a', 'u:p@a', 'a b', 'a/b', 'a,b', 'a..b', 'é', 'a%41', '127.1', 'a\u3002b');
  for (const text of wrong) assert.is(parseAuthority(text, 443), undefined, text);
});

authorities.run();

const origins = suite('origins (RFC 6455 §10.2)');

origins('lets the own origin in, however it is written (T22)', () => {
  assert.ok(isOriginAllowed('https://a.example', 'a.example'));
  assert.ok(isOriginAllowed('HTTPS://A.example:443', 'a.example'));
  assert.ok(isOriginAllowed('https://a.example:8443', 'a.example:8443'));
  assert.ok(isOriginAllowed('https://[0::1]:8443', '[::1]:8443'));
});

origins('refuses every other one (T22)', () => {
  const wrong = ['null', '', 'http://a.example', 'wss://a.example', 'https://b.example', 'https://a.example:8443'];
  wrong.push('https://a.example.evil.example', 'https://evil@a.example', 'https://a.example/', 'https://a.example?');
  wrong.push('https://a.example https://a.example', 'https://', 'a.example', 'file://', 'https://a.example:99999');
  for (const origin of wrong) assert.not.ok(isOriginAllowed(origin, 'a.example'), origin);
});

origins('lets listed ones in, whole ones only (T22)', () => {
  const listed = ['https://App.example:443', 'http://localhost:3000', 'chrome-extension://abcdefgh', 'app://x:443'];
  checkOrigins(listed);
  for (const origin of ['https://app.example', 'http://localhost:3000', 'chrome-extension://abcdefgh', 'app://x:443']) {
    assert.ok(isOriginAllowed(origin, 'a.example', listed), origin);
  }
  for (const origin of ['http://app.example', 'http://localhost', 'https://x.app.example', 'app://x', 'null']) {
    assert.not.ok(isOriginAllowed(origin, 'a.example', listed), origin);
  }
});

origins('leaves out the default port of http', () => {
  assert.ok(isOriginAllowed('http://app.example:80', 'a.example', ['http://app.example']));
});

origins('refuses a list with what is no origin', () => {
  checkOrigins([]);
  for (const list of [
    ['*'],
    ['null'],
    ['https://a.example/'],
    ['wss://a.example'],
    ['ws://a'],
    'https://a',
    [1],
    null,
  ]) {
    try {
      checkOrigins(list as string[]);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.is((error as UsageError).code, 'origins-malformed');
      assert.is((error as UsageError).option, 'origins');
      continue;
    }
    assert.unreachable(JSON.stringify(list));
  }
});

origins.run();
