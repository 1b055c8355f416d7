// Splits an event into the pieces that it is stored in: its own values, and parts that many events share.
//
// Every process and every other shared part has a row of its own, and events refer to these rows. The remainder is the
// frame: the document with 0 in the place of each piece. It keeps the order of the keys, and many events have the same
// frame. compose-event.ts and document-sql.ts build the document from the pieces. If that is not possible byte for
// byte, the whole document is stored as well.

import type { StepparentEvent } from '../collectors/event/event.ts';
import { limits } from './limits.ts';

/** Fields of a process that are columns of their own, in the order of the table. */
export const processColumns = [
  'pid',
  'entity_id',
  'start',
  'executable',
  'name',
  'args',
  'args_count',
  'command_line',
  'working_directory',
] as const;

/** Fields with a value of each event's own, by the object that has them, each with its name in `own`. */
export const ownFields = {
  file: { inode: 'inode', size: 'size', hash: 'hash', target_path: 'target' },
  stepparent: {
    exec: 'exec',
    image: 'image',
    package: 'package',
    script: 'script',
    file: 'file',
    sensor: 'sensor',
    truncated: 'truncated',
  },
} as const;

/** Times of each event's own. In `own` they are milliseconds since the event, or the text. */
export const ownTimes = {
  event: { created: 'created' },
  file: { mtime: 'mtime', ctime: 'ctime', accessed: 'accessed', created: 'birth' },
} as const;

/** Fields below `stepparent` that are long and the same in many events: each is a shared part. */
export const sharedFields = ['lifecycle_script', 'initiator', 'transaction', 'unobserved', 'inferred'] as const;

/**
 * The leaders of a process: names of fields of `process`, and of columns of `events` that hold the id of a row of
 * `processes`.
 */
export const leaderRoles = ['session_leader', 'group_leader'] as const;

/** A process in pieces: values in the order of `processColumns`, and `rest`, the JSON of its other fields. */
interface ProcessPieces {
  values: (string | number | null)[];
  rest: string;
  /** False: the document cannot be built from the pieces byte for byte. */
  exact: boolean;
}

/** The pieces of an event as JSON, without its processes and lineage, for which see `splitProcess`. */
interface EventPieces {
  own: string;
  frame: string;
  /** In the order of `sharedFields`. */
  shared: (string | undefined)[];
  exact: boolean;
}

/** The value of the frame in the place of each piece. */
const placeholder = 0;

type Fields = Record<string, unknown>;

/** Fields of a process object that are not the process's own, by the role of the process in the event. */
const othersOf = {
  process: [...leaderRoles, 'parent'],
  leader: ['same_as_process'],
  ancestor: [],
} as const;

/** SQLite's text has no lone surrogates, and its functions stop at NUL. */
const isPlainText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0');

/** Splits `process`, its parent, a leader or an ancestor into pieces. */
export function splitProcess(fields: object, role: keyof typeof othersOf): ProcessPieces {
  const { pid, entity_id, start, executable, name, args, args_count, command_line, working_directory } =
    fields as Fields;
  let exact = true;
  const text = (value: unknown): string | null => {
    if (isPlainText(value)) return value;
    if (value === undefined) return null;
    exact = false;
    return typeof value === 'string' ? value.toWellFormed() : null;
  };
  const number = (value: unknown): number | null => {
    if (Number.isSafeInteger(value)) return value as number;
    exact &&= value === undefined;
    return null;
  };
  const values = [
    number(pid),
    text(entity_id),
    text(start),
    text(executable),
    text(name),
    args === undefined ? null : areWords(args, command_line) ? '' : JSON.stringify(args),
    number(args_count),
    text(command_line),
    text(working_directory),
  ];
  const copy: Fields = { ...fields };
  for (const column of processColumns) if (copy[column] !== undefined) copy[column] = placeholder;
  for (const other of othersOf[role]) if (copy[other] !== undefined) copy[other] = undefined;
  const rest = JSON.stringify(copy);
  return { values, rest, exact: exact && rest !== '{}' && endsAsComposed(fields, role) };
}

