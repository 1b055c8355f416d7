// Warnings about rules that load but are probably wrong: fields that no event has, and queries that no event can match.

import { distance } from 'fastest-levenshtein';
import { errorCode } from '../../collectors/error-message.ts';
import {
  classFields,
  type EventClass,
  eventClasses,
  eventFields,
  isEventField,
} from '../../collectors/event/event-classes.ts';
import { outcomeOf } from '../../detectors/query/conditions.ts';
import { tokenizeEql } from '../../detectors/query/eql-lexer.ts';
import { compileKql } from '../../detectors/query/kql.ts';
import { tokenizeKql } from '../../detectors/query/kql-lexer.ts';
import { readKnownTerms, shippedKnownTerms } from '../../detectors/rules/known-terms.ts';
import { readSource } from '../../detectors/rules/read-source.ts';
import { isReasonWord, type RejectedRule, type Rule } from '../../detectors/rules/rule.ts';
import { locateInString, locateKey, nearest, TomlFileError } from '../../detectors/rules/toml-file.ts';

/** A warning about a rule that is loaded; line and column count from 1. */
export type RuleWarning = Omit<RejectedRule, 'id'>;

/** The warnings about the rules, in the order of the rules. */
export const ruleWarnings = (rules: readonly Rule[]): RuleWarning[] =>
  rules.flatMap((rule) => {
    const notes = notesOn(rule);
    return notes.length === 0 ? [] : locateNotes(rule, notes);
  });

/** A remark on a key of the rule, and the field that it is about. */
interface Note {
  key: readonly string[];
  field: string | undefined;
  message: string;
}

function notesOn(rule: Rule): Note[] {
  const notes: Note[] = [];
  const queryKey = ['query'];
  const termsKey = rule.type === 'new_terms' ? ['new_terms', 'value'] : ['alert_suppression', 'group_by'];
  const reasonKey = ['stepparent', 'reason'];
  const reasonFields = fieldsOfReason(rule);
  const add = (key: readonly string[], field: string | undefined, message: string): void => {
    if (!notes.some((note) => note.field === field)) notes.push({ key, field, message });
  };
  for (const field of rule.fields) {
    if (isKnownField(field)) continue;
    const occurrences = occurrencesOf(rule, field);
    if (occurrences.length > 0 || !rule.termFields.includes(field)) {
      // `?field` marks a field that events may lack: only a spelling close to a known field is then a mistake.
      const isIntended = occurrences.length > 0 && occurrences.every(({ optional }) => optional) && !isSlip(field);
      if (!isIntended) add(queryKey, field, unknownField(field));
    } else add(termsKey, field, `${unknownField(field)}; each match will be an alert`);
  }
  for (const field of reasonFields) if (!isKnownField(field)) add(reasonKey, field, unknownField(field));

  for (const list of rule.knownTerms) {
    const lists = [...knownLists()];
    if (lists.includes(list)) continue;
    const near = nearest(list, lists);
    const hint = near === undefined ? `; there are ${lists.join(', ')}` : `; did you mean "${near}"?`;
    notes.push({ key: ['stepparent', 'known_terms'], field: undefined, message: `there is no list "${list}"${hint}` });
  }

  const matchable = eventClasses.filter(({ known }) => outcomeOf(rule.matches, known).result !== 'false');
  if (matchable.length === 0) {
    const { field, message } = explainNoMatch(rule);
    notes.push({ key: queryKey, field, message });
    return notes;
  }
  const isAlwaysAbsent = (field: string): boolean => matchable.every(({ known }) => isAbsent(known, field));
  for (const field of rule.termFields.filter(isAlwaysAbsent)) {
    add(termsKey, field, `no event that the query can match has "${field}"; each match will be an alert`);
  }
  for (const field of reasonFields.filter(isAlwaysAbsent)) {
    add(reasonKey, field, `no event that the query can match has "${field}"`);
  }
  return notes;
}

const knownLists = (): IterableIterator<string> => readKnownTerms(shippedKnownTerms).keys();

/** Whether events have the field. `event.kind` is on every event, although exceptions cannot use it. */
const isKnownField = (field: string): boolean => isEventField(field) || classFields.has(field);

/** Whether the name differs from a known field by one or two letters. */
const isSlip = (field: string): boolean => eventFields.some((each) => distance(field, each) <= 2);

const isAbsent = (known: EventClass['known'], field: string): boolean => {
  const found = known(field);
  return found !== undefined && found.value === undefined;
};

const fieldsOfReason = ({ reason }: Rule): string[] =>
  [...reason.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name).filter((name) => !isReasonWord(name));

/** `no event is known to have "proces.name"; did you mean "process.name"?` */
export function unknownField(field: string, candidates: readonly string[] = eventFields): string {
  const near = nearest(field, candidates);
  return `no event is known to have "${field}"${near === undefined ? '' : `; did you mean "${near}"?`}`;
}

