// The command line: nothing but Fault with exit code 2 is thrown, on one line; what is given once on the command line, in the environment or in a file comes out as its flag reads it; a setting that comes out was asked for, and is lawful.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flagsOf, readArguments } from '../../../src/cli/arguments.js';
import type { Command } from '../../../src/cli/command.js';
import { Fault } from '../../../src/cli/fault.js';
import { environmentName, type FlagName, flags, type Settings } from '../../../src/cli/flags.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { writeText } from '../text-writer.js';

/** Which command. Behind it stand words, a NUL between them: arguments; `NAME=value` for the environment; `{` for a file. */
const maxBytes = 300;

const run = async (): Promise<0> => 0;
const all = (Object.keys(flags) as FlagName[]).filter((name) => !['config', 'help', 'trace', 'min-tls'].includes(name));
/** The real ones have these; to load them takes all of the program. */
const commands: readonly Command[] = [
  {
    name: 'serve',
    summary: '',
    flags: ['port', 'host', 'ca', 'cert', 'key', 'allow', 'max-age', 'log', 'compress'],
    required: ['port', 'ca', 'cert', 'key'],
    notes: '',
    run,
  },
  {
    name: 'connect',
    summary: '',
    operand: 'URL',
    flags: ['ca', 'cert', 'key', 'allow', 'binary', 'wait', 'protocol', 'compress'],
    required: ['ca', 'cert', 'key'],
    notes: '',
    run,
  },
  { name: 'pki show', summary: '', operand: 'FILE…', flags: ['json', 'ca', 'crl'], required: [], notes: '', run },
  { name: 'everything', summary: '', operand: '[FILE…]', flags: all, required: [], notes: '', run },
];

const words = [
  ...all.map((name) => `--${name}`),
  ...all.map((name) => `--${name}=1`),
  ...all.map((name) => `${environmentName(name)}=1`),
  ...[
    '8443',
    '65536',
    '0',
    '-1',
    '1e3',
    '0x10',
    '1.5',
    '.',
    '',
    ' ',
    '--',
    '-',
    '-h',
    '--help',
    '--no-trace',
    '--__proto__',
    '--constructor=1',
    '-x',
    '--min-tls',
    '1.2',
    '1.4',
    '--trace',
    'true',
    'false',
  ],
  ...[
    'wss://a.example',
    'a\nb',
    'a\x1b[31m',
    '\xad',
    '2027-01-31',
    '2027-02-30',
    '2027-01-31T24:00Z',
    'random:7',
    'ec-p256',
    'EC-P256',
    'superseded',
    'de:ad:be:ef',
    '0xDEADBEEF',
    '999999999999',
  ],
  ...[
    '{"port": 8443, "ca": "ca.pem"}',
    '{"allow": ["any", 1, true], "host": "a"}',
    '{"port": null}',
    '{"__proto__": {"port": 1}}',
    '{"config": "x"}',
    '[1]',
    '{',
    '{"help": true}',
    'MTLS_WS_HOST=a,b',
    'MTLS_WS_ALLOW=any\nnone',
    'MTLS_WS_NOTHING=1',
    'MTLS_WS_HELP=1',
  ],
];

let directory: string | undefined;

function fileWith(text: string): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'mtls-ws-fuzz-'));
    directory = made;
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  const file = join(directory, 'config.json');
  writeFileSync(file, text, 'latin1');
  return file;
}

function attempt(
  command: Command,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): ReturnType<typeof readArguments> | Fault {
  try {
    return readArguments(command, args, environment);
  } catch (error) {
    must(error instanceof Fault, 'nothing but Fault is thrown');
    mustBeSame(error.exitCode, 2, 'wrong usage has exit code 2');
    mustBeLine(error.line);
    must(error.line.length < 3_000, 'a fault is bounded');
    return error;
  }
}