/** Whether the command line split at its spaces gives the arguments, so that they need not be stored. */
function areWords(args: unknown, commandLine: unknown): boolean {
  if (!Array.isArray(args) || args.length === 0 || typeof commandLine !== 'string') return false;
  const known = longWords.get(args);
  if (known?.commandLine === commandLine) return known.areWords;
  const areWords = args.every((arg) => isPlainText(arg) && !arg.includes(' ')) && args.join(' ') === commandLine;
  if (args.length >= longArgsCount) longWords.set(args, { commandLine, areWords });
  return areWords;
}

/** The results for long lists of arguments, which many events of one process share. */
const longWords = new WeakMap<readonly unknown[], { commandLine: string; areWords: boolean }>();
const longArgsCount = 32;

/** Whether the fields that document-sql.ts appends to a process are its last fields, in that order. */
function endsAsComposed(fields: object, role: keyof typeof othersOf): boolean {
  if (role === 'ancestor') return true;
  const names = othersOf[role].filter((name) => (fields as Fields)[name] !== undefined);
  if (role === 'leader' && typeof (fields as Fields).same_as_process !== 'boolean') return false;
  const keys = Object.keys(fields);
  return names.every((name, i) => keys[keys.length - names.length + i] === name);
}

/** Splits an event without its processes. `timeMs` is the time of its row, in milliseconds since 1970. */
export function splitEvent(event: StepparentEvent, timeMs: number): EventPieces {
  const own: Fields = {};
  const { process, file, stepparent } = event;
  let exact = isPlainText(event.event.id) && isPlainText(event['@timestamp']);
  if (!isTimeOf(event['@timestamp'], timeMs)) own.timestamp = event['@timestamp'];
  const inner: Fields = { ...event.event, id: placeholder };
  exact = takeOutTimes(inner, ownTimes.event, timeMs, own) && exact;
  const below: Fields = { ...stepparent };
  takeOut(below, ownFields.stepparent, own);
  for (const name of ['lineage', ...sharedFields]) if (below[name] !== undefined) below[name] = placeholder;
  const frame: Fields = {
    ...event,
    '@timestamp': placeholder,
    event: inner,
    host: placeholder,
    agent: placeholder,
    stepparent: below,
  };
  if (process !== undefined) frame.process = sameness(process);
  if (file !== undefined) {
    const copy: Fields = { ...file };
    takeOut(copy, ownFields.file, own);
    exact = takeOutTimes(copy, ownTimes.file, timeMs, own) && exact;
    for (const name of ['path', 'name']) {
      if (copy[name] === undefined) continue;
      exact &&= fitsColumn(copy[name]);
      copy[name] = placeholder;
    }
    frame.file = copy;
  }
  return {
    own: JSON.stringify(own),
    frame: JSON.stringify(frame),
    shared: sharedFields.map((name) => JSON.stringify(stepparent[name])),
    exact,
  };
}

const fitsColumn = (text: unknown): boolean => isPlainText(text) && text.length <= limits.columnChars;

/** Moves the named fields from `copy` to `own` and leaves a placeholder in `copy`. */
function takeOut(copy: Fields, names: Readonly<Record<string, string>>, own: Fields): void {
  for (const name in names) {
    const value = copy[name];
    if (value === undefined) continue;
    own[names[name] as string] = value;
    copy[name] = placeholder;
  }
}

/** Does the same with times; a text that SQLite would write differently stays text. False: a value is not a text. */
function takeOutTimes(copy: Fields, names: Readonly<Record<string, string>>, timeMs: number, own: Fields): boolean {
  let exact = true;
  for (const name in names) {
    const text = copy[name];
    if (text === undefined) continue;
    exact &&= isPlainText(text);
    const ms = Date.parse(text as string);
    own[names[name] as string] = isTimeOf(text, ms) ? ms - timeMs : text;
    copy[name] = placeholder;
  }
  return exact;
}

/** For each leader, whether the leader is the process itself. */
const sameness = ({ session_leader, group_leader }: NonNullable<StepparentEvent['process']>): Fields => ({
  session_leader: session_leader?.same_as_process,
  group_leader: group_leader?.same_as_process,
});

/** Whether SQLite writes the time exactly as the document has it, which holds from 1970 to 9999. */
const isTimeOf = (text: unknown, ms: number): boolean =>
  ms >= 0 && ms < Date.UTC(10_000, 0) && new Date(ms).toISOString() === text;
