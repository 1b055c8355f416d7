// Composes the terms of a match: what of a field's value the baseline compares.

import type { FieldReader, FieldValue } from '../collectors/event/event.ts';
import type { UserClass } from '../collectors/event/user-class.ts';
import { foldPath, unfoldedPath } from '../collectors/process/folded-path.ts';
import { pathOfScriptTerm, scriptTerm } from '../collectors/process/temporary-path.ts';

/** The field with the hash of a script, by the field with its path: without it, the path identifies the file. */
export const hashFields: Readonly<Record<string, string>> = {
  'process.parent.executable': 'process.parent.hash.sha256',
  'stepparent.initiator.executable': 'stepparent.initiator.hash.sha256',
  'stepparent.unowned_program.path': 'stepparent.unowned_program.sha256',
  'stepparent.setuid_program.path': 'stepparent.setuid_program.sha256',
};

/** The fields with the path of a program or script that acts. Their random parts do not count. */
const programFields: ReadonlySet<string> = new Set(['process.executable', ...Object.keys(hashFields)]);
export const isProgramField = (field: string): boolean => programFields.has(field);

const initiatorField = 'stepparent.initiator.executable';
const originField = 'stepparent.initiator.origin';

/** A field's value as text. Several values are one text, sorted, because their order has no meaning. */
export const valueText = (value: FieldValue): string | null => {
  if (value === undefined) return null;
  return Array.isArray(value) ? [...value].map(String).sort().join('\n') : String(value);
};

/**
 * The terms of the fields. A script whose path does not identify it is known by its content. Of any other path of a program the
 * random parts do not count, but the initiator and its origin do: a name that looks random does not pass for the tool's of another one.
 */
export const termsOf = (fields: readonly string[], read: FieldReader): (string | null)[] =>
  fields.map((field) => {
    const value = valueText(read(field));
    if (value === null || !isProgramField(field)) return value;
    const hashField = hashFields[field];
    const sha256 = hashField === undefined ? undefined : read(hashField);
    if (sha256 !== undefined) return scriptTerm(value, String(sha256));
    const term = pathTerm(value, fields, read);
    // A file with a name of that form must not pass for a known script.
    return pathOfScriptTerm(term) === undefined ? term : `${term} (path)`;
  });

function pathTerm(file: string, fields: readonly string[], read: FieldReader): string {
  const { text, isFolded } = foldPath(file);
  if (!isFolded || fields.includes(originField)) return text;
  const [initiator, origin] = [valueText(read(initiatorField)), valueText(read(originField))];
  if (initiator === null || origin === null) return unfoldedPath(file);
  return `${text} (${initiator === file ? '' : `by ${foldPath(initiator).text}, `}${origin})`;
}

/** Added to the first term of a program that is not shown to be the distribution's own. */
export const unverifiedMark = ' (unverified)';

/** Added to the first term by the class of the user. */
export const userMarks: Readonly<Record<UserClass, string>> = {
  root: '',
  other: ' (not root)',
  unobserved: ' (user not observed)',
};

const marksAtEnd = /(?: \((?:unverified|not root|user not observed)\))+$/;

/** The first term, or a pattern for it, without its marks, and these. */
export function splitMarks(text: string): { value: string; marks: string } {
  const marks = marksAtEnd.exec(text)?.[0] ?? '';
  return { value: text.slice(0, text.length - marks.length), marks };
}
