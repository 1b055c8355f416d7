// The scripts of packages: every content that was seen, once, and which version of which package had it where.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';

/** A script in its place; '' where something is not known. */
interface ScriptSlot {
  package: string;
  version: string;
  phase: string;
}

/** How a script came to be known: the first pass over what was there, a package manager's own installation, any other change, a run. */
export type ScriptOrigin = 'baseline' | 'dpkg' | 'rpm' | 'change' | 'exec';

/** What it was when it was first seen there; '' where that could not be told. */
type FirstState = 'first' | 'changed' | 'unowned' | '';

export interface SeenScript extends ScriptSlot {
  sha256: string;
  path: string;
  state: FirstState;
  origin: ScriptOrigin;
  /** Of the whole script; `content` may be less. */
  sizeBytes: number;
  content: Buffer;
}

/** A content that a slot has had. */
export type PastScript = Pick<SeenScript, 'sha256' | 'state' | 'content'>;

/** Milliseconds since 1970. */
interface Seen {
  firstMs: number;
  lastMs: number;
}

type ScriptVersion = Omit<SeenScript, 'content'> & Seen;

export interface ScriptListing {
  /** By package, phase and time; of one package (`libc6` is `libc6:amd64` too), or all. */
  listScripts(packageName?: string): ScriptVersion[];
  /** The contents whose hash begins so, at most ten. */
  scriptsByPrefix(sha256Prefix: string): { sha256: string; sizeBytes: number; content: Buffer }[];
}

export interface Scripts {
  /** Keeps the content and notes that it was seen; what is there already keeps its state and origin, where it has any. */
  saveScripts(scripts: readonly SeenScript[], nowMs: number): void;
  /** What that slot has had and has been judged, the latest first. */
  scriptsOf(slot: ScriptSlot): PastScript[];
  /** Whether any script of that version was known before a moment. */
  versionKnown(packageName: string, version: string, beforeMs: number): boolean;
  /** Whether the first pass over what was there has been completed. */
  scriptsComplete(): boolean;
  completeScripts(nowMs: number): void;
}

const columns = `v.package, v.version, v.phase, v.sha256, v.path, v.state, v.origin, s.size AS sizeBytes,
  v.first_ms AS firstMs, v.last_ms AS lastMs`;

/** Prepares reading. */
export function prepareScriptListing(db: Database): ScriptListing {
  const list = db.prepare<[{ name: string | null }], ScriptVersion>(
    `SELECT ${columns} FROM script_versions v JOIN scripts s USING (sha256)
     WHERE :name IS NULL OR v.package = :name OR (v.package > :name || ':' AND v.package < :name || ';')
     ORDER BY v.package, v.phase, v.first_ms, v.version`,
  );
  const byPrefix = db.prepare<[string, string], { sha256: string; sizeBytes: number; content: Buffer }>(
    `SELECT sha256, size AS sizeBytes, content FROM scripts WHERE sha256 >= ? AND sha256 < ? ORDER BY sha256 LIMIT 10`,
  );
  return {
    listScripts: (name) => list.all({ name: name ?? null }),
    scriptsByPrefix: (prefix) => (/^[0-9a-f]+$/.test(prefix) ? byPrefix.all(prefix, `${prefix}g`) : []),
  };
}

/** Prepares the statements of the agent. */
export function prepareScripts(db: Database): Scripts {
  const insert = db.prepare(
    'INSERT OR IGNORE INTO scripts (sha256, size, bytes, first_ms, content) VALUES (?, ?, ?, ?, ?)',
  );
  const see = db.prepare(
    `INSERT INTO script_versions (package, version, phase, sha256, path, state, origin, first_ms, last_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET last_ms = max(last_ms, excluded.last_ms),
       origin = iif(state = '', excluded.origin, origin), state = iif(state = '', excluded.state, state)`,
  );
  const save = db.transaction((scripts: readonly SeenScript[], nowMs: number): void => {
    for (const one of scripts) {
      insert.run(one.sha256, one.sizeBytes, one.content.length, nowMs, one.content);
      see.run(one.package, one.version, one.phase, one.sha256, one.path, one.state, one.origin, nowMs, nowMs);
    }
  });
  const of = db.prepare<[string, string, string], PastScript>(
    `SELECT v.sha256, v.state, s.content FROM script_versions v JOIN scripts s USING (sha256)
     WHERE v.package = ? AND v.version = ? AND v.phase = ? AND v.state <> '' ORDER BY v.last_ms DESC LIMIT 16`,
  );
  const before = db
    .prepare<[string, string, number], 1>(
      'SELECT 1 FROM script_versions WHERE package = ? AND version = ? AND first_ms < ? LIMIT 1',
    )
    .pluck();
  const complete = db.prepare<[], number>("SELECT value FROM meta WHERE key = 'scripts_ms'").pluck();
  const setComplete = db.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('scripts_ms', ?)");
  return {
    saveScripts: (scripts, nowMs) => save.immediate(scripts, nowMs),
    scriptsOf: (slot) => of.all(slot.package, slot.version, slot.phase),
    versionKnown: (name, version, beforeMs) => before.get(name, version, beforeMs) !== undefined,
    scriptsComplete: () => complete.get() !== undefined,
    completeScripts: (nowMs) => {
      setComplete.run(nowMs);
    },
  };
}

/**
 * Prepares one bounded step that keeps contents below `scriptBytes`. What a later content has taken the place of goes
 * first, then the oldest. Returns how many contents went.
 */
export function preparePruneScripts(db: Database): (maxBytes?: number) => number {
  const total = db.prepare<[], number>('SELECT total(bytes) FROM scripts').pluck();
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
  return (maxBytes = limits.scriptBytes) => {
    let over = (total.get() ?? 0) - maxBytes;
    if (over <= 0) return 0;
    let dropped = 0;
    for (const sha256 of oldest.all()) {
      if (over <= 0) break;
      over -= bytesOf.get(sha256) ?? 0;
      drop.run(sha256);
      dropped++;
    }
    return dropped;
  };
}
