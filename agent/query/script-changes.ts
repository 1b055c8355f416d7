// Pairs the stored contents of a package's scripts: of each script the newest one, and the one before it.

import type { ScriptVersion } from '../../storage/scripts.ts';

/** One script of a package, with its contents by the time when they were last seen. */
export interface ScriptChange {
  now: ScriptVersion;
  /** Undefined: no other content of the script is known. */
  before: ScriptVersion | undefined;
}

/** `rows`: as the store lists them. The scripts keep their order. */
export function scriptChanges(rows: readonly ScriptVersion[]): ScriptChange[] {
  // A script that belongs to no package has only its path.
  const scripts = Map.groupBy(rows, (row) => [row.package, row.phase, row.package === '' ? row.path : ''].join('\0'));
  return [...scripts.values()].map((versions) => {
    const newestFirst = versions.toSorted((a, b) => b.lastMs - a.lastMs || b.firstMs - a.firstMs);
    const now = newestFirst[0] as ScriptVersion;
    return { now, before: newestFirst.find(({ sha256 }) => sha256 !== now.sha256) };
  });
}
