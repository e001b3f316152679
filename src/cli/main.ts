#!/usr/bin/env node
/**
 * The `mtls-ws` command: finds the command, reads its settings, runs it, and turns whatever happens into an exit code and
 * at most one line (wrapped on a terminal).
 */
import { escapeText } from '../text.js';
import { readArguments } from './arguments.js';
import { bench } from './bench.js';
import type { Command } from './command.js';
import { conformanceClient, conformanceList, conformanceSelf, conformanceServer } from './conformance.js';
import { connectCommand } from './connect.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { failure } from './failure.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import { commandHelp, groupHelp, programHelp } from './help.js';
import { pkiInit } from './pki.js';
import { pkiIssue, pkiIssueCa } from './pki-issue.js';
import { pkiRevoke } from './pki-revoke.js';
import { pkiShow } from './pki-show.js';
import { serve } from './serve.js';
import { fitted, paintFor } from './terminal.js';
import { version } from './version.js';

const commands: readonly Command[] = [
  serve,
  connectCommand,
  pkiInit,
  pkiIssue,
  pkiIssueCa,
  pkiRevoke,
  pkiShow,
  doctor,
  demo,
  conformanceServer,
  conformanceClient,
  conformanceSelf,
  conformanceList,
  bench,
];

async function main(given: readonly string[]): Promise<ExitCode> {
  const paint = paintFor(process.stdout, process.env);
  // `help serve` is `serve --help`.
  const args = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
  const [first] = args;
  if (isHelp(first) || first === 'help') {
    process.stdout.write(programHelp(commands, paint));
    return exitCodes.done;
  }
  if (first === '--version') {
    process.stdout.write(`${version()}\n`);
    return exitCodes.done;
  }
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0 && isHelp(args[1])) {
    process.stdout.write(groupHelp(first!, group, paint));
    return exitCodes.done;
  }
  const { command, rest } = findCommand(args);
  const { settings, operands } = readArguments(command, rest, process.env);
  if (settings.help === true) {
    process.stdout.write(commandHelp(command, paint));
    return exitCodes.done;
  }
  return command.run(settings, ...operands);
}

function isHelp(arg: string | undefined): boolean {
  return arg === '--help' || arg === '-h';
}

/** The command of the first words, and what stands behind them. */
function findCommand(args: readonly string[]): { command: Command; rest: readonly string[] } {
  const [first, second] = args;
  if (first === undefined) throw usageFault('no command was given', 'try mtls-ws demo, or see mtls-ws --help');
  if (first.startsWith('-')) {
    throw usageFault(`"${escapeText(first)}" stands before the command`, 'flags come after it, see mtls-ws --help');
  }
  const one = commands.find(({ name }) => name === first);
  if (one !== undefined) return { command: one, rest: args.slice(1) };
  const two = commands.find(({ name }) => name === `${first} ${second}`);
  if (two !== undefined) return { command: two, rest: args.slice(2) };
  const isGroup = commands.some(({ name }) => name.startsWith(`${first} `));
  const given = isGroup && second !== undefined ? `${first} ${second}` : first;
  const advice = `see mtls-ws ${isGroup ? `${first} ` : ''}--help`;
  throw usageFault(`"${escapeText(given)}" is not a command`, advice);
}

/** Resolves when all that was written to a stream has left, or never will. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}

const args = process.argv.slice(2);
// Nobody reads any more: what was to be written is lost, which is no fault of this end. `connect` looks at it itself.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.on('uncaughtException', (error) => process.exit(report(error)));

/** Says what happened on one line; returns the exit code. */
function report(error: unknown): ExitCode {
  const name = commands.find((command) => `${args.join(' ')} `.startsWith(`${command.name} `))?.name;
  const { line, exitCode } = failure(error);
  const text = `mtls-ws${name === undefined ? '' : ` ${name}`}: ${line}`;
  process.stderr.write(`${fitted(text, process.stderr)}\n`);
  return exitCode;
}

const code = await main(args).catch(report);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(code);
