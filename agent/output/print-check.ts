// Prints the result of a check of rule or hunt files.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { CheckReport } from '../configuration/check-report.ts';

const lineChars = 1000;

/**
 * Prints each rejection and each warning, and the counts to standard error. True when nothing is rejected; with `strict`, when there is
 * no warning either.
 */
export function printCheck(kind: 'rule' | 'hunt', report: CheckReport, strict = false): boolean {
  const { valid, rejected, warnings, notes } = report;
  for (const note of notes) console.error(`stepparent: ${note}`);
  const prefix = kind === 'hunt' ? 'hunt ' : '';
  for (const { line, excerpt } of [...rejected, ...warnings]) {
    process.stdout.write(`${prefix}${escapeText(line, lineChars)}\n`);
    if (excerpt !== '') process.stdout.write(`${excerpt}\n`);
  }
  const count = warnings.length === 0 ? '' : `, ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`;
  console.error(`${valid} ${kind}${valid === 1 ? '' : 's'} valid, ${rejected.length} rejected${count}`);
  return rejected.length === 0 && !(strict && warnings.length > 0);
}

/** Prints warnings to standard error. */
export function printWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) console.error(`stepparent: warning: ${escapeText(warning, lineChars)}`);
}
