// Stores an event: its document, and beside it the fields that hunts ask for, in columns of their own.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { isRootEvent } from '../collectors/event/is-root-event.ts';
import { limits } from './limits.ts';

/** Prepares the insert. False when an event with that id is stored already; nothing is changed then. */
export function prepareInsertEvent(db: Database): (event: StepparentEvent, timeMs: number, nowMs: number) => boolean {
  const insertDocument = db.prepare(
    `INSERT INTO events (event_id, time_ms, stored_ms, action, category, of_root, document) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (event_id) DO NOTHING`,
  );
  const insertFields = db.prepare(
    `INSERT INTO fields (event, time_ms, category, action, host_id, agent_id, file_path, file_name, executable,
       command_line, parent_executable, parent_command_line, script_path, script_depth, transaction_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return (event, timeMs, nowMs) => {
    const action = event.event.action ?? null;
    const category = [event.event.category].flat()[0] ?? null;
    const { changes, lastInsertRowid } = insertDocument.run(
      event.event.id,
      timeMs,
      nowMs,
      action,
      category,
      isRootEvent(event) ? 1 : 0,
      JSON.stringify(event),
    );
    if (changes === 0) return false;
    const { file, host, agent, process, stepparent } = event;
    insertFields.run(
      lastInsertRowid,
      timeMs,
      category,
      action,
      textOf(host.id),
      textOf(agent.id),
      textOf(file?.path),
      textOf(file?.name),
      textOf(process?.executable),
      textOf(process?.command_line),
      textOf(process?.parent?.executable),
      textOf(process?.parent?.command_line),
      textOf(stepparent.lifecycle_script?.path),
      stepparent.lifecycle_script?.depth ?? null,
      stepparent.transaction?.id ?? null,
    );
    return true;
  };
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return String(value).slice(0, limits.columnChars);
}
