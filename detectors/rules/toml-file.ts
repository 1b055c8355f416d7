// Reads a TOML text against a schema. Each error names the key, line and column at fault, and what is allowed there.

import { distance } from 'fastest-levenshtein';
import { parse, TomlError } from 'smol-toml';
import * as z from 'zod';
import { QueryError } from '../query/query.ts';
import { formatQueryError } from '../query/query-error-excerpt.ts';
import { printable } from '../query/query-position.ts';

type Path = readonly PropertyKey[];

const maxFaults = 50;

/** A place in a text, in UTF-16 units from its start. */
interface Span {
  start: number;
  end: number;
}

/** A key or table header, and the offset of its value. */
interface Entry extends Span {
  path: (string | number)[];
  valueStart: number;
}

/** A message can list all kinds of events. */
const maxMessageChars = 1000;

/**
 * A TOML file that cannot be used. `line` and `column` count from 1; `message` and `excerpt` (line and caret; '' if
 * there is no text) are printable.
 */
export class TomlFileError extends Error {
  override name = 'TomlFileError';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly excerpt: string;

  constructor(message: string, file: string, text: string, span: Span) {
    super(printable(message.slice(0, maxMessageChars)));
    const before = text.slice(0, span.start).split('\n');
    this.file = file;
    this.line = before.length;
    this.column = (before.at(-1)?.length ?? 0) + 1;
    const fault = new QueryError(this.message, this.line, this.column, span.end - span.start);
    this.excerpt = text === '' ? '' : formatQueryError(text, fault);
  }
}

/** The parsed text. Throws a TomlFileError for the first fault in the text. */
export function parseToml<S extends z.ZodType>(file: string, text: string, schema: S): z.output<S> {
  const read = readToml(file, text, schema);
  if ('faults' in read) throw read.faults[0];
  return read.data;
}

/** The parsed text, or its faults in the order of the text: at least one, at most 50. */
export function readToml<S extends z.ZodType>(
  file: string,
  text: string,
  schema: S,
): { data: z.output<S> } | { faults: TomlFileError[] } {
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const lines = text.split('\n').slice(0, error.line - 1);
    const start = lines.reduce((sum, line) => sum + line.length + 1, 0) + error.column - 1;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '');
    return { faults: [new TomlFileError(`not valid TOML: ${reason}`, file, text, { start, end: start + 1 })] };
  }
  const result = schema.safeParse(data);
  if (result.success) return { data: result.data };
  // A mistyped key also causes the fault of a missing key. Only the unknown key is reported, because it names the
  // mistake.
  const issues = result.error.issues;
  const unknown = issues.filter((issue) => issue.code === 'unrecognized_keys');
  const faults = (unknown.length > 0 ? unknown : issues).flatMap((issue) => faultsOf(issue, data, schema));
  const located = faults.map(({ path, message }) => ({ message, span: locateKey(text, path) }));
  located.sort((a, b) => a.span.start - b.span.start);
  return {
    faults: located.slice(0, maxFaults).map(({ message, span }) => new TomlFileError(message, file, text, span)),
  };
}

/** The span of the key at `path`; for a missing key, that of the nearest table or key above it. */
export function locateKey(text: string, path: Path): Span {
  let best: Entry | undefined;
  for (const entry of entriesOf(text)) {
    const isPrefix = entry.path.every((step, i) => step === path[i]);
    if (isPrefix && entry.path.length >= (best?.path.length ?? 0)) best = entry;
  }
  return best ?? { start: 0, end: 1 };
}

/** The line of `locateKey`'s span, counted from 1. */
export const lineOfKey = (text: string, path: Path): number =>
  text.slice(0, locateKey(text, path).start).split('\n').length;

/** The error of a query that is the value of the key at `path`, with the query's position in the file. */
export function faultInQuery(
  file: string,
  source: string,
  path: readonly string[],
  query: string,
  error: QueryError,
): TomlFileError {
  const lines = query.split('\n').slice(0, error.line - 1);
  const start = lines.reduce((sum, line) => sum + line.length + 1, 0) + error.column - 1;
  const span = locateInString(source, path, { start, end: start + error.length });
  return new TomlFileError(`\`${path.join('.')}\`: ${error.message}`, file, source, span);
}

