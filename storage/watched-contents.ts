// The last seen contents of watched files, so that a change has a diff; and which list of paths was watched last.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';

/** The last seen content of a file. */
export interface LastContent {
  sha256: string;
  /** The first bytes of a text; undefined: the content is not kept. */
  text: string | undefined;
}

interface ContentRows {
  read(path: string): LastContent | undefined;
  /** Writes the contents, and deletes those that are undefined, in one transaction. */
  save(contents: Iterable<readonly [path: string, content: LastContent | undefined]>, nowMs: number): void;
}

/** Prepares the statements that the agent runs for each watched file. */
export function prepareContents(db: Database): ContentRows {
  const read = db.prepare<[string], { sha256: string; content: string | null }>(
    'SELECT sha256, content FROM watched_contents WHERE path = ?',
  );
  const write = db.prepare(
    `INSERT INTO watched_contents (path, sha256, seen_ms, bytes, content) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (path) DO UPDATE SET
       sha256 = excluded.sha256, seen_ms = excluded.seen_ms, bytes = excluded.bytes, content = excluded.content`,
  );
  const remove = db.prepare('DELETE FROM watched_contents WHERE path = ?');
  const save = db.transaction((contents: Iterable<readonly [string, LastContent | undefined]>, nowMs: number) => {
    for (const [path, content] of contents) {
      if (content === undefined) remove.run(path);
      else {
        const { sha256, text } = content;
        write.run(path, sha256, nowMs, Buffer.byteLength(text ?? ''), text ?? null);
      }
    }
  });
  return {
    read(path) {
      const row = read.get(path);
      return row && { sha256: row.sha256, text: row.content ?? undefined };
    },
    save: save.immediate,
  };
}

/** The paths whose contents were seen. */
export const contentPaths = (db: Database): string[] =>
  db.prepare<[], string>('SELECT path FROM watched_contents').pluck().all();

/** One bounded step that keeps the contents below `maxBytes`: the oldest are deleted. Returns their number. */
export function pruneContents(db: Database, maxBytes: number): number {
  const total = db.prepare<[], number>('SELECT total(bytes) FROM watched_contents').pluck().get() ?? 0;
  if (total <= maxBytes) return 0;
  return db
    .prepare(
      `DELETE FROM watched_contents WHERE path IN (
         SELECT path FROM watched_contents WHERE bytes > 0 ORDER BY seen_ms, path LIMIT ${limits.pruneRows})`,
    )
    .run().changes;
}

const listKey = 'watched_list';

/** The number that identifies the list of paths that was watched last; undefined: none was. */
export const readWatchedList = (db: Database): number | undefined =>
  db.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck().get(listKey);

/** Stores which list is watched now, when all its files are known. */
export function writeWatchedList(db: Database, list: number): void {
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(listKey, list);
}
