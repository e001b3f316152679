/**
 * The help texts, made from the tables of commands and flags.
 */
import { flagsOf } from './arguments.js';
import type { Command } from './command.js';
import { type FlagName, flags } from './flags.js';
import { columns, type Paint, wrap } from './terminal.js';

/** Returns a command as it is called: `pki init DIR`. */
export function synopsis({ name, operand }: Command): string {
  return operand === undefined ? name : `${name} ${operand}`;
}

/** Returns the help of the program. */
export function programHelp(commands: readonly Command[], paint: Paint): string {
  return `${paint.bold('mtls-ws')}: WebSocket over mutual TLS, where both ends prove who they are

${paint.bold('usage')}
  mtls-ws COMMAND [flags]

${paint.bold('commands')}
${table(
  commands.map(synopsis),
  commands.map((command) => command.summary),
)}

${paint.bold('start here')}
  mtls-ws demo               shows it all, with nothing to configure
  mtls-ws pki init DIR       makes certificates for development
  mtls-ws doctor wss://HOST  says why a connection does not come about
  mtls-ws COMMAND --help     says what a command takes

Every flag can also come from the environment (--min-tls: MTLS_WS_MIN_TLS) or
from a JSON file (--config FILE; paths in it are relative to it). Order: flag,
environment, file.

Exit codes: 0 done; 1 the network or the peer; 2 usage or local credentials.
`;
}

/** Returns the help of the commands that begin with the same word. */
export function groupHelp(word: string, commands: readonly Command[], paint: Paint): string {
  return `${paint.bold(`mtls-ws ${word}`)}

${paint.bold('commands')}
${table(
  commands.map(synopsis),
  commands.map((command) => command.summary),
)}

mtls-ws ${word} COMMAND --help says what a command takes.
`;
}

/** Returns the help of one command. */
export function commandHelp(command: Command, paint: Paint): string {
  const shown = flagsOf(command).filter((name) => !command.withoutEffect?.includes(name));
  const usage = [
    `mtls-ws ${synopsis(command)}`,
    ...shown.filter((name) => name !== 'help').map((name) => usageOf(command, name)),
  ];
  const names = shown.map((name) => {
    const { short } = flags[name];
    return short === undefined ? flagUsage(name) : `${flagUsage(name)}, -${short}`;
  });
  const texts = shown.map((name) => command.flagHelp?.[name] ?? flags[name].help);
  return `${paint.bold(`mtls-ws ${command.name}`)}
${wrap(command.summary, columns - 2)
  .map((line) => `  ${line}`)
  .join('\n')}

${paint.bold('usage')}
${fill(usage)}

${paint.bold('flags')}
${table(names, texts)}

${command.notes}
`;
}

function flagUsage(name: FlagName): string {
  const { metavar } = flags[name];
  return metavar === undefined ? `--${name}` : `--${name} ${metavar}`;
}

function usageOf(command: Command, name: FlagName): string {
  if (command.required.includes(name)) return flagUsage(name);
  const mayRepeat = command.name.startsWith('pki ') && flags[name].isList === true;
  return mayRepeat ? `[${flagUsage(name)}]…` : `[${flagUsage(name)}]`;
}

/** Words that must not be broken, on lines that are indented after the first. */
function fill(words: readonly string[]): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of words) {
    if (line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '     ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

function table(names: readonly string[], texts: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length));
  return names
    .map((name, row) => {
      const lines = wrap(texts[row]!, columns - width - 4);
      return lines.map((line, index) => `  ${(index === 0 ? name : '').padEnd(width)}  ${line}`).join('\n');
    })
    .join('\n');
}