function checkSettings(command: Command, settings: Settings, given: string): void {
  for (const [name, value] of Object.entries(settings) as [FlagName, unknown][]) {
    const flag = flags[name];
    must(flagsOf(command).includes(name), 'a setting is one of the command');
    must(
      given.includes(name) || given.includes(environmentName(name)) || (name === 'help' && given.includes('-h')),
      'a setting was asked for',
    );
    mustBeSame(Array.isArray(value), flag.isList === true, 'a list is a list');
    for (const one of Array.isArray(value) ? value : [value]) {
      if (flag.metavar === undefined) must(typeof one === 'boolean', 'a flag without value is on or off');
      else
        must(
          (typeof one === 'string' && one !== '') ||
            (typeof one === 'number' && one >= 0 && Number.isFinite(one)) ||
            (name === 'not-after' && Number.isFinite(one)),
          'a value is one',
        );
    }
  }
  const { port, wait, connections } = settings;
  must(port === undefined || (Number.isInteger(port) && port <= 65_535), 'a port is one');
  must(wait === undefined || wait <= 86_400, 'a time keeps to its bound');
  must(connections === undefined || (Number.isInteger(connections) && connections > 0), 'a count is one');
}

export const args: Target = {
  name: 'arguments',
  covers: ['src/cli/arguments.js', 'src/cli/flags.js', 'src/cli/fault.js'],
  maxBytes,
  dictionary: [...words, '\0', '='],
  generate(random, input) {
    input[0] = random.next();
    const text = Array.from({ length: random.below(10) }, () =>
      random.oneIn(2) ? `--${random.pick(all)}=${random.pick(words)}` : random.pick(words),
    ).join('\0');
    return Math.min(maxBytes, writeText(input, 1, text));
  },
  run(input, length) {
    if (length === 0) return 0;
    const command = commands[input[0]! & 3]!;
    const given = input.toString('latin1', 1, length);
    const list: string[] = [];
    const environment: NodeJS.ProcessEnv = {};
    let file: string | undefined;
    for (const word of given.split('\0')) {
      const [, name, value] = /^(MTLS_WS_\w+)=(.*)$/s.exec(word) ?? [];
      // Never a file of this machine: it could be one that does not end.
      if (/config/i.test(word) && !/^[{[]/.test(word)) continue;
      if (name !== undefined) environment[name] = value;
      else if (/^[{[]/.test(word)) file = word;
      else list.push(word);
    }
    if (file !== undefined) environment['MTLS_WS_CONFIG'] = fileWith(file);
    const read = attempt(command, list, environment);
    must(({} as Record<string, unknown>)['port'] === undefined, 'no prototype is touched');
    if (read instanceof Fault) return kindOf(`${command.name} ${read.advice?.slice(0, 14)}`);
    const { settings, operands } = read;
    if (settings.help === true) {
      mustBeSame(Object.keys(settings).join(), 'help', 'with help nothing else is asked for');
      return 1;
    }
    checkSettings(command, settings, given.concat(file === undefined ? '' : ' config'));
    for (const name of command.required) must(settings[name] !== undefined, 'what is required is there');
    must(
      operands.every((operand) => list.includes(operand)),
      'an operand was given',
    );
    const least = command.operand === undefined || command.operand.startsWith('[') ? 0 : 1;
    must(
      operands.length >= least &&
        (command.operand?.includes('…') === true || operands.length <= (command.operand === undefined ? 0 : 1)),
      'there are as many operands as there may be',
    );
    // The environment says the same as the command line.
    const flagged = Object.entries(settings).filter(
      ([name]) => flags[name as FlagName].isList !== true && name !== 'config',
    );
    for (const [name, value] of flagged.slice(0, 1)) {
      const text = flags[name as FlagName].read === undefined && typeof value === 'string' ? value : undefined;
      if (text === undefined) continue;
      const again = attempt({ ...command, required: [], operand: '[FILE…]' }, [], {
        [environmentName(name as FlagName)]: text,
      });
      must(
        !(again instanceof Fault) && again.settings[name as FlagName] === value,
        'the environment says the same as the command line',
      );
    }
    return kindOf(`${command.name} ${Math.min(6, flagged.length)} ${flagged[0]?.[0]} ${Math.min(2, operands.length)}`);
  },
};
