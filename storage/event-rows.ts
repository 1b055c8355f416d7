// Stores an event in pieces: a row with the event's own values and the fields that hunts use. The row refers to rows
// that events share.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { userClassOf } from '../collectors/event/user-class.ts';
import { sharedFields, splitEvent } from './event-pieces.ts';
import { limits } from './limits.ts';
import { prepareSharedRows, type SharedRow } from './shared-rows.ts';

interface InsertEvent {
  /** Call at the start of each transaction. */
  begin(): void;
  /** False if an event with that id is already stored; the stored event does not change. */
  insert(event: StepparentEvent, timeMs: number, nowMs: number): boolean;
  /** Must be called after a transaction was rolled back. */
  forget(): void;
}

const columns = [
  'id',
  'event_id',
  'time_ms',
  'stored_ms',
  'user_class',
  'category',
  'action',
  'file_name',
  'file_path',
  'executable',
  'script_path',
  'script_depth',
  'transaction_id',
  'origin',
  'process',
  'parent',
  'session_leader',
  'group_leader',
  'lineage',
  ...sharedFields,
  'frame',
  'own',
  'document',
] as const;

/** Prepares the insert; its functions must be called within a transaction. */
export function prepareInsertEvent(db: Database): InsertEvent {
  const insertRow = db.prepare(
    `INSERT INTO events (${columns.map((name) => `"${name}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
     ON CONFLICT (event_id) DO NOTHING`,
  );
  const rows = prepareSharedRows(db);
  const partOf = (json: string | undefined): number | null => (json === undefined ? null : rows.part(json));
  return {
    begin: rows.begin,
    insert(event, timeMs, nowMs) {
      const { file, process, stepparent } = event;
      const userClass = userClassOf(event);
      const id = rows.beginEvent(userClass);
      const pieces = splitEvent(event, timeMs);
      let { exact } = pieces;
      const idOf = (row: SharedRow | undefined): number | null => {
        if (row === undefined) return null;
        exact &&= row.exact;
        return row.id;
      };
      const row = [
        id,
        event.event.id,
        timeMs,
        nowMs,
        userClass,
        [event.event.category].flat()[0] ?? null,
        event.event.action ?? null,
        textOf(file?.name),
        textOf(file?.path),
        textOf(process?.executable),
        textOf(stepparent.lifecycle_script?.path),
        stepparent.lifecycle_script?.depth ?? null,
        stepparent.transaction?.id ?? null,
        rows.origin(event.host, event.agent),
        idOf(process && rows.process(process, 'process')),
        idOf(process?.parent && rows.process(process.parent, 'ancestor')),
        idOf(process?.session_leader && rows.process(process.session_leader, 'leader')),
        idOf(process?.group_leader && rows.process(process.group_leader, 'leader')),
        idOf(stepparent.lineage && rows.lineage(stepparent.lineage)),
        ...pieces.shared.map(partOf),
        rows.part(pieces.frame),
        pieces.own,
      ];
      row.push(exact ? null : JSON.stringify(event));
      return insertRow.run(row).changes > 0;
    },
    forget: rows.forget,
  };
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return String(value).slice(0, limits.columnChars);
}
