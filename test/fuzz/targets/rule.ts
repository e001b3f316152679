// The text of rules: nothing but UsageError invalid-rule is thrown, with one line; the text of a rule that was read is read again to the same text, and to the same decisions about every kind of certificate and path; nobody comes in without a certificate unless the rule says none.
import { UsageError } from '../../../src/errors.js';
import { identityFromChain, type PeerIdentity } from '../../../src/tls/identity.js';
import type { Rule } from '../../../src/tls/rule.js';
import { parseRule, rulesFrom } from '../../../src/tls/rule-text.js';
import { seedsOf } from '../seeds.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

const maxBytes = 400;
const hex = '0123456789abcdef'.repeat(4);
const terms = [
  ...[
    'any',
    'none',
    'nobody',
    'dns:a.example',
    'dns:*.a.example',
    'dns:localhost',
    'uri:https://a.example/b/*',
    'spiffe:spiffe://test.example/device/7',
    'spiffe:spiffe://test.example/*',
    'trust-domain:test.example',
  ],
  ...[
    'email:ops@a.example',
    'email:*@b.example',
    'insecure-cn:device-7',
    'insecure-cn:"a ""b"" | (c)"',
    `sha256:${hex}`,
    `spki:${hex}`,
    'issuer:"CN=Test CA"',
    'issuer:CN=Test\\ CA',
    'issuer:"O=Example\\, Inc.,CN=x"',
    'path=/admin',
    'path=/admin/*',
    'path=*',
    'path=/',
  ],
];
const marks = [
  '(',
  ')',
  '|',
  ' ',
  ' | ',
  '"',
  '""',
  '=',
  ':',
  '\\',
  '\n',
  '*',
  '/',
  '..',
  '\xa0',
  '\xad',
  'cn:',
  'or',
  'and',
  ',',
];
const paths = [undefined, '/', '/admin', '/admin/', '/admin/x', '/other', '/admin/../other', '/%61dmin', '/admin?x'];

let peers: ReadonlyArray<PeerIdentity | undefined> | undefined;

/** What a rule decides about everybody. */
function decisions(rule: Rule): string {
  peers ??= [undefined, ...seedsOf('certificate').map((der) => identityFromChain([der]))];
  let text = '';
  for (const peer of peers) {
    for (const path of paths) {
      const verdict = rule(path === undefined ? { peer } : { peer, path });
      if (verdict !== true) {
        mustBeLine(verdict.reason);
        mustBeLine(verdict.detail ?? '');
      }
      text += verdict === true ? '1' : '0';
    }
  }
  return text;
}

export const rule: Target = {
  name: 'rule',
  covers: [
    'src/tls/rule-text.js',
    'src/tls/rule.js',
    'src/tls/path-rule.js',
    'src/tls/plain-path.js',
    'src/tls/authorizer.js',
    'src/tls/distinguished-name.js',
  ],
  maxBytes,
  dictionary: [...terms, ...marks],
  generate(random, input) {
    const text = random.oneIn(4)
      ? someOf(random, [...terms, ...marks], 10)
      : Array.from(
          { length: 1 + random.below(4) },
          () => `${random.oneIn(6) ? '(' : ''}${random.pick(terms)}${random.oneIn(6) ? ')' : ''}`,
        ).join(random.pick([' ', ' | ', '|']));
    return Math.min(maxBytes, writeText(input, 0, text));
  },
  run(input, length) {
    const text = input.toString('latin1', 0, length);
    let read: Rule;
    try {
      read = parseRule(text);
    } catch (error) {
      must(error instanceof UsageError && error.code === 'invalid-rule', 'nothing but invalid-rule is thrown');
      mustBeLine(error.message);
      must(error.message.length < 3_000, 'a refusal is bounded');
      const [, why] = /(?: is not understood: | is not an? )(.{0,10})/s.exec(error.message) ?? [];
      return kindOf(why?.replace(/".*/s, '"') ?? 'other');
    }
    const again = parseRule(read.text);
    mustBeSame(again.text, read.text, 'the text of a rule is read again to the same text');
    const decided = decisions(read);
    mustBeSame(decisions(again), decided, 'rules of the same text decide the same');
    mustBeSame(decisions(rulesFrom([text])), decided, 'a list of one rule is that rule');
    if (!/(?:^|[\s(|])none(?:$|[\s)|])/.test(text))
      must(
        !decided.startsWith('1'.padEnd(1)) && !decided.slice(0, paths.length).includes('1'),
        'nobody comes in without a certificate',
      );
    return kindOf(`${decided.split('1').length >> 3} ${again.text.split(' ', 8).length}`);
  },
};
