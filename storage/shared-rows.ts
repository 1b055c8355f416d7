// Stores parts that many events share once: processes, lineages, host and agent, and other parts of documents.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { type UserClass, userClasses } from '../collectors/event/user-class.ts';
import { processColumns, splitProcess } from './event-pieces.ts';
import { limits } from './limits.ts';

/** A row, and whether the document can be built from it byte for byte. */
export interface SharedRow {
  id: number;
  exact: boolean;
}

/**
 * Each function returns the row with that content, and inserts the row if it is not in memory. A duplicate row does no
 * harm.
 */
interface SharedRows {
  /** Must be called at the start of each transaction, because another process may have written in between. */
  begin(): void;
  /**
   * Must be called before the rows of each event; returns the id for the event. Events of different classes share no
   * rows, so that those of one class can be deleted without the others.
   */
  beginEvent(userClass: UserClass): number;
  process(fields: object, role: Parameters<typeof splitProcess>[1]): SharedRow;
  lineage(steps: readonly object[]): SharedRow;
  origin(host: StepparentEvent['host'], agent: StepparentEvent['agent']): number;
  part(json: string): number;
  /** Must be called after a transaction was rolled back, because its rows do not exist. */
  forget(): void;
}

/**
 * The row ids of one generation, for events of one class of users. Events refer only to rows of their own
 * generation, so the rows are deleted after the last of its events. The events of a generation have the ids from its
 * `first_event` to that of the next generation; no id is used twice. Each generation has one range of row ids for each
 * class.
 */
interface IdRange {
  lastId: number;
  endId: number;
  events: number;
  /** Size of all rows in the range, in UTF-16 units. */
  chars: number;
  /** Rows by object, for objects that consecutive documents share. */
  ofObject: Readonly<Record<'ancestor' | 'leader', WeakMap<object, SharedRow>>>;
  /** Rows by content: parts by length, which is faster to look up than a long text, and processes by entity id. */
  parts: Map<string | number, { id: number; json: string }[]>;
  processes: Map<string | number, ProcessRow[]>;
  /** Processes whose content is too long for `processes`, by the list of their arguments. */
  longProcesses: WeakMap<object, ProcessRow>;
  contentChars: number;
  /** The latest origin; an agent rarely has another one. */
  origin: { id: number; host: object; agent: object; json: string } | undefined;
}

interface ProcessRow extends SharedRow {
  row: readonly unknown[];
}

const rangeIds = 2 ** 16;
/** Maximum number of rows that one event inserts: its processes, 16 ancestors, and the rows that these refer to. */
const maxEventRows = 64;
/** Maximum number of events of one range. The next generation stores its shared rows again. */
const maxEvents = 1024;
/**
 * Size of a range from which on a new generation begins, in UTF-16 units. The rows of the newest generation stay even
 * if its events are deleted.
 */
const maxRangeChars = 1024 * 1024;
/**
 * Maximum length of a content that is remembered by itself. A longer one is stored each time, but that of a process is
 * remembered as long as events share the list of its arguments.
 */
const maxContentChars = 4096;
const maxAllContentChars = 256 * 1024;
/** Maximum number of remembered rows with the same key. */
const maxAlike = 32;

const entityColumn = processColumns.indexOf('entity_id');

const isSame = (row: readonly unknown[], other: readonly unknown[]): boolean =>
  row.every((value, i) => value === other[i]);

const lengthOf = (row: readonly unknown[]): number =>
  row.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0);

/**
 * Prepares the statements; the functions must be called within a transaction. The first event of a new object opens a
 * generation, because the object has no earlier rows in memory.
 */
