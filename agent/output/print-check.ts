// Prints what a check of rule or hunt files found.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { CheckReport } from '../configuration/check-report.ts';

const lineChars = 1000;

/** Prints what is refused and each warning, and the sum on standard error. True when nothing is refused; with `strict`, when there is no warning either. */
export function printCheck(kind: 'rule' | 'hunt', report: CheckReport, strict = false): boolean {
  const { right, refused, warnings, notes } = report;
  for (const note of notes) console.error(`stepparent: ${note}`);
  const prefix = kind === 'hunt' ? 'hunt ' : '';
  for (const { line, excerpt } of [...refused, ...warnings]) {
    process.stdout.write(`${prefix}${escapeText(line, lineChars)}\n`);
    if (excerpt !== '') process.stdout.write(`${excerpt}\n`);
  }
  const count = warnings.length === 0 ? '' : `, ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`;
  console.error(`${right} ${right === 1 ? `${kind} is` : `${kind}s are`} right, ${refused.length} refused${count}`);
  return refused.length === 0 && !(strict && warnings.length > 0);
}

/** Prints warnings to standard error. */
export function printWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) console.error(`stepparent: warning: ${escapeText(warning, lineChars)}`);
}
