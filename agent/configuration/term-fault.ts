// Detects values that no term or event can have: patterns, and spellings that the agent does not use.

import path from 'node:path';
import { foldPath } from '../../collectors/process/folded-path.ts';
import { pathOfScriptTerm, temporaryPath } from '../../collectors/process/temporary-path.ts';
import { isOrigin, stableOrigin, unitInOrigin } from '../../detectors/facts/origin.ts';
import { hashFields, isProgramField, splitMarks } from '../../detectors/term.ts';

/** Fields and columns with text of any kind, which may contain stars and brackets. */
const freeText = /(?:^|\.)(?:args|command_line|line|text|diff|message|reason|row)$/;
/** Fields and columns with an absolute path. */
const absolutePath = /\.(?:executable|path|directory|copy_of)$/;
const pattern = /[*?]|\[[^\]/]+\]|\{[^{}/]*,[^{}/]*\}/;

/** The fault of a value that is a pattern; an exception with the operator `matches` is the remedy. */
export const patternFault = 'is a pattern, but whole values are compared here';

/** The value as the event has it, without the stars that the agent itself writes. */
const withoutOwnStars = (field: string, value: string): string =>
  field === 'stepparent.initiator.origin' ? value.replace(unitInOrigin, '') : value;

/** Why a path is not spelled as the agent spells it. */
function pathFault(field: string, value: string): string | undefined {
  if (!value.startsWith('/')) return 'is not an absolute path';
  const written = path.posix.normalize(value).replace(/(?<=.)\/$/, '');
  if (written !== value) return `is written as ${written}`;
  return value === '/' && !field.endsWith('directory') ? 'is a directory' : undefined;
}

/** Why the field can never have this value, as a clause that follows the value; undefined if it can. */
export function termFault(field: string, value: string): string | undefined {
  if (value === '') return 'is empty';
  const script = hashFields[field] === undefined ? undefined : pathOfScriptTerm(value);
  if (script !== undefined) {
    // What is left of a temporary path has stars, and stays as it is.
    const isLeft = script.includes('*') && (temporaryPath(script) ?? script) === script;
    return isLeft ? undefined : 'is not a script as the agent names it by its content';
  }
  if (!freeText.test(field) && pattern.test(withoutOwnStars(field, value))) return patternFault;
  if (absolutePath.test(field)) {
    const fault = pathFault(field, value);
    if (fault !== undefined) return fault;
  }
  if (isProgramField(field)) {
    const { text, isFolded } = foldPath(value);
    if (isFolded) return `has parts that are new in each run; its pattern is ${text}`;
  }
  if (field !== 'stepparent.initiator.origin') return undefined;
  if (!isOrigin(value)) return 'is not an origin such as "ssh as alice", "cron" or "unit x.service"';
  const stable = stableOrigin(value);
  return stable === value ? undefined : `is written as ${stable}`;
}

/** Bounds of a pattern in the baseline. A fixed character is one that is neither a wildcard nor a slash. */
const patternBounds = { maxChars: 512, minFixedChars: 4 };

/** Whether the text is a pattern with `*` or `?`, and no term in which the agent itself writes a star. */
export function isPattern(field: string, value: string): boolean {
  const { value: plain } = splitMarks(value);
  if (freeText.test(field) || !/[*?]/.test(withoutOwnStars(field, plain).replaceAll('\\*', ''))) return false;
  // The content of a script, or the origin of a program, ends the term with a bracket.
  return !isProgramField(field) || !plain.endsWith(')');
}

/** Why the pattern is not allowed in the baseline, as a clause that follows it; undefined if it is. */
export function baselinePatternFault(field: string, value: string): string | undefined {
  const { value: plain } = splitMarks(value);
  if (plain.length > patternBounds.maxChars) return `is longer than ${patternBounds.maxChars} characters`;
  if (absolutePath.test(field)) {
    const fault = pathFault(field, plain);
    if (fault !== undefined) return fault;
  }
  return plain.replaceAll(/[*?/]/g, '').length < patternBounds.minFixedChars
    ? `is too general: it needs at least ${patternBounds.minFixedChars} characters that are not "*", "?" or "/"`
    : undefined;
}