export function prepareSharedRows(db: Database): SharedRows {
  const insertProcess = db.prepare(
    `INSERT INTO processes (id, ${processColumns.join(', ')}, rest) VALUES (?${', ?'.repeat(processColumns.length + 1)})`,
  );
  const insertPart = db.prepare('INSERT INTO parts (id, json) VALUES (?, ?)');
  const insertOrigin = db.prepare('INSERT INTO origins (id, host_id, agent_id, json) VALUES (?, ?, ?, ?)');
  const openGeneration = db.prepare<[number], { id: number; first: number }>(
    `INSERT INTO generations (id, first_event)
       SELECT coalesce(max(id), 0) + 1,
         max(coalesce(max(first_event), 0), (SELECT coalesce(max(id), 0) FROM events), ?) + 1 FROM generations
     RETURNING id, first_event AS first`,
  );
  const newestGeneration = db.prepare<[], number | null>('SELECT max(id) FROM generations').pluck();
  let ranges: Record<UserClass, IdRange> | undefined;
  let current: IdRange;
  let generation = 0;
  let lastEvent = 0;

  const open = (): NonNullable<typeof ranges> => {
    const { id, first } = openGeneration.get(lastEvent) as { id: number; first: number };
    generation = id;
    lastEvent = first - 1;
    const rangeOf = (userClass: UserClass): IdRange => idRange(startIdOf(id, userClass));
    return { root: rangeOf('root'), other: rangeOf('other'), unobserved: rangeOf('unobserved') };
  };
  const remember = <Row>(rows: Map<string | number, Row[]>, key: string | number, row: Row, chars: number): void => {
    if (chars > maxContentChars) return;
    current.contentChars += chars;
    if (current.contentChars > maxAllContentChars) {
      current.parts.clear();
      current.processes.clear();
      current.contentChars = chars;
    }
    const alike = rows.get(key);
    if (alike === undefined) rows.set(key, [row]);
    else if (alike.push(row) > maxAlike) alike.shift();
  };
  const part = (json: string): number => {
    const known = current.parts.get(json.length)?.find((row) => row.json === json);
    if (known !== undefined) return known.id;
    const id = ++current.lastId;
    insertPart.run(id, json);
    current.chars += json.length;
    remember(current.parts, json.length, { id, json }, json.length);
    return id;
  };
  const processRow: SharedRows['process'] = (fields, role) => {
    const { values, rest, exact } = splitProcess(fields, role);
    const row = [...values, part(rest)];
    const key = values[entityColumn] ?? '';
    const { args } = fields as { args?: object };
    const long = args && current.longProcesses.get(args);
    const known = [...(long ? [long] : []), ...(current.processes.get(key) ?? [])].find((each) =>
      isSame(each.row, row),
    );
    if (exact && known !== undefined) return known;
    const id = ++current.lastId;
    insertProcess.run(id, row);
    const made = { id, exact, row };
    const chars = lengthOf(row);
    current.chars += chars;
    if (exact && args !== undefined && chars > maxContentChars) current.longProcesses.set(args, made);
    else if (exact) remember(current.processes, key, made, chars);
    return made;
  };
  const process: SharedRows['process'] = (fields, role) => {
    if (role === 'process') return processRow(fields, role);
    const rows = current.ofObject[role];
    const known = rows.get(fields);
    if (known !== undefined) return known;
    const row = processRow(fields, role);
    rows.set(fields, row);
    return row;
  };

  return {
    begin() {
      if (generation !== newestGeneration.get()) ranges = undefined;
    },
    beginEvent(userClass) {
      ranges ??= open();
      current = ranges[userClass];
      const { events, chars, lastId, endId } = current;
      if (events >= maxEvents || chars >= maxRangeChars || lastId + maxEventRows > endId) {
        ranges = open();
        current = ranges[userClass];
      }
      current.events++;
      return ++lastEvent;
    },
    process,
    lineage(steps) {
      let exact = true;
      let ids = '';
      for (const step of steps) {
        const row = process(step, 'ancestor');
        exact &&= row.exact;
        ids += ids === '' ? row.id : `,${row.id}`;
      }
      return { id: part(`[${ids}]`), exact };
    },
    origin(host, agent) {
      const last = current.origin;
      if (last?.host === host && last.agent === agent) return last.id;
      const json = JSON.stringify({ host, agent });
      const isSameText = last?.json === json;
      const id = isSameText ? last.id : ++current.lastId;
      if (!isSameText) insertOrigin.run(id, textOf(host.id), textOf(agent.id), json);
      current.origin = { id, host, agent, json };
      return id;
    },
    part,
    forget() {
      ranges = undefined;
    },
  };
}

const startIdOf = (generation: number, userClass: UserClass): number =>
  rangeIds * (userClasses.length * generation + userClasses.indexOf(userClass));

const idRange = (startId: number): IdRange => ({
  lastId: startId,
  endId: startId + rangeIds - 1,
  events: 0,
  chars: 0,
  ofObject: { ancestor: new WeakMap(), leader: new WeakMap() },
  parts: new Map(),
  processes: new Map(),
  longProcesses: new WeakMap(),
  origin: undefined,
  contentChars: 0,
});

const textOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : String(value).slice(0, limits.columnChars);

/**
 * Maximum number of generations with events that one step checks, for each class of users: one check may read all
 * events of a generation.
 */
const maxInUse = 8;

/**
 * One bounded step that deletes the rows of generations without events. Returns the number of deleted rows. The newest
 * generation is always in use. The step stops after `maxInUse` generations with events, because the oldest events are
 * deleted first.
 */
export function pruneSharedRows(db: Database): number {
  const generations = db.prepare<[], { id: number; first: number; end: number | null }>(
    `SELECT id, first_event AS first, lead(first_event) OVER (ORDER BY id) AS end FROM generations ORDER BY id`,
  );
  const hasEvents = db.prepare<[number, number, UserClass]>(
    'SELECT 1 FROM events WHERE id >= ? AND id < ? AND user_class = ? LIMIT 1',
  );
  // Every event has a row in `parts`, so `parts` is emptied last.
  const hasRows = db.prepare<[number, number]>('SELECT 1 FROM parts WHERE id >= ? AND id < ? LIMIT 1');
  const drops = ['processes', 'origins', 'parts'].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE id >= ? AND id < ? LIMIT ?)`),
  );
  const close = db.prepare('DELETE FROM generations WHERE id = ?');
  let dropped = 0;
  const inUse: Record<UserClass, number> = { root: 0, other: 0, unobserved: 0 };
  for (const { id, first, end } of generations.all()) {
    if (end === null || userClasses.every((userClass) => inUse[userClass] >= maxInUse)) break;
    let isEmpty = true;
    for (const userClass of userClasses) {
      if (inUse[userClass] >= maxInUse) {
        isEmpty = false;
        continue;
      }
      const startId = startIdOf(id, userClass);
      const endId = startId + rangeIds;
      if (hasRows.get(startId, endId) === undefined) continue;
      if (hasEvents.get(first, end, userClass) !== undefined) {
        isEmpty = false;
        inUse[userClass]++;
        continue;
      }
      for (const drop of drops) dropped += drop.run(startId, endId, limits.pruneSharedRows - dropped).changes;
      if (dropped >= limits.pruneSharedRows) return dropped;
    }
    if (isEmpty) close.run(id);
  }
  return dropped;
}
