import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readArguments } from '../../src/cli/arguments.js';
import type { Command } from '../../src/cli/command.js';
import { Fault } from '../../src/cli/fault.js';
import { suite } from '../support/suite.js';

const command: Command = {
  name: 'serve',
  summary: 'serves',
  operand: 'URL',
  flags: ['port', 'host', 'ca', 'binary', 'wait'],
  required: ['port'],
  notes: '',
  run: () => Promise.resolve(0),
};

/** Reads with a configuration file of this content, if any. */
function read(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  config?: string,
): ReturnType<typeof readArguments> {
  if (config === undefined) return readArguments(command, args, environment);
  const directory = mkdtempSync(join(tmpdir(), 'mtls-ws-'));
  try {
    writeFileSync(join(directory, 'c.json'), config);
    return readArguments(command, [...args, '--config', join(directory, 'c.json')], environment);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function refusal(...parameters: Parameters<typeof read>): string {
  try {
    read(...parameters);
  } catch (error) {
    assert.instance(error, Fault);
    assert.is((error as Fault).exitCode, 2);
    return (error as Fault).line;
  }
  return assert.unreachable('nothing was refused') as never;
}

const precedence = suite('arguments: where a setting comes from');

precedence('takes a flag before the environment, and the environment before the file', () => {
  const file = '{ "port": 3, "ca": "file.pem", "wait": 3 }';
  const environment = { MTLS_WS_PORT: '2', MTLS_WS_CA: 'env.pem' };
  const { settings, operands } = read(['wss://a', '--port', '1'], environment, file);
  assert.is(settings.port, 1);
  assert.is(settings.ca, 'env.pem');
  assert.is(settings.wait, 3);
  assert.equal(operands, ['wss://a']);
});

precedence('takes paths of a file relative to that file', () => {
  const { settings } = read(['u'], {}, '{ "port": "0", "ca": "certs/ca.pem" }');
  assert.match(settings.ca!, /^\/.*\/mtls-ws-\w+\/certs\/ca\.pem$/);
});

precedence('takes the name of the file from the environment too', () => {
  assert.match(
    refusal(['u'], { MTLS_WS_CONFIG: '/nowhere/c.json' }),
    /--config \/nowhere\/c\.json cannot be read: no such file/,
  );
});

precedence('takes lists from repeated flags, commas and arrays, and does not mix them', () => {
  const { settings } = read(['u', '--port=1', '--host', 'a', '--host=b'], { MTLS_WS_HOST: 'c' });
  assert.equal(settings.host, ['a', 'b']);
  assert.equal(read(['u', '--port=1'], { MTLS_WS_HOST: 'c,d' }).settings.host, ['c', 'd']);
  assert.equal(read(['u'], {}, '{ "port": 1, "host": ["e", "f"] }').settings.host, ['e', 'f']);
});

precedence('separates lists whose values have commas by lines in the environment', () => {
  const serve = { ...command, flags: ['allow'], required: [] } as const;
  const environment = { MTLS_WS_ALLOW: 'issuer:"CN=Ops CA,O=Example"\npath=/admin dns:ops.example' };
  assert.equal(readArguments(serve, ['u'], environment).settings.allow, environment.MTLS_WS_ALLOW.split('\n'));
});

precedence('takes an age of 30 days, and none above it', () => {
  const serve = { ...command, flags: ['max-age'], required: [] } as const;
  assert.is(readArguments(serve, ['u', '--max-age', '2592000'], {}).settings['max-age'], 2_592_000);
  assert.throws(() => readArguments(serve, ['u', '--max-age', '2592001'], {}), /^--max-age is "2592001"/);
});

precedence('lets a flag in the environment be on, off or empty', () => {
  assert.is(read(['u', '--port=1'], { MTLS_WS_TRACE: '1', MTLS_WS_BINARY: 'false' }).settings.trace, true);
  assert.is(read(['u', '--port=1'], { MTLS_WS_BINARY: 'false' }).settings.binary, false);
  assert.is(read(['u', '--port=1'], { MTLS_WS_CA: '' }).settings.ca, undefined);
});

precedence('lets one file serve several commands, and the environment hold what is not ours', () => {
  assert.is(read(['u'], { MTLS_WS_SERVICE_HOST: 'x' }, '{ "port": 1, "force": true }').settings.force, undefined);
});

precedence('takes the last of a flag that was given twice', () => {
  assert.is(read(['u', '--port=1', '--port', '2']).settings.port, 2);
});

precedence('asks for nothing when help is wanted', () => {
  assert.equal(read(['--help', '--port', 'x']), { settings: { help: true }, operands: [] });
  assert.equal(read(['u', '--port', 'x', '-h']), { settings: { help: true }, operands: [] });
});

precedence.run();

const refusals = suite('arguments: what is refused with exit code 2');

for (const [args, environment, config, expected] of [
  [['u', '--prot', '1'], {}, undefined, /^"--prot" is not a flag of serve; see mtls-ws serve --help$/],
  [['u', '-p', '1'], {}, undefined, /^"-p" is not a flag of serve/],
  [
    ['u'],
    {},
    undefined,
    /^--port is missing; flags can also come from the environment or --config; see mtls-ws serve --help$/,
  ],
  [['--port=1'], {}, undefined, /^URL is missing; see mtls-ws serve --help$/],
  [[], {}, undefined, /^URL, --port are missing; flags can also come from [^\n]*; see mtls-ws serve --help$/],
  [['--port=1', 'a', 'b'], {}, undefined, /^"b" is one argument too many/],
  [['u', '--port', 'x'], {}, undefined, /^--port is "x"; give a port, 0 to 65535$/],
  [['u', '--port', '65536'], {}, undefined, /^--port is "65536"/],
  [['u', '--port', '-1'], {}, undefined, /^--port is "-1"/],
  [['u', '--port='], {}, undefined, /^--port is ""/],
  [['u', '--port'], {}, undefined, /^--port needs a value: --port N/],
  [['u', '--ca', '--port', '1'], {}, undefined, /^--ca needs a value: --ca FILE/],
  [['u', '--port=1', '--ca='], {}, undefined, /^--ca is ""; give a file/],
  [['u', '--port=1', '--binary=yes'], {}, undefined, /^--binary takes no value/],
  [['u', '--port=1', '--wait', '1e9'], {}, undefined, /^--wait is "1e9"; give a number of seconds/],
  [['u', '--port=1', '--wait', '86401'], {}, undefined, /^--wait is "86401"/],
  [['u', '--port=1', '--min-tls', '1.1'], {}, undefined, /^--min-tls is "1\.1"; give 1\.2 or 1\.3/],
  [['u'], { MTLS_WS_PORT: 'tcp://1' }, undefined, /^MTLS_WS_PORT is "tcp:\/\/1"; give a port/],
  [['u', '--port=1'], { MTLS_WS_TRACE: 'on' }, undefined, /^MTLS_WS_TRACE is "on"; give true or false/],
  [['u'], {}, '{ "prot": 1 }', /^"prot" in .*c\.json is not a setting; the keys are the names of the flags/],
  [['u'], {}, '{ "__proto__": 1 }', /^"__proto__" in .*c\.json is not a setting/],
  [['u'], {}, '{ "help": true }', /^"help" in .*c\.json is not a setting/],
  [['u'], {}, '{ "port": null }', /^"port" in .*c\.json has no value that fits; give a port/],
  [['u'], {}, '{ "port": [1] }', /^"port" in .*c\.json has no value that fits/],
  [['u'], {}, '{ "port": 1, "wait": true }', /^"wait" in .*c\.json is "true"/],
  [['u'], {}, '[]', /c\.json is not a JSON object; write it like/],
  [['u'], {}, '{', /c\.json is not a JSON object/],
  [['u'], {}, '', /c\.json is not a JSON object/],
] as const) {
  refusals(`refuses ${JSON.stringify(config ?? [...args, environment])} with a line that says what to do`, () => {
    assert.match(refusal(args, environment, config), expected);
  });
}

refusals('takes a value that begins with a minus after an equals sign', () => {
  assert.is(read(['u', '--port=1', '--ca=--odd']).settings.ca, '--odd');
  assert.is(read(['u', '--port=1', '--ca', './--odd']).settings.ca, './--odd');
});

refusals.run();
