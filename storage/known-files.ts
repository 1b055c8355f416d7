// What the watched folders held when they were last looked at, so that a change made meanwhile is found after a restart.

import type { Database } from 'better-sqlite3';
import type { KnownFile } from '../collectors/packagedb/listing.ts';
import { storeError } from './store-error.ts';

export interface KnownFiles {
  /** The folder's files by name, read row by row: finish or leave the loop before the store is asked for anything else. */
  knownFiles(directory: string): IterableIterator<KnownFile>;
  /** Writes these and forgets those, in one transaction. */
  saveKnownFiles(directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>): void;
}

type Row = [string, bigint, bigint, bigint, bigint, bigint, bigint, bigint];

/** Prepares the statements; `path` is for error messages. */
export function prepareKnownFiles(db: Database, path: string): KnownFiles {
  const list = db
    .prepare<[string], Row>(
      `SELECT name, ino, size, mtime_ns, ctime_ns, mode, uid, gid FROM known_files WHERE folder = ? ORDER BY name`,
    )
    .raw()
    .safeIntegers();
  const upsert = db.prepare(
    `INSERT OR REPLACE INTO known_files (folder, name, ino, size, mtime_ns, ctime_ns, mode, uid, gid)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = db.prepare('DELETE FROM known_files WHERE folder = ? AND name = ?');
  const save = db.transaction((directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>) => {
    for (const name of deletions) remove.run(directory, name);
    for (const { name, ino, sizeBytes, mtimeNs, ctimeNs, mode, uid, gid } of upserts) {
      // SQLite's integers have a sign; inode numbers have none.
      upsert.run(directory, name, BigInt.asIntN(64, ino), sizeBytes, mtimeNs, ctimeNs, mode, uid, gid);
    }
  });
  return {
    *knownFiles(directory) {
      try {
        for (const [name, ino, size, mtimeNs, ctimeNs, mode, uid, gid] of list.iterate(directory)) {
          yield {
            name,
            ino: BigInt.asUintN(64, ino),
            sizeBytes: Number(size),
            mtimeNs,
            ctimeNs,
            mode: Number(mode),
            uid: Number(uid),
            gid: Number(gid),
          };
        }
      } catch (error) {
        throw storeError(error, path);
      }
    },
    saveKnownFiles: (directory, upserts, deletions) => save.immediate(directory, upserts, deletions),
  };
}
