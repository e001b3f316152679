/**
 * The reports of `mtls-ws conformance …`, written to the files that were asked for.
 */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Run, renderHtml, renderJson, renderJunit } from '../conformance/index.js';
import { escapeText } from '../text.js';
import { exitCodes, Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';

const reportFlags = ['report-json', 'report-junit', 'report-html'] as const;

type ReportFlag = (typeof reportFlags)[number];

/** What makes the text of a report. */
const renderers: Readonly<Record<ReportFlag, (run: Run) => string>> = {
  'report-json': renderJson,
  'report-junit': renderJunit,
  'report-html': renderHtml,
};

/** @throws Fault (exit code 2) when a report cannot be written where it is wanted: before anything is run, not minutes later */
export function checkReports(settings: Settings): void {
  for (const flag of reportFlags) {
    const file = settings[flag];
    if (file === undefined) continue;
    try {
      accessSync(dirname(file), constants.W_OK);
    } catch (error) {
      throw usageFault(
        `--${flag} ${escapeText(file)} cannot be written: ${reasonOf(error)}`,
        'name a file in a directory that is there',
      );
    }
  }
}

/** @throws Fault when a file cannot be written */
export function writeReports(settings: Settings, run: Run): void {
  for (const flag of reportFlags) {
    const file = settings[flag];
    if (file === undefined) continue;
    try {
      writeFileSync(file, renderers[flag](run));
    } catch (error) {
      throw new Fault(exitCodes.usage, `--${flag} ${escapeText(file)} cannot be written: ${reasonOf(error)}`);
    }
  }
}

/** The flags of a run that a report tells: what was asked for, and nothing of the credentials. */
const toldFlags = [
  ...(['group', 'case', 'chunking', 'repeat', 'parallel', 'timeout', 'strict', 'min-tls', 'other-host'] as const),
  ...(['servername', 'host', 'port'] as const),
];

/** Returns the settings of a run as a report tells them. */
export function toldOptions(settings: Settings): Run['options'] {
  return Object.fromEntries(
    toldFlags.flatMap((flag) => (settings[flag] === undefined ? [] : [[flag, settings[flag]]])),
  );
}
