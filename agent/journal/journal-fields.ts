// The fields of an alert in the journal, from the table of fields: for the sink that writes them and the reader of collected journals.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { type Field, fields } from '../../collectors/event/fields.ts';
import { severityNumbers } from '../../detectors/alert.ts';
import type { Severity } from '../../detectors/rules/rule.ts';
import { severityOf } from '../configuration/severity.ts';
import { shownMessage } from '../output/shown-message.ts';
import { leftOfCut } from './journal-entry.ts';

/** The text form of a value in the journal; `read` is the inverse of `write`. */
interface Form {
  /** Several texts repeat the field. Undefined: the field is omitted. */
  write(value: unknown, document: StepparentEvent): string | readonly string[] | undefined;
  /** Undefined if the texts are not a valid value. */
  read(texts: readonly string[]): unknown;
  /** How the text differs from the value, for docs/fields.md. */
  about?: string;
}

const text: Form = {
  write: (value) => (typeof value === 'string' ? value : undefined),
  read: ([first]) => first,
};

const number: Form = {
  write: (value) => (typeof value === 'number' ? String(value) : undefined),
  read: ([first = '']) => (/^-?\d{1,15}(?:\.\d{1,15})?$/.test(first) ? Number(first) : undefined),
};

const boolean: Form = {
  write: (value) => (typeof value === 'boolean' ? String(value) : undefined),
  read: ([first]) => (first === 'true' ? true : first === 'false' ? false : undefined),
};

/** A list separated by spaces. In a word, a space is `\x20` and a backslash `\x5c`; an empty word is `\x`. */
const words: Form = {
  about: 'words',
  write: (value) =>
    Array.isArray(value)
      ? value.map((word) => String(word).replaceAll('\\', '\\x5c').replaceAll(' ', '\\x20') || '\\x').join(' ')
      : undefined,
  read: ([first = '']) =>
    first === ''
      ? []
      : wholeWords(first).map((word) =>
          word === '\\x' ? '' : word.replaceAll('\\x20', ' ').replaceAll('\\x5c', '\\'),
        ),
};

const json: Form = {
  about: 'JSON',
  write: (value) => (value === undefined ? undefined : JSON.stringify(value)),
  read([first = '']) {
    try {
      return JSON.parse(first);
    } catch {
      return undefined;
    }
  },
};

const severity: Form = {
  about: 'as a word',
  write: (_, document) => severityOf(document),
  read: ([name = '']) => (Object.hasOwn(severityNumbers, name) ? severityNumbers[name as Severity] : undefined),
};

const message: Form = {
  about: 'on one line, escaped',
  write: (_, document) => shownMessage(document),
  read: text.read,
};

/** An object of names and reasons, of which only the names are written. */
const names: Form = {
  about: 'the names, without the reasons',
  write: (value) => (isRecord(value) ? Object.keys(value).join(' ') : undefined),
  read: ([first = '']) =>
    first === ''
      ? undefined
      : Object.fromEntries(wholeWords(first).map((name) => [name, 'the reason is not in the journal'])),
};

/** ECS `threat[]`: the id of every technique and subtechnique, each once. */
const techniques: Form = {
  about: 'the ids of techniques and subtechniques, the field once for each',
  write(value) {
    const threats = Array.isArray(value) ? value : [];
    return [
      ...new Set(
        threats.flatMap(({ technique }) => [
          ...idsOf(technique),
          ...idsOf(isRecord(technique) ? technique.subtechnique : undefined),
        ]),
      ),
    ];
  },
  read(texts) {
    const idsAt = (isSub: boolean): string[] => texts.filter((id) => id.includes('.') === isSub).sort();
    const [main, sub] = [idsAt(false), idsAt(true)];
    return [{ technique: { id: main, ...(sub.length > 0 && { subtechnique: { id: sub } }) } }];
  },
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const idsOf = (technique: unknown): string[] =>
  isRecord(technique) ? [technique.id].flat().filter((id) => typeof id === 'string') : [];

/** The complete words of a list; the last word of a list that was cut is dropped. */
function wholeWords(list: string): string[] {
  const cut = leftOfCut(list);
  return cut === undefined ? list.split(' ') : cut.text.split(' ').slice(0, -1);
}

/** The fields whose form does not follow from their type. */
const ownForms: Readonly<Record<string, Form>> = {
  message,
  'event.severity': severity,
  threat: techniques,
  'stepparent.unobserved': names,
};

function formOf({ name, type, list, nullable }: Field): Form {
  const ownForm = ownForms[name];
  if (ownForm !== undefined) return ownForm;
  if (type === 'objects' || type === 'flattened' || nullable) return json;
  if (list) return words;
  if (type === 'long' || type === 'float') return number;
  return type === 'boolean' ? boolean : text;
}

/** A field of the document that has a field in the journal. */
export interface JournalFact {
  /** The field in the journal: `STEPPARENT_RULE`. */
  name: string;
  /** The field of the document, by ECS name. */
  field: string;
  form: Form;
  /** The field that is written when the document does not have `field`. */
  fallback?: string;
}

/** For a user without a name, the id is written. */
const fallbacks: Readonly<Record<string, string>> = {
  'user.name': 'user.id',
  'stepparent.login_user.name': 'stepparent.login_user.id',
};

/** Every field with its form, in the order of the table of fields. */
export const journalFacts: readonly JournalFact[] = fields.flatMap((field): JournalFact[] => {
  const { name, journal } = field;
  const fallback = fallbacks[name];
  return journal === undefined
    ? []
    : [{ name: journal, field: name, form: formOf(field), ...(fallback !== undefined && { fallback }) }];
});
