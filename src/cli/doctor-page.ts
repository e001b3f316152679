/**
 * What the doctor found, as a page to read and as JSON: a part for each file and for the server, what is wrong with its
 * cause and the command that mends it, and in the end what it comes to.
 */
import { escapeText } from '../text.js';
import type { Finding, GivenFile, Severity, Subject } from '../tls/doctor/index.js';
import { type ExitCode, exitCodes } from './fault.js';
import { programName } from './program-name.js';
import { type Paint, wrap } from './terminal.js';

export interface DoctorReport {
  /** Empty when only files were looked at. */
  readonly url: string;
  readonly files: {
    readonly ca?: GivenFile;
    readonly cert?: GivenFile;
    readonly key?: GivenFile;
    readonly crl?: readonly GivenFile[];
  };
  readonly findings: readonly Finding[];
  /** Whether warnings count. */
  readonly isStrict: boolean;
}

const titles: Readonly<Record<Subject, string>> = {
  ca: 'CA',
  cert: 'certificate',
  key: 'key',
  crl: 'revocation list',
  server: 'server',
};

const marks: Readonly<Record<Severity, { mark: string; colour: keyof Paint }>> = {
  ok: { mark: '✓', colour: 'green' },
  note: { mark: '·', colour: 'dim' },
  warning: { mark: '!', colour: 'yellow' },
  error: { mark: '✗', colour: 'red' },
};

function isFault({ isStrict }: DoctorReport, { severity }: Finding): boolean {
  return severity === 'error' || (isStrict && severity === 'warning');
}

/** Files come first: with them wrong, what a server makes of them says little. */
export function exitCodeOf(report: DoctorReport): ExitCode {
  const faults = report.findings.filter((found) => isFault(report, found));
  if (faults.some(({ subject }) => subject !== 'server')) return exitCodes.usage;
  return faults.length > 0 ? exitCodes.peer : exitCodes.done;
}

/** Returns what was found for programs, indented. */
export function jsonReport(report: DoctorReport): string {
  const { url, files, findings, isStrict } = report;
  const paths = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, Array.isArray(file) ? pathsOf(file) : pathsOf(file)[0]]),
  );
  const exitCode = exitCodeOf(report);
  return `${JSON.stringify({ ...(url !== '' && { url }), files: paths, strict: isStrict, exitCode, findings }, null, 2)}\n`;
}

/** @param width in columns */
export function doctorPage(report: DoctorReport, paint: Paint, width: number): string {
  const { url, files, findings } = report;
  const parts: string[] = [];
  for (const subject of Object.keys(titles) as Subject[]) {
    const own = findings.filter((found) => found.subject === subject);
    if (own.length === 0) continue;
    const path = subject === 'server' ? url : pathsOf(files[subject]).join(', ');
    parts.push(`${paint.bold(titles[subject])}  ${escapeText(path)}`);
    parts.push(...own.flatMap((found) => findingLines(found, paint, width)), '');
  }
  return `${[...parts, summary(report, paint)].join('\n')}\n`;
}

function pathsOf(file: GivenFile | readonly GivenFile[] | undefined): string[] {
  return [file ?? []].flat().map(({ path }) => path);
}

function findingLines({ severity, text, cause, fix }: Finding, paint: Paint, width: number): string[] {
  const { mark, colour } = marks[severity];
  const isBad = severity === 'error' || severity === 'warning';
  const [first, ...more] = wrap(text, width - 4);
  const shown = isBad ? paint.bold : String;
  const lines = [`  ${paint[colour](mark)} ${shown(first!)}`, ...more.map((line) => `    ${shown(line)}`)];
  if (cause !== undefined) lines.push(...labelled('why', wrap(cause, width - 11), paint.dim));
  if (fix !== undefined) {
    lines.push(
      ...labelled(
        'try',
        fix.split('; ').flatMap((command) => commandLines(command.replace(/^mtls-ws(?= )/, programName()), width - 11)),
        paint.dim,
        paint.cyan,
      ),
    );
  }
  return lines;
}

function labelled(
  label: string,
  lines: readonly string[],
  paintLabel: (text: string) => string,
  paintLine: (text: string) => string = String,
): string[] {
  return lines.map((line, index) => `      ${paintLabel((index === 0 ? label : '').padEnd(3))}  ${paintLine(line)}`);
}

/** Cuts a command between words, in the way of a shell, so that it can be copied. */
function commandLines(command: string, width: number): string[] {
  // A flag and its value are one.
  const words = command.match(/(?:--[\w-]+ (?=[^-\s]))?(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + word.length + 3 > width) {
      lines.push(`${line} \\`);
      line = `  ${word}`;
    } else {
      line += line === '' ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}

function summary(report: DoctorReport, paint: Paint): string {
  const { findings, isStrict } = report;
  const count = (severity: Severity): number => findings.filter((found) => found.severity === severity).length;
  const counted = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  const [errors, warnings] = [count('error'), count('warning')];
  const parts = [
    ...(errors > 0 ? [counted(errors, 'error')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ];
  const code = exitCodeOf(report);
  if (code === exitCodes.done) {
    const but = warnings > 0 ? `, with ${parts.join(' and ')}` : '';
    const isAll = !findings.some(({ id }) => id === 'not-checked');
    return `${paint.green(isAll ? 'all is well' : 'nothing is wrong with what was looked at')}${but}`;
  }
  const whose = code === exitCodes.usage ? 'the files are at fault' : 'the server or the network is at fault';
  return `${paint.red(parts.join(' and '))}: ${whose}${isStrict ? ' (strict)' : ''}`;
}
