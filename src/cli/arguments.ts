/**
 * The settings of one run: from the command line, else the environment, else the configuration file. What is not
 * understood is refused, with a line that says what to do.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { escapeText } from '../text.js';
import type { Command } from './command.js';
import { type Fault, usageFault } from './fault.js';
import { commonFlags, environmentName, type FlagName, flags, isFlagName, type Settings } from './flags.js';
import { reasonOf } from './system-error.js';

type Given = ReadonlyMap<FlagName, { texts: readonly string[]; where: string }>;

/**
 * Returns the settings and the operands of a run. With `--help` nothing else is asked for.
 *
 * @throws Fault (exit code 2) on an unknown flag or key, a value that is none, a missing flag or operand
 */
export function readArguments(
  command: Command,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): { settings: Settings; operands: readonly string[] } {
  const { given, operands } = fromCommandLine(command, args);
  if (given.has('help')) return { settings: { help: true }, operands: [] };
  const fromEnvironment = readEnvironment(command, environment);
  const configFile = (given.get('config') ?? fromEnvironment.get('config'))?.texts[0];
  const fromFile: Given = configFile === undefined ? new Map() : readConfig(configFile);

  const settings: Record<string, unknown> = {};
  for (const name of flagsOf(command)) {
    const { texts, where } = given.get(name) ?? fromEnvironment.get(name) ?? fromFile.get(name) ?? {};
    if (texts === undefined) continue;
    const values = texts.map((text) => readValue(name, text, where!));
    settings[name] = flags[name].isList === true ? values : values[values.length - 1];
  }

  const { least, most } = operandCount(command);
  if (operands.length > most) {
    const surplus = escapeText(operands[operands.length - 1]!);
    throw usageFault(`"${surplus}" is one argument too many`, seeHelp(command));
  }
  const missing: string[] = command.required.filter((name) => settings[name] === undefined).map((name) => `--${name}`);
  const whereFlags = missing.length > 0 ? 'flags can also come from the environment or --config; ' : '';
  if (operands.length < least) missing.unshift(command.operand!);
  if (missing.length > 0) {
    throw usageFault(
      `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
      `${whereFlags}${seeHelp(command)}`,
    );
  }
  return { settings, operands };
}

function operandCount({ operand }: Command): { least: number; most: number } {
  if (operand === undefined) return { least: 0, most: 0 };
  return { least: operand.startsWith('[') ? 0 : 1, most: operand.includes('…') ? Number.POSITIVE_INFINITY : 1 };
}

/** Returns the flags a command takes. */
export function flagsOf(command: Command): readonly FlagName[] {
  return [...command.flags, ...commonFlags];
}

function seeHelp(command: Command): string {
  return `see mtls-ws ${command.name} --help`;
}

function fromCommandLine(command: Command, args: readonly string[]): { given: Given; operands: string[] } {
  const known = flagsOf(command);
  const options = Object.fromEntries(
    known.map((name) => {
      const { metavar, short } = flags[name];
      return [name, { type: metavar === undefined ? 'boolean' : 'string', ...(short && { short }) } as const];
    }),
  );
  const given = new Map<FlagName, { texts: string[]; where: string }>();
  const operands: string[] = [];
  // Not strict: the refusals are our own, the same on every version of Node.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const name = known.find((flag) => flag === token.name);
    if (name === undefined) {
      throw usageFault(`"${escapeText(token.rawName)}" is not a flag of ${command.name}`, seeHelp(command));
    }
    given.set(name, given.get(name) ?? { texts: [], where: `--${name}` });
    given.get(name)!.texts.push(textOf(command, name, token));
  }
  return { given, operands };
}

function textOf(
  command: Command,
  name: FlagName,
  token: { value?: unknown; inlineValue?: boolean | undefined },
): string {
  const { metavar } = flags[name];
  if (metavar === undefined) {
    if (token.inlineValue === true) throw usageFault(`--${name} takes no value`, seeHelp(command));
    return 'true';
  }
  // `--ca --cert file`: the value was forgotten; a file whose name starts so can be given as `--ca=--cert`.
  if (typeof token.value !== 'string' || (token.inlineValue !== true && /^--?[^\d.-]|^--$|^--\w/.test(token.value))) {
    throw usageFault(`--${name} needs a value: --${name} ${metavar}`, seeHelp(command));
  }
  return token.value;
}

/** An empty variable counts as unset. Variables that name no flag are not ours to judge. */
function readEnvironment(command: Command, environment: NodeJS.ProcessEnv): Given {
  const given = new Map<FlagName, { texts: string[]; where: string }>();
  for (const name of flagsOf(command)) {
    const where = environmentName(name);
    const text = environment[where];
    if (name === 'help' || text === undefined || text === '') continue;
    given.set(name, { texts: flags[name].isList === true ? text.split(',') : [text], where });
  }
  return given;
}

/** Keys of other commands are fine, so that one file can serve them all. */
function readConfig(file: string): Given {
  const shown = escapeText(file);
  const content = parseConfig(file, shown);
  const given = new Map<FlagName, { texts: string[]; where: string }>();
  for (const [key, value] of Object.entries(content)) {
    const where = `"${escapeText(key)}" in ${shown}`;
    if (!isFlagName(key) || key === 'config' || key === 'help') {
      throw usageFault(`${where} is not a setting`, 'the keys are the names of the flags, see mtls-ws --help');
    }
    const values: unknown[] = flags[key].isList === true && Array.isArray(value) ? value : [value];
    const texts = values.map((item) => {
      if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'boolean')
        throw notAValue(key, where);
      return flags[key].isPath === true ? resolve(dirname(file), String(item)) : String(item);
    });
    given.set(key, { texts, where });
  }
  return given;
}

function parseConfig(file: string, shown: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw usageFault(`--config ${shown} cannot be read: ${reasonOf(error)}`, 'check its path and permissions');
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // Falls through: `content` is no object.
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw usageFault(`--config ${shown} is not a JSON object`, 'write it like { "ca": "ca.pem", "port": 8443 }');
  }
  return content;
}

function readValue(name: FlagName, text: string, where: string): string | number | boolean {
  const flag = flags[name];
  if (flag.metavar === undefined) {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw notAValue(name, where, text);
  }
  const value = flag.read === undefined ? text : flag.read(text);
  if (value === undefined || value === '') throw notAValue(name, where, text);
  return value;
}

function notAValue(name: FlagName, where: string, text?: string): Fault {
  const { metavar, expects } = flags[name];
  const wanted = expects ?? (metavar === undefined ? 'true or false' : `a ${metavar.toLowerCase()}`);
  return usageFault(
    text === undefined ? `${where} has no value that fits` : `${where} is "${escapeText(text)}"`,
    `give ${wanted}`,
  );
}
