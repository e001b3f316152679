/**
 * The reports of `mtls-ws conformance …`, written to the files that were asked for.
 */
import { writeFileSync } from 'node:fs';
import type { Run } from '../conformance/index.js';
import { escapeText } from '../text.js';
import { exitCodes, Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { reasonOf } from './system-error.js';

const reportFlags = ['report-json', 'report-junit', 'report-html'] as const;

type ReportFlag = (typeof reportFlags)[number];

/** What makes the text of a report. */
const renderers: Readonly<Partial<Record<ReportFlag, (run: Run) => string>>> = {};

/** @throws Fault (exit code 2) when a report was asked for that there is none of, before anything is run */
export function checkReports(settings: Settings): void {
  for (const flag of reportFlags) {
    if (settings[flag] !== undefined && renderers[flag] === undefined) {
      throw usageFault(`--${flag} is not available`, 'leave it out');
    }
  }
}

/** @throws Fault when a file cannot be written */
export function writeReports(settings: Settings, run: Run): void {
  for (const flag of reportFlags) {
    const file = settings[flag];
    if (file === undefined) continue;
    try {
      writeFileSync(file, renderers[flag]!(run));
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
