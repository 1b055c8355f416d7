// The digests of apt's package lists, in small binary rows, so that the content of an archive shows where it came from.

import type { Database } from 'better-sqlite3';
import type { UnobservedReason } from '../collectors/event/reasons.ts';
import type {
  DigestChange,
  DigestStore,
  FoundDigest,
  PackageList,
  StoredList,
} from '../collectors/provenance/package-lists.ts';
import { dayMs, limits } from './limits.ts';

interface ListRow {
  id: number;
  name: string;
  identity: string;
  release_identity: string;
  sha256: string;
  site: string;
  suite: string | null;
  component: string | null;
  origin: string | null;
  label: string | null;
  signed: number | null;
  keys: string;
  digests: number;
  fault: UnobservedReason | null;
  gone_ms: number | null;
}

/** Prepares the statements that run for each archive and each changed list. */
export function prepareDigests(db: Database): DigestStore {
  const lists = db.prepare<[], ListRow>('SELECT * FROM package_lists ORDER BY name');
  const save = db
    .prepare<unknown[], number>(
      `INSERT INTO package_lists
         (name, identity, release_identity, sha256, site, suite, component, origin, label, signed, keys, digests, fault)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         identity = excluded.identity, release_identity = excluded.release_identity, sha256 = excluded.sha256,
         site = excluded.site, suite = excluded.suite, component = excluded.component, origin = excluded.origin,
         label = excluded.label, signed = excluded.signed, keys = excluded.keys, digests = excluded.digests,
         fault = excluded.fault, gone_ms = NULL
       RETURNING id`,
    )
    .pluck();
  const end = db.prepare("UPDATE package_lists SET gone_ms = ?, identity = '' WHERE id = ?");
  const exists = db.prepare<[number], ListRow>('SELECT * FROM package_lists WHERE id = ?');
  const part = db
    .prepare<[number, Buffer, Buffer], [Buffer, number | null]>(
      `SELECT digest, superseded_ms FROM package_digests WHERE list = ? AND digest BETWEEN ? AND ?`,
    )
    .raw();
  const add = db.prepare('INSERT OR IGNORE INTO package_digests (list, digest) VALUES (?, ?)');
  const revive = db.prepare(
    'UPDATE package_digests SET superseded_ms = NULL, signed = NULL WHERE list = ? AND digest = ?',
  );
  const supersede = db.prepare(
    'UPDATE package_digests SET superseded_ms = ?, signed = ? WHERE list = ? AND digest = ?',
  );
  const find = db.prepare<[Buffer], ListRow & { superseded_ms: number | null; former_signed: number | null }>(
    `SELECT l.*, d.superseded_ms, d.signed AS former_signed
     FROM package_lists l CROSS JOIN package_digests d ON d.list = l.id AND d.digest = ?
     ORDER BY d.superseded_ms IS NOT NULL OR l.gone_ms IS NOT NULL,
       coalesce(CASE WHEN d.superseded_ms IS NULL THEN l.signed ELSE d.signed END, 0) DESC, l.name
     LIMIT 1`,
  );
  const change = db.transaction((id: number, { added, revived, superseded }: DigestChange, nowMs: number): void => {
    const list = exists.get(id);
    // The database was replaced meanwhile.
    if (list === undefined) throw new Error('the package list is not in the database');
    for (const digest of added) add.run(id, digest);
    for (const digest of revived) revive.run(id, digest);
    for (const digest of superseded) supersede.run(nowMs, list.signed, id, digest);
  });
  return {
    maxDigests: limits.packageDigests,
    packageLists: () => lists.all().map(storedList),
    savePackageList: (list) =>
      save.get(
        list.name,
        list.identity,
        list.releaseIdentity,
        list.sha256,
        list.site,
        list.suite ?? null,
        list.component ?? null,
        list.origin ?? null,
        list.label ?? null,
        list.isSigned === undefined ? null : Number(list.isSigned),
        JSON.stringify(list.keys),
        list.digestsCount,
        list.fault ?? null,
      ) as number,
    endPackageList: (id, nowMs) => void end.run(nowMs, id),
    digestsOf: (id, first) =>
      part
        .all(id, Buffer.from([first]), Buffer.alloc(33, first).fill(0xff, 1))
        .map(([digest, supersededMs]) => ({ digest, isSuperseded: supersededMs !== null })),
    changeDigests: change.immediate,
    findDigest(digest): FoundDigest | undefined {
      const row = find.get(digest);
      if (row === undefined) return undefined;
      const signed = row.superseded_ms === null ? row.signed : row.former_signed;
      return {
        list: packageList(row),
        isSuperseded: row.superseded_ms !== null || row.gone_ms !== null,
        isSigned: signed === null ? undefined : signed === 1,
      };
    },
  };
}

const packageList = (row: ListRow): PackageList => ({
  name: row.name,
  identity: row.identity,
  releaseIdentity: row.release_identity,
  sha256: row.sha256,
  site: row.site,
  suite: row.suite ?? undefined,
  component: row.component ?? undefined,
  origin: row.origin ?? undefined,
  label: row.label ?? undefined,
  isSigned: row.signed === null ? undefined : row.signed === 1,
  keys: JSON.parse(row.keys) as string[],
  digestsCount: row.digests,
  fault: row.fault ?? undefined,
});

const storedList = (row: ListRow): StoredList => ({
  ...packageList(row),
  id: row.id,
  isGone: row.gone_ms !== null,
});

/**
 * One bounded step that deletes digests of former lists: those that are too old, and the oldest if there are too many.
 * Returns their number.
 */
export function pruneDigests(db: Database, nowMs: number): number {
  const beforeMs = nowMs - limits.supersededDigestDays * dayMs;
  const gone = db
    .prepare<[number], number>('SELECT id FROM package_lists WHERE gone_ms < ? LIMIT 1')
    .pluck()
    .get(beforeMs);
  if (gone !== undefined) {
    const { changes } = db
      .prepare(
        `DELETE FROM package_digests WHERE (list, digest) IN (
           SELECT list, digest FROM package_digests WHERE list = ? LIMIT ${limits.pruneSharedRows})`,
      )
      .run(gone);
    if (changes === 0) db.prepare('DELETE FROM package_lists WHERE id = ?').run(gone);
    return changes + 1;
  }
  const inForce = db.prepare<[], number>('SELECT total(digests) FROM package_lists').pluck().get() ?? 0;
  const superseded =
    db.prepare<[], number>('SELECT count(*) FROM package_digests WHERE superseded_ms IS NOT NULL').pluck().get() ?? 0;
  const excess = Math.min(Math.max(0, inForce + superseded - limits.packageDigests), limits.pruneSharedRows);
  const dropOldest = db.prepare<[number, number]>(
    `DELETE FROM package_digests WHERE (list, digest) IN (
       SELECT list, digest FROM package_digests WHERE superseded_ms IS NOT NULL AND superseded_ms < ?
       ORDER BY superseded_ms LIMIT ?)`,
  );
  const aged = dropOldest.run(beforeMs, limits.pruneSharedRows).changes;
  return aged > 0 || excess === 0 ? aged : dropOldest.run(Number.MAX_SAFE_INTEGER, excess).changes;
}

const beginKey = 'package_digests_ms';

/** When the digests were first asked for: digests of lists from before are not known. The first call stores `nowMs`. */
export function digestsBeginMs(db: Database, nowMs: number): number {
  db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)').run(beginKey, nowMs);
  return db.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck().get(beginKey) ?? nowMs;
}