/** Explains why a query is false for every class of events. */
function explainNoMatch({ matches }: Rule): { field: string | undefined; message: string } {
  // First check whether events of that kind exist, then which fields they lack.
  const byClass = eventClasses.map(({ known, ...names }) => ({
    names,
    kind: outcomeOf(matches, (field) => (classFields.has(field) ? known(field) : undefined)),
    whole: outcomeOf(matches, known),
  }));
  const ofKind = byClass.filter(({ kind }) => kind.result !== 'false');
  if (ofKind.length > 0) {
    const fields = [...new Set(ofKind.flatMap(({ whole }) => [...whole.fields]))].filter(
      (one) => !classFields.has(one),
    );
    return {
      field: fields[0],
      message: `the query can never match: no event of ${listed(ofKind)} has ${fields.map((one) => `"${one}"`).join(' or ')}`,
    };
  }
  // The fields of the classes that come closest to a match.
  const fewest = Math.min(...byClass.map(({ kind }) => kind.fields.size));
  const fields = new Set(byClass.flatMap(({ kind }) => (kind.fields.size === fewest ? [...kind.fields] : [])));
  const [field] = fields;
  const asked = [...fields]
    .sort()
    .map((one) => `\`${one}\``)
    .join(' and ');
  return {
    field,
    message:
      field === undefined
        ? 'the query can never match'
        : `the query can never match: no event has the ${asked} that it asks for; there are ${listed(byClass)}`,
  };
}

/** `process/start/exec, file/change/(rename, modification) (event.category/type/action)` */
function listed(classes: readonly { names: Omit<EventClass, 'known'> }[]): string {
  const byType = Map.groupBy(classes, ({ names: { category, type } }) => `${category}/${type}`);
  const kinds = [...byType].map(([type, ofType]) => {
    const actions = ofType.map(({ names: { action } }) => action).join(', ');
    return `${type}/${ofType.length === 1 ? actions : `(${actions})`}`;
  });
  return `${kinds.join(', ')} (event.category/type/action)`;
}

function locateNotes(rule: Rule, notes: readonly Note[]): RuleWarning[] {
  const { file } = rule;
  const source = sourceOf(file);
  return notes.map(({ key, field, message }) => {
    const path = ['rule', ...key];
    const [inQuery] = key[0] === 'query' && field !== undefined ? occurrencesOf(rule, field) : [];
    const span = inQuery === undefined ? locateKey(source, path) : locateInString(source, path, inQuery);
    const {
      line,
      column,
      excerpt,
      message: text,
    } = new TomlFileError(`\`${path.join('.')}\`: ${message}`, file, source, span);
    return { file, line, column, message: text, excerpt };
  });
}

/** The text of a file that was loaded; '' if it has been removed since. */
export function sourceOf(file: string): string {
  try {
    return readSource(file);
  } catch (error) {
    if (error instanceof TomlFileError || errorCode(error) !== '') return '';
    throw error;
  }
}

interface FieldOccurrence {
  start: number;
  end: number;
  /** EQL's `?field`. */
  optional: boolean;
}

/** The positions of the field in the query, outside comments and values. EQL's category counts as `event.category`. */
function occurrencesOf({ language, query }: Rule, field: string): FieldOccurrence[] {
  if (language === 'kuery') {
    const tokens = tokenizeKql(query);
    return tokens.flatMap(({ start, end, parts }, i) => {
      const name = parts.map((part) => ('literal' in part ? part.literal : part.wild)).join('');
      const isField = name === field && /^[:<>]/.test(tokens[i + 1]?.kind ?? '');
      return isField ? [{ start, end, optional: false }] : [];
    });
  }
  const tokens = tokenizeEql(query);
  const occurrences = tokens.flatMap(({ kind, text, start, end }, i) =>
    i > 0 && kind === 'name' && text === field ? [{ start, end, optional: tokens[i - 1]?.kind === '?' }] : [],
  );
  const [category] = tokens;
  if (occurrences.length > 0 || field !== 'event.category' || category === undefined) return occurrences;
  return [{ start: category.start, end: category.end, optional: false }];
}

/** Warnings about the query `events.store`, which is applied to execs and to changes in watched paths. */
export function storeQueryWarnings(query: string): string[] {
  const { matches, fields } = compileKql(query);
  const unknown = [...fields].filter((field) => !isKnownField(field)).map((field) => unknownField(field));
  const optional = eventClasses.filter(({ category }) => category === 'process' || category === 'file');
  if (optional.some(({ known }) => outcomeOf(matches, known).result !== 'false')) return unknown;
  return [...unknown, 'no execution and no change in a watched path can match the query'];
}
