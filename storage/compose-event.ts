// Builds events from their pieces when many are read: shared rows are read and parsed once. document-sql.ts does the
// same in SQL.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { leaderRoles, ownFields, ownTimes, processColumns, sharedFields } from './event-pieces.ts';
import { DamagedRow, parseDocument, parseStored } from './stored-json.ts';

type Fields = Record<string, unknown>;

/** A row of `events`, all columns. */
export type EventRow = Record<'id' | 'time_ms' | 'origin' | 'frame', number> &
  Record<'event_id' | 'own', string> &
  Record<'file_path' | 'file_name' | 'document', string | null> &
  Record<
    'process' | 'parent' | 'lineage' | (typeof leaderRoles)[number] | (typeof sharedFields)[number],
    number | null
  >;

/** Maximum number of cached rows of each kind; an event refers to about ten. */
const maxKept = 1024;

const isoTime = (ms: number): string => new Date(ms).toISOString();

/**
 * Caches the values of shared rows by id; the oldest are dropped first. A null id means that the event refers to no
 * row.
 */
function keptById<T>(read: (id: number) => T): (id: number) => T {
  const kept = new Map<number, T>();
  return (id) => {
    const known = kept.get(id);
    if (known !== undefined) return known;
    const value = read(id);
    if (kept.size >= maxKept) kept.delete(kept.keys().next().value as number);
    kept.set(id, value);
    return value;
  };
}

/**
 * Prepares the function that builds events from the rows of one page. It uses one read transaction, because beginning
 * one for each shared row would cost more than the read. Events share objects, which must not be changed. Throws a
 * DamagedRow if a row is missing or invalid.
 */
export function prepareCompose(db: Database): (rows: readonly EventRow[]) => StepparentEvent[] {
  const compose = prepareComposeOne(db);
  return db.transaction((rows: readonly EventRow[]) => rows.map(compose));
}

function prepareComposeOne(db: Database): (row: EventRow) => StepparentEvent {
  const select = (sql: string) => {
    const statement = db.prepare<[number], unknown[]>(sql).raw();
    return (id: number): unknown[] => {
      const row = statement.get(id);
      if (row === undefined) throw new DamagedRow('an event that lacks a row');
      return row;
    };
  };
  const readPart = select('SELECT json FROM main.parts WHERE id = ?');
  const readOrigin = select('SELECT json FROM main.origins WHERE id = ?');
  const readProcess = select(`SELECT ${processColumns.join(', ')}, rest FROM main.processes WHERE id = ?`);
  /** The text is parsed for each event or process, because they change the result. */
  const textOf = keptById((id) => readPart(id)[0] as string);
  const part = keptById((id) => parseStored<unknown>(readPart(id)[0] as string));
  const origin = keptById((id) => parseStored<Pick<StepparentEvent, 'host' | 'agent'>>(readOrigin(id)[0] as string));

  /** A field that the process does not have is not in `rest`, and is not added. */
  const ownProcess = (id: number): Fields => {
    const values = readProcess(id);
    const fields = parseStored<Fields>(textOf(values.at(-1) as number));
    const commandLine = values[processColumns.indexOf('command_line')];
    processColumns.forEach((column, i) => {
      if (fields[column] === undefined) return;
      const value = values[i];
      fields[column] = column === 'args' ? argsOf(value as string, commandLine as string) : value;
    });
    return fields;
  };
  const process = keptById(ownProcess);
  const lineage = keptById((id) => parseStored<number[]>(readPart(id)[0] as string).map(process));

  return (row) => {
    if (row.document !== null) return parseDocument(row.document);
    const frame = parseStored<Fields>(textOf(row.frame));
    const own = parseStored<Fields>(row.own);
    const stepparent = frame.stepparent as Fields;
    const event = frame.event as Fields;
    const file = frame.file as Fields | undefined;
    frame['@timestamp'] = own.timestamp ?? isoTime(row.time_ms);
    event.id = row.event_id;
    Object.assign(frame, origin(row.origin));
    if (file?.path !== undefined) file.path = row.file_path;
    if (file?.name !== undefined) file.name = row.file_name;
    if (row.process !== null) {
      const sameness = frame.process as Fields;
      const fields = ownProcess(row.process);
      for (const role of leaderRoles) {
        const id = row[role];
        if (id !== null) fields[role] = { ...process(id), same_as_process: sameness[role] };
      }
      if (row.parent !== null) fields.parent = process(row.parent);
      frame.process = fields;
    }
    if (row.lineage !== null) stepparent.lineage = lineage(row.lineage);
    for (const name of sharedFields) {
      const id = row[name];
      if (id !== null) stepparent[name] = part(id);
    }
    for (const [object, names] of Object.entries(ownFields)) {
      for (const [name, key] of Object.entries(names)) {
        if (own[key] !== undefined) (frame[object] as Fields)[name] = own[key];
      }
    }
    for (const [object, names] of Object.entries(ownTimes)) {
      for (const [name, key] of Object.entries(names)) {
        const value = own[key];
        if (value === undefined) continue;
        (frame[object] as Fields)[name] = typeof value === 'number' ? isoTime(row.time_ms + value) : value;
      }
    }
    return frame as unknown as StepparentEvent;
  };
}

/** The arguments of a row. An empty text means the words of the command line. */
const argsOf = (args: string, commandLine: string): unknown =>
  args === '' ? commandLine.split(' ') : parseStored<unknown>(args);
