// The scripts of packages: each content once, and the package versions and phases that had it.

import type { Database } from 'better-sqlite3';
import type { PastScript, ScriptSlot, SeenScript } from '../detectors/facts/script-state.ts';
import { limits } from './limits.ts';

/** When a content was first and last seen, in milliseconds since 1970. */
interface SeenContent {
  firstMs: number;
  lastMs: number;
}

/** A script of one version and phase of a package, without its content. */
export type ScriptVersion = Omit<SeenScript, 'content'> & SeenContent;

/** The stored content of a script: the head of the script if `sizeBytes` is greater than the length of `content`. */
export interface ScriptContent {
  sha256: string;
  sizeBytes: number;
  content: Buffer;
}

const columns = `v.package, v.version, v.phase, v.sha256, v.path, v.state, v.origin, s.size AS sizeBytes,
  v.first_ms AS firstMs, v.last_ms AS lastMs`;

/**
 * All versions by package, phase and time when they were first seen. `libc6` includes `libc6:amd64`; undefined: all
 * packages.
 */
export function listScripts(db: Database, packageName: string | undefined): ScriptVersion[] {
  return db
    .prepare<[{ name: string | null }], ScriptVersion>(
      `SELECT ${columns} FROM script_versions v JOIN scripts s USING (sha256)
       WHERE :name IS NULL OR v.package = :name OR (v.package > :name || ':' AND v.package < :name || ';')
       ORDER BY v.package, v.phase, v.first_ms, v.version`,
    )
    .all({ name: packageName ?? null });
}

/**
 * The contents whose SHA-256 begins with the prefix, at most ten. Empty: there are none, or the prefix is not
 * lower-case hexadecimal.
 */
export function scriptsByPrefix(db: Database, sha256Prefix: string): ScriptContent[] {
  if (!/^[0-9a-f]+$/.test(sha256Prefix)) return [];
  return db
    .prepare<[string, string], ScriptContent>(
      'SELECT sha256, size AS sizeBytes, content FROM scripts WHERE sha256 >= ? AND sha256 < ? ORDER BY sha256 LIMIT 10',
    )
    .all(sha256Prefix, `${sha256Prefix}g`);
}

interface ScriptRows {
  save(scripts: readonly SeenScript[], nowMs: number): void;
  past(slot: ScriptSlot): PastScript[];
  isVersionKnown(packageName: string, version: string, beforeMs: number): boolean;
}

/**
 * Prepares the statements that the agent runs for each script. `save` is one transaction; `past` returns at most 16
 * judged contents, newest first.
 */
export function prepareScripts(db: Database): ScriptRows {
  const insert = db.prepare(
    'INSERT OR IGNORE INTO scripts (sha256, size, bytes, first_ms, content) VALUES (?, ?, ?, ?, ?)',
  );
  const see = db.prepare(
    `INSERT INTO script_versions (package, version, phase, sha256, path, state, origin, first_ms, last_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET last_ms = max(last_ms, excluded.last_ms),
       origin = iif(state = '', excluded.origin, origin), state = iif(state = '', excluded.state, state)`,
  );
  const save = db.transaction((scripts: readonly SeenScript[], nowMs: number) => {
    for (const script of scripts) {
      const { package: packageName, version, phase, sha256, sizeBytes, path, state, origin, content } = script;
      insert.run(sha256, sizeBytes, content.length, nowMs, content);
      see.run(packageName, version, phase, sha256, path, state, origin, nowMs, nowMs);
    }
  });
  const past = db.prepare<[string, string, string], PastScript>(
    `SELECT v.sha256, v.state, s.content FROM script_versions v JOIN scripts s USING (sha256)
     WHERE v.package = ? AND v.version = ? AND v.phase = ? AND v.state <> '' ORDER BY v.last_ms DESC LIMIT 16`,
  );
  const known = db.prepare<[string, string, number]>(
    'SELECT 1 FROM script_versions WHERE package = ? AND version = ? AND first_ms < ? LIMIT 1',
  );
  return {
    save: save.immediate,
    past: ({ package: packageName, version, phase }) => past.all(packageName, version, phase),
    isVersionKnown: (packageName, version, beforeMs) => known.get(packageName, version, beforeMs) !== undefined,
  };
}

/** Whether the first scan of installed scripts is complete. */
export function scriptsComplete(db: Database): boolean {
  return db.prepare("SELECT value FROM meta WHERE key = 'scripts_ms'").get() !== undefined;
}

/** Stores that the first scan of installed scripts is complete; the time of the first call is kept. */
export function completeScripts(db: Database, nowMs: number): void {
  db.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('scripts_ms', ?)").run(nowMs);
}

/**
 * One bounded step that keeps contents below `maxBytes`. Contents that a newer one replaced are deleted first, then the
 * oldest. Returns the number of deleted contents.
 */
export function pruneScripts(db: Database, maxBytes: number = limits.scriptBytes): number {
  const total = db.prepare<[], number>('SELECT total(bytes) FROM scripts').pluck();
  let excessBytes = (total.get() ?? 0) - maxBytes;
  if (excessBytes <= 0) return 0;
  const oldest = db
    .prepare<[], string>(
      `SELECT sha256 FROM scripts s ORDER BY
         NOT EXISTS (
           SELECT 1 FROM script_versions v WHERE v.sha256 = s.sha256 AND NOT EXISTS (
             SELECT 1 FROM script_versions n
             WHERE n.package = v.package AND n.phase = v.phase AND n.last_ms > v.last_ms)) DESC,
         (SELECT max(last_ms) FROM script_versions v WHERE v.sha256 = s.sha256), s.rowid
       LIMIT ${limits.pruneRows}`,
    )
    .pluck();
  const bytesOf = db.prepare<[string], number>('SELECT bytes FROM scripts WHERE sha256 = ?').pluck();
  const drop = db.prepare('DELETE FROM scripts WHERE sha256 = ?');
  let dropped = 0;
  for (const sha256 of oldest.all()) {
    if (excessBytes <= 0) break;
    excessBytes -= bytesOf.get(sha256) ?? 0;
    drop.run(sha256);
    dropped++;
  }
  return dropped;
}