/** The span in the file of a part of the string at `path`; `within` is in UTF-16 units of the string's value. */
export function locateInString(text: string, path: Path, within: Span): Span {
  const entry = entriesOf(text).find(
    ({ path: found }) => found.length === path.length && found.every((s, i) => s === path[i]),
  );
  if (entry === undefined) return locateKey(text, path);
  const quote = /"""|'''|"|'/y;
  quote.lastIndex = entry.valueStart;
  const opening = quote.exec(text)?.[0] ?? '';
  const newline = /\r?\n/y;
  newline.lastIndex = entry.valueStart + opening.length;
  const contentStart = newline.lastIndex + (opening.length === 3 ? (newline.exec(text)?.[0].length ?? 0) : 0);
  const rawOffset = (valueOffset: number): number => {
    if (opening.startsWith("'")) return contentStart + valueOffset;
    let raw = contentStart;
    for (let value = 0; value < valueOffset && raw < text.length; ) {
      const escaped = /\\(?:([ \t]*\r?\n[ \t\r\n]*)|u[\da-fA-F]{4}|U([\da-fA-F]{8})|x[\da-fA-F]{2}|.)/y;
      escaped.lastIndex = raw;
      const found = escaped.exec(text);
      raw += found?.[0].length ?? 1;
      value +=
        found?.[1] !== undefined ? 0 : found?.[2] !== undefined && Number.parseInt(found[2], 16) > 0xffff ? 2 : 1;
    }
    return raw;
  };
  return { start: rawOffset(within.start), end: Math.max(rawOffset(within.end), rawOffset(within.start) + 1) };
}

/** Every key and header of a valid TOML text, in order, without those inside arrays and inline tables. */
function* entriesOf(text: string): Generator<Entry> {
  const blank = /(?:[ \t\r\n]+|#[^\n]*)*/y;
  const lastIndex = new Map<string, number>();
  let table: (string | number)[] = [];
  let position = 0;
  const skipBlank = () => {
    blank.lastIndex = position;
    blank.exec(text);
    position = blank.lastIndex;
  };
  for (skipBlank(); position < text.length; skipBlank()) {
    const start = position;
    const brackets = text.startsWith('[[', position) ? 2 : text.startsWith('[', position) ? 1 : 0;
    const { keys, end } = keysAt(text, position + brackets);
    if (keys.length === 0) return;
    if (brackets === 0) {
      position = end + (/[ \t]*=[ \t]*/y.exec(text.slice(end))?.[0].length ?? 1);
      yield { path: [...table, ...keys], start, end, valueStart: position };
      position = valueEnd(text, position);
      continue;
    }
    table = [];
    for (const [i, key] of keys.entries()) {
      table.push(key);
      const array = JSON.stringify(table);
      if (brackets === 2 && i === keys.length - 1) lastIndex.set(array, (lastIndex.get(array) ?? -1) + 1);
      const index = lastIndex.get(array);
      if (index !== undefined) table.push(index);
    }
    position = text.indexOf(']', end) + brackets;
    yield { path: table, start, end: position, valueStart: position };
  }
}

/** The dotted key that begins at `start`, and where its last part ends. */
function keysAt(text: string, start: number): { keys: string[]; end: number } {
  const key = /[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))/y;
  const dot = /[ \t]*\./y;
  const keys: string[] = [];
  key.lastIndex = start;
  for (let found = key.exec(text); found !== null; found = key.exec(text)) {
    keys.push(found[1] === undefined ? (found[2] ?? found[3] ?? '') : unescaped(found[1]));
    start = key.lastIndex;
    dot.lastIndex = start;
    if (dot.exec(text) === null) break;
    key.lastIndex = dot.lastIndex;
  }
  return { keys, end: start };
}

/** The value of a TOML basic string. */
const unescaped = (text: string): string => (text.includes('\\') ? String(parse(`k = "${text}"`).k) : text);

/** The end of the value that begins at `start`: the end of its line, or of its last line. */
function valueEnd(text: string, start: number): number {
  const part = /"""(?:[^\\]|\\[\s\S])*?"""+|'''[\s\S]*?'''+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\s\S]/y;
  let depth = 0;
  part.lastIndex = start;
  for (let found = part.exec(text)?.[0]; found !== undefined; found = part.exec(text)?.[0]) {
    if (found === '[' || found === '{') depth++;
    if (found === ']' || found === '}') depth--;
    if (found === '\n' && depth === 0) break;
  }
  return part.lastIndex === 0 ? text.length : part.lastIndex;
}

/** The faults of one issue, each a sentence that names the key. Every unknown key is a fault of its own. */
function faultsOf(issue: z.core.$ZodIssue, data: unknown, schema: z.ZodType): { path: Path; message: string }[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schema, issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const all = known.length > 8 ? '' : `; known here: ${known.join(', ')}`;
      const hint = near === undefined ? all : `; did you mean \`${near}\`?`;
      return { path: [...issue.path, key], message: `unknown key \`${nameOf([...issue.path, key])}\`${hint}` };
    });
  }
  const key = `\`${nameOf(issue.path)}\``;
  const allowed = allowedBy(issue);
  const isMissing = valueAt(data, issue.path) === undefined;
  return [
    { path: issue.path, message: isMissing ? `${key} is missing; it must be ${allowed}` : `${key} must be ${allowed}` },
  ];
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a table',
  record: 'a table',
};

function allowedBy(issue: z.core.$ZodIssue): string {
  const unit = 'origin' in issue && issue.origin === 'array' ? ' entries' : '';
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values
        .map((value) => JSON.stringify(value))
        .join(', ')
        .replace(/, (?=[^,]*$)/, ' or ');
    case 'too_small':
      return `at least ${issue.minimum}${unit}`;
    case 'too_big':
      return `at most ${issue.maximum}${unit}`;
    default:
      return issue.message;
  }
}

function nameOf(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${String(step)}`))
    .join('');
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown> | undefined)?.[step], data);
}

/** The keys that the schema's object at `path` knows. */
function keysOf(schema: z.core.$ZodType, path: Path): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return keysOf(schema.unwrap(), path);
  const [step, ...rest] = path;
  if (schema instanceof z.ZodArray) return keysOf(schema.element, rest);
  if (schema instanceof z.ZodRecord) return keysOf(schema.valueType, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  if (step === undefined) return Object.keys(schema.shape);
  const inner = schema.shape[String(step)];
  return inner === undefined ? [] : keysOf(inner, rest);
}

/** The candidate that is most similar to `word`, if they differ by at most a third of its letters. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    // The distance is at least the difference in length; that of a very long word would take long to compute.
    .filter(({ length }) => Math.abs(word.length - length) <= Math.max(1, length / 3))
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, best.candidate.length / 3) ? best.candidate : undefined;
}
