#!/usr/bin/env node
/**
 * The `mtls-ws` command: finds the command, reads its settings, runs it, and turns whatever happens into an exit code and
 * at most one line (wrapped on a terminal).
 */
import { escapeText } from '../text.js';
import { readArguments } from './arguments.js';
import type { Command } from './command.js';
import { failure } from './failure.js';
import { type ExitCode, exitCodes, usageFault } from './fault.js';
import { commandHelp, groupHelp, programHelp } from './help.js';
import { fitted, paintFor } from './terminal.js';
import { version } from './version.js';

/** The commands by name, in the order of the help. One is loaded when it is asked for: `serve` does not wait for the rest. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.js')).serve,
  connect: async () => (await import('./connect.js')).connectCommand,
  'pki init': async () => (await import('./pki.js')).pkiInit,
  'pki issue': async () => (await import('./pki-issue.js')).pkiIssue,
  'pki issue-ca': async () => (await import('./pki-issue.js')).pkiIssueCa,
  'pki revoke': async () => (await import('./pki-revoke.js')).pkiRevoke,
  'pki show': async () => (await import('./pki-show.js')).pkiShow,
  doctor: async () => (await import('./doctor.js')).doctor,
  demo: async () => (await import('./demo.js')).demo,
  'conformance server': async () => (await import('./conformance.js')).conformanceServer,
  'conformance client': async () => (await import('./conformance.js')).conformanceClient,
  'conformance self': async () => (await import('./conformance.js')).conformanceSelf,
  'conformance list': async () => (await import('./conformance.js')).conformanceList,
  bench: async () => (await import('./bench.js')).bench,
};
const names = Object.keys(commands);

async function main(given: readonly string[]): Promise<ExitCode> {
  const paint = paintFor(process.stdout, process.env);
  // `help serve` is `serve --help`.
  const args = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
  const [first] = args;
  if (isHelp(first) || first === 'help') {
    process.stdout.write(programHelp(await loadAll(names), paint));
    return exitCodes.done;
  }
  if (first === '--version') {
    process.stdout.write(`${version()}\n`);
    return exitCodes.done;
  }
  const group = names.filter((name) => name.startsWith(`${first} `));
  if (group.length > 0 && isHelp(args[1])) {
    process.stdout.write(groupHelp(first!, await loadAll(group), paint));
    return exitCodes.done;
  }
  const { name, rest } = findCommand(args);
  const command = await commands[name]!();
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

async function loadAll(wanted: readonly string[]): Promise<Command[]> {
  return Promise.all(wanted.map((name) => commands[name]!()));
}

/** The name of the command that the first words are, and what stands behind them. */
function findCommand(args: readonly string[]): { name: string; rest: readonly string[] } {
  const [first, second] = args;
  if (first === undefined) throw usageFault('no command was given', 'try mtls-ws demo, or see mtls-ws --help');
  if (first.startsWith('-')) {
    throw usageFault(`"${escapeText(first)}" stands before the command`, 'flags come after it, see mtls-ws --help');
  }
  if (names.includes(first)) return { name: first, rest: args.slice(1) };
  const two = `${first} ${second}`;
  if (names.includes(two)) return { name: two, rest: args.slice(2) };
  const isGroup = names.some((name) => name.startsWith(`${first} `));
  const given = isGroup && second !== undefined ? two : first;
  const advice = `see mtls-ws ${isGroup ? `${first} ` : ''}--help`;
  const alone = isGroup && second === undefined ? ' by itself' : '';
  throw usageFault(`"${escapeText(given)}" is not a command${alone}`, advice);
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
  const name = names.find((command) => `${args.join(' ')} `.startsWith(`${command} `));
  const { line, exitCode } = failure(error);
  const text = `mtls-ws${name === undefined ? '' : ` ${name}`}: ${line}`;
  process.stderr.write(`${fitted(text, process.stderr)}\n`);
  return exitCode;
}

const code = await main(args).catch(report);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(code);
