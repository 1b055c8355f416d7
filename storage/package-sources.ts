// The package sources and keys that the host has or had, so that a change is compared with what was before.

import type { Database } from 'better-sqlite3';
import type { PackageSource } from '../collectors/package-sources/package-sources.ts';
import type { KnownSources } from '../detectors/facts/package-sources.ts';

interface SourceRow extends Pick<PackageSource, 'name' | 'kind' | 'file'> {
  security: string | null;
  /** With blanks between them. */
  components: string;
  configured: number;
}

const begunKey = 'package_sources_known';

/** 1: without pins and locks, so that it is not known which are new. */
const savedKinds = 2;

/** Undefined: they were never saved. */
export function readPackageSources(db: Database): KnownSources | undefined {
  const saved = db.prepare<[string], { value: number }>('SELECT value FROM meta WHERE key = ?').get(begunKey);
  if (saved?.value !== savedKinds) return undefined;
  const rows = db.prepare<[], SourceRow>('SELECT * FROM package_sources ORDER BY position').all();
  return new Map(
    rows.map(({ name, kind, file, security, components, configured }) => [
      name,
      {
        ...{ name, kind, file, security: security ?? undefined, isConfigured: configured === 1 },
        components: components === '' ? [] : components.split(' '),
      },
    ]),
  );
}

/** Replaces all, in one transaction. */
export function savePackageSources(db: Database, sources: KnownSources): void {
  const insert = db.prepare(
    'INSERT INTO package_sources (name, kind, file, security, components, configured) VALUES (?, ?, ?, ?, ?, ?)',
  );
  db.transaction(() => {
    db.prepare('DELETE FROM package_sources').run();
    for (const { name, kind, file, security, components, isConfigured } of sources.values()) {
      insert.run(name, kind, file, security ?? null, components.join(' '), isConfigured ? 1 : 0);
    }
    db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(begunKey, savedKinds);
  }).immediate();
}
