// The digests of package lists: which former ones go, in which order, and that those in force stay.

import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { limits } from '../../storage/limits.ts';
import { day, exampleDigest, examplePackageList, minute, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

const change = { added: [], revived: [], superseded: [] };
const pruneAll = (store: ReturnType<typeof temporaryStore>, nowMs: number): void => {
  for (let steps = 0; store.prune(nowMs).more; steps++) if (steps > 1000) throw new Error('it prunes endlessly');
};

function filled() {
  const store = temporaryStore();
  const id = store.digests.savePackageList(examplePackageList);
  const [kept, old, older] = [exampleDigest(1), exampleDigest(2), exampleDigest(3)] as const;
  store.digests.changeDigests(id, { ...change, added: [kept, old, older] }, start);
  store.digests.changeDigests(id, { ...change, superseded: [older] }, start);
  store.digests.changeDigests(id, { ...change, superseded: [old] }, start + minute);
  const has = () => [kept, old, older].map((digest) => store.digests.findDigest(digest) !== undefined);
  return { store, id, has, kept };
}

describe('digests of package lists', () => {
  test('of a former list are kept for two years, those in force for ever', () => {
    const { store, has } = filled();
    pruneAll(store, start + limits.supersededDigestDays * day);
    expect(has()).toEqual([true, true, true]);
    pruneAll(store, start + limits.supersededDigestDays * day + 1);
    expect(has()).toEqual([true, true, false]);
    pruneAll(store, start + 10 * limits.supersededDigestDays * day);
    expect(has()).toEqual([true, false, false]);
  });

  test('at the bound the oldest of the former ones go first', () => {
    const { store, has } = filled();
    store.digests.savePackageList({ ...examplePackageList, digestsCount: limits.packageDigests - 1 });
    pruneAll(store, start + minute);
    expect(has()).toEqual([true, true, false]);
    store.digests.savePackageList({ ...examplePackageList, digestsCount: limits.packageDigests });
    pruneAll(store, start + minute);
    expect(has()).toEqual([true, false, false]);
  });

  test('of a list that is gone go after two years, and the list with them', () => {
    const { store, id, has } = filled();
    store.digests.endPackageList(id, start);
    pruneAll(store, start + day);
    expect(has()).toEqual([true, true, true]);
    pruneAll(store, start + limits.supersededDigestDays * day + 1);
    expect(has()).toEqual([false, false, false]);
    expect(store.digests.packageLists()).toEqual([]);
  });

  test('are not added to a list that is gone from the database', () => {
    const { store, id, kept } = filled();
    expect(() => store.digests.changeDigests(id + 1, { ...change, added: [kept] }, start)).toThrow(
      'not in the database',
    );
  });

  test('a look-up reads one page for each list, and no table', () => {
    const { store } = filled();
    const db = new Database(store.path, { readonly: true });
    const plan = db
      .prepare<[Buffer], { detail: string }>(
        'EXPLAIN QUERY PLAN SELECT * FROM package_lists l CROSS JOIN package_digests d ON d.list = l.id AND d.digest = ?',
      )
      .all(exampleDigest(1));
    db.close();
    expect(plan.map(({ detail }) => detail)).toEqual(['SCAN l', 'SEARCH d USING PRIMARY KEY (list=? AND digest=?)']);
  });

  test('begin when they are first asked for', () => {
    const store = temporaryStore();
    expect([store.digestsBeginMs(start + day), store.digestsBeginMs(start)]).toEqual([start + day, start + day]);
  });
});
