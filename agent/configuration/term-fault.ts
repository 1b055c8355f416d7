// Detects values that no term or event can have: patterns, and spellings that the agent does not use.

import path from 'node:path';
import { pathOfScriptTerm, temporaryPath } from '../../collectors/process/temporary-path.ts';
import { stableExecutable, withoutStableStars } from '../../detectors/facts/initiator.ts';
import { isOrigin, stableOrigin } from '../../detectors/facts/origin.ts';
import { hashFields } from '../../detectors/judge.ts';

/** Fields and columns with text of any kind, which may contain stars and brackets. */
const freeText = /(?:^|\.)(?:args|command_line|line|text|diff|message|reason|row)$/;
/** Fields and columns with an absolute path. */
const absolutePath = /\.(?:executable|path|directory|copy_of)$/;
const pattern = /[*?]|\[[^\]/]+\]|\{[^{}/]*,[^{}/]*\}/;

/** The fault of a value that is a pattern; an exception with the operator `matches` is the remedy. */
export const patternFault = 'is a pattern, but whole values are compared here';

/** Why the field can never have this value, as a clause that follows the value; undefined if it can. */
export function termFault(field: string, value: string): string | undefined {
  if (value === '') return 'is empty';
  const script = hashFields[field] === undefined ? undefined : pathOfScriptTerm(value);
  if (script !== undefined) {
    // What is left of a temporary path has stars, and stays as it is.
    const isLeft = script.includes('*') && (temporaryPath(script) ?? script) === script;
    return isLeft ? undefined : 'is not a script as the agent names it by its content';
  }
  const shown = field === 'stepparent.initiator.executable' || field === 'stepparent.initiator.origin';
  const plain = shown ? withoutStableStars(value) : value;
  if (!freeText.test(field) && pattern.test(plain)) return patternFault;
  if (absolutePath.test(field)) {
    if (!value.startsWith('/')) return 'is not an absolute path';
    const written = path.posix.normalize(value).replace(/(?<=.)\/$/, '');
    if (written !== value) return `is written as ${written}`;
    if (value === '/' && !field.endsWith('directory')) return 'is a directory';
  }
  if (field === 'stepparent.initiator.origin' && !isOrigin(value)) {
    return 'is not an origin such as "ssh as alice", "cron" or "unit x.service"';
  }
  const stable =
    field === 'stepparent.initiator.executable'
      ? stableExecutable(value)
      : field === 'stepparent.initiator.origin'
        ? stableOrigin(value)
        : value;
  return stable === value ? undefined : `is written as ${stable}`;
}
