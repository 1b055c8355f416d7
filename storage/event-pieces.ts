// Splits an event into the pieces that it is stored in: what is its own, and what many events have in common.
//
// Every process stands in a row of its own, and so does every other part that events share: an event refers to them. What
// is left is its frame, the document with 0 in the place of each piece: it keeps the order of the keys, and many events have
// the same. compose-event.ts and document-sql.ts put the pieces together again. What does not fit into the pieces is stored whole beside them.

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

/** Fields that are an event's own, by the object that has them, each with its name in `own`. */
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

/** Times that are an event's own: in `own` they are milliseconds since the event, or the text. */
export const ownTimes = {
  event: { created: 'created' },
  file: { mtime: 'mtime', ctime: 'ctime', accessed: 'accessed', created: 'birth' },
} as const;

/** Fields below `stepparent` that are parts by themselves: long, and the same in many events. */
export const sharedFields = ['lifecycle_script', 'initiator', 'transaction', 'unobserved', 'inferred'] as const;

export const leaderRoles = ['session_leader', 'group_leader'] as const;

/** A process without what is a row of its own: values by `processColumns`, and the JSON of all else. */
interface ProcessPieces {
  values: (string | number | null)[];
  rest: string;
  /** False: the document cannot be made of the pieces byte for byte. */
  exact: boolean;
}

/** All parts are JSON. The processes and the lineage are pieces by themselves, see `splitProcess`. */
interface EventPieces {
  own: string;
  frame: string;
  /** By `sharedFields`. */
  shared: (string | undefined)[];
  exact: boolean;
}

/** Where a document has its pieces the frame has this. */
const placeholder = 0;

type Fields = Record<string, unknown>;

/** What else the object of a process holds, by what it is in the event. */
const othersOf = {
  process: [...leaderRoles, 'parent'],
  leader: ['same_as_process'],
  ancestor: [],
} as const;

/** SQLite's text has no lone surrogates, and its functions stop at NUL. */
const isPlainText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0');

/** Splits `process`, its parent, a leader or an ancestor. */
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

/** The command line split at its spaces gives the arguments: they need not be stored. */
function areWords(args: unknown, commandLine: unknown): boolean {
  if (!Array.isArray(args) || args.length === 0 || typeof commandLine !== 'string') return false;
  return args.every((arg) => isPlainText(arg) && !arg.includes(' ')) && args.join(' ') === commandLine;
}

/** Whether what is composed behind a process's own fields stands there, in that order. */
function endsAsComposed(fields: object, role: keyof typeof othersOf): boolean {
  if (role === 'ancestor') return true;
  const names = othersOf[role].filter((name) => (fields as Fields)[name] !== undefined);
  if (role === 'leader' && typeof (fields as Fields).same_as_process !== 'boolean') return false;
  const keys = Object.keys(fields);
  return names.every((name, i) => keys[keys.length - names.length + i] === name);
}

/** Splits all of an event but its processes. `timeMs` is the time that it is stored with. */
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

/** Changes `copy`: what is put into `own` is a placeholder in it. */
function takeOut(copy: Fields, names: Readonly<Record<string, string>>, own: Fields): void {
  for (const name in names) {
    const value = copy[name];
    if (value === undefined) continue;
    own[names[name] as string] = value;
    copy[name] = placeholder;
  }
}

/** The same for times; a text that SQLite would write otherwise stays a text. False: a value is no text. */
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

/** Which of the leaders is the process itself. */
const sameness = ({ session_leader, group_leader }: NonNullable<StepparentEvent['process']>): Fields => ({
  session_leader: session_leader?.same_as_process,
  group_leader: group_leader?.same_as_process,
});

/** SQLite writes the time as a document has it, within these years. */
const isTimeOf = (text: unknown, ms: number): boolean =>
  ms >= 0 && ms < Date.UTC(10_000, 0) && new Date(ms).toISOString() === text;
