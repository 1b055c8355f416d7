// The files of the watched directories at the last check, so that the agent finds changes that were made while it was
// stopped.

import type { Database } from 'better-sqlite3';
import type { KnownFile } from '../collectors/packagedb/listing.ts';

type Row = [string, bigint, bigint, bigint, bigint, bigint, bigint, bigint];

/**
 * The directory's files by name, read row by row. The loop must end before the connection is used for anything else.
 */
export function* readKnownFiles(db: Database, directory: string): Generator<KnownFile> {
  const list = db
    .prepare<[string], Row>(
      `SELECT name, ino, size, mtime_ns, ctime_ns, mode, uid, gid FROM known_files WHERE directory = ? ORDER BY name`,
    )
    .raw()
    .safeIntegers();
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
}

/** Deletes the listings whose directory begins with `prefix`, except those in `kept`. */
export function forgetDirectories(db: Database, prefix: string, kept: ReadonlySet<string>): void {
  const directories = db
    .prepare<[string, string], string>(
      'SELECT DISTINCT directory FROM known_files WHERE directory >= ? AND directory < ?',
    )
    .pluck()
    .all(prefix, `${prefix}\u{10ffff}`);
  const remove = db.prepare('DELETE FROM known_files WHERE directory = ?');
  db.transaction(() => {
    for (const directory of directories) if (!kept.has(directory)) remove.run(directory);
  }).immediate();
}

/** Deletes the files that `deletions` names, then writes `upserts`, in one transaction. */
export function saveKnownFiles(
  db: Database,
  directory: string,
  upserts: Iterable<KnownFile>,
  deletions: Iterable<string>,
): void {
  const upsert = db.prepare(
    `INSERT OR REPLACE INTO known_files (directory, name, ino, size, mtime_ns, ctime_ns, mode, uid, gid)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = db.prepare('DELETE FROM known_files WHERE directory = ? AND name = ?');
  db.transaction(() => {
    for (const name of deletions) remove.run(directory, name);
    for (const { name, ino, sizeBytes, mtimeNs, ctimeNs, mode, uid, gid } of upserts) {
      // SQLite's integers are signed, inode numbers are not.
      upsert.run(directory, name, BigInt.asIntN(64, ino), sizeBytes, mtimeNs, ctimeNs, mode, uid, gid);
    }
  }).immediate();
}
