import { readFileSync, statSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { run } from './program.js';

const commands = [
  'serve',
  'connect',
  'pki init',
  'pki issue',
  'pki issue-ca',
  'pki revoke',
  'pki show',
  'doctor',
  'demo',
  'conformance server',
  'conformance client',
  'conformance self',
  'conformance list',
];

const main = suite('mtls-ws');

main('prints help for itself and for each command, readable at 80 columns', async () => {
  const outcomes = await Promise.all([
    run(['--help']),
    ...commands.map((name) => run([...name.split(' '), '--help'])),
    run(['pki', '--help']),
  ]);
  for (const { code, stdout, stderr } of outcomes) {
    assert.is(code, 0);
    assert.is(stderr, '');
    for (const line of stdout.toString().split('\n')) assert.ok(line.length <= 80, line);
    assert.not.match(stdout.toString(), /\x1b/);
  }
  for (const name of commands) assert.match(outcomes[0]!.stdout.toString(), new RegExp(`^ {2}${name} `, 'm'));
  assert.match(
    outcomes[1]!.stdout.toString(),
    /mtls-ws serve --port N \[--host HOST\] --ca FILE --cert FILE --key FILE/,
  );
});

main('prints the same help for -h and help', async () => {
  for (const [asked, ...others] of [
    [['--help'], ['-h'], ['help']],
    [
      ['serve', '--help'],
      ['help', 'serve'],
    ],
    [
      ['pki', 'init', '--help'],
      ['pki', 'init', '-h'],
      ['help', 'pki', 'init'],
    ],
    [
      ['connect', '--help'],
      ['connect', 'wss://localhost', '--wait', '1', '-h'],
    ],
  ] as const) {
    const [expected, ...same] = await Promise.all([asked, ...others].map((args) => run(args)));
    assert.match(expected!.stdout.toString(), /-h/);
    for (const outcome of same) assert.equal(outcome, expected);
  }
});

main('lists the commands that begin with a word, for help on that word', async () => {
  const outcomes = await Promise.all([run(['pki', '--help']), run(['pki', '-h']), run(['help', 'pki'])]);
  const text = outcomes[0]!.stdout.toString();
  for (const name of commands) {
    assert.is(new RegExp(`^ {2}${name} `, 'm').test(text), name.startsWith('pki '), name);
  }
  for (const outcome of outcomes) assert.equal(outcome, outcomes[0]);
});

main('prints its version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  const { code, stdout } = await run(['--version']);
  assert.is(code, 0);
  assert.is(stdout.toString(), `${version}\n`);
});

const refused: readonly (readonly [readonly string[], string])[] = [
  [[], 'mtls-ws: no command was given; try mtls-ws demo, or see mtls-ws --help\n'],
  [['foo'], 'mtls-ws: "foo" is not a command; see mtls-ws --help\n'],
  [['help', 'foo'], 'mtls-ws: "foo" is not a command; see mtls-ws --help\n'],
  [['pki'], 'mtls-ws: "pki" is not a command by itself; see mtls-ws pki --help\n'],
  [['pki', 'x\n'], 'mtls-ws: "pki x\\n" is not a command; see mtls-ws pki --help\n'],
  [['--trace', 'serve'], 'mtls-ws: "--trace" stands before the command; flags come after it, see mtls-ws --help\n'],
  [['serve', '--foo'], 'mtls-ws serve: "--foo" is not a flag of serve; see mtls-ws serve --help\n'],
  [
    ['connect'],
    'mtls-ws connect: URL, --ca, --cert, --key are missing; flags can also come from the environment or --config; see mtls-ws connect --help\n',
  ],
  [['pki', 'show'], 'mtls-ws pki show: FILE… is missing; see mtls-ws pki show --help\n'],
  [['pki', 'init'], 'mtls-ws pki init: DIR is missing; see mtls-ws pki init --help\n'],
];

main('refuses what it does not understand with exit code 2 and one line that says what to do', async () => {
  const outcomes = await Promise.all(refused.map(([args]) => run(args)));
  for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
    assert.is(stderr, refused[index]![1]);
    assert.is(code, 2);
    assert.is(stdout.length, 0);
  }
});

main('is a program once it is built, as npx in the clone makes it one only the first time', () => {
  if (process.platform === 'win32') return;
  assert.is(statSync(new URL('../../src/cli/main.js', import.meta.url)).mode & 0o111, 0o111);
});

main.run();
